"""Estimates: their arithmetic, the intervals they get, and forecasts beside outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowpay import estimate
from knowpay.estimate import Estimate

rng = np.random.default_rng(1)
TRUE = 1 / (1 + np.exp(-rng.normal(-2, 1, 60_000)))
BOUGHT = rng.random(len(TRUE)) < TRUE


def test_an_estimate_times_a_number_keeps_its_ends_in_order_and_its_unit():
    found = Estimate(2.0, 1.0, 4.0, 0.5, "yuan")
    assert found * 10 == Estimate(20.0, 10.0, 40.0, 5.0, "yuan")
    assert found * -1 == Estimate(-2.0, -4.0, -1.0, 0.5, "yuan")
    assert found / 4 == Estimate(0.5, 0.25, 1.0, 0.125, "yuan")


def test_a_known_error_reaches_as_far_as_the_normal_distribution_says():
    found = estimate.from_error(3.0, 2.0, "days")
    assert (found.low, found.high) == pytest.approx((3 - 2 * 1.6448536, 3 + 2 * 1.6448536))
    assert (found.value, found.error, found.unit) == (3.0, 2.0, "days")


def test_draws_that_say_nothing_are_left_out():
    found = estimate.from_draws(1.0, np.array([np.nan, *np.arange(101)]))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 5.0, 95.0))


def test_a_frame_has_a_row_for_each_estimate():
    table = estimate.frame({"a": Estimate(2.0, 1.0, 3.0, 0.5), ("b", 1): Estimate(5.0, 4.0, 6.0, 0.5)}, "yuan")
    assert table.loc["a"].to_dict() == {"yuan": 2.0, "low": 1.0, "high": 3.0} and len(table) == 2
    assert list(estimate.frame({}, "yuan")) == ["yuan", "low", "high"]


def test_bootstrap_keeps_a_person_together():
    draws = estimate.bootstrap(lambda count: count, np.array(["a", "b", "a", "c"]), draws=50)
    assert draws.shape == (50, 4) and (draws[:, 0] == draws[:, 2]).all()
    assert (draws[:, [0, 1, 3]].sum(axis=1) == 3).all()  # three people, with replacement
    again = estimate.bootstrap(lambda count: count, np.array(["a", "b", "a", "c"]), draws=50)
    np.testing.assert_array_equal(draws, again)


def test_people_who_are_alike_are_drawn_as_one_kind():
    kinds = np.array([[3, 1], [900, 100]])
    for people in kinds:
        drawn = np.concatenate(list(estimate.resamples(people, 2_000, np.random.default_rng(0))))
        assert (drawn.sum(axis=1) == people.sum()).all()
        share = people[0] / people.sum()
        assert drawn[:, 0].std() == pytest.approx((people.sum() * share * (1 - share)) ** 0.5, rel=0.06)
    few = next(estimate.resamples(kinds[1], 3, np.random.default_rng(0), size=10))
    assert few.sum(axis=1).tolist() == [10] * 3


def test_the_error_of_a_person_with_many_rows_is_that_of_one():
    """Four copies of the same people say nothing new."""
    values = np.random.default_rng(3).normal(size=200)
    one, four = (
        estimate.bootstrap(lambda n, k=k: np.average(np.tile(values, k), weights=n), np.tile(np.arange(200), k)).std()
        for k in (1, 4)
    )
    assert one == pytest.approx(four) and one == pytest.approx(values.std() / 200**0.5, rel=0.1)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_the_interval_holds_the_mean_and_stays_in_range(values):
    found = estimate.mean(values)
    assert min(values) - 1e-9 <= found.low <= found.value <= found.high <= max(values) + 1e-9
    assert found.value == pytest.approx(sum(values) / len(values))


def test_the_interval_has_the_width_of_the_theory():
    found, error = estimate.mean([0] * 80 + [1] * 20), (0.2 * 0.8 / 100) ** 0.5
    assert found.high - found.low == pytest.approx(2 * 1.645 * error, rel=0.1)
    assert found.error == pytest.approx(error, rel=0.05)
    wider = estimate.mean([0] * 80 + [1] * 20, level=0.99)
    assert wider.high - wider.low == pytest.approx(2 * 2.576 * error, rel=0.1)


def test_nothing_to_average_is_an_error():
    with pytest.raises(ValueError, match="at least one value"):
        estimate.mean([])


def test_reliability_by_hand():
    y, p = np.array([1, 0, 0, 1, 1, 0]), np.array([0.9, 0.1, 0.3, 0.7, 0.5, 0.2])  # two in each bin, in any order
    table = estimate.reliability(y, p, bins=3)
    assert table["predicted"].tolist() == pytest.approx([0.15, 0.4, 0.8])
    assert table["observed"].tolist() == [0, 0.5, 1] and table["rows"].tolist() == [2, 2, 2]
    z2 = 1.6448536**2  # Wilson's interval of 0, 1 and 2 of 2 at 90 %
    half = (z2 * (0.5 + z2 / 4)) ** 0.5 / (2 + z2)
    assert table["low"].tolist() == pytest.approx([0, 0.5 - half, 2 / (2 + z2)])
    assert table["high"].tolist() == pytest.approx([z2 / (2 + z2), 0.5 + half, 1])
    tied = estimate.reliability(np.zeros(400), np.arange(400) % 12 / 12, bins=5)
    assert tied["rows"].tolist() == [80] * 5  # ties are shared out


def test_reliability_of_honest_probabilities():
    bins = estimate.reliability(BOUGHT, TRUE, bins=5)
    error = (bins["predicted"] * (1 - bins["predicted"]) / 12_000) ** 0.5
    assert ((bins["observed"] - bins["predicted"]).abs() < 4 * error).all()
    assert bins["observed"].iloc[-1] > 5 * bins["observed"].iloc[0]  # the bins are those of the predictions


def test_a_bin_without_buyers_begins_at_zero_and_not_a_rounding_above_it():
    bins = estimate.reliability(np.zeros(97), np.linspace(0, 0.1, 97), bins=3)
    assert (bins["low"] <= 0).all()


def test_a_share_has_its_binomial_error():
    half = estimate.share(50, 100)
    assert (half.value, half.error) == pytest.approx((0.5, 0.05))
    assert np.isnan(estimate.share(0, 0).value)
