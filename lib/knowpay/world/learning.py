"""Learning: who starts what they may study, how far they get, and when."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s
from .catalogue import vectors
from .people import tastes


def enrolments(
    users: pd.DataFrame, courses: pd.DataFrame, purchases: pd.DataFrame, periods: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return one row per course a person may study, bought or chosen as a member: ``user, course, time``."""
    rng = s.stream(seed, "enrolments")
    row = np.repeat(np.arange(len(periods)), 2)
    user = periods["user"].to_numpy()[row]
    time = (
        periods["start"].to_numpy()[row]
        + rng.random(len(row)) * 0.7 * (periods["end"] - periods["start"]).to_numpy()[row]
    )
    appeal = (
        tastes(users.iloc[user]) @ vectors(courses).T
        + 0.4 * courses["quality"].to_numpy()
        + rng.gumbel(size=(len(row), len(courses)))
    )
    picked = pd.DataFrame({"user": user, "course": appeal.argmax(axis=1), "time": time})
    published = courses["published"].to_numpy()[picked["course"]] <= time
    both = pd.concat(
        [purchases[["user", "course", "time"]], picked[published & (time < s.DAYS * s.DAY)]],
        ignore_index=True,
    )
    return both.sort_values("time", kind="stable").drop_duplicates(["user", "course"]).reset_index(drop=True)


def lessons(
    users: pd.DataFrame, courses: pd.DataFrame, enrolment: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (progress, steps).

    progress: the enrolments with ``started``, ``done`` (lessons finished) and ``completed``. steps: one row per
    finished lesson with ``user, course, time, number, length`` (number starts at 1), inside the window.
    """
    rng = s.stream(seed, "lessons")
    person, course = users.iloc[enrolment["user"]], courses.iloc[enrolment["course"]]
    total = course["lessons"].to_numpy()
    started = rng.random(len(enrolment)) < s.logistic(1.1 + 0.3 * person["engagement"].to_numpy())
    keep_on = s.logistic(
        1.55 + 1.8 * (person["patience"].to_numpy() - 0.5) + 0.35 * course["quality"].to_numpy()
        + 0.25 * person["engagement"].to_numpy()
        + 0.9 * (course["form"].to_numpy() == 1)
    )  # fmt: skip
    done = np.where(started, np.minimum(rng.geometric(1 - keep_on), total), 0)
    row = np.repeat(np.arange(len(enrolment)), done)
    number = np.arange(len(row)) - np.repeat(np.cumsum(done) - done, done) + 1
    gap = np.maximum(rng.exponential(1.6, len(row)), 0.02) * s.DAY
    elapsed = gap.cumsum()
    before = np.repeat(np.concatenate([[0.0], elapsed])[np.cumsum(done) - done], done)
    time = enrolment["time"].to_numpy()[row] + elapsed - before
    steps = pd.DataFrame(
        {
            "user": enrolment["user"].to_numpy()[row],
            "course": enrolment["course"].to_numpy()[row],
            "time": time,
            "number": number,
            "total": total[row],
            "length": course["lesson_seconds"].to_numpy()[row] * rng.uniform(0.7, 1.1, len(row)),
        }
    )
    steps = steps[steps["time"] < s.DAYS * s.DAY].reset_index(drop=True)
    return enrolment.assign(started=started, done=done, completed=done >= 0.8 * total), steps
