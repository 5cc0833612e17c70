"""`knowpay-course bench sessions ingest spark peers`: what grows with the data, measured, and into book/scale.md.

These are figures, never assertions: another machine has others.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay_course import ROOT, CourseError, markdown
from knowpay_course.maintain.bench import machine, measure

if TYPE_CHECKING:
    import numpy as np

PAGE = ROOT / "book" / "scale.md"
SIZES = (1_000_000, 10_000_000)  # events of the exports that are ingested
LARGE = 100_000_000  # with --large
PEERS = ROOT / ".venv-peers" / ("Scripts" if os.name == "nt" else "bin") / "python"  # `make bench GROUP=peers` makes it
DISK = 300  # bytes for each event, at most: the export, the rows being sorted, the store
OPEN = """
import json, sys, time
import knowpay
begun, used = time.perf_counter(), time.process_time()
ds = knowpay.open(sys.argv[1], cache=sys.argv[2])
seconds = time.perf_counter() - begun
rows = ds.report.rows.set_index("table").loc["events"].to_dict()
print(json.dumps(rows | {"seconds": seconds, "cores": time.process_time() - used}))
"""


def main(parts: list[str], large: bool = False) -> int:
    """Measure parts, print their tables and write them into the page of the book; return the exit status.

    Raises CourseError for a part that does not exist, a full disk, or Spark that is not installed.
    """
    known = {
        "sessions": session_table,
        "ingest": lambda: ingest_table(large),
        "spark": spark_table,
        "peers": peers_table,
    }
    if unknown := [part for part in parts if part not in known]:
        raise CourseError(
            f"There is no part {unknown[0]!r} to measure; there are {', '.join(known)}, and lessons by itself."
        )
    for part in parts:
        table = f"{known[part]()}\n\n{machine()}"
        markdown.fill(PAGE, part, table)
        print(f"\n{table}")
    return 0


# --- sessions ----------------------------------------------------------------------------------------------------


def session_table(events: int = 2_000_000, people: int = 60_000, repeats: int = 7) -> str:
    """Sessions of random events on one core: `session_numbers` beside pandas, in turns, medians of the repeats."""
    import numpy as np
    from knowpay.collect.sessions import session_numbers

    rng = np.random.default_rng(0)
    person = rng.integers(0, people, events)
    shuffled = 1_700_000_000_000_000 + rng.integers(0, 180 * 86_400_000_000, events)
    head = ("order of the rows", "knowpay, s", "pandas, s", "the quicker pandas, s", "times faster", "million events/s")
    rows = []
    methods = (session_numbers, pandas_sessions, pandas_sessions_two_sorts)
    with one_core():
        for order, at in (("any", shuffled), ("of time", np.sort(shuffled))):
            expected = pandas_sessions(person, at)
            times: list[list[float]] = [[] for _ in methods]
            for _ in range(repeats):
                for method, seconds in zip(methods, times, strict=True):
                    begun = time.perf_counter()
                    numbers = method(person, at)
                    seconds.append(time.perf_counter() - begun)
                    if not np.array_equal(numbers, expected):
                        raise RuntimeError(f"{method.__name__} finds other sessions than pandas.")
            ours, plain, two = map(statistics.median, times)
            ratios = f"{plain / ours:.1f} and {two / ours:.1f}"
            seconds = (f"{one:.3f}" for one in (ours, plain, two))
            rows.append((order, *seconds, ratios, f"{events / ours / 1e6:.1f}"))
    said = f"{events:,} events of {people:,} people, one core, {repeats} runs in turns, medians; all sessions equal."
    return f"{markdown.table(head, rows, 'lrrrrr')}\n\n{said}"


def pandas_sessions(person: np.ndarray, microseconds: np.ndarray) -> np.ndarray:
    """Number of each event's session the way pandas is usually written: one sort by both, diff within groups."""
    import pandas as pd

    frame = pd.DataFrame({"person": person, "at": microseconds}).sort_values(["person", "at"])
    gap = frame.groupby("person")["at"].diff()
    return ((gap.isna() | (gap > 1_800_000_000)).cumsum() - 1).sort_index().to_numpy()


