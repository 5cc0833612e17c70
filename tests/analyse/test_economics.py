"""Unit economics by hand: who counts, what an order leaves, when a registration pays back."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowpay.analyse import economics

START = pd.Timestamp("2025-01-01", tz="UTC")


def company() -> SimpleNamespace:
    """Four users on two channels (a staff member among them), 100 days of records, one channel with spend."""
    days = [0, 10, 80, 0]
    users = pd.DataFrame({"user_id": list("abcs"), "channel": ["ads", "ads", "ads", "free"]})
    users["created_at"] = [START + pd.Timedelta(days=d) for d in days]
    users = users.assign(is_test=False, is_bot=False, under_14=False, is_staff=users["user_id"] == "s")
    users["deleted_at"] = pd.Series([pd.NaT] * 4, dtype="datetime64[us, UTC]")
    orders = pd.DataFrame({"user_id": ["a", "a", "a", "b", "s"], "product_id": "p"})
    orders["status"] = ["paid", "partially_refunded", "paid", "cancelled", "paid"]
    orders["net_revenue"] = [10.0, 20.0, 40.0, 80.0, 160.0]
    orders["timestamp"] = [START + pd.Timedelta(days=d) for d in (0.5, 9, 30, 12, 3)]
    market = pd.DataFrame({"entity": ["ads", "ads", "rival"], "method": ["own_spend", "own_spend", "survey"]})
    market = market.assign(metric="spend", value=[12.0, 18.0, 1000.0])
    tables = {name: ibis.memtable(t) for name, t in (("users", users), ("orders", orders), ("market", market))}
    return SimpleNamespace(**tables, observation_start=START, observation_end=START + pd.Timedelta(days=100))


def test_staff_are_no_customers():
    assert economics.customers(company())["user_id"].tolist() == ["a", "b", "c"]


def test_contributions_leave_out_what_was_not_paid_and_take_the_share():
    paid = economics.contributions(company(), share=0.5).sort_values("day")
    assert paid["amount"].tolist() == [5.0, 10.0, 20.0] and paid["day"].tolist() == [0.5, 9.0, 30.0]


def test_cohort_value_counts_only_users_watched_for_the_whole_horizon():
    value = economics.cohort_value(company(), share=1.0, horizon=30).set_index("user_id")["value"]
    assert value.to_dict() == {"a": 30.0, "b": 0.0}  # c was watched for 20 days; the order of day 30 is one too late


def test_acquisition_divides_by_registrations_and_by_payers():
    row = economics.acquisition(company()).loc["ads"]
    assert (row["spend"], row["registrations"], row["per_registration"]) == (30.0, 3, 10.0)
    assert (row["payers"], row["cac"]) == (1, 30.0)


def test_recovered_and_payback_by_hand():
    paid = economics.contributions(company(), share=1.0)
    curve = economics.recovered(paid, pd.Series(["a", "b"]), horizon=31)
    assert curve.loc[[1, 9, 10, 30, 31]].tolist() == [5.0, 5.0, 15.0, 15.0, 35.0]
    assert [economics.payback(curve, price) for price in (5, 15, 16, 36)] == [1, 10, 31, 0]


def test_recovered_ends_at_the_cohort_value():
    ds, ids = company(), pd.Series(["a", "b"])
    curve = economics.recovered(economics.contributions(ds, 1.0), ids, horizon=30)
    assert curve.iloc[-1] == economics.cohort_value(ds, 1.0, horizon=30)["value"].mean()


def test_nothing_to_average_is_an_error():
    with pytest.raises(ValueError, match="at least one value"):
        economics.mean_interval([])
    with pytest.raises(ValueError, match="at least one user"):
        economics.recovered(economics.contributions(company(), 1.0), pd.Series(dtype=str), 30)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_the_interval_holds_the_mean_and_stays_in_range(values):
    mean, low, high = economics.mean_interval(values, level=0.9)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9 and mean == pytest.approx(sum(values) / len(values))


def test_the_interval_has_the_width_of_the_theory():
    _, low, high = economics.mean_interval([0] * 80 + [1] * 20, level=0.9)
    assert high - low == pytest.approx(2 * 1.645 * (0.2 * 0.8 / 100) ** 0.5, rel=0.1)
