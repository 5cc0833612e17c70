"""The one way out: who may be in a file, and that no other module writes one."""

from __future__ import annotations

import ast
import csv
from decimal import Decimal
from pathlib import Path

import knowpay
import pandas as pd
import pytest
from collect_exports import DAY, frames, write_manifest, write_table
from knowpay.collect.privacy import gate, permission

LIB = Path(knowpay.__file__).parent
KEY = bytes.fromhex("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
SAID = {  # user: (what the record says, why not personal, why not general, why not in an analysis)
    "ann": ({}, "", "", ""),
    "bob": ({"consent_marketing": "denied"}, "marketing refused", "marketing refused", ""),
    "cat": ({"personalization_opt_out": "true"}, "opted out of personalisation", "", ""),
    "dan": ({"consent_analytics": "denied"}, "analysis refused", "", "analysis refused"),
    "eve": ({"under_14": "true", "is_test": "true"}, *["under 14"] * 3),
    "fay": ({"is_staff": "true"}, *["staff"] * 3),
    "gus": ({"deleted_at": DAY, "consent_marketing": "denied"}, *["erased"] * 3),
    "hal": ({"is_bot": "true"}, *["bot"] * 3),
    "ivy": ({"is_test": "true"}, *["test account"] * 3),
}


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    """A company of nine people; nothing here changes it."""
    users = pd.DataFrame([{"user_id": u, "created_at": DAY, **said} for u, (said, *_) in SAID.items()])
    orders = pd.DataFrame({"order_id": ["o1", "o2"], "user_id": "ann", "timestamp": [DAY, "2025-06-01T00:00:00+08:00"]})
    orders = orders.assign(status="paid", product_id="c1", total="199.00", currency="CNY")
    window = {
        "observation_start": "2024-07-01",
        "observation_end": "2025-12-31",
        "extracted_at": "2026-01-01T00:00:00Z",
    }
    folder = tmp_path_factory.mktemp("company")
    write_manifest(folder, **window, retention_days=300)
    for name, frame in (frames() | {"users": users, "orders": orders}).items():
        write_table(frame, folder / f"{name}.csv")
    return knowpay.open(folder, cache=tmp_path_factory.mktemp("cache"))


def people(*users: str, **columns) -> pd.DataFrame:
    return pd.DataFrame({"user_id": list(users)}).assign(**columns)


@pytest.mark.parametrize(("at", "purpose"), [(1, "personal"), (2, "general"), (3, "analysis")])
def test_everybody_has_one_reason_or_none(ds, at, purpose):
    assert permission.reasons(ds, purpose).to_dict() == {user: why[at] for user, why in SAID.items()}


def test_who_came_later_is_nobody_yet(ds):
    assert permission.reasons(ds, "personal", pd.Timestamp("2025-02-01", tz="UTC")).empty
    assert permission.reasons(ds, "personal", pd.Timestamp(DAY)).empty  # registered at that moment, not before it


def test_with_real_people_unknown_is_a_refusal(opened):
    users = pd.DataFrame(
        {"user_id": ["a", "b", "c"], "created_at": DAY, "consent_marketing": ["granted", "unknown", ""]}
    )
    users["consent_analytics"] = "granted"
    real = opened(users=users, orders=None, events=None, manifest={"contains_personal_data": "true"})
    assert permission.reasons(real, "general").tolist() == ["", "marketing refused", "marketing refused"]


def test_an_unknown_purpose_is_refused(ds):
    with pytest.raises(ValueError, match="no purpose 'fun'; the purposes are customer, analysis, profile, gen"):
        permission.reasons(ds, "fun")


@pytest.mark.parametrize("purpose", ["personal", "general", "analysis"])
@pytest.mark.parametrize("column", gate.IDS)
def test_nobody_slips_out_in_any_column(ds, tmp_path, purpose, column):
    for user, (_, personal, general, analysis) in SAID.items():
        why = {"personal": personal, "general": general, "analysis": analysis}[purpose]
        table = people("ann", "ann").assign(**{column: ["ann", user]})
        if not why:
            gate.release(ds, table, purpose, tmp_path / user, "list", key=KEY)
            continue
        with pytest.raises(ValueError, match=rf"^{user} is .* must not be: {why}\.$"):
            gate.release(ds, table, purpose, tmp_path / user, "list", key=KEY)
        assert not (tmp_path / user).exists()
    with pytest.raises(ValueError, match=r"zoe is .* not a user of this company"):
        gate.release(ds, people("ann", "zoe"), purpose, tmp_path / "zoe", "list", key=KEY)


def test_the_sentence_counts_people_once():
    assert gate.people(pd.Series(["ann", "ann"])) == "ann is"
    assert gate.people(pd.Series(["ann", "bob", "ann", "cat"])) == "ann and 2 more are"


def test_an_analysis_leaves_with_pseudonyms(ds, tmp_path):
    table = people(
        "ann", "bob", "ann", referrer_user_id=["cat", None, "bob"], anonymous_id=["dev-1", "dev-2", None], n=[1, 2, 3]
    )
    table = table.set_axis(["ann", "bob", "ann"])  # an index stays in the house
    with pytest.raises(ValueError, match="give a key"):
        gate.release(ds, table, "analysis", tmp_path, "study")
    out = pd.read_parquet(gate.release(ds, table, "analysis", tmp_path, "study", key=KEY)["parquet"])
    text = out.to_csv() + (tmp_path / "study.csv").read_text("utf-8-sig")
    assert not [word for word in ("ann", "bob", "cat", "dev-1", "dev-2") if word in text]
    assert (
        out["user_id"].iloc[0] == out["user_id"].iloc[2] and out["referrer_user_id"].iloc[2] == out["user_id"].iloc[1]
    )
    assert out["referrer_user_id"].isna().tolist() == [False, True, False] and out["n"].tolist() == [1, 2, 3]


def test_rows_over_age_stay(ds, tmp_path):
    assert gate.kept_since(ds) == pd.Timestamp("2025-03-07", tz="UTC")
    orders = ds.orders.select("user_id", "timestamp", "total").to_pandas()
    with pytest.raises(ValueError, match=r"1 rows of orders are older than 2025-03-07, .* retention of 300 days"):
        gate.release(ds, orders, "analysis", tmp_path, "orders", key=KEY)
    kept = orders[orders["timestamp"] >= gate.kept_since(ds)]
    assert len(pd.read_parquet(gate.release(ds, kept, "analysis", tmp_path, "orders", key=KEY)["parquet"])) == 1
    gate.release(ds, kept.assign(timestamp=gate.kept_since(ds)), "analysis", tmp_path, "edge", key=KEY)  # not older


def test_aggregates_name_nobody_and_count_no_few(ds, tmp_path):
    table = pd.DataFrame({"city": ["x", "y", "z"], "people": pd.array([10, None, 0], dtype="Int64")})
    gate.release(ds, table, "aggregate", tmp_path, "cities")
    for bad, words in (
        (table.assign(people=[10, 9, 0]), "fewer than 10 people in 1 rows"),
        (table.drop(columns="people"), "lacks the column people"),
        (table.assign(best=["ann", "", ""]), "column best of cities holds ids of users"),
    ):
        with pytest.raises(ValueError, match=words):
            gate.release(ds, bad, "aggregate", tmp_path, "cities")


def test_lists_without_people_and_empty_ones(ds, tmp_path):
    with pytest.raises(ValueError, match="names nobody"):
        gate.release(ds, pd.DataFrame({"n": [1]}), "personal", tmp_path, "list")
    with pytest.raises(ValueError, match="list is empty"):
        gate.release(ds, people("ann").iloc[:0], "personal", tmp_path, "list")


def test_no_phone_number_in_any_text(ds, tmp_path):
    with pytest.raises(ValueError, match="column note of list holds a phone"):
        gate.release(ds, people("ann", note="call 138 1234 5678"), "personal", tmp_path, "list")


RUN = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for the start of a formula


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n@x", " =1", "a,b\n=c"])
def test_no_cell_and_no_column_is_a_formula(ds, tmp_path, text):
    table = people(
        "ann",
        **{
            text: text,
            "minus": -1.5,
            "count": -2,
            "money": Decimal("-9.90"),
            "when": pd.Timestamp("2025-01-01", tz="UTC"),
        },
    )
    paths = gate.release(ds, table, "personal", tmp_path, "list")
    with paths["csv"].open(encoding="utf-8-sig", newline="") as file:
        head, row = csv.reader(file)
    assert not [c for c in head if c.startswith(RUN)]
    numbers = dict(zip(head, row, strict=True))
    assert (numbers.pop("minus"), numbers.pop("count")) == ("-1.5", "-2")  # numbers stay numbers
    assert numbers.pop("money") == "-9.90"
    assert numbers.pop("when") == "2025-01-01T08:00:00+08:00"
    assert not [c for c in numbers.values() if c.startswith(RUN)]
    assert pd.read_parquet(paths["parquet"])[text].tolist() == [text]  # the exact text, for machines


def test_missing_values_are_empty_cells(ds, tmp_path):
    table = people("ann", "cat", when=pd.to_datetime(["2025-01-01", None], utc=True), note=["x", None], n=[1.0, None])
    text = gate.release(ds, table, "general", tmp_path, "list")["csv"].read_text("utf-8-sig")
    assert text.splitlines()[1:] == ["ann,2025-01-01T08:00:00+08:00,x,1.0", "cat,,,"]


# Modules that may write files: the simulator and what reads exports in, the course's own outputs, and the gate's room.
MAKERS = ("world/", "course/", "collect/privacy/")
INGEST = (
    "collect/files.py",
    "collect/store.py",
    "collect/download.py",
    "collect/archive.py",
    "collect/schema.py",
)
INGEST_ROOMS = ("collect/public", "collect/adapters/")
WRITES = {"to_csv", "to_parquet", "to_excel", "to_json", "to_feather", "to_pickle", "to_hdf", "to_orc", "to_stata",
          "to_clipboard", "to_html", "to_markdown", "to_latex", "to_xml", "write_table", "write_csv", "write_parquet",
          "write_feather", "write_text", "write_bytes", "writerow", "writerows", "savetxt", "tofile", "savez",
          "dump"}  # fmt: skip


def writers(code: str) -> list[str]:
    """What in the code writes a file: calls by name, open(..., "w"), COPY … TO in SQL."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            to_nowhere = name in ("to_html", "to_json", "to_markdown", "to_csv") and not node.args
            if name in WRITES and not to_nowhere:
                found.append(f"{node.lineno}: {name}")
            modes = [
                *node.args[isinstance(node.func, ast.Name) :],
                *(k.value for k in node.keywords if k.arg == "mode"),
            ]
            mode = [a.value for a in modes[:1] if isinstance(a, ast.Constant)]
            if name == "open" and any(isinstance(m, str) and set(m) & set("wax+") for m in mode):
                found.append(f"{node.lineno}: open for writing")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = " ".join(node.value.split()).upper()
            if "COPY (" in text or ("COPY " in text and " TO '" in text):
                found.append(f"{node.lineno}: COPY")
    return found


def test_the_walk_finds_what_it_should():
    for code in (
        "t.to_csv('x')",
        "open('x', 'w')",
        "p.open(mode='wb')",
        "pq.write_table(t, p)",
        "con.sql('COPY (FROM t) TO x')",
    ):
        assert writers(code), code
    for code in ("open('x')", "p.open('rb')", "t.to_html()", "x = 'copy of the list'"):
        assert not writers(code), code


def test_no_other_module_writes_files():
    exporters = {}
    for path in sorted(LIB.rglob("*.py")):
        name = path.relative_to(LIB).as_posix()
        if not name.startswith((*MAKERS, *INGEST_ROOMS)) and name not in INGEST:
            exporters[name] = writers(path.read_text("utf-8"))
    assert len(exporters) > 20 and "operate/export.py" in exporters
    # The brief of a campaign, the report of a run and the record of its figures are words and sums without people.
    allowed = {"operate/export.py": ["write_text"], "run/whole.py": ["write_text"]}
    left = {n: [f for f in found if f.split(": ")[1] not in allowed.get(n, [])] for n, found in exporters.items()}
    assert {n: f for n, f in left.items() if f} == {}
