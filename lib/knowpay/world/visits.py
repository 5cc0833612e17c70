"""Visits: when people come, which course pages they open, and what they buy without being asked.

The choice of a course page is a multinomial logit over taste, quality and popularity; the purchase at a page is a
logit over taste, price, quality and engagement, so that elasticity and next-best course are known numbers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s
from .catalogue import vectors
from .people import tastes

CHUNK = 10_000  # users at a time: bounds memory at about 50 MB for the user-by-day rates


def visits(users: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one row per visit: ``user`` (row index), ``start`` (seconds), sorted by user and time."""
    rng = s.stream(seed, "visits")
    factor, weekend = s.day_factor(), s.is_weekend()
    day = np.arange(s.DAYS) + 0.5
    parts = []
    for first in range(0, len(users), CHUNK):
        part = users.iloc[first : first + CHUNK]
        age = day - (part["created"].to_numpy() / s.DAY)[:, None]
        fade = np.maximum(np.exp(-np.maximum(age, 0) / part["fade_days"].to_numpy()[:, None]), 0.12)
        week = np.where(weekend, s.WEEKEND_FACTOR[part["segment"]][:, None], 1.0)
        rate = part["weekly_rate"].to_numpy()[:, None] / 7 * fade * week * factor * (age > 0)
        count = rng.poisson(rate)
        user, on = np.nonzero(count)
        times = count[user, on]
        parts.append((np.repeat(user + first, times), np.repeat(on, times)))
    user, on = (np.concatenate(p) for p in zip(*parts, strict=True))
    start = (on + hours(users["segment"].to_numpy()[user], rng) / 24) * s.DAY
    start = np.maximum(start, users["created"].to_numpy()[user] + 30 + 600 * rng.random(len(user)))
    # People who registered inside the window made their first visit then.
    new = np.flatnonzero(users["created"].to_numpy() >= 0)
    user = np.concatenate([user, new])
    start = np.concatenate([start, users["created"].to_numpy()[new] + 5.0])
    order = np.lexsort((start, user))
    return pd.DataFrame({"user": user[order], "start": start[order]})


def hours(segment: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an hour of the day (0-24) for each visit from the hour profile of its person's segment."""
    peaks = np.array(s.HOURS)  # (segments, bumps, 3)
    bump = (rng.random(len(segment))[:, None] > peaks[segment][:, :-1, 2].cumsum(axis=1)).sum(axis=1)
    centre, width = peaks[segment, bump, 0], peaks[segment, bump, 1]
    return (centre + width * rng.standard_normal(len(segment))) % 24


def course_pages(users: pd.DataFrame, courses: pd.DataFrame, visit: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one row per opened course page: ``visit`` (row index), ``user``, ``course``, ``time``.

    Courses are drawn by inverse transform on each user's choice probabilities: one search in the users' stacked
    cumulative rows, so the cost per page is the logarithm of the catalogue.
    """
    rng = s.stream(seed, "pages")
    count = rng.poisson(1.5, len(visit))
    row = np.repeat(np.arange(len(visit)), count)
    user = visit["user"].to_numpy()[row]
    course = np.empty(len(row), dtype=np.int64)
    for first in range(0, len(users), CHUNK):
        part = users.iloc[first : first + CHUNK]
        appeal = (
            tastes(part) @ vectors(courses).T + 0.4 * courses["quality"].to_numpy() + courses["popularity"].to_numpy()
        )
        weight = np.exp(appeal - appeal.max(axis=1, keepdims=True))
        edges = weight.cumsum(axis=1)
        edges /= edges[:, -1:]
        edges += np.arange(len(part))[:, None]
        lo, hi = np.searchsorted(user, [first, first + len(part)])
        draw = rng.random(hi - lo) * (1 - 1e-12) + (user[lo:hi] - first)
        course[lo:hi] = np.searchsorted(edges.ravel(), draw, side="right") - (user[lo:hi] - first) * len(courses)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    time = visit["start"].to_numpy()[row] + 20 + 70 * nth + 40 * rng.random(len(row))
    pages = pd.DataFrame({"visit": row, "user": user, "course": np.minimum(course, len(courses) - 1), "time": time})
    published = courses["published"].to_numpy()[pages["course"]] <= pages["time"].to_numpy()
    return pages[published].reset_index(drop=True)


def interest(users: pd.DataFrame, courses: pd.DataFrame) -> np.ndarray:
    """Return the purchase utility without level terms, paired row by row (users and courses of equal length)."""
    match = np.einsum("ij,ij->i", tastes(users), vectors(courses))
    return (
        s.BUY_TASTE * match
        - s.BUY_PRICE * users["price_sensitivity"].to_numpy() * np.log(courses["price"].to_numpy() / s.REFERENCE_PRICE)
        + s.BUY_QUALITY * courses["quality"].to_numpy()
        + s.BUY_ENGAGEMENT * users["engagement"].to_numpy()
    )


def spontaneous_purchases(users: pd.DataFrame, courses: pd.DataFrame, pages: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return purchases made at a course page without a campaign: ``user, course, time``; a first purchase per pair."""
    rng = s.stream(seed, "purchases")
    p = s.logistic(s.VISIT_LEVEL + interest(users.iloc[pages["user"]], courses.iloc[pages["course"]]))
    staff = users["is_staff"].to_numpy()[pages["user"]]
    bought = pages[(rng.random(len(pages)) < p) & ~staff]
    bought = bought.assign(time=bought["time"] + 35).sort_values("time", kind="stable")
    return bought.drop_duplicates(["user", "course"])[["user", "course", "time"]]
