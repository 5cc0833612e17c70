"""Lesson 18: the Qini coefficient, the look-alike audience, and the first run's figures where the data are here."""

from __future__ import annotations

import pickle

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
