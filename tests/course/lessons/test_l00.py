"""Lesson 00 by hand: the truth of its claims."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from hand_made import company as written
from knowpay import estimate
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


@pytest.fixture(scope="module")
def truth():
    """A yuan of list price leaves half, a message costs 1; it adds .1 and .02 to quiet people, takes .1 off others."""
    hidden = [0.1, 0.1, 0.3, 0.3]
    chances = pd.DataFrame({"touch_id": list("wxyz"), "p_control": hidden, "p_message": [0.2, 0.12, 0.2, 0.2]})
    orders = {"order_id": ["o0", "o1", "o2"], "membership": [False, True, False]}
    orders = pd.DataFrame(orders | {"leaves": [40.0, 9.0, 10.0], "listed": [60.0, 9.0, 40.0]})
    months = pd.DataFrame({"membership_id": ["m", "n"], "hazard": [0.25, 0.5]})
    return SimpleNamespace(touches=chances, orders=orders, memberships=months, info={"message_cost": 1.0})


@pytest.fixture
def listed():
    rows = {"touch_id": list("zyxw"), "activity": pd.Categorical(["high", "high", "low", "low"], ["low", "high"])}
    return pd.DataFrame(rows | {"price": 100.0, "gain": 7.0, "second": True, "planned": [False, False, True, True]})


def test_the_truth_of_each_claim_by_hand(truth, listed):
    found = l00.planted(truth, listed, pd.DataFrame({"membership_id": ["m", "n"]}), teacher_share=0.0)
    assert found == pytest.approx(
        {
            "effect of the message": -2.0,
            "effect among quiet users": 6.0,
            "gain per message": -2.0,
            "gain, quiet users over active ones": 8.0,
            "gain per message of the plan": 2.0,
            "first renewal": 62.5,
            "what remains of a yuan": 50.0,
        }
    )
    nobody = l00.planted(truth, listed.assign(planned=False), pd.DataFrame({"membership_id": []}), 0.0)
    assert set(found) - set(nobody) == {"gain per message of the plan", "first renewal"}


def test_a_plan_is_measured_by_the_best_choice_of_groups(truth, listed):
    assert l00.plan_share(truth, listed, 0.0) == 100
    assert l00.plan_share(truth, listed.assign(planned=True), 0.0) == -200
    assert l00.plan_share(truth, listed.assign(planned=[False, False, True, False]), 0.0) == 0


def test_the_ledger_knows_what_orders_left(ds, truth, monkeypatch):
    monkeypatch.setattr(l00.economics, "sent_twice", lambda ds, users, days, share: 0.25 * (set(users) == {"a", "b"}))
    raw = ds.orders.select("order_id", "total").to_pandas()
    books = SimpleNamespace(orders=pd.DataFrame({"order_id": raw["order_id"], "leaves": raw["total"] / 2}))
    mature = pd.DataFrame({"user_id": ["a", "b"]})
    assert l00.ledger_value(ds, books, mature, teacher_share=0.5, horizon=30) == (10 + 50) / 2 / 2 / 2 + 0.25


def test_what_remains_is_certain_when_no_order_waits(tmp_path):
    sold = {"order_id": ["o1", "o2", "o3"], "user_id": "a", "product_id": "c", "total": [40.0, 60.0, 0.01]}
    orders = pd.DataFrame(sold | {"status": "paid", "timestamp": day(3)})
    courses = [{"product_id": "c", "price": 100.0}]
    ds = written(tmp_path, users=[{"user_id": "a", "created_at": day(0)}], courses=courses, orders=orders)
    all_there, half = (l00.rate_estimate(ds, 0.0, waiting) for waiting in (0, 2))
    assert all_there.value == half.value == pytest.approx(50) and all_there.error == 0
    assert half.error == pytest.approx(100 * (10**2 + 10**2) ** 0.5 / 200 * 0.5**0.5)


def test_two_estimates_apart():
    found = l00.apart(estimate.from_error(3, 3), estimate.from_error(1, 4))
    assert found.value == 2 and found.error == 5
