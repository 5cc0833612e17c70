"""The book is whole: every page, every link, the same bytes; and only a whole book takes the place of the old one."""

import re
import shutil
from pathlib import Path

import pytest
from book_site import faults, pages
from effort import thorough
from knowpay_course import CourseError, exercises
from knowpay_course.book import render, staging


def test_no_lessons_is_a_sentence_with_the_remedy(tmp_path):
    with pytest.raises(CourseError, match=r"no executed lessons in .* Run `knowpay-course course` first"):
        render.build(tmp_path, tmp_path / "out")


def test_links_alt_texts_and_heads_of_the_small_book(small_book):
    assert faults(small_book) == []


def test_links_alt_texts_and_heads_of_the_course(course_book):
    assert faults(course_book) == []


def test_every_lesson_and_generated_page_is_there(small_book):
    there = {path.relative_to(small_book).as_posix() for path in pages(small_book)}
    named = (
        "scorecard",
        "coverage",
        "glossary",
        "notation",
        "datasets/dictionary",
        "datasets/README",
        "datasets/oulad",
        "references",
        "scale",
        "measurements",
        "company",
        "power",
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
        shutil.copytree(staging.PAGES, folder, ignore=shutil.ignore_patterns("*.md", "*_build"))
        (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n")
        (folder / "index.md").write_text("# Broken\n\nSee [nothing](99_nothing.ipynb) and $\\unheardof{x}$.\n")

    monkeypatch.setattr(render, "stage", one_page)
    out = tmp_path / "out"
    out.mkdir()
    (out / "index.html").write_text("the old book")
    with pytest.raises(CourseError) as refusal:
        render.build(tmp_path, out)
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
    assert render.build(small_lessons, out) == out / "index.html"
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
