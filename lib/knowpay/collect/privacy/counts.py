"""Counts with differential privacy: whether any one person is in the data hardly changes what is published.

The noise of a count is discrete Laplace, also called two-sided geometric: P(x) is proportional to exp(-|x| / scale) on
the whole numbers (Ghosh, Roughgarden, Sundararajan 2009). It is drawn with whole numbers and fractions only, never
with floating point, whose last digits would betray the exact count (Mironov 2012); the draw is the one of Canonne,
Kamath and Steinke (2020). Neighbouring data sets differ by all rows of one person.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from knowpay.collect.disk import only_one, write_whole

Epsilon = str | int | float | Fraction  # 0.5, "1/2": taken at its decimal face value


class BudgetSpent(ValueError):
    """The question would cost more than what is left; nothing was answered."""


class Budget:
    """The privacy budget of a data set, in a file, so that a second session cannot spend it anew.

    Answers add up: whoever sees all of them knows as much as epsilon, the sum of the parts, allows (sequential
    composition). Questions about disjoint groups of people, given as ``part`` of one question, cost what the dearest of
    them costs (parallel composition); that the groups are disjoint is the caller's promise.
    """

    def __init__(self, path: str | Path, total: Epsilon) -> None:
        """Open the ledger ``path``, or begin it with ``total``; ValueError when it was begun with another total."""
        self.path, self.total = Path(path), exact(total)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with only_one(self.path):
            begun = Fraction(self._read()["total"])
            if begun != self.total:
                raise ValueError(f"{self.path} was begun with a total of {float(begun):g}, not {float(self.total):g}.")
            self._write(self._read())

    @property
    def spent(self) -> Fraction:
        """What all answers so far have cost."""
        return _cost(self._read()["answers"])

    @property
    def left(self) -> Fraction:
        """What may still be spent."""
        return self.total - self.spent

    def spend(self, epsilon: Epsilon, question: str, part: str = "") -> None:
        """Enter a cost into the ledger before the answer is given. Raises BudgetSpent when too little is left."""
        entry = {"question": question, "part": part, "epsilon": str(exact(epsilon))}
        with only_one(self.path):
            ledger = self._read()
            cost = _cost([*ledger["answers"], entry])
            if cost > self.total:
                raise BudgetSpent(
                    f"{question!r} costs {float(exact(epsilon)):g}, and {float(self.left):g} of the budget of "
                    f"{float(self.total):g} is left. Nothing was answered."
                )
            ledger["answers"].append(entry)
            self._write(ledger)

    def _read(self) -> dict:
        return (
            json.loads(self.path.read_text("utf-8"))
            if self.path.exists()
            else {"total": str(self.total), "answers": []}
        )

    def _write(self, ledger: dict) -> None:
        write_whole(self.path, lambda to: to.write_text(json.dumps(ledger, ensure_ascii=False, indent=1), "utf-8"))


def exact(epsilon: Epsilon) -> Fraction:
    """Return epsilon as a fraction: 0.1 is 1/10. Raises ValueError unless it is above 0 and finite."""
    try:
        value = Fraction(str(epsilon))
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if value <= 0:
        raise ValueError(f"epsilon is {epsilon!r}; it must be a number above 0.")
    return value


def private_counts(
    table: pd.DataFrame,
    column: str,
    cells: Sequence[object],
    epsilon: Epsilon,
    budget: Budget,
    most_cells: int = 1,
    rng: random.Random | None = None,
) -> pd.Series:
    """Return how many people (``user_id``) each of ``cells`` of ``column`` has, with noise: whole numbers by cell.

    ``cells`` are declared, not taken from the data: that a value occurs at all may say who is there. A person counts in
    at most ``most_cells`` cells, chosen by lot; the noise has the scale ``most_cells / epsilon``, and its standard
    deviation is about 1.4 times that. Counts may come out below 0; setting these to 0 costs no privacy. ``rng`` is for
    tests and lessons; what is published must be drawn from the system's random numbers (None). The whole call costs
    ``epsilon``.

    Raises BudgetSpent, and ValueError for cells that repeat or a ``most_cells`` below 1.
    """
    scale = most_cells / exact(epsilon)
    if most_cells < 1 or len(set(cells)) != len(cells):
        raise ValueError("most_cells must be 1 or more, and no cell may be named twice.")
    budget.spend(epsilon, f"people by {column}")
    rng = rng or random.SystemRandom()
    pairs = table.loc[table[column].isin(list(cells)), ["user_id", column]].dropna().drop_duplicates()
    pairs = pairs.sort_values(["user_id", column]).assign(lot=[rng.getrandbits(64) for _ in range(len(pairs))])
    bounded = pairs[pairs.groupby("user_id")["lot"].rank(method="first") <= most_cells]
    counts = bounded[column].value_counts().reindex(list(cells), fill_value=0)
    noise = [discrete_laplace(scale, rng) for _ in cells]
    return pd.Series(
        counts.to_numpy() + np.array(noise, dtype=np.int64), index=pd.Index(cells, name=column), name="people"
    )


# Ours, not OpenDP's (0.16): its wheels cover our systems, but they are 43 to 47 MB, 276 MB on the disk, for these 25
# lines, and it takes no seed, without which no lesson or test could repeat its noise.
def discrete_laplace(scale: Fraction, rng: random.Random) -> int:
    """Draw one whole number x with probability proportional to exp(-|x| / scale), exactly.

    Raises ValueError unless the scale is above 0.
    """
    if scale <= 0:
        raise ValueError(f"The scale is {scale}; it must be above 0.")
    t, s = scale.numerator, scale.denominator
    while True:
        u = rng.randrange(t)
        if not _happens(Fraction(u, t), rng):
            continue
        v = 0
        while _happens(Fraction(1), rng):
            v += 1
        size = (u + t * v) // s
        if rng.randrange(2):
            return size
        if size:  # 0 has one sign only
            return -size


def _happens(x: Fraction, rng: random.Random) -> bool:
    """True with probability exp(-x), for x from 0 to 1: by von Neumann's alternating series."""
    k = 1
    while rng.randrange(x.denominator * k) < x.numerator:
        k += 1
    return k % 2 == 1


def _cost(answers: list[dict]) -> Fraction:
    parts: dict[str, dict[str, Fraction]] = {}
    for answer in answers:
        of_question = parts.setdefault(answer["question"], {})
        of_question[answer["part"]] = of_question.get(answer["part"], Fraction(0)) + Fraction(answer["epsilon"])
    # "" asks about everybody, so it is disjoint from no part
    dearest = [max([cost for part, cost in c.items() if part], default=Fraction(0)) for c in parts.values()]
    return sum(dearest, Fraction(0)) + sum((costs.get("", Fraction(0)) for costs in parts.values()), Fraction(0))
