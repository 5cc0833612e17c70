"""Which of several rows with one key is the later one, and which refusals outlast it.

A row is later by its own time (`updated_at`, else `deleted_at`) where every version of its key has one; else by the
extraction (a column `extracted_at`, else the manifest above the file); else by the date in the name of its file, the
natural order of names, and the place in the file. Never by the clock of a disk or by who was read first. Events go by
`received_at` alone.

A name or a place is no knowledge of a person's will: among the rows that no time tells apart, the strictest value of
each of `Table.guarded` is shown. A row that says nothing there loosens nothing either.
"""

import re

from knowpay.collect.files import ENDINGS, LINES, Batch
from knowpay.collect.schema import TABLES, Table

STRICTER = ("granted", "unknown", "denied")
RULES = {
    "received": "by received_at",
    "time": "by their time (updated_at, deleted_at or the extraction)",
    "date": "by the date in the file's name",
    "name": "by the order of the files' names",
    "row": "by the place in the file",
}
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?:\d{4}|\d{6})?(?!\d)")
_ENDING = re.compile(f"({'|'.join(map(re.escape, sorted((*ENDINGS, *LINES), key=len, reverse=True)))})$")


def order_of(name: str) -> tuple[str, str, str]:
    """Sort key of a file's name within the export: its last date, then its parts with numbers as numbers.

    users < users-2 < users-10 < users-2025-03-01 < users_20250302.
    """
    stem = _ENDING.sub("", name.lower())
    days = ["".join(day.group(1, 3, 4)) for day in _DAY.finditer(stem)]
    natural = re.sub(r"\d+", lambda n: f"{len(n[0].lstrip('0')):04}{n[0].lstrip('0')}", stem)
    return days[-1] if days else "", natural, name


def moments(table: Table, batch: Batch, extracted: str) -> dict[str, str]:
    """SQL of what a staged row keeps beside its columns: `version`, `own`, and how strict each guarded column is.

    A guarded column is NULL where the row does not say it: a default is no statement.
    """
    if table.newest:
        return {"version": f'coalesce("{table.newest}", {extracted})', "own": "NULL"}
    at, own = f"coalesce(extracted_at, {extracted})", "updated_at"
    if "deleted_at" in table.names:
        own = "coalesce(updated_at, deleted_at)"
    kept = {"version": at, "own": f"CASE WHEN {own} <= {at} THEN {own} END"}  # a clock that runs ahead proves nothing
    # A document of traits tells what changed: without deleted_at it does not say that the user came back.
    whole = "deleted_at" in map(str.lower, batch.columns) and not batch.file.lower().endswith(LINES)
    for name in table.guarded:
        strict = {
            "str": " ".join(["CASE", *(f"WHEN \"{name}\" = '{w}' THEN {i}" for i, w in enumerate(STRICTER)), "END"]),
            "bool": f'CASE WHEN "r_{name}" IS NOT NULL THEN CAST("{name}" AS BIGINT) END',
            "ts": f'coalesce(8000000000000000000 - epoch_us("{name}"), {"0" if whole else "NULL"})',
        }
        kept[f"s_{name}"] = strict[table.column(name).type]
    return kept


def columns(table: Table) -> dict[str, str]:
    """Name and SQL type of the columns of `moments`."""
    return {"version": "TIMESTAMPTZ", "own": "TIMESTAMPTZ"} | {f"s_{name}": "BIGINT" for name in table.guarded}


