"""Each tool's export through its adapter: the same event and user, and what is particular to the tool."""

import gzip
import inspect
import json
from pathlib import Path

import pandas as pd
import pytest
from adapter_exports import GA4, GA4_USER, IDENTIFY, PROFILE, SEGMENT, SENSORS, changed, load, rows
from collect_exports import frames, report
from knowpay.collect import ExportError, adapters
from knowpay.collect.dataset import Dataset

EVENT = {
    "message_id": "m1", "event": "product_viewed", "timestamp": "2025-03-03T00:30:00.250000+00:00", "user_id": "u1",
    "anonymous_id": "a1", "product_id": "c1", "platform": "ios", "properties": '{"colour":"red"}',
}  # fmt: skip
USER = {"user_id": "u1", "created_at": "2025-03-01T00:00:00+00:00", "gender": "female"}
WAREHOUSE_EVENT = pd.DataFrame(
    {
        "id": ["m1"], "event": ["product_viewed"], "event_text": ["Product Viewed"], "user_id": ["u1"],
        "anonymous_id": ["a1"], "timestamp": pd.to_datetime(["2025-03-03T00:30:00.250"]), "product_id": ["c1"],
        "platform": ["ios"], "colour": ["red"], "context_ip": ["10.0.0.1"],
    }
)  # fmt: skip
WAREHOUSE_USER = "id,created_at,gender,study_group,email\nu1,2025-03-01 00:00:00,female,g1,a@b.example\n"
EXPORTS = {
    "segment": {"calls.jsonl": [SEGMENT, IDENTIFY]},
    "segment_warehouse": {"product_viewed.parquet": WAREHOUSE_EVENT, "users.csv": WAREHOUSE_USER},
    "ga4": {"events_20250303.jsonl": [GA4], "users_20250303.jsonl": [GA4_USER]},
    "sensors": {"events.jsonl": [SENSORS, PROFILE]},
}


def refused(folder: Path, tool: str, files: dict, **manifest: object) -> str:
    """The sentence with which an export is refused."""
    with pytest.raises(ExportError) as error:
        load(folder, tool, files, **manifest)
    return str(error.value)


def waiting(ds: Dataset) -> list[tuple]:
    """(table, row, rule, column) of everything in quarantine."""
    frame = ds.quarantine.to_pandas().sort_values(["table", "source_row", "rule", "column"])
    columns = ["table", "source_row", "rule", "column"]
    return [tuple(None if pd.isna(v) else v for v in row) for row in frame[columns].itertuples(index=False)]


@pytest.mark.parametrize("tool", adapters.FORMATS)
def test_every_adapter_has_the_same_functions_in_the_same_order(tool):
    module, form = adapters.FORMATS[tool], adapters.Adapter
    names = [name for name in vars(form) if not name.startswith("_")]
    own = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
    assert names == ["claims", "refuse", "views"] == own[:3]
    for name in names:
        given, asked = (list(inspect.signature(getattr(one, name)).parameters) for one in (module, form))
        assert given == asked[1:]


@pytest.mark.parametrize("tool", EXPORTS)
def test_all_tools_say_the_same(tool, tmp_path):
    ds = load(tmp_path, tool, EXPORTS[tool])
    assert rows(ds, "events") == [EVENT]
    (user,) = rows(ds, "users")
    assert USER.items() <= user.items()
    assert json.loads(user["properties"]) == {"study_group": "g1"}, "what names a person is not kept"


@pytest.mark.parametrize("tool", EXPORTS)
def test_unknown_formats_of_rows_wait_in_quarantine(tool, tmp_path):
    if tool == "segment_warehouse":
        files = {"tracks.csv": "id,event,user_id\nm1,,u1\n"}
    else:
        files = {"events_20250303.jsonl": [{"what": "is this"}, {}]}
    ds = load(tmp_path, tool, files)
    counts = report(ds, "events")
    assert counts["loaded"] == 0 and counts["quarantined"] == counts["rows_in"] > 0


@pytest.mark.parametrize(
    ("tool", "column"),
    [("sensors", "user_id"), ("sensors", "distinct_id"), ("ga4", "user_pseudo_id"), ("segment", "anonymousId")],
)
def test_an_id_that_is_not_the_business_one_is_refused(tool, column, tmp_path):
    said = refused(tmp_path, tool, EXPORTS[tool], business_user_id_column=column)
    assert column in said and "Declare business_user_id_column" in said


