"""Ids that only the holder of a key can link to people: HMAC-SHA256 (RFC 2104), keyed, so that nobody can try all ids.

De-identified in the sense of PIPL 73(3), pseudonymised in that of GDPR 4(5): still personal data, not anonymous.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from knowpay.collect.manifest import NAMES as MANIFESTS

if TYPE_CHECKING:
    import pandas as pd

BYTES = 32  # of a key; 256 bits, the output of the hash
VARIABLE = "KNOWPAY_KEY"


def new_key(path: str | Path) -> Path:
    """Write a fresh random key (64 hexadecimal digits) to a new file that only its owner may read; return the path.

    Raises ValueError when the file exists or lies where keys must not; see `read_key`.
    """
    path = _place(Path(path))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ValueError(f"{path} exists. With another key all pseudonyms change: name a new file.") from None
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(BYTES) + "\n")
    return path


def read_key(path: str | Path | None = None) -> bytes:
    """Return the key in the file ``path``, or, without a path, in the environment variable KNOWPAY_KEY.

    Raises ValueError when there is none, when it is weak (see `strong`), or when the file lies in an export (a folder
    with a manifest) or in a git repository: the key must not travel with the data or the code.
    """
    if path is None:
        text, where = os.environ.get(VARIABLE, ""), f"the variable {VARIABLE}"
        if not text:
            raise ValueError(f"There is no key: set {VARIABLE}, or name the file made by `new_key`.")
    else:
        place = _place(Path(path))
        if not place.is_file():
            raise ValueError(f"There is no key in {place}. Make one with `new_key`.")
        text, where = place.read_text("utf-8"), str(place)
    try:
        return strong(bytes.fromhex(text.strip()))
    except ValueError as error:
        raise ValueError(f"The key in {where} is refused: {_said(error)}") from None


def strong(key: bytes) -> bytes:
    """Return the key, or raise ValueError when it is shorter than 32 bytes or no random one.

    Of 32 random bytes about 30 differ, and hardly ever fewer than 20; the same holds of the steps from byte to byte.
    Words, repeated blocks and counters fail this. A key that somebody else knows passes it: keep it to yourself.
    """
    if len(key) < BYTES:
        raise ValueError(f"it has {len(key)} bytes, and {BYTES} are needed. Make one with `new_key`.")
    values = np.frombuffer(key, dtype=np.uint8)
    if min(len(np.unique(part)) for part in (values[:BYTES], np.diff(values[: BYTES + 1]))) < 20:
        raise ValueError("it is not random (repeated, counted or typed). Make one with `new_key`.")
    return key


def pseudonyms(ids: pd.Series, key: bytes) -> pd.Series:
    """Return the 32 hexadecimal digits (128 bits of HMAC-SHA256) that stand for each id; missing stays missing.

    The same key and id give the same pseudonym, in every table and on every day; another key gives one that cannot be
    linked to it. Raises ValueError for a weak key.
    """
    import pandas as pd

    strong(key)
    codes, distinct = pd.factorize(ids)
    names = np.array([hmac.digest(key, str(i).encode(), "sha256")[:16].hex() for i in distinct] + [None], dtype=object)
    return pd.Series(names[codes], index=ids.index, name=ids.name)  # code -1, missing, is the None at the end


def _place(path: Path) -> Path:
    path = path.expanduser().resolve()
    for folder in path.parents:
        inside = next((n for n in (*MANIFESTS, ".git") if (folder / n).exists()), None)
        if inside:
            what = "a git repository" if inside == ".git" else "an export"
            raise ValueError(f"{path} lies in {what} ({folder}). Keep the key apart from data and code.")
    return path


def _said(error: ValueError) -> str:
    text = str(error)
    return "it is not made of hexadecimal digits. Make one with `new_key`." if "fromhex" in text else text
