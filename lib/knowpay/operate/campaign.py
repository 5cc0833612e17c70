"""What was known about each person when a campaign was drawn, and what the randomised campaigns taught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from knowpay.analyse import touches
from knowpay.analyse.neighbours import audience, moment

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from knowpay.collect.dataset import Dataset

VIEW = "product_viewed"
RECENT_DAYS = 30


def log(ds: Dataset) -> Table:
    """Return what ``features`` and ``fit`` read of the events of logged-in people: who, when, known when, a page's course.

    Ibis table ``user_id, timestamp, known_at, day`` (in the company's time zone), ``price, category`` (null unless the
    event opened a course page).
    """
    e = ds.events.filter(ds.events.user_id.notnull())
    e = e.select(
        "user_id",
        "timestamp",
        known_at=ibis.greatest(e.timestamp, e.received_at.fill_null(e.timestamp)),
        day=e.timestamp.cast(f"timestamp('{ds.timezone}')").date(),
        product_id=ibis.ifelse(e.event == VIEW, e.product_id, ibis.null(str)),
    )
    courses = ds.courses.filter(ds.courses.product_type != "membership").select("product_id", "price", "category")
    return e.left_join(courses, "product_id").drop("product_id", "product_id_right")


def features(ds: Dataset, at: pd.Timestamp | str | None = None, events: Table | None = None) -> pd.DataFrame:
    """Return what was known at ``at`` (None = end of the observation), one row per person who may be profiled.

    Columns: ``user_id``; ``active_days`` (days with an event among the last 30); ``recency`` (days since the last
    event; since registration for those without one); ``tenure`` (days since registration); ``mean_price`` (yuan, list
    price of the course pages opened; the catalogue's mean for those who opened none); ``purchases`` (courses bought);
    ``device_os``, ``channel``. Staff, test accounts, bots, children under 14, erased users, people who opted out of
    personalisation and people who denied analysis are left out: their behaviour is not read.
    """
    at = moment(ds, at)
    people = audience(ds, at)
    people = people.loc[~people["no_profile"], ["user_id", "created_at", "device_os", "channel"]]
    e = log(ds) if events is None else events
    month = (at - pd.Timedelta(days=RECENT_DAYS)).to_pydatetime()
    e = e.filter(e.known_at < at.to_pydatetime())
    seen = e.group_by("user_id").agg(
        active_days=e.day.nunique(where=e.timestamp >= month), last=e.timestamp.max(), mean_price=e.price.mean()
    )
    o = ds.orders.filter(~ds.orders.status.isin(["created", "cancelled"]) & (ds.orders.timestamp < at.to_pydatetime()))
    o = o.inner_join(ds.courses.filter(ds.courses.product_type != "membership").select("product_id"), "product_id")
    bought = o.group_by("user_id").agg(purchases=o.order_id.nunique())
    f = people.merge(seen.to_pandas(), on="user_id", how="left").merge(bought.to_pandas(), on="user_id", how="left")
    day = pd.Timedelta(days=1)
    f["tenure"] = (at - f["created_at"]) / day
    f["recency"] = (at - f["last"].fillna(f["created_at"])) / day
    f["mean_price"] = f["mean_price"].fillna(float(ds.courses.price.mean().to_pandas()))
    f = f.fillna({"active_days": 0, "purchases": 0, "device_os": "unknown", "channel": "unknown"})
    columns = ["user_id", "active_days", "recency", "tenure", "mean_price", "purchases", "device_os", "channel"]
    return f[columns].sort_values("user_id", ignore_index=True)


def fit(
    ds: Dataset, pairs: pd.DataFrame, at: pd.Timestamp | str | None = None, events: Table | None = None
) -> np.ndarray:
    """Return how well each course fits each person, shape (pairs,): 1 = like anybody, 3 = three times as much.

    ``pairs`` has ``user_id, product_id``. The fit is the share of the course's field (category) among the course pages
    the person had opened before ``at``, smoothed by one page for each field, times the number of fields.
    """
    at = moment(ds, at)
    e = log(ds) if events is None else events
    e = e.filter((e.known_at < at.to_pydatetime()) & e.category.notnull())
    counts = e.group_by("user_id", "category").agg(views=e.count()).to_pandas()
    courses = ds.courses.filter(ds.courses.product_type != "membership").select("product_id", "category")
    field = courses.to_pandas().set_index("product_id")["category"]
    wanted = pairs[["user_id"]].assign(category=pairs["product_id"].map(field).to_numpy())
    own = wanted.merge(counts, on=["user_id", "category"], how="left")["views"].fillna(0).to_numpy()
    total = wanted["user_id"].map(counts.groupby("user_id")["views"].sum()).fillna(0).to_numpy()
    fields = field.nunique()
    return fields * (own + 1) / (total + fields)


def evidence(ds: Dataset, window_days: int = 14) -> pd.DataFrame:
    """Return the randomised touches of people who may be profiled, with what was known when the arm was drawn.

    The columns of ``analyse.touches.outcomes`` (``visits`` left out), those of ``features`` and ``fit``. One pass over
    the events for each campaign.
    """
    tried = touches.outcomes(ds, window_days=window_days, history_days=1).drop(columns="visits")
    if tried.empty:
        raise ValueError("There is no randomised campaign with a control arm: the effect of a message is unknown.")
    parts = []
    ds.con.raw_sql(f"CREATE OR REPLACE TEMP TABLE known_log AS {ibis.to_sql(log(ds), dialect='duckdb')}")
    events = ds.con.table("known_log")  # read once, not once for each campaign
    for at, touched in tried.groupby("assigned_at"):
        rows = touched.merge(features(ds, at, events), on="user_id")
        parts.append(rows.assign(fit=fit(ds, rows, at, events)))
    ds.con.raw_sql("DROP TABLE known_log")
    return pd.concat(parts, ignore_index=True)


def contribution_rate(ds: Dataset, teacher_share: float) -> float:
    """Return what a yuan of list price leaves after refunds, fees, commissions and the teacher's share, 0-1.

    Measured on the course orders of the export. Raises ValueError when there are none.
    """
    o = ds.orders.filter(~ds.orders.status.isin(["created", "cancelled"]))
    o = o.inner_join(ds.courses.filter(ds.courses.product_type != "membership").select("product_id", "price"), "product_id")
    sums = o.agg(net=o.net_revenue.sum(), listed=o.price.sum()).to_pandas().iloc[0]
    if not sums["listed"] > 0:
        raise ValueError("There is no paid course order: the contribution of an order is unknown.")
    return float((1 - teacher_share) * sums["net"] / sums["listed"])
