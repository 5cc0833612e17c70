"""The store follows its folder: added files, late rows, replays and kills leave what one run over all would leave."""

import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from collect_exports import frames, write_manifest, write_table
from effort import cases, thorough
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from knowpay.collect import ExportError
from knowpay.collect.dataset import Dataset
from knowpay.collect.ingest import ingest, replay
from knowpay.collect.schema import FATES, TABLES
from knowpay.collect.store import Store

KILLS = cases(60)
fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def digests(store: Path) -> dict[str, str]:
    """Digest of every canonical file of the store, by table and day."""
    paths = [(t, Path(p)) for t in TABLES for p in Store(store).paths(t)]
    return {f"{t}/{p.name.split('.')[0]}": hashlib.sha256(p.read_bytes()).hexdigest() for t, p in paths}


def dataset(store: Path, folder: Path) -> Dataset:
    return Dataset("test", store, folder)


def conserved(ds: Dataset) -> bool:
    """Whether every file of every table accounts for its rows, and the tables hold what the files say."""
    batches = ds.report.batches
    held = {t: ds.con.raw_sql(f"SELECT count(*) FROM {t}").fetchall()[0][0] for t in TABLES if t != "order_items"}
    rows = ds.report.rows.set_index("table")["loaded"]
    return (batches[list(FATES)].sum(axis=1) == batches["rows_in"]).all() and all(rows[t] == n for t, n in held.items())


# --- new files ----------------------------------------------------------------------------------------------

ROW = st.fixed_dictionaries(
    {
        "message_id": st.sampled_from(["m1", "m2", "m3", "m4", "m5", ""]),
        "event": st.sampled_from(["page_viewed", "signed_up"]),
        "timestamp": st.sampled_from(["2025-03-01T10:00:00Z", "2025-03-01T23:59:00+08:00", "2025-03-03", "never"]),
        "received_at": st.sampled_from(["2025-03-03T10:00:05Z", "2025-03-04", ""]),
        "user_id": st.sampled_from(["u1", "u2"]),
    }
)


@settings(
    max_examples=cases(15),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(ROW, min_size=2, max_size=12), cuts=st.lists(st.integers(0, 12), max_size=3), seed=st.integers(0, 9)
)
def test_file_by_file_equals_all_at_once(tmp_path_factory, rows, cuts, seed):
    """Files that arrive one by one, in any order and some twice, leave the bytes that one file of all rows leaves."""
    root = tmp_path_factory.mktemp("store")
    frame = pd.DataFrame(rows)
    for name in ("one", "many"):
        write_manifest(root / name)
    write_table(frame, root / "one" / "events.csv")
    shuffled = frame.sample(frac=1, random_state=seed)
    ends = sorted({0, len(frame), *(min(c, len(frame)) for c in cuts)})
    parts = [shuffled.iloc[a:b] for a, b in itertools.pairwise(ends)]
    for i, part in enumerate([*parts, parts[0].iloc[::-1]]):
        write_table(part, root / "many" / f"events-{i}.csv")
        ingest(root / "many", root / "s2")
    assert digests(ingest(root / "one", root / "s1")) == digests(root / "s2")
    assert conserved(dataset(root / "s2", root / "many"))
    fresh = ingest(root / "many", root / "s3")
    assert digests(fresh) == digests(root / "s2")
    columns = ["table", "rows_in", *FATES]
    assert dataset(fresh, root).report.rows[columns].equals(dataset(root / "s2", root).report.rows[columns])


@thorough
def test_many_rows_of_one_day_keep_their_order(tmp_path):
    """More rows than DuckDB writes at once, in one file or two, in order or not: the same bytes."""
    frame = pd.DataFrame({"message_id": [f"m{i:06d}" for i in range(300_000)], "event": "page_viewed", "user_id": "u1"})
    moments = pd.Timestamp("2025-03-01T02:00Z") + pd.to_timedelta(frame.index.to_numpy() % 7919, unit="s")
    frame["timestamp"] = moments
    for name, parts in (
        ("one", [frame]),
        ("two", [frame.iloc[::-1][::2], frame.sample(frac=0.6, random_state=0), frame]),
    ):
        write_manifest(tmp_path / name)
        for i, part in enumerate(parts):
            write_table(part, tmp_path / name / f"events-{i}.parquet")
            ingest(tmp_path / name, tmp_path / f"{name}-store")
    assert digests(tmp_path / "one-store") == digests(tmp_path / "two-store")


def _events(ids: list[str], at: str, **more: str) -> pd.DataFrame:
    return pd.DataFrame({"message_id": ids, "event": "page_viewed", "timestamp": at, "user_id": "u1"} | more)


