"""The company: every room in order, then the export it hands out and the truth it keeps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from . import behaviour, feedback, learning, marketing, membership, money, observe, people, social, visits
from . import settings as s
from .catalogue import catalogue


@dataclass(frozen=True)
class Company:
    """Everything that happened, in row-index form; ``write`` turns it into an export and a truth folder."""

    size: str
    seed: int
    users: pd.DataFrame
    courses: pd.DataFrame
    members: pd.DataFrame
    periods: pd.DataFrame
    touches: pd.DataFrame
    purchases: pd.DataFrame
    progress: pd.DataFrame
    interactions: pd.DataFrame
    inviter: np.ndarray
    reviews: pd.DataFrame
    ticked: np.ndarray
    orders: pd.DataFrame
    spend: pd.DataFrame
    events: pd.DataFrame
    observed: pd.DataFrame


def generate(size: str, seed: int) -> Company:
    """Return the company of a size and seed; the same two give the same company.

    Raises ValueError for an unknown size or a negative seed.
    """
    if size not in s.SIZES:
        raise ValueError(f"There is no company of size {size!r}: choose one of {', '.join(s.SIZES)}.")
    if seed < 0:
        raise ValueError(f"A seed must be 0 or more, not {seed}.")
    count = s.SIZES[size]
    users, courses = people.people(count.users, seed), catalogue(count.courses, seed)
    members, periods = membership.memberships(users, seed)
    visit = visits.visits(users, seed)
    pages = visits.course_pages(users, courses, visit, seed)
    spontaneous = visits.spontaneous_purchases(users, courses, pages, seed)
    touches, promoted = marketing.campaigns(users, courses, spontaneous, seed)
    purchases = marketing.settle(touches, promoted, spontaneous)
    enrolled = learning.enrolments(users, courses, purchases, periods, seed)
    progress, steps = learning.lessons(users, courses, enrolled, seed)
    inviter = social.invitations(users, seed)
    contacts = social.interactions(users, inviter, pages, seed)
    shares = contacts[contacts["action"] == "share"]
    events = behaviour.log(users, visit, pages, purchases, periods, steps, shares, seed)
    return Company(
        size=size,
        seed=seed,
        users=users,
        courses=courses,
        members=members,
        periods=periods,
        touches=touches,
        purchases=purchases,
        progress=progress,
        interactions=contacts,
        inviter=inviter,
        reviews=feedback.reviews(users, courses, progress, periods, seed),
        ticked=feedback.ticked_reason(periods, seed),
        orders=money.orders(users, courses, purchases, periods, seed),
        spend=money.spend(users, seed),
        events=events,
        observed=observe.observe(events, users, seed),
    )


def version() -> str:
    """Return a short digest of this package's source: a change of the world changes the names of its caches."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:10]
