"""What a person may ask for, over files of every kind: a copy of all, and erasure that leaves no byte behind."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import knowpay
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from collect_exports import write_manifest
from effort import some
from knowpay import cli
from knowpay.collect import ExportError
from knowpay.collect.privacy import rewrite, subject
from knowpay.world import forms
from typer.testing import CliRunner

DAY = "2025-03-01T09:30:00+08:00"
WHO, DEVICE, SHARED = "user-4711", "dev-anna-phone", "dev-family-pad"


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """An export in CSV, CSV.gz, Parquet and JSON lines; ben and cleo are others, the tablet belongs to two people."""
    folder = tmp_path / "export"
    write_manifest(folder)
    users = (
        f"\ufeffuser_id,created_at,channel,referrer_user_id,city\r\n{WHO},{DAY},referral,ben-0001,\r\n"
        f'ben-0001,{DAY},organic,,"Xi\'an, ""old"" town"\r\n\r\ncleo-002,{DAY},referral,{WHO},\r\n'
    )
    (folder / "users.csv").write_bytes(users.encode())
    events = [
        ("m1", "page_viewed", None, DEVICE, None),
        ("m2", "logged_in", WHO, DEVICE, '{"note":"hi"}'),
        ("m3", "page_viewed", None, SHARED, None),
        ("m4", "logged_in", WHO, SHARED, None),
        ("m5", "logged_in", "ben-0001", SHARED, f'{{"friend":"{WHO}","n":1}}'),
        ("m6", "page_viewed", "cleo-002", "dev-cleo", None),
        (None, "page_viewed", WHO, DEVICE, None),  # no id, no time: quarantine
    ]
    frame = pd.DataFrame(events, columns=["message_id", "event", "user_id", "anonymous_id", "properties"])
    frame["timestamp"] = [DAY] * 6 + ["never"]
    frame["page_path"] = [f"/of/{WHO}/profile" if m == "m6" else "/" for m in frame["message_id"]]
    (folder / "events-1.csv.gz").write_bytes(gzip.compress(frame.iloc[:2].to_csv(index=False).encode(), mtime=0))
    frame.iloc[2:].to_parquet(folder / "events-2.parquet", index=False)
    (folder / "events-3.csv").write_text(f"message_id,event,timestamp,user_id\nm8,page_viewed,{DAY},{WHO},too,many\n")
    orders = f"order_id;user_id;timestamp;status;product_id;total;currency\no1;{WHO};{DAY};paid;c1;19;CNY\n"
    (folder / "orders.csv").write_text(orders + f"o2;ben-0001;{DAY};paid;c1;19;CNY\n" * 2)
    (folder / "order_items.csv").write_text("order_id,line_no,product_id,price,quantity\no1,1,c1,19,1\n")
    lines = [
        {"interaction_id": "i1", "timestamp": DAY, "user_id": "ben-0001", "target_user_id": WHO, "action": "follow"},
        {"interaction_id": "i2", "timestamp": DAY, "user_id": WHO, "target_user_id": "ben-0001", "action": "like"},
        {
            "interaction_id": "i3",
            "userId": "cleo-002",
            "context": {"people": ["ben-0001", WHO]},
            "n": 12345678901234567,
            "note": "很好",
        },
    ]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (folder / "interactions.jsonl").write_text(text + f'\n{{"broken": "{WHO}\n', encoding="utf-8")
    return folder


def everything(*roots: Path) -> bytes:
    """All bytes under the folders, unpacked: names too, Parquet as JSON text."""
    found = []
    for path in sorted(p for root in roots for p in root.rglob("*")):
        found.append(path.as_posix().encode())
        if path.suffix == ".parquet":
            found.append(duckdb.sql(f"SELECT to_json(t)::VARCHAR FROM '{path}' AS t").df().to_csv().encode())
            found.append(path.read_bytes())
        elif path.is_file():
            found.append(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    return b"\n".join(found)


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_only_devices_of_one_person_are_hers(company):
    assert subject.find(company, WHO).devices == {DEVICE}
    assert subject.find(company, "ben-0001").devices == set()
    assert subject.find(company, "cleo-002").devices == {"dev-cleo"}


def test_an_id_in_the_column_of_devices_is_no_device(company):
    (company / "events-4.csv").write_text(f"user_id,anonymous_id\n{WHO},{WHO}\n")  # some tools repeat it after a login
    assert subject.find(company, WHO).devices == {DEVICE}


def test_a_person_in_the_column_of_the_business_id_is_no_device(tmp_path):
    """distinct_id is a name of device columns; where the manifest says that people are in it, no value is a device."""
    write_manifest(tmp_path, business_user_id_column="distinct_id")
    rows = f"message_id,event,timestamp,user_id,distinct_id\nm1,a,{DAY},{WHO},dora-111\nm2,a,{DAY},,dora-111\n"
    (tmp_path / "events.csv").write_text(rows)
    assert subject.find(tmp_path, WHO).devices == set()
    subject.erase(tmp_path, WHO, tmp_path / "cache")
    assert [line.split(",")[0] for line in (tmp_path / "events.csv").read_text().splitlines()] == ["message_id", "m2"]


def test_a_store_under_another_name_is_known_by_its_ledger(company, tmp_path):
    cache = tmp_path / "cache"
    knowpay.open(company, cache=cache)
    (store,) = (p for p in (cache / "ingested").iterdir() if p.is_dir())
    store.rename(store.with_name("kept"))
    assert subject.erase(company, WHO, cache)["stores"] == 1 and not list((cache / "ingested").glob("kept"))


def test_no_byte_is_left(company, tmp_path):
    cache = tmp_path / "cache"
    assert knowpay.open(company, cache=cache).users.count().to_pandas() == 3
    assert WHO.encode() in everything(company, cache) and DEVICE.encode() in everything(company, cache)
    receipt = subject.erase(company, WHO, cache)
    left = everything(company, cache)
    assert WHO.encode() not in left and DEVICE.encode() not in left
    assert SHARED.encode() in left and b"ben-0001" in left  # what is others' stays
    assert receipt["files"] == {
        "users.csv": {"removed": 1, "emptied": 1},
        "events-1.csv.gz": {"removed": 2, "emptied": 0},
        "events-2.parquet": {"removed": 2, "emptied": 2},
        "events-3.csv": {"removed": 1, "emptied": 0},
        "orders.csv": {"removed": 1, "emptied": 0},
        "interactions.jsonl": {"removed": 1, "emptied": 3},
    }
    assert receipt["tables"] == {"users": 1, "events": 5, "orders": 1, "interactions": 1}
    assert receipt["devices"] == 1 and receipt["stores"] == 1 and receipt["by_hand"] == []
    assert WHO not in json.dumps(receipt)
    ds = knowpay.open(company, cache=cache)
    assert sorted(ds.users.user_id.to_pandas()) == ["ben-0001", "cleo-002"]
    assert WHO.encode() not in everything(company, cache)


def test_what_is_others_stays_to_the_byte(company, tmp_path):
    subject.erase(company, WHO, tmp_path / "cache")
    users = (company / "users.csv").read_bytes()
    ben = f'ben-0001,{DAY},organic,,"Xi\'an, ""old"" town"\r\n\r\n'.encode()
    assert (
        users.startswith(b"\xef\xbb\xbfuser_id,")
        and ben in users
        and f"cleo-002,{DAY},referral,,\r\n".encode() in users
    )
    events = pd.read_parquet(company / "events-2.parquet").set_index("message_id")
    assert events.index.tolist() == ["m3", "m5", "m6"]
    assert json.loads(events.loc["m5", "properties"]) == {"friend": "", "n": 1}
    assert events.loc["m6", "page_path"] == "/of/[erased]/profile"
    assert (company / "orders.csv").read_text().count("o2;ben-0001") == 2
    lines = [json.loads(line) for line in (company / "interactions.jsonl").read_text("utf-8").splitlines()[:2]]
    assert lines[0]["target_user_id"] == "" and lines[0]["user_id"] == "ben-0001"
    assert lines[1] == {
        "interaction_id": "i3",
        "userId": "cleo-002",
        "context": {"people": ["ben-0001", ""]},
        "n": 12345678901234567,
        "note": "很好",
    }
    assert "很好" in (company / "interactions.jsonl").read_text("utf-8")  # no escapes where none were


def test_a_parquet_file_in_groups_keeps_types_order_and_metadata(tmp_path):
    path = tmp_path / "events.parquet"
    table = pa.table(
        {
            "user_id": pa.array([f"user-{i % 50:04d}" for i in range(1000)]).dictionary_encode(),
            "timestamp": pa.array(range(1000), pa.timestamp("us", tz="Asia/Shanghai")),
            "tags": pa.array([["a", f"user-{i % 7:04d}"] for i in range(1000)]),
            "number": pa.array([None if i % 3 else i for i in range(1000)], pa.int32()),
            'a "quoted" name': pa.array([f"n{i}" for i in range(1000)]),
        }
    ).replace_schema_metadata({"made": "by hand"})
    pq.write_table(table, path, row_group_size=64)
    before = pq.read_table(path)
    who = subject.Subject("user-0003", *(frozenset(names) for names in ((), ("user_id",), ("anonymous_id",), ())))
    assert rewrite.rewrite(path, who.judge, who.ids) == (20, 140)
    after = pq.read_table(path)
    assert after.schema.equals(before.schema, check_metadata=True)
    rows = [r for r in table.to_pylist() if r["user_id"] != "user-0003"]
    expected = [r | {"tags": ["" if t == "user-0003" else t for t in r["tags"]]} for r in rows]
    assert after.to_pylist() == expected


def test_twice_is_once(company, tmp_path):
    subject.erase(company, WHO, tmp_path / "cache")
    once = content(company)
    again = subject.erase(company, WHO, tmp_path / "cache")
    assert content(company) == once and again["files"] == {} and again["stores"] == 0


@pytest.mark.parametrize("after", range(7))
def test_a_killed_erasure_is_finished_by_the_next_one(company, tmp_path, monkeypatch, after):
    whole = tmp_path / "whole"
    os.system(f"cp -r {company} {whole}")
    subject.erase(whole, WHO, tmp_path / "nowhere")
    cache = tmp_path / "cache"
    knowpay.open(company, cache=cache)
    done = 0

    def dies(*args):
        nonlocal done
        if done == after:
            raise KeyboardInterrupt
        done += 1
        return rewrite.rewrite(*args)

    with monkeypatch.context() as patch:
        patch.setattr(subject, "rewrite", dies)
        with pytest.raises(KeyboardInterrupt):
            subject.erase(company, WHO, cache)
    assert WHO.encode() not in everything(cache)  # no store survived
    receipt = subject.erase(company, "ben-0001" if after == 3 else WHO, cache)  # whoever comes next
    assert after == 3 or receipt["devices"] == 1  # known from the journal: the rows that told may be gone
    left = everything(company, cache)
    assert WHO.encode() not in left and DEVICE.encode() not in left
    assert after == 3 or content(company) == content(whole)


def test_a_process_killed_in_the_middle_of_a_file_leaves_nothing(company, tmp_path):
    """A real death, without any clean-up: the half-written copy goes with the next erasure, whomever it is about."""
    code = f"""if True:
        import os
        from knowpay.collect.privacy import subject
        judge = subject.Subject.judge
        dies = lambda row: any(value == "ben-0001" for _, value in row)
        subject.Subject.judge = lambda self, row: os._exit(9) if dies(row) else judge(self, row)
        subject.rewrite.__globals__["look"] = lambda *_: [1]
        subject.erase({str(company)!r}, {WHO!r}, {str(tmp_path / "cache")!r})"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert [p for p in company.iterdir() if p.name.startswith(".") and p.name != subject.JOURNAL]
    subject.erase(company, "cleo-002", tmp_path / "cache")
    assert not [p for p in company.iterdir() if p.name.startswith(".")]
    left = everything(company)
    assert not [i for i in (WHO, DEVICE, "cleo-002", "dev-cleo") if i.encode() in left] and b"ben-0001" in left


