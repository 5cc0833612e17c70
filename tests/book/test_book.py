"""What the book says, and that only a whole book takes the place of the old one."""

import hashlib
import json
import math
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from book_lessons import check
from book_site import faults, pages
from effort import thorough
from knowpay_course import CourseError, book, exercises
from nbformat.v4 import new_markdown_cell, new_notebook


def store(folder: Path, name: str, *cells: nbformat.NotebookNode, **metadata: object) -> Path:
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path)
    return path


# --- reading lessons ---------------------------------------------------------------------------------------------


def test_title_question_decision_and_checks_are_read(tmp_path):
    words = new_markdown_cell(
        "# 12 · Derive it: and test it\n\nSome words.\n**The question:** does a user pay\nfor *herself*?\n"
        "**What you will decide at the end:** the bid, and\nwhom to pause.\n\nMore."
    )
    found = book.read_lesson(store(tmp_path, "12_derive_it", words, check("a", 1.0, 1.1, 0.2)))
    assert (found.number, found.part, found.title, found.short) == ("12", 3, "Derive it: and test it", "12 Derive it")
    assert found.question == "Does a user pay for *herself*?"
    assert found.decision == "The bid, and whom to pause."
    assert [one["name"] for one in found.checks] == ["a"]


def test_question_and_decision_may_share_a_line(tmp_path):
    words = new_markdown_cell("# A\n\n**The question:** is it fit? **What you will decide:** use it or not.\n\nMore.")
    found = book.read_lesson(store(tmp_path, "00_a", words))
    assert (found.question, found.decision) == ("Is it fit?", "Use it or not.")


def test_metadata_goes_before_words(tmp_path):
    path = store(tmp_path, "00_a", new_markdown_cell("# A\n\n**Question.** B?"), knowpay={"question": "C?"})
    assert book.read_lesson(path).question == "C?"


def test_a_lesson_without_question_is_no_error(tmp_path):
    found = book.read_lesson(store(tmp_path, "00_a", new_markdown_cell("# A\n\nWords.")))
    assert (found.question, found.decision, found.checks) == ("", "", ())


def test_a_lesson_without_title_is_named(tmp_path):
    with pytest.raises(CourseError, match=r"00_a.ipynb has no heading"):
        book.read_lesson(store(tmp_path, "00_a", new_markdown_cell("Words.")))


