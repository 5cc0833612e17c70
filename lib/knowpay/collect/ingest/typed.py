"""From raw values to typed columns, and the checks of a row, in SQL."""

import re
from collections.abc import Iterator

from knowpay.collect.duck import quote
from knowpay.collect.files import Batch
from knowpay.collect.manifest import Manifest
from knowpay.collect.schema import BOOLEANS, CURRENCIES, SQL_TYPES, TYPE_WORDS, Column, Rule, Table
from knowpay.collect.scrub import scrub_sql

# What tools write for "no value". "NA" is not among them: it is Namibia.
MISSING = ("", "NULL", "null", "\\N", "NaN", "nan", "NaT", "None", "<NA>", "\u3000", "\u00a0")
TIME = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?(Z|UTC|[+-](0\d|1[0-4])(:?[0-5]\d)?))?)?"
# A time outside is a wrong unit, or a clock that was never set.
FLOOR, CEILING = (f"TIMESTAMPTZ '{year}-01-01 00:00:00+00'" for year in (1990, 2200))
# The default messages. {column}, {table}, {file}, {allowed}, {unit}, {currency} are filled in here, {value} by SQL.
MESSAGES = {
    "missing_column": "{file} has no column {column}, which {table} needs. Add it to the export.",
    "ragged_row": "The row has not as many fields as the header. Quote text that holds commas or line breaks.",
    "broken_json": "The line is no JSON object. Export it again, one event a line.",
    "missing_value": "{column} is empty. Fill it in, or leave the row out.",
    "wrong_type": "'{value}' is not a {type}. Correct the value of {column}.",
    "bad_date": "'{value}' cannot be read as a time ({unit}). Write it like 2025-03-01T09:30:00+08:00, "
    "or correct timestamp_unit in the manifest.",
    "unknown_currency": "'{value}' is no ISO 4217 currency. Write a code like CNY.",
    "currency_differs": "'{value}' is not the manifest's currency {currency}. Convert it, or export it as another "
    "data set.",
    "not_allowed": "'{value}' is not allowed. Use one of: {allowed}.",
    "out_of_range": "{value} is out of range. Allowed: {allowed}.",
    "future_timestamp": "'{value}' lies after the extraction. Correct the clock, or extracted_at in the manifest.",
}

CURRENCY_LIST = f"string_split({quote(' '.join(sorted(CURRENCIES)))}, ' ')"  # SQL of the variable `currencies`
_NUMBER = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)")


def _raw(source: str, kind: str) -> str:
    """The value as it came; what tools write for "no value" becomes NULL."""
    if kind == "VARCHAR":
        marks = ", ".join(map(quote, MISSING))
        # DuckDB's trim() takes spaces away and no other blanks; only a text that begins with one is looked at.
        blank = f"(trim({source}) < '!' AND trim({source}, ' \t\r\n\v\f') = '')"
        return f"CASE WHEN trim({source}) IN ({marks}) OR {blank} THEN NULL ELSE trim({source}) END"
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN isnan({source}) THEN NULL ELSE {source} END"
    if _NUMBER.fullmatch(kind) or kind in ("BOOLEAN", "DATE") or kind.startswith("TIMESTAMP"):
        return source
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"CAST(to_json({source}) AS VARCHAR)"
    return f"CAST({source} AS VARCHAR)"


def _spelt(text: str, words: dict[str, tuple[str, ...]], other: str) -> str:
    """SQL of the word that `text` is a spelling of, in any letter case and with blanks around; else `other`."""
    plain = f"lower(trim({text}, ' \t\r\n\u3000\u00a0'))"
    when = " ".join(f"WHEN {plain} IN ({', '.join(map(quote, w))}) THEN {quote(word)}" for word, w in words.items())
    return f"CASE {when} ELSE {other} END"


