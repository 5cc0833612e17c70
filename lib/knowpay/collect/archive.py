"""Unpack the files that are wanted from a zip or tar archive, whole or not at all."""

import errno
import hashlib
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from knowpay.collect import DownloadError


@dataclass(frozen=True)
class _Entry:
    name: str  # as the archive writes it
    size: int  # bytes uncompressed, as the archive says
    link: bool  # a symbolic or hard link, or a device
    locked: bool  # encrypted
    open: Callable[[], BinaryIO]

    @property
    def file(self) -> str:
        """The name without folders."""
        return re.split(r"[/\\]", self.name)[-1]

    @property
    def outside(self) -> bool:
        """Whether the name points out of the folder it is unpacked into, on any system."""
        return bool(re.match(r"[/\\]|[A-Za-z]:", self.name)) or ".." in re.split(r"[/\\]", self.name)


def extract(archive: Path, wanted: Mapping[str, str | None], folder: Path, limit: int, by_hand: str) -> dict[str, Path]:
    """Unpack the files called `wanted` into `folder`, without the folders of the archive; others are not unpacked.

    Args:
        archive: a .zip, .tar or .tar.gz file.
        wanted: file name -> sha256 of its uncompressed bytes, or None.
        folder: where to put them; they appear there only when all of them are right.
        limit: most bytes that they may have together, uncompressed.
        by_hand: sentence that says how to place the data without this function; ends every error.

    Returns:
        File name -> path in `folder`.

    Raises:
        DownloadError: the archive is damaged or encrypted, lacks a file or has it twice, holds a link or a path out
            of the folder, is larger than it may be, or a file has another checksum; one sentence and the remedy.
    """

    def refuse(what: str) -> DownloadError:
        return DownloadError(f"{archive} {what}. {by_hand}")

    folder.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{archive.name}-", dir=folder))
    try:
        with ExitStack() as stack:
            entries = _entries(archive, stack)
            for entry in entries:
                if entry.outside:
                    raise refuse(f"holds {entry.name!r}, which would be written outside its folder")
                if entry.link:
                    raise refuse(f"holds {entry.name!r}, which is a link and no file")
            chosen: dict[str, _Entry] = {}
            for entry in entries:
                if entry.file in chosen:
                    raise refuse(f"holds {entry.file} twice, as {chosen[entry.file].name!r} and {entry.name!r}")
                if entry.file in wanted:
                    chosen[entry.file] = entry
            if missing := [name for name in wanted if name not in chosen]:
                raise refuse(f"has no {', '.join(missing)}")
            total = sum(entry.size for entry in chosen.values())
            if total > limit:
                raise refuse(f"would unpack to {total:,} bytes, more than the {limit:,} published")
            left = limit
            for name, entry in chosen.items():
                if entry.locked:
                    raise refuse(f"is encrypted: {name} cannot be unpacked without a password")
                digest = hashlib.sha256()
                with entry.open() as source, (temporary / name).open("wb") as target:
                    while block := source.read(1 << 16):
                        left -= len(block)
                        if left < 0:  # the sizes that the archive states are not true
                            raise refuse(f"unpacks to more than the {limit:,} bytes published")
                        digest.update(block)
                        target.write(block)
                if (pinned := wanted[name]) not in (None, digest.hexdigest()):
                    found = digest.hexdigest()
                    raise refuse(
                        f"holds another {name} than the published one (sha256 {found[:12]}…, expected {pinned[:12]}…)"
                    )
        for name in chosen:
            os.replace(temporary / name, folder / name)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DownloadError(f"The disk of {folder} is full: {archive.name} could not be unpacked.") from error
        if error.errno not in (None, errno.EINVAL):  # EINVAL: a damaged list points before the start of the file
            raise
        raise refuse(f"is damaged ({error})") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, NotImplementedError, ValueError) as error:
        raise refuse(f"is damaged ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {name: folder / name for name in wanted}


def _entries(archive: Path, stack: ExitStack) -> list[_Entry]:
    """What the archive lists, folders left out."""
    if not tarfile.is_tarfile(archive):
        zipped = stack.enter_context(zipfile.ZipFile(archive))
        return [
            _Entry(
                e.filename,
                e.file_size,
                link=stat.S_ISLNK(e.external_attr >> 16),
                locked=bool(e.flag_bits & 1),
                open=lambda e=e: zipped.open(e),
            )
            for e in zipped.infolist()
            if not e.is_dir()
        ]
    tarred = stack.enter_context(tarfile.open(archive))  # noqa: SIM115 - the stack closes it
    return [
        _Entry(m.name, m.size, link=not m.isreg(), locked=False, open=lambda m=m: tarred.extractfile(m))
        for m in tarred.getmembers()
        if not m.isdir()
    ]
