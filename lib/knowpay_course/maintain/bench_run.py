"""`knowpay-course bench run`: seconds and peak memory of `knowpay run` on exports of three sizes, never read before."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from knowpay_course import ROOT, CourseError, markdown
from knowpay_course.maintain.bench import machine, measure

USERS = (1_700, 17_000, 52_000)  # of companies with about 0.1, 1 and 3 million events
MAKE = """
import sys
from pathlib import Path
from knowpay import world
world.write(sys.argv[1], 0, Path(sys.argv[2]) / "data", Path(sys.argv[2]) / "truth")
"""


@dataclass(frozen=True)
class Cost:
    """What a run cost: the events that came, seconds, peak MB."""

    events: int
    seconds: float
    memory_mb: float


def main(sizes: Iterable[int] = USERS) -> int:
    """Run on companies of these sizes one after the other, print the table and put it into the README; return 0."""
    costs = []
    with tempfile.TemporaryDirectory(prefix="knowpay-", ignore_cleanup_errors=True) as place:
        for users in sizes:
            costs.append(run(users, Path(place) / str(users)))
            print(f"{costs[-1].events:,} events: {costs[-1].seconds:.0f} s, {costs[-1].memory_mb:,.0f} MB", flush=True)
    table = f"{cost_table(costs)}\n\n{machine()}"
    print(f"\n{table}")
    markdown.fill(ROOT / "README.md", "run", table)
    return 0


def run(users: int, place: Path) -> Cost:
    """Return the cost of a first run on a company of so many users, made beforehand in a process of its own."""
    for folder in ("data", "truth"):
        (place / folder).mkdir(parents=True)
    command = str(Path(sys.executable).with_name("knowpay"))
    for arguments in ([sys.executable, "-c", MAKE, str(users), str(place)],
                      [command, "run", str(place / "data"), "--out", str(place / "out")]):  # fmt: skip
        ran = measure(arguments, quiet=True, env={"KNOWPAY_CACHE": str(place / "cache")})
        if ran.status:
            raise CourseError(f"{users:,} users: a step ended with status {ran.status}.")
    files = json.loads((place / "out" / "run.json").read_text("utf-8"))["data"]["files"]
    events = sum(one["rows"] for one in files if one["table"] == "events")
    return Cost(events, ran.seconds, ran.peak())


def cost_table(costs: list[Cost]) -> str:
    """The costs as a Markdown table; the slope is the power of the events that the seconds grow with."""
    slopes = [math.log(b.seconds / a.seconds) / math.log(b.events / a.events) for a, b in pairwise(costs)]
    rows = [
        [f"{cost.events:,}", f"{cost.seconds:.0f}", f"{cost.memory_mb:,.0f}", slope]
        for cost, slope in zip(costs, ["–", *(f"{slope:.2f}" for slope in slopes)], strict=True)
    ]
    return markdown.table(["events", "seconds", "peak memory, MB", "slope"], rows, "rrrr")
