"""Trials: what the company has tested by lot. A note against leaving, the month's price, points, and bundles.

Each trial draws its lots from a stream of its own, and these draws are the same whatever the knob of its effect says.
A lot is drawn before anything that it may change; nothing that happens later changes who was drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import demand
from . import settings as s

END = s.DAYS * s.DAY
TO = "2025-12-01"  # the end of the trials that went on: nobody is drawn for them from then on
# The note against leaving: to members who are still there five days before their period ends, to half of them by lot.
NOTE_FROM, NOTE_DAYS = "2025-02-01", 5
# Share of those leaving for a cause whom a delivered note keeps, by s.CAUSES: it offers a pause and a cheaper month.
KEPT = np.array([0.90, 0.85, 0.0, 0.12, 0.10, 0.10, 0.05])
# The price of the first paid month, by lot among those who begin a trial of the month plan.
# Of the logit of going on to pay by the log of the price: a month is easier to do without than a course.
PRICE_SLOPE = 2.2
PRICE_FROM, MONTH_PRICES = "2024-10-01", np.array([28.0, 38.0, 48.0])
# The points programme: half of the users of that day were invited to it by lot; who joins is up to them.
POINTS_FROM, POINTS_EFFECT = "2025-02-10", 0.5  # on the logit of every purchase after joining
JOINS_LEVEL, JOINS_ENGAGEMENT, JOINS_MEANS, JOINS_DAYS = 0.0, 0.6, 0.6, 6.0
# Bundles: whoever buys the first course of a pair is shown the second, with so much off the pair by lot.
BUNDLE_FROM, BUNDLE_OFF = "2025-01-01", np.array([0.0, 0.10, 0.25])


def may_be_asked(users: pd.DataFrame, time: np.ndarray | float) -> np.ndarray:
    """Return who may be sent something personal at a time in seconds, shape of ``time`` or (users,)."""
    never = users["is_staff"] | users["is_test"] | users["under_14"] | users["marketing_denied"] | users["opted_out"]
    begin, end = users["created"].to_numpy(), users["marketing_withdrawn"].to_numpy()
    return ~(never | users["marketing_unknown"]).to_numpy() & (begin < time) & (time < end)


# The price of the first paid month


def month_prices(c: s.Setup, person: pd.DataFrame, day: np.ndarray, plan: np.ndarray, block: int) -> pd.DataFrame:
    """Return what the month costs whom, one row per trial: ``price`` (yuan), ``shift``, ``tested``.

    ``shift`` is what the price adds to the logit of going on to pay, by PRICE_SLOPE. ``day`` is
    when the trial begins: the price is told then, and holds for the first paid period.
    """
    rng = c.stream("month price", block)
    arm = rng.integers(0, len(MONTH_PRICES), len(person))
    tested = (day >= s.seconds(PRICE_FROM) / s.DAY) & (day < s.seconds(TO) / s.DAY) & (plan == 0)
    price = np.where(tested, MONTH_PRICES[arm], s.PLAN_PRICE[plan])
    return pd.DataFrame({"price": price, "tested": tested, "shift": price_shift(c, person, price, s.PLAN_PRICE[plan])})


def price_shift(c: s.Setup, person: pd.DataFrame, price: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return what a price adds to the logit of going on to pay, against the ``usual`` one."""
    return -c.month_price * PRICE_SLOPE * person["price_sensitivity"].to_numpy() * np.log(price / usual)


# The note against leaving


def notes(
    c: s.Setup, person: pd.DataFrame, first_paid: np.ndarray, life: pd.DataFrame, share: np.ndarray, block: int
) -> tuple[pd.DataFrame, dict[str, np.ndarray], pd.DataFrame]:
    """Return (life with what the notes changed, lots, leavers whom a note kept).

    ``life`` has one row per member: ``paid, length`` (days of a period), ``hazard, lifetime`` (paid periods until one
    is not renewed), ``cause, early`` (leaves before a note could come) and ``when`` (0 to 1, within the early or the
    late part). ``share`` are the probabilities of the causes, (members, causes). Whom a note keeps lives on with the
    same hazard and may leave later, for a cause drawn anew. lots, (members, periods): ``tested`` (the period is in the
    trial), ``listed`` (and the member is still there), ``sent`` (the lot says note), ``delivered`` (and it arrives).
    kept: ``member`` (row), ``lifetime, cause`` as they would have been, ``until`` (the moment of the note, seconds).
    """
    rng = c.stream("note", block)
    n, most = len(person), int(np.ceil(s.DAYS / s.PLAN_DAYS.min())) + 1
    sent, arrives = rng.random((n, most)) < 0.5, rng.random((n, most)) < s.DELIVERED
    moment = first_paid[:, None] + np.arange(1, most + 1) * life["length"].to_numpy()[:, None] - NOTE_DAYS
    inside = (moment >= s.seconds(NOTE_FROM) / s.DAY) & (moment < s.seconds(TO) / s.DAY)
    tested = inside & life["paid"].to_numpy()[:, None]
    tested &= may_be_asked(person, moment.T * s.DAY).T
    works = tested & sent & arrives
    life, keeps = life.copy(), np.clip(c.note * KEPT, 0, 1)
    left, kept = np.ones(n, dtype=bool), [life[:0].assign(member=np.empty(0, dtype=int), until=np.empty(0))]
    while left.any():  # one more exit of everybody whom a note has kept; the others' draws are not looked at
        draw = rng.random((5, n))
        at = np.minimum(life["lifetime"].to_numpy() - 1, most - 1)
        left &= works[np.arange(n), at] & (life["lifetime"].to_numpy() <= most) & ~life["early"].to_numpy()
        left &= draw[0] < keeps[life["cause"]]
        until = moment[np.arange(n), at][left] * s.DAY
        kept.append(life[left].assign(member=np.flatnonzero(left), until=until))
        life.loc[left, "lifetime"] += periods_until(life["hazard"].to_numpy(), draw[1])[left]
        life.loc[left, "cause"] = (draw[2][:, None] > share.cumsum(axis=1)[:, :-1]).sum(axis=1)[left]
        life.loc[left, "early"] = (draw[3] < s.EARLY)[left]
        life.loc[left, "when"] = draw[4][left]
    number = np.arange(1, most + 1)
    there = number < life["lifetime"].to_numpy()[:, None]
    there |= (number == life["lifetime"].to_numpy()[:, None]) & ~life["early"].to_numpy()[:, None]
    return (
        life,
        {"tested": tested, "listed": tested & there, "sent": sent, "delivered": sent & arrives},
        pd.concat(kept),
    )


