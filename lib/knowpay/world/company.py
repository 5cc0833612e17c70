"""The company: what all its users share, and one block of users after the other with everything they did."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from . import (
    behaviour,
    checkout,
    choice,
    feedback,
    incidents,
    learning,
    marketing,
    membership,
    money,
    people,
    social,
    trials,
)
from . import catalogue as shelf
from . import market as outside
from . import settings as s
from .columns import numbered


@dataclass(frozen=True)
class Company:
    """What is known before anybody acts: users with their traits, courses, prices, budgets, the campaign calendar."""

    setup: s.Setup
    users: pd.DataFrame
    courses: pd.DataFrame
    prices: np.ndarray  # yuan, (courses, DAYS)
    rules: pd.DataFrame
    budget: np.ndarray  # (WEEKS, channels)
    calendar: list[marketing.Campaign]

    @cached_property
    def user_ids(self) -> pa.Array:
        """The id of each user; ids are shuffled so that they say nothing about the person."""
        shuffle = self.setup.stream("user ids").permutation(self.setup.users) + 1
        return numbered("u", shuffle, 6)

    @cached_property
    def product_ids(self) -> pa.Array:
        """The id of each course, then that of each membership plan."""
        courses = numbered("c", np.arange(1, len(self.courses) + 1), 4)
        return pa.concat_arrays([courses, pa.array(s.PLANS)])

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks one after the other; none depends on another."""
        for number in range(self.setup.blocks):
            yield self.block(number)

    def block(self, number: int) -> Block:
        """Return everything that the users of one block did."""
        c, last = self.setup, min((number + 1) * s.BLOCK, self.setup.users)
        who = choice.chooser(self.users, self.courses, self.prices, number * s.BLOCK, last)
        members, periods, spells = membership.memberships(c, self.users, who.rows, number)
        visits = choice.visits(c, who, number)
        pages = choice.course_pages(c, who, visits, number)
        visits, pages = membership.fewer(c, who, spells, visits, pages, number)
        tried = choice.spontaneous_purchases(c, who, pages, number)
        spontaneous, lost = incidents.stopped(c, who.trait("device", tried["user"].to_numpy()), tried, number)
        touches, promoted, fatigue, warmth = marketing.touches(c, who, self.calendar, visits, spontaneous, number)
        settled = marketing.settle(touches, promoted, spontaneous)
        purchases, bundles = choice.taken_along(c, who, self.rules, settled, number)
        enrolled = learning.enrolments(c, who, purchases, periods, number)
        progress, steps = learning.lessons(c, who, enrolled, spells, number)
        orders = money.orders(c, who, purchases, periods, progress, number)
        carts = checkout.checkouts(c, who, pages, purchases, incidents.lost(lost, touches), number)
        contacts = social.interactions(c, self.users, who.rows, pages, number)
        shares = contacts[contacts["action"] == "share"]
        events = behaviour.log(c, who, visits, pages, purchases, orders, periods, steps, shares, carts, number)
        return Block(
            number=number,
            who=who,
            members=members,
            periods=periods,
            spells=spells,
            visits=visits,
            pages=pages,
            touches=touches,
            fatigue=fatigue,
            warmth=warmth,
            purchases=purchases,
            bundles=bundles,
            progress=progress,
            orders=orders,
            unpaid=checkout.unpaid(c, who, carts, orders, number),
            interactions=contacts,
            reviews=feedback.reviews(c, who, progress, periods, number),
            ticked=feedback.ticked_reason(c, periods, number),
            events=events,
        )


@dataclass(frozen=True)
class Block:
    """What the users of one block did, in row-index form. Nothing here has been seen by a tracker yet."""

    number: int
    who: choice.Chooser
    members: pd.DataFrame
    periods: pd.DataFrame
    spells: pd.DataFrame
    visits: dict[str, np.ndarray]
    pages: dict[str, np.ndarray]
    touches: pd.DataFrame
    fatigue: np.ndarray
    warmth: np.ndarray
    purchases: pd.DataFrame
    bundles: pd.DataFrame
    progress: pd.DataFrame
    orders: pd.DataFrame
    unpaid: pd.DataFrame
    interactions: pd.DataFrame
    reviews: pd.DataFrame
    ticked: np.ndarray
    events: dict[str, np.ndarray]

    def ids(self, prefix: str, rows: np.ndarray | pd.Series, none: np.ndarray | None = None) -> pa.Array:
        """Return ids for rows of this block, ten digits that no other block has; null where ``none`` is true."""
        return numbered(prefix, self.number * 10**7 + np.asarray(rows).astype(np.int64) + 1, 10, none)

    def message_ids(self, message: np.ndarray) -> pa.Array:
        """Return the ids of messages by their number in the block."""
        return self.ids("m", message)

    def order_ids(self, rows: np.ndarray | pd.Series, none: np.ndarray | None = None) -> pa.Array:
        """Return the ids of orders by their row in the block; null where ``none`` is true."""
        return self.ids("o", rows, none)

    def touch_ids(self, touches: pd.DataFrame) -> pa.Array:
        """Return the ids of touches, by the row that they have in the block."""
        return self.ids("x", touches.index)

    @property
    def membership_ids(self) -> pa.Array:
        """The id of each period, in the order of the rows."""
        return self.ids("s", np.arange(len(self.periods)))

    @property
    def review_ids(self) -> pa.Array:
        """The id of each review, in the order of the rows."""
        return self.ids("r", np.arange(len(self.reviews)))


def found(size: str, seed: int = 0, **knobs: float) -> Company:
    """Return the company of a size, seed and knobs; the same ones give the same company.

    Raises ValueError as `settings.setup` does.
    """
    c = s.setup(size, seed, **knobs)
    budget = outside.budgets(c)
    users, courses = trials.points(c, people.people(c, budget)), shelf.catalogue(c)
    calendar = marketing.calendar(c, courses)
    promoted = np.array([k.course for k in calendar], dtype=np.int64)
    courses, rules = shelf.reworked(c, courses, promoted), shelf.planted_rules(c, courses, promoted)
    return Company(c, users, courses, shelf.price_days(c, courses), rules, budget, calendar)


def device_ids(numbers: np.ndarray) -> pa.Array:
    """Return the ids of devices, scrambled so that neighbours and kinds of devices do not show."""
    return numbered("a", np.asarray(numbers).astype(np.int64) * 7_654_321 % 10**10, 10)


def version() -> str:
    """Return a short digest of this room: a change of the world changes the names of its caches.

    `forms` writes a company down in other forms and changes nothing of it.
    """
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted([*here.glob("*.py"), *here.glob("*.csv")]):
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:10]
