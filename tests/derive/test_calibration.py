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


def test_one_outcome_only_is_refused() -> None:
    with pytest.raises(ValueError, match="both outcomes"):
        calibration.scores(np.zeros(5), np.full(5, 0.1))
