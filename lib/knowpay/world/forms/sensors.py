"""Sensors (神策): one line per event, milliseconds, the business id as login_id; user_id is Sensors' own number."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from .. import settings as s
from . import canonical, lines

EVENTS = {
    "page_viewed": "$pageview", "signed_up": "$SignUp", "logged_in": "Login", "product_list_viewed": "ViewList",
    "products_searched": "Search", "product_viewed": "ViewProduct", "product_added": "AddToCart",
    "checkout_started": "SubmitOrder", "order_completed": "PayOrder", "order_refunded": "RefundOrder",
    "trial_started": "StartTrial",
    "lesson_started": "StartLesson", "lesson_completed": "FinishLesson", "course_completed": "FinishCourse",
    "product_shared": "ShareProduct",
}  # fmt: skip
OWN_NAMES = {theirs: ours for ours, theirs in EVENTS.items() if not theirs.startswith("$")}
USERS = {"country": "$country", "province": "$province", "device_os": "$os", "utm_source": "$utm_source"}


def write(tables: dict[str, pa.Table], folder: Path) -> dict:
    """Write ``events.jsonl`` and ``users.jsonl``; the manifest says what the company's own events mean."""
    lines.write(folder / "events.jsonl", _events(lines.rows(tables["events"])))
    lines.write(folder / "users.jsonl", _users(tables["users"]))
    canonical.write_shop(tables, folder)
    return {"source_format": "sensors", "business_user_id_column": "login_id", "event_names": OWN_NAMES}


def _events(rows: pd.DataFrame) -> Iterator[dict]:
    for row in rows.itertuples():
        who = row.user_id if isinstance(row.user_id, str) else row.anonymous_id
        yield lines.present(
            type="track", event=EVENTS[row.event], time=row.ms, distinct_id=who, user_id=_internal(who),
            login_id=row.user_id, anonymous_id=row.anonymous_id,
            properties=lines.said(row, "product_id", "lesson_id", "progress", "platform", "message_id", *lines.ORDER),
            _track_id=row.number,
        )  # fmt: skip


def _users(users: pa.Table) -> Iterator[dict]:
    for row in users.to_pylist():
        user, created = row.pop("user_id"), row.pop("created_at").astimezone(s.START.tz)
        yield lines.present(
            id=_internal(user), second_id=user, created_at=f"{created:%Y-%m-%d %H:%M:%S.%f}",
            **{USERS.get(name, name): value for name, value in row.items()},
        )  # fmt: skip


def _internal(distinct_id: str) -> int:
    """Return the number that Sensors gives a person: the same in ``events.user_id`` and ``users.id``."""
    return -int.from_bytes(hashlib.sha256(distinct_id.encode()).digest()[:6])
