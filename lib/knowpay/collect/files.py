"""The files of an export: which there are, what they hold, whether they can be read."""

import codecs
import csv
import gzip
import hashlib
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import duckdb

from knowpay.collect import ExportError
from knowpay.collect.duck import first_line, quote
from knowpay.collect.schema import TABLES

ENDINGS = (".csv", ".csv.gz", ".parquet")
LINES = tuple(e + z for e in (".json", ".jsonl", ".ndjson") for z in ("", ".gz"))
DELIMITERS = ",;\t|"
LONGEST = 16_000_000  # bytes of one line of JSON
BLOCK = 1 << 22  # bytes of a CSV file read at a time; one row must fit
_TABLE = re.compile(rf"(.*/)?({'|'.join(TABLES)})([-/].*|_\d.*)?({'|'.join(map(re.escape, ENDINGS))})", re.IGNORECASE)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_files(source: Path) -> list[Path]:
    """All files of the export folder but hidden ones, in the order of their names.

    Raises:
        ExportError: the folder does not exist, is a file, or holds a file that may not be read.
    """
    if source.is_file():
        raise ExportError(f"{source} is a file. Give the folder that holds the tables and manifest.yml.")
    if not source.is_dir():
        raise ExportError(f"There is no folder {source}. Give the folder that holds the tables and manifest.yml.")
    paths = []
    for path in sorted(source.rglob("*")):
        if any(part.startswith((".", "~")) for part in path.relative_to(source).parts) or not path.is_file():
            continue
        if not os.access(path, os.R_OK):
            raise ExportError(f"{path} may not be read. Give yourself the right to read it.")
        paths.append(path)
    return paths


def table_of(name: str) -> str | None:
    """The table a file belongs to: `events.csv`, `events-2.csv.gz`, `events_20250301.csv`, `events/a.parquet`, …"""
    match = _TABLE.fullmatch(name)
    return match[2].lower() if match else None


@dataclass
class Batch:
    """Rows of one file as a DuckDB relation: `columns` maps a name of the header to (SQL expression, type).

    `row` is the SQL of the row's number in the file, from 1; `ragged` holds rows that do not fall into columns.
    `raw` is the SQL of the row as JSON text, by default an object of all columns. `units` overrides fields of the
    manifest where the format of the file fixes them, such as {"timestamp_unit": "us"}.
    """

    file: str
    relation: str
    row: str
    columns: dict[str, tuple[str, str]]
    rows: int
    ragged: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    raw: str | None = None
    units: dict[str, str] = field(default_factory=dict)

    @property
    def raw_json(self) -> str:
        """SQL of the row as it came, as JSON text."""
        return self.raw or f"json_object({', '.join(f'{quote(n)}, {e}' for n, (e, _) in self.columns.items())})"


def open_file(con: duckdb.DuckDBPyConnection, path: Path, name: str, scratch: Path) -> Batch:
    """Make the file readable through `con`: CSV as text, Parquet with its own types, JSON as lines.

    A CSV file is rewritten block by block into the folder `scratch`, so that its size does not matter.

    Raises:
        ExportError: the file is damaged, is no UTF-8, or a quote is never closed.
    """
    if path.suffix.lower() == ".parquet":
        return _open_parquet(con, path, name)
    if name.lower().endswith(LINES):
        return _open_lines(con, path, name)
    return _open_csv(path, name, scratch)