def pandas_sessions_two_sorts(person: np.ndarray, microseconds: np.ndarray) -> np.ndarray:
    """The same with one sort for each column, which pandas does more quickly than one by both."""
    import pandas as pd

    frame = pd.DataFrame({"person": person, "at": microseconds}).sort_values("at").sort_values("person", kind="stable")
    gap = frame.groupby("person", sort=False)["at"].diff()
    return ((gap.isna() | (gap > 1_800_000_000)).cumsum() - 1).sort_index().to_numpy()


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process on one core; macOS knows no such thing and goes on as it is."""
    import psutil

    process = psutil.Process()
    cores = process.cpu_affinity() if hasattr(process, "cpu_affinity") else []
    if cores:
        process.cpu_affinity(cores[-1:])
    try:
        yield
    finally:
        if cores:
            process.cpu_affinity(cores)


# --- ingest ------------------------------------------------------------------------------------------------------


def ingest_table(large: bool = False) -> str:
    """`knowpay.open` on exports of world:standard's events: seconds, core seconds, peak memory, and slopes."""
    exports = [(rows, kind) for kind in ("parquet", "csv") for rows in SIZES]
    exports += [(LARGE, "parquet")] if large else []
    head = ("events", "files", "GB", "seconds", "core seconds", "events/s", "peak MB", "loaded", "set aside")
    lines = []
    points: dict[str, list[tuple[int, float, float]]] = {"parquet": [], "csv": []}
    with tempfile.TemporaryDirectory(prefix="knowpay-") as folder:
        place = Path(folder)
        enough_disk(place, max(rows for rows, _ in exports))
        world = simulated(place / "world")
        for rows, kind in exports:
            export = write_export(world, place / "export", rows, kind)
            files = sorted(export.glob("events*"))
            gigabytes = sum(path.stat().st_size for path in files) / 1e9
            ran = measure([sys.executable, "-c", OPEN, str(export), str(place / "cache")], quiet=True)
            if ran.status:
                raise CourseError(f"The export of {rows:,} events could not be ingested; the lines above say why.")
            said = json.loads(ran.said.splitlines()[-1])
            seconds, cores, loaded = said["seconds"], said["cores"], said["loaded"]
            points[kind].append((rows, seconds, cores))
            costs = f"{gigabytes:.2f}", f"{seconds:.1f}", f"{cores:.1f}", f"{rows / seconds:,.0f}", f"{ran.peak():,.0f}"
            lines.append((f"{rows:,}", f"{len(files)} {kind}", *costs, f"{loaded:,}", f"{rows - loaded:,}"))
            for done in (export, place / "cache"):
                shutil.rmtree(done, ignore_errors=True)
    slopes = [
        f"{1e6 * (slow - quick) / (many - few):.2f} s, {1e6 * (most - least) / (many - few):.2f} core seconds, "
        f"from {few:,} to {many:,} ({kind})"
        for kind, measured in points.items()
        for (few, quick, least), (many, slow, most) in pairwise(measured)
    ]
    return f"{markdown.table(head, lines, 'rlrrrrrrr')}\n\nA million events more cost {'; '.join(slopes)}."


def simulated(folder: Path) -> Path:
    """The export of world:standard, 9.3 million events, in a new folder."""
    from knowpay import world

    for name in ("data", "truth"):
        (folder / name).mkdir(parents=True)
    world.write("standard", 0, folder / "data", folder / "truth")
    return folder / "data"


