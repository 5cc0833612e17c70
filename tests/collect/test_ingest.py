"""Conservation, determinism and the ways a file can be broken."""

import gzip
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from collect_exports import frames, report, write_manifest, write_table
from effort import cases
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from knowpay.collect import ExportError
from knowpay.collect import ingest as steps
from knowpay.collect.dataset import Dataset
from knowpay.collect.ingest import ingest
from knowpay.collect.ingest.merge import grouped
from knowpay.collect.schema import TABLES
from knowpay.collect.store import Store

COUNTS = ("loaded", "duplicate", "superseded", "quarantined")


def _hashes(folder: Path) -> dict[str, list[str]]:
    """Digest of the bytes of every file of every canonical table, by its day."""
    return {
        t: {
            Path(p).name.split(".")[0]: hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in Store(folder).paths(t)
        }
        for t in TABLES
    }


def _open(folder: Path) -> Dataset:
    return Dataset("test", folder, folder)


def _rows(folder: Path) -> dict[str, dict]:
    return _open(folder).report.rows.set_index("table", drop=False).to_dict("index")


# --- conservation and determinism -------------------------------------------------------------------------------

EVENT = st.fixed_dictionaries(
    {
        "message_id": st.sampled_from(["m1", "m2", "m3", "m4", ""]),
        "event": st.sampled_from(["page_viewed", "signed_up", "product_viewed"]),
        "timestamp": st.sampled_from(["2025-03-01T10:00:00Z", "2025-03-02", "never", ""]),
        "received_at": st.sampled_from(["2025-03-01T10:00:05Z", "2025-03-04", ""]),
        "sent_at": st.sampled_from(["2025-03-01T10:00:04Z", ""]),
        "original_timestamp": st.sampled_from(["2025-03-01T10:00:03Z", ""]),
        "user_id": st.sampled_from(["u1", "u2", ""]),
        "progress": st.sampled_from(["0.5", "2", ""]),
        "app": st.sampled_from(["x", "y", ""]),
    }
)


