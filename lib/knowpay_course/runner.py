"""`knowpay-course course`: the company, every lesson, the book, the scorecard, in one command that can be resumed.

build/course/state.json remembers each lesson's digest, seconds and memory. A lesson whose source, library,
data, seed, knobs and locked packages are unchanged is not run again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import knowpay
from knowpay import doctor
from knowpay.collect import stored

from knowpay_course import ROOT, CourseError, coverage, scorecard
from knowpay_course.execute import Task, execute
from knowpay_course.lesson import Lesson, lessons
from knowpay_course.notebooks import read_source, write

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset
    from rich.console import Console

LIBRARY = Path(knowpay.__file__).parent
SPACE = 1_000_000_000  # bytes: generated company, outputs and book, with room to spare
TYPES = {"str": str, "int": int, "float": float, "bool": bool, "dict": dict}


def course(
    data: str = "world:standard",
    seed: int = 0,
    only: Iterable[str] = (),
    jobs: int = 0,
    root: Path = ROOT,
    company: Mapping[str, float] | None = None,
) -> int:
    """Run the lessons and render the book; return the exit status: 1 when a lesson failed, 3 when the data cannot
    carry some lessons and all others ran.

    `jobs` lessons run at a time (0: two, or one on a single core). `company` turns the knobs of the simulated
    company. Raises CourseError when there is nothing to run or no room to run it in, and lets the door's own errors
    about `data` and `company` through.
    """
    import knowpay
    from rich.console import Console

    console = Console(highlight=False)
    build = root / "build" / "course"
    build.mkdir(parents=True, exist_ok=True)
    everything = lessons(root=root)
    chosen = lessons(only, root)
    if not chosen:
        raise CourseError("There are no lessons in notebooks/src yet.")
    free = shutil.disk_usage(build).free
    if free < SPACE:
        raise CourseError(
            f"Only {free / 1e6:,.0f} MB of disk space are left and the course needs {SPACE / 1e6:,.0f} MB: "
            "free some, then run the same command again."
        )
    state = _State(build / "state.json")

    company = dict(company or {})
    started = time.monotonic()
    ds = knowpay.open(data, seed=seed, **company)
    said = ", ".join([data, *(f"{knob} {value:g}" for knob, value in company.items())])
    state.note("data", name=said, seed=seed, seconds=round(time.monotonic() - started, 1))
    console.print(f"{said}, seed {seed}: ready in {state.data['data']['seconds']:.1f} s", markup=False)

    if Path(data).is_dir():
        data = str(Path(data).resolve())  # lessons run in another folder
        files = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(Path(data).rglob("*"))]
    else:
        files = []
    # Code and what analyses need; not what runs and binds the lessons.
    library = [p for p in sorted(LIBRARY.rglob("*")) if p.suffix in (".py", ".csv", ".yml", ".sql")]
    needs = [(lesson.name, lesson.needs) for lesson in everything]  # lesson 00 shows what the data unlock
    given = data, seed, sorted(company.items()), files, needs, sys.version
    common = digest([*library, root / "requirements.lock"], *given)
    digests = {lesson.name: digest(*_rests_on(lesson), common) for lesson in everything}
    _forget(build / "notebooks", {lesson.name for lesson in everything})

    def ended(lesson: Lesson, status: str) -> bool:
        known = state.data["lessons"].get(lesson.name, {})
        return known.get("status") == status and known.get("digest") == digests[lesson.name]

    def current(lesson: Lesson) -> bool:
        return ended(lesson, "ok") and (build / "notebooks" / f"{lesson.name}.ipynb").exists()

    for lesson in filter(current, chosen):
        console.print(f"{lesson.name}: unchanged since its last run, kept", markup=False)
    tasks = [
        Task(
            lesson.name,
            lesson.source,
            build / "notebooks" / f"{lesson.name}.ipynb",
            root / "notebooks",
            parameters(lesson, {"data": data, "seed": seed, "company": company}),
        )
        for lesson in chosen
        if not current(lesson)
    ]
    failed = _run(tasks, jobs or min(2, doctor.cores()), state, digests, console)
    if failed:
        return 1
    fresh = {lesson.name for lesson in everything if current(lesson)}
    missing = [one.number for one in everything if one.name not in fresh and not ended(one, "too little")]
    checks = [check for check in scorecard.collect(build / "notebooks") if check.lesson in fresh]
    tried = coverage.read(root / coverage.COVERAGE)
    (build / "scorecard.md").write_text(scorecard.page(checks, tried), encoding="utf-8", newline="\n")
    try:
        if not fresh:
            console.print("There is no book: these data carry none of the lessons.", markup=False)
        elif missing:
            console.print(
                f"The book waits for lessons {', '.join(missing)}: run `knowpay-course course`.", markup=False
            )
        else:
            _book(build, state, root, digests, console)
        _report(ds, build, state, everything, common, console)
    finally:  # a book that does not render takes nothing away from what the lessons found
        console.print(scorecard.terminal(checks, tried))
    return 3 if any(ended(lesson, "too little") for lesson in chosen) else 0


class _State:
    """build/course/state.json, written whole after each change so that a stop at any moment can be resumed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {"lessons": {}}
        with contextlib.suppress(OSError, ValueError, TypeError):  # absent or damaged: everything runs again
            self.data |= json.loads(path.read_text("utf-8"))

    def note(self, *keys: str, **values: Any) -> None:
        place = self.data
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = values
        new = self.path.with_suffix(".part")
        new.write_text(json.dumps(self.data, indent=1), encoding="utf-8")
        os.replace(new, self.path)


