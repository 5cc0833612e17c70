"""The whole way: read the export, answer each question, write the folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from knowpay.collect import TooLittleData
from knowpay.collect.dataset import Dataset
from knowpay.collect.door import open_data
from knowpay.collect.privacy import gate
from knowpay.collect.privacy.permission import reasons
from knowpay.run import report
from knowpay.run.fit import fit
from knowpay.run.folder import RECORD, written
from knowpay.run.money import money
from knowpay.run.people import people
from knowpay.run.section import CannotSay, Section, say

SECTIONS: dict[str, Callable[[Dataset], Section]] = {"fit": fit, "money": money, "people": people}


@dataclass(frozen=True)
class Outcome:
    """What a run wrote: the folder, the rows of its lists, and the sections that went wrong, with why."""

    folder: Path
    files: dict[str, int]
    failed: dict[str, str]


def run(
    data: str | Path | Dataset,
    out: str | Path,
    replace: bool = False,
    links: dict[str, str] | None = None,
    progress: Callable[[str], None] = lambda what: None,
) -> Outcome:
    """Take an export the whole way and write ``report.html``, lists, and ``run.json`` into the folder ``out``.

    ``data`` is what `knowpay.open` takes, or what it returned. ``replace`` overwrites an earlier run there. ``links``
    are addresses of lessons by number, where the course is beside the report. ``progress`` is told what is being done.
    A section that goes wrong says so in the report, and the others go on. The same files give the same bytes.

    Raises TooLittleData when not a single row came, ExportError as `knowpay.open` and `folder.written` do.
    """
    place = data.source if isinstance(data, Dataset) else Path(data).expanduser()
    with written(Path(out), place.resolve() if place.is_dir() else None, replace) as folder:
        progress("Reading the export")
        ds = data if isinstance(data, Dataset) else open_data(data)
        if not ds.report.rows["rows_in"].sum():
            raise TooLittleData(f"{ds.name} has no rows: add the tables users, orders and events to the export.")
        sections = []
        for name, answer in SECTIONS.items():
            progress(say(f"{name}.title"))
            sections.append(_answer(ds, name, answer))
        progress("Writing the folder")
        rows: dict[str, int] = {}
        for section in sections:
            _release(ds, section, folder, rows)
        page = report.html(ds, sections, rows, links or {})
        (folder / "report.html").write_text(page, encoding="utf-8", newline="\n")
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        (folder / RECORD).write_text(report.record(ds, sections, files), encoding="utf-8", newline="\n")
    return Outcome(Path(out), rows, {one.name: one.failed for one in sections if one.failed})


def _answer(ds: Dataset, name: str, answer: Callable[[Dataset], Section]) -> Section:
    """Return the section, or one that says why there is nothing in it."""
    try:
        return answer(ds)
    except CannotSay as lack:
        return Section(name, nothing=str(lack))
    except Exception as error:  # whatever it is, the other sections are not touched by it
        return Section(name, failed=_said(error))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"


def _release(ds: Dataset, section: Section, folder: Path, rows: dict[str, int]) -> None:
    """Write the section's lists through the gate, and say who is not on them."""
    for name, (purpose, table) in section.lists.items():
        if purpose == "personal":
            why = reasons(ds, purpose).value_counts().drop("", errors="ignore")
            section.notes += [say("report.left_out", n=_few(n), why=reason) for reason, n in why.items()]
        if table.empty:
            section.notes.append(say("report.nobody_listed"))
            continue
        try:
            paths = gate.release(ds, table, purpose, folder, name)
        except ValueError as error:
            section.failed = _said(error)
            continue
        rows.update({path.name: len(table) for path in paths.values()})


def _few(n: int) -> str:
    """A number of people, small ones hidden."""
    return f"{n:,}" if n >= gate.SMALLEST else f"fewer than {gate.SMALLEST}"
