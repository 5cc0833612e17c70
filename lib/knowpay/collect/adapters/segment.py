"""Segment and RudderStack: raw calls as JSON lines.

Field names are those of Segment's spec (common fields, ecommerce v2). Times are ISO 8601. An identify call states
traits of a user; those of one file are merged into the newest state.
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
from knowpay.collect.files import Batch
from knowpay.collect.manifest import Manifest
from knowpay.collect.schema import TABLES

UNITS = {"timestamp_unit": "iso", "business_user_id_column": "user_id"}
NAMES = {"Signed In": "logged_in", "signed_in": "logged_in"}
ENVELOPE = tuple(
    """type event name category userId anonymousId previousId groupId messageId timestamp originalTimestamp sentAt
    receivedAt properties traits context integrations _metadata channel version writeKey projectId rudderId""".split()  # noqa: SIM905 - a list of one name a line is long
)
LIBRARIES = {
    "analytics.js": "web", "analytics-ios": "ios", "analytics-swift": "ios", "analytics-android": "android",
    "analytics-kotlin": "android",
}  # fmt: skip
UTM = {f"utm_{'campaign' if key == 'name' else key}": key for key in ("source", "medium", "name", "term", "content")}
CAMEL = {"created_at": "createdAt", "session_id": "sessionId", "search_query": "query", "page_path": "path"}


def claims(name: str) -> bool:
    """Calls come as JSON lines."""
    return tool_table(name)[1] in JSON


def refuse(delivery: Delivery) -> None:
    """Refuse a device id as the business user id."""
    own = delivery.manifest.business_user_id_column
    if own.lower() in ("anonymousid", "anonymous_id"):
        raise ExportError(
            f"{delivery.folder.name}: {own} is Segment's id of a device. Declare "
            "business_user_id_column: user_id, or the property that holds your own user id."
        )


def views(batch: Batch, delivery: Delivery) -> dict[str, Batch]:
    """identify calls are users, all others events; a completed order is an order when no other file has orders."""
    line, f, manifest = batch.columns["line"][0], Fields(), delivery.manifest
    own = manifest.business_user_id_column
    places = ["userId"] if own.lower() in ("user_id", "userid") else [("properties", own), ("traits", own), own]
    kind, user = f("type"), f.id(*places)
    names = [c for c in TABLES["events"].names if c not in ("event", "properties", "user_agent_class")]
    found = {c: f(("properties", c), ("properties", CAMEL.get(c, c))) for c in names}
    name = _event(f("event"), manifest)
    calls = {call: call for call in ("alias", "group")} | {"page": "page_viewed", "screen": "page_viewed"}
    properties = lines.merged(
        lines.without(lines.part(DOC, "properties"), [*found, *(CAMEL[c] for c in CAMEL if c in found), own]),
        lines.without(DOC, [*ENVELOPE, own]),
        lines.known({utm: f(("context", "campaign", key)) for utm, key in UTM.items()}),
    )
    columns = {
        **found,
        "event": f"CASE WHEN {kind} = 'track' THEN {name} ELSE {case(kind, calls)} END",
        "timestamp": f("timestamp"),
        "received_at": f("receivedAt"),
        "original_timestamp": f("originalTimestamp"),
        "sent_at": f("sentAt"),
        "user_id": user,
        "anonymous_id": f.id("anonymousId", "previousId"),
        "product_id": f.id(("properties", "product_id"), ("properties", "products", 0, "product_id")),
        "lesson_id": f.id(("properties", "lesson_id")),
        "platform": f"coalesce(lower({found['platform']}), {case(f(('context', 'library', 'name')), LIBRARIES)})",
        "page_path": stripped(f"coalesce({found['page_path']}, {f(('context', 'page', 'path'))})"),
        "referrer": stripped(f"coalesce({found['referrer']}, {f(('context', 'page', 'referrer'))})"),
    }
    sent = f("originalTimestamp", "timestamp")
    columns |= lines.with_id(
        f("messageId"), properties, kind, f("event"), sent, user, columns["anonymous_id"], f("properties")
    )
    paid = {c: f(("properties", c)) for c in ORDER}
    orders = order_columns(columns, paid, manifest, lines.without(properties, ORDER))
    sort = lines.text(line, "type")
    others = lines.documents(batch, line, f"{sort} IS DISTINCT FROM 'identify'")
    tables = {
        "events": view(batch, f.relation(others), columns, UNITS),
        "users": _users(batch, lines.documents(batch, line, f"{sort} = 'identify'"), own),
    }
    if not delivery.has_orders:
        bought = f"{sort} = 'track' AND {_event(lines.text(line, 'event'), manifest)} = 'order_completed'"
        tables["orders"] = order_view(batch, f.relation(lines.documents(batch, line, bought)), orders, UNITS)
    return tables


def _event(name: str, manifest: Manifest) -> str:
    """The canonical name of a tracked event: "Order Completed" is order_completed."""
    return event_name(name, manifest, NAMES, f"lower(replace(trim({name}), ' ', '_'))")


def _users(batch: Batch, rows: str, own: str) -> Batch:
    """Users from identify calls: later traits overrule earlier ones, the first campaign stays."""
    f, u = Fields(), Fields()
    told = {
        "anonymous_id": f("anonymousId"),
        "device_os": f(("context", "os", "name")),
        "app_version": f(("context", "app", "version")),
    }
    user = f.id("userId") if own.lower() in ("user_id", "userid") else f.id(("traits", own), own)
    state = lines.latest(
        rows,
        f,
        user=f"nullif({user}, '')",
        time=f"TRY_CAST({f('timestamp')} AS TIMESTAMPTZ)",
        sets=[lines.known(told), lines.part(DOC, "traits")],
        once=lines.known({utm: f(("context", "campaign", key)) for utm, key in UTM.items()}),
    )
    columns = user_columns(u, "_knowpay_user")
    return view(batch, u.relation(state), columns, UNITS)


def user_columns(u: Fields, user: str) -> dict[str, str]:
    """Columns of `users` read from a document of traits."""
    names = [c for c in TABLES["users"].names if c != "properties"]
    columns = {c: u(c, CAMEL[c]) if c in CAMEL else u(c) for c in names}
    for c, place in (("city", "city"), ("province", "state"), ("country", "country")):
        columns[c] = u(c, ("address", place))
    rest = lines.without(DOC, [*names, *CAMEL.values(), *PERSONAL, "userId"])
    return columns | {"user_id": user, "properties": f"nullif(CAST({rest} AS VARCHAR), '{{}}')"}
