"""Demand: how the days differ. Season, trend break, terms and festivals multiply; weekdays depend on the segment."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from . import settings as s

# The two shopping festivals and the new year talk (multipliers of the visit rate on that day).
FESTIVALS = {
    "2024-11-11": 2.2,
    "2024-12-31": 1.6,
    "2025-06-18": 2.0,
    "2025-11-11": 2.3,
    "2025-12-31": 1.6,
}
TERMS = (
    ("2024-09-01", "2024-09-20", 1.25),
    ("2025-02-17", "2025-03-07", 1.2),
    ("2025-09-01", "2025-09-20", 1.25),
)
BREAK = ("2025-04-01", 1.08)  # the trend break: a new app version
DEMAND_BREAK = ("2025-09-01", 1.15)  # a lasting one: the visits of everybody, whoever registers
FIRST_CAMPAIGN, LAST_CAMPAIGN = 21, s.DAYS - 21  # days of the first and of the last campaign
CAMPAIGN_DAY = (1.25, 1.10)  # everybody's visits on the day of a campaign, and on the day after
EXAM_WAVE = ("2025-03-01", "2025-04-30", 1.8)  # in these weeks more of the newcomers prepare for an exam
WEEKEND_FACTOR = np.array([0.75, 1.0, 1.35, 0.9])  # Saturday and Sunday against a weekday, by segment
# Hour profile of each segment: (peak hour, width in hours, weight) of the bumps of a day.
HOURS = np.array(
    (
        ((8.0, 1.5, 0.35), (12.5, 1.2, 0.25), (21.5, 2.5, 0.40)),
        ((10.0, 3.0, 0.30), (15.5, 3.0, 0.30), (22.0, 2.5, 0.40)),
        ((13.0, 3.0, 0.25), (20.0, 2.5, 0.50), (23.0, 1.5, 0.25)),
        ((9.5, 1.8, 0.25), (13.5, 1.8, 0.35), (21.0, 2.0, 0.40)),
    )
)


def components(c: s.Setup) -> pd.DataFrame:
    """Return one row per day: multipliers and their product ``total``.

    ``date, season, trend, term, festival`` move visits and registrations, ``shift`` (the demand break) and ``campaign``
    (the days of campaigns) move visits only.
    """
    day = np.arange(s.DAYS)
    season = 1 + 0.12 * c.season * np.cos(2 * np.pi * (day - 150) / 365.25)  # more in winter evenings
    trend = np.where(day >= s.seconds(BREAK[0]) / s.DAY, BREAK[1], 1.0)
    term, festival = np.ones(s.DAYS), np.ones(s.DAYS)
    for first, last, size in TERMS:
        term[int(s.seconds(first) // s.DAY) : int(s.seconds(last) // s.DAY) + 1] = 1 + (size - 1) * c.season
    for date, size in FESTIVALS.items():
        festival[int(s.seconds(date) // s.DAY)] = 1 + (size - 1) * c.season
    shift = np.where(day >= s.seconds(DEMAND_BREAK[0]) / s.DAY, 1 + (DEMAND_BREAK[1] - 1) * c.demand_break, 1.0)
    campaign = np.ones(s.DAYS)
    for after, size in reversed(list(enumerate(CAMPAIGN_DAY))):
        campaign[campaign_days(c) + after] = 1 + (size - 1) * c.campaign_days
    date = (s.START + pd.to_timedelta(day, unit="D")).date
    table = {"season": season, "trend": trend, "term": term, "festival": festival, "shift": shift, "campaign": campaign}
    return pd.DataFrame({"date": date} | table | {"total": np.prod(list(table.values()), axis=0)})


def campaign_days(c: s.Setup) -> np.ndarray:
    """Return the days of the campaigns, evenly spread, shape (campaigns,)."""
    days = np.floor(np.linspace(FIRST_CAMPAIGN, LAST_CAMPAIGN, max(c.campaigns, 1)))
    return days[: c.campaigns].astype(int)


def is_weekend() -> np.ndarray:
    """Return for each day whether it is a Saturday or Sunday, shape (DAYS,)."""
    return (s.START + pd.to_timedelta(np.arange(s.DAYS), unit="D")).day_of_week.to_numpy() >= 5


def by_day(c: s.Setup) -> np.ndarray:
    """Return the multiplier of the visit rate, shape (segments, DAYS)."""
    weekend = np.where(is_weekend(), WEEKEND_FACTOR[:, None], 1.0)
    return weekend * components(c)["total"].to_numpy()


def hours(segment: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an hour of the day (0-24) for each visit from the hour profile of its person's segment."""
    bump = s.pick(rng, HOURS[:, :, 2], segment)
    centre, width = HOURS[segment, bump, 0], HOURS[segment, bump, 1]
    return (centre + width * rng.standard_normal(len(segment))) % 24


def waking(segment: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Move times, spread evenly over the day, to the hours when people of a segment are up; their order stays.

    The share of the day that has passed becomes that share of the segment's activity (the quantile of its profile).
    """
    edges = np.linspace(0, 24, 24 * 12 + 1)
    day, passed = np.divmod(np.asarray(time, dtype=float), s.DAY)
    moved = np.empty(len(day))
    for k in range(len(s.SEGMENTS)):
        mine = segment == k
        moved[mine] = np.interp(passed[mine] / s.DAY, activity(k, edges), edges)
    return day * s.DAY + moved * 3600


def activity(segment: int, hour: np.ndarray) -> np.ndarray:
    """Return the share of a segment's visits that come before an hour of the day (0-24)."""
    total = np.zeros(len(hour))
    for centre, width, weight in HOURS[segment]:
        for turn in (-24, 0, 24):  # what lies beyond midnight belongs to the other end of the day
            below = special.ndtr((hour + turn - centre) / width)
            total += weight * (below - special.ndtr((turn - centre) / width))
    return total / total[-1]