def _typed(column: Column, raw: str, kind: str, manifest: Manifest) -> str:
    """SQL that turns the raw value into the column's type, or into NULL when that cannot be done."""
    text, zone = f"CAST({raw} AS VARCHAR)", quote(manifest.timezone)
    match column.type:
        case "str":
            if column.spellings:
                return _spelt(text, column.spellings, text)
            if kind in ("DOUBLE", "FLOAT"):  # an id that pandas turned into 123.0
                return f"CASE WHEN {raw} = floor({raw}) THEN CAST(TRY_CAST({raw} AS BIGINT) AS VARCHAR) ELSE {text} END"
            return scrub_sql(text) if column.free_text else text
        case "bool":
            return raw if kind == "BOOLEAN" else f"CAST({_spelt(text, BOOLEANS, 'NULL')} AS BOOLEAN)"
        case "int":
            number = f"TRY_CAST({text} AS DOUBLE)"
            return f"CASE WHEN {number} = floor({number}) THEN TRY_CAST({text} AS BIGINT) END"
        case "float":
            number = f"CAST({raw} AS DOUBLE)" if _NUMBER.fullmatch(kind) else f"TRY_CAST({text} AS DOUBLE)"
            return f"CASE WHEN isfinite({number}) THEN {number} END"
        case "dec":
            money = f"TRY_CAST({text} AS DECIMAL(18,2))"
            return money if manifest.money_unit == "yuan" else f"TRY_CAST({money} * 0.01 AS DECIMAL(18,2))"
        case "date":
            if kind.startswith(("TIMESTAMP WITH", "TIMESTAMPTZ")):
                return f"CAST(CAST({raw} AS TIMESTAMPTZ) AT TIME ZONE {zone} AS DATE)"
            return f"CASE WHEN regexp_full_match({text}, '{TIME}') THEN TRY_CAST(left({text}, 10) AS DATE) END"
        case "ts":
            return _time(raw, text, kind, manifest)
        case "json":
            return f"CASE WHEN json_valid({text}) AND {text} LIKE '{{%' THEN {text} END"
        case "list":
            return (
                f"CASE WHEN {text} NOT LIKE '[%' THEN regexp_split_to_array({text}, '\\s*[|;,，]\\s*') "
                f"""WHEN json_valid({text}) THEN from_json({text}, '["VARCHAR"]') END"""
            )
    raise AssertionError(column.type)


def _time(raw: str, text: str, kind: str, manifest: Manifest) -> str:
    if kind.startswith(("TIMESTAMP WITH", "TIMESTAMPTZ")):
        moment = f"CAST({raw} AS TIMESTAMPTZ)"
    elif kind == "DATE" or kind.startswith("TIMESTAMP"):
        moment = f"CAST({raw} AS TIMESTAMP) AT TIME ZONE {quote(manifest.timezone)}"
    elif manifest.timestamp_unit == "iso":  # naive text is read in the session's zone: the manifest's
        parsed = f"TRY_CAST(replace({text}, ' +', '+') AS TIMESTAMPTZ)"
        moment = f"CASE WHEN regexp_full_match({text}, '{TIME}') THEN {parsed} END"
    else:
        factor = {"s": 1_000_000, "ms": 1_000, "us": 1}[manifest.timestamp_unit]
        micros = f"TRY_CAST(TRY_CAST({text} AS DECIMAL(24,6)) * {factor} AS BIGINT)"
        in_range = f"{micros} BETWEEN 0 AND 7258118400000000"
        moment = f"CASE WHEN {in_range} THEN make_timestamp({micros}) AT TIME ZONE 'UTC' END"
    return f"CASE WHEN {moment} BETWEEN {FLOOR} AND {CEILING} THEN {moment} END"


def checks(table: Table, manifest: Manifest, file: str) -> list[Rule]:
    """Every check of a row: those of the columns, then the rules of the table.

    They look into what `schema.Rule` names, and the variables `extracted_at` and `currencies`.
    """
    unit = {"iso": "ISO 8601", "s": "seconds", "ms": "ms", "us": "µs"}[manifest.timestamp_unit]
    words = {"table": table.name, "file": file, "unit": unit, "currency": manifest.currency, "value": "{value}"}
    rules = []
    for c in table.columns:
        own = words | {"column": c.name, "type": TYPE_WORDS[c.type]}
        for rule, when, allowed in _checks(c, table, manifest):
            rules.append(Rule(rule, c.name, when, MESSAGES[rule].format(**own, allowed=allowed)))
    return rules + list(table.rules)


