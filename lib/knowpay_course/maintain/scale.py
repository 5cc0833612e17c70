"""Tables of an event log as Ibis expressions: written once, they run on DuckDB and, beyond one machine, on Spark.

`events` is the canonical table: `ds.events`, or `read_store(spark, ds.store)`. A person is the user, or the device of
an event without a login. Days are those of the connection's time zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.collect.sessions import GAP_SECONDS

if TYPE_CHECKING:
    import pandas as pd
    from ibis.backends import BaseBackend
    from ibis.expr.types import StringValue, Table


def daily_events(events: Table) -> Table:
    """Return day (date), event, events (rows), people (distinct), one row per day and name of event."""
    keys = {"day": events.timestamp.date(), "event": events.event}
    return events.group_by(**keys).agg(events=events.count(), people=_person(events).nunique())


def sessions(events: Table) -> Table:
    """Return person, session (from 1 for each person), began, ended, events, one row per session.

    A session ends where the person's next event is more than `GAP_SECONDS` away.
    """
    import ibis

    rows = events.select("timestamp", person=_person(events))
    before = rows.timestamp.lag().over(group_by=rows.person, order_by=rows.timestamp)
    # a comparison of moments: a difference in seconds is rounded in another way by each engine
    rows = rows.mutate(new=(rows.timestamp > before + ibis.interval(seconds=GAP_SECONDS)).fill_null(True).cast("int64"))
    # by range, not by rows: events of one moment belong to one session in whatever order they come
    so_far = ibis.range_window(group_by=rows.person, order_by=rows.timestamp, preceding=None, following=0)
    rows = rows.mutate(session=rows.new.sum().over(so_far))
    return rows.group_by("person", "session").agg(
        began=rows.timestamp.min(), ended=rows.timestamp.max(), events=rows.count()
    )


def first_and_last(events: Table) -> Table:
    """Return person, first, last (moments), events, one row per person."""
    moment = events.timestamp
    return events.group_by(person=_person(events)).agg(first=moment.min(), last=moment.max(), events=events.count())


def funnel(events: Table, steps: Sequence[str]) -> Table:
    """Return position (from 1), step, people: who reached each step after the one before it.

    Each person is followed from the first event of a step to the first of the next that is not earlier.
    """
    import ibis

    rows = events.select("event", "timestamp", person=_person(events))
    counts, reached = [], None
    for position, step in enumerate(steps, 1):
        there = rows.filter(rows.event == step)
        if reached is not None:
            there = there.join(reached, "person").filter(lambda t: t.timestamp >= t.at)
        reached = there.group_by("person").agg(at=there.timestamp.min())
        count = reached.agg(people=reached.count())
        counts.append(count.select(position=position, step=ibis.literal(step), people="people"))
    return ibis.union(*counts)


def to_frame(expression: Table, timezone: str) -> pd.DataFrame:
    """Return the rows as pandas, the same from both engines: sorted by their columns, moments in UTC.

    `timezone` is that of the connection: Spark gives moments without a zone, as its clocks show them. Raises
    ValueError where these are put back in autumn and show an hour twice: write such rows with `con.to_parquet`.
    """
    import pandas as pd

    frame = expression.to_pandas()
    for name, kind in expression.schema().items():
        if kind.is_timestamp():
            at = frame[name] if frame[name].dt.tz else frame[name].dt.tz_localize(timezone)
            frame[name] = at.dt.tz_convert("UTC").dt.as_unit("us")
        elif kind.is_date():
            frame[name] = pd.to_datetime(frame[name]).dt.as_unit("us")
    return frame.sort_values(list(frame.columns), ignore_index=True)


def local_spark(timezone: str) -> BaseBackend:
    """Start Spark on two cores of this machine and return its Ibis connection, with days in `timezone` (a tzdata name).

    `con.disconnect()` ends Spark.
    Raises ImportError when pyspark is not installed, and RuntimeError when there is no Java.
    """
    import os
    import shutil

    import ibis

    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ImportError("Spark is not installed: pip install 'pyspark>=4,<4.1' (430 MB).") from error
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise RuntimeError("Spark needs Java 17 or 21: install it, or set JAVA_HOME to its folder.")
    start = SparkSession.builder.master("local[2]").appName("knowpay")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",  # stays on this machine, whatever its name resolves to
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",  # what fails is raised in Python
        "spark.sql.shuffle.partitions": "4",  # the default of 200 is meant for a cluster
    }
    con = ibis.pyspark.connect(start.config(map=settings).getOrCreate())
    con.raw_sql(f"SET TIME ZONE '{timezone}'")  # only now: connecting has set UTC
    return con


def read_store(spark: BaseBackend, store: Path, table: str = "events") -> Table:
    """Return a table of a store through Spark: of the files that its ledger counts, and of no others.

    Raises ValueError when the store has no such table.
    """
    from knowpay.collect.store import Store
    from pyspark.sql import SparkSession

    files = Store(store).paths(table)
    if not files:
        raise ValueError(f"{store} has no table {table!r}: open the export first, ds.store is its store.")
    SparkSession.active().read.parquet(*files).createOrReplaceTempView(table)
    return spark.table(table)


def _person(events: Table) -> StringValue:
    """The user, without a login the device."""
    return events.user_id.coalesce(events.anonymous_id)