def _open_parquet(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> Batch:
    try:
        relation = f"read_parquet({quote(path)}, file_row_number = true)"
        described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
        ((rows,),) = con.execute(f"SELECT count(*) FROM {relation}").fetchall()
    except duckdb.Error as error:  # what a broken file raises is of many kinds
        raise ExportError(f"{name} is no readable Parquet file. Export it again. ({first_line(error)})") from error
    columns = {n.strip(): (f'"{n.replace(chr(34), chr(34) * 2)}"', t) for n, t, *_ in described}
    columns.pop("file_row_number")
    columns = {n: c for n, c in columns.items() if not n.startswith("__index_level_")}  # pandas' row labels
    return Batch(name, relation, "file_row_number + 1", columns, rows)


def _open_lines(con: duckdb.DuckDBPyConnection, path: Path, name: str) -> Batch:
    """Make a file of JSON lines readable: a column `line` (JSON); rows are counted over the lines that hold text.

    DuckDB reads the file anew for each query, so memory does not grow with it. Lines that are no JSON object are
    returned as `ragged`.

    Raises:
        ExportError: the file is damaged, is no UTF-8, is one JSON document over all its lines, or has a line of more
            than 16 MB.
    """
    gz = "gzip" if path.suffix.lower() == ".gz" else "none"
    # strict_mode off and new_line \n: a line ends at \n, \r or both, also where a file mixes them.
    text = f"""(SELECT row_number() OVER () AS source_row, content FROM read_csv({quote(path)},
        columns = {{'content': 'VARCHAR'}}, header = false, auto_detect = false, delim = '\\x01', quote = '',
        escape = '', comment = '', new_line = '\\n', strict_mode = false, max_line_size = {LONGEST},
        compression = '{gz}') WHERE trim(content, ' \t') <> '')"""
    good = "(CASE WHEN ltrim(content, ' \t') LIKE '{%' THEN json_valid(content) ELSE false END)"
    try:
        rows = con.execute(f"SELECT count(*) FROM {text}").fetchall()[0][0]
        first = con.execute(f"SELECT content FROM {text} WHERE source_row = 1").fetchall()
        if first and (first[0][0].lstrip(" \t").startswith("[") or first[0][0].strip(" \t") == "{"):
            raise ExportError(
                f"{name} is one JSON document. Write one object a line, as `jq -c` does, and open it again."
            )
        ragged = con.execute(f"SELECT source_row, content FROM {text} WHERE NOT {good} ORDER BY 1").fetchall()
    except duckdb.Error as error:
        if "utf-8" in str(error).lower():
            raise ExportError(f"{name} is not UTF-8. Export it again as UTF-8.") from error
        raise ExportError(f"{name} cannot be read. Export it again. ({first_line(error)})") from error
    # NULL instead of a broken line: DuckDB may look into a line before it has applied the condition.
    relation = f"""(SELECT source_row, CASE WHEN {good} THEN content END AS content FROM {text} WHERE {good}) AS x"""
    notes = [] if rows else [f"{name} is empty."]
    # DuckDB also reads a comma too many; json() writes the line without it.
    raw, columns = "json(content)", {"line": ("content", "JSON")}
    return Batch(name, relation, "source_row", columns, rows, ragged, notes, raw)


def scratch_name(name: str) -> str:
    """A plain name for the working copy of a file."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


class _Text:
    """The bytes of a CSV file, read in blocks: unpacked, without mark and leading blank lines, checked to be UTF-8."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.file, self.name, self.quotes, self.closed = file, name, 0, False
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.last = b"\n"
        self.start = self.file.read(BLOCK)
        if self.start[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise ExportError(f"{name} is UTF-16, not UTF-8. Save it as 'CSV UTF-8' and try again.")
        self.start = self.start.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
        self._decode(self.start)
        if self.start and not re.search(rb"[\r\n]", self.start):
            self.start += b"\n"  # a header alone

    def _decode(self, block: bytes, final: bool = False) -> None:
        self.quotes += block.count(b'"')
        try:
            self.decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise ExportError(f"{self.name} is not UTF-8. Save it as 'CSV UTF-8' and try again.") from error

    def header(self) -> str:
        """The first line."""
        return re.split(rb"[\r\n]", self.start, maxsplit=1)[0].decode()

    def read(self, size: int = -1) -> bytes:
        """The next block; the file ends with a line break even when the source does not."""
        if self.start:
            block, self.start = self.start, b""
        else:
            block = self.file.read(BLOCK if size is None or size < 0 else size)
            self._decode(block, final=not block)
        if not block and self.last not in (b"\n", b"\r"):
            block = b"\n"
        self.last = block[-1:] or self.last
        return block

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


def _open_csv(path: Path, name: str, scratch: Path) -> Batch:
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            return _read_csv(_Text(file, name), name, scratch)
    except (EOFError, OSError, zlib.error) as error:
        if getattr(error, "errno", None) == 28:  # ENOSPC: of the scratch folder
            raise
        raise ExportError(f"{name} cannot be read ({error}). Export it again.") from error


def _names(header: str, delimiter: str, file: str) -> tuple[list[str], list[str]]:
    """The names of the columns, each once, and the notes about those named twice."""
    notes, names = [], []
    for i, text in enumerate((h.strip() for h in next(csv.reader([header], delimiter=delimiter))), 1):
        unique = text or f"column_{i}"
        if unique.lower() in map(str.lower, names):
            unique = f"{unique}_{i}"
            notes.append(f"{file} names the column {text!r} twice; the second is kept as {unique!r}.")
        names.append(unique)
    return names, notes


def _read_csv(text: _Text, name: str, scratch: Path) -> Batch:
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = scratch / f"{scratch_name(name)}.parquet"
    relation = f"read_parquet({quote(target)})"
    header = text.header()
    if not header.strip() and not text.start.strip():
        pq.write_table(pa.table({"source_row": pa.array([], pa.int64())}), target)
        return Batch(name, relation, "source_row", {}, 0, notes=[f"{name} is empty."])
    delimiter = max(DELIMITERS, key=header.count)
    names, notes = _names(header, delimiter, name)
    ids = [f"c{i}" for i in range(len(names))]
    schema = pa.schema([*((i, pa.string()) for i in ids), ("source_row", pa.int64())])
    ragged: list[tuple[int, str]] = []
    read, last = 0, None
    try:
        with pq.ParquetWriter(target, schema, compression="lz4") as writer:
            for block in _blocks(text, ids, delimiter, ragged):
                numbers = _numbers(read, block.num_rows, ragged)
                writer.write_batch(pa.record_batch([*block.columns, pa.array(numbers)], schema=schema))
                read, last = read + block.num_rows, block if block.num_rows else last
    except pa.ArrowInvalid as error:
        if "straddling" in str(error):
            raise ExportError(
                f"{name}: after data row {read + len(ragged)} a quote is never closed, or a row is longer than "
                f"{BLOCK >> 20} MB. Close the quote, or double it."
            ) from error
        raise ExportError(f"{name} is no readable CSV file. Export it again. ({first_line(error)})") from error
    _refuse_open_quote(name, text.quotes, read, last, ragged)
    columns = {n: (i, "VARCHAR") for n, i in zip(names, ids, strict=True)}
    return Batch(name, relation, "source_row", columns, read + len(ragged), ragged, notes)


def _blocks(text: _Text, ids: list[str], delimiter: str, ragged: list[tuple[int, str]]) -> "pa.RecordBatchReader":  # noqa: F821
    """The rows in blocks, as text; those that do not fall into columns are added to `ragged`."""
    import pyarrow as pa
    from pyarrow import csv as pacsv

    def keep(row: pacsv.InvalidRow) -> str:
        ragged.append((row.number - 1, row.text))  # the header is row 1
        return "skip"

    return pacsv.open_csv(
        text,
        read_options=pacsv.ReadOptions(column_names=ids, skip_rows=1, use_threads=False, block_size=BLOCK),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(ids, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _numbers(before: int, rows: int, ragged: list[tuple[int, str]]) -> "np.ndarray":  # noqa: F821
    """Row numbers in the file of the next `rows` good rows, when `before` good rows came before: ragged rows count."""
    import numpy as np

    bad = np.array([n for n, _ in ragged], dtype=np.int64)
    # The k-th good row stands behind k rows and all ragged ones before it.
    good = np.arange(before + 1, before + rows + 1)
    places = bad - np.arange(len(bad))  # how many good rows precede each ragged one, plus 1
    return good + np.searchsorted(places, good, side="right")


def _refuse_open_quote(name: str, quotes: int, rows: int, last, ragged: list[tuple[int, str]]) -> None:
    """A quote that is never closed swallows all rows after it into one field. Refuse such a file."""
    if quotes % 2 == 0:
        return
    end = rows + len(ragged)
    if ragged and ragged[-1][0] == end:
        swallowed = "\n" in ragged[-1][1]
    else:
        swallowed = any("\n" in (c[-1].as_py() or "") for c in last.columns) if last is not None else False
    if swallowed:
        raise ExportError(f"{name}: a quote opened in data row {end} is never closed. Close it, or double it.")
