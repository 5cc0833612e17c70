"""A run over a store: which rows are read, and what is kept of the state before."""

from dataclasses import replace

import duckdb

from knowpay.collect import ExportError
from knowpay.collect.duck import quiet, quote
from knowpay.collect.ingest import fates, later, load, merge, money
from knowpay.collect.ingest.load import Connection, Rows, Sources, reading
from knowpay.collect.ingest.plan import Plan
from knowpay.collect.ingest.typed import CURRENCY_LIST
from knowpay.collect.schema import LISTED, TABLES, Table
from knowpay.collect.store import FileRecord, Ledger, Store, TableRecord

TINY = 1_000_000  # bytes of an export that is staged in memory, by one thread, sooner than in a file by several
SMALL = 500_000_000  # bytes of an export that needs half the memory: 4 % slower, 0.5 GB less


def follow(plan: Plan, store: Store) -> None:
    """Bring the store up to its folder."""
    before = store.ledger
    now, was = {f.unit: (f.declared, f.name) for f in plan.files}, [record for _, record in before.files()]
    follows = bool(was) and all(now.get(r.unit) == (r.declared, r.file) for r in was)
    known = {r.unit for r in was} if follows else set()
    new = [f for f in plan.files if f.unit not in known]
    if follows and not new and before.manifest == plan.manifest.model_dump(mode="json"):
        return
    with _connect(plan, store) as con:
        run = Run(con, plan, store)
        fresh = {name for name, table in TABLES.items() if any(run.sources.feeds(f, table) for f in new)}
        for table in TABLES.values():
            redo = not follows or bool(fresh & set(table.reads))
            if redo or not run.add(table, run.sources.rows(table, new), run.before[table.name]):
                run.read(table, remember=not redo)
        run.commit()


def replay(plan: Plan, store: Store, rule: str | None) -> int:
    """Run the rows that wait under a rule (None: all) again, as the files are declared now; return how many got in."""
    files = {f.unit: f for f in plan.files}
    declared = {record.unit: record.declared for _, record in store.ledger.files()}
    if declared.keys() != files.keys():
        raise ExportError(f"The files of {plan.source} have changed since they were read. Open the export first.")
    with _connect(plan, store) as con:
        run = Run(con, plan, store)
        let_in, grown = 0, set()
        mended = [f for f in plan.files if f.declared != declared[f.unit]]
        for table in TABLES.values():
            was = store.ledger.tables[table.name].files
            # A declaration that changed under rows already loaded changes those as well: then the table is read anew.
            anew = any(r.rows > r.quarantined and r.declared != files[r.unit].declared for r in was)
            # A file refused as a whole comes back as a whole: some of its rows alone cannot be judged.
            anew = anew or any(r.money.refused for r in was if r.quarantined)
            # A file may feed another table than before.
            fed = {r.unit for r in was}
            anew = anew or any(run.sources.feeds(f, table) != (f.unit in fed) for f in mended)
            if anew or grown & set(table.reads) or not run.again(table, rule):
                run.read(table, remember=True)
            now = run.tables[table.name].files
            for record in now:
                record.declared = files[record.unit].declared
            fewer = sum(r.quarantined for r in was) - sum(r.quarantined for r in now)
            let_in += fewer
            grown |= {table.name} if fewer else set()
        run.commit()
    return let_in


