"""Social: who invited whom, and shares, likes and comments. Friends resemble each other (homophily)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s

SAME_SEGMENT = 0.7  # share of invited people whose inviter is of their own segment


def invitations(users: pd.DataFrame, seed: int) -> np.ndarray:
    """Return each user's inviter as a row index, -1 where there is none; inviters registered earlier."""
    rng = s.stream(seed, "invitations")
    created, segment, social = (users[c].to_numpy() for c in ("created", "segment", "social"))
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


def interactions(users: pd.DataFrame, inviter: np.ndarray, pages: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return one row per interaction: ``time, user, target, course, action, parent`` (-1 where there is none)."""
    rng = s.stream(seed, "interactions")
    created = users["created"].to_numpy()
    joined = np.flatnonzero((inviter >= 0) & (created > s.DAY))
    invite_time = np.maximum(created[joined] - rng.exponential(1.0, len(joined)) * s.DAY, created[inviter[joined]] + 1)
    vain = rng.choice(len(users), size=len(joined) * 3, p=users["social"] / users["social"].sum())
    vain_time = np.maximum(created[vain], 0) + rng.random(len(vain)) * (s.DAYS * s.DAY - np.maximum(created[vain], 0))
    invites = pd.DataFrame(
        {"time": invite_time, "user": inviter[joined], "target": -1, "action": "invite", "accepts": joined}
    )
    lost = pd.DataFrame({"time": vain_time, "user": vain, "target": -1, "action": "invite", "accepts": -1})
    sent = pd.concat([invites, lost], ignore_index=True).assign(course=-1, parent=-1)
    accepted = pd.DataFrame(
        {"time": created[joined], "user": joined, "target": inviter[joined], "action": "invite_accepted", "course": -1,
         "parent": np.arange(len(joined))}
    )  # fmt: skip
    liked = pages[rng.random(len(pages)) < 0.04]
    light = pd.DataFrame(
        {"time": liked["time"] + 15, "user": liked["user"], "target": -1, "course": liked["course"], "parent": -1,
         "action": rng.choice(["like", "share", "comment"], size=len(liked), p=[0.6, 0.25, 0.15])}
    )  # fmt: skip
    table = pd.concat([sent.drop(columns="accepts"), accepted, light], ignore_index=True)
    return table[(table["time"] >= 0)]