def test_event_names_must_be_a_table(tmp_path):
    assert "event_names is no table" in refused(tmp_path, "segment", EXPORTS["segment"], event_names="PayOrder")


# --- JSON lines -------------------------------------------------------------------------------------------------

LINES = [json.dumps(changed(SEGMENT, messageId=f"m{i}")) for i in range(3)]


@pytest.mark.parametrize(
    "content",
    ["\n".join(LINES), "\r\n".join(LINES) + "\r\n", "\ufeff" + "\n".join(LINES) + "\n", "\n\n".join(LINES) + "\n \n",
     f"{LINES[0]}\r\n{LINES[1]}\n{LINES[2]}\r", "\n".join(f"  {line}\t" for line in LINES)],
    ids=["no end", "crlf", "bom", "blank lines", "mixed ends", "blanks around"],
)  # fmt: skip
def test_lines_end_in_any_way(content, tmp_path):
    ds = load(tmp_path, "segment", {"calls.jsonl": content})
    assert [row["message_id"] for row in rows(ds, "events")] == ["m0", "m1", "m2"]


def test_compressed_lines_are_read(tmp_path):
    packed = gzip.compress("\n".join(LINES[:2]).encode()) + gzip.compress(f"\n{LINES[2]}".encode())
    assert len(rows(load(tmp_path, "segment", {"calls.jsonl.gz": packed}), "events")) == 3


@pytest.mark.parametrize("broken", ["{", '{"a": 1}}', "17", '"text"', '{"a": "\\ud800"}', "null", "{'a': 1}", "a\x00b"])
def test_a_line_that_is_no_object_waits_with_its_number(broken, tmp_path):
    ds = load(tmp_path, "segment", {"calls.jsonl": [LINES[0], broken, LINES[1]]})
    assert len(rows(ds, "events")) == 2
    assert [(row, rule) for _, row, rule, _ in waiting(ds)] == [(2, "broken_json")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"[{LINES[0]},\n{LINES[1]}]", "one JSON document"),
        (json.dumps(SEGMENT, indent=1), "one JSON document"),
        (LINES[0].encode().replace(b"ios", b"\xff\xfe"), "not UTF-8"),
        ("\n".join(LINES).encode("utf-16"), "not UTF-8"),
        (f'{{"a": "{"x" * 17_000_000}"}}', "cannot be read"),
    ],
    ids=["list", "indented", "latin", "utf-16", "long line"],
)
def test_a_file_that_is_no_json_lines_is_refused(content, words, tmp_path):
    said = refused(tmp_path, "segment", {"calls.jsonl": content})
    assert said.startswith("calls.jsonl") and words in said


def test_what_waits_is_kept_as_json_that_everybody_reads(tmp_path):
    """DuckDB forgives a comma too many; whoever reads the quarantine need not."""
    ds = load(tmp_path, "segment", {"calls.jsonl": ['{"type": "track", "extra": [1, 2,],}']})
    assert {json.loads(text)["type"] for text in ds.quarantine.to_pandas()["raw_json"]} == {"track"}


def test_a_damaged_compressed_file_is_refused(tmp_path):
    said = refused(tmp_path, "segment", {"calls.jsonl.gz": gzip.compress("\n".join(LINES).encode())[:-20]})
    assert said.startswith("calls.jsonl.gz cannot be read")


def test_an_empty_file_is_noted(tmp_path):
    ds = load(tmp_path, "segment", {"calls.jsonl": LINES, "more.jsonl": ""})
    assert any("more.jsonl is empty" in note for note in ds.report.notes)


def test_ids_keep_their_digits(tmp_path):
    """2**53 + 1 is no float, leading zeros are no number, and 123.0 was 123 before a tool made a number of it."""
    ids = [9007199254740993, "007", 123.0, "123.0", 12345678901234567890123]
    calls = [changed(SEGMENT, messageId=f"m{i}", userId=u) for i, u in enumerate(ids)]
    found = rows(load(tmp_path, "segment", {"calls.jsonl": calls}), "events")
    assert [row["user_id"] for row in found] == ["9007199254740993", "007", "123", "123.0", "12345678901234567890123"]


