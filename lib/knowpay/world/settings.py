"""What the simulated company is made of: sizes, knobs, calendar, segments, topics and the numbers behind them.

Every figure a lesson may later estimate is set here or drawn in the room that uses it; nothing outside
this room imports this module. Bands and sources of the figures: the calibration page of the book.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd


class Size(NamedTuple):
    """How large a company is."""

    users: int
    courses: int


SIZES = {"small": Size(2_000, 120), "standard": Size(24_000, 240), "large": Size(1_000_000, 1_000)}
LONGEST = 120  # letters of a company's name, which is that of folders
LEAST, MOST = 100, 10_000_000  # users of a company whose size is given as a number
# Users generated at a time: memory is bounded by a block, and a block depends on no other. Study groups, ranks among
# members and the rule of a rule campaign are those of a block, so another BLOCK would make another company.
BLOCK = 12_000

TIMEZONE = "Asia/Shanghai"
START = pd.Timestamp("2024-07-01", tz=TIMEZONE)
DAYS = 549  # 2024-07-01 .. 2025-12-31, eighteen months
END = START + pd.Timedelta(days=DAYS)
DAY = 86_400  # seconds; every time inside this package is seconds since START, float64
WEEKS = -(-DAYS // 7)


class Knob(NamedTuple):
    """One number that makes another company: its default, the bounds allowed, the usual range, what it means.

    A default of None is the one of the size.
    """

    default: float | int | None
    low: float
    high: float
    usual: tuple[float, float]
    meaning: str


KNOBS = {
    "price_level": Knob(1.0, 0.25, 4.0, (0.8, 1.25), "list prices of courses and plans, as a multiple"),
    "persuadables": Knob(
        0.44, 0.02, 0.95, (0.34, 0.54), "share of users whose odds of buying at least double with a message"
    ),
    "season": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "strength of the season, terms and festivals, as a multiple"),
    "churn": Knob(0.44, 0.05, 0.95, (0.36, 0.52), "mean probability of leaving after the first paid month"),
    "courses": Knob(None, 24, 4_000, (90, 160), "number of courses in the catalogue"),
    "bots": Knob(0.025, 0.0, 0.5, (0.01, 0.06), "events of bots, as a share of the events of people"),
    "campaigns": Knob(24, 0, 274, (20, 28), "marketing campaigns in the 549 days"),
    "coupon": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "effect of a coupon over that of a message, as a multiple"),
    "hump": Knob(
        1.0, 0.0, 2.0, (0.5, 1.5), "how unlike people of middling activity others answer to a message, as a multiple"
    ),
    "unpaid": Knob(0.12, 0.0, 0.4, (0.06, 0.2), "share of checkouts that are left at the payment page"),
    "consent_gaps": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "consent that is unknown or withdrawn, as a multiple"),
    "decline": Knob(1.0, 0.0, 1.2, (0.5, 1.1), "how far use falls before a member leaves, as a multiple"),
    "homophily": Knob(1.0, 0.0, 1.5, (0.5, 1.2), "how far invited people resemble who invited them, as a multiple"),
    "typos": Knob(0.08, 0.0, 0.5, (0.04, 0.12), "share of texts with a slip of the pen"),
    # Planted effects, as multiples: at 0 the lots are drawn all the same, and nobody answers to them.
    "note": Knob(1.0, 0.0, 1.4, (0.5, 1.3), "effect of the note against leaving, as a multiple"),
    "points": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "effect of the points programme, as a multiple"),
    "month_price": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "answer to the tested prices of the month plan, as a multiple"),
    "bundle": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "answer to the tested discounts of a pair of courses, as a multiple"),
    "reworks": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "effect of reworked courses and of the shorter checkout, as a multiple"),
    "incidents": Knob(1.0, 0.0, 1.2, (0.5, 1.1), "strength of the incidents, as a multiple"),
    "demand_break": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "visits that the demand break adds, as a multiple"),
    "campaign_days": Knob(1.0, 0.0, 3.0, (0.5, 1.5), "visits that the day of a campaign adds, as a multiple"),
    "market_errors": Knob(1.0, 0.0, 5.0, (0.5, 2.0), "scraped prices that are wrong, as a multiple of 6 %"),
}
WHOLE = ("courses", "campaigns")


@dataclass(frozen=True)
class Setup:
    """The size, seed and knobs of one company; made by `setup`, which checks them."""

    size: str
    seed: int
    users: int
    price_level: float
    persuadables: float
    season: float
    churn: float
    courses: int
    bots: float
    campaigns: int
    coupon: float
    hump: float
    unpaid: float
    consent_gaps: float
    decline: float
    homophily: float
    typos: float
    note: float
    points: float
    month_price: float
    bundle: float
    reworks: float
    incidents: float
    demand_break: float
    campaign_days: float
    market_errors: float

    @property
    def blocks(self) -> int:
        """Number of blocks of users."""
        return -(-self.users // BLOCK)

    def part(self, table: str, block: int) -> str:
        """Return the file of a table's block: "events.parquet" or, of several, "events/part-003.parquet"."""
        return f"{table}.parquet" if self.blocks == 1 else f"{table}/part-{block:03d}.parquet"

    def stream(self, room: str, block: int | None = None) -> np.random.Generator:
        """Return the random stream of one room (and block): a change in one leaves the draws of the others alone."""
        key = (zlib.crc32(room.encode()),) if block is None else (zlib.crc32(room.encode()), block)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    @property
    def label(self) -> str:
        """A file-safe name: "small-s0", with the knobs that differ from their defaults, or their digest if many."""
        parts, base = [], f"{self.size}-s{self.seed}"
        for name, knob in KNOBS.items():
            value, default = getattr(self, name), sized(self.size).courses if name == "courses" else knob.default
            parts += [f"{name}{value!r}"] if value != default else []
        name = "-".join([base, *parts])
        return name if len(name) <= LONGEST else f"{base}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def sized(size: str) -> Size:
    """Return the size of that name, or of that number of users: "20000" has the catalogue of the next larger name.

    Raises ValueError, with a sentence, for what is neither.
    """
    if isinstance(size, str) and re.fullmatch("[1-9][0-9]*", size) and LEAST <= int(size) <= MOST:
        larger = [named.courses for named in SIZES.values() if named.users >= int(size)]
        return Size(int(size), min(larger, default=max(named.courses for named in SIZES.values())))
    if size not in SIZES:
        names = ", ".join(SIZES)
        raise ValueError(f"There is no company of size {size!r}: choose one of {names}, or {LEAST} to {MOST:,} users.")
    return SIZES[size]


