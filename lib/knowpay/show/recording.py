"""The recording mode: a lesson's code runs, nothing is drawn or printed, and its truth checks are collected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from knowpay.show.checks import Record

_records: ContextVar[list[Record] | None] = ContextVar("records", default=None)


@contextmanager
def recording() -> Iterator[list[Record]]:
    """Collect the truth checks of the block: `with show.recording() as checks: ...`.

    Figures, tables and sentences are neither drawn nor looked at; the records have all their digits. A check that
    `show.check` would refuse, or a second one of the same name, raises ValueError.
    """
    token = _records.set([])
    try:
        yield _records.get()
    finally:
        _records.reset(token)


def records() -> list[Record] | None:
    """The checks collected so far; None when nothing is being recorded, and things are shown."""
    return _records.get()


class Nothing:
    """What takes the place of a figure's axes while recording: it swallows every call."""

    def __getattr__(self, name: str) -> Nothing:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Nothing:
        return self