def test_late_rows_reopen_the_days_they_touch_and_no_other(export, tmp_path):
    folder = export(manifest={"extracted_at": "2025-03-10"}, events=None)
    for day in range(1, 6):
        write_table(_events([f"d{day}"], f"2025-03-0{day}T10:00:00+08:00"), folder / f"events-{day}.csv")
    store = ingest(folder, tmp_path / "store")
    before = {p: p.stat().st_mtime_ns for p in (store / "events").iterdir()}
    write_table(_events(["late"], "2025-03-02T20:00:00+08:00"), folder / "events-late.csv")
    days = dataset(ingest(folder, store), folder).report.days.set_index("date")
    assert days.loc[days["touched"], "rows"].to_dict() == {pd.Timestamp("2025-03-02"): 2}
    kept = {p: t for p, t in before.items() if not p.name.startswith("2025-03-02")}
    assert {p: p.stat().st_mtime_ns for p in kept} == kept


def test_days_are_final_after_the_lookback_in_the_zone_of_the_data(export, tmp_path):
    events = pd.concat([_events([f"d{d}"], f"2025-03-0{d}T23:30:00+08:00") for d in range(1, 8)])
    folder = export(manifest={"extracted_at": "2025-03-08T00:30:00+08:00"}, events=events)
    days = dataset(ingest(folder, tmp_path / "store"), folder).report.days
    assert days["date"].dt.day.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert days["is_final"].tolist() == [True, True, True, True, False, False, False]
    write_manifest(folder, extracted_at="2025-03-08T00:30:00+08:00", lookback_days=0)
    assert dataset(ingest(folder, tmp_path / "store"), folder).report.days["is_final"].all()


def test_a_row_that_moves_to_another_day_leaves_the_old_one(export, tmp_path):
    stays = _events(["other"], "2025-03-03T10:00:00Z")
    events = pd.concat([_events(["m"], "2025-03-01T10:00:00Z", received_at="2025-03-01T10:00:01Z"), stays])
    folder = export(events=events)
    store = ingest(folder, tmp_path / "store")
    moved = _events(["m"], "2025-03-05T10:00:00Z", received_at="2025-03-05T10:00:01Z")
    write_table(moved, folder / "events-2.csv")
    ds = dataset(ingest(folder, store), folder)
    assert ds.events.to_pandas()["timestamp"].dt.day.tolist() == [3, 5]
    assert ds.report.days["date"].dt.day.tolist() == [3, 5] and ds.report.days["touched"].tolist() == [False, True]
    assert ds.superseded.to_pandas()["fate"].tolist() == ["superseded"] and conserved(ds)
    write_table(frames()["users"].head(1).assign(user_id="new"), folder / "users-2.csv")
    ds = dataset(ingest(folder, store), folder)  # nothing new for events: what was superseded stays known
    assert ds.superseded.to_pandas()["fate"].tolist() == ["superseded"] and conserved(ds)


def test_an_old_content_that_arrives_again_last_is_shown_again(export, tmp_path):
    folder = export(events=None)
    for i, (path, received) in enumerate([("/a", "01"), ("/b", "02"), ("/a", "03")]):
        event = _events(["m"], "2025-03-01T10:00:00Z", received_at=f"2025-03-02T10:00:{received}Z", page_path=path)
        write_table(event, folder / f"events-{i}.csv")
        ds = dataset(ingest(folder, tmp_path / "store"), folder)
    found = ds.events.to_pandas()
    assert found["page_path"].tolist() == ["/a"] and found["received_at"].dt.second.tolist() == [1]
    assert ds.report.rows.set_index("table").loc["events", list(FATES)].tolist() == [1, 1, 1, 0]


def test_a_later_extraction_overrules_an_earlier_one(export, tmp_path):
    """Orders carry no time of arrival: a delivery in a folder of its own has its manifest, and the newer one wins."""
    folder = export(manifest={"extracted_at": "2025-03-05"}, orders=None)
    for day, status in (("2025-03-20", "refunded"), ("2025-03-10", "paid")):  # the newer one arrives first
        write_manifest(folder / day, extracted_at=day)
        refund = "199.00" if status == "refunded" else "0"
        order = frames()["orders"].head(1).assign(status=status, refund_total=refund)
        write_table(order, folder / day / "orders.csv")
        ds = dataset(ingest(folder, tmp_path / "store"), folder)
    assert ds.orders.to_pandas()["status"].tolist() == ["refunded"]
    assert str(ds.manifest["extracted_at"]).startswith("2025-03-21") and conserved(ds)