@settings(
    max_examples=cases(15),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # shrinking takes minutes; the example printed is small as it is
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    rows=st.lists(EVENT, min_size=1, max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    kinds=st.lists(st.sampled_from(["csv", "csv.gz", "parquet"]), min_size=4, max_size=4),
    order=st.randoms(use_true_random=False),
    again=st.booleans(),
)
def test_tables_depend_on_the_rows_only(rows, cuts, kinds, order, again):
    """One file, k files of any kind, another order, a file sent twice: the same bytes, and no row lost."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for export in ("one", "split"):
            write_manifest(root / export)
        frame = pd.DataFrame(rows)
        write_table(frame, root / "one" / "events.csv")
        shuffled = frame.sample(frac=1, random_state=order.randint(0, 99))
        ends = [0, *sorted(min(c, len(frame)) for c in cuts), len(frame)]
        for i, (start, end) in enumerate(itertools.pairwise(ends)):
            part = shuffled.iloc[start:end].sample(frac=1, axis="columns", random_state=i)
            write_table(part, root / "split" / "events" / f"part-{i}.{kinds[i]}")
        if again:
            write_table(frame, root / "split" / "events-again.csv")
        one, split = ingest(root / "one", root / "s1"), ingest(root / "split", root / "s2")
        for folder, rows_in in ((one, len(frame)), (split, len(frame) * (1 + again))):
            line = _rows(folder)["events"]
            assert line["rows_in"] == rows_in == sum(line[c] for c in COUNTS)
            ds = _open(folder)
            quarantine = ds.quarantine.to_pandas()
            assert len(quarantine[["source_file", "source_row"]].drop_duplicates()) == line["quarantined"]
            fates = ds.superseded.to_pandas()["fate"].value_counts()
            assert fates.get("duplicate", 0) == line["duplicate"] and fates.get("superseded", 0) == line["superseded"]
        assert _hashes(one) == _hashes(split)


def test_parquet_with_native_types_equals_csv(export, tmp_path):
    """An export of typed Parquet (times with and without zone, floats for ids) gives the bytes of its CSV twin."""
    csv, typed = export(), tmp_path / "typed"
    write_manifest(typed)
    tables = frames()
    tables["users"]["created_at"] = pd.Timestamp("2025-03-01 09:30")  # naive: the manifest's zone
    tables["users"]["is_bot"] = False
    tables["courses"]["price"] = tables["courses"]["price"].astype(float)
    tables["courses"]["tags"] = [["基础", "理财"], None]
    tables["courses"]["published_at"] = pd.Timestamp("2024-01-01").date()
    tables["events"]["timestamp"] = pd.to_datetime(tables["events"]["timestamp"], utc=True).astype(
        "datetime64[ns, UTC]"
    )
    for column in ("total", "discount", "fee", "refund_total"):
        tables["orders"][column] = pd.to_numeric(tables["orders"][column])
    for name, frame in tables.items():
        write_table(frame, typed / f"{name}.parquet")
    assert _hashes(ingest(csv, tmp_path / "s1")) == _hashes(ingest(typed, tmp_path / "s2"))


def test_refused_rows_leave_no_trace(export, tmp_path):
    """The good rows alone, or with a bad one that has a NULL where they have none: the same bytes."""
    good = frames()["events"]
    bad = good.head(1).assign(message_id="bad", user_id="")
    write_manifest(tmp_path / "both")
    for name, frame in (frames() | {"events": pd.concat([good, bad])}).items():
        write_table(frame, tmp_path / "both" / f"{name}.csv")
    assert _hashes(ingest(export(), tmp_path / "s1")) == _hashes(ingest(tmp_path / "both", tmp_path / "s2"))


def test_same_bytes_twice_is_a_no_op(export, tmp_path):
    folder = export()
    first = ingest(folder, tmp_path / "store")
    before = {p: p.stat().st_mtime_ns for p in first.rglob("*")}
    assert ingest(folder, tmp_path / "store") == first
    assert before == {p: p.stat().st_mtime_ns for p in first.rglob("*")}
    (folder / "events-copy.csv").write_bytes((folder / "events.csv").read_bytes())
    second = ingest(folder, tmp_path / "other")
    assert _hashes(first) == _hashes(second) and _rows(first) == _rows(second)
    assert "events.csv has the same bytes as events-copy.csv and was read once." in _open(second).report.notes


# --- same key -----------------------------------------------------------------------------------------------------


def _event(**fields: str) -> dict[str, str]:
    return {"message_id": "m1", "event": "page_viewed", "timestamp": "2025-03-01T10:00:00Z", "user_id": "u1"} | fields


def test_newest_received_wins_and_the_loser_is_kept(opened):
    events = [
        _event(page_path="/old", received_at="2025-03-01T10:00:01Z"),
        _event(page_path="/new", received_at="2025-03-01T10:00:09Z"),
        _event(page_path="/mid", received_at="2025-03-01T10:00:05Z"),
    ]
    ds = opened(events=pd.DataFrame(events))
    assert ds.events.to_pandas()["page_path"].tolist() == ["/new"]
    losers = ds.superseded.to_pandas()
    assert losers["fate"].tolist() == ["superseded"] * 2
    assert {json.loads(row)["page_path"] for row in losers["row_json"]} == {"/old", "/mid"}


def test_a_retry_is_a_duplicate_and_the_earliest_arrival_stays(opened):
    clock = {"original_timestamp": "2025-03-01T09:00:00Z"}
    events = [
        _event(**clock, sent_at="2025-03-01T09:00:10Z", received_at="2025-03-01T10:00:12Z"),
        _event(**clock, sent_at="2025-03-01T09:00:01Z", received_at="2025-03-01T10:00:01Z"),
    ]
    ds = opened(events=pd.DataFrame(events))
    assert report(ds, "events")["duplicate"] == 1
    assert ds.events.to_pandas()["received_at"].tolist() == [pd.Timestamp("2025-03-01T10:00:01Z")]


def test_orders_with_one_id_and_other_content_leave_one(opened):
    orders = frames()["orders"].iloc[[0, 0, 0, 1]].assign(total=["199.00", "189.00", "199.00", "89.50"])
    ds = opened(orders=orders)  # as many are loaded of the keys that came once as of the others: both count
    assert [report(ds, "orders")[c] for c in COUNTS] == [2, 1, 1, 0]


# --- times, money, ids --------------------------------------------------------------------------------------------


def test_segment_formula_corrects_a_wrong_clock(opened):
    """The device runs a day late; received − (sent − original) puts the event where it belongs."""
    late = _event(
        timestamp="2025-02-28T10:00:00Z",
        original_timestamp="2025-02-28T10:00:00Z",
        sent_at="2025-02-28T10:00:30Z",
        received_at="2025-03-01T10:00:31Z",
    )
    partly = _event(message_id="m2", timestamp="2025-02-28T10:00:00Z", received_at="2025-03-01T10:00:31Z")
    ds = opened(events=pd.DataFrame([late, partly]))
    found = ds.events.to_pandas().set_index("message_id")["timestamp"]
    assert found["m1"] == pd.Timestamp("2025-03-01T10:00:01Z") and found["m2"] == pd.Timestamp("2025-02-28T10:00:00Z")


@pytest.mark.parametrize(
    ("unit", "value"), [("s", "1740792600"), ("s", "1740792600.5"), ("ms", "1740792600500"), ("us", "1740792600500000")]
)
def test_timestamp_units(opened, unit, value):
    users = frames()["users"].assign(created_at=value)
    ds = opened(manifest={"timestamp_unit": unit}, users=users, courses=None, events=None, orders=None)
    expected = pd.Timestamp("2025-03-01T01:30:00.5Z" if "5" in value[10:] else "2025-03-01T01:30:00Z")
    assert set(ds.users.to_pandas()["created_at"]) == {expected}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-01 09:30:00", "2025-03-01T01:30:00Z"),  # naive: Asia/Shanghai, the manifest's zone
        ("2025-03-01", "2025-02-28T16:00:00Z"),
        ("2025/3/1 9:30", "2025-03-01T01:30:00Z"),
        ("2025-03-01T09:30:00.250+0800", "2025-03-01T01:30:00.250Z"),
        ("2025-03-01T01:30:00Z", "2025-03-01T01:30:00Z"),
        ("2025-03-01 01:30:00 UTC", "2025-03-01T01:30:00Z"),
        ("2025-03-01 09:30:00+08", "2025-03-01T01:30:00Z"),
        ("2025-03-01 09:30:00 +08:00", "2025-03-01T01:30:00Z"),
    ],
)
def test_times_as_people_write_them(opened, text, expected):
    ds = opened(users=frames()["users"].assign(created_at=text))
    assert set(ds.users.to_pandas()["created_at"]) == {pd.Timestamp(expected)}


def test_fen_become_yuan(opened):
    tables = frames()
    courses = tables["courses"].assign(price=["19900", "9900"])
    orders = tables["orders"].assign(
        total=["19900", "8950", "9900"], discount=["0", "950", ""], fee=["199", "", "99"], refund_total=["", "", "9900"]
    )
    ds = opened(manifest={"money_unit": "fen"}, courses=courses, orders=orders)
    assert report(ds, "orders")["quarantined"] == 0
    assert ds.orders.to_pandas()["total"].tolist() == [199.0, 89.5, 99.0]
    assert ds.courses.to_pandas()["price"].tolist() == [199.0, 99.0]


def test_money_is_stored_as_decimal(export, tmp_path):
    (path,) = Store(ingest(export(), tmp_path / "store")).paths("orders")
    kinds = dict(duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{path}')").fetchall())
    assert kinds["total"] == "DECIMAL(18,2)" and kinds["timestamp"] == "TIMESTAMP WITH TIME ZONE"


def test_ids_stay_text(opened):
    users = frames()["users"].assign(user_id=["007", "12345678901234567890", "3", "4", "5", "六"])
    assert opened(users=users).users.to_pandas()["user_id"].tolist() == sorted(users["user_id"])


def test_ids_that_pandas_made_floats_lose_the_point(opened):
    events = frames()["events"].assign(user_id=[7.0] * 11 + [None], anonymous_id="a1")
    ds = opened(kind="parquet", events=events)
    assert set(ds.events.to_pandas()["user_id"].dropna()) == {"7"}


def test_source_without_message_ids_gets_derived_ones(opened):
    events = frames()["events"].drop(columns="message_id")
    events = pd.concat([events, events.head(1)])
    ds = opened(events=events)
    found = ds.events.to_pandas()
    assert [report(ds, "events")[c] for c in COUNTS] == [12, 1, 0, 0]
    assert found["message_id"].str.fullmatch("[0-9a-f]{64}").all()
    assert {json.loads(p)["id_derived"] for p in found["properties"]} == {True}


def test_unknown_columns_land_in_properties(opened):
    users = frames()["users"].assign(vip_level=["3", "", "", "", "", ""], properties='{"a": 1}')
    found = opened(users=users).users.to_pandas().set_index("user_id")["properties"].map(json.loads)
    assert found["u0"] == {"a": 1, "vip_level": "3"} and found["u1"] == {"a": 1}


def test_business_user_id_column(opened):
    """Sensors' events.user_id is internal; the business id is another column and the manifest says which."""
    tables = frames()
    internal = {
        t: tables[t].rename(columns={"user_id": "login_id"}).assign(user_id="9") for t in ("users", "events", "orders")
    }
    ds = opened(manifest={"business_user_id_column": "login_id"}, **internal)
    assert set(ds.users.to_pandas()["user_id"]) == set(tables["users"]["user_id"])
    assert json.loads(ds.users.to_pandas()["properties"][0]) == {"user_id": "9"}


# --- broken files ---------------------------------------------------------------------------------------------------

GOOD = "user_id,created_at\nu1,2025-03-01\nu2,2025-03-02\n"


def _users(export, tmp_path, data: bytes, name: str = "users.csv") -> dict:
    folder = export(users=None, courses=None, events=None, orders=None)
    (folder / name).write_bytes(data)
    out = ingest(folder, tmp_path / "store")
    ds = _open(out)
    quarantine = ds.quarantine.to_pandas()
    return _rows(out)["users"] | {
        "rules": quarantine["rule"].tolist(),
        "rows": quarantine["source_row"].tolist(),
        "raw": quarantine["raw_json"].tolist(),
        "notes": ds.report.notes,
    }


@pytest.mark.parametrize(
    ("data", "loaded"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), 2),  # byte-order mark
        (GOOD.replace("\n", "\r\n").encode(), 2),
        (GOOD.replace("\n", "\r").encode(), 2),
        (GOOD.replace(",", ";").encode(), 2),
        (GOOD.replace(",", "\t").encode(), 2),
        (b"\n\n" + GOOD.replace("\n", "\n\n").encode(), 2),  # blank lines
        (GOOD.rstrip().encode(), 2),  # no line break at the end
        (GOOD.replace("user_id", " User_ID ").encode(), 2),
        (GOOD.replace("u1", '"u1\nof two lines"').encode(), 2),
        (GOOD.replace("u1", 'u1 5" screen').encode(), 2),  # a quote inside plain text
        (b"user_id,created_at\n", 0),
        (b"user_id,created_at", 0),
        (b'user_id,created_at,5" screen', 0),  # a quote in the header, and no row that it could swallow
    ],
)
def test_odd_but_readable_csv(export, tmp_path, data, loaded):
    found = _users(export, tmp_path, data)
    assert (found["loaded"], found["quarantined"]) == (loaded, 0)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_empty_file_is_an_empty_table(export, tmp_path, data):
    found = _users(export, tmp_path, data)
    assert found["rows_in"] == 0 and "users.csv is empty." in found["notes"]


