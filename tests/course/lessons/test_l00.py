"""Lesson 00 by hand: what was recovered by a day, and when a registration pays back."""

from __future__ import annotations

import pandas as pd
import pytest
from hand_made import company as written
from knowpay.analyse import economics
from knowpay_course.lessons import l00

START = pd.Timestamp("2025-01-01", tz="UTC")


def day(number: float) -> str:
    return (START + pd.Timedelta(days=number)).isoformat()


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    """Two users; what a bought is half an hour, nine and thirty days after the registration."""
    users = [{"user_id": user, "created_at": day(number)} for user, number in zip("ab", (0, 10), strict=True)]
    sold = [("a", 0.5, 10, 0), ("a", 9, 50, 30), ("a", 30, 40, 0)]
    orders = pd.DataFrame(sold, columns=["user_id", "timestamp", "total", "refund_total"])
    orders = orders.assign(status="paid", timestamp=orders["timestamp"].map(day))
    manifest = {"observation_start": START.isoformat(), "observation_end": day(100), "extracted_at": day(101)}
    return written(tmp_path_factory.mktemp("economics"), manifest, users=users, orders=orders)


def test_recovered_and_payback_by_hand(ds):
    paid = economics.contributions(ds, teacher_share=0.0)
    curve = l00.recovered(paid, pd.Series(["a", "b"]), horizon=31)
    assert curve.loc[[1, 9, 10, 30, 31]].tolist() == [5.0, 5.0, 15.0, 15.0, 35.0]
    assert [l00.payback(curve, price) for price in (5, 15, 16, 36)] == [1, 10, 31, 0]


def test_recovered_ends_at_the_cohort_value(ds):
    ids = pd.Series(["a", "b"])
    curve = l00.recovered(economics.contributions(ds, 0.0), ids, horizon=30)
    assert curve.iloc[-1] == economics.cohort_value(ds, 0.0, horizon=30)["value"].mean()


def test_nobody_to_average_is_an_error(ds):
    with pytest.raises(ValueError, match="at least one user"):
        l00.recovered(economics.contributions(ds, 0.0), pd.Series(dtype=str), 30)
