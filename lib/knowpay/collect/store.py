"""The store of an ingested export: Parquet files named by their content, and a ledger of those that count."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.collect.duck import parquet, quote

if TYPE_CHECKING:
    import duckdb
    from pydantic import TypeAdapter


@dataclass(frozen=True)
class Part:
    """A Parquet file of the store: its name there, and how many rows it has."""

    file: str
    rows: int


@dataclass
class Verdict:
    """What the prices of a file say: `refused` is why nothing of it may be loaded, `doubts` are lines of the report."""

    refused: str | None = None
    doubts: list[str] = field(default_factory=list)


@dataclass
class FileRecord:
    """What became of the rows of one file for one table.

    Args:
        file: its name in the export.
        batch_id: digest of its bytes.
        unit: what is read once: the same bytes may be the (empty) files of two tables.
        declared: digest of what its typed rows depend on besides its bytes.
        rows: that came; the sum of loaded, duplicate, superseded and quarantined.
        duplicates, errors: the duplicate rows, and the errors of those that wait or waited in quarantine.
    """

    file: str
    batch_id: str
    unit: str
    declared: str
    rows: int
    notes: list[str]
    money: Verdict
    loaded: int
    duplicate: int
    superseded: int
    quarantined: int
    duplicates: Part | None = None
    errors: Part | None = None


@dataclass
class TableRecord:
    """One canonical table.

    Args:
        parts: its files, by the local date of their rows: "all" where a table is one file, "none" where it is empty.
        superseded: the versions of rows that are not shown.
        touched: which parts the last run wrote.
        decided: number of keys that came with different contents, by the rule that decided (see `ingest.later`).
        files: the files of the export that feed it, in the order in which they were read.
    """

    parts: dict[str, Part] = field(default_factory=dict)
    superseded: Part | None = None
    touched: list[str] = field(default_factory=list)
    decided: dict[str, int] = field(default_factory=dict)
    files: list[FileRecord] = field(default_factory=list)


@dataclass
class Ledger:
    """The state of a store: the folder it came from, its manifest, the notes of the report, and its tables by name."""

    source: str = ""
    manifest: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tables: dict[str, TableRecord] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[str, FileRecord]]:
        """(table, file) of every file of every table."""
        return ((name, file) for name, record in self.tables.items() for file in record.files)


_EMPTY: dict[str, bytes] = {}  # query -> the file of its columns


@cache
def _json() -> TypeAdapter[Ledger]:
    """How a ledger is written and read."""
    from pydantic import TypeAdapter

    return TypeAdapter(Ledger)


class Store:
    """A folder of Parquet files and its ledger; without one yet the ledger is empty.

    A file is written aside, then renamed into place; the ledger is replaced last. A run that dies therefore leaves the
    state before it, and files that nobody names; the next run removes those. The files of the state before the
    present one stay until then, for whoever has them open.
    """

    LEDGER = "ledger.json"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / self.LEDGER
        self.ledger = _json().validate_json(path.read_bytes()) if path.exists() else Ledger()
        self.scratch = folder / ".scratch"

    def begin(self) -> None:
        """Remove what a killed run left, and what only the last run's readers still needed. Hold the lock before."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        named = {part.file for part in self._named()}
        for path in self.folder.rglob("*.parquet"):
            if path.relative_to(self.folder).as_posix() not in named:
                path.unlink()

    def _named(self) -> Iterator[Part]:
        """Every file that the ledger counts on."""
        for record in self.ledger.tables.values():
            aside = [record.superseded, *(part for file in record.files for part in (file.duplicates, file.errors))]
            yield from [*record.parts.values(), *filter(None, aside)]

    def rows(self, *parts: Part) -> str:
        """SQL of the rows of some files of the store."""
        return parquet([str(self.folder / part.file) for part in parts])

    def paths(self, table: str) -> list[str]:
        """Paths of the files of a canonical table, in the order of their partitions."""
        parts = self.ledger.tables.get(table, TableRecord()).parts
        return [str(self.folder / parts[name].file) for name in sorted(parts)]

    def save(self, con: duckdb.DuckDBPyConnection, sql: str, name: str) -> Part:
        """Write the result of a query into the store as `name`.<content>.parquet."""
        ((rows,),) = con.execute(f"COPY ({sql}) TO {quote(self._made)} (FORMAT parquet, COMPRESSION zstd)").fetchall()
        return Part(self._keep(name), rows)

    def save_empty(self, con: duckdb.DuckDBPyConnection, sql: str, name: str) -> Part:
        """The same for a query without rows, whose file is always the same: it is made once."""
        if sql not in _EMPTY:
            _EMPTY[sql] = (self.folder / self.save(con, sql, name).file).read_bytes()
        self._made.write_bytes(_EMPTY[sql])
        return Part(self._keep(name), 0)

    @property
    def _made(self) -> Path:
        """Where a file is made."""
        return self.scratch / "made.parquet"

    def _keep(self, name: str) -> str:
        """Move the file that was made into the store as `name`.<content>.parquet and return its name there."""
        with self._made.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        target = self.folder / f"{name}.{content}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._made, target)
        return target.relative_to(self.folder).as_posix()

    def commit(self, ledger: Ledger) -> None:
        """Make `ledger` the state of the store, in one rename."""
        made = self.scratch / self.LEDGER
        with made.open("wb") as file:
            file.write(_json().dump_json(ledger, indent=1))
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, self.folder / self.LEDGER)
        self.ledger = ledger
        shutil.rmtree(self.scratch, ignore_errors=True)
