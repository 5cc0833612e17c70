"""Observation: what the trackers wrote down, with faults planted at stated rates and remembered row by row.

The faults are those every real export has: retried events, wrong device clocks, events that arrive late, bots, and
money sent in fen. Behaviour is never changed here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s

DUPLICATED = 0.012  # of events: sent again with the same message id
SKEWED = 0.02  # of devices: clock wrong by 20 minutes to 12 hours
LATE = 0.01  # of device-days: offline, delivered 2 hours to 5 days later
MISDATED = 0.10  # of the late ones: the tracker stamps sent_at at the first try, so the time drifts to the arrival
BOT_EVENTS = 0.025  # of events
FEN_WEEKS = ("2025-03-03", "2025-03-31")  # the mini program sent fen in these weeks


def observe(events: pd.DataFrame, users: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the event export in order of arrival, seconds from START throughout.

    Adds to the clean columns: ``message`` (number), ``anonymous`` (device number), ``original``, ``sent``,
    ``received``, ``device`` (platform index), ``unknown_agent`` and the planted ``fault`` ("" for a clean row).
    """
    rng = s.stream(seed, "observe")
    seen = pd.concat([events, bots(len(events), len(users), rng)], ignore_index=True)
    n = len(seen)
    user = seen["user"].to_numpy()
    seen["anonymous"] = np.where(user >= 0, 2 * user + seen["second"].to_numpy(), 2 * len(users) - user)
    seen["message"] = np.arange(n)
    seen["fault"] = np.where(user < 0, "bot", "").astype(object)
    devices = int(seen["anonymous"].max()) + 1
    human = user >= 0

    offset = np.where(
        rng.random(devices) < SKEWED, rng.uniform(1200, 43_200, devices) * rng.choice([-1, 1], devices), 0.0
    )
    offset = np.where(human, offset[seen["anonymous"]], 0.0)
    offline = rng.random(n)  # the draw of the first row of a device and day counts for all of them
    day = (seen["time"].to_numpy() // s.DAY).astype(np.int64)
    group = seen["anonymous"].to_numpy() * s.DAYS + day
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    late = human & (offline[first][inverse] < LATE)
    delay = rng.uniform(2 * 3600, 5 * s.DAY, len(first))[inverse]
    misdated = late & (rng.random(len(first))[inverse] < MISDATED)
    seen["received"] = seen["time"] + np.where(late, delay, 0.0) + rng.uniform(0.2, 4.0, n)
    seen["original"] = seen["time"] + offset
    seen["sent"] = np.where(misdated, seen["original"], seen["received"] - rng.uniform(0.05, 0.15, n) + offset)
    # A row has at most one label; a late row of a device with a wrong clock is labelled by its clock.
    seen.loc[late, "fault"] = "late"
    seen.loc[misdated, "fault"] = "late_misdated"
    seen.loc[human & (offset != 0) & ~late, "fault"] = "skew"
    seen["device"] = np.where(human, users["device"].to_numpy()[np.maximum(user, 0)], 2)
    seen["device"] = np.where(seen["second"], 2, seen["device"])
    seen["unknown_agent"] = ~human | (rng.random(n) < 0.03)

    again = np.flatnonzero(human & (rng.random(n) < DUPLICATED))
    copies = seen.iloc[again].assign(fault="duplicate")
    copies["received"] = copies["received"] + np.minimum(rng.exponential(900, len(again)) + 1, 20 * 3600)
    both = pd.concat([seen, copies], ignore_index=True)
    both = both[both["received"] < s.DAYS * s.DAY + 5 * s.DAY]
    return both.sort_values(["received", "message"], kind="stable").reset_index(drop=True)


def bots(events: int, users: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return page views of bots (user below 0): many one-page ids, and two crawlers with a page every 30 seconds."""
    total = int(events * BOT_EVENTS)
    crawler = total // 4
    single = total - 2 * crawler
    window = s.DAYS * s.DAY - 120
    time = np.concatenate(
        [
            rng.random(single) * window,
            *(rng.random() * (window - crawler * 30) + 30.0 * np.arange(crawler) for _ in range(2)),
        ]
    )
    who = -1 - np.concatenate([np.arange(single), np.full(crawler, single), np.full(crawler, single + 1)])
    return pd.DataFrame(
        {"time": np.clip(time, 0, window), "event": np.int8(0), "user": who, "course": -1, "lesson": 0,
         "logged_in": False, "second": False}
    )  # fmt: skip


def in_fen(orders: pd.DataFrame) -> np.ndarray:
    """Return which orders the mini program sent in fen."""
    first, last = (s.seconds(d) for d in FEN_WEEKS)
    return ((orders["affiliation"] == "wechat_mp") & orders["time"].between(first, last)).to_numpy()
