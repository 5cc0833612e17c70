"""What the tools that write one JSON object per line have in common, and the CSV files of the others."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

ORDER = ("order_id", "total", "currency")  # what an event that completes an order carries


def rows(events: pa.Table) -> pd.DataFrame:
    """Return the events with their number (from 0) and the time in milliseconds since 1970 (``ms``)."""
    frame = events.to_pandas()
    ms = frame.pop("timestamp").astype("datetime64[ms, UTC]").astype(np.int64)
    return frame.assign(number=np.arange(len(frame)), ms=ms)


def present(**fields: object) -> dict[str, object]:
    """Return the fields that have a value (not None, not nan): trackers leave the others out."""
    return {name: value for name, value in fields.items() if value is not None and value == value}


def said(row: tuple, *names: str) -> dict[str, object]:
    """Return those fields of a row that it has, and that have a value."""
    found = {name: getattr(row, name, None) for name in names}
    return present(**{name: float(v) if name == "total" and v is not None else v for name, v in found.items()})


def iso(value: object) -> object:
    """Return a time as ISO 8601 text, and anything else as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def write(path: Path, lines: Iterable[dict]) -> None:
    """Write one JSON object per line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def flat(table: pa.Table) -> pa.Table:
    """Return the table as a CSV file holds it: text, numbers, times in milliseconds UTC and money in fen."""
    columns = []
    for column in table.columns:
        if pa.types.is_decimal(column.type):
            column = pc.multiply(column, 100).cast(pa.int64())
        elif pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms", column.type.tz)).cast(pa.int64())
        elif pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        columns.append(column)
    return pa.table(columns, table.column_names)
