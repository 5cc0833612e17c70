"""Are the data fit? What loaded, what waits and why, and which analyses they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from knowpay import show
from knowpay.collect import faults, needs
from knowpay.collect.privacy.gate import DEVICES, IDS
from knowpay.collect.privacy.scrub import scrub
from knowpay.collect.schema import TABLES
from knowpay.run.section import Fact, Section, renamed, say

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

MOST = 5  # kinds of waiting rows that the report shows; the list has all rows
# Columns whose values name somebody, or were written by people.
NAMELESS = {*IDS, *DEVICES} | {c.name for table in TABLES.values() for c in table.columns if c.free_text}


def fit(ds: Dataset) -> Section:
    """Count the rows by their fate, say what to mend first, and which analyses the data carry.

    The list ``quarantine`` has a row for each error: where it stands and what to do, without ids and free text.
    """
    section = Section("fit", "01")
    rows = ds.report.rows[ds.report.rows["rows_in"] > 0].set_index("table")
    came, waits = int(rows["rows_in"].sum()), int(rows["quarantined"].sum())
    shares = rows[["loaded", "duplicate", "superseded", "quarantined"]].div(rows["rows_in"], axis=0)
    listed = waiting_rows(ds)
    kinds = listed.groupby(["table", "rule", "column"], dropna=False, sort=True)
    kinds = kinds.agg(rows=("source_row", "size"), reason=("reason", "first")).reset_index()
    kinds = kinds.sort_values("rows", ascending=False, kind="stable", ignore_index=True)[["table", "rows", "reason"]]
    carried = analyses(ds)
    with section.showing():
        share = show.write(rows["loaded"].sum() / came, "%", 1)
        title = say("fit.title_waits" if waits else "fit.title_none", share=share, waits=show.write(waits))
        aside = shares.drop(columns="loaded")
        seen = aside[aside.sum(axis=1) > 0] if aside.to_numpy().any() else shares[["loaded"]]
        show.bars(renamed(seen, "fit.fates"), title, say("fit.table"), say("fit.share"), unit="%")
        if waits:
            show.table(renamed(kinds.head(MOST), "fit.waiting"), say("fit.waiting_caption"))
        show.table(renamed(carried[["title", "reason"]], "fit.analyses"), say("fit.analyses_caption"))
    section.do = say("fit.do_nothing") if kinds.empty else say("fit.do_mend", **kinds.iloc[0])
    ready = int((carried["reason"] == say("fit.enough")).sum())
    section.expect = say("fit.expect", ready=ready, all=len(carried))
    section.change = say("fit.change", days=ds.manifest["lookback_days"])
    section.sure = say("fit.sure", came=show.write(came))
    section.facts = [Fact(f"rows of {table}, {fate}", int(row[fate]), "rows", say("fit.rule"))
                     for table, row in rows.iterrows() for fate in shares.columns]  # fmt: skip
    section.notes = list(scrub(pd.Series(ds.report.notes, dtype=object))[0])
    if machines := machine_share(ds):
        section.notes.append(say("fit.machines", share=show.write(machines, "%")))
    section.facts.append(Fact("events of machines", machines, "share", say("fit.rule_machines")))
    if len(listed):
        section.lists["quarantine"] = ("repair", listed)
    return section


def machine_share(ds: Dataset) -> float:
    """Return the share of the exported events that come from machines, 0 to 1 (`faults.bots`)."""
    if "events" not in set(ds.report.batches["table"]):
        return 0.0
    events = faults.arrivals(ds)
    return len(faults.bots(events)) / max(len(events), 1)


def analyses(ds: Dataset) -> pd.DataFrame:
    """Return for each analysis: ``analysis, title, reason`` ("enough", or what the data lack)."""
    rows = [(key, one["title"], needs.missing(ds, [key])) for key, one in needs.analyses().items()]
    frame = pd.DataFrame(rows, columns=["analysis", "title", "reason"])
    return frame.assign(reason=frame["reason"].replace("", say("fit.enough")))


def waiting_rows(ds: Dataset) -> pd.DataFrame:
    """Return the errors of rows that wait: ``table, source_file, source_row, rule, column, reason``, in order.

    The reason says what to do. A value that names somebody, and any free text, is left out of it.
    """
    waits = ds.quarantine.filter(ds.quarantine.status == "waiting")
    frame = waits.select("table", "source_file", "source_row", "rule", "column", "value", "message").to_pandas()
    named = frame["column"].isin(NAMELESS) & frame["value"].notna()
    said = [
        message.replace(value, "…") if hide else message
        for message, value, hide in zip(frame["message"], frame["value"].fillna(""), named, strict=True)
    ]
    frame = frame.assign(reason=scrub(pd.Series(said, index=frame.index, dtype=object))[0])
    order = ["table", "source_file", "source_row", "rule", "column"]
    return frame.sort_values(order, ignore_index=True)[[*order, "reason"]]
