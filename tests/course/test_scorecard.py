import io

import pandas as pd
import pytest
from checks_made import check, exact, quality
from knowpay.show.checks import MIME
from knowpay_course import scorecard
from knowpay_course.coverage import HEAD
from knowpay_course.notebooks import write
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pydantic import ValidationError
from rich.console import Console

UNTRIED = pd.DataFrame(columns=HEAD)
TRIED = pd.DataFrame([["12", "far", "check", 40, 0, 0, 0.1, 1.0, 0.02, 1.0]], columns=HEAD)
EVERY = [exact(), check("near"), check("far", estimate=2.0), check("weak | small", truth=0.2), quality(value=0.5)]


def save(folder, name, *records):
    fields = [{key: value for key, value in one.items() if key != "lesson"} for one in records]
    outputs = [new_output("display_data", data={MIME: one, "text/plain": "row"}) for one in fields]
    write(new_notebook(cells=[new_code_cell("x", outputs=outputs)]), folder / f"{name}.ipynb")


def rows(page, title):
    """The rows of the table under a heading, cell by cell."""
    section = page.split(f"## {title}\n")[1].split("\n## ")[0]
    return [
        [cell.strip() for cell in line.replace("\\|", "/").split("|")[1:-1]]
        for line in section.splitlines()
        if "|" in line
    ][2:]


def test_records_of_every_kind_are_collected_in_reading_order(tmp_path):
    save(tmp_path, "12_formula", check("a").model_dump(), quality("b").model_dump())
    save(tmp_path, "01_collect", exact("rows", 4).model_dump())
    found = scorecard.collect(tmp_path)
    assert [(one.lesson, one.kind, one.holds) for one in found] == [
        ("01_collect", "exact", False),
        ("12_formula", "check", True),
        ("12_formula", "quality", True),
    ]


@pytest.mark.parametrize(
    "fields", [{"name": "x", "estimate": "many"}, {"kind": "check", "name": "x"}, {"kind": "guess"}]
)
def test_a_record_that_is_none_is_an_error(tmp_path, fields):
    save(tmp_path, "01_collect", fields)
    with pytest.raises(ValidationError):
        scorecard.collect(tmp_path)


def test_what_can_tell_is_counted_and_the_rest_is_listed_apart():
    assert scorecard.summary(EVERY) == (
        "1 of 2 checks that can tell agree with the truth; 1 of 1 count equal; 0 of 1 result as good as stated"
    )
    page = scorecard.page(EVERY, TRIED, "../notebooks")
    assert f"**{scorecard.summary(EVERY)}.**" in page
    lesson = "[12](../notebooks/12_formula.ipynb)"
    assert rows(page, "What can tell") == [
        [lesson, "near", "1 yuan", "0.258", "1 yuan", "no effect", "0 yuan", "agrees"],
        [lesson, "far", "2 yuan", "0.258", "1 yuan", "no effect", "0 yuan", "DISAGREES"],
    ]
    assert rows(page, "Counts that must agree") == [
        ["[01](../notebooks/01_collect.ipynb)", "rows", "5 rows", "5 rows", "equal"]
    ]
    assert [row[1:] for row in rows(page, "How good the results are")] == [["plan", "0.5", "0.6", "1", "POOR"]]
    assert rows(page, "What these data cannot say") == [
        [lesson, "weak / small", "1 yuan", "0.258", "0.2 yuan", "no effect", "0 yuan", "DISAGREES", "3.8 times"]
    ]
    assert "| 12_formula " in scorecard.page(EVERY, TRIED)


def test_a_red_check_says_what_other_companies_say():
    far, weak = rows(scorecard.page(EVERY, TRIED), "What is red")
    assert far[1] == "far" and far[2].startswith("Red by chance: its errors are right (over 40 other companies")
    assert weak[1] == "weak / small" and weak[2].startswith("It has not been tried on other companies")
    assert "2 of 3 checks disagree with the truth; one right answer in a hundred does" in scorecard.page(EVERY, TRIED)
    assert "What is red" not in scorecard.page([check()], TRIED)


def test_data_that_could_say_more_than_these():
    (row,) = rows(scorecard.page([check(truth=0.38)], UNTRIED), "What these data cannot say")
    assert row[-1] == "1.1 times"
    (row,) = rows(scorecard.page([check(truth=0.0)], UNTRIED), "What these data cannot say")
    assert row[-1] == "none"


def test_the_terminal_shows_all_of_it():
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(scorecard.terminal(EVERY, TRIED))
    text = console.export_text(styles=True)
    for title in ("What can tell", "What is red", "Counts that must agree", "What these data cannot say"):
        assert title in text
    assert scorecard.summary(EVERY) in text.replace("\n", " ") and "\x1b[1;31mDISAGREES" in text


def test_no_records(tmp_path):
    assert "0 of 0 checks that can tell agree" in scorecard.page(scorecard.collect(tmp_path), UNTRIED)
    assert scorecard.faults([]) == []


def test_unequal_counts_and_poor_results_are_faults():
    assert scorecard.faults([check(), exact(), quality(), check("weak", truth=0.9, wrong=0.9)]) == []
    found = scorecard.faults([check(), exact(found=4.0), quality(value=0.5)])
    assert found == ["01_collect: UNEQUAL  rows: found 4 rows, expected 5 rows",
                     "18_plan: POOR  plan: 0.5000, stated 0.6 to 1"]  # fmt: skip


@pytest.mark.parametrize(("red", "faulty"), [(3, False), (4, True)])
def test_more_red_checks_than_chance_explains_are_faults(red, faulty):
    records = [check(str(at), estimate=2.0 if at < red else 1.0) for at in range(60)]
    found = scorecard.faults(records)
    assert bool(found) is faulty and len(found) == (red + 1 if faulty else 0)
    assert not faulty or found[0] == "4 of 60 checks disagree with the truth; chance explains 3."