@pytest.mark.parametrize("blank", ["", "  ", "\r", "\t\t", " \n", "\u3000", "\u00a0", "null"])
def test_a_blank_id_is_none(blank, tmp_path):
    ds = load(tmp_path, "segment", {"calls.jsonl": [changed(SEGMENT, userId=blank, anonymousId=None)]})
    assert waiting(ds) == [("events", 1, "missing_value", "user_id")]


# --- message ids ------------------------------------------------------------------------------------------------


def without_id(tool: str) -> dict:
    """The event of the tool without a message id."""
    row = {"segment": SEGMENT, "ga4": GA4, "sensors": SENSORS}[tool]
    if tool == "ga4":
        return changed(row, event_params=row["event_params"][:2])
    properties = {k: v for k, v in row["properties"].items() if k != "message_id"}
    return changed(row, messageId=None, properties=properties)


OTHER = {
    "segment": {"timestamp": "2025-03-03T00:30:00.251Z"},
    "ga4": {"batch_event_index": "2"},
    "sensors": {"_track_id": 6},
}


@pytest.mark.parametrize("tool", OTHER)
def test_events_without_an_id_are_told_apart_by_what_they_say(tool, tmp_path):
    """The same event twice, in one file and in two, is one event; what differs in the tool's own number is another."""
    row = without_id(tool)
    files = {"events_1.jsonl": [row, row], "events_2.jsonl": [changed(row, **OTHER[tool]), row]}
    ds = load(tmp_path, tool, files)
    found = rows(ds, "events")
    assert len({row["message_id"] for row in found}) == len(found) == 2
    assert all(json.loads(row["properties"]) == {"colour": "red", "id_derived": True} for row in found)
    assert report(ds, "events")["duplicate"] == 2


# --- orders from purchases --------------------------------------------------------------------------------------

PAID = {"order_id": "o1", "total": 99.5, "product_id": "c1", "colour": "red"}
PURCHASES = {
    "segment": {"calls.jsonl": [changed(SEGMENT, event="Order Completed", properties=PAID)]},
    "segment_warehouse": {
        "order_completed.parquet": WAREHOUSE_EVENT.assign(event="order_completed", order_id="o1", total=99.5)
    },
    "ga4": {
        "events_20250303.jsonl": [
            changed(
                GA4,
                event_name="purchase",
                event_params=[
                    *GA4["event_params"],
                    {"key": "transaction_id", "value": {"string_value": "o1"}},
                    {"key": "value", "value": {"double_value": 99.5}},
                ],
            )
        ]
    },
    "sensors": {"events.jsonl": [changed(SENSORS, event="PayOrder", properties=PAID)]},
}


@pytest.mark.parametrize("tool", PURCHASES)
def test_a_purchase_is_an_order_when_no_other_table_has_them(tool, tmp_path):
    ds = load(tmp_path, tool, PURCHASES[tool] | {"courses.csv": frames()["courses"]})
    (order,) = rows(ds, "orders")
    assert {"order_id": "o1", "user_id": "u1", "product_id": "c1", "status": "paid"}.items() <= order.items()
    assert (order["total"], order["currency"]) == (99.5, "CNY")
    assert order["timestamp"] == EVENT["timestamp"]
    assert json.loads(order["properties"])["from_event"] is True
    assert [row["event"] for row in rows(ds, "events")] == ["order_completed"], "it stays an event as well"


@pytest.mark.parametrize("tool", PURCHASES)
def test_a_purchase_is_a_signal_beside_the_payment_system(tool, tmp_path):
    ds = load(
        tmp_path, tool, PURCHASES[tool] | {k: v for n, v in frames().items() for k in [f"{n}.csv"] if n != "users"}
    )
    assert [row["order_id"] for row in rows(ds, "orders")] == ["o1", "o2", "o3"]
    assert "order_completed" in {row["event"] for row in rows(ds, "events")}


def test_a_purchase_without_an_amount_or_an_id_waits(tmp_path):
    """Such purchases do reach BigQuery."""
    ds = load(tmp_path, "ga4", {"events_20250303.jsonl": [changed(GA4, event_name="purchase")]})
    assert {column for table, *_, column in waiting(ds) if table == "orders"} == {"order_id", "total"}
    assert len(rows(ds, "events")) == 1


# --- Segment ----------------------------------------------------------------------------------------------------


