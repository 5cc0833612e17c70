"""Load: type and check the rows of a file, into `stage`; say what is wrong with the bad ones, in `quarantine`.

What the rules of a row look into, as `schema.Rule` names it, is made before: prices, lines of orders, ids of users.
"""

import csv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from knowpay.collect import ExportError
from knowpay.collect.duck import columns, first_line, quote
from knowpay.collect.files import DELIMITERS, LINES, Batch, scratch_name
from knowpay.collect.ingest import later, money
from knowpay.collect.ingest.plan import File
from knowpay.collect.ingest.typed import MESSAGES, checks, select
from knowpay.collect.manifest import Manifest
from knowpay.collect.schema import LISTED, QUARANTINE, SQL_TYPES, TABLES, Rule, Table
from knowpay.collect.store import Store, TableRecord

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True)
class Rows:
    """The rows of one file that feed one table; `number` stands for the file in `stage`."""

    number: int
    file: File
    batch: Batch

    @property
    def manifest(self) -> Manifest:
        """What is declared of them, and what the format of the file fixes."""
        return self.file.delivery.manifest.model_copy(update=self.batch.units)

    @property
    def extracted(self) -> str:
        """SQL of the moment of the extraction."""
        return f"{quote(self.manifest.extracted_at.isoformat())}::TIMESTAMPTZ"


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Name the file when its pages turn out to be damaged."""
    try:
        yield
    except duckdb.Error as error:
        if type(error) not in (duckdb.Error, duckdb.IOException, duckdb.InvalidInputException):
            raise  # no damaged file, but a fault of ours
        raise ExportError(f"{name} cannot be read. Export it again. ({first_line(error)})") from error


class Sources:
    """The files of an export, each opened once."""

    def __init__(self, con: Connection, files: list[File], scratch: Path) -> None:
        self.con, self.files, self.scratch = con, files, scratch
        self._opened: dict[str, dict[str, Batch]] = {}

    def views(self, file: File) -> dict[str, Batch]:
        """The rows of a file by canonical table, counted."""
        if file.name not in self._opened:
            views = file.views(self.con, self.scratch)
            with reading(file.name):
                for view in views.values():
                    if view.rows < 0:
                        ((rows,),) = self.con.execute(f"SELECT count(*) FROM {view.relation}").fetchall()
                        view.rows = rows + len(view.ragged)
            self._opened[file.name] = views
        return self._opened[file.name]

    def feeds(self, file: File, table: Table) -> bool:
        """Whether the file has rows of the table."""
        return file.table is table if file.table else table.name in self.views(file)

    def rows(self, table: Table, files: Iterable[File]) -> list[Rows]:
        """The rows for the table of those among `files` that feed it."""
        mine = [file for file in files if self.feeds(file, table)]
        return [Rows(number, file, self.views(file)[table.name]) for number, file in enumerate(mine)]

    def forget(self, file: File) -> None:
        """Remove the working copy of a file that no other table reads."""
        if file.table:
            self._opened.pop(file.name)
            (self.scratch / f"{scratch_name(file.name)}.parquet").unlink(missing_ok=True)


def make_quarantine(con: Connection) -> None:
    """An empty `quarantine`: a row for each error of a row, which `position` orders."""
    declared = ", ".join(f'"{name}" {SQL_TYPES[kind]}' for name, kind in QUARANTINE.items())
    con.execute(f"CREATE TEMP TABLE quarantine ({declared}, position BIGINT)")


def make_stage(con: Connection, table: Table) -> None:
    """An empty `stage`: a row for each row of the files of the table, `ok` or not."""
    kinds = {"batch": "INTEGER", "source_row": "BIGINT", "ok": "BOOLEAN"} | later.columns(table)
    kinds |= {c.name: SQL_TYPES[c.type] for c in table.columns}
    declared = ", ".join(f'"{name}" {kind}' for name, kind in kinds.items())
    con.execute(f"CREATE OR REPLACE TABLE stage ({declared})")


def load(con: Connection, table: Table, rows: Rows) -> None:
    """Type and check the rows of one file into `stage`, and explain the bad ones in `quarantine`."""
    batch, manifest = rows.batch, rows.manifest
    con.execute(f"SET TimeZone = {quote(manifest.timezone)}")  # of times written without a zone
    con.execute(f"SET VARIABLE extracted_at = {rows.extracted}")
    if batch.ragged:
        _quarantine_lines(con, table, rows)
    typed, missing = select(table, batch, manifest)
    if missing and batch.columns:
        words = {"file": batch.file, "table": table.name}
        message = MESSAGES["missing_column"]
        absent = [Rule("missing_column", c, "true", message.format(column=c, **words)) for c in missing]
        _quarantine(con, table, rows, typed, absent)
        return
    rules = checks(table, manifest, batch.file)
    bad = " OR ".join(f"({rule.when})" for rule in rules)
    moments = ", ".join(later.moments(table, batch, rows.extracted).values())
    con.execute(
        f"""INSERT INTO stage
        SELECT {rows.number}, source_row, NOT coalesce({bad}, false), {moments}, {columns(table.names)} FROM {typed}"""
    )
    ours = f"SELECT source_row FROM stage WHERE NOT ok AND batch = {rows.number}"
    if con.execute(f"{ours} LIMIT 1").fetchall():
        _quarantine(con, table, rows, f"{typed} WHERE source_row IN ({ours})", rules)


def refuse(con: Connection, table: Table, rows: Rows, column: str, message: str) -> None:
    """Send all rows of a file whose money, in `column`, is in another unit than declared to quarantine."""
    typed, _ = select(table, rows.batch, rows.manifest)
    accused = f"""SELECT source_row FROM quarantine WHERE batch_id = {quote(rows.file.batch_id)}
        AND "table" = {quote(table.name)} AND rule = 'money_unit'"""
    rule = Rule("money_unit", column, "true", message)
    _quarantine(con, table, rows, f"{typed} WHERE source_row NOT IN ({accused})", [rule], first=1000)
    con.execute(f"UPDATE stage SET ok = false WHERE batch = {rows.number}")


def _quarantine(con: Connection, table: Table, rows: Rows, typed: str, rules: list[Rule], first: int = 0) -> None:
    """Enter an error for each of the rules that a typed row breaks, in their order, the `first` of the row or later."""
    errors = ", ".join(_error(rule, position) for position, rule in enumerate(rules, first))
    who = '"user_id"' if "user_id" in table.names else "NULL"
    batch = rows.batch
    con.execute(
        f"""INSERT INTO quarantine
        WITH errors AS MATERIALIZED (SELECT source_row, {who} AS who,
            unnest(list_filter([{errors}], lambda e: e IS NOT NULL)) AS e FROM {typed})
        {_entry(table, rows)} FROM (SELECT source_row, e.rule, e.column, e.value, who, e.position,
            replace(e.message, '{{value}}', coalesce(left(e.value, 80), '')) AS message FROM errors) AS explained
        JOIN (SELECT {batch.row} AS source_row, {batch.raw_json} AS raw_json FROM {batch.relation}
            WHERE {batch.row} IN (SELECT source_row FROM errors)) AS came USING (source_row)"""
    )


def _quarantine_lines(con: Connection, table: Table, rows: Rows) -> None:
    """Enter the lines that do not fall into columns."""
    import pyarrow as pa

    batch = rows.batch
    rule = "broken_json" if batch.file.lower().endswith(LINES) else "ragged_row"
    numbers, lines = zip(*batch.ragged, strict=True)
    who = [_whose(line, table, rows) for line in lines]
    con.register("ragged", pa.table({"source_row": numbers, "line": lines, "who": pa.array(who, pa.string())}))
    con.execute(
        f"""INSERT INTO quarantine {_entry(table, rows)} FROM (SELECT source_row, {quote(rule)} AS rule,
            NULL AS "column", NULL AS value, {quote(MESSAGES[rule])} AS message, json_object('line', line) AS raw_json,
            who, 0 AS position FROM ragged)"""
    )
    con.unregister("ragged")


def _whose(line: str, table: Table, rows: Rows) -> str | None:
    """The user id of a line that does not fall into columns, where the header says it stands; else None."""
    header = [name.lower() for name in rows.batch.columns]
    name = rows.manifest.business_user_id_column.lower()
    if table.name != "users" or name not in header:
        return None
    fields = next(csv.reader([line], delimiter=max(DELIMITERS, key=line.count)), [])
    at = header.index(name)
    return fields[at].strip() or None if at < len(fields) else None


def _error(rule: Rule, position: int) -> str:
    """SQL of an error, NULL where the rule does not hold; the value is that of its column as it came."""
    return f"""CASE WHEN {rule.when} THEN {{'rule': {quote(rule.id)}, 'column': {quote(rule.column)},
        'position': {position}, 'value': CAST("r_{rule.column}" AS VARCHAR), 'message': {quote(rule.message)}}} END"""


def _entry(table: Table, rows: Rows) -> str:
    """SQL of a row of the quarantine, but for its FROM."""
    return f"""SELECT {quote(table.name)}, {quote(rows.file.name)}, source_row, rule, "column", value, message,
        raw_json, {quote(rows.file.batch_id)}, {rows.extracted}, 'waiting', who, position"""


def look_up(con: Connection, store: Store, table: Table, tables: dict[str, TableRecord], sources: Sources) -> None:
    """Make the tables and variables that the rules of a table use; `tables` are those that are loaded already."""
    if table.name == "users":
        _user_ids(con, sources.rows(table, sources.files))
    if table.name in LISTED:
        _prices(con, store, tables)
        items = sources.rows(TABLES["order_items"], sources.files) if table.name == "orders" else []
        _baskets(con, items)
        con.execute(f"SET VARIABLE has_order_items = {bool(items)}")


def _user_ids(con: Connection, users: list[Rows]) -> None:
    """All ids in the users files, good rows or not: an inviter in quarantine is still a user."""
    con.execute("CREATE OR REPLACE TEMP TABLE user_ids (user_id VARCHAR)")
    table = replace(TABLES["users"], columns=TABLES["users"].columns[:1])  # to plan the others takes longer
    for rows in users:
        name = rows.manifest.business_user_id_column.lower()
        ids = {n: column for n, column in rows.batch.columns.items() if n.lower() == name}
        typed, missing = select(table, replace(rows.batch, columns=ids), rows.manifest)
        if "user_id" not in missing:
            with reading(rows.file.name):
                con.execute(f"INSERT INTO user_ids SELECT user_id FROM {typed} WHERE user_id IS NOT NULL")


def _prices(con: Connection, store: Store, tables: dict[str, TableRecord]) -> None:
    """What a row should cost: by the loaded catalogue, and by the loaded orders."""
    for name, of, price in (("catalogue", "courses", "price"), ("paid", "orders", money.BEFORE_DISCOUNT)):
        key = TABLES[of].key[0]
        sql = f"SELECT NULL::VARCHAR AS {key}, NULL::DOUBLE AS price WHERE false"
        if of in tables:
            sql = f"SELECT {key}, {price} AS price FROM {store.rows(*tables[of].parts.values())}"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")


def _baskets(con: Connection, items: list[Rows]) -> None:
    """The lines of the orders as they came, in quarantine or not: one in the wrong unit still says what was bought."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE lines ({money.LINES})")
    for rows in items:
        typed, _ = select(TABLES["order_items"], rows.batch, rows.manifest)
        with reading(rows.file.name):
            con.execute(
                f"""INSERT INTO lines SELECT order_id, line_no, product_id, price, quantity FROM {typed}
                WHERE order_id IS NOT NULL AND quantity > 0"""
            )
    con.execute("CREATE OR REPLACE TEMP TABLE baskets AS " + money.BASKETS)