def _checks(c: Column, table: Table, manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """(rule, SQL that is true for a bad row, what is allowed) of every check of a column."""
    name, raw = f'"{c.name}"', f'"r_{c.name}"'
    if c.required:
        yield "missing_value", f"{raw} IS NULL AND {name} IS NULL", ""
    if c.type != "str":
        yield "bad_date" if c.type in ("ts", "date") else "wrong_type", f"{raw} IS NOT NULL AND {name} IS NULL", ""
    if c.enum:
        yield "not_allowed", f"{name} NOT IN ({', '.join(map(quote, c.enum))})", ", ".join(c.enum)
    if c.minimum is not None:
        most = f", at most {c.maximum:g}" if c.maximum is not None else ""
        over = f" OR {name} > {c.maximum}" if c.maximum is not None else ""
        yield "out_of_range", f"{name} < {c.minimum}{over}", f"at least {c.minimum:g}{most}"
    if c.type == "ts" and not c.future:
        yield "future_timestamp", f"{name} > getvariable('extracted_at')", ""
    if c.name == "currency":  # nearly all rows have the manifest's: only the others are looked up
        other, known = f"{name} <> {quote(manifest.currency)}", f"list_contains(getvariable('currencies'), {name})"
        yield "unknown_currency", f"CASE WHEN {other} THEN NOT {known} END", ""
        if table.name != "market":  # figures of others come in their own currency
            yield "currency_differs", f"CASE WHEN {other} THEN {known} END", ""


def select(table: Table, batch: Batch, manifest: Manifest) -> tuple[str, list[str]]:
    """SQL giving source_row, r_<column> (raw), the typed columns; and the required columns that are missing.

    Where `later` asks for them, the times of the row itself are there as well: updated_at and extracted_at.
    """
    by_name = {n.lower(): n for n in batch.columns}
    rename = {"user_id": manifest.business_user_id_column.lower()}
    sources = {c.name: by_name.get(rename.get(c.name, c.name)) for c in table.columns}
    pairs = [(c.name, *_column(c, batch.columns.get(sources[c.name]), manifest)) for c in table.columns]
    if not table.newest:
        pairs += [(name, *_own_time(name, batch, manifest)) for name in ("updated_at", "extracted_at")]
    extra = sorted(set(batch.columns) - set(sources.values()))
    rest = f"json_object({', '.join(f'{quote(n)}, {batch.columns[n][0]}' for n in extra)})" if extra else "NULL"
    raws = ", ".join(f'{raw} AS "r_{name}"' for name, raw, _ in pairs)
    typed = ", ".join(f'{value} AS "{name}"' for name, _, value in pairs)
    sql = f"SELECT *, {typed} FROM (SELECT {batch.row} AS source_row, {raws}, {rest} AS extra FROM {batch.relation})"

    missing = [c.name for c in table.columns if c.required and sources[c.name] is None]
    mended = {}
    if extra:  # absent keys are left out, so that a column another file lacks changes nothing
        merged = "json_merge_patch(coalesce(properties, '{}'), extra)"
        mended["properties"] = f"CAST(nullif(CAST({merged} AS VARCHAR), '{{}}') AS VARCHAR)"
    if table.name == "events":
        # Segment: the device's clock is wrong by sent_at - received_at at the moment of sending.
        mended["timestamp"] = """CASE WHEN received_at IS NOT NULL AND sent_at IS NOT NULL
            AND original_timestamp IS NOT NULL THEN received_at - (sent_at - original_timestamp) ELSE timestamp END"""
        if {"received_at", "sent_at", "original_timestamp"} <= set(by_name):
            missing = [name for name in missing if name != "timestamp"]
    sql = _replaced(sql, mended)
    if "message_id" in missing:  # a source without message ids: the content is the id
        missing.remove("message_id")
        content = ", ".join(f'{quote(n)}: "{n}"' for n in table.names if n != "message_id")
        flagged = """json_merge_patch(coalesce(properties, '{}'), '{"id_derived":true}')"""
        digest = f"sha256(CAST(to_json({{{content}}}) AS VARCHAR))"
        sql = _replaced(sql, {"message_id": digest, "properties": f"CAST({flagged} AS VARCHAR)"})
    return f"({sql}) AS r", missing


def _column(c: Column, came: tuple[str, str] | None, manifest: Manifest) -> tuple[str, str]:
    """SQL of a canonical column as it came, and of the typed value; `came` is its (SQL, type) in the file."""
    if came is None:
        return "CAST(NULL AS VARCHAR)", f"CAST({c.default or 'NULL'} AS {SQL_TYPES[c.type]})"
    raw = f'"r_{c.name}"'
    value = f"CAST({_typed(c, raw, came[1], manifest)} AS {SQL_TYPES[c.type]})"
    return _raw(*came), f"CASE WHEN {raw} IS NULL THEN {c.default} ELSE {value} END" if c.default else value


def _own_time(name: str, batch: Batch, manifest: Manifest) -> tuple[str, str]:
    """The same for a time that the row itself says, in a column or in its properties; it stays there, too."""
    by_name = {n.lower(): n for n in batch.columns}
    value, kind = "NULL", "VARCHAR"
    if source := by_name.get(name) or by_name.get(name.replace("_", "")):
        value, kind = batch.columns[source]
    elif source := by_name.get("properties"):
        said = f"CAST({batch.columns[source][0]} AS VARCHAR)"
        camel = name.replace("_a", "A")
        value = f"""coalesce(json_extract_string(CASE WHEN json_valid({said}) THEN {said} END, '$.{name}'),
            json_extract_string(CASE WHEN json_valid({said}) THEN {said} END, '$.{camel}'))"""
    raw = f'"r_{name}"'
    return _raw(value, kind), _time(raw, f"CAST({raw} AS VARCHAR)", kind, manifest)


def _replaced(sql: str, columns: dict[str, str]) -> str:
    """The rows of a query with other expressions for some of its columns."""
    said = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    return f"SELECT * REPLACE ({said}) FROM ({sql})" if columns else sql
