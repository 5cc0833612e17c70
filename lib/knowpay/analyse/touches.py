"""Randomised marketing touches with what the person did before and what was bought after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

RANDOMISED = ("randomised", "stratified")


def outcomes(ds: Dataset, window_days: int = 14, history_days: int = 60) -> pd.DataFrame:
    """Return one row per touch whose arm was drawn by lot, controls included, in order of time and id.

    Columns: ``touch_id, campaign_id, user_id, product_id`` (the promoted course), ``assigned_at, message`` (bool),
    ``propensity`` (the probability of the *message*, in both arms; the export has that of the arm drawn), ``cost``
    (yuan), ``price`` (yuan), ``bought`` (a paid order of that course within ``window_days`` of the assignment) and
    ``visits`` (page views in the ``history_days`` before it, nothing later).

    Left out are touches without a lot (rules, unknown assignment, a propensity that is missing, 0 or 1), lots drawn
    for whole clusters, arms other than control and message, campaigns without both arms, and touches whose window is
    cut by the end of the observation.
    """
    t = ds.touches
    drawn = t.assignment.isin(RANDOMISED) & (t.propensity > 0) & (t.propensity < 1)
    arms = t.variation_id.isin(["control", "message"]) & t.user_id.notnull()
    t = t.filter(drawn & arms & (t.assigned_at <= ds.observation_end - pd.Timedelta(days=window_days)))
    t = t.select(
        "touch_id", "campaign_id", "user_id", "assigned_at", "variation_id", "propensity", "cost", product_id="creative"
    )
    paid = ds.orders.filter(ds.orders.status != "cancelled").select("user_id", "product_id", paid_at="timestamp")
    window = ibis.interval(days=window_days)
    hits = t.join(paid, ["user_id", "product_id"]).filter(
        lambda j: (j.paid_at >= j.assigned_at) & (j.paid_at < j.assigned_at + window)
    )
    hits = hits.group_by("touch_id").agg(orders=ibis._.count())
    seen = ds.events.filter((ds.events.event == "page_viewed") & ds.events.user_id.notnull()).select(
        "user_id", at="timestamp"
    )
    before = ibis.interval(days=history_days)
    past = t.select("touch_id", "user_id", "assigned_at").join(seen, "user_id")
    past = past.filter(lambda j: (j.at < j.assigned_at) & (j.at >= j.assigned_at - before))
    past = past.group_by("touch_id").agg(visits=ibis._.count())
    prices = ds.courses.select("product_id", "price")
    table = t.left_join(hits, "touch_id").left_join(past, "touch_id").left_join(prices, "product_id")
    df = table.order_by("assigned_at", "touch_id").to_pandas()
    message = df["variation_id"] == "message"
    df = df.assign(
        message=message,
        propensity=df["propensity"].where(message, 1 - df["propensity"]).astype(float),
        bought=df["orders"].fillna(0) > 0,
        visits=df["visits"].fillna(0).astype(int),
        cost=df["cost"].fillna(0.0),
    )
    both = message.groupby(df["campaign_id"]).transform("nunique") == 2
    keys = ["touch_id", "campaign_id", "user_id", "product_id", "assigned_at"]
    columns = [*keys, "message", "propensity", "cost", "price", "bought", "visits"]
    return df.loc[both, columns].reset_index(drop=True)


def weights(rows: pd.DataFrame) -> np.ndarray:
    """Return how much each touch counts within its arm, shape (touches,): 1 where all lots had the same odds.

    Somebody drawn with probability p stands for 1/p people of the list. The weights are scaled so that each arm sums
    to its *effective* number of people, (sum of weights)^2 / sum of squares (Kish 1965): the size of an even draw with
    the same error. ``rows`` have ``message`` (bool) and ``propensity`` (of the message).
    """
    message, p = rows["message"].to_numpy(dtype=bool), rows["propensity"].to_numpy(dtype=float)
    weight = 1 / np.where(message, p, 1 - p)
    for arm in (message, ~message):
        if arm.any():
            weight[arm] *= weight[arm].sum() / (weight[arm] ** 2).sum()
    return weight


def effective(rows: pd.DataFrame) -> list[float]:
    """Return the effective numbers of people in the two arms, message first; see `weights`."""
    weight, message = weights(rows), rows["message"].to_numpy(dtype=bool)
    return [float(weight[message].sum()), float(weight[~message].sum())]


def rate(rows: pd.DataFrame, column: str, message: bool) -> float:
    """Return the mean of ``column`` had everybody in ``rows`` been drawn into one arm (Hájek's weighted mean).

    Raises ValueError when nobody was.
    """
    arm = rows["message"].to_numpy(dtype=bool) == message
    if not arm.any():
        raise ValueError("A difference needs people in both arms: this list has only one.")
    return float(np.average(rows[column].to_numpy(dtype=float)[arm], weights=weights(rows)[arm]))


def difference(rows: pd.DataFrame, column: str) -> tuple[float, float]:
    """Return (difference of the arms' means of ``column``, message - control, its standard error).

    ``rows`` come from `outcomes` or have its ``message`` and ``propensity``. The means are weighted (`rate`), so that
    lots of unequal odds do not pass for an effect. The error is that of two weighted means by linearisation; touches
    of one ``user_id`` are taken together where the column is there. Raises ValueError when an arm is empty.
    """
    y, message, weight = rows[column].to_numpy(dtype=float), rows["message"].to_numpy(dtype=bool), weights(rows)
    means = {arm: rate(rows, column, arm) for arm in (True, False)}
    total = np.where(message, weight[message].sum(), weight[~message].sum())
    part = np.where(message, 1, -1) * weight * (y - np.where(message, means[True], means[False])) / total
    if "user_id" in rows:
        part = pd.Series(part).groupby(rows["user_id"].to_numpy()).sum().to_numpy()
    return means[True] - means[False], float(np.sqrt((part**2).sum()))


def sample_ratio(rows: pd.DataFrame) -> float:
    """Return the p-value of the sample ratio test: were as many drawn into the message arm as the odds promise?

    The standardised sum of (message - propensity), two-sided.
    """
    from scipy.stats import norm

    p = rows["propensity"].to_numpy(dtype=float)
    return float(2 * norm.sf(abs((rows["message"].to_numpy(dtype=float) - p).sum()) / np.sqrt((p * (1 - p)).sum())))
