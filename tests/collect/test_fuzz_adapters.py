"""Bent exports of every tool: refused in one sentence, or every row is accounted for and no bad one is loaded."""

import contextlib
import faulthandler
import gzip
import io
import json
import math
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import knowpay
import pandas as pd
import pytest
from adapter_exports import GA4, GA4_USER, IDENTIFY, PROFILE, SEGMENT, SENSORS, changed, write
from collect_exports import frames
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from knowpay.collect import ExportError
from knowpay.collect.dataset import Dataset
from knowpay.collect.schema import TABLES

FATES = ["loaded", "duplicate", "superseded", "quarantined"]
EXTRACTED = pd.Timestamp("2026-01-01T06:00:00+08:00")  # of the manifest
BOUNDED = settings(
    max_examples=5,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
JUNK = (
    "", " ", None, "NULL", "nan", "None", True, 0, -1, 3.0, 1e300, 2**53 + 1, 2**63, 2**70, -(2**64), 1e-320, "1e999",
    math.inf, math.nan, "2025-02-30", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z", "2025-03-03 00:30", "1740961800",
    "soon", "a\x00b", "\x00", "𝔘𝔫𝔦 \u202e\ufeff", "\ud800", "x" * 3000, "'; DROP TABLE stage; --", '"', "{", "[1,",
    "$", "a,b\nc", "\r", [], {}, [[]], {"a": {"b": [None]}}, [{"key": 1}], {"list": 3}, {"list": [{"element": 1}]},
)  # fmt: skip


# --- bending ----------------------------------------------------------------------------------------------------


def places(value: object, at: tuple = ()) -> Iterator[tuple]:
    """All places in a nested row."""
    if at:
        yield at
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*at, key))


def bend(row: dict, draw) -> dict:
    """A copy of the row with one or two of its places dropped, renamed or filled with junk."""
    row = json.loads(json.dumps(row))
    for _ in range(draw(st.integers(1, 2))):
        *path, last = draw(st.sampled_from(sorted(places(row), key=str)))
        inner = row
        for key in path:
            inner = inner[key]
        how = draw(st.sampled_from(["fill", "fill", "fill", "drop", "rename"]))
        if how == "fill" or isinstance(inner, list):
            inner[last] = draw(st.sampled_from(JUNK))
        else:
            value = inner.pop(last)
            if how == "rename":
                inner[draw(st.sampled_from([last.upper(), f"{last}_", "x" + last, '"', "*", "", "键"]))] = value
        if not row:
            break
    return row


