"""The way out: a target list leaves the house only when everybody on it may be written to and a hold-out is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from knowpay.collect.disk import write_whole
from knowpay.collect.privacy import gate
from knowpay.operate.plan import ARMS, CAPS, too_often

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

COLUMNS = ("user_id", "product_id", "channel", "arm", "send_at", "reason", "score")


def export_target_list(ds: Dataset, table: pd.DataFrame, folder: str | Path, personal: bool = True) -> dict[str, Path]:
    """Write a target list as ``<name>.csv`` and ``<name>.parquet`` and return the two paths.

    ``table`` has the columns user_id, product_id, channel, arm (message or control), send_at (with time zone), reason
    and score (0 or more: what the list was ordered by); whatever else it has stays inside. ``personal=False`` is for
    the list that is the same for all: people who opted out of personalisation may be on that one and on no other.
    Files appear whole or not at all. In the CSV, text that a spreadsheet would run as a formula gets an apostrophe.

    Raises ValueError, and writes nothing, when somebody on the list may not be written to, has had enough messages or
    is on it twice, when the list has no hold-out, or when a list that calls itself general is not.
    """
    missing = [c for c in COLUMNS if c not in table]
    if missing:
        raise ValueError(f"The list lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}.")
    table = table[list(COLUMNS)].sort_values("user_id", ignore_index=True)
    _refuse(ds, table, personal)
    purpose, name = ("personal", "target_list") if personal else ("general", "general_list")
    return gate.release(ds, table, purpose, folder, name, at=table["send_at"].min())


def write_brief(text: str, folder: str | Path) -> Path:
    """Write the one-page brief as ``brief.md``, whole or not at all, and return its path."""
    path = Path(folder) / "brief.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda to: to.write_text(text, encoding="utf-8"))
    return path


def _refuse(ds: Dataset, table: pd.DataFrame, personal: bool) -> None:
    """Raise one sentence for the first reason why this list must not leave."""
    if table.empty:
        raise ValueError("The list is empty.")
    twice = table["user_id"][table["user_id"].duplicated()]
    if len(twice):
        raise ValueError(f"{gate.people(twice)} on the list more than once.")
    at = table["send_at"].min()
    often = table["user_id"][table["user_id"].isin(too_often(ds, at))]
    if len(often):
        caps = ", ".join(f"{most} in {days} days" for days, most in CAPS)
        raise ValueError(f"{gate.people(often)} on the list and had as many messages as the caps allow ({caps}).")
    unknown = sorted(set(table["arm"]) - set(ARMS))
    if unknown:
        raise ValueError(f"The arm is {' or '.join(ARMS)}, not {unknown[0]!r}.")
    if not (table["arm"] == "message").any():
        raise ValueError("The list cannot leave: nobody on it gets the message.")
    if not (table["arm"] == "control").any():
        raise ValueError("The list cannot leave: it has no hold-out, so nobody could ever say what it earned.")
    if (table["score"] < 0).any():
        raise ValueError(f"{gate.people(table['user_id'][table['score'] < 0])} on the list with a score below 0.")
    if not personal and table[["product_id", "channel", "reason", "score"]].drop_duplicates().shape[0] > 1:
        raise ValueError("A general list says the same to everybody: one course, one channel, one reason, one score.")
