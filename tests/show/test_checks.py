import json
from decimal import Decimal

import numpy as np
import pytest
from knowpay import show
from knowpay.show.checks import MIME, Check, record


@pytest.mark.parametrize(
    ("estimate", "holds"), [(0.52, True), (0.48, True), (0.55, True), (0.5501, False), (-0.5, False)]
)
def test_holds_up_to_and_including_the_tolerance(estimate, holds):
    assert record("share", estimate, 0.5, 0.05 + 1e-12).holds is holds


def test_row_is_stable_text(capsys):
    show.check("share of payers", 0.131249999, 0.13, 0.02)
    show.check("rows", 32593, np.int64(32593), 0, "rows")
    show.check("margin", Decimal("12345.678"), 10000, 1, "yuan")
    assert capsys.readouterr().out.splitlines() == [
        "holds  share of payers: estimate 0.1312, truth 0.1300, tolerance 0.02",
        "holds  rows: estimate 32,593 rows, truth 32,593 rows, tolerance 0",
        "FAILS  margin: estimate 12,346 yuan, truth 10,000 yuan, tolerance 1",
    ]


def test_a_tolerance_is_found_by_the_name_of_the_check():
    known = {"share": 0.05, "rows": 0}
    assert record("share", 0.54, 0.5, known).holds and not record("rows", 1, 0, known).holds
    assert record("share", 0.54, 0.5, known).tolerance == 0.05
    with pytest.raises(ValueError, match=r"'gain' has no tolerance yet: `knowpay-course replicate`"):
        show.check("gain", 1, 1, known)


def test_the_last_digits_of_a_processor_do_not_reach_the_record():
    assert record("x", 0.1 + 0.2, 0.3, 0.01) == record("x", 0.3, 0.3, 0.01)


def test_a_failing_check_is_decided_on_exact_numbers_and_does_not_raise(capsys):
    show.check("close", 1.00004, 1.0, 1e-5)
    assert capsys.readouterr().out.startswith("FAILS")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("", 1, 1, 0), "needs a name"),
        (("  ", 1, 1, 0), "needs a name"),
        (("x", float("nan"), 1, 0), "estimate is nan"),
        (("x", 1, float("inf"), 0), "truth is inf"),
        (("x", 1, 1, float("nan")), "tolerance is nan"),
        (("x", 1, 1, -0.1), "tolerance is negative"),
        (("x", None, 1, 0), "estimate must be one number"),
        (("x", [1, 2], 1, 0), "estimate must be one number"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, said):
    with pytest.raises(ValueError, match=said):
        show.check(*arguments)


def test_the_record_survives_the_notebook(monkeypatch):
    shown = []
    monkeypatch.setattr("knowpay.show.checks.emit", shown.append)
    show.check("a < b", 1, 1, 0)
    bundle = json.loads(json.dumps(shown[0]))
    assert Check.model_validate(bundle[MIME]) == record("a < b", 1, 1, 0)
    assert "a &lt; b" in bundle["text/html"] and bundle["text/plain"].startswith("holds  a < b")
