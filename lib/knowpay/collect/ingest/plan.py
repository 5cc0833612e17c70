"""Plan: which files of an export are read, under which manifest, and in which order."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from knowpay.collect import ExportError, adapters
from knowpay.collect.adapters.tables import Delivery, tool_table
from knowpay.collect.files import Batch, digest, list_files, open_file, table_of
from knowpay.collect.ingest.later import order_of
from knowpay.collect.manifest import NAMES as MANIFESTS
from knowpay.collect.manifest import Manifest, read_manifests, whole
from knowpay.collect.schema import TABLES, Table

# Fields of a manifest that no row depends on: they may change without reading the files again.
_ABOUT = {"dataset_id", "source_system", "observation_start", "observation_end", "lawful_basis_note"}
_ABOUT |= {"contains_personal_data", "lookback_days", "retention_days", "teacher_share", "fee_share"}


@dataclass(frozen=True)
class File:
    """A file of the export."""

    path: Path
    name: str  # within the export
    batch_id: str  # digest of its bytes
    table: Table | None  # the one table that it holds; None when an adapter reads it
    delivery: Delivery
    declared: str  # digest of what its typed rows depend on besides its bytes

    @property
    def unit(self) -> str:
        """What is read once: the same bytes may be the (empty) files of two tables."""
        return f"{self.batch_id} {self.table.name if self.table else '*'}"

    def views(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> dict[str, Batch]:
        """The rows of the file by canonical table, not counted where an adapter reads it."""
        batch = open_file(con, self.path, self.name, scratch)
        if self.table is None:
            inner = self.path.relative_to(self.delivery.folder).as_posix()
            return adapters.views(batch, inner, self.delivery)
        canonical = self.delivery.manifest.source_format == "canonical"
        return {self.table.name: batch if canonical else replace(batch, units={"business_user_id_column": "user_id"})}


@dataclass(frozen=True)
class Plan:
    """What is read of an export: the files in order, notes about the others, and the manifest of the whole."""

    source: Path
    files: list[File]
    notes: list[str]
    manifest: Manifest


def plan(source: Path) -> Plan:
    """Look at the files of an export folder; none is opened.

    Raises:
        ExportError: the folder, a manifest or a declaration is missing or wrong, or no file belongs to any table.
    """
    paths = list_files(source)
    rows = [path for path in paths if path.name not in MANIFESTS]
    deliveries = {folder: _delivery(folder, m, rows) for folder, m in read_manifests(source, paths).items()}
    declared = {folder: _declared(delivery) for folder, delivery in deliveries.items()}
    for delivery in deliveries.values():
        adapters.refuse(delivery)
    files: dict[str, File] = {}
    notes = []
    for path in sorted(rows, key=lambda p: order_of(p.relative_to(source).as_posix())):
        name, folder = path.relative_to(source).as_posix(), next(f for f in path.parents if f in deliveries)
        inner, table = path.relative_to(folder).as_posix(), TABLES.get(table_of(name) or "")
        if inner in adapters.DECLARATIONS:
            continue
        if adapters.claims(inner, deliveries[folder].manifest):
            table = None
        elif table is None:
            notes.append(f"{name} was not read: no table has this name.")
            continue
        file = File(path, name, digest(path), table, deliveries[folder], declared[folder])
        if before := files.pop(file.unit, None):  # what is said twice was said last under the later of the names
            first, file = sorted((before, file), key=lambda f: f.delivery.manifest.extracted_at)
            notes.append(f"{first.name} has the same bytes as {file.name} and was read once.")
        files[file.unit] = file
    if not files:
        expected = ", ".join(f"{t}.csv" for t in list(TABLES)[:4])
        raise ExportError(f"{source} has no table. Put files like {expected} (or .csv.gz, .parquet) into it.")
    manifest = whole({folder: delivery.manifest for folder, delivery in deliveries.items()})
    return Plan(source, sorted(files.values(), key=lambda f: order_of(f.name)), notes, manifest)


def _delivery(folder: Path, manifest: Manifest, rows: list[Path]) -> Delivery:
    names = (path.relative_to(folder).as_posix() for path in rows if path.is_relative_to(folder))
    return Delivery(folder, manifest, tuple(name for name in names if tool_table(name)[1]))


def _declared(delivery: Delivery) -> str:
    """Digest of what the typed rows depend on besides the bytes of their file."""
    said = delivery.manifest.model_dump_json(exclude=_ABOUT).encode()
    beside = [delivery.folder / name for name in adapters.DECLARATIONS]
    said += b"".join(path.read_bytes() for path in beside if path.is_file())
    if delivery.manifest.source_format != "canonical":
        said += " ".join(sorted(delivery.kinds)).encode()
    return hashlib.sha256(said).hexdigest()[:16]