def test_segment_identify_calls_become_the_newest_state(tmp_path):
    campaign = {"campaign": {"source": "baidu", "name": "spring"}}
    later = {"campaign": {"source": "later"}}
    traits = IDENTIFY["traits"] | {"email": "a@b.example", "age_band": "25-34"}
    calls = [
        changed(IDENTIFY, timestamp="2025-03-05T00:00:00Z", traits={"gender": None, "city": "Shanghai"}),
        changed(IDENTIFY, context=campaign, traits=traits),
        changed(IDENTIFY, timestamp="2025-03-04T00:00:00Z", context=later, traits={"age_band": "35-44"}),
    ]
    ds = load(tmp_path, "segment", {"calls.jsonl": calls})
    (user,) = rows(ds, "users")
    assert "gender" not in user and user["city"] == "Shanghai" and user["age_band"] == "35-44"
    assert (user["utm_source"], user["utm_campaign"]) == ("baidu", "spring"), "the first touch stays"
    assert "email" not in user["properties"]
    assert report(ds, "users")["duplicate"] == 2


def test_segment_pages_aliases_and_context(tmp_path):
    context = {
        "page": {"path": "/course/7?u=u1", "referrer": "https://a.example/b?token=1#x"},
        "campaign": {"name": "spring"}, "ip": "10.0.0.1", "library": {"name": "analytics.js"},
    }  # fmt: skip
    calls = [
        {"type": "page", "messageId": "p1", "timestamp": SEGMENT["timestamp"], "anonymousId": "a1", "context": context},
        {"type": "alias", "messageId": "p2", "timestamp": SEGMENT["timestamp"], "userId": "u1", "previousId": "a1"},
    ]
    page, alias = rows(load(tmp_path, "segment", {"calls.jsonl": calls}), "events")
    assert (page["event"], page["page_path"], page["platform"]) == ("page_viewed", "/course/7", "web")
    assert page["referrer"] == "https://a.example/b"
    assert json.loads(page["properties"]) == {"utm_campaign": "spring"}
    assert (alias["event"], alias["user_id"], alias["anonymous_id"]) == ("alias", "u1", "a1")


def test_segment_names_of_events_are_mapped(tmp_path):
    names = ["Course Bought", "Signed In", "Product List Viewed", "Something Odd"]
    calls = [changed(SEGMENT, messageId=f"m{i}", event=name) for i, name in enumerate(names)]
    ds = load(tmp_path, "segment", {"calls.jsonl": calls}, event_names={"Course Bought": "order_completed"})
    found = [row["event"] for row in rows(ds, "events")]
    assert found == ["order_completed", "logged_in", "product_list_viewed", "something_odd"]


def test_segment_corrects_a_wrong_clock(tmp_path):
    """timestamp = receivedAt - (sentAt - originalTimestamp), by Segment's own formula."""
    times = {"originalTimestamp": "2025-03-03T02:00:00Z", "sentAt": "2025-03-03T02:00:10Z"}
    call = changed(SEGMENT, receivedAt="2025-03-03T00:30:10Z", timestamp="2025-03-03T02:00:00Z", **times)
    (event,) = rows(load(tmp_path, "segment", {"calls.jsonl": [call]}), "events")
    assert event["timestamp"] == "2025-03-03T00:30:00+00:00"


# --- the warehouse ----------------------------------------------------------------------------------------------

TRACKS = """id,event,event_text,user_id,anonymous_id,timestamp
m1,product_viewed,Product Viewed,u1,a1,2025-03-03 00:30:00.250
m2,logged_in,Logged In,u1,a1,2025-03-03 00:31:00
"""


def test_the_warehouse_tells_an_event_once(tmp_path):
    ds = load(tmp_path, "segment_warehouse", {"tracks.csv": TRACKS, "product_viewed.parquet": WAREHOUSE_EVENT})
    first, second = rows(ds, "events")
    assert first == EVENT
    assert (second["event"], second["timestamp"]) == ("logged_in", "2025-03-03T00:31:00+00:00"), "without a zone is UTC"
    assert report(ds, "events") == {"rows_in": 2, "loaded": 2, "duplicate": 0, "superseded": 0, "quarantined": 0}


