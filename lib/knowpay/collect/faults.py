"""Faults of tracking: rules that find retried events, wrong clocks, late arrivals, bots and money in the wrong unit.

Each rule looks at the export as it came (``ds.raw``), names the rows it suspects and changes none. The catalogue of
the course gives each failure's evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import pandas as pd

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

CLOCK_MINUTES = 10  # a device clock further off than this is wrong
LATE_HOURS = 1  # an event that takes longer than this to arrive was kept offline
MONEY_FACTOR = 20  # an order this far from the list price is in another unit


def find(ds: Dataset) -> pd.DataFrame:
    """Return ``table, source_row, fault`` of every suspected row; a row may be suspected of several faults."""
    events = arrivals(ds)
    rules = {"duplicate": duplicates, "skew": wrong_clocks, "late": late, "bot": bots}
    parts = [rule(events).assign(table="events", fault=fault) for fault, rule in rules.items()]
    parts.append(wrong_money(ds).assign(table="orders", fault="fen"))
    return pd.concat(parts, ignore_index=True)[["table", "source_row", "fault"]]


def arrivals(ds: Dataset) -> pd.DataFrame:
    """Return the raw events with the columns the rules need, times as UTC, in order of rows."""
    raw = ds.raw("events")
    wanted = ["source_row", "message_id", "event", "user_id", "anonymous_id", "user_agent_class"]
    times = ["original_timestamp", "sent_at", "received_at"]
    columns = [raw[c] if c in raw.columns else ibis.null("string").name(c) for c in wanted + times]
    table = raw.select(*columns).to_pandas().sort_values("source_row", ignore_index=True)
    for name in times:
        table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601", errors="coerce")
    return table


def duplicates(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose message id has arrived before; the earliest arrival is the original."""
    order = events.sort_values(["received_at", "source_row"])
    return order.loc[order.duplicated("message_id"), ["source_row"]]


def wrong_clocks(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows of devices whose clock is off: at sending, the device and the receiver should agree.

    The device's median of ``received - sent`` decides, so that one slow delivery condemns nobody.
    """
    off = (events["received_at"] - events["sent_at"]).dt.total_seconds()
    typical = off.groupby(events["anonymous_id"]).transform("median")
    return events.loc[typical.abs() > CLOCK_MINUTES * 60, ["source_row"]]


def late(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows that waited on the device: sent long after they happened, both by the device's own clock."""
    waited = (events["sent_at"] - events["original_timestamp"]).dt.total_seconds()
    return events.loc[waited > LATE_HOURS * 3600, ["source_row"]]


def bots(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows of devices that never do anything but view pages, as an unknown agent, and never log in.

    A curious person does so too at times; the rule asks for all three signs on every event of the device, and a source
    that does not name the agent accuses nobody.
    """
    human = events["user_id"].notna() | (events["event"] != "page_viewed") | (events["user_agent_class"] != "unknown")
    seen = set(events.loc[human, "anonymous_id"])
    return events.loc[events["anonymous_id"].notna() & ~events["anonymous_id"].isin(seen), ["source_row"]]


def wrong_money(ds: Dataset) -> pd.DataFrame:
    """Return orders whose total is far from the list price of their product: fen read as yuan, or the reverse."""
    raw = ds.raw("orders").select("source_row", "product_id", "total").to_pandas()
    price = ds.courses.select("product_id", "price").to_pandas().set_index("product_id")["price"]
    ratio = pd.to_numeric(raw["total"], errors="coerce") / raw["product_id"].map(price)
    off = (ratio >= MONEY_FACTOR) | ((ratio <= 1 / MONEY_FACTOR) & (ratio > 0))
    return raw.loc[off, ["source_row"]]


def grade(found: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Return by fault: ``planted, found, right, precision, recall``. Both tables have ``table, source_row, fault``."""
    keys = ["table", "source_row", "fault"]
    right = found[keys].drop_duplicates().merge(planted[keys].drop_duplicates(), on=keys)
    counts = pd.DataFrame(
        {n: t.groupby("fault").size() for n, t in (("planted", planted), ("found", found), ("right", right))}
    )
    counts = counts.fillna(0).astype(int)
    precision, recall = counts["right"] / counts["found"], counts["right"] / counts["planted"]
    return counts.assign(precision=precision, recall=recall)
