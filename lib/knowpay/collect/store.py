"""The cache folder: built once, atomically, by one process at a time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.collect import ExportError

if TYPE_CHECKING:
    import duckdb

ROOT = Path(__file__).parents[3]


def cache_folder(cache: str | Path | None = None) -> Path:
    """The folder of generated and downloaded data: `cache`, else KNOWPAY_CACHE, else datasets/cache."""
    return Path(cache or os.environ.get("KNOWPAY_CACHE") or ROOT / "datasets" / "cache").expanduser().resolve()


def quiet(con: duckdb.DuckDBPyConnection) -> None:
    """Turn DuckDB's progress bar off: it would land in the output of a lesson.

    In a notebook without ipywidgets DuckDB has no bar and refuses to be told so.
    """
    import duckdb

    with suppress(duckdb.InvalidInputException):
        con.execute("SET enable_progress_bar = false")


@contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Hold the lock of `target` (a file beside it). It dies with its process, so a killed run leaves none."""
    with open(target.with_name(target.name + ".lock"), "a+b") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        except ImportError:  # Windows: retried ten times a second apart by the system, so ask again
            import msvcrt

            while True:
                try:
                    msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:
                    continue
        except OSError:  # a file system without locks: the work is done twice, the rename stays atomic
            pass
        yield


def build(target: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder `target`, made by `make(temporary folder)` when it does not exist yet.

    Raises:
        ExportError: the cache cannot be written (no permission, disk full).
    """
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with only_one(target):
            if target.exists():
                return target
            for old in target.parent.glob(f".{target.name}-*"):  # left by a killed run: we hold the lock
                shutil.rmtree(old, ignore_errors=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
            try:
                make(temporary)
                temporary.chmod(0o755)
                try:
                    os.replace(temporary, target)
                except OSError:  # without locks another process may have been first
                    if not target.exists():
                        raise
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise ExportError(
            f"The cache {target.parent} cannot be written ({error.strerror}). "
            "Set KNOWPAY_CACHE to a folder that you may write."
        ) from error
    except OSError as error:
        if error.errno != 28:  # ENOSPC
            raise
        raise ExportError(
            f"The disk of {target.parent} is full. Free some space, or set KNOWPAY_CACHE to another disk."
        ) from error
    return target
