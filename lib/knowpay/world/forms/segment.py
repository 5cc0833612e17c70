"""Segment: one call per line, ISO times in UTC, properties nested; users are told by identify calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from . import canonical, lines

EVENTS = {
    "page_viewed": "Page Viewed", "signed_up": "Signed Up", "logged_in": "Logged In",
    "product_list_viewed": "Product List Viewed", "products_searched": "Products Searched",
    "product_viewed": "Product Viewed", "product_added": "Product Added", "checkout_started": "Checkout Started",
    "order_completed": "Order Completed", "order_refunded": "Order Refunded",
    "trial_started": "Trial Started", "lesson_started": "Lesson Started",
    "lesson_completed": "Lesson Completed", "course_completed": "Course Completed", "product_shared": "Product Shared",
}  # fmt: skip


def write(tables: dict[str, pa.Table], folder: Path) -> dict:
    """Write ``calls.jsonl``."""
    lines.write(folder / "calls.jsonl", [*_users(tables["users"]), *_events(lines.rows(tables["events"]))])
    canonical.write_shop(tables, folder)
    return {"source_format": "segment"}


def _users(users: pa.Table) -> Iterator[dict]:
    for row in users.to_pylist():
        traits = {name: lines.iso(value) for name, value in row.items() if name != "user_id"}
        yield lines.present(
            messageId=f"identify-{row['user_id']}", type="identify", userId=row["user_id"],
            timestamp=lines.iso(row["created_at"]), traits=lines.present(**traits),
        )  # fmt: skip


def _events(rows: pd.DataFrame) -> Iterator[dict]:
    times = pd.to_datetime(rows["ms"], unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"
    for row, time in zip(rows.itertuples(), times, strict=True):
        yield lines.present(
            messageId=row.message_id, type="track", event=EVENTS[row.event],
            userId=row.user_id, anonymousId=row.anonymous_id, timestamp=time,
            properties=lines.said(row, "product_id", "lesson_id", "progress", "platform", *lines.ORDER),
        )  # fmt: skip
