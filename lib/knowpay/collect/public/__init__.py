"""The public data sets by name: those that `knowpay.open` knows (SETS), and all that a lesson may read (LISTED).

Each is a declaration, `NAME.yml` and `NAME.sql` in this folder; its card is among the data sets of the course.
"""

from pathlib import Path

from knowpay.collect import DownloadError
from knowpay.collect.public.declaration import PublicSet, declared
from knowpay.collect.public.engine import counts, open_public
from knowpay.collect.public.files import check, checksum, find, get, where

LEARNING = ("oulad", "mooccube", "mooccube-full", "mooccubex", "kddcup2015", "udemy", "coursera")
COMMERCE = ("online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing", "upworthy")
LISTED: dict[str, PublicSet] = {
    name: declared(Path(__file__).parent / f"{name}.yml") for name in (*LEARNING, *COMMERCE)
}
SETS: dict[str, PublicSet] = {name: one for name, one in LISTED.items() if one.sql}

__all__ = ["LISTED", "SETS", "PublicSet", "checksum", "counts", "find", "get", "open_public", "path", "where"]


def path(name: str, file: str = "") -> Path:
    """Where a file of a set is on this computer, compared with what was published; pandas reads it, .gz or not.

    Args:
        name: of the set.
        file: as published; of a set with one file it may be left out.

    Raises:
        ValueError: there is no such set or file.
        DownloadError: the file is not here or has other bytes; the message says where it belongs.
    """
    if name not in LISTED:
        raise ValueError(f"There is no data set {name!r}. Possible are {', '.join(LISTED)}.")
    dataset = LISTED[name]
    file = file or dataset.needed[0]
    if file not in dataset.files:
        raise ValueError(f"{name} has no file {file!r}; it has {', '.join(dataset.files)}.")
    found = find(dataset).get(file)
    if not found:
        fetches = f"`knowpay data get {name}` fetches it. " if dataset.served else ""
        raise DownloadError(f"{file} of {dataset.title} is not here. {fetches}{dataset.remedy}")
    check(dataset, file, found)
    return found
