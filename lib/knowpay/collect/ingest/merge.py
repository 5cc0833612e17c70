"""Merge: rows with one key are told apart, and the parts of the store that they touch are written anew.

A row of the store is loaded, or was put aside as a version that was superseded. Among the rows of one key and one
content the first to arrive is kept; among the contents of one key the latest is shown. `later` has the words.
"""

from collections.abc import Iterator

from knowpay.collect.duck import columns, quote
from knowpay.collect.ingest import later
from knowpay.collect.ingest.load import Connection
from knowpay.collect.schema import SQL_TYPES, Table
from knowpay.collect.store import Part, Store, TableRecord

LOADED, ASIDE = -1, -2  # in place of the number of a file: a row of the store
SORTED_AT_ONCE = 2_000_000  # rows: some 500 MB


def rank(con: Connection, store: Store, table: Table, before: TableRecord) -> bool:
    """Whether keys came more than once: then their rows are put in order, into `ranked`."""
    key, cols = _key(table), columns(table.names)
    again = f"SELECT {key} AS h FROM stage s WHERE ok GROUP BY h HAVING count(*) > 1"
    if before.parts:
        loaded = store.rows(*before.parts.values())
        again += f" UNION ALL SELECT {key} FROM {loaded} s WHERE {key} IN (SELECT {key} FROM stage s WHERE ok)"
    ((keys,),) = con.execute(f"CREATE OR REPLACE TEMP TABLE twice AS {again}").fetchall()
    if not keys:
        return False
    moments = list(later.columns(table))
    # A row of the store says when it last arrived, and nothing else that is not in its columns.
    told = ", ".join([f"coalesce(_last, {_arrived(table)})", *("NULL" for _ in moments[1:])])
    pool = [f"SELECT batch, source_row, {', '.join(moments)}, {cols} FROM stage s WHERE ok AND {key} IN (FROM twice)"]
    for number, parts in ((LOADED, list(before.parts.values())), (ASIDE, [before.superseded])):
        if any(parts):
            rows = f"{store.rows(*parts)} s WHERE {key} IN (FROM twice)"
            pool.append(f"SELECT {number}, NULL, {told}, {cols} FROM {rows}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE ranked AS {later.ranking(table, ' UNION ALL '.join(pool))}")
    return True


def name_rows(con: Connection, table: Table, again: bool) -> None:
    """Say what becomes of the rows that came, in views: `fates`, `shown` with their `day`, and `aside`.

    `_last`, when the content last arrived, is kept where the row's own column does not say it. A key that came once is
    not in `ranked`, which is there when keys came `again`.
    """
    once = f"FROM stage s WHERE ok{f' AND {_key(table)} NOT IN (FROM twice)' if again else ''}"
    fates = f"SELECT batch, source_row, 'loaded' AS fate {once}"
    shown = f"SELECT {columns(table.names)}, nullif(version, {_arrived(table)}) AS _last, {_day(table)} AS day {once}"
    if again:
        fates += """ UNION ALL SELECT batch, source_row, CASE WHEN known OR copy > 1 THEN 'duplicate'
            WHEN known_key OR place > 1 THEN 'superseded' ELSE 'loaded' END FROM ranked WHERE batch >= 0"""
        guarded = ", ".join(f'"shown_{n}" AS "{n}"' if n in table.guarded else f'"{n}"' for n in table.names)
        last = f"nullif(newest, {_arrived(table)}) AS _last"
        shown += f" UNION ALL SELECT {guarded}, {last}, {_day(table)} FROM ranked s WHERE copy = 1 AND place = 1"
        aside = f"SELECT {columns(table.names)}, {last} FROM ranked WHERE copy = 1 AND place > 1"
        con.execute(f"CREATE OR REPLACE TEMP VIEW aside AS {aside}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW fates AS {fates}")
    con.execute(f"CREATE OR REPLACE TEMP VIEW shown AS {shown}")


def merge(con: Connection, store: Store, table: Table, before: TableRecord, again: bool) -> TableRecord:
    """Write the parts of the table that are touched; return the table, without the files that came now."""
    cols, others = f"{columns(table.names)}, _last", f"WHERE {_key(table)} NOT IN (FROM twice)"
    touched = "SELECT day FROM shown"
    if again:  # the day of a row that may move to another one
        touched += f" UNION ALL SELECT {_day(table)} FROM ranked s WHERE batch = {LOADED}"
    days = con.execute(f"SELECT day, count(*) FROM ({touched}) GROUP BY day ORDER BY day").fetchall()
    rows = f"SELECT {cols}, day FROM shown"
    if rest := [before.parts[str(day)] for day, _ in days if str(day) in before.parts]:
        rows += f" UNION ALL SELECT {cols}, {_day(table)} FROM {store.rows(*rest)} s {others}"
    most = {str(day): n + before.parts.get(str(day), Part("", 0)).rows for day, n in days}
    made = _write(con, store, table, rows, most)
    parts = {day: part for day, part in before.parts.items() if day not in most and part.rows} | made
    parts = dict(sorted(parts.items())) or nothing(con, store, table)
    superseded = before.superseded
    if again:
        aside = f"SELECT {cols} FROM aside"
        if superseded:
            aside += f" UNION ALL SELECT {cols} FROM {store.rows(superseded)} s {others}"
        some = con.execute(f"SELECT 1 FROM ({aside}) LIMIT 1").fetchall()
        superseded = store.save(con, f"{aside} ORDER BY ALL", f"superseded/{table.name}") if some else None
    return TableRecord(parts, superseded, list(most), dict(before.decided), before.files)


def nothing(con: Connection, store: Store, table: Table) -> dict[str, Part]:
    """Write the file of a table without rows: its columns are known all the same."""
    cols = ", ".join(f'NULL::{SQL_TYPES[c.type]} AS "{c.name}"' for c in table.columns)
    return {"none": store.save_empty(con, f"SELECT {cols}, NULL::TIMESTAMPTZ AS _last LIMIT 0", f"{table.name}/none")}


def _write(con: Connection, store: Store, table: Table, rows: str, most: dict[str, int]) -> dict[str, Part]:
    """Write rows (with their `day`) as one file of the store for each day; return the files by day.

    `most` has the number of rows of each day, at most. A few days at a time are sorted, as many as fit into memory
    with ease, and written one by one: DuckDB's own partitioned writing does not keep the order of the rows.
    """
    parts = {}
    for days in grouped(most, SORTED_AT_ONCE):
        between = f"day BETWEEN {quote(days[0])} AND {quote(days[-1])} AND day IN ({', '.join(map(quote, days))})"
        order = columns(table.order or table.key)
        con.execute(f"CREATE OR REPLACE TEMP TABLE sorted AS FROM ({rows}) WHERE {between} ORDER BY day, {order}")
        for day in days:
            ours = f"SELECT * EXCLUDE (day) FROM sorted WHERE day = {quote(day)}"
            parts[day] = store.save(con, ours, f"{table.name}/{day}")
    return {day: part for day, part in parts.items() if part.rows}  # the last row of a day may have moved


def grouped(days: dict[str, int], most: int) -> Iterator[list[str]]:
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


def _arrived(table: Table) -> str:
    """SQL of the column that says when a row arrived."""
    return f'"{table.newest}"' if table.newest else "NULL"


def _day(table: Table) -> str:
    """SQL of the part of the store in which a row lies."""
    return f'CAST(s."{table.day}" AS DATE)' if table.day else "'all'"
