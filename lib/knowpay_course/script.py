"""A lesson as a script: its cells run in this process, without a kernel, nothing is shown, its checks are collected."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock

from knowpay.collect import stored

from knowpay_course.notebooks import read_text

if TYPE_CHECKING:
    from types import CodeType

    from knowpay.show.checks import Record

CHECKS = ("show.check(", "show.exact(", "show.quality(")


def run(name: str, text: str, parameters: dict[str, Any]) -> list[Record]:
    """Run the py:percent `text` of the lesson `name` up to its last check; return its records in full digits.

    Nothing is drawn or printed. Lets every error of the lesson through; a traceback gives the number of the cell.
    """
    from knowpay import show

    space: dict[str, Any] = {"__name__": "__main__"}
    with (
        show.recording() as records,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        for code, is_parameters in _compiled(name, text):
            exec(code, space)
            if is_parameters:
                space |= parameters
    return records


@cache
def _compiled(name: str, text: str) -> list[tuple[CodeType, bool]]:
    """The cells of `code`, compiled, and whether each is the parameters cell."""
    return [
        (compile(cell.source, f"{name} cell {at}", "exec"), "parameters" in cell.metadata.get("tags", []))
        for at, cell in enumerate(code(text), 1)
    ]


def code(text: str) -> list[Any]:
    """The code cells up to the last check; no check rests on those of real data and those tagged `aside`."""
    cells = [cell for cell in read_text(text).cells if cell.cell_type == "code"]
    last = max((at for at, cell in enumerate(cells) if any(call in cell.source for call in CHECKS)), default=-1)
    cells = [cell for cell in cells[: last + 1] if not stored.sets(cell)]
    return [cell for cell in cells if "aside" not in cell.metadata.get("tags", [])]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep cache and working directory in `folder`, and all real data away: neither found here nor fetched."""
    from knowpay.collect import DownloadError
    from knowpay.collect.public import engine

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise DownloadError("A lesson that runs as a script reads no real data.")

    places = {"KNOWPAY_CACHE": str(folder / "cache"), "KNOWPAY_DATA": str(folder)}
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, places))
        stack.enter_context(mock.patch.object(engine, "fetch", refuse))
        stack.enter_context(contextlib.chdir(folder))
        yield
