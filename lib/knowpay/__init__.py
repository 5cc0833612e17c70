"""knowpay: how a paid-knowledge startup acquires, converts and keeps its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from knowpay.collect.dataset import Dataset

__version__ = "0.1.0"
__all__ = ["open"]


def open(data: str | Path, seed: int = 0, cache: str | Path | None = None, **company: float) -> Dataset:
    """Open a data set: "world:small", "world:standard", "world:large", "oulad", or the folder of an export.

    A simulated company has knobs (`knowpay.world.KNOBS`): `knowpay.open("world:small", churn=0.6)`. The first time it
    is generated, downloaded or ingested; later it comes from the cache. See `knowpay.collect.door.open_data` for
    arguments and errors.
    """
    from knowpay.collect.door import open_data
    from knowpay.collect.stored import watch

    watch()
    return open_data(data, seed, cache, **company)
