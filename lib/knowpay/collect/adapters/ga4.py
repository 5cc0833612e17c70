"""Google Analytics 4 in BigQuery: `events_YYYYMMDD` and `users_YYYYMMDD`, as JSON lines or Parquet with nested columns.

Names are those of the BigQuery export schema (developers.google.com/analytics/bigquery). Times of events are
microseconds UTC. BigQuery writes whole numbers as text into JSON, and lists as `list.element` into Parquet; both are
read. A time among the user properties is the company's own and follows the manifest.

The export has no message id. A custom parameter `message_id` is used where there is one; else the id is the digest of
device, time, name, parameters, items and the numbers that tell the events of one batch apart. Rows that agree in all of
these are one event that was exported twice.
"""

from __future__ import annotations

from knowpay.collect import ExportError
from knowpay.collect.adapters import lines
from knowpay.collect.adapters.lines import DOC, Fields
from knowpay.collect.adapters.tables import (
    JSON,
    ORDER,
    PERSONAL,
    Delivery,
    case,
    event_name,
    order_columns,
    order_view,
    stripped,
    tool_table,
    view,
)
from knowpay.collect.duck import quote
from knowpay.collect.files import Batch
from knowpay.collect.schema import TABLES

UNITS = {"timestamp_unit": "us", "business_user_id_column": "user_id"}
NAMES = {
    "page_view": "page_viewed",
    "screen_view": "page_viewed",
    "sign_up": "signed_up",
    "login": "logged_in",
    "view_item_list": "product_list_viewed",
    "search": "products_searched",
    "view_item": "product_viewed",
    "add_to_cart": "product_added",
    "add_to_wishlist": "product_added_to_wishlist",
    "begin_checkout": "checkout_started",
    "purchase": "order_completed",
    "refund": "order_refunded",
    "share": "product_shared",
    "earn_virtual_currency": "points_earned",
    "spend_virtual_currency": "points_spent",
}
NESTED = ("event_params", "user_properties", "items")
ENVELOPE = tuple(
    """event_date event_timestamp event_name event_previous_timestamp event_value_in_usd event_bundle_sequence_id
    event_server_timestamp_offset event_dimensions event_params user_id user_pseudo_id user_properties
    user_first_touch_timestamp user_ltv privacy_info device geo app_info traffic_source collected_traffic_source
    session_traffic_source_last_click stream_id platform ecommerce items is_active_user batch_event_index batch_page_id
    batch_ordering_id publisher""".split()  # noqa: SIM905 - a list of one name a line is long
)
BATCH = ("event_bundle_sequence_id", "batch_page_id", "batch_ordering_id", "batch_event_index")
PLATFORMS = {"WEB": "web", "IOS": "ios", "ANDROID": "android"}
# Parameters whose canonical column has another name.
PARAMETERS = {
    "page_path": "page_location",
    "referrer": "page_referrer",
    "search_query": "search_term",
    "session_id": "ga_session_id",
    "duration_seconds": "engagement_time_msec",
}
MONEY = {"order_id": "transaction_id", "total": "value"}
ECOMMERCE = {
    "order_id": "transaction_id",
    "total": "purchase_revenue",
    "tax": "tax_value",
    "shipping": "shipping_value",
}


def claims(name: str) -> bool:
    """The tables of events and of user ids; `pseudonymous_users_*` has no user id, and `users.parquet` is canonical."""
    stem, ending = tool_table(name)
    if stem.startswith("pseudonymous_users"):
        return False
    return ending in JSON or (ending == ".parquet" and stem.startswith(("events", "users_")))


def refuse(delivery: Delivery) -> None:
    """Refuse the cookie id as the business user id."""
    own = delivery.manifest.business_user_id_column
    if own in ("user_pseudo_id", "pseudo_user_id"):
        raise ExportError(
            f"{delivery.folder.name}: {own} is the id of a cookie or device. Declare "
            "business_user_id_column: user_id, or the user property that holds your own user id."
        )


