"""Lesson 15: the ways of judging that flatter, and the recommenders on MOOCCube.

Held out at random and ranked against a sample are what many papers do. MOOCCube has enrolments without dates (one is
hidden for each learner) and dated views.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay import estimate, world
from knowpay.analyse import neighbours, touches
from knowpay.collect.public.mooccube import MoocCube
from knowpay.estimate import Estimate
from knowpay.train import recommender, two_tower
from scipy import sparse

if TYPE_CHECKING:
    from knowpay.collect.dataset import Truth

PENALTIES = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
SOME = 2_000  # people whose purchases are worked out, which is enough to tell lists apart
KNN = [(shrink, nearest) for shrink in (5.0, 20.0, 100.0, 500.0) for nearest in (10, 50, 400)]


def hide(x: sparse.csr_matrix, seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split a matrix, each entry into the second part with probability 0.2, whenever it happened."""
    return _parts(x.tocoo(), np.random.default_rng(seed).random(x.nnz) < 0.2)


def hide_one(x: sparse.csr_matrix, seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split a matrix: one random course of everybody who has two or more goes into the second part."""
    x = x.tocoo()
    order = np.lexsort((np.random.default_rng(seed).random(x.nnz), x.row))
    first = order[np.concatenate([[True], np.diff(x.row[order]) != 0])]
    out = np.zeros(x.nnz, dtype=bool)
    out[first] = np.bincount(x.row, minlength=x.shape[0])[x.row[first]] > 1
    return _parts(x, out)


def _parts(x: sparse.coo_matrix, out: np.ndarray) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    parts = [sparse.csr_matrix((x.data[m], (x.row[m], x.col[m])), shape=x.shape) for m in (~out, out)]
    return parts[0], parts[1]


def sampled(
    scores: np.ndarray, relevant: sparse.csr_matrix, exclude: sparse.csr_matrix, negatives: int = 99, seed: int = 0
) -> pd.DataFrame:
    """`recall, ndcg` at 10 per user as many papers count them: each relevant course among `negatives` random others.

    The others are drawn from courses neither relevant nor excluded (fewer where there are fewer). Shown because it
    flatters (Krichene and Rendle 2020), not to be used.
    """
    rng, rows, free = np.random.default_rng(seed), [], (exclude.toarray() == 0) & (relevant.toarray() == 0)
    for user in np.flatnonzero(np.diff(relevant.indptr)):
        others, wanted = np.flatnonzero(free[user]), relevant.indices[relevant.indptr[user] : relevant.indptr[user + 1]]
        drawn = [rng.choice(others, min(negatives, len(others)), replace=False) for _ in wanted]
        rank = np.array([(scores[user, d] > scores[user, w]).sum() for d, w in zip(drawn, wanted, strict=True)])
        rows.append((user, (rank < 10).mean(), np.where(rank < 10, 1 / np.log2(rank + 2), 0).mean()))
    frame = pd.DataFrame(rows, columns=["user", "recall", "ndcg"]).set_index("user")
    return frame.reindex(range(len(scores)))


def ease_left_out(x: sparse.csr_matrix, penalty: float) -> np.ndarray:
    """What EASE would predict for each user had the user been left out of the fit, (users, items), exactly.

    The algebra is that of `neighbours.ease_error`.
    """
    inverse = np.linalg.inv((x.T @ x).toarray() + penalty * np.eye(x.shape[1]))
    r, p = x @ inverse, np.diag(inverse)
    q = np.asarray(x.multiply(r).sum(axis=1)).reshape(-1, 1)
    return x.toarray() - (r / p) / (1 - q + r**2 / p)


def titles(courses: pd.DataFrame) -> list[str]:
    """The English title where the export has one (`title_en`), else the name."""
    more = [json.loads(p) if isinstance(p, str) and p else {} for p in courses["properties"]]
    return [str(m.get("title_en") or name) for m, name in zip(more, courses["name"], strict=True)]


def closed_form(x: sparse.csr_matrix, history: sparse.csr_matrix, seed: int = 0) -> dict[str, np.ndarray]:
    """Scores of popular, item-kNN and EASE, learned from `x`, for the rows of `history`.

    The penalty of EASE is that of the least left-out error; shrinkage and number of neighbours are those of KNN that
    best find a second hidden course of each learner, with `seed`.
    """
    people = x[np.diff(x.indptr) > 0]
    penalty = neighbours.ease_error(people, PENALTIES).idxmin()
    less, hidden = hide_one(x, seed + 1)
    tune = recommender.watch(less, hidden, less)
    nearest = max(KNN, key=lambda settings: tune(neighbours.ItemKnn(*settings).fit(less).predict(less[tune.rows])))
    return {
        "popular": np.broadcast_to(neighbours.popularity(x), history.shape),
        "item-kNN": neighbours.ItemKnn(*nearest).fit(x).predict(history),
        "EASE": neighbours.Ease(penalty).fit(x).predict(history),
    }


def enrolled(mooc: MoocCube, course: str = "course") -> tuple[sparse.csr_matrix, np.ndarray]:
    """Enrolments as a 0/1 matrix (learners, courses) and the names of its columns; `course` may be "run" instead."""
    pairs = mooc.enrolments.rename(columns={course: "product_id"})[["user_id", "product_id"]].drop_duplicates()
    items = np.sort(pairs["product_id"].unique())
    return neighbours.matrix(pairs, np.sort(pairs["user_id"].unique()), items), items


def towers(mooc: MoocCube, train: sparse.csr_matrix, items: np.ndarray, seed: int) -> np.ndarray:
    """Two-tower scores (learners, courses); a second hidden enrolment of each learner says when to stop."""
    less, second = hide_one(train, seed + 1)
    named = mooc.runs.drop_duplicates("course").set_index("course").loc[items]
    examples = two_tower.undated(less, recommender.name_features(named["name"], named["school"]))
    tune = recommender.watch(less, second, less)
    profile = examples.profile
    model = two_tower.TwoTower(seed=seed).fit(examples, lambda m: tune(m.predict(less[tune.rows], profile[tune.rows])))
    return model.predict(train, profile)


def dated(mooc: MoocCube) -> tuple[pd.Timestamp, sparse.csr_matrix, sparse.csr_matrix]:
    """First views cut at the day by which 60 % of them had been made: (day, before, after), (learners, courses)."""
    day = mooc.views["first"].quantile(0.6)
    pairs = mooc.views.rename(columns={"course": "product_id"}).assign(strength=lambda v: np.log2(1 + v["n"]))
    axes = [np.sort(pairs[c].unique()) for c in ("user_id", "product_id")]
    return day, *(neighbours.matrix(pairs[m], *axes) for m in (pairs["first"] < day, pairs["first"] >= day))


def contest(mooc: MoocCube, course: str = "course", seed: int = 0) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Hide one random enrolment of each learner and rank all courses.

    Returned: method -> `neighbours.ranked` at 10 (the two-tower for merged courses only), and EASE judged against 99
    sampled negatives.
    """
    every, items = enrolled(mooc, course)
    train, hidden = hide_one(every, seed)
    scores = closed_form(train, train, seed)
    if course == "course":
        scores["two-tower"] = towers(mooc, train, items, seed)
    judged = {n: neighbours.ranked(neighbours.top(s, 10, train), hidden) for n, s in scores.items()}
    return judged, sampled(scores["EASE"], hidden, train, 99, seed)


def dated_contest(mooc: MoocCube) -> tuple[pd.Timestamp, dict[str, pd.DataFrame]]:
    """(day of the cut, method -> `neighbours.ranked` at 3) on courses first viewed after it by learners seen before."""
    day, before, after = dated(mooc)
    both = (np.diff(before.indptr) > 0) & (np.diff(after.indptr) > 0)
    scores = closed_form(before, before[both])
    return day, {n: neighbours.ranked(neighbours.top(s, 3, before[both]), after[both]) for n, s in scores.items()}


def page_share(pages: np.ndarray, ten: np.ndarray, minus: np.ndarray | None = None) -> Estimate:
    """Return the share of all pages that falls on each person's ten, in %; less that of another ten, where given.

    ``pages`` counts those that came, (people, courses); ``ten`` and ``minus`` are course numbers, (people, 10). The
    error is that of so many independent pages.
    """
    counts = np.zeros(pages.shape, dtype=np.int8)
    np.put_along_axis(counts, ten, 1, axis=1)
    if minus is not None:
        np.put_along_axis(counts, minus, np.take_along_axis(counts, minus, axis=1) - 1, axis=1)
    volume = pages.sum()
    share = (pages * counts).sum() / volume
    error = np.sqrt(((pages * np.abs(counts)).sum() / volume - share**2) / volume)
    return estimate.from_error(share, error).scaled(100, "%")


def bought_when_told(rows: pd.DataFrame) -> Estimate:
    """Return the share of those told who bought, in %, weighted by the propensities.

    Its error is that of the effective number of people; one purchase more keeps a small count from looking certain.
    """
    share, people = touches.rate(rows, "bought", message=True), touches.effective(rows)[0]
    return estimate.from_error(share, np.sqrt(share * people + 1) / people).scaled(100, "%")


def true_pages(known: Truth, cut: recommender.Split, lists: Mapping[str, np.ndarray], volume: np.ndarray) -> pd.Series:
    """Return the share of the pages, in %, that in truth falls on each list; and on "the best possible" one.

    ``lists`` hold course numbers, (people, 10), ``volume`` the pages of each person, (people,), of those with a
    personal list.
    """
    taste = known.users.set_index("user_id").loc[cut.people["user_id"][cut.personal]].filter(regex=r"^taste_\d")
    things = known.courses.set_index("product_id").loc[cut.courses["product_id"]]
    weight = taste.to_numpy() @ things.filter(regex=r"^v_\d").to_numpy().T  # (people, courses)
    weight += (0.4 * things["quality"] + things["popularity"]).to_numpy()
    weight = np.exp(weight, out=weight) * (cut.barred[cut.personal].toarray() == 0)
    weight *= (volume / weight.sum(axis=1))[:, None]
    best = np.argsort(-weight, axis=1)[:, :10]
    due = {name: np.take_along_axis(weight, ten, axis=1).sum() for name, ten in [*lists.items(), ("best", best)]}
    return 100 * pd.Series(due) / volume.sum()


def truths(known: Truth, due: pd.Series, sent: pd.DataFrame, teacher_share: float) -> dict[str, float]:
    """Return the true answers to the lesson's claims, by name and in their units.

    ``due`` comes from `true_pages`; ``sent`` are the rows of `train.protocol.places`.
    """
    p = known.touches.set_index("touch_id").loc[sent["touch_id"], ["p_control", "p_message"]]
    own, effect = sent["own"].to_numpy() <= 10, (p["p_message"] - p["p_control"]).to_numpy()
    yuan = 1000 * effect * sent["price"].to_numpy() * world.contribution_rate(known, teacher_share)
    return {
        **{f"pages on the ten of {name}": share for name, share in due.items()},
        "pages, two-tower minus EASE + own": due["two-tower"] - due["EASE + own"],
        "effect of the message on everybody": 100 * effect.mean(),
        "bought, told about one of their ten": 100 * p["p_message"].to_numpy()[own].mean(),
        "caused per 1,000 on the own ten": yuan[own].mean() - 1000 * known.info["message_cost"],
        "own ten minus everybody, per 1,000": yuan[own].mean() - yuan.mean(),
    }


def true_order(pages: np.ndarray, lists: Mapping[str, np.ndarray], due: pd.Series) -> tuple[int, int]:
    """Return how many pairs of lists differ beyond a 99 % interval in the true direction, and how many differ so.

    ``pages`` as in `page_share`, ``due`` from `true_pages`.
    """
    steps = {(a, b): page_share(pages, lists[a], lists[b]) for a, b in combinations(lists, 2)}
    clear = [(a, b) for (a, b), step in steps.items() if abs(step.value) > 2.58 * step.error]
    return sum(steps[a, b].value * (due[a] - due[b]) > 0 for a, b in clear), len(clear)


def worth(known: Truth, cut: recommender.Split, lists: Mapping[str, np.ndarray], due: pd.Series) -> pd.DataFrame:
    """Return what each list is truly worth, in % of the best possible ten: ``pages, purchases``, a row per list.

    Purchases are those of the first SOME people with a personal list, without a message.
    """
    ids, items = cut.people["user_id"].to_numpy()[cut.personal][:SOME], cut.courses["product_id"].to_numpy()
    parts = np.array_split(ids, -(-len(ids) // 500))
    buys = [world.purchase_probability(known, np.repeat(p, len(items)), np.tile(items, len(p)))[0] for p in parts]
    buys = np.concatenate(buys).reshape(len(ids), -1)  # (people, courses)
    best = neighbours.top(buys, 10, cut.barred[cut.personal][: len(ids)])
    most = np.take_along_axis(buys, best, axis=1).sum()
    bought = {name: np.take_along_axis(buys, ten[: len(ids)], axis=1).sum() / most for name, ten in lists.items()}
    return pd.DataFrame({"pages": 100 * due.drop("best") / due["best"], "purchases": 100 * pd.Series(bought)})
