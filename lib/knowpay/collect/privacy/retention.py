"""Retention: rows leave the export when the time for which they may be kept is over (PIPL 19, GDPR 5(1)(e))."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from knowpay.collect import ExportError
from knowpay.collect.files import list_files, table_of
from knowpay.collect.manifest import Manifest, read_manifests, whole
from knowpay.collect.privacy.gate import DATED
from knowpay.collect.privacy.rewrite import Row, data_files, look, rewrite, sweep
from knowpay.collect.privacy.subject import forget


def purge(source: str | Path, cache: str | Path | None = None) -> dict[str, Any]:
    """Remove the rows older than ``retention_days`` before ``extracted_at`` from the files of the export folder.

    A row ages by the column that `gate.DATED` names, without it by received_at; order lines go with their order; users
    and courses stay, and so does a row whose time cannot be read: it waits in quarantine, and is counted. The derived
    stores are deleted before and after. Every file is replaced whole or not at all; a purge that was killed is
    finished by running it again.

    Returns:
        ``before`` (the moment, ISO 8601), ``removed`` and ``undated`` {file: rows}, ``stores`` (number deleted).

    Raises ExportError when the manifest names no retention_days, when the export is not in the canonical form, or when
    a file cannot be read.
    """
    source = Path(source).expanduser().resolve()
    manifests = read_manifests(source, list_files(source))
    manifest = whole(manifests)
    if any(m.source_format != "canonical" for m in manifests.values()):
        raise ExportError(f"{source} is no canonical export: purge it where it comes from, then export it again.")
    if manifest.retention_days is None:
        raise ExportError(f"The manifest of {source} names no retention_days. Write for example `retention_days: 540`.")
    since = manifest.extracted_at - timedelta(days=manifest.retention_days)
    sweep(source)
    stores = forget(source, cache)
    removed: dict[str, int] = {}
    undated: dict[str, int] = {}
    files = {path: table_of(path.relative_to(source).as_posix()) for path in data_files(source)[0]}
    said = {path: manifests[next(f for f in path.parents if f in manifests)] for path in files}
    orders: set[str] = set()  # too old
    for path in (path for path, table in files.items() if table == "orders"):
        for row in look(path, columns=["order_id", "timestamp"]):
            at = _moment(row, "timestamp", said[path])
            if at is not None and at < since:
                orders.add(_cell(row, "order_id"))

    for path, table in sorted(files.items(), key=lambda item: item[1] != "order_items"):  # lines before their orders
        name, column, own = path.relative_to(source).as_posix(), DATED.get(table or ""), said[path]

        def judge(row: Row, column: str | None = column, name: str = name, own: Manifest = own) -> Row | None:
            if column is None:
                return None if _cell(row, "order_id") in orders else row
            at = _moment(row, column, own)
            if at is None:
                undated[name] = undated.get(name, 0) + 1
                return row
            return None if at < since else row

        if column is not None or table == "order_items":
            gone, _ = rewrite(path, judge, columns=[column or "order_id", "received_at"])
            if gone:
                removed[name] = gone
    stores += forget(source, cache)
    return {"before": since.isoformat(), "removed": removed, "undated": undated, "stores": stores}


def _cell(row: Row, column: str) -> str:
    return next((str(value) for name, value in row if name.lower() == column), "").strip()


def _moment(row: Row, column: str, manifest: Manifest) -> datetime | None:
    """When the row happened, by the manifest's unit and zone; None when that cannot be read."""
    text = _cell(row, column) or _cell(row, "received_at")
    try:
        if manifest.timestamp_unit == "iso" or "-" in text:  # a Parquet file has times whatever the unit of text is
            at = datetime.fromisoformat(text.replace("/", "-"))
        else:
            seconds = float(text) / {"s": 1, "ms": 1e3, "us": 1e6}[manifest.timestamp_unit]
            at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(manifest.timezone))
