"""Ingest: an export becomes canonical Parquet tables; bad rows go to quarantine, none vanish.

The work is SQL in DuckDB: each file is read, typed and checked; then rows with one key are told apart. Of every file

    rows_in = loaded + duplicate + superseded + quarantined

holds for each table it feeds, or `ingest` raises. A row brings a new key (loaded), another version of a known key
(superseded: one version is shown, the other kept aside), nothing new (duplicate), or an error (quarantined). Which
version is shown depends on the rows only, so the canonical files are the same however the rows were split, ordered or
repeated over files and runs: `later` says which.

A store follows its folder: new files are added, and only the days that they touch are written anew; a file or a
declaration that changed or went away means starting over.
"""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from knowpay.collect import ExportError, adapters, later, money
from knowpay.collect.files import (
    DELIMITERS,
    LINES,
    Batch,
    digest,
    first_line,
    list_files,
    open_file,
    quote,
    scratch_name,
    table_of,
)
from knowpay.collect.manifest import Manifest, read_manifests, whole
from knowpay.collect.schema import EVENTS, FATES, LISTED, QUARANTINE, SQL_TYPES, TABLES, Table
from knowpay.collect.sql import MESSAGES, checks, select
from knowpay.collect.store import Store, only_one, quiet, stoppable, writable

# Fields of a manifest that no row depends on: they may change without reading the files again.
_ABOUT = {"dataset_id", "source_system", "observation_start", "observation_end", "lawful_basis_note"}
_ABOUT |= {"contains_personal_data", "lookback_days", "retention_days"}


