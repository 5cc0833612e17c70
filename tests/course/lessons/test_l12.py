"""The formula: exact on the enumerated world, for any world, in symbols and in counts."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowpay_course.lessons import l12

SHARES = st.fractions(min_value=Fraction(1, 50), max_value=Fraction(49, 50), max_denominator=50)


def test_uplift_is_shown_minus_hidden() -> None:
    assert l12.uplift(Fraction(16, 100), Fraction(4, 100)) == Fraction(12, 100)


def test_printed_formula_is_no_probability() -> None:
    printed = l12.small_world().printed()
    assert list(printed.sum(axis=0)) == [Fraction(2751, 1096), Fraction(1401, 533)]
    assert printed.max() > 1


@given(st.lists(st.tuples(SHARES, SHARES, SHARES, SHARES), min_size=1, max_size=5))
def test_bayes_is_the_share_of_the_cases_that_remain(rows: list) -> None:
    prior, show, shown, hidden = (np.array(column, dtype=object)[:, None] for column in zip(*rows, strict=True))
    world = l12.World(tuple(map(str, range(len(rows)))), ("w",), prior / prior.sum(), show, shown, hidden)
    cases = world.joint()
    assert cases.sum() == 1
    bought = cases[..., 1].sum(axis=2)
    assert (world.posterior() == bought / bought.sum()).all()
    assert (world.posterior_shown() == cases[:, :, 1, 1] / cases[:, :, 1, 1].sum()).all()


def test_the_posterior_follows_the_policy_and_the_uplift_does_not() -> None:
    world = l12.small_world()
    other = replace(world, show=world.show * 0 + Fraction(1, 2))
    assert (world.posterior_shown() != other.posterior_shown()).any()
    effect, same = (l12.uplift(one.p_shown, one.p_hidden) for one in (world, other))
    assert (effect == same).all()
    leader, helped = world.posterior_shown()[:, 0].argmax(), effect[:, 0].argmax()
    assert (world.users[leader], world.users[helped]) == ("fan", "student")


def test_algebra() -> None:
    import sympy

    world = l12.symbolic_world(users=3)
    assert sympy.simplify(world.posterior().sum()) == 1
    assert sympy.simplify(world.posterior_shown().sum()) == 1
    assert sympy.simplify(world.printed().sum() - 1) != 0


def test_simulation_error_falls_with_the_root_of_n() -> None:
    sizes = [1_000, 10_000, 100_000]
    squared = l12.simulate(l12.small_world(), 0, sizes, repeats=200, seed=3)
    slope = l12.error_slope(sizes, squared)
    assert slope.error < 0.02
    assert slope.value == pytest.approx(-0.5, abs=2.58 * slope.error)


def test_slope_of_an_exact_line() -> None:
    squared = np.array([[4.0, 4.0], [1.0, 1.0]])  # root-mean-square errors 2 and 1 at n = 1 and 4
    slope = l12.error_slope([1, 4], squared)
    assert (slope.value, slope.error) == pytest.approx((-0.5, 0.0))


def test_counted_by_hand() -> None:
    rows = pd.DataFrame({"message": [True] * 4 + [False] * 4, "bought": [1, 1, 0, 0, 1, 0, 0, 0], "propensity": 0.5})
    found = l12.counted(rows)
    assert found.value == pytest.approx(0.25)
    assert found.error == pytest.approx((0.25 / 4 + 0.1875 / 4) ** 0.5)
    uneven = rows.assign(propensity=[0.5, 0.25, 0.5, 0.25] + [0.5] * 4)  # a purchase at odds 1:4 stands for four
    assert l12.counted(uneven).value == pytest.approx((2 + 4) / 12 - 0.25)
    with pytest.raises(ValueError, match="both arms"):
        l12.counted(rows[rows["message"]])


def test_ingredients_are_in_hundredths() -> None:
    assert l12.small_world().ingredients().loc[("spreadsheets", "fan")].tolist() == [30, 90, 18, 20]


def test_purchases_for_a_hundred_predicted_in_the_best_tenth() -> None:
    predicted = np.concatenate([np.full(10, 0.2), np.full(90, 0.01)])
    bought = np.zeros(100, dtype=bool)
    bought[[0, 50]] = True  # one of the best tenth, where two were predicted
    found = l12.came(bought, predicted)
    assert (found.value, found.error) == pytest.approx((50, 50 * 2**0.5))


def test_the_best_half_is_that_of_the_score() -> None:
    gain = np.array([4.0, 0.0, 2.0, 2.0])
    assert l12.best_half(gain, gain) == pytest.approx((100, 100 * 4 / 6))
    assert l12.best_half(-gain, gain)[0] == pytest.approx(100 * 2 / 6)


class Known:
    """Four touches whose probabilities are known, and one course order that left half of its price."""

    touches = pd.DataFrame(
        {"touch_id": list("abcd"), "p_control": [0.1, 0.2, 0.1, 0.0], "p_message": [0.3, 0.2, 0.0, 0.1]}
    )
    orders = pd.DataFrame({"membership": [False, True], "leaves": [50.0, 9.0], "listed": [100.0, 9.0]})
    info = MappingProxyType({"message_cost": 1.0})


def test_true_answers_by_hand() -> None:
    test = pd.DataFrame({"touch_id": list("dcba"), "third": ["busy", "quiet", "busy", "quiet"], "arm": "message"})
    test = test.assign(message=[True, False, True, True], price=100.0, propensity=0.5, campaign_id="k", stratum=None)
    test.loc[1, "arm"] = "control"
    gain = l12.true_gain(Known(), test, teacher_share=0.2)  # a yuan of list price leaves 0.4
    assert gain == pytest.approx([3, -5, -1, 7])
    p = np.array([0.2, 0.1, 0.1, 0.1])
    lists = {"uplift, logistic": np.array([True, False, False, True])}
    found = l12.truths(Known(), test, test, {"naive Bayes": p, "logistic": p}, lists, gain, p)
    assert found["uplift, everybody"] == pytest.approx(5) and found["uplift, busy"] == pytest.approx(5)
    assert found["busy among shown buyers"] == pytest.approx(50)
    assert (found["everybody"], found["uplift list minus everybody"]) == pytest.approx((4, 6))
    assert found["bought per 100 predicted, top tenth, logistic"] == pytest.approx(50)  # the first: 0.1 for 0.2
    half = {name: p[:2] for name in ("naive Bayes", "logistic")}  # the model learned from the other two touches
    found = l12.truths(Known(), test, test[:2], half, {name: rule[:2] for name, rule in lists.items()}, gain[:2], p[:2])
    assert (found["mean uplift, logistic"], found["its bias later"]) == pytest.approx((10, 15))


def test_the_bias_of_a_model_is_what_it_says_minus_what_the_arms_show() -> None:
    later = pd.DataFrame({"message": [True] * 4 + [False] * 4, "bought": [1, 1, 0, 0, 1, 0, 0, 0], "propensity": 0.5})
    found = l12.bias(np.full(8, 0.45), later)
    assert (found.value, found.error) == pytest.approx((20, 100 * l12.counted(later).error))
