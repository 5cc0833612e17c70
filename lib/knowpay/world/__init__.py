"""world: the simulated company and its truth. Other rooms see only the files it writes."""

from __future__ import annotations

from .company import version
from .export import write
from .oracle import purchase_probability
from .settings import SIZES

VERSION = version()
__all__ = ["SIZES", "VERSION", "purchase_probability", "write"]