def test_a_store_deleted_by_halves_is_found_again(company, tmp_path):
    cache = tmp_path / "cache"
    store = knowpay.open(company, cache=cache).store
    half = store.rename(store.with_name(f".forgotten-{store.name}"))
    assert subject.forget(company, cache) == 1 and not half.exists()


def test_a_first_ingest_that_was_killed_is_deleted_too(company, tmp_path, monkeypatch):
    from knowpay.collect.store import Store

    def dies(*_):
        raise KeyboardInterrupt

    cache = tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(Store, "commit", dies)
        with pytest.raises(KeyboardInterrupt):
            knowpay.open(company, cache=cache)
    assert WHO.encode() in everything(cache)  # rows, and no ledger that says whose they are
    assert subject.forget(company, cache) == 1 and WHO.encode() not in everything(cache)


def test_other_exports_keep_their_stores(company, tmp_path):
    other = tmp_path / "other"
    os.system(f"cp -r {company} {other}")
    cache = tmp_path / "cache"
    store = knowpay.open(other, cache=cache).store
    subject.erase(company, WHO, cache)
    assert store.exists()


def test_what_cannot_be_searched_is_named(company, tmp_path):
    (company / "notes.docx").write_bytes(b"PK")
    with (company / "manifest.yml").open("a") as file:
        file.write(f"contact: {WHO}\n")
    assert subject.erase(company, WHO, tmp_path / "cache")["by_hand"] == ["manifest.yml", "notes.docx"]


