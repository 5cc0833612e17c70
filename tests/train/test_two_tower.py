"""The two towers: the loss against a plain sum, and that a planted taste is found, the same each time."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from knowpay.train import recommender, two_tower
from scipy import sparse
from sklearn.base import clone

QUICK = two_tower.TwoTower(width=8, batch=64, epochs=6, rate=0.02, seed=3)


def planted(people: int = 200, items: int = 12, seed: int = 0) -> two_tower.Examples:
    """Two kinds of people; each opens its own half of the catalogue. History and targets are different draws."""
    rng = np.random.default_rng(seed)
    kind = np.arange(people) % 2
    likes = np.where((np.arange(items) % 2)[None, :] == kind[:, None], 0.5, 0.02)
    history, opened = (sparse.csr_matrix((rng.random((people, items)) < likes).astype(float)) for _ in range(2))
    profile = (1 + kind[:, None]).astype("int32")
    features = np.eye(items, 2, dtype="float32")
    features[:, 0] = np.arange(items) % 2
    return two_tower.from_windows([(history, opened)], profile, (3,), features, np.ones(items, dtype=bool))


def own_half(model: two_tower.TwoTower, examples: two_tower.Examples) -> float:
    """Share of people whose best course is one of their own half."""
    best = model.predict(examples.history, examples.profile).argmax(axis=1)
    return float((best % 2 == np.arange(len(best)) % 2).mean())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")  # as it pickles its weights
def test_a_planted_taste_is_found_and_training_repeats_itself():
    examples = planted()
    first, again = (clone(QUICK).fit(examples, lambda m: own_half(m, examples)) for _ in range(2))
    assert own_half(first, examples) > 0.95
    scores = first.predict(examples.history, examples.profile)
    np.testing.assert_array_equal(scores, again.predict(examples.history, examples.profile))
    pickled = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(scores, pickled.predict(examples.history, examples.profile))
    assert first.log_["ndcg"].max() == pytest.approx(own_half(first, examples))  # it went back to the best epoch


def test_a_person_without_history_is_served_by_the_profile():
    examples = planted()
    model = clone(QUICK).fit(examples, lambda m: own_half(m, examples))
    nothing = sparse.csr_matrix((2, 12))
    best = model.predict(nothing, np.array([[1], [2]], dtype="int32")).argmax(axis=1)
    assert (best % 2).tolist() == [0, 1]


@pytest.mark.parametrize("corrected", [True, False])
def test_the_loss_is_the_corrected_softmax(corrected):
    rng = np.random.default_rng(1)
    item, period = np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1])
    released, log_q = np.array([0, 0, 1]), np.log([0.2, 0.5, 0.3]) * corrected
    vectors = rng.normal(size=(4, 6)).astype("float32")
    loss = two_tower.in_batch_softmax(log_q, released, 0.5)
    values = np.asarray(loss(np.column_stack([item, period]), vectors))
    for i in range(4):
        rivals = [j for j in range(4) if j == i or (item[j] != item[i] and released[item[j]] <= period[i])]
        logit = {j: vectors[i, :3] @ vectors[j, 3:] / 0.5 - log_q[item[j]] for j in rivals}
        expected = np.log(sum(np.exp(v) for v in logit.values())) - logit[i]
        assert values[i] == pytest.approx(expected, rel=1e-4)


def test_the_share_of_a_course_is_that_of_its_examples():
    np.testing.assert_allclose(np.exp(two_tower.log_share(np.array([0, 0, 1]), 3)), np.array([2.5, 1.5, 0.5]) / 4.5)


def test_undated_examples_leave_their_own_course_out():
    examples = two_tower.undated(sparse.csr_matrix([[1.0, 1, 1]]), np.eye(3, dtype="float32"))
    (inputs, targets), *more = two_tower.batches(examples, 3, np.random.default_rng(0))
    assert not more
    assert (inputs[0][np.arange(3), targets[:, 0]] == 0).all()
    np.testing.assert_allclose(inputs[0].sum(axis=1), 1.0)


def test_a_course_counts_as_offered_from_its_first_visitor_on():
    before = sparse.csr_matrix((1, 3))
    opened = [sparse.csr_matrix([[1.0, 0, 0]]), sparse.csr_matrix([[0, 1.0, 0]])]
    windows = [(before, o) for o in opened]
    profile, features = np.zeros((1, 1), dtype="int32"), np.zeros((3, 1), dtype="float32")
    examples = two_tower.from_windows(windows, profile, (1,), features, np.array([True, False, False]))
    assert examples.released.tolist() == [0, 1, 2]
    assert (examples.item.tolist(), examples.period.tolist(), examples.row.tolist()) == ([0, 1], [0, 1], [0, 1])


def test_too_few_examples_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="less than one batch"):
        clone(QUICK).fit(planted(people=4), lambda m: 0.0)


def test_words_of_two_languages():
    assert recommender.words("Python 编程 101: an intro") == ["python", "intro", "编程"]
