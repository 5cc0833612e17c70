"""Profit by lot-drawn arms: unbiased, by person, with a sentence for each verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from knowpay.derive import policy
from knowpay.estimate import Estimate


def drawn(n: int = 200_000, share: float = 0.8) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    effect = np.where(np.arange(n) % 2, 0.05, -0.01)
    message = rng.random(n) < share
    bought = rng.random(n) < 0.10 + effect * message
    return pd.DataFrame(
        {"message": message, "bought": bought, "propensity": np.where(message, share, 1 - share)}
    ), effect


def test_profit_is_unbiased_under_an_uneven_draw() -> None:
    rows, effect = drawn()
    gain = policy.ipw_scores(rows, margin=100.0, cost=1.0)
    people = pd.Series(np.arange(len(rows)) // 3)
    for rule in (np.ones(len(rows)), effect > 0):
        found = policy.profit(rule, gain, people)
        assert found.value == pytest.approx((rule * (100 * effect - 1)).sum(), abs=2.58 * found.error)
        assert found.low < found.value < found.high


def test_one_touch_by_hand() -> None:
    rows = pd.DataFrame({"message": [True, False], "bought": [1, 1], "propensity": [0.5, 0.25]})  # of the arm drawn
    assert policy.ipw_scores(rows, margin=10.0, cost=0.2).tolist() == pytest.approx([19.8, -40.2])


def test_touches_of_one_person_stay_together() -> None:
    gain = np.array([1.0, 1.0, -1.0, -1.0])
    alone = policy.profit(np.ones(4), gain, pd.Series([1, 2, 3, 4]))
    together = policy.profit(np.ones(4), gain, pd.Series([1, 1, 2, 2]))
    assert together.error == pytest.approx(alone.error * 2**0.5)


def test_verdicts() -> None:
    assert policy.verdict(Estimate(2, 1, 3, 1)) == "gains"
    assert policy.verdict(Estimate(-2, -3, -1, 1)) == "loses"
    assert policy.verdict(Estimate(1, -1, 3, 1)) == "cannot be told from zero"


def test_touches_needed() -> None:
    found = Estimate(100, 0, 0, error=100 / 1.6448536)
    assert policy.touches_needed(found, 500) == pytest.approx(500)
    wide = Estimate(100, 0, 0, error=200 / 1.6448536)
    assert policy.touches_needed(wide, 500) == pytest.approx(2000)  # half the error takes four times the touches
    assert policy.touches_needed(Estimate(0, 0, 0, 1), 500) == float("inf")


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        policy.profit(np.ones(2), np.ones(3), pd.Series([1, 2, 3]))