def periods_until(hazard: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Return how many periods are begun until one is not renewed: geometric, one uniform ``draw`` each."""
    rate = np.log1p(-np.clip(hazard, 1e-9, 1 - 1e-9))
    return np.where(np.isnan(hazard), 0, 1 + np.minimum(np.log(draw) / np.nan_to_num(rate, nan=-1), 10**6)).astype(int)


def note_odds(c: s.Setup, hazard: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities of leaving, without a note and if drawn for one, of members still there when it comes.

    ``hazard`` is that of a whole period, ``share`` are the probabilities of the causes, (members, causes).
    """
    late = hazard * (1 - s.EARLY) / (1 - hazard * s.EARLY)
    return late, late * (1 - s.DELIVERED * share @ np.clip(c.note * KEPT, 0, 1))


# The points programme


def points(c: s.Setup, users: pd.DataFrame) -> pd.DataFrame:
    """Return the users with ``points_arm`` (1 invited, 0 not, -1 not in the trial), ``points_odds`` (probability of
    joining if invited), ``points_would`` (whether they would), ``points_from`` (when they joined, inf: never) and
    ``points_effect`` (of having joined, on the logit of every purchase).
    """
    rng = c.stream("points")
    launch, n = s.seconds(POINTS_FROM), len(users)
    lot, wish, wait = rng.random(n) < 0.5, rng.random(n), rng.exponential(JOINS_DAYS, n)
    arm = np.where(may_be_asked(users, launch), lot, -1)
    odds = s.logistic(JOINS_LEVEL + JOINS_ENGAGEMENT * users["engagement"] + JOINS_MEANS * users["means"])
    when = demand.waking(users["segment"].to_numpy(), launch + 10 * 3600 + wait * s.DAY)
    joins = (arm == 1) & (wish < odds) & (when < END)
    return users.assign(
        points_arm=arm,
        points_odds=odds,
        points_would=(arm >= 0) & (wish < odds),
        points_from=np.where(joins, np.maximum(when, launch + 10 * 3600 + 300), np.inf),
        points_effect=c.points * POINTS_EFFECT,
    )


# Bundles


def bundles(c: s.Setup, who, pairs: pd.DataFrame, block: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return (probability of taking the second course along, offers), a row for each row of ``pairs`` and in its order.

    ``pairs`` are purchases of first courses: ``user, course, time, consequent, added`` (the probability without any
    discount). offers: ``arm`` (index of BUNDLE_OFF, -1 before the test), ``off`` (yuan off the second course),
    ``code`` (its coupon), ``p_0, p_1, p_2`` (of taking it along under each arm). The slope is that of every price.
    """
    rng = c.stream("bundles", block)
    user, first, second, time = (pairs[name].to_numpy() for name in ("user", "course", "consequent", "time"))
    inside = (time >= s.seconds(BUNDLE_FROM)) & (time < s.seconds(TO))
    asked = may_be_asked(who.users.iloc[user - who.first], time) & inside
    arm = np.where(asked, rng.integers(0, len(BUNDLE_OFF), len(pairs)), -1)
    prices = [who.prices[course, s.day_of(time)] for course in (first, second)]
    off = np.round(np.minimum(BUNDLE_OFF * (prices[0] + prices[1])[:, None], 0.9 * prices[1][:, None]), 1)
    slope = c.bundle * s.BUY_PRICE * who.trait("price_sensitivity", user)
    added = pairs["added"].to_numpy()
    level = np.log(np.where(added > 0, added, 0.5) / (1 - added))[:, None]
    chance = s.logistic(level - slope[:, None] * np.log1p(-off / prices[1][:, None])) * (added > 0)[:, None]
    row, at = np.arange(len(pairs)), np.maximum(arm, 0)
    offers = pairs[["user", "course", "time", "consequent"]].assign(arm=arm, off=off[row, at])
    offers["code"] = np.array(["", *(f"BUNDLE{100 * off:.0f}" for off in BUNDLE_OFF[1:])], dtype=object)[at]
    return chance[row, at], offers.assign(**{f"p_{k}": chance[:, k] for k in range(len(BUNDLE_OFF))})
