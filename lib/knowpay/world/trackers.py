"""Trackers: the same clean days as three tracking tools would export them: Segment, GA4 in BigQuery, Sensors (神策).

The tools differ in names, units of time, nesting and in what they call a user id; what happened is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from . import behaviour, export
from . import settings as s
from .columns import labels, numbered
from .company import Company, device_ids, found
from .people import DEVICES

SEGMENT = {
    "page_viewed": "Page Viewed", "signed_up": "Signed Up", "logged_in": "Logged In",
    "product_list_viewed": "Product List Viewed", "products_searched": "Products Searched",
    "product_viewed": "Product Viewed", "product_added": "Product Added", "checkout_started": "Checkout Started",
    "order_completed": "Order Completed", "order_refunded": "Order Refunded",
    "trial_started": "Trial Started", "lesson_started": "Lesson Started",
    "lesson_completed": "Lesson Completed", "course_completed": "Course Completed", "product_shared": "Product Shared",
}  # fmt: skip
GA4 = {
    "page_viewed": "page_view", "signed_up": "sign_up", "logged_in": "login", "product_list_viewed": "view_item_list",
    "products_searched": "search", "product_viewed": "view_item", "product_added": "add_to_cart",
    "checkout_started": "begin_checkout", "order_completed": "purchase", "order_refunded": "refund",
    "trial_started": "trial_started",
    "lesson_started": "lesson_started", "lesson_completed": "lesson_completed", "course_completed": "course_completed",
    "product_shared": "share",
}  # fmt: skip
SENSORS = {
    "page_viewed": "$pageview", "signed_up": "$SignUp", "logged_in": "Login", "product_list_viewed": "ViewList",
    "products_searched": "Search", "product_viewed": "ViewProduct", "product_added": "AddToCart",
    "checkout_started": "SubmitOrder", "order_completed": "PayOrder", "order_refunded": "RefundOrder",
    "trial_started": "StartTrial",
    "lesson_started": "StartLesson", "lesson_completed": "FinishLesson", "course_completed": "FinishCourse",
    "product_shared": "ShareProduct",
}  # fmt: skip


def write_days(size: str, seed: int, first: str, days: int, folder: Path, **knobs: float) -> None:
    """Write the clean events of some days as ``segment.jsonl``, ``ga4.jsonl`` and ``sensors.jsonl``.

    ``first`` is a date in the company's time zone. Raises ValueError for an unknown size or knob, or days outside the
    records.
    """
    start = s.seconds(first)
    if not (start >= 0 and days > 0 and start + days * s.DAY <= s.DAYS * s.DAY):
        raise ValueError(
            f"The records run from {s.START.date()} for {s.DAYS} days; {first} and {days} days lie outside."
        )
    company = found(size, seed, **knobs)
    events = pd.concat([during(block.events, start, days) for block in company.blocks()], ignore_index=True)
    rows = plain(company, events.sort_values(["time", "user", "event"], kind="stable", ignore_index=True))
    folder.mkdir(parents=True, exist_ok=True)
    for name, form in (("segment", as_segment), ("ga4", as_ga4), ("sensors", as_sensors)):
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in form(rows))


def during(events: dict[str, np.ndarray], start: float, days: int) -> pd.DataFrame:
    """Return the events of some days, from ``start`` in seconds."""
    inside = (events["time"] >= start) & (events["time"] < start + days * s.DAY)
    return pd.DataFrame({name: values[inside] for name, values in events.items()})


def plain(company: Company, events: pd.DataFrame) -> pd.DataFrame:
    """Return events with ids and times as text, the common source of the three exports."""
    user = events["user"].to_numpy()
    known = events["logged_in"].to_numpy() | (events["event"] == behaviour.CODE["signed_up"]).to_numpy()
    device = np.where(events["second"], DEVICES.index("web"), company.users["device"].to_numpy()[user])
    lesson = events["lesson"].to_numpy()
    return pd.DataFrame(
        {
            "number": np.arange(len(events)),
            "event": np.array(behaviour.EVENTS)[events["event"]],
            "ms": np.rint(events["time"].to_numpy() * 1000).astype(np.int64) + s.START.value // 1_000_000,
            "user_id": labels(np.where(known, user, -1), company.user_ids).to_pylist(),
            "anonymous_id": device_ids(2 * user + events["second"].to_numpy()).to_pylist(),
            "product_id": labels(export.sold(company, events["course"]), company.product_ids).to_pylist(),
            "lesson_id": numbered("l", np.maximum(lesson, 0), 3, lesson <= 0).to_pylist(),
            "platform": np.array(DEVICES)[device],
        }
    )


def present(**fields: object) -> dict[str, object]:
    """Return the fields that have a value (not None, not nan): trackers leave the others out."""
    return {name: value for name, value in fields.items() if value is not None and value == value}


def as_segment(rows: pd.DataFrame) -> Iterator[dict]:
    """Yield Segment track calls: ISO times in UTC, properties nested."""
    iso = pd.to_datetime(rows["ms"], unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"
    for row, time in zip(rows.itertuples(), iso, strict=True):
        yield present(
            messageId=f"seg-{row.number:07d}", type="track", event=SEGMENT[row.event], userId=row.user_id,
            anonymousId=row.anonymous_id, timestamp=time,
            properties=present(product_id=row.product_id, lesson_id=row.lesson_id, platform=row.platform),
        )  # fmt: skip


def as_ga4(rows: pd.DataFrame) -> Iterator[dict]:
    """Yield GA4 rows of the BigQuery export: microseconds UTC, local event_date, parameters as key-value pairs."""
    date = pd.to_datetime(rows["ms"], unit="ms", utc=True).dt.tz_convert(s.TIMEZONE).dt.strftime("%Y%m%d")
    for row, day in zip(rows.itertuples(), date, strict=True):
        extra = present(lesson_id=row.lesson_id, platform=row.platform)
        yield present(
            event_date=day, event_timestamp=row.ms * 1000, event_name=GA4[row.event], user_id=row.user_id,
            user_pseudo_id=row.anonymous_id,
            event_params=[{"key": k, "value": {"string_value": v}} for k, v in extra.items()],
            items=[{"item_id": row.product_id}] if isinstance(row.product_id, str) else [],
        )  # fmt: skip


def as_sensors(rows: pd.DataFrame) -> Iterator[dict]:
    """Yield Sensors lines: milliseconds, the business id as login_id, an internal user_id of no use outside."""
    for row in rows.itertuples():
        known = isinstance(row.user_id, str)
        yield present(
            type="track", event=SENSORS[row.event], time=row.ms, distinct_id=row.user_id if known else row.anonymous_id,
            user_id=-(row.number * 7919 % 1_000_003), login_id=row.user_id, anonymous_id=row.anonymous_id,
            properties=present(product_id=row.product_id, lesson_id=row.lesson_id, platform=row.platform),
        )  # fmt: skip
