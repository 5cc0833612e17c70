"""What is written: whole or not at all, by one process at a time, into the cache folder."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from knowpay.collect import ExportError
from knowpay.collect.duck import stoppable

ROOT = Path(__file__).parents[3]
# No permission, a disk that is read only, a file where a folder should be.
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR)
LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # of a file system without locks


def cache_folder(cache: str | Path | None = None) -> Path:
    """The folder of generated and downloaded data: `cache`, else KNOWPAY_CACHE, else datasets/cache of the checkout.

    Where the package was installed without one it is ~/.cache/knowpay.
    """
    usual = ROOT / "datasets" / "cache" if (ROOT / "datasets").is_dir() else Path("~/.cache/knowpay")
    return Path(cache or os.environ.get("KNOWPAY_CACHE") or usual).expanduser().resolve()


@contextmanager
def only_one(target: Path) -> Iterator[None]:
    """Hold the lock of `target` (a file beside it). It dies with its process, so a killed run leaves none."""
    from filelock import FileLock

    lock = FileLock(target.with_name(target.name + ".lock"), preserve_lock_file=True)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno not in LOCKLESS:
            raise
        # Without locks the work is done twice; the rename stays atomic.
    try:
        yield
    finally:
        lock.release()


@contextmanager
def filling(target: Path) -> Iterator[None]:
    """Be the only process that makes `target`; what goes wrong with its folder, or its disk, is one sentence.

    Raises:
        ExportError: names the folder and the remedy.
    """
    try:
        with stoppable():
            target.parent.mkdir(parents=True, exist_ok=True)
            with only_one(target):
                yield
    except OSError as error:
        if error.errno in UNWRITABLE:
            raise ExportError(
                f"The cache {target.parent} cannot be written ({error.strerror}). "
                "Set KNOWPAY_CACHE to a folder that you may write."
            ) from error
        if error.errno != errno.ENOSPC:
            raise
        raise ExportError(
            f"The disk of {target.parent} is full. Free some space, or set KNOWPAY_CACHE to another disk."
        ) from error


def build(target: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder `target`, made by `make(temporary folder)` when it does not exist yet.

    Raises:
        ExportError: the cache cannot be written (no permission, disk full).
    """
    if target.exists():
        return target
    with filling(target):
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


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and rename, so that no reader ever sees half a file."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        write(Path(name))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
