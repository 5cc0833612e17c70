"""The command line. Every command imports what it needs when it runs, so that --help answers at once."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

app = typer.Typer(
    help="How a paid-knowledge startup acquires, converts and keeps its users: a course in notebooks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
notebooks = typer.Typer(help="The lessons' notebooks and their .py sources.", no_args_is_help=True)
exercises = typer.Typer(help="The learners' exercise notebooks and their sources.", no_args_is_help=True)
app.add_typer(notebooks, name="notebooks")
app.add_typer(exercises, name="exercises")
subjects = typer.Typer(
    help="What a person may ask for: a copy of everything about them, or its erasure.", no_args_is_help=True
)
app.add_typer(subjects, name="subject")
public_data = typer.Typer(
    help="Public data sets: which there are, which are here, and getting them.", no_args_is_help=True
)
app.add_typer(public_data, name="data")

Lessons = Annotated[list[str] | None, typer.Argument(help="Lesson numbers, such as 12; all when left out.")]
Seed = Annotated[int, typer.Option(help="Seed of the simulated company.")]
Company = Annotated[
    list[str] | None,
    typer.Option(metavar="KNOB=NUMBER", help="A knob of the simulated company, such as churn=0.6; may be repeated."),
]
Jobs = Annotated[int, typer.Option(min=0, help="Lessons run at a time; 0 means two, or one on a single core.")]


@app.command()
def course(
    data: Annotated[str, typer.Option(help="What knowpay.open takes: world:small, oulad, a folder.")] = "world:small",
    seed: Seed = 0,
    only: Annotated[list[str] | None, typer.Option(help="Run these lessons only: 12 or 12,15.")] = None,
    jobs: Jobs = 0,
    company: Company = None,
) -> None:
    """Generate the company, run every lesson, render the book, print the scorecard. Resumes where it stopped.

    The status is 1 when a lesson failed, and 3 when all ran but those that the data cannot carry.
    """
    from knowpay.course import runner

    chosen = [name for names in only or () for name in names.split(",")]
    raise typer.Exit(runner.course(data, seed, chosen, jobs, company=knobs(company or ())))


@app.command()
def book() -> None:
    """Render the book from the lessons that `knowpay course` ran, or else from the notebooks as they are."""
    from knowpay.course import ROOT
    from knowpay.course.book import NOTEBOOKS, build

    ran = ROOT / "build" / "course" / "notebooks"
    typer.echo(f"The book lies at {build(ran if any(ran.glob('*.ipynb')) else NOTEBOOKS)}")


@app.command()
def doctor() -> None:
    """Print versions, cores, memory and GPU, and the remedy for what is wrong."""
    from knowpay.course import doctor

    raise typer.Exit(doctor.main())


@app.command()
def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            help="sessions, ingest or spark: what grows with the data, instead of the course; or lessons: each with "
            "2,000, 20,000 and 50,000 users, status 1 where one takes more memory than it may."
        ),
    ] = None,
    setup: Annotated[bool, typer.Option("--setup", help="The set-up of a new environment too.")] = False,
    large: Annotated[
        bool,
        typer.Option("--large", help="The company of a million users, the ingest of 100 million events too."),
    ] = False,
) -> None:
    """Measure set-up, generation, lessons and book, or the parts named, in seconds and memory."""
    from knowpay.course import bench, bench_data, bench_lessons

    if parts == ["lessons"]:
        raise typer.Exit(bench_lessons.main())
    raise typer.Exit(bench_data.main(parts, large) if parts else bench.main(setup, large))


@app.command()
def calibrate() -> None:
    """Measure the simulated company beside published figures and write datasets/world.md."""
    from knowpay.course import calibrate

    typer.echo(f"{calibrate.write()} is written")


@app.command()
def world(
    size: Annotated[str, typer.Argument(help="How large a company: small, standard or large.")],
    out: Annotated[Path, typer.Option(help="A new folder; the export goes to data/, what is true to truth/.")],
    seed: Seed = 0,
    company: Company = None,
) -> None:
    """Generate a simulated company as an export, with the truth behind it in a folder of its own."""
    from knowpay import world as simulator

    if out.exists() and any(out.iterdir()):
        raise ValueError(f"The folder {out} is not empty: name a new one, so that no file of yours is overwritten.")
    simulator.write(size, seed, out / "data", out / "truth", **knobs(company or ()))
    typer.echo(f"world:{size}, seed {seed}: the export is in {out / 'data'}, the truth in {out / 'truth'}")


@app.command()
def replicate(
    only: Lessons = None,
    times: Annotated[int, typer.Option(min=2, help="Companies that the tolerances are derived from.")] = 200,
    held_out: Annotated[int, typer.Option(min=1, help="Further companies that the tolerances are tried on.")] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="Companies at a time.")] = 2,
) -> None:
    """Run the lessons on many simulated companies and derive the tolerances of their checks. Resumes."""
    from knowpay.course import replicate

    raise typer.Exit(replicate.main(only or (), times, held_out, jobs))


@notebooks.command("build")
def notebooks_build(only: Lessons = None, jobs: Jobs = 1) -> None:
    """Execute the sources and write the notebooks with their outputs."""
    from knowpay.course import ROOT, CourseError, doctor
    from knowpay.course.notebooks import build

    lock = doctor.lock_finding(ROOT / "requirements.lock", doctor.installed)
    if lock.remedy:
        raise CourseError(f"Outputs are written with the locked packages only: {lock.value}. {lock.remedy}")
    build(only or (), jobs=max(jobs, 1))


@notebooks.command("check")
def notebooks_check(only: Lessons = None) -> None:
    """Say where a notebook and its source differ, or what it lacks."""
    from knowpay.course.notebooks import check, lessons

    _report(check(only or ()), f"{len(lessons(only or ()))} notebooks agree with their sources")


@exercises.command("build")
def exercises_build(only: Lessons = None) -> None:
    """Generate the learners' notebooks from the sources that hold the solutions."""
    from knowpay.course.exercises import build

    for path in build(only or ()):
        typer.echo(f"{path.name}: written")


