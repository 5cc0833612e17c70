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

from . import demand, trials
from . import settings as s
from .choice import Chooser

FIRST_DAY_CANCELS = 0.5  # share of those who leave a trial and say so on its first day
# Share of the use that is lost by the end of the last period, by cause. It falls over the last days, evenly; after the
# course is completed, at once.
USE_LOST = {"price": 0.3, "no_time": 0.9, "finished": 0.75, "content": 0.75, "service": 0.4, "switched": 0.9,
            "payment_failed": 0.0}  # fmt: skip
FALL_DAYS, FINISHED_DAYS = 28, (4, 24)
NEW_DAYS, OLD_DAYS = 30, 100  # mean wait for a trial: of newcomers, of those who were there when the records begin


def churn_beta(c: s.Setup) -> tuple[float, float]:
    """Return alpha and beta of the monthly plan's hazard."""
    return round(s.CHURN_SIZE * c.churn, 6), round(s.CHURN_SIZE * (1 - c.churn), 6)


def memberships(
    c: s.Setup, users: pd.DataFrame, rows: np.ndarray, block: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return (members, periods, spells) of the users of ``rows``.

    members: one row per user who started a trial: ``user`` (row index), ``paid``, ``plan`` (index), ``hazard`` (churn
    members: one row per user who started a trial: ``user`` (row index), ``paid``, ``plan`` (index), ``hazard`` (churn
    probability of each paid period without a note, nan when never paid), the cause probabilities ``cause_0..6``, and
    the trial of the month's price: ``tested, price`` and ``pays`` (logit of going on to pay at the usual price).
    periods: one row per period with ``user, plan, period_no, start, end, status, canceled_at, cause`` (-1 unless it
    ended a paid membership), ``hazard`` (with what a note does to it), ``order`` (running number of the paid periods
    that begin inside the records, -1 else), ``price`` (yuan), and the trial of the note: ``listed, note, delivered``,
    and the probabilities of leaving of those still there when the note comes, ``p_control, p_note``. spells: one row
    per time at which a member is about to leave: ``user, leaves`` (when that period ends, seconds, maybe after the
    records), ``leaving`` (the cause), ``falls`` (when use begins to fall) and ``until`` (when a note keeps him or her,
    inf where none does).
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
    level, wish = -1.38 + 0.5 * keen[local], rng.random(n)
    plan = (rng.random(n) < s.YEAR_SHARE).astype(int)
    price = trials.month_prices(c, person, day, plan, block)
    paid, usually = wish < s.logistic(level + price["shift"].to_numpy()), wish < s.logistic(level)

    hazard, engagement, noise = np.full(n, np.nan), person["engagement"].to_numpy(), rng.standard_normal(n)
    for which, shape in enumerate((churn_beta(c), s.YEAR_CHURN)):
        mine = paid & (plan == which)  # their place is that among those who pay the usual price
        link = linked_normal(engagement[mine], np.sort(engagement[usually & (plan == which)]), noise[mine])
        hazard[mine] = special.betaincinv(*shape, special.ndtr(link))
    share = cause_share(person, rng)
    cause = (rng.random(n)[:, None] > share.cumsum(axis=1)[:, :-1]).sum(axis=1)
    life = pd.DataFrame(
        {"paid": paid, "length": s.PLAN_DAYS[plan], "hazard": hazard,
         "lifetime": trials.periods_until(hazard, rng.random(n)), "cause": cause,
         "early": rng.random(n) < s.EARLY, "when": rng.random(n), "at_once": rng.random(n) < FIRST_DAY_CANCELS}
    )  # fmt: skip
    life, lots, spared = trials.notes(c, person, day + s.TRIAL_DAYS, life, share, block)

    members = pd.DataFrame({"user": local + rows[0], "paid": paid, "plan": plan, "hazard": hazard})
    members = members.assign(**{f"cause_{k}": share[:, k] for k in range(len(s.CAUSES))})
    members = members.assign(tested=price["tested"], price=price["price"], pays=level)
    final = life.assign(member=np.arange(n), until=np.inf)[paid]
    ends = pd.concat([final, spared], ignore_index=True)
    who = ends["member"].to_numpy()
    leaves = (day[who] + s.TRIAL_DAYS + ends["lifetime"].to_numpy() * s.PLAN_DAYS[plan[who]]) * s.DAY
    last = c.stream("falling use", block).uniform(*FINISHED_DAYS, n)[who]  # they stop when they reach their goal
    done = ends["cause"].to_numpy() == s.CAUSES.index("finished")
    spells = pd.DataFrame(
        {"user": members["user"].to_numpy()[who], "leaves": leaves, "leaving": ends["cause"],
         "falls": leaves - np.where(done, last, FALL_DAYS) * s.DAY, "until": ends["until"]}
    )  # fmt: skip
    return members, periods(c, members, day, life, lots), spells


def share_lost(c: s.Setup, spells: pd.DataFrame) -> np.ndarray:
    """Return the share of their use that members have lost by the time they leave, for each spell."""
    return np.minimum(c.decline * np.array([USE_LOST[name] for name in s.CAUSES])[spells["leaving"]], 1)


def layers(spells: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the spells, parted so that nobody is in one part twice; the last spell of everybody comes first."""
    return [layer for _, layer in spells.groupby(spells.groupby("user").cumcount().to_numpy())]


def lost(c: s.Setup, who: Chooser, spells: pd.DataFrame, user: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Return the share of their use that people (rows) have lost at times (seconds), because they are to leave."""
    total, local = np.zeros(len(user)), user - who.first
    for layer in layers(spells.assign(share=share_lost(c, spells))):
        at = layer["user"].to_numpy() - who.first
        falls, leaves, until, share, at_once = (np.zeros(len(who.users)) for _ in range(5))
        falls[at], leaves[at], until[at], share[at] = layer[["falls", "leaves", "until", "share"]].to_numpy().T
        at_once[at] = layer["leaving"] == s.CAUSES.index("finished")
        passed = (time - falls[local]) / np.maximum(leaves[local] - falls[local], 1)
        passed = np.where(at_once[local], passed > 0, np.clip(passed, 0, 1)) * (time < until[local])
        total = np.maximum(total, passed * share[local])
    return total


def fewer(
    c: s.Setup,
    who: Chooser,
    spells: pd.DataFrame,
    visits: dict[str, np.ndarray],
    pages: dict[str, np.ndarray],
    block: int,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the visits and their pages without those that members who are to leave no longer make."""
    chance = c.stream("fewer visits", block).random(len(visits["user"]))
    stays = chance >= lost(c, who, spells, visits["user"], visits["start"])
    kept = stays[pages["visit"]]
    pages = {name: values[kept] for name, values in pages.items()}
    pages["visit"] = (stays.cumsum() - 1)[pages["visit"]]
    return {name: values[stays] for name, values in visits.items()}, pages


def periods(
    c: s.Setup, members: pd.DataFrame, day: np.ndarray, life: pd.DataFrame, lots: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return the periods of `memberships`.

    ``day`` is when the trial begins, ``life`` and ``lots`` are those of `trials.notes`; all are of one member each.
    """
    user, paid, plan, hazard = (members[name].to_numpy() for name in ("user", "paid", "plan", "hazard"))
    n, lifetime = len(members), life["lifetime"].to_numpy()
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
    leave = leaving(life.iloc[row], number == 0, end - start)
    gone = stopped & (over | (number == 0)) & (start + leave < s.DAYS)
    billed = number > 0
    note = {name: lot[row, np.maximum(number - 1, 0)] & billed for name, lot in lots.items()}
    without, told = trials.note_odds(c, hazard, members[[f"cause_{k}" for k in range(len(s.CAUSES))]].to_numpy())
    spared = np.where(note["tested"] & note["delivered"], (without - told)[row] / s.DELIVERED, 0.0)
    risk = hazard[row] - spared * (1 - s.EARLY * hazard[row])  # the note comes to those who have not left early
    return pd.DataFrame(
        {
            "user": user[row],
            "plan": plan[row],
            "period_no": number,
            "start": start * s.DAY,
            "end": end * s.DAY,
            "status": status,
            "canceled_at": np.where(gone, start + leave, np.nan) * s.DAY,
            "cause": np.where(last & ended[row] & billed, life["cause"].to_numpy()[row], -1),
            "hazard": np.where(billed, risk, np.nan),
            "order": np.where(billed, np.cumsum(billed) - 1, -1),
            "price": np.where(number == 1, members["price"].to_numpy()[row], s.PLAN_PRICE[plan[row]]) * billed,
            "listed": note["listed"],
            "note": note["sent"],
            "delivered": note["delivered"],
            "p_control": np.where(billed, without[row], np.nan),
            "p_note": np.where(billed, told[row], np.nan),
        }
    )


def leaving(life: pd.DataFrame, trial: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return the days from the start of a period to the moment at which its member would cancel it.

    Half of those who leave a trial say so on its first day, the others cancel somewhere in it. Of the members few
    cancel before the last days of a period: most wait until the renewal is near.
    """
    when, early = life["when"].to_numpy(), life["early"].to_numpy()
    in_trial = when * np.where(life["at_once"], 1.0, length)
    last_days = np.minimum(trials.NOTE_DAYS, length)
    in_period = np.where(early, when * (length - last_days), length - last_days * (1 - when))
    return np.where(trial, in_trial, in_period)


def linked_normal(engagement: np.ndarray, peers: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return standard normals that correlate by -CHURN_LINK with the place of each engagement among ``peers`` (sorted).

    ``noise`` are standard normals; it and the result have the shape of ``engagement``.
    """
    place = np.minimum(np.searchsorted(peers, engagement), max(len(peers) - 1, 0))
    score = special.ndtri((place + 0.5) / max(len(peers), 1))
    return -s.CHURN_LINK * score + np.sqrt(1 - s.CHURN_LINK**2) * noise


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
