"""How the tests of the world look at its records."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from knowpay.world import settings as s

EXCEPT_USERS = ("users", "courses", "market")  # tables of the export that are written whole
END = s.DAYS * s.DAY


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of each file below a folder by its name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def profiles(folder: Path) -> pd.DataFrame:
    """Return the users of an export as they were last: whoever withdrew a consent has two rows."""
    return pd.read_parquet(folder / "users.parquet").drop_duplicates("user_id", keep="last")


def same(one: object, other: object) -> bool:
    """Return whether two blocks, or parts of blocks, hold the same values."""
    if is_dataclass(one):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, pd.DataFrame):
        return one.equals(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return np.array_equal(one, other)


def off(hits: np.ndarray, p: np.ndarray | float) -> float:
    """Return by how many standard errors a number of hits is off what the probabilities of each draw say."""
    p = np.broadcast_to(p, np.shape(hits))
    return abs(np.sum(hits) - p.sum()) / np.sqrt((p * (1 - p)).sum())


def rows(table: pd.DataFrame, *names: str) -> list[tuple]:
    """Return the rows of some columns in order, to compare two tables as sets that count."""
    return sorted(table[list(names)].itertuples(index=False, name=None))
