"""Sources: the event exports of Segment, GA4 (BigQuery) and Sensors (神策) as canonical events.

Each reader knows its tool's names, unit of time and, above all, the column of the business user id: in a Sensors export
it is ``login_id``, never ``user_id``, which is internal. Files are JSON, one event per line. What the tools call their
events by default is mapped below; names of a platform's own are passed in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from knowpay.collect import ExportError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("message_id", "event", "timestamp", "user_id", "anonymous_id", "product_id", "lesson_id", "platform")

GA4 = {
    "page_view": "page_viewed",
    "sign_up": "signed_up",
    "login": "logged_in",
    "view_item_list": "product_list_viewed",
    "search": "products_searched",
    "view_item": "product_viewed",
    "add_to_cart": "product_added",
    "begin_checkout": "checkout_started",
    "purchase": "order_completed",
    "refund": "order_refunded",
    "share": "product_shared",
    "add_to_wishlist": "product_added_to_wishlist",
    "earn_virtual_currency": "points_earned",
    "spend_virtual_currency": "points_spent",
}
SENSORS = {"$pageview": "page_viewed", "$SignUp": "signed_up"}

_FIELDS = {  # the fields read from each tool, as JSON paths of a line
    "segment": {
        "message_id": "$.messageId",
        "event": "$.event",
        "time": "$.timestamp",
        "user_id": "$.userId",
        "anonymous_id": "$.anonymousId",
        "product_id": "$.properties.product_id",
        "lesson_id": "$.properties.lesson_id",
        "platform": "$.properties.platform",
    },
    "ga4": {
        "message_id": "$.message_id",  # the tool has none; kept for exports that add one
        "event": "$.event_name",
        "time": "$.event_timestamp",
        "user_id": "$.user_id",
        "anonymous_id": "$.user_pseudo_id",
        "product_id": "$.items[0].item_id",
        "params": "$.event_params",
    },
    "sensors": {
        "message_id": "$.message_id",
        "event": "$.event",
        "time": "$.time",
        "user_id": "$.login_id",
        "anonymous_id": "$.anonymous_id",
        "product_id": "$.properties.product_id",
        "lesson_id": "$.properties.lesson_id",
        "platform": "$.properties.platform",
    },
}
_TIME = {
    "segment": "TRY_CAST(time AS TIMESTAMPTZ)",
    "ga4": "make_timestamptz(TRY_CAST(time AS BIGINT))",
    "sensors": "make_timestamptz(TRY_CAST(time AS BIGINT) * 1000)",
}


def read_events(tool: str, path: Path, names: dict[str, str] | None = None) -> pd.DataFrame:
    """Return the canonical events of one export file, sorted by time: the columns of ``COLUMNS``.

    ``tool`` is "segment", "ga4" or "sensors"; ``names`` maps the platform's own event names to canonical ones. Tools
    without a message id get one from the content of the line and its occurrence, so that equal events stay apart.

    Raises:
        ExportError: an unknown tool, a missing file, or a line that is no JSON or lacks event, time or any id; the
            message names the file and the line.
    """
    if tool not in _FIELDS:
        raise ExportError(f"There is no reader for {tool!r}. Possible are {', '.join(_FIELDS)}.")
    if not Path(path).is_file():
        raise ExportError(f"There is no file {path}.")
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(
        """CREATE TEMP TABLE lines AS SELECT row_number() OVER () AS line, content
        FROM read_csv(?, columns = {'content': 'VARCHAR'}, delim = '\\x01', quote = '', escape = '', header = false,
        auto_detect = false, max_line_size = 20000000)""",
        [str(path)],
    )
    broken = con.execute("SELECT min(line) FROM lines WHERE NOT json_valid(content)").fetchone()[0]
    if broken:
        raise ExportError(f"{Path(path).name}: line {broken} is no JSON. Export it again, one event per line.")
    fields = ", ".join(f"json_extract_string(content, '{where}') AS {name}" for name, where in _FIELDS[tool].items())
    mapping = {"ga4": GA4, "sensors": SENSORS, "segment": {}}[tool] | (names or {})
    con.execute("CREATE TEMP TABLE names (theirs VARCHAR, ours VARCHAR)")
    if mapping:
        con.executemany("INSERT INTO names VALUES (?, ?)", list(mapping.items()))
    plain = "lower(replace(event, ' ', '_'))" if tool == "segment" else "event"
    inside = {"lesson_id", "platform"} if tool == "ga4" else set()  # these hide in a list of key-value pairs
    pairs = """from_json(params, '[{"key":"VARCHAR","value":{"string_value":"VARCHAR"}}]')"""
    found = "list_transform(list_filter({}, lambda p: p.key = '{}'), lambda p: p.value.string_value)[1]"
    others = [c for c in COLUMNS if c not in ("message_id", "event", "timestamp")]
    columns = ", ".join(f"{found.format(pairs, c)} AS {c}" if c in inside else c for c in others)
    con.execute(
        f"""CREATE TEMP TABLE typed AS
        SELECT line, coalesce(message_id, md5(content || '#' || row_number() OVER (PARTITION BY content ORDER BY line)))
               AS message_id, coalesce(ours, {plain}) AS event, {_TIME[tool]} AS timestamp, {columns}
        FROM (SELECT line, content, {fields} FROM lines) AS read LEFT JOIN names ON theirs = event"""
    )
    what = "event IS NULL OR timestamp IS NULL OR coalesce(user_id, anonymous_id) IS NULL OR message_id IS NULL"
    bad = con.execute(f"SELECT min(line) FROM typed WHERE {what}").fetchone()[0]
    if bad:
        raise ExportError(
            f"{Path(path).name}: line {bad} lacks an event name, a readable time or any id. Correct or remove the line."
        )
    return con.execute(f"SELECT {', '.join(COLUMNS)} FROM typed ORDER BY timestamp, line").df()
