"""Ways of judging a recommender: by people, by place, by new courses and topics, and the one that money believes.

Randomised messages of the past are what tells whether a list would have sold more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from knowpay import estimate
from knowpay.analyse import neighbours, touches
from knowpay.blocks import blocks
from knowpay.estimate import Estimate
from knowpay.train.recommender import Split

LEAST = 5  # people who opened a new course, and pages of a person, without which nothing is judged by them


def places(ds: Any, assignments: pd.DataFrame, penalty: float) -> pd.DataFrame:
    """Past randomised messages, each with the place its course had on the lists of that day.

    assignments: `analyse.touches.outcomes`. Returned: its rows for people with a history who take part in
    personalisation and had not bought the course, plus `own` and `popular`: rank of the promoted course, from 1, on the
    person's own list and on the list that is the same for all. The lists use only what happened before the campaign
    began.
    """
    parts = [assignments.iloc[:0].assign(own=0, popular=0)]
    for _, wave in assignments.groupby("campaign_id", sort=True):
        known = neighbours.taste(ds, wave["assigned_at"].min(), penalty)
        row = pd.Index(known.people["user_id"]).get_indexer(wave["user_id"])
        col = pd.Index(known.courses["product_id"]).get_indexer(wave["product_id"])
        keep = (row >= 0) & (col >= 0)
        keep[keep] &= known.personal[row[keep]] & (np.asarray(known.has[row[keep], col[keep]]).ravel() == 0)
        row, col, wave = row[keep], col[keep], wave[keep]
        own, popular = np.zeros(len(row), dtype=int), np.zeros(len(row), dtype=int)
        for part in blocks(len(row), len(known.courses)):
            scores, free, c = known.scores(row[part]), known.has[row[part]].toarray() == 0, col[part, None]
            own[part] = 1 + ((scores > np.take_along_axis(scores, c, axis=1)) & free).sum(axis=1)
            popular[part] = 1 + ((known.popular > known.popular[c]) & free).sum(axis=1)
        parts.append(wave.assign(own=own, popular=popular))
    return pd.concat(parts, ignore_index=True)


def summary(judged: Mapping[str, pd.DataFrame], k: int = 10, seed: int = 0) -> pd.DataFrame:
    """One row per method: mean `nDCG@k` with its 90 % interval over people, and mean `recall@k`.

    judged: method -> `neighbours.ranked`, a row per person; people without a right course are left out (nan when that
    is everybody).
    """
    ndcg = {name: people["ndcg"].dropna() for name, people in judged.items()}
    means = {n: estimate.mean(v, seed=seed) if len(v) else Estimate(*[np.nan] * 4) for n, v in ndcg.items()}
    recall = pd.Series({name: people["recall"].mean() for name, people in judged.items()})
    return estimate.frame(means, f"nDCG@{k}").assign(**{f"recall@{k}": recall})


def lists(cut: Split, scores: np.ndarray) -> np.ndarray:
    """The ten best courses (column numbers) of everybody who gets a personal list, (people, 10)."""
    return cut.lists(scores, 10, np.flatnonzero(cut.personal))


def mean_place(cut: Split, listed: np.ndarray, popular: np.ndarray) -> float:
    """Mean place of the courses of some `lists` in the order of popularity among courses on sale, 1 = most popular."""
    place = np.empty(len(popular))
    place[np.argsort(np.where(cut.new, np.inf, -popular), kind="stable")] = np.arange(1, len(popular) + 1)
    return float(place[listed].mean())


def new_courses(cut: Split, scores: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """For each course published after the line: `opened_by` and, per method, the AUC of those who opened it.

    AUC: how often someone who opened it stood higher than someone who did not, among people with a personal list who
    opened `LEAST` pages or more. Scores are ranked within each person first, so that busy people gain nothing.
    Courses opened by fewer than `LEAST` are left out; the frame may be empty.
    """
    from sklearn.metrics import roc_auc_score

    active = cut.personal & (np.diff(cut.all_y.indptr) >= LEAST)
    place = {n: s[active].argsort(axis=1, kind="stable").argsort(axis=1) for n, s in scores.items()}
    rows = []
    for j in np.flatnonzero(cut.new):
        came = cut.all_y[active][:, [j]].toarray().ravel() > 0
        if LEAST <= came.sum() < len(came):
            auc = {n: roc_auc_score(came, p[:, j]) for n, p in place.items()}
            rows.append({"product_id": cut.courses["product_id"][j], "opened_by": int(came.sum())} | auc)
    return pd.DataFrame(rows, columns=["product_id", "opened_by", *scores])


def topics(cut: Split, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By person and topic: (interest so far, probability by `scores` as log probabilities, share of the pages opened).

    People with a personal list who opened a page after the line; probabilities over the courses that could be listed.
    """
    able = cut.personal & (np.diff(cut.y.indptr) > 0)
    of = pd.get_dummies(cut.courses["category"]).to_numpy(dtype=float)
    odds = np.where(cut.barred[able].toarray() > 0, -np.inf, scores[able])
    chance = np.exp(odds - odds.max(axis=1, keepdims=True))
    opened = cut.y[able] @ of
    said = chance / chance.sum(axis=1, keepdims=True) @ of
    return cut.x[able] @ of, said, opened / opened.sum(axis=1, keepdims=True)


