"""Every page in a browser without a network: wide and narrow, light and dark."""

import shutil

import pytest
from book_browser import inspect
from book_site import pages
from effort import thorough


def test_every_page_of_the_small_book(browser, small_book):
    wrong = {path.relative_to(small_book).as_posix(): inspect(browser, path) for path in pages(small_book)}
    assert {name: found for name, found in wrong.items() if found} == {}


@thorough
def test_every_page_of_the_course(browser, course_book):
    wrong = {path.relative_to(course_book).as_posix(): inspect(browser, path) for path in pages(course_book)}
    assert {name: found for name, found in wrong.items() if found} == {}


PLANTS = {
    "remote script": ('<script src="https://cdn.example/x.js"></script>', "asked for https://cdn.example/x.js"),
    "remote picture": ('<img alt="x" src="http://pictures.example/y.png">', "asked for http://pictures.example/y.png"),
    "late request": ("<script>setTimeout(() => fetch('https://api.example/z'), 10)</script>", "https://api.example/z"),
    "script error": ("<script>null.nothing</script>", "console: TypeError"),
    "console error": ("<script>console.error('said so')</script>", "console: said so"),
    "missing file": ('<script src="gone.js"></script>', "ERR_FILE_NOT_FOUND"),
    "wide table": ('<div style="width:900px">wide</div>', "pixels too wide for 360"),
    "faint text": ('<p style="color:#999;background:#fff">faint</p>', "unreadable in the light"),
    "dark text in the dark": ('<p style="color:#222">dark</p>', "unreadable in the dark"),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_the_check_of_a_page_can_fail(browser, small_book, tmp_path, plant):
    markup, expected = PLANTS[plant]
    copy = tmp_path / "html"
    shutil.copytree(small_book, copy, ignore=shutil.ignore_patterns("_sources", "notebooks"))
    page = copy / "notation.html"
    text = page.read_text("utf-8")
    assert inspect(browser, page) == []
    page.write_text(text.replace("</article>", f"{markup}</article>", 1), "utf-8")
    assert expected in "\n".join(inspect(browser, page))


def test_the_map_changes_its_drawing_with_the_width(browser, small_book):
    shown = (
        "[...document.querySelectorAll('.article-map svg')].filter(e => e.checkVisibility()).map(e => e.classList[0])"
    )
    browser.open(small_book / "index.html", width=1200)
    assert browser.run(shown) == ["wide"] * 3
    browser.resize(360)
    assert browser.run(shown) == ["narrow"] * 3


def test_boxes_of_the_map_are_links_that_a_keyboard_reaches(browser, small_book):
    browser.open(small_book / "index.html")
    box = "document.querySelector('.article-map svg.wide a.box')"
    assert browser.run(f"{box}.focus(), document.activeElement === {box}")
    assert browser.run(f"{box}.getAttribute('aria-label')").endswith("open lesson 06")


def test_the_search_finds_a_term_without_a_network(browser, small_book):
    visit = browser.open((small_book / "search.html").as_uri() + "?q=quarantine")
    found = """new Promise(done => { let tries = 60; const look = () => {
      const names = [...document.querySelectorAll('#search-results li a')].map(e => e.textContent);
      names.length || !tries-- ? done(names) : setTimeout(look, 50); }; look(); })"""
    assert "Glossary" in browser.run(found)
    assert visit.errors == []
    assert visit.outside == []


def test_a_folded_solution_opens(browser, small_book):
    browser.open(small_book / "notebooks" / "12_derive_the_targeting_formula.html")
    shown = """new Promise(done => { let tries = 60; const look = () => {
      const text = document.querySelector('.admonition.dropdown p:not(.admonition-title)');
      getComputedStyle(text).opacity === 'WANTED' ? done(true) : tries-- ? setTimeout(look, 50) : done(false); };
      look(); })"""
    assert browser.run(shown.replace("WANTED", "0")), "it is folded away at first"
    browser.run("document.querySelector('.admonition.dropdown .toggle-button').click()")
    assert browser.run(shown.replace("WANTED", "1"))