def setup(size: str, seed: int = 0, **knobs: float) -> Setup:
    """Return the checked setup of a company.

    Raises ValueError, with a sentence, for an unknown size or knob, a seed that is no whole number from 0, and a value
    outside a knob's bounds.
    """
    users, courses = sized(size)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"A seed must be a whole number, 0 or more, not {seed!r}.")
    for name in knobs:
        if name not in KNOBS:
            raise ValueError(f"A company has no knob {name!r}: its knobs are {', '.join(KNOBS)}.")
    values = {}
    for name, (default, low, high, _, meaning) in KNOBS.items():
        value = knobs.get(name, courses if default is None else default)
        kind = int | np.integer if name in WHOLE else int | float | np.integer | np.floating
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
            what = "whole number" if name in WHOLE else "number"
            raise ValueError(f"{name} is {value!r}; give a {what} from {low:g} to {high:g} ({meaning}).")
        values[name] = int(value) if name in WHOLE else float(value)
    return Setup(size, int(seed), users, **values)


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
TASTE_SPREAD = 0.80  # standard deviation of a person around the segment's taste

CHANNELS = ("paid_search", "paid_social", "organic", "referral", "wechat_official", "app_store")
FLOOR = 0.06  # interest never fades below this share
PAID = ("paid_search", "paid_social", "app_store")  # channels with a media budget that moves from week to week
CHANNEL_SHARE = np.array(
    [
        [0.22, 0.16, 0.22, 0.12, 0.18, 0.10],
        [0.20, 0.24, 0.18, 0.16, 0.12, 0.10],
        [0.10, 0.16, 0.30, 0.16, 0.18, 0.10],
        [0.08, 0.20, 0.16, 0.26, 0.22, 0.08],
    ]
)
CHANNEL_MEANS = np.array([0.25, -0.45, 0.0, 0.005, 0.15, -0.05])  # how the people of a channel differ in means
# yuan of media per registration at a budget of level 1
COST_PER_REGISTRATION = np.array([42.0, 38.0, 0.0, 4.0, 6.0, 26.0])
AD_ELASTICITY = 0.12  # of registrations by the channel's spend in the same week
BUDGET_SPREAD = 0.7  # standard deviation of log spend from week to week

