"""The course's chart kinds, each drawn from a frame, each with an alternative text written from the same numbers.

Every chart takes the finding as ``title``, the names of its axes with units as ``x`` and ``y``, and ``unit`` ("%" for
shares, "yuan", …) for the numbers of the axis and of the alternative text: one sentence that says what kind of picture
it is and what it shows, with at most three numbers. ``alt`` replaces that sentence by a better one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from knowpay.show.figure import COLORS, HATCHES, LINES, MARKERS, figure
from knowpay.show.recording import records
from knowpay.show.words import write

if TYPE_CHECKING:
    import pandas as pd

WIDE = (7, 2.9)  # inches: three of them stand on one screen


def _drawn(chart: Callable[..., None]) -> Callable[..., None]:
    """A chart that draws nothing while checks are recorded."""

    @wraps(chart)
    def drawn(*args: Any, **kwargs: Any) -> None:
        if records() is None:
            chart(*args, **kwargs)

    return drawn


@_drawn
def line(frame: pd.DataFrame, title: str, x: str, y: str, unit: str = "", alt: str = "") -> None:
    """Draw a line over time for each column; the index holds the times in order."""
    said = alt or f"Line over time: {_courses(frame, y, unit)}"
    with figure(title, x, y, said, WIDE) as ax:
        for name in frame:
            ax.plot(frame.index, frame[name], label=str(name))
        _finish(ax, unit)


@_drawn
def curve(
    frame: pd.DataFrame,
    title: str,
    x: str,
    y: str,
    unit: str = "",
    steps: Collection[str] = (),
    best: str = "",
    alt: str = "",
) -> None:
    """Draw a curve of numbers for each column over the index; those of ``steps`` were counted and are drawn as steps.

    The highest point of the column ``best`` is marked.
    """
    said = alt or f"Curve: {_courses(frame, y, unit)}"
    with figure(title, x, y, said, WIDE) as ax:
        for name in frame:
            if name in steps:
                ax.step(frame.index, frame[name], where="post", label=str(name))
            else:
                ax.plot(frame.index, frame[name], label=str(name))
        if best:
            ax.plot(frame[best].idxmax(), frame[best].max(), "o", color="black", label="highest")
        _finish(ax, unit)


@_drawn
def bars(frame: pd.DataFrame | pd.Series, title: str, x: str, y: str, unit: str = "", alt: str = "") -> None:
    """Draw bars for each row, side by side where the frame has several columns."""
    import numpy as np

    frame = _wide(frame)
    said = alt or f"Bars of {y} by {x}: {_ends(_together(frame), unit, x)}."
    with figure(title, x, y, said, WIDE) as ax:
        at, width = np.arange(len(frame)), 0.8 / frame.shape[1]
        for i, name in enumerate(frame):
            where = at + (i - (frame.shape[1] - 1) / 2) * width
            ax.bar(where, frame[name], width * 0.92, color=COLORS[i], hatch=HATCHES[i], edgecolor="white", label=name)
        ax.set_xticks(at, [str(label) for label in frame.index])
        _finish(ax, unit, legend=frame.shape[1] > 1)


@_drawn
def dots(
    frame: pd.DataFrame,
    title: str,
    x: str,
    y: str,
    unit: str = "",
    against: str | float | None = None,
    alt: str = "",
) -> None:
    """Draw a dot with its interval for each row: the columns are value, low and high, in this order.

    Numbers in the index are places on the x axis, words are names in a row. ``against`` draws what the dots are
    compared with: a number (no difference, one rate) or "diagonal" (as forecast).
    """
    import numpy as np
    import pandas as pd

    value, low, high = (frame.iloc[:, i] for i in range(3))
    places = pd.api.types.is_numeric_dtype(frame.index)
    line_at = frame.index.to_numpy(dtype=float) if against == "diagonal" else against
    said = alt or f"Dots with intervals, {y} by {x}: {_ends(value, unit, x)}; {_touching(low, high, line_at)}."
    with figure(title, x, y, said, WIDE) as ax:
        at = frame.index.to_numpy(dtype=float) if places else np.arange(len(frame))
        ax.errorbar(at, value, yerr=[value - low, high - value], fmt="o", capsize=4, label="with 90 % interval")
        if against == "diagonal":
            ends = [min(at.min(), low.min()), max(at.max(), high.max())]
            ax.plot(ends, ends, color="black", linestyle=":", linewidth=1.2, label="as foreseen")
        elif against is not None:
            ax.axhline(against, color="black", linestyle=":", linewidth=1.2)
        if not places:
            ax.set_xticks(at, [str(label) for label in frame.index])
            ax.set_xlim(-0.5, len(frame) - 0.5)
        _finish(ax, unit, x_too=against == "diagonal")


@_drawn
def scatter(frame: pd.DataFrame, title: str, x: str, y: str, unit: str = "", alt: str = "") -> None:
    """Draw a point for each row: the columns are x and y, and a third, if there is one, the kind of the point."""
    import pandas as pd

    across, up = frame.iloc[:, 0], frame.iloc[:, 1]
    kinds = frame.iloc[:, 2] if frame.shape[1] > 2 else pd.Series("", frame.index)
    related = across.corr(up)
    way = "rises with" if related > 0.1 else "falls with" if related < -0.1 else "hardly changes with"
    said = alt or f"Scatter of {write(len(frame))} points: {y} {way} {x}, correlation {write(related, digits=2)}."
    with figure(title, x, y, said, WIDE) as ax:
        for i, (kind, part) in enumerate(frame.groupby(kinds, sort=False)):
            ax.plot(part.iloc[:, 0], part.iloc[:, 1], MARKERS[i], markersize=4, color=COLORS[i], label=str(kind))
        _finish(ax, unit, legend=frame.shape[1] > 2)


@_drawn
def heat(frame: pd.DataFrame, title: str, x: str, y: str, unit: str = "", alt: str = "") -> None:
    """Draw a heat map with its numbers: the index goes down, the columns across."""
    import numpy as np

    said = alt or f"Heat map, {y} down and {x} across: {_ends(frame.stack(), unit)}."
    with figure(title, x, y, said, (7, 1.2 + 0.32 * len(frame))) as ax:
        ax.imshow(frame.to_numpy(dtype=float), cmap="Blues", aspect="auto")
        middle = np.nanmean([np.nanmin(frame), np.nanmax(frame)])
        for (i, j), value in np.ndenumerate(frame.to_numpy(dtype=float)):
            ink = "white" if value > middle else "black"
            ax.text(j, i, write(value, unit), ha="center", va="center", color=ink, fontsize=9)
        ax.set_xticks(range(frame.shape[1]), map(str, frame.columns))
        ax.set_yticks(range(len(frame)), map(str, frame.index))
        ax.grid(False)


@_drawn
def panels(frames: Mapping[str, pd.DataFrame], title: str, x: str, y: str, unit: str = "", alt: str = "") -> None:
    """Draw small multiples: curves of each frame in a panel of its own, all on the same axes."""
    import pandas as pd

    last = pd.Series({name: frame.iloc[-1, 0] for name, frame in frames.items()})
    first = next(iter(frames.values())).columns[0]
    said = alt or f"{write(len(frames))} panels of {y} by {x}: at the end of {first} {_ends(last, unit)}."
    with figure(title, x, y, said, (7, 2.8), panels=len(frames)) as axes:
        low = min(frame.min().min() for frame in frames.values())
        high = max(frame.max().max() for frame in frames.values())
        for ax, (name, frame) in zip(axes, frames.items(), strict=True):
            for i, column in enumerate(frame):
                ax.plot(frame.index, frame[column], color=COLORS[i], linestyle=LINES[i], label=str(column))
            ax.set_title(name, fontsize=10)
            ax.set_ylim(min(low, 0), high * 1.05)
            _finish(ax, unit)


# --- the sentence of the alternative text ----------------------------------------------------------------------


def _wide(frame: pd.DataFrame | pd.Series) -> pd.DataFrame:
    import pandas as pd

    return frame.to_frame() if isinstance(frame, pd.Series) else frame


def _together(frame: pd.DataFrame) -> pd.Series:
    """All values, by the name of the row, and of the column where there are several."""
    return frame.stack() if frame.shape[1] > 1 else frame.iloc[:, 0]


def _courses(frame: pd.DataFrame, y: str, unit: str) -> str:
    """Say how one series runs, or where several end."""
    if frame.shape[1] == 1:
        return f"{y} {_run(frame.iloc[:, 0].dropna(), unit)}."
    last = frame.ffill().iloc[-1]
    return f"{y} for {_listed(map(str, frame))}. At the end {_ends(last, unit)}."


def _run(series: pd.Series, unit: str) -> str:
    first, last, top, bottom = series.iloc[0], series.iloc[-1], series.max(), series.min()
    begin, end = write(first, unit), write(last, unit)
    if top > max(first, last) + 0.1 * (top - bottom):
        return f"rises from {begin} to its highest, {write(top, unit)}, and ends at {end}"
    if bottom < min(first, last) - 0.1 * (top - bottom):
        return f"falls from {begin} to its lowest, {write(bottom, unit)}, and ends at {end}"
    return f"{'rises' if last > first else 'falls' if last < first else 'goes'} from {begin} to {end}"


def _ends(values: pd.Series, unit: str, x: str = "") -> str:
    """Name the highest and the lowest value; a label that is a number is said with the name of its axis, ``x``."""
    values = values.dropna()
    if values.index.nlevels > 1:  # of bars side by side, or one column of them
        values.index = [_name(label) for label in values.index]
    if len(values) == 1:
        return f"{_name(values.index[0])} is {write(values.iloc[0], unit)}"
    top, bottom = values.idxmax(), values.idxmin()
    if values.max() == values.min():
        return f"all are {write(values.max(), unit)}"
    high, low = write(values[top], unit), write(values[bottom], unit)
    if all(isinstance(label, float) for label in values.index):  # places on an axis: their digits say nothing
        return f"the lowest is {low}, the highest {high}"
    first, last = (f"{x} {label}" if x and str(label).isdigit() else _name(label) for label in (top, bottom))
    return f"{first} is highest with {high}, {last} lowest with {low}"


def _touching(low: pd.Series, high: pd.Series, against: Any) -> str:
    if against is None:
        return "each with its 90 % interval"
    held = int(((low <= against) & (high >= against)).sum())
    count = "all" if held == len(low) else "none" if held == 0 else write(held)
    return f"{count} of the intervals {'reaches' if held == 1 else 'reach'} the dotted line"


def _name(label: Any) -> str:
    return " ".join((", ".join(map(str, label)) if isinstance(label, tuple) else str(label)).split())


def _listed(names: Any) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


# --- the axes ------------------------------------------------------------------------------------------------------


def _finish(ax: Any, unit: str, legend: bool = True, x_too: bool = False) -> None:
    """Write the numbers of the y axis (and of the x axis) as the text does; leave out a legend that says nothing."""
    from matplotlib.ticker import FuncFormatter

    def tick(value: float, _: int) -> str:
        return f"{100 * value:.3g} %".replace("-", "−") if unit == "%" else f"{value:,.6g}".replace("-", "−")

    for axis in [ax.yaxis, *([ax.xaxis] if x_too else [])]:
        if unit:
            axis.set_major_formatter(FuncFormatter(tick))
    handles = ax.get_legend_handles_labels()[1]
    if legend and len(handles) > 1:
        ax.legend()
    elif handles:
        ax.legend().set_visible(False)