@cache
def version() -> str:
    """Digest of the code of this package: a store made by other code has another name."""
    here = Path(__file__).parent
    names = (
        "schema.py",
        "manifest.py",
        "files.py",
        "sql.py",
        "later.py",
        "money.py",
        "store.py",
        "ingest.py",
        "privacy/scrub.py",
    )
    code = b"".join(p.read_bytes() for p in [*(here / n for n in names), *sorted((here / "adapters").glob("*.py"))])
    return hashlib.sha256(code + duckdb.__version__.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class _File:
    """A file of the export, with the manifest that holds for it; `table` is None when an adapter reads it."""

    path: Path
    name: str
    batch_id: str
    table: str | None
    folder: Path
    manifest: Manifest
    declared: str

    def views(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> dict[str, Batch]:
        """The rows of the file by canonical table, not counted where an adapter reads it."""
        batch = open_file(con, self.path, self.name, scratch)
        if self.table is None:
            return adapters.views(batch, self.manifest, self.folder)
        units = {} if self.manifest.source_format == "canonical" else {"business_user_id_column": "user_id"}
        return {self.table: replace(batch, units=units)}

    @property
    def unit(self) -> str:
        """What is read once: the same bytes may be the (empty) files of two tables."""
        return f"{self.batch_id} {self.table or '*'}"


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Name the file when its pages turn out to be damaged."""
    try:
        yield
    except duckdb.Error as error:
        if type(error) not in (duckdb.Error, duckdb.IOException, duckdb.InvalidInputException):
            raise  # no damaged file, but a fault of ours
        raise ExportError(f"{name} cannot be read. Export it again. ({first_line(error)})") from error


def _declared(manifest: Manifest, folder: Path) -> str:
    """Digest of what the typed rows depend on besides the bytes of their file."""
    said = manifest.model_dump_json(exclude=_ABOUT).encode()
    said += b"".join((folder / n).read_bytes() for n in adapters.DECLARATIONS if (folder / n).is_file())
    if manifest.source_format != "canonical":
        said += " ".join(adapters.kinds(folder)).encode()
    return hashlib.sha256(said).hexdigest()[:16]


def plan(source: Path) -> tuple[list[_File], list[str], Manifest]:
    """The files of the export that are read, notes about the others, and the manifest of the whole.

    Raises:
        ExportError: the folder, a manifest or a declaration is missing or wrong, or no file belongs to any table.
    """
    paths = list_files(source)
    manifests = read_manifests(source)
    declared = {folder: _declared(m, folder) for folder, m in manifests.items()}
    for folder, manifest in manifests.items():
        adapters.check(manifest, folder)
    files, notes, seen = [], [], {}
    for path in sorted(paths, key=lambda p: later.order_of(p.relative_to(source).as_posix())):
        name = path.relative_to(source).as_posix()
        folder = next(f for f in path.parents if f in manifests)
        if path.name in adapters.DECLARATIONS and path.parent == folder:
            continue
        manifest, table = manifests[folder], table_of(name)
        if adapters.claims(path.relative_to(folder).as_posix(), manifest):
            table = None
        elif table is None:
            notes.append(f"{name} was not read: no table has this name.")
            continue
        file = _File(path, name, digest(path), table, folder, manifest, declared[folder])
        if before := seen.get(file.unit):  # what is said twice was said last under the later of the names
            first, file = sorted((before, file), key=lambda f: f.manifest.extracted_at)
            notes.append(f"{first.name} has the same bytes as {file.name} and was read once.")
            files = [f for f in files if f is not before]
        seen[file.unit] = file
        files.append(file)
    files.sort(key=lambda f: later.order_of(f.name))
    if not files:
        expected = ", ".join(f"{t}.csv" for t in list(TABLES)[:4])
        raise ExportError(f"{source} has no table. Put files like {expected} (or .csv.gz, .parquet) into it.")
    return files, notes, whole(manifests)


LOADED, ASIDE = -1, -2  # in place of the number of a file: a row of the store
_FATE = """CASE WHEN known OR copy > 1 THEN 'duplicate' WHEN known_key OR place > 1 THEN 'superseded'
    ELSE 'loaded' END"""


SORTED_AT_ONCE = 2_000_000  # rows: some 500 MB
TINY = 1_000_000  # bytes of an export that one thread reads sooner than several are started for it
SMALL = 500_000_000  # bytes of an export that needs half the memory: 4 % slower, 0.5 GB less


def _groups(days: dict[str, int], most: int) -> Iterator[list[str]]:
    """Days in order, in groups of no more than `most` rows, or of one day."""
    group, rows = [], 0
    for day, n in days.items():
        if group and rows + n > most:
            yield group
            group, rows = [], 0
        group.append(day)
        rows += n
    if group:
        yield group


def _key(table: Table) -> str:
    """SQL of a row's key as one number of 64 bits: two keys that share one cost time, never a row."""
    return "hash(" + ", ".join(f's."{name}"' for name in table.key) + ")"


def _whose(line: str, table: Table, batch: Batch, manifest: Manifest) -> str | None:
    """The user id of a line that does not fall into columns, where the header says it stands; else None."""
    header = [name.lower() for name in batch.columns]
    name = manifest.business_user_id_column.lower()
    if table.name != "users" or name not in header:
        return None
    fields = next(csv.reader([line], delimiter=max(DELIMITERS, key=line.count)), [])
    at = header.index(name)
    return fields[at].strip() or None if at < len(fields) else None


class _Run:
    """One ingest: the connection, the state of the store before it, and what was found so far."""

    def __init__(self, source: Path, store: Store) -> None:
        self.source, self.store = source, store
        self.files, self.notes, self.manifest = plan(source)
        self.before = store.ledger
        self.con: duckdb.DuckDBPyConnection | None = None
        self.opened: dict[str, dict[str, Batch]] = {}
        self.after: dict[str, Any] = {
            k: {} for k in ("parts", "superseded", "duplicate", "quarantine", "touched", "decided")
        }
        self.after["batches"] = []

    def close(self) -> None:
        if self.con:
            self.con.close()

    def connect(self) -> None:
        store = self.store
        store.begin()
        self.con = duckdb.connect()
        quiet(self.con)
        size = sum(file.path.stat().st_size for file in self.files)
        if size < TINY:
            self.con.execute("SET threads = 1")
        gigabytes = 1 if size < SMALL else 2
        self.con.execute(f"SET memory_limit = '{gigabytes}GB'")  # beyond it DuckDB works from temp_directory
        # The Parquet writer packs a column otherwise when statistics say it holds no NULL, and those statistics
        # also see the rows that were refused: without them the bytes depend on the rows written alone.
        # in_clause makes a join of each list of words in the rules: planning takes twice as long.
        self.con.execute("SET disabled_optimizers = 'statistics_propagation, in_clause'")
        self.con.execute(f"SET temp_directory = {quote(str(store.scratch / 'tmp'))}")
        self.con.execute(f"SET TimeZone = {quote(self.manifest.timezone)}")
        # Rows are staged in a file, which is compressed and takes any number of them.
        self.con.execute(f"ATTACH {quote(str(store.scratch / 'staged.duckdb'))} AS staged")
        columns = ", ".join(f'"{name}" {SQL_TYPES[kind]}' for name, kind in QUARANTINE.items())
        self.con.execute(f"CREATE TEMP TABLE quarantine ({columns}, position BIGINT)")

    def one(self, sql: str) -> Any:
        return self.con.execute(sql).fetchall()[0][0]

    def views(self, file: _File) -> dict[str, Batch]:
        """The rows of a file by canonical table."""
        if file.name not in self.opened:
            views = file.views(self.con, self.store.scratch)
            with _reading(file.name):
                for view in views.values():
                    if view.rows < 0:
                        view.rows = self.one(f"SELECT count(*) FROM {view.relation}") + len(view.ragged)
            self.opened[file.name] = views
        return self.opened[file.name]

    def follow(self) -> None:
        """Bring the store up to its folder."""
        now, was = {f.unit: (f.declared, f.name) for f in self.files}, self.before.get("batches", [])
        follows = bool(was) and all(now.get(b["unit"]) == (b["declared"], b["file"]) for b in was)
        known = {b["unit"] for b in was} if follows else set()
        new = [f for f in self.files if f.unit not in known]
        if follows and not new and self.before["manifest"] == self.manifest.model_dump(mode="json"):
            return
        self.connect()
        fresh = {t for f in new for t in ([f.table] if f.table else self.views(f))}
        for table in TABLES.values():
            redo = not follows or bool(fresh & set(table.reads))
            if redo or not self.table(table, self.of(table, new), self.before):
                self.table(table, self.of(table, self.files), {})
                self.remember([] if redo else [b for b in was if b["table"] == table.name])
        self.finish()

    def replay(self, rule: str | None) -> int:
        """Run the rows that wait under a rule (None: all) again, as the files are declared now."""
        was = self.before.get("batches", [])
        files = {f.unit: f for f in self.files}
        if {b["unit"] for b in was} != set(files):
            raise ExportError(f"The files of {self.source} have changed since they were read. Open the export first.")
        self.connect()
        let_in, grown = 0, set()
        for table in TABLES.values():
            mine = [b for b in was if b["table"] == table.name]
            # A declaration that changed under rows already loaded changes those as well: then the table is read anew.
            anew = any(b["rows"] > b["quarantined"] and b["declared"] != files[b["unit"]].declared for b in mine)
            held = [b for b in mine if b["quarantined"]]
            # A file refused as a whole comes back as a whole: some of its rows alone cannot be judged.
            anew = anew or any(b["money"]["refused"] for b in held)
            held = sorted(held, key=lambda b: self.files.index(files[b["unit"]]))
            some = [(b, files[b["unit"]], *self.waiting(b, rule)) for b in held]
            if anew or grown & set(table.reads) or not self.again(table, some):
                self.table(table, self.of(table, self.files), {})
                self.remember(mine)
            left = sum(b["quarantined"] for b in self.after["batches"] if b["table"] == table.name)
            fewer = sum(b["quarantined"] for b in held) - left
            let_in += fewer
            grown |= {table.name} if fewer else set()
        for batch in self.after["batches"]:
            batch["declared"] = files[batch["unit"]].declared
        self.finish()
        return let_in

    def again(self, table: Table, held: list[tuple[dict[str, Any], _File, str, int]]) -> bool:
        """Read rows that wait once more, and join their fates to those of the other rows of their files.

        False: one of them contradicts a row of the store, so the whole table must be read; nothing was done.
        """
        held = [(b, file, rows, n) for b, file, rows, n in held if n]
        mine = []
        for _, file, rows, n in held:
            batch = self.views(file)[table.name]
            chosen = f"(SELECT * FROM {batch.relation} WHERE {batch.row} IN ({rows})) AS again"
            mine.append((file, replace(batch, relation=chosen, rows=n, ragged=[])))
        if not self.table(table, mine, self.before, judged=False):
            return False
        for was, _, rows, n in held:
            whole, part = (b for b in self.after["batches"] if (b["table"], b["unit"]) == (table.name, was["unit"]))
            self.after["batches"].remove(part)
            for fate in ("loaded", "duplicate", "superseded"):
                whole[fate] += part[fate]
            whole["quarantined"] += part["quarantined"] - n
            self.settle(table, was, rows)
        return True

    def waiting(self, batch: dict[str, Any], rule: str | None) -> tuple[str, int]:
        """SQL of the row numbers of a file that wait under a rule and have columns at all, and how many they are."""
        path = self.store.folder / self.before["quarantine"][f"{batch['table']}/{batch['batch_id']}"]
        ours = "true" if rule is None else f"bool_or(rule = {quote(rule)})"
        rows = f"""SELECT source_row FROM read_parquet({quote(str(path))}) WHERE status = 'waiting' GROUP BY source_row
            HAVING {ours} AND NOT bool_or(rule IN ('ragged_row', 'broken_json'))"""
        return rows, self.one(f"SELECT count(*) FROM ({rows})")

    def remember(self, batches: list[dict[str, Any]]) -> None:
        """Keep what is known of the errors of files that were read anew: those that are gone are fixed."""
        for batch in batches:
            if f"{batch['table']}/{batch['batch_id']}" in self.before["quarantine"]:
                self.settle(TABLES[batch["table"]], batch, "SELECT source_row FROM before")

    def settle(self, table: Table, was: dict[str, Any], rows: str) -> None:
        """Write the quarantine of a file whose `rows` (SQL) were read again: those that do not wait now are fixed."""
        label = f"{table.name}/{was['batch_id']}"
        before = f"read_parquet({quote(str(self.store.folder / self.before['quarantine'][label]))})"
        now = f"""SELECT * EXCLUDE (position) FROM quarantine WHERE "table" = {quote(table.name)}
            AND batch_id = {quote(was["batch_id"])}"""
        self.after["quarantine"][label] = self.save(
            f"""WITH before AS (FROM {before}), now AS ({now})
            SELECT * REPLACE (CASE WHEN source_row IN ({rows}) THEN 'fixed' ELSE status END AS status) FROM before
            WHERE status = 'fixed' OR source_row NOT IN (SELECT source_row FROM now)
            UNION ALL FROM now ORDER BY ALL""",
            f"quarantine/{table.name}-{was['batch_id'][:16]}",
        )

    def of(self, table: Table, files: list[_File]) -> list[tuple[_File, Batch]]:
        """The files among `files` that feed the table, with their rows for it."""
        mine = [f for f in files if f.table in (None, table.name)]
        return [(f, self.views(f)[table.name]) for f in mine if table.name in self.views(f)]

    def table(self, table: Table, mine: list[tuple[_File, Batch]], before: dict[str, Any], judged: bool = True) -> bool:
        """Add the rows of some files, in the order of their names, to what the store had of the table before.

        The unit of money of the files is `judged` when their rows are all there.
        False: one of them contradicts a row of the store, so the whole table must be read; nothing was done.
        """
        if not mine and not before:  # eleven tables, and most exports have five of them
            self.nothing(table)
            self.after["touched"][table.name], self.after["decided"][table.name] = [], {}
            return True
        self.prepare(table, mine)
        for number, (file, batch) in enumerate(mine):
            with _reading(file.name):
                self.load(table, batch, file, number)
        verdicts: dict[int, money.Verdict] = {}
        if table.name in LISTED and mine and judged:
            units = [f.manifest.model_copy(update=b.units).money_unit for f, b in mine]
            verdicts = money.judge(self.con, table.name, [(f.name, u) for (f, _), u in zip(mine, units, strict=True)])
        for number, verdict in verdicts.items():
            if verdict.refused:
                with _reading(mine[number][0].name):
                    self.refuse(table, mine[number][1], mine[number][0], number, verdict.refused)
        parts, aside = before.get("parts", {}).get(table.name, {}), before.get("superseded", {}).get(table.name)
        if (mine or not parts) and not self.rank(table, parts, [aside] if aside else []):
            self.con.execute('DELETE FROM quarantine WHERE "table" = ?', [table.name])
            return False
        for kind in ("duplicate", "quarantine"):
            kept = before.get(kind, {})
            self.after[kind] |= {k: v for k, v in kept.items() if k.startswith(f"{table.name}/")}
        self.after["batches"] += [dict(b) for b in before.get("batches", []) if b["table"] == table.name]
        self.after["decided"][table.name] = dict(before.get("decided", {}).get(table.name, {}))
        if mine or not parts:
            self.merge(table, parts, [aside] if aside else [])
            self.count(table, mine, verdicts)
        else:
            self.after["parts"][table.name] = parts
            self.after["superseded"] |= {table.name: aside} if aside else {}
        for file, _ in mine:
            if file.table:  # no other table reads it
                self.opened.pop(file.name)
                (self.store.scratch / f"{scratch_name(file.name)}.parquet").unlink(missing_ok=True)
        return True

    def prepare(self, table: Table, mine: list[tuple[_File, Batch]]) -> None:
        """An empty `stage` for the table's rows, and what its rules look into."""
        declared = ", ".join(f'"{c.name}" {SQL_TYPES[c.type]}' for c in table.columns)
        head = "batch INTEGER, source_row BIGINT, ok BOOLEAN, "
        head += ", ".join(f"{name} {kind}" for name, kind in later.columns(table).items())
        self.con.execute(f"CREATE OR REPLACE TABLE staged.stage ({head}, {declared})")
        if table.name == "users" and mine:
            self.user_ids([batch for _, batch in self.of(table, self.files)])
        if table.name in LISTED:
            self.prices(table, mine)
        if table.name == "orders":
            items = any(self.of(TABLES["order_items"], [f]) for f in self.files)
            self.con.execute(f"SET VARIABLE has_order_items = {items}")

    def prices(self, table: Table, mine: list[tuple[_File, Batch]]) -> None:
        """What a row should cost: the loaded catalogue, the lines of the order as they came, the loaded orders."""
        for name, of, price in (("catalogue", "courses", "price"), ("paid", "orders", money.BEFORE_DISCOUNT)):
            files = [p["file"] for p in self.after["parts"].get(of, {}).values()]
            empty = ", ".join(f'NULL::DOUBLE AS "{n}"' for n in TABLES[of].names)
            key = TABLES[of].key[0]
            self.con.execute(
                f"""CREATE OR REPLACE TEMP TABLE {name} AS
                SELECT CAST({key} AS VARCHAR) AS {key}, {price} AS price FROM {self.stored(empty, files)}"""
            )
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE lines ({money.LINES})")
        items = self.of(TABLES["order_items"], self.files) if table.name == "orders" and mine else []
        for file, batch in items:  # in quarantine or not: a line in the wrong unit still says what was bought
            rows, _ = select(TABLES["order_items"], batch, file.manifest.model_copy(update=batch.units))
            with _reading(file.name):
                self.con.execute(
                    f"""INSERT INTO lines SELECT order_id, line_no, product_id, price, quantity FROM {rows}
                    WHERE order_id IS NOT NULL AND quantity > 0"""
                )
        self.con.execute("CREATE OR REPLACE TEMP TABLE baskets AS " + money.BASKETS)

    def refuse(self, table: Table, batch: Batch, file: _File, number: int, message: str) -> None:
        """Send all rows of a file whose money is in another unit than declared to quarantine."""
        ours = f"""batch_id = {quote(file.batch_id)} AND "table" = {quote(table.name)} AND rule = 'money_unit'"""
        rows, _ = select(table, batch, file.manifest.model_copy(update=batch.units))
        column = money.price(table.name)
        whose = '"user_id"' if "user_id" in table.names else "NULL"
        self.con.execute(
            f"""INSERT INTO quarantine SELECT {quote(table.name)}, {quote(batch.file)}, source_row, 'money_unit', ?,
                CAST("r_{column}" AS VARCHAR), ?, raw_json, {quote(file.batch_id)},
                {quote(file.manifest.extracted_at.isoformat())}::TIMESTAMPTZ, 'waiting', {whose}, 1000
            FROM {rows} JOIN (SELECT {batch.row} AS source_row, {batch.raw_json} AS raw_json FROM {batch.relation})
            USING (source_row) WHERE source_row NOT IN (SELECT source_row FROM quarantine WHERE {ours})""",
            [column, message],
        )
        self.con.execute(f"UPDATE staged.stage SET ok = false WHERE batch = {number}")

    def user_ids(self, batches: list[Batch]) -> None:
        """All ids in the users files, good rows or not: an inviter in quarantine is still a user."""
        self.con.execute("CREATE OR REPLACE TEMP TABLE user_ids (user_id VARCHAR)")
        users = replace(TABLES["users"], columns=TABLES["users"].columns[:1])  # to plan the others takes longer
        for batch in batches:
            rows, missing = select(users, batch, self.manifest.model_copy(update=batch.units))
            if "user_id" not in missing:
                with _reading(batch.file):
                    self.con.execute(f"INSERT INTO user_ids SELECT user_id FROM {rows} WHERE user_id IS NOT NULL")

    def load(self, table: Table, batch: Batch, file: _File, number: int) -> None:
        """Type and check the rows of one file into `stage`, and explain the bad ones in `quarantine`."""
        con, manifest = self.con, file.manifest.model_copy(update=batch.units)
        con.execute(f"SET TimeZone = {quote(manifest.timezone)}")  # of times written without a zone
        extracted = f"{quote(manifest.extracted_at.isoformat())}::TIMESTAMPTZ"
        con.execute(f"SET VARIABLE extracted_at = {extracted}")
        head, tail = f"{quote(table.name)}, {quote(batch.file)}", f"{quote(file.batch_id)}, {extracted}, 'waiting', "
        whose = '"user_id"' if "user_id" in table.names else "NULL"
        if batch.ragged:
            import pyarrow as pa

            rule = "broken_json" if batch.file.lower().endswith(LINES) else "ragged_row"
            broken = [(row, line, _whose(line, table, batch, manifest)) for row, line in batch.ragged]
            con.register("ragged", pa.table(dict(zip(("row", "line", "who"), zip(*broken, strict=True), strict=True))))
            con.execute(
                f"""INSERT INTO quarantine SELECT {head}, row, '{rule}', NULL, NULL, ?, json_object('line', line),
                {tail} who, 0 FROM ragged""",
                [MESSAGES[rule]],
            )
            con.unregister("ragged")
        rows, missing = select(table, batch, manifest)
        if missing and batch.columns:
            for i, column in enumerate(missing):
                message = MESSAGES["missing_column"].format(file=batch.file, column=column, table=table.name)
                con.execute(
                    f"""INSERT INTO quarantine SELECT {head}, source_row, 'missing_column', ?, NULL, ?,
                    raw_json, {tail} {whose}, {i} FROM (SELECT source_row, {whose} FROM {rows})
                    JOIN (SELECT {batch.row} AS source_row, {batch.raw_json} AS raw_json FROM {batch.relation}) AS came
                    USING (source_row)""",
                    [column, message],
                )
            return
        found = checks(table, manifest, batch.file)
        bad = " OR ".join(f"({when})" for _, _, when, _ in found)
        moments = ", ".join(later.moments(table, batch, extracted).values())
        cols = ", ".join(f'"{n}"' for n in table.names)
        con.execute(
            f"""INSERT INTO staged.stage
            SELECT {number}, source_row, NOT coalesce({bad}, false), {moments}, {cols} FROM {rows}"""
        )
        ours = f"SELECT source_row FROM staged.stage WHERE NOT ok AND batch = {number}"
        if not self.one(f"SELECT EXISTS ({ours})"):
            return
        errors = ", ".join(
            f"""CASE WHEN {when} THEN {{'rule': {quote(rule)}, 'column': {quote(column)}, 'position': {i},
            'value': CAST("r_{column}" AS VARCHAR), 'message': {quote(message)}}} END"""
            for i, (rule, column, when, message) in enumerate(found)
        )
        con.execute(
            f"""INSERT INTO quarantine
            SELECT {head}, source_row, e.rule, e.column, e.value,
                   replace(e.message, '{{value}}', coalesce(left(e.value, 80), '')), raw_json, {tail} whose,
                   e.position
            FROM (SELECT source_row, {whose} AS whose, unnest(list_filter([{errors}], lambda e: e IS NOT NULL)) AS e
                  FROM {rows} WHERE source_row IN ({ours})) AS explained
            JOIN (SELECT {batch.row} AS source_row, {batch.raw_json} AS raw_json FROM {batch.relation}
                  WHERE {batch.row} IN ({ours})) AS came USING (source_row)"""
        )

    def rank(self, table: Table, parts: dict[str, dict], aside: list[str]) -> bool:
        """Put the rows of keys that came more than once in order, into `ranked`.

        False: staged rows contradict rows of the store, and which is the later only the files can tell.
        """
        con = self.con
        cols = ", ".join(f'"{n}"' for n in table.names)
        key, arrived = _key(table), f'"{table.newest}"' if table.newest else "NULL"
        moments = list(later.columns(table))
        told = ", ".join([f"coalesce(_last, {arrived})", *("NULL" for _ in moments[1:])])  # of a row of the store
        loaded, aside_rows = self.stored(cols, [p["file"] for p in parts.values()]), self.stored(cols, aside)
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE twice AS
            SELECT {key} AS h FROM staged.stage s WHERE ok GROUP BY h HAVING count(*) > 1"""
        )
        if parts:
            con.execute(
                f"""INSERT INTO twice SELECT DISTINCT {key} FROM {loaded} s
                WHERE {key} IN (SELECT {key} FROM staged.stage s WHERE ok)"""
            )
        if not self.one("SELECT EXISTS (FROM twice)"):
            con.execute(f"CREATE OR REPLACE TEMP TABLE ranked ({later.unranked(table)})")
            return True
        pool = f"""SELECT batch, source_row, {", ".join(moments)}, {cols} FROM staged.stage s
                WHERE ok AND {key} IN (FROM twice)
            UNION ALL SELECT {LOADED}, NULL, {told}, {cols} FROM {loaded} s WHERE {key} IN (FROM twice)
            UNION ALL SELECT {ASIDE}, NULL, {told}, {cols} FROM {aside_rows} s WHERE {key} IN (FROM twice)"""
        con.execute(f"CREATE OR REPLACE TEMP TABLE ranked AS {later.ranking(table, pool)}")
        return not self.one(later.contested(table))

    def merge(self, table: Table, parts: dict[str, dict], aside: list[str]) -> None:
        """Write the parts of the table that are touched.

        A row of the store is `loaded`, or set `aside` as a version that was superseded. Among the rows of one key and
        one content the first to arrive is kept; among the contents of one key the latest is shown.
        """
        con = self.con
        con.execute(f"SET TimeZone = {quote(self.manifest.timezone)}")  # of the days
        cols = ", ".join(f'"{n}"' for n in table.names)
        shown = ", ".join(f'"shown_{n}" AS "{n}"' if n in table.guarded else f'"{n}"' for n in table.names)
        key = _key(table)
        day = f'CAST(s."{table.day}" AS DATE)' if table.day else "'all'"
        # `_last`, when the content last arrived, is kept where the row's own column does not say it.
        arrived = f'"{table.newest}"' if table.newest else "NULL"
        aside_rows = self.stored(cols, aside)
        once = f"FROM staged.stage s WHERE ok AND {key} NOT IN (FROM twice)"
        days = con.execute(
            f"""SELECT day, sum(n) FROM (SELECT {day} AS day, count(*) AS n {once} GROUP BY day
            UNION ALL SELECT {day} AS day, count(*) AS n FROM ranked s WHERE copy = 1 AND place = 1
            OR batch = {LOADED} GROUP BY day) GROUP BY day ORDER BY day"""
        ).fetchall()
        days = {str(d): int(n) + parts.get(str(d), {"rows": 0})["rows"] for d, n in days}
        rest = self.stored(cols, [parts[d]["file"] for d in days if d in parts])
        rows = f"""SELECT {cols}, nullif(version, {arrived}) AS _last, {day} AS day {once}
            UNION ALL SELECT {shown}, nullif(newest, {arrived}), {day} FROM ranked s WHERE copy = 1 AND place = 1
            UNION ALL SELECT {cols}, _last, {day} FROM {rest} s WHERE {key} NOT IN (FROM twice)"""
        made = self.write(table, rows, days)
        kept = {d: p for d, p in parts.items() if d not in days and p["rows"]}
        self.after["parts"][table.name] = kept | made
        self.after["touched"][table.name] = list(days)
        if not (kept or made):
            self.nothing(table)
        rows = f"""SELECT {cols}, nullif(newest, {arrived}) AS _last FROM ranked WHERE copy = 1 AND place > 1
            UNION ALL SELECT {cols}, _last FROM {aside_rows} s WHERE {key} NOT IN (FROM twice)"""
        if self.one(f"SELECT count(*) FROM ({rows})"):
            self.after["superseded"][table.name] = self.save(f"{rows} ORDER BY ALL", f"superseded/{table.name}")

    def nothing(self, table: Table) -> None:
        """Write the file of a table without rows: its columns are known all the same."""
        cols = ", ".join(f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"' for c in table.columns)
        name = self.save(f"SELECT {cols}, NULL::TIMESTAMPTZ AS _last LIMIT 0", f"{table.name}/none")
        self.after["parts"][table.name] = {"none": {"file": name, "rows": 0}}

    def stored(self, cols: str, names: list[str]) -> str:
        """SQL of the rows in files of the store."""
        if not names:
            return f"(SELECT {cols}, NULL::TIMESTAMPTZ AS _last FROM staged.stage WHERE false)"
        return f"read_parquet([{', '.join(quote(str(self.store.folder / n)) for n in names)}])"

    def write(self, table: Table, rows: str, days: dict[str, int]) -> dict[str, dict]:
        """Write rows (with their `day`) as one file of the store for each day; return the files by day.

        `days` has the number of rows of each day, at most. A few days at a time are sorted, as many as fit into memory
        with ease, and written one by one: DuckDB's own partitioned writing does not keep the order of the rows.
        """
        order = ", ".join(f'"{n}"' for n in (table.order or table.key))
        found = {}
        for some in _groups(days, SORTED_AT_ONCE):
            between = f"day BETWEEN {quote(some[0])} AND {quote(some[-1])} AND day IN ({', '.join(map(quote, some))})"
            self.con.execute(
                f"CREATE OR REPLACE TEMP TABLE sorted AS FROM ({rows}) WHERE {between} ORDER BY day, {order}"
            )
            for day in some:
                ours = f"SELECT * EXCLUDE (day) FROM sorted WHERE day = {quote(day)}"
                name = self.save(ours, f"{table.name}/{day}")
                found[day] = {"file": name, "rows": self.rows(name)}
        return {day: part for day, part in found.items() if part["rows"]}  # the last row of a day may have moved

    def rows(self, name: str) -> int:
        import pyarrow.parquet as pq

        return pq.read_metadata(self.store.folder / name).num_rows

    def save(self, sql: str, name: str) -> str:
        """Write the result of a query as a file of the store; return its name there."""
        made = self.store.scratch / "made.parquet"
        self.con.execute(f"COPY ({sql}) TO {quote(str(made))} (FORMAT parquet, COMPRESSION zstd)")
        return self.store.keep(made, name)

    def count(self, table: Table, mine: list[tuple[_File, Batch]], verdicts: dict[int, money.Verdict]) -> None:
        """Write down the fate of every row of every file, and hold the conservation law."""
        con, name = self.con, table.name
        key = _key(table)
        row = ", ".join(f'{quote(n)}: "{n}"' for n in table.names)
        fates: dict[tuple[int, str], int] = {}
        for batch, fate, n in con.execute(
            f"""SELECT batch, 'loaded', count(*) FROM staged.stage s
            WHERE ok AND {key} NOT IN (FROM twice) GROUP BY batch
            UNION ALL SELECT batch, {_FATE}, count(*) FROM ranked WHERE batch >= 0 GROUP BY ALL"""
        ).fetchall():
            fates[batch, fate] = fates.get((batch, fate), 0) + n
        for number, (file, batch) in enumerate(mine):
            label = f"{name}/{file.batch_id}"
            if fates.get((number, "duplicate")):
                rows = f"""SELECT {quote(name)} AS "table", {quote(file.name)} AS source_file, source_row,
                    CAST(to_json({{{row}}}) AS VARCHAR) AS row_json
                    FROM ranked WHERE batch = {number} AND {_FATE} = 'duplicate'"""
                if earlier := self.after["duplicate"].get(label):  # of rows that did not have to wait
                    rows += f" UNION ALL FROM read_parquet({quote(str(self.store.folder / earlier))})"
                self.after["duplicate"][label] = self.save(
                    f"SELECT * FROM ({rows}) ORDER BY source_row", f"duplicate/{name}-{file.batch_id[:16]}"
                )
            ours = f"""FROM quarantine WHERE "table" = {quote(name)} AND batch_id = {quote(file.batch_id)}"""
            bad = self.one(f"SELECT count(DISTINCT source_row) {ours}")
            if bad:
                self.after["quarantine"][label] = self.save(
                    f"SELECT * EXCLUDE (position) {ours} ORDER BY source_row, position",
                    f"quarantine/{name}-{file.batch_id[:16]}",
                )
            counts = {fate: fates.get((number, fate), 0) for fate in FATES} | {"quarantined": bad}
            if batch.rows != sum(counts.values()):
                raise RuntimeError(f"rows of {file.name} were lost or invented while ingesting {name}: {counts}")
            self.after["batches"].append(
                {"table": name, "file": file.name, "batch_id": file.batch_id, "unit": file.unit}
                | {"declared": file.declared, "rows": batch.rows, "notes": batch.notes}
                | {"money": asdict(verdicts.get(number, money.Verdict()))}
                | counts
            )
        rules = self.after["decided"][name]
        if table.newest:
            aside = self.after["superseded"].get(name)
            keys = f"SELECT count(DISTINCT {key}) FROM {self.stored('', [aside])} s" if aside else "SELECT 0"
            rules["received"] = self.one(keys)
        else:
            found = f"SELECT rule, count(*) FROM ({later.decided(table, [f.name for f, _ in mine])}) GROUP BY rule"
            for rule, n in con.execute(found).fetchall():
                rules[rule] = rules.get(rule, 0) + n
        mine_now = [b for b in self.after["batches"] if b["table"] == name]
        held = sum(p["rows"] for p in self.after["parts"][name].values())
        aside = self.after["superseded"].get(name)
        if held != sum(b["loaded"] for b in mine_now) or (self.rows(aside) if aside else 0) != sum(
            b["superseded"] for b in mine_now
        ):
            raise RuntimeError(f"{name} holds {held} rows, which the fates of its batches do not explain: {mine_now}")

    def finish(self) -> None:
        """Add the notes and commit."""
        after, con = self.after, self.con
        said = [b["money"] for b in after["batches"]]
        notes = [m["refused"] for m in said if m["refused"]] + [d for m in said for d in m["doubts"]]
        notes = [*sorted(notes), *self.notes, *dict.fromkeys(n for b in after["batches"] for n in b["notes"])]
        names = ", ".join(map(quote, EVENTS))
        events = ", ".join(quote(str(self.store.folder / p["file"])) for p in after["parts"]["events"].values())
        unknown = con.execute(
            f"""SELECT event, count(*) FROM read_parquet([{events}]) WHERE event NOT IN ({names})
            GROUP BY event ORDER BY count(*) DESC, event"""
        ).fetchall()
        if unknown:
            some = ", ".join(f"{e} ({n:,})" for e, n in unknown[:5]) + (", …" if len(unknown) > 5 else "")
            notes.append(f"{sum(n for _, n in unknown):,} events have names outside the vocabulary: {some}.")
        notes += later.notes(after["decided"]) + self.broken_rules()
        after |= {"source": str(self.source), "manifest": self.manifest.model_dump(mode="json"), "notes": notes}
        self.store.commit(after)

    def broken_rules(self) -> list[str]:
        """Notes about files without a column, and about rules that most rows of a table break."""
        files = ", ".join(quote(str(self.store.folder / n)) for n in self.after["quarantine"].values())
        if not files:
            return []
        waiting = f"read_parquet([{files}]) WHERE status = 'waiting'"
        notes = [
            f"{message} Its {n:,} rows are in quarantine."
            for message, n in self.con.execute(
                f"SELECT message, count(*) FROM {waiting} AND rule = 'missing_column' GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        ]
        total: dict[str, int] = {}
        for b in self.after["batches"]:
            total[b["table"]] = total.get(b["table"], 0) + b["rows"]
        for table, rule, column, n in self.con.execute(
            f"""SELECT "table", rule, "column", count(*) FROM {waiting} AND rule <> 'missing_column'
            GROUP BY ALL ORDER BY ALL"""
        ).fetchall():
            if n > total[table] / 2:
                what = f"{rule} ({column})" if column else rule
                notes.append(
                    f"{n:,} of {total[table]:,} rows of {table} break the rule {what}: the manifest or the export "
                    "is probably wrong as a whole. Read a message in ds.quarantine, correct it and open it again."
                )
        return notes


@contextmanager
def _run(source: Path, store: Path) -> Iterator[_Run]:
    with stoppable(), writable(store.parent):
        store.parent.mkdir(parents=True, exist_ok=True)
        with only_one(store):
            run = _Run(source, Store(store))
            try:
                yield run
            finally:
                run.close()


def ingest(source: Path, store: Path) -> Path:
    """Bring the store of the export folder `source` up to date, and return it; nothing new is a no-op.

    The store holds Parquet files (a table in one file, events one for each local day), what waits in quarantine (a row
    for each error), superseded versions and duplicates, and the ledger that counts them: `store.Store`. It changes
    from one state to the next at once: a run that is killed leaves the state before it.

    Raises:
        ExportError: the folder, a manifest or a file cannot be read, or the store not written; says the remedy.
    """
    with _run(source, store) as run:
        run.follow()
    return store


def replay(source: Path, store: Path, rule: str | None = None) -> int:
    """Run the rows that wait in quarantine under `rule` (None: under any) again, after a declaration was mended.

    Only those rows are read again; but when the declaration that changed also holds for rows that were loaded, their
    table is read anew, so that no row keeps an old unit. Errors of rows that pass become `fixed`; the others wait on.
    Mending values in a file is another thing: the file is then a new one, and opening the export reads it.

    Returns:
        The number of rows that were let in.

    Raises:
        ExportError: as `ingest`; or the files have changed since they were read.
    """
    with _run(source, store) as run:
        return run.replay(rule)
