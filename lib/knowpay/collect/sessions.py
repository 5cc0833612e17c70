"""Sessions: a person's events no more than half an hour apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

GAP_SECONDS = 1_800


def session_numbers(person: np.ndarray, microseconds: np.ndarray, gap_seconds: int = GAP_SECONDS) -> np.ndarray:
    """Return the number of the session of each event, from 0, in the order of (person, time).

    ``person`` holds non-negative integer codes and ``microseconds`` times, both (events,). They are packed into
    one 64-bit key, so that one sort orders by person and by time: the whole cost is that sort.
    Raises ValueError when the two have other lengths or do not fit into one key.
    """
    person, time = np.asarray(person, dtype=np.int64), np.asarray(microseconds, dtype=np.int64)
    if person.shape != time.shape:
        raise ValueError(f"{person.size} people and {time.size} times: each event needs one of both.")
    if not person.size:
        return np.empty(0, dtype=np.int64)
    time = time - time.min()
    bits = int(time.max()).bit_length()
    if person.min() < 0 or int(person.max()).bit_length() + bits > 62:
        raise ValueError("The codes of the people must be 0 or more and small enough to share 62 bits with the times.")
    order = np.argsort((person << bits) | time)  # equal keys share a session: no stable sort needed
    sorted_person, sorted_time = person[order], time[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(sorted_person) != 0) | (np.diff(sorted_time) > gap_seconds * 1_000_000)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(new) - 1
    return numbers


def people(user_id: pd.Series, anonymous_id: pd.Series) -> pd.Series:
    """Return who each event belongs to: the user, else the only user ever seen on the device, else the device itself.

    A device with two or more users is nobody's: its events without login stay with the device.
    """
    known = pd.DataFrame({"user": user_id, "device": anonymous_id}).dropna().drop_duplicates()
    owners = known.drop_duplicates("device", keep=False).set_index("device")["user"]
    return user_id.fillna(anonymous_id.map(owners)).fillna(anonymous_id)
