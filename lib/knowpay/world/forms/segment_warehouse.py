"""Segment's and RudderStack's warehouse: a table for each event, one of pages, one of all events, one of users."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from . import canonical
from .lines import flat
from .segment import EVENTS

CLOCK = "%Y-%m-%d %H:%M:%S"  # times in the CSV files have no zone; they are UTC


def write(tables: dict[str, pa.Table], folder: Path) -> dict:
    """Write users and tracks as CSV; pages, and each kind of event, as Parquet."""
    users, events = tables["users"], tables["events"].rename_columns({"message_id": "id"})
    users = users.set_column(1, "created_at", pc.strftime(users["created_at"], CLOCK, "C"))
    csv.write_csv(flat(users.rename_columns({"user_id": "id"})), folder / "users.csv")
    events = events.set_column(2, "timestamp", events["timestamp"].cast(pa.timestamp("us")))
    pages = pc.equal(events["event"], "page_viewed")
    tracks = events.filter(pc.invert(pages))
    for name in sorted(set(tracks["event"].to_pylist())):
        _filled(tracks.filter(pc.equal(tracks["event"], name)), folder / f"{name}.parquet")
    _filled(events.filter(pages).drop_columns("event"), folder / "pages.parquet")
    told = pa.array([EVENTS[event] for event in tracks["event"].to_pylist()])
    tracks = tracks.select(["id", "event", "user_id", "anonymous_id", "timestamp"]).append_column("event_text", told)
    tracks = tracks.set_column(4, "timestamp", pc.strftime(tracks["timestamp"], CLOCK, "C"))
    csv.write_csv(flat(tracks), folder / "tracks.csv")
    canonical.write_shop(tables, folder)
    return {"source_format": "segment_warehouse"}


def _filled(table: pa.Table, path: Path) -> None:
    """Write the columns that hold something: in a warehouse a column appears with its first value."""
    pq.write_table(table.select([c for c in table.column_names if table[c].null_count < len(table)]), path)
