"""The power table: what the company can tell, and that a company without effects can tell nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from knowpay.world.company import found
from knowpay_course import ROOT
from knowpay_course.maintain import power

LESSONS = {f"{k:02d}" for k in range(22)}
EFFECTS = {"coupon": "a coupon sells more than a message, points", "note": "the note against leaving, points",
           "month_price": "a first month of 28 yuan, points", "bundle": "25 % off a pair, points",
           "points": "orders that the points programme adds, per 100 invited"}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return power.table([found(power.SIZE, seed) for seed in power.SEEDS])


def test_the_page_says_what_the_companies_say(table: pd.DataFrame) -> None:
    assert (ROOT / power.PAGE).read_text("utf-8") == power.text(table), "run `knowpay-course power`"


def test_nearly_all_checks_can_tell_and_the_others_are_named(table: pd.DataFrame) -> None:
    assert table["tells"].mean() > 0.8
    assert power.text(table).count("**cannot tell**") == (~table["tells"]).sum()


def test_every_lesson_has_a_check_or_is_named_as_one_without_chance(table: pd.DataFrame) -> None:
    exact = {lesson for lesson in LESSONS if f" {lesson} (" in power.EXACT.replace("\n", " ")}
    assert set(table["lesson"]) | exact == LESSONS


@pytest.mark.parametrize("knob", EFFECTS)
def test_without_its_effect_a_check_tells_nothing(knob: str) -> None:
    rows = {row.name: row for row in power.checks(found("small", **{knob: 0.0}))}
    row = rows[EFFECTS[knob]]
    assert abs(row.truth - row.rival) < 1e-9 and row.error > 0


def test_a_share_has_the_error_of_its_people() -> None:
    assert np.isclose(power.spread(np.full(100, 0.5), np.full(100, 0.5)), np.sqrt(2 * 0.25 / 100))