def test_a_damaged_file_stops_before_anything_changes(company, tmp_path):
    (company / "reviews.csv.gz").write_bytes(b"\x1f\x8bno gzip")
    before = content(company)
    with pytest.raises(ExportError, match=r"reviews\.csv\.gz cannot be taken apart"):
        subject.erase(company, WHO, tmp_path / "cache")
    assert content(company) == before


@pytest.mark.parametrize("bad", ["", " ", 'a"b', "a,b", "a b"])
def test_an_id_that_cannot_be_searched_for(company, bad):
    with pytest.raises(ValueError, match="cannot be searched for"):
        subject.find(company, bad)


@pytest.mark.parametrize(("text", "telling"), [("ann1", False), ("13579", False), ("u0001", True), ("1" * 12, True)])
def test_what_is_searched_for_outside_the_columns_of_ids(text, telling):
    assert subject._telling(text) is telling


def test_short_and_plain_numbers_are_no_needles_in_other_columns(tmp_path):
    folder = tmp_path / "export"
    write_manifest(folder)
    (folder / "users.csv").write_text(f"user_id,created_at,referrer_user_id\n12,{DAY},\n13,{DAY},12\n")
    orders = f"order_id,user_id,timestamp,status,product_id,total,currency\n7,13,{DAY},paid,12,12,CNY\n"
    (folder / "orders.csv").write_text(orders)
    subject.erase(folder, "12", tmp_path / "cache")
    assert (folder / "users.csv").read_text() == f"user_id,created_at,referrer_user_id\n13,{DAY},\n"
    assert (folder / "orders.csv").read_text() == orders


