"""Unit economics by hand: who counts, and what an order leaves."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from hand_made import company as written
from knowpay.analyse import economics

START = pd.Timestamp("2025-01-01", tz="UTC")


def day(number: float) -> str:
    return (START + pd.Timedelta(days=number)).isoformat()


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    """Four users on two channels (a staff member among them), 100 days of records, one channel with spend."""
    came = zip("abc", (0, 10, 80), strict=True)
    users = [{"user_id": user, "channel": "paid_search", "created_at": day(number)} for user, number in came]
    users.append({"user_id": "s", "channel": "organic", "created_at": day(0), "is_staff": True})
    sold = [("a", "paid", 0.5, 10, 0), ("a", "partially_refunded", 9, 50, 30), ("a", "paid", 30, 40, 0)]
    sold += [("b", "cancelled", 12, 80, 0), ("b", "created", 13, 80, 0), ("s", "paid", 3, 160, 0)]
    orders = pd.DataFrame(sold, columns=["user_id", "status", "timestamp", "total", "refund_total"])
    orders["timestamp"] = orders["timestamp"].map(day)
    spent = [("paid_search", "own_spend", 12), ("paid_search", "own_spend", 18), ("rival", "survey", 1000)]
    market = pd.DataFrame(spent, columns=["entity", "method", "value"])
    market = market.assign(metric="spend", geography=["north", "south", "north"])
    manifest = {"observation_start": START.isoformat(), "observation_end": day(100), "extracted_at": day(101)}
    return written(tmp_path_factory.mktemp("economics"), manifest, users=users, orders=orders, market=market)


def test_staff_are_no_customers(ds):
    assert economics.customers(ds)["user_id"].tolist() == ["a", "b", "c"]


def test_contributions_leave_out_what_was_not_paid_and_take_the_share(ds):
    paid = economics.contributions(ds, teacher_share=0.5).sort_values("day")
    assert paid["amount"].tolist() == [5.0, 10.0, 20.0] and paid["day"].tolist() == [0.5, 9.0, 30.0]


def test_cohort_value_counts_only_users_watched_for_the_whole_horizon(ds):
    value = economics.cohort_value(ds, teacher_share=0.0, horizon=30).set_index("user_id")["value"]
    assert value.to_dict() == {"a": 30.0, "b": 0.0}  # c was watched for 20 days; the order of day 30 is one too late


def test_acquisition_divides_by_registrations_and_by_payers(ds):
    row = economics.acquisition(ds).loc["paid_search"]
    assert (row["spend"], row["registrations"], row["per_registration"]) == (30.0, 3, 10.0)
    assert (row["payers"], row["cac"]) == (1, 30.0)


def test_what_a_page_reload_adds_is_counted_of_the_users_asked_about_and_in_their_first_days(monkeypatch):
    day = pd.Timestamp("2025-01-01", tz="UTC")
    users = pd.DataFrame({"user_id": ["u", "v", "w"], "created_at": [day] * 3})
    orders = {"order_id": ["1", "2", "3", "4"], "user_id": ["u", "u", "u", "w"], "contribution": [9.0, 9.0, 7.0, 5.0]}
    orders["timestamp"] = [day.replace(day=2), day.replace(day=2), day.replace(day=20), day.replace(day=2)]
    rows = pd.DataFrame({"source_file": "f", "source_row": range(4), "order_id": orders["order_id"]})
    monkeypatch.setattr(
        economics.faults, "reloads", lambda ds: rows.loc[1:, ["source_file", "source_row"]]
    )  # 2, 3 and 4
    monkeypatch.setattr(economics.faults, "exported", lambda ds, table, columns: rows)
    monkeypatch.setattr(economics.money, "contributions", lambda ds, share: ibis.memtable(pd.DataFrame(orders)))
    ds = SimpleNamespace(users=ibis.memtable(users))
    found = economics.sent_twice(ds, pd.Index(["u", "v"]), 10, 0.3)
    assert found == pytest.approx(9 / 2)  # 3 came late, 4 is another's


def test_recovered_and_payback_by_hand(ds):
    paid = economics.contributions(ds, teacher_share=0.0)
    curve = economics.recovered(paid, pd.Series(["a", "b"]), horizon=31)
    assert curve.loc[[1, 9, 10, 30, 31]].tolist() == [5.0, 5.0, 15.0, 15.0, 35.0]
    assert [economics.payback(curve, price) for price in (5, 15, 16, 36)] == [1, 10, 31, 0]


def test_recovered_ends_at_the_cohort_value(ds):
    ids = pd.Series(["a", "b"])
    curve = economics.recovered(economics.contributions(ds, 0.0), ids, horizon=30)
    assert curve.iloc[-1] == economics.cohort_value(ds, 0.0, horizon=30)["value"].mean()


def test_nobody_to_average_is_an_error(ds):
    with pytest.raises(ValueError, match="at least one user"):
        economics.recovered(economics.contributions(ds, 0.0), pd.Series(dtype=str), 30)
