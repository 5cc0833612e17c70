"""The manifest of an export: what cannot be guessed from the rows."""

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from knowpay.collect import ExportError
from knowpay.collect.schema import CURRENCIES

EXAMPLE = {
    "dataset_id": "my_company",
    "schema_version": "1",
    "source_system": "name of the system it was exported from",
    "timezone": "Asia/Shanghai",
    "currency": "CNY",
    "money_unit": "yuan",
    "timestamp_unit": "iso",
    "revenue_definition": "net_of_discount",
    "business_user_id_column": "user_id",
    "observation_start": "2024-07-01",
    "observation_end": "2025-12-31",
    "extracted_at": "2026-01-01T06:00:00+08:00",
    "contains_personal_data": "false",
    "lawful_basis_note": "pseudonymised before export; consent in the terms of use",
}
OPTIONAL = {"retention_days": "730", "teacher_share": "0.3", "fee_share": "0.006"}
NAMES = ("manifest.yml", "manifest.yaml", "manifest.json")


def wrong(said: str) -> PydanticCustomError:
    """What a validator raises. A ValueError would stay in memory for good, with the stack that it came from."""
    return PydanticCustomError("wrong", said)


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise wrong(f"{value!r} is no name of the tz database") from None
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Manifest(BaseModel):
    """Fields of the manifest; others are kept. A date without a clock is a whole day in `timezone`.

    `observation_start` is inclusive, `observation_end` exclusive: `2025-12-31` means until that day is over.
    `source_format` names the tool whose files these are (`adapters.FORMATS`); days older than `lookback_days` before
    the extraction are final; rows older than `retention_days` before it leave the house no more. Of what customers pay,
    `fee_share` goes to app stores and payment services where an order says neither fee nor commission; of what is left,
    `teacher_share` goes to the teachers.
    """

    model_config = ConfigDict(extra="allow")

    timezone: Zone
    dataset_id: str
    schema_version: str
    source_system: str
    currency: str
    money_unit: Literal["yuan", "fen"]
    timestamp_unit: Literal["iso", "s", "ms", "us"]
    revenue_definition: Literal["gross_pre_discount", "net_of_discount", "other"]
    business_user_id_column: str
    observation_start: datetime
    observation_end: datetime
    extracted_at: datetime
    contains_personal_data: bool
    lawful_basis_note: str
    source_format: str = "canonical"
    lookback_days: NonNegativeInt = 3
    retention_days: PositiveInt | None = None
    teacher_share: Share | None = None
    fee_share: Share | None = None

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in CURRENCIES:
            raise wrong(f"{value!r} is no ISO 4217 code")
        return value

    @field_validator("schema_version")
    @classmethod
    def _known_version(cls, value: str) -> str:
        if value.lstrip("v").split(".")[0] != "1":
            raise wrong(f"version {value!r} is not known; this package reads version 1")
        return value

    @field_validator("observation_start", "observation_end", "extracted_at", mode="before")
    @classmethod
    def _whole_days(cls, value: str, info) -> str | datetime:
        text = str(value).strip()
        if len(text) == 10 and info.field_name != "observation_start":
            return datetime.fromisoformat(text) + timedelta(days=1)
        return f"{text}T00:00:00" if len(text) == 10 else text

    @model_validator(mode="after")
    def _in_zone(self) -> "Manifest":
        zone = ZoneInfo(self.timezone)
        for name in ("observation_start", "observation_end", "extracted_at"):
            moment = getattr(self, name)
            setattr(self, name, moment if moment.tzinfo else moment.replace(tzinfo=zone))
        if self.observation_end <= self.observation_start:
            raise wrong("observation_end must lie after observation_start")
        return self


def read_manifests(source: Path, paths: Collection[Path]) -> dict[Path, Manifest]:
    """Every manifest among the files of the export, by its folder. A file is read by that of the nearest one above it.

    The export's own folder needs one; a later delivery in a folder of its own may bring another.

    Raises:
        ExportError: there is none, one is no YAML, or a field is missing or wrong; says what to write.
    """
    said = {p.parent: p for name in reversed(NAMES) for p in paths if p.name == name}
    if source not in said:
        example = "\n".join(f"{k}: {v}" for k, v in EXAMPLE.items())
        raise ExportError(f"{source} has no manifest.yml. Write one, for example:\n{example}")
    return {folder: _read(path) for folder, path in said.items()}


def whole(manifests: dict[Path, Manifest]) -> Manifest:
    """One manifest for the data set: the newest one, with the observation of all of them.

    Raises:
        ExportError: two manifests disagree on the time zone or the currency.
    """
    newest = max(manifests.values(), key=lambda m: m.extracted_at)
    for name in ("timezone", "currency"):
        others = {getattr(m, name) for m in manifests.values()} - {getattr(newest, name)}
        if others:
            said = " and ".join(sorted({getattr(newest, name), *others}))
            raise ExportError(f"The manifests of one export disagree: {name} is {said}. Make them two exports.")
    start = min(m.observation_start for m in manifests.values())
    end = max(m.observation_end for m in manifests.values())
    return newest.model_copy(update={"observation_start": start, "observation_end": end})


def _read(path: Path) -> Manifest:
    try:
        # BaseLoader keeps text as it stands: no country NO that turns into false, no date that loses its zone.
        fields = yaml.load(path.read_text("utf-8-sig"), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = str(error).splitlines()[-1].strip()
        raise ExportError(f"{path} is no readable YAML ({where}). Write lines like `currency: CNY`.") from error
    if not isinstance(fields, dict):
        raise ExportError(f"{path} holds no fields. Write lines like `currency: CNY`.")
    fields = {k: v for k, v in fields.items() if v not in ("", "null", "~", None)}
    try:
        return Manifest(**fields)
    except ValidationError as error:
        parts = []
        for problem in error.errors():
            field = str(problem["loc"][0]) if problem["loc"] else ""
            if not field:
                parts.append(problem["msg"].removeprefix("Value error, "))
                continue
            said = "is missing" if problem["type"] == "missing" else f"is wrong ({_said(problem)})"
            shown = (EXAMPLE | OPTIONAL).get(field)
            example = f"; write for example `{field}: {shown}`" if shown else ""
            parts.append(f"{field} {said}{example}")
        raise ExportError(f"{path}: {'. '.join(parts)}.") from error


def _said(problem: dict) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    return message if repr(problem["input"]) in message else f"{problem['input']!r}: {message}"
