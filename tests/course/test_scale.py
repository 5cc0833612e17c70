"""The expressions of maintain.scale against pandas and by hand on DuckDB, and the same tables on Spark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from ibis.expr.types import Table
from knowpay.collect.store import Store
from knowpay_course.maintain import scale

ZONE = "Asia/Shanghai"
STEPS = ("product_viewed", "checkout_started", "order_completed")
EXPRESSIONS: dict[str, Callable[[Table], Table]] = {
    "daily_events": scale.daily_events,
    "sessions": scale.sessions,
    "first_and_last": scale.first_and_last,
    "funnel": lambda events: scale.funnel(events, STEPS),
}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """20,000 events of 300 users and 300 devices: some at one moment, some at midnight, gaps of exactly 30 minutes."""
    rng, n = np.random.default_rng(0), 20_000
    user, device = rng.integers(0, 300, n), rng.integers(0, 300, n)
    minutes = rng.integers(0, 40 * 24 * 2, n) * 30  # whole half hours: ties and gaps at the limit
    micros = rng.choice([0, 0, 0, 1, 999_999], n)
    return pd.DataFrame(
        {
            "event": rng.choice([*STEPS, "page_viewed", "页面浏览"], n, p=[0.3, 0.2, 0.1, 0.35, 0.05]),
            "timestamp": pd.Timestamp("2024-02-01", tz="UTC") + pd.to_timedelta(minutes * 60_000_000 + micros, "us"),
            "user_id": np.where(rng.random(n) < 0.6, np.char.mod("u%03d", user), None),
            "anonymous_id": np.char.mod("a%03d", device),
        }
    )


@pytest.fixture(scope="module")
def folder(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The events as two Parquet files, with times in microseconds as in a store."""
    folder = tmp_path_factory.mktemp("store")
    for part, rows in enumerate((frame[:9_000], frame[9_000:])):
        rows.to_parquet(folder / f"events-{part}.parquet", index=False)
    return folder


@pytest.fixture(scope="module")
def duckdb(folder: Path) -> Table:
    con = ibis.duckdb.connect()
    con.raw_sql(f"SET TimeZone = '{ZONE}'")
    return con.read_parquet(str(folder / "*.parquet"))


@pytest.fixture(scope="module")
def spark(folder: Path):
    pytest.importorskip("pyspark", reason="pyspark is not installed; it is an optional extra")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("Spark needs Java, which is not on this machine")
    con = scale.local_spark(ZONE)
    yield con.read_parquet(str(folder))
    con.disconnect()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_spark_gives_the_same_table_as_duckdb(name, duckdb, spark):
    ours, theirs = (scale.to_frame(EXPRESSIONS[name](events), ZONE) for events in (duckdb, spark))
    assert len(ours) > (2 if name == "funnel" else 190)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_spark_without_the_time_zone_has_other_days(duckdb, spark):
    days = duckdb.timestamp.date().nunique().to_pandas()
    spark.get_backend().raw_sql("SET TIME ZONE 'UTC'")
    try:
        utc = spark.timestamp.date().nunique().to_pandas()
    finally:
        spark.get_backend().raw_sql(f"SET TIME ZONE '{ZONE}'")
    assert (days, utc) == (41, 40), "40 days from midnight UTC are parts of 41 days in Shanghai"


def test_raw_sql_puts_missing_values_elsewhere_and_ibis_does_not(tmp_path, spark):
    path = tmp_path / "numbers.parquet"
    pd.DataFrame({"x": [3.0, None, 1.0]}).to_parquet(path)
    duck, con = ibis.duckdb.connect(), spark.get_backend()
    raw = duck.raw_sql(f"SELECT x FROM '{path}' ORDER BY x").fetchall()
    assert [x for (x,) in raw] == [1, 3, None]
    assert [row.x for row in con.raw_sql(f"SELECT x FROM parquet.`{path}` ORDER BY x").collect()] == [None, 1, 3]
    for each in (duck, con):
        assert each.read_parquet(str(path)).order_by("x").to_pandas()["x"].isna().tolist() == [False, False, True]


