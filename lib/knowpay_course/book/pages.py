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
from knowpay.show.checks import AGREES

from knowpay_course.coverage import MEAN, RIGHT, SPREAD, bounds, read, verdict
from knowpay_course.lesson import Lesson, part_of, parts
from knowpay_course.markdown import table as table_of
from knowpay_course.scorecard import telling

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment
    from knowpay.show.checks import Check, Record

    from knowpay_course.exercises import Sheet

TOOLS = (  # whose versions the page of measurements gives: what the lessons use, then what the book is made with
    *("duckdb", "ibis-framework", "pandas", "numpy", "scikit-learn", "statsmodels", "keras", "matplotlib"),
    *("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "latex2mathml"),
)
RIM = 1.5  # bands of AGREES standard errors: a dot further off is drawn there
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
    checks: dict[str, list[Record]]  # of each lesson, by its name
    exercises: dict[str, int]  # how many, by name of the lesson; only of those that have some
    data: dict[str, Any]  # name, seed and seconds of the data that the lessons ran on; empty when nobody ran them here
    measured: dict[str, dict[str, float]]  # seconds and memory_mb of each lesson that ran, by its name


def lesson_table(lessons: list[Lesson]) -> str:
    """The table of the lessons in README.md."""
    return from_template("readme", lessons=lessons).rstrip()


# --- parts of the first page -------------------------------------------------------------------------------------


def figures(contents: Contents) -> str:
    """The row of figures under the promise: lessons, checks that can tell and agree, exercises, time to run."""
    rows = [(str(len(contents.lessons)), "lessons that run")]
    if checks := [check for some in contents.checks.values() for check in telling(some)]:
        rows.append((f"{sum(check.holds for check in checks)} of {len(checks)}", "checks agree with the truth"))
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
        if checks := telling(contents.checks[lesson.name]):
            held = sum(check.holds for check in checks)
            costs.append(f"{held} of {counted(len(checks), 'check')} agree with the truth")
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
    """A strip for each lesson with a dot for each check that can tell: how far off it is; "" without such checks.

    The scorecard holds the same in a table.
    """
    every = parts()
    strips = [
        (lesson, part_of(lesson.number, every), dots(telling(contents.checks[lesson.name])))
        for lesson in contents.lessons
        if telling(contents.checks[lesson.name])
    ]
    checks = [dot.check for _, _, some in strips for dot in some]
    held, total = sum(check.holds for check in checks), counted(len(checks), "estimate")
    return from_template("truth", strips=strips, held=held, total=total) if checks else ""


def dots(checks: list[Check]) -> list[Dot]:
    """The dots of a lesson from left to right; those more than RIM bands off are drawn at the rim."""
    ends: list[float] = []  # where the last dot of each lane stands
    placed = []
    for check in sorted(checks, key=lambda check: (off(check), check.name)):
        left = 50 + max(-RIM, min(RIM, off(check))) * 50 / RIM
        lane = next((at for at, end in enumerate(ends) if left - end > GAP), len(ends))
        ends[lane : lane + 1] = [left]
        placed.append(Dot(check, left, lane))
    return placed


def off(check: Check) -> float:
    """How many bands of AGREES errors an estimate is above the truth; infinity where it should be exact and is not."""
    gap = check.estimate - check.truth
    if not gap:
        return 0.0
    return gap / (AGREES * check.error) if check.error else math.copysign(math.inf, gap)


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
        costs=table_of(("step", "seconds", "most memory (MB)"), rows, "lrr") if contents.measured else "",
        versions=table_of(("part", "version"), versions, "ll"),
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


def coverage(path: Path, lessons: list[Lesson]) -> str:
    """The page of the other companies, from the file at `path` (see `coverage.COVERAGE`), and of the knobs."""
    from knowpay import world

    rows, told = dict(list(read(path).groupby("lesson"))), []
    for lesson in lessons:
        if lesson.number in rows:
            table = rows[lesson.number]
            judged = table["kind"] == "check"
            told.append((lesson, _coverages(table[judged]), _others(table[~judged])))
    verdicts = [_verdict(row) for table in rows.values() for row in table[table["kind"] == "check"].itertuples()]
    most, (least, widest) = bounds(40)
    knobs = [
        (f"`{name}`", knob.meaning, _default(knob.default), _range(*knob.usual), _range(knob.low, knob.high))
        for name, knob in world.KNOBS.items()
    ]
    return from_template(
        "coverage",
        lessons=told,
        agrees=AGREES,
        mean=MEAN,
        low=SPREAD[0],
        high=SPREAD[1],
        most=f"{most:.2f}",
        least=f"{least:.2f}",
        widest=f"{widest:.2f}",
        right=verdicts.count(RIGHT),
        total=len(verdicts),
        knobs=table_of(("knob", "meaning", "default", "usual", "possible"), knobs, "lllll"),
    )


def _coverages(rows: pd.DataFrame) -> str:
    """The table of the checks of a lesson; "" without checks."""
    head = (
        "check",
        "companies",
        "lacking it",
        "error 0",
        "mean z",
        "sd of z",
        f"outside ±{AGREES}",
        "can tell",
        "error",
    )
    cells = [
        (
            *(row.check, row.companies, row.missing, row.zero, f"{row.mean:.2f}", f"{row.spread:.2f}"),
            *(f"{row.outside:.1%}", f"{row.tells:.0%}", _verdict(row)),
        )
        for row in rows.itertuples()
    ]
    return table_of(head, cells, "lrrrrrrrl") if cells else ""


def _others(rows: pd.DataFrame) -> str:
    """The table of the counts and results of a lesson; "" without any."""
    cells = [(row.check, row.kind, row.companies, row.missing, f"{row.outside:.1%}") for row in rows.itertuples()]
    return table_of(("count or result", "kind", "companies", "lacking it", "red"), cells, "llrrr") if cells else ""


def _verdict(row: Any) -> str:
    return verdict(row.companies - row.missing - row.zero, row.mean, row.spread)


def _default(value: float | None) -> str:
    return "by size" if value is None else f"{value:g}"


def _range(low: float, high: float) -> str:
    return f"{low:g} to {high:g}"
