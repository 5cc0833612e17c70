"""The command line. Every command imports what it needs when it runs, so that --help answers at once."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

OURS = ("knowpay", "knowpay_course")  # packages whose errors are sentences for the reader
MOVED = ("course", "book", "bench", "calibrate", "world", "replicate", "notebooks", "exercises")  # to knowpay-course

app = typer.Typer(
    help="The export of a paid-knowledge platform: read, checked, protected. The course is knowpay-course.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
subjects = typer.Typer(
    help="What a person may ask for: a copy of everything about them, or its erasure.", no_args_is_help=True
)
app.add_typer(subjects, name="subject")
public_data = typer.Typer(
    help="Public data sets: which there are, which are here, and getting them.", no_args_is_help=True
)
app.add_typer(public_data, name="data")


def moved(context: typer.Context) -> None:
    """Say where a command is that the course had here."""
    raise ValueError(f"`knowpay {context.info_name}` is now `knowpay-course {context.info_name}`.")


for name in MOVED:
    app.command(name, hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})(moved)


@app.command()
def doctor() -> None:
    """Print versions, cores, memory and GPU, and the remedy for what is wrong."""
    from knowpay import doctor

    raise typer.Exit(doctor.main())


@app.command()
def ingest(folder: Annotated[Path, typer.Argument(help="The folder of an export with its manifest.yml.")]) -> None:
    """Read an export, or what is new in it, and say what became of its rows."""
    import knowpay

    _loaded(knowpay.open(folder))


@app.command("run")
def whole_way(
    data: Annotated[str, typer.Argument(help="The folder of an export, or what else knowpay.open takes.")],
    out: Annotated[Path, typer.Option(help="The folder to write: report, lists, figures.")],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite an earlier run in that folder.")] = False,
) -> None:
    """Take an export the whole way: report.html to read, lists to act on, run.json to check.

    Status 0: written. 1: written, but a section went wrong. 2: not written, a sentence says why. 3: the export has no
    rows. 130: stopped; nothing is left behind.
    """
    from knowpay.collect import TooLittleData
    from knowpay.run import whole

    try:
        outcome = whole.run(data, out, replace, progress=lambda what: typer.echo(f"{what} …", err=True))
    except TooLittleData as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(3) from None
    typer.echo(f"{outcome.folder / 'report.html'}")
    for name, rows in outcome.files.items():
        typer.echo(f"{outcome.folder / name}: {rows:,} rows")
    for name, why in outcome.failed.items():
        typer.echo(f"The section {name} went wrong: {why}")
    raise typer.Exit(int(bool(outcome.failed)))


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


@public_data.command("list")
def data_list() -> None:
    """List the public data sets: name, size, where its files are, title, licence."""
    from knowpay.collect import public, stored

    for name, one in public.LISTED.items():
        here = stored.checksums([name])[name]
        files = public.find(one).values() if here else ()
        size = sum(served.size for served in one.served.values()) or sum(path.stat().st_size for path in files)
        how = f"knowpay data get {name}" + ("" if one.served else " says how to place it")
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
    report(refused, "Lessons that need them run with them from now on.")


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


def report(found: list[str], well: str) -> None:
    """Print what was found and end with status 1, or say that all is well."""
    for sentence in found:
        typer.echo(sentence)
    if found:
        raise typer.Exit(1)
    typer.echo(well)


def main() -> None:
    """Run the command line of the package."""
    start(app)


def start(command: Callable[[], None]) -> None:
    """Run a command line; what the reader can mend is said in one sentence, without a traceback (status 2)."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a console that has no Chinese shows \u8bfe, and no traceback
    sys.exit(run(command))


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

    from knowpay.collect.disk import UNWRITABLE

    if not isinstance(error, OSError) or not error.filename or error.errno not in (*UNWRITABLE, errno.ENOSPC):
        return ""
    return (
        f"{error.filename} cannot be written ({error.strerror}): make room or give yourself leave there, or copy the "
        "course to a folder of your own and run the command in it."
    )


def _ours(error: BaseException) -> bool:
    """Whether our own code said this: a class of ours, or a ValueError that a line of ours raised."""
    if type(error).__module__.split(".")[0] in OURS:
        return True
    if type(error) is not ValueError:
        return False
    last = traceback.extract_tb(error.__traceback__)[-1].filename
    lib = Path(__file__).resolve().parents[1]
    return any(Path(last).resolve().is_relative_to(lib / package) for package in OURS)
