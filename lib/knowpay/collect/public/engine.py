"""From the publisher's files to an export that the door reads: from there on a public set is one like any other."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.collect import DownloadError
from knowpay.collect.dataset import Dataset
from knowpay.collect.disk import build
from knowpay.collect.duck import quiet
from knowpay.collect.ingest import ingest, version
from knowpay.collect.public.declaration import File, PublicSet
from knowpay.collect.public.files import check, fetch, find, unpacked
from knowpay.collect.schema import TABLES

if TYPE_CHECKING:
    import duckdb
    import pandas as pd


def open_public(dataset: PublicSet, root: Path) -> Dataset:
    """Open a public data set: find or fetch its files, convert them to an export, ingest it; `root` is the cache.

    Raises:
        DownloadError: a file is missing or is not the published one, or the download failed.
    """
    files = find(dataset, root)
    used = [_state(dataset.files[name], name, files.get(name)) for name in files or dataset.needed]
    made_by = dataset.model_dump_json() + Path(__file__).read_text("utf-8") + "".join(used)
    source = root / "public" / f"{dataset.name}-{hashlib.sha256(made_by.encode()).hexdigest()[:8]}"

    def make(out: Path) -> None:
        here = files or fetch(dataset, root)
        if dataset.archive and not files:
            (archive,) = here.values()
            here = unpacked(dataset, archive, out / ".files")
        for name, path in here.items():
            check(dataset, name, path)
        convert(dataset, here, out)
        shutil.rmtree(out / ".files", ignore_errors=True)

    build(source, make)
    store = ingest(source, root / "ingested" / f"{source.name}-{version()}")
    return Dataset(dataset.name, store, source)


def _state(file: File, name: str, path: Path | None) -> str:
    """What tells one conversion from another: the name of a pinned file says all, another may change on the disk."""
    if file.sha256 or path is None:
        return name
    stat = path.stat()
    return f"{name} {stat.st_size} {stat.st_mtime_ns}"


def convert(dataset: PublicSet, files: dict[str, Path], out: Path) -> None:
    """Write the publisher's files as an export: a Parquet file for each view of the SQL, and a manifest.

    Raises:
        DownloadError: a file cannot be read, or lacks a column that the tables need.
        ValueError: a view is no table of the data dictionary.
    """
    import duckdb
    import yaml

    con = duckdb.connect()
    con.execute(f"SET temp_directory = {_quote(out / '.tmp')}")
    con.execute("SET memory_limit = '2GB'")
    con.execute(f"SET TimeZone = '{dataset.manifest['timezone']}'")
    quiet(con)
    counted = [_load(con, dataset, name, path) for name, path in files.items()]
    con.execute(dataset.sql)
    counted += [{"file": w, "rows": _one(con, c.sql), "published": c.published} for w, c in dataset.counts.items()]
    for (view,) in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
        if view.split("-")[0] not in TABLES:
            raise ValueError(f"{dataset.name}.sql makes the view {view}; the data dictionary has no such table.")
        target = _quote(out / f"{view}.parquet")
        con.execute(f'COPY (FROM "{view}") TO {target} (FORMAT parquet, COMPRESSION zstd)')
        con.execute(f'CREATE OR REPLACE VIEW "{view}" AS FROM {target}')
    span = f"SELECT CAST(min(t)::DATE AS VARCHAR), CAST(max(t)::DATE AS VARCHAR) FROM ({dataset.times}) AS times(t)"
    ((first, last),) = con.execute(span).fetchall()
    con.close()
    shutil.rmtree(out / ".tmp", ignore_errors=True)
    manifest = {
        "dataset_id": dataset.name,
        "schema_version": "1",
        "source_system": dataset.title,
        "money_unit": "yuan",  # major units, whatever the currency
        "timestamp_unit": "iso",
        "revenue_definition": "other",
        "business_user_id_column": "user_id",
        "observation_start": first,
        "observation_end": last,
        "contains_personal_data": False,
    }
    manifest |= dataset.manifest | {"licence": dataset.licence, "citation": dataset.citation, "source_files": counted}
    (out / "manifest.yml").write_text(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), "utf-8")


def _load(con: duckdb.DuckDBPyConnection, dataset: PublicSet, name: str, path: Path) -> dict[str, object]:
    """Read a file of the publisher into its table, and count its rows beside the published number."""
    import duckdb

    file = dataset.files[name]
    full = file.instead_of or name
    table = f"src_{full.split('.')[0].replace('-', '_')}"
    try:
        con.execute(f"CREATE TEMP TABLE {table} AS FROM {file.read.replace('{path}', _quote(path))}")
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise DownloadError(f"{path} cannot be read ({said}). Copy it again. {dataset.remedy}") from error
    there = [column[0] for column in con.execute(f"DESCRIBE {table}").fetchall()]
    if missing := [c for c in file.columns if c not in there]:
        raise DownloadError(
            f"{path} has no column {', '.join(missing)}; it has {', '.join(there)}. "
            f"It is another file than the published one. {dataset.remedy}"
        )
    return {"file": name, "rows": _one(con, f"SELECT count(*) FROM {table}"), "published": dataset.files[full].rows}


def _one(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    return con.execute(sql).fetchall()[0][0]


def _quote(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def counts(ds: Dataset) -> pd.DataFrame:
    """Rows of each file of the publisher, and people, as read beside the published number.

    Returns:
        DataFrame: `file`, `rows`, `published` (missing where nobody says) and `complete`, whether the two are equal.
    """
    import pandas as pd

    frame = pd.DataFrame(ds.manifest["source_files"]).replace({"null": None, "": None})
    frame = frame.assign(rows=pd.to_numeric(frame["rows"]), published=pd.to_numeric(frame["published"]).astype("Int64"))
    return frame.assign(complete=(frame["rows"] == frame["published"]).fillna(False).astype(bool))
