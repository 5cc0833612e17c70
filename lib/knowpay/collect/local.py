"""Copies of public files that the reader has put in place: found, checked byte by byte, never fetched."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from knowpay.collect import DownloadError
from knowpay.collect.store import ROOT, cache_folder

T = TypeVar("T")


def places(folder: str) -> list[Path]:
    """Where files of the set with this folder are looked for, in order: KNOWPAY_DATA, then beside the checkout."""
    given = os.environ.get("KNOWPAY_DATA")
    data = [Path(given).expanduser() / folder, Path(given).expanduser()] if given else []
    return [*data, ROOT.parent / "shared" / "datasets" / folder]


def published(folder: str, file: str, sha256: str, source: str) -> bytes:
    """Return the bytes of a published file, uncompressed, from KNOWPAY_DATA or from beside the checkout.

    Looks for ``file`` and ``file.gz`` in the `places` of ``folder``, then among what `knowpay.open` has fetched.
    ``source`` says where it comes from, for the message. ``sha256`` is that of the uncompressed bytes.

    Raises:
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    fetched = cache_folder() / "downloads" / folder
    paths = [place / name for place in [*places(folder), fetched] for name in (f"{file}.gz", file)]
    path = next((p for p in paths if p.is_file()), None)
    if path is None:
        raise DownloadError(
            f"{file} is not here: save it (from {source}) in a folder {folder} of the folder that KNOWPAY_DATA names."
        )
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise DownloadError(f"{path.name} cannot be read ({error}). Copy it again from {source}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DownloadError(f"{path.name} is not the published file: its sha256 differs. Copy it again from {source}.")
    return content


def if_here(load: Callable[[], T]) -> T | None:
    """Return what ``load`` returns, or None after printing the sentence that says why the data cannot be had.

    A lesson's section on real data goes on with None: no network is no reason to stop.
    """
    try:
        return load()
    except DownloadError as error:
        print(f"This section needs data that are not here. {error}")
        return None
