"""Ingest: an export becomes canonical Parquet tables; bad rows go to quarantine, none vanish.

The work is SQL in DuckDB, step by step: `plan` (which files), `load` (type and check the rows of each), `merge` (tell
rows with one key apart, write the parts), `fates` (count), `run` (which rows are read at all). Of every file

    rows_in = loaded + duplicate + superseded + quarantined

holds for each table it feeds, or `ingest` raises. A row brings a new key (loaded), another version of a known key
(superseded: one version is shown, the other kept aside), nothing new (duplicate), or an error (quarantined). Which
version is shown depends on the rows only, so the canonical files are the same however the rows were split, ordered or
repeated over files and runs: `later` says which.

A store follows its folder: new files are added, and only the days that they touch are written anew; a file or a
declaration that changed or went away means starting over.
"""

import hashlib
from functools import cache
from pathlib import Path

import duckdb

from knowpay.collect.disk import filling
from knowpay.collect.ingest import plan, run
from knowpay.collect.store import Store

# The code on which the content of a store depends, in this folder and beside it.
CODE = ("ingest/*.py", "adapters/*.py", "schema.py", "manifest.py", "files.py", "scrub.py", "store.py", "duck.py")


@cache
def version() -> str:
    """Digest of the code that makes a store: one made by other code has another name."""
    here = Path(__file__).parents[1]
    code = b"".join(path.read_bytes() for name in CODE for path in sorted(here.glob(name)))
    return hashlib.sha256(code + duckdb.__version__.encode()).hexdigest()[:8]


def ingest(source: Path, store: Path) -> Path:
    """Bring the store of the export folder `source` up to date, and return it; nothing new is a no-op.

    The store holds Parquet files (a table in one file, events one for each local day), what waits in quarantine (a row
    for each error), superseded versions and duplicates, and the ledger that counts them: `store.Store`. It changes
    from one state to the next at once: a run that is killed leaves the state before it.

    Raises:
        ExportError: the folder, a manifest or a file cannot be read, or the store not written; says the remedy.
    """
    with filling(store):
        run.follow(plan.plan(source), Store(store))
    return store


def replay(source: Path, store: Path, rule: str | None = None) -> int:
    """Run the rows that wait in quarantine under `rule` (None: under any) again, after a declaration was mended.

    Only those rows are read again; but when the declaration that changed also holds for rows that were loaded, their
    table is read anew, so that no row keeps an old unit. Errors of rows that pass become `fixed`; the others wait on.
    Mending values in a file is another thing: the file is then a new one, and opening the export reads it.

    Returns:
        The number of rows that were let in.

    Raises:
        ExportError: as `ingest`; or the files have changed since they were read.
    """
    with filling(store):
        return run.replay(plan.plan(source), Store(store), rule)
