"""Sessions: a person's events no more than half an hour apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

GAP_SECONDS = 1_800


def session_numbers(person: np.ndarray, microseconds: np.ndarray, gap_seconds: int = GAP_SECONDS) -> np.ndarray:
    """Return the number of the session of each event, from 0, in the order of (person, time).

    ``person`` holds non-negative integer codes and ``microseconds`` times, both (events,). The events are sorted by
    time, then by one 64-bit key: the person in its high bits, the place in time in its low ones. Such keys are sorted
    without an index beside them, which is the quicker way, and events that come in the order of time cost less still.
    Raises ValueError when the two have other lengths, or when a code is negative or too large for the key.
    """
    person, time = np.asarray(person, dtype=np.int64), np.asarray(microseconds, dtype=np.int64)
    if person.shape != time.shape:
        raise ValueError(f"{person.size} people and {time.size} times: each event needs one of both.")
    if not person.size:
        return np.empty(0, dtype=np.int64)
    bits = person.size.bit_length()
    if person.min() < 0 or int(person.max()).bit_length() + bits > 63:
        raise ValueError("The codes of the people must be 0 or more and, with the count of events, fit into 63 bits.")
    by_time = np.argsort(time)  # equal times share a session: no stable sort needed
    key = (person[by_time] << bits) | np.arange(person.size)
    key.sort()
    order = by_time[key & ((1 << bits) - 1)]
    new = np.diff(time[order]) > gap_seconds * 1_000_000
    new |= np.diff(key >> bits) != 0
    numbers = np.zeros(person.size, dtype=np.int64)
    numbers[order[1:]] = np.cumsum(new)
    return numbers


def people(user_id: pd.Series, anonymous_id: pd.Series) -> pd.Series:
    """Return who each event belongs to: the user, else the only user ever seen on the device, else the device itself.

    A device with two or more users is nobody's: its events without login stay with the device. The result is
    categorical: one number for each event, each name once.
    """
    names = pd.Index(user_id.dropna().unique(), dtype="str").union(
        pd.Index(anonymous_id.dropna().unique(), dtype="str")
    )
    user, device = (names.get_indexer(column) for column in (user_id, anonymous_id))  # -1: none
    both = (user >= 0) & (device >= 0)
    place, owner = np.divmod(np.unique(device[both] * len(names) + user[both]), max(len(names), 1))
    alone = np.bincount(place, minlength=len(names))[place] == 1
    only = np.full(len(names) + 1, -1)  # the last is the owner of no device
    only[place[alone]] = owner[alone]
    who = np.where(user >= 0, user, only[device])
    return pd.Series(pd.Categorical.from_codes(np.where(who >= 0, who, device), names), index=user_id.index)
