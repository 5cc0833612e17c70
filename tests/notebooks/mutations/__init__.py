"""Errors that one could make in a lesson or its library, and the check or the test that each turns red.

One module for each lesson, `lNN.py`, with its list MUTATIONS, and in NOT_HERE the kinds that do not apply and why.
test_mutations.py runs them: a check that cannot fail checks nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from types import ModuleType

KINDS = {
    "sign": "a sign turned",
    "zero": "an effect of zero",
    "baseline": "the dull baseline in place of the method",
    "swapped": "arms, groups or labels swapped",
    "period": "a month, day or position off by one",
    "window": "a window of time doubled or halved",
    "leak": "something used that was only known later",
    "order": "an order reversed: worst first",
    "trap": "the trap that the lesson warns of",
}


@dataclass(frozen=True)
class Company:
    """A simulated company on which the checks that decide can tell: few people, effects made large by a knob."""

    size: str = "small"
    seed: int = 0
    knobs: tuple[tuple[str, float], ...] = ()

    @property
    def parameters(self) -> dict:
        """The parameters of a lesson."""
        return {"data": f"world:{self.size}", "seed": self.seed, "company": dict(self.knobs)}


@dataclass(frozen=True)
class Mutation:
    """A text of the lesson's source or of a file of the library that is replaced, and what must turn red then."""

    kind: str  # of KINDS
    where: str  # "lesson", or a file from the root of the checkout: "lib/knowpay/analyse/touches.py"
    old: str  # stands there once
    new: str
    red: str  # name of a check, count or result of the lesson; or a test of the library: "tests/x.py::test_y"
    company: Company = field(default=Company())

    @property
    def title(self) -> str:
        """What it is, for messages."""
        return f"{self.kind}: {self.old.strip().splitlines()[0]!r} in {self.where}"

    @property
    def by_test(self) -> bool:
        """Whether a test of the library turns red rather than a record of the lesson."""
        return self.red.startswith("tests/")


def lists() -> dict[str, ModuleType]:
    """The modules with a list, by number of the lesson: "00" -> mutations.l00."""
    names = sorted(one.name for one in pkgutil.iter_modules(__path__) if one.name.startswith("l"))
    return {name[1:]: importlib.import_module(f"{__name__}.{name}") for name in names}