def test_no_lessons_is_a_sentence_with_the_remedy(tmp_path):
    with pytest.raises(CourseError, match=r"no executed lessons in .* Run `knowpay-course course` first"):
        book.build(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("text", ["{", ""])
def test_a_damaged_state_is_as_none(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    assert book.read_state(tmp_path / "notebooks") == {}


# --- generated parts ---------------------------------------------------------------------------------------------


def known(**changes: object) -> book.Lesson:
    record = {"name": "share <of all>", "estimate": 1.0, "truth": 2.0, "tolerance": 0.5, "unit": "%", "holds": False}
    return book.Lesson("06_build_profiles", "Build profiles", "Which?", "That.", ({**record, **changes},))


def test_figures_count_what_is_there():
    text = book.figures([known(), known(holds=True)], 4, {"lessons": {"a": {"seconds": 150}, "b": {"seconds": 90}}})
    assert re.findall(r"<b>(.*?)</b>", text) == ["2", "1 of 2", "4", "4 min"]
    assert re.findall(r"<b>(.*?)</b>", book.figures([book.Lesson("00_a", "A")], 0, {})) == ["1"]


def test_chapters_give_question_decision_and_cost():
    state = {"lessons": {"06_build_profiles": {"seconds": 12.3, "memory_mb": 1450}}}
    text = book.chapters([known()], {"06_build_profiles": 1}, state)
    assert "runs in 12 s with 1,450 MB · 0 of 1 truth check hold · 1 exercise<" in text
    assert 'href="notebooks/06_build_profiles.html"' in text
    assert "Which?" in text
    assert "<b>You decide:</b> That." in text
    assert "Behaviour analysis" in text
    assert "Data collection" not in text, "parts without lessons are not shown"


@pytest.mark.parametrize(
    ("changes", "left", "miss"),
    [
        ({"estimate": 2.0, "holds": True}, "50.0%", False),
        ({"estimate": 2.5, "holds": True}, "83.3%", False),
        ({"estimate": 1.5, "holds": True}, "16.7%", False),
        ({"estimate": 99.0}, "100.0%", True),
        ({"estimate": 2.1, "tolerance": 0.0}, "100.0%", True),
        ({"estimate": 2.0, "tolerance": 0.0, "holds": True}, "50.0%", False),
    ],
)
def test_a_dot_stands_at_its_error_in_tolerances(changes, left, miss):
    text = book.truth_plot([known(**changes)])
    assert f'style="left:{left};' in text
    assert ("dot miss" in text) is miss
    assert "share &lt;of all&gt;" in text


def test_dots_at_the_same_place_do_not_cover_each_other():
    alike = [{**known(name=name, estimate=2.0, holds=True).checks[0]} for name in "abcd"]
    text = book.truth_plot([book.Lesson("00_a", "A", checks=tuple(alike))])
    assert len(set(re.findall(r"top:(\d+)%", text))) == 4


def test_no_checks_no_plot():
    assert book.truth_plot([book.Lesson("00_a", "A")]) == ""


def test_entropy_is_the_log_loss_of_the_base_rate():
    assert book.entropy(0.5) == pytest.approx(math.log(2))
    assert book.entropy(0.93) == pytest.approx(0.2536, abs=5e-5)


def test_the_constant_has_the_loss_it_was_asked_for():
    q = book.constant_with_loss(0.6210, 0.93)
    assert -0.93 * math.log(1 - q) - 0.07 * math.log(q) == pytest.approx(0.6210)
    assert q == pytest.approx(0.456, abs=1e-3)
    with pytest.raises(ValueError, match="no constant below 1/2"):
        book.constant_with_loss(0.2, 0.93)


def test_the_audit_of_the_log_is_computed():
    text = book.log_audit()
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
    assert hashlib.sha256(repr(book.LOG).encode()).hexdigest()[:16] == "227934a64bc47343"


def test_measurements_without_a_run_say_so():
    assert "knowpay-course course" in book.measurements([known()], {})
    state = {
        "data": {"name": "world:small", "seed": 0, "seconds": 6.1},
        "lessons": {"06_build_profiles": {"seconds": 12.34, "memory_mb": 1450}},
    }
    text = book.measurements([known()], state)
    assert "| [06 Build profiles](notebooks/06_build_profiles.ipynb) | 12.3 | 1,450 |" in text
    assert "| make and open the company | 6.1 | – |" in text


def test_the_table_of_contents_lists_what_exists():
    lessons = [book.Lesson("00_a", "A"), book.Lesson("12_b", "B: c")]
    parts = book.toc(lessons, ["12_b"])["parts"]
    assert [part["caption"].split(" ·")[0] for part in parts] == ["Start", "The formula", "Practice", "Reference"]
    assert parts[1]["chapters"] == [{"file": "notebooks/12_b", "title": "12 B"}]
    assert parts[2]["chapters"][0]["sections"] == [{"file": "notebooks/exercises/12_b"}]
    practice = [{"file": name} for name in ("exercises", "scorecard", "identifiability", "companies")]
    assert book.toc(lessons, [])["parts"][2]["chapters"] == practice


def test_links_into_the_repository_become_links_into_the_book():
    text = "[a](exercises/01_x.ipynb) [b](../book/glossary.md#cac) [c](06_y.ipynb)"
    notebook = book.localise({"cells": [{"cell_type": "markdown", "source": [text]}]})
    assert notebook["cells"][0]["source"] == "[a](exercises/01_x.md) [b](../glossary.md#cac) [c](06_y.ipynb)"


def test_a_link_to_a_lesson_that_the_book_lacks_is_text():
    text = "See [Start here](00_start_here.ipynb) and [the first](01_first.ipynb#top)."
    (cell,) = book.localise({"cells": [{"cell_type": "markdown", "source": text}]}, ["01_first"])["cells"]
    assert cell["source"] == "See Start here and [the first](01_first.ipynb#top)."


def test_records_of_checks_stay_out_of_the_pages():
    cell = json.loads(json.dumps(check("a", 1, 1, 1)))
    assert book.CHECK not in book.localise({"cells": [cell]})["cells"][0]["outputs"][0]["data"]


# --- the whole book ----------------------------------------------------------------------------------------------


def test_links_alt_texts_and_heads_of_the_small_book(small_book):
    assert faults(small_book) == []


def test_links_alt_texts_and_heads_of_the_course(course_book):
    assert faults(course_book) == []


def test_every_lesson_and_generated_page_is_there(small_book):
    there = {path.relative_to(small_book).as_posix() for path in pages(small_book)}
    named = (
        "scorecard",
        "identifiability",
        "companies",
        "glossary",
        "notation",
        "datasets/dictionary",
        "datasets/README",
        "datasets/oulad",
        "references",
        "scale",
        "measurements",
        "article-errors",
    )
    assert there >= {"index.html", "search.html", *(f"{name}.html" for name in named)}
    assert "notebooks/12_derive_the_targeting_formula.html" in there
    sheets = {
        f"notebooks/exercises/{path.stem}.html"
        for path in exercises.sources()
        if (small_book / "notebooks" / f"{path.stem}.html").exists()
    }
    assert {name for name in there if "exercises/" in name} == sheets


def test_formulas_need_no_script(small_book):
    page = (small_book / "notebooks" / "12_derive_the_targeting_formula.html").read_text("utf-8")
    assert page.count("<math ") >= 6
    assert 'href="#equation-bayes-12"' in page, "the equation can be referred to"
    assert not re.search(r"mathjax|thebe|cdn\.|unpkg", page, re.I)


def test_a_computed_sentence_hides_its_code_and_shows_its_formula(small_book):
    page = (small_book / "notebooks" / "12_derive_the_targeting_formula.html").read_text("utf-8")
    assert "show.say" not in page
    assert re.search(r"<strong>13\.1 %</strong> pay, <math ", page)


def test_the_notebook_can_be_taken_home(small_book):
    assert (small_book / "_sources" / "notebooks" / "12_derive_the_targeting_formula.ipynb").exists()


def test_nothing_of_the_workshop_is_left(small_book):
    assert [path.name for path in small_book.parent.iterdir()] == ["html"]
    text = "".join(path.read_text("utf-8") for path in pages(small_book))
    assert str(small_book.parent) not in text


def test_a_failed_build_lists_every_warning_and_keeps_the_old_book(tmp_path, monkeypatch):
    def one_page(notebooks: Path, folder: Path) -> None:
        shutil.copytree(book.PAGES, folder, ignore=lambda _, names: [n for n in names if n.endswith((".md", "_build"))])
        (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n")
        (folder / "index.md").write_text("# Broken\n\nSee [nothing](99_nothing.ipynb) and $\\unheardof{x}$.\n")

    monkeypatch.setattr(book, "stage", one_page)
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("the old book")
    with pytest.raises(CourseError) as refusal:
        book.build(tmp_path, out)
    said = str(refusal.value)
    assert re.search(r"index.md:3: WARNING: .*99_nothing", said)
    assert r"\unheardof is not understood" in said
    assert str(tmp_path) not in said, "paths are those of the book's source"
    assert (out / "index.html").read_text() == "the old book"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@thorough
def test_the_same_lessons_give_the_same_bytes(tmp_path, small_lessons, small_book):
    out = tmp_path / "html"
    out.mkdir()
    (out / "leftover.html").write_text("from an older book")
    assert book.build(small_lessons, out) == out / "index.html"
    first, second = ({p.relative_to(r): p.read_bytes() for p in r.rglob("*") if p.is_file()} for r in (small_book, out))
    assert set(first) ^ set(second) == set()
    assert [str(name) for name in first if first[name] != second[name]] == []


def test_the_checks_of_pages_can_fail(tmp_path):
    (tmp_path / "a.html").write_text(
        '<html lang="zh"><head><script src="https://cdn.example/x.js"></script></head>'
        '<a href="b.html">b</a><a href="#nowhere">c</a><img src="data:,x"></html>'
    )
    found = "\n".join(faults(tmp_path))
    for part in (
        "no html lang",
        "no title",
        "no description",
        "no icon",
        "from elsewhere",
        "b.html",
        "no such place",
        "without words",
    ):
        assert part in found
