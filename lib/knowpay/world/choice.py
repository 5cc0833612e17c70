"""Choice: when people come, which course pages they open, and what they buy without being asked.

The choice of a course page is a multinomial logit over taste, quality and popularity; the purchase at a page is a
logit over taste, price, quality, engagement and means, so that elasticity and next-best course are known numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import catalogue, demand, trials
from . import settings as s
from .people import tastes

QUALITY_PULL = 0.4  # of quality on the choice of a page
PAGES = 1.0  # course pages a visit, on average
UPGRADE, UPGRADE_DAYS = 0.037, 21.0  # share of taster buyers who then buy a full course of the topic, and how soon
BUY_AFTER = 35  # seconds from the page to the order


@dataclass(frozen=True)
class Chooser:
    """The preferences of one block of users over all courses.

    ``first`` is the row of the block's first user. ``match`` has shape (users, courses): taste times course.
    ``edges`` are the users' cumulative page probabilities, stacked so that user i's lie between i and i + 1.
    """

    users: pd.DataFrame
    courses: pd.DataFrame
    prices: np.ndarray
    first: int
    match: np.ndarray
    edges: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the block's users."""
        return np.arange(self.first, self.first + len(self.users))

    def trait(self, name: str, user: np.ndarray) -> np.ndarray:
        """Return a trait of users given by their rows."""
        return self.users[name].to_numpy()[user - self.first]

    def draw(self, user: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw a course for each user by inverse transform: the cost is the logarithm of the catalogue."""
        local = user - self.first
        at = np.searchsorted(self.edges.ravel(), rng.random(len(user)) * (1 - 1e-12) + local, side="right")
        return np.minimum(at - local * len(self.courses), len(self.courses) - 1).astype(np.int16)

    def interest(self, user: np.ndarray, course: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return the purchase utility (logit without level) of users and courses, paired, at a time in seconds."""
        person = s.BUY_ENGAGEMENT * self.users["engagement"].to_numpy()
        means = s.BUY_MEANS * self.users["means"].to_numpy()
        form = self.courses["form"].to_numpy()
        thing = s.BUY_QUALITY * self.courses["quality"].to_numpy() + catalogue.FORM_APPEAL[form]
        asks = catalogue.FORM_MEANS[form]
        slope = s.BUY_PRICE * self.users["price_sensitivity"].to_numpy()
        local = user - self.first
        price = np.log(self.prices[course, s.day_of(time)] / s.REFERENCE_PRICE)
        utility = (
            person[local]
            + means[local] * asks[course]
            + thing[course]
            + s.BUY_TASTE * self.match[local, course]
            - slope[local] * price
        )
        return utility + self.edge(user, time)

    def wants(self, user: np.ndarray, course: int, time: float) -> np.ndarray:
        """Return the purchase utility of users for one course at one time."""
        return self.interest(user, np.full(len(user), course), np.full(len(user), time))

    def edge(self, user: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return how much more easily people buy at a time than their traits say (logit).

        Those who were invited (`invited`), and those who have joined points.
        """
        return self.invited(user, time) + self.trait("points_effect", user) * (self.trait("points_from", user) <= time)

    def invited(self, user: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return what having been invited adds (logit): it wears off with the time since the registration."""
        edge = np.zeros(len(user))
        invited = np.flatnonzero(self.trait("channel", user) == s.CHANNELS.index("referral"))
        age = np.maximum(time[invited] - self.trait("created", user[invited]), 0) / s.DAY
        edge[invited] = s.REFERRED_EDGE * np.exp(-age / s.REFERRED_EDGE_DAYS)
        return edge


def chooser(users: pd.DataFrame, courses: pd.DataFrame, prices: np.ndarray, first: int, last: int) -> Chooser:
    """Return the preferences of the users of rows first .. last - 1."""
    part = users.iloc[first:last]
    match = (tastes(part) @ catalogue.vectors(courses).T).astype(np.float32)
    appeal = match + (QUALITY_PULL * courses["quality"] + courses["popularity"]).to_numpy(np.float32)
    edges = np.exp(appeal - appeal.max(axis=1, keepdims=True)).cumsum(axis=1, dtype=np.float64)
    edges /= edges[:, -1:]
    edges += np.arange(len(part))[:, None]
    return Chooser(part, courses, prices, first, match, edges)


def visits(c: s.Setup, who: Chooser, block: int) -> dict[str, np.ndarray]:
    """Return the visits, sorted by user and time: ``user`` (row), ``start`` (seconds).

    Counts are Poisson by user and week; within a week the days are drawn by their weight.
    """
    rng = c.stream("visits", block)
    segment = who.users["segment"].to_numpy()
    days = np.zeros((len(s.SEGMENTS), s.WEEKS * 7))
    days[:, : s.DAYS] = demand.by_day(c)
    days = days.reshape(len(s.SEGMENTS), s.WEEKS, 7)
    created = who.users["created"].to_numpy()
    age = (np.arange(s.WEEKS) * 7 + 3.5 - (created / s.DAY)[:, None]).astype(np.float32)
    fade = np.maximum(np.exp(-np.maximum(age, 0) / who.users["fade_days"].to_numpy(np.float32)[:, None]), s.FLOOR)
    rate = fade * (who.users["weekly_rate"].to_numpy(np.float32) / 7)[:, None] * days.sum(axis=2)[segment]
    rate[age < -3.5] = 0
    count = rng.poisson(rate).ravel()
    cell = np.repeat(np.arange(count.size), count)
    user, week = np.divmod(cell, s.WEEKS)
    kind = segment[user]
    edges = (days.cumsum(axis=2) / np.maximum(days.sum(axis=2, keepdims=True), 1e-9))[kind, week]
    day = (rng.random(len(user))[:, None] > edges[:, :-1]).sum(axis=1)
    start = (week * 7 + day + demand.hours(kind, rng) / 24) * s.DAY
    alive = (start > created[user] + 30) & (start < s.DAYS * s.DAY)
    new = np.flatnonzero(created >= 0)  # people who registered inside the window made their first visit then
    user = np.concatenate([user[alive], new])
    start = np.concatenate([start[alive], created[new] + 5.0])
    key = (user << np.int64(36)) + np.rint(start * 1000).astype(np.int64)  # milliseconds: one sort for both
    key.sort()
    return {"user": who.first + (key >> 36), "start": (key & (2**36 - 1)) / 1000}


def course_pages(c: s.Setup, who: Chooser, visit: dict[str, np.ndarray], block: int) -> dict[str, np.ndarray]:
    """Return the opened course pages: ``visit`` (index), ``user``, ``course``, ``time``."""
    rng = c.stream("pages", block)
    count = rng.poisson(PAGES, len(visit["user"]))
    row = np.repeat(np.arange(len(count)), count)
    user = visit["user"][row]
    course = who.draw(user, rng)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    time = visit["start"][row] + 20 + 70 * nth + 40 * rng.random(len(row))
    keep = (who.courses["published"].to_numpy()[course] <= time) & (time < s.DAYS * s.DAY)
    return {"visit": row[keep], "user": user[keep], "course": course[keep], "time": time[keep]}


def spontaneous_purchases(c: s.Setup, who: Chooser, pages: dict[str, np.ndarray], block: int) -> pd.DataFrame:
    """Return purchases made without a campaign: ``user, course, time, own_visit, coupon`` (False); the first per pair.

    At the page of the course, or as a full course after a taster class of its topic, they come for it (``own_visit``).
    """
    rng = c.stream("purchases", block)
    p = s.logistic(s.VISIT_LEVEL + who.interest(pages["user"], pages["course"], pages["time"]))
    staff = who.trait("is_staff", pages["user"]) | who.trait("is_test", pages["user"])
    at = np.flatnonzero((rng.random(len(p)) < p) & ~staff)
    bought = pd.DataFrame({name: pages[name][at] for name in ("user", "course", "time")})
    bought = bought.assign(time=bought["time"] + BUY_AFTER, own_visit=False, coupon=False)
    bought = bought.drop_duplicates(["user", "course"], ignore_index=True)  # rows are in order of time by user
    also = pd.concat([bought, upgrades(who, bought, rng)], ignore_index=True)
    published = who.courses["published"].to_numpy()[also["course"]] <= also["time"]
    also = also[published & (also["time"] < s.DAYS * s.DAY)].sort_values(["time", "user", "course"], kind="stable")
    return also.drop_duplicates(["user", "course"], ignore_index=True).astype({"course": np.int64})


def upgrades(who: Chooser, bought: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the full courses that buyers of a taster class go on to: of its topic, the one they like best."""
    forms, topics = who.courses["form"].to_numpy(), who.courses["topic"].to_numpy()
    took = bought[(forms[bought["course"]] == catalogue.TASTER) & (rng.random(len(bought)) < UPGRADE)]
    full = np.isin(forms, catalogue.FULL) & (forms != catalogue.CAMP)
    best = {k: np.flatnonzero(full & (topics == k)) for k in range(len(s.TOPICS))}
    parts = [bought.iloc[:0]]
    for k, choices in best.items():
        mine = took[topics[took["course"]] == k]
        if len(choices) and len(mine):
            liked = who.match[np.ix_(mine["user"] - who.first, choices)].argmax(axis=1)
            later = mine["time"] + (0.5 + rng.random(len(mine)) * UPGRADE_DAYS) * s.DAY
            parts.append(mine.assign(course=choices[liked], time=later, own_visit=True))
    return pd.concat(parts)


def taken_along(
    c: s.Setup, who: Chooser, rules: pd.DataFrame, purchases: pd.DataFrame, block: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (purchases with those that the planted rules add a minute later, offers of the bundle test).

    One purchase per user and course, by time; ``off`` is what a bundle takes off the price (yuan), ``code`` its coupon.
    offers: those of `trials.bundles` that were made, with ``taken``.
    """
    rng = c.stream("rules", block)
    along = purchases.merge(rules, left_on="course", right_on="antecedent")
    chance, offers = trials.bundles(c, who, along, block)
    take = rng.random(len(along)) < chance
    own = purchases[["user", "course", "time"]].rename(columns={"course": "consequent", "time": "had"})
    had = offers.reset_index().merge(own, on=["user", "consequent"])
    offers = offers.assign(taken=take).drop(index=had.loc[had["had"] <= had["time"] + 60, "index"])
    along = along.assign(course=along["consequent"], time=along["time"] + 60, own_visit=False, coupon=False)[
        list(purchases)
    ]
    along = along.assign(off=offers["off"], code=offers["code"])[take]
    along = along.dropna(subset="off")  # the others had the second course already
    both = pd.concat([purchases.assign(off=0.0, code=""), along[along["time"] < s.DAYS * s.DAY]], ignore_index=True)
    both = both.sort_values(["time", "user", "course"], kind="stable")
    return both.drop_duplicates(["user", "course"], ignore_index=True), offers[offers["arm"] >= 0]
