"""The files of a public set: found in KNOWPAY_DATA or fetched into the cache, compared with the pinned sha256."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.collect import DownloadError
from knowpay.collect.disk import cache_folder, filling
from knowpay.collect.public.declaration import PublicSet

if TYPE_CHECKING:
    import requests
    from rich.progress import Progress, TaskID

ATTEMPTS = 3  # a second and two seconds apart


def places(dataset: PublicSet, root: Path | None = None) -> list[Path]:
    """Where files of the set are looked for, in order: KNOWPAY_DATA, then what was fetched into the cache `root`."""
    given = os.environ.get("KNOWPAY_DATA")
    data = [Path(given).expanduser() / dataset.folder, Path(given).expanduser()] if given else []
    return [*data, cache_folder(root) / "downloads" / dataset.folder]


def find(dataset: PublicSet, root: Path | None = None) -> dict[str, Path]:
    """The files of the set on this machine (name without .gz -> path); empty when no folder holds them.

    A folder that bears the set's name counts when it holds any of its files, KNOWPAY_DATA itself when it holds half
    of them: other sets may have a courses.csv too. Among the downloads only a whole set counts.

    Raises:
        DownloadError: a folder of KNOWPAY_DATA lacks a file.
    """
    *given, fetched = places(dataset, root)
    for place in (*given, fetched):
        files = {n: p for n in dataset.files for p in (place / n, place / f"{n}.gz") if p.is_file()}
        enough = 1 if place.name == dataset.folder else len(dataset.needed) / 2
        if len(files) < enough:
            continue
        for name in [n for n in files if dataset.files[n].instead_of]:
            if dataset.files[name].instead_of in files:
                del files[name]
        there = {dataset.files[n].instead_of or n for n in files}
        if missing := [n for n in dataset.needed if n not in there]:
            if place == fetched:
                continue
            raise DownloadError(
                f"{place} has no {', '.join(missing)} (or .gz). Add what is missing, or unset KNOWPAY_DATA. "
                f"{dataset.remedy}"
            )
        return files
    return {}


def where(dataset: PublicSet, root: Path | None = None) -> Path | None:
    """The folder that holds the files of the set, or its archive as fetched; None when it is not here.

    Raises:
        DownloadError: a folder of KNOWPAY_DATA lacks a file.
    """
    if files := find(dataset, root):
        return next(iter(files.values())).parent
    fetched = places(dataset, root)[-1]
    return fetched if dataset.served and all((fetched / name).is_file() for name in dataset.served) else None


def checksum(dataset: PublicSet) -> str:
    """Twelve digits that tell which files of the set are here; "" when it is not here or lacks a file.

    Those of the file's sha256; of several files, those of the sha256 of the list that `sha256sum` prints of them.
    """
    try:
        names = sorted(find(dataset) or (dataset.needed if where(dataset) else []))
    except DownloadError:
        return ""
    sums = [dataset.files[name].sha256 or "not pinned" for name in names]
    if len(sums) == 1:
        return sums[0][:12]
    text = "".join(f"{sha}  {name}\n" for sha, name in zip(sums, names, strict=True))
    return hashlib.sha256(text.encode()).hexdigest()[:12] if names else ""


def check(dataset: PublicSet, name: str, path: Path) -> None:
    """Raise DownloadError unless the uncompressed bytes are those that were published."""
    pinned = dataset.files[name].sha256
    if pinned is None:
        return
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise DownloadError(f"{path} cannot be read ({error}). Copy it again. {dataset.remedy}") from error
    if found != pinned:
        raise DownloadError(
            f"{path} is not the published file (sha256 of its text {found[:12]}…, expected {pinned[:12]}…). "
            f"Copy it again. {dataset.remedy}"
        )


def checked(dataset: PublicSet, root: Path | None = None) -> dict[str, Path]:
    """The files that `find` finds, each compared with what was published. Raises as `find` and `check`."""
    files = find(dataset, root)
    for name, path in files.items():
        check(dataset, name, path)
    return files


def get(dataset: PublicSet, root: Path | None = None) -> str:
    """Fetch the set unless it is here, compare its files with those published, and say where it is.

    Raises:
        DownloadError: it cannot be fetched, or what is here is not what was published; the message says what to do.
    """
    checked(dataset, root)
    if here := where(dataset, root):
        return f"already here, in {here}"
    fetch(dataset, root)
    return f"fetched into {where(dataset, root)}"


# --- fetched ------------------------------------------------------------------------------------------------------


def fetch(dataset: PublicSet, root: Path | None = None) -> dict[str, Path]:
    """Download what the publisher serves (name -> path) into the cache `root`; what is there and whole is kept.

    Raises:
        DownloadError: the download failed, or the publisher has no stable address; the message says what to do.
        ExportError: the cache cannot be written, or its disk is full.
    """
    import pooch
    import requests
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    if not dataset.served:
        raise DownloadError(f"{dataset.title} is not here. {dataset.remedy}")
    folder = places(dataset, root)[-1]
    pooch.get_logger().setLevel("WARNING")
    shelf = pooch.create(
        folder,
        base_url="",
        registry={name: f"sha256:{one.sha256}" for name, one in dataset.served.items()},
        urls={name: one.url for name, one in dataset.served.items()},
        retry_if_failed=ATTEMPTS - 1,
    )
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with filling(folder), Progress(*columns) as progress:
        folder.mkdir(exist_ok=True)
        for old in folder.glob("tmp*"):  # pooch's, of a run that was killed: we hold the lock
            old.unlink()
        for name, one in dataset.served.items():
            bar = _Bar(progress, progress.add_task(name, total=one.size))
            try:
                released = {"response": _released}
                shelf.fetch(name, downloader=pooch.HTTPDownloader(bar, chunk_size=1 << 16, hooks=released))
            except requests.HTTPError as error:
                said = f"answered {error.response.status_code} ({error.response.reason})"
                raise DownloadError(f"{one.url} {said}. {dataset.remedy}") from error
            except requests.TooManyRedirects as error:
                raise DownloadError(f"{one.url} redirects in a circle. {dataset.remedy}") from error
            except requests.RequestException as error:
                raise DownloadError(
                    f"{one.url} could not be read: {_cause(error)}. Run the same command again. {dataset.remedy}"
                ) from error
            except ValueError as error:
                raise DownloadError(
                    f"{one.url} is not the published file (its sha256 is not {one.sha256[:12]}…); it was deleted. "
                    f"Run the same command again, perhaps from another network. {dataset.remedy}"
                ) from error
    return {name: folder / name for name in dataset.served}


def _released(response: requests.Response, **_: object) -> None:
    """Close the connection of an answer that is an error: pooch reads it as an exception and leaves it open."""
    if response.status_code >= 400:
        response.close()


@dataclass
class _Bar:
    """The progress bar that pooch asks for, drawn by rich. An attempt that follows another begins anew."""

    progress: Progress
    task: TaskID
    total: int = 0

    def update(self, size: int) -> None:
        self.progress.update(self.task, total=self.total, advance=size)

    def reset(self) -> None:
        self.progress.reset(self.task)

    def close(self) -> None:
        """`Progress` ends by itself."""


def _cause(error: BaseException) -> BaseException:
    """What lies under an error of requests: the system's own words are the clear ones."""
    while error.__context__:
        error = error.__context__
    return error


