"""`knowpay-course replicate`: every lesson on other simulated companies, to learn whether its errors are right.

Each company has its own seed and its own knobs. What ran is kept in build/replicate, a line for each company and
lesson, and is not run again while the lesson's code and the world's stay the same. A change of another room is not
noticed: delete that folder after one that matters. What came out is datasets/coverage.csv.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from knowpay.show.checks import Check

from knowpay_course import ROOT, CourseError, script
from knowpay_course.coverage import COVERAGE, HEAD, WRONG, read, verdict
from knowpay_course.execute import ENVIRONMENT
from knowpay_course.lesson import Lesson, as_record, lessons
from knowpay_course.runner import LIBRARY

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

WORLD = LIBRARY / "world"
FIRST_SEED = 1000  # far from the seeds that people choose

Result = dict[str, Any]  # replication, lesson, seconds, checks (fields of records), error, key


def main(only: Iterable[str] = (), companies: int = 40, jobs: int = 2, root: Path = ROOT) -> int:
    """Run the lessons on so many companies, `jobs` at a time; write the coverage of their checks.

    Returns the exit status: 1 when the error of a check is wrong, a count is unequal or a lesson stopped. Raises
    CourseError for a lesson that does not exist or when a process died.
    """
    from rich.console import Console

    console = Console(highlight=False)
    chosen = lessons(only, root)
    results = _replicate(chosen, companies, jobs, root / "build" / "replicate", console)
    errors = [result for result in results if result["error"]]
    for one in errors:
        said = f"Company {one['replication']}, lesson {one['lesson']} stopped: {one['error']}"
        console.print(said, markup=False, soft_wrap=True)
    found = summary(results)
    console.print(terminal(found))
    wrong, listed = findings(found)
    for sentence in [*listed, *wrong]:
        console.print(sentence, markup=False, soft_wrap=True)
    if errors:
        console.print(f"{len(errors)} of {len(results)} lessons stopped with an error; see above.", markup=False)
    save(found, root / COVERAGE, [lesson.number for lesson in chosen])
    return int(bool(wrong or errors))


# --- from results to coverage ------------------------------------------------------------------------------------


def summary(results: Iterable[Result]) -> pd.DataFrame:
    """Return a row for each check, count and result of each lesson over its companies, with the columns HEAD.

    Lessons that stopped are left out. z needs an error above 0.
    """
    import numpy as np
    import pandas as pd

    ran: dict[str, int] = {}
    found: dict[tuple[str, str, str], list[Any]] = {}
    for result in results:
        if not result["error"]:
            ran[result["lesson"]] = ran.get(result["lesson"], 0) + 1
            for one in map(as_record, result["checks"]):
                found.setdefault((result["lesson"], one.name, one.kind), []).append(one)
    rows = []
    for (lesson, name, kind), records in found.items():
        z = [(one.estimate - one.truth) / one.error for one in records if isinstance(one, Check) and one.error]
        rows.append(
            {
                "lesson": lesson,
                "check": name,
                "kind": kind,
                "companies": ran[lesson],
                "missing": ran[lesson] - len(records),
                "zero": sum(isinstance(one, Check) and not one.error for one in records),
                "mean": float(np.mean(z)) if z else np.nan,
                "spread": float(np.std(z, ddof=1)) if len(z) > 1 else np.nan,
                "outside": float(np.mean([not one.holds for one in records])),
                "tells": float(np.mean([one.tells for one in records])) if kind == "check" else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=HEAD).sort_values("lesson", kind="stable", ignore_index=True)


def findings(found: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Say what is wrong (errors, counts), and what a person should look at, as two lists of sentences."""
    wrong, listed = [], []
    for row in found.itertuples():
        name = f"Lesson {row.lesson}: {row.check!r}"
        if row.kind == "check" and row.companies > row.missing + row.zero:
            said = verdict(row.companies - row.missing - row.zero, row.mean, row.spread)
            measured = f"z has mean {row.mean:.2f} and standard deviation {row.spread:.2f}"
            if said == WRONG:
                wrong.append(f"{name} has a wrong error: {measured}.")
        elif row.kind == "exact" and row.outside:
            wrong.append(f"{name} is unequal in {row.outside:.0%} of the companies.")
        if row.kind == "quality" and row.outside:
            listed.append(f"{name} is poor in {row.outside:.0%} of the companies.")
        if row.missing:
            listed.append(f"{name} is missing in {row.missing} of {row.companies} companies.")
        if row.zero:
            listed.append(f"{name} has an error of 0 in {row.zero} of {row.companies} companies.")
    return wrong, listed


def save(found: pd.DataFrame, path: Path, replaced: Iterable[str]) -> None:
    """Write the rows with three decimals and keep those of lessons other than `replaced`."""
    import pandas as pd

    old = read(path)
    kept = old[~old["lesson"].isin(list(replaced))]
    whole = pd.concat([kept, found]) if len(kept) else found
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = whole.sort_values("lesson", kind="stable")
    whole.to_csv(path, index=False, float_format="%.3f", lineterminator="\n")


