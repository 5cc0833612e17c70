"""The one way out: the only function that writes a file that leaves the house.

Who may be in it is the rule of `knowpay.collect.privacy.permission`.
"""

from __future__ import annotations

from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from knowpay.collect.disk import write_whole
from knowpay.collect.privacy.permission import reasons
from knowpay.collect.privacy.pseudonyms import pseudonyms
from knowpay.collect.privacy.scrub import scrub

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

SMALLEST = 10  # people in a published count
IDS = ("user_id", "referrer_user_id", "target_user_id")  # columns that name users
DEVICES = ("anonymous_id",)
# The time by which a row ages; order_items age with their orders, users do not.
DATED = {
    "events": "timestamp",
    "orders": "timestamp",
    "memberships": "current_period_end",
    "touches": "assigned_at",
    "reviews": "timestamp",
    "interactions": "timestamp",
    "identity_map": "last_seen_at",
}
FORMULA = ("=", "+", "-", "@", "\0")  # a spreadsheet runs a cell that starts with one of these (OWASP ASVS 1.2.10)


def kept_since(ds: Dataset) -> pd.Timestamp | None:
    """Return the time before which rows are over-age: ``retention_days`` before ``extracted_at``, both of the manifest.

    None when the manifest names no retention.
    """
    days = ds.manifest["retention_days"]
    return None if days is None else pd.Timestamp(ds.manifest["extracted_at"]) - pd.Timedelta(days=days)


def release(
    ds: Dataset,
    table: pd.DataFrame,
    purpose: str,
    folder: str | Path,
    name: str,
    at: pd.Timestamp | None = None,
    key: bytes | None = None,
) -> dict[str, Path]:
    """Write ``table`` as ``<folder>/<name>.csv`` and ``.parquet`` if all of it may leave; return the two paths.

    Nothing is left out in silence: filter by `reasons` first, and say whom you left out. Files appear whole or not at
    all. In the CSV (UTF-8 with its mark, for Excel) text that a spreadsheet would run as a formula gets an apostrophe,
    times are in the company's zone, numbers stay numbers; the Parquet file holds the exact values.

    Purposes: "personal" and "general" for lists of people to be written to, "analysis" for rows about people (its ids
    leave as pseudonyms made with ``key``), "aggregate" for counts (needs the column ``people``: at least `SMALLEST`,
    0, or empty where suppressed), "repair" for rows of the export by file and number (no column may hold an id).

    Raises ValueError, and writes nothing, when the table is empty, names somebody who may not be in it (see `reasons`)
    or is no user, holds rows older than the retention, a phone number or the like, an id in an aggregate, or a count
    of fewer than `SMALLEST` people.
    """
    why = reasons(ds, purpose, at)
    if table.empty:
        raise ValueError(f"{name} is empty.")
    if purpose in ("aggregate", "repair"):
        if purpose == "aggregate":
            _refuse_small(table, name)
        _refuse_ids(table, why.index, name)
    elif not set(IDS) & set(table):
        raise ValueError(f"{name} names nobody: give it a column {IDS[0]}, or release it as an aggregate.")
    for column in table.columns.intersection(IDS):
        _refuse_people(table[column], why, f"in {name}" if purpose == "analysis" else "on the list")
    _refuse_old(ds, table, name)
    if purpose == "analysis":
        if key is None:
            raise ValueError(f"{name} is for analysis: give a key, so that its ids leave as pseudonyms.")
        named = table.columns.intersection([*IDS, *DEVICES])
        table = table.assign(**{c: pseudonyms(table[c], key) for c in named})
    _refuse_text(table, name)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {kind: folder / f"{name}.{kind}" for kind in ("csv", "parquet")}
    # The mark at the start of the file (utf-8-sig) is what makes Excel read Chinese rightly.
    write_whole(paths["csv"], lambda to: _sheet(table, ds.timezone).to_csv(to, index=False, encoding="utf-8-sig"))
    write_whole(paths["parquet"], lambda to: table.to_parquet(to, index=False))
    return paths


def safe_cell(text: object) -> object:
    """Return the text on one line, with an apostrophe in front when a spreadsheet would take it for a formula.

    A number, a decimal one included, is returned as it is.
    """
    if isinstance(text, Number) and not pd.isna(text):
        return text
    line = "" if pd.api.types.is_scalar(text) and pd.isna(text) else " ".join(str(text).split())
    return f"'{line}" if line.startswith(FORMULA) else line


def _sheet(table: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """The table as a spreadsheet may read it."""

    def cells(column: pd.Series) -> pd.Series:
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            return column.dt.tz_convert(timezone).map(lambda t: t.isoformat(), na_action="ignore")
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            return column
        return column.map(safe_cell)

    sheet = pd.DataFrame({i: cells(table.iloc[:, i]) for i in range(table.shape[1])})
    return sheet.set_axis([safe_cell(c) for c in table.columns], axis=1)


def _refuse_people(ids: pd.Series, why: pd.Series, place: str) -> None:
    """Raise for the first reason why somebody in a column of ids must not be there."""
    ids = ids.dropna()
    reason = ids.map(why).astype(object).fillna("not a user of this company")
    if (reason != "").any():
        first = reason[reason != ""].iloc[0]
        raise ValueError(f"{people(ids[reason == first])} {place} and must not be: {first}.")


def _refuse_old(ds: Dataset, table: pd.DataFrame, name: str) -> None:
    since = kept_since(ds)
    for column in table.columns.intersection(set(DATED.values())) if since is not None else ():
        old = table[column] < since
        if old.any():
            raise ValueError(
                f"{old.sum():,} rows of {name} are older than {since:%Y-%m-%d}, where the retention of "
                f"{ds.manifest['retention_days']} days ends (column {column}). Leave them out."
            )


def _refuse_small(table: pd.DataFrame, name: str) -> None:
    if "people" not in table:
        raise ValueError(f"{name} lacks the column people: how many people each row counts.")
    small = table["people"].between(1, SMALLEST - 1)
    if small.any():
        raise ValueError(
            f"{name} counts fewer than {SMALLEST} people in {small.sum():,} rows. Suppress them (`anonymity.suppress`)."
        )


def _refuse_ids(table: pd.DataFrame, users: pd.Index, name: str) -> None:
    for column in table.columns:
        if set(table[column].dropna().unique()) & set(users):
            raise ValueError(f"The column {column} of {name} holds ids of users; it must name nobody.")


def _refuse_text(table: pd.DataFrame, name: str) -> None:
    """Raise for text with a phone number or the like in it; the columns of ids are not text."""
    for column in table.select_dtypes(["object", "string", "category"]).columns.difference([*IDS, *DEVICES]):
        kinds = [kind for kind, found in scrub(table[column].drop_duplicates())[1].items() if found]
        if kinds:
            raise ValueError(f"The column {column} of {name} holds a {kinds[0]}. Clean it with `scrub.scrub` first.")


def people(ids: pd.Series) -> str:
    """Return the subject of a sentence about these people: "u1 is", "u1 and 2 more are"."""
    ids = ids.drop_duplicates()
    return f"{ids.iloc[0]} is" if len(ids) == 1 else f"{ids.iloc[0]} and {len(ids) - 1:,} more are"