def test_the_warehouse_history_of_users_is_read_without_a_user_table(tmp_path):
    history = """id,user_id,timestamp,created_at,gender,city,context_ip
i1,u1,2025-03-03 00:00:00,2025-03-01 00:00:00,female,,10.0.0.1
i2,u1,2025-03-04 00:00:00,,,Shanghai,10.0.0.1
"""
    ds = load(tmp_path / "1", "segment_warehouse", {"identifies.csv": history}, business_user_id_column="userId")
    (user,) = rows(ds, "users")
    assert (USER | {"city": "Shanghai"}).items() <= user.items() and "properties" not in user
    files = {"identifies.csv": history, "users.csv": WAREHOUSE_USER}
    assert "city" not in rows(load(tmp_path / "2", "segment_warehouse", files), "users")[0]


@pytest.mark.parametrize("products", ['[{"product_id": "c9"}]', [{"product_id": "c9"}], "[broken"])
def test_the_warehouse_names_the_first_of_several_products(products, tmp_path):
    frame = WAREHOUSE_EVENT.drop(columns="product_id").assign(event="order_completed", order_id="o1", total=9.0)
    ds = load(tmp_path, "segment_warehouse", {"order_completed.parquet": frame.assign(products=[products])})
    (event,) = rows(ds, "events")
    assert event.get("product_id") == (None if products == "[broken" else "c9")


# --- GA4 --------------------------------------------------------------------------------------------------------


def test_ga4_parquet_says_what_its_lines_say(tmp_path):
    nested = pd.DataFrame([changed(GA4, event_timestamp=int(GA4["event_timestamp"]))])
    wrapped = pd.DataFrame(
        [{**GA4, **{k: {"list": [{"element": v} for v in GA4[k]]} for k in ("event_params", "items")}}]
    )  # as BigQuery writes lists into Parquet
    for i, frame in enumerate((nested, wrapped)):
        assert rows(load(tmp_path / str(i), "ga4", {"events_20250303.parquet": frame}), "events") == [EVENT]


def test_ga4_parameters(tmp_path):
    values = {
        "page_location": {"string_value": "https://shop.example/course/7?u=u1"}, "progress": {"double_value": 0.5},
        "engagement_time_msec": {"int_value": "1500"}, "ga_session_id": {"int_value": "77"},
        "search_term": {"string_value": "投资"}, "level": {"int_value": 3}, "odd": {"int_value": "3x"},
    }  # fmt: skip
    row = changed(GA4, event_params=[{"key": k, "value": v} for k, v in values.items()] + [{"key": "empty"}, 7])
    (event,) = rows(load(tmp_path, "ga4", {"events_20250303.jsonl": [row]}), "events")
    assert (event["page_path"], event["session_id"], event["search_query"]) == ("/course/7", "a1.77", "投资")
    assert (event["duration_seconds"], event["progress"]) == (1.5, 0.5)
    assert json.loads(event["properties"]) == {"level": 3, "odd": "3x", "id_derived": True}


def test_ga4_users_come_from_sign_ups_without_a_table_of_users(tmp_path):
    row = changed(
        GA4, event_name="sign_up", geo={"city": "Shanghai", "country": "China"}, traffic_source={"source": "baidu"},
        user_properties=GA4_USER["user_properties"][1:], privacy_info={"analytics_storage": "Yes"},
    )  # fmt: skip
    anonymous = changed(row, user_id=None)
    ds = load(tmp_path / "1", "ga4", {"events_20250303.jsonl": [row, anonymous, GA4]})
    (user,) = rows(ds, "users")
    assert (user["created_at"], user["gender"], user["city"]) == (EVENT["timestamp"], "female", "Shanghai")
    assert (user["utm_source"], user["anonymous_id"], user["consent_analytics"]) == ("baidu", "a1", "granted")
    files = {"events_20250303.jsonl": [row], "users_20250303.jsonl": [changed(GA4_USER, user_id="u2")]}
    assert [user["user_id"] for user in rows(load(tmp_path / "2", "ga4", files), "users")] == ["u2"]


def test_ga4_takes_the_declared_user_property_as_the_user(tmp_path):
    row = changed(GA4, user_properties=[{"key": "member_no", "value": {"string_value": "0042"}}])
    ds = load(tmp_path, "ga4", {"events_20250303.jsonl": [row]}, business_user_id_column="member_no")
    assert rows(ds, "events")[0]["user_id"] == "0042"


