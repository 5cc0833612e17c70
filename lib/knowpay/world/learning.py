"""Learning: who starts what they may study, how far they get, and when."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import catalogue, demand, membership, trials
from . import settings as s
from .choice import Chooser

STARTED = 0.95  # logit of starting a course that one may study
KEEP_ON, PATIENCE, QUALITY, CAMP = 1.88, 2.2, 0.35, 1.26  # logit of going on to the next lesson
DONE = 0.8  # share of the lessons that completes a course
GOAL_DAYS = 3  # a course begun later is nobody's goal
GAP_DAYS = 1.6  # between two lessons, on average


def enrolments(c: s.Setup, who: Chooser, purchases: pd.DataFrame, periods: pd.DataFrame, block: int) -> pd.DataFrame:
    """Return one row per course a person may study: ``user, course, time, bought`` (False: chosen as a member)."""
    rng = c.stream("enrolments", block)
    picks = np.where(periods["plan"] == 1, 8, 2)  # courses a period, where the person gets round to it
    row = np.repeat(np.arange(len(periods)), picks)
    length = (periods["end"] - periods["start"]).to_numpy()[row]
    time = periods["start"].to_numpy()[row] + rng.random(len(row)) * 0.7 * length
    user = periods["user"].to_numpy()[row]
    course = who.draw(user, rng).astype(np.int64)
    open_then = (who.courses["published"].to_numpy()[course] <= time) & (time < s.DAYS * s.DAY)
    picked = pd.DataFrame({"user": user, "course": course, "time": time, "bought": False})[open_then]
    both = pd.concat([purchases[["user", "course", "time"]].assign(bought=True), picked], ignore_index=True)
    both = both.sort_values(["time", "user", "course"], kind="stable")
    return both.drop_duplicates(["user", "course"], ignore_index=True)


def lessons(
    c: s.Setup, who: Chooser, enrolment: pd.DataFrame, spells: pd.DataFrame, block: int
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Return (progress, steps).

    progress: the enrolments with ``started, begun`` (end of the first lesson, seconds, nan where none), ``done``
    (lessons finished, whenever) and ``completed``. steps: one row per finished lesson with ``user, course, time,
    number`` (from 1), ``total, length`` (seconds), inside the records.
    """
    rng = c.stream("lessons", block)
    user, course = enrolment["user"].to_numpy(), enrolment["course"].to_numpy()
    engagement = who.trait("engagement", user)
    total, quality, form = (who.courses[name].to_numpy()[course] for name in ("lessons", "quality", "form"))
    started = rng.random(len(user)) < s.logistic(STARTED + 0.3 * engagement)
    keep_on = s.logistic(
        KEEP_ON + PATIENCE * (who.trait("patience", user) - 0.5) + QUALITY * quality + 0.25 * engagement
        + CAMP * (form == catalogue.CAMP)
        + catalogue.REWORK_KEEPS * c.reworks * (who.courses["reworked"].to_numpy()[course] <= enrolment["time"])
    )  # fmt: skip
    done = np.where(started, np.minimum(trials.periods_until(1 - keep_on, rng.random(len(user))), total), 0)
    goal = goals(c, enrolment, spells)
    done = np.where(np.isfinite(goal), total, done)
    row = np.repeat(np.arange(len(user)), done)
    number = np.arange(len(row)) - np.repeat(np.cumsum(done) - done, done) + 1
    elapsed = (np.maximum(rng.exponential(GAP_DAYS, len(row)), 0.02) * s.DAY).cumsum()
    ends = np.concatenate([[0.0], elapsed])
    before, whole = ends[np.cumsum(done) - done], ends[np.cumsum(done)]
    enrolled = enrolment["time"].to_numpy()
    pace = np.minimum(1, (goal - enrolled) / np.maximum(whole - before, 1))  # whoever has a goal reaches it in time
    time = demand.waking(who.trait("segment", user)[row], enrolled[row] + (elapsed - before[row]) * pace[row])
    time = np.maximum(time, enrolled[row] + 0.02 * s.DAY * number)  # never before the purchase
    length = who.courses["lesson_seconds"].to_numpy()[course][row] * rng.uniform(0.7, 1.0, len(row))
    length = np.minimum(length, 0.015 * s.DAY)  # a lesson begins after the one before it, and after the purchase
    stop = stops(c, enrolment, spells, block)
    on = time < np.where(np.isfinite(goal), np.inf, stop)[row]
    done = np.bincount(row[on], minlength=len(user))
    row, number, time, length = row[on], number[on], time[on], length[on]
    started &= done > 0
    keep = time < s.DAYS * s.DAY
    steps = {"user": user[row], "course": course[row], "time": time, "number": number, "total": total[row],
             "length": length}  # fmt: skip
    begun = np.full(len(user), np.nan)
    begun[row[::-1]] = time[::-1]  # the first lesson of each
    progress = enrolment.assign(started=started, begun=begun, done=done, completed=done >= np.ceil(DONE * total))
    return progress, {name: values[keep] for name, values in steps.items()}


def goals(c: s.Setup, enrolment: pd.DataFrame, spells: pd.DataFrame) -> np.ndarray:
    """Return when each enrolment reaches the goal of a member who leaves for having finished, inf for all others.

    It is the last course that such a member chose before the use falls. Without the knob ``decline`` nobody has one.
    """
    goal = np.full(len(enrolment), np.inf)
    # A note keeps none of those who have finished: each has one spell.
    finished = spells[spells["leaving"] == s.CAUSES.index("finished")].set_index("user")["falls"]
    if c.decline > 0:
        falls = finished.reindex(enrolment["user"]).to_numpy()
        open_then = (~enrolment["bought"] & (enrolment["time"] < falls - GOAL_DAYS * s.DAY)).to_numpy()
        rows = np.flatnonzero(open_then)
        last = rows[~enrolment["user"].iloc[rows].duplicated(keep="last").to_numpy()]  # in order of time
        goal[last] = falls[last]
    return goal


def stops(c: s.Setup, enrolment: pd.DataFrame, spells: pd.DataFrame, block: int) -> np.ndarray:
    """Return when the use of members who are to leave ends, for each enrolment: inf where it does not.

    What is begun later does not end with it, and where a note keeps the member the use falls no further.
    """
    rng = c.stream("fewer lessons", block)
    user, time, stop = enrolment["user"].to_numpy(), enrolment["time"].to_numpy(), np.full(len(enrolment), np.inf)
    for layer in membership.layers(spells.assign(share=membership.share_lost(c, spells))):
        dates = layer.set_index("user")[["falls", "leaves", "until", "share"]].reindex(user)
        falls, leaves, until, share = dates.fillna(0.0).to_numpy().T  # nobody else has anything to lose
        when = falls + rng.random(len(user)) * (leaves - falls)
        ends = (rng.random(len(user)) < share) & (when < until) & (time < when)
        stop = np.where(ends, np.minimum(stop, when), stop)
    return stop
