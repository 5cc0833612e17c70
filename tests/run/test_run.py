"""`knowpay run` on exports of a few rows: what it says, what it writes, and what it refuses."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hand_made import company as written
from knowpay import cli
from knowpay.collect import ExportError, TooLittleData
from knowpay.run import folder, whole
from knowpay.run.section import CannotSay, catalogue

END = pd.Timestamp("2026-01-01", tz="UTC")


def ago(days: float) -> str:
    return (END - pd.Timedelta(days=days)).isoformat()


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path_factory.mktemp("cache")))


def shop(tmp_path, n=60, manifest=None, **changes):
    """An export: n users on two channels, one of them bought; every third paid 100 yuan, the first six of them 300."""
    users = [
        {"user_id": f"u{i:03d}", "created_at": ago(500), "channel": ("paid_search", "organic")[i % 2]} for i in range(n)
    ]
    orders = [
        {"user_id": f"u{i:03d}", "timestamp": ago(480 if i % 2 else 400), "total": 300 if i < 18 else 100, "fee": 10}
        for i in range(0, n, 3)
    ]
    seen = [
        {"user_id": f"u{i:03d}", "timestamp": ago(1 + 3 * i), "message_id": f"m{i}", "event": "page_viewed"}
        for i in range(n)
    ]
    market = [{"entity": "paid_search", "method": "own_spend", "metric": "spend", "value": 900, "date": "2024-08-20"}]
    courses = [{"product_id": "c1", "price": 300}]
    tables = {"users": users, "orders": orders, "events": seen, "market": market, "courses": courses} | changes
    declared = {"teacher_share": 0.4} | (manifest or {})
    kept = {name: rows for name, rows in tables.items() if rows}
    return written(tmp_path, {k: v for k, v in declared.items() if v is not None}, **kept).source


def record(out):
    return json.loads((out / "run.json").read_text("utf-8"))


def figure(out, section, name):
    return next(one for one in record(out)["sections"][section]["figures"] if one["name"] == name)


# --- what it says ------------------------------------------------------------------------------------------------


def test_money_by_hand(tmp_path):
    whole.run(shop(tmp_path), tmp_path / "out")
    money = record(tmp_path / "out")["sections"]["money"]
    assert figure(tmp_path / "out", "money", "paid")["value"] == 6 * 300 + 14 * 100
    left = 0.6 * (6 * 300 + 14 * 100 - 20 * 10)
    assert figure(tmp_path / "out", "money", "contribution")["value"] == pytest.approx(left)
    assert figure(tmp_path / "out", "money", "customers who paid")["value"] == pytest.approx(20 / 60)
    assert figure(tmp_path / "out", "money", "price of a registration, paid_search")["value"] == 30
    assert figure(tmp_path / "out", "money", "day of payback, paid_search")["value"] == 101  # paid 100 days after
    assert "cannot" not in money and "paid_search" in money["do"]


@pytest.mark.parametrize(
    ("manifest", "orders", "lacks"),
    [
        ({"teacher_share": None}, {}, ["teacher_share"]),
        ({}, {"fee": None}, ["fee_share"]),
        ({"teacher_share": None}, {"fee": None}, ["teacher_share", "fee_share"]),
        ({"fee_share": 0.1}, {"fee": None}, []),
    ],
)
def test_what_remains_is_said_only_where_its_costs_are_declared(tmp_path, manifest, orders, lacks):
    sold = [{"user_id": f"u{i:03d}", "timestamp": ago(9), "total": 100, **({"fee": 10} | orders)} for i in range(20)]
    whole.run(shop(tmp_path, manifest=manifest, orders=sold), tmp_path / "out")
    money = record(tmp_path / "out")["sections"]["money"]
    names = {one["name"] for one in money["figures"]}
    assert ("contribution" in names) == (not lacks) and ("net" in names) == bool(lacks)
    said = " ".join(money.get("cannot", []))
    assert [word for word in ("teacher_share", "fee_share") if f"{word} into the manifest" in said] == lacks
    if not lacks:
        assert figure(tmp_path / "out", "money", "contribution")["value"] == pytest.approx(0.6 * 20 * 90)


def test_groups_by_hand(tmp_path):
    whole.run(shop(tmp_path), tmp_path / "out")
    listed = pd.read_csv(tmp_path / "out" / "segments.csv").set_index("user_id")
    assert len(listed) == 60 and listed["reason"].notna().all()
    assert listed.loc["u000", "group"] == "best payers, active" and "300 yuan" in listed.loc["u000", "reason"]
    assert listed.loc["u018", "group"] == "other payers, quiet"  # seen 55 days ago
    assert listed.loc["u059", "group"] == "never paid, gone"
    groups = listed["group"].value_counts()
    assert groups["best payers, active"] == 4 and groups["never paid, gone"] == 20  # u000, u003, u006, u009: 28 days
    assert figure(tmp_path / "out", "people", "people: best, active")["value"] is None  # too few to tell
    assert figure(tmp_path / "out", "people", "people: never, gone")["value"] == 20


def test_who_refused_is_on_no_list_and_counted(tmp_path):
    refused = {3: {"consent_marketing": "denied"}, 5: {"consent_analytics": "denied"}}
    users = [{"user_id": f"u{i:03d}", "created_at": ago(500), **refused.get(i, {})} for i in range(60)]
    source = shop(tmp_path, users=users)
    whole.run(source, tmp_path / "out")
    listed = set(pd.read_csv(tmp_path / "out" / "segments.csv")["user_id"])
    assert listed == {f"u{i:03d}" for i in range(60)} - {"u003", "u005"}
    notes = record(tmp_path / "out")["sections"]["people"]["notes"]
    assert "fewer than 10 people are not on the list: marketing refused." in notes
    assert "of 59 people are counted" in record(tmp_path / "out")["sections"]["people"]["sure"]  # u005 is not analysed


# Which sections of an awkward export say something, and a word of what they cannot say.
AWKWARD = {
    "orders only": ({"users": None, "events": None, "courses": None, "market": None}, {}, "said said said",
                    "own_spend"),
    "events only": ({"orders": None, "market": None, "courses": None}, {}, "said nothing said", "table orders"),
    "no catalogue": ({"courses": None}, {}, "said said said", "have a list price"),
    "one month": ({}, {"observation_start": "2025-12-01"}, "said said said", "watched for 30 days"),
    "no people": ({"users": [{"user_id": "u1", "is_staff": True}], "events": None, "orders": None}, {},
                  "said nothing nothing", "nobody in these data"),
}  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_exports(tmp_path, name):
    changes, manifest, expected, words = AWKWARD[name]
    outcome = whole.run(shop(tmp_path, manifest=manifest, **changes), tmp_path / "out")
    sections = record(tmp_path / "out")["sections"]
    assert outcome.failed == {}
    assert [one["status"] for one in sections.values()] == expected.split()
    said = json.dumps(sections, ensure_ascii=False)
    assert words in said, said


@pytest.mark.parametrize(("unit", "loaded", "waiting"), [("yuan", 0, 20), ("fen", 20, 0)])
def test_fen_are_read_only_where_they_are_declared(tmp_path, unit, loaded, waiting):
    sold = [{"user_id": f"u{i:03d}", "timestamp": ago(9), "total": 30000, "fee": 0} for i in range(20)]
    courses = [{"product_id": "c1", "price": 300 if unit == "yuan" else 30000}]
    whole.run(
        shop(tmp_path, manifest={"money_unit": unit}, orders=sold, courses=courses, market=None), tmp_path / "out"
    )
    fit = record(tmp_path / "out")["sections"]["fit"]
    assert figure(tmp_path / "out", "fit", "rows of orders, loaded")["value"] == loaded
    assert figure(tmp_path / "out", "fit", "rows of orders, quarantined")["value"] == waiting
    if waiting:
        assert "fen" in fit["do"] and len(pd.read_csv(tmp_path / "out" / "quarantine.csv")) == waiting
    else:
        assert figure(tmp_path / "out", "money", "paid")["value"] == 20 * 300


def test_machines_are_counted(tmp_path):
    opened = [
        {
            "user_id": f"u{i:03d}",
            "anonymous_id": f"d{i}",
            "timestamp": ago(i + 1),
            "message_id": f"m{i}",
            "event": "page_viewed",
        }
        for i in range(60)
    ]
    opened += [
        {"anonymous_id": "robot", "timestamp": (END - pd.Timedelta(days=5, seconds=-20 * i)).isoformat(),
         "message_id": f"r{i}", "event": "page_viewed", "user_agent_class": "unknown"} for i in range(40)
    ]  # fmt: skip
    whole.run(shop(tmp_path, events=opened), tmp_path / "out")
    assert figure(tmp_path / "out", "fit", "events of machines")["value"] == pytest.approx(0.4)
    assert "40 % of the events" in " ".join(record(tmp_path / "out")["sections"]["fit"]["notes"])
    listed = pd.read_csv(tmp_path / "out" / "segments.csv")
    assert len(listed) == 60


def test_hostile_words_stay_words(tmp_path):
    bad = "<script>alert(1)</script>"
    users = [{"user_id": f"=cmd{i:02d}", "created_at": ago(500)} for i in range(40)]
    users += [{"user_id": "v1", "created_at": ago(500), "channel": bad}]  # waits, and its message shows the value
    sold = [{"user_id": f"=cmd{i:02d}", "timestamp": ago(9), "total": 100, "fee": 1} for i in range(20)]
    source = shop(tmp_path, users=users, orders=sold, events=None, manifest={"dataset_id": bad})
    whole.run(source, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert bad not in page and "&lt;script&gt;" in page and "<script" not in page
    assert "\n'=cmd00," in (tmp_path / "out" / "segments.csv").read_text("utf-8-sig")


def test_what_waits_names_nobody(tmp_path):
    users = [{"user_id": f"u{i:03d}", "created_at": ago(500)} for i in range(60)]
    users += [{"user_id": "x1", "created_at": ago(400), "referrer_user_id": "secret77"}]
    whole.run(shop(tmp_path, users=users), tmp_path / "out")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir() if path.suffix != ".parquet")
    rows = pd.read_csv(tmp_path / "out" / "quarantine.csv")
    assert b"secret77" not in everything and rows["column"].tolist() == ["referrer_user_id"]
    assert "Add the inviter" in rows["reason"].iloc[0]


# --- the page ----------------------------------------------------------------------------------------------------


def test_the_page_stands_alone_and_links_lessons_where_there_are_some(tmp_path):
    source = shop(tmp_path)
    whole.run(source, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "http" not in page and 'src="data:image/png' in page and 'lang="en"' in page
    assert page.count(' alt="') >= 3 and "prefers-color-scheme: dark" in page and "@media print" in page
    whole.run(source, tmp_path / "linked", links={"00": "notebooks/00_start_here.html"})
    assert '<a href="notebooks/00_start_here.html">00</a>' in (tmp_path / "linked" / "report.html").read_text("utf-8")


def test_every_sentence_of_the_catalogue_is_used_and_every_one_used_is_there():
    room = Path(whole.__file__).parent
    code = "\n".join(path.read_text("utf-8") for path in [*room.glob("*.py"), room / "report.html"])
    named = {f"{section}.{name}" for section, words in catalogue().items() for name in words}
    asked = set(re.findall(r'"((?:fit|money|people|report)\.(?!html)[a-z_]+)[."]', code))
    asked |= {f"report.{name}" for name in re.findall(r"words\.(\w+)", code)}
    asked |= {f"{name}.title" for name in whole.SECTIONS}
    pieced = [
        re.sub(r"{\w+}", r"\\w+", text) for text in re.findall(r'f"((?:fit|money|people)\.[a-z_]*{\w+}\w*)', code)
    ]
    assert asked <= named, asked - named
    assert {name for name in named - asked if not any(re.fullmatch(p, name) for p in pieced)} == set()
    assert not any(re.fullmatch(p, "people.unused_sentence_of_nobody") for p in pieced if p != r"people.\w+")


# --- the folder --------------------------------------------------------------------------------------------------


def test_the_same_export_gives_the_same_bytes(tmp_path):
    source = shop(tmp_path)
    for name in ("one", "two"):
        whole.run(source, tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two and {"report.html", "run.json", "segments.csv", "segments.parquet"} <= set(one)


@pytest.mark.parametrize("place", [".", "inside", ".."])
def test_a_folder_in_the_export_or_around_it_is_refused(tmp_path, place):
    source = shop(tmp_path)
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(ExportError, match="lie one in the other"):
        whole.run(source, source / place)
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_an_earlier_run_is_overwritten_only_when_told(tmp_path):
    source, out = shop(tmp_path), tmp_path / "out"
    whole.run(source, out)
    before = (out / "run.json").read_bytes()
    with pytest.raises(ExportError, match="holds an earlier run"):
        whole.run(source, out)
    (tmp_path / "two").mkdir()
    whole.run(shop(tmp_path / "two", n=45), out, replace=True)
    assert (out / "run.json").read_bytes() != before and not list(tmp_path.glob(".out*"))
    (out / "mine.txt").write_text("notes")
    with pytest.raises(ExportError, match=r"holds mine.txt, which no run wrote"):
        whole.run(source, out, replace=True)
    assert (out / "mine.txt").exists()


def test_a_run_removes_nothing_that_stands_beside_it(tmp_path):
    source = tmp_path / "export"
    (tmp_path / ".out-of-the-house").mkdir()
    with folder.written(tmp_path / "out-b", source, False), folder.written(tmp_path / "out", source, False) as made:
        (made / "run.json").write_text("{}")
    assert (tmp_path / ".out-of-the-house").is_dir() and (tmp_path / "out-b").is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out-of-the-house", "out", "out-b"]


def test_one_run_at_a_time(tmp_path):
    source, out = shop(tmp_path), tmp_path / "out"
    with folder.written(out, source, False), pytest.raises(ExportError, match="Another run is writing"):
        whole.run(source, out)


def test_a_section_that_goes_wrong_says_so_and_the_others_go_on(tmp_path, monkeypatch):
    def broken(ds):
        raise ZeroDivisionError("no\nwords")

    monkeypatch.setitem(whole.SECTIONS, "money", broken)
    outcome = whole.run(shop(tmp_path), tmp_path / "out")
    assert outcome.failed == {"money": "ZeroDivisionError: no"}
    assert [one["status"] for one in record(tmp_path / "out")["sections"].values()] == ["said", "failed", "said"]
    assert "ZeroDivisionError: no" in (tmp_path / "out" / "report.html").read_text("utf-8")


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_run_that_is_stopped_leaves_nothing(tmp_path, monkeypatch, error):
    def stopped(ds):
        raise error

    monkeypatch.setitem(whole.SECTIONS, "people", stopped if error is KeyboardInterrupt else whole.people)
    if error is MemoryError:
        monkeypatch.setattr(whole.report, "html", lambda *args: stopped(None))
    source = shop(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(error):
        whole.run(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_export_without_rows_ends_in_a_sentence(tmp_path):
    source = shop(tmp_path)
    for path in source.glob("*.csv"):
        path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(TooLittleData, match="has no rows"):
        whole.run(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_said_is_no_failure(tmp_path, monkeypatch):
    def silent(ds):
        raise CannotSay("the moon is down.")

    monkeypatch.setitem(whole.SECTIONS, "money", silent)
    assert not whole.run(shop(tmp_path), tmp_path / "out").failed
    assert record(tmp_path / "out")["sections"]["money"] == {
        "status": "nothing",
        "nothing": "the moon is down.",
        "figures": [],
    }


# --- the command -------------------------------------------------------------------------------------------------


def command(*args):
    return cli.run(lambda: cli.app(["run", *map(str, args)]))


def test_exit_statuses(tmp_path, monkeypatch, capsys):
    source = shop(tmp_path)
    assert command(source, "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "report.html" in said.out and "segments.csv: 60 rows" in said.out and "Are the data fit?" in said.err
    assert command(source, "--out", tmp_path / "out") == 2 and "--replace" in capsys.readouterr().err
    assert command(tmp_path / "nowhere", "--out", tmp_path / "other") == 2
    monkeypatch.setitem(whole.SECTIONS, "money", lambda ds: 1 / 0)
    assert command(source, "--out", tmp_path / "third") == 1
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "manifest.yml").write_bytes((source / "manifest.yml").read_bytes())
    (tmp_path / "empty" / "users.csv").write_text("user_id,created_at\n")
    assert command(tmp_path / "empty", "--out", tmp_path / "fourth") == 3


def test_it_needs_neither_jupyter_nor_tensorflow(tmp_path):
    code = f"""
import sys
from knowpay.run import whole
whole.run({str(shop(tmp_path))!r}, {str(tmp_path / "out")!r})
print(sorted({{'IPython', 'tensorflow', 'keras', 'nbformat', 'papermill', 'sphinx'}} & set(sys.modules)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