def test_columns_of_a_mapping_are_known(tmp_path):
    folder = tmp_path / "export"
    write_manifest(folder, source_format="mapped")
    mapping = {
        "people*.csv": {
            "table": "users",
            "columns": {"user_id": "会员号", "created_at": "注册", "referrer_user_id": "推荐人"},
        }
    }
    (folder / "mapping.yml").write_text(yaml.safe_dump(mapping, allow_unicode=True), "utf-8")
    (folder / "people.csv").write_text(
        f"会员号,注册,推荐人\n12,{DAY},\n13,{DAY},12\n{WHO},{DAY},13\n14,{DAY},{WHO}\n", "utf-8"
    )
    for user in ("12", WHO):
        assert subject.erase(folder, user, tmp_path / "cache")["by_hand"] == []
    assert (folder / "people.csv").read_text("utf-8") == f"会员号,注册,推荐人\n13,{DAY},\n14,{DAY},\n"


def test_ids_of_the_tool_are_devices(tmp_path):
    """Sensors: login_id is the person, user_id the tool's own number."""
    folder = tmp_path / "export"
    write_manifest(folder, business_user_id_column="login_id", source_format="sensors")
    lines = [
        {"login_id": WHO, "user_id": 900000000001, "distinct_id": WHO, "identities": {"$identity_login_id": WHO}},
        {"user_id": 900000000001, "distinct_id": "anon-1"},
        {"user_id": 900000000002, "distinct_id": "anon-2", "identities": {"$identity_login_id": "ben-0001"}},
    ]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, lines)))
    subject.erase(folder, WHO, tmp_path / "cache")
    assert (folder / "events.jsonl").read_text() == json.dumps(lines[2])


