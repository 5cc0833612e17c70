"""People: what they like, how often they come, what they pay for, when and how they arrived, whom they know."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import demand, social
from . import settings as s

AGE_BANDS = ("18-24", "25-34", "35-44", "45+")
AGE_SHARE = np.array(
    [[0.15, 0.55, 0.25, 0.05], [0.65, 0.28, 0.05, 0.02], [0.2, 0.3, 0.25, 0.25], [0.02, 0.43, 0.48, 0.07]]
)
WOMEN_SHARE = np.array([0.47, 0.55, 0.50, 0.74])
PROVINCES = (
    "Guangdong",
    "Jiangsu",
    "Zhejiang",
    "Beijing",
    "Shanghai",
    "Sichuan",
    "Hubei",
    "Shandong",
    "Henan",
    "Fujian",
)
OCCUPATIONS = ("employee", "student", "manager", "self_employed", "teacher", "at_home")
OCCUPATION_SHARE = np.array(
    [
        [0.52, 0.06, 0.24, 0.13, 0.04, 0.01],
        [0.20, 0.66, 0.02, 0.04, 0.06, 0.02],
        [0.38, 0.14, 0.14, 0.16, 0.12, 0.06],
        [0.40, 0.01, 0.14, 0.15, 0.12, 0.18],
    ]
)
DEVICES = ("android", "ios", "web", "wechat_mp")
CONSENT_GAPS = {"analytics": (0.04, 0.01), "marketing": (0.06, 0.03)}  # of users: consent unknown, consent withdrawn
BEFORE = 0.40  # share of users who registered in the year before the records begin


def people(c: s.Setup, budget: np.ndarray) -> pd.DataFrame:
    """Return one row per registered user with the latent traits that drive everything else.

    Latents: ``segment`` (index), ``taste_0..7`` (utility units), ``price_sensitivity`` (per log price), ``means``
    (standard normal: how easily the person pays), ``engagement`` (standard normal around the segment), ``patience``
    (0-1), ``standards`` (standard normal: how much quality must be there to please), ``social`` (weight of being the
    one who invites), ``weekly_rate`` (visits a week when fresh), ``fade_days`` (time constant of interest),
    ``persuasion`` and ``message_effect`` (of a message delivered at the end of the records, logit), ``created``
    (seconds), ``inviter`` (row index, -1 none), ``generation`` (invitations since somebody who came unasked), ``group``
    (study group). ``budget`` is the level of media budgets by week and channel.
    """
    rng = c.stream("people")
    n = c.users
    segment = rng.choice(len(s.SEGMENTS), size=n, p=s.SEGMENT_SHARE)
    taste = s.SEGMENT_TASTE[segment] + s.TASTE_SPREAD * rng.standard_normal((n, len(s.TOPICS)))
    engagement = np.array([0.15, 0.25, 0.0, -0.45])[segment] + 0.95 * rng.standard_normal(n)
    patience = rng.beta(*np.array([[4, 3, 3, 5], [3, 4, 4, 3]])[:, segment])
    channel = s.pick(rng, s.CHANNEL_SHARE, segment)
    users = pd.DataFrame(
        {
            "segment": segment,
            "price_sensitivity": np.array([0.75, 1.25, 1.0, 0.85])[segment] * np.exp(0.25 * rng.standard_normal(n)),
            "means": s.CHANNEL_MEANS[channel] + rng.standard_normal(n),
            "engagement": engagement,
            "patience": patience,
            "standards": rng.standard_normal(n),
            "social": rng.gamma(np.array([0.5, 0.7, 0.6, 1.1])[segment], 0.5),
            "fade_days": 40 + 330 * patience,
            "created": arrivals(c, rng, segment, channel, budget) * s.DAY,
            "channel": channel,
            "age": s.pick(rng, AGE_SHARE, segment),
            "woman": rng.random(n) < WOMEN_SHARE[segment],
            "occupation": s.pick(rng, OCCUPATION_SHARE, segment),
            "province": rng.choice(len(PROVINCES), size=n, p=np.arange(12, 2, -1) / np.arange(12, 2, -1).sum()),
            "device": rng.choice(len(DEVICES), size=n, p=[0.44, 0.27, 0.11, 0.18]),
            "second_device": rng.random(n) < 0.15,
            "marketing_denied": rng.random(n) < 0.12,
            "analytics_denied": rng.random(n) < 0.03,
            "opted_out": rng.random(n) < 0.06,
            "under_14": rng.random(n) < 0.004,
            "is_staff": rng.random(n) < 0.003,
            "is_test": rng.random(n) < 0.002,
        }
    )
    users = users.join(consent(c, users))
    users["inviter"] = social.invitations(c, users)
    users["generation"] = social.generations(users)
    users = social.resembling(c, users)
    users["weekly_rate"] = s.WEEKLY_VISITS * np.exp(s.VISITS_ENGAGEMENT * users["engagement"])
    users["persuasion"] = persuasion(c, users)
    users["message_effect"] = message_effect(c, users, s.DAYS * s.DAY)
    users["group"] = social.study_groups(c, users)
    return users.assign(**{f"taste_{k}": taste[:, k] for k in range(taste.shape[1])})


def persuasion(c: s.Setup, users: pd.DataFrame) -> np.ndarray:
    """Return what a message does to people who hear all of it and mind nothing, logit, shape (users,).

    Price-sensitive people are won over. The level is such that at the end of the records a given share of the users are
    persuadable.
    """
    own = s.LIFT_PRICE_SENSITIVITY * (users["price_sensitivity"].to_numpy() - 0.95) / 0.30
    hears, minds = activity(c, users, s.DAYS * s.DAY)
    return own + np.quantile((s.PERSUADED + minds) / hears - own, c.persuadables)


def message_effect(c: s.Setup, users: pd.DataFrame, time: float) -> np.ndarray:
    """Return the effect of a message delivered at a time (seconds) on the odds of buying, logit, shape (users,)."""
    hears, minds = activity(c, users, time)
    return users["persuasion"].to_numpy() * hears - minds


def activity(c: s.Setup, users: pd.DataFrame, time: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how far people hear a message (0-1), and how much they mind it (logit), by the visits a week they make.

    Quiet people hardly hear it, very active ones are annoyed (sleeping dogs); those in the middle answer most.
    """
    age = np.maximum(time - users["created"].to_numpy(), 0) / s.DAY
    interest = np.maximum(np.exp(-age / users["fade_days"].to_numpy()), s.FLOOR)
    more = np.log(users["weekly_rate"].to_numpy() * interest / s.BEST_VISITS)
    hears = 1 - min(c.hump, 1) * (1 - s.HEARD) * (1 - np.exp(-(np.minimum(more, 0) ** 2)))
    return hears, c.hump * s.MINDED * np.clip(more, 0, s.MINDED_REACH) ** 2


