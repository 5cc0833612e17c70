"""What all adapters share: which table a file belongs to, the raw row as JSON, event names, orders from purchases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from knowpay.collect import ExportError
from knowpay.collect.files import Batch, quote
from knowpay.collect.manifest import NAMES as MANIFESTS
from knowpay.collect.manifest import Manifest
from knowpay.collect.schema import TABLES

JSON = tuple(f"{ending}{gz}" for ending in (".json", ".jsonl", ".ndjson") for gz in ("", ".gz"))
FLAT = (".csv", ".csv.gz", ".parquet")
_STEM = re.compile(
    rf"(?P<stem>[^/]+?)([-/].*)?(?P<ending>{'|'.join(map(re.escape, sorted(FLAT + JSON, reverse=True)))})"
)
# Names of traits that identify a person. The canonical tables do not take them in, under no column.
PERSONAL = tuple(
    """email phone mobile name firstName first_name lastName last_name nickname username avatar birthday birthdate
    address id_card ip $ip $name""".split()  # noqa: SIM905
)


def table_of(name: str) -> tuple[str, str]:
    """(table, ending) of a file: `events-1.csv` and `events/1.csv` are (`events`, `.csv`); ("", "") for other files."""
    match = _STEM.fullmatch(name.lower())
    return (match["stem"], match["ending"]) if match else ("", "")


def canonical(name: str) -> bool:
    """Whether the file is a canonical table by its name."""
    stem, ending = table_of(name)
    return stem in TABLES and ending in FLAT


def files(folder: Path) -> list[str]:
    """Relative names of the files of an export that hold rows, in order."""
    names = (p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*")) if p.is_file())
    return [n for n in names if n not in MANIFESTS and table_of(n)[0] and not re.search(r"(^|/)[.~]", n)]


def has_orders(folder: Path) -> bool:
    """Whether the payment system's orders lie in the folder: then purchases in the event log are signals only."""
    return any(table_of(n)[0] == "orders" and canonical(n) for n in files(folder))


def raw_json(batch: Batch) -> str:
    """SQL of the raw row as JSON text."""
    if batch.raw:
        return batch.raw
    pairs = ", ".join(f"{quote(name)}, {expression}" for name, (expression, _) in batch.columns.items())
    return f"CAST(json_object({pairs}) AS VARCHAR)"


def view(batch: Batch, relation: str, columns: Mapping[str, str | tuple[str, str]], units: Mapping[str, str]) -> Batch:
    """A canonical table as a view of a raw batch; a column without a type is text."""
    typed = {name: c if isinstance(c, tuple) else (c, "VARCHAR") for name, c in columns.items()}
    # Named in the relation, so that whoever reads a column many times does not compute it as often.
    named = ", ".join(f'{expression} AS "_knowpay_{i}"' for i, (expression, _) in enumerate(typed.values()))
    typed = {name: (f'"_knowpay_{i}"', kind) for i, (name, (_, kind)) in enumerate(typed.items())}
    relation = f"(SELECT *, {named} FROM {relation}) AS x" if typed else relation
    raw = raw_json(batch)
    return replace(batch, relation=relation, columns=typed, rows=-1, ragged=[], notes=[], raw=raw, units=dict(units))


def case(value: str, names: Mapping[str, str], other: str = "NULL") -> str:
    """SQL that translates a value by a table of names."""
    when = " ".join(f"WHEN {quote(theirs)} THEN {quote(ours)}" for theirs, ours in names.items())
    return f"CASE {value} {when} ELSE {other} END" if names else other


def stripped(value: str) -> str:
    """SQL of a path or address without its query string, which may carry ids."""
    return f"regexp_replace({value}, '[?#].*$', '', 's')"


def event_name(value: str, manifest: Manifest, usual: Mapping[str, str], other: str | None = None) -> str:
    """SQL of the canonical event name: the manifest's `event_names`, then the tool's usual names, then as it stands."""
    return case(value, {**usual, **own_names(manifest)}, other or value)


def own_names(manifest: Manifest) -> dict[str, str]:
    """The platform's own event names, as the manifest's `event_names` maps them to canonical ones.

    Raises:
        ExportError: `event_names` is no table of names.
    """
    names = getattr(manifest, "event_names", None) or {}
    if not isinstance(names, dict) or not all(isinstance(v, str) for v in names.values()):
        raise ExportError("manifest: event_names is no table of names. Write lines like `  PayOrder: order_completed`.")
    return names


NOT_OF_EVENT = ("timestamp", "created_at", "properties")
ORDER = tuple(c for c in TABLES["orders"].names if c not in NOT_OF_EVENT)


def order_columns(events: Mapping[str, str], found: Mapping[str, str], manifest: Manifest, properties: str) -> dict:
    """Columns of `orders` made of a purchase in the event log; `properties.from_event` says so.

    A purchase event says nothing of later refunds: such an order stays `paid`.
    """
    return {
        **found,
        "user_id": events["user_id"],
        "timestamp": events["timestamp"],
        "product_id": events["product_id"],
        "status": "'paid'",
        "currency": f"coalesce(nullif({found['currency']}, ''), {quote(manifest.currency)})",
        "properties": f"json_merge_patch({properties}, '{{\"from_event\":true}}')",
    }
