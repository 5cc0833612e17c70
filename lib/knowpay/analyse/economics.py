"""Unit economics: what a registered user costs, and what they leave as contribution.

Definitions follow the metric table of the course: CAC counts the whole media spend of a channel over its new paying
users of the same months; lifetime value is contribution after refunds, fees and commission over a stated horizon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from knowpay.collect import faults
from knowpay.people import money
from knowpay.people.audience import audience

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset


def customers(ds: Dataset) -> pd.DataFrame:
    """Return everybody who counts as a customer: ``user_id, channel, created_at``, by user (purpose "customer")."""
    people = audience(ds, "customer")
    return people.assign(channel=people["channel"].fillna("unknown"))[["user_id", "channel", "created_at"]]


def contributions(ds: Dataset, teacher_share: float) -> pd.DataFrame:
    """Return one row per paid order of a customer: ``user_id, channel, product_id, day, amount``.

    ``day`` counts from the registration, ``amount`` is the contribution in yuan (`people.money.contributions`).
    """
    orders = money.contributions(ds, teacher_share).select("user_id", "product_id", "timestamp", amount="contribution")
    merged = orders.to_pandas().merge(customers(ds), on="user_id")
    day = (merged["timestamp"] - merged["created_at"]).dt.total_seconds() / 86_400
    return merged.assign(day=day)[["user_id", "channel", "product_id", "day", "amount"]]


def cohort_value(ds: Dataset, teacher_share: float, horizon: int) -> pd.DataFrame:
    """Return one row per mature user: ``user_id, channel, value`` (yuan of contribution in the first ``horizon`` days).

    Mature: registered inside the observation window and watched for the whole horizon, so that nobody's value is cut
    off. Users who paid nothing are there with 0.
    """
    users = customers(ds)
    last = ds.observation_end - pd.Timedelta(days=horizon)
    mature = users[users["created_at"].between(ds.observation_start, last)]
    paid = contributions(ds, teacher_share)
    value = paid[paid["day"] < horizon].groupby("user_id")["amount"].sum()
    return mature.assign(value=mature["user_id"].map(value).fillna(0.0))[["user_id", "channel", "value"]]


def sent_twice(ds: Dataset, users: pd.Index, days: int, teacher_share: float) -> float:
    """Return what the orders that came twice by a page reload add to the mean contribution of ``users``, yuan.

    Lesson 01 hunts these orders (`faults.reloads`); counted are those within ``days`` of registering.
    """
    again = faults.reloads(ds).merge(faults.exported(ds, "orders", ["order_id"]))["order_id"]
    rows = money.contributions(ds, teacher_share).select("order_id", "user_id", "timestamp", "contribution").to_pandas()
    rows = rows[rows["order_id"].isin(again) & rows["user_id"].isin(users)]
    created = ds.users.select("user_id", "created_at").to_pandas().set_index("user_id")["created_at"]
    early = rows["timestamp"] - rows["user_id"].map(created) < pd.Timedelta(days=days)
    return float(rows.loc[early, "contribution"].astype(float).sum() / len(users))


def acquisition(ds: Dataset) -> pd.DataFrame:
    """Return by channel: ``registrations, spend`` (yuan), ``per_registration, payers, cac`` (yuan per paying user).

    Channels without spend in ``ds.market`` (entity = channel, method own_spend) cost 0.
    """
    users = customers(ds)
    users = users[users["created_at"].between(ds.observation_start, ds.observation_end)]
    payers = set(contributions(ds, 0.0)["user_id"])
    market = ds.market.filter((ds.market.method == "own_spend") & (ds.market.metric == "spend"))
    spend = market.select("entity", "value").to_pandas().groupby("entity")["value"].sum()
    table = users.assign(payer=users["user_id"].isin(payers)).groupby("channel")["payer"].agg(["size", "sum"])
    table = table.set_axis(["registrations", "payers"], axis=1)
    table.insert(1, "spend", spend.reindex(table.index).fillna(0.0))
    table.insert(2, "per_registration", table["spend"] / table["registrations"])
    return table.assign(cac=table["spend"] / table["payers"].replace(0, np.nan)).sort_values("spend", ascending=False)


def recovered(paid: pd.DataFrame, user_ids: pd.Series, horizon: int) -> pd.Series:
    """Return the contribution per head (yuan) by the end of each day 1..``horizon`` of the users given, payers or not.

    ``paid`` as `contributions` returns it: an order of the first 24 hours counts on day 1.
    Raises ValueError for no users.
    """
    if not len(user_ids):
        raise ValueError("What was recovered per head needs at least one user.")
    theirs = paid[paid["user_id"].isin(user_ids) & (paid["day"] < horizon)]
    daily = theirs.groupby(theirs["day"].clip(lower=0).astype(int) + 1)["amount"].sum()
    return daily.reindex(range(1, horizon + 1), fill_value=0.0).cumsum() / len(user_ids)


def payback(curve: pd.Series, price: float) -> int:
    """Return the first day on which the curve of `recovered` has reached the price, 0 when it never does."""
    reached = curve >= price
    return int(reached.idxmax()) if reached.any() else 0
