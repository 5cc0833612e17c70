"""The three records of a lesson: when they hold, what they say, what they refuse."""

import json
import math

import numpy as np
import pytest
from knowpay import show
from knowpay.estimate import from_error
from knowpay.show.checks import AGREES, CAN_TELL, MIME, Check, Exact, Quality
from scipy.stats import norm

NOTHING = ("no effect", 0.0)


def one(call, *arguments):
    """The record of a call."""
    with show.recording() as records:
        call(*arguments)
    return records[0]


def checked(value, truth, error=1.0, rival=NOTHING):
    return one(show.check, "gain", from_error(value, error, "yuan"), truth, rival)


# --- a check -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "holds"), [(10.0, True), (12.57, True), (7.43, True), (12.59, False), (7.41, False), (-10.0, False)]
)
def test_an_estimate_agrees_within_its_own_errors(value, holds):
    assert checked(value, 10.0).holds is holds
    assert checked(value / 10, 1.0, error=0.1).holds is holds


@pytest.mark.parametrize(
    ("wrong", "tells"), [(0.0, True), (6.0, True), (6.2, False), (10.0, False), (13.8, False), (14.0, True)]
)
def test_a_check_can_tell_the_truth_from_a_rival_that_is_far_enough(wrong, tells):
    assert checked(10.0, 10.0, rival=("the baseline", wrong)).tells is tells
    assert checked(99.0, 10.0, rival=("the baseline", wrong)).tells is tells  # whatever the estimate says


def test_the_wrong_answer_of_a_check_that_can_tell_turns_red_nine_times_in_ten():
    rng = np.random.default_rng(0)
    wrong = checked(0.0, CAN_TELL).wrong + rng.normal(size=20_000)
    red = np.mean(np.abs(wrong - CAN_TELL) > AGREES)
    assert red == pytest.approx(norm.cdf(CAN_TELL - AGREES), abs=0.01) and red > 0.9


def test_a_right_answer_turns_red_once_in_a_hundred():
    assert 2 * norm.sf(AGREES) == pytest.approx(0.01, abs=2e-4)


def test_how_many_errors_lie_between_and_how_much_more_data_would_tell():
    found = checked(1.0, 1.95)
    assert found.apart == pytest.approx(1.95) and found.more == pytest.approx(4.0)
    assert (checked(1.0, 1.0, rival=("the truth", 1.0)).apart, checked(1, 1, rival=("it", 1)).more) == (0, math.inf)


@pytest.mark.parametrize(
    ("value", "wrong", "holds", "tells"), [(2.0, 0.0, True, True), (2.1, 0.0, False, True), (2.0, 2.0, True, False)]
)
def test_an_error_of_zero_is_exact(value, wrong, holds, tells):
    found = checked(value, 2.0, error=0.0, rival=("a rival", wrong))
    assert (found.holds, found.tells) == (holds, tells)
    assert found.apart == (math.inf if tells else 0)


def test_rows_are_stable_text(capsys):
    show.check("share of payers", from_error(13.1249999, 0.5, "%"), 13, ("nobody pays", 0))
    show.check("gain", from_error(np.float64(12345.678), 100, "yuan"), 10_000, ("no effect", 0))
    show.check("weak", from_error(1, 1), 2, NOTHING)
    show.check("nearly", from_error(1, 1), 3.8, NOTHING)
    show.check("same", from_error(1, 1), 0, NOTHING)
    show.exact("rows", 32593, np.int64(32593), "rows")
    show.exact("users", 1, 2)
    show.quality("value of the plan", 80, 60, 100, "% of the best")
    show.quality("value of the list", 0.5, 0.6, 1)
    assert capsys.readouterr().out.splitlines() == [
        "agrees  share of payers: estimate 13.12 % ± 1.29, truth 13.00 %; tells it from nobody pays (0 %)",
        "DISAGREES  gain: estimate 12,346 yuan ± 258, truth 10,000 yuan; tells it from no effect (0 yuan)",
        "agrees  weak: estimate 1.000 ± 2.58, truth 2.000; cannot tell it from no effect (0); 3.8 times the data could",
        "DISAGREES  nearly: estimate 1.000 ± 2.58, truth 3.800; cannot tell it from no effect (0); "
        "1.1 times the data could",
        "agrees  same: estimate 1.000 ± 2.58, truth 0; cannot tell it from no effect (0); no data could",
        "equal  rows: found 32,593 rows, expected 32,593 rows",
        "UNEQUAL  users: found 1, expected 2",
        "good  value of the plan: 80.00 % of the best, stated 60 to 100 % of the best",
        "POOR  value of the list: 0.5000, stated 0.6 to 1",
    ]


# --- a count, a quality ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("found", "holds"), [(5, True), (5.0, True), (5.0001, False), (-5, False)])
def test_a_count_must_agree(found, holds):
    assert one(show.exact, "rows", found, 5).holds is holds


