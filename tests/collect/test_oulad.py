"""OULAD, the real one: row counts as published, nothing lost, wrong files refused."""

import gzip
import hashlib
import json
import shutil
import zipfile

import duckdb
import pytest
from collect_exports import report
from knowpay.collect import DownloadError
from knowpay.collect.public import SETS, counts, engine, find, open_public

pytestmark = pytest.mark.real_data("oulad")
OULAD = SETS["oulad"]
(PART,) = (name for name, file in OULAD.files.items() if file.instead_of)


@pytest.fixture(scope="module")
def oulad(tmp_path_factory):
    return open_public(OULAD, tmp_path_factory.mktemp("cache"))


def test_rows_are_those_published(oulad):
    found = counts(oulad).set_index("file")
    assert found.loc["studentInfo.csv", "rows"] == 32_593
    assert found.loc["studentAssessment.csv", "rows"] == 173_912
    assert found.loc["people", ["rows", "published"]].tolist() == [28_785, 28_785]
    assert found.loc[[n for n in OULAD.needed if n != "studentVle.csv"], "complete"].all()
    loaded = {t: report(oulad, t)["loaded"] for t in ("users", "courses", "memberships", "events")}
    clicks = int(found["rows"].loc[[i for i in found.index if i.startswith("studentVle")]].iloc[0])
    assert loaded == {"users": 28_785, "courses": 22, "memberships": 32_593, "events": 173_912 + clicks}
    assert clicks in (753_564, 10_655_280)
    assert oulad.report.rows[["duplicate", "superseded", "quarantined"]].to_numpy().sum() == 0


def test_withdrawals_and_their_days(oulad):
    members = oulad.memberships.to_pandas()
    assert (members["status"] == "canceled").sum() == 10_156
    assert members.loc[members["status"] == "canceled", "canceled_at"].notna().sum() == 10_063
    assert members.loc[members["status"] == "expired", "canceled_at"].notna().sum() == 9
    one = members.set_index("membership_id").loc["AAA-2013J-11391"]
    start = one["current_period_start"].tz_convert("Europe/London")
    assert (start.date().isoformat(), (one["current_period_end"] - one["current_period_start"]).days) == (
        "2013-10-01",
        268,
    )
    assert json.loads(one["properties"])["date_registration"] == -159


def test_assessments_and_clicks(oulad):
    events = oulad.events
    scores = events.filter(events.event == "lesson_completed").to_pandas()
    assert len(scores) == 173_912 and scores["score_scaled"].between(0, 1).sum() == 173_912 - 173
    first = scores.set_index("message_id").loc["assessment-1752-11391"]
    assert (first["score_scaled"], first["product_id"], first["lesson_id"]) == (0.78, "AAA-2013J", "1752")
    assert first["timestamp"].tz_convert("Europe/London").date().isoformat() == "2013-10-19"
    click = events.filter(events.event == "page_viewed").limit(1).to_pandas().iloc[0]
    assert set(json.loads(click["properties"])) == {"day", "clicks", "site", "activity", "id_derived"}


def test_second_opening_uses_the_cache(oulad, monkeypatch):
    monkeypatch.setattr(engine, "convert", lambda *a: pytest.fail("converted again"))
    assert open_public(OULAD, oulad.store.parents[1]).report.rows.equals(oulad.report.rows)


def _copy(folder):
    for path in find(OULAD).values():
        shutil.copy(path, folder / path.name)


def test_missing_file_is_named(tmp_path, monkeypatch):
    _copy(tmp_path)
    (tmp_path / "vle.csv.gz").unlink()
    monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path))
    with pytest.raises(DownloadError, match=r"has no vle\.csv"):
        open_public(OULAD, tmp_path / "cache")


def test_changed_file_is_refused(tmp_path, monkeypatch):
    (tmp_path / "oulad").mkdir()
    _copy(tmp_path / "oulad")
    path = tmp_path / "oulad" / "courses.csv"
    path.chmod(0o644)
    path.write_text(path.read_text("utf-8").replace("268", "267"), encoding="utf-8")
    monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path))
    with pytest.raises(DownloadError, match=r"courses\.csv is not the published file.*KNOWPAY_DATA"):
        open_public(OULAD, tmp_path / "cache")
    assert [p for p in (tmp_path / "cache" / "public").iterdir() if p.is_dir()] == []


def test_publishers_archive_gives_the_same_data(oulad, tmp_path, monkeypatch):
    """The way of a machine without local files, with a stand-in archive for the one that the publisher serves."""
    archive = tmp_path / "cache" / "downloads" / "oulad" / OULAD.archive.url.rsplit("/", 1)[1]
    archive.parent.mkdir(parents=True)
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in find(OULAD).values():
            name = "studentVle" if path.name.startswith("studentVle") else path.name.split(".")[0]
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            zipped.writestr(f"anonymisedData/{name}.csv", data)
    part = OULAD.files[PART].model_copy(update={"instead_of": None})
    files = {n: f for n, f in OULAD.files.items() if n != PART} | {"studentVle.csv": part}
    stands_in = OULAD.archive.model_copy(update={"sha256": hashlib.sha256(archive.read_bytes()).hexdigest()})
    alone = OULAD.model_copy(update={"files": files, "archive": stands_in})
    monkeypatch.setattr(engine, "find", lambda *_: {})
    monkeypatch.setattr(engine, "ingest", lambda source, store: shutil.copytree(oulad.store, store))  # tested above
    made = open_public(alone, tmp_path / "cache").source
    names = sorted(p.name for p in oulad.source.glob("*.parquet"))
    assert sorted(p.name for p in made.iterdir()) == sorted([*names, "manifest.yml"])
    for name in names:  # the order of rows is not part of an export
        one, other = (f"FROM '{folder / name}'" for folder in (made, oulad.source))
        assert duckdb.sql(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})").fetchall() == [(0,)], name
