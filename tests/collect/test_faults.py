"""Each rule of the hunt on a handful of rows, and the grades by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from collect_exports import frames
from knowpay.collect import faults

AT = pd.Timestamp("2025-03-03 10:00", tz="UTC")


def arrived(**columns: list) -> pd.DataFrame:
    """Rows that arrived clean; a column replaces the default."""
    n = len(next(iter(columns.values())))
    clean = {"source_row": range(1, n + 1), "message_id": [f"m{i}" for i in range(n)], "event": "page_viewed"}
    clean |= {"user_id": None, "anonymous_id": "a", "user_agent_class": "human"}
    clean |= dict.fromkeys(("original_timestamp", "sent_at", "received_at"), AT)
    return pd.DataFrame(clean | columns)


def rows(found: pd.DataFrame) -> list[int]:
    return sorted(found["source_row"])


def test_the_copy_that_arrived_later_is_the_duplicate():
    late = AT + pd.Timedelta(hours=1)
    assert rows(faults.duplicates(arrived(message_id=["x", "x", "y"], received_at=[late, AT, AT]))) == [1]


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
        event=["page_viewed", "page_viewed", "signed_up", "page_viewed", "page_viewed", "page_viewed"],
        user_id=[None, None, None, None, "u", None],
    )
    assert rows(faults.bots(table)) == [1, 4]  # b signs up, d logs in, e has a human agent


def test_money_in_fen_is_found_in_the_raw_orders(opened):
    orders = frames()["orders"].assign(total=["19900", "89.50", "0.99"])
    assert rows(faults.wrong_money(opened(orders=orders))) == [1, 3]


def test_find_names_table_row_and_fault_and_survives_missing_stamps(opened):
    events = frames()["events"]
    ds = opened(events=pd.concat([events, events.iloc[:1]]))
    found = faults.find(ds)
    assert found[found["fault"] == "duplicate"].to_numpy().tolist() == [["events", 13, "duplicate"]]
    assert set(found["fault"]) == {"duplicate"}


def test_grades_by_hand():
    found = pd.DataFrame({"table": "events", "source_row": [1, 2, 2, 3, 9], "fault": ["bot"] * 4 + ["late"]})
    planted = pd.DataFrame({"table": "events", "source_row": [1, 2, 4, 5], "fault": ["bot"] * 3 + ["skew"]})
    grades = faults.grade(found, planted)
    assert grades.loc["bot"].tolist() == [3, 4, 2, 0.5, 2 / 3]
    assert grades.loc["late", "precision"] == 0 and grades.loc["skew", "recall"] == 0
    assert np.isnan(grades.loc["skew", "precision"])
