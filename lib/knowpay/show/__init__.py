"""What a lesson shows: figures with alt text, small tables, sentences with computed numbers, truth checks.

Every other room may use this one; it imports none of them.
"""

from knowpay.show.checks import check, exact, quality
from knowpay.show.figure import COLORS, HATCHES, LINES, MARKERS, figure
from knowpay.show.recording import recording
from knowpay.show.text import interval, label, say, table

__all__ = [
    "COLORS",
    "HATCHES",
    "LINES",
    "MARKERS",
    "check",
    "exact",
    "figure",
    "interval",
    "label",
    "quality",
    "recording",
    "say",
    "table",
]
