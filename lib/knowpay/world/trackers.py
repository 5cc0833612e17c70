"""Trackers: the same clean days as tools would export them: Segment, GA4 in BigQuery, Sensors (神策), plain files.

The tools differ in names, units of time and money, nesting and in what they call a user id; what happened is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from pyarrow import csv

from . import behaviour, export
from . import settings as s
from .columns import labels, numbered
from .company import Company, device_ids, found
from .learning import DONE
from .people import DEVICES

SEGMENT = {
    "page_viewed": "Page Viewed", "signed_up": "Signed Up", "logged_in": "Logged In",
    "product_list_viewed": "Product List Viewed", "products_searched": "Products Searched",
    "product_viewed": "Product Viewed", "product_added": "Product Added", "checkout_started": "Checkout Started",
    "order_completed": "Order Completed", "order_refunded": "Order Refunded",
    "trial_started": "Trial Started", "lesson_started": "Lesson Started",
    "lesson_completed": "Lesson Completed", "course_completed": "Course Completed", "product_shared": "Product Shared",
}  # fmt: skip
GA4 = {
    "page_viewed": "page_view", "signed_up": "sign_up", "logged_in": "login", "product_list_viewed": "view_item_list",
    "products_searched": "search", "product_viewed": "view_item", "product_added": "add_to_cart",
    "checkout_started": "begin_checkout", "order_completed": "purchase", "order_refunded": "refund",
    "trial_started": "trial_started",
    "lesson_started": "lesson_started", "lesson_completed": "lesson_completed", "course_completed": "course_completed",
    "product_shared": "share",
}  # fmt: skip
SENSORS = {
    "page_viewed": "$pageview", "signed_up": "$SignUp", "logged_in": "Login", "product_list_viewed": "ViewList",
    "products_searched": "Search", "product_viewed": "ViewProduct", "product_added": "AddToCart",
    "checkout_started": "SubmitOrder", "order_completed": "PayOrder", "order_refunded": "RefundOrder",
    "trial_started": "StartTrial",
    "lesson_started": "StartLesson", "lesson_completed": "FinishLesson", "course_completed": "FinishCourse",
    "product_shared": "ShareProduct",
}  # fmt: skip


OWN_NAMES = {theirs: ours for ours, theirs in SENSORS.items() if not theirs.startswith("$")}
# The columns that a company without a tracker exports under names of its own.
MAPPED = {
    "users": {"user_id": "会员号", "created_at": "注册时间", "channel": "渠道", "province": "省份"},
    "courses": {"product_id": "商品编号", "name": "商品名称", "price": "标价", "published_at": "上架时间"},
    "events": {
        "message_id": "日志号", "event": "行为", "timestamp": "发生时间", "user_id": "会员号", "product_id": "商品编号",
    },
    "orders": {
        "order_id": "订单号", "user_id": "会员号", "timestamp": "支付时间", "status": "状态", "product_id": "商品编号",
        "total": "实付金额", "refund_total": "退款金额", "refunded_at": "退款时间",
    },
}  # fmt: skip
VALUES = {
    "users": {
        "channel": {"paid_search": "搜索推广", "paid_social": "信息流", "referral": "老带新", "organic": "自然流量"}
    },
    "orders": {"status": {"paid": "已支付", "refunded": "已退款"}},
}
SENSORS_USERS = {
    "country": "$country", "province": "$province", "device_os": "$os", "utm_source": "$utm_source",
}  # fmt: skip


@dataclass(frozen=True)
class Days:
    """What happened on some days: the manifest's declarations and the tables users, courses, events and orders.

    Users are those of the events and orders and whoever invited them. An event that completes an order carries
    ``order_id``, ``total`` (yuan) and ``currency`` beside the canonical columns.
    """

    manifest: dict
    tables: dict[str, pa.Table]


def days(size: str, seed: int, first: str, number: int, **knobs: float) -> Days:
    """Return the clean records of ``number`` days from ``first``, a date in the company's time zone.

    Raises ValueError for an unknown size or knob, or days outside the records.
    """
    start = _start(first, number)
    company = found(size, seed, **knobs)
    rows, paid = plain(company, start, number), []
    for block in company.blocks():
        orders = block.orders.assign(number=np.arange(len(block.orders)), has_id=True, coupon="")
        orders = orders.assign(label=orders["order_type"])
        orders = orders[(orders["time"] >= start) & (orders["time"] < start + number * s.DAY)]
        paid.append(export.orders_table(company, block, orders.reset_index(drop=True)))
    orders = pa.concat_tables(paid, promote_options="permissive").sort_by([("timestamp", "ascending")])
    bought = orders.select(["order_id", "user_id", "product_id", "total"]).to_pandas()
    bought["ms"] = orders["timestamp"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
    bought = bought.drop_duplicates(["user_id", "product_id", "ms"]).assign(event="order_completed")
    rows = rows.merge(bought, "left", ["event", "user_id", "product_id", "ms"])

    users = export.users_table(company)
    wanted = new = set(rows["user_id"].dropna()) | set(orders["user_id"].to_pylist())
    inviter = dict(zip(users["user_id"].to_pylist(), users["referrer_user_id"].to_pylist(), strict=True))
    while new := {inviter[u] for u in new} - wanted - {None}:
        wanted = wanted | new
    window = [s.START + pd.Timedelta(seconds=start), s.START + pd.Timedelta(seconds=start + number * s.DAY)]
    declared = {"observation_start": window[0].isoformat(), "observation_end": window[1].isoformat()}
    tables = {
        "users": users.filter(pc.is_in(users["user_id"], pa.array(sorted(wanted)))),
        "courses": export.courses_table(company),
        "events": _events_table(rows),
        "orders": orders,
    }
    return Days(export.manifest(company) | declared, tables)


def _events_table(rows: pd.DataFrame) -> pa.Table:
    bought = rows["order_id"].notna().to_numpy()
    return pa.table(
        {
            "message_id": numbered("m", np.arange(len(rows)), 8),
            "event": pa.array(rows["event"], pa.string()),
            "timestamp": pa.array(rows["ms"].to_numpy() * 1000).cast(pa.timestamp("us", tz="UTC")),
            **{n: pa.array(rows[n], pa.string()) for n in ("user_id", "anonymous_id", "product_id", "lesson_id")},
            "progress": pa.array(rows["progress"].to_numpy(), from_pandas=True),
            "platform": pa.array(rows["platform"], pa.string()),
            "order_id": pa.array(rows["order_id"], pa.string()),
            "total": pa.array(rows["total"], from_pandas=True),
            "currency": pa.array(np.full(len(rows), "CNY", dtype=object), pa.string(), mask=~bought),
        }
    )


def write_export(form: str, records: Days, folder: Path, message_ids: bool = True, orders: bool = True) -> None:
    """Write the days as a complete export of one of `FORMS`.

    Without ``message_ids`` events are exported as by tools that have none (Segment always does). Without
    ``orders`` the payment system's table stays out and the purchases among the events carry total and currency.
    Same records, same bytes. Raises ValueError for an unknown form.
    """
    if form not in FORMS:
        raise ValueError(f"There is no form {form!r}. Possible are {', '.join(FORMS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    tables = dict(records.tables)
    leave_out = ["total", "currency"] if orders else []
    if not message_ids and not form.startswith("segment"):
        leave_out.append("message_id")
    tables["events"] = tables["events"].drop_columns(leave_out)
    manifest = records.manifest | FORMS[form](tables if orders else tables | {"orders": None}, folder)
    (folder / "manifest.yml").write_text(
        yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )


def _canonical(tables: dict[str, pa.Table | None], folder: Path, names: Iterable[str] = ()) -> dict:
    for name in names or tables:
        if tables[name] is not None:
            pq.write_table(tables[name], folder / f"{name}.parquet")
    return {}


def _segment(tables: dict[str, pa.Table | None], folder: Path) -> dict:
    identified = (
        present(
            messageId=f"identify-{row['user_id']}", type="identify", userId=row["user_id"],
            timestamp=iso(row["created_at"]), traits=present(**{k: iso(v) for k, v in row.items() if k != "user_id"}),
        )
        for row in tables["users"].to_pylist()
    )  # fmt: skip
    write_lines(folder / "calls.jsonl", [*identified, *as_segment(as_rows(tables["events"]))])
    _canonical(tables, folder, ("courses", "orders"))
    return {"source_format": "segment"}


def _segment_warehouse(tables: dict[str, pa.Table | None], folder: Path) -> dict:
    """Tables as CSV and, for the events, Parquet; times without a zone, which are UTC."""
    users, events = tables["users"], tables["events"]
    users = users.set_column(1, "created_at", pc.strftime(users["created_at"], "%Y-%m-%d %H:%M:%S", "C"))
    csv.write_csv(flat(users.rename_columns({"user_id": "id"})), folder / "users.csv")
    events = events.set_column(2, "timestamp", events["timestamp"].cast(pa.timestamp("us")))
    events = events.rename_columns({"message_id": "id"})
    pages = pc.equal(events["event"], "page_viewed")
    tracks = events.filter(pc.invert(pages))
    for name in sorted(set(tracks["event"].to_pylist())):
        _filled(tracks.filter(pc.equal(tracks["event"], name)), folder / f"{name}.parquet")
    _filled(events.filter(pages).drop_columns("event"), folder / "pages.parquet")
    told = pa.array([SEGMENT[event] for event in tracks["event"].to_pylist()])
    tracks = tracks.select(["id", "event", "user_id", "anonymous_id", "timestamp"]).append_column("event_text", told)
    tracks = tracks.set_column(4, "timestamp", pc.strftime(tracks["timestamp"], "%Y-%m-%d %H:%M:%S", "C"))
    csv.write_csv(flat(tracks), folder / "tracks.csv")
    _canonical(tables, folder, ("courses", "orders"))
    return {"source_format": "segment_warehouse"}


def _filled(table: pa.Table, path: Path) -> None:
    """Write the columns that hold something: in a warehouse a column appears with its first value."""
    pq.write_table(table.select([c for c in table.column_names if table[c].null_count < len(table)]), path)


def _ga4(tables: dict[str, pa.Table | None], folder: Path, parquet: bool = False) -> dict:
    lines = list(as_ga4(as_rows(tables["events"])))
    properties = (
        (row["user_id"], {k: iso(v) for k, v in row.items() if k != "user_id" and v is not None})
        for row in tables["users"].to_pylist()
    )
    users = [{"user_id": user, "user_properties": parameters(own)} for user, own in properties]
    for day in sorted({line["event_date"] for line in lines}):
        some = [line for line in lines if line["event_date"] == day]
        if parquet:
            pq.write_table(pa.Table.from_pylist(some, GA4_SCHEMA), folder / f"events_{day}.parquet")
        else:  # BigQuery writes whole numbers as text into JSON
            some = [line | {"event_timestamp": str(line["event_timestamp"])} for line in some]
            write_lines(folder / f"events_{day}.jsonl", some)
    write_lines(folder / f"users_{day}.jsonl", users)
    _canonical(tables, folder, ("courses", "orders"))
    return {"source_format": "ga4"}


def _ga4_parquet(tables: dict[str, pa.Table | None], folder: Path) -> dict:
    return _ga4(tables, folder, parquet=True)


def _sensors(tables: dict[str, pa.Table | None], folder: Path) -> dict:
    write_lines(folder / "events.jsonl", as_sensors(as_rows(tables["events"])))
    users = (
        present(
            id=-(number * 7919 % 1_000_003), second_id=row["user_id"],
            created_at=f"{row['created_at'].astimezone(s.START.tz):%Y-%m-%d %H:%M:%S.%f}",
            **{SENSORS_USERS.get(k, k): v for k, v in row.items() if k not in ("user_id", "created_at")},
        )
        for number, row in enumerate(tables["users"].to_pylist())
    )  # fmt: skip
    write_lines(folder / "users.jsonl", users)
    _canonical(tables, folder, ("courses", "orders"))
    return {"source_format": "sensors", "business_user_id_column": "login_id", "event_names": OWN_NAMES}


def _mapped(tables: dict[str, pa.Table | None], folder: Path) -> dict:
    """CSV files under Chinese names, milliseconds and fen, and the mapping that says so."""
    mapping = {}
    for name, table in tables.items():
        if table is None:
            continue
        names = {ours: theirs for ours, theirs in MAPPED[name].items() if ours in table.column_names}
        values = VALUES.get(name, {})
        for column, words in values.items():
            told = pa.array([words.get(v, v) for v in table[column].to_pylist()], pa.string())
            table = table.set_column(table.column_names.index(column), column, told)
        csv.write_csv(flat(table).rename_columns(names), folder / f"{name}_导出.csv")
        mapping[f"{name}_*.csv"] = {
            "table": name, "columns": names, "timestamp_unit": "ms", "money_unit": "fen",
            "values": {c: {theirs: ours for ours, theirs in words.items()} for c, words in values.items()},
        }  # fmt: skip
    text = yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True)
    (folder / "mapping.yml").write_text(text, encoding="utf-8")
    return {"source_format": "mapped"}


FORMS = {
    "canonical": _canonical,
    "segment": _segment,
    "segment_warehouse": _segment_warehouse,
    "ga4": _ga4,
    "ga4_parquet": _ga4_parquet,
    "sensors": _sensors,
    "mapped": _mapped,
}


def flat(table: pa.Table) -> pa.Table:
    """Return the table as a CSV file holds it: text, numbers, times in milliseconds UTC and money in fen."""
    columns = []
    for column in table.columns:
        if pa.types.is_decimal(column.type):
            column = pc.multiply(column, 100).cast(pa.int64())
        elif pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("ms", column.type.tz)).cast(pa.int64())
        elif pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        columns.append(column)
    return pa.table(columns, table.column_names)


def as_rows(events: pa.Table) -> pd.DataFrame:
    """Return the events as the writers of lines read them: with their number and the time in milliseconds."""
    rows = events.to_pandas()
    ms = rows.pop("timestamp").astype("datetime64[ms, UTC]").astype(np.int64)
    return rows.assign(number=np.arange(len(rows)), ms=ms)


def iso(value: object) -> object:
    """Return a time as ISO 8601 text, and anything else as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def write_lines(path: Path, lines: Iterable[dict]) -> None:
    """Write one JSON object per line."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _start(first: str, number: int) -> float:
    """Return the beginning of the days in seconds since START, or refuse days outside the records."""
    start = s.seconds(first)
    if not (start >= 0 and number > 0 and start + number * s.DAY <= s.DAYS * s.DAY):
        raise ValueError(
            f"The records run from {s.START.date()} for {s.DAYS} days; {first} and {number} days lie outside."
        )
    return start


def during(events: dict[str, np.ndarray], start: float, days: int) -> pd.DataFrame:
    """Return the events of some days, from ``start`` in seconds."""
    inside = (events["time"] >= start) & (events["time"] < start + days * s.DAY)
    return pd.DataFrame({name: values[inside] for name, values in events.items()})


def plain(company: Company, start: float, days: int) -> pd.DataFrame:
    """Return the events of some days with ids as text and times in milliseconds: the common source of all exports."""
    events = pd.concat([during(block.events, start, days) for block in company.blocks()], ignore_index=True)
    events = events.sort_values(["time", "user", "event"], kind="stable", ignore_index=True)
    user = events["user"].to_numpy()
    known = events["logged_in"].to_numpy() | (events["event"] == behaviour.CODE["signed_up"]).to_numpy()
    device = np.where(events["second"], DEVICES.index("web"), company.users["device"].to_numpy()[user])
    lesson = events["lesson"].to_numpy()
    return pd.DataFrame(
        {
            "event": np.array(behaviour.EVENTS)[events["event"]],
            "ms": np.rint(events["time"].to_numpy() * 1000).astype(np.int64) + s.START.value // 1_000_000,
            "user_id": labels(np.where(known, user, -1), company.user_ids).to_pylist(),
            "anonymous_id": device_ids(2 * user + events["second"].to_numpy()).to_pylist(),
            "product_id": labels(events["course"], company.product_ids).to_pylist(),
            "lesson_id": numbered("l", np.maximum(lesson, 0), 3, lesson <= 0).to_pylist(),
            "progress": np.where(events["event"] == behaviour.CODE["course_completed"], DONE, np.nan),
            "platform": np.array(DEVICES)[device],
        }
    )


def present(**fields: object) -> dict[str, object]:
    """Return the fields that have a value (not None, not nan): trackers leave the others out."""
    return {name: value for name, value in fields.items() if value is not None and value == value}


ORDER = ("order_id", "total", "currency")


def said(row: tuple, *names: str) -> dict[str, object]:
    """Return those fields of a row that it has, and that have a value."""
    found = {name: getattr(row, name, None) for name in names}
    return present(**{name: float(v) if name == "total" and v is not None else v for name, v in found.items()})


def as_segment(rows: pd.DataFrame) -> Iterator[dict]:
    """Yield Segment track calls: ISO times in UTC, properties nested."""
    times = pd.to_datetime(rows["ms"], unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"
    for row, time in zip(rows.itertuples(), times, strict=True):
        yield present(
            messageId=row.message_id, type="track", event=SEGMENT[row.event],
            userId=row.user_id, anonymousId=row.anonymous_id, timestamp=time,
            properties=said(row, "product_id", "lesson_id", "progress", "platform", *ORDER),
        )  # fmt: skip


def parameters(values: dict[str, object]) -> list[dict]:
    """Return GA4's list of key-value pairs."""
    kinds = {bool: "string_value", str: "string_value", int: "int_value", float: "double_value"}
    words = {key: str(v).lower() if isinstance(v, bool) else v for key, v in values.items()}
    return [{"key": key, "value": {kinds[type(v)]: v}} for key, v in words.items()]


