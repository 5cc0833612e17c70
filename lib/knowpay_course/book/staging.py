"""The source of the book: the pages of book/, the executed lessons and the generated pages in one folder."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.collect import stored
from knowpay.show.checks import MIME

from knowpay_course import ROOT, CourseError, exercises, scorecard
from knowpay_course.book import article_log, pages
from knowpay_course.book.pages import Contents
from knowpay_course.coverage import COVERAGE
from knowpay_course.coverage import read as read_coverage
from knowpay_course.lesson import lessons, part_of, parts, read_checks
from knowpay_course.notebooks import read, write

if TYPE_CHECKING:
    from nbformat import NotebookNode

PAGES = ROOT / "book"
DATASETS = ROOT / "datasets"  # its README and one card per data set are pages; lessons link them as they do here


def stage(notebooks: Path, folder: Path) -> None:
    """Write the whole source of the book to `folder`. Raises CourseError when there is no lesson in `notebooks`."""
    import yaml
    from knowpay.collect.schema import dictionary

    shutil.copytree(PAGES, folder, ignore=shutil.ignore_patterns("_build", "__pycache__", "locales"))
    code = Path("lib", "knowpay_course", "lessons")  # each lesson links its own file
    shutil.copytree(ROOT / code, folder / code, ignore=shutil.ignore_patterns("__pycache__"))
    contents = read_contents(notebooks)
    names = [lesson.name for lesson in contents.lessons]
    for name in names:
        write(localise(_marked(read(notebooks / f"{name}.ipynb")), names), folder / "notebooks" / f"{name}.ipynb")
    for name in contents.exercises:
        _write(folder / "notebooks" / "exercises" / f"{name}.md", pages.solutions(exercises.load(name)))
    for page in sorted(DATASETS.glob("*.md")):
        _write(folder / "datasets" / page.name, page.read_text("utf-8"))
    declared = Path("lib", "knowpay", "collect", "public")  # the cards link to the declarations
    shutil.copytree(ROOT / declared, folder / declared, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    checks = [check for some in contents.checks.values() for check in some]
    generated = {
        "exercises": pages.exercises(contents),
        "scorecard": scorecard.page(checks, read_coverage(ROOT / COVERAGE), "notebooks"),
        "coverage": pages.coverage(ROOT / COVERAGE, lessons()),
        "datasets/dictionary": dictionary(),
        "measurements": pages.measurements(contents),
        "_generated/figures": pages.figures(contents),
        "_generated/truth": pages.truth_plot(contents),
        "_generated/chapters": pages.chapters(contents),
        "_generated/log-audit": article_log.audit(),
    }
    for name, text in generated.items():
        _write(folder / f"{name}.md", text)
    _write(folder / "_toc.yml", yaml.safe_dump(toc(contents), allow_unicode=True, sort_keys=False))


def read_contents(notebooks: Path) -> Contents:
    """Read what the generated pages tell of: the lessons executed in a folder, and what the runner noted beside it.

    Raises CourseError when there are none.
    """
    here = [lesson for lesson in lessons() if (notebooks / f"{lesson.name}.ipynb").exists()]
    if not here:
        raise CourseError(f"There are no executed lessons in {notebooks}. Run `knowpay-course course` first.")
    names = [lesson.name for lesson in here]
    state = {}
    with contextlib.suppress(OSError, ValueError):  # a damaged state is as none
        state = json.loads((notebooks.parent / "state.json").read_text("utf-8"))
    return Contents(
        here,
        {name: read_checks(read(notebooks / f"{name}.ipynb"), name) for name in names},
        {path.stem: len(exercises.load(path.stem).exercises) for path in exercises.sources() if path.stem in names},
        state.get("data", {}),
        state.get("lessons", {}),
    )


def toc(contents: Contents) -> dict[str, Any]:
    """The table of contents: the lessons that exist by part, then practice and reference."""
    every = parts()
    out: list[dict[str, Any]] = [{"caption": part.caption, "chapters": []} for part in every]
    for lesson in contents.lessons:
        page = {"file": f"notebooks/{lesson.name}", "title": lesson.short}
        chapters = out[part_of(lesson.number, every)]["chapters"]
        if lesson.deeper and chapters:  # listed under its lesson
            chapters[-1].setdefault("sections", []).append(page)
        else:
            chapters.append(page)
    practice: list[dict[str, Any]] = [{"file": name} for name in ("exercises", "scorecard", "coverage")]
    if contents.exercises:
        practice[0]["sections"] = [{"file": f"notebooks/exercises/{name}"} for name in contents.exercises]
    cards = [page.stem for page in sorted(DATASETS.glob("*.md")) if page.stem not in ("README", "dictionary")]
    about = ("company", "article-errors", "notation", "glossary", "ingest")
    names = (*about, "datasets/dictionary", "datasets/README", "references")
    reference: list[dict[str, Any]] = [{"file": name} for name in (*names, "power", "scale", "measurements")]
    reference[names.index("datasets/README")]["sections"] = [{"file": f"datasets/{card}"} for card in cards]
    out = [part for part in out if part["chapters"]]
    out += [
        {"caption": "Practice · 练习", "chapters": practice},
        {"caption": "Reference · 参考", "chapters": reference},
    ]
    return {"format": "jb-book", "root": "index", "parts": out}


def localise(notebook: NotebookNode, known: Collection[str]) -> NotebookNode:
    """Make a lesson's notebook a page: links into the repository point at pages of the book, in place.

    Exercises are notebooks in the repository and pages with folded solutions here; pages of book/ lie one
    folder up in both, but under another name. A link to a lesson that is not among the `known` becomes plain text. The
    typed records of checks, which no page shows, are left out.
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(MIME, None)
        if cell.cell_type == "markdown":
            text = re.sub(r"\]\((?:\./)?(exercises/\d\d[a-z]?_\w+)\.ipynb", r"](\1.md", cell.source)
            text = re.sub(r"\]\(\.\./book/", "](../", text)
            cell.source = re.sub(
                r"\[([^\]]*)\]\((\d\d[a-z]?_\w+)\.ipynb[^)]*\)",
                lambda link: link[0] if link[2] in known else link[1],
                text,
            )
    return notebook


def _marked(notebook: NotebookNode) -> NotebookNode:
    """Mark, in place, the outputs that were stored with a set which is not here. What ran here was marked then."""
    import nbformat

    for cell in notebook.cells:
        if "as_run" in cell.metadata:
            cell.outputs = nbformat.from_dict(stored.shown(cell))
    return notebook


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
