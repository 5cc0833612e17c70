"""What all adapters share: which table a file belongs to, the raw row as JSON, event names, orders from purchases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from knowpay.collect import ExportError
from knowpay.collect.duck import quote
from knowpay.collect.files import ENDINGS as FLAT
from knowpay.collect.files import LINES as JSON
from knowpay.collect.files import Batch, table_of
from knowpay.collect.manifest import Manifest
from knowpay.collect.schema import TABLES

_ENDING = "|".join(map(re.escape, (*FLAT, *JSON)))
_NAME = re.compile(rf"(?P<stem>[^-]*)(-.*)?(?P<ending>{_ENDING})")
_PART = re.compile(r"(part|data|\d)")
# Names of traits that identify a person. The canonical tables do not take them in, under no column.
PERSONAL = tuple(
    """email phone mobile name firstName first_name lastName last_name nickname username avatar birthday birthdate
    address id_card ip $ip $name""".split()  # noqa: SIM905 - a list of one name a line is long
)


def tool_table(name: str) -> tuple[str, str]:
    """(the tool's name of the table, ending) of a file, in lower case; ("", "") for files of other kinds.

    `tracks.csv`, `may/tracks-2.csv`, `tracks/part-2.csv` and `tracks/2025-03.csv` are all of the table `tracks`.
    """
    *folders, last = name.lower().split("/")
    match = _NAME.fullmatch(last)
    if not match:
        return "", ""
    return folders[-1] if folders and _PART.match(last) else match["stem"], match["ending"]


@dataclass(frozen=True)
class Delivery:
    """A folder of an export with a manifest of its own; `names` are those of its files of rows, relative to it."""

    folder: Path
    manifest: Manifest
    names: tuple[str, ...]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Which tables of the tool lie in it."""
        return frozenset(tool_table(name)[0].split("_")[0] for name in self.names)

    @cached_property
    def has_orders(self) -> bool:
        """Whether the payment system's orders lie in it: then purchases in the event log are signals only."""
        return any(table_of(name) == "orders" for name in self.names)


def view(batch: Batch, relation: str, columns: Mapping[str, str | tuple[str, str]], units: Mapping[str, str]) -> Batch:
    """A canonical table as a view of a raw batch; a column without a type is text."""
    typed = {name: c if isinstance(c, tuple) else (c, "VARCHAR") for name, c in columns.items()}
    # Named in the relation, so that whoever reads a column many times does not compute it as often.
    named = ", ".join(f'{expression} AS "_knowpay_{i}"' for i, (expression, _) in enumerate(typed.values()))
    typed = {name: (f'"_knowpay_{i}"', kind) for i, (name, (_, kind)) in enumerate(typed.items())}
    relation = f"(SELECT *, {named} FROM {relation}) AS x" if typed else relation
    raw = batch.raw_json
    return replace(batch, relation=relation, columns=typed, rows=-1, ragged=[], notes=[], raw=raw, units=dict(units))


def order_view(
    batch: Batch, relation: str, columns: Mapping[str, str | tuple[str, str]], units: Mapping[str, str]
) -> Batch:
    """The same for `orders`. The rules of orders look at the rows several times, so these few are worked out once."""
    bought = view(batch, relation, columns, units)
    return replace(bought, relation=f"(WITH purchases AS MATERIALIZED (FROM {bought.relation}) FROM purchases) AS x")


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
