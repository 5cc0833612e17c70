"""The scorecard: what the course finds beside the truth, collected from the executed notebooks.

What can tell the truth from the answer of a wrong method is counted. Counts that must agree, how good the results are,
and what these data cannot say are listed apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from knowpay.show.checks import AGREES, Check, Exact, Quality, Record
from knowpay.show.text import number

from knowpay_course import markdown
from knowpay_course.coverage import excuse, most_red
from knowpay_course.lesson import read_checks
from knowpay_course.notebooks import read

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

RED = ("DISAGREES", "UNEQUAL", "POOR")  # the words of records that do not hold


class Part(NamedTuple):
    """One table of the scorecard. The first column is the lesson, the last the verdict, unless nothing is judged."""

    title: str
    said: str
    head: tuple[str, ...]
    align: str
    rows: list[tuple[str, ...]]


def collect(folder: Path) -> list[Record]:
    """The records of all executed notebooks of a folder, in reading order.

    Raises pydantic.ValidationError for a record that is not one.
    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    return [record for path in paths for record in read_checks(read(path), path.stem)]


def telling(records: Sequence[Record]) -> list[Check]:
    """The checks that can tell the truth from the answer of a wrong method: those that count."""
    return [one for one in records if isinstance(one, Check) and one.tells]


def disagreeing(records: Sequence[Record]) -> list[Check]:
    """The checks that disagree with the truth, whether they can tell or not."""
    return [one for one in records if isinstance(one, Check) and not one.holds]


def faults(records: Sequence[Record]) -> list[str]:
    """What no run of the course may show, as sentences: an unequal count, a poor result, more red than chance explains.

    Disagreeing checks are sentences too when there are more than `most_red` of them.
    """
    wrong = [one for one in records if not isinstance(one, Check) and not one.holds]
    red, tried = disagreeing(records), sum(isinstance(one, Check) for one in records)
    found = [f"{one.lesson}: {one.row()}" for one in wrong]
    if len(red) > most_red(tried):
        found.append(f"{len(red)} of {tried} checks disagree with the truth; chance explains {most_red(tried)}.")
        found += [f"{one.lesson}: {one.row()}" for one in red]
    return found


def summary(records: Sequence[Record]) -> str:
    """`23 of 24 checks that can tell agree with the truth; 5 of 5 counts are equal; 2 of 2 results are good`."""

    def some(kind: Sequence[Record], one: str, many: str, said: str) -> str:
        held = sum(record.holds for record in kind)
        return f"{held} of {len(kind)} {one if len(kind) == 1 else many} {said}"

    said = [some(telling(records), "check that can tell", "checks that can tell", "agree with the truth")]
    exact, quality = ([one for one in records if isinstance(one, kind)] for kind in (Exact, Quality))
    said += [some(exact, "count", "counts", "equal")] * bool(exact)
    said += [some(quality, "result", "results", "as good as stated")] * bool(quality)
    return "; ".join(said)


def page(records: Sequence[Record], coverage: pd.DataFrame, folder: str = "") -> str:
    """The scorecard page. With `folder`, each lesson's number links to its notebook there."""
    lines = [
        "# Scorecard",
        "What the course finds beside the truth of the simulated company. An estimate agrees with the truth when they "
        f"are no more than {AGREES} standard errors apart, the error being the one that the lesson computed. A check "
        "counts only when it can tell the truth from the answer of a wrong method: that wrong answer would turn it red "
        "nine times in ten.",
        f"**{summary(records)}.**",
    ]
    for part in parts(records, coverage):
        rows = part.rows
        if folder:
            rows = [(f"[{row[0][:2]}]({folder}/{row[0]}.ipynb)", *row[1:]) for row in rows]
        lines += [f"## {part.title}", part.said, markdown.table(part.head, rows, part.align)]
    return "\n\n".join(lines) + "\n"


def terminal(records: Sequence[Record], coverage: pd.DataFrame) -> Group:
    """The scorecard as tables for the terminal, under its summary."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    tables = []
    for part in parts(records, coverage):
        table = Table(title=part.title, title_justify="left")
        for name, side in zip(part.head, part.align, strict=True):
            table.add_column(name, justify="right" if side == "r" else "left")
        for lesson, *cells in part.rows:  # the whole name would leave no room
            shown = [Text(cell, style="bold red" if cell in RED else "") for cell in cells]
            table.add_row(lesson.split("_")[0], *shown)
        tables.append(table)
    return Group(*tables, Text(f"{summary(records)}."))


def parts(records: Sequence[Record], coverage: pd.DataFrame) -> list[Part]:
    """The tables of the scorecard that have rows: what can tell, what is red, counts, quality, what cannot tell."""
    told = telling(records)
    weak = [one for one in records if isinstance(one, Check) and not one.tells]
    numbers = ("lesson", "check", "estimate", "2.58 errors", "truth")
    every = [
        Part(
            "What can tell",
            "The truth, and the answer of a wrong method that the check would have seen.",
            (*numbers, "wrong method", "its answer", ""),
            "llrrrlrl",
            [(*_numbers(one), one.rival, _with(one.wrong, one.unit), _word(one)) for one in told],
        ),
        _red(records, coverage),
        Part(
            "Counts that must agree",
            "No chance is in them, so nothing is allowed for it.",
            ("lesson", "count", "found", "expected", ""),
            "llrrl",
            [
                (one.lesson, one.name, _with(one.found, one.unit), _with(one.expected, one.unit), _word(one))
                for one in records
                if isinstance(one, Exact)
            ],
        ),
        Part(
            "How good the results are",
            "A list, a plan or a price, valued by the truth: an honest estimate of a bad plan would be no success.",
            ("lesson", "result", "value", "from", "to", ""),
            "llrrrl",
            [
                (one.lesson, one.name, *(_with(v, one.unit) for v in (one.value, one.low, one.high)), _word(one))
                for one in records
                if isinstance(one, Quality)
            ],
        ),
        Part(
            "What these data cannot say",
            "Here the wrong answer lies too near to the truth for the rows there are. These checks do not count. The "
            "last column says how many times the data could tell.",
            (*numbers, "cannot be told from", "its answer", "", "data that could"),
            "llrrrlrlr",
            [(*_numbers(one), one.rival, _with(one.wrong, one.unit), _word(one), _more(one)) for one in weak],
        ),
    ]
    return [part for part in every if part.rows]


def _red(records: Sequence[Record], coverage: pd.DataFrame) -> Part:
    red, tried = disagreeing(records), sum(isinstance(one, Check) for one in records)
    return Part(
        "What is red",
        f"{len(red)} of {tried} checks disagree with the truth; one right answer in a hundred does, so chance "
        f"explains up to {most_red(tried)}.",
        ("lesson", "check", "what other companies say"),
        "lll",
        [(one.lesson, one.name, excuse(one, coverage)) for one in red],
    )


def _numbers(check: Check) -> tuple[str, ...]:
    estimate, truth = _with(check.estimate, check.unit), _with(check.truth, check.unit)
    return check.lesson, check.name, estimate, number(AGREES * check.error, trim=True), truth


def _with(value: float, unit: str) -> str:
    return f"{number(value, trim=True)} {unit}".rstrip()


def _word(record: Record) -> str:
    return record.row().split("  ")[0]


def _more(check: Check) -> str:
    return f"{max(check.more, 1.1):,.1f} times" if check.apart else "none"
