"""Segment and RudderStack in a warehouse: `tracks`, one table per event, `pages`, `identifies`, `users`.

`tracks` repeats every event without its properties, and `identifies` the history of `users`: a row that the fuller
table of the folder holds is read there. Times without a zone are UTC, as the warehouse stores them.
"""

from __future__ import annotations

from dataclasses import replace

from knowpay.collect.adapters import lines, segment
from knowpay.collect.adapters.lines import DOC, Fields
from knowpay.collect.adapters.tables import (
    FLAT,
    ORDER,
    PERSONAL,
    Delivery,
    event_name,
    order_view,
    stripped,
    tool_table,
    view,
)
from knowpay.collect.duck import quote
from knowpay.collect.files import Batch, table_of
from knowpay.collect.manifest import Manifest
from knowpay.collect.schema import TABLES

UNITS = segment.UNITS
CALLS = {"pages": "page_viewed", "screens": "page_viewed", "aliases": "alias", "groups": "group"}
NOT_EVENTS = ("tracks", "identifies", "users", *CALLS)
ENVELOPE = ("id", "event", "event_text", "name", "uuid", "uuid_ts", "loaded_at", "channel", "previous_id", "group_id")
NAIVE = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?"


def claims(name: str) -> bool:
    """All tables but those with a canonical name; `users` is the warehouse's."""
    stem, ending = tool_table(name)
    return ending in FLAT and (stem == "users" or not table_of(name))


def refuse(delivery: Delivery) -> None:
    """Refuse a device id as the business user id."""
    segment.refuse(delivery)


def views(batch: Batch, delivery: Delivery) -> dict[str, Batch]:
    """Each table is events or users; a completed order is an order when no other file has orders."""
    stem = tool_table(batch.file)[0]
    manifest = delivery.manifest
    own = manifest.business_user_id_column.lower()
    own = {"userid": "user_id"}.get(own, own)
    has = {name.lower(): column for name, column in batch.columns.items()}
    if stem == "users":
        return {"users": view(batch, batch.relation, _users(has, own), UNITS)}
    if stem == "identifies":
        users = _identifies(batch, has, own)
        if "users" in _tables(delivery):
            nothing = f"(SELECT * FROM {users.relation} WHERE false) AS x"
            users = replace(users, relation=nothing, notes=[f"{batch.file} was not read: users has its newest state."])
        return {"users": users}
    name = quote(CALLS.get(stem, stem))
    if stem not in CALLS and "event" in has:
        name = event_name(_text(has["event"]), manifest, segment.NAMES)
        if "event_text" in has:
            name = event_name(_text(has["event_text"]), manifest, {}, name)
    columns = {c: has[c] for c in TABLES["events"].names if c in has and c != "properties"}
    columns |= {c: _utc(has[c]) for c in ("timestamp", "received_at", "sent_at", "original_timestamp") if c in has}
    columns |= {"event": (name, "VARCHAR")}
    for column, places in {
        "message_id": ("message_id", "id"),
        "user_id": (own,),
        "anonymous_id": ("anonymous_id", "previous_id"),
        "page_path": ("page_path", "path", "context_page_path"),
        "referrer": ("referrer", "context_page_referrer"),
        "search_query": ("search_query", "query"),
    }.items():
        place = next((p for p in places if p in has), None)
        columns |= {column: has[place]} if place else {}
    for column in {"page_path", "referrer"} & set(columns):
        columns[column] = (stripped(_text(columns[column])), "VARCHAR")
    if "product_id" not in columns and "products" in has:
        value, kind = has["products"]
        bought = f"CASE WHEN json_valid({value}) THEN {value} END" if kind == "VARCHAR" else f"to_json({value})"
        columns["product_id"] = (f"json_extract_string({bought}, '$[0].product_id')", "VARCHAR")
    used = {*columns, *ENVELOPE, own, "path", "query"}
    columns |= {n: c for n, c in has.items() if n not in used and not n.startswith(("context_", "_"))}
    campaigns = {utm: f"context_campaign_{key}" for utm, key in segment.UTM.items()}
    columns |= {utm: has[place] for utm, place in campaigns.items() if place in has}
    relation = batch.relation
    if stem == "tracks" and "event" in has:
        elsewhere = ", ".join(map(quote, sorted(_tables(delivery) - set(NOT_EVENTS))))
        kept = f"{_text(has['event'])} NOT IN ({elsewhere})" if elsewhere else "true"
        relation = f"(SELECT * FROM {relation} WHERE coalesce({kept}, true)) AS x"
    tables = {"events": view(batch, relation, columns, UNITS)}
    if relation != batch.relation:
        note = f"{batch.file}: events with a table of their own are read from there."
        tables["events"] = replace(tables["events"], notes=[note])
    if {"order_id", "total"} & set(has) and not delivery.has_orders:
        where = f"(SELECT * FROM {relation} WHERE {name} = 'order_completed') AS x"
        tables["orders"] = order_view(batch, where, _orders(columns, manifest), UNITS)
    return tables


