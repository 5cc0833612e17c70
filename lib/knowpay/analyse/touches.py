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
    """Return one row per randomised touch, controls included, in order of time and id.

    Columns: ``touch_id, campaign_id, user_id, product_id`` (the promoted course), ``assigned_at, message`` (bool),
    ``propensity`` (of the message), ``cost`` (yuan), ``price`` (yuan), ``bought`` (a paid order of that course within
    ``window_days`` of the assignment) and ``visits`` (page views in the ``history_days`` before it, nothing later).
    Touches whose window is cut by the end of the observation are left out, as are arms other than control and message.
    """
    arms = ds.touches.variation_id.isin(["control", "message"])
    last = ds.observation_end - pd.Timedelta(days=window_days)
    t = ds.touches.filter(ds.touches.assignment.isin(RANDOMISED) & arms & (ds.touches.assigned_at <= last))
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
    df = df.assign(
        message=df["variation_id"] == "message",
        bought=df["orders"].fillna(0) > 0,
        visits=df["visits"].fillna(0).astype(int),
        cost=df["cost"].fillna(0.0),
    )
    columns = [
        "touch_id",
        "campaign_id",
        "user_id",
        "product_id",
        "assigned_at",
        "message",
        "propensity",
        "cost",
        "price",
    ]
    return df[[*columns, "bought", "visits"]]


def difference(bought: np.ndarray | pd.Series, message: np.ndarray | pd.Series) -> tuple[float, float]:
    """Return (difference of the purchase rates message - control, its standard error), both as fractions.

    Raises ValueError when an arm is empty.
    """
    bought, message = np.asarray(bought, dtype=float), np.asarray(message, dtype=bool)
    if message.all() or not message.any():
        raise ValueError("A difference needs people in both arms: this list has only one.")
    shown, hidden = bought[message], bought[~message]
    variance = shown.var() / len(shown) + hidden.var() / len(hidden)
    return float(shown.mean() - hidden.mean()), float(np.sqrt(variance))
