"""`knowpay-course replicate`: every lesson on many simulated companies, to learn how far an honest estimate may be off.

Each company has its own seed and its own knobs. The first ones give the tolerances (the identifiability sheet), the
others, which the sheet has never seen, try them out. What ran is kept in build/replicate, a line for each company and
lesson, and is not run again while the lesson's code and the world's stay the same. A change of another room is not
noticed: delete that folder after one that matters.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import json
import os
import re
import signal
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock

from knowpay.collect import stored

from knowpay_course import ROOT, CourseError
from knowpay_course.execute import ENVIRONMENT
from knowpay_course.lesson import Lesson, lessons
from knowpay_course.maintain import sheet
from knowpay_course.notebooks import read_source
from knowpay_course.runner import LIBRARY
from knowpay_course.tolerances import COMPANIES, SHEET

if TYPE_CHECKING:
    from knowpay.show.recording import Recorded
    from rich.console import Console

WORLD = LIBRARY / "world"
CHECKS = re.compile(r"show\.(check|exact|quality)\(")
FIRST_SEED = 1000  # far from the seeds that people choose

Record = dict[str, Any]  # replication, lesson, seconds, n, checks [[name, estimate, truth, unit]], error, key


def main(only: Iterable[str] = (), times: int = 200, held_out: int = 20, jobs: int = 2, root: Path = ROOT) -> int:
    """Run the lessons on `times` + `held_out` companies, `jobs` at a time; write the sheet and the pass rates.

    Returns the exit status: 1 when a check fails on the held-out companies or a lesson raised an error. Raises
    CourseError for a lesson that does not exist or when a process died.
    """
    from rich.console import Console

    console = Console(highlight=False)
    chosen = lessons(only, root)
    numbers = [lesson.number for lesson in chosen]
    records = _replicate(chosen, times + held_out, jobs, root / "build" / "replicate", console)
    errors = [record for record in records if record["error"]]
    for record in errors:
        said = f"Company {record['replication']}, lesson {record['lesson']} stopped: {record['error']}"
        console.print(said, markup=False, soft_wrap=True)

    first = [record for record in records if record["replication"] < times]
    tolerances = sheet.save(sheet.identifiability(first), root / SHEET, numbers)
    tried = sheet.pass_rates([record for record in records if record["replication"] >= times], tolerances)
    tried = sheet.save(tried, root / COMPANIES, numbers)
    console.print(sheet.terminal(tolerances, "What the data can tell"))
    console.print(sheet.terminal(tried, "Held-out companies"))
    missing, failing = sheet.often_missing(first), sheet.failing(tried)
    for sentence in [*missing, *failing]:
        console.print(sentence, markup=False, soft_wrap=True)
    if errors:
        console.print(f"{len(errors)} of {len(records)} lessons stopped with an error; see above.", markup=False)
    return int(bool(failing or errors))


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


def replicate(replication: int, chosen: list[Lesson]) -> list[Record]:
    """Make the company of a replication and run lessons on it, in this process; one record each.

    An error of a lesson, or of the company, is in the record's `error`. Everything written goes to a temporary folder.
    """
    import knowpay
    from knowpay.collect import needs

    seed, company = FIRST_SEED + replication, draw(replication)
    records = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _alone(Path(folder)):
        try:
            ds, broken = knowpay.open("world:small", seed=seed, **company), ""
        except Exception as error:
            ds, broken = None, _said(error)
        for lesson in chosen:
            started, n, checks, stopped = time.monotonic(), 0, [], broken
            if ds is not None:
                n = needs.amount(ds, lesson.needs[0])
                try:
                    checks = run(lesson.source, {"data": "world:small", "seed": seed, "company": company})
                except Exception as error:
                    stopped = _said(error)
            seconds = round(time.monotonic() - started, 2)
            result = {"lesson": lesson.number, "seconds": seconds, "n": n, "checks": checks, "error": stopped}
            records.append({"replication": replication, **result})
    return records


def run(source: Path, parameters: dict[str, Any]) -> list[Recorded]:
    """Run a lesson's cells up to its last check; return the checks, as `show.recording` collects them.

    Nothing is drawn or printed and tolerances are not looked at. Lets every error of the lesson through.
    """
    from knowpay import show

    space: dict[str, Any] = {"__name__": "__main__"}
    with (
        show.recording() as checks,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        for code, is_parameters in _cells(source):
            exec(code, space)
            if is_parameters:
                space |= parameters
    return checks


@cache
def _cells(source: Path) -> list[tuple[Any, bool]]:
    """The lesson's cells up to its last check, compiled, and whether each is the parameters cell."""
    return [
        (compile(cell.source, f"{source.stem} cell {at}", "exec"), "parameters" in cell.metadata.get("tags", []))
        for at, cell in enumerate(_code(source), 1)
    ]


def _code(source: Path) -> list[Any]:
    """The lesson's code cells up to its last check; no check rests on those of real data and those tagged `aside`."""
    cells = [cell for cell in read_source(source).cells if cell.cell_type == "code"]
    last = max((at for at, cell in enumerate(cells) if CHECKS.search(cell.source)), default=-1)
    cells = [cell for cell in cells[: last + 1] if not stored.sets(cell)]
    return [cell for cell in cells if "aside" not in cell.metadata.get("tags", [])]


def _key(source: Path) -> str:
    """A digest of what the numbers of a lesson rest on: its code and the world's, whatever text and comments say."""
    # Not world.VERSION, which the sheet that we write is part of.
    code = [cell.source for cell in _code(source)]
    code += [path.read_text("utf-8") for path in sorted(WORLD.glob("*.py"))]
    return hashlib.sha256("\0".join(ast.dump(ast.parse(text)) for text in code).encode()).hexdigest()[:16]


def _said(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if " cell " in frame.filename]
    where = f"{places[-1].filename}, line {places[-1].lineno}: " if places else ""
    return f"{where}{type(error).__name__}: {lines[0] if lines else 'no words'}"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep cache and working directory in `folder`, and all real data away: neither found here nor fetched."""
    from knowpay.collect import DownloadError
    from knowpay.collect.public import engine

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise DownloadError("A replication reads no real data.")

    places = {"KNOWPAY_CACHE": str(folder / "cache"), "KNOWPAY_DATA": str(folder)}
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, places))
        stack.enter_context(mock.patch.object(engine, "fetch", refuse))
        stack.enter_context(contextlib.chdir(folder))
        yield


# --- many of them ------------------------------------------------------------------------------------------------


def _replicate(chosen: list[Lesson], companies: int, jobs: int, folder: Path, console: Console) -> list[Record]:
    """Run what is not in `folder` yet and add it there; return the records of all companies, by company and lesson."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    keys = {lesson.number: _key(lesson.source) for lesson in chosen}
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


def _kept(folder: Path) -> Iterator[Record]:
    """The records of earlier runs, the latest last."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            with contextlib.suppress(ValueError):  # the last line of a run that was killed
                yield json.loads(line)


def _work(wanted: dict[int, list[Lesson]], jobs: int) -> Iterator[list[Record]]:
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
