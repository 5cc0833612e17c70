"""What the generated pages say, and how a lesson's notebook becomes a page."""

import hashlib
import math
import re
import types
from dataclasses import replace

import nbformat
import pandas as pd
import pytest
from book_lessons import check
from checks_made import check as made
from checks_made import exact, quality
from knowpay.show.checks import AGREES, MIME, Check
from knowpay_course import ROOT
from knowpay_course.book import article_log, pages, staging
from knowpay_course.book.pages import Contents
from knowpay_course.coverage import HEAD
from knowpay_course.lesson import Lesson, lessons, part_of, parts, read_checks
from nbformat.v4 import new_markdown_cell, new_notebook

NAME = "06_build_profiles"
ERROR = 0.5 / AGREES  # half a unit from the truth is the end of the band
CHECK = made("share <of all>", estimate=1.0, truth=2.0, error=ERROR, lesson=NAME, unit="%")


def lesson(name=NAME, title="Build profiles"):
    return Lesson(name, ROOT, title, "Which & what?", "That.", 20, ["profiles"])


def changed(**changes):
    return CHECK.model_copy(update=changes)


def contents(*checks: Check, exercises=0, seconds=0.0):
    """A book of one lesson with these checks; that took so many seconds, when it ran at all."""
    measured = {NAME: {"seconds": seconds, "memory_mb": 1450}} if seconds else {}
    data = {"name": "world:small", "seed": 0, "seconds": 6.1} if seconds else {}
    return Contents([lesson()], {NAME: list(checks)}, {NAME: exercises} if exercises else {}, data, measured)


