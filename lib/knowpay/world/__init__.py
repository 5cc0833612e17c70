"""world: the simulated company and its truth. Other rooms see only the files it writes."""

from __future__ import annotations

from .company import version
from .folders import write
from .oracle import contribution_rate, purchase_probability
from .settings import KNOBS, SIZES, Knob, setup

VERSION = version()
__all__ = ["KNOBS", "SIZES", "VERSION", "Knob", "contribution_rate", "label", "purchase_probability", "write"]


def label(size: str, seed: int = 0, **knobs: float) -> str:
    """Return the file-safe name of a company: "small-s0", with the knobs that differ from their defaults.

    Raises ValueError for an unknown size or knob, or a value outside a knob's bounds.
    """
    return setup(size, seed, **knobs).label