def test_ragged_rows_go_to_quarantine_with_their_line(export, tmp_path):
    found = _users(export, tmp_path, (GOOD + "u3\nu4,2025-03-03\nu5,2025-03-03,x\n").encode())
    assert (found["rows_in"], found["loaded"], found["rules"], found["rows"]) == (5, 3, ["ragged_row"] * 2, [3, 5])
    assert json.loads(found["raw"][1]) == {"line": "u5,2025-03-03,x"}


def test_column_named_twice_is_kept_and_noted(export, tmp_path):
    found = _users(export, tmp_path, b"user_id,created_at,user_id\nu1,2025-03-01,x\n")
    assert found["loaded"] == 1 and "twice" in found["notes"][0]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("users.csv", GOOD.replace("u1", "用户").encode("gb18030"), "not UTF-8"),
        ("users.csv", GOOD.replace("user_id", "用户").encode("gb18030"), "not UTF-8"),
        ("users.csv", (GOOD + "用户\n").encode("gb18030"), "not UTF-8"),
        ("users.csv", GOOD.encode("utf-16"), "UTF-16"),
        ("users.csv", (GOOD + "u3,2025-03-03,用").encode()[:-1], "not UTF-8"),  # cut within its last letter
        ("users.csv", GOOD.replace("u1", '"u1').encode(), "never closed"),
        ("users.csv", (GOOD + 'u3\nu4,"2025-03-04\nu5,2025-03-05\n').encode(), "in data row 4 is never closed"),
        ("users.csv", (GOOD + 'u3,2025-03-03,"x\nu4,2025-03-04\n').encode(), "in data row 3 is never closed"),
        ("users.csv.gz", gzip.compress(GOOD.encode(), mtime=0)[:-9], "cannot be read"),
        ("users.csv.gz", GOOD.encode(), "cannot be read"),
        ("users.parquet", GOOD.encode(), "no readable Parquet"),
        ("users.parquet", b"", "no readable Parquet"),
    ],
)
def test_damaged_file_is_refused_with_its_name(export, tmp_path, name, data, words):
    with pytest.raises(ExportError, match=f"{name}.*{words}"):
        _users(export, tmp_path, data, name)
    assert not (tmp_path / "store" / Store.LEDGER).exists()


