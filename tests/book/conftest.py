"""Books built once for all tests, also when the tests run in several processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from book_browser import Browser, chromium
from book_lessons import write_lessons
from knowpay_course import ROOT
from knowpay_course.book import render

NAMES = ("00_start_here", "06_build_user_profiles", "12_derive_the_targeting_formula")


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder `name` that `make` filled, in this or another process of the same test run."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    done = folder.with_suffix(".done")
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + 300
        while not done.exists():
            assert time.monotonic() < deadline, f"{name} was not made by the other process"
            time.sleep(0.2)
    else:
        try:
            make(folder)
        finally:
            done.touch()
    return folder


@pytest.fixture(scope="session")
def small_lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three invented lessons."""
    return (
        once(tmp_path_factory, "small-lessons", lambda folder: write_lessons(folder / "notebooks", NAMES)) / "notebooks"
    )


@pytest.fixture(scope="session")
def small_book(tmp_path_factory: pytest.TempPathFactory, small_lessons: Path) -> Path:
    """The pages of a book of three invented lessons."""
    made = once(tmp_path_factory, "small-book", lambda folder: render.build(small_lessons, folder / "html")) / "html"
    assert (made / "index.html").exists(), "the small book was not built; the process that tried says why"
    return made


@pytest.fixture(scope="session")
def course_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the book of the committed lessons."""
    lessons = ROOT / "notebooks"
    if not any(lessons.glob("[0-9][0-9]_*.ipynb")):
        pytest.skip("there are no committed lessons yet")
    made = once(tmp_path_factory, "course-book", lambda folder: render.build(lessons, folder / "html")) / "html"
    assert (made / "index.html").exists(), "the book was not built; the process that tried says why"
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser, or a skip with its reason; KNOWPAY_REQUIRE_BROWSER=1 turns the skip into a failure."""
    if not chromium():
        reason = "no Chromium here: install one (Debian: apt install chromium) to open the book in it"
        pytest.fail(reason) if os.environ.get("KNOWPAY_REQUIRE_BROWSER") == "1" else pytest.skip(reason)
    with Browser() as running:
        yield running
