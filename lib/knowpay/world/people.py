"""People: what they like, how often they come, what they pay for, and when they arrived."""

from __future__ import annotations

import numpy as np
import pandas as pd

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


def pick(rng: np.random.Generator, share: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Draw one category for each person from the row of ``share`` that belongs to the person's group.

    ``share`` has shape (groups, categories) with rows that sum to one; the result has the shape of ``group``.
    """
    edges = share.cumsum(axis=1)
    return (rng.random(len(group))[:, None] > edges[group][:, :-1]).sum(axis=1)


def people(n: int, seed: int) -> pd.DataFrame:
    """Return one row per registered user with the latent traits that drive everything else.

    Latents: ``segment`` (index), ``taste_0..7`` (utility units), ``price_sensitivity`` (per log price),
    ``engagement`` (standard normal around the segment), ``patience`` (0-1), ``social`` (invites in expectation),
    ``weekly_rate`` (visits a week when fresh), ``fade_days`` (time constant of interest), ``created`` (seconds).
    """
    rng = s.stream(seed, "people")
    segment = rng.choice(len(s.SEGMENTS), size=n, p=s.SEGMENT_SHARE)
    taste = s.SEGMENT_TASTE[segment] + s.TASTE_SPREAD * rng.standard_normal((n, len(s.TOPICS)))
    engagement = np.array([0.15, 0.25, 0.0, -0.45])[segment] + 0.95 * rng.standard_normal(n)
    sensitivity = np.array([0.75, 1.25, 1.0, 0.85])[segment] * np.exp(0.25 * rng.standard_normal(n))
    patience = rng.beta(*np.array([[4, 3, 3, 5], [3, 4, 4, 3]])[:, segment])
    base = rng.random(n) < 0.40  # registered in the year before the records begin
    created = np.where(base, -rng.random(n) * 365, arrival_days(rng, n)) * s.DAY
    users = pd.DataFrame(
        {
            "segment": segment,
            "price_sensitivity": sensitivity,
            "engagement": engagement,
            "patience": patience,
            "social": rng.gamma(np.array([0.5, 0.7, 0.6, 1.1])[segment], 0.5),
            "weekly_rate": 2.1 * np.exp(0.55 * engagement),
            "fade_days": 40 + 330 * patience,
            "created": created,
            "channel": pick(rng, s.CHANNEL_SHARE, segment),
            "age": pick(rng, AGE_SHARE, segment),
            "woman": rng.random(n) < WOMEN_SHARE[segment],
            "occupation": pick(rng, OCCUPATION_SHARE, segment),
            "province": rng.choice(len(PROVINCES), size=n, p=np.arange(12, 2, -1) / np.arange(12, 2, -1).sum()),
            "device": rng.choice(len(DEVICES), size=n, p=[0.44, 0.27, 0.11, 0.18]),
            "marketing_denied": rng.random(n) < 0.12,
            "opted_out": rng.random(n) < 0.06,
            "under_14": rng.random(n) < 0.004,
            "is_staff": rng.random(n) < 0.003,
        }
    )
    return users.assign(**{f"taste_{k}": taste[:, k] for k in range(taste.shape[1])})


def arrival_days(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw registration days in the window, more on festival days and in term starts, shape (n,)."""
    weight = s.day_factor()[: s.DAYS - 7]
    day = rng.choice(len(weight), size=n, p=weight / weight.sum())
    return day + np.clip(rng.normal(0.62, 0.17, n), 0.01, 0.99)


def tastes(users: pd.DataFrame) -> np.ndarray:
    """Return the taste matrix, shape (users, topics)."""
    return users[[f"taste_{k}" for k in range(len(s.TOPICS))]].to_numpy()
