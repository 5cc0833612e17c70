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

from knowpay.collect.duck import quote

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
    """What became of the rows of one file for one table; `rows` came, and are the sum of the four fates."""

    file: str  # its name in the export
    batch_id: str  # digest of its bytes
    unit: str  # what is read once: the same bytes may be the (empty) files of two tables
    declared: str  # digest of what its typed rows depend on besides its bytes
    rows: int
    notes: list[str]
    money: Verdict
    loaded: int
    duplicate: int
    superseded: int
    quarantined: int
    duplicates: Part | None = None
    errors: Part | None = None  # of the rows that wait in quarantine, and of those that were fixed


@dataclass
class TableRecord:
    """One canonical table: its files in the store, and those of the export that feed it in the order of reading."""

    parts: dict[str, Part] = field(default_factory=dict)  # by local date; "all": a table of one file; "none": no rows
    superseded: Part | None = None  # versions of rows that are not shown
    touched: list[str] = field(default_factory=list)  # parts that the last run wrote
    decided: dict[str, int] = field(default_factory=dict)  # keys with different contents, by `ingest.later.RULES`
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


MADE = "made.parquet"
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
        return f"read_parquet([{', '.join(quote(self.folder / part.file) for part in parts)}])"

    def paths(self, table: str) -> list[str]:
        """Paths of the files of a canonical table, in the order of their days."""
        return [str(self.folder / part.file) for part in self.ledger.tables.get(table, TableRecord()).parts.values()]

    def save(self, con: duckdb.DuckDBPyConnection, sql: str, name: str) -> Part:
        """Write the result of a query into the store as `name`.<content>.parquet."""
        made = quote(self.scratch / MADE)
        ((rows,),) = con.execute(f"COPY ({sql}) TO {made} (FORMAT parquet, COMPRESSION zstd)").fetchall()
        return self._keep(name, rows)

    def save_empty(self, con: duckdb.DuckDBPyConnection, sql: str, name: str) -> Part:
        """The same for a query without rows, whose file is always the same: it is made once."""
        if sql not in _EMPTY:
            _EMPTY[sql] = (self.folder / self.save(con, sql, name).file).read_bytes()
        (self.scratch / MADE).write_bytes(_EMPTY[sql])
        return self._keep(name, 0)

    def _keep(self, name: str, rows: int) -> Part:
        """Move the file that was made into the store."""
        with (self.scratch / MADE).open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        target = self.folder / f"{name}.{content}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self.scratch / MADE, target)
        return Part(target.relative_to(self.folder).as_posix(), rows)

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
