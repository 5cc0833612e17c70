"""Days: what happened on some days of a company, clean; the common source of all forms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .. import behaviour, export
from .. import settings as s
from ..columns import labels, numbered
from ..company import Company, device_ids, found
from ..learning import DONE
from ..people import DEVICES


@dataclass(frozen=True)
class Days:
    """What happened on some days: the manifest's declarations and the tables users, courses, events and orders.

    Users are those of the events and orders and whoever invited them. An event that completes an order carries
    ``order_id``, ``total`` (yuan) and ``currency`` beside the canonical columns.
    """

    manifest: dict
    tables: dict[str, pa.Table]


def days(size: str, seed: int, first: str, number: int, **knobs: float) -> Days:
    """Return the clean records of ``number`` days from ``first``, a date in the company's time zone.

    Raises ValueError for an unknown size or knob, or days outside the records.
    """
    start, end = _window(first, number)
    company = found(size, seed, **knobs)
    orders = _orders(company, start, end)
    events = _with_orders(_events(company, start, end), orders)
    users = _known(export.users_table(company), end)
    named = set(events["user_id"].dropna()) | set(orders["user_id"].to_pylist())
    window = [(s.START + pd.Timedelta(seconds=t)).isoformat() for t in (start, end)]
    tables = {
        "users": users.filter(pc.is_in(users["user_id"], pa.array(sorted(_and_inviters(users, named))))),
        "courses": export.courses_table(company),
        "events": _events_table(events),
        "orders": orders,
    }
    declared = dict(zip(("observation_start", "observation_end"), window, strict=True))
    return Days(export.manifest(company) | declared, tables)


def _window(first: str, number: int) -> tuple[float, float]:
    """Begin and end of the days in seconds since START; ValueError for days outside the records."""
    start = s.seconds(first)
    end = start + number * s.DAY
    if not (start >= 0 and number > 0 and end <= s.DAYS * s.DAY):
        raise ValueError(
            f"The records run from {s.START.date()} for {s.DAYS} days; {first} and {number} days lie outside."
        )
    return start, end


def _orders(company: Company, start: float, end: float) -> pa.Table:
    """The payment system's orders of the days, without its faults, in order of time."""
    parts = []
    for block in company.blocks():
        clean = block.orders.assign(number=np.arange(len(block.orders)), has_id=True, label=block.orders["order_type"])
        clean = clean[(clean["time"] >= start) & (clean["time"] < end)]
        parts.append(export.orders_table(company, block, clean.reset_index(drop=True)))
    return pa.concat_tables(parts, promote_options="permissive").sort_by([("timestamp", "ascending")])


def _events(company: Company, start: float, end: float) -> pd.DataFrame:
    """The events of the days with ids as text and the time in milliseconds since 1970."""
    parts = []
    for block in company.blocks():
        inside = (block.events["time"] >= start) & (block.events["time"] < end)
        parts.append(pd.DataFrame({name: values[inside] for name, values in block.events.items()}))
    events = pd.concat(parts, ignore_index=True)
    events = events.sort_values(["time", "user", "event"], kind="stable", ignore_index=True)
    user, lesson = events["user"].to_numpy(), events["lesson"].to_numpy()
    known = events["logged_in"].to_numpy() | (events["event"] == behaviour.CODE["signed_up"]).to_numpy()
    device = np.where(events["second"], DEVICES.index("web"), company.users["device"].to_numpy()[user])
    return pd.DataFrame(
        {
            "event": np.array(behaviour.EVENTS)[events["event"]],
            "ms": np.rint(events["time"].to_numpy() * 1000).astype(np.int64) + s.START.value // 1_000_000,
            "user_id": labels(np.where(known, user, -1), company.user_ids).to_pylist(),
            "anonymous_id": device_ids(2 * user + events["second"].to_numpy()).to_pylist(),
            "product_id": labels(events["course"], company.product_ids).to_pylist(),
            "lesson_id": numbered("l", np.maximum(lesson, 0), 3, lesson <= 0).to_pylist(),
            "progress": np.where(events["event"] == behaviour.CODE["course_completed"], DONE, np.nan),
            "platform": np.array(DEVICES)[device],
        }
    )


def _with_orders(events: pd.DataFrame, orders: pa.Table) -> pd.DataFrame:
    """The events; those that complete an order have its ``order_id`` and ``total``, the others null."""
    same = ["user_id", "product_id", "ms"]
    bought = orders.select(["order_id", "user_id", "product_id", "total"]).to_pandas()
    bought["ms"] = orders["timestamp"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
    bought = bought.drop_duplicates(same).assign(event="order_completed")
    return events.merge(bought, "left", ["event", *same])


def _known(users: pa.Table, end: float) -> pa.Table:
    """One row per user: the last word on consent by the end of the days."""
    since = pc.cast(users["updated_at"], pa.int64()).to_numpy() / 1_000_000 - s.START.timestamp()
    at = pd.Series(users["user_id"].to_pandas())[since < end].drop_duplicates(keep="last").index
    return users.take(pa.array(at.to_numpy())).drop_columns("updated_at")


def _and_inviters(users: pa.Table, named: set[str]) -> set[str]:
    """The users named, who invited them, who invited those, and so on."""
    inviter = dict(zip(users["user_id"].to_pylist(), users["referrer_user_id"].to_pylist(), strict=True))
    wanted = new = named
    while new := {inviter[user] for user in new} - wanted - {None}:
        wanted = wanted | new
    return wanted


def _events_table(rows: pd.DataFrame) -> pa.Table:
    bought = rows["order_id"].notna().to_numpy()
    return pa.table(
        {
            "message_id": numbered("m", np.arange(len(rows)), 8),
            "event": pa.array(rows["event"], pa.string()),
            "timestamp": pa.array(rows["ms"].to_numpy() * 1000).cast(pa.timestamp("us", tz="UTC")),
            **{n: pa.array(rows[n], pa.string()) for n in ("user_id", "anonymous_id", "product_id", "lesson_id")},
            "progress": pa.array(rows["progress"].to_numpy(), from_pandas=True),
            "platform": pa.array(rows["platform"], pa.string()),
            "order_id": pa.array(rows["order_id"], pa.string()),
            "total": pa.array(rows["total"], from_pandas=True),
            "currency": pa.array(np.full(len(rows), "CNY", dtype=object), pa.string(), mask=~bought),
        }
    )
