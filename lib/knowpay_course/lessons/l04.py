"""Lesson 04: how like are two sets of people? Measures that any data set has, and their distance.

Each measure is one number per person, over the same span from the person's first day, and only of people who were
watched for the whole span: else the data set that was watched longer looks busier.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay import estimate
from knowpay.estimate import Estimate

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset


def learning(ds: Dataset, event: str) -> pd.DataFrame:
    """Person-days with `event`: ``user_id, day`` (in the time zone of the data), each pair once."""
    return _days(ds, "events", "event = $event", {"event": event})


def buying(ds: Dataset) -> pd.DataFrame:
    """Person-days with a paid order: ``user_id, day``, each pair once.

    Several orders on one day are one purchase, as in the published fits of CDNOW. Memberships, orders for nothing,
    and those that were cancelled or refunded in full are left out.
    """
    where = """status <> 'refunded' AND total > 0
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


def risk_ratio(hits: int, of: int, hits_control: int, of_control: int) -> Estimate:
    """How many times as often with the message as without, with an interval on the log scale.

    Source: Katz, Baptista, Azen and Pike (1978), Biometrics 34. Raises ValueError when an arm has no hit.
    """
    if min(hits, hits_control) < 1:
        raise ValueError("A ratio of two shares needs a hit in each arm.")
    ratio = hits / of / (hits_control / of_control)
    error = math.sqrt(1 / hits - 1 / of + 1 / hits_control - 1 / of_control)
    log = estimate.from_error(math.log(ratio), error)
    return Estimate(ratio, math.exp(log.low), math.exp(log.high), ratio * error)
