"""What other companies say of the checks: whether their errors are right, and whether a red one may be chance.

`knowpay-course replicate` writes datasets/coverage.csv; scorecard, book and tests read it. z is (estimate - truth) /
error in one company. An honest error gives z a mean of 0 and a standard deviation of 1 over companies.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.show.checks import Check

if TYPE_CHECKING:
    import pandas as pd

COVERAGE = Path("datasets/coverage.csv")  # from the root of the checkout
# `kind` check, exact or quality; `companies` that ran the lesson; how many of them lack the check (`missing`) or give
# it an error of 0 (`zero`); mean and standard deviation (`spread`) of z; the shares of companies in which it did not
# hold (`outside`) and in which it could tell the truth from its rival (`tells`).
HEAD = ["lesson", "check", "kind", "companies", "missing", "zero", "mean", "spread", "outside", "tells"]
MEAN = 0.4
SPREAD = (0.8, 1.25)
HONEST = 0.999  # probability that an honest check stays within the bounds that allow for few companies
CHANCE = 0.01  # that a right answer with an honest error is red
RIGHT, FEW, WRONG = "right", "too few companies to say", "wrong"


def read(path: Path) -> pd.DataFrame:
    """Read the file; no rows before it was made."""
    import pandas as pd

    if not path.exists():
        return pd.DataFrame(columns=HEAD)
    return pd.read_csv(
        path, dtype={"lesson": str}, keep_default_na=False, na_values={name: "" for name in ("mean", "spread", "tells")}
    )


def bounds(companies: int) -> tuple[float, tuple[float, float]]:
    """The mean of z and the range of its standard deviation that an honest check keeps to 999 times in 1,000.

    With many companies these are MEAN and SPREAD themselves; with few, chance alone passes those, and the bounds are
    those of the mean (normal) and of the standard deviation (chi square) of so many standard normal numbers.
    """
    from scipy.stats import chi2, norm

    tail, degrees = (1 - HONEST) / 2, companies - 1
    low, high = (math.sqrt(chi2.ppf(p, degrees) / degrees) for p in (tail, 1 - tail))
    return max(MEAN, norm.ppf(1 - tail) / math.sqrt(companies)), (min(SPREAD[0], low), max(SPREAD[1], high))


def verdict(companies: int, mean: float, spread: float) -> str:
    """Whether the errors of a check are RIGHT over companies, WRONG, or there are too FEW companies to say.

    RIGHT is a mean of z within MEAN and a standard deviation within SPREAD, WRONG is outside of `bounds`.
    """
    if companies < 2 or math.isnan(mean) or math.isnan(spread):
        return FEW
    if abs(mean) <= MEAN and SPREAD[0] <= spread <= SPREAD[1]:
        return RIGHT
    most, (low, high) = bounds(companies)
    return FEW if abs(mean) <= most and low <= spread <= high else WRONG


def excuse(check: Check, coverage: pd.DataFrame) -> str:
    """The sentence under a check that disagrees with the truth: by chance, not tried, or an error that is wrong.

    A red check whose errors are right over other companies is red by chance and stays red: neither seed nor error nor
    method is changed for it.
    """
    there = coverage[(coverage["lesson"] == check.lesson.split("_")[0]) & (coverage["check"] == check.name)]
    if there.empty:
        return "It has not been tried on other companies: nobody knows whether its error is right."
    row: Any = next(there.itertuples())
    measured = f"over {row.companies} other companies z has mean {row.mean:.2f} and standard deviation {row.spread:.2f}"
    found = verdict(row.companies - row.missing - row.zero, row.mean, row.spread)
    if found == RIGHT:
        return (
            f"Red by chance: its errors are right ({measured}), and one right answer in a hundred is red. Neither seed "
            "nor error nor method was changed for it."
        )
    if found == FEW:
        return f"Its errors are not known well enough ({measured}): more companies will say."
    return f"Its errors are wrong ({measured}): mend the error or the method."


def most_red(checks: int) -> int:
    """The most disagreeing checks of so many that chance explains: more come less than once in a hundred runs.

    By the binomial distribution with probability CHANCE for each: three in sixty.
    """
    from scipy.stats import binom

    return int(binom.ppf(1 - CHANCE, checks, CHANCE)) if checks else 0
