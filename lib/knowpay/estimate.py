"""An estimate with its interval, and the ways to one: resampled people, a known error, forecasts beside outcomes.

Every room may use this one; it imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from knowpay.blocks import blocks

LEVEL = 0.9  # of every interval, unless another is asked for


@dataclass(frozen=True)
class Estimate:
    """A number with its interval and standard error, all in ``unit`` ("" for a share or a score)."""

    value: float
    low: float
    high: float
    error: float
    unit: str = ""

    def __mul__(self, factor: float) -> Estimate:
        low, high = sorted((self.low * factor, self.high * factor))
        return Estimate(self.value * factor, low, high, self.error * abs(factor), self.unit)

    def scaled(self, factor: float, unit: str) -> Estimate:
        """Return it in another unit: `share.scaled(100, "%")`."""
        return replace(self * factor, unit=unit)

    def __truediv__(self, divisor: float) -> Estimate:
        return self * (1 / divisor)


def from_error(value: float, error: float, unit: str = "") -> Estimate:
    """Return the estimate with the symmetric interval of a standard error (normal distribution)."""
    from scipy.stats import norm

    reach = norm.ppf((1 + LEVEL) / 2) * error
    return Estimate(float(value), float(value - reach), float(value + reach), float(error), unit)


def share(hits: float, of: float, unit: str = "") -> Estimate:
    """Return the share of ``hits`` among ``of`` independent cases with its binomial error. nan of no case."""
    p = hits / of if of else np.nan
    return from_error(p, float(np.sqrt(p * (1 - p) / of)) if of else np.nan, unit)


def from_draws(value: float, draws: np.ndarray, level: float = LEVEL, unit: str = "") -> Estimate:
    """Return the estimate with the percentile interval and the spread of its ``draws``, (draws,); nan are left out."""
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(value), float(low), float(high), float(np.nanstd(draws)), unit)


def resamples(
    people: np.ndarray, draws: int, rng: np.random.Generator, size: int | None = None
) -> Iterator[np.ndarray]:
    """Yield how many of each kind come when ``size`` people are drawn with replacement: blocks of draws, (some, kinds).

    ``people`` counts those of each kind; ones where nobody is like another. ``size`` None draws as many as there are.
    """
    share, size = people / people.sum(), people.sum() if size is None else size
    for part in blocks(draws, len(people)):
        yield rng.multinomial(size, share, size=part.stop - part.start)


def bootstrap(
    statistic: Callable[[np.ndarray], float | np.ndarray],
    people: Sequence | np.ndarray,
    draws: int = 400,
    seed: int = 0,
) -> np.ndarray:
    """Return a statistic of resampled people, (draws, ...) (Efron 1979).

    ``people`` says whose each row is, (rows,): all rows of a person come or stay away together. ``statistic`` gets how
    often each row counts, (rows,), and returns a number or an array.
    """
    names, code = np.unique(np.asarray(people, dtype=str), return_inverse=True)
    drawn = resamples(np.ones(len(names), dtype=int), draws, np.random.default_rng(seed))
    return np.array([statistic(count[code]) for block in drawn for count in block])


def mean(values: Sequence[float] | np.ndarray, level: float = LEVEL, seed: int = 0, unit: str = "") -> Estimate:
    """Return the mean of a value for each person, (people,), with a bootstrap interval of 2,000 resamples.

    Money is skewed, so the interval is not symmetric. Raises ValueError for no values.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        raise ValueError("An interval needs at least one value.")
    distinct, people = np.unique(values, return_counts=True)  # people with one value are of one kind
    drawn = resamples(people, 2_000, np.random.default_rng(seed))
    means = np.concatenate([counts @ distinct for counts in drawn]) / len(values)
    middle = from_draws(values.mean(), means, level, unit)
    # Rounding must not put the mean outside.
    return replace(middle, low=min(middle.value, middle.low), high=max(middle.value, middle.high))


def frame(estimates: Mapping[Hashable, Estimate], name: str) -> pd.DataFrame:
    """Return a row for each estimate: its value in the column ``name``, and ``low, high``."""
    rows = {key: [one.value, one.low, one.high] for key, one in estimates.items()}
    return pd.DataFrame(rows, index=[name, "low", "high"]).T


def reliability(y: np.ndarray, p: np.ndarray, bins: int) -> pd.DataFrame:
    """Return forecast beside outcome: ``predicted, observed, low, high, rows`` of equally many rows per bin, by ``p``.

    y: 0/1 or shares, (rows,); p: what was forecast of each, (rows,). The interval is Wilson's, 90 %. Bins hold equal
    numbers, so none is empty where the decision is.
    """
    from statsmodels.stats.proportion import proportion_confint

    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    table = pd.DataFrame([(p[part].mean(), y[part].mean(), len(part)) for part in parts])
    table.columns = ["predicted", "observed", "rows"]
    low, high = proportion_confint(table["observed"] * table["rows"], table["rows"], alpha=1 - LEVEL, method="wilson")
    # At 0 and 1 the interval begins or ends there, but for rounding.
    return table.assign(low=np.minimum(low, table["observed"]), high=np.maximum(high, table["observed"]))
