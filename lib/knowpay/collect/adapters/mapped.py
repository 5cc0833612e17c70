"""Any other export: CSV and Parquet files whose columns `mapping.yml` translates.

    orders*.csv:                      # a file of the folder, or a pattern
      table: orders
      columns: {order_id: 订单号, user_id: 会员号, timestamp: 支付时间, total: 实付金额}
      values: {status: {已支付: paid, 已退款: refunded}}
      timestamp_unit: ms              # these three where the file differs from the manifest
      money_unit: fen
      timezone: UTC

A column that the mapping does not name keeps its name. Money without a column of currency is in the manifest's.
"""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from knowpay.collect import ExportError
from knowpay.collect.adapters.tables import FLAT, Delivery, case, tool_table, view
from knowpay.collect.duck import quote
from knowpay.collect.files import Batch, table_of
from knowpay.collect.manifest import Zone, wrong
from knowpay.collect.schema import TABLES

NAIVE = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?)?"


class FileMapping(BaseModel):
    """How the files of one pattern are read."""

    model_config = ConfigDict(extra="forbid")

    table: str
    columns: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    timestamp_unit: Literal["iso", "s", "ms", "us"] | None = None
    money_unit: Literal["yuan", "fen"] | None = None
    timezone: Zone | None = None

    @field_validator("table")
    @classmethod
    def _known_table(cls, value: str) -> str:
        if value not in TABLES:
            raise wrong(f"{value!r} is no table; write one of {', '.join(TABLES)}")
        return value


def claims(name: str) -> bool:
    """All files of rows."""
    return tool_table(name)[1] in FLAT


def refuse(delivery: Delivery) -> None:
    """Refuse a missing or wrong mapping, and a file that it does not name and that is no canonical table."""
    mapping = read_mapping(delivery.folder)
    for name in delivery.names:
        if claims(name) and not table_of(name) and _of(mapping, name) is None:
            raise ExportError(
                f"{delivery.folder.name}: mapping.yml says nothing of {name}. Name it there, or move it away."
            )


def views(batch: Batch, delivery: Delivery) -> dict[str, Batch]:
    """The one table that the mapping names; a canonical file that it does not name stays as it is."""
    manifest = delivery.manifest
    said = _of(read_mapping(delivery.folder), batch.file)
    if said is None:
        return {table_of(batch.file): replace(batch, units={"business_user_id_column": "user_id"})}
    lower = {n.lower(): n for n in batch.columns}
    columns, used = {}, set()
    for ours, theirs in said.columns.items():
        source = lower.get(theirs.lower())
        if source is None:
            raise ExportError(
                f"mapping.yml: {batch.file} has no column {theirs!r}, which {ours} is read from. "
                f"It has {', '.join(list(batch.columns)[:8])}."
            )
        columns[ours] = batch.columns[source]
        used.add(source)
    for name in batch.columns:
        if name not in used:  # their column may have one of our names and mean something else
            columns[name if name not in columns else f"{name}_source"] = batch.columns[name]
    for ours, names in said.values.items():
        if ours in columns:
            value = f"trim(CAST({columns[ours][0]} AS VARCHAR))"
            columns[ours] = (case(value, names, value), "VARCHAR")
    table = TABLES[said.table]
    if said.timezone and said.timezone != manifest.timezone:
        times = [c.name for c in table.columns if c.type == "ts" and c.name in columns]
        columns |= {c: _in_zone(columns[c], said.timezone) for c in times}
    if "currency" in table.names and "currency" not in columns and said.table != "market":
        columns["currency"] = (quote(manifest.currency), "VARCHAR")
    units = {k: v for k in ("timestamp_unit", "money_unit") if (v := getattr(said, k))}
    if "user_id" in said.columns:
        units["business_user_id_column"] = "user_id"
    return {said.table: view(batch, batch.relation, columns, units)}


def read_mapping(folder: Path) -> dict[str, FileMapping]:
    """Read `mapping.yml` of an export.

    Raises:
        ExportError: it is missing, no YAML, or a key is wrong; the message names file, key and remedy.
    """
    path = folder / "mapping.yml"
    if not path.is_file():
        raise ExportError(f"{folder} has no mapping.yml. Write one like that in knowpay.collect.adapters.mapped.")
    try:
        read = yaml.load(path.read_text("utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = str(error).splitlines()[-1].strip()
        raise ExportError(f"{path} is no readable YAML ({where}). Write lines like `table: orders`.") from error
    if not isinstance(read, dict) or not read:
        raise ExportError(f"{path} maps no file. Write a file's name, and under it `table:` and `columns:`.")
    mapping = {}
    for name, fields in read.items():
        try:
            mapping[name] = FileMapping.model_validate(fields)
        except ValidationError as error:
            problem = error.errors()[0]
            key = ".".join(map(str, (name, *problem["loc"])))
            said = {"missing": "is missing", "extra_forbidden": "is no key of a mapping; remove it"}
            said = said.get(problem["type"]) or f"is wrong: {problem['msg'].removeprefix('Value error, ')}"
            raise ExportError(f"{path}: {key} {said}.") from error
    return mapping


def _of(mapping: dict[str, FileMapping], name: str) -> FileMapping | None:
    return next((m for pattern, m in mapping.items() if fnmatchcase(name, pattern)), None)


def _in_zone(column: tuple[str, str], zone: str) -> tuple[str, str]:
    """A time without a zone is one of that zone."""
    value, kind = column
    if kind.startswith("TIMESTAMP") and not kind.startswith(("TIMESTAMP WITH", "TIMESTAMPTZ")):
        return f"timezone({quote(zone)}, CAST({value} AS TIMESTAMP))", "TIMESTAMP WITH TIME ZONE"
    if kind != "VARCHAR":
        return column
    utc = f"timezone('UTC', timezone({quote(zone)}, TRY_CAST(replace(trim({value}), '/', '-') AS TIMESTAMP)))"
    moment = f"strftime({utc}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    naive = f"regexp_full_match(trim({value}), '{NAIVE}')"
    return f"CASE WHEN {naive} THEN coalesce({moment}, {value}) ELSE {value} END", kind
