"""What the simulated company is made of: sizes, calendar, segments, topics and the numbers behind them.

Every figure a lesson may later estimate is set here or drawn in the room that uses it; nothing else in the
package imports this module. Bands and sources of the figures: the calibration table of the book.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
import pandas as pd


class Size(NamedTuple):
    """How large a company is."""

    users: int
    courses: int


SIZES = {"small": Size(2_000, 120), "standard": Size(50_000, 400)}

TIMEZONE = "Asia/Shanghai"
START = pd.Timestamp("2024-07-01", tz=TIMEZONE)
DAYS = 549  # 2024-07-01 .. 2025-12-31, eighteen months
END = START + pd.Timedelta(days=DAYS)
DAY = 86_400  # seconds; every time inside this package is seconds since START, float64

SEGMENTS = ("career", "exam", "curious", "parents")
SEGMENT_SHARE = np.array([0.32, 0.22, 0.28, 0.18])

TOPICS = ("business", "technology", "exam", "language", "psychology", "history", "parenting", "health")
# Mean taste of each segment for each topic (utility units).
SEGMENT_TASTE = np.array(
    [
        [1.6, 1.3, -0.4, 0.5, 0.2, -0.3, -0.8, -0.2],  # career
        [0.0, 0.5, 2.0, 1.3, -0.4, -0.5, -0.9, -0.4],  # exam
        [-0.1, 0.0, -0.8, 0.1, 1.3, 1.7, -0.4, 0.6],  # curious
        [-0.3, -0.6, -0.3, 0.2, 0.7, 0.0, 2.0, 1.2],  # parents
    ]
)
TASTE_SPREAD = 0.75  # standard deviation of a person around the segment's taste

# Hour profile of each segment: (peak hour, width in hours, weight) of the bumps of a day.
HOURS = (
    ((8.0, 1.5, 0.35), (12.5, 1.2, 0.25), (21.5, 2.5, 0.40)),
    ((10.0, 3.0, 0.30), (15.5, 3.0, 0.30), (22.0, 2.5, 0.40)),
    ((13.0, 3.0, 0.25), (20.0, 2.5, 0.50), (23.0, 1.5, 0.25)),
    ((9.5, 1.8, 0.25), (13.5, 1.8, 0.35), (21.0, 2.0, 0.40)),
)
WEEKEND_FACTOR = np.array([0.75, 1.0, 1.35, 0.9])  # Saturday and Sunday against a weekday

CHANNELS = ("paid_search", "paid_social", "organic", "referral", "wechat_official", "app_store")
CHANNEL_SHARE = np.array(
    [
        [0.22, 0.16, 0.22, 0.12, 0.18, 0.10],
        [0.20, 0.24, 0.18, 0.16, 0.12, 0.10],
        [0.10, 0.16, 0.30, 0.16, 0.18, 0.10],
        [0.08, 0.20, 0.16, 0.26, 0.22, 0.08],
    ]
)
COST_PER_REGISTRATION = {  # yuan, media only
    "paid_search": 58.0, "paid_social": 66.0, "organic": 0.0, "referral": 12.0, "wechat_official": 15.0,
    "app_store": 30.0,
}  # fmt: skip

# How the days differ (multipliers of the visit rate): the two shopping festivals, the new year talk, term starts.
FESTIVALS = (
    ("2024-11-11", 2.2),
    ("2024-12-31", 1.6),
    ("2025-06-18", 2.0),
    ("2025-11-11", 2.3),
    ("2025-12-31", 1.6),
)
TERMS = (
    ("2024-09-01", "2024-09-20", 1.25),
    ("2025-02-17", "2025-03-07", 1.2),
    ("2025-09-01", "2025-09-20", 1.25),
)

MEMBERSHIP_PRICE = 38.0  # yuan a month
PERIOD_DAYS = 30
TRIAL_DAYS = 7
CHURN_ALPHA, CHURN_BETA = 0.88, 1.12  # sBG: first renewal 0.560 and one-year survival 0.110
CHURN_LINK = 0.65  # correlation of churn with low engagement (Gaussian copula)
CAUSES = ("price", "no_time", "finished", "content", "service", "switched", "payment_failed")

CAMPAIGNS = 24
CAMPAIGN_EVERY_DAYS = 21
CAMPAIGN_WINDOW_DAYS = 14
MESSAGE_COST = 0.20  # yuan
DELIVERED = 0.96
REFERENCE_PRICE = 199.0  # yuan; the logits below are levels at this price
# Purchase of the promoted course within the window, on the logit scale.
BUY_LEVEL, BUY_TASTE, BUY_PRICE, BUY_QUALITY, BUY_ENGAGEMENT = -6.35, 0.80, 0.8, 0.35, 0.45
LIFT_LEVEL, LIFT_PRICE_SENSITIVITY, LIFT_ENGAGEMENT = 0.50, 0.40, -0.75
# Purchase at a visit of the course page, on the logit scale; the other terms are those above.
VISIT_LEVEL = -10.3


def stream(seed: int, room: str) -> np.random.Generator:
    """Return the random stream of one room, so that a change in one room leaves the others' draws alone."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(room.encode()),)))


def seconds(when: pd.Timestamp | str) -> float:
    """Return seconds from START to a date or time (a plain date means its midnight in the company's time zone)."""
    stamp = pd.Timestamp(when)
    stamp = stamp.tz_localize(TIMEZONE) if stamp.tzinfo is None else stamp
    return (stamp - START).total_seconds()


def day_factor() -> np.ndarray:
    """Return the multiplier of the visit rate for each day, shape (DAYS,): season, terms, festivals, trend break."""
    day = np.arange(DAYS)
    year = 1 + 0.12 * np.cos(2 * np.pi * (day - 150) / 365.25)  # more in winter evenings
    factor = year * np.where(day >= seconds("2025-04-01") / DAY, 1.08, 1.0)  # one break: the new app version
    for first, last, size in TERMS:
        factor[int(seconds(first) // DAY) : int(seconds(last) // DAY) + 1] *= size
    for date, size in FESTIVALS:
        factor[int(seconds(date) // DAY)] *= size
    return factor


def is_weekend() -> np.ndarray:
    """Return for each day whether it is a Saturday or Sunday, shape (DAYS,)."""
    return (START + pd.to_timedelta(np.arange(DAYS), unit="D")).day_of_week.to_numpy() >= 5


def logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))
