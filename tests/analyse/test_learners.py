"""Learners: what each says of an effect that is known, weights, arms with one outcome, clones and pickles."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from knowpay.analyse import learners
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

MODEL = learners.logistic(StandardScaler(), strength=10.0)
LEARNERS = [learners.Response(MODEL), learners.TLearner(MODEL), learners.Crossed(MODEL)]
each = pytest.mark.parametrize("learner", LEARNERS, ids=lambda one: type(one).__name__)


def trial(n: int = 40_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, y, treated): the treatment adds 0.1 where the second feature is 1; the first raises the outcome anyway."""
    rng = np.random.default_rng(0)
    x, treated = rng.integers(0, 2, (n, 2)).astype(float), rng.random(n) < 0.5
    return x, (rng.random(n) < 0.1 + 0.2 * x[:, 0] + 0.1 * x[:, 1] * treated).astype(int), treated


CORNERS = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])


@pytest.mark.parametrize("learner", LEARNERS[1:], ids=["TLearner", "Crossed"])
def test_the_effect_is_found_where_it_is(learner):
    found = clone(learner).fit(*trial()).predict(CORNERS)
    assert found == pytest.approx([0, 0.1, 0, 0.1], abs=0.035)


def test_the_response_is_who_has_the_outcome_anyway():
    found = clone(LEARNERS[0]).fit(*trial()).predict(CORNERS)
    assert found == pytest.approx([0.1, 0.15, 0.3, 0.35], abs=0.02)


def test_the_arms_are_two_models_and_the_effect_their_difference():
    x, y, treated = trial()
    learner = learners.TLearner(MODEL).fit(x, y, treated)
    by_hand = [clone(MODEL).fit(x[arm], y[arm]).predict_proba(CORNERS)[:, 1] for arm in (treated, ~treated)]
    for ours, theirs in zip(learner.arms(CORNERS), by_hand, strict=True):
        np.testing.assert_allclose(ours, theirs)
    np.testing.assert_allclose(learner.predict(CORNERS), by_hand[0] - by_hand[1])


@each
def test_a_person_who_counts_twice_is_two_people(learner):
    x, y, treated = trial(2_000)
    twice = np.r_[np.arange(2_000), np.arange(500)]
    weighted = clone(learner).fit(x, y, treated, np.where(np.arange(2_000) < 500, 2.0, 1.0))
    if isinstance(learner, learners.Response):  # the others draw their arms from fewer people: noisier
        copied = clone(learner).fit(x[twice], y[twice], treated[twice])
        np.testing.assert_allclose(weighted.predict(CORNERS), copied.predict(CORNERS), atol=2e-3)
    assert not np.allclose(weighted.predict(CORNERS), clone(learner).fit(x, y, treated).predict(CORNERS), atol=1e-4)


@each
def test_it_is_cloned_and_pickled_with_the_same_predictions(learner):
    x, y, treated = trial(2_000)
    fitted = clone(learner).fit(x, y, treated)
    for other in (clone(fitted).fit(x, y, treated), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(other.predict(CORNERS), fitted.predict(CORNERS))
    assert clone(fitted).get_params()["model__model__C"] == 10.0
    assert not [name for name in vars(clone(fitted)) if name.endswith("_")]  # learned attributes end so


@pytest.mark.parametrize("outcome", [0, 1])
def test_where_everybody_has_one_outcome_everybody_gets_it(outcome):
    x, y, treated = trial(200)
    y[treated] = outcome
    treated_arm, control = learners.TLearner(MODEL).fit(x, y, treated, np.ones(200)).arms(CORNERS)
    assert (treated_arm == outcome).all() and ((control > 0) & (control < 1)).all()
