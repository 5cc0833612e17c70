"""Public data sets: one declaration each, one way from the publisher's files to an export that the door reads.

The files are found in KNOWPAY_DATA or fetched from the publisher into the cache; each is compared with a pinned sha256.
Their rows become canonical tables by SQL, and from there on a public set is an export like any other.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.collect import DownloadError
from knowpay.collect.archive import extract
from knowpay.collect.dataset import Dataset
from knowpay.collect.disk import build
from knowpay.collect.download import download
from knowpay.collect.duck import quiet
from knowpay.collect.ingest import ingest, version
from knowpay.collect.local import places

if TYPE_CHECKING:
    import pandas as pd

CSV = "read_csv({path}, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"


@dataclass(frozen=True)
class File:
    """One file of the publisher.

    Args:
        sha256: of the uncompressed bytes. None: none is published and no copy was at hand; the columns are checked.
        rows: rows as published, without header; None when nobody says.
        columns: columns that the tables need; a file without one is refused.
        read: DuckDB table function; `{path}` is the quoted path of the file (plain, or .gz where DuckDB unpacks it).
        instead_of: name of the file that this one, a published part, may stand in for.
    """

    sha256: str | None = None
    rows: int | None = None
    columns: tuple[str, ...] = ()
    read: str = CSV
    instead_of: str | None = None


@dataclass(frozen=True)
class Archive:
    """What the publisher serves: an archive that holds the files, or one file as it is.

    Args:
        url: its address.
        sha256, size: of its bytes.
        unpacked: most bytes that the files in the archive have together; None: it is a file, not an archive.
        name: under which a file that is not an archive is kept; default the last part of the address.
    """

    url: str
    sha256: str
    size: int
    unpacked: int | None = None
    name: str = ""

    @property
    def file(self) -> str:
        """Under which it is kept."""
        return self.name or self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class PublicSet:
    """A public data set.

    Args:
        name: what `knowpay.open` takes.
        title: full name.
        folder: its folder in KNOWPAY_DATA.
        source: page of the publisher.
        licence: as the publisher states it; "none stated" when there is none.
        citation: what to cite when showing results.
        files: file name without .gz -> File. The rows of `x.csv` are the table `src_x` of the SQL below.
        tables: name -> SQL; the name is a canonical table, or one with a suffix ("events-clicks").
        manifest: timezone, currency, extracted_at, lawful_basis_note; the rest has defaults (see `_manifest`).
        times: SQL over the canonical tables giving the times that the observation spans.
        counts: what is counted -> (published number or None, SQL over the src_ tables giving ours).
        setup: SQL that runs first, such as macros.
        archives: where to fetch the files; empty when the publisher has no stable address.
        by_hand: sentence that says how to put the files in place; ends every error.
    """

    name: str
    title: str
    folder: str
    source: str
    licence: str
    citation: str
    files: dict[str, File]
    tables: dict[str, str]
    manifest: dict[str, str]
    times: str
    counts: dict[str, tuple[int | None, str]] = field(default_factory=dict)
    setup: str = ""
    archives: tuple[Archive, ...] = ()
    by_hand: str = ""

    def needed(self) -> list[str]:
        """The files without which the set cannot be read."""
        return [name for name, file in self.files.items() if not file.instead_of]

    def remedy(self) -> str:
        """The sentence that ends an error: how to put the files in place by hand."""
        return self.by_hand or (
            f"Or do it by hand: download {', '.join(a.url for a in self.archives)} on any machine, put the files into "
            f"a folder named {self.folder}, and set KNOWPAY_DATA to the folder that holds {self.folder}."
        )


def open_public(dataset: PublicSet, root: Path) -> Dataset:
    """Open a public data set: find or fetch its files, convert them to an export, ingest it; `root` is the cache.

    Raises:
        DownloadError: a file is missing or is not the published one, or the download failed.
    """
    files = find(dataset, root)
    used = [_state(dataset.files[name], name, files.get(name)) for name in files or dataset.needed()]
    made_by = repr(dataset) + Path(__file__).read_text("utf-8") + "".join(used)
    source = root / "public" / f"{dataset.name}-{hashlib.sha256(made_by.encode()).hexdigest()[:8]}"

    def make(out: Path) -> None:
        here = files or _unpack(dataset, fetch(dataset, root), out / ".files")
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


def find(dataset: PublicSet, root: Path | None = None) -> dict[str, Path]:
    """The files of the set on this machine (name without .gz -> path); empty when no folder holds them.

    A folder that bears the set's name counts when it holds any of its files, KNOWPAY_DATA itself when it holds half
    of them: other sets may have a courses.csv too. Among the downloads only a whole set counts.

    Raises:
        DownloadError: a folder of KNOWPAY_DATA lacks a file.
    """
    *given, fetched = places(dataset.folder, root)
    for place in (*given, fetched):
        files = {n: p for n in dataset.files for p in (place / n, place / f"{n}.gz") if p.is_file()}
        enough = 1 if place.name == dataset.folder else len(dataset.needed()) / 2
        if len(files) < enough:
            continue
        for name in [n for n in files if dataset.files[n].instead_of]:
            if dataset.files[name].instead_of in files:
                del files[name]
        there = {dataset.files[n].instead_of or n for n in files}
        if missing := [n for n in dataset.needed() if n not in there]:
            if place == fetched:
                continue
            raise DownloadError(
                f"{place} has no {', '.join(missing)} (or .gz). Add what is missing, or unset KNOWPAY_DATA. "
                f"{dataset.remedy()}"
            )
        return files
    return {}


def where(dataset: PublicSet, root: Path | None = None) -> Path | None:
    """The folder that holds the files of the set, or its archives as fetched; None when it is not here.

    Raises:
        DownloadError: a folder of KNOWPAY_DATA lacks a file.
    """
    if files := find(dataset, root):
        return next(iter(files.values())).parent
    fetched = places(dataset.folder, root)[-1]
    whole = dataset.archives and all((fetched / archive.file).is_file() for archive in dataset.archives)
    return fetched if whole else None


def checksum(dataset: PublicSet, root: Path | None = None) -> str:
    """Twelve digits that tell which files of the set are here; "" when it is not here or lacks a file.

    Those of the file's sha256; of several files, those of the sha256 of the list that `sha256sum` prints of them.
    """
    try:
        names = sorted(find(dataset, root) or (dataset.needed() if where(dataset, root) else []))
    except DownloadError:
        return ""
    sums = [dataset.files[name].sha256 or "not pinned" for name in names]
    if len(sums) == 1:
        return sums[0][:12]
    text = "".join(f"{sha}  {name}\n" for sha, name in zip(sums, names, strict=True))
    return hashlib.sha256(text.encode()).hexdigest()[:12] if names else ""


def fetch(dataset: PublicSet, root: Path | None = None) -> dict[str, Path]:
    """Download the archives of the set (name -> path) into the cache `root`; what is there is kept.

    Raises:
        DownloadError: the download failed, or the publisher has no stable address; the message says what to do.
    """
    if not dataset.archives:
        raise DownloadError(f"{dataset.title} is not here. {dataset.remedy()}")
    folder = places(dataset.folder, root)[-1]
    return {a.file: download(a.url, folder / a.file, a.sha256, a.size, dataset.remedy()) for a in dataset.archives}


def get(dataset: PublicSet, root: Path | None = None) -> str:
    """Fetch the set unless it is here, compare its files with those published, and say where it is.

    Raises:
        DownloadError: it cannot be fetched, or what is here is not what was published; the message says what to do.
    """
    for name, path in find(dataset, root).items():
        check(dataset, name, path)
    if here := where(dataset, root):
        return f"already here, in {here}"
    fetch(dataset, root)
    return f"fetched into {where(dataset, root)}"


def _unpack(dataset: PublicSet, fetched: dict[str, Path], unpacked: Path) -> dict[str, Path]:
    """The files of the set, from its archives."""
    files = {}
    for archive in dataset.archives:
        path = fetched[archive.file]
        if archive.unpacked:
            pinned = {n: dataset.files[n].sha256 for n in dataset.needed()}
            files |= extract(path, pinned, unpacked, archive.unpacked, dataset.remedy())
        else:
            files[path.name] = path
    return files


def check(dataset: PublicSet, name: str, path: Path) -> None:
    """Raise DownloadError unless the uncompressed bytes are those that were published."""
    pinned = dataset.files[name].sha256
    if pinned is None:
        return
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError) as error:
        raise DownloadError(f"{path} cannot be read ({error}). Copy it again. {dataset.remedy()}") from error
    if found != pinned:
        raise DownloadError(
            f"{path} is not the published file (sha256 of its text {found[:12]}…, expected {pinned[:12]}…). "
            f"Copy it again. {dataset.remedy()}"
        )


def convert(dataset: PublicSet, files: dict[str, Path], out: Path) -> None:
    """Write the publisher's files as an export: Parquet files named as `dataset.tables`, and a manifest.

    Raises:
        DownloadError: a file cannot be read, or lacks a column that the tables need.
    """
    import duckdb
    import yaml

    con = duckdb.connect()
    con.execute(f"SET temp_directory = {_quote(out / '.tmp')}")
    con.execute("SET memory_limit = '2GB'")
    con.execute(f"SET TimeZone = '{dataset.manifest['timezone']}'")
    quiet(con)
    con.execute(dataset.setup)
    counted = []
    for name, path in files.items():
        file = dataset.files[name]
        full = file.instead_of or name
        table = f"src_{full.split('.')[0].replace('-', '_')}"
        try:
            con.execute(f"CREATE TEMP TABLE {table} AS FROM {file.read.replace('{path}', _quote(path))}")
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise DownloadError(f"{path} cannot be read ({said}). Copy it again. {dataset.remedy()}") from error
        there = [column[0] for column in con.execute(f"DESCRIBE {table}").fetchall()]
        if missing := [c for c in file.columns if c not in there]:
            raise DownloadError(
                f"{path} has no column {', '.join(missing)}; it has {', '.join(there)}. "
                f"It is another file than the published one. {dataset.remedy()}"
            )
        rows = _one(con, f"SELECT count(*) FROM {table}")
        counted.append({"file": name, "rows": rows, "published": dataset.files[full].rows})
    counted += [{"file": w, "rows": _one(con, sql), "published": n} for w, (n, sql) in dataset.counts.items()]
    for table, sql in dataset.tables.items():
        target = _quote(out / f"{table}.parquet")
        con.execute(f"COPY ({sql}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
        con.execute(f'CREATE TEMP VIEW "{table}" AS FROM {target}')
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


def _one(con, sql: str) -> int:
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