@exercises.command("check")
def exercises_check() -> None:
    """Say which learners' notebooks are not what their sources give."""
    from knowpay.course.exercises import outdated, sources

    _report(outdated(), f"{len(sources())} exercise notebooks are what their sources give")


@public_data.command("list")
def data_list() -> None:
    """List the public data sets: name, size, where its files are, title, licence."""
    from knowpay.collect import public, stored

    for name, one in public.LISTED.items():
        here = stored.checksums([name])[name]
        files = public.find(one).values() if here else ()
        size = sum(archive.size for archive in one.archives) or sum(path.stat().st_size for path in files)
        how = f"knowpay data get {name}" + ("" if one.archives else " says how to place it")
        at = public.where(one) if here else f"not here: {how}"
        typer.echo(f"{name:<17}{f'{size / 1e6:,.1f} MB' if size else '–':>9}  {at}; {one.title}; {one.licence}")


@public_data.command("get")
def data_get(
    names: Annotated[list[str], typer.Argument(help="Names of sets, as `knowpay data list` gives them.")],
) -> None:
    """Fetch public data sets into datasets/cache, checked against their sha256; say how to place what cannot be."""
    from knowpay.collect import DownloadError, public

    if strange := [name for name in names if name not in public.LISTED]:
        raise ValueError(f"There is no data set {', '.join(strange)}. Possible are {', '.join(public.LISTED)}.")
    refused = []
    for name in names:
        try:
            typer.echo(f"{name}: {public.get(public.LISTED[name])}")
        except DownloadError as error:
            refused.append(f"{name}: {error}")
    _report(refused, "Lessons that need them run with them from now on.")


@app.command()
def ingest(folder: Annotated[Path, typer.Argument(help="The folder of an export with its manifest.yml.")]) -> None:
    """Read an export, or what is new in it, and say what became of its rows."""
    import knowpay

    _loaded(knowpay.open(folder))


@app.command()
def replay(
    folder: Annotated[Path, typer.Argument(help="The folder of an export that was opened before.")],
    rule: Annotated[str | None, typer.Option(help="Only rows that wait under this rule.")] = None,
) -> None:
    """Run the rows that wait in quarantine again, after the manifest or the mapping was mended."""
    from knowpay.collect import door

    ds, let_in = door.replay(folder, rule)
    typer.echo(f"{let_in:,} rows were let in.")
    _loaded(ds)


def _loaded(ds: Dataset) -> None:
    """Print the report, and why rows wait."""
    rows = ds.report.rows
    typer.echo(rows[rows["rows_in"] > 0].to_string(index=False))
    for line in ds.waiting().head(20).itertuples():
        typer.echo(f"{line.table}, {line.rule}, {line.rows:,} rows: {line.message}")
    for note in ds.report.notes:
        typer.echo(note)


