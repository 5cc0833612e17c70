"""What was known about each person when a campaign was drawn, and what the randomised campaigns taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd
from scipy import sparse

from knowpay.analyse import neighbours, touches
from knowpay.analyse.neighbours import INTEREST, audience, moment
from knowpay.collect import TooLittleData

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from knowpay.collect.dataset import Dataset

RECENT_DAYS = 30
LEAST = 5  # purchases in either arm; with fewer there is nothing to compare


def log(ds: Dataset) -> Table:
    """Return what this module reads of the events of logged-in people: who, when, known when, and a course opened.

    Ibis table ``user_id, timestamp, known_at, day`` (in the company's time zone), ``product_id, price``, the last two
    null unless the event shows interest in a course (``neighbours.INTEREST``). An event is known when it has arrived.
    """
    e = ds.events.filter(ds.events.user_id.notnull())
    e = e.select(
        "user_id",
        "timestamp",
        known_at=ibis.greatest(e.timestamp, e.received_at.fill_null(e.timestamp)),
        day=e.timestamp.cast(f"timestamp('{ds.timezone}')").date(),
        product_id=ibis.ifelse(e.event.isin(INTEREST), e.product_id, ibis.null(str)),
    )
    return e.left_join(ds.courses.select("product_id", "price"), "product_id").drop("product_id_right")


def features(ds: Dataset, at: pd.Timestamp | str | None = None, events: Table | None = None) -> pd.DataFrame:
    """Return what was known at ``at`` (None = end of the observation), one row per person who may be profiled.

    Columns: ``user_id``; ``active_days`` (days with an event among the last 30); ``recency`` (days since the last
    event; since registration for those without one); ``tenure`` (days since registration); ``mean_price`` (yuan, list
    price of the courses opened; the catalogue's mean for those who opened none); ``purchases`` (courses bought);
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


@dataclass(frozen=True)
class Shelf:
    """How well each of some courses goes with what each person has opened: a larger score goes better."""

    users: np.ndarray  # (people,) ids
    products: np.ndarray  # (courses,) ids
    scores: np.ndarray  # (people, courses); -inf where a course is owned or not on sale
    opened: sparse.csr_matrix  # (people, courses on sale) strength of interest
    weights: np.ndarray  # (courses on sale, courses) what an opened course says for each of ``products``
    names: np.ndarray  # (courses on sale,)
    penalty: float

    def places(self) -> pd.DataFrame:
        """Return each course's place on each person's list, 1 = best: people x courses."""
        place = (-self.scores).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1
        return pd.DataFrame(place, index=self.users, columns=self.products)

    def picks(self) -> pd.DataFrame:
        """Return each person's best course and why: ``user_id, product_id, because``. Without a course, no row."""
        best = self.scores.argmax(axis=1)
        because = np.full(len(self.users), "opened by many", dtype=object)
        for column in range(len(self.products)):
            rows = np.flatnonzero(best == column)
            if len(rows):
                parts = self.opened[rows].toarray() * self.weights[:, column]
                speaks = parts.max(axis=1) > 0
                because[rows[speaks]] = "goes with " + self.names[parts.argmax(axis=1)[speaks]] + ", opened before"
        found = pd.DataFrame({"user_id": self.users, "product_id": self.products[best], "because": because})
        return found[np.isfinite(self.scores).any(axis=1)].reset_index(drop=True)


def shelf(
    ds: Dataset,
    products: Sequence[str],
    at: pd.Timestamp | str | None = None,
    penalty: float | None = None,
    events: Table | None = None,
) -> Shelf:
    """Score ``products`` for everybody who may be profiled, from what they had opened before ``at``.

    The recommender is EASE (``analyse.neighbours``), fitted to all courses; people who opened nothing get the courses
    that most people opened. ``penalty`` None chooses it by EASE's exact leave-one-out error.
    """
    at = moment(ds, at)
    people, courses = audience(ds, at), neighbours.on_sale(ds, at)
    users, items = people.loc[~people["no_profile"], "user_id"].to_numpy(), courses["product_id"].to_numpy()
    e = log(ds) if events is None else events
    e = e.filter((e.known_at < at.to_pydatetime()) & e.product_id.notnull())
    pairs = ds.con.to_pandas(e.group_by("user_id", "product_id").agg(n=e.count()))
    x = neighbours.matrix(pairs.assign(strength=np.log2(1 + pairs["n"])), users, items)
    if penalty is None:
        penalty = float(neighbours.ease_error(x).idxmin())
    place = pd.Index(items).get_indexer(pd.Index(products))
    weights = np.where(place >= 0, neighbours.ease(x, penalty)[:, place], 0.0)  # courses x products
    cold = np.diff(x.indptr) == 0
    scores = np.where(cold[:, None], neighbours.popularity(x)[place], x @ weights)
    owned = neighbours.matrix(neighbours.owned(ds, at), users, products).toarray() > 0
    scores[owned | (place < 0)[None, :]] = -np.inf
    names = courses["name"].astype(str).to_numpy(dtype=object)
    return Shelf(users, np.asarray(products, dtype=object), scores, x, weights, names, penalty)


def evidence(ds: Dataset, window_days: int = 14) -> pd.DataFrame:
    """Return the randomised touches of people who may be profiled, with what was known when the arm was drawn.

    The columns of ``analyse.touches.outcomes`` (``visits`` left out), those of ``features``, and ``place``: the place
    of the promoted course among all promoted courses on the person's own list that morning (1 = goes best with what the
    person had opened).

    Raises TooLittleData when that is too little to learn from; the sentence says what is missing.
    """
    tried = touches.outcomes(ds, window_days=window_days, history_days=1).drop(columns="visits")
    bought = tried.groupby("message")["bought"].sum().reindex([True, False]).fillna(0)
    if tried["assigned_at"].nunique() < 3 or bought.min() < LEAST:
        raise TooLittleData(
            f"It has {tried['assigned_at'].nunique()} campaigns drawn by lot and {bought.min():.0f} purchases of the "
            f"promoted course in the poorer arm; 3 campaigns and {LEAST} purchases in each arm are needed."
        )
    products = np.sort(tried["product_id"].unique())
    ds.con.raw_sql(f"CREATE OR REPLACE TEMP TABLE known_log AS {ibis.to_sql(log(ds), dialect='duckdb')}")
    events = ds.con.table("known_log")  # read once, not once for each campaign
    parts, penalty = [], None
    for at, touched in tried.groupby("assigned_at"):
        shelves = shelf(ds, products, at, penalty, events)
        penalty = shelves.penalty  # chosen at the first campaign, when it was the only one known
        places = shelves.places().stack().rename("place").rename_axis(["user_id", "product_id"]).reset_index()
        rows = touched.merge(features(ds, at, events), on="user_id")
        parts.append(rows.merge(places, on=["user_id", "product_id"]))
    ds.con.raw_sql("DROP TABLE known_log")
    return pd.concat(parts, ignore_index=True)


def quiet(people: pd.DataFrame) -> np.ndarray:
    """Return the one-line order: days without a visit among the last 30; larger = rather write to."""
    return (RECENT_DAYS - people["active_days"]).to_numpy(dtype=float)


def contribution_rate(ds: Dataset, teacher_share: float) -> float:
    """Return what a yuan of list price leaves after discounts, refunds, fees, commissions and the teacher's share, 0-1.

    Measured on the course orders of the export. Raises ValueError when there are none.
    """
    o = ds.orders.filter(~ds.orders.status.isin(["created", "cancelled"]))
    o = o.inner_join(
        ds.courses.filter(ds.courses.product_type != "membership").select("product_id", "price"), "product_id"
    )
    sums = o.agg(net=o.net_revenue.sum(), listed=o.price.sum()).to_pandas().iloc[0]
    if not sums["listed"] > 0:
        raise ValueError("There is no paid course order: the contribution of an order is unknown.")
    return float((1 - teacher_share) * sums["net"] / sums["listed"])
