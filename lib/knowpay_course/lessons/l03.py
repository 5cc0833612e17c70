"""Lesson 03, privacy: what the truth says of a re-identification, of a gate, of noise, and of those who refused."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay.collect import faults

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset, Truth


def named_rightly(named: pd.Series, hashes: Iterable[str], user_id: pd.Series) -> int:
    """Return how many of the ``named`` ids, one for each of ``hashes``, belong to the person behind the hash."""
    real = {hashlib.sha256(user.encode()).hexdigest(): user for user in user_id}
    return sum(real.get(digest) == name for digest, name in zip(hashes, named, strict=True))


def who_signed_up(ds: Dataset, messages: Collection[str]) -> pd.Series:
    """Return whose the sign-ups among ``messages`` are: the account that was made within 0.2 seconds of each.

    Rows of people who denied analytics bear no user id, so the moment is the only trace. Several accounts may be made
    at one moment; those whose own sign-up bears their id are not meant. Where several are left, it names nobody.
    """
    events = ds.events.filter(ds.events.event == "signed_up").select("message_id", "timestamp", "user_id").to_pandas()
    asked = events["message_id"].isin(messages)
    made = ds.users.select("created_at", "user_id").to_pandas().sort_values("created_at")
    made = made[~made["user_id"].isin(events.loc[~asked, "user_id"])]
    made.loc[made["created_at"].duplicated(keep=False), "user_id"] = None
    found = pd.merge_asof(
        events[asked].drop(columns="user_id").sort_values("timestamp"),
        made,
        left_on="timestamp",
        right_on="created_at",
        tolerance=pd.Timedelta(seconds=0.2),
    )
    return found["user_id"].dropna()


def last_said_no(ds: Dataset) -> pd.Series:
    """Return the users whose last row in the export denies analytics: those who took their consent back are among them.

    Read from the files as they came and ordered by ``updated_at``, so it does not rest on how the rows were merged.
    """
    said = faults.exported(ds, "users", ["user_id", "consent_analytics", "updated_at"])
    said["updated_at"] = pd.to_datetime(said["updated_at"], utc=True, format="ISO8601")
    last = said.sort_values("updated_at", kind="stable").drop_duplicates("user_id", keep="last")
    return last.loc[last["consent_analytics"] == "denied", "user_id"]


def stated_error(epsilon: float) -> float:
    """Return the mean size of the discrete Laplace noise of ``epsilon`` for one count, people: summed term by term."""
    x = np.arange(1, int(60 / epsilon))
    chance = np.exp(-epsilon * x)  # relative to no noise at all
    return float(2 * (x * chance).sum() / (1 + 2 * chance.sum()))


def true_gains(rows: pd.DataFrame, truth: Truth, rate: float) -> dict[str, float]:
    """Return what a message truly added: ``bought`` (purchases) and ``yuan`` after its cost, mean over ``rows``.

    ``rows`` are the touches of `touches.outcomes`; ``rate`` is the true contribution of a yuan of list price.
    """
    of = truth.touches.set_index("touch_id").loc[rows["touch_id"]]
    lift = (of["p_message"] - of["p_control"]).to_numpy()
    margin = rate * rows["price"].to_numpy()
    return {"bought": float(lift.mean()), "yuan": float((lift * margin).mean() - rows["cost"].max())}


def refusers_over_others(truth: Truth, refusers: pd.Index, others: pd.Series) -> float:
    """Return the true effect of a first message on ``refusers``, as a multiple of that on ``others`` (user ids)."""
    lift = truth.users.set_index("user_id").eval("p_message_mean - p_control_mean")
    return float(lift[refusers].mean() / lift[others].mean())


def campaigns_of_a_year(ds: Dataset) -> int:
    """Return how many campaigns for a course began in the last 365 days of the records."""
    sent = ds.touches.select("campaign_id", "assigned_at", "creative").to_pandas().dropna(subset="creative")
    began = sent.groupby("campaign_id")["assigned_at"].min()
    return int((ds.observation_end - began < pd.Timedelta(days=365)).sum())
