"""Memberships: a free trial, then monthly or yearly periods that end with a known hazard and a labelled cause.

Each member keeps one churn probability per period, drawn from a Beta distribution (Fader & Hardie 2007, the
shifted-beta-geometric model), tied to low engagement by a Gaussian copula. With many members the marginal is that
Beta: first renewal 1 - alpha/(alpha+beta), one-year survival from the same curve. The causes compete: the hazard of a
cause is the member's hazard times the member's share of that cause.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from . import demand
from . import settings as s
from .choice import Chooser

FIRST_DAY_CANCELS = 0.5  # share of those who leave a trial and say so on its first day
# Share of the use that is lost by the end of the last period, by cause. It falls over the last days, evenly; after the
# course is completed, at once.
USE_LOST = {"price": 0.3, "no_time": 0.9, "finished": 0.75, "content": 0.75, "service": 0.4, "switched": 0.9,
            "payment_failed": 0.0}  # fmt: skip
FALL_DAYS, FINISHED_DAYS = 28, (4, 24)
NEW_DAYS, OLD_DAYS = 30, 150  # mean wait for a trial: of newcomers, of those who were there when the records begin


def churn_beta(c: s.Setup) -> tuple[float, float]:
    """Return alpha and beta of the monthly plan's hazard."""
    return round(s.CHURN_SIZE * c.churn, 6), round(s.CHURN_SIZE * (1 - c.churn), 6)


