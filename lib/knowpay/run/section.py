"""What a section of the report is made of, and the sentences that it speaks in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay import show
from knowpay.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd


class CannotSay(Exception):
    """The data do not carry a section; the message says why, and what would."""


@dataclass(frozen=True)
class Fact:
    """A figure of the report: its name, its value (a number that was counted, or an estimate), and how it was made."""

    name: str
    value: float | Estimate
    unit: str
    rule: str


@dataclass
class Section:
    """A question and its answer.

    ``shown`` is HTML, the figure first. ``lists`` are tables by name, each with the purpose under which it may leave
    (`knowpay.collect.privacy.gate.release`); every row of theirs has a reason.
    """

    name: str  # in words/en.yml
    lesson: str = ""  # its number
    shown: list[str] = field(default_factory=list)
    do: str = ""
    expect: str = ""
    change: str = ""
    sure: str = ""
    cannot: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the reader should know besides
    facts: list[Fact] = field(default_factory=list)
    lists: dict[str, tuple[str, pd.DataFrame]] = field(default_factory=dict)
    nothing: str = ""  # why the data carry none of it
    failed: str = ""  # what went wrong, where it could not be made

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Put what `knowpay.show` draws in the block into the section."""
        with show.collecting() as bundles:
            yield
        self.shown += [bundle["text/html"] for bundle in bundles]


LANGUAGE = "en"


@cache
def catalogue() -> dict[str, Any]:
    """Every sentence of the report, by section and name."""
    import yaml

    return yaml.safe_load((Path(__file__).parent / "words" / f"{LANGUAGE}.yml").read_text("utf-8"))


def say(name: str, /, **numbers: object) -> str:
    """Return the sentence ``section.name`` of the catalogue with its numbers filled in. Raises KeyError for another."""
    text: Any = catalogue()
    for part in name.split("."):
        text = text[part]
    return " ".join(text.format(**numbers).split())


def renamed(frame: pd.DataFrame, names: str) -> pd.DataFrame:
    """Return the frame with the headings that the catalogue has for its columns under ``names``."""
    return frame.rename(columns={column: say(f"{names}.{column}") for column in frame.columns})