@subjects.command("export")
def subject_export(
    data: Annotated[str, typer.Argument(help="What knowpay.open takes: the folder of an export, world:small.")],
    user_id: Annotated[str, typer.Argument(help="The user id as it stands in the export.")],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")],
) -> None:
    """Write every row about one person, of tables, quarantine and the files as they came, as one JSON file."""
    import knowpay
    from knowpay.collect.privacy import subject

    rows = subject.export(knowpay.open(data), user_id, out)["rows"]
    typer.echo(
        f"{out}: {sum(rows['files'].values()):,} rows of {len(rows['files'])} files, {rows['mentions']} mentions"
    )


@subjects.command("erase")
def subject_erase(
    folder: Annotated[Path, typer.Argument(help="The folder of the export; its files are rewritten.")],
    user_id: Annotated[str, typer.Argument(help="The user id as it stands in the export.")],
) -> None:
    """Remove one person from the files of an export and delete what was derived from it; run it again if killed."""
    from knowpay.collect.privacy import subject

    receipt = subject.erase(folder, user_id)
    for name, counts in receipt["files"].items():
        typer.echo(f"{name}: {counts['removed']:,} rows removed, {counts['emptied']:,} rows freed of the mention")
    typer.echo(f"{receipt['devices']} devices of this person alone; {receipt['stores']} derived stores deleted")
    for name in receipt["by_hand"]:
        typer.echo(f"{name}: look through it by hand")


@app.command()
def purge(folder: Annotated[Path, typer.Argument(help="The folder of the export; its files are rewritten.")]) -> None:
    """Remove the rows older than the manifest's retention_days and delete what was derived from the export."""
    from knowpay.collect.privacy import retention

    receipt = retention.purge(folder)
    for what in ("removed", "undated"):
        for name, rows in receipt[what].items():
            typer.echo(f"{name}: {rows:,} rows {what}")
    typer.echo(f"Kept since {receipt['before']}; {receipt['stores']} derived stores deleted")


def knobs(texts: Iterable[str]) -> dict[str, float]:
    """Return {"churn": 0.6} for ["churn=0.6"]; whole numbers stay whole. Raises ValueError for what is no such text."""
    turned: dict[str, float] = {}
    for text in texts:
        from knowpay import world

        key, _, number = text.partition("=")
        try:
            turned[key] = int(number) if number.isdecimal() else float(number)
        except ValueError:
            key = ""
        if key not in world.KNOBS:
            known = ", ".join(world.KNOBS)
            raise ValueError(f"--company takes KNOB=NUMBER, such as churn=0.6, not {text!r}; the knobs are {known}.")
    return turned


def _report(found: list[str], well: str) -> None:
    for sentence in found:
        typer.echo(sentence)
    if found:
        raise typer.Exit(1)
    typer.echo(well)


def main() -> None:
    """Run the command line; what the reader can mend is said in one sentence, without a traceback (status 2)."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a console that has no Chinese shows \u8bfe, and no traceback
    sys.exit(run(app))


def run(command: Callable[[], None]) -> int:
    """Run and return the exit status: 2 after a sentence of our own, 130 after Ctrl-C."""
    import signal

    stops = []

    def stop(number: int, frame: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)  # stop in order, as with Ctrl-C
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where Ctrl-C is ignored
        signal.signal(signal.SIGINT, stop)
    try:
        command()
    except BaseException as error:
        # What was being done may turn the interrupt into an error of its own: DuckDB, an import and typer do.
        if stops or isinstance(error, KeyboardInterrupt):
            print("Stopped. What was done is kept; run the same command to go on.", file=sys.stderr)
            return 130
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else int(error.code is not None)
        sentence = _unwritable(error) or (str(error) if _ours(error) else "")
        if not sentence:
            raise
        print(sentence, file=sys.stderr)
        return 2
    return 0


def _unwritable(error: BaseException) -> str:
    """What to do about a place that cannot be written, in a sentence; "" for any other error."""
    import errno

    from knowpay.collect.store import UNWRITABLE

    if not isinstance(error, OSError) or not error.filename or error.errno not in (*UNWRITABLE, errno.ENOSPC):
        return ""
    return (
        f"{error.filename} cannot be written ({error.strerror}): make room or give yourself leave there, or copy the "
        "course to a folder of your own and run the command in it."
    )


def _ours(error: BaseException) -> bool:
    """Whether our own code said this: a class of ours, or a ValueError that a line of ours raised."""
    if type(error).__module__.split(".")[0] == "knowpay":
        return True
    if type(error) is not ValueError:
        return False
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    return Path(last).resolve().is_relative_to(Path(__file__).resolve().parents[1])
