"""Fates: what became of every row of every file is counted and written down; and the notes of the report."""

from collections import Counter

from knowpay.collect.duck import columns, quote
from knowpay.collect.ingest import later
from knowpay.collect.ingest.load import Connection, Rows
from knowpay.collect.schema import EVENTS, FATES, Table
from knowpay.collect.store import FileRecord, Part, Store, TableRecord, Verdict


def count(
    con: Connection, store: Store, table: Table, mine: list[Rows], verdicts: dict[int, Verdict], before: TableRecord
) -> list[FileRecord]:
    """Write down what became of the rows of some files; `before` is what is known of the table's other rows.

    Raises:
        RuntimeError: the fates of a file are not as many as its rows.
    """
    fates = con.execute("SELECT batch, fate, count(*) FROM fates GROUP BY ALL").fetchall()
    counts = Counter({(number, fate): n for number, fate, n in fates})
    bad = f'SELECT batch_id, count(DISTINCT source_row) FROM quarantine WHERE "table" = {quote(table.name)} GROUP BY 1'
    waiting = Counter(dict(con.execute(bad).fetchall()))
    earlier = {record.unit: record.duplicates for record in before.files}
    records = []
    for rows in mine:
        file, batch = rows.file, rows.batch
        fate = {name: counts[rows.number, name] for name in FATES} | {"quarantined": waiting[file.batch_id]}
        if batch.rows != sum(fate.values()):
            raise RuntimeError(f"rows of {file.name} were lost or invented while ingesting {table.name}: {fate}")
        money = verdicts.get(rows.number, Verdict())
        record = FileRecord(file.name, file.batch_id, file.unit, file.declared, batch.rows, batch.notes, money, **fate)
        if record.duplicate:
            record.duplicates = _save_duplicates(con, store, table, rows, earlier.get(file.unit))
        if record.quarantined:
            ours = f"SELECT * EXCLUDE (position) FROM quarantine WHERE {_ours(table, record)}"
            record.errors = store.save(con, f"{ours} ORDER BY source_row, position", _errors_of(table, record))
        records.append(record)
    return records


def decide(con: Connection, store: Store, table: Table, record: TableRecord, files: list[str]) -> None:
    """Count the keys that came with different contents, by what decided; `files` are the names of those that came."""
    if table.newest:
        aside = store.rows(record.superseded) if record.superseded else "aside"  # which has no row then
        ((keys,),) = con.execute(f"SELECT count(*) FROM (SELECT DISTINCT {columns(table.key)} FROM {aside})").fetchall()
        record.decided["received"] = keys
    else:
        decided = f"SELECT rule, count(*) FROM ({later.decided(table, files)}) GROUP BY rule"
        for rule, keys in con.execute(decided).fetchall():
            record.decided[rule] = record.decided.get(rule, 0) + keys


def conserve(table: Table, record: TableRecord) -> None:
    """Raise RuntimeError when a table holds other rows than the fates of its files say."""
    held, aside = sum(part.rows for part in record.parts.values()), record.superseded.rows if record.superseded else 0
    if held != sum(f.loaded for f in record.files) or aside != sum(f.superseded for f in record.files):
        raise RuntimeError(f"{table.name} holds {held} rows, which the fates of its files do not explain: {record}")


def settle(con: Connection, store: Store, table: Table, was: FileRecord, now: FileRecord, rows: str) -> None:
    """Write the quarantine of a file whose `rows` (SQL) were read again: those that do not wait now are fixed."""
    sql = f"""WITH before AS (FROM {store.rows(was.errors)}),
            now AS (SELECT * EXCLUDE (position) FROM quarantine WHERE {_ours(table, was)})
        SELECT * REPLACE (CASE WHEN source_row IN ({rows}) THEN 'fixed' ELSE status END AS status) FROM before
        WHERE status = 'fixed' OR source_row NOT IN (SELECT source_row FROM now)
        UNION ALL FROM now ORDER BY ALL"""
    now.errors = store.save(con, sql, _errors_of(table, was))


def notes(con: Connection, store: Store, tables: dict[str, TableRecord], said: list[str]) -> list[str]:
    """The notes of the report: of the money first; `said` are those about files that were not read."""
    files = [file for record in tables.values() for file in record.files]
    money = [f.money.refused for f in files if f.money.refused] + [doubt for f in files for doubt in f.money.doubts]
    lines = [*sorted(money), *said, *dict.fromkeys(note for f in files for note in f.notes)]
    known = ", ".join(map(quote, EVENTS))
    unknown = con.execute(
        f"""SELECT event, count(*) FROM {store.rows(*tables["events"].parts.values())} WHERE event NOT IN ({known})
        GROUP BY event ORDER BY count(*) DESC, event"""
    ).fetchall()
    if unknown:
        some = ", ".join(f"{e} ({n:,})" for e, n in unknown[:5]) + (", …" if len(unknown) > 5 else "")
        lines.append(f"{sum(n for _, n in unknown):,} events have names outside the vocabulary: {some}.")
    return lines + later.notes({name: record.decided for name, record in tables.items()}) + _broken(con, store, tables)


def _broken(con: Connection, store: Store, tables: dict[str, TableRecord]) -> list[str]:
    """Notes about files without a column, and about rules that most rows of a table break."""
    errors = [file.errors for record in tables.values() for file in record.files if file.errors]
    if not errors:
        return []
    waiting = f"{store.rows(*errors)} WHERE status = 'waiting'"
    absent = f"SELECT message, count(*) FROM {waiting} AND rule = 'missing_column' GROUP BY ALL ORDER BY ALL"
    lines = [f"{message} Its {n:,} rows are in quarantine." for message, n in con.execute(absent).fetchall()]
    broken = f"""SELECT "table", rule, "column", count(*) FROM {waiting} AND rule <> 'missing_column'
        GROUP BY ALL ORDER BY ALL"""
    for name, rule, column, n in con.execute(broken).fetchall():
        total = sum(file.rows for file in tables[name].files)
        if n > total / 2:
            what = f"{rule} ({column})" if column else rule
            lines.append(
                f"{n:,} of {total:,} rows of {name} break the rule {what}: the manifest or the export "
                "is probably wrong as a whole. Read a message in ds.quarantine, correct it and open it again."
            )
    return lines


def _save_duplicates(con: Connection, store: Store, table: Table, rows: Rows, earlier: Part | None) -> Part:
    """Write the rows of a file that brought nothing new, with those of it that did not have to wait."""
    row = ", ".join(f'{quote(n)}: "{n}"' for n in table.names)
    mine = f"FROM fates WHERE fate = 'duplicate' AND batch = {rows.number}"
    sql = f"""SELECT {quote(table.name)} AS "table", {quote(rows.file.name)} AS source_file, source_row,
        CAST(to_json({{{row}}}) AS VARCHAR) AS row_json FROM ranked SEMI JOIN ({mine}) USING (batch, source_row)"""
    if earlier:
        sql += f" UNION ALL FROM {store.rows(earlier)}"
    name = f"duplicate/{table.name}-{rows.file.batch_id[:16]}"
    return store.save(con, f"SELECT * FROM ({sql}) ORDER BY source_row", name)


def _ours(table: Table, record: FileRecord) -> str:
    """SQL of which rows of the quarantine are those of a file."""
    return f'"table" = {quote(table.name)} AND batch_id = {quote(record.batch_id)}'


def _errors_of(table: Table, record: FileRecord) -> str:
    """The name of the file of its errors."""
    return f"quarantine/{table.name}-{record.batch_id[:16]}"
