"""Lesson 10: OULAD on a day of the course, and a forecast that learns from the past only."""

from __future__ import annotations

import knowpay
import numpy as np
import pandas as pd
import pytest
from knowpay.analyse import churn, churn_models
from knowpay.estimate import from_error
from knowpay_course.lessons import l10

needs_oulad = pytest.mark.real_data("oulad")


@pytest.fixture(scope="module")
def oulad():
    return knowpay.open("oulad")


@needs_oulad
def test_day_28_has_the_counts_that_were_measured(oulad):
    rows = l10.at_day(oulad, 28)
    tested = rows["presentation"] == "2014J"
    assert (len(rows[~tested]), len(rows[tested])) == (18_311, 9_211)
    assert (rows["left"][~tested].sum(), rows["left"][tested].sum()) == (3_321, 1_693)
    assert rows["enrolment"].is_unique and rows["gone"].sum() == 0
    assert (rows["undated"][~tested].sum(), rows["undated"][tested].sum()) == (6, 87)


@needs_oulad
def test_those_gone_are_there_only_when_asked_for(oulad):
    rows = l10.at_day(oulad, 28, keep_gone=True)
    assert len(rows) == 32_577 and rows["gone"].sum() == 32_577 - 18_311 - 9_211
    assert rows.loc[rows["gone"] == 1, "left"].sum() == 0


@needs_oulad
def test_nothing_after_the_day_enters(oulad):
    early, late = (l10.at_day(oulad, day).set_index("enrolment") for day in (10, 28))
    both = early.index.intersection(late.index)
    assert (early["submitted"][both] <= late["submitted"][both]).all() and early["missed"].max() == 0
    assert late["silent_days"].min() >= 0 and late["registered_day"].max() <= 28
    assert early.loc[early["module"] == "AAA", "score"].notna().mean() < 0.3  # its first work is due on day 19


@needs_oulad
def test_a_mark_that_does_not_count_is_no_score(oulad):
    ticked = l10.at_day(oulad, 28).query("module == 'BBB' and presentation == '2014J' and score_all < 10")
    assert len(ticked) > 500 and ticked["score"].isna().all() and (ticked["standing"] == "BBB well").all()


@needs_oulad
def test_the_next_week_is_a_part_of_the_rest(oulad):
    rest, week = l10.at_day(oulad, 28), l10.at_day(oulad, 28, horizon=7)
    weekly = l10.weekly(oulad).set_index("week")
    assert week["left"].sum() == 294 < rest["left"].sum() and (week["left"] <= rest["left"]).all()
    assert weekly["hazard"].idxmax() == 2 and weekly.loc[1, "at_risk"] == 29_681


def test_forecast_learns_from_the_past_only():
    rows = pd.DataFrame({"presentation": ["1"] * 40 + ["2"] * 40, "x": [0, 1] * 40, "left": [0, 1] * 20 + [1, 0] * 20})
    then, p = l10.forecast(churn_models.logistic(["x"]), rows.astype({"left": float, "x": float}), "2")
    assert len(then) == 40 and p[1] > 0.5 > p[0]


def test_the_easier_label_counts_who_failed():
    rows = pd.DataFrame({"result": ["Fail", "Withdrawn", "Pass", "Distinction"], "left": [0.0, 1.0, 0.0, 0.0]})
    assert l10.fail_or_withdraw(rows)["left"].tolist() == [1, 1, 0, 0]


def test_another_data_set_is_refused():
    with pytest.raises(ValueError, match="not OULAD"):
        l10.at_day(knowpay.open("world:small"), 28)


@pytest.fixture(scope="module")
def company():
    return knowpay.open("world:small")


@pytest.fixture(scope="module")
def periods(company):
    return churn.person_periods(company)


def test_months_are_weighed_as_if_no_note_had_been_sent(company, periods):
    weight = pd.Series(l10.without_note(company, periods), periods["membership_id"])
    touches = company.touches.to_pandas().query("experiment_id == 'note'")
    month = touches.merge(periods, on="user_id").query("start <= assigned_at < end").set_index("membership_id")
    sent = month["variation_id"] == "note"
    assert sent.sum() > 10 and (weight[month.index[sent]] == 0).all() and (weight[month.index[~sent]] == 2).all()
    assert (weight.drop(month.index) == 1).all()


def test_a_recount_agrees_at_both_ends_of_a_month(company, periods):
    start, end = (l10.recount(company, periods, at) for at in ("start", "end"))
    late = churn.facts(company, periods, at=periods["end"])
    assert l10.apart([periods], start, "lessons_30") == l10.apart([late], end, "lessons_30") == 0
    assert l10.apart([late], start, "lessons_30") > 100
    assert 0 < start["from_4"].sum() < start["first_year"].sum()


def test_a_mean_over_joins_the_draws_and_the_members():
    draws, rows = np.array([[1.0, 3.0], [1.0, 2.0], [3.0, 4.0]]), pd.DataFrame({"user_id": ["a", "b"]})
    found = l10.mean_over(draws, np.array([3.0, 4.0]), rows)
    assert found.value == 2 and found.error == pytest.approx(np.hypot(1.0, 2.5))  # draws 1.5 and 3.5; 5 / 2
    hers = l10.mean_over(draws, np.array([3.0, 4.0]), rows.assign(user_id="a"))
    assert hers.error == pytest.approx(np.hypot(1.0, 3.5))
    assert np.isnan(l10.mean_over(draws[:, :0], np.zeros(0), rows.head(0)).value)


def test_the_break_even_by_hand():
    found = l10.break_even(3.0, from_error(20.0, 2.0))
    assert (found.value, found.error) == pytest.approx((0.15, 0.015))


def test_the_worth_of_a_list_is_that_of_its_calls_and_told_per_member():
    expected, per_thousand = l10.totals(from_error(2.0, 1.0, "yuan"), np.array([True, True, False, False, False]))
    assert (expected.value, expected.error, per_thousand.value, per_thousand.error) == (4, 2, 800, 400)
    assert per_thousand.unit == "yuan" and l10.totals(expected, np.zeros(0, dtype=bool))[1].value == 0


def test_the_best_list_is_worth_100_per_cent():
    worth = pd.Series([3.0, -1.0, 1.0])
    assert l10.of_best(worth, worth > 0) == 100 and l10.of_best(worth, worth.notna()) == 75


def test_own_rates_are_those_of_the_rows(company, periods):
    rows = periods.tail(5)
    own = company.truth.memberships.set_index("membership_id").loc[rows["membership_id"], "hazard"]
    assert l10.own_rates(company.truth, rows).tolist() == own.tolist()
    assert l10.own_rates(None, rows).isna().all()