def digest(files: Iterable[Path], *values: object) -> str:
    """Return a digest, in hexadecimal, of the names and bytes of files and of the values."""
    total = hashlib.sha256(repr(values).encode())
    for path in files:
        total.update(path.name.encode() + b"\0" + (path.read_bytes() if path.exists() else b"") + b"\0")
    return total.hexdigest()


def _rests_on(lesson: Lesson) -> tuple[list[Path], dict[str, str]]:
    """The files of a lesson and which real data are here: without them its stored outputs are shown."""
    cells = read_source(lesson.source).cells if lesson.source.exists() else []
    names = {name for cell in cells for name in stored.sets(cell)}
    here = stored.checksums(sorted(names))
    return [lesson.source, *([] if all(here.values()) else [lesson.notebook])], here


def _forget(folder: Path, names: set[str]) -> None:
    for path in folder.glob("*.ipynb"):
        if path.stem not in names:  # a lesson that was renamed would haunt the book
            path.unlink()


def parameters(lesson: Lesson, wanted: dict[str, Any]) -> dict[str, Any]:
    """Check parameters against the lesson's own; return those that differ from its defaults.

    papermill only warns about a name it does not know. Raises CourseError for a name the lesson lacks or a
    value that is not of the type the lesson states.
    """
    import papermill

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lesson.ipynb"
        write(read_source(lesson.source), path)
        known = papermill.inspect_notebook(path)
    for name, value in wanted.items():
        if name not in known:
            have = ", ".join(known) or "none"
            raise CourseError(f"Lesson {lesson.number} has no parameter {name!r}; its parameters are: {have}.")
        kind = known[name]["inferred_type_name"]
        if not isinstance(value, TYPES.get(kind, object)):
            raise CourseError(f"Lesson {lesson.number}: {name} must be of type {kind}, got {value!r}.")
    return {
        name: value for name, value in wanted.items() if known[name]["default"] not in (repr(value), json.dumps(value))
    }