def ranking(table: Table, pool: str) -> str:
    """SQL that puts the rows of keys that came more than once (SQL `pool`) in order: each with these words beside it.

    copy: from 1, among the rows of one key and one content, in the order of their arrival.
    newest: when the content last arrived.
    known, known_key: whether the store has the content, the key.
    pos: 1 = the latest row of its key; tied: rows that no time tells apart share one.
    place: of the content among those of its key, 1 = shown.
    shown_…: the value of a guarded column that is shown.
    """
    keys = ", ".join(f'"{k}"' for k in table.key)
    words = {n: f'"{n}"' for n in table.names if n not in (*table.key, *table.delivery)}
    if table.name == "events":  # a corrected time moves with every delivery: compare what the device said
        words["timestamp"] = (
            "CASE WHEN received_at IS NULL OR sent_at IS NULL OR original_timestamp IS NULL THEN timestamp END"
        )
    content = ", ".join(f"'{n}': {e}" for n, e in words.items())
    sent = "".join(f'"{n}" NULLS LAST, ' for n in table.delivery)
    time = "moment DESC NULLS LAST, version DESC NULLS LAST"
    tie = "content DESC" if table.newest else "batch DESC, source_row DESC NULLS LAST"
    shown = "".join(
        f""", first_value("{n}") OVER (same_key ORDER BY "s_{n}" IS NULL, tied, "s_{n}" DESC, pos) AS "shown_{n}" """
        for n in table.guarded
    )
    return f"""WITH pool AS (SELECT *, CAST(to_json({{{content}}}) AS VARCHAR) AS content FROM ({pool})),
        timed AS (SELECT *, CASE WHEN count(own) OVER same_key = count(*) OVER same_key THEN own END AS moment
            FROM pool WINDOW same_key AS (PARTITION BY {keys})),
        placed AS (SELECT *,
            dense_rank() OVER (same_key ORDER BY {time}) AS tied,
            row_number() OVER (same_key ORDER BY {time}, {tie}) AS pos
            FROM timed WINDOW same_key AS (PARTITION BY {keys})),
        told AS (SELECT *,
            row_number() OVER (same_content ORDER BY {sent} batch, source_row) AS copy,
            max(version) OVER same_content AS newest,
            min(batch) OVER same_content < 0 AS known,
            min(batch) OVER same_key < 0 AS known_key,
            min(pos) OVER same_content AS latest
            FROM placed WINDOW same_key AS (PARTITION BY {keys}), same_content AS (PARTITION BY {keys}, content))
        SELECT *, dense_rank() OVER (same_key ORDER BY latest) AS place{shown}
        FROM told WINDOW same_key AS (PARTITION BY {keys})"""


def contested(table: Table) -> str:
    """SQL of whether a row of `ranked` contradicts one of the store: then only the files can tell which is the later.

    The store keeps what rows say, not the names of their files.
    """
    if table.newest:
        return "SELECT false"
    keys = ", ".join(f'"{k}"' for k in table.key)
    return f"SELECT EXISTS (SELECT 1 FROM ranked GROUP BY {keys} HAVING max(place) > 1 AND min(batch) < 0)"


def decided(table: Table, files: list[str]) -> str:
    """SQL of (rule, keys): by what the shown row of `ranked` is later than the next one; `stricter` counts apart.

    `files` are the names of the batches, in order.
    """
    keys = ", ".join(f'"{k}"' for k in table.key)
    dates = ", ".join(f"'{order_of(name)[0]}'" for name in files)
    kept = " OR ".join(f'"shown_{n}" IS DISTINCT FROM "{n}"' for n in table.guarded) or "false"
    batch = [f"arg_min(batch, pos) FILTER (WHERE place = {i})" for i in (1, 2)]
    date = [f"list_extract([{dates}], 1 + {b})" for b in batch]
    return f"""SELECT CASE WHEN min(tied) FILTER (WHERE place = 1) < min(tied) FILTER (WHERE place = 2) THEN 'time'
            WHEN {batch[0]} = {batch[1]} THEN 'row' WHEN {date[0]} <> {date[1]} THEN 'date' ELSE 'name' END AS rule,
            {keys} FROM ranked GROUP BY {keys} HAVING max(place) > 1
        UNION ALL SELECT 'stricter', {keys} FROM ranked WHERE place = 1 AND copy = 1 AND ({kept})"""


def notes(keys: dict[str, dict[str, int]]) -> list[str]:
    """A sentence for each table in which rows of one key differ: how many keys, and which rule decided.

    `keys` has the number of keys by rule, by table.
    """
    lines = []
    for table, rules in keys.items():
        said = [f"{rules[rule]:,} {words}" for rule, words in RULES.items() if rules.get(rule)]
        if not said:
            continue
        total = sum(rules.get(rule, 0) for rule in RULES)
        hint = " A column updated_at would say it." if rules.keys() & {"date", "name", "row"} else ""
        lines.append(
            f"{table}: {total:,} keys came with different contents; the later row is shown: {', '.join(said)}.{hint}"
        )
        if rules.get("stricter"):
            lines.append(
                f"{table}: {rules['stricter']:,} of them keep a stricter value of {', '.join(TABLES[table].guarded)} "
                "than the later row has: the name of a file loosens no refusal. A later updated_at does."
            )
    return lines
