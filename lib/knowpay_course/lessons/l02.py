"""Lesson 02, invitations: who invited whom, how deep the chains go, and how many each user brings.

The K-factor of a group of users is the mean number of accepted invitations per user: invitations per user times
acceptances per invitation. It has no unit, does not grow with the size of the company, and counts users who invite
nobody. Below 1 each chain ends: a hundred users who come unasked end as about 100 / (1 - K).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay import estimate
from knowpay.collect import TooLittleData

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from knowpay.collect.dataset import Dataset, Truth


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


def active_days(ds: Dataset, people: ir.Table, days: int) -> pd.DataFrame:
    """Return on how many days each user was seen in the first ``days`` after registering: ``active, even, odd``.

    ``people`` are the events of `identity.events`, so that visits without a login count where they are known to be
    the user's. Days are those of the company's time zone; ``even`` and ``odd`` split them by the number of the day, and
    add up to ``active``. By user id; users who were never seen are not there.
    """
    import ibis

    seen = ibis.to_sql(people.select("person_id", "timestamp"), dialect="duckdb")
    query = f"""WITH seen AS (
            SELECT DISTINCT user_id, CAST(timezone('{ds.timezone}', p.timestamp) AS DATE) AS day
            FROM ({seen}) p JOIN users ON person_id = user_id
            WHERE p.timestamp >= created_at AND p.timestamp < created_at + to_days({days:d}))
        SELECT user_id, count(*) AS active, count_if(epoch(day) // 86400 % 2 = 0) AS even, active - even AS odd
        FROM seen GROUP BY user_id ORDER BY user_id"""
    return ds.con.con.execute(query).df().set_index("user_id")


def like_with_like(value: pd.DataFrame, organic: pd.Series) -> dict[str, float]:
    """Return the three comparisons of the days seen of invited users, each as a ratio less 1.

    ``value``, by user id: ``active`` (days), ``invited`` (bool), ``favourite`` (a category); ``organic`` says who came
    unasked, (users,). *plain*: the invited against organic users as they come. *mix*: what the favourites of the two
    would make of it if nobody were invited. *kind*: the invited against the uninvited with the same favourites.
    """
    invited, organic = value["invited"].to_numpy(dtype=bool), organic.to_numpy(dtype=bool)
    active, kind = value["active"].to_numpy(dtype=float), pd.factorize(value["favourite"])[0]
    days, people = (np.bincount(kind[~invited], w, kind.max() + 1) for w in (active[~invited], None))
    usual = (days / np.maximum(people, 1))[kind]  # of the uninvited of each user's kind, (users,)
    return {
        "plain": active[invited].mean() / active[organic].mean() - 1,
        "mix": usual[invited].mean() / usual[organic].mean() - 1,
        "kind": active[invited].mean() / usual[invited].mean() - 1,
    }


def compared(value: pd.DataFrame, organic: pd.Series, draws: int, seed: int) -> pd.DataFrame:
    """Return `like_with_like` of people drawn again with replacement, columns of draws: for users like these."""
    rng = np.random.default_rng(seed)
    picks = (rng.integers(len(value), size=len(value)) for _ in range(draws))
    return pd.DataFrame([like_with_like(value.iloc[at], organic.iloc[at]) for at in picks])


def same_people(value: pd.DataFrame, organic: pd.Series, draws: int, seed: int) -> pd.Series:
    """Return the standard error of each comparison for these very people: what other days would have given.

    Even and odd days are two samples of one person's habit, so their difference is as large as the chance in their sum;
    it is added to the days, or taken off, by a coin for each person (the wild bootstrap of Liu 1988).
    """
    rng, chance = np.random.default_rng(seed), value["even"] - value["odd"]
    coins = (rng.choice([-1, 1], len(value)) for _ in range(draws))
    drawn = [like_with_like(value.assign(active=value["active"] + coin * chance), organic) for coin in coins]
    return pd.DataFrame(drawn).std()


def days_by_traits(truth: Truth, users: pd.DataFrame, who: pd.Index, days: int) -> tuple[pd.Series, pd.Series]:
    """Return on how many of the first ``days`` the users ``who`` are expected to be seen: as they are, and uninvited.

    ``users`` as in `k_within`, with times in the zone of the company. Visits come by chance (Poisson) at a person's
    weekly rate, times what the date makes of it, times an interest that fades; a day counts once, and the day of the
    registration is certain. An invitation makes interest last longer: among the uninvited that follows from patience.
    """
    table = users.set_index("user_id").join(truth.users.set_index("user_id"))
    plain = table[table["referrer_user_id"].isna()]
    line = np.polyfit(plain["patience"], plain["fade_days"], 1)
    table, dates = table.loc[who], truth.demand
    first = (table["created_at"].dt.tz_localize(None) - pd.Timestamp(dates["date"].iloc[0])).dt.days.to_numpy()
    age = np.arange(1, days)
    level = dates.filter(like="weekend_").mul(dates["total"], axis=0)  # (dates, segments)
    column = level.columns.get_indexer("weekend_" + table["segment"].astype(str))
    level = level.to_numpy()[np.minimum(first[:, None] + age, len(level) - 1), column[:, None]]  # (users, ages)
    rate = table["weekly_rate"].to_numpy()[:, None] / 7 * level
    expected = []
    for fade in (table["fade_days"].to_numpy(), np.polyval(line, table["patience"])):
        seen = 1 - np.exp(-rate * np.exp(-age / fade[:, None]))
        expected.append(pd.Series(1 + seen.sum(axis=1), index=who))
    return expected[0], expected[1]


def same_favourite(truth: Truth, inviter: pd.Series, favourite: pd.Series) -> float:
    """Return how often inviter and invited would have the same favourite if only their segments were alike, 0 to 1."""
    segment = truth.users.set_index("user_id")["segment"].astype(str)
    kinds = pd.crosstab(segment.reindex(favourite.index), favourite, normalize="index")
    chance = kinds @ kinds.T
    pairs = inviter[inviter.index.isin(favourite.index) & inviter.isin(favourite.index)]
    return float(np.mean([chance.loc[segment[guest], segment[host]] for guest, host in pairs.items()]))


def true_comparisons(days: pd.Series, favourite: pd.Series, invited: pd.Index, organic: pd.Index) -> dict[str, float]:
    """Return what `like_with_like` would find if chance played no part: ``days`` are expected ones, by user id.

    ``favourite`` of all users that are compared; ``invited`` and ``organic`` name those of the two groups.
    """
    table = pd.DataFrame({"days": days.reindex(favourite.index), "favourite": favourite})
    usual = table.drop(index=invited).groupby("favourite")["days"].mean()
    means = {group: table.loc[who, "days"].mean() for group, who in (("invited", invited), ("organic", organic))}
    kinds = {
        group: favourite[who].value_counts(normalize=True).mul(usual).sum()
        for group, who in (("invited", invited), ("organic", organic))
    }
    return {
        "plain": means["invited"] / means["organic"] - 1,
        "mix": kinds["invited"] / kinds["organic"] - 1,
        "kind": means["invited"] / kinds["invited"] - 1,
    }


def accepted_by_watched(ds: Dataset, days: int) -> tuple[int, int]:
    """Return how many invitations were accepted within ``days`` of the inviter's registering, and of how many inviters.

    Counted from the acceptances themselves (`interactions`), where `k_within` reads the users' inviters; of all users
    who registered in the records and were watched for the ``days``.
    """
    users = ds.users.select("user_id", "created_at").to_pandas()
    rows = ds.interactions.filter(ds.interactions.action == "invite_accepted").to_pandas()
    last = ds.observation_end - pd.Timedelta(days=days)
    watched = users[(users["created_at"] >= ds.observation_start) & (users["created_at"] <= last)]
    rows = rows.merge(watched, left_on="target_user_id", right_on="user_id")
    return int((rows["timestamp"] - rows["created_at"] < pd.Timedelta(days=days)).sum()), len(watched)


def chain_value(worth: float, reward: float, k: float) -> float:
    """Return what one accepted invitation is worth, yuan: its user, and round after round those that come of it.

    Each user leaves ``worth`` and invites ``k`` others, each of whom costs the ``reward`` again.
    """
    total, more = worth, k
    while more > 1e-12:
        total, more = total + more * (worth - reward), more * k
    return total


def given_against_a_login(events: pd.DataFrame) -> int:
    """Return how many events without a login went to one person between two logins of another on the device.

    ``events``: ``anonymous_id, timestamp, user_id, person_id, person_by``; those of devices with several users matter.
    Between two logins of one user only that user or nobody is right; where two users meet, nobody.
    """
    several = events.groupby("anonymous_id")["user_id"].nunique()
    rows = events[events["anonymous_id"].isin(several.index[several > 1])]
    rows = rows.sort_values(["anonymous_id", "timestamp"], kind="stable")
    device = rows["anonymous_id"]
    before, after = rows.groupby(device)["user_id"].ffill(), rows.groupby(device)["user_id"].bfill()
    given = rows["user_id"].isna() & (rows["person_by"] == "interval") & before.notna() & after.notna()
    return int((given & ((rows["person_id"] != before) | (rows["person_id"] != after))).sum())


def given_rightly(events: pd.DataFrame, truth: Truth) -> tuple[pd.Series, pd.Series]:
    """Return which events without a login were given to who made them, and which were made on a borrowed device.

    ``events`` as in `given_against_a_login`, with ``message_id``. Whoever borrows a device is not its owner: nobody
    knows who it was, but it was right not to give the event to the owner.
    """
    owner = truth.identity.set_index("anonymous_id")["user_id"]
    lent = truth.spoiled.loc[truth.spoiled["fault"] == "shared_device", "id"]
    borrowed = events["message_id"].isin(lent)
    by_owner = events["person_id"] == events["anonymous_id"].map(owner)
    return (events["person_by"] == "interval") & (by_owner != borrowed), borrowed


def booked(ds: Dataset, truth: Truth, users: pd.Index, days: int, teacher_share: float) -> float:
    """Return what an invited user's orders within ``days`` of registering left, yuan, by the simulator's books.

    The mean over those of ``users`` who were invited by the truth. Who ordered, and when, is exported; what an order
    left is in the books.
    """
    generation = truth.users.set_index("user_id")["generation"]
    guests = users[generation[users] > 0]
    rows = ds.orders.select("order_id", "user_id", "timestamp").to_pandas()
    rows = rows[rows["user_id"].isin(guests)]
    created = ds.users.select("user_id", "created_at").to_pandas().set_index("user_id")["created_at"]
    early = rows["timestamp"] - rows["user_id"].map(created) < pd.Timedelta(days=days)
    leaves = truth.orders.set_index("order_id")["leaves"].astype(float)
    return float((1 - teacher_share) * leaves.reindex(rows.loc[early, "order_id"]).sum() / len(guests))
