"""Udemy's course catalogue as CSV (`course_id, course_title, price, num_lectures, content_duration, …`) as `courses`.

Durations are hours, times ISO 8601 UTC, prices in the currency of the manifest: the file names none.
"""

from __future__ import annotations

from knowpay.collect.adapters.tables import FLAT, Delivery, tool_table, view
from knowpay.collect.duck import quote
from knowpay.collect.files import Batch, table_of

COLUMNS = {
    "product_id": "course_id",
    "name": "course_title",
    "category": "subject",
    "price": "price",
    "lesson_count": "num_lectures",
    "duration_seconds": "content_duration",
    "level": "level",
    "published_at": "published_timestamp",
}


def claims(name: str) -> bool:
    """The catalogue, under any name that is no canonical one."""
    return tool_table(name)[1] in FLAT and not table_of(name)


def refuse(delivery: Delivery) -> None:
    """Nothing to refuse: the format leaves nothing but the currency to declare, and every manifest does."""


def views(batch: Batch, delivery: Delivery) -> dict[str, Batch]:
    """The catalogue as `courses`; counters of subscribers and reviews are kept in `properties`."""
    columns = {ours: batch.columns[theirs] for ours, theirs in COLUMNS.items() if theirs in batch.columns}
    columns |= {n: c for n, c in batch.columns.items() if n not in (*COLUMNS.values(), "url")}
    columns |= {"product_type": ("'course'", "VARCHAR"), "currency": (quote(delivery.manifest.currency), "VARCHAR")}
    if "duration_seconds" in columns:
        hours = f"CAST({columns['duration_seconds'][0]} AS VARCHAR)"
        seconds = f"CAST(TRY_CAST({hours} AS DOUBLE) * 3600 AS VARCHAR)"
        columns["duration_seconds"] = (f"coalesce({seconds}, {hours})", "VARCHAR")
    if "price" in columns:
        price = f"CAST({columns['price'][0]} AS VARCHAR)"
        columns["price"] = (f"CASE WHEN lower(trim({price})) = 'free' THEN '0' ELSE {price} END", "VARCHAR")
    return {"courses": view(batch, batch.relation, columns, {"timestamp_unit": "iso", "money_unit": "yuan"})}
