"""The scorecard: every estimate of the course beside the truth, collected from the executed notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.show.text import number

from knowpay_course import markdown
from knowpay_course.lesson import files, read_checks
from knowpay_course.notebooks import read

if TYPE_CHECKING:
    from knowpay.show.checks import Check
    from rich.table import Table

HEAD = ("lesson", "check", "estimate", "truth", "tolerance", "unit", "holds")


def collect(folder: Path) -> list[Check]:
    """The records of all executed notebooks of a folder, in reading order.

    Raises pydantic.ValidationError for a record that is not one.
    """
    return [check for path in files(folder, "ipynb") for check in read_checks(read(path), path.stem)]


def summary(checks: list[Check]) -> str:
    """`23 of 24 checks hold`."""
    return f"{sum(check.holds for check in checks)} of {len(checks)} checks hold"


def _row(check: Check) -> tuple[str, ...]:
    numbers = number(check.estimate), number(check.truth), number(check.tolerance, trim=True)
    return check.lesson, check.name, *numbers, check.unit, "holds" if check.holds else "FAILS"


def page(checks: list[Check], folder: str = "") -> str:
    """The scorecard page. With `folder`, each lesson's number links to its notebook there."""
    rows = [_row(check) for check in checks]
    if folder:  # a number leaves room for the checks
        rows = [(f"[{row[0].split('_')[0]}]({folder}/{row[0]}.ipynb)", *row[1:]) for row in rows]
    return f"""\
# Scorecard

Every estimate of the course beside the truth of the simulated company. A check holds when the two
differ by no more than the tolerance. **{summary(checks)}.**

{markdown.table(HEAD, rows, "llrrrll")}
"""


def terminal(checks: list[Check]) -> Table:
    """The scorecard as a table for the terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=summary(checks), title_justify="left")
    for name in HEAD:
        table.add_column(name, justify="right" if name in ("estimate", "truth", "tolerance") else "left")
    for check in checks:
        _, *cells, holds = _row(check)
        number_of_lesson = check.lesson.split("_")[0]  # the whole name would leave no room
        table.add_row(*map(Text, [number_of_lesson, *cells]), Text(holds, style="green" if check.holds else "bold red"))
    return table
