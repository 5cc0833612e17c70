"""Tables in Markdown, and how one is put into a page that people write."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from knowpay_course import CourseError

MARKS = (
    "<!-- {}:begin -->",
    "<!-- {}:end -->",
)  # around the tables of README.md (lessons, bench, run, world), book/scale.md


def table(head: Sequence[str], rows: Iterable[Sequence[object]], align: str) -> str:
    """A Markdown table without a line break at its end; numbers that are no text yet are written as `show` does.

    `align` has a letter for each column: "l" where words stand left, "r" where numbers stand right.
    """
    import pandas as pd
    from knowpay.show.text import number

    cells = [[v.replace("|", "\\|") if isinstance(v, str) else number(v, trim=True) for v in row] for row in rows]
    sides = [{"l": "left", "r": "right"}[side] for side in align]
    return pd.DataFrame(cells, columns=list(head)).to_markdown(index=False, disable_numparse=True, colalign=sides)


def fill(page: Path, name: str, text: str) -> None:
    """Put the text of a table between its two marks in a page. Raises CourseError when a mark is missing."""
    old, (first, last) = page.read_text("utf-8"), (mark.format(name) for mark in MARKS)
    head, begin, rest = old.partition(first)
    _, end, tail = rest.partition(last)
    if not begin or not end:
        raise CourseError(f"{page.name} has lost its marks {first} and {last}: put them back where the table belongs.")
    page.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8", newline="\n")
