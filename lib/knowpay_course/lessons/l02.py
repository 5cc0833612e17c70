"""Lesson 02, invitations: who invited whom, how deep the chains go, and how many each user brings.

The K-factor of a group of users is the mean number of accepted invitations per user: invitations per user times
acceptances per invitation. It has no unit, does not grow with the size of the company, and counts users who invite
nobody. Below 1 each chain ends: a hundred users who come unasked end as about 100 / (1 - K).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from knowpay import estimate
from knowpay.collect import TooLittleData

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from knowpay.collect.dataset import Dataset


def generations(inviter: pd.Series) -> pd.Series:
    """Return how many invitations lie between each user and somebody who came unasked, 0 for those, shape (users,).

    ``inviter`` holds each user's inviter by user id, missing where there is none.

    Raises:
        TooLittleData: an inviter is not among the users, or some people invited each other in a ring.
    """
    strangers = ~inviter.isna() & ~inviter.isin(inviter.index)
    if strangers.any():
        raise TooLittleData(
            f"{inviter[strangers].iloc[0]} invited somebody and is no user; add the row or drop the id."
        )
    generation = pd.Series(0, index=inviter.index).where(inviter.isna())  # missing until the chain reaches the user
    while generation.isna().any():
        reached = generation.fillna(inviter.map(generation) + 1)
        if reached.count() == generation.count():
            raise TooLittleData(
                f"{generation.index[generation.isna()][0]} is in a ring of invitations, which nobody began."
            )
        generation = reached
    return generation.astype(int)


def k_factor(inviter: pd.Series, group: pd.Series) -> pd.DataFrame:
    """Return by group of the inviting users: ``users, invited, k, low, high``, the last two a 90 % interval of k.

    ``inviter`` as in `generations`; ``group`` is any label of each user, such as the generation. The interval reaches
    as far as the wider of two: the exact one of a Poisson count (Garwood 1936), which knows that none among few may
    be chance, and that of `estimate.mean`, which knows that a few users invite many.
    """
    from scipy.stats import chi2

    invited = inviter.value_counts().reindex(inviter.index, fill_value=0)
    by = invited.groupby(group.reindex(inviter.index))
    table = by.agg(users="size", invited="sum", k="mean")
    spans = estimate.frame({name: estimate.mean(counts) for name, counts in by}, "k")
    low = chi2.ppf(0.05, 2 * table["invited"]) / 2 / table["users"]  # NaN where nobody was invited: 0 below
    high = chi2.ppf(0.95, 2 * table["invited"] + 2) / 2 / table["users"]
    return table.assign(low=spans["low"].clip(upper=low.fillna(0)), high=spans["high"].clip(lower=high))


def k_within(users: pd.DataFrame, days: int, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Return how many each user brought within ``days`` of registering, by user id.

    ``users`` has ``user_id, created_at, referrer_user_id``. Only users who registered between ``start`` and ``end``
    less the days are there: all of them had the same time to invite.
    """
    created = users.set_index("user_id")["created_at"]
    pairs = users.dropna(subset=["referrer_user_id"])
    waited = pairs["created_at"] - pairs["referrer_user_id"].map(created)
    brought = pairs.loc[waited < pd.Timedelta(days=days), "referrer_user_id"].value_counts()
    watched = created[created.between(start, end - pd.Timedelta(days=days))].index
    return brought.reindex(watched, fill_value=0)


def active_days(ds: Dataset, people: ir.Table, days: int) -> pd.Series:
    """Return on how many days each user was seen in the first ``days`` after registering, by user id.

    ``people`` are the events of `identity.events`, so that visits without a login count where they are known to be
    the user's. Days are those of the company's time zone. Users who were never seen are not there.
    """
    import ibis

    seen = ibis.to_sql(people.select("person_id", "timestamp"), dialect="duckdb")
    query = f"""SELECT user_id, count(DISTINCT CAST(timezone('{ds.timezone}', p.timestamp) AS DATE)) AS days
        FROM ({seen}) p JOIN users ON person_id = user_id
        WHERE p.timestamp >= created_at AND p.timestamp < created_at + to_days({days:d})
        GROUP BY user_id ORDER BY user_id"""
    return ds.con.con.execute(query).df().set_index("user_id")["days"]