def rows(page: str) -> list[list[str]]:
    """The rows of the tables of a page, cell by cell."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


# --- what is read ------------------------------------------------------------------------------------------------


def test_the_checks_of_a_notebook_are_read_with_the_name_of_its_lesson():
    (found,) = read_checks(new_notebook(cells=[new_markdown_cell("# A"), check("a", 1.0, 1.1, 0.1)]), "00_a")
    assert (found.lesson, found.name, found.estimate, found.holds) == ("00_a", "a", 1.0, True)


def test_a_lesson_knows_its_short_name_and_its_part():
    one = lesson("12_derive_it", "Derive it: and test it")
    assert (one.number, one.short, part_of(one.number, parts())) == ("12", "12 Derive it", 3)


@pytest.mark.parametrize("text", ["{", ""])
def test_a_damaged_state_is_as_none(tmp_path, text):
    notebook = new_notebook(cells=[check("a", 1, 1, 1)])
    (tmp_path / "notebooks").mkdir()
    nbformat.write(notebook, tmp_path / "notebooks" / f"{lessons()[0].name}.ipynb")
    (tmp_path / "state.json").write_text(text)
    found = staging.read_contents(tmp_path / "notebooks")
    assert (found.data, found.measured) == ({}, {}) and [one.name for one in found.lessons] == [lessons()[0].name]


# --- generated parts ---------------------------------------------------------------------------------------------


def test_figures_count_what_is_there():
    apart = [exact(), quality(), changed(name="weak", tells=False)]  # counted nowhere here
    both = replace(
        contents(CHECK, changed(holds=True), *apart, exercises=4, seconds=240), lessons=[lesson(), lesson("00_a")]
    )
    assert re.findall(r"<b>(.*?)</b>", pages.figures(both)) == ["2", "1 of 2", "4", "4 min"]
    assert re.findall(r"<b>(.*?)</b>", pages.figures(contents())) == ["1"]


def test_chapters_give_question_decision_and_cost():
    text = pages.chapters(contents(CHECK, exercises=1, seconds=12.3))
    assert "runs in 12 s with 1,450 MB · 0 of 1 check agree with the truth · 1 exercise<" in text
    assert 'href="notebooks/06_build_profiles.html"' in text
    assert "<p>Which &amp; what?</p>" in text
    assert "<b>You decide:</b> That." in text
    assert "Behaviour analysis" in text
    assert "Data collection" not in text, "parts without lessons are not shown"
    assert 'class="cost"' not in pages.chapters(contents())


@pytest.mark.parametrize(
    ("changes", "left", "miss"),
    [
        ({"estimate": 2.0, "holds": True}, "50.0%", False),
        ({"estimate": 2.5, "holds": True}, "83.3%", False),
        ({"estimate": 1.5, "holds": True}, "16.7%", False),
        ({"estimate": 99.0}, "100.0%", True),
        ({"estimate": 2.1, "error": 0.0}, "100.0%", True),
        ({"estimate": 2.0, "error": 0.0, "holds": True}, "50.0%", False),
    ],
)
def test_a_dot_stands_at_its_distance_in_bands(changes, left, miss):
    text = pages.truth_plot(contents(changed(**changes)))
    assert f'style="left:{left};' in text
    assert ("dot miss" in text) is miss
    assert "share &lt;of all&gt;" in text


def test_dots_at_the_same_place_do_not_cover_each_other():
    text = pages.truth_plot(contents(*(changed(name=name, estimate=2.0, holds=True) for name in "abcd")))
    assert len(set(re.findall(r"top:(\d+)%", text))) == 4


def test_no_checks_no_plot():
    assert pages.truth_plot(contents()) == ""
    assert pages.truth_plot(contents(exact(), changed(tells=False))) == ""


def test_entropy_is_the_log_loss_of_the_base_rate():
    assert article_log.entropy(0.5) == pytest.approx(math.log(2))
    assert article_log.entropy(0.93) == pytest.approx(0.2536, abs=5e-5)


def test_the_constant_has_the_loss_it_was_asked_for():
    q = article_log.constant_with_loss(0.6210, 0.93)
    assert -0.93 * math.log(1 - q) - 0.07 * math.log(q) == pytest.approx(0.6210)
    assert q == pytest.approx(0.456, abs=1e-3)
    with pytest.raises(ValueError, match="no constant below 1/2"):
        article_log.constant_with_loss(0.2, 0.93)


def test_the_audit_of_the_log_is_computed():
    text = article_log.audit()
    for figure in (
        "0.9488",
        "0.9418",
        "0.46",
        "0.254",
        "245 rows/s",
        "239 rows/s",
        "3,393 to 3,424 rows",
        "1.2 points",
    ):
        assert figure in text


def test_the_log_is_the_articles():
    # The article is not ours to ship: this is the digest of the figures in its section 5.4, as read from it.
    assert hashlib.sha256(repr(article_log.LOG).encode()).hexdigest()[:16] == "227934a64bc47343"


def test_measurements_without_a_run_say_so():
    assert "knowpay-course course" in pages.measurements(contents())
    table = rows(pages.measurements(contents(seconds=12.34)))
    assert ["[06 Build profiles](notebooks/06_build_profiles.ipynb)", "12.3", "1,450"] in table
    assert ["make and open the company", "6.1", "–"] in table


def test_the_table_of_contents_lists_what_exists():
    here = [lesson("00_a", "A"), lesson("12_b", "B: c")]
    out = staging.toc(replace(contents(), lessons=here, exercises={"12_b": 3}))["parts"]
    assert [part["caption"].split(" ·")[0] for part in out] == ["Start", "The formula", "Practice", "Reference"]
    assert out[1]["chapters"] == [{"file": "notebooks/12_b", "title": "12 B"}]
    assert out[2]["chapters"][0]["sections"] == [{"file": "notebooks/exercises/12_b"}]
    practice = [{"file": name} for name in ("exercises", "scorecard", "coverage")]
    assert staging.toc(replace(contents(), lessons=here))["parts"][2]["chapters"] == practice


def test_links_into_the_repository_become_links_into_the_book():
    text = "[a](exercises/01_x.ipynb) [b](../book/glossary.md#cac) [c](06_y.ipynb)"
    page = staging.localise(new_notebook(cells=[new_markdown_cell(text)]), ["06_y"])
    assert page.cells[0].source == "[a](exercises/01_x.md) [b](../glossary.md#cac) [c](06_y.ipynb)"


def test_a_link_to_a_lesson_that_the_book_lacks_is_text():
    text = "See [Start here](00_start_here.ipynb) and [the first](01_first.ipynb#top)."
    (cell,) = staging.localise(new_notebook(cells=[new_markdown_cell(text)]), ["01_first"]).cells
    assert cell.source == "See Start here and [the first](01_first.ipynb#top)."


def test_records_of_checks_stay_out_of_the_pages():
    page = staging.localise(new_notebook(cells=[check("a", 1, 1, 1)]), [])
    assert MIME not in page.cells[0].outputs[0].data and "text/html" in page.cells[0].outputs[0].data


# --- the page of `knowpay-course replicate` -----------------------------------------------------------------------


@pytest.fixture
def knobs(monkeypatch):
    import knowpay

    knob = types.SimpleNamespace(default=0.44, low=0.1, high=0.9, usual=(0.3, 0.6), meaning="share | who leave")
    monkeypatch.setattr(knowpay, "world", types.SimpleNamespace(KNOBS={"churn": knob}), raising=False)


def test_the_page_of_the_other_companies(tmp_path, knobs):
    found = [
        ["12", "a | b", "check", 40, 1, 2, 0.123, 1.01, 0.0256, 0.5],
        ["12", "rows", "exact", 40, 0, 0, None, None, 0.0, None],
        ["15", "gain", "check", 40, 0, 0, 0.9, 1.0, 0.1, 1.0],
        ["15", "few", "check", 40, 0, 0, 0.45, 1.0, 0.1, 1.0],
    ]
    pd.DataFrame(found, columns=HEAD).to_csv(tmp_path / "coverage.csv", index=False)
    page = pages.coverage(tmp_path / "coverage.csv", lessons())
    assert page.startswith("# Other companies\n") and "## 12 Derive the targeting formula\n" in page
    assert "**1 of 3 checks have the right error.**" in page
    assert ["a \\| b", "40", "1", "2", "0.12", "1.01", "2.6%", "50%", "right"] in rows(page)
    assert ["gain", "40", "0", "0", "0.90", "1.00", "10.0%", "100%", "wrong"] in rows(page)
    assert ["few", "40", "0", "0", "0.45", "1.00", "10.0%", "100%", "too few companies to say"] in rows(page)
    assert ["rows", "exact", "40", "0", "0.0%"] in rows(page)
    assert ["`churn`", "share \\| who leave", "0.44", "0.3 to 0.6", "0.1 to 0.9"] in rows(page)


def test_the_page_without_a_run_says_so(tmp_path, knobs):
    text = pages.coverage(tmp_path / "none.csv", lessons())
    assert "Nobody has replicated the lessons yet: `knowpay-course replicate`" in text and "`churn`" in text