def test_spark_reads_the_files_of_a_store_that_count(opened, tmp_path, spark):
    ds = opened()
    (counted,) = Store(ds.store).paths("orders")
    shutil.copy(counted, Path(counted).with_name("of-the-state-before.parquet"))
    rows = scale.read_store(spark.get_backend(), ds.store, "orders").order_by("order_id").to_pandas()
    assert rows["order_id"].tolist() == sorted(ds.orders.to_pandas()["order_id"])
    with pytest.raises(ValueError, match="has no table 'events': open the export first"):
        scale.read_store(spark.get_backend(), tmp_path / "nowhere")


def test_spark_refuses_times_in_nanoseconds(tmp_path, frame, spark):
    from pyspark.errors import AnalysisException

    frame[:1].assign(timestamp=frame["timestamp"].dt.as_unit("ns")).to_parquet(tmp_path / "nanoseconds.parquet")
    with pytest.raises(AnalysisException, match="NANOS"):
        spark.get_backend().read_parquet(str(tmp_path / "nanoseconds.parquet"))


@pytest.fixture(scope="module")
def people(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(person=frame["user_id"].fillna(frame["anonymous_id"]))


def test_daily_events_are_those_of_pandas(people, duckdb):
    day = people["timestamp"].dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize().dt.as_unit("us").rename("day")
    expected = people.groupby([day, "event"])["person"].agg(events="size", people="nunique").reset_index()
    pd.testing.assert_frame_equal(scale.to_frame(scale.daily_events(duckdb), ZONE), expected, check_dtype=False)


def test_sessions_are_those_of_counting_one_by_one(people, duckdb):
    expected: list[list] = []
    for person, at in people[["person", "timestamp"]].sort_values(["person", "timestamp"]).itertuples(index=False):
        last = expected[-1] if expected and expected[-1][0] == person else None
        if last and at - last[3] <= pd.Timedelta(minutes=30):
            last[3], last[4] = at, last[4] + 1
        else:
            expected.append([person, last[1] + 1 if last else 1, at, at, 1])
    frame = pd.DataFrame(expected, columns=["person", "session", "began", "ended", "events"])
    pd.testing.assert_frame_equal(scale.to_frame(scale.sessions(duckdb), ZONE), frame, check_dtype=False)


def test_events_of_one_moment_share_a_session():
    rows = pd.DataFrame({"timestamp": pd.to_datetime(["2024-01-01 10:00"] * 3 + ["2024-01-01 11:00"] * 3, utc=True)})
    events = ibis.memtable(rows.assign(user_id="u1", anonymous_id="a1"))
    assert scale.to_frame(scale.sessions(events), ZONE)[["session", "events"]].to_numpy().tolist() == [[1, 3], [2, 3]]


def test_first_and_last_are_those_of_pandas(people, duckdb):
    expected = people.groupby("person")["timestamp"].agg(first="min", last="max", events="size").reset_index()
    pd.testing.assert_frame_equal(scale.to_frame(scale.first_and_last(duckdb), ZONE), expected, check_dtype=False)


def test_a_funnel_by_hand():
    rows = [
        ("all three", "product_viewed", 1),
        ("all three", "checkout_started", 2),
        ("all three", "order_completed", 2),  # of one moment: not earlier
        ("wrong order", "checkout_started", 1),
        ("wrong order", "product_viewed", 2),
        ("second try", "checkout_started", 1),
        ("second try", "product_viewed", 2),
        ("second try", "checkout_started", 3),
        ("order only", "order_completed", 5),
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "event", "day"]).assign(anonymous_id=None)
    frame["timestamp"] = pd.to_datetime("2024-01-01", utc=True) + pd.to_timedelta(frame.pop("day"), "D")
    found = scale.to_frame(scale.funnel(ibis.memtable(frame.astype({"anonymous_id": "str"})), STEPS), ZONE)
    assert found["people"].tolist() == [3, 2, 1]
    assert found["step"].tolist() == list(STEPS)
