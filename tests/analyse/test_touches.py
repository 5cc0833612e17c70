"""Touch outcomes: whose lot counts, the window, the odds of the lots, and the difference of two arms."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from knowpay.analyse import touches

NOON = pd.Timestamp("2025-03-10 12:00", tz="UTC")


def company(**columns: list) -> SimpleNamespace:
    """Two people in each of the campaigns named in ``columns``; by default one fair campaign."""
    n = len(next(iter(columns.values()), [0, 0]))
    sent = {"touch_id": [f"t{i}" for i in range(n)], "campaign_id": "k1", "user_id": [f"u{i}" for i in range(n)]}
    sent |= {"assigned_at": NOON, "assignment": "randomised", "variation_id": ["message", "control"] * (n // 2)}
    sent |= {"propensity": 0.5, "cost": [0.2, None] * (n // 2), "creative": "c1"}
    orders = [("u0", "c1", 1, "paid"), ("u1", "c1", 15, "paid"), ("u1", "c2", 1, "paid"), ("u1", "c1", 1, "cancelled")]
    orders = pd.DataFrame(orders, columns=["user_id", "product_id", "timestamp", "status"])
    events = pd.DataFrame({"user_id": ["u0", "u0", "u0"], "timestamp": [-1, -61, 1], "event": "page_viewed"})
    frames = {
        "touches": pd.DataFrame(sent | columns).astype({"propensity": float}),
        "orders": orders.assign(timestamp=NOON + pd.to_timedelta(orders["timestamp"], unit="D")),
        "events": events.assign(timestamp=NOON + pd.to_timedelta(events["timestamp"], unit="D")),
        "courses": pd.DataFrame({"product_id": ["c1"], "price": [99.0]}),
    }
    tables = {name: ibis.memtable(frame) for name, frame in frames.items()}
    return SimpleNamespace(**tables, observation_end=NOON + pd.Timedelta(days=14))


def test_what_was_bought_and_seen_in_the_windows() -> None:
    found = touches.outcomes(company()).set_index("user_id")
    assert found["bought"].to_dict() == {"u0": True, "u1": False}
    assert found["visits"].to_dict() == {"u0": 1, "u1": 0}
    assert found["cost"].to_dict() == {"u0": 0.2, "u1": 0.0}
    assert touches.outcomes(company(assigned_at=[NOON + pd.Timedelta(seconds=1)] * 2)).empty


def test_propensity_is_that_of_the_message_in_both_arms() -> None:
    found = touches.outcomes(company(propensity=[0.9, 0.1]))  # as exported: of the arm drawn
    assert found["propensity"].tolist() == pytest.approx([0.9, 0.9])


@pytest.mark.parametrize(
    "change",
    [
        {"assignment": ["rule"] * 2, "propensity": [None] * 2},
        {"assignment": ["unknown"] * 2, "propensity": [None] * 2},
        {"assignment": ["cluster_randomised"] * 2},
        {"propensity": [None, None]},
        {"propensity": [1.0, 0.0]},
        {"variation_id": ["message", "message"]},  # exported without its controls
        {"variation_id": ["control", "another"]},
    ],
)
def test_a_campaign_without_a_lot_or_without_both_arms_is_left_out(change: dict) -> None:
    two = {name: ["k1"] * 2 + ["k2"] * 2 for name in ("campaign_id",)}
    usual = {"assignment": ["stratified"] * 2, "propensity": [0.3, 0.7], "variation_id": ["message", "control"]}
    columns = {name: [*values, *change.get(name, values)] for name, values in usual.items()}
    assert touches.outcomes(company(**two, **columns))["campaign_id"].tolist() == ["k1", "k1"]


def drawn(seed: int, n: int = 6_000) -> pd.DataFrame:
    """Lots of unequal odds: 90:10 where people buy anyway, 30:70 where they do not; the message adds 0.05 to both."""
    rng = np.random.default_rng(seed)
    keen = np.repeat(rng.random(n // 3) < 0.5, 3)  # three touches of each person
    p = np.where(keen, 0.9, 0.3)
    message = rng.random(n) < p
    bought = rng.random(n) < 0.05 + 0.30 * keen + 0.05 * message
    people = np.repeat(np.arange(n // 3), 3)
    return pd.DataFrame({"user_id": people, "message": message, "propensity": p, "bought": bought})


def test_difference_and_its_error_by_hand() -> None:
    rows = pd.DataFrame({"y": [1, 0, 0, 0, 1, 1, 0, 0], "message": [False] * 4 + [True] * 4, "propensity": 0.5})
    effect, error = touches.difference(rows, "y")
    assert effect == pytest.approx(0.25)
    assert error == pytest.approx(np.sqrt(0.25 * 0.75 / 4 + 0.5 * 0.5 / 4))


def test_unequal_odds_fool_the_plain_difference_and_not_this_one() -> None:
    found = np.array([touches.difference(drawn(seed), "bought") for seed in range(200)])
    rows = drawn(0)
    plain = rows.loc[rows["message"], "bought"].mean() - rows.loc[~rows["message"], "bought"].mean()
    assert plain > 0.15
    assert found[:, 0].mean() == pytest.approx(0.05, abs=4 * found[:, 0].std() / 200**0.5)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.2)


def test_the_error_takes_the_touches_of_one_person_together() -> None:
    rows = drawn(1, 300)
    copies = pd.concat([rows] * 4)  # four times the same people say nothing new
    assert touches.difference(copies, "bought")[1] == pytest.approx(touches.difference(rows, "bought")[1])
    alone = touches.difference(copies.drop(columns="user_id"), "bought")[1]
    assert alone < 0.7 * touches.difference(rows, "bought")[1]


def test_a_rate_stands_for_everybody() -> None:
    rows = pd.DataFrame({"y": [1, 0, 1, 0, 0], "message": [True] * 3 + [False] * 2})
    rows["propensity"] = [0.5, 0.5, 0.25, 0.5, 0.5]
    assert touches.rate(rows, "y", True) == pytest.approx((2 + 4) / 8)
    assert touches.rate(rows, "y", False) == 0


def test_weights_are_one_under_equal_odds_and_count_effective_people_under_others() -> None:
    even = pd.DataFrame({"message": [True, True, False], "propensity": 0.9})
    assert touches.weights(even).tolist() == pytest.approx([1, 1, 1])
    odd = pd.DataFrame({"message": [True, True, False], "propensity": [0.5, 0.25, 0.5]})
    assert touches.effective(odd) == pytest.approx([(2 + 4) ** 2 / (4 + 16), 1])


def test_the_sample_ratio_is_held_against_the_odds_that_were_stated() -> None:
    fair = [touches.sample_ratio(drawn(seed, 300)) for seed in range(400)]
    assert np.mean(np.array(fair) < 0.1) == pytest.approx(0.1, abs=0.05)
    rows = drawn(0)
    assert touches.sample_ratio(rows[rows["message"] | (np.arange(len(rows)) % 5 > 0)]) < 1e-3  # controls were lost


def test_one_arm_is_no_difference() -> None:
    rows = pd.DataFrame({"y": [1, 0], "message": [True, True], "propensity": 0.5})
    with pytest.raises(ValueError, match="both arms"):
        touches.difference(rows, "y")