def test_letters_and_quotes_that_lie_over_two_blocks_stay_whole(export, tmp_path, monkeypatch):
    monkeypatch.setattr("knowpay.collect.files.BLOCK", 64)
    names = [f"用户\n{'户' * (i % 5)}{i}" for i in range(40)]
    text = "user_id,created_at\n" + "".join(f'"{name}",2025-03-01\n' for name in names)
    assert _users(export, tmp_path, text.encode())["loaded"] == 40
    assert _open(tmp_path / "store").users.to_pandas()["user_id"].tolist() == sorted(names)


def test_a_file_that_may_not_be_read_is_a_sentence(export, tmp_path, monkeypatch):
    folder = export()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != "orders.csv")  # root may read everything
    with pytest.raises(ExportError, match=r"orders\.csv may not be read"):
        ingest(folder, tmp_path / "store")


def test_damage_inside_a_parquet_file(export, tmp_path):
    folder = export(kind="parquet")
    path = folder / "users.parquet"
    data = bytearray(path.read_bytes())
    data[4:80] = b"\xff" * 76  # the footer stays good, the pages do not
    path.write_bytes(data)
    with pytest.raises(ExportError, match=r"users\.parquet"):
        ingest(folder, tmp_path / "store")


def test_odd_names_in_header_and_file(export, tmp_path):
    folder = export(users=None)
    header = 'user_id,created_at,it\'s,"say ""hi""",,source_row,r_x\n'
    (folder / 'users-it\'s "new".csv').write_text(header + "u1,2025-03-01,1,2,3,4,5\n", encoding="utf-8")
    out = ingest(folder, tmp_path / "store")
    kept = json.loads(_open(out).users.to_pandas()["properties"][0])
    assert kept == {"it's": "1", 'say "hi"': "2", "column_5": "3", "source_row": "4", "r_x": "5"}


