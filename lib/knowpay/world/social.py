"""Social: who invited whom, study groups, and shares, likes and comments. Friends resemble each other (homophily)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s

GOOD_INVITE = {"means": 0.0, "engagement": 0.5}  # how much more often such people invite (log, per unit)
ALIKE = 0.45  # correlation of invited people's means and engagement with those of who invited them
SAME_SEGMENT = 0.7  # share of invited people whose inviter is of their own segment
GROUP_SIZE = 25
VAIN = 3.0  # invitations that nobody accepts, for each that somebody does


def invitations(c: s.Setup, users: pd.DataFrame) -> np.ndarray:
    """Return each user's inviter as a row index, -1 where there is none; inviters registered earlier."""
    rng = c.stream("invitations")
    created, segment = users["created"].to_numpy(), users["segment"].to_numpy()
    good = c.homophily * sum(share * users[name].to_numpy() for name, share in GOOD_INVITE.items())
    social = users["social"].to_numpy() * np.exp(good)
    inviter = np.full(len(users), -1)
    invited = np.flatnonzero(users["channel"].to_numpy() == s.CHANNELS.index("referral"))
    same = rng.random(len(invited)) < SAME_SEGMENT
    for k in (*range(len(s.SEGMENTS)), None):  # own segment, then anybody
        mine = invited[same & (segment[invited] == k)] if k is not None else invited[~same]
        pool = np.flatnonzero(segment == k) if k is not None else np.arange(len(users))
        pool = pool[np.argsort(created[pool], kind="stable")]
        weight = np.concatenate([[0.0], social[pool].cumsum()])
        older = np.searchsorted(created[pool], created[mine])  # how many of the pool registered before
        draw = np.searchsorted(weight, rng.random(len(mine)) * weight[older], side="right") - 1
        inviter[mine] = np.where(older > 0, pool[np.minimum(draw, len(pool) - 1)], -1)
    return inviter


def generations(users: pd.DataFrame) -> np.ndarray:
    """Return how many invitations lie between each user and somebody who came without one, shape (users,)."""
    inviter = users["inviter"].to_numpy()
    generation, reached = np.zeros(len(users), dtype=np.int16), inviter < 0
    while not reached.all():
        step = ~reached & reached[np.maximum(inviter, 0)]
        generation[step] = generation[inviter[step]] + 1
        reached |= step
    return generation


def resembling(c: s.Setup, users: pd.DataFrame) -> pd.DataFrame:
    """Return the users with means and engagement of invited people drawn towards those of who invited them.

    Friends are alike, and good customers invite more often: so invited people are better customers whatever an
    invitation does. A person's own deviation and the inviter's are mixed so that the spread stays what it was.
    """
    alike = min(c.homophily * ALIKE, 0.95)
    inviter, generation = users["inviter"].to_numpy(), users["generation"].to_numpy()
    table = {name: users[name].to_numpy().copy() for name in GOOD_INVITE}
    for step in range(1, int(generation.max(initial=0)) + 1):
        mine = np.flatnonzero(generation == step)  # their inviters, a generation before, have their values
        for value in table.values():
            value[mine] = alike * value[inviter[mine]] + np.sqrt(1 - alike**2) * value[mine]
    return users.assign(**table)


def study_groups(c: s.Setup, users: pd.DataFrame) -> np.ndarray:
    """Return the study group of each user: people of one segment, and one block, who came at about the same time.

    The numbers are shuffled, so that they say nothing about the segment.
    """
    segment, block = users["segment"].to_numpy(), np.arange(len(users)) // s.BLOCK
    order = np.lexsort((users["created"].to_numpy(), segment, block))
    cell = (block * len(s.SEGMENTS) + segment)[order]
    start = np.flatnonzero(np.diff(cell, prepend=-1))
    within = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
    first = np.diff(cell, prepend=-1).astype(bool) | (within % GROUP_SIZE == 0)
    number = first.cumsum() - 1
    group = np.empty(len(users), dtype=np.int64)
    group[order] = c.stream("study groups").permutation(number[-1] + 1)[number]
    return group


def interactions(c: s.Setup, users: pd.DataFrame, rows: np.ndarray, pages: dict[str, np.ndarray], block: int):
    """Return one row per interaction of a block as a DataFrame: ``time, user, target, course, action, number, parent``.

    ``rows`` are the block's users; -1 stands for none. An accepted invitation and its acceptance are numbered 2j and
    2j + 1 after the invited user j; ``parent`` of an acceptance is its invitation, and of that the acceptance by which
    the inviter came: a cascade.
    """
    rng = c.stream("interactions", block)
    created, inviter = users["created"].to_numpy(), users["inviter"].to_numpy()
    joined = rows[(inviter[rows] >= 0) & (created[rows] > s.DAY)]
    host = inviter[joined]
    asked = np.maximum(created[joined] - rng.exponential(1.0, len(joined)) * s.DAY, np.maximum(created[host] + 1, 0))
    came_by = np.where((inviter[host] >= 0) & (created[host] > s.DAY), 2 * host + 1, -1)
    n = int(len(joined) * VAIN)
    social = users["social"].to_numpy()[rows]
    vain = rng.choice(rows, size=n, p=social / social.sum())
    begin = np.maximum(created[vain], 0)
    liked = rng.random(len(pages["time"])) < 0.04
    kinds = [
        ("invite", asked, host, -1, -1, 2 * joined, came_by),
        ("invite_accepted", created[joined], joined, host, -1, 2 * joined + 1, 2 * joined),
        ("invite", begin + rng.random(n) * (s.DAYS * s.DAY - begin), vain, -1, -1, None, -1),
    ]
    time, user, course = (pages[name][liked] for name in ("time", "user", "course"))
    what = rng.choice(3, size=len(time), p=[0.6, 0.25, 0.15])
    for k, action in enumerate(("like", "share", "comment")):
        of = what == k
        kinds.append((action, time[of] + 15, user[of], -1, course[of], None, -1))
    own = 2 * c.users + block * 10**6  # numbers of what is neither invitation nor acceptance
    parts = []
    for action, when, who, target, about, number, parent in kinds:
        if number is None:
            number, own = own + np.arange(len(when)), own + len(when)
        parts.append(
            pd.DataFrame(
                {"time": when, "user": who, "target": target, "course": about, "action": action, "number": number,
                 "parent": parent}
            )
        )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    return table[(table["time"] >= 0) & (table["time"] < s.DAYS * s.DAY)].sort_values(
        ["time", "number"], ignore_index=True
    )
