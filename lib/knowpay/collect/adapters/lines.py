"""SQL that picks fields out of JSON objects, those of a file with one object a line above all."""

from __future__ import annotations

import json
from collections.abc import Iterable

from knowpay.collect.duck import quote
from knowpay.collect.files import Batch

DOC, TEXTS, VALUES = "_knowpay_doc", "_knowpay_texts", "_knowpay_values"  # columns beside those of the raw relation


def is_lines(batch: Batch) -> bool:
    """Whether the batch holds JSON lines, as opened or as they come back from quarantine."""
    return list(batch.columns) == ["line"]


Place = str | tuple[str | int, ...]  # a key of the document, or nested keys and places in lists


def path(place: Place) -> str:
    """JSON path, for example `$."products"[0]."product_id"`."""
    keys = (place,) if isinstance(place, str) else place
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f'."{key}"' for key in keys)


def text(document: str, *keys: str) -> str:
    """SQL of a field of the document as text."""
    return f"json_extract_string({document}, {quote(path(keys))})"


def part(document: str, *keys: str) -> str:
    """SQL of a nested object of the document; the empty object where there is none or something else."""
    where = quote(path(keys))
    return f"CASE WHEN json_type({document}, {where}) = 'OBJECT' THEN json_extract({document}, {where}) ELSE '{{}}' END"


def without(document: str, keys: Iterable[str]) -> str:
    """SQL of the object without some of its keys."""
    return f"json_merge_patch({document}, {quote(json.dumps(dict.fromkeys(keys), ensure_ascii=False))})"


def merged(*objects: str) -> str:
    """SQL of objects merged as RFC 7396 says: the later wins, and its nulls remove keys."""
    out = objects[0]
    for other in objects[1:]:
        out = f"json_merge_patch({out}, {other})"
    return out


def known(values: dict[str, str]) -> str:
    """SQL of the object of those values (SQL expressions) that are not NULL."""
    return f"json_merge_patch('{{}}', json_object({', '.join(f'{quote(n)}, {v}' for n, v in values.items())}))"


class Fields:
    """The fields that a view reads from its documents, so that each document is parsed once.

    `fields("userId")` or `fields(("properties", "product_id"), ...)` is SQL of the first of these that is there, as
    text. `fields.id(...)` is the same for an id: 123.0, which was 123 before some tool made a number of it, is 123.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []

    def __call__(self, *wanted: Place) -> str:
        return self._first([f"{TEXTS}[{self._at(keys)}]" for keys in wanted])

    def id(self, *wanted: Place) -> str:
        values = []
        for at in map(self._at, wanted):
            number = f"regexp_full_match(CAST({VALUES}[{at}] AS VARCHAR), '-?\\d+\\.0+')"
            values.append(f"CASE WHEN {number} THEN split_part({TEXTS}[{at}], '.', 1) ELSE {TEXTS}[{at}] END")
        return self._first(values)

    def relation(self, documents: str) -> str:
        """The documents with their fields."""
        paths = ", ".join(map(quote, self.paths))
        return f"""(SELECT *, json_extract_string({DOC}, [{paths}]) AS {TEXTS},
            json_extract({DOC}, [{paths}]) AS {VALUES} FROM {documents}) AS x"""

    def _at(self, keys: Place) -> int:
        where = path(keys)
        if where not in self.paths:
            self.paths.append(where)
        return self.paths.index(where) + 1

    @staticmethod
    def _first(values: list[str]) -> str:
        if len(values) == 1:
            return values[0]
        filled = [f"nullif({one}, '')" for one in values]  # an empty text is no value: the next place may have one
        return f"coalesce({', '.join(filled)})"


def documents(batch: Batch, document: str, where: str = "true") -> str:
    """The raw rows of a batch with the document, an SQL expression of JSON, beside them.

    `where` is SQL over the raw rows: rows that are left out here are not taken apart.
    """
    return f"(SELECT *, CAST({document} AS JSON) AS {DOC} FROM {batch.relation} WHERE {where})"


def latest(rows: str, fields: Fields, user: str, time: str, sets: list[str], once: str = "'{}'") -> str:
    """The rows, with the newest state of their user as their document.

    Args:
        rows: SQL of a relation with documents.
        fields: the fields that the other arguments read.
        user: SQL of the user's id; a row without one keeps its own state.
        time: SQL of the time of the row.
        sets: SQL of the objects of what the row sets, one after the other; a null removes what was set.
        once: SQL of the object of what the row sets unless it was set before.

    All rows of a user in a file then say the same: one of them is loaded and the others count as its duplicates.
    """
    patches = f"[{', '.join(f'CAST({one} AS JSON)' for one in sets)}]"
    columns = f"{user} AS _knowpay_user, {time} AS _knowpay_time, {patches} AS _knowpay_sets, {once} AS _knowpay_once"
    merge = "lambda a, b: json_merge_patch(a, b)"
    # Of what is set once the earliest wins, so it comes last; rows of one time are ordered by what they say.
    return f"""(WITH rows AS MATERIALIZED (SELECT * EXCLUDE ({TEXTS}, {VALUES}), {columns}
            FROM {fields.relation(rows)}),
        states AS (SELECT _knowpay_user, list_reduce(list_concat(
            list(CAST(_knowpay_once AS JSON) ORDER BY _knowpay_time DESC, CAST({DOC} AS VARCHAR)),
            flatten(list(_knowpay_sets ORDER BY _knowpay_time, CAST({DOC} AS VARCHAR)))), {merge}) AS state
            FROM rows WHERE _knowpay_user IS NOT NULL GROUP BY _knowpay_user)
        SELECT rows.* REPLACE (coalesce(state, list_reduce(_knowpay_sets, {merge})) AS {DOC})
        FROM rows LEFT JOIN states USING (_knowpay_user))"""


def derived(*parts: str) -> str:
    """SQL of the message id of an event that came without one: the digest of what tells it from other events."""
    return f"sha256(CAST(to_json([{', '.join(parts)}]) AS VARCHAR))"


def with_id(message_id: str, properties: str, *parts: str) -> dict[str, str]:
    """The columns `message_id` and `properties`; a derived id is flagged there by `id_derived`."""
    flag = f"""CASE WHEN {message_id} IS NULL THEN '{{"id_derived":true}}' ELSE '{{}}' END"""
    return {
        "message_id": f"coalesce({message_id}, {derived(*parts)})",
        "properties": f"nullif(CAST({merged(properties, flag)} AS VARCHAR), '{{}}')",
    }
