"""The files of an export, rewritten row by row: what is not touched keeps its bytes, in Parquet its values.

A file is replaced whole or not at all. Rows that ingest puts into quarantine, too long or too short, are rows here too.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.collect import ExportError
from knowpay.collect.disk import write_whole
from knowpay.collect.files import LINES, list_files
from knowpay.collect.manifest import NAMES as MANIFESTS

if TYPE_CHECKING:
    import pyarrow as pa

Row = list[tuple[str, object]]  # (column, value) in the order of the file
Judge = Callable[[Row], Row | None]  # the row as it was given: keep; another: change; None: remove


def data_files(source: Path) -> tuple[list[Path], list[Path]]:
    """Return (files that `rewrite` can read, files that it cannot), without manifests and hidden files, by name.

    Raises ExportError when there is no such folder, or a file in it may not be read.
    """
    here = [path for path in list_files(source) if path.name not in MANIFESTS]
    can = [path for path in here if _ending(path) in (".csv", ".parquet", *LINES)]
    return can, [path for path in here if path not in can]


def sweep(source: Path) -> int:
    """Remove the half-written copies that killed runs left beside the files of the export; return how many."""
    names = {path.with_name(f".{path.name}-") for path in source.rglob("*") if path.is_file()}
    left = [path for path in source.rglob(".*") if path.is_file() and path.with_name(path.name[:-8]) in names]
    for path in left:
        path.unlink()
    return len(left)


def rewrite(
    path: Path, judge: Judge, needles: Iterable[str] | None = None, columns: Sequence[str] | None = None
) -> tuple[int, int]:
    """Write the file again as ``judge`` says and return (rows removed, rows changed); (0, 0) leaves it alone.

    ``judge`` sees the rows that hold one of ``needles`` as text (None: all), of a Parquet file only ``columns`` (None:
    all). The values of CSV are text, those of JSON lines and Parquet what they are.

    Raises ExportError when the file cannot be taken apart into rows; it is then as it was.
    """
    counts = [0, 0]

    def counted(row: Row) -> Row | None:
        verdict = judge(row)
        counts[0] += verdict is None
        counts[1] += verdict is not None and verdict is not row
        return verdict

    if needles is not None and not look(path, needles):
        return 0, 0

    def write(to: Path) -> None:
        if _ending(path) == ".parquet":
            import pyarrow.parquet as pq

            with pq.ParquetWriter(to, pq.read_schema(path), compression="zstd") as out:
                for table in _groups(path, counted, needles, columns, every=True):
                    out.write_table(table)
        else:
            packed = path.suffix.lower() == ".gz"
            with to.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) if packed else file as out:
                for text in _pieces(path, counted, needles):
                    out.write(text.encode("utf-8", "surrogateescape"))
        shutil.copymode(path, to)
        if not any(counts):
            raise _AsItWas

    with _named(path), suppress(_AsItWas):
        write_whole(path, write)
    return counts[0], counts[1]


def look(path: Path, needles: Iterable[str] | None = None, columns: Sequence[str] | None = None) -> list[Row]:
    """Return the rows that `rewrite` would show to its judge; writes nothing. Raises ExportError as `rewrite` does."""
    rows: list[Row] = []

    def collect(row: Row) -> Row:
        rows.append(row)
        return row

    with _named(path):
        if _ending(path) == ".parquet":
            pieces = _groups(path, collect, needles, columns, every=False)
        else:
            pieces = _pieces(path, collect, needles)
        for _ in pieces:
            pass
    return rows


class _AsItWas(Exception):
    """Nothing changed: drop the copy."""


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file that cannot be taken apart."""
    import pyarrow as pa

    try:
        yield
    except (csv.Error, gzip.BadGzipFile, zlib.error, EOFError, UnicodeError, pa.ArrowException) as error:
        why = str(error).splitlines()[0]
        raise ExportError(f"{path.name} cannot be taken apart into rows ({why}). Export it again.") from error