LINE = {
    "as it is": lambda t: t,
    "truncated": lambda t: t[: len(t) // 2],
    "no end": lambda t: t[:-1],
    "twice": lambda t: t + t,
    "key twice": lambda t: t.replace("{", '{"event": 1, "user_id": [], "event": "again", ', 1),
    "comma": lambda t: t[:-1] + ",}",
    "quotes": lambda t: t.replace('"', "'"),
    "control": lambda t: t.replace(" ", "\x01", 1),
    "zero": lambda t: t.replace(" ", "\x00", 1),
    "tab": lambda t: t.replace(": ", ":\t"),
    "number": lambda t: "17",
    "list": lambda t: f"[{t}]",
    "deep": lambda t: t[:-1] + ', "deep": ' + "[" * 900 + "]" * 900 + "}",
    "raw surrogate": lambda t: t[:-1] + ', "s": "\\ud83d"}',
}
FILE = {
    "plain": lambda b: b,
    "crlf": lambda b: b.replace(b"\n", b"\r\n"),
    "cr": lambda b: b.replace(b"\n", b"\r"),
    "mark": lambda b: b"\xef\xbb\xbf" + b,
    "no end": lambda b: b.rstrip(b"\n"),
    "blank lines": lambda b: b.replace(b"\n", b"\n\n \n"),
    "latin": lambda b: b + "é".encode("latin-1"),
    "utf-16": lambda b: b.decode("utf-8", "replace").encode("utf-16"),
    "half": lambda b: b[: len(b) // 2],
    "empty": lambda b: b"",
    "list": lambda b: b"[" + b,
}


@st.composite
def json_lines(draw, kinds: list[dict]) -> tuple[bytes, list[dict]]:
    """(a file of lines, the rows in it that are as they should be)."""
    good, lines = [], []
    for i in range(draw(st.integers(1, 12))):
        row = numbered(draw(st.sampled_from(kinds)), i)
        if draw(st.booleans()):
            good.append(row)
            lines.append(json.dumps(row))
        else:
            lines.append(LINE[draw(st.sampled_from(sorted(LINE)))](json.dumps(bend(row, draw))))
    text = "\n".join(lines) + "\n"
    how = draw(st.sampled_from(sorted(FILE)))
    data = FILE[how](text.encode("utf-8", "surrogatepass"))
    return data, good if how not in ("half", "empty", "cr", "latin") else []


def numbered(row: dict, i: int) -> dict:
    """A copy of a row that is about the i-th user, under the i-th message id."""
    text = json.dumps(row).replace('"u1"', f'"u{i}"').replace('"m1"', f'"m{i}"')
    return json.loads(text)


@st.composite
def table(draw, frame: pd.DataFrame, parquet: bool) -> bytes:
    """A CSV or Parquet file of a frame, bent in rows, columns and text."""
    frame = pd.concat([frame] * draw(st.integers(1, 6)), ignore_index=True).astype(object)
    for _ in range(draw(st.integers(0, 4))):
        row, column = draw(st.integers(0, len(frame) - 1)), draw(st.integers(0, frame.shape[1] - 1))
        frame.iat[row, column] = draw(st.sampled_from([j for j in JUNK if not isinstance(j, (list, dict))]))
    column = draw(st.sampled_from(list(frame.columns)))
    how = draw(st.sampled_from(["as it is", "as it is", "drop", "rename", "retype", "upper"]))
    if how == "drop":
        frame = frame.drop(columns=column)
    elif how == "rename":
        name = draw(st.sampled_from(["", '"', "x;y", "file_row_number", "source_row", "_knowpay_doc", "line", "键"]))
        frame = frame.rename(columns={column: name})
    elif how == "upper":
        frame = frame.rename(columns=str.upper)
    elif how == "retype":
        kinds = [
            True,
            7,
            2.5,
            pd.Timestamp("2025-03-03"),
            b"\xff",
            {"a": [1]},
            None,
            pd.Timestamp("2025-03-03", tz="UTC"),
        ]
        frame[column] = [draw(st.sampled_from(kinds))] * len(frame)
    if parquet:
        texts = {
            c: frame[c].map(lambda v: v if v is None else str(v).encode("utf-8", "replace").decode()) for c in frame
        }
        kept = {column: frame[column]} if how == "retype" and column in frame else {}
        file = io.BytesIO()
        pd.DataFrame(texts | kept).to_parquet(file)
        data = file.getvalue()
        return data if draw(st.integers(0, 5)) else data[: len(data) // 2]
    text = frame.to_csv(index=False, sep=draw(st.sampled_from([",", ";", "\t"])))
    how = draw(st.sampled_from(["as it is", "as it is", "quote", "ragged", "header twice"]))
    if how == "quote":
        text = text.replace("u1", 'u"1', 1)
    elif how == "ragged":
        text = text.replace("\n", "\nonly one field\n", 1)
    elif how == "header twice":
        text = text.split("\n", 1)[0] + "\n" + text
    return FILE[draw(st.sampled_from(sorted(FILE)))](text.encode("utf-8", "replace"))


# --- what must hold ---------------------------------------------------------------------------------------------


def opened(tool: str, files: dict[str, object], **manifest: object) -> Dataset | None:
    """Open the export; None when it is refused in one sentence. Whatever hangs ends the run."""
    folder = Path(tempfile.mkdtemp(dir=FOLDER.name))
    faulthandler.dump_traceback_later(120, exit=True)
    try:
        write(folder / "export", tool, files | {"courses.csv": frames()["courses"]}, **manifest)
        return knowpay.open(folder / "export", cache=folder / "cache")
    except ExportError as error:
        said = str(error)
        assert said and "\n" not in said and said.endswith((".", ")")) and len(said) < 1500
        return None
    finally:
        faulthandler.cancel_dump_traceback_later()


FOLDER = tempfile.TemporaryDirectory()


def hold(ds: Dataset) -> int:
    """Conservation of every file, and no loaded row that breaks a rule; return the rows of the bent files."""
    batches = ds.report.batches
    assert (batches["rows_in"] == batches[FATES].sum(axis=1)).all()
    for name in ("users", "courses", "events", "orders"):
        frame = getattr(ds, name).to_pandas()
        assert len(frame) == batches.loc[batches["table"] == name, "loaded"].sum()
        assert not broken(name, frame)
    waiting = ds.quarantine.to_pandas()
    held = waiting.groupby(["table", "source_file"])["source_row"].nunique()
    expected = batches[batches["quarantined"] > 0].set_index(["table", "file"])["quarantined"]
    assert held.to_dict() == expected.to_dict()
    assert waiting["message"].str.len().min() > 10 if len(waiting) else True
    for text in waiting["raw_json"]:
        json.loads(text, strict=False)
    return int(batches.loc[batches["file"] != "courses.csv", "rows_in"].sum())


def broken(name: str, frame: pd.DataFrame) -> list[str]:
    """The rules of the schema that a loaded table breaks, worked out in pandas from the declaration."""
    said, spec = [], TABLES[name]
    if frame.duplicated(list(spec.key)).any():
        said.append("key twice")
    for c in spec.columns:
        values = frame[c.name].dropna()
        if c.required and len(values) < len(frame):
            said.append(f"{c.name} missing")
        if c.type in ("str", "json") and values.map(lambda v: not isinstance(v, str) or not v.strip()).any():
            said.append(f"{c.name} is no text")
        if c.enum and not values.isin(c.enum).all():
            said.append(f"{c.name} not allowed")
        if c.type in ("int", "float", "dec") and len(values):
            low, high = (math.inf if b is None else b for b in (c.minimum, c.maximum))
            low = -math.inf if c.minimum is None else low
            if not (values.between(low, high) & (values.abs() < math.inf)).all():
                said.append(f"{c.name} out of range")
        if c.type == "ts" and len(values):
            late = pd.Timestamp("2200-01-01", tz="UTC") if c.future else EXTRACTED
            if not values.between(pd.Timestamp("1990-01-01", tz="UTC"), late).all():
                said.append(f"{c.name} out of time")
        if c.type == "json" and not values.map(lambda v: isinstance(json.loads(v, strict=False), dict)).all():
            said.append(f"{c.name} is no object")
        if c.name == "currency" and not (values == "CNY").all():
            said.append("currency differs")
    if name == "events":
        course = (
            r"product_(viewed|added|added_to_wishlist|shared)|lesson_(started|progressed|completed)|course_completed"
        )
        about = frame["event"].str.fullmatch(course)
        if (frame["user_id"].isna() & frame["anonymous_id"].isna()).any() or frame.loc[
            about, "product_id"
        ].isna().any():
            said.append("nobody, or nothing")
    return said


def count_lines(data: bytes) -> int:
    """How many lines hold text."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    return sum(bool(line.strip(" \t")) for line in re.split(r"[\r\n]", text))


def rows_in(ds: Dataset, *tables_: str, file: str) -> int:
    """The rows that a file brought to some tables."""
    b = ds.report.batches
    return int(b.loc[b["table"].isin(tables_) & (b["file"] == file), "rows_in"].sum())


# --- the tools --------------------------------------------------------------------------------------------------

ORDER = {"order_id": "o1", "total": 99.5, "product_id": "c1"}
IDENTIFIED = changed(IDENTIFY, traits=IDENTIFY["traits"] | {"consent_marketing": "granted", "address": {"city": "x"}})
KINDS = {
    "segment": [SEGMENT, IDENTIFIED, changed(SEGMENT, event="Order Completed", properties=ORDER)],
    "ga4": [
        GA4,
        changed(GA4, event_name="sign_up", user_properties=GA4_USER["user_properties"], geo={"city": "x"}),
        changed(GA4, event_name="purchase", ecommerce={"transaction_id": "o1", "purchase_revenue": 99.5}),
    ],
    "sensors": [
        SENSORS,
        PROFILE,
        changed(PROFILE, type="profile_unset"),
        changed(PROFILE, type="profile_set_once"),
        changed(SENSORS, type="track_signup", event="$SignUp", original_id="a9"),
        changed(SENSORS, event="PayOrder", properties=ORDER),
    ],
}
GOOD_EVENTS = {  # rows that must be loaded whatever happens to their neighbours
    "segment": lambda row: row["type"] == "track" and row["event"] == "Product Viewed",
    "ga4": lambda row: row["event_name"] == "view_item",
    "sensors": lambda row: row["type"] == "track" and row["event"] == "ViewProduct",
}


def check_lines(tool: str, data: bytes, good: list[dict], own: str | None = None) -> None:
    """Open one file of lines and hold everything that must hold."""
    declared = {"business_user_id_column": own} if own else {}
    ds = opened(tool, {"events_20250303.jsonl": data}, **declared)
    if ds is None:
        assert own or not good or data.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"[") or not utf8(data)
        return
    hold(ds)
    tables_ = ("events",) if tool == "ga4" else ("events", "users")
    assert rows_in(ds, *tables_, file="events_20250303.jsonl") == count_lines(data)
    if not own:
        loaded = ds.events.to_pandas().set_index("message_id")["user_id"]
        for row in filter(GOOD_EVENTS[tool], good):
            message = message_of(row)
            assert loaded[message] == message.replace("m", "u")


def utf8(data: bytes) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        return bool(data.decode("utf-8")) or True
    return False


def message_of(row: dict) -> str:
    """The message id of an event."""
    if "event_params" in row:
        return next(p["value"]["string_value"] for p in row["event_params"] if p["key"] == "message_id")
    return row.get("messageId") or row["properties"]["message_id"]


@pytest.mark.parametrize("tool", KINDS)
def test_bent_lines(tool):
    @BOUNDED
    @given(st.data())
    def run(data):
        check_lines(tool, *data.draw(json_lines(KINDS[tool])))

    run()


def test_odd_names_of_the_user_column():
    @settings(BOUNDED, max_examples=4)
    @given(
        st.sampled_from(sorted(KINDS)),
        st.sampled_from(["a.b", "*", "a'b", 'a"b', "$.x", "键", "message_id", "properties"]),
    )
    @example("segment", "[0]")
    def run(tool, own):
        rows = [numbered(KINDS[tool][0], i) for i in range(2)]
        check_lines(tool, "".join(json.dumps(r) + "\n" for r in rows).encode(), [], own)

    run()


WAREHOUSE = pd.DataFrame(
    {
        "id": ["m1", "m2"], "event": ["product_viewed", "order_completed"], "event_text": ["Product Viewed", None],
        "user_id": ["u1", "u2"], "anonymous_id": ["a1", None], "product_id": ["c1", "c2"], "order_id": [None, "o1"],
        "timestamp": ["2025-03-03 00:30:00", "2025-03-03T01:00:00Z"], "total": [None, "99.5"],
        "context_page_path": ["/a?b", None], "products": [None, '[{"product_id": "c1"}]'],
    }
)  # fmt: skip
PEOPLE = pd.DataFrame({"id": ["u1"], "user_id": ["u1"], "created_at": ["2025-03-01 00:00:00"], "gender": ["female"]})
PAID = pd.DataFrame([["o1", "u1", "2025/3/3 00:30", "已支付", "9950", "c1"]])
PAID.columns = ["订单号", "会员号", "时间", "状态", "实付", "商品"]
OURS = ["order_id", "user_id", "timestamp", "status", "total", "product_id"]
PAID_AS = {
    "table": "orders",
    "columns": dict(zip(OURS, PAID.columns, strict=True)),
    "values": {"status": {"已支付": "paid"}},
}
MAPPING = {"orders_*": PAID_AS | {"money_unit": "fen", "timezone": "UTC"}}
CATALOGUE = pd.DataFrame(
    {
        "course_id": [7, 8], "course_title": ["a", "b"], "price": ["Free", "20"], "num_lectures": [3, 4],
        "level": ["All Levels", "x"], "content_duration": [1.5, 2.0], "subject": ["x", "y"],
        "published_timestamp": ["2017-01-18T20:58:58Z", "2017-01-18T20:58:58Z"],
    }
)  # fmt: skip
FRAMES = {  # tool: (name of the file, frame, other files)
    "segment_warehouse": [
        ("tracks", WAREHOUSE), ("order_completed", WAREHOUSE), ("users", PEOPLE), ("identifies", PEOPLE),
    ],
    "mapped": [("orders_1", PAID)],
    "udemy": [("udemy_courses", CATALOGUE)],
    "sensors": [("users", PEOPLE.rename(columns={"id": "second_id", "user_id": "first_id"}))],
}  # fmt: skip


@pytest.mark.parametrize("tool", FRAMES)
def test_bent_tables(tool):
    held = []

    @BOUNDED
    @given(st.data())
    def run(data):
        name, frame = data.draw(st.sampled_from(FRAMES[tool]))
        parquet = data.draw(st.booleans())
        content = data.draw(table(frame, parquet))
        ending = "parquet" if parquet else "csv.gz" if data.draw(st.booleans()) else "csv"
        files = {f"{name}.{ending}": gzip.compress(content) if ending == "csv.gz" else content}
        ds = opened(tool, files | ({"mapping.yml": MAPPING} if tool == "mapped" else {}))
        if ds is not None:
            held.append(hold(ds))

    run()
    assert sum(held) > 0, "all were refused: nothing was held"


def test_bent_mappings():
    held = []

    @settings(BOUNDED, max_examples=15)  # most are refused, which is soon said
    @given(st.data())
    def run(data):
        mapping = bend(MAPPING, data.draw)
        ds = opened("mapped", {"orders_1.csv": PAID, "mapping.yml": mapping})
        if ds is not None:
            held.append(hold(ds))

    run()
    assert sum(held) > 0, "all were refused: nothing was held"
