"""What the scores say about honest, overconfident and inflated probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from knowpay.derive import calibration

rng = np.random.default_rng(1)
LOGIT = rng.normal(-2, 1, 60_000)
TRUE = 1 / (1 + np.exp(-LOGIT))
BOUGHT = rng.random(len(TRUE)) < TRUE


def test_honest_probabilities() -> None:
    found = calibration.scores(BOUGHT, TRUE)
    assert found["slope"] == pytest.approx(1, abs=0.05)
    assert found["all"] == pytest.approx(0, abs=0.03)
    assert found["top"] == pytest.approx(0, abs=0.04)


def test_evidence_counted_twice_has_half_the_slope_and_the_same_ranking() -> None:
    twice = 1 / (1 + np.exp(-2 * LOGIT))
    honest, found = calibration.scores(BOUGHT, TRUE), calibration.scores(BOUGHT, twice)
    assert found["slope"] == pytest.approx(honest["slope"] / 2, rel=0.01)
    assert found["auc"] == pytest.approx(honest["auc"])
    assert found["log_loss"] > honest["log_loss"]


def test_isotonic_repairs_without_changing_the_order() -> None:
    half = len(TRUE) // 2
    repaired = calibration.isotonic(TRUE[:half] ** 0.5, BOUGHT[:half], TRUE[half:] ** 0.5)
    assert np.all(np.diff(repaired[np.argsort(TRUE[half:])]) >= 0)
    assert abs(calibration.scores(BOUGHT[half:], repaired)["all"]) < 0.03


def test_reliability_by_hand() -> None:
    y, p = np.array([1, 0, 0, 1, 0, 0]), np.array([0.9, 0.1, 0.3, 0.7, 0.5, 0.2])  # two in each bin, in any order
    bins = calibration.reliability(y, p, bins=3)
    assert bins["predicted"].tolist() == pytest.approx([0.15, 0.4, 0.8])
    assert bins["observed"].tolist() == [0, 0, 1] and bins["people"].tolist() == [2, 2, 2]
    z2 = 1.6448536**2  # Wilson's interval of 0 and 2 of 2 at 90 %
    assert bins["low"].tolist() == pytest.approx([0, 0, 2 / (2 + z2)])
    assert bins["high"].tolist() == pytest.approx([z2 / (2 + z2), z2 / (2 + z2), 1])


def test_reliability_of_honest_probabilities() -> None:
    bins = calibration.reliability(BOUGHT, TRUE, bins=5)
    error = (bins["predicted"] * (1 - bins["predicted"]) / 12_000) ** 0.5
    assert ((bins["observed"] - bins["predicted"]).abs() < 4 * error).all()
    assert bins["observed"].iloc[-1] > 5 * bins["observed"].iloc[0]  # the bins are those of the predictions


def test_a_bin_without_buyers_begins_at_zero_and_not_a_rounding_above_it() -> None:
    bins = calibration.reliability(np.zeros(97), np.linspace(0, 0.1, 97), bins=3)
    assert (bins["low"] <= 0).all()


def test_one_outcome_only_is_refused() -> None:
    with pytest.raises(ValueError, match="both outcomes"):
        calibration.scores(np.zeros(5), np.full(5, 0.1))
