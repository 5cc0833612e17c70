"""What is said to DuckDB everywhere alike. DuckDB itself is imported where it is used, for it takes its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def quote(text: object) -> str:
    """SQL of a text."""
    return "'" + str(text).replace("'", "''") + "'"


def columns(names: Iterable[str]) -> str:
    """SQL of a list of columns."""
    return ", ".join(f'"{name}"' for name in names)


def quiet(con: duckdb.DuckDBPyConnection) -> None:
    """Turn DuckDB's progress bar off: it would land in the output of a lesson.

    In a notebook without ipywidgets DuckDB has no bar and refuses to be told so.
    """
    import duckdb

    with suppress(duckdb.InvalidInputException):
        con.execute("SET enable_progress_bar = false")


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C be Ctrl-C: DuckDB turns it into a RuntimeError, "Query interrupted"."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" not in str(error):
            raise
        raise KeyboardInterrupt from None


def first_line(error: Exception) -> str:
    """The first line of what an error says, for a sentence of ours."""
    return str(error).splitlines()[0][:200]