def _orders(columns: dict[str, tuple[str, str]], manifest: Manifest) -> dict[str, tuple[str, str]]:
    """Columns of `orders` made of a completed order."""
    kept = {c: columns[c] for c in (*ORDER, "timestamp") if c in columns}
    currency = f"nullif(trim({_text(columns['currency'])}), '')" if "currency" in columns else "NULL"
    return kept | {
        "status": ("'paid'", "VARCHAR"),
        "currency": (f"coalesce({currency}, {quote(manifest.currency)})", "VARCHAR"),
        "from_event": ("true", "BOOLEAN"),
    }


def _users(has: dict[str, tuple[str, str]], own: str) -> dict[str, tuple[str, str]]:
    """Columns of `users`; the campaign columns tell the latest visit and not the first, so they are left out."""
    left_out = {*PERSONAL, *ENVELOPE, "timestamp", "received_at", "sent_at", "original_timestamp"} - {"channel"}
    columns = {n: c for n, c in has.items() if n not in left_out and not n.startswith(("context_", "_"))}
    columns |= {c: _utc(columns[c]) for c in ("created_at", "deleted_at") if c in columns}
    who = next((n for n in (("id", "user_id") if own == "user_id" else (own,)) if n in has), None)
    return columns | ({"user_id": has[who]} if who else {})


def _identifies(batch: Batch, has: dict[str, tuple[str, str]], own: str) -> Batch:
    """Users from the history of identify calls."""
    # In RudderStack's history `channel` is the kind of library that called, not how the user was won.
    columns = {n: c for n, c in _users(has, own).items() if n not in ("user_id", "channel")}
    user = _text(has[own]) if own in has else "NULL"
    time = f"TRY_CAST({_text(_utc(has['timestamp']))} AS TIMESTAMPTZ)" if "timestamp" in has else "NULL"
    traits = lines.known({n: expression for n, (expression, _) in columns.items()})
    state = lines.latest(lines.documents(batch, traits), Fields(), f"nullif({user}, '')", time, [DOC])
    u = Fields()
    columns = segment.user_columns(u, "_knowpay_user")
    return view(batch, u.relation(state), columns, UNITS)


def _tables(delivery: Delivery) -> set[str]:
    return {tool_table(n)[0] for n in delivery.names if claims(n)}


def _text(column: tuple[str, str]) -> str:
    return column[0] if column[1] == "VARCHAR" else f"CAST({column[0]} AS VARCHAR)"


def _utc(column: tuple[str, str]) -> tuple[str, str]:
    """A time without a zone is UTC."""
    value, kind = column
    if kind.startswith("TIMESTAMP") and not kind.startswith(("TIMESTAMP WITH", "TIMESTAMPTZ")):
        return f"timezone('UTC', CAST({value} AS TIMESTAMP))", "TIMESTAMP WITH TIME ZONE"
    if kind == "VARCHAR":
        return f"CASE WHEN regexp_full_match(trim({value}), '{NAIVE}') THEN trim({value}) || 'Z' ELSE {value} END", kind
    return column
