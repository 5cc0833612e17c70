"""What leaves the house: an exporter that would let an opted-out person pass fails here."""

from __future__ import annotations

import csv

import pandas as pd
import pytest
from knowpay.collect import disk
from knowpay.operate import export
from operate_company import MORNING

AT = MORNING + pd.Timedelta(days=15)  # by then nobody has had too many messages


def listed(*users: str, **columns) -> pd.DataFrame:
    """A target list of these users; the first is held out."""
    arms = ["control", *["message"] * (len(users) - 1)]
    table = pd.DataFrame({"user_id": users, "product_id": "c1", "channel": "wechat_official", "arm": arms})
    return table.assign(send_at=AT, reason="goes with Mind", score=[30.0 - i for i in range(len(users))]).assign(
        **columns
    )


def general(*users: str, **columns) -> pd.DataFrame:
    return listed(*users, reason="opened by most", score=0.0, **columns)


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("cat", "opted out of personalisation"),
        ("ivy", "analysis refused"),
        ("dan", "marketing refused"),
        ("lou", "marketing refused"),
        ("eve", "under 14"),
        ("fay", "staff"),
        ("gus", "erased"),
        ("hal", "bot"),
        ("jim", "test account"),
        ("zoe", "not a user of this company"),
    ],
)
@pytest.mark.parametrize("arm", ["message", "control"])
def test_nobody_who_said_no_gets_out(company, tmp_path, user, words, arm):
    table = listed("ann", "bob", user)
    table.loc[2, "arm"] = arm
    with pytest.raises(ValueError, match=f"^{user} is on the list and must not be: {words}"):
        export.export_target_list(company(), table, tmp_path / "out")
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_those_who_opted_out_may_get_what_everybody_gets(company, tmp_path):
    ds = company()
    paths = export.export_target_list(ds, general("cat", "ivy"), tmp_path, personal=False)
    assert paths["csv"].name == "general_list.csv"
    with pytest.raises(ValueError, match="marketing refused"):
        export.export_target_list(ds, general("cat", "dan"), tmp_path, personal=False)
    for column, value in (("product_id", ["c1", "c2"]), ("reason", ["a", "b"]), ("score", [0.0, 1.0])):
        with pytest.raises(ValueError, match="says the same to everybody"):
            export.export_target_list(ds, general("cat", "ivy").assign(**{column: value}), tmp_path, personal=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arm": "message"}, "no hold-out"),
        ({"arm": "control"}, "nobody on it gets the message"),
        ({"arm": ["control", "massage"]}, "not 'massage'"),
        ({"user_id": "ann"}, "more than once"),
        ({"score": -1.0}, "score below 0"),
        ({"send_at": MORNING}, "ann and 1 more are on the list and had as many messages"),
    ],
)
def test_a_list_that_must_not_leave(company, tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        export.export_target_list(company(), listed("ann", "bob").assign(**change), tmp_path)
    assert not list(tmp_path.glob("*list*"))


def test_missing_columns_and_empty_lists_are_named(company, tmp_path):
    with pytest.raises(ValueError, match="lacks the columns arm, score"):
        export.export_target_list(company(), listed("ann", "bob").drop(columns=["arm", "score"]), tmp_path)
    with pytest.raises(ValueError, match="empty"):
        export.export_target_list(company(), listed("ann", "bob").iloc[:0], tmp_path)


def test_seven_columns_leave_and_nothing_else(company, tmp_path):
    table = listed("bob", "ann", phone="13800000000", active_days=3)
    paths = export.export_target_list(company(), table, tmp_path)
    sheet, exact = pd.read_csv(paths["csv"]), pd.read_parquet(paths["parquet"])
    assert list(sheet.columns) == list(exact.columns) == list(export.COLUMNS)
    assert sheet["user_id"].tolist() == exact["user_id"].tolist() == ["ann", "bob"]
    assert sheet["send_at"].tolist() == ["2025-03-16T10:00:00+08:00"] * 2
    assert sheet["score"].tolist() == exact["score"].tolist() == [29.0, 30.0]


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(company, tmp_path, reason):
    paths = export.export_target_list(company(), listed("ann", "bob", reason=reason), tmp_path)
    with paths["csv"].open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert pd.read_parquet(paths["parquet"])["reason"].tolist() == [reason] * 2  # the exact text, for machines


def test_excel_reads_chinese(company, tmp_path):
    paths = export.export_target_list(company(), listed("ann", "bob", reason="与“日语入门课”相配"), tmp_path)
    assert paths["csv"].read_bytes().startswith(b"\xef\xbb\xbf")


def test_files_appear_whole_or_not_at_all(company, tmp_path, monkeypatch):
    ds = company()
    export.export_target_list(ds, listed("ann", "bob"), tmp_path / "out")
    before = (tmp_path / "out" / "target_list.csv").read_bytes()

    def broken(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(disk.os, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        export.export_target_list(ds, listed("ann", "bob", reason="another"), tmp_path / "out")
    assert (tmp_path / "out" / "target_list.csv").read_bytes() == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["target_list.csv", "target_list.parquet"]


def test_the_brief_is_written_whole(tmp_path):
    path = export.write_brief("# Campaign\n计划\n", tmp_path / "new")
    assert path.read_text(encoding="utf-8") == "# Campaign\n计划\n"