class Run:
    """What a run reads from, and the tables as they will be; the store changes at `commit`."""

    def __init__(self, con: Connection, plan: Plan, store: Store) -> None:
        self.con, self.plan, self.store = con, plan, store
        self.before = {name: store.ledger.tables.get(name, TableRecord()) for name in TABLES}
        self.sources = Sources(con, plan.files, store.scratch)
        self.tables: dict[str, TableRecord] = {}

    def add(self, table: Table, mine: list[Rows], before: TableRecord, judged: bool = True) -> bool:
        """Make the table of what it was `before` and the rows of some files, in the order of their names.

        The unit of money of the files is `judged` when their rows are all there.
        False: one of them contradicts a row of the store, so the whole table must be read; nothing was done.
        """
        con, store = self.con, self.store
        before = replace(before, touched=[], files=[replace(record) for record in before.files])
        if not mine:
            parts = before.parts or merge.nothing(con, store, table)  # most exports have five of the eleven tables
            self.tables[table.name] = replace(before, parts=parts)
            return True
        load.make_stage(con, table)
        load.look_up(con, store, table, self.tables, self.sources)
        for rows in mine:
            with reading(rows.file.name):
                load.load(con, table, rows)
        verdicts = {}
        if table.name in LISTED and judged:
            verdicts = money.judge(con, table, [(r.file.name, r.manifest.money_unit) for r in mine])
            for rows in mine:
                if message := verdicts[rows.number].refused:
                    with reading(rows.file.name):
                        load.refuse(con, table, rows, money.price(table), message)
        again = merge.rank(con, store, table, before)
        if again and con.execute(later.contested(table)).fetchall()[0][0]:
            con.execute('DELETE FROM quarantine WHERE "table" = ?', [table.name])
            return False
        con.execute(f"SET TimeZone = {quote(self.plan.manifest.timezone)}")  # of the days
        merge.name_rows(con, table, again)
        record = merge.merge(con, store, table, before, again)
        record.files += fates.count(con, store, table, mine, verdicts, before)
        if again:
            fates.decide(con, store, table, record, [rows.file.name for rows in mine])
        fates.conserve(table, record)
        self.tables[table.name] = record
        for rows in mine:
            self.sources.forget(rows.file)
        return True

    def read(self, table: Table, remember: bool) -> None:
        """Read all files of the table; `remember` what is known of their errors: those that are gone are fixed."""
        self.add(table, self.sources.rows(table, self.plan.files), TableRecord())
        if remember:
            now = {record.unit: record for record in self.tables[table.name].files}
            for was in self.before[table.name].files:
                if was.errors and was.unit in now:
                    fates.settle(self.con, self.store, table, was, now[was.unit], "SELECT source_row FROM before")

    def again(self, table: Table, rule: str | None) -> bool:
        """Read rows that wait once more, and join their fates to those of the other rows of their files.

        False: one of them contradicts a row of the store, so the whole table must be read; nothing was done.
        """
        held = {r.unit: r for r in self.before[table.name].files if r.quarantined}
        waiting = {unit: self._waiting(record, rule) for unit, record in held.items()}
        mine = []
        for rows in self.sources.rows(table, [f for f in self.plan.files if waiting.get(f.unit, ("", 0))[1]]):
            batch, (sql, n) = rows.batch, waiting[rows.file.unit]
            chosen = f"(SELECT * FROM {batch.relation} WHERE {batch.row} IN ({sql})) AS again"
            mine.append(replace(rows, batch=replace(batch, relation=chosen, rows=n, ragged=[])))
        if not self.add(table, mine, self.before[table.name], judged=False):
            return False
        records = self.tables[table.name].files
        parts = [records.pop() for _ in mine]
        for part in parts:
            whole = next(record for record in records if record.unit == part.unit)
            whole.loaded += part.loaded
            whole.duplicate += part.duplicate
            whole.superseded += part.superseded
            whole.quarantined += part.quarantined - part.rows
            whole.duplicates = part.duplicates or whole.duplicates
            fates.settle(self.con, self.store, table, held[part.unit], whole, waiting[part.unit][0])
        return True

    def _waiting(self, record: FileRecord, rule: str | None) -> tuple[str, int]:
        """SQL of the row numbers of a file that wait under a rule and have columns at all, and how many they are."""
        ours = "true" if rule is None else f"bool_or(rule = {quote(rule)})"
        rows = f"""SELECT source_row FROM {self.store.rows(record.errors)} WHERE status = 'waiting' GROUP BY source_row
            HAVING {ours} AND NOT bool_or(rule IN ('ragged_row', 'broken_json'))"""
        return rows, self.con.execute(f"SELECT count(*) FROM ({rows})").fetchall()[0][0]

    def commit(self) -> None:
        """Add the notes, and make the tables the state of the store."""
        notes = fates.notes(self.con, self.store, self.tables, self.plan.notes)
        manifest = self.plan.manifest.model_dump(mode="json")
        self.store.commit(Ledger(str(self.plan.source), manifest, notes, self.tables))


def _connect(plan: Plan, store: Store) -> Connection:
    """DuckDB with an empty quarantine, for a run that begins."""
    store.begin()
    size = sum(file.path.stat().st_size for file in plan.files)
    # Rows are staged in a file, which is compressed and takes any number of them; a few are sooner kept in memory.
    con = duckdb.connect(":memory:" if size < TINY else store.scratch / "staged.duckdb")
    quiet(con)
    if size < TINY:
        con.execute("SET threads = 1")
    con.execute(f"SET memory_limit = '{1 if size < SMALL else 2}GB'")  # beyond it DuckDB works from temp_directory
    # The Parquet writer packs a column otherwise when statistics say it holds no NULL, and those statistics
    # also see the rows that were refused: without them the bytes depend on the rows written alone.
    # in_clause makes a join of each list of words in the rules: planning takes twice as long.
    con.execute("SET disabled_optimizers = 'statistics_propagation, in_clause'")
    con.execute(f"SET temp_directory = {quote(store.scratch / 'tmp')}")
    con.execute(f"SET TimeZone = {quote(plan.manifest.timezone)}")
    con.execute(f"SET VARIABLE currencies = {CURRENCY_LIST}")
    load.make_quarantine(con)
    return con
