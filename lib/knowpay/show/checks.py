"""The truth check: an estimate beside the truth of the simulated company, kept as a typed record."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping

from pydantic import BaseModel

from knowpay.show.text import emit, number, rounded

MIME = "application/vnd.knowpay.check+json"


class Check(BaseModel):
    """One estimate against the truth. `holds` was decided before the numbers were rounded to four digits."""

    lesson: str = ""
    name: str
    estimate: float
    truth: float
    tolerance: float
    unit: str = ""
    holds: bool

    def row(self) -> str:
        """The printed line of the check."""
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{'holds' if self.holds else 'FAILS'}  {self.name}: estimate {number(self.estimate)}{unit}, "
            f"truth {number(self.truth)}{unit}, tolerance {number(self.tolerance, trim=True)}"
        )


def record(name: str, estimate: float, truth: float, tolerance: float | Mapping[str, float], unit: str = "") -> Check:
    """Compare without printing; all numbers are in `unit`. `tolerance` is a number, or numbers by name of the check.

    Raises ValueError for an empty name, a name without a tolerance, an infinite number, a tolerance < 0.
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError("show.check needs a name that says what is checked")
    if isinstance(tolerance, Mapping):
        if name not in tolerance:
            raise ValueError(f"show.check {name!r} has no tolerance yet: `knowpay-course replicate` derives it")
        tolerance = tolerance[name]
    values = {"estimate": estimate, "truth": truth, "tolerance": tolerance}
    for what, value in values.items():
        try:
            values[what] = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"show.check {name!r}: the {what} must be one number, got {value!r}") from None
        if not math.isfinite(values[what]):
            raise ValueError(f"show.check {name!r}: the {what} is {values[what]}, not a finite number")
    if values["tolerance"] < 0:
        raise ValueError(f"show.check {name!r}: the tolerance is negative ({tolerance})")
    holds = abs(values["estimate"] - values["truth"]) <= values["tolerance"]
    return Check(name=name.strip(), unit=unit, holds=holds, **{k: rounded(v) for k, v in values.items()})


def check(name: str, estimate: float, truth: float, tolerance: float | Mapping[str, float], unit: str = "") -> None:
    """Print one row that says whether |estimate - truth| <= tolerance, and keep it as a record in the output.

    `tolerance` is a number in the unit of the estimate, or such numbers by name of the check, as
    `ds.truth.tolerances("12")` gives them: they come from replicated simulation, not from taste. A check that fails
    prints FAILS and lets the lesson go on: the scorecard and the tests report it. Raises ValueError as `record` does.
    """
    found = record(name, estimate, truth, tolerance, unit)
    row = found.row()
    word, rest = row.split("  ", 1)
    word = f"<strong>{'✓' if found.holds else '✗'} {word}</strong>"
    emit(
        {
            MIME: found.model_dump(),
            "text/html": f'<div class="knowpay-check">{word} {html.escape(rest)}</div>',
            "text/plain": row,
        }
    )