def test_ga4_leaves_the_table_of_cookies_unread(tmp_path):
    ds = load(tmp_path, "ga4", {"events_20250303.jsonl": [GA4], "pseudonymous_users_20250303.jsonl": [GA4_USER]})
    assert report(ds, "users")["rows_in"] == 0
    assert any("pseudonymous_users_20250303.jsonl" in note for note in ds.report.notes)


# --- Sensors ----------------------------------------------------------------------------------------------------


def test_sensors_finds_the_login_id_and_never_the_internal_one(tmp_path):
    nobody = changed(SENSORS, login_id=None, anonymous_id=None)
    known = {"$identity_login_id": "u2", "$identity_anonymous_id": "a2"}
    lines = [
        changed(SENSORS, login_id=10023.0),
        changed(SENSORS, login_id=None, identities=known),
        changed(nobody, distinct_id="a3"),
        changed(nobody, type="track_signup", event="$SignUp", original_id="a4", distinct_id="u4"),
        changed(nobody, distinct_id="u5", properties=SENSORS["properties"] | {"$is_login_id": True}),
    ]
    for i, line in enumerate(lines):
        line["properties"] = line["properties"] | {"message_id": f"m{i}"}
    events = rows(load(tmp_path, "sensors", {"e.jsonl": lines}), "events")
    found = [(row["event"], row.get("user_id"), row.get("anonymous_id")) for row in events]
    assert found == [
        ("product_viewed", "10023", "a1"), ("product_viewed", "u2", "a1"), ("product_viewed", None, "a3"),
        ("signed_up", "u4", "a4"), ("product_viewed", "u5", None),
    ]  # fmt: skip


def test_sensors_profiles(tmp_path):
    """set overrules, set_once does not, unset empties; the internal numbers and the phone stay outside."""

    def profile(kind: str, time: int, **properties: object) -> dict:
        return changed(PROFILE, type=f"profile_{kind}", time=time, properties=properties)

    lines = [
        profile("set_once", 30, **{"$utm_source": "later", "gender": "male"}),
        profile("unset", 40, city="", study_group=""),
        profile("set", 20, created_at="2025-03-01 08:00:00", gender="female", city="Shanghai", study_group="g1"),
        profile("set_once", 10, **{"$utm_source": "baidu", "$province": "Henan"}),
        profile("increment", 50, visits=1),
        profile("set", 60, phone="13800000000", level="gold"),
    ]
    ds = load(tmp_path, "sensors", {"profiles.jsonl": lines})
    (user,) = rows(ds, "users")
    assert USER.items() <= user.items(), "created_at has no zone and is read in the manifest's"
    assert (user["utm_source"], user["province"], user["anonymous_id"]) == ("baidu", "Henan", "a1")
    assert "city" not in user and json.loads(user["properties"]) == {"level": "gold"}
    assert report(ds, "users")["duplicate"] == 5 and report(ds, "events")["rows_in"] == 0


@pytest.mark.parametrize("name", ["users.csv", "users.jsonl", "users.parquet"])
def test_sensors_user_table(name, tmp_path):
    row = {"id": -7, "first_id": "a1", "second_id": "u1", "created_at": "2025-03-01 08:00:00"}
    row |= {"gender": "female", "$os": "iOS"}
    content = [row] if name.endswith("jsonl") else pd.DataFrame([row])
    (user,) = rows(load(tmp_path, "sensors", {"events.jsonl": [SENSORS], name: content}), "users")
    assert (USER | {"anonymous_id": "a1", "device_os": "iOS"}).items() <= user.items() and "properties" not in user


def test_a_users_table_of_the_company_itself_stays_canonical(tmp_path):
    table = pd.DataFrame({"user_id": ["u1"], "created_at": ["2025-03-01T08:00:00"], "gender": ["female"]})
    assert (
        USER.items() <= rows(load(tmp_path, "sensors", {"e.jsonl": [SENSORS], "users.csv": table}), "users")[0].items()
    )


def test_sensors_presets(tmp_path):
    preset = {"$lib": "MiniProgram", "$url_path": "/a?b=1", "$referrer": "https://x.example/?q=1"}
    preset |= {"$ip": "10.0.0.1", "$receive_time": 1740961805000}
    line = changed(SENSORS, event="$pageview", properties=preset)
    (event,) = rows(load(tmp_path, "sensors", {"e.jsonl": [line]}), "events")
    assert (event["event"], event["platform"], event["page_path"]) == ("page_viewed", "wechat_mp", "/a")
    assert (event["referrer"], event["received_at"]) == ("https://x.example/", "2025-03-03T00:30:05+00:00")
    assert json.loads(event["properties"]) == {"$lib": "MiniProgram", "id_derived": True}