def terminal(found: pd.DataFrame) -> Table:
    """Return the rows of the checks as a table for the terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title="z = (estimate - truth) / error over companies", title_justify="left")
    for name in ("lesson", "check", "companies", "mean", "sd", "outside", "tells", "error"):
        table.add_column(name, justify="left" if name in ("lesson", "check", "error") else "right")
    for row in found[found["kind"] == "check"].itertuples():
        there = row.companies - row.missing - row.zero
        cells = f"{row.mean:.2f}", f"{row.spread:.2f}", f"{row.outside:.1%}", f"{row.tells:.0%}"
        said = verdict(there, row.mean, row.spread)
        style = "bold red" if said == WRONG else ""
        table.add_row(row.lesson, Text(row.check), str(there), *cells, Text(said, style=style))
    return table


# --- one company -------------------------------------------------------------------------------------------------


def draw(replication: int) -> dict[str, float]:
    """Return the knobs of a replication's company, each drawn evenly from its usual range; whole numbers stay whole."""
    import numpy as np
    from knowpay import world

    rng = np.random.default_rng(replication)
    company: dict[str, float] = {}
    for name, knob in world.KNOBS.items():
        low, high = knob.usual
        if isinstance(low, int):
            company[name] = int(rng.integers(low, high, endpoint=True))
        else:
            company[name] = round(float(rng.uniform(low, high)), 3)  # a few digits: they name a folder
    return company


def replicate(replication: int, chosen: list[Lesson]) -> list[Result]:
    """Make the company of a replication and run lessons on it, in this process; one result each.

    An error of a lesson, or of the company, is in the result's `error`. Everything written goes to a temporary folder.
    """
    import knowpay

    seed, company = FIRST_SEED + replication, draw(replication)
    parameters = {"data": "world:small", "seed": seed, "company": company}
    results = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, script.alone(Path(folder)):
        broken = ""
        try:
            knowpay.open("world:small", seed=seed, **company)
        except Exception as error:
            broken = _said(error)
        for lesson in chosen:
            started, checks, stopped = time.monotonic(), [], broken
            if not broken:
                try:
                    records = script.run(lesson.source.stem, lesson.source.read_text("utf-8"), parameters)
                    checks = [one.model_dump() for one in records]
                except Exception as error:
                    stopped = _said(error)
            seconds = round(time.monotonic() - started, 2)
            result = {"lesson": lesson.number, "seconds": seconds, "checks": checks, "error": stopped}
            results.append({"replication": replication, **result})
    return results


def _key(lesson: Lesson) -> str:
    """A digest of what the numbers of a lesson rest on: its code and the world's, whatever text and comments say."""
    code = [cell.source for cell in script.code(lesson.source.read_text("utf-8"))]
    own = lesson.root / "lib" / "knowpay_course" / "lessons" / f"l{lesson.number}.py"
    code += [path.read_text("utf-8") for path in [*sorted(WORLD.glob("*.py")), own] if path.exists()]
    return hashlib.sha256("\0".join(ast.dump(ast.parse(text)) for text in code).encode()).hexdigest()[:16]


def _said(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if " cell " in frame.filename]
    where = f"{places[-1].filename}, line {places[-1].lineno}: " if places else ""
    return f"{where}{type(error).__name__}: {lines[0] if lines else 'no words'}"


# --- many of them ------------------------------------------------------------------------------------------------


def _replicate(chosen: list[Lesson], companies: int, jobs: int, folder: Path, console: Console) -> list[Result]:
    """Run what is not in `folder` yet and add it there; return the records of all companies, by company and lesson."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    keys = {lesson.number: _key(lesson) for lesson in chosen}
    known = {
        (record["replication"], record["lesson"]): record
        for record in _kept(folder)
        if record["key"] == keys.get(record["lesson"]) and record["replication"] < companies
    }
    # What stopped with an error runs again: it may have been mended elsewhere.
    done = {place for place, record in known.items() if not record["error"]}
    wanted = {at: [lesson for lesson in chosen if (at, lesson.number) not in done] for at in range(companies)}
    wanted = {at: waiting for at, waiting in wanted.items() if waiting}
    columns = (TextColumn("companies"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.time_ns()}.jsonl"  # a file of its own: the last line of a killed run may be cut
    with (
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        contextlib.closing(_work(wanted, jobs)) as finished,
    ):
        bar = progress.add_task("", total=companies, completed=companies - len(wanted))
        for records in finished:
            with path.open("a", encoding="utf-8", newline="\n") as file:
                for record in records:
                    record |= {"key": keys[record["lesson"]]}
                    file.write(json.dumps(record, ensure_ascii=False) + "\n")
                    known[record["replication"], record["lesson"]] = record
            progress.advance(bar)
            seconds = ", ".join(f"{record['lesson']} {record['seconds']:.1f}" for record in records)
            said = f"company {records[0]['replication']}: seconds of lessons {seconds}"
            console.print(said, markup=False, soft_wrap=True)
    return [known[place] for place in sorted(known)]


def _kept(folder: Path) -> Iterator[Result]:
    """The records of earlier runs, the latest last."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):  # the last line of a run that was killed
                yield json.loads(line)


def _work(wanted: dict[int, list[Lesson]], jobs: int) -> Iterator[list[Result]]:
    """Replicate in processes of their own, which live on, so that each imports the heavy packages once."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,  # ours, so that a killed process leaves none
        mock.patch.dict(os.environ, ENVIRONMENT, TMPDIR=folder),  # inherited by the processes as they start
    ):
        pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _deaf)
        try:
            for future in as_completed([pool.submit(replicate, *one) for one in wanted.items()]):
                yield future.result()
        except BrokenProcessPool:
            raise CourseError(
                "A process was killed, most often for want of memory. What ran is kept: the same command, perhaps with "
                "--jobs 1, goes on from there."
            ) from None
        except BaseException:  # stopped before the end: what is running need not end first
            for process in multiprocessing.active_children():
                process.kill()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _deaf() -> None:
    """Leave Ctrl-C to the parent, which ends its processes itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
