"""What was known of each person at a moment: the same columns for every lesson and for the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pandas as pd

from knowpay.collect.schema import INTEREST
from knowpay.people.audience import audience, read_table
from knowpay.people.known import local_day, log, moment
from knowpay.people.money import course_orders
from knowpay.people.visits import opens

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from knowpay.collect.dataset import Dataset

RECENT_DAYS = 30


def snapshot(ds: Dataset, rows: pd.DataFrame | pd.Timestamp | str | None = None) -> pd.DataFrame:
    """Return what was known of each person at a moment, one row per row of ``rows`` and in its order.

    ``rows`` has ``user_id`` and ``at`` (times with a zone), one row per question; a single moment (None = end of the
    observation) asks about everybody who may be analysed. An event counts when it had arrived before ``at``, an order
    when it had been paid before.

    Columns: ``user_id, at``; ``tenure`` (days since registration); ``recency`` (days since the last event; since
    registration without one); ``active_days`` (local calendar days with an event, of the 30 before the day of
    ``at``); ``visits_30`` and ``visits_before`` (visits in the 30 days before ``at``, and in the 30 before those);
    ``lessons_30`` (lessons finished in the 30 days before); ``pages`` (course pages opened so far); ``mean_price``
    (yuan, list price of the courses that the person showed interest in; the catalogue's mean without any);
    ``purchases`` (course orders paid); ``device_os``, ``channel`` ("unknown" where missing).

    Raises ValueError when somebody in ``rows`` may not be analysed.
    """
    if not isinstance(rows, pd.DataFrame):
        at = moment(ds, rows)
        rows = audience(ds, "analysis", at)[["user_id"]].assign(at=at)
    users = read_table(ds, "users").set_index("user_id").reindex(rows["user_id"])
    _refuse(ds, rows)
    asked = ibis.memtable(rows[["user_id", "at"]].assign(row=range(len(rows))))
    parts = [_behaviour(ds, asked), _visits(ds, asked), _purchases(ds, asked)]
    counted = pd.concat([ds.con.to_pandas(part).set_index("row") for part in parts], axis=1).reindex(range(len(rows)))
    day, at = pd.Timedelta(days=1), rows["at"].reset_index(drop=True)
    registered = users["created_at"].reset_index(drop=True)
    counts = ["active_days", "visits_30", "visits_before", "lessons_30", "pages", "purchases"]
    catalogue_mean = read_table(ds, "courses")["price"].mean()
    known = pd.DataFrame(
        {
            "user_id": rows["user_id"].to_numpy(),
            "at": at,
            "tenure": ((at - registered) / day).clip(lower=0),
            "recency": ((at - counted["last"].fillna(registered)) / day).clip(lower=0),
            **{name: counted[name].fillna(0).astype(int) for name in counts},
            "mean_price": counted["mean_price"].astype(float).fillna(catalogue_mean),
            **{name: users[name].fillna("unknown").to_numpy() for name in ("device_os", "channel")},
        }
    )
    return known.set_index(rows.index)


def _refuse(ds: Dataset, rows: pd.DataFrame) -> None:
    may = audience(ds, "analysis", rows["at"].max())["user_id"] if len(rows) else []
    if not (asked := rows["user_id"].isin(may)).all():
        who = rows.loc[~asked, "user_id"].iloc[0]
        raise ValueError(f'{who} may not be analysed: ask about people of `audience(ds, "analysis", at)` only.')


def _past(ds: Dataset, asked: Table, events: Table) -> Table:
    """The events known at each row's moment: ``row, at`` and the columns of the events."""
    past = asked.join(events, "user_id")
    return past.filter(past.known_at < past.at)


def _behaviour(ds: Dataset, asked: Table) -> Table:
    e = log(ds)
    prices = ds.courses.select("product_id", "price")
    e = e.mutate(product_id=ibis.ifelse(e.event.isin(INTEREST), e.product_id, ibis.null(str)))
    e = e.left_join(prices, "product_id").drop("product_id_right", "product_id")
    past = _past(ds, asked, e)
    today = local_day(ds, past.at)
    among = (past.day < today) & (past.day >= today - ibis.interval(days=RECENT_DAYS))
    month = past.timestamp >= past.at - ibis.interval(days=RECENT_DAYS)
    return past.group_by("row").agg(
        last=past.timestamp.max(),
        active_days=past.day.nunique(where=among),
        lessons_30=past.count(where=(past.event == "lesson_completed") & month),
        pages=past.count(where=past.event == "product_viewed"),
        mean_price=past.price.mean(),
    )


def _visits(ds: Dataset, asked: Table) -> Table:
    past = _past(ds, asked, log(ds).select("user_id", "timestamp", "known_at"))
    # An hour more, so that the first event of the 60 days is not taken for the opening of a visit that began before.
    past = past.filter(past.timestamp >= past.at - ibis.interval(hours=2 * RECENT_DAYS * 24 + 1))
    past = past.mutate(opening=opens(past, "row"))
    month = past.timestamp >= past.at - ibis.interval(days=RECENT_DAYS)
    sixty = past.timestamp >= past.at - ibis.interval(days=2 * RECENT_DAYS)
    return past.group_by("row").agg(
        visits_30=past.count(where=past.opening & month), visits_before=past.count(where=past.opening & ~month & sixty)
    )


def _purchases(ds: Dataset, asked: Table) -> Table:
    paid = asked.join(course_orders(ds).select("user_id", "order_id", paid_at="timestamp"), "user_id")
    paid = paid.filter(paid.paid_at < paid.at)
    return paid.group_by("row").agg(purchases=paid.order_id.nunique())