def test_other_files_are_named_not_read(export, tmp_path):
    folder = export()
    (folder / "user.csv").write_text("a\n1\n", encoding="utf-8")
    (folder / ".DS_Store").write_text("x", encoding="utf-8")
    assert _open(ingest(folder, tmp_path / "store")).report.notes == ["user.csv was not read: no table has this name."]


def test_a_folder_is_listed_once(export, tmp_path, monkeypatch):
    """Whatever the adapter asks of the other files."""
    folder, listed = export(manifest={"source_format": "mapped"}), []
    (folder / "mapping.yml").write_text("users.csv: {table: users}", encoding="utf-8")
    for owner, name in ((Path, "rglob"), (Path, "iterdir"), (os, "walk")):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda at, *more, real=real: listed.append(Path(at)) or real(at, *more))
    ingest(folder, tmp_path / "store")
    assert listed.count(folder) == 1


# --- memory -----------------------------------------------------------------------------------------------------------


def test_days_are_written_in_groups_that_fit_into_memory():
    days = {"1": 2, "2": 2, "3": 1, "4": 9, "5": 3, "6": 1}
    assert list(grouped(days, 4)) == [["1", "2"], ["3"], ["4"], ["5", "6"]]
    assert list(grouped({}, 4)) == []


# --- version ---------------------------------------------------------------------------------------------------------


def test_the_version_of_a_store_is_that_of_all_code_that_makes_it():
    """All modules of the room that ingest imports, but for the errors and the way of writing."""
    code = (
        "import sys, knowpay.collect.ingest; print(*(m.__file__ for m in sys.modules.values() if 'knowpay' in repr(m)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    room = Path(steps.__file__).parents[1]
    made_by = {path.relative_to(room).as_posix() for path in map(Path, ran.stdout.split()) if path.is_relative_to(room)}
    digested = {path.relative_to(room).as_posix() for name in steps.CODE for path in room.glob(name)}
    assert made_by - digested == {"__init__.py", "disk.py"} and {"ingest/merge.py", "adapters/ga4.py"} < digested
