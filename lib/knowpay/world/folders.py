"""Folders: the export and the truth of a company as Parquet files, a block of users at a time.

Memory stays that of a block and of the table of users, whatever the size of the company.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from . import behaviour, export, truth
from .company import found

# Times are stored as differences, message ids as they are: a dictionary of values that never repeat is a waste.
DELTA = ("timestamp", "original_timestamp", "sent_at", "received_at")


def write(size: str, seed: int, data_dir: Path, truth_dir: Path, **knobs: float) -> None:
    """Generate a company and write its export to ``data_dir`` and its truth to ``truth_dir``.

    A table is one file, or with more than one block of users a folder of parts. Same size, seed and knobs give the same
    bytes. Raises ValueError for an unknown size or knob, or a value outside its bounds.
    """
    company = found(size, seed, **knobs)
    c = company.setup
    for folder in (data_dir, truth_dir):
        folder.mkdir(parents=True, exist_ok=True)
    for name, table in {
        "users": export.users_table(company),
        "courses": export.courses_table(company),
        "market": export.market_table(company),
    }.items():
        save(table, data_dir / f"{name}.parquet")
    for name, table in truth.company_tables(company).items():
        save(table, truth_dir / f"{name}.parquet")
    sessions = clean = 0
    for block in company.blocks():
        tables, spoiled = export.block_tables(company, block)
        for name, table in tables.items():
            save(table, data_dir / c.part(name, block.number))
        for name, table in truth.block_tables(company, block, spoiled).items():
            save(table, truth_dir / c.part(name, block.number))
        clean += len(block.events["time"])
        sessions += behaviour.count_sessions(block.events)
    info = truth.constants(company) | {"clean_events": clean, "sessions": sessions}
    (data_dir / "manifest.yml").write_text(yaml.safe_dump(export.manifest(company), sort_keys=False), encoding="utf-8")
    (truth_dir / "truth.yml").write_text(yaml.safe_dump(info, sort_keys=False), encoding="utf-8")


def save(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet; the bytes depend on the rows only."""
    path.parent.mkdir(exist_ok=True)
    delta = {name: "DELTA_BINARY_PACKED" for name in DELTA if name in table.column_names}
    plain = {name for name in table.column_names if name == "message_id"}
    words = [name for name in table.column_names if name not in delta and name not in plain]
    pq.write_table(
        table, path, compression="zstd", compression_level=1, use_dictionary=words, column_encoding=delta,
        store_schema=False,
    )  # fmt: skip
