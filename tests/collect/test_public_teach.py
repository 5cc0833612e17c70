"""What a data set can teach is read from its rows: constants and empty columns teach nothing."""

import knowpay
import pandas as pd
import pytest
from knowpay.collect.public import teach


def orders(n: int = 300, **changes: object) -> pd.DataFrame:
    i = range(n)
    frame = {
        "order_id": [f"o{k}" for k in i],
        "user_id": [f"u{k % (n // 2)}" for k in i],
        "timestamp": [f"2025-03-{1 + k // (n // 2):02d}" for k in i],
        "status": "paid",
        "product_id": "c1",
        "total": "99.00",
        "currency": "CNY",
    }
    return pd.DataFrame(frame | changes)


def touches(n: int = 4_000, arms: tuple[str, ...] = ("control", "message"), **changes: object) -> pd.DataFrame:
    frame = {
        "touch_id": [f"t{k}" for k in range(n)],
        "campaign_id": "k",
        "user_id": [f"u{k}" for k in range(n)],
        "assigned_at": "2025-03-01",
        "assignment": "randomised",
        "variation_id": [arms[k % len(arms)] for k in range(n)],
        "propensity": f"{1 / len(arms):.4f}",
    }
    return pd.DataFrame(frame | changes)


def test_the_small_export_teaches_little(opened):
    assert not any(teach.can_teach(opened()).values())


@pytest.mark.parametrize(
    ("changes", "pay", "again"),
    [({}, True, True), ({"properties": '{"timestamp_known":false}'}, True, False), ({"total": "0"}, False, False)],
)
def test_orders_teach_payment_and_when_dated_repetition(opened, changes, pay, again):
    found = teach.can_teach(opened(orders=orders(**changes)))
    assert (found["what people pay"], found["who buys again"]) == (pay, again)


@pytest.mark.parametrize(
    ("changes", "helps", "which"),
    [
        ({}, True, False),
        ({"arms": ("control", "a", "b")}, True, True),
        ({"arms": ("a", "b")}, False, True),
        ({"assignment": "rule", "propensity": ""}, False, False),
        ({"n": 1_000}, False, False),
    ],
)
def test_only_a_lot_tells_whether_a_message_helps(opened, changes, helps, which):
    found = teach.can_teach(opened(touches=touches(**changes)))
    assert (found["whether a message helps"], found["which of several to show"]) == (helps, which)


@pytest.mark.parametrize(("who", "teaches"), [("u", True), ("v", False)])
def test_a_yes_needs_somebody_who_was_asked(opened, who, teaches):
    asked = touches(400, user_id=[f"{who}{k % 200}" for k in range(400)])
    assert teach.can_teach(opened(touches=asked, orders=orders()))["who says yes when asked"] == teaches


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        pytest.param(name, answers, marks=pytest.mark.real_data(name))
        for name, answers in {
            "oulad": {"how they learn", "who leaves, and when", "what to recommend"},
            "mooccube": {"how they learn", "what to recommend"},
            "udemy": {"what a shop asks"},
            "cdnow": {"what people pay", "who buys again"},
            "hillstrom": {
                "what people pay",
                "who says yes when asked",
                "whether a message helps",
                "which of several to show",
            },
        }.items()
    ],
)
def test_what_the_real_sets_teach(name, answers):
    found = teach.can_teach(knowpay.open(name))
    assert {question for question, yes in found.items() if yes} == answers