def views(batch: Batch, delivery: Delivery) -> dict[str, Batch]:
    """Events; users from the table of user ids or, without one, from sign-ups; orders from purchases likewise."""
    manifest = delivery.manifest
    row, own, f = _row(batch), manifest.business_user_id_column, Fields()
    document = _document(row)
    user = f.id("user_id") if own == "user_id" else f.id(("user_properties", own), ("event_params", own), own)
    if tool_table(batch.file)[0].startswith("users"):
        created = f(("user_properties", "created_at"))
        rows = lines.documents(batch, document)
        return {"users": _users(batch, rows, f, user, created, {"business_user_id_column": "user_id"})}

    names = [c for c in TABLES["events"].names if c not in ("event", "properties")]
    found = {c: f(("event_params", c)) for c in names}
    other = {c: f(("event_params", theirs)) for c, theirs in PARAMETERS.items()}
    device, name = f.id("user_pseudo_id"), event_name(lines.text(row, "event_name"), manifest, NAMES)
    path = f"regexp_replace({stripped(other['page_path'])}, '^[a-zA-Z]+://[^/]*', '')"
    engaged = f"TRY_CAST({other['duration_seconds']} AS DOUBLE) / 1000"
    session = f"{device} || '.' || {other['session_id']}"
    several = f"CASE WHEN json_array_length({DOC}, '$.items') > 1 THEN json_extract({DOC}, '$.items') END"
    money = {
        c: f(("event_params", c), ("event_params", MONEY.get(c, c)), ("ecommerce", ECOMMERCE.get(c, c))) for c in ORDER
    }
    properties = lines.merged(
        lines.without(lines.part(DOC, "event_params"), [*names, *PARAMETERS.values(), "transaction_id", own]),
        lines.without(DOC, [*ENVELOPE, own]),
        lines.known(
            {"items": several, "order_id": f(("event_params", "order_id"), ("event_params", "transaction_id"))}
        ),
    )
    columns = {
        **{c: found[c] for c in names},
        "event": event_name(f("event_name"), manifest, NAMES),
        "timestamp": f("event_timestamp"),
        "user_id": user,
        "anonymous_id": device,
        "session_id": f"coalesce({found['session_id']}, {session})",
        "product_id": f.id(("event_params", "product_id"), ("items", 0, "item_id")),
        "lesson_id": f.id(("event_params", "lesson_id")),
        "duration_seconds": f"coalesce({found['duration_seconds']}, CAST({engaged} AS VARCHAR))",
        "platform": f"coalesce({found['platform']}, {case(f('platform'), PLATFORMS)})",
        "page_path": f"coalesce({stripped(found['page_path'])}, {path})",
        "referrer": stripped(f"coalesce({found['referrer']}, {other['referrer']})"),
        "search_query": f"coalesce({found['search_query']}, {other['search_query']})",
    }
    told = [f("event_name"), f("event_timestamp"), device, user, *map(f, BATCH), f("event_params"), f("items")]
    columns |= lines.with_id(found["message_id"], properties, *told)
    tables = {"events": view(batch, f.relation(lines.documents(batch, document)), columns, UNITS)}
    if not delivery.has_orders:
        bought = lines.documents(batch, document, f"{name} = 'order_completed'")
        orders = order_columns(columns, money, manifest, lines.without(properties, ORDER))
        tables["orders"] = order_view(batch, f.relation(bought), orders, UNITS)
    if "users" not in delivery.kinds:
        joined = lines.documents(batch, document, f"{name} = 'signed_up'")
        tables["users"] = _users(batch, joined, f, user, f("event_timestamp"), UNITS, f"WHERE {user} IS NOT NULL")
    return tables


def _users(
    batch: Batch, rows: str, f: Fields, user: str, created: str, units: dict[str, str], where: str = ""
) -> Batch:
    """Users with their properties; `traffic_source` is the first touch of a user."""
    names = [c for c in TABLES["users"].names if c != "properties"]
    places = {
        "anonymous_id": "user_pseudo_id",
        "utm_source": ("traffic_source", "source"),
        "utm_medium": ("traffic_source", "medium"),
        "utm_campaign": ("traffic_source", "name"),
        "country": ("geo", "country"),
        "province": ("geo", "region"),
        "city": ("geo", "city"),
        "device_os": ("device", "operating_system"),
        "app_version": ("app_info", "version"),
    }
    columns = {c: f(("user_properties", c), places[c]) if c in places else f(("user_properties", c)) for c in names}
    consent = case(f(("privacy_info", "analytics_storage")), {"Yes": "granted", "No": "denied", "Unset": "unknown"})
    rest = lines.without(lines.part(DOC, "user_properties"), [*names, *PERSONAL])
    columns |= {
        "user_id": user,
        "created_at": created,
        "consent_analytics": f"coalesce({columns['consent_analytics']}, {consent})",
        "properties": f"nullif(CAST({rest} AS VARCHAR), '{{}}')",
    }
    return view(batch, f"(FROM {f.relation(rows)} {where}) AS x", columns, units)


def _row(batch: Batch) -> str:
    """The row as JSON."""
    if lines.is_lines(batch):
        return batch.columns["line"][0]
    pairs = []
    for name, (value, kind) in batch.columns.items():
        if name in ENVELOPE and kind == "VARCHAR":  # a nested column may be JSON text, as in quarantine
            nested = f"({value} LIKE '{{%' OR {value} LIKE '[%')"
            value = f"CASE WHEN {nested} THEN TRY_CAST({value} AS JSON) ELSE to_json({value}) END"
        pairs.append(f"{quote(name)}, {value}")
    return f"json_object({', '.join(pairs)})"


def _document(row: str) -> str:
    """The row with parameters and user properties as plain objects: {"lesson_id": "l001"}."""
    items = {name: _array(row, name) for name in NESTED}
    flat = {name: _object(items[name]) for name in ("event_params", "user_properties")}
    pairs = ", ".join(f"{quote(name)}, {value}" for name, value in (items | flat).items())
    return lines.merged(lines.without(row, NESTED), f"json_object({pairs})")


def _array(row: str, name: str) -> str:
    return f"""CASE json_type({row}, '$.{name}') WHEN 'ARRAY' THEN json_extract({row}, '$.{name}')
        WHEN 'OBJECT' THEN to_json(json_extract({row}, '$.{name}.list[*].element')) END"""


def _object(array: str) -> str:
    """JSON object of a list of {key, value: {string_value, int_value, float_value, double_value}}."""
    kinds = ("string_value", "int_value", "float_value", "double_value")
    shape = f"""[{{"key":"VARCHAR","value":{{{", ".join(f'"{k}":"VARCHAR"' for k in kinds)}}}}}]"""
    number = "coalesce(p.value.int_value, p.value.float_value, p.value.double_value)"
    value = f"""CASE WHEN p.value.string_value IS NULL
        AND regexp_full_match({number}, '-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?') THEN {number}
        ELSE CAST(to_json(coalesce(p.value.string_value, {number})) AS VARCHAR) END"""
    pair = f"CAST(to_json(p.key) AS VARCHAR) || ':' || {value}"
    pairs = f"list_filter(list_transform(from_json({array}, '{shape}'), lambda p: {pair}), lambda t: t IS NOT NULL)"
    return f"CAST('{{' || coalesce(array_to_string({pairs}, ','), '') || '}}' AS JSON)"
