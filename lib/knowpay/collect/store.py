"""The cache folder: built once, atomically, by one process at a time; and the store of an ingested export."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.collect import ExportError

if TYPE_CHECKING:
    import duckdb

ROOT = Path(__file__).parents[3]
# No permission, a disk that is read only, a file where a folder should be.
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR)


def cache_folder(cache: str | Path | None = None) -> Path:
    """The folder of generated and downloaded data: `cache`, else KNOWPAY_CACHE, else datasets/cache of the checkout.

    Where the package was installed without one it is ~/.cache/knowpay.
    """
    usual = ROOT / "datasets" / "cache" if (ROOT / "datasets").is_dir() else Path("~/.cache/knowpay")
    return Path(cache or os.environ.get("KNOWPAY_CACHE") or usual).expanduser().resolve()


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


@contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Turn the errors of a folder that cannot be written, or of a full disk, into one sentence.

    Raises:
        ExportError: names the folder and the remedy.
    """
    try:
        yield
    except OSError as error:
        if error.errno in UNWRITABLE:
            raise ExportError(
                f"The cache {folder} cannot be written ({error.strerror}). "
                "Set KNOWPAY_CACHE to a folder that you may write."
            ) from error
        if error.errno != errno.ENOSPC:
            raise
        raise ExportError(
            f"The disk of {folder} is full. Free some space, or set KNOWPAY_CACHE to another disk."
        ) from error


@contextmanager
def stoppable() -> Iterator[None]:
    """Let Ctrl-C be Ctrl-C: DuckDB turns it into a RuntimeError, "Query interrupted"."""
    try:
        yield
    except RuntimeError as error:
        if "interrupted" not in str(error):
            raise
        raise KeyboardInterrupt from None


def build(target: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder `target`, made by `make(temporary folder)` when it does not exist yet.

    Raises:
        ExportError: the cache cannot be written (no permission, disk full).
    """
    if target.exists():
        return target
    with stoppable(), writable(target.parent):
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
    return target


class Store:
    """An ingested export: Parquet files named by their content, and a ledger that says which of them count.

    A file is written aside, then renamed into place; the ledger is replaced last. A run that dies therefore leaves the
    state before it, and files that nobody names; the next run removes those. The files of the state before the
    present one stay until then, for whoever has them open.
    """

    LEDGER = "ledger.json"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / self.LEDGER
        self.ledger: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        self.scratch = folder / ".scratch"

    def begin(self) -> None:
        """Remove what a killed run left, and what only the last run's readers still needed. Hold the lock before."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        named = set(self.names())
        for path in self.folder.rglob("*.parquet"):
            if path.relative_to(self.folder).as_posix() not in named:
                path.unlink()

    def names(self) -> Iterator[str]:
        """Every file that the ledger counts on, relative to the folder."""
        for parts in self.ledger.get("parts", {}).values():
            yield from (part["file"] for part in parts.values())
        for kind in ("superseded", "duplicate", "quarantine"):
            yield from self.ledger.get(kind, {}).values()

    def paths(self, table: str) -> list[str]:
        """Paths of the files of a canonical table, in the order of their partitions."""
        parts = self.ledger.get("parts", {}).get(table, {})
        return [str(self.folder / parts[name]["file"]) for name in sorted(parts)]

    def keep(self, made: Path, name: str) -> str:
        """Move a finished file into the store as `name`.<content>.parquet and return its name there."""
        with made.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        target = self.folder / f"{name}.{content}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(made, target)
        return target.relative_to(self.folder).as_posix()

    def commit(self, ledger: dict[str, Any]) -> None:
        """Make `ledger` the state of the store, in one rename."""
        made = self.scratch / self.LEDGER
        with made.open("w", encoding="utf-8") as file:
            json.dump(ledger, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(made, self.folder / self.LEDGER)
        self.ledger = ledger
        shutil.rmtree(self.scratch, ignore_errors=True)