def _ending(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _pieces(path: Path, judge: Judge, needles: Iterable[str] | None) -> Iterator[str]:
    """The text of the new file, piece by piece; bytes that are no UTF-8 come through as they are."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        if file.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise UnicodeError("it is UTF-16, not UTF-8")
        text = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
        yield from (_csv if _ending(path) == ".csv" else _json_lines)(text, judge, needles)


def _csv(source: io.TextIOWrapper, judge: Judge, needles: Iterable[str] | None) -> Iterator[str]:
    raw: list[str] = []

    def lines() -> Iterator[str]:
        for line in source:
            raw.append(line)
            yield line

    header = source.readline()
    while header and not header.strip("\ufeff\r\n"):
        yield header
        header = source.readline()
    yield header
    delimiter = max(",;\t|", key=header.count)
    names = [name.strip() for name in next(csv.reader([header.lstrip("\ufeff")], delimiter=delimiter), [])]
    for fields in csv.reader(lines(), delimiter=delimiter):
        text = "".join(raw)
        raw.clear()
        if not fields or not (needles is None or any(needle in text for needle in needles)):
            yield text
            continue
        row: Row = [(names[i] if i < len(names) else "", field) for i, field in enumerate(fields)]
        verdict = judge(row)
        if verdict is row:
            yield text
        elif verdict is not None:
            changed = io.StringIO()
            csv.writer(changed, delimiter=delimiter, lineterminator=_end(text)).writerow([v for _, v in verdict])
            yield changed.getvalue()


def _json_lines(source: io.TextIOWrapper, judge: Judge, needles: Iterable[str] | None) -> Iterator[str]:
    for text in source:
        if not text.strip() or not (needles is None or any(needle in text for needle in needles)):
            yield text
            continue
        content = None
        with suppress(ValueError):
            content = json.loads(text.lstrip("\ufeff"))
        row: Row = list(content.items()) if isinstance(content, dict) else [("", text.strip())]
        verdict = judge(row)
        if verdict is row:
            yield text
        elif verdict is not None:
            changed = dict(verdict)
            said = json.dumps(changed, ensure_ascii=False) if isinstance(content, dict) else str(changed[""])
            yield said + _end(text)


def _end(text: str) -> str:
    """The line break at the end, as it was."""
    return text[len(text.rstrip("\r\n")) :]


def _groups(
    path: Path, judge: Judge, needles: Iterable[str] | None, columns: Sequence[str] | None, every: bool
) -> Iterator[pa.Table]:
    """The new row groups, one after the other so that a large file fits; ``every``: those without a hit too."""
    import numpy as np
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        places = None if needles is None else np.array(_holding(path, needles), dtype=np.int64)
        first = 0
        for number in range(file.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            here = np.arange(rows) if places is None else places[(places >= first) & (places < first + rows)] - first
            first += rows
            if len(here) or every:
                yield _judged(file.read_row_group(number), here.tolist(), judge, columns)


def _judged(table: pa.Table, places: list[int], judge: Judge, columns: Sequence[str] | None) -> pa.Table:
    """The table after ``judge`` has seen the rows at ``places``."""
    import pyarrow as pa

    seen = table.select([c for c in columns if c in table.column_names]) if columns is not None else table
    gone, changes = set(), {}
    for place, values in zip(places, seen.take(pa.array(places, pa.int64())).to_pylist(), strict=True):
        row: Row = list(values.items())
        verdict = judge(row)
        if verdict is None:
            gone.add(place)
        elif verdict is not row:
            for (name, old), (_, new) in zip(row, verdict, strict=True):
                if new != old:
                    changes.setdefault(name, {})[place] = new
    for name, new_values in changes.items():
        field, values = table.schema.field(name), table.column(name).to_pylist()
        for place, value in new_values.items():
            values[place] = value
        table = table.set_column(table.column_names.index(name), field, pa.array(values, field.type))
    return table.filter(pa.array([place not in gone for place in range(table.num_rows)], pa.bool_())) if gone else table


def _holding(path: Path, needles: Iterable[str]) -> list[int]:
    """Numbers (from 0) of the rows that hold a needle in text, in a whole number, or in what is nested."""
    import duckdb

    needles = list(needles)
    with duckdb.connect() as con:
        described = con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        texts = []
        for name, kind, *_ in described:
            column = '"' + name.replace('"', '""') + '"'
            if kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]"):
                texts.append(f"CAST(to_json({column}) AS VARCHAR)")
            elif not kind.startswith(("FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN", "TIME", "DATE")):
                texts.append(f"CAST({column} AS VARCHAR)")
        if not texts or not needles:
            return []
        hit = " OR ".join("contains(line, ?)" for _ in needles)
        rows = con.execute(
            f"""SELECT file_row_number FROM (SELECT file_row_number, concat_ws(chr(10), {", ".join(texts)}) AS line
            FROM read_parquet(?, file_row_number = true)) WHERE {hit} ORDER BY 1""",
            [str(path), *needles],
        ).fetchall()
    return [row for (row,) in rows]
