"""Lesson 10: OULAD on a day of the course, and a forecast that learns from the past only."""

from __future__ import annotations

import knowpay
import pandas as pd
import pytest
from knowpay.analyse import churn_models
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
