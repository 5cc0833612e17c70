"""Marketing: randomised campaigns, each person's purchase probability with and without the message, the purchases.

Both potential outcomes are probabilities of the same logit, so the individual effect is an exact number. Heavy users
tend to be annoyed (sleeping dogs); price-sensitive people are won over (persuadables).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s
from .visits import interest


def purchase_probability(users: pd.DataFrame, courses: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (p without message, p if assigned to the message) of buying within the window, paired row by row.

    The second already allows for messages that are not delivered: it is the effect of the assignment.
    """
    level = s.BUY_LEVEL + interest(users, courses)
    hidden = s.logistic(level)
    shown = s.DELIVERED * s.logistic(level + message_effect(users)) + (1 - s.DELIVERED) * hidden
    return hidden, shown


def message_effect(users: pd.DataFrame) -> np.ndarray:
    """Return the effect of a delivered message on the logit scale, shape (users,)."""
    sensitivity = (users["price_sensitivity"].to_numpy() - 0.95) / 0.30
    return s.LIFT_LEVEL + s.LIFT_PRICE_SENSITIVITY * sensitivity + s.LIFT_ENGAGEMENT * users["engagement"].to_numpy()


def campaigns(
    users: pd.DataFrame, courses: pd.DataFrame, spontaneous: pd.DataFrame, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (touches, purchases of the promoted course within its window).

    touches: one row per eligible person and campaign, controls included: ``campaign, user, course, time, message,
    p_control, p_message, bought, delivered``. Eligible: registered a week ago, marketing not denied, not the owner.
    """
    rng = s.stream(seed, "marketing")
    lists = []
    mid_priced = np.flatnonzero(courses["price"].between(90, 310) & (courses["published"] < 0))
    chosen = np.resize(rng.permutation(mid_priced), s.CAMPAIGNS)
    may = ~(users["marketing_denied"] | users["is_staff"] | users["under_14"]).to_numpy()
    created = users["created"].to_numpy()
    for number, course in enumerate(chosen):
        time = (21 + number * s.CAMPAIGN_EVERY_DAYS) * s.DAY + 10 * 3600.0  # ten in the morning
        owners = spontaneous.loc[(spontaneous["course"] == course) & (spontaneous["time"] <= time), "user"]
        eligible = may & (created < time - 7 * s.DAY)
        eligible[owners] = False
        user = np.flatnonzero(eligible)
        lists.append(pd.DataFrame({"campaign": number, "user": user, "course": course, "time": time}))
    touches = pd.concat(lists, ignore_index=True)
    n = len(touches)
    hidden, shown = purchase_probability(users.iloc[touches["user"]], courses.iloc[touches["course"]])
    message = rng.random(n) < 0.5
    delivered = message & (rng.random(n) < s.DELIVERED)
    if_delivered = (shown - (1 - s.DELIVERED) * hidden) / s.DELIVERED
    bought = rng.random(n) < np.where(delivered, if_delivered, hidden)
    touches = touches.assign(message=message, p_control=hidden, p_message=shown, bought=bought, delivered=delivered)
    delay = np.minimum(rng.exponential(2.5, n), s.CAMPAIGN_WINDOW_DAYS - 0.1) * s.DAY
    purchases = touches[bought].assign(time=touches["time"] + delay)[["user", "course", "time"]]
    return touches, purchases.drop_duplicates(["user", "course"])


def settle(touches: pd.DataFrame, purchases: pd.DataFrame, spontaneous: pd.DataFrame) -> pd.DataFrame:
    """Return all course purchases, one per user and course, sorted by time.

    Inside a campaign's window the purchase of the promoted course follows the campaign's own probability only, so
    spontaneous purchases of it by people on the list are left out; that keeps the potential outcomes exact.
    """
    window = spontaneous.merge(touches[["user", "course", "time"]], on=["user", "course"], suffixes=("", "_touch"))
    inside = window["time"].between(window["time_touch"], window["time_touch"] + s.CAMPAIGN_WINDOW_DAYS * s.DAY)
    drop = pd.MultiIndex.from_frame(window.loc[inside, ["user", "course"]])
    kept = spontaneous[~pd.MultiIndex.from_frame(spontaneous[["user", "course"]]).isin(drop)]
    both = pd.concat([kept.assign(campaign=False), purchases.assign(campaign=True)], ignore_index=True)
    return (
        both.sort_values(["time", "user", "course"], kind="stable")
        .drop_duplicates(["user", "course"])
        .reset_index(drop=True)
    )
