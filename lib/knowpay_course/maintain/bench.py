"""`knowpay-course bench`: seconds and peak memory of set-up, company, lessons and book, as a table for the README.

These are figures, never assertions: another machine has others.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from knowpay import doctor

from knowpay_course import ROOT, CourseError, markdown
from knowpay_course.execute import resident_memory

# What a process of its own runs: the folder to write to is its argument, the seconds go to its output.
TIMED = """
import sys, time
from pathlib import Path
import knowpay
from knowpay import world
here = Path(sys.argv[1])
begun = time.perf_counter()
{}
print(time.perf_counter() - begun)
"""
GENERATE = "world.write('small', 0, here / 'data', here / 'truth')"
INGEST = "knowpay.open(here / 'data', cache=here / 'cache')"
# What users did, without a tracker or a file; then everything, written. One process, one core but for the files.
COMPANY = """
import json, sys, time
from pathlib import Path
from knowpay import world
from knowpay.world import company
size, here = sys.argv[1], Path(sys.argv[2])
begun = time.perf_counter()
events = sum(len(block.events["time"]) for block in company.found(size).blocks())
behaviour = time.perf_counter() - begun
begun = time.perf_counter()
world.write(size, 0, here / "data", here / "truth")
written = time.perf_counter() - begun
print(json.dumps({"events": events, "behaviour": behaviour, "written": written}))
"""
SETUP_NEEDS = ("Makefile", "requirements.lock", "pyproject.toml", "README.md", "LICENSE", "lib")


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, in seconds and MB of resident memory (0: not measured)."""

    name: str
    seconds: float
    memory_mb: float


@dataclass
class Measured:
    """A command that ran: seconds, samples of (seconds since its start, MB of it and its children), its output."""

    status: int = 0
    seconds: float = 0.0
    samples: list[tuple[float, float]] = field(default_factory=list)
    said: str = ""

    def peak(self, since: float = 0.0) -> float:
        """Largest sample in MB, from `since` seconds after the start on."""
        return max((mb for at, mb in self.samples if at >= since), default=0.0)


def main(setup: bool = False, large: bool = False) -> int:
    """Measure, print the tables, write build/bench.json and the tables of the README; return the exit status.

    With `setup` the packages are installed into a new environment and the course runs on an empty cache, as it
    does for a newcomer: the total is then the time from a fresh clone to the rendered book. With `large` the company
    of a million users is measured too: some minutes, and 6 GB of disk space while it runs.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="knowpay-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        if setup:
            rows.append(_setup(place / "clone"))
        for name, code in (("company: generate world:small", GENERATE), ("company: ingest its export", INGEST)):
            ran = measure([sys.executable, "-c", TIMED.format(code), folder], quiet=True)
            if ran.status:
                raise CourseError(f"{name} failed; `knowpay doctor` checks the environment.")
            rows.append(Row(name, float(ran.said.split()[-1]), ran.peak()))
        state = ROOT / "build" / "course" / "state.json"
        state.unlink(missing_ok=True)  # so that every lesson runs
        env = {"KNOWPAY_CACHE": str(place / "newcomer")} if setup else {}
        ran = measure([str(Path(sys.executable).with_name("knowpay-course")), "course"], env=env)
        if ran.status:
            return ran.status
    rows += course_rows(json.loads(state.read_text("utf-8")), ran)
    seconds = ran.seconds + (rows[0].seconds if setup else 0)
    rows.append(
        Row("**all, from clone to book**" if setup else "**all of `knowpay-course course`**", seconds, ran.peak())
    )
    table = f"{cost_table(rows)}\n\n{machine()} Lessons run two at a time, so the total is less than their sum."
    (ROOT / "build" / "bench.json").write_text(
        json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=1), encoding="utf-8"
    )
    markdown.fill(ROOT / "README.md", "bench", table)
    print(f"\n{table}")
    companies = company_table(["small", "standard", *(["large"] if large else [])])
    markdown.fill(ROOT / "README.md", "world", companies)
    print(f"\n{companies}")
    return 0


def company_table(sizes: list[str]) -> str:
    """Return what simulated companies of some sizes cost to make, as a Markdown table, and the slope in a sentence.

    Raises CourseError when one cannot be made.
    """
    head = "company | users | events | behaviour, s | written, s | events/s, behaviour | events/s, written | peak MB"
    rows, points = [], []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="knowpay-") as folder:
            ran = measure([sys.executable, "-c", COMPANY, size, folder], quiet=True)
        if ran.status:
            raise CourseError(f"world:{size} could not be made; the lines above say why.")
        said = json.loads(ran.said.splitlines()[-1])
        events, behaviour, written = said["events"], said["behaviour"], said["written"]
        points.append((events, written))
        rates = (f"{events / seconds / 1e6:.1f} M" for seconds in (behaviour, written))
        cells = (f"world:{size}", f"{world_size(size):,}", f"{events:,}", f"{behaviour:.1f}", f"{written:.1f}", *rates)
        rows.append((*cells, f"{ran.peak():,.0f}"))
    slopes = [
        f"{1e6 * (slow - quick) / (many - few):.2f} s from world:{small} to world:{big}"
        for (small, (few, quick)), (big, (many, slow)) in pairwise(zip(sizes, points, strict=True))
    ]
    table = markdown.table(head.split(" | "), rows, "lrrrrrrr")
    return f"{table}\n\nA million events more, written, cost {' and '.join(slopes)}."


def world_size(size: str) -> int:
    """Return the users of a company's size."""
    from knowpay.world import SIZES

    return SIZES[size].users


def measure(command: list[str], env: dict[str, str] | None = None, quiet: bool = False, cwd: Path = ROOT) -> Measured:
    """Run a command, sampling the memory of it and its children ten times a second. `quiet` keeps its output."""
    ran, started = Measured(), time.monotonic()
    out = subprocess.PIPE if quiet else None  # a few lines at the most: the pipe cannot fill
    with subprocess.Popen(command, env={**os.environ, **(env or {})}, cwd=cwd, stdout=out, text=True) as process:
        while process.poll() is None:
            ran.samples.append((time.monotonic() - started, resident_memory(process.pid)))
            time.sleep(0.1)
        ran.seconds = time.monotonic() - started
        ran.status = process.returncode
        ran.said = process.stdout.read() if process.stdout else ""
    return ran


def course_rows(state: dict, ran: Measured) -> list[Row]:
    """Lessons as the runner measured them, then the book, which is the last thing that the course does."""
    rows = [
        Row(f"lesson {name.replace('_', ' ')}", known["seconds"], known["memory_mb"])
        for name, known in sorted(state["lessons"].items())
    ]
    seconds = state.get("book", {}).get("seconds", 0.0)
    return [*rows, Row("book", seconds, ran.peak(since=ran.seconds - seconds))]


def cost_table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    cells = [(row.name, f"{row.seconds:,.1f}", f"{row.memory_mb:,.0f}") for row in rows]
    return markdown.table(("step", "seconds", "peak memory, MB"), cells, "lrr")


def machine() -> str:
    """The machine in words that name no one."""
    return (
        f"Measured on {doctor.cores()} cores, {doctor.memory():.0f} GB of memory, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}."
    )


def _setup(clone: Path) -> Row:
    clone.mkdir()
    for name in SETUP_NEEDS:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, clone / name)
    ran = measure(["make", ".venv/ready", f"PYTHON={sys.executable}"], cwd=clone)
    if ran.status:
        raise CourseError("The set-up of a new environment failed; the lines above say why.")
    shutil.rmtree(clone, ignore_errors=True)
    return Row("set-up: packages of requirements.lock", ran.seconds, ran.peak())
