"""Memberships: a free trial, then monthly periods that end with a known hazard and a labelled cause.

Each member keeps one churn probability per period, drawn from a Beta distribution (Fader & Hardie 2007, the
shifted-beta-geometric model), tied to low engagement by a Gaussian copula. The marginal is therefore exact:
first renewal 1 - alpha/(alpha+beta), one-year survival from the same curve.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from . import settings as s


def memberships(users: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (members, periods).

    members: one row per user who started a trial: ``user`` (row index), ``trial_start``, ``paid``, ``hazard`` (churn
    probability of each paid period, nan when never paid), ``cause`` (index into CAUSES, -1 while active) and the cause
    probabilities ``cause_0..6``. periods: one row per period with ``user, period_no, start, end, status,
    canceled_at, cause``.
    """
    rng = s.stream(seed, "membership")
    engagement = users["engagement"].to_numpy()
    starts = rng.random(len(users)) < s.logistic(-1.25 + 0.55 * engagement)
    day = np.maximum(users["created"].to_numpy() / s.DAY, 0) + rng.exponential(30, len(users))
    user = np.flatnonzero(starts & (day < s.DAYS - s.TRIAL_DAYS) & ~users["is_staff"].to_numpy())
    day = day[user]
    paid = rng.random(len(user)) < s.logistic(-0.65 + 0.35 * engagement[user])

    hazard = np.full(len(user), np.nan)
    hazard[paid] = churn_hazard(engagement[user][paid], rng)
    lifetime = np.zeros(len(user), dtype=int)  # paid periods until the first one that is not renewed
    lifetime[paid] = rng.geometric(np.clip(hazard[paid], 1e-9, 1))
    share = cause_share(users.iloc[user], rng)
    cause = (rng.random(len(user))[:, None] > share.cumsum(axis=1)[:, :-1]).sum(axis=1)

    first_paid = day + s.TRIAL_DAYS
    visible = np.ceil((s.DAYS - first_paid) / s.PERIOD_DAYS).astype(int).clip(0)  # periods that begin inside the window
    count = np.where(paid, np.minimum(lifetime, visible), 0)
    ended = paid & (lifetime <= visible) & (first_paid + lifetime * s.PERIOD_DAYS <= s.DAYS)
    members = pd.DataFrame(
        {
            "user": user,
            "trial_start": day * s.DAY,
            "paid": paid,
            "hazard": hazard,
            "cause": np.where(ended, cause, -1),
        }
    ).assign(**{f"cause_{k}": share[:, k] for k in range(len(s.CAUSES))})

    row = np.repeat(np.arange(len(user)), count + 1)  # period 0 is the trial
    number = np.concatenate([np.arange(c + 1) for c in count]) if len(count) else np.empty(0, dtype=int)
    start = np.where(number == 0, day[row], first_paid[row] + (number - 1) * s.PERIOD_DAYS)
    end = start + np.where(number == 0, s.TRIAL_DAYS, s.PERIOD_DAYS)
    last = number == count[row]
    stopped = np.where(number == 0, ~paid[row], last & ended[row])
    over = end <= s.DAYS
    status = np.where(~over, np.where(number == 0, "trialing", "active"), np.where(stopped, "canceled", "expired"))
    # Half of those who leave a trial say so on its first day; the others cancel somewhere in their last period.
    leave = np.where(
        (number == 0) & (rng.random(len(row)) < 0.5),
        rng.random(len(row)),
        rng.random(len(row)) * (end - start),
    )
    periods = pd.DataFrame(
        {
            "user": user[row],
            "period_no": number,
            "start": start * s.DAY,
            "end": end * s.DAY,
            "status": status,
            "canceled_at": np.where(stopped & over, start + leave, np.nan) * s.DAY,
            "cause": np.where(last & ended[row] & (number > 0), cause[row], -1),
            "hazard": np.where(number > 0, hazard[row], np.nan),
        }
    )
    return members, periods


def churn_hazard(engagement: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return Beta(alpha, beta) churn probabilities whose normal scores correlate by -CHURN_LINK with engagement."""
    if not len(engagement):
        return np.empty(0)
    rank = engagement.argsort(kind="stable").argsort(kind="stable")
    score = special.ndtri((rank + 0.5) / len(engagement))
    normal = -s.CHURN_LINK * score + np.sqrt(1 - s.CHURN_LINK**2) * rng.standard_normal(len(engagement))
    return special.betaincinv(s.CHURN_ALPHA, s.CHURN_BETA, special.ndtr(normal))


def cause_share(users: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return each user's probabilities of the causes given that they leave, shape (users, causes)."""
    z = np.zeros((len(users), len(s.CAUSES)))
    z[:, 0] = 0.6 + 2.2 * (users["price_sensitivity"] - 1.0)
    z[:, 1] = 0.4 - 0.8 * users["engagement"]
    z[:, 2] = -0.2 + 0.7 * users["engagement"] + 1.5 * (users["patience"] - 0.5)
    z[:, 3] = 0.1 - 1.5 * (users["patience"] - 0.5)
    z[:, 4] = -0.7
    z[:, 5] = -0.6 + 0.5 * (users["segment"] == 1)
    z[:, 6] = -1.0
    z += 0.3 * rng.standard_normal(z.shape)
    weight = np.exp(z)
    return weight / weight.sum(axis=1, keepdims=True)
