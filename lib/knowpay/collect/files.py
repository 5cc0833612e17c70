"""The files of an export: which there are, what they hold, whether they can be read."""

import csv
import gzip
import hashlib
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from knowpay.collect import ExportError
from knowpay.collect.manifest import NAMES as MANIFESTS
from knowpay.collect.schema import TABLES

ENDINGS = (".csv", ".csv.gz", ".parquet")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_files(source: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Files of the export per table, and those that belong to none.

    `events.csv`, `events-1.csv.gz`, `events-2.parquet` and `events/any.parquet` all belong to `events`.

    Raises:
        ExportError: the folder does not exist, is a file, or has no file of any table.
    """
    if source.is_file():
        raise ExportError(f"{source} is a file. Give the folder that holds the tables and manifest.yml.")
    if not source.is_dir():
        raise ExportError(f"There is no folder {source}. Give the folder that holds the tables and manifest.yml.")
    tables, others = {}, []
    pattern = re.compile(rf"({'|'.join(TABLES)})([-/].*)?({'|'.join(map(re.escape, ENDINGS))})", re.IGNORECASE)
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if not path.is_file() or path.name in MANIFESTS or name.startswith((".", "~")) or "/." in name or "/~" in name:
            continue
        if not os.access(path, os.R_OK):
            raise ExportError(f"{path} may not be read. Give yourself the right to read it.")
        if match := pattern.fullmatch(name):
            tables.setdefault(match[1].lower(), []).append(path)
        else:
            others.append(path)
    if not tables:
        expected = ", ".join(f"{t}.csv" for t in list(TABLES)[:4])
        raise ExportError(f"{source} has no table. Put files like {expected} (or .csv.gz, .parquet) into it.")
    return tables, others


def fingerprint(source: Path) -> str:
    """Digest of names and bytes of the export's files; the store of an export is named by it.

    Raises:
        ExportError: as `find_files`.
    """
    tables, _ = find_files(source)
    files = [p for paths in tables.values() for p in paths] + [p for n in MANIFESTS if (p := source / n).is_file()]
    lines = sorted(f"{p.relative_to(source).as_posix()} {digest(p)}" for p in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@dataclass
class Batch:
    """One file as a DuckDB relation: `columns` maps a name of the header to (SQL expression, type)."""

    file: str
    relation: str
    row: str
    columns: dict[str, tuple[str, str]]
    rows: int
    ragged: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def open_file(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> Batch:
    """Make the file readable through `con`, CSV as text, Parquet with its own types.

    Raises:
        ExportError: the file is damaged, is no UTF-8, or a quote is never closed.
    """
    if path.suffix.lower() == ".parquet":
        try:
            relation = f"read_parquet({quote(str(path))}, file_row_number = true)"
            described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
            ((rows,),) = con.execute(f"SELECT count(*) FROM {relation}").fetchall()
        except duckdb.Error as error:  # what a broken file raises is of many kinds
            raise ExportError(f"{name} is no readable Parquet file. Export it again. ({first_line(error)})") from error
        columns = {n.strip(): (f'"{n.replace(chr(34), chr(34) * 2)}"', t) for n, t, *_ in described}
        columns.pop("file_row_number")
        columns = {n: c for n, c in columns.items() if not n.startswith("__index_level_")}  # pandas' row labels
        return Batch(name, relation, "file_row_number + 1", columns, rows)
    return _open_csv(con, path, name)


def _open_csv(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> Batch:
    import pyarrow as pa
    from pyarrow import csv as pacsv

    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (EOFError, OSError, zlib.error) as error:
        raise ExportError(f"{name} cannot be read ({error}). Export it again.") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ExportError(f"{name} is UTF-16, not UTF-8. Save it as 'CSV UTF-8' and try again.")
    data = data.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    relation = "file_" + hashlib.sha256(name.encode()).hexdigest()[:16]
    if not data.strip():
        con.execute(f"CREATE TEMP TABLE {relation} (source_row BIGINT)")
        return Batch(name, relation, "source_row", {}, 0, notes=[f"{name} is empty."])
    try:
        pa.array([data], pa.large_binary()).cast(pa.large_string())  # the quickest check of the whole file
    except pa.ArrowInvalid as error:
        raise ExportError(f"{name} is not UTF-8. Save it as 'CSV UTF-8' and try again.") from error
    line = re.split(rb"[\r\n]", data, maxsplit=1)[0].decode()
    delimiter = max(",;\t|", key=line.count)
    header = [h.strip() for h in next(csv.reader([line], delimiter=delimiter))]
    notes, names = [], []
    for i, text in enumerate(header, 1):
        unique = text or f"column_{i}"
        if unique.lower() in map(str.lower, names):
            unique = f"{unique}_{i}"
            notes.append(f"{name} names the column {text!r} twice; the second is kept as {unique!r}.")
        names.append(unique)

    ragged = []

    def keep(row: pacsv.InvalidRow) -> str:
        ragged.append((row.number - 1, row.text))  # the header is row 1
        return "skip"

    ids = [f"c{i}" for i in range(len(names))]
    try:
        table = pacsv.read_csv(
            pa.BufferReader(data if data.endswith((b"\n", b"\r")) else data + b"\n"),
            read_options=pacsv.ReadOptions(column_names=ids, skip_rows=1, use_threads=False, block_size=1 << 22),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(ids, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as error:
        raise ExportError(f"{name} is no readable CSV file. Export it again. ({first_line(error)})") from error
    _check_quotes(name, data, table, ragged)
    import numpy as np

    rows = table.num_rows + len(ragged)
    numbers = np.setdiff1d(np.arange(1, rows + 1), [n for n, _ in ragged], assume_unique=True)
    con.register(relation, table.append_column("source_row", pa.array(numbers)))
    columns = {n: (i, "VARCHAR") for n, i in zip(names, ids, strict=True)}
    return Batch(name, relation, "source_row", columns, rows, ragged, notes)


def _check_quotes(name: str, data: bytes, table, ragged: list[tuple[int, str]]) -> None:
    """A quote that is never closed swallows all rows after it into one field. Refuse such a file."""
    if data.count(b'"') % 2 == 0:
        return
    last = table.num_rows + len(ragged)
    if ragged and ragged[-1][0] == last:
        swallowed = "\n" in ragged[-1][1]
    else:
        swallowed = any("\n" in (c[-1].as_py() or "") for c in table.columns) if table.num_rows else False
    if swallowed:
        raise ExportError(f"{name}: a quote opened in data row {last} is never closed. Close it, or double it.")


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
