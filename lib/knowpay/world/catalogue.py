"""Catalogue: courses with a topic, a true quality, a price, a length and bilingual titles and abstracts; price days."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import demand
from . import settings as s

SUBJECTS = {  # topic: (Chinese, English) subjects
    "business": (
        ("商业写作", "Business writing"),
        ("项目管理", "Project management"),
        ("个人理财", "Personal finance"),
        ("谈判", "Negotiation"),
        ("用户增长", "User growth"),
    ),
    "technology": (
        ("数据分析", "Data analysis"),
        ("Python 编程", "Python programming"),
        ("人工智能", "Artificial intelligence"),
        ("产品设计", "Product design"),
        ("办公自动化", "Office automation"),
    ),
    "exam": (
        ("考研英语", "Graduate entrance English"),
        ("公务员考试", "Civil service exam"),
        ("注册会计师", "CPA exam"),
        ("教师资格证", "Teacher certificate"),
        ("法律职业考试", "Bar exam"),
    ),
    "language": (
        ("商务英语", "Business English"),
        ("日语", "Japanese"),
        ("英语口语", "Spoken English"),
        ("法语", "French"),
        ("普通话表达", "Mandarin speaking"),
    ),
    "psychology": (
        ("情绪管理", "Managing emotions"),
        ("亲密关系", "Close relationships"),
        ("认知心理学", "Cognitive psychology"),
        ("高效学习", "Learning to learn"),
        ("自我成长", "Personal growth"),
    ),
    "history": (
        ("中国通史", "History of China"),
        ("世界艺术", "Art of the world"),
        ("哲学导论", "Introduction to philosophy"),
        ("经典文学", "Classic literature"),
        ("建筑之美", "Architecture"),
    ),
    "parenting": (
        ("儿童阅读", "Reading with children"),
        ("亲子沟通", "Talking with children"),
        ("小学数学", "Primary mathematics"),
        ("家庭教育", "Education at home"),
        ("青春期", "The teenage years"),
    ),
    "health": (
        ("科学健身", "Training by evidence"),
        ("营养", "Nutrition"),
        ("睡眠", "Sleep"),
        ("中医养生", "Traditional wellness"),
        ("正念", "Mindfulness"),
    ),
}
# form: (title, English title, product_type, price points in yuan, lessons from-to)
FORMS = (
    ("入门课", "foundations", "course", (129, 199, 249), (12, 30)),
    ("训练营", "camp", "camp", (399, 499, 699), (18, 24)),
    ("专栏", "column", "column", (199, 249, 299), (30, 80)),
    ("音频精讲", "in audio", "audiobook", (29, 39, 49), (8, 20)),
    ("体验课", "taster class", "course", (9.9,), (3, 5)),
)
FORM_SHARE = np.array([0.34, 0.12, 0.22, 0.22, 0.10])
FORM_APPEAL = np.array([0.0, 5.0, 0.2, -2.2, -1.7])  # purchase logit at equal price: what a form is worth to people
FORM_MEANS = np.array([1.0, 1.0, 1.0, 0.8, 0.0])  # how much a person's means matter: anybody can pay for a taster
CAMP, TASTER = 1, 4
FULL = (0, 1, 2)  # the forms that teach a subject whole: neither audio nor taster
LEVELS = ("beginner", "intermediate", "advanced")
SALE_DAYS, SALE_SHARE, SALES = 14, 0.15, (0.8, 0.7)  # a lot decides every 14 days which courses are on sale
FESTIVAL_PRICE, FESTIVAL_DAYS = 0.75, 3  # everything on sale on a festival and the two days before
REWORKS = 24  # courses made anew, at most a fifth of the catalogue; two thirds of them among the promoted ones
REWORKED_FROM, REWORKED_TO = "2024-11-01", "2025-06-30"
REWORK_KEEPS, REWORK_REFUNDS = 0.5, 0.6  # on the logit of going on to the next lesson; share of refunds it spares
RULES = 8  # planted association rules


def catalogue(c: s.Setup) -> pd.DataFrame:
    """Return one row per course: ``topic`` (index), ``v_0..7``, ``quality``, ``price`` (yuan), ``lessons``, titles."""
    rng = c.stream("catalogue")
    n = c.courses
    topic = np.arange(n) % len(s.TOPICS)
    subject = rng.integers(0, 5, n)
    form = rng.choice(len(FORMS), size=n, p=FORM_SHARE)
    vector = 0.22 * rng.standard_normal((n, len(s.TOPICS)))
    vector[np.arange(n), topic] += 1.0
    base_price = np.array([rng.choice(FORMS[f][3]) for f in form], dtype=float)
    lessons = np.array([rng.integers(*FORMS[f][4], endpoint=True) for f in form])
    courses = pd.DataFrame(
        {
            "topic": topic,
            "form": form,
            "quality": rng.standard_normal(n),
            "popularity": 0.5 * rng.standard_normal(n),  # what a place on the home page does, beyond taste and quality
            "base_price": base_price,
            "price": np.round(base_price * c.price_level, 1),
            "lessons": lessons,
            "lesson_seconds": rng.integers(6, 25, n) * 60,
            "level": rng.choice(3, size=n, p=[0.5, 0.35, 0.15]),
            "published": np.where(rng.random(n) < 0.92, -rng.random(n) * 400, rng.random(n) * 400) * s.DAY,
            "teacher": rng.integers(1, 1 + max(8, n // 6), n),
        }
    )
    names = [(s.TOPICS[t], SUBJECTS[s.TOPICS[t]][j], FORMS[f]) for t, j, f in zip(topic, subject, form, strict=True)]
    edition = courses.assign(j=subject).groupby(["topic", "j", "form"]).cumcount() + 1
    courses["title_zh"] = [
        f"{sub[0]}{f[0]}" + (f"·第{e}期" if e > 1 else "") for (_, sub, f), e in zip(names, edition, strict=True)
    ]
    courses["title_en"] = [
        f"{sub[1]}, {f[1]}" + (f" {e}" if e > 1 else "") for (_, sub, f), e in zip(names, edition, strict=True)
    ]
    courses["abstract_en"] = [
        f"{sub[1]} for {s.TOPICS[t]} learners: {k} short lessons, exercises after each, {LEVELS[lv]} level."
        for (_, sub, _), t, k, lv in zip(names, topic, lessons, courses["level"], strict=True)
    ]
    courses["abstract_zh"] = [
        f"{sub[0]}：{k} 节短课，节节有练习。" for (_, sub, _), k in zip(names, lessons, strict=True)
    ]
    return courses.assign(**{f"v_{k}": vector[:, k] for k in range(vector.shape[1])})


def vectors(courses: pd.DataFrame) -> np.ndarray:
    """Return the course vectors, shape (courses, topics)."""
    return courses[[f"v_{k}" for k in range(len(s.TOPICS))]].to_numpy()


def draw(courses: pd.DataFrame) -> np.ndarray:
    """Return how many would buy each course at list price: the log of the mean odds over the segments, less a level."""
    match = vectors(courses) @ s.SEGMENT_TASTE.T  # (courses, segments)
    spread = 0.5 * (s.BUY_TASTE * s.TASTE_SPREAD) ** 2 * (vectors(courses) ** 2).sum(axis=1)
    taste = np.log(np.exp(s.BUY_TASTE * match) @ s.SEGMENT_SHARE) + spread
    price = np.log(courses["base_price"].to_numpy() / s.REFERENCE_PRICE)
    return taste + s.BUY_QUALITY * courses["quality"].to_numpy() - s.BUY_PRICE * price


def price_days(c: s.Setup, courses: pd.DataFrame) -> np.ndarray:
    """Return what each course costs on each day, yuan, shape (courses, DAYS): one price per course and day.

    Which courses are on sale is drawn by lot, so the effect of price on purchases can be learned from the records.
    """
    rng = c.stream("prices")
    periods = -(-s.DAYS // SALE_DAYS)
    lot = rng.random((len(courses), periods)) < SALE_SHARE
    factor = np.where(lot, rng.choice(SALES, size=lot.shape), 1.0)
    factor = np.repeat(factor, SALE_DAYS, axis=1)[:, : s.DAYS]
    for date in demand.FESTIVALS:
        day = int(s.seconds(date) // s.DAY)
        window = slice(max(day - FESTIVAL_DAYS + 1, 0), day + 1)
        factor[:, window] = np.minimum(factor[:, window], FESTIVAL_PRICE)
    return np.round(courses["price"].to_numpy()[:, None] * factor, 1)


def reworked(c: s.Setup, courses: pd.DataFrame, promoted: np.ndarray) -> pd.DataFrame:
    """Return the courses with ``reworked``: from when on it is the new edition that is sold (seconds, inf: never).

    ``promoted`` are the rows of courses with a campaign. Courses and days are drawn by lot, so those that were not made
    anew are a fair comparison.
    """
    rng = c.stream("reworks")
    old = courses["form"].isin(FULL).to_numpy() & (courses["published"] < 0).to_numpy()
    mixed = rng.permutation(np.flatnonzero(old))
    shown = np.isin(mixed, promoted)
    number = min(REWORKS, len(courses) // 5)
    first = mixed[shown][: number * 2 // 3]
    chosen = np.concatenate([first, mixed[~shown][: number - len(first)]])
    days = [s.seconds(date) // s.DAY for date in (REWORKED_FROM, REWORKED_TO)]
    time = np.full(len(courses), np.inf)
    time[chosen] = rng.integers(*days, len(chosen), endpoint=True) * s.DAY
    return courses.assign(reworked=time)


def planted_rules(c: s.Setup, courses: pd.DataFrame, promoted: np.ndarray) -> pd.DataFrame:
    """Return the planted association rules, and decoys: ``antecedent, consequent`` (rows), ``added`` (probability).

    Whoever buys the antecedent, a promoted course, takes the consequent along with probability ``added``. Decoys
    (``added`` 0) pair courses that sell well, and nothing else. The two courses of a pair are of different topics, and
    no consequent is ever promoted, so that a campaign's own probabilities stay exact.
    """
    rng = c.stream("rules")
    topic = courses["topic"].to_numpy()
    draw = (courses["quality"] + courses["popularity"]).to_numpy()
    other = courses["form"].isin(FULL).to_numpy() & (courses["published"] < 0).to_numpy()
    other[promoted] = False
    liked = np.flatnonzero(other)[np.argsort(-draw[other], kind="stable")]
    pairs: list[tuple[int, int]] = []
    for antecedent in rng.permutation(np.unique(promoted))[: 2 * RULES]:
        free = [k for k in liked if topic[k] != topic[antecedent] and k not in {b for _, b in pairs}]
        pairs += [(int(antecedent), int(free[0]))] if free else []
    added = np.where(np.arange(len(pairs)) % 2 == 0, np.round(rng.uniform(0.10, 0.25, len(pairs)), 3), 0.0)
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return pd.DataFrame({"antecedent": both[:, 0], "consequent": both[:, 1], "added": added})
