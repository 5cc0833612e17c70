"""When an error is right, wrong or not known; when a red check is red by chance; how many red ones chance explains."""

import numpy as np
import pandas as pd
import pytest
from checks_made import check
from knowpay_course import coverage
from knowpay_course.coverage import FEW, HEAD, RIGHT, WRONG, excuse, most_red, verdict

RED = check(estimate=2.0)


def tried(**changes):
    row = {"lesson": "12", "check": "gain", "kind": "check", "companies": 40, "missing": 0, "zero": 0}
    row |= {"mean": 0.1, "spread": 1.05, "outside": 0.02, "tells": 1.0}
    return pd.DataFrame([row | changes], columns=HEAD)


@pytest.mark.parametrize(
    ("mean", "spread", "said"),
    [
        (0.0, 1.0, RIGHT),
        (0.4, 0.8, RIGHT),
        (-0.4, 1.25, RIGHT),
        (0.45, 1.0, FEW),
        (0.0, 0.7, FEW),
        (0.0, 1.35, FEW),
        (0.6, 1.0, WRONG),
        (-0.6, 1.0, WRONG),
        (0.0, 0.6, WRONG),
        (0.0, 1.5, WRONG),
        (float("nan"), 1.0, FEW),
    ],
)
def test_forty_companies_say_whether_an_error_is_right(mean, spread, said):
    assert verdict(40, mean, spread) == said


def test_with_many_companies_nothing_is_allowed_for_chance():
    assert coverage.bounds(4_000) == (0.4, (0.8, 1.25))
    assert (verdict(4_000, 0.41, 1.0), verdict(4_000, 0.0, 0.79), verdict(1, 0.0, 1.0)) == (WRONG, WRONG, FEW)


def test_an_honest_check_is_hardly_ever_called_wrong_and_a_dishonest_one_mostly_is():
    z = np.random.default_rng(0).normal(size=(2_000, 40))

    def wrong(z):
        return np.mean([verdict(40, *one) == WRONG for one in zip(z.mean(axis=1), z.std(axis=1, ddof=1), strict=True)])

    assert wrong(z) < 0.004  # two bounds, each passed once in a thousand times
    assert wrong(z + 1) > 0.95 and wrong(2 * z) > 0.95 and wrong(z / 2) > 0.95


def test_a_red_check_whose_errors_are_right_is_red_by_chance():
    said = excuse(RED, tried())
    assert said.startswith("Red by chance: its errors are right (over 40 other companies z has mean 0.10 and standard")
    assert "Neither seed nor error nor method was changed" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mean": 0.9}, "Its errors are wrong (over 40 other companies z has mean 0.90"),
        ({"spread": 2.0}, "Its errors are wrong"),
        ({"mean": 0.45}, "Its errors are not known well enough"),
        ({"missing": 39}, "Its errors are not known well enough"),
        ({"check": "another"}, "It has not been tried on other companies"),
        ({"lesson": "18"}, "It has not been tried on other companies"),
    ],
)
def test_no_other_red_check_is_excused(changes, said):
    assert excuse(RED, tried(**changes)).startswith(said)


def test_how_many_red_checks_chance_explains():
    assert [most_red(checks) for checks in (0, 1, 10, 60, 100)] == [0, 0, 1, 3, 4]


def test_a_file_that_was_not_made_has_no_rows(tmp_path):
    assert coverage.read(tmp_path / "none.csv").empty
    tried(mean=float("nan"), check="NA").to_csv(tmp_path / "some.csv", index=False)
    row = coverage.read(tmp_path / "some.csv").iloc[0]
    assert (row["lesson"], row["check"], row["spread"]) == ("12", "NA", 1.05) and np.isnan(row["mean"])