def test_a_copy_of_everything(company, tmp_path):
    ds = knowpay.open(company, cache=tmp_path / "cache")
    written = subject.export(ds, WHO, tmp_path / "copy.json")
    copy = json.loads((tmp_path / "copy.json").read_text("utf-8"))
    assert copy["user_id"] == WHO and copy["devices"] == [DEVICE] and copy["rows"] == written["rows"]
    tables = copy["rows"]["tables"]
    assert (tables["users"], tables["events"], tables["orders"], tables["order_items"]) == (1, 3, 1, 1)
    assert tables["quarantine"] >= 2  # the row without a time, the row with too many fields
    assert {"file": "users.csv", "column": "referrer_user_id"} in copy["mentions"]
    assert copy["files"]["events-1.csv.gz"][0]["message_id"] == "m1"  # before the login, on her own device
    text = json.dumps(copy, ensure_ascii=False)
    assert "cleo-002" not in text  # a row about somebody else is not handed out
    with pytest.raises(ValueError, match="knows nobody called 'dora-99'"):
        subject.export(ds, "dora-99", tmp_path / "none.json")
    assert not (tmp_path / "none.json").exists()


def test_the_commands_say_what_they_did(company, tmp_path, monkeypatch):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    said = [CliRunner().invoke(cli.app, args).output for args in (
        ["subject", "export", str(company), WHO, "--out", str(tmp_path / "copy.json")],
        ["subject", "erase", str(company), WHO],
        ["purge", str(company)],
    )]  # fmt: skip
    assert "8 rows of 6 files, 6 mentions" in said[0] and (tmp_path / "copy.json").exists()
    assert "users.csv: 1 rows removed, 1 rows freed of the mention" in said[1] and "1 derived stores deleted" in said[1]
    assert WHO not in said[1] and WHO.encode() not in everything(company)
    with pytest.raises(ExportError, match="names no retention_days"):
        CliRunner().invoke(cli.app, ["purge", str(company)], catch_exceptions=False)


@pytest.fixture(scope="module")
def days():
    return forms.days("small", 3, "2025-03-03", 3)


@pytest.mark.parametrize("form", some(list(forms.FORMS)))
def test_no_byte_is_left_in_the_export_of_any_tool(days, tmp_path, form):
    folder, cache = tmp_path / "export", tmp_path / "cache"
    forms.write_export(form, days, folder)
    events = days.tables["events"].to_pandas()
    user = events["user_id"].dropna().value_counts().index[0]
    theirs = set(events.loc[events["user_id"] == user, "anonymous_id"].dropna())
    theirs -= set(events.loc[events["user_id"].notna() & (events["user_id"] != user), "anonymous_id"].dropna())
    before = knowpay.open(folder, cache=cache).events.count().to_pandas()
    assert theirs and theirs <= subject.find(folder, user).devices
    receipt = subject.erase(folder, user, cache)
    left = everything(folder, cache)
    assert not [i for i in (user, *theirs) if i.encode() in left] and receipt["stores"] == 1
    gone = (events["user_id"] == user) | events["anonymous_id"].isin(theirs)
    after = knowpay.open(folder, cache=cache)
    assert before - after.events.count().to_pandas() == gone.sum()
    assert after.quarantine.count().to_pandas() == 0
