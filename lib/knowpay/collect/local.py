"""Copies of public files that the reader has put in place: found, checked byte by byte, never fetched."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

from knowpay.collect import DownloadError
from knowpay.collect.disk import cache_folder


def places(folder: str, cache: str | Path | None = None) -> list[Path]:
    """Where files of the set with this folder are looked for, in order: KNOWPAY_DATA, then what was fetched.

    `cache` is the folder of generated and downloaded data, as in `knowpay.collect.disk.cache_folder`.
    """
    given = os.environ.get("KNOWPAY_DATA")
    data = [Path(given).expanduser() / folder, Path(given).expanduser()] if given else []
    return [*data, cache_folder(cache) / "downloads" / folder]


def published(folder: str, file: str, sha256: str, source: str) -> bytes:
    """Return the bytes of a published file, uncompressed: ``file`` or ``file.gz`` in the `places` of ``folder``.

    ``source`` says where it comes from, for the message. ``sha256`` is that of the uncompressed bytes.

    Raises:
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    paths = [place / name for place in places(folder) for name in (f"{file}.gz", file)]
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
