import io

import pytest
from knowpay.show.checks import MIME, record
from knowpay_course import scorecard
from knowpay_course.notebooks import write
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pydantic import ValidationError
from rich.console import Console


def save(folder, name, *records):
    outputs = [new_output("display_data", data={MIME: one, "text/plain": "row"}) for one in records]
    write(new_notebook(cells=[new_code_cell("x", outputs=outputs)]), folder / f"{name}.ipynb")


def test_records_are_collected_in_reading_order_and_rendered(tmp_path):
    save(tmp_path, "12_formula", record("posterior | data", 0.5, 0.51, 0.02, "share").model_dump())
    save(tmp_path, "01_collect", record("late rows", 120, 100, 5, "rows").model_dump())
    checks = scorecard.collect(tmp_path)
    assert [(one.lesson, one.holds) for one in checks] == [("01_collect", False), ("12_formula", True)]
    assert scorecard.summary(checks) == "1 of 2 checks hold"
    page = scorecard.page(checks, "../notebooks")
    assert "**1 of 2 checks hold.**" in page
    row = ["", "[01](../notebooks/01_collect.ipynb)", "late rows", "120.0", "100.0", "5", "rows", "FAILS", ""]
    assert row in [[cell.strip() for cell in line.split("|")] for line in page.splitlines()]
    assert "| 01_collect " in scorecard.page(checks)
    assert "posterior \\| data" in page
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(scorecard.terminal(checks))
    assert "late rows" in console.export_text()


def test_a_record_that_is_none_is_an_error(tmp_path):
    save(tmp_path, "01_collect", {"name": "x", "estimate": "many"})
    with pytest.raises(ValidationError):
        scorecard.collect(tmp_path)


def test_no_records(tmp_path):
    assert "0 of 0 checks hold" in scorecard.page(scorecard.collect(tmp_path))
