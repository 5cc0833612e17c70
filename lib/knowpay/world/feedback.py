"""Feedback: course reviews, the words of people who leave, and service messages, with known topic and sentiment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import demand, words
from . import settings as s
from .choice import Chooser

REVIEWED, ANSWERED, ANSWERED_WRONG = 0.22, 0.60, 0.15  # write a review, tick a cancel reason, tick a wrong one
CHINESE = 0.70  # share of texts
TICKETS = 0.25  # service messages per user in the records, on average


def reviews(c: s.Setup, who: Chooser, progress: pd.DataFrame, periods: pd.DataFrame, block: int) -> pd.DataFrame:
    """Return one row per review, cancel reason or service message, by time.

    ``time, user, course`` (-1 - plan for a membership, -100 none), ``kind, rating`` (nan where none), ``body``. What
    is true stands beside the words: ``aspect`` (of reviews; the topic of tickets), ``sentiment`` (-1, 0, 1), ``cause``.
    """
    rng = c.stream("reviews", block)
    read = progress[progress["started"] & (rng.random(len(progress)) < REVIEWED)]
    quality = who.courses["quality"].to_numpy()[read["course"]]
    mood = quality - 0.4 * who.trait("standards", read["user"].to_numpy()) + 0.7 * rng.standard_normal(len(read)) + 0.4
    aspect = rng.choice(len(words.ASPECTS), size=len(read), p=[0.55, 0.25, 0.20])
    sentiment = np.where(np.abs(mood) < 0.25, 0, np.sign(mood)).astype(int)
    chinese = rng.random(len(read)) < CHINESE
    written = pd.DataFrame(
        {
            "time": read["begun"].to_numpy() + (0.1 + rng.exponential(12, len(read))) * s.DAY,
            "user": read["user"].to_numpy(),
            "course": read["course"].to_numpy(),
            "kind": "review",
            "rating": np.clip(np.rint(3.6 + 0.9 * mood), 1, 5),
            "body": words.review_text(aspect, sentiment, chinese, rng),
            "aspect": np.array(words.ASPECTS, dtype=object)[aspect],
            "sentiment": sentiment,
            "cause": "",
            "chinese": chinese,
        }
    )
    left = periods[(periods["cause"] >= 0).to_numpy() & (rng.random(len(periods)) < ANSWERED)]
    cause, chinese = left["cause"].to_numpy(), rng.random(len(left)) < CHINESE
    when, who_left, plan = (left[name].to_numpy() for name in ("canceled_at", "user", "plan"))
    leaving = pd.DataFrame(
        {"time": when, "user": who_left, "course": -1 - plan,
         "kind": "cancel_reason", "rating": np.nan, "body": words.leaving_text(cause, chinese, rng), "aspect": "",
         "sentiment": -1, "cause": np.array(s.CAUSES, dtype=object)[cause], "chinese": chinese}
    )  # fmt: skip
    both = pd.concat([written, leaving, tickets(who, rng)], ignore_index=True)
    both["body"] = words.with_slips(both["body"].to_numpy(dtype=object), c.typos, c.stream("slips of the pen", block))
    both = both[both["time"].between(0, s.DAYS * s.DAY, inclusive="left")]
    return both.sort_values(["time", "user"], kind="stable", ignore_index=True)


def tickets(who: Chooser, rng: np.random.Generator) -> pd.DataFrame:
    """Return service messages: more from engaged people; the angrier, the higher a person's standards."""
    rate = TICKETS * np.exp(0.5 * who.users["engagement"].to_numpy() - 0.125)
    user = np.repeat(who.rows, rng.poisson(rate))
    n = len(user)
    begin = np.maximum(who.trait("created", user), 0)
    topic = rng.choice(len(words.TOPICS), size=n, p=[0.18, 0.14, 0.16, 0.22, 0.12, 0.06, 0.12])
    mood = rng.standard_normal(n) - 0.3 * who.trait("standards", user)
    sentiment = np.select([mood < -0.7, mood > 1.2], [-1, 1], 0)
    chinese = rng.random(n) < CHINESE
    time = demand.waking(who.trait("segment", user), begin + rng.random(n) * (s.DAYS * s.DAY - begin))
    return pd.DataFrame(
        {"time": np.maximum(time, begin + 60), "user": user, "course": -100, "kind": "ticket",
         "rating": np.nan, "body": words.ticket_text(topic, sentiment, chinese, rng),
         "aspect": np.array(words.TOPICS, dtype=object)[topic], "sentiment": sentiment, "cause": "", "chinese": chinese}
    )  # fmt: skip


def ticked_reason(c: s.Setup, periods: pd.DataFrame, block: int) -> np.ndarray:
    """Return the cancel reason each leaver ticked ("" where none was): right mostly, at times another one."""
    rng = c.stream("ticked", block)
    cause = periods["cause"].to_numpy()
    wrong = rng.random(len(cause)) < ANSWERED_WRONG
    shown = np.where(wrong, (cause + rng.integers(1, len(s.CAUSES), len(cause))) % len(s.CAUSES), cause)
    silent = (cause < 0) | (rng.random(len(cause)) >= ANSWERED)
    return np.where(silent, "", np.array(s.CAUSES, dtype=object)[shown])
