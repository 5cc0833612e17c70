"""What was known at a moment: what had arrived by then, whenever it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import ibis.expr.datatypes as dt
import pandas as pd

if TYPE_CHECKING:
    from ibis.expr.types import DateColumn, Table, TimestampColumn

    from knowpay.collect.dataset import Dataset


def moment(ds: Dataset, when: pd.Timestamp | str | None = None) -> pd.Timestamp:
    """Return the time, one without a zone in that of the data set; None is the end of the observation."""
    stamp = pd.Timestamp(ds.observation_end if when is None else when)
    return stamp.tz_localize(ds.timezone) if stamp.tzinfo is None else stamp


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, dt.Timestamp("UTC")), dt.timestamp))
def _local(zone, time):
    """DuckDB's own: a cast to another zone would leave the date in that of the connection, UTC."""


def local_day(ds: Dataset, time: TimestampColumn) -> DateColumn:
    """Return the date of each time in the zone of the data set."""
    return _local(ds.timezone, time).date()


def log(ds: Dataset) -> Table:
    """Return the events of people who may be analysed, with ``known_at`` and ``day`` (Ibis table, lazy).

    ``user_id, message_id, event, product_id, timestamp, known_at, day``: an event is known once it has happened and
    has arrived (``received_at``; where the source has none, when it happened). ``day`` is the local date on which it
    happened.
    """
    may = ds.con.table("may_analysis")
    e = ds.events.semi_join(may.filter(may.reason == ""), "user_id")
    return e.select(
        *("user_id", "message_id", "event", "product_id", "timestamp"),
        known_at=ibis.greatest(e.timestamp, e.received_at.fill_null(e.timestamp)),
        day=local_day(ds, e.timestamp),
    )
