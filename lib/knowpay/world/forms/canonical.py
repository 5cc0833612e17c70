"""The course's own form: the tables of the data dictionary as Parquet files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write(tables: dict[str, pa.Table], folder: Path) -> dict:
    """Write each table as one file."""
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return {}


def write_shop(tables: dict[str, pa.Table], folder: Path) -> None:
    """Write what no tracker knows, the catalogue and the orders of the payment system, beside a tool's own files."""
    write({name: tables[name] for name in ("courses", "orders") if name in tables}, folder)
