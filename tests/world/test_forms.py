"""The clean days that trackers export: all of them, and only days of the records.

That each tool's export of them is read back as the same tables is in tests/collect/test_round_trip.py.
"""

from __future__ import annotations

import pyarrow.compute as pc
import pytest
from knowpay.world import company, forms
from knowpay.world import settings as s

FIRST, DAYS = "2025-03-20", 2


def test_they_tell_all_events_and_orders_of_those_days(block: company.Block) -> None:
    tables = forms.days("small", 0, FIRST, DAYS).tables
    start = s.seconds(FIRST)
    for name, time in (("events", block.events["time"]), ("orders", block.orders["time"].to_numpy())):
        assert tables[name].num_rows == ((time >= start) & (time < start + DAYS * s.DAY)).sum() > 0


def test_who_acted_and_who_invited_them_is_among_the_users() -> None:
    tables = forms.days("small", 0, FIRST, DAYS).tables
    users = set(tables["users"]["user_id"].to_pylist())
    for column in (tables["events"]["user_id"], tables["orders"]["user_id"], tables["users"]["referrer_user_id"]):
        assert set(pc.drop_null(column).to_pylist()) <= users


@pytest.mark.parametrize(("first", "days"), [("2024-06-30", 1), ("2025-12-31", 2), ("2025-03-03", 0)])
def test_days_outside_the_records_are_refused(first: str, days: int) -> None:
    with pytest.raises(ValueError, match=f"549 days; {first} and {days} days lie outside"):
        forms.days("small", 0, first, days)


@pytest.mark.parametrize("block_size", [10_000, 700])
def test_purchases_know_their_orders(block_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every completed order of the log is one of the payment system's: same user, product, time and amount.

    With smaller blocks the company has three of them, which are put together.
    """
    monkeypatch.setattr(s, "BLOCK", block_size)
    tables = forms.days("small", 0, "2024-10-01", 60).tables
    events = tables["events"].to_pandas()
    bought = events[events["event"] == "order_completed"]
    same = ["order_id", "user_id", "product_id", "timestamp", "total", "currency"]
    orders = tables["orders"].to_pandas()
    assert len(bought) == len(bought[same].merge(orders[same], on=same)) >= 5
    assert events.loc[events["event"] != "order_completed", ["order_id", "total"]].isna().all(axis=None)
    assert events["message_id"].is_unique


def test_pages_name_no_product() -> None:
    events = forms.days("small", 0, FIRST, DAYS).tables["events"].to_pandas()
    assert events.loc[events["event"] == "page_viewed", "product_id"].isna().all()
