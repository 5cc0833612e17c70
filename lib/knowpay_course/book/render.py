"""The book rendered to HTML: the pages of book/, the executed lessons and the pages generated from them.

They are staged in a temporary folder beside the result and rendered there by Jupyter Book 1 with every warning an
error; only a finished book takes the place of the old one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from knowpay_course import ROOT, CourseError
from knowpay_course.book.staging import stage

NOTEBOOKS = ROOT / "notebooks"
HTML = ROOT / "build" / "book" / "html"


def build(notebooks: Path = NOTEBOOKS, out: Path = HTML) -> Path:
    """Render the book from a folder of executed notebooks into the folder `out`; return its index.html.

    What lay at `out` is replaced when, and only when, the new book is complete. Raises CourseError with every
    warning of the build, or when there are no lessons.
    """
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".book-", dir=out.parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        stage(notebooks, folder / "source")
        pages = render(folder / "source", folder)
        if out.exists():
            out.rename(folder / "old")
        pages.rename(out)
    return out / "index.html"


def render(source: Path, target: Path) -> Path:
    """Render a staged book with Jupyter Book into `target` and return the folder of its pages.

    Raises CourseError that lists every warning, with the page it came from.
    """
    command = "from jupyter_book.cli.main import main; main()"
    arguments = ["build", str(source), "--path-output", str(target), "-W", "-n", "--keep-going", "-q"]
    env = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "MPLBACKEND": "agg"}
    # A process of its own: Sphinx changes global state and keeps its memory.
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments], env=env, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise CourseError(f"The book was not built.\n{_complaints(done.stdout + done.stderr, source)}")
    pages = target / "_build" / "html"
    # Of no use to a reader: what only a later build into the same folder, a translator or a debugger would open.
    (pages / ".buildinfo").unlink(missing_ok=True)
    shutil.rmtree(pages / "_static" / "locales", ignore_errors=True)
    for path in list(pages.rglob("*.map")):
        path.unlink()
    return pages


def _complaints(log: str, source: Path) -> str:
    """Return the warnings and errors of a build log, without the paths of the staging folder."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", log).replace(f"{source.resolve()}{os.sep}", "").replace(f"{source}{os.sep}", "")
    lines = [
        line.strip() for line in log.splitlines() if re.search(r"\b(WARNING|ERROR|CRITICAL|Exception|Error)\b", line)
    ]
    lines = [line for line in dict.fromkeys(lines) if "build finished with problems" not in line]
    return "\n".join(lines) or log.strip()[-2000:]
