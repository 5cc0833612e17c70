"""Lesson 01: how many sessions there were with those who are not followed, and how good the hunt for faults was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay import estimate
from knowpay.collect import sessions

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset, Truth
    from knowpay.estimate import Estimate

SURE = ("duplicate", "fen", "reloaded_order")  # faults that leave a mark which a rule reads exactly


def followed(people: pd.DataFrame, denied: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the person of each event, as a code, and its microseconds, without the events of those who ``denied``.

    ``people`` are events: ``user_id, anonymous_id, timestamp``. Who took the consent back was followed until then; half
    a person would count as one who comes seldom, or as none at all.
    """
    who = sessions.people(people["user_id"], people["anonymous_id"])
    kept = ~who.isin(set(denied)).to_numpy()
    return pd.factorize(who[kept])[0], people["timestamp"].astype("int64").to_numpy()[kept]


def sessions_of_all(person: np.ndarray, numbers: np.ndarray, users: int, denied: int) -> Estimate:
    """Return how many sessions all ``users`` had, from those of the users who did not deny analytics.

    ``person`` and ``numbers`` are the person and the session of each event, (events,), as codes. Who denied is taken to
    come as often as the others, so the error is that of a sample without replacement (Cochran 1977, section 2.5).
    """
    seen = users - denied
    counts = np.bincount(person[np.unique(numbers, return_index=True)[1]])  # sessions of each person
    mean = counts.sum() / seen
    spread = max((counts**2).sum() / seen - mean**2, 0.0) ** 0.5  # users without a session count 0
    return estimate.from_error(users * mean, users * spread * (denied / users / seen) ** 0.5, "sessions")


def planted(spoiled: pd.DataFrame) -> pd.DataFrame:
    """Return the truth's spoiled rows with one name for late events, traced or not."""
    return spoiled.assign(fault=spoiled["fault"].replace({"late_misdated": "late"}))


def counts(
    grades: pd.DataFrame, truth: Truth, orders: int, raw: float, wrong_by: float
) -> Iterator[tuple[str, float, float, str]]:
    """Yield ``name, found, expected, unit`` of the counts that must agree.

    Of the faults that leave a clear mark, none is missed and nobody is accused. ``orders``, counted and waiting, are
    the ledger's; ``wrong_by`` is how many yuan the ``raw`` revenue is above the repaired one and what waits.
    """
    for fault in SURE:
        grade = grades.loc[fault]
        yield f"{fault} rows found", grade["right"], grade["planted"], "rows"
        yield f"{fault} rows accused wrongly", grade["found"] - grade["right"], 0, "rows"
    traced = grades.loc["late", "planted"] - (truth.spoiled["fault"] == "late_misdated").sum()
    yield "late rows that leave a trace", grades.loc["late", "right"], traced, "rows"
    yield "orders, counted and waiting", orders, len(truth.orders), "orders"
    ledger = float(truth.orders["total"].sum())
    yield "what the raw files are wrong by", round(wrong_by, 2), round(raw - ledger, 2), "yuan"


def shares(
    grades: pd.DataFrame, truth: Truth, ds: Dataset, clean: dict[str, float]
) -> Iterator[tuple[str, float, float, float, str]]:
    """Yield ``name, value, low, high, unit`` where a rule may err: how many rows it finds and how often it is right.

    And how near the repaired counts of events and visitors (``clean``) come to those of the people who can be followed.
    """
    for fault, name, low in (("bot", "bot rows", 95), ("skew", "rows of wrong clocks", 97)):
        if grades.loc[fault, "planted"]:
            yield f"{name} found", 100 * grades.loc[fault, "recall"], low, 100, "%"
            yield f"{name}, rightly accused", 100 * grades["precision"].fillna(0.0)[fault], low, 100, "%"
    yield "events, repaired", 100 * clean["events"] / truth.info["clean_events"], 99.5, 100.5, "% of the truth"
    users = ds.users.select("user_id", "consent_analytics").to_pandas()
    denied = users.loc[users["consent_analytics"] == "denied", "user_id"]
    devices = (~truth.identity["user_id"].isin(denied)).sum()
    yield "visitors, repaired", 100 * clean["visitors (devices)"] / devices, 97, 101, "% of the truth"
