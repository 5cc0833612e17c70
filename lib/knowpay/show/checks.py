"""What the truth says of a lesson: estimates beside it, counts that must agree, how good a result is; kept as records.

An estimate agrees with the truth within AGREES of its own standard errors. The check *can tell* when the answer of a
wrong method, its rival, lies CAN_TELL errors or more from the truth: the wrong answer then turns red nine times in ten
(3.9 - 2.58 = 1.32, the 91st percentile of the normal distribution).
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from knowpay.show.recording import records
from knowpay.show.text import emit, number, rounded

if TYPE_CHECKING:
    from knowpay.estimate import Estimate

MIME = "application/vnd.knowpay.check+json"
AGREES = 2.58  # standard errors: 99 of 100 right answers with a normal error lie within
CAN_TELL = 3.9


class Check(BaseModel):
    """An estimate, its standard error, the truth and the rival answer, all in `unit`.

    `holds` and `tells` were decided before the numbers were rounded to four digits.
    """

    kind: Literal["check"] = "check"
    lesson: str = ""
    name: str
    estimate: float
    error: float
    truth: float
    rival: str
    wrong: float
    unit: str = ""
    holds: bool
    tells: bool

    @property
    def apart(self) -> float:
        """Standard errors between the truth and the rival answer; infinite for an error of 0."""
        gap = abs(self.truth - self.wrong)
        return gap / self.error if self.error else (math.inf if gap else 0.0)

    @property
    def more(self) -> float:
        """How many times the data could tell; infinite where the rival is the truth."""
        return (CAN_TELL / self.apart) ** 2 if self.apart else math.inf

    def row(self) -> str:
        """The printed line of the check."""
        unit = f" {self.unit}" if self.unit else ""
        wrong = f"{self.rival} ({number(self.wrong, trim=True)}{unit})"
        more = f"{max(self.more, 1.1):.1f} times the data could" if math.isfinite(self.more) else "no data could"
        tells = f"tells it from {wrong}" if self.tells else f"cannot tell it from {wrong}; {more}"
        return (
            f"{'agrees' if self.holds else 'DISAGREES'}  {self.name}: estimate {number(self.estimate)}{unit} "
            f"± {number(AGREES * self.error, trim=True)}, truth {number(self.truth)}{unit}; {tells}"
        )


class Exact(BaseModel):
    """A count that must agree."""

    kind: Literal["exact"] = "exact"
    lesson: str = ""
    name: str
    found: float
    expected: float
    unit: str = ""
    holds: bool

    def row(self) -> str:
        """The printed line of the check."""
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{'equal' if self.holds else 'UNEQUAL'}  {self.name}: found {number(self.found, trim=True)}{unit}, "
            f"expected {number(self.expected, trim=True)}{unit}"
        )


class Quality(BaseModel):
    """How good a result is in truth, such as a share of the best possible: `holds` within the band."""

    kind: Literal["quality"] = "quality"
    lesson: str = ""
    name: str
    value: float
    low: float
    high: float
    unit: str = ""
    holds: bool

    def row(self) -> str:
        """The printed line of the check."""
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{'good' if self.holds else 'POOR'}  {self.name}: {number(self.value)}{unit}, "
            f"stated {number(self.low, trim=True)} to {number(self.high, trim=True)}{unit}"
        )


Record = Check | Exact | Quality


def check(name: str, estimate: Estimate, truth: float, rival: tuple[str, float]) -> None:
    """Print one row that says whether |estimate - truth| <= AGREES errors, and whether the rival would be seen.

    `rival` is a wrong method and its answer, in the unit of the estimate: ("no effect", 0.0), ("everybody", 0.31). A
    check that disagrees is shown so and lets the lesson go on: the scorecard and the tests report it. Two checks of a
    lesson need two names.

    Raises:
        ValueError: an empty name, no estimate with an error, no rival, a number that is not finite, an error below 0.
    """
    from knowpay.estimate import Estimate  # brings pandas, which saying a sentence does not need

    if not isinstance(estimate, Estimate):
        raise ValueError(f"show.check {name!r}: the estimate must be an Estimate with its error, got {estimate!r}")
    try:
        method, wrong = rival
    except (TypeError, ValueError):
        raise ValueError(f"show.check {name!r} needs a rival: a wrong method and its answer, got {rival!r}") from None
    _named(name, method)
    given = {"estimate": estimate.value, "error": estimate.error, "truth": truth, "wrong": wrong}
    values = {what: _finite(name, what, value) for what, value in given.items()}
    if values["error"] < 0:
        raise ValueError(f"show.check {name!r}: the error is negative ({values['error']})")
    holds = abs(values["estimate"] - values["truth"]) <= AGREES * values["error"]
    gap = abs(values["truth"] - values["wrong"])
    tells = gap > 0 and gap >= CAN_TELL * values["error"]  # an error of 0 tells a rival only from what it is not
    _keep(Check(name=name.strip(), rival=method, unit=estimate.unit, holds=holds, tells=tells, **values))


def exact(name: str, found: float, expected: float, unit: str = "") -> None:
    """Print one row that says whether a count is the one expected. Raises ValueError as `check` does."""
    _named(name)
    found, expected = _finite(name, "count", found), _finite(name, "expected count", expected)
    _keep(Exact(name=name.strip(), found=found, expected=expected, unit=unit, holds=found == expected))


def quality(name: str, value: float, low: float, high: float, unit: str = "") -> None:
    """Print one row that says whether a result is as good in truth as stated: low <= value <= high.

    The lower bound is what the baseline reaches, or a share of the best possible that was written down before. Raises
    ValueError as `check` does, and for a band that is empty.
    """
    _named(name)
    given = {"value": value, "low": low, "high": high}
    values = {what: _finite(name, what, number) for what, number in given.items()}
    if not values["low"] < values["high"]:
        raise ValueError(f"show.quality {name!r}: the band from {low} to {high} is empty")
    _keep(Quality(name=name.strip(), unit=unit, holds=values["low"] <= values["value"] <= values["high"], **values))


def _named(*names: str) -> None:
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise ValueError("A check needs a name that says what is checked, and its rival one too")


def _finite(name: str, what: str, value: Any) -> float:
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"Check {name!r}: the {what} must be one number, got {value!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"Check {name!r}: the {what} is {value}, not a finite number")
    return value


def _keep(result: Record) -> None:
    if (recorded := records()) is not None:
        if any(one.name == result.name for one in recorded):
            raise ValueError(f"two checks are called {result.name!r}")
        recorded.append(result)
        return
    numbers = {field: rounded(value) for field, value in result if isinstance(value, float)}
    result = result.model_copy(update=numbers)
    row = result.row()
    word, rest = row.split("  ", 1)
    word = f"<strong>{'✓' if result.holds else '✗'} {word}</strong>"
    emit(
        {
            MIME: result.model_dump(),
            "text/html": f'<div class="knowpay-check">{word} {html.escape(rest)}</div>',
            "text/plain": row,
        }
    )