def memberships(c: s.Setup, users: pd.DataFrame, rows: np.ndarray, block: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (members, periods) of the users of ``rows``.

    members: one row per user who started a trial: ``user`` (row index), ``paid``, ``plan`` (index), ``hazard`` (churn
    probability of each paid period, nan when never paid), ``leaves`` (when the last paid period ends, seconds, maybe
    after the records; inf when never paid), ``leaving`` (its cause, -1), ``falls`` (when use begins to fall) and the
    cause probabilities ``cause_0..6``. periods: one row
    per period with ``user, plan, period_no, start, end, status, canceled_at, cause`` (-1 unless it ended a paid
    membership), ``hazard``, ``order`` (running number of the paid periods that begin inside the records, -1 else).
    """
    rng = c.stream("membership", block)
    part = users.iloc[rows[0] : rows[-1] + 1]
    keen = 0.5 * part["engagement"].to_numpy() + 1.0 * part["means"].to_numpy()
    starts = rng.random(len(part)) < s.logistic(-2.45 + keen)
    created = part["created"].to_numpy() / s.DAY
    wait = rng.exponential(np.where(created < 0, OLD_DAYS, NEW_DAYS))
    day = demand.waking(part["segment"].to_numpy(), (np.maximum(created, 0) + wait) * s.DAY) / s.DAY
    day = np.maximum(day, created + 0.002)
    local = np.flatnonzero(starts & (day < s.DAYS - s.TRIAL_DAYS) & ~(part["is_staff"] | part["is_test"]).to_numpy())
    day, person = day[local], part.iloc[local]
    n = len(local)
    paid = rng.random(n) < s.logistic(-1.3 + 0.5 * keen[local])
    plan = (rng.random(n) < s.YEAR_SHARE).astype(int)

    hazard, lifetime = np.full(n, np.nan), np.zeros(n, dtype=int)  # lifetime: paid periods until one is not renewed
    for which, shape in enumerate((churn_beta(c), s.YEAR_CHURN)):
        mine = np.flatnonzero(paid & (plan == which))
        link = linked_normal(person["engagement"].to_numpy()[mine], rng)
        hazard[mine] = special.betaincinv(*shape, special.ndtr(link))
        lifetime[mine] = rng.geometric(np.clip(hazard[mine], 1e-9, 1))
    share = cause_share(person, rng)
    cause = (rng.random(n)[:, None] > share.cumsum(axis=1)[:, :-1]).sum(axis=1)

    leaves = np.where(paid, (day + s.TRIAL_DAYS + lifetime * s.PLAN_DAYS[plan]) * s.DAY, np.inf)
    members = pd.DataFrame({"user": local + rows[0], "paid": paid, "plan": plan, "hazard": hazard, "leaves": leaves})
    members = members.assign(leaving=np.where(paid, cause, -1), falls=leaves - FALL_DAYS * s.DAY)
    done = (members["leaving"] == s.CAUSES.index("finished")).to_numpy()  # they stop on the day they reach their goal
    last = c.stream("falling use", block).uniform(*FINISHED_DAYS, n) * s.DAY
    members["falls"] = np.where(done, leaves - last, members["falls"])
    members = members.assign(**{f"cause_{k}": share[:, k] for k in range(len(s.CAUSES))})
    return members, periods(members, day, lifetime, cause, rng)


def lost(c: s.Setup, who: Chooser, members: pd.DataFrame, user: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return the share of their use that people (rows) have lost at times (seconds), because they are to leave."""
    at = members["user"].to_numpy() - who.first
    falls, leaves, share = np.full(len(who.users), np.inf), np.full(len(who.users), np.inf), np.zeros(len(who.users))
    falls[at], leaves[at] = members["falls"], members["leaves"]
    cause = members["leaving"].to_numpy()
    share[at] = c.decline * np.where(cause < 0, 0.0, np.array([USE_LOST[name] for name in s.CAUSES])[cause])
    local = user - who.first
    with np.errstate(invalid="ignore"):  # inf of those who stay
        passed = (time - falls[local]) / (leaves[local] - falls[local])
    at_once = np.zeros(len(who.users), dtype=bool)
    at_once[at] = cause == s.CAUSES.index("finished")
    passed = np.where(at_once[local], passed > 0, passed)
    return np.clip(np.nan_to_num(passed), 0, 1) * np.minimum(share[local], 1)


def fewer(
    c: s.Setup,
    who: Chooser,
    members: pd.DataFrame,
    visits: dict[str, np.ndarray],
    pages: dict[str, np.ndarray],
    block: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the visits and their pages without those that members who are to leave no longer make."""
    chance = c.stream("fewer visits", block).random(len(visits["user"]))
    stays = chance >= lost(c, who, members, visits["user"], visits["start"])
    kept = stays[pages["visit"]]
    pages = {name: values[kept] for name, values in pages.items()}
    pages["visit"] = (stays.cumsum() - 1)[pages["visit"]]
    return {name: values[stays] for name, values in visits.items()}, pages


def periods(
    members: pd.DataFrame, day: np.ndarray, lifetime: np.ndarray, cause: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the periods of `memberships`.

    ``day`` is when the trial begins, ``lifetime`` the number of paid periods until one is not renewed, for which
    ``cause`` is the cause; all are of one member each.
    """
    user, paid, plan, hazard = (members[name].to_numpy() for name in ("user", "paid", "plan", "hazard"))
    n = len(members)
    length = s.PLAN_DAYS[plan]
    first_paid = day + s.TRIAL_DAYS
    visible = np.ceil((s.DAYS - first_paid) / length).astype(int).clip(0)  # periods that begin inside the window
    count = np.where(paid, np.minimum(lifetime, visible), 0)
    ended = paid & (lifetime <= visible) & (first_paid + lifetime * length <= s.DAYS)
    row = np.repeat(np.arange(n), count + 1)  # period 0 is the trial
    number = np.arange(len(row)) - np.repeat(np.cumsum(count + 1) - (count + 1), count + 1)
    start = np.where(number == 0, day[row], first_paid[row] + (number - 1) * length[row])
    end = start + np.where(number == 0, s.TRIAL_DAYS, length[row])
    last = number == count[row]
    stopped = np.where(number == 0, ~paid[row], last & ended[row])
    over = end <= s.DAYS
    status = np.where(~over, np.where(number == 0, "trialing", "active"), np.where(stopped, "canceled", "expired"))
    # Half of those who leave a trial say so on its first day; the others cancel somewhere in their last period.
    at_once = (number == 0) & (rng.random(len(row)) < FIRST_DAY_CANCELS)
    leave = rng.random(len(row)) * np.where(at_once, 1.0, end - start)
    gone = stopped & (over | (number == 0)) & (start + leave < s.DAYS)
    billed = number > 0
    return pd.DataFrame(
        {
            "user": user[row],
            "plan": plan[row],
            "period_no": number,
            "start": start * s.DAY,
            "end": end * s.DAY,
            "status": status,
            "canceled_at": np.where(gone, start + leave, np.nan) * s.DAY,
            "cause": np.where(last & ended[row] & billed, cause[row], -1),
            "hazard": np.where(billed, hazard[row], np.nan),
            "order": np.where(billed, np.cumsum(billed) - 1, -1),
        }
    )


def linked_normal(engagement: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return standard normals that correlate by -CHURN_LINK with the ranks of engagement, shape of ``engagement``."""
    rank = engagement.argsort(kind="stable").argsort(kind="stable")
    score = special.ndtri((rank + 0.5) / max(len(engagement), 1))
    return -s.CHURN_LINK * score + np.sqrt(1 - s.CHURN_LINK**2) * rng.standard_normal(len(engagement))


def cause_share(users: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Return each user's probabilities of the causes given that they leave, shape (users, causes)."""
    z = np.zeros((len(users), len(s.CAUSES)))
    z[:, 0] = 0.6 + 2.2 * (users["price_sensitivity"] - 1.0)
    z[:, 1] = 0.4 - 0.8 * users["engagement"]
    z[:, 2] = -0.2 + 0.7 * users["engagement"] + 1.5 * (users["patience"] - 0.5)
    z[:, 3] = 0.1 - 1.5 * (users["patience"] - 0.5) + 0.3 * users["standards"]
    z[:, 4] = -0.7
    z[:, 5] = -0.6 + 0.5 * (users["segment"] == 1)
    z[:, 6] = -1.0
    z += 0.3 * rng.standard_normal(z.shape)
    weight = np.exp(z)
    return weight / weight.sum(axis=1, keepdims=True)
