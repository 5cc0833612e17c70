"""Shrinkage, the two-armed models and the choice of their setting."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from knowpay.derive import models
from sklearn.base import clone


def test_equal_cells_are_drawn_together_and_different_ones_are_not() -> None:
    _, _, same = models.shrink([10, 10, 10], [1_000, 1_000, 1_000])
    rate, _, different = models.shrink([10, 100, 300], [1_000, 1_000, 1_000])
    assert same == max(models.STRENGTHS)
    assert different < 1_000
    assert np.all(np.diff(rate) > 0)
    assert rate[0] > 0.010  # drawn towards the common rate
    assert rate[2] < 0.300


def test_shrunken_mean_and_spread_by_hand() -> None:
    rate, spread, strength = models.shrink([5], [100])
    a, b = strength * 5.5 / 101 + 5, strength * 95.5 / 101 + 95
    assert rate[0] == pytest.approx(a / (a + b))
    assert spread[0] == pytest.approx((a * b / (a + b) ** 2 / (a + b + 1)) ** 0.5)
    with pytest.raises(ValueError, match="at least one person"):
        models.shrink([0], [0])


def company(n: int = 40_000, uneven: bool = False) -> pd.DataFrame:
    """The message helps level 2 of b only. Uneven: those who buy anyway, for a reason not shown, get it more often."""
    rng = np.random.default_rng(0)
    a, b, keen = rng.integers(0, 2, n), rng.integers(0, 3, n), rng.random(n) < 0.5
    odds = np.where(keen, 0.8, 0.2) if uneven else np.full(n, 0.5)
    message = rng.random(n) < odds
    p = 0.05 + 0.05 * a + 0.20 * keen * uneven + np.where(message, 0.10 * (b == 2), 0.0)
    columns = {
        "a": a,
        "b": b,
        "message": message,
        "propensity": np.where(message, odds, 1 - odds),
        "bought": rng.random(n) < p,
    }
    return pd.DataFrame(columns)


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("name", ["counts", "naive Bayes", "logistic"])
def test_each_model_finds_whom_the_message_helps(name: str, uneven: bool) -> None:
    rows = company(uneven=uneven)
    train, test = rows[:30_000], rows[30_000:]
    model, grid = models.candidates([2, 3])[name]
    tuned = models.tune(model, grid, train[:20_000], train[20_000:], ["a", "b"])
    shown, hidden = models.two_arms(tuned, train, test, ["a", "b"])
    effect = pd.Series(shown - hidden, index=test.index).groupby(test["b"]).mean()
    assert effect[2] == pytest.approx(0.10, abs=0.03)
    assert effect[0] == pytest.approx(0.0, abs=0.03)


def test_a_cell_never_seen_has_the_rate_of_everybody() -> None:
    model = models.Counts().fit(np.array([[0, 0], [0, 1]] * 50), np.array([1, 0] * 50))
    assert model.predict_proba(np.array([[1, 1]]))[0, 1] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["counts", "naive Bayes", "logistic"])
def test_a_model_is_pickled_with_the_same_probabilities(name: str) -> None:
    z, y = np.array([[0, 0], [0, 1], [1, 2]] * 50), np.array([1, 0, 0] * 50)
    model = clone(models.candidates([2, 3])[name][0]).fit(z, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(z), model.predict_proba(z))


@pytest.mark.parametrize("name", ["counts", "naive Bayes", "logistic"])
def test_an_arm_in_which_nobody_buys_has_probability_zero(name: str) -> None:
    rows = company(2_000)
    rows.loc[~rows["message"], "bought"] = False
    model, _ = models.candidates([2, 3])[name]
    shown, hidden = models.two_arms(model, rows, rows[:10], ["a", "b"])
    assert (hidden == 0).all() and shown.mean() > 0.05