def test_deliveries_may_declare_other_units_but_not_another_zone(export, tmp_path):
    folder = export(orders=None)
    write_manifest(folder / "shop", money_unit="fen", timestamp_unit="ms")
    order = (
        frames()["orders"]
        .head(1)
        .assign(total="19900", discount="0", fee="199", refund_total="0", timestamp="1740792600000")
    )
    write_table(order, folder / "shop" / "orders.csv")
    ds = dataset(ingest(folder, tmp_path / "store"), folder)
    assert ds.orders.to_pandas()["total"].tolist() == [199.0] and ds.courses.to_pandas()["price"].max() == 199.0
    write_manifest(folder / "shop", timezone="Europe/London")
    with pytest.raises(ExportError, match="timezone is Asia/Shanghai and Europe/London"):
        ingest(folder, tmp_path / "store")


def test_each_delivery_says_which_column_names_its_users(export, tmp_path):
    """The shop logs in by another id than the rest; whom its users invited is looked up by that one."""
    folder = export(orders=None)
    write_manifest(folder / "shop", business_user_id_column="login_id", extracted_at="2025-06-01")
    shop = pd.DataFrame({"login_id": ["v1", "v2"], "user_id": ["7", "8"], "referrer_user_id": ["u1", "v1"]})
    write_table(shop.assign(created_at="2025-03-01"), folder / "shop" / "users.csv")
    ds = dataset(ingest(folder, tmp_path / "store"), folder)
    assert ds.quarantine.count().to_pandas() == 0 and ds.users.count().to_pandas() == 8


def test_new_courses_and_users_are_seen_by_rows_that_came_before(export, tmp_path):
    """A rule may look into another table: rows are judged anew when that table grows, whatever came first."""
    users = frames()["users"]
    invited = users.head(1).assign(user_id="v1", referrer_user_id="u9")
    fen = frames()["orders"].head(1).assign(order_id="o9", product_id="c9", total="19900", discount="")
    folder = export(users=pd.concat([users, invited]), orders=pd.concat([frames()["orders"], fen]))
    ds = dataset(ingest(folder, tmp_path / "store"), folder)
    assert ds.report.rows.set_index("table")["quarantined"][["users", "orders"]].tolist() == [1, 0]
    write_table(users.head(1).assign(user_id="u9"), folder / "users-2.csv")
    course = frames()["courses"].head(1).assign(product_id="c9")
    write_table(course, folder / "courses-2.csv")
    ds = dataset(ingest(folder, tmp_path / "store"), folder)
    assert ds.report.rows.set_index("table")["quarantined"][["users", "orders"]].tolist() == [0, 1]
    assert digests(tmp_path / "store") == digests(ingest(folder, tmp_path / "fresh")) and conserved(ds)


def test_orders_that_come_later_replace_those_read_from_purchases(export, tmp_path):
    folder = export(
        manifest={"source_format": "segment", "business_user_id_column": "userId"}, users=None, events=None, orders=None
    )
    bought = {"type": "track", "messageId": "m1", "userId": "u1", "event": "Order Completed"}
    bought |= {"timestamp": "2025-03-01T10:00Z", "properties": {"order_id": "o9", "product_id": "c1", "total": 199}}
    (folder / "events.jsonl").write_text(json.dumps(bought), encoding="utf-8")
    ds = dataset(ingest(folder, tmp_path / "store"), folder)
    assert ds.orders.to_pandas()["order_id"].tolist() == ["o9"]
    write_table(frames()["orders"], folder / "orders.csv")
    ds = dataset(ingest(folder, tmp_path / "store"), folder)
    assert ds.orders.to_pandas()["order_id"].tolist() == ["o1", "o2", "o3"]
    assert digests(tmp_path / "store") == digests(ingest(folder, tmp_path / "fresh")) and conserved(ds)


def test_a_file_that_went_or_changed_takes_its_rows_along(export, tmp_path):
    folder = export()
    write_table(_events(["extra"], "2025-03-09T10:00:00Z"), folder / "events-2.csv")
    store = ingest(folder, tmp_path / "store")
    (folder / "events-2.csv").unlink()
    ingest(folder, store)
    assert digests(store) == digests(ingest(export(), tmp_path / "fresh"))
    write_table(frames()["users"].head(2), folder / "users.csv")
    assert dataset(ingest(folder, store), folder).users.count().to_pandas() == 2