WEEKLY_VISITS, VISITS_ENGAGEMENT = 0.58, 0.75  # visits a week when fresh, and how they rise with engagement (log)

REFERRED_EDGE, REFERRED_EDGE_DAYS = 0.15, 120.0  # invited people buy a little more easily, which wears off

CAUSES = ("price", "no_time", "finished", "content", "service", "switched", "payment_failed")
PLANS = ("vip-month", "vip-year")
PLAN_PRICE = np.array([38.0, 268.0])  # yuan a period
PLAN_DAYS = np.array([30, 365])
YEAR_SHARE = 0.28  # of those who pay after the trial
TRIAL_DAYS = 7
CHURN_SIZE = 2.0  # alpha + beta of the monthly plan: 0.88 + 1.12 at the default knob
YEAR_CHURN = (1.60, 0.40)  # Beta of the yearly plan: 20 % renew, before any note
EARLY = 0.1  # share of those leaving a paid membership who cancel before the last days of the period
CHURN_LINK = 0.65  # correlation of churn with low engagement (Gaussian copula)

TEACHER_SHARE = 0.30  # of what remains after tax, refunds, fees and commission; the company declares it
MESSAGE_COST = 0.20  # yuan
DELIVERED = 0.96
COUPON, COUPON_CODE = 50.0, "LAMP50"  # yuan off the promoted course, and what one types in for it
CAMPAIGN_WINDOW_DAYS = 14
REFERENCE_PRICE = 199.0  # yuan; the logits below are levels at this price
# Purchase on the logit scale: of the promoted course within the window (BUY), at a visit of its page (VISIT).
BUY_LEVEL, VISIT_LEVEL = -7.85, -13.3
BUY_TASTE, BUY_PRICE, BUY_QUALITY, BUY_ENGAGEMENT, BUY_MEANS = 0.80, 1.8, 0.25, 0.55, 1.6
PERSUADED = float(np.log(2))  # a persuadable: the message at least doubles the odds
LIFT_PRICE_SENSITIVITY = 0.50
# The effect is largest at so many visits a week. Quieter people hear less of a message, HEARD of it at the least; more
# active ones mind it with the square of their distance (log), up to the reach.
BEST_VISITS, HEARD, MINDED, MINDED_REACH = 0.14, 0.05, 2.6, 1.6
FATIGUE = 0.05  # each message delivered in the 90 days before takes this off the effect
CARRY, CARRY_DAYS = 0.10, 20.0  # a message delivered earlier still helps the next purchase a little
SPILL = 0.15  # on the odds when all others of the study group were written to: people talk


def seconds(when: pd.Timestamp | str) -> float:
    """Return seconds from START to a date or time (a plain date means its midnight in the company's time zone)."""
    stamp = pd.Timestamp(when)
    stamp = stamp.tz_localize(TIMEZONE) if stamp.tzinfo is None else stamp
    return (stamp - START).total_seconds()


def day_of(time: np.ndarray) -> np.ndarray:
    """Return the day (0 .. DAYS - 1) of times in seconds; times outside the records take the nearest day."""
    return np.clip(np.asarray(time) / DAY, 0, DAYS - 1).astype(np.int16)


def logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def pick(rng: np.random.Generator, share: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Draw one category for each person from the row of ``share`` that belongs to the person's group.

    ``share`` has shape (groups, categories) with rows that sum to one; the result has the shape of ``group``.
    """
    edges = share.cumsum(axis=1)
    return (rng.random(len(group))[:, None] > edges[group][:, :-1]).sum(axis=1)
