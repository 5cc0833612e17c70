"""The same days, written in each tool's form and read back, are the same canonical tables."""

import json
from pathlib import Path

import duckdb
import knowpay
import pandas as pd
import pytest
from effort import cases
from knowpay.collect import adapters
from knowpay.collect.dataset import Dataset
from knowpay.collect.duck import quote
from knowpay.collect.files import Batch, open_file
from knowpay.collect.ingest.plan import plan
from knowpay.collect.ingest.typed import select
from knowpay.collect.manifest import Manifest
from knowpay.collect.schema import TABLES
from knowpay.collect.store import Store
from knowpay.world import forms

TOLD = ("users", "courses", "events", "orders")
OTHERS = [form for form in forms.FORMS if form != "canonical"]
SEEDS = range(cases(3))


@pytest.fixture(scope="module")
def days() -> dict[int, forms.Days]:
    """Three days of three small companies; all of them have purchases then."""
    return {seed: forms.days("6000", seed, "2024-10-26", 3) for seed in SEEDS}


@pytest.fixture(scope="module")
def opened(days, tmp_path_factory):
    """Write the days in a form and open them: opened(form, seed, message_ids=..., orders=...)."""

    def make(form: str, seed: int, **choices: bool) -> Dataset:
        folder = tmp_path_factory.mktemp(form)
        forms.write_export(form, days[seed], folder / "export", **choices)
        return knowpay.open(folder / "export", cache=folder / "cache")

    return make


@pytest.fixture(scope="module")
def canonical(opened) -> dict[int, Dataset]:
    """The canonical exports, with message ids."""
    return {seed: opened("canonical", seed) for seed in SEEDS}


@pytest.fixture(scope="module")
def plain(canonical) -> dict[int, dict[str, pd.DataFrame]]:
    """The tables of the canonical exports."""
    return {seed: tables(ds) for seed, ds in canonical.items()}


def stored(ds: Dataset) -> dict[str, list[bytes]]:
    """The bytes of the files of each table in the store."""
    return {name: [Path(path).read_bytes() for path in Store(ds.store).paths(name)] for name in TOLD}


def tables(ds: Dataset) -> dict[str, pd.DataFrame]:
    """The canonical tables in order of their keys."""
    found = {name: getattr(ds, name).to_pandas() for name in TOLD}
    return {n: frame.sort_values(list(TABLES[n].key), ignore_index=True) for n, frame in found.items()}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("form", OTHERS)
def test_every_form_gives_the_same_tables(form, seed, opened, canonical, plain, days):
    ds = opened(form, seed)
    found = tables(ds)
    for name in TOLD:
        pd.testing.assert_frame_equal(found[name], plain[seed][name])
        assert len(found[name]) == days[seed].tables[name].num_rows > 0, "nothing was lost on either way"
    assert ds.quarantine.count().execute() == 0
    assert stored(ds) == stored(canonical[seed]), "the files are the same, byte for byte"


@pytest.mark.parametrize("form", ["canonical", "ga4", "ga4_parquet", "sensors", "mapped"])
def test_without_message_ids_only_the_ids_differ(form, opened, plain):
    found = tables(opened(form, 0, message_ids=False))
    for name in ("users", "courses", "orders"):
        pd.testing.assert_frame_equal(found[name], plain[0][name])
    events, same = found["events"], [c for c in found["events"] if c not in ("message_id", "properties")]
    assert events["message_id"].is_unique
    said = events["properties"].map(json.loads)
    assert all(properties.pop("id_derived") is True for properties in said)
    left = [json.dumps(p, separators=(",", ":")) if p else None for p in said]
    events = events.assign(properties=pd.Series(left, events.index, dtype="str"))
    order = [*same, "properties"]
    a, b = (frame[order].sort_values(same, ignore_index=True) for frame in (events, plain[0]["events"]))
    pd.testing.assert_frame_equal(a, b, check_dtype=False)


@pytest.mark.parametrize("form", ["segment", "segment_warehouse", "ga4", "ga4_parquet", "sensors"])
def test_orders_come_back_from_the_events(form, opened, plain, days):
    """Without the payment system's table; renewals are in no event log."""
    orders = plain[0]["orders"]
    bought = orders[orders["order_id"].isin(days[0].tables["events"]["order_id"].to_pylist())]
    found = tables(opened(form, 0, orders=False))["orders"]
    same = ["order_id", "user_id", "timestamp", "product_id", "total", "currency"]
    assert len(found) > 0 and (found["status"] == "paid").all()
    pd.testing.assert_frame_equal(found[same], bought[same].reset_index(drop=True))


@pytest.mark.parametrize("form", OTHERS)
def test_rows_that_come_back_from_quarantine_are_read_alike(form, days, tmp_path, tmp_path_factory):
    """A view of raw rows as the quarantine keeps them, JSON text, gives what the view of the file gave."""
    forms.write_export(form, days[0], tmp_path)
    delivery, con = plan(tmp_path).files[0].delivery, duckdb.connect()
    manifest = delivery.manifest
    con.execute(f"SET TimeZone = {quote(manifest.timezone)}")
    con.execute("CREATE TABLE user_ids (user_id VARCHAR)")
    con.execute("SET VARIABLE has_order_items = false")
    seen, scratch = set(), tmp_path_factory.mktemp("scratch")
    for path in sorted(tmp_path.iterdir()):
        if not adapters.claims(path.name, manifest):
            continue
        batch = open_file(con, path, path.name, scratch)
        for table, view in adapters.views(batch, path.name, delivery).items():
            con.execute(
                f"""CREATE OR REPLACE TABLE kept AS SELECT {view.row} AS source_row, {view.raw} AS raw_json
                FROM {view.relation} WHERE ({view.row}) % 7 = 1"""
            )
            columns = {"line": ("raw_json", "JSON")}
            if list(batch.columns) != ["line"]:
                columns = {n: (f"json_extract_string(raw_json, {quote(pointer(n))})", "VARCHAR") for n in batch.columns}
            back = Batch(path.name, "kept", "source_row", columns, -1, raw="raw_json")
            again = adapters.views(back, path.name, delivery)[table]
            first, second = (typed(con, table, one, manifest) for one in (view, again))
            assert [row for row in first if row[0] % 7 == 1] == second
            seen.add(table)
    assert seen >= {"users", "events"}


def pointer(name: str) -> str:
    """JSON pointer to a column."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def typed(con: duckdb.DuckDBPyConnection, table: str, view: Batch, manifest: Manifest) -> list[tuple]:
    """The typed rows of a view, as text after their number, in order of the file."""
    rows, missing = select(TABLES[table], view, manifest.model_copy(update=view.units))
    assert not missing
    names = ", ".join(f'CAST("{n}" AS VARCHAR) AS "{n}"' for n in TABLES[table].names)
    return con.execute(f"SELECT source_row, {names} FROM {rows} ORDER BY source_row").fetchall()


def test_the_same_days_are_written_as_the_same_bytes(days, tmp_path):
    for form in forms.FORMS:
        folders = [tmp_path / form / str(i) for i in (0, 1)]
        for folder in folders:
            forms.write_export(form, days[0], folder)
        first, second = ({p.name: p.read_bytes() for p in Path(f).iterdir()} for f in folders)
        assert first == second and len(first) >= 4


def test_an_unknown_form_is_named(days, tmp_path):
    with pytest.raises(ValueError, match=r"no form 'excel'. Possible are canonical, segment"):
        forms.write_export("excel", days[0], tmp_path)
