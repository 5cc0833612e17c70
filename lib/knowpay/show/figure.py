"""The one way to draw: a titled figure with labelled axes and words for those who cannot see it."""

from __future__ import annotations

import base64
import html
import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from knowpay.show.recording import Nothing, records
from knowpay.show.text import emit, label

# Okabe and Ito's colours without the yellow, which is too faint on white. Lines also differ in dash; points
# can differ in marker and bars in hatch, so that no meaning hangs on colour alone.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "//", "..", "xx", "\\\\", "--", "++")

MIN_ALT = 30
DPI = 110
# DejaVu Sans comes with matplotlib, so Latin text looks the same everywhere; the first of these that is
# installed draws the Chinese.
CJK_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Noto Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Noto Sans CJK JP",  # the same file: older matplotlib reads only the first face of the collection
    "Arial Unicode MS",
)


class MissingGlyphs(UserWarning):
    """A figure has characters that no installed font can draw."""


def cjk_fonts() -> list[str]:
    """Names of the installed fonts that can draw Chinese, best first.

    Matplotlib keeps a list of the fonts it once found; without a Chinese one among them, newer ones are looked for.
    """
    from matplotlib.font_manager import findSystemFonts, fontManager

    def installed() -> list[str]:
        names = {font.name for font in fontManager.ttflist}
        return [name for name in CJK_FONTS if name in names]

    if not installed():
        for path in sorted({*findSystemFonts()} - {font.fname for font in fontManager.ttflist}):
            with suppress(Exception):  # a font that cannot be read is as good as none
                fontManager.addfont(path)
    return installed()


@contextmanager
def figure(
    title: str,
    x: str | Sequence[str],
    y: str | Sequence[str],
    alt: str,
    size: tuple[float, float] = (7, 3.6),
    panels: int = 1,
) -> Iterator[Any]:
    """Draw: `with show.figure("Half leave in a month", "days", "members", alt="...") as ax: ax.plot(...)`.

    The title states the finding, x and y name the axes with their units (one text, or one per panel), alt
    says what one sees in at least 30 characters. `size` is in inches. With panels > 1 an array of axes side
    by side is given. The figure is shown when the block ends and not at all when the block raises; there is
    no state left to close. Raises ValueError for a missing title or a short alt text.
    """
    if records() is not None:
        yield Nothing() if panels == 1 else [Nothing()] * panels
        return
    for name, words, least in (("a title that states the finding", title, 1), ("alt text", alt, MIN_ALT)):
        if not isinstance(words, str) or len(words.strip()) < least:
            raise ValueError(f"show.figure needs {name} of at least {least} characters, got {words!r}")
    xs, ys = _spread(x, panels, "x"), _spread(y, panels, "y")
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # the reader's own matplotlibrc would give other bytes
        matplotlib.rcParams.update(_style())
        # No pyplot: it would keep the figure open and draw it a second time at the end of the cell.
        fig = Figure(figsize=size, layout="constrained")
        axes = fig.subplots(1, panels, squeeze=False)[0]
        yield axes[0] if panels == 1 else axes
        for ax, xlabel, ylabel in zip(axes, xs, ys, strict=True):
            ax.set_xlabel(xlabel)
            ax.set_ylabel(ylabel)
            if ax.get_legend() is None and ax.get_legend_handles_labels()[1]:
                ax.legend()
        breadth = sum(2 if ord(letter) > 0x2E80 else 1 for letter in title) / len(title)  # Chinese is wide
        lines = textwrap.fill(title, int(size[0] * 10.5 / breadth))
        fig.suptitle(lines, x=0.01, ha="left", fontsize=11, fontweight="bold")
        _translate(fig)
        png = _png(fig)
    _show(png, alt.strip(), round(size[0] * DPI))


def _show(png: bytes, alt: str, width: int) -> None:
    image = base64.b64encode(png).decode()
    emit(
        {
            "text/html": (
                '<figure class="knowpay-figure" style="margin:0.5em 0">'
                f'<img class="dark-light" alt="{html.escape(alt)}" width="{width}" '
                'style="max-width:100%;height:auto;background:#fff;border-radius:6px" '
                f'src="data:image/png;base64,{image}"></figure>'
            ),
            "text/plain": alt,
        }
    )


def _spread(words: str | Sequence[str], panels: int, name: str) -> list[str]:
    if isinstance(words, str):
        return [words] * panels if name == "x" else [words] + [""] * (panels - 1)
    if len(words) != panels:
        raise ValueError(f"show.figure got {len(words)} {name} labels for {panels} panels")
    return list(words)


def _style() -> dict[str, Any]:
    from cycler import cycler

    return {
        "figure.dpi": DPI,
        "savefig.dpi": DPI,
        "figure.facecolor": "white",
        "axes.facecolor": "white",
        "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=LINES),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "font.size": 10,
        "hatch.linewidth": 0.6,
        "lines.linewidth": 1.8,
        "font.family": ["DejaVu Sans", *cjk_fonts()],
    }


def _translate(fig: Any) -> None:
    """Send every text of the figure through `label`."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    for text in fig.findobj(Text):
        text.set_text(label(text.get_text()))
    for axis in (axis for ax in fig.axes for axis in (ax.xaxis, ax.yaxis)):
        inner = axis.get_major_formatter()
        if isinstance(inner, FixedFormatter | StrCategoryFormatter):  # words, not numbers, at the ticks
            axis.set_major_formatter(FuncFormatter(lambda value, at, inner=inner: label(inner(value, at))))


def _png(fig: Any) -> bytes:
    """Render to PNG bytes that depend on the drawing alone: no version of the software, no date."""
    target = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fig.savefig(target, format="png", metadata={"Software": None})
    missing = [w for w in caught if "missing from font" in str(w.message)]
    for warning in (w for w in caught if w not in missing):
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing:
        warnings.warn(
            "This figure has Chinese characters and no installed font can draw them. Install Noto Sans CJK "
            "(Debian: apt install fonts-noto-cjk; other systems: fonts.google.com/noto), delete the folder "
            "matplotlib.get_cachedir() and start the kernel again.",
            MissingGlyphs,
            stacklevel=4,
        )
    return target.getvalue()