def unpacked(dataset: PublicSet, archive: Path, folder: Path) -> dict[str, Path]:
    """Unpack the files of the set into `folder` (name -> path), without the folders of the archive; no others.

    Not by pooch, whose `Unzip` takes whatever begins like a name that is wanted, and leaves half a file where it is
    killed; `folder` is a temporary one (see `knowpay.collect.store.build`).

    Raises:
        DownloadError: the archive is damaged or encrypted, lacks a file or has it twice, holds a link or a path out
            of the folder, or is larger than it may be; one sentence and the remedy.
    """

    def refuse(what: str) -> DownloadError:
        return DownloadError(f"{archive} {what}. {dataset.remedy}")

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as zipped:
            entries = [entry for entry in zipped.infolist() if not entry.is_dir()]
            if wrong := _wrong(entries, dataset):
                raise refuse(wrong)
            for entry in entries:
                if (name := _parts(entry)[-1]) in dataset.needed:
                    with zipped.open(entry) as source, (folder / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: a damaged list points before the start of the file
            raise
        raise refuse(f"is damaged ({error})") from error
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, ValueError) as error:
        raise refuse(f"is damaged ({error})") from error
    return {name: folder / name for name in dataset.needed}


def _wrong(entries: list[zipfile.ZipInfo], dataset: PublicSet) -> str:
    """What must not be in an archive, or is missing; "" when all is well."""
    chosen: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        *folders, name = _parts(entry)
        if folders[:1] == [""] or ".." in folders or re.match("[A-Za-z]:", entry.filename):  # on any system
            return f"holds {entry.filename!r}, which would be written outside its folder"
        if stat.S_ISLNK(entry.external_attr >> 16):
            return f"holds {entry.filename!r}, which is a link and no file"
        if name in chosen:
            return f"holds {name} twice, as {chosen[name].filename!r} and {entry.filename!r}"
        if name in dataset.needed:
            chosen[name] = entry
    if missing := [name for name in dataset.needed if name not in chosen]:
        return f"has no {', '.join(missing)}"
    if locked := [name for name, entry in chosen.items() if entry.flag_bits & 1]:
        return f"is encrypted: {locked[0]} cannot be unpacked without a password"
    total = sum(entry.file_size for entry in chosen.values())
    most = dataset.archive.unpacked
    return f"would unpack to {total:,} bytes, more than the {most:,} published" if total > most else ""


def _parts(entry: zipfile.ZipInfo) -> list[str]:
    """The folders and the name of a file in an archive, as any system writes them."""
    return re.split(r"[/\\]", entry.filename)