def consent(c: s.Setup, users: pd.DataFrame) -> pd.DataFrame:
    """Return what is known of consent beside the refusals, columns for ``analytics`` and ``marketing``.

    ``_unknown``: never asked. ``_withdrawn``: when (seconds) somebody who had agreed took it back, inf for the others.
    """
    rng = c.stream("consent")
    begin, table = np.maximum(users["created"].to_numpy(), 0), {}
    for name, (unknown, withdrawn) in CONSENT_GAPS.items():
        draw, when = rng.random(len(users)), begin + rng.random(len(users)) * (s.DAYS * s.DAY - begin)
        agreed = ~users[f"{name}_denied"].to_numpy()
        lost = (draw > 1 - c.consent_gaps * withdrawn) & agreed
        table |= {f"{name}_unknown": (draw < c.consent_gaps * unknown) & agreed}
        table |= {f"{name}_withdrawn": np.where(lost, when, np.inf)}
    return pd.DataFrame(table)


def arrivals(
    c: s.Setup, rng: np.random.Generator, segment: np.ndarray, channel: np.ndarray, budget: np.ndarray
) -> np.ndarray:
    """Draw registration days, shape (users,): negative for those who came before the records begin.

    More come on festival days, in term starts, in weeks with a larger media budget (by the advertising elasticity),
    and more exam-takers before the exams.
    """
    busy = demand.components(c)[["season", "trend", "term", "festival"]].prod(axis=1).to_numpy()
    wave = np.ones(s.DAYS)
    first, end, factor = demand.EXAM_WAVE
    wave[int(s.seconds(first) // s.DAY) : int(s.seconds(end) // s.DAY) + 1] = factor
    spent = budget[np.arange(s.DAYS) // 7] ** s.AD_ELASTICITY
    day = np.empty(len(segment))
    for k in range(len(s.SEGMENTS)):
        for j in range(len(s.CHANNELS)):
            mine = np.flatnonzero((segment == k) & (channel == j))
            weight = busy * spent[:, j] * (wave if s.SEGMENTS[k] == "exam" else 1.0)
            day[mine] = rng.choice(s.DAYS, size=len(mine), p=weight / weight.sum())
    day += np.clip(rng.normal(0.62, 0.17, len(day)), 0.01, 0.99)
    return np.where(rng.random(len(day)) < BEFORE, -rng.random(len(day)) * 365, day)


def tastes(users: pd.DataFrame) -> np.ndarray:
    """Return the taste matrix, shape (users, topics)."""
    return users[[f"taste_{k}" for k in range(len(s.TOPICS))]].to_numpy()
