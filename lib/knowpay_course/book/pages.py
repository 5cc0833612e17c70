"""The generated pages and parts of pages of the book; their words and markup stand in templates/."""

from __future__ import annotations

import math
import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.doctor import installed

from knowpay_course.lesson import Lesson, part_of, parts
from knowpay_course.markdown import table
from knowpay_course.tolerances import LEVEL, STATED, WIDTH, read

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment
    from knowpay.show.checks import Check

    from knowpay_course.exercises import Sheet

TOOLS = (  # whose versions the page of measurements gives: what the lessons use, then what the book is made with
    *("duckdb", "ibis-framework", "pandas", "numpy", "scikit-learn", "statsmodels", "keras", "matplotlib"),
    *("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "latex2mathml"),
)
RIM = 1.5  # tolerances: a dot further off is drawn there
GAP = 3.0  # % of the width of a strip: a dot nearer to the last one of its lane would cover it


def from_template(template: str, **values: Any) -> str:
    """The text of templates/`template`.md.j2 with its values. Raises jinja2.UndefinedError for a missing one."""
    return _templates().get_template(f"{template}.md.j2").render(**values)


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("knowpay_course.book")
    return Environment(
        loader=loader, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )


def counted(number: int, one: str) -> str:
    """`1 exercise`, `2 exercises`."""
    return f"{number} {one}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """`12 s`, `4 min`."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


@dataclass(frozen=True)
class Contents:
    """What the generated pages tell of."""

    lessons: list[Lesson]
    checks: dict[str, list[Check]]  # of each lesson, by its name
    exercises: dict[str, int]  # how many, by name of the lesson; only of those that have some
    data: dict[str, Any]  # name, seed and seconds of the data that the lessons ran on; empty when nobody ran them here
    measured: dict[str, dict[str, float]]  # seconds and memory_mb of each lesson that ran, by its name


def lesson_table(lessons: list[Lesson]) -> str:
    """The table of the lessons in README.md."""
    return from_template("readme", lessons=lessons).rstrip()


# --- parts of the first page -------------------------------------------------------------------------------------


def figures(contents: Contents) -> str:
    """The row of figures under the promise: lessons, checks that hold, exercises, time to run."""
    rows = [(str(len(contents.lessons)), "lessons that run")]
    if checks := [check for some in contents.checks.values() for check in some]:
        rows.append((f"{sum(check.holds for check in checks)} of {len(checks)}", "truth checks hold"))
    if contents.exercises:
        rows.append((str(sum(contents.exercises.values())), "exercises that answer back"))
    if contents.measured:
        seconds = sum(one["seconds"] for one in contents.measured.values())
        rows.append((duration(seconds), "of computing for all lessons"))
    return from_template("figures", rows=rows)


def chapters(contents: Contents) -> str:
    """The lessons by part, each with its question, its decision and what it costs to run."""

    def costs(lesson: Lesson) -> list[str]:
        costs = []
        if ran := contents.measured.get(lesson.name):
            costs.append(f"runs in {duration(ran['seconds'])} with {ran['memory_mb']:,.0f} MB")
        if checks := contents.checks[lesson.name]:
            held = sum(check.holds for check in checks)
            costs.append(f"{held} of {counted(len(checks), 'truth check')} hold")
        if number := contents.exercises.get(lesson.name):
            costs.append(counted(number, "exercise"))
        return costs

    every = parts()
    cards = [(part_of(lesson.number, every), lesson, costs(lesson)) for lesson in contents.lessons]
    return from_template("chapters", parts=every, cards=cards)


@dataclass(frozen=True)
class Dot:
    """A check in the strip of its lesson: % from its left end, and the lane in which no other dot covers it."""

    check: Check
    left: float
    lane: int


def truth_plot(contents: Contents) -> str:
    """A strip for each lesson with a dot for each check: its error in units of the tolerance; "" without checks.

    The scorecard holds the same in a table.
    """
    every = parts()
    strips = [
        (lesson, part_of(lesson.number, every), dots(contents.checks[lesson.name]))
        for lesson in contents.lessons
        if contents.checks[lesson.name]
    ]
    checks = [dot.check for _, _, some in strips for dot in some]
    held, total = sum(check.holds for check in checks), counted(len(checks), "estimate")
    return from_template("truth", strips=strips, held=held, total=total) if checks else ""


def dots(checks: list[Check]) -> list[Dot]:
    """The dots of a lesson from left to right; those more than RIM tolerances off are drawn at the rim."""
    ends: list[float] = []  # where the last dot of each lane stands
    placed = []
    for check in sorted(checks, key=lambda check: (off(check), check.name)):
        left = 50 + max(-RIM, min(RIM, off(check))) * 50 / RIM
        lane = next((at for at, end in enumerate(ends) if left - end > GAP), len(ends))
        ends[lane : lane + 1] = [left]
        placed.append(Dot(check, left, lane))
    return placed


def off(check: Check) -> float:
    """How many tolerances an estimate is above the truth; infinity where it should be exact and is not."""
    error = check.estimate - check.truth
    if not error:
        return 0.0
    return error / check.tolerance if check.tolerance else math.copysign(math.inf, error)


# --- pages of their own ------------------------------------------------------------------------------------------


def measurements(contents: Contents) -> str:
    """What this book cost to make, and with what it was made."""
    rows = [("make and open the company", f"{contents.data['seconds']:.1f}", "–")] if contents.data else []
    for lesson in contents.lessons:
        if ran := contents.measured.get(lesson.name):
            link = f"[{lesson.short}](notebooks/{lesson.name}.ipynb)"
            rows.append((link, f"{ran['seconds']:.1f}", f"{ran['memory_mb']:,.0f}"))
    if contents.measured:
        seconds, memory = zip(*((ran["seconds"], ran["memory_mb"]) for ran in contents.measured.values()), strict=True)
        rows.append(("all lessons, one after the other", f"{sum(seconds):.1f}", f"{max(memory):,.0f}"))
    versions = [("Python", platform.python_version()), *((name, installed(name)) for name in TOOLS if installed(name))]
    return from_template(
        "measurements",
        data=contents.data,
        cores=os.cpu_count(),
        costs=table(("step", "seconds", "most memory (MB)"), rows, "lrr") if contents.measured else "",
        versions=table(("part", "version"), versions, "ll"),
    )


def exercises(contents: Contents) -> str:
    """The page that lists the exercises by lesson."""
    listed = [
        (lesson, counted(contents.exercises[lesson.name], "exercise"))
        for lesson in contents.lessons
        if lesson.name in contents.exercises
    ]
    return from_template("exercises", lessons=listed)


def solutions(sheet: Sheet) -> str:
    """The exercises of a lesson: each statement, its given code, and the solution with its traps folded away."""
    return from_template("solutions", sheet=sheet)


def identifiability(path: Path, lessons: list[Lesson]) -> str:
    """The page of the tolerances, from the sheet at `path` (see `tolerances.SHEET`)."""
    from knowpay.collect import needs

    head = ("check", "companies", "mean truth", "bias", "spread", "tolerance")
    columns = ["check", "unit", "replications", "truth", "bias", "spread", "tolerance"]
    told = []
    for lesson, rows in replicated(path, lessons):
        checks = [
            (check if unit in check else f"{check}, {unit}", *numbers)
            for check, unit, *numbers in rows[columns].itertuples(index=False)
        ]
        amount = f"{rows['n'].median():,.0f} {needs.analyses()[lesson.needs[0]]['amount']['words']}"
        told.append((lesson, amount, table(head, checks, "lrrrrr")))
    return from_template("identifiability", lessons=told, width=WIDTH, stated=f"{STATED:.0%}")


def companies(path: Path, lessons: list[Lesson]) -> str:
    """The page of the held-out companies, from the file at `path` (see `tolerances.COMPANIES`), and of the knobs."""
    from knowpay import world

    head, columns = ("check", "kept", "of", "probability"), ["check", "held", "companies", "p"]
    tried = replicated(path, lessons)
    held, total = (sum(rows[name].sum() for _, rows in tried) for name in ("held", "companies"))
    knobs = [
        (f"`{name}`", knob.meaning, _default(knob.default), _range(*knob.usual), _range(knob.low, knob.high))
        for name, knob in world.KNOBS.items()
    ]
    return from_template(
        "companies",
        lessons=[(lesson, table(head, rows[columns].itertuples(index=False), "lrrr")) for lesson, rows in tried],
        kept=f"{held:,} of {total:,}",
        share=f"{held / total:.1%}" if total else "",
        stated=f"{STATED:.0%}",
        level=f"{LEVEL:.0%}",
        knobs=table(("knob", "meaning", "default", "usual", "possible"), knobs, "lllll"),
    )


def replicated(path: Path, lessons: list[Lesson]) -> list[tuple[Lesson, pd.DataFrame]]:
    """The rows of a file of `knowpay-course replicate` for each lesson that has some; none before it was made."""
    if not path.exists():
        return []
    rows = dict(list(read(path).groupby("lesson")))
    return [(lesson, rows[lesson.number]) for lesson in lessons if lesson.number in rows]


def _default(value: float | None) -> str:
    return "by size" if value is None else f"{value:g}"


def _range(low: float, high: float) -> str:
    return f"{low:g} to {high:g}"
