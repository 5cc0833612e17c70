"""Behaviour: the clean log of everything people did, before any tracker has seen it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import demand, incidents
from . import settings as s
from .choice import Chooser
from .learning import DONE

EVENTS = (
    "page_viewed", "signed_up", "logged_in", "product_list_viewed", "products_searched", "product_viewed",
    "product_added", "checkout_started", "order_completed", "order_refunded", "trial_started", "lesson_started",
    "lesson_completed", "course_completed", "product_shared",
)  # fmt: skip
CODE = {name: code for code, name in enumerate(EVENTS)}
NOT_LOGGED_IN = 0.10  # share of visits made without logging in
LISTED, SEARCHED = 0.5, 0.15  # of visits: with a look at the list of courses, with a search
LOOKED = 1.2  # visits before the registration, on average
COLUMNS = {"time": np.float64, "event": np.int8, "user": np.int32, "course": np.int16, "lesson": np.int16,
           "logged_in": bool, "second": bool}  # fmt: skip


def log(
    c: s.Setup,
    who: Chooser,
    visits: dict[str, np.ndarray],
    pages: dict[str, np.ndarray],
    purchases: pd.DataFrame,
    orders: pd.DataFrame,
    periods: pd.DataFrame,
    steps: dict[str, np.ndarray],
    shares: pd.DataFrame,
    carts: pd.DataFrame,
    block: int,
) -> dict[str, np.ndarray]:
    """Return the block's events, in no order: ``time, event`` (code), ``user, course`` (-1 none), ``lesson`` (0 none).

    ``logged_in`` says whether the tracker knew the person, ``second`` that the second device was used.
    """
    rng = c.stream("log", block)
    start, user = visits["start"], visits["user"]
    anonymous = rng.random(len(start)) < NOT_LOGGED_IN
    second = who.trait("second_device", user) & (rng.random(len(start)) < 0.4)
    browsing = rng.random(len(start))
    log = _Log()
    add = log.add
    add("page_viewed", start, user, logged_in=~anonymous, second=second)
    for event, seconds, at in (
        ("logged_in", 4, ~anonymous & (rng.random(len(start)) < 0.3)),
        ("product_list_viewed", 10, browsing < LISTED),
        ("products_searched", 12, browsing > 1 - SEARCHED),
    ):
        at = np.flatnonzero(at)
        add(event, start[at] + seconds, user[at], logged_in=~anonymous[at], second=second[at])
    page_in, page_second = ~anonymous[pages["visit"]], second[pages["visit"]]
    add("product_viewed", pages["time"], pages["user"], pages["course"], logged_in=page_in, second=page_second)
    for event, seconds, some in (("product_added", 15, carts), ("checkout_started", 19, carts[carts["asked"]])):
        at, when = some["page"].to_numpy(), some["time"].to_numpy()
        add(event, when + seconds, some["user"], some["course"], second=page_second[at] & (at >= 0))
    failed = carts[carts["own_visit"]]
    add("product_viewed", failed["time"], failed["user"], failed["course"])
    strangers = incidents.burst(c, who.users, who.first, len(start), block)
    add("page_viewed", strangers["time"], strangers["user"], logged_in=False)
    about = who.draw(strangers["user"], c.stream("burst pages", block))
    look = strangers["page"] & (who.courses["published"].to_numpy()[about] <= strangers["time"])
    add("product_viewed", strangers["time"][look] + 20, strangers["user"][look], about[look], logged_in=False)
    when, buyer, bought = (purchases[name].to_numpy() for name in ("time", "user", "course"))
    led = purchases["own_visit"].to_numpy()  # these people came for this course: their visit is made here
    add("page_viewed", when[led] - 60, buyer[led])
    add("product_viewed", when[led] - 45, buyer[led], bought[led])
    add("product_added", when - 18, buyer, bought)
    add("checkout_started", when - 9, buyer, bought)
    add("order_completed", when, buyer, bought)
    back = orders[orders["refund"] > 0]
    add("order_refunded", back["refund_time"].to_numpy(), back["user"].to_numpy(), back["course"].to_numpy())
    _registrations(log, who, rng)
    trials = periods[periods["period_no"] == 0]
    add("trial_started", trials["start"].to_numpy(), trials["user"].to_numpy())
    add("lesson_started", steps["time"] - steps["length"], steps["user"], steps["course"], steps["number"])
    add("lesson_completed", steps["time"], steps["user"], steps["course"], steps["number"])
    ends = np.flatnonzero(steps["number"] == np.ceil(DONE * steps["total"]))
    add("course_completed", steps["time"][ends] + 1, steps["user"][ends], steps["course"][ends])
    add("product_shared", *(shares[name].to_numpy() for name in ("time", "user", "course")))
    return log.columns()


class _Log:
    """Events, added some at a time."""

    def __init__(self) -> None:
        self.parts: list[tuple] = []

    def add(self, event: str, time, user, course=-1, lesson=0, logged_in=True, second=False) -> None:
        self.parts.append((time, CODE[event], user, course, lesson, logged_in, second))

    def columns(self) -> dict[str, np.ndarray]:
        """All of them inside the records."""
        sizes = [len(part[0]) for part in self.parts]
        merged = {name: np.empty(sum(sizes), dtype=kind) for name, kind in COLUMNS.items()}
        first = 0
        for part, size in zip(self.parts, sizes, strict=True):
            for name, value in zip(merged, part, strict=True):
                merged[name][first : first + size] = value
            first += size
        inside = (merged["time"] >= 0) & (merged["time"] < s.DAYS * s.DAY - 60)
        return merged if inside.all() else {name: values[inside] for name, values in merged.items()}


def _registrations(log: _Log, who: Chooser, rng: np.random.Generator) -> None:
    """Those who registered, and what they had looked at before: unknown then, on their first device."""
    joined = who.rows[who.users["created"].to_numpy() >= 0]
    log.add("signed_up", who.trait("created", joined), joined)
    looked = np.repeat(joined, rng.poisson(LOOKED, len(joined)))
    early = who.trait("created", looked) - (0.01 + rng.exponential(2.0, len(looked))) * s.DAY
    early = demand.waking(who.trait("segment", looked), early).clip(max=who.trait("created", looked) - 300)
    about = who.draw(looked, rng)
    saw = np.flatnonzero((rng.random(len(looked)) < 0.6) & (who.courses["published"].to_numpy()[about] <= early))
    log.add("page_viewed", early, looked, logged_in=False)
    log.add("product_viewed", early[saw] + 20, looked[saw], about[saw], logged_in=False)


def count_sessions(events: dict[str, np.ndarray]) -> int:
    """Return the number of sessions of a clean log: a person's events no more than half an hour apart."""
    key = (events["user"].astype(np.int64) << 36) + np.rint(events["time"] * 1000).astype(np.int64)
    key.sort()
    step = np.diff(key)
    return int(1 + ((key[1:] >> 36 != key[:-1] >> 36) | (step > 1_800_000)).sum()) if len(key) else 0
