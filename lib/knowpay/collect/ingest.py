"""From the files of an export to checked canonical Parquet: good rows load, bad rows go to quarantine, none vanish.

The work is one SQL pass per file in DuckDB: read, type, check. For every table

    rows_in = loaded + duplicate + superseded + quarantined

holds, or `ingest` raises. The canonical files depend on the rows only, not on how they were split, ordered or
repeated over files.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb

from knowpay.collect import ExportError
from knowpay.collect.files import Batch, digest, find_files, first_line, open_file, quote
from knowpay.collect.manifest import read_manifest
from knowpay.collect.schema import EVENTS, SQL_TYPES, TABLES, Table
from knowpay.collect.sql import MESSAGES, checks, select
from knowpay.collect.store import build, quiet


@cache
def version() -> str:
    """Digest of the code of this package: a store made by other code has another name."""
    here = Path(__file__).parent
    code = b"".join((here / n).read_bytes() for n in ("schema.py", "manifest.py", "files.py", "sql.py", "ingest.py"))
    return hashlib.sha256(code + duckdb.__version__.encode()).hexdigest()[:8]


@contextmanager
def _reading(batch: Batch) -> Iterator[None]:
    """Name the file when its pages turn out to be damaged."""
    try:
        yield
    except duckdb.Error as error:
        if type(error) not in (duckdb.Error, duckdb.IOException, duckdb.InvalidInputException):
            raise  # no damaged file, but a fault of ours
        raise ExportError(f"{batch.file} cannot be read. Export it again. ({first_line(error)})") from error


class _Run:
    """One ingest: the connection, and what was found so far."""

    def __init__(self, source: Path, out: Path) -> None:
        self.source, self.out = source, out
        self.manifest = read_manifest(source)
        self.files, others = find_files(source)
        self.notes = [f"{p.relative_to(source).as_posix()} was not read: no table has this name." for p in others]
        self.batches, self.rows = [], []
        self.con = duckdb.connect()
        self.con.execute(f"SET TimeZone = {quote(self.manifest.timezone)}")
        quiet(self.con)
        self.con.execute("SET memory_limit = '2GB'")  # beyond it DuckDB works from temp_directory
        # The Parquet writer packs a column otherwise when statistics say it holds no NULL, and those statistics
        # also see the rows that were refused: without them the bytes depend on the rows written alone.
        self.con.execute("SET disabled_optimizers = 'statistics_propagation'")
        self.con.execute(f"SET temp_directory = {quote(str(out / 'tmp'))}")
        self.con.execute(f"SET VARIABLE extracted_at = {quote(self.manifest.extracted_at.isoformat())}::TIMESTAMPTZ")
        self.con.execute(f"SET VARIABLE has_order_items = {'order_items' in self.files}")
        self.con.execute(
            """CREATE TEMP TABLE quarantine ("table" VARCHAR, source_file VARCHAR, source_row BIGINT, rule VARCHAR,
            "column" VARCHAR, value VARCHAR, message VARCHAR, raw_json VARCHAR, batch_id VARCHAR, position BIGINT)"""
        )
        self.con.execute(
            """CREATE TEMP TABLE superseded ("table" VARCHAR, source_file VARCHAR, source_row BIGINT, fate VARCHAR,
            row_json VARCHAR)"""
        )

    def open(self, table: Table) -> list[tuple[Batch, str]]:
        """The table's files, those with the same bytes once."""
        opened, seen = [], {}
        for path in self.files.get(table.name, []):
            name, batch_id = path.relative_to(self.source).as_posix(), digest(path)
            if batch_id in seen:
                self.notes.append(f"{name} has the same bytes as {seen[batch_id]} and was read once.")
                continue
            seen[batch_id] = name
            batch = open_file(self.con, path, name)
            self.notes += batch.notes
            self.batches.append({"table": table.name, "file": name, "batch_id": batch_id, "rows": batch.rows})
            opened.append((batch, batch_id))
        return opened

    def table(self, table: Table) -> None:
        """Stage, check, separate and write one table."""
        con, cols = self.con, ", ".join(f'"{n}"' for n in table.names)
        declared = ", ".join(f'"{c.name}" {SQL_TYPES[c.type]}' for c in table.columns)
        con.execute(f"CREATE OR REPLACE TEMP TABLE stage (file VARCHAR, source_row BIGINT, ok BOOLEAN, {declared})")
        batches = self.open(table)
        if table.name == "users":
            self.user_ids([b for b, _ in batches])
        for batch, batch_id in batches:
            with _reading(batch):
                self.load(table, batch, batch_id, cols)
        self.separate(table, empty=not batches)
        order = ", ".join(f'"{n}"' for n in (table.order or table.key))
        target = self.out / f"{table.name}.parquet"
        con.execute(
            f"""COPY (SELECT {cols} FROM stage s WHERE ok AND NOT EXISTS
            (FROM losers l WHERE l.file = s.file AND l.source_row = s.source_row) ORDER BY {order})
            TO {quote(str(target))} (FORMAT parquet, COMPRESSION zstd)"""
        )
        self.count(table, sum(b.rows for b, _ in batches), target)
        if table.name == "courses":
            con.execute(f"CREATE TEMP TABLE catalogue AS SELECT product_id, price FROM {quote(str(target))}")
        for batch, _ in batches:
            if batch.row == "source_row":
                con.unregister(batch.relation)

    def user_ids(self, batches: list[Batch]) -> None:
        """All ids in the users files, good rows or not: an inviter in quarantine is still a user."""
        self.con.execute("CREATE TEMP TABLE user_ids (user_id VARCHAR)")
        for batch in batches:
            rows, missing = select(TABLES["users"], batch, self.manifest)
            if "user_id" not in missing:
                with _reading(batch):
                    self.con.execute(f"INSERT INTO user_ids SELECT user_id FROM {rows} WHERE user_id IS NOT NULL")

    def load(self, table: Table, batch: Batch, batch_id: str, cols: str) -> None:
        """Type and check the rows of one file into `stage`, and explain the bad ones in `quarantine`."""
        con = self.con
        raw_json = f"json_object({', '.join(f'{quote(n)}, {e}' for n, (e, _) in batch.columns.items())})"
        head = f"{quote(table.name)}, {quote(batch.file)}"
        if batch.ragged:
            import pyarrow as pa

            con.register("ragged", pa.table(dict(zip(("row", "line"), zip(*batch.ragged, strict=True), strict=True))))
            con.execute(
                f"""INSERT INTO quarantine SELECT {head}, row, 'ragged_row', NULL, NULL, ?,
                json_object('line', line), ?, 0 FROM ragged""",
                [MESSAGES["ragged_row"], batch_id],
            )
            con.unregister("ragged")
        rows, missing = select(table, batch, self.manifest)
        if missing and batch.columns:
            for i, column in enumerate(missing):
                message = MESSAGES["missing_column"].format(file=batch.file, column=column, table=table.name)
                self.notes.append(f"{message} Its {batch.rows:,} rows are in quarantine.")
                con.execute(
                    f"""INSERT INTO quarantine SELECT {head}, {batch.row}, 'missing_column', ?, NULL, ?, {raw_json},
                    ?, {i} FROM {batch.relation}""",
                    [column, message, batch_id],
                )
            return
        found = checks(table, self.manifest, batch.file)
        bad = " OR ".join(f"({when})" for _, _, when, _ in found)
        con.execute(
            f"""INSERT INTO stage SELECT {quote(batch.file)}, source_row, NOT coalesce({bad}, false), {cols}
            FROM {rows}"""
        )
        ours = f"SELECT source_row FROM stage WHERE NOT ok AND file = {quote(batch.file)}"
        if not con.execute(f"SELECT EXISTS ({ours})").fetchall()[0][0]:
            return
        errors = ", ".join(
            f"""CASE WHEN {when} THEN {{'rule': {quote(rule)}, 'column': {quote(column)}, 'position': {i},
            'value': CAST("r_{column}" AS VARCHAR), 'message': {quote(message)}}} END"""
            for i, (rule, column, when, message) in enumerate(found)
        )
        con.execute(
            f"""INSERT INTO quarantine
            SELECT {head}, source_row, e.rule, e.column, e.value,
                   replace(e.message, '{{value}}', coalesce(left(e.value, 80), '')), raw_json, {quote(batch_id)},
                   e.position
            FROM (SELECT source_row, unnest(list_filter([{errors}], lambda e: e IS NOT NULL)) AS e
                  FROM {rows} WHERE source_row IN ({ours})) AS explained
            JOIN (SELECT {batch.row} AS source_row, {raw_json} AS raw_json FROM {batch.relation}
                  WHERE {batch.row} IN ({ours})) AS came USING (source_row)"""
        )

    def separate(self, table: Table, empty: bool) -> None:
        """Among good rows with one key: one is loaded, the rest are `losers` (duplicate or superseded)."""
        if empty:  # planning the query below costs more than the rest of an absent table
            self.con.execute("CREATE OR REPLACE TEMP TABLE losers (file VARCHAR, source_row BIGINT, fate VARCHAR)")
            return
        keys = ", ".join(f'"{k}"' for k in table.key)
        same = " AND ".join(f's."{k}" IS NOT DISTINCT FROM d."{k}"' for k in table.key)
        content = [n for n in table.names if n not in (*table.key, *table.delivery)]
        words = {n: f'"{n}"' for n in content}
        if table.name == "events":  # a corrected time moves with every delivery: compare what the device said
            words["timestamp"] = (
                "CASE WHEN received_at IS NULL OR sent_at IS NULL OR original_timestamp IS NULL THEN timestamp END"
            )
        pack = ", ".join(f"{quote(n)}: {e}" for n, e in words.items())
        row = ", ".join(f'{quote(n)}: "{n}"' for n in table.names)
        sent = ", ".join(f'"{n}" NULLS LAST' for n in table.delivery)
        newest = f'max("{table.newest}") OVER (PARTITION BY {keys}, content)' if table.newest else "NULL"
        self.con.execute(
            f"""CREATE OR REPLACE TEMP TABLE losers AS
            WITH dup AS (SELECT {keys} FROM stage WHERE ok GROUP BY {keys} HAVING count(*) > 1),
            same AS (SELECT s.*, CAST(to_json({{{pack}}}) AS VARCHAR) AS content
                     FROM stage s WHERE ok AND EXISTS (FROM dup d WHERE {same})),
            placed AS (SELECT *, {newest} AS newest, row_number() OVER (
                       PARTITION BY {keys}, content ORDER BY {sent + "," if sent else ""} file, source_row) AS copy
                       FROM same),
            ranked AS (SELECT *, dense_rank() OVER (
                       PARTITION BY {keys} ORDER BY newest DESC NULLS LAST, content DESC) AS place FROM placed)
            SELECT file, source_row, CASE WHEN copy > 1 THEN 'duplicate' ELSE 'superseded' END AS fate,
                   CAST(to_json({{{row}}}) AS VARCHAR) AS row_json
            FROM ranked WHERE copy > 1 OR place > 1"""
        )
        self.con.execute(
            f"""INSERT INTO superseded SELECT {quote(table.name)}, file, source_row, fate, row_json FROM losers"""
        )

    def count(self, table: Table, rows_in: int, target: Path) -> None:
        """Add the table's line to the report, and hold the conservation law."""

        def one(sql: str) -> int:
            return self.con.execute(sql).fetchall()[0][0]

        counts = {
            "table": table.name,
            "rows_in": rows_in,
            "loaded": one(f"SELECT count(*) FROM {quote(str(target))}"),
            "duplicate": one("SELECT count(*) FROM losers WHERE fate = 'duplicate'"),
            "superseded": one("SELECT count(*) FROM losers WHERE fate = 'superseded'"),
            "quarantined": one(
                f"""SELECT count(*) FROM (SELECT DISTINCT source_file, source_row FROM quarantine
                WHERE "table" = {quote(table.name)})"""
            ),
        }
        if rows_in != sum(counts[k] for k in ("loaded", "duplicate", "superseded", "quarantined")):
            raise RuntimeError(f"rows were lost or invented while ingesting {table.name}: {counts}")
        self.rows.append(counts)

    def finish(self) -> None:
        """Write quarantine, superseded rows and the report."""
        names = ", ".join(map(quote, EVENTS))
        unknown = self.con.execute(
            f"""SELECT event, count(*) FROM {quote(str(self.out / "events.parquet"))} WHERE event NOT IN ({names})
            GROUP BY event ORDER BY count(*) DESC, event"""
        ).fetchall()
        if unknown:
            some = ", ".join(f"{e} ({n:,})" for e, n in unknown[:5]) + (", …" if len(unknown) > 5 else "")
            self.notes.append(f"{sum(n for _, n in unknown):,} events have names outside the vocabulary: {some}.")
        total = {r["table"]: r["rows_in"] for r in self.rows}
        for table, rule, column, n in self.con.execute(
            """SELECT "table", rule, "column", count(*) FROM quarantine WHERE rule <> 'missing_column'
            GROUP BY ALL ORDER BY ALL"""
        ).fetchall():
            if n > total[table] / 2:
                what = f"{rule} ({column})" if column else rule
                self.notes.append(
                    f"{n:,} of {total[table]:,} rows of {table} break the rule {what}: the manifest or the export "
                    "is probably wrong as a whole. Read a message in ds.quarantine, correct it and open it again."
                )
        self.con.execute(
            f"""COPY (SELECT * EXCLUDE (position) FROM quarantine
            ORDER BY "table", source_file, source_row, position)
            TO {quote(str(self.out / "quarantine.parquet"))} (FORMAT parquet)"""
        )
        self.con.execute(
            f"""COPY (FROM superseded ORDER BY ALL)
            TO {quote(str(self.out / "superseded.parquet"))} (FORMAT parquet)"""
        )
        report = {"rows": self.rows, "notes": self.notes, "batches": self.batches}
        report["manifest"] = self.manifest.model_dump(mode="json")
        (self.out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1), "utf-8")


def ingest(source: Path, store: Path) -> Path:
    """Ingest the export folder `source` into the folder `store`; an existing store is left alone (no-op).

    The store holds one Parquet file per canonical table, `quarantine.parquet` (one row per error),
    `superseded.parquet` (duplicates and overruled rows) and `report.json`. It appears whole or not at all.

    Raises:
        ExportError: the folder, its manifest or a file cannot be read; names it and the remedy.
    """

    def make(out: Path) -> None:
        run = _Run(source, out)
        try:
            for table in TABLES.values():
                run.table(table)
            run.finish()
        finally:
            run.con.close()

    return build(store, make)
