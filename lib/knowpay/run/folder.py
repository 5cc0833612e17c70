"""The folder of a run: refused where it would do harm, held by one run at a time, there as a whole or not at all."""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from knowpay.collect import ExportError

RECORD = "run.json"


@contextmanager
def written(out: Path, source: Path | None, replace: bool) -> Iterator[Path]:
    """Give a folder to write into, which takes the place of ``out`` when the block has ended well.

    ``source`` is the folder of the export, None where there is none. Raises ExportError when ``out`` lies in it or
    holds it, is in use by another run, or is there already: without ``replace``, or as something that no run wrote.
    """
    out = out.expanduser().resolve()
    if source is not None and (out.is_relative_to(source) or source.is_relative_to(out)):
        raise ExportError(f"{out} and the export {source} lie one in the other. Choose a folder elsewhere for --out.")
    _refuse(out, replace)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        ours = f".{out.name}.knowpay-run-"  # nobody else's folder begins so: neither another run's nor the reader's own
        for left in out.parent.glob(f"{glob.escape(ours)}*"):  # by a run that was killed: we hold the lock
            shutil.rmtree(left, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=ours, dir=out.parent))
        try:
            yield made
            _refuse(out, replace)  # what came while we worked is nobody's to remove
            made.chmod(0o755)
            old = made.with_name(made.name + "-old")
            if out.exists():
                os.replace(out, old)
            os.replace(made, out)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _refuse(out: Path, replace: bool) -> None:
    """Raise where something stands that must not be overwritten."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    ours = set()
    if (out / RECORD).is_file():
        try:
            ours = {RECORD, *json.loads((out / RECORD).read_text("utf-8"))["files"]}
        except (ValueError, KeyError, TypeError):
            ours = set()
    strange = sorted(path.name for path in out.iterdir() if path.name not in ours) if out.is_dir() else [out.name]
    if strange:
        raise ExportError(f"{out} holds {strange[0]}, which no run wrote. Give --out a folder of its own.")
    if not replace:
        raise ExportError(f"{out} holds an earlier run. Add --replace to overwrite it, or give --out another folder.")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the lock beside ``out``; it dies with its process and leaves no file."""
    from filelock import FileLock, Timeout

    lock = FileLock(out.with_name(f".{out.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ExportError(f"Another run is writing {out}. Wait for it, or give --out another folder.") from None
    try:
        yield
    finally:
        with suppress(OSError):  # while we hold it: afterwards it may be another run's; Windows keeps an open file
            Path(lock.lock_file).unlink()
        lock.release()
