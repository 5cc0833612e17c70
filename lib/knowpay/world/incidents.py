"""Incidents: what went wrong on known days. Orders that failed, visitors who bought nothing, a silent tracker.

What fails is drawn from streams of their own: without incidents everybody would have done the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from . import demand
from . import settings as s
from .people import DEVICES

END = s.DAYS * s.DAY
CART, PAYMENT = 1, 2  # the step at which an order fails


class Incident(NamedTuple):
    """One incident: kind, platform ("" all), from and to (seconds), and its strength.

    Strength: share of the attempts that fail; of a burst, visits added as a multiple of a usual day's; of a tracker,
    share of the events that are lost.
    """

    kind: str
    platform: str
    start: float
    end: float
    strength: float


OUTAGE_AFTER, OUTAGE_HOURS = "2025-07-25", (11, 20)  # on the day of the first campaign from then on


def incidents(c: s.Setup) -> list[Incident]:
    """Return the incidents of a company in order of time; their strength is that of the knob."""
    days = demand.campaign_days(c)
    first = int(s.seconds(OUTAGE_AFTER) // s.DAY)
    day = min(days[days >= first], default=first)
    outage = [day * s.DAY + hour * 3600.0 for hour in OUTAGE_HOURS]
    listed = [
        Incident("checkout_break", "android", s.seconds("2025-05-12"), s.seconds("2025-06-02"), 0.85),
        Incident("burst", "", s.seconds("2025-07-08"), s.seconds("2025-07-11"), 1.5),
        Incident("payment_outage", "", *outage, 0.9),
        Incident("tracker_stop", "ios", s.seconds("2025-10-14"), s.seconds("2025-10-16"), 1.0),
    ]
    return [one._replace(strength=min(one.strength * c.incidents, _MOST[one.kind])) for one in listed]


_MOST = {"checkout_break": 1.0, "burst": np.inf, "payment_outage": 1.0, "tracker_stop": 1.0}


def chances(c: s.Setup, device: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return the probabilities that an order tried on a device (index) at a time fails at the cart, and at the payment.

    The shape is (orders, 2).
    """
    share = np.zeros((len(time), 2))
    for one in incidents(c):
        if one.kind in ("checkout_break", "payment_outage"):
            hit = (time >= one.start) & (time < one.end)
            hit &= device == DEVICES.index(one.platform) if one.platform else True
            share[hit, ("checkout_break", "payment_outage").index(one.kind)] = one.strength
    return share


def works(c: s.Setup, device: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return the probability that an order tried on a device at a time can be made, shape of ``time``."""
    return np.prod(1 - chances(c, device, time), axis=1)


def failures(c: s.Setup, device: np.ndarray, time: np.ndarray, what: str, block: int) -> np.ndarray:
    """Return the step at which each order tried fails, 0 where it can be made; ``what`` names the stream."""
    draw = c.stream(f"incidents {what}", block).random((len(time), 2))
    cart, payment = (draw < chances(c, device, time)).T
    return np.select([cart, payment], [CART, PAYMENT], 0)


def stopped(c: s.Setup, device: np.ndarray, purchases: pd.DataFrame, block: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (purchases that could be made, those that failed with the ``step``); ``device`` is that of each."""
    step = failures(c, device, purchases["time"].to_numpy(), "pages", block)
    return purchases[step == 0].reset_index(drop=True), purchases.assign(step=step)[step > 0]


def lost(at_pages: pd.DataFrame, touches: pd.DataFrame) -> pd.DataFrame:
    """Return the orders that failed, at pages and of people on lists: ``user, course, time, step, own_visit``."""
    on_lists = touches[(touches["failed"] > 0) & (touches["tried"] < END)]
    on_lists = on_lists.drop(columns="time").rename(columns={"tried": "time", "failed": "step"}).assign(own_visit=True)
    names = ["user", "course", "time", "step", "own_visit"]
    return pd.concat([at_pages[names], on_lists[names]], ignore_index=True)


def burst(c: s.Setup, users: pd.DataFrame, first: int, visits: int, block: int) -> dict[str, np.ndarray]:
    """Return the visits of a burst: ``user`` (row), ``time``, ``page`` (whether a course page is opened).

    Old users of a block come for something they saw elsewhere, look around and buy nothing. ``visits`` are those that
    the block has in all, ``first`` is its first user's row.
    """
    one = next(one for one in incidents(c) if one.kind == "burst")
    rng = c.stream("burst", block)
    days = (one.end - one.start) / s.DAY
    number = int(one.strength * days * visits / s.DAYS)
    there = np.flatnonzero((users["created"] < one.start - s.DAY).to_numpy() & ~users["is_test"].to_numpy())
    number = number if len(there) else 0
    user = rng.choice(there, number) if number else np.empty(0, dtype=np.int64)
    time = demand.waking(users["segment"].to_numpy()[user], one.start + rng.random(number) * (one.end - one.start))
    return {"user": first + user, "time": time, "page": rng.random(number) < 0.5}


def unseen(c: s.Setup, platform: np.ndarray, time: np.ndarray, block: int) -> np.ndarray:
    """Return which events a tracker that had stopped did not see: ``platform`` (index) and ``time`` of each."""
    one = next(one for one in incidents(c) if one.kind == "tracker_stop")
    rng = c.stream("tracker", block)
    hit = (platform == DEVICES.index(one.platform)) & (time >= one.start) & (time < one.end)
    return hit & (rng.random(len(time)) < one.strength)