def write_export(world: Path, folder: Path, rows: int, kind: str = "parquet") -> Path:
    """An export of the first `rows` events of `world` and of as many copies with other ids as it takes.

    About one row in a thousand lacks the name of its event. Parquet: one file for each copy; CSV: one file in all.
    """
    import duckdb

    folder.mkdir(parents=True)
    shutil.copy2(world / "manifest.yml", folder)
    events = f"read_parquet('{world}/events/*.parquet')"
    with duckdb.connect() as con:
        con.execute("SET memory_limit = '2GB'")
        con.execute(f"SET temp_directory = '{folder.parent}/spilled'")
        con.execute("SET TimeZone = 'UTC'")
        size = int(con.sql(f"SELECT count(*) FROM {events}").fetchall()[0][0])
        copies = [
            f"""SELECT * REPLACE (message_id || '-{copy}' AS message_id, user_id || '-{copy}' AS user_id,
            anonymous_id || '-{copy}' AS anonymous_id,
            CASE WHEN hash(message_id) % 1000 > 0 THEN event END AS event)
            FROM (FROM {events} LIMIT {min(size, rows - copy * size)})"""
            for copy in range(-(-rows // size))
        ]
        if kind == "csv":
            con.execute(f"COPY ({' UNION ALL '.join(copies)}) TO '{folder}/events.csv' (HEADER)")
        else:
            for copy, query in enumerate(copies):
                con.execute(f"COPY ({query}) TO '{folder}/events-{copy:02}.parquet' (COMPRESSION zstd)")
    return folder


def enough_disk(place: Path, rows: int) -> None:
    """Raise CourseError when the disk of `place` is too small for a bench with so many events."""
    need, free = rows * DISK, shutil.disk_usage(place).free
    if free < need:
        raise CourseError(
            f"{rows:,} events need about {need / 1e9:,.0f} GB of disk, and {place.parent} has {free / 1e9:.0f} free. "
            "Free some space, or set TMPDIR to a folder of another disk."
        )


# --- Spark -------------------------------------------------------------------------------------------------------


def spark_table() -> str:
    """The same expressions on one store with DuckDB and with Spark: seconds, and that the tables are equal."""
    import ibis
    import knowpay
    import pandas as pd
    from knowpay.collect.store import Store

    from knowpay_course.maintain import scale

    events, steps = 2_000_000, ("product_viewed", "checkout_started", "order_completed")
    expressions: dict[str, Callable] = {
        "daily_events": scale.daily_events,
        "sessions": scale.sessions,
        "first_and_last": scale.first_and_last,
        "funnel": lambda table: scale.funnel(table, steps),
    }
    head = ("table", "its rows", "DuckDB, s", "DuckDB again, s", "Spark, s", "Spark again, s")
    lines = []
    with tempfile.TemporaryDirectory(prefix="knowpay-") as folder:
        place = Path(folder)
        enough_disk(place, events)
        export = write_export(simulated(place / "world"), place / "export", events)
        ds = knowpay.open(export, cache=place / "cache")
        begun = time.perf_counter()
        try:
            spark = scale.local_spark(ds.timezone)
        except (ImportError, RuntimeError) as error:
            raise CourseError(str(error)) from error
        started = time.perf_counter() - begun
        duck = ibis.duckdb.connect()
        duck.raw_sql(f"SET TimeZone = '{ds.timezone}'")
        tables = duck.read_parquet(Store(ds.store).paths("events")), scale.read_store(spark, ds.store)
        for name, expression in expressions.items():
            times, frames = [], []
            for table in tables:
                for _ in range(2):
                    begun = time.perf_counter()
                    rows = expression(table).to_pandas()
                    times.append(time.perf_counter() - begun)
                frames.append(scale.to_frame(expression(table), ds.timezone))
            pd.testing.assert_frame_equal(*frames, check_exact=True)
            lines.append((name, f"{len(rows):,}", *(f"{seconds:.2f}" for seconds in times)))
        spark.disconnect()
    said = f"{events:,} events; all four tables are equal, row by row. Starting Spark took {started:.1f} s more."
    return f"{markdown.table(head, lines, 'lrrrrr')}\n\n{said}"


# --- peers -------------------------------------------------------------------------------------------------------


def peers_table() -> str:
    """Ours beside other libraries, measured in their environment by `peers`: seconds, ratio, its bar; bold: broken."""
    if not PEERS.exists():
        raise CourseError("The other libraries have an environment of their own: `make bench GROUP=peers` makes it.")
    module = "knowpay_course.maintain.peers"
    ran = measure([str(PEERS), "-m", module], env={"PYTHONPATH": str(ROOT / "lib")}, quiet=True)
    if ran.status:
        raise CourseError("The peers could not be measured; the lines above say why.")
    lines = []
    for row in json.loads(ran.said.splitlines()[-1]):
        ratio, bar = row["theirs"] / row["ours"], row["bar"]
        shown = f"**{ratio:.1f}**" if bar and ratio < bar else f"{ratio:.1f}"
        times = f"{row['ours']:.3f}", f"{row['theirs']:.3f}"
        lines.append((row["what"], row["peer"], *times, shown, str(bar or "–"), row["said"]))
    head = ("what", "peer", "knowpay, s", "peer, s", "times quicker", "at least", "results")
    return markdown.table(head, lines, "llrrrrl")
