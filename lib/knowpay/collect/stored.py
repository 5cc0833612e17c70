"""Cells of a lesson that need a public set which is not here: they do not run, and their stored output is shown.

A cell names its sets in its metadata (``data``); `knowpay-course notebooks build` writes there when it ran, on which
files (``as_run``). `knowpay.open` puts `instead` before whatever IPython runs, so JupyterLab and papermill do the same;
the book marks stored outputs by the same `shown`.
"""

from __future__ import annotations

import html
import json
import os
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

CLASS = "knowpay-stored"
# The notebook that is being run, where it is not one of the folder's: `knowpay-course course` makes it of the source.
RUNNING = "KNOWPAY_RUNNING"

Cell = Mapping[str, Any]  # of a notebook, as JSON


def sets(cell: Cell) -> list[str]:
    """The names of the sets that the cell needs, in `knowpay.collect.public.LISTED`."""
    names = cell.get("metadata", {}).get("data", [])
    return [names] if isinstance(names, str) else list(names)


def checksums(names: Iterable[str]) -> dict[str, str]:
    """Name -> which files of the set are here (`knowpay.collect.public.checksum`); "" where it is missing."""
    from knowpay.collect.public import LISTED, checksum

    return {name: checksum(LISTED[name]) if name in LISTED else "" for name in names}


def missing(names: Iterable[str]) -> list[str]:
    """Those of the sets that are not on this computer."""
    return [name for name, found in checksums(names).items() if not found]


def needs(lack: Iterable[str]) -> str:
    """What a cell lacks and the command that gets it, as the tests say it."""
    return f"needs {', '.join(lack)}: knowpay data get {' '.join(lack)}"


def outputs(cell: Cell) -> list[dict[str, Any]]:
    """The stored outputs of a cell, without a marking that was saved with them."""
    return [one for one in cell.get("outputs", []) if not is_marking(one)]


def is_marking(output: Mapping[str, Any]) -> bool:
    """Whether an output is the line that marks a stored output."""
    return f'class="{CLASS}"' in "".join(output.get("data", {}).get("text/html", ""))


def shown(cell: Cell, note: str = "") -> list[dict[str, Any]]:
    """What a reader sees of a cell that ran elsewhere: its stored outputs; a line before them when a set is missing.

    `note` is a further sentence of that line.
    """
    kept = outputs(cell)
    lack = missing(sets(cell))
    if not lack:
        return kept
    command = f"`knowpay data get {' '.join(lack)}`"
    if as_run := cell["metadata"].get("as_run"):
        used = [f"{name} ({sha})" for name, sha in as_run["sha256"].items()]
        what = ", ".join(lack) if len(lack) < len(used) else "it" if len(used) == 1 else "them"
        used = " and ".join(filter(None, [", ".join(used[:-1]), used[-1]]))
        said = f"As run on {as_run['date']} with {used}; your computer lacks {what}: {command}."
        said += note if kept else " This cell prints nothing."
    else:
        said = f"This cell needs {', '.join(lack)}, which your computer lacks, and has no stored output: {command}."
    parts = html.escape(said, quote=False).split("`")
    line = f'<div class="{CLASS}"><em>{parts[0]}<code>{parts[1]}</code>{parts[2]}</em></div>'
    mark = {"output_type": "display_data", "metadata": {}, "data": {"text/html": line, "text/plain": said}}
    return [mark, *kept]


# --- inside a kernel ---------------------------------------------------------------------------------------------


def watch() -> None:
    """From now on IPython shows the stored output of a cell that lacks its set. Does nothing outside IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and instead not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.insert(0, instead)


def instead(lines: list[str]) -> list[str]:
    """Return the lines of a cell, or a call of `show` when they are a cell of a lesson here that lacks a set."""
    source = "".join(lines).strip()
    cell = _cells(Path.cwd(), os.environ.get(RUNNING, "")).get(source)
    if cell is None or not missing(sets(cell)):
        return lines
    return [f"__import__({__name__!r}, fromlist=['show']).show({source!r})\n"]


def show(source: str) -> None:
    """Show the stored output of the cell with this text."""
    from IPython import get_ipython
    from IPython.display import display

    own = {"data": "world:standard", "seed": 0, "company": {}}
    mine = get_ipython().user_ns
    other = any(mine.get(name, value) != value for name, value in own.items())
    note = " Where it shows the company, that is world:standard with seed 0, not yours." if other else ""
    for output in shown(_cells(Path.cwd(), os.environ.get(RUNNING, ""))[source], note):
        if output["output_type"] == "stream":
            print("".join(output["text"]), end="", file=getattr(sys, output["name"]))
        elif "data" in output:
            display({kind: _whole(content) for kind, content in output["data"].items()}, raw=True)


def _whole(content: Any) -> Any:
    """A text that the file holds as lines is one text again; JSON stays as it is."""
    return "".join(content) if isinstance(content, list) and all(isinstance(c, str) for c in content) else content


@cache
def _cells(folder: Path, running: str) -> dict[str, Cell]:
    """Text -> cell, for the cells with a set of the notebooks in `folder` and of the one that is running."""
    found: dict[str, Cell] = {}
    for path in [Path(running)] * bool(running) + sorted(folder.glob("*.ipynb")):
        try:
            cells = json.loads(path.read_text("utf-8"))["cells"]
        except (OSError, ValueError, KeyError, TypeError):  # a learner's file that is being written, or no notebook
            continue
        for cell in cells:
            text = "".join(cell["source"]).strip()
            if sets(cell) and (text not in found or "as_run" in cell["metadata"]):
                found[text] = cell
    return found
