"""Numbers as the course writes them, and sentences that state a finding only where the interval supports it."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowpay.estimate import Estimate

SHARES = ("%", "points")  # of shares, and of differences between them
SPACE = "\u00a0"  # a number and its unit stay on one line


def write(value: float | Estimate, unit: str = "", digits: int | None = None, sign: bool = False) -> str:
    """Write a number: 44 %, 3.4 %, 1,204, −2.15, 1,935 yuan; an estimate with its interval: 44 % (41 to 47).

    ``unit`` "%" takes shares: 0.44 is 44 %; "points" takes their differences: 0.02 is 2.0 points. Whole numbers stay
    whole; else ``digits`` decimals, without it as many as leave two or three digits that mean something. ``sign``
    writes the + of a difference. Missing gives a dash.
    """
    if hasattr(value, "low"):
        unit = unit or value.unit
        ends = (write(end, unit, digits, sign).split(SPACE)[0] for end in (value.low, value.high))
        return f"{write(value.value, unit, digits, sign)} ({' to '.join(ends)})"
    number = float(value)
    if not math.isfinite(number):
        return "–" if math.isnan(number) else "∞" if number > 0 else "−∞"
    if unit in SHARES:
        number *= 100
    whole = isinstance(value, numbers.Integral) and unit not in SHARES
    places = (0 if whole else _places(number, unit)) if digits is None else digits
    text = f"{abs(number):,.{places}f}"
    minus = "−" if number < 0 and float(text.replace(",", "")) else "+" if sign and number > 0 else ""
    return f"{minus}{text}{SPACE + unit if unit else ''}"


def _places(number: float, unit: str) -> int:
    size = abs(number)
    if unit in SHARES:
        return 0 if size >= 9.95 or size == 0 else 1
    if unit == "yuan":
        return 0 if size >= 99.5 or size == 0 else 2
    return 0 if size >= 99.5 or size == 0 else max(0, 2 - math.floor(math.log10(size)))


def verdict(estimate: Estimate, above: str, below: str, unclear: str, against: float = 0.0) -> str:
    """Return the sentence that the interval supports: wholly above ``against``, wholly below it, or unclear."""
    if estimate.low > against:
        return above
    return below if estimate.high < against else unclear
