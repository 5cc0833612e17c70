"""Forms: the same clean days as each tool exports them. A file a tool: its names, and what `write` makes of the tables.

The tools differ in names, units of time and money, nesting and in what they call a user id; what happened is the same.
Who reads these forms (`knowpay.collect.adapters`) shares no line with who writes them: each checks the other.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from . import canonical, ga4, mapped, segment, segment_warehouse, sensors
from .days import Days, days

# form -> what writes the tables into a folder and returns what the manifest declares of the form
FORMS = {
    "canonical": canonical.write,
    "segment": segment.write,
    "segment_warehouse": segment_warehouse.write,
    "ga4": ga4.write,
    "ga4_parquet": ga4.write_parquet,
    "sensors": sensors.write,
    "mapped": mapped.write,
}
__all__ = ["FORMS", "Days", "days", "write_export"]


def write_export(form: str, records: Days, folder: Path, message_ids: bool = True, orders: bool = True) -> None:
    """Write the days as a complete export of one of `FORMS`.

    Without ``message_ids`` events are exported as by tools that have none (Segment always does). Without
    ``orders`` the payment system's table stays out and the purchases among the events carry total and currency.
    Same records, same bytes. Raises ValueError for an unknown form.
    """
    if form not in FORMS:
        raise ValueError(f"There is no form {form!r}. Possible are {', '.join(FORMS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    tables = dict(records.tables)
    leave_out = ["total", "currency"] if orders else []
    if not message_ids and not form.startswith("segment"):
        leave_out.append("message_id")
    tables["events"] = tables["events"].drop_columns(leave_out)
    if not orders:
        del tables["orders"]
    manifest = records.manifest | FORMS[form](tables, folder)
    (folder / "manifest.yml").write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), "utf-8")