GA4_PAIRS = pa.list_(
    pa.struct(
        {
            "key": pa.string(),
            "value": pa.struct({"string_value": pa.string(), "int_value": pa.int64(), "double_value": pa.float64()}),
        }
    )
)
GA4_SCHEMA = pa.schema(
    {
        "event_date": pa.string(),
        "event_timestamp": pa.int64(),
        "event_name": pa.string(),
        "user_id": pa.string(),
        "user_pseudo_id": pa.string(),
        "event_params": GA4_PAIRS,
        "items": pa.list_(pa.struct({"item_id": pa.string()})),
        "batch_event_index": pa.int64(),
    }
)


def as_ga4(rows: pd.DataFrame) -> Iterator[dict]:
    """Yield GA4 rows of the BigQuery export: microseconds UTC, local event_date, parameters as key-value pairs."""
    date = pd.to_datetime(rows["ms"], unit="ms", utc=True).dt.tz_convert(s.TIMEZONE).dt.strftime("%Y%m%d")
    theirs = {"order_id": "transaction_id", "total": "value"}
    for row, day in zip(rows.itertuples(), date, strict=True):
        extra = said(row, "lesson_id", "progress", "platform", "message_id", *ORDER)
        yield present(
            event_date=day, event_timestamp=row.ms * 1000, event_name=GA4[row.event], user_id=row.user_id,
            user_pseudo_id=row.anonymous_id,
            event_params=parameters({theirs.get(k, k): v for k, v in extra.items()}),
            items=[{"item_id": row.product_id}] if isinstance(row.product_id, str) else [],
            batch_event_index=row.number,
        )  # fmt: skip


def as_sensors(rows: pd.DataFrame) -> Iterator[dict]:
    """Yield Sensors lines: milliseconds, the business id as login_id, an internal user_id of no use outside."""
    for row in rows.itertuples():
        known = isinstance(row.user_id, str)
        yield present(
            type="track", event=SENSORS[row.event], time=row.ms, distinct_id=row.user_id if known else row.anonymous_id,
            user_id=-(row.number * 7919 % 1_000_003), login_id=row.user_id, anonymous_id=row.anonymous_id,
            properties=said(row, "product_id", "lesson_id", "progress", "platform", "message_id", *ORDER),
            _track_id=row.number,
        )  # fmt: skip