def test_what_no_row_depends_on_may_change_without_reading_again(export, tmp_path):
    folder = export()
    store = ingest(folder, tmp_path / "store")
    before = {p: p.stat().st_mtime_ns for p in store.rglob("*.parquet")}
    write_manifest(folder, observation_end="2026-06-30", retention_days=30)
    ds = dataset(ingest(folder, store), folder)
    assert str(ds.observation_end.date()) == "2026-06-30" and ds.manifest["retention_days"] == 30
    assert {p: p.stat().st_mtime_ns for p in store.rglob("*.parquet")} == before


# --- quarantine and replay ----------------------------------------------------------------------------------


def _mended(folder: Path) -> None:
    """Declare what was wrong: the times of this shop are written in milliseconds."""
    write_manifest(folder, timestamp_unit="ms")


def test_replay_lets_the_mended_rows_in_and_leaves_the_rest(export, tmp_path):
    """A delivery in milliseconds under a manifest that says ISO: mended, replayed, equal to a fresh run."""
    folder = export(orders=None)
    write_manifest(folder / "shop")
    orders = frames()["orders"].assign(timestamp="1740792600000", total=["199.00", "-1", "99.00"])
    write_table(orders, folder / "shop" / "orders.csv")
    store = ingest(folder, tmp_path / "store")
    ds = dataset(store, folder)
    assert ds.quarantine.to_pandas()["rule"].value_counts().to_dict() == {"bad_date": 3, "out_of_range": 1}
    assert json.loads(ds.quarantine.to_pandas()["raw_json"][0])["order_id"] == "o1"

    _mended(folder / "shop")
    assert replay(folder, store, "out_of_range") == 0  # row 2 is still wrong: it waits on
    assert replay(folder, store, "bad_date") == 2
    ds = dataset(store, folder)
    waiting = ds.quarantine.to_pandas().set_index("source_row")[["rule", "status"]]
    assert waiting.query("status == 'waiting'").to_dict("index") == {2: {"rule": "out_of_range", "status": "waiting"}}
    assert (waiting.drop(2)["status"] == "fixed").all() and conserved(ds)
    assert digests(store) == digests(ingest(folder, tmp_path / "fresh"))
    state = {p: p.stat().st_mtime_ns for p in store.rglob("*.parquet")}
    assert ingest(folder, store) == store and {p: p.stat().st_mtime_ns for p in store.rglob("*.parquet")} == state


def test_replay_reads_loaded_rows_anew_when_their_declaration_changed(export, tmp_path):
    """Half a delivery in fen passed as yuan: mended, no row keeps the old unit."""
    folder = export(orders=None)
    write_manifest(folder / "shop")
    write_table(frames()["orders"].assign(total=["19900", "89.50", "99"]), folder / "shop" / "orders.csv")
    store = ingest(folder, tmp_path / "store")
    assert dataset(store, folder).orders.to_pandas()["total"].tolist() == [89.5, 99.0]
    write_manifest(folder / "shop", money_unit="fen")
    assert replay(folder, store, "money_unit") == -1  # one in, two out: 0.895 and 0.99 yuan are too little
    ds = dataset(store, folder)
    assert ds.orders.to_pandas()["total"].tolist() == [199.0] and conserved(ds)
    assert digests(store) == digests(ingest(folder, tmp_path / "fresh"))
    status = ds.quarantine.to_pandas().groupby("source_row")["status"].unique().map(list).to_dict()
    assert status == {1: ["fixed"], 2: ["waiting"], 3: ["waiting"]}


@pytest.mark.parametrize("times", [["never"] * 3, ["never", "2025-03-01", "2025-03-01"]])
def test_replay_finds_rows_that_are_declared_to_be_another_table(export, tmp_path, times):
    """All rows of a file wait, or some are loaded: they leave the table they were taken for, and none is lost."""
    folder = export(manifest={"source_format": "mapped"}, orders=None)
    told = {"review_id": ["r1", "r2", "r3"], "kind": "review", "created_at": "2025-03-01"}
    write_table(frames()["orders"].assign(**told, timestamp=times), folder / "o.csv")
    (folder / "mapping.yml").write_text("o.csv: {table: orders}", encoding="utf-8")
    store = ingest(folder, tmp_path / "store")
    mapping = "o.csv: {table: reviews, columns: {timestamp: created_at}}"
    (folder / "mapping.yml").write_text(mapping, encoding="utf-8")
    assert replay(folder, store) == times.count("never")
    ds = dataset(store, folder)
    assert conserved(ds) and digests(store) == digests(ingest(folder, tmp_path / "fresh"))
    assert ds.reviews.count().to_pandas() == 3 and ds.orders.count().to_pandas() == 0