def by_group(sent: pd.DataFrame, groups: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """What the message did in each group: purchase rates in %, and yuan caused per 1,000 messages, with its error.

    sent: `places` plus `gain` (yuan, cost taken off); groups: name -> bool, (rows,). Rates and yuan are weighted for
    the propensities (`analyse.touches.rate`); the standard error takes touches of one person together. nan where a
    group lacks an arm.
    """
    rows = {}
    for name, members in groups.items():
        g = sent[members]
        rows[name] = (len(g), *[np.nan] * 4)
        if g["message"].nunique() == 2:
            caused = touches.difference(g, "gain")
            rates = [100 * touches.rate(g, "bought", told) for told in (True, False)]
            rows[name] = (len(g), *rates, 1000 * caused.value, 1000 * caused.error)
    columns = ["people", "told, bought %", "not told, bought %", "caused, yuan per 1,000", "standard error"]
    return pd.DataFrame(rows, index=columns).T


def earned(sent: pd.DataFrame, draws: int = 400, seed: int = 0) -> dict[str, Estimate]:
    """Yuan per 1,000 messages that the own list earns over everybody: `direct` and `shared`, with 90 % intervals.

    sent: `places` plus `gain` (yuan, cost taken off). direct: caused on the own ten minus caused among all, arm against
    arm. shared: the lead in what was bought by those told, times the share of purchases that a message causes among
    all; right when that share is the same on and off the list. All means are weighted for the propensities;
    intervals resample people. nan where an arm is empty or nobody told has bought.
    """
    if sent.empty:
        return dict.fromkeys(("direct", "shared"), Estimate(*[np.nan] * 4, "yuan"))
    own, told = sent["own"].to_numpy() <= 10, sent["message"].to_numpy(dtype=bool)
    gain, bought = sent["gain"].to_numpy(), sent["bought"].to_numpy(dtype=float)
    stands_for = touches.stands_for(sent)

    def both(count: np.ndarray) -> tuple[float, float]:
        weight = count * stands_for

        def mean(values: np.ndarray, who: np.ndarray) -> float:
            people = weight[who].sum()
            return (values * weight)[who].sum() / people if people else np.nan

        lead = mean(gain, own & told) - mean(gain, told)
        base = mean(bought, told)
        share = 1 - mean(bought, ~told) / base if base else np.nan
        return 1000 * (lead - mean(gain, own & ~told) + mean(gain, ~told)), 1000 * share * lead

    values, drawn = both(np.ones(len(sent))), estimate.bootstrap(both, sent["user_id"], draws, seed)
    names = ("direct", "shared")
    return {name: estimate.from_draws(values[k], drawn[:, k], unit="yuan") for k, name in enumerate(names)}
