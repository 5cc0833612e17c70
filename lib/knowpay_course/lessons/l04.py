"""Lesson 04: how like are two sets of people? Measures that any data set has, their distance, and their truth.

Each measure is one number per person, over the same span from the person's first day, and only of people who were
watched for the whole span: else the data set that was watched longer looks busier.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay import estimate
from knowpay.analyse import touches
from knowpay.estimate import Estimate
from knowpay.people.audience import audience
from knowpay.people.money import A_FEN

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset, Truth


def learning(ds: Dataset, event: str) -> pd.DataFrame:
    """Person-days with `event`: ``user_id, day`` (in the time zone of the data), each pair once."""
    return _days(ds, "events", "event = $event", {"event": event})


def buying(ds: Dataset) -> pd.DataFrame:
    """Person-days with a paid order: ``user_id, day``, each pair once.

    Several orders on one day are one purchase, as in the published fits of CDNOW. Memberships, orders for nothing or
    for a fen (tests of the checkout), and those that were cancelled or refunded in full are left out.
    """
    where = f"""status <> 'refunded' AND total > {A_FEN}
        AND coalesce(product_id, '') NOT IN (SELECT product_id FROM courses WHERE product_type = 'membership')"""
    return _days(ds, "paid_orders", where, {})


def _days(ds: Dataset, table: str, where: str, values: dict[str, str]) -> pd.DataFrame:
    """Of everybody who may be analysed; sets of buyers without a users table keep theirs."""
    return ds.con.con.execute(
        f"""SELECT DISTINCT user_id, CAST(CAST(timezone($zone, timestamp) AS DATE) AS TIMESTAMP) AS day FROM {table}
        WHERE {where} AND user_id IS NOT NULL AND user_id NOT IN (
            SELECT user_id FROM may_analysis WHERE reason <> '' UNION SELECT user_id FROM not_followed)
        ORDER BY user_id, day""",
        values | {"zone": ds.timezone},
    ).df()


def first_days(days: pd.DataFrame, ds: Dataset, span: int) -> pd.DataFrame:
    """What a person does in the `span` days from the first one, of `learning` or `buying` days.

    Returns:
        DataFrame by user_id: ``days`` (1 to span), ``gap`` (median days from one to the next; missing when there is
        one), ``last`` (0 to span - 1, how many days after the first the last is). People whose span is cut by the end
        of the observation are left out.
    """
    until = ds.observation_end.tz_convert(ds.timezone).tz_localize(None)
    first = days.groupby("user_id")["day"].transform("min")
    seen = days.assign(nth=(days["day"] - first).dt.days)[first + pd.Timedelta(days=span) <= until]
    seen = seen[seen["nth"] < span].sort_values(["user_id", "nth"])
    seen["gap"] = seen.groupby("user_id")["nth"].diff()
    return seen.groupby("user_id").agg(days=("nth", "size"), gap=("gap", "median"), last=("nth", "max"))


def distance(one: pd.Series, other: pd.Series, resamples: int = 1_000, seed: int = 0) -> dict[str, float]:
    """How far two samples are apart, with 90 % percentile bootstrap intervals (people are resampled).

    Returns:
        ``ks``, ``ks_low``, ``ks_high``: the Kolmogorov-Smirnov distance, the largest difference of the two shares at
        or below a value (0 = the same, 1 = no overlap). ``noise``: what it exceeds in one of twenty draws when both
        samples come from the two pooled. ``w``, ``w_low``, ``w_high``: the Wasserstein-1 distance, in the unit of the
        samples: how far the values of one must be moved, on average, to become the other. Missing values are left out.

    Raises ValueError for a sample without values.
    """
    a, b = np.asarray(one.dropna(), dtype=float), np.asarray(other.dropna(), dtype=float)
    if not len(a) or not len(b):
        raise ValueError("A distance needs values on both sides.")
    grid, at = np.unique(np.concatenate([a, b]), return_inverse=True)
    counts = [np.bincount(part, minlength=len(grid)) for part in np.split(at, [len(a)])]  # people at each value
    pooled, rng = sum(counts), np.random.default_rng(seed)

    def apart(f: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # (..., values) each
        gap = np.abs(np.cumsum(f, axis=-1) / len(a) - np.cumsum(g, axis=-1) / len(b))
        return gap.max(axis=-1), gap[..., :-1] @ np.diff(grid)

    def redrawn(*kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sides = zip(kinds, (len(a), len(b)), strict=True)
        return apart(*(np.concatenate(list(estimate.resamples(kind, resamples, rng, size))) for kind, size in sides))

    ks, w = map(estimate.from_draws, apart(*counts), redrawn(*counts))
    noise = np.quantile(redrawn(pooled, pooled)[0], 0.95)
    row = {"ks": ks.value, "ks_low": ks.low, "ks_high": ks.high, "noise": float(noise)}
    return row | {"w": w.value, "w_low": w.low, "w_high": w.high}


def arms(rows: pd.DataFrame) -> pd.DataFrame:
    """Return ``sum`` (buyers) and ``size`` (people) without and with the message, of rows of `touches.contrast`.

    People count by the probabilities of their assignment: the numbers are those of an even one that is as sure.
    """
    size = dict(zip((True, False), touches.effective(rows), strict=True))
    rates = {message: touches.rate(rows, "bought", message=message) for message in (False, True)}
    return pd.DataFrame({"sum": {m: rates[m] * size[m] for m in rates}, "size": {m: size[m] for m in rates}})


def log_ratio(rows: pd.DataFrame) -> Estimate:
    """Return the logarithm of how many times as often people buy with the message, of rows of `touches.contrast`."""
    ratio = risk_ratio(*arms(rows).iloc[::-1].to_numpy().ravel())
    return estimate.from_error(math.log(ratio.value), ratio.error / ratio.value)


def planted(truth: Truth, listed: pd.DataFrame, first: pd.DataFrame) -> dict[str, float]:
    """Return the truth of each claim by the name of its check: of all touches ``listed``, and ``first`` paid months."""
    chances = listed[["touch_id"]].merge(truth.touches, on="touch_id", validate="one_to_one")
    hidden, shown = chances["p_control"].mean(), chances["p_message"].mean()
    hazard = truth.memberships.set_index("membership_id")["hazard"].reindex(first["membership_id"])
    return {
        "effect of a message": 100 * (shown - hidden),
        "log of how many times as often": math.log(shown / hidden) if len(chances) else math.nan,
        "first paid month not renewed": 100 * hazard.mean(),
    }


def ledger(ds: Dataset, truth: Truth, span: int) -> pd.DataFrame:
    """Return ``days, leaves`` of each buyer watched for `span` days from the first purchase, by the ledger.

    ``days`` with a purchase in the span, ``leaves`` in yuan before the teacher's share. The ledger says which orders
    were paid, not given back whole and of a course, and what they left; buyer and day come from the records.
    """
    sold = truth.orders.loc[(truth.orders["total"] > truth.orders["refund"]) & ~truth.orders["membership"]]
    sold = sold.merge(ds.orders.select("order_id", "user_id", "timestamp").to_pandas(), on="order_id")
    sold = sold[sold["user_id"].isin(audience(ds, "analysis")["user_id"])]
    sold["day"] = sold["timestamp"].dt.tz_convert(ds.timezone).dt.tz_localize(None).dt.normalize()
    start = sold.groupby("user_id")["day"].transform("min")
    watched = (ds.observation_end.tz_convert(ds.timezone).tz_localize(None) - start).dt.days >= span
    sold = sold[watched & ((sold["day"] - start).dt.days < span)].astype({"leaves": float})
    return sold.groupby("user_id").agg(days=("day", "nunique"), leaves=("leaves", "sum"))


def risk_ratio(hits: float, of: float, hits_control: float, of_control: float) -> Estimate:
    """How many times as often with the message as without, with an interval on the log scale.

    Source: Katz, Baptista, Azen and Pike (1978), Biometrics 34. Raises ValueError when an arm has no hit.
    """
    if min(hits, hits_control) <= 0:
        raise ValueError("A ratio of two shares needs a hit in each arm.")
    ratio = hits / of / (hits_control / of_control)
    error = math.sqrt(1 / hits - 1 / of + 1 / hits_control - 1 / of_control)
    log = estimate.from_error(math.log(ratio), error)
    return Estimate(ratio, math.exp(log.low), math.exp(log.high), ratio * error)


def worth_in_the_ledger(happened: pd.DataFrame, teacher_share: float) -> float:
    """Return what a buyer left by the ledger (yuan), the mean of `ledger`'s ``leaves`` after the teachers' share."""
    return float(happened["leaves"].mean() * (1 - teacher_share))
