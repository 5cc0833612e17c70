"""A large table in little memory: read in batches, and a text that repeats is held once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import ibis
import pandas as pd

if TYPE_CHECKING:
    from ibis.expr.types import Table

ROWS = 100_000  # rows of a batch


def frame(parts: Iterable[Table], times: Sequence[str] = ()) -> pd.DataFrame:
    """Return Ibis tables with the same columns, one below the other, as pandas.

    A text column whose texts come twice or more in the first batch, on average, is categorical. Columns named in
    ``times`` hold times as text; they are read as UTC, what is no time as missing.
    """
    import pyarrow as pa

    kept: dict[str, list] = {}
    coded: dict[str, bool] = {}
    for part in parts:
        kept = kept or {name: [] for name in part.columns}
        rows = part.get_backend().con.sql(ibis.to_sql(part, dialect="duckdb"))  # `execute` would make them all at once
        for batch in rows.to_arrow_reader(ROWS):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if name in times:
                    kept[name].append(_time(column.to_pandas()))
                    continue
                if pa.types.is_string(column.type):
                    code = column.dictionary_encode()
                    often = 0 < 2 * len(code.dictionary) <= len(code)
                    column = code if coded.setdefault(name, often) else column
                # A copy: a column of a batch would keep the whole batch, and two arrays are joined into a new one.
                kept[name].append(pa.concat_arrays([column, column[:0]]))
        types = part.schema().to_pyarrow()
    columns = {}
    for name in list(kept):
        chunks = kept.pop(name)
        if name in times:
            columns[name] = pd.concat(chunks or [_time(pd.Series([], dtype="str"))], ignore_index=True)
        else:
            column = pa.chunked_array(chunks, types.field(name).type if not chunks else None)
            columns[name] = column.unify_dictionaries().to_pandas()
    return pd.DataFrame(columns)


def _time(text: pd.Series) -> pd.Series:
    return pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
