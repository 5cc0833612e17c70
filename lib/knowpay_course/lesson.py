"""A lesson: what notebooks/lessons.yml says of it, its two files, and the truth checks that a notebook of it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from knowpay.show.checks import MIME, Record

from knowpay_course import ROOT, CourseError

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from pydantic import TypeAdapter


class Part(NamedTuple):
    """A part of the course: its caption in the sidebar of the book, and the number of its last lesson."""

    caption: str
    last: int


@dataclass(frozen=True)
class Lesson:
    """One lesson of notebooks/lessons.yml; neither of its files need exist."""

    name: str  # "12_derive_the_targeting_formula"
    root: Path  # of the checkout
    title: str
    question: str
    decision: str
    minutes: int  # to read
    needs: list[str]  # analyses of knowpay/needs.yml; the first says how much data the lesson had

    @property
    def number(self) -> str:
        return self.name.split("_")[0]

    @property
    def short(self) -> str:
        """Number and title without what follows its colon, for narrow places."""
        return f"{self.number} {self.title.split(': ')[0]}"

    @property
    def source(self) -> Path:
        return self.root / "notebooks" / "src" / f"{self.name}.py"

    @property
    def notebook(self) -> Path:
        return self.root / "notebooks" / f"{self.name}.ipynb"


def lessons(only: Iterable[str] = (), root: Path = ROOT) -> list[Lesson]:
    """The lessons in reading order, all or those named by number ("12") or full name.

    Raises CourseError for a lesson that does not exist, and for a file that lessons.yml does not know.
    """
    said = _said(root)["lessons"]
    stems = {p.stem for p in (root / "notebooks" / "src").glob("[0-9][0-9]_*.py")}
    stems |= {p.stem for p in (root / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    wanted_keys = {field.name for field in fields(Lesson)} - {"name", "root"}
    for name in sorted(stems | set(said)):
        if set(said.get(name) or ()) != wanted_keys:
            raise CourseError(f"notebooks/lessons.yml must give for {name}: {', '.join(sorted(wanted_keys))}.")
    every = [Lesson(name, root, **one) for name, one in sorted(said.items())]
    if not only:
        return every
    wanted = {str(name).zfill(2) for name in only}
    for name in sorted(wanted - {one for lesson in every for one in (lesson.number, lesson.name)}):
        there = ", ".join(lesson.number for lesson in every) or "none"
        raise CourseError(f"There is no lesson {name}; the lessons are: {there}.")
    return [lesson for lesson in every if lesson.number in wanted or lesson.name in wanted]


def parts() -> list[Part]:
    """The parts of the course, in order."""
    return [Part(**one) for one in _said(ROOT)["parts"]]


def part_of(number: str, among: list[Part]) -> int:
    """Which of the parts, from 0, a lesson belongs to by its number; the lesson need not exist yet."""
    return next(at for at, part in enumerate(among) if int(number) <= part.last)


def _said(root: Path) -> dict[str, Any]:
    import yaml

    path = root / "notebooks" / "lessons.yml"
    return yaml.safe_load(path.read_text("utf-8")) if path.exists() else {"parts": [], "lessons": {}}


def as_record(fields: dict[str, Any]) -> Record:
    """A check, a count or a quality from its fields. Raises pydantic.ValidationError for what is none of them."""
    return _record().validate_python(fields)


@cache
def _record() -> TypeAdapter[Record]:
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[Record, Field(discriminator="kind")])


def read_checks(notebook: NotebookNode, lesson: str) -> list[Record]:
    """The records of truth checks in the outputs of a notebook, in order, with the name of the lesson.

    Raises pydantic.ValidationError for a record that is not one.
    """
    return [
        as_record({**output["data"][MIME], "lesson": lesson})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if MIME in output.get("data", {})
    ]
