"""Faults of tracking: rules that find retried events, wrong clocks, late arrivals, bots, wrong money, doubled orders.

Each rule looks at the export as it came (``ds.raw``), names the rows it suspects and changes none. The catalogue of
the course gives each failure's evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from knowpay.collect import compact
from knowpay.collect.schema import UNPAID

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from knowpay.collect.dataset import Dataset

CLOCK_MINUTES = 10  # a device clock further off than this is wrong
LATE_HOURS = 1  # an event that takes longer than this to arrive was kept offline
MONEY_FACTOR = 20  # an order that was this far from the list price before its discount is in another unit
PAGES_AN_HOUR = 60  # a device that opens more pages than this in one hour, and never logs in, is a machine
PAGES = ["page_viewed", "product_viewed"]
RELOAD_SECONDS = 600  # a second order of the same product so soon after the first is a page reload
HUNTED = ("duplicate", "skew", "late", "bot", "fen", "reloaded_order")
ROW = ["source_file", "source_row"]


def find(ds: Dataset, events: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return ``table, source_file, source_row, fault`` of every suspected row; a row may have several faults.

    A file and a row together name a row, as in ``ds.raw``: an export may come in many files. ``events`` are the
    `arrivals`, where they have been read already.
    """
    events = arrivals(ds) if events is None else events
    rules = {"duplicate": duplicates, "skew": wrong_clocks, "late": late, "bot": bots}
    parts = [rule(events).assign(table="events", fault=fault) for fault, rule in rules.items()]
    parts.append(wrong_money(ds).assign(table="orders", fault="fen"))
    parts.append(reloads(ds).assign(table="orders", fault="reloaded_order"))
    found = pd.concat([part.astype({"source_file": "str"}) for part in parts], ignore_index=True)
    return found[["table", *ROW, "fault"]]


def arrivals(ds: Dataset) -> pd.DataFrame:
    """Return the raw events with the columns the rules need, times as UTC, in order of files and rows.

    A rule returns the names of some of these rows (``source_file, source_row``) and keeps their index, so that
    ``events.loc[bots(events).index]`` are the rows themselves. Texts that repeat are categorical (`compact.frame`).
    """
    times = ["original_timestamp", "sent_at", "received_at"]
    texts = ["message_id", "event", "user_id", "anonymous_id", "user_agent_class"]
    return _in_order(compact.frame(_files(ds, "events", [*texts, *times]), times))


def exported(ds: Dataset, table: str, columns: list[str]) -> pd.DataFrame:
    """Return columns of an exported table as text, in order of files and rows; one that it lacks is empty."""
    return _in_order(pd.concat([part.to_pandas() for part in _files(ds, table, columns)], ignore_index=True))


def _files(ds: Dataset, table: str, columns: list[str]) -> list[Table]:
    """The rows of each file of a table, files in order, with `ROW` and the columns."""
    raw = ds.raw(table)
    found = raw.select(*[raw[c] if c in raw.columns else ibis.null("string").name(c) for c in [*ROW, *columns]])
    batches = ds.report.batches
    files = sorted(batches.loc[batches["table"] == table, "file"])
    return [found.filter(found.source_file == name) for name in files]


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of files one after the other; sorted if those of a file should not come as they stand in it."""
    back = (rows["source_row"].diff() < 0) & (rows["source_file"] == rows["source_file"].shift())
    return rows.sort_values(ROW, ignore_index=True) if back.any() else rows


def duplicates(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose message id has arrived before; the earliest arrival is the original.

    Rows without a message id cannot be told apart this way and accuse nobody.
    """
    again = _comes_again(events["message_id"])
    order = events.loc[again, ["message_id", "received_at", *ROW]].sort_values(["received_at", *ROW])
    return order.loc[order.duplicated("message_id"), ROW]


def _comes_again(texts: pd.Series) -> np.ndarray:
    """Whether each text stands there more than once: by hashes first, a table of all texts takes twice the memory."""
    import duckdb
    import pyarrow as pa

    with duckdb.connect() as con:
        con.register("texts", pa.table({"text": pa.array(texts)}))
        numbers = con.execute("SELECT hash(text) AS number FROM texts").fetchnumpy()["number"]
    found = np.sort(numbers)
    again = np.isin(numbers, found[1:][found[1:] == found[:-1]]) & texts.notna().to_numpy()
    again[again] = texts[again].duplicated(keep=False)
    return again


