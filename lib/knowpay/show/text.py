"""Words and numbers: the one way they are formatted, and where they go."""

from __future__ import annotations

import html
import math
import numbers
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from knowpay.show.recording import records

if TYPE_CHECKING:
    import pandas as pd

    from knowpay.estimate import Estimate

MAX_ROWS = 20  # a longer table is an output wall, not something to read


def label(text: object) -> str:
    """Return the text to draw. Every label of a figure passes here, so that one place can translate them."""
    return str(text)


def decimals(value: float) -> int:
    """Decimal places that leave four significant digits and never cut into the whole part."""
    return 0 if value == 0 else max(0, 3 - math.floor(math.log10(abs(value))))


def rounded(value: float) -> float:
    """Round to four significant digits, but keep whole numbers of any length whole.

    Stored outputs are compared with a fresh run: two machines agree on four digits, not on sixteen.
    """
    value = float(value)
    return round(value, decimals(value)) + 0.0 if math.isfinite(value) else value  # + 0.0 turns -0.0 into 0.0


def number(value: object, trim: bool = False) -> str:
    """Write a number with at least four significant digits: 0.1312, 12.30, 32,593. Missing gives a dash.

    Thousands are separated from 10,000 on, which leaves years alone. `trim` drops the zeros at the end, for a
    figure that was chosen (0.02) rather than measured (0.02000).
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return f"{int(value):,}" if abs(int(value)) >= 10_000 else str(int(value))
    value = float(value)  # type: ignore[arg-type]
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    value = rounded(value)
    if value == 0:
        return "0"
    if abs(value) < 1e-6:
        return f"{value:.3e}"
    text = f"{value:{',' if abs(value) >= 10_000 else ''}.{decimals(value)}f}"
    return text.rstrip("0").rstrip(".") if trim and "." in text else text


def interval(estimate: Estimate) -> str:
    """Write a score with its interval: 0.672 (0.651 to 0.694)."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


_collected: ContextVar[list[dict[str, Any]] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[dict[str, Any]]]:
    """Collect what is shown in the block, as bundles of media types: `with show.collecting() as bundles: ...`."""
    token = _collected.set([])
    try:
        yield _collected.get()
    finally:
        _collected.reset(token)


def emit(bundle: dict[str, Any]) -> None:
    """Show a bundle of media types in a notebook; print its text/plain anywhere else, or collect it."""
    if (collected := _collected.get()) is not None:
        collected.append(bundle)
        return
    ipython = sys.modules.get("IPython")  # a kernel has imported it long ago; a plain script need not
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.display import display

        display(bundle, raw=True)
    else:
        print(bundle["text/plain"])


def say(sentence: str) -> None:
    """Show a Markdown sentence whose numbers were computed: say(f"{share:.1%} of the users ever pay").

    Raises ValueError when there is nothing to say.
    """
    if records() is not None:
        return
    if not isinstance(sentence, str) or not sentence.strip():
        raise ValueError("show.say needs a sentence; got an empty text")
    emit({"text/markdown": sentence, "text/plain": sentence})


def table(df: pd.DataFrame | pd.Series, caption: str) -> None:
    """Show a small table (a data frame, a series or an Ibis table) of at most 20 rows under a caption.

    The index is shown unless it only counts rows. Raises ValueError for a longer table or an empty caption.
    """
    if records() is not None:
        return
    import pandas as pd

    if not isinstance(caption, str) or not caption.strip():
        raise ValueError("show.table needs a caption that says what the table shows")
    if hasattr(df, "to_pandas"):
        df = df.to_pandas()
    if isinstance(df, pd.Series):
        df = df.to_frame()
    if len(df) > MAX_ROWS:
        raise ValueError(
            f"show.table shows at most {MAX_ROWS} rows and this table has {len(df)}: "
            f"choose the rows that matter, for instance with .head({MAX_ROWS})"
        )
    names = [label(name) for name in df.columns]
    cells = [_column(df.iloc[:, i].tolist()) for i in range(df.shape[1])]
    left = [not pd.api.types.is_numeric_dtype(df.iloc[:, i]) for i in range(df.shape[1])]
    if not isinstance(df.index, pd.RangeIndex):
        names.insert(0, label(" / ".join(str(name) for name in df.index.names if name is not None)))
        cells.insert(
            0,
            [" / ".join(map(_cell, key)) if isinstance(key, tuple) else _cell(key) for key in df.index],
        )
        left.insert(0, True)
    emit({"text/html": _html(names, cells, left, caption), "text/plain": _plain(names, cells, left, caption)})


def _column(values: list[object]) -> list[str]:
    """Write the cells of a column: fractions with the same decimals, as many as its most precise value needs."""
    fractions = [v for v in values if isinstance(v, numbers.Real) and not isinstance(v, numbers.Integral)]
    finite = [rounded(v) for v in fractions if math.isfinite(v)]
    if not finite or any(0 < abs(v) < 1e-6 for v in finite):
        return [_cell(value) for value in values]
    places = max(len(f"{v:.{decimals(v)}f}".rstrip("0").partition(".")[2]) if decimals(v) else 0 for v in finite)
    return [f"{value:,.{places}f}" if value in fractions and math.isfinite(value) else _cell(value) for value in values]


def _cell(value: object) -> str:
    import pandas as pd

    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, numbers.Real):
        return number(value)
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "–"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d" if value == value.normalize() else "%Y-%m-%d %H:%M")
    return str(value)


def _html(names: list[str], cells: list[list[str]], left: list[bool], caption: str) -> str:
    align = ["left" if side else "right" for side in left]
    head = "".join(f'<th style="text-align:{a}">{html.escape(n)}</th>' for n, a in zip(names, align, strict=True))
    rows = "\n".join(
        "<tr>"
        + "".join(f'<td style="text-align:{a}">{html.escape(v)}</td>' for v, a in zip(row, align, strict=True))
        + "</tr>"
        for row in zip(*cells, strict=True)
    )
    return (
        f'<table class="dataframe knowpay-table">\n'
        f'<caption style="text-align:left">{html.escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _plain(names: list[str], cells: list[list[str]], left: list[bool], caption: str) -> str:
    widths = [max(map(len, [name, *column]), default=0) for name, column in zip(names, cells, strict=True)]
    rows = [names, *zip(*cells, strict=True)]
    lines = (
        "  ".join(v.ljust(w) if side else v.rjust(w) for v, w, side in zip(row, widths, left, strict=True))
        for row in rows
    )
    return "\n".join([caption, *(line.rstrip() for line in lines)])