@pytest.mark.parametrize(
    ("value", "holds"), [(0.6, True), (0.8, True), (1.0, True), (0.5999, False), (1.0001, False), (-0.8, False)]
)
def test_a_result_is_as_good_as_stated_or_it_is_poor(value, holds):
    assert one(show.quality, "plan", value, 0.6, 1.0).holds is holds


# --- what is refused ---------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("call", "arguments", "said"),
    [
        (show.check, ("", from_error(1, 1), 1, NOTHING), "needs a name"),
        (show.check, ("  ", from_error(1, 1), 1, NOTHING), "needs a name"),
        (show.check, (None, from_error(1, 1), 1, NOTHING), "needs a name"),
        (show.check, ("x", 1.0, 1, NOTHING), "'x': the estimate must be an Estimate with its error, got 1.0"),
        (show.check, ("x", from_error(1, 1), 1, None), "'x' needs a rival"),
        (show.check, ("x", from_error(1, 1), 1, 0.0), "'x' needs a rival"),
        (show.check, ("x", from_error(1, 1), 1, ("no effect",)), "'x' needs a rival"),
        (show.check, ("x", from_error(1, 1), 1, ("", 0.0)), "its rival one too"),
        (show.check, ("x", from_error(1, 1), 1, (0.0, "no effect")), "its rival one too"),
        (show.check, ("x", from_error(1, 1), 1, ("no effect", None)), "'x': the wrong must be one number"),
        (show.check, ("x", from_error(1, 1), 1, ("no effect", NAN)), "'x': the wrong is nan"),
        (show.check, ("x", from_error(NAN, 1), 1, NOTHING), "'x': the estimate is nan"),
        (show.check, ("x", from_error(1, NAN), 1, NOTHING), "'x': the error is nan"),
        (show.check, ("x", from_error(1, INF), 1, NOTHING), "'x': the error is inf"),
        (show.check, ("x", from_error(1, -0.1), 1, NOTHING), r"'x': the error is negative \(-0.1\)"),
        (show.check, ("x", from_error(1, 1), INF, NOTHING), "'x': the truth is inf"),
        (show.check, ("x", from_error(1, 1), [1, 2], NOTHING), "'x': the truth must be one number"),
        (show.exact, ("", 1, 1), "needs a name"),
        (show.exact, ("x", NAN, 1), "'x': the count is nan"),
        (show.exact, ("x", 1, None), "'x': the expected count must be one number"),
        (show.quality, (" ", 1, 0, 1), "needs a name"),
        (show.quality, ("x", NAN, 0, 1), "'x': the value is nan"),
        (show.quality, ("x", 1, 0, INF), "'x': the high is inf"),
        (show.quality, ("x", 1, 1, 1), "'x': the band from 1 to 1 is empty"),
    ],
)
def test_what_cannot_be_checked_is_refused_by_its_name(call, arguments, said, capsys):
    with pytest.raises(ValueError, match=said):
        call(*arguments)
    assert capsys.readouterr().out == ""


# --- what a notebook keeps ---------------------------------------------------------------------------------------


def shown(monkeypatch, call, *arguments):
    bundles = []
    monkeypatch.setattr("knowpay.show.checks.emit", bundles.append)
    call(*arguments)
    return json.loads(json.dumps(bundles[0]))


def test_records_survive_the_notebook(monkeypatch):
    bundle = shown(monkeypatch, show.check, "a < b", from_error(1, 0.1, "%"), 1, ("c > d", 0))
    assert Check.model_validate(bundle[MIME]) == one(show.check, "a < b", from_error(1, 0.1, "%"), 1, ("c > d", 0))
    assert "<strong>✓ agrees</strong> a &lt; b: " in bundle["text/html"] and "c &gt; d" in bundle["text/html"]
    assert bundle["text/plain"].startswith("agrees  a < b")
    poor = shown(monkeypatch, show.quality, "q", 0, 1, 2)
    assert Quality.model_validate(poor[MIME]).holds is False and "✗ POOR" in poor["text/html"]
    assert Exact.model_validate(shown(monkeypatch, show.exact, "n", 1, 1)[MIME]).holds is True


def test_the_last_digits_of_a_processor_do_not_reach_the_notebook(monkeypatch):
    noisy, clean = (shown(monkeypatch, show.check, "x", from_error(v, 1), 1, NOTHING) for v in (0.1 + 0.2, 0.3))
    assert noisy == clean


def test_what_holds_is_decided_before_the_numbers_are_rounded(monkeypatch):
    record = shown(monkeypatch, show.check, "close", from_error(1.00004, 1e-5), 1, NOTHING)[MIME]
    assert record["estimate"] == record["truth"] == 1 and record["holds"] is False