def test_replay_reads_only_what_waits(export, tmp_path):
    events = pd.concat([frames()["events"], _events(["late"], "2025-03-01T10:00:00Z", progress="7")])
    folder = export(events=events)
    store = ingest(folder, tmp_path / "store")
    before = {p: p.stat().st_mtime_ns for p in (store / "events").iterdir()}
    assert replay(folder, store) == 0
    assert {p: p.stat().st_mtime_ns for p in (store / "events").iterdir()} == before
    assert conserved(dataset(store, folder))


def test_replay_needs_the_files_that_were_read(export, tmp_path):
    folder = export()
    store = ingest(folder, tmp_path / "store")
    write_table(frames()["users"].head(2), folder / "users.csv")
    with pytest.raises(ExportError, match="have changed since they were read"):
        replay(folder, store)


# --- kills --------------------------------------------------------------------------------------------------


def _in_child(work: Callable[[], object]) -> int:
    """Start some work in a process of its own; return its number."""
    if pid := os.fork():
        return pid
    try:
        work()
    finally:
        os._exit(0)


def _killed(pid: int) -> bool:
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.fixture
def arrivals(tmp_path) -> tuple[Path, Path, list[dict[str, str]]]:
    """An export in two stages: the store after the first, its whole folder, and what the store must be at each stage.

    The second stage brings a new day, rows seen before, a bad row and a new course, which makes orders be read again.
    """
    folder, store = tmp_path / "export", tmp_path / "store"
    write_manifest(folder)
    first = _events([f"a{i}" for i in range(40)], "2025-03-01T10:00:00Z")
    for name, frame in (frames() | {"events": first}).items():
        write_table(frame, folder / f"{name}.csv")
    states = [digests(ingest(folder, store))]
    second = _events([f"b{i}" for i in range(40)], "2025-03-02T10:00:00Z")
    second = pd.concat([second, first.head(5), second.head(1).assign(message_id="")])
    write_table(second, folder / "events-2.csv")
    write_table(frames()["courses"].head(1).assign(product_id="c9"), folder / "courses-2.csv")
    states.append(digests(ingest(folder, tmp_path / "whole")))
    assert states[0] != states[1]
    return folder, store, states


@fork
def test_a_kill_at_any_moment_loses_and_doubles_nothing(arrivals, tmp_path):
    """A run is killed at a random moment: the store is in the state before or after it, and the next run mends it."""
    folder, before, states = arrivals
    rng = random.Random(0)
    trial = tmp_path / "trial"

    def start() -> int:
        shutil.rmtree(trial, ignore_errors=True)
        shutil.copytree(before, trial)
        return _in_child(lambda: ingest(folder, trial))

    clock = time.perf_counter()
    assert not _killed(start())
    took = time.perf_counter() - clock
    killed = after = 0
    while killed < KILLS:
        pid = start()
        time.sleep(rng.uniform(0, took))
        os.kill(pid, signal.SIGKILL)
        if not _killed(pid):  # it came to its end first
            continue
        killed += 1
        now = digests(trial)
        after += now == states[1]
        assert now in states
        assert digests(ingest(folder, trial)) == states[1] and conserved(dataset(trial, folder))
    print(f"{killed} runs were killed; the new state was there in {after} of them")


@fork
def test_a_kill_before_any_change_on_disk_loses_and_doubles_nothing(arrivals):
    """The run dies just before its first rename or removal, its second, … until it lives."""
    folder, store, states = arrivals

    def dies_before(step: int) -> None:
        left = itertools.count(step, -1)

        def stumble(change: Callable) -> Callable:
            return lambda *args, **more: change(*args, **more) if next(left) else os.kill(os.getpid(), signal.SIGKILL)

        for module, name in ((os, "replace"), (os, "unlink"), (shutil, "rmtree")):
            setattr(module, name, stumble(getattr(module, name)))
        ingest(folder, store)

    steps = 0
    while _killed(_in_child(lambda step=steps: dies_before(step))):
        assert digests(store) in states and conserved(dataset(store, folder))
        steps += 1
    print(f"{steps} steps")
    assert steps >= 10 and digests(store) == states[1]


def test_files_that_a_reader_has_open_survive_the_next_run(export, tmp_path):
    folder = export()
    ds = dataset(ingest(folder, tmp_path / "store"), folder)
    count = ds.events.count().to_pandas()
    write_table(_events(["new"], "2025-03-01T10:00:00Z"), folder / "events-2.csv")
    ingest(folder, tmp_path / "store")
    assert ds.events.count().to_pandas() == count
