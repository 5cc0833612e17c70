"""Fetch a file of known size and sha256: resumed where it stopped, whole or not at all."""

import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from pathlib import Path

from knowpay.collect import DownloadError
from knowpay.collect.disk import only_one

TIMEOUT = 30.0  # seconds without a byte
PAUSES = (1.0, 3.0, 9.0)  # seconds before the second, third and fourth attempt
PASSING = (408, 416, 429, 500, 502, 503, 504)  # answers after which the same request may succeed


def download(url: str, target: Path, sha256: str, size: int, by_hand: str) -> Path:
    """Download `url` to `target` unless it is there; an unfinished download goes on from `target`.part.

    Args:
        url: address of the file.
        target: where to put it; it appears only when size and checksum are right.
        sha256: expected checksum of its bytes.
        size: expected length in bytes.
        by_hand: sentence that says how to place the data without this function; ends every error.

    Raises:
        DownloadError: the cause in one sentence, with the remedy.
    """
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with only_one(target):
        if target.exists():
            return target
        for pause in (*PAUSES, None):
            try:
                _fetch(url, part, size, by_hand)
                break
            except (OSError, http.client.HTTPException) as error:
                answer = None
                if isinstance(error, urllib.error.HTTPError):
                    answer = error.code
                    error.close()  # it holds the connection
                if answer and (answer not in PASSING or pause is None):
                    said = "redirects in a circle" if 300 <= answer < 400 else f"answered {answer} ({error.reason})"
                    raise DownloadError(f"{url} {said}. {by_hand}") from error
                if isinstance(error, OSError) and error.errno == 28:  # ENOSPC
                    raise DownloadError(f"The disk is full: {part} could not grow. Free some space.") from error
                if pause is None:
                    cause = getattr(error, "reason", error)
                    got = part.stat().st_size if part.exists() else 0
                    raise DownloadError(
                        f"{url} could not be read: {cause} ({got:,} of {size:,} bytes are kept). "
                        f"Run the same command again to go on. {by_hand}"
                    ) from error
                if answer == 416:  # the part is longer than what the server has
                    part.unlink(missing_ok=True)
                time.sleep(pause)
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            part.unlink()
            raise DownloadError(
                f"{url} is not the published file (sha256 {found[:12]}…, expected {sha256[:12]}…); it was deleted. "
                f"Run the same command again, perhaps from another network. {by_hand}"
            )
        os.replace(part, target)
    return target


def _fetch(url: str, part: Path, size: int, by_hand: str) -> None:
    """Append to `part` until it has `size` bytes; OSError when the connection breaks before."""
    have = part.stat().st_size if part.exists() else 0
    if have == size:
        return
    if have > size:
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0  # the server sends the whole file
        stated = answer.headers.get("Content-Length", "")
        if stated.isdigit() and have + int(stated) != size:  # a log-in page of the network, or another version
            raise DownloadError(
                f"{url} is not the published file ({have + int(stated):,} bytes, expected {size:,}). "
                f"Run the same command again, perhaps from another network. {by_hand}"
            )
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        with part.open("ab" if have else "wb") as file, Progress(*columns) as progress:
            task = progress.add_task(part.name.removesuffix(".part"), total=size, completed=have)
            while have <= size and (block := answer.read(1 << 16)):
                file.write(block)
                have += len(block)
                progress.update(task, completed=have)
    if have < size:
        raise ConnectionError("the connection closed before the end")
