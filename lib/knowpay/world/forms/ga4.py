"""GA4 in BigQuery: a table a day, microseconds UTC, a local event_date, parameters as a list of key-value pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from .. import settings as s
from . import canonical, lines

EVENTS = {
    "page_viewed": "page_view", "signed_up": "sign_up", "logged_in": "login", "product_list_viewed": "view_item_list",
    "products_searched": "search", "product_viewed": "view_item", "product_added": "add_to_cart",
    "checkout_started": "begin_checkout", "order_completed": "purchase", "order_refunded": "refund",
    "trial_started": "trial_started",
    "lesson_started": "lesson_started", "lesson_completed": "lesson_completed", "course_completed": "course_completed",
    "product_shared": "share",
}  # fmt: skip
PARAMETERS = {"order_id": "transaction_id", "total": "value"}
VALUE = pa.struct({"string_value": pa.string(), "int_value": pa.int64(), "double_value": pa.float64()})
SCHEMA = pa.schema(
    {
        "event_date": pa.string(),
        "event_timestamp": pa.int64(),
        "event_name": pa.string(),
        "user_id": pa.string(),
        "user_pseudo_id": pa.string(),
        "event_params": pa.list_(pa.struct({"key": pa.string(), "value": VALUE})),
        "items": pa.list_(pa.struct({"item_id": pa.string()})),
        "batch_event_index": pa.int64(),
    }
)


def write(tables: dict[str, pa.Table], folder: Path) -> dict:
    """Write the days as JSON lines, where BigQuery writes whole numbers as text."""
    for day, events in _days(tables["events"]):
        some = [event | {"event_timestamp": str(event["event_timestamp"])} for event in events]
        lines.write(folder / f"events_{day}.jsonl", some)
    return _beside(tables, folder, day)


def write_parquet(tables: dict[str, pa.Table], folder: Path) -> dict:
    """Write the days as Parquet files."""
    for day, events in _days(tables["events"]):
        pq.write_table(pa.Table.from_pylist(events, SCHEMA), folder / f"events_{day}.parquet")
    return _beside(tables, folder, day)


def _beside(tables: dict[str, pa.Table], folder: Path, day: str) -> dict:
    """Write the users as of the last day, and what no tracker knows."""
    users = []
    for row in tables["users"].to_pylist():
        user, traits = row.pop("user_id"), {name: lines.iso(value) for name, value in row.items()}
        users.append({"user_id": user, "user_properties": _pairs(lines.present(**traits))})
    lines.write(folder / f"users_{day}.jsonl", users)
    canonical.write_shop(tables, folder)
    return {"source_format": "ga4"}


def _days(events: pa.Table) -> Iterator[tuple[str, list[dict]]]:
    """Yield each local day with its events, in order."""
    rows = lines.rows(events)
    dates = pd.to_datetime(rows["ms"], unit="ms", utc=True).dt.tz_convert(s.TIMEZONE).dt.strftime("%Y%m%d")
    for date, some in rows.groupby(dates):
        yield date, [_event(row, date) for row in some.itertuples()]


def _event(row: tuple, date: str) -> dict:
    extra = lines.said(row, "lesson_id", "progress", "platform", "message_id", *lines.ORDER)
    return lines.present(
        event_date=date, event_timestamp=row.ms * 1000, event_name=EVENTS[row.event], user_id=row.user_id,
        user_pseudo_id=row.anonymous_id, event_params=_pairs({PARAMETERS.get(k, k): v for k, v in extra.items()}),
        items=[{"item_id": row.product_id}] if isinstance(row.product_id, str) else [],
        batch_event_index=row.number,
    )  # fmt: skip


def _pairs(values: dict[str, object]) -> list[dict]:
    """Return the list of key-value pairs; true and false are words."""
    kinds = {str: "string_value", int: "int_value", float: "double_value"}
    words = {key: str(v).lower() if isinstance(v, bool) else v for key, v in values.items()}
    return [{"key": key, "value": {kinds[type(v)]: v}} for key, v in words.items()]
