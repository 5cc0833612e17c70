"""The benchmark of what grows with the data: its exports, its refusals, its tables."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from knowpay_course import ROOT, CourseError, markdown
from knowpay_course.maintain import bench, bench_data, peers


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """An export like that of a simulated company: a folder of 10 events in two files, and a manifest."""
    folder = tmp_path / "world"
    (folder / "events").mkdir(parents=True)
    (folder / "manifest.yml").write_text("timezone: Asia/Shanghai\n", "utf-8")
    for part in range(2):
        rows = pd.DataFrame({"message_id": [f"m{part}{row}" for row in range(5)], "event": "page_viewed"})
        rows = rows.assign(user_id="u1", anonymous_id="a1", timestamp=pd.Timestamp("2024-01-01", tz="UTC"))
        rows.to_parquet(folder / "events" / f"part-{part}.parquet", index=False)
    return folder


def test_an_export_has_the_rows_asked_for_and_no_id_twice(world, tmp_path):
    made = bench_data.write_export(world, tmp_path / "made", 25)
    assert sorted(path.name for path in made.iterdir()) == [*(f"events-0{n}.parquet" for n in range(3)), "manifest.yml"]
    rows = pd.concat([pd.read_parquet(path) for path in sorted(made.glob("*.parquet"))])
    assert (len(rows), rows["message_id"].nunique(), rows["user_id"].nunique()) == (25, 25, 3)


def test_a_csv_export_is_one_file_with_the_same_rows(world, tmp_path):
    made = bench_data.write_export(world, tmp_path / "made", 25, "csv")
    assert sorted(path.name for path in made.iterdir()) == ["events.csv", "manifest.yml"]
    whole = bench_data.write_export(world, tmp_path / "parquet", 25)
    parquet = pd.concat([pd.read_parquet(path) for path in sorted(whole.glob("*.parquet"))], ignore_index=True)
    pd.testing.assert_series_equal(pd.read_csv(made / "events.csv")["message_id"], parquet["message_id"])


def test_a_part_that_does_not_exist_is_refused():
    with pytest.raises(CourseError, match="no part 'speed' to measure; there are sessions, ingest, spark, peers"):
        bench_data.main(["speed"])


def test_peers_are_measured_in_an_environment_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_data, "PEERS", tmp_path / "python")
    with pytest.raises(CourseError, match="`make bench GROUP=peers` makes it"):
        bench_data.peers_table()
    (tmp_path / "python").touch()
    rows = [{"what": "w", "peer": "p", "ours": 0.5, "theirs": seconds, "bar": 2.0, "said": "s"} for seconds in (1, 0.8)]
    said = json.dumps([peers.row("w", "p", [row["ours"], row["theirs"]], 2.0, "s") for row in rows])
    monkeypatch.setattr(bench_data, "measure", lambda *_, **more: bench.Measured(said=f"a note\n{said}"))
    quick, slow = ([cell.strip() for cell in row.split("|")[1:-1]] for row in bench_data.peers_table().splitlines()[2:])
    assert quick == ["w", "p", "0.500", "1.000", "2.0", "2.0", "s"] and slow[4:6] == ["**1.6**", "2.0"]
    monkeypatch.setattr(bench_data, "measure", lambda *_, **more: bench.Measured(status=1))
    with pytest.raises(CourseError, match="could not be measured"):
        bench_data.peers_table()


def test_peers_take_turns_and_the_median_counts():
    calls = []
    seconds, found = peers.in_turns(lambda: calls.append("a") or 1, lambda: calls.append("b") or 2)
    assert calls == ["a", "b"] * peers.REPEATS and found == [1, 2] and all(0 <= one < 1 for one in seconds)


def test_a_small_disk_is_refused_before_anything_is_written(tmp_path):
    bench_data.enough_disk(tmp_path, 1)
    with pytest.raises(CourseError, match=r"need about 300,000 GB of disk, and .* has \d+ free. Free some space"):
        bench_data.enough_disk(tmp_path, 10**12)


def test_both_forms_of_pandas_find_the_sessions_of_knowpay():
    from knowpay.collect.sessions import session_numbers

    rng = np.random.default_rng(1)
    person, at = rng.integers(0, 9, 500), rng.integers(0, 10**11, 500)
    expected = session_numbers(person, at).tolist()
    assert bench_data.pandas_sessions(person, at).tolist() == expected
    assert bench_data.pandas_sessions_two_sorts(person, at).tolist() == expected


def test_the_table_of_sessions_says_how_much_faster(monkeypatch):
    lines = bench_data.session_table(events=2_000, people=50, repeats=1).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:4]] == ["any", "of time"]
    assert lines[-1].startswith("2,000 events of 50 people, one core")
    monkeypatch.setattr(bench_data, "pandas_sessions_two_sorts", lambda person, at: np.zeros(len(at), int))
    with pytest.raises(RuntimeError, match="other sessions"):
        bench_data.session_table(events=2_000, people=50, repeats=1)


def test_the_table_of_ingests_gives_rates_and_slopes(world, monkeypatch):
    def measure(command: list[str], quiet: bool) -> bench.Measured:
        files = list(Path(command[3]).glob("events*"))
        rows = sum(len((pd.read_csv if path.suffix == ".csv" else pd.read_parquet)(path)) for path in files)
        said = json.dumps({"loaded": rows - 1, "seconds": rows / 500, "cores": rows / 250})
        return bench.Measured(samples=[(0, 321)], said=f"a line of somebody else\n{said}\n")

    monkeypatch.setattr(bench_data, "measure", measure)
    monkeypatch.setattr(bench_data, "SIZES", (20, 40))
    monkeypatch.setattr(bench_data, "simulated", lambda folder: world)
    lines = [" ".join(line.split()) for line in bench_data.ingest_table().splitlines()]
    assert lines[2] == "| 20 | 2 parquet | 0.00 | 0.0 | 0.1 | 500 | 321 | 19 | 1 |"
    assert lines[5].startswith("| 40 | 1 csv |")
    assert lines[-1].count("2000.00 s, 4000.00 core seconds, from 20 to 40") == 2, "for Parquet and for CSV"


@pytest.mark.parametrize("part", ["sessions", "ingest", "spark"])
def test_the_page_has_a_place_for_each_table(part):
    text = (ROOT / "book" / "scale.md").read_text("utf-8")
    begin, end = (re.escape(mark.format(part)) for mark in markdown.MARKS)
    assert len(re.findall(f"{begin}\n.+?\n{end}", text, re.S)) == 1
