"""Behaviour: the clean log of everything people did, before any tracker has seen it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s

EVENTS = (
    "page_viewed", "signed_up", "logged_in", "product_list_viewed", "products_searched", "product_viewed",
    "product_added", "checkout_started", "order_completed", "trial_started", "lesson_started", "lesson_completed",
    "course_completed", "product_shared",
)  # fmt: skip
CODE = {name: code for code, name in enumerate(EVENTS)}
NOT_LOGGED_IN = 0.10  # share of visits made without logging in


def log(
    users: pd.DataFrame,
    visits: pd.DataFrame,
    pages: pd.DataFrame,
    purchases: pd.DataFrame,
    periods: pd.DataFrame,
    steps: pd.DataFrame,
    shares: pd.DataFrame,
    seed: int,
) -> pd.DataFrame:
    """Return one row per event: ``time, event`` (code), ``user, course`` (-1 none), ``lesson`` (0 none), and two flags.

    ``logged_in`` says whether the tracker knew the person, ``second`` that the second device was used.
    Rows are sorted by time, ties by user.
    """
    rng = s.stream(seed, "log")
    anonymous = rng.random(len(visits)) < NOT_LOGGED_IN
    has_two = rng.random(len(users)) < 0.15
    second = has_two[visits["user"]] & (rng.random(len(visits)) < 0.4)
    of_page = pages["visit"].to_numpy()

    def rows(event: str, time, user, course=-1, lesson=0, logged_in=True, second=False) -> dict[str, np.ndarray]:
        size = len(time)
        columns = {"time": time, "event": CODE[event], "user": user, "course": course, "lesson": lesson,
                   "logged_in": logged_in, "second": second}  # fmt: skip
        return {name: np.broadcast_to(np.asarray(value), size) for name, value in columns.items()}

    start, who = visits["start"].to_numpy(), visits["user"].to_numpy()
    browsing = rng.random(len(visits))
    listed, searched, login = browsing < 0.7, browsing > 0.82, ~anonymous & (rng.random(len(visits)) < 0.3)
    page_time, page_user, page_course = (pages[c].to_numpy() for c in ("time", "user", "course"))
    page_in, page_second = ~anonymous[of_page], second[of_page]
    carted = page_in & (rng.random(len(pages)) < 0.03)
    asked = carted & (rng.random(len(pages)) < 0.5)
    buy_time, buyer, bought = (purchases[c].to_numpy() for c in ("time", "user", "course"))
    led = purchases["campaign"].to_numpy()  # these people came because of the campaign: their visit is made here
    joined = np.flatnonzero(users["created"].to_numpy() >= 0)
    step_time, step_user, step_course, number = (steps[c].to_numpy() for c in ("time", "user", "course", "number"))
    ends = number == np.ceil(0.8 * steps["total"].to_numpy())
    parts = [
        rows("page_viewed", start, who, logged_in=~anonymous, second=second),
        rows("logged_in", start[login] + 4, who[login], second=second[login]),
        rows(
            "product_list_viewed",
            start[listed] + 10,
            who[listed],
            logged_in=~anonymous[listed],
            second=second[listed],
        ),
        rows(
            "products_searched",
            start[searched] + 12,
            who[searched],
            logged_in=~anonymous[searched],
            second=second[searched],
        ),
        rows("product_viewed", page_time, page_user, page_course, logged_in=page_in, second=page_second),
        rows(
            "product_added",
            page_time[carted] + 15,
            page_user[carted],
            page_course[carted],
            second=page_second[carted],
        ),
        rows(
            "checkout_started",
            page_time[asked] + 19,
            page_user[asked],
            page_course[asked],
            second=page_second[asked],
        ),
        rows("page_viewed", buy_time[led] - 120, buyer[led]),
        rows("product_viewed", buy_time[led] - 90, buyer[led], bought[led]),
        rows("product_added", buy_time - 18, buyer, bought),
        rows("checkout_started", buy_time - 9, buyer, bought),
        rows("order_completed", buy_time, buyer, bought),
        rows("signed_up", users["created"].to_numpy()[joined], joined),
        rows("trial_started", *trial_rows(periods)),
        rows("lesson_started", step_time - steps["length"].to_numpy(), step_user, step_course, number),
        rows("lesson_completed", step_time, step_user, step_course, number),
        rows("course_completed", step_time[ends] + 1, step_user[ends], step_course[ends]),
        rows(
            "product_shared",
            shares["time"].to_numpy(),
            shares["user"].to_numpy(),
            shares["course"].to_numpy(),
        ),
    ]
    merged = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    merged["event"] = merged["event"].astype(np.int8)
    inside = (merged["time"] >= 0) & (merged["time"] < s.DAYS * s.DAY - 60)
    keep = np.flatnonzero(inside)
    keep = keep[np.lexsort((merged["event"][keep], merged["user"][keep], merged["time"][keep]))]
    return pd.DataFrame({name: values[keep] for name, values in merged.items()})


def trial_rows(periods: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (time, user) of the trials."""
    trials = periods[periods["period_no"] == 0]
    return trials["start"].to_numpy(), trials["user"].to_numpy()


def count_sessions(events: pd.DataFrame, gap: float = 1800.0) -> int:
    """Return the number of sessions of the clean log: a person's events no more than ``gap`` seconds apart."""
    order = np.lexsort((events["time"], events["user"]))
    user, time = events["user"].to_numpy()[order], events["time"].to_numpy()[order]
    return int(1 + ((np.diff(user) != 0) | (np.diff(time) > gap)).sum()) if len(events) else 0
