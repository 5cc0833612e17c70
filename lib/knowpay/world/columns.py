"""Columns: Arrow columns from the arrays of the simulation, built without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from . import settings as s

MONEY = pa.decimal128(18, 2)


def numbered(prefix: str, numbers: np.ndarray | pd.Series, width: int, none: np.ndarray | None = None) -> pa.Array:
    """Return ids like ``u000042`` from whole numbers from 0; null where ``none`` is true.

    ``width`` digits, or as many as the largest number needs.
    """
    left = np.asarray(numbers).astype(np.int64)
    width = max(width, len(str(int(left.max(initial=0)))))
    if width < 10:
        left = left.astype(np.int32)  # half the memory and twice the speed
    text = np.empty((len(left), len(prefix) + width), dtype=np.uint8)
    text[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    for place in range(text.shape[1] - 1, len(prefix) - 1, -1):
        rest = left // 10
        text[:, place] = left - 10 * rest + ord("0")
        left = rest
    ends = np.arange(len(text) + 1, dtype=np.int32) * text.shape[1]
    ids = pa.Array.from_buffers(pa.string(), len(text), [None, pa.py_buffer(ends), pa.py_buffer(text)])
    return ids if none is None else pc.if_else(pa.array(np.asarray(none, bool)), pa.scalar(None, pa.string()), ids)


def moments(seconds: np.ndarray | pd.Series) -> pa.Array:
    """Return UTC timestamps, whole milliseconds, from seconds since START; null for nan."""
    value = np.asarray(seconds, dtype=float)
    none = np.isnan(value)
    micro = np.rint(np.where(none, 0, value) * 1000).astype(np.int64) * 1000 + s.START.value // 1000
    return pa.array(micro, mask=none if none.any() else None).cast(pa.timestamp("us", tz="UTC"))


def labels(codes: np.ndarray | pd.Series, names: Sequence | pa.Array) -> pa.Array:
    """Return a dictionary-encoded column from codes; null for negative codes."""
    codes = np.asarray(codes).astype(np.int32)
    names = names if isinstance(names, pa.Array) else pa.array(list(names))
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), names)


def chosen(names: pa.Array, rows: np.ndarray | pd.Series) -> pa.Array:
    """Return the names of rows, as plain text; null for negative rows."""
    rows = np.asarray(rows).astype(np.int64)
    return names.take(pa.array(rows, mask=rows < 0))


def text(values: np.ndarray | pd.Series, none: np.ndarray | None = None) -> pa.Array:
    """Return a column of plain text; null where ``none`` is true."""
    return pa.array(
        np.asarray(values, dtype=object), pa.string(), mask=None if none is None else np.asarray(none, bool)
    )


def yuan(values: Sequence | np.ndarray | pd.Series, none: np.ndarray | None = None) -> pa.Array:
    """Return decimal yuan, two places; null where ``none`` is true."""
    return pa.array(np.round(np.asarray(values, dtype=float), 2), mask=none).cast(MONEY, safe=False)


def flags(values: np.ndarray | pd.Series) -> pa.Array:
    """Return a column of true and false."""
    return pa.array(np.asarray(values, dtype=bool))
