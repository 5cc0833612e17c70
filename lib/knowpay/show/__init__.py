"""What a lesson shows: figures with alt text, small tables, sentences with computed numbers, truth checks.

Every other room may use this one; it imports none of them.
"""

from knowpay.show.charts import bars, curve, dots, heat, line, panels, scatter
from knowpay.show.checks import check, exact, quality
from knowpay.show.figure import COLORS, HATCHES, LINES, MARKERS, figure
from knowpay.show.recording import recording
from knowpay.show.text import collecting, interval, label, say, table
from knowpay.show.words import verdict, write

__all__ = [
    "COLORS",
    "HATCHES",
    "LINES",
    "MARKERS",
    "bars",
    "check",
    "collecting",
    "curve",
    "dots",
    "exact",
    "figure",
    "heat",
    "interval",
    "label",
    "line",
    "panels",
    "quality",
    "recording",
    "say",
    "scatter",
    "table",
    "verdict",
    "write",
]
