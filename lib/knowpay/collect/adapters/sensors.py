"""Sensors (神策): lines of events and profiles, and the user table.

Names are those of the data format of Sensors Analytics (manual.sensorsdata.cn). Times of events are milliseconds UTC; a
time among the user properties is the company's own and follows the manifest. `user_id` of an event and `id` of a user
are Sensors' internal numbers and are never read; the business id is what the platform logs in with (`login_id`, in the
user table `second_id`), or a property of its own.

There is no message id. A property `message_id` is used where there is one; else the id is the digest of tracking
number, time, person, event and properties. Lines that agree in all of these are one event that was sent twice.
"""

from __future__ import annotations

from dataclasses import replace

from knowpay.collect import ExportError
from knowpay.collect.adapters import lines
from knowpay.collect.adapters.lines import DOC, Fields
from knowpay.collect.adapters.tables import (
    FLAT,
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
from knowpay.collect.schema import TABLES

UNITS = {"timestamp_unit": "ms", "business_user_id_column": "user_id"}
USER_UNITS = {"business_user_id_column": "user_id"}
NAMES = {
    "$pageview": "page_viewed",
    "$AppViewScreen": "page_viewed",
    "$MPViewScreen": "page_viewed",
    "$SignUp": "signed_up",
}
ENVELOPE = tuple(
    """type event time distinct_id user_id login_id anonymous_id original_id identities lib project token extractor
    properties map_id ver recv_time $receive_time _track_id _flush_time _nocache _hybrid_h5 time_free
    message_id""".split()  # noqa: SIM905 - a list of one name a line is long
)
LIBRARIES = {"js": "web", "iOS": "ios", "Android": "android", "MiniProgram": "wechat_mp"}
LIBRARIES |= dict.fromkeys(("Java", "python", "php", "Golang", "DotNET", "Node", "Ruby"), "server")
PROPERTIES = {"page_path": "$url_path", "referrer": "$referrer"}
USERS = {
    "country": "$country", "province": "$province", "city": "$city", "device_os": "$os", "app_version": "$app_version",
    "utm_source": "$utm_source", "utm_medium": "$utm_medium", "utm_campaign": "$utm_campaign", "utm_term": "$utm_term",
    "utm_content": "$utm_content",
}  # fmt: skip
REMOVED = ("$ip", "$is_login_id", "$receive_time")
INTERNAL = {"user_id", "id", "distinct_id", "anonymous_id", "first_id", "$identity_anonymous_id"}
LOGIN = ("login_id", "second_id", "$identity_login_id")


def claims(name: str) -> bool:
    """All JSON lines, and the user table."""
    stem, ending = tool_table(name)
    return ending in JSON or (ending in FLAT and stem == "users")


def refuse(delivery: Delivery) -> None:
    """Refuse Sensors' internal ids and those of devices as the business user id."""
    own = delivery.manifest.business_user_id_column
    if own in INTERNAL:
        raise ExportError(
            f"{delivery.folder.name}: {own} is an internal id of Sensors or a device. Declare "
            "business_user_id_column: login_id, or the property that holds your own user id."
        )


def views(batch: Batch, delivery: Delivery) -> dict[str, Batch]:
    """Profiles and the user table are users, all other lines events; a paid order may be an order too."""
    manifest = delivery.manifest
    own = manifest.business_user_id_column
    if tool_table(batch.file)[0] == "users":
        return {"users": _user_table(batch, own)}
    line, f = batch.columns["line"][0], Fields()
    kind = f("type")
    user = _user(f, own)
    names = [c for c in TABLES["events"].names if c not in ("event", "properties", "user_agent_class")]
    found = {c: f(("properties", c), ("properties", PROPERTIES.get(c, c))) for c in names}
    event = _event(f("event"), kind)
    properties = lines.merged(
        lines.without(lines.part(DOC, "properties"), [*names, *PROPERTIES.values(), *REMOVED, own]),
        lines.without(DOC, [*ENVELOPE, own]),
    )
    device = f.id(
        "anonymous_id", ("identities", "$identity_anonymous_id"), ("identities", "$identity_cookie_id"), "original_id"
    )
    columns = {
        **found,
        "event": event_name(event, manifest, NAMES),
        "timestamp": f("time"),
        "received_at": f("$receive_time", ("properties", "$receive_time"), "recv_time"),
        "user_id": user,
        # Without any other id the distinct_id is a device, for all we know.
        "anonymous_id": f"coalesce({device}, CASE WHEN {user} IS NULL THEN {f.id('distinct_id')} END)",
        "product_id": f.id(("properties", "product_id")),
        "lesson_id": f.id(("properties", "lesson_id")),
        "platform": f"coalesce({found['platform']}, {case(f(('properties', '$lib'), ('lib', '$lib')), LIBRARIES)})",
        "page_path": stripped(found["page_path"]),
        "referrer": stripped(found["referrer"]),
    }
    message = f("message_id", ("properties", "message_id"))
    told = [kind, event, f("time"), f("_track_id"), f("distinct_id"), user, columns["anonymous_id"], f("properties")]
    columns |= lines.with_id(message, properties, *told)
    paid = order_columns(columns, {c: f(("properties", c)) for c in ORDER}, manifest, lines.without(properties, ORDER))
    sort = lines.text(line, "type")
    others = lines.documents(batch, line, f"NOT coalesce(starts_with({sort}, 'profile_'), false)")
    tables = {
        "events": view(batch, f.relation(others), columns, UNITS),
        "users": _profiles(batch, lines.documents(batch, line, f"starts_with({sort}, 'profile_')"), own),
    }
    if not delivery.has_orders:
        name = event_name(_event(lines.text(line, "event"), sort), manifest, NAMES)
        bought = lines.documents(batch, line, f"{name} = 'order_completed'")
        tables["orders"] = order_view(batch, f.relation(bought), paid, UNITS)
    return tables


def _event(name: str, kind: str) -> str:
    return f"coalesce(nullif({name}, ''), CASE WHEN {kind} = 'track_signup' THEN '$SignUp' END)"


def _user(f: Fields, own: str) -> str:
    """The business user id of a line: the login id, or a property."""
    if own not in LOGIN:
        return f.id(("properties", own), ("identities", own), own)
    login = f.id("login_id", ("identities", "$identity_login_id"))
    is_login = f"{f('type')} = 'track_signup' OR {f(('properties', '$is_login_id'))} = 'true'"
    return f"coalesce({login}, CASE WHEN {is_login} THEN {f.id('distinct_id')} END)"


def _profiles(batch: Batch, rows: str, own: str) -> Batch:
    """Users from profile lines: `profile_set` overrules, `profile_set_once` does not, `profile_unset` empties.

    Lists and counters (`profile_append`, `profile_increment`) are no columns of users and set nothing.
    """
    f, u, given = Fields(), Fields(), lines.part(DOC, "properties")
    user, kind = _user(f, own), f("type")
    if own in LOGIN:  # a profile line names its person by distinct_id
        user = f"coalesce({user}, {f.id('distinct_id')})"
    emptied = f"""CAST('{{' || coalesce(array_to_string(list_transform(json_keys({given}),
        lambda k: CAST(to_json(k) AS VARCHAR) || ':null'), ','), '') || '}}' AS JSON)"""
    sets = f"CASE {kind} WHEN 'profile_set' THEN {given} WHEN 'profile_unset' THEN {emptied} ELSE '{{}}' END"
    device = lines.known({"anonymous_id": f.id("anonymous_id", ("identities", "$identity_anonymous_id"))})
    once = f"CASE WHEN {kind} = 'profile_set_once' THEN {given} ELSE '{{}}' END"
    state = lines.latest(rows, f, f"nullif({user}, '')", f"TRY_CAST({f('time')} AS DOUBLE)", [device, sets], once)
    columns = _user_columns(u, "_knowpay_user")
    return view(batch, u.relation(state), columns, USER_UNITS)


def _user_columns(u: Fields, user: str) -> dict[str, str]:
    names = [c for c in TABLES["users"].names if c != "properties"]
    columns = {c: u(c, USERS[c]) if c in USERS else u(c) for c in names}
    rest = lines.without(DOC, [*names, *USERS.values(), *PERSONAL, "id", "first_id", "second_id", "distinct_id"])
    return columns | {"user_id": user, "properties": f"nullif(CAST({rest} AS VARCHAR), '{{}}')"}


def _user_table(batch: Batch, own: str) -> Batch:
    """The user table; a `users` file without Sensors' columns is a canonical one."""
    if lines.is_lines(batch):
        row = batch.columns["line"][0]
    elif not {"first_id", "second_id"} & set(batch.columns):
        return replace(batch, units=USER_UNITS)
    else:
        row = lines.known({n: expression for n, (expression, _) in batch.columns.items()})
    u = Fields()
    user = u.id("second_id", "login_id") if own in LOGIN else u.id(own, ("properties", own))
    # An exported table is flat; a line may keep its properties in an object.
    flat = lines.merged(row, lines.part(row, "properties"), "'{\"properties\":null}'")
    columns = _user_columns(u, user) | {"anonymous_id": u.id("first_id", "anonymous_id")}
    return view(batch, u.relation(lines.documents(batch, flat)), columns, USER_UNITS)
