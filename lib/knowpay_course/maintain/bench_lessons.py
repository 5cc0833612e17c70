"""`knowpay-course bench lessons`: seconds and peak memory of each lesson on companies of three sizes, and the bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from knowpay_course import ROOT, CourseError, markdown
from knowpay_course.execute import Task, execute
from knowpay_course.lesson import lessons
from knowpay_course.maintain.bench import machine, measure
from knowpay_course.runner import parameters

BARS = {2_000: 2_000, 20_000: 2_000, 50_000: 6_000}  # users of the company: MB that no lesson may exceed


@dataclass(frozen=True)
class Cost:
    """What a lesson cost on a company of so many users: seconds, peak MB of its processes, why it failed or ""."""

    lesson: str
    users: int
    seconds: float
    memory_mb: float
    error: str = ""

    @property
    def broken(self) -> bool:
        """Whether the lesson failed or took more memory than its bar."""
        return bool(self.error) or self.memory_mb > BARS[self.users]


def main(only: Iterable[str] = (), sizes: Iterable[int] = tuple(BARS)) -> int:
    """Run the lessons one at a time and print their costs; return the exit status, 1 when a bar is broken."""
    costs = []
    for users in sizes:
        for cost in run(users, only):
            costs.append(cost)
            said = cost.error or f"{cost.memory_mb:,.0f} MB"
            print(f"{cost.lesson}, {users:,} users: {cost.seconds:.0f} s, {said}", flush=True)
    print(f"\n{cost_table(costs)}\n\n{machine()}")
    for cost in costs:
        if cost.broken:
            why = cost.error or f"{cost.memory_mb:,.0f} MB, more than the {BARS[cost.users]:,} allowed"
            print(f"{cost.lesson} with {cost.users:,} users: {why}.")
    return int(any(cost.broken for cost in costs))


def run(users: int, only: Iterable[str] = ()) -> Iterable[Cost]:
    """Yield the cost of each lesson on a company of so many users, made beforehand in a process of its own."""
    data = f"world:{users}"
    if measure([sys.executable, "-c", f"import knowpay; knowpay.open({data!r})"]).status:
        raise CourseError(f"{data} could not be made; the lines above say why.")
    folder = ROOT / "build" / "bench"
    tasks = [
        Task(
            lesson.name,
            lesson.source,
            folder / f"{lesson.name}-{users}.ipynb",
            ROOT / "notebooks",
            parameters(lesson, {"data": data}),
        )
        for lesson in lessons(only)
    ]
    for task in execute(tasks):
        yield Cost(task.name, users, task.seconds, task.memory_mb, task.error)


def cost_table(costs: list[Cost]) -> str:
    """The costs as a Markdown table, a line for each lesson, seconds and MB for each size; bold: a bar is broken."""
    sizes = sorted({cost.users for cost in costs})
    by = {(cost.lesson, cost.users): cost for cost in costs}
    head = ["lesson", *(name for users in sizes for name in (f"{users:,} users, s", f"MB (at most {BARS[users]:,})"))]
    rows = []
    for lesson in sorted({cost.lesson for cost in costs}):
        cells = [lesson.replace("_", " ")]
        for cost in (by[lesson, users] for users in sizes):
            memory = "failed" if cost.error else f"{cost.memory_mb:,.0f}"
            cells += [f"{cost.seconds:.0f}", f"**{memory}**" if cost.broken else memory]
        rows.append(cells)
    return markdown.table(head, rows, "l" + "rr" * len(sizes))
