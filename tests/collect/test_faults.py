"""Each rule of the hunt on a handful of rows, and the grades by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from collect_exports import frames
from knowpay.collect import faults

AT = pd.Timestamp("2025-03-03 10:00", tz="UTC")


def arrived(**columns: list) -> pd.DataFrame:
    """Rows that arrived clean; a column replaces the default."""
    n = len(next(iter(columns.values())))
    clean = {
        "source_file": "e",
        "source_row": range(1, n + 1),
        "message_id": [f"m{i}" for i in range(n)],
        "event": "page_viewed",
    }
    clean |= {"user_id": None, "anonymous_id": "a", "user_agent_class": "human"}
    clean |= dict.fromkeys(("original_timestamp", "sent_at", "received_at"), AT)
    return pd.DataFrame(clean | columns)


def rows(found: pd.DataFrame) -> list[int]:
    return sorted(found["source_row"])


def test_the_copy_that_arrived_later_is_the_duplicate():
    late = AT + pd.Timedelta(hours=1)
    assert rows(faults.duplicates(arrived(message_id=["x", "x", "y"], received_at=[late, AT, AT]))) == [1]


def test_rows_without_an_id_are_no_copies_of_each_other():
    assert rows(faults.duplicates(arrived(message_id=[None, None, "y"]))) == []


def test_a_clock_is_judged_by_the_median_of_its_device():
    off = [pd.Timedelta(minutes=m) for m in (0, 0, 300, -11, -11)]
    table = arrived(anonymous_id=list("aaabb"), received_at=[AT + d for d in off])
    assert rows(faults.wrong_clocks(table)) == [4, 5]


def test_late_is_what_waited_on_the_device_whatever_its_clock():
    sent = [AT + pd.Timedelta(minutes=m) for m in (60, 61)]
    assert rows(faults.late(arrived(sent_at=sent))) == [2]


def test_a_bot_shows_all_three_signs_on_every_event():
    table = arrived(
        anonymous_id=list("abbcde"),
        user_agent_class=["unknown"] * 5 + ["human"],
        event=["page_viewed", "page_viewed", "signed_up", "product_viewed", "page_viewed", "page_viewed"],
        user_id=[None, None, None, None, "u", None],
    )
    assert rows(faults.bots(table)) == [1, 4]  # b signs up, d logs in, e has a human agent


def test_a_machine_with_a_human_agent_is_known_by_its_speed():
    n = faults.PAGES_AN_HOUR + 1
    table = arrived(anonymous_id=["crawler"] * n + ["reader"] * n, event="product_viewed")
    calm = AT.floor("h") + pd.to_timedelta(np.arange(n) * 2, unit="min")  # thirty pages an hour
    table.loc[n:, "original_timestamp"] = calm
    assert rows(faults.bots(table)) == list(range(1, n + 1))
    assert rows(faults.bots(table.assign(user_id="u"))) == []


def test_money_in_fen_is_found_in_the_raw_orders(opened):
    orders = frames()["orders"].assign(total=["19900", "89.50", "0.99"])
    assert rows(faults.wrong_money(opened(orders=orders))) == [1, 3]


def test_an_export_declared_in_fen_accuses_only_what_is_not_in_fen(opened):
    tables = frames()
    courses = tables["courses"].assign(price=["19900", "9900"])
    orders = tables["orders"].assign(
        total=["19900", "89", "9900"], discount="0", fee="0", refund_total=["", "", "9900"]
    )
    ds = opened(manifest={"money_unit": "fen"}, courses=courses, orders=orders)
    assert faults.wrong_money(ds)["source_row"].tolist() == [2]


def test_a_discount_is_no_other_unit(opened):
    orders = frames()["orders"].assign(subtotal=["199.00", "99.00", "9900"], total=["0.01", "89.50", "9900"])
    assert rows(faults.wrong_money(opened(orders=orders))) == [3]


def test_a_second_order_within_ten_minutes_is_a_reload(opened):
    orders = pd.concat([frames()["orders"].iloc[[0]]] * 5, ignore_index=True)
    orders["order_id"] = ["o1", "o1", "o2", "o3", "o4"]
    minutes = pd.to_timedelta([0, 0, 9, 30, 35], unit="min")
    orders["timestamp"] = [(AT + m).isoformat() for m in minutes]
    orders.loc[4, "product_id"] = "c2"
    assert rows(faults.reloads(opened(orders=orders))) == [3]  # o1 again is a copy, o3 too late, o4 another course


def test_what_waits_is_worth_a_hundredth_if_it_is_in_fen(opened):
    orders = frames()["orders"].assign(order_id=["o1", None, "o3"], total=["19900", "89.50", "-99.00"])
    found = faults.waiting(opened(orders=orders))
    assert found[["source_row", "amount"]].to_numpy().tolist() == [[1, 199.0], [2, 89.5]]
    assert faults.waiting(opened(orders=orders.iloc[:0].assign(order_id="o"))).empty


def test_find_names_table_row_and_fault_and_survives_missing_stamps(opened):
    events = frames()["events"]
    ds = opened(events=pd.concat([events, events.iloc[:1]]))
    found = faults.find(ds)
    assert found[found["fault"] == "duplicate"].to_numpy().tolist() == [["events", "events.csv", 13, "duplicate"]]
    assert set(found["fault"]) == {"duplicate"}


def test_the_same_row_of_another_file_is_another_row(opened):
    first = frames()["events"]
    ds = opened(events=None, **{"events/part-0": first, "events/part-1": first.iloc[:1]})
    found = faults.find(ds)
    assert found[["source_file", "source_row"]].to_numpy().tolist() == [["events/part-1.csv", 1]]
    assert faults.arrivals(ds).loc[[12], "source_file"].item() == "events/part-1.csv"


def test_grades_by_hand():
    place = {"table": "events", "source_file": "e"}
    found = pd.DataFrame(place | {"source_row": [1, 2, 2, 3, 9], "fault": ["bot"] * 4 + ["late"]})
    planted = pd.DataFrame(place | {"source_row": [1, 2, 4, 5, 1], "fault": ["bot"] * 3 + ["skew", "late"]})
    grades = faults.grade(found, planted)
    assert grades.loc["bot"].tolist() == [3, 3, 2, 2 / 3, 2 / 3]
    assert grades.loc["late", "precision"] == 0 and grades.loc["skew", "recall"] == 0
    assert np.isnan(grades.loc["skew", "precision"])
    elsewhere = faults.grade(found, planted.assign(source_file="f"))
    assert elsewhere["right"].sum() == 0


@pytest.mark.parametrize("kind", ["str", "category"])
def test_ids_that_come_again_are_found_and_none_is_no_id(kind):
    ids = pd.Series(["a", None, "b", "a", None, "c", "b", "b", ""], dtype=kind)
    events = pd.DataFrame({"message_id": ids, "received_at": pd.date_range("2025-03-01", periods=9)[::-1]})
    events = events.assign(source_file="events.csv", source_row=range(1, 10))
    assert sorted(faults.duplicates(events)["source_row"]) == [1, 3, 7]  # the latest to arrive; the original stays
    assert faults.duplicates(events.iloc[:0]).empty