def wrong_clocks(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows of devices whose clock is off: at sending, the device and the receiver should agree.

    The device's median of ``received - sent`` decides, so that one slow delivery condemns nobody.
    """
    off = (events["received_at"] - events["sent_at"]).dt.total_seconds()
    typical = off.groupby(events["anonymous_id"]).transform("median")
    return events.loc[typical.abs() > CLOCK_MINUTES * 60, ROW]


def late(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows that waited on the device: sent long after they happened, both by the device's own clock."""
    waited = (events["sent_at"] - events["original_timestamp"]).dt.total_seconds()
    return events.loc[waited > LATE_HOURS * 3600, ROW]


def bots(events: pd.DataFrame) -> pd.DataFrame:
    """Return rows of devices that never log in nor do anything but open pages: as an unknown agent, or at great speed.

    A curious person does so too at times; the rule asks for the signs on every event of the device (and for more than
    `PAGES_AN_HOUR` pages in one hour where the agent calls itself human). A source without agents has only the speed.
    """
    device = pd.factorize(events["anonymous_id"])[0]  # -1 is none

    def device_has(rows: pd.Series) -> np.ndarray:
        """Whether the device of each event has one of the rows."""
        found = np.zeros(device.max(initial=-1) + 2, bool)
        found[device[rows]] = True
        return found[device]

    stranger = (device >= 0) & ~device_has(events["user_id"].notna() | ~events["event"].isin(PAGES))
    known = device_has(events["user_agent_class"] != "unknown")
    hour = events.loc[stranger, "original_timestamp"].dt.floor("h")
    hours = hour.groupby([device[stranger], hour]).size()
    fast = hours.index[hours > PAGES_AN_HOUR].get_level_values(0)
    machine = stranger & (~known | np.isin(device, fast))
    return events.loc[machine, ROW]


def declared_unit(ds: Dataset) -> int:
    """Return how many of the export's units of money make a major unit, as its manifest declares: 1, or 100 fen."""
    return 100 if ds.manifest["money_unit"] == "fen" else 1


def wrong_money(ds: Dataset) -> pd.DataFrame:
    """Return orders whose amount is far from the list price of their product: fen read as yuan, or the reverse.

    The amount is that before the discount: the subtotal, or the total where the source has none.
    """
    raw = exported(ds, "orders", ["product_id", "subtotal", "total"])
    amount = pd.to_numeric(raw["subtotal"].fillna(raw["total"]), errors="coerce")
    price = ds.courses.select("product_id", "price").to_pandas().set_index("product_id")["price"]
    ratio = amount / declared_unit(ds) / raw["product_id"].map(price)
    off = (ratio >= MONEY_FACTOR) | ((ratio <= 1 / MONEY_FACTOR) & (ratio > 0))
    return raw.loc[off, ROW]


def reloads(ds: Dataset) -> pd.DataFrame:
    """Return orders of a product that the person had ordered, under another id, in the `RELOAD_SECONDS` before."""
    raw = _paid(exported(ds, "orders", ["order_id", "user_id", "product_id", "timestamp", "total", "status"]))
    raw["timestamp"] = pd.to_datetime(raw["timestamp"], utc=True, format="ISO8601", errors="coerce")
    paid = raw[(pd.to_numeric(raw["total"], errors="coerce") > 0) & raw["product_id"].notna()]
    copy = paid["order_id"].notna() & paid.duplicated("order_id")  # the same id twice is no second order
    paid = paid[~copy].sort_values(["timestamp", *ROW])
    wait = paid.groupby(["user_id", "product_id"])["timestamp"].diff().dt.total_seconds()
    return paid.loc[wait <= RELOAD_SECONDS, ROW]


def waiting(ds: Dataset) -> pd.DataFrame:
    """Return the orders that wait in quarantine and their money: ``source_file, source_row, amount`` (major units).

    An amount that the door took for fen is divided by 100. Rows without a positive total (a refund sent as an order)
    are no orders and are left out, and so are those that nobody paid.
    """
    held = ds.quarantine.filter(ds.quarantine["table"] == "orders").select(*ROW, "rule").to_pandas()
    held = held.assign(fen=held["rule"] == "money_unit").groupby(ROW, as_index=False)["fen"].any()
    rows = held.merge(_paid(exported(ds, "orders", ["total", "status"])), on=ROW)
    amount = pd.to_numeric(rows["total"], errors="coerce") / declared_unit(ds) / rows["fen"].map({True: 100, False: 1})
    return rows.assign(amount=amount.astype(float))[[*ROW, "amount"]][amount > 0].reset_index(drop=True)


def _paid(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the exported orders but for those whose status, in the canonical words, says that nobody paid."""
    return orders[~orders["status"].isin(UNPAID)]


def grade(found: pd.DataFrame, planted: pd.DataFrame) -> pd.DataFrame:
    """Return for each of the faults `HUNTED`: ``planted, found, right, precision, recall``.

    Both tables are as `find` returns them; a row may carry several faults, a line for each. A fault that is hunted by
    nobody is left out.
    """
    keys = ["table", *ROW, "fault"]
    found, planted = found[keys].drop_duplicates(), planted[keys].drop_duplicates()
    right = found.merge(planted, on=keys)
    counts = pd.DataFrame(
        {n: t.groupby("fault").size() for n, t in (("planted", planted), ("found", found), ("right", right))}
    )
    counts = counts.reindex(HUNTED).fillna(0).astype(int)
    precision, recall = counts["right"] / counts["found"], counts["right"] / counts["planted"]
    return counts.assign(precision=precision, recall=recall)
