"""Whether two answers of an exercise are the same, and words for what kind of thing an answer is."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Set
from typing import Any

RELATIVE = 1e-6


def same(answer: object, expected: object, tolerance: float | None = None) -> bool:
    """Whether two answers agree: numbers to 1e-6 of their size (or within `tolerance`), tables by column name.

    Rows that carry names (an index that is no plain count) may come in any order. Lists, tuples and arrays of the
    same values are the same.
    """
    import numpy as np
    import pandas as pd

    answer, expected = plain(answer), plain(expected)
    if isinstance(expected, bool) or isinstance(answer, bool):
        return answer is expected
    if isinstance(expected, numbers.Real):
        if not isinstance(answer, numbers.Real):
            return False
        if math.isnan(expected):
            return math.isnan(answer)
        if tolerance is not None:
            return abs(answer - expected) <= tolerance
        return math.isclose(answer, expected, rel_tol=RELATIVE, abs_tol=1e-12)
    if isinstance(expected, str):
        return isinstance(answer, str) and answer.strip().casefold() == expected.strip().casefold()
    if isinstance(expected, pd.DataFrame):
        if not isinstance(answer, pd.DataFrame) or answer.shape != expected.shape:
            return False
        if set(answer.columns) != set(expected.columns) or not expected.columns.is_unique:
            return False
        return all(same(answer[name], expected[name], tolerance) for name in expected.columns)
    if isinstance(expected, pd.Series) and isinstance(answer, pd.Series):
        if len(answer) != len(expected):
            return False
        named = not isinstance(expected.index, pd.RangeIndex) and expected.index.is_unique
        if named:
            if not answer.index.is_unique or set(answer.index) != set(expected.index):
                return False
            answer = answer.reindex(expected.index)
        return _each(answer.tolist(), expected.tolist(), tolerance)
    rows = (list, tuple, np.ndarray, pd.Series, pd.Index)
    if isinstance(expected, rows):
        if not isinstance(answer, rows) or np.ndim(answer) != np.ndim(expected):
            return False
        return _each(list(answer), list(expected), tolerance)
    if isinstance(expected, Set):
        return isinstance(answer, Set) and {*map(plain, answer)} == {*map(plain, expected)}
    if isinstance(expected, Mapping):
        if not isinstance(answer, Mapping) or set(answer) != set(expected):
            return False
        return all(same(answer[key], expected[key], tolerance) for key in expected)
    if pd.api.types.is_scalar(expected) and pd.isna(expected):
        return bool(pd.api.types.is_scalar(answer) and pd.isna(answer))
    return type(answer) is type(expected) and bool(answer == expected)


def _each(ours: list[Any], theirs: list[Any], tolerance: float | None) -> bool:
    return len(ours) == len(theirs) and all(same(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))


def plain(value: Any) -> Any:
    """A table expression becomes its table, a NumPy number a Python number."""
    if hasattr(value, "to_pandas"):
        value = value.to_pandas()
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    return value


def describe(value: object) -> str:
    """Say what kind of thing an answer is, with its size, without giving its values away."""
    import numpy as np
    import pandas as pd

    value = plain(value)
    if isinstance(value, bool):
        return "True or False"
    if isinstance(value, numbers.Real):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, pd.DataFrame):
        return f"a table of {len(value)} rows with columns {', '.join(sorted(map(str, value.columns)))}"
    if isinstance(value, pd.Series):
        return f"a series of {len(value)} values"
    if isinstance(value, np.ndarray) and value.ndim > 1:
        return f"an array of shape {value.shape}"
    if isinstance(value, list | tuple | np.ndarray | pd.Index):
        return f"a list of {len(value)} values"
    if isinstance(value, Set):
        return f"a set of {len(value)} values"
    if isinstance(value, Mapping):
        return f"a dictionary with keys {', '.join(map(str, value))}"
    return "nothing (None)" if value is None else f"a value of type {type(value).__name__}"
