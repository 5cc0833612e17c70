"""From records of replications to tolerances, pass rates and pages."""

import math

import pandas as pd
import pytest
from knowpay_course.maintain import sheet
from scipy.stats import binom


def record(lesson, off, n=100, name="gain", error="", unit="yuan", truth=10.0):
    """A company in which the estimate was off by `off`; None when the lesson lacks the check."""
    checks = [] if error or off is None else [[name, truth + off, truth, unit]]
    return {"replication": 0, "lesson": lesson, "n": n, "checks": checks, "error": error}


def test_a_tolerance_is_the_bias_and_two_and_a_half_deviations_rounded_up():
    found = sheet.identifiability([record("12", 3.0, n=100), record("12", -4.0, n=301), record("12", 4.0, n=200)])
    row = found.iloc[0]
    spread = math.sqrt((9 + 16 + 16) / 3 - 1)
    assert (row["lesson"], row["check"], row["unit"], row["replications"], row["n"]) == ("12", "gain", "yuan", 3, 200)
    assert row["bias"] == pytest.approx(1.0) and row["spread"] == pytest.approx(spread) and row["truth"] == 10
    assert row["tolerance"] == 10.2 and 10.1 < 1 + 2.58 * spread < 10.2


@pytest.mark.parametrize(
    ("off", "tolerance"), [(0.0, 0.0), (1e-4, 2.58e-4), (1.0, 2.58), (1.0001, 2.59), (1e4, 25_800)]
)
def test_tolerances_have_three_digits_and_are_never_too_small(off, tolerance):
    records = [record("12", off, truth=0.0), record("12", -off, truth=0.0)]
    assert sheet.identifiability(records)["tolerance"].tolist() == [tolerance]


def test_rows_stand_by_lesson_then_as_they_appear():
    records = [record("12", 1.0, name="z"), record("12", 1.0, name="a"), record("00", 1.0, name="m")]
    assert sheet.identifiability(records)["check"].tolist() == ["m", "z", "a"]


def test_what_stopped_is_left_out_of_the_sheet():
    found = sheet.identifiability([record("12", 1.0), record("12", None, error="KeyError: x")])
    assert found["replications"].tolist() == [1]


def test_pass_rates_count_what_was_kept_and_what_is_missing_as_not_kept():
    tolerances = pd.DataFrame({"lesson": ["12", "15"], "check": ["gain", "gain"], "tolerance": [1.0, 1.0]})
    offs = [record("12", off) for off in (0.0, 1.0, -1.0, 1.01, None)] + [record("12", 0.0, error="stopped")]
    found = sheet.pass_rates(offs, tolerances)
    assert found[["lesson", "companies", "held", "stated"]].to_numpy().tolist() == [["12", 6, 3, 0.99]]
    assert found["p"].iloc[0] == pytest.approx(binom.cdf(3, 6, 0.99))


@pytest.mark.parametrize(("checks", "fails"), [(1, True), (30, False)])
def test_a_check_fails_when_chance_is_no_excuse_for_any_of_them(checks, fails):
    rates = pd.DataFrame({"lesson": "12", "check": "gain", "companies": 20, "held": 20, "stated": 0.99, "p": 1.0},
                         index=range(checks))  # fmt: skip
    rates.loc[0, ["held", "p"]] = 17, 0.001
    said = sheet.failing(rates)
    assert len(said) == fails
    assert not fails or said[0] == "Lesson 12: 'gain' held in 17 of 20 companies where 99% was stated (p = 0.001)."


def test_a_check_that_is_often_missing_is_said():
    enough = [record("12", 1.0)] * 99 + [record("12", None)]
    assert sheet.often_missing(enough) == []
    assert sheet.often_missing([*enough, record("12", None)]) == [
        "Lesson 12: 2 of 101 companies lack the check 'gain'."
    ]


def test_a_file_is_the_same_bytes_when_it_is_made_again(tmp_path):
    path = tmp_path / "sheet.csv"
    records = [record("12", off / 7, name="share, all", unit="") for off in range(9)]
    first = sheet.save(sheet.identifiability(records), path, ["12"])
    before = path.read_bytes()
    again = sheet.save(sheet.identifiability(records), path, ["12"])
    assert path.read_bytes() == before and b"\r" not in before and first.equals(again)
    assert before.decode().splitlines() == [
        "lesson,check,unit,replications,n,truth,bias,spread,tolerance",
        '12,"share, all",,9,100,10,0.5714,0.3689,1.53',
    ]