def _run(tasks: list[Task], jobs: int, state: _State, digests: dict[str, str], console: Console) -> list[str]:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    failed = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    # Without a terminal the bars are off and the lines below are all there is.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"{len(tasks)} lessons", total=len(tasks))
        rows: dict[str, Any] = {}

        def tell(task: Task) -> None:
            if task.name not in rows:
                rows[task.name] = progress.add_task("", total=None)
            said = f"{task.name} {task.seconds:5.0f} s {task.memory_mb:6,.0f} MB"
            progress.update(rows[task.name], description=said)

        for task in tasks:
            task.output.unlink(missing_ok=True)
        with contextlib.closing(execute(tasks, jobs, tell)) as finished:
            for task in finished:
                progress.remove_task(rows.pop(task.name))
                progress.advance(bar)
                state.note(
                    "lessons",
                    task.name,
                    seconds=round(task.seconds, 1),
                    memory_mb=round(task.memory_mb),
                    digest=digests[task.name],
                    status="too little" if task.too_little else "failed" if task.error else "ok",
                )
                said = "FAILED" if task.error else "ok"
                line = f"{task.name}: {said} in {task.seconds:.1f} s, {task.memory_mb:,.0f} MB at the most"
                if task.too_little:
                    task.output.unlink(missing_ok=True)
                    line = f"{task.name}: cannot be carried by these data: {task.error}"
                elif task.error:
                    failed.append(_failure(task))
                progress.console.print(line, markup=False, soft_wrap=True)
    for sentence in failed:
        console.print(sentence, markup=False, soft_wrap=True)
    return failed


def _failure(task: Task) -> str:
    """Put the broken notebook aside, where the book does not find it, and say what to do."""
    aside = task.output.parents[1] / "failed" / task.output.name
    sentence = f"{task.name} failed: {task.error}."
    if task.output.exists():
        aside.parent.mkdir(exist_ok=True)
        os.replace(task.output, aside)
        sentence += f" Its run up to there is in build/course/failed/{aside.name}."
    if "memory" in task.error:
        return f"{sentence} Close other programs or add --jobs 1, then run the same command again."
    return (
        f"{sentence} `knowpay doctor` checks the environment; `knowpay-course course` runs it again and keeps the "
        "others."
    )


def _report(ds: Dataset, build: Path, state: _State, everything: list[Lesson], current: str, console: Console) -> None:
    """Take the data the whole way, as a founder would: `knowpay run`."""
    from knowpay.run import whole

    out = build / "report"
    if state.data.get("report", {}).get("digest") != current or not (out / "report.html").exists():
        started = time.monotonic()
        links = {lesson.number: os.path.relpath(lesson.notebook, out) for lesson in everything}
        outcome = whole.run(ds, out, replace=True, links=links)
        state.note("report", seconds=round(time.monotonic() - started, 1), digest=current)
        console.print(f"report: written in {state.data['report']['seconds']:.1f} s", markup=False)
        for name, why in outcome.failed.items():
            console.print(f"The section {name} of the report went wrong: {why}", markup=False, soft_wrap=True)
    console.print(f"What the records say, as decisions: {out / 'report.html'}", markup=False, soft_wrap=True)


def _book(build: Path, state: _State, root: Path, digests: dict[str, str], console: Console) -> None:
    sources = [p for folder in ("book", "notebooks/exercises/src") for p in sorted((root / folder).rglob("*"))]
    sources += [root / "notebooks" / "lessons.yml", *sorted((root / "datasets").glob("*.*"))]
    current = digest((p for p in sources if p.is_file() and "_build" not in p.parts), sorted(digests.items()))
    known = state.data.get("book", {})
    if known.get("digest") == current and Path(known.get("path", "")).exists():
        page = Path(known["path"])
    else:
        from knowpay_course.book import render

        started = time.monotonic()
        page = Path(render.build(build / "notebooks", root / "build" / "book" / "html"))
        seconds = round(time.monotonic() - started, 1)
        state.note("book", seconds=seconds, path=str(page), digest=current)
        console.print(f"book: rendered in {seconds:.1f} s", markup=False)
    console.print(f"The book lies at {page}", markup=False, soft_wrap=True)
