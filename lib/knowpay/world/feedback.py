"""Feedback: course reviews and the words of people who leave, with known topic and sentiment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s

REVIEW = {  # (aspect, positive): sentences
    ("content", True): ("内容扎实，例子很贴近工作。", "Clear, with examples I could use.", "老师讲得透彻，能用。"),
    ("content", False): ("内容太浅，都是网上能找到的。", "Too shallow, mostly definitions.", "讲得太快，跟不上。"),
    ("price", True): ("这个价格很值。", "Worth every yuan.", "活动价买的，超值。"),
    ("price", False): ("有点贵，内容撑不起价格。", "Expensive for what it is.", "刚买完就打折，很失望。"),
    ("service", True): ("助教回复很快。", "The assistants answer within the hour.", "客服耐心，点赞。"),
    ("service", False): ("提问三天没人回。", "Nobody answered my question.", "视频总是卡，客服让我重启。"),
}  # fmt: skip
LEAVING = {
    "price": ("会员太贵了，用不回本。", "The monthly price is more than I use it for."),
    "no_time": ("最近工作太忙，没时间看。", "No time to study these weeks."),
    "finished": ("想学的课都学完了。", "I have finished the courses I came for."),
    "content": ("新课太少，质量也下降了。", "Not enough new courses, and they got thinner."),
    "service": ("客服态度差，问题没解决。", "Support never solved my problem."),
    "switched": ("换到别的平台了。", "I moved to another platform."),
    "payment_failed": ("扣款失败，会员就断了。", "The payment failed and I let it go."),
}
WORDS_WITHOUT_CAUSE = ("先不续了，以后再说。", "Just taking a break.", "不需要了。")
REVIEWED, ANSWERED, ANSWERED_WRONG = (
    0.22,
    0.60,
    0.15,
)  # shares: write a review, tick a cancel reason, tick a wrong one


def reviews(
    users: pd.DataFrame, courses: pd.DataFrame, progress: pd.DataFrame, periods: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return one row per review or cancel reason: ``time, user, course`` (-1: a plan), ``kind, rating, body``.

    The true ``aspect, sentiment`` (1 or -1) and ``cause`` stand beside the words.
    """
    rng = s.stream(seed, "reviews")
    read = progress[progress["started"] & (rng.random(len(progress)) < REVIEWED)]
    mood = courses["quality"].to_numpy()[read["course"]] + 0.8 * rng.standard_normal(len(read)) + 0.4
    aspect = rng.choice(["content", "price", "service"], size=len(read), p=[0.55, 0.25, 0.20])
    which, good = rng.integers(0, 3, len(read)), mood > 0
    written = pd.DataFrame(
        {
            "time": read["time"].to_numpy() + rng.exponential(12, len(read)) * s.DAY,
            "user": read["user"].to_numpy(),
            "course": read["course"].to_numpy(),
            "kind": "review",
            "rating": np.clip(np.rint(3.6 + 0.9 * mood), 1, 5),
            "body": [REVIEW[a, bool(g)][w] for a, g, w in zip(aspect, good, which, strict=True)],
            "aspect": aspect,
            "sentiment": np.where(good, 1, -1),
            "cause": "",
        }
    )
    left = periods[periods["cause"] >= 0]
    words = rng.random(len(left)) < ANSWERED
    cause = np.array(s.CAUSES, dtype=object)[left["cause"]]
    vague = rng.random(len(left)) < 0.2
    said = [
        WORDS_WITHOUT_CAUSE[i % 3] if v else LEAVING[c][i % 2]
        for c, v, i in zip(cause, vague, rng.integers(0, 6, len(left)), strict=True)
    ]
    leaving = pd.DataFrame(
        {"time": left["canceled_at"].to_numpy(), "user": left["user"].to_numpy(), "course": -1, "kind": "cancel_reason",
         "rating": np.nan, "body": said, "aspect": "", "sentiment": -1, "cause": cause}
    )[words]  # fmt: skip
    both = pd.concat([written[written["time"] < s.DAYS * s.DAY], leaving], ignore_index=True)
    both["language"] = np.where(both["body"].str.contains(r"[a-z]{3}"), "en", "zh")
    return both.sort_values("time", kind="stable").reset_index(drop=True)


def ticked_reason(periods: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the cancel reason each leaver ticked ("" where none was): right mostly, at times another one."""
    rng = s.stream(seed, "ticked")
    cause = periods["cause"].to_numpy()
    wrong = rng.random(len(cause)) < ANSWERED_WRONG
    shown = np.where(wrong, rng.integers(0, len(s.CAUSES), len(cause)), cause)
    silent = (cause < 0) | (rng.random(len(cause)) >= ANSWERED)
    return np.where(silent, "", np.array(s.CAUSES, dtype=object)[shown])