# --- mapped files -----------------------------------------------------------------------------------------------

ORDERS = pd.DataFrame(
    {
        "订单号": ["0001"], "会员号": ["u1"], "支付时间": ["2025/3/3 00:30"], "状态": ["已支付"], "实付": ["9950"],
        "product_id": ["c1"], "status": ["shipped"],
    }
)  # fmt: skip
MAPPING = {
    "table": "orders",
    "columns": {"order_id": "订单号", "user_id": "会员号", "timestamp": "支付时间", "status": "状态", "total": "实付"},
    "values": {"status": {"已支付": "paid"}},
    "money_unit": "fen",
    "timezone": "UTC",
}


@pytest.mark.parametrize("name", ["订单-1.csv", "订单-1.parquet"])
def test_mapped_columns_values_units_and_zone(name, tmp_path):
    files = {name: ORDERS, "mapping.yml": {"订单-*": MAPPING}, "courses.csv": frames()["courses"]}
    ds = load(tmp_path, "mapped", files)
    (order,) = rows(ds, "orders")
    order.pop("net_revenue")
    assert order == {
        "order_id": "0001", "user_id": "u1", "timestamp": "2025-03-03T00:30:00+00:00", "status": "paid", "total": 99.5,
        "product_id": "c1", "currency": "CNY", "properties": '{"status_source":"shipped"}',
    }  # fmt: skip
    assert report(ds, "courses")["loaded"] == 2, "a canonical table needs no mapping"


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (None, "has no mapping.yml"),
        ("table: [", "is no readable YAML"),
        ("- orders", "maps no file"),
        ({"o.csv": {"columns": {}}}, "mapping.yml: o.csv.table is missing."),
        ({"o.csv": MAPPING | {"table": "sales"}}, "o.csv.table is wrong: 'sales' is no table; write one of users"),
        ({"o.csv": MAPPING | {"money_unit": "cent"}}, "o.csv.money_unit is wrong: Input should be 'yuan' or 'fen'"),
        (
            {"o.csv": MAPPING | {"timezone": "Peking"}},
            "o.csv.timezone is wrong: 'Peking' is no name of the tz database",
        ),
        ({"o.csv": MAPPING | {"unit": "fen"}}, "o.csv.unit is no key of a mapping; remove it."),
        ({"p.csv": MAPPING}, "mapping.yml says nothing of o.csv. Name it there, or move it away."),
        (
            {"o.csv": MAPPING | {"columns": {"order_id": "单号"}}},
            "o.csv has no column '单号', which order_id is read from",
        ),
    ],
)
def test_a_wrong_mapping_is_refused_in_one_sentence(mapping, words, tmp_path):
    files = {"o.csv": ORDERS} | ({"mapping.yml": mapping} if mapping else {})
    assert words in refused(tmp_path, "mapped", files)


# --- Udemy ------------------------------------------------------------------------------------------------------


def test_udemy_catalogue(tmp_path):
    columns = "course_id,course_title,url,is_paid,price,num_lectures,level,content_duration,published_timestamp,subject"
    catalogue = f"""{columns}
1070968,Banking,https://u.example,True,200,51,All Levels,1.5,2017-01-18T20:58:58Z,Business Finance
7,Free course,https://u.example,False,Free,,All Levels,many,2017-01-18T20:58:58Z,Business Finance
"""
    ds = load(tmp_path, "udemy", {"udemy_courses.csv": catalogue}, currency="USD")
    (course,) = rows(ds, "courses")
    assert course == {
        "product_id": "1070968", "name": "Banking", "product_type": "course", "category": "Business Finance",
        "price": 200.0, "currency": "USD", "lesson_count": 51.0, "duration_seconds": 5400.0, "level": "All Levels",
        "published_at": "2017-01-18T20:58:58+00:00", "properties": '{"is_paid":"True"}',
    }  # fmt: skip
    assert waiting(ds) == [("courses", 2, "wrong_type", "duration_seconds")]
