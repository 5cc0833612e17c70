"""Lesson 18: the Qini coefficient, the look-alike audience, and the first run's figures where the data are here."""

from __future__ import annotations

import pickle
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from knowpay.collect import public
from knowpay_course.lessons import l18
from sklearn.base import clone

here = pytest.mark.real_data("hillstrom")


@pytest.fixture(scope="module")
def customers():
    return pd.read_csv(public.path("hillstrom"))


@here
def test_the_control_arm_of_the_tutorial(customers):
    effects = l18.contaminated(customers)
    assert effects.round(4).tolist() == [0.0452, 0.0069]


@here
def test_the_qini_of_the_first_run(customers):
    mean = l18.rankings(customers, splits=8).mean()
    # four standard errors of a mean of eight splits, first run s.d.
    for name, row in l18.QINI.iterrows():
        assert mean[name] == pytest.approx(row["first run"], abs=4 * row["first run s.d."] / 8**0.5)
    assert mean.iloc[0] > mean.iloc[2] > mean.iloc[3]


@here
def test_the_policies_of_the_first_run(customers):
    mean = l18.policies(customers, splits=4).mean()
    assert (mean - l18.POLICY).abs().max() < 0.006  # four standard errors of one half: 0.0029 / 2 x 4


def test_qini_of_perfect_worst_and_random_orders():
    t = np.tile([1, 0], 500)
    y = np.repeat([1, 0, 1, 0], 250) * np.where(np.arange(1000) < 500, t, 1 - t)
    best = y * t - y * (1 - t)
    assert l18.qini(y, t, best) == pytest.approx(1)
    assert l18.qini(y, t, -best) < 0
    assert l18.qini(y, t, np.zeros(1000)) == pytest.approx(0)
    scores = np.random.default_rng(0).random((200, 1000))
    assert np.mean([l18.qini(y, t, s) for s in scores]) == pytest.approx(0, abs=0.02)


def test_qini_by_hand():
    # down the list: treated buyer, control non-buyer, treated non-buyer, control buyer
    y, t, score = [1, 0, 0, 1], [1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0]
    # curve 1, 1, 2-0... : y_t - y_c n_t/n_c = 1, 1, 1, 0; the line of a random order ends at 0, its area is 0
    assert l18.qini(y, t, score) == pytest.approx((0.5 + 1 + 1 + 0.5) / (0.5 + 1 + 1 + 0.5))


def people(n: int = 20_000) -> pd.DataFrame:
    """Who comes often has bought more often; what else is known says nothing."""
    rng = np.random.default_rng(0)
    days = rng.integers(0, 11, n)
    known = {"active_days": days, "recency": rng.exponential(10, n), "tenure": rng.exponential(200, n)}
    known |= {"purchases": (rng.random(n) < 0.02 + 0.05 * days).astype(int), "mean_price": 100.0}
    return pd.DataFrame(known | {"device_os": rng.choice(["ios", "web"], n), "channel": "organic"})


def test_the_look_alike_audience_finds_those_who_come_often():
    known = people()
    model = l18.LookAlike().fit(known)
    assert np.corrcoef(model.predict(known), known["active_days"])[0, 1] > 0.7
    for other in (clone(model).fit(known), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(known), model.predict(known))


def test_among_people_who_all_bought_everybody_is_alike():
    assert (l18.LookAlike().fit(people(100).assign(purchases=1)).predict(people(10)) == 1).all()


class Known:
    """Four touches whose probabilities are known, and one course order that left half of its price."""

    touches = pd.DataFrame({"touch_id": list("abcd"), "p_control": 0.1, "p_message": [0.2, 0.2, 0.3, 0.1]})
    orders = pd.DataFrame({"membership": [False, True], "leaves": [50.0, 9.0], "listed": [100.0, 9.0]})
    info = MappingProxyType({"message_cost": 1.0})


def test_true_answers_by_hand():
    rows = pd.DataFrame({"touch_id": list("dcba"), "price": 100.0, "place": [4, 1, 2, 2]})  # gains -1, 7, 3, 3
    chosen = {"T-learner": [0, 1], "best customers first": [1, 0], "inactive ones first": [0.5, 0.5]}
    chosen = {name: np.array(send, dtype=float) for name, send in chosen.items()}
    past = np.array([False, True, True, False])
    found = l18.truths(Known(), rows, rows.iloc[:2], past, chosen, teacher_share=0.2)
    assert found["effect of the message"] == pytest.approx(10)
    assert (found["gain of one course for all"], found["gain of a replayed message"]) == pytest.approx((3, 5))
    assert found["gain per doubling of the place"] == pytest.approx(-4)
    assert found["effect, the others minus best customers"] == pytest.approx(20)
    assert found["T-learner minus inactive ones first"] == pytest.approx(1000 * (0.5 + 3.5) / 2)
    assert found["best customers first minus inactive ones first"] == pytest.approx(-2000)


def test_true_plans(monkeypatch):
    shown = {("u1", "a"): 0.3, ("u1", "b"): 0.1, ("u2", "a"): 0.1, ("u2", "b"): 0.2}

    def probability(known, users, courses):
        return np.full(len(users), 0.1), np.array([shown[pair] for pair in zip(users, courses, strict=True)])

    monkeypatch.setattr(l18.world, "purchase_probability", probability)
    people = pd.DataFrame({"user_id": ["u1", "u2"], "product_id": ["b", "b"]}, index=[7, 9])
    prices = pd.Series({"a": 100.0, "b": 200.0})  # gains: u1 7 and -1, u2 -1 and 7
    found = l18.true_plans(Known(), people, {"our plan": pd.Index([9])}, ["a", "b"], prices, teacher_share=0.2)
    assert found.to_dict() == pytest.approx({"at random, one course for all": 3, "our plan": 7, "oracle": 7})
