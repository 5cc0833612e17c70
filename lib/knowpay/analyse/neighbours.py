"""Collaborative filtering without a neural network: popularity, item-kNN, EASE, ranking metrics, the course list.

A matrix `x` is users x courses (items), scipy CSR, log2(1 + n) for a user who opened the course n times: 1 for once, 2
for three times. Scores have the same shape, dense; a larger score is a better course for that user, and scores of two
users are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

from knowpay.blocks import blocks
from knowpay.collect.schema import INTEREST
from knowpay.people.audience import audience, read_table
from knowpay.people.known import log, moment

LAMBDAS = (10.0, 30.0, 100.0, 200.0, 300.0, 500.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0)
OWN_PARTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
WATCH_DAYS, WATCHED = 30, 5_000  # the window that chooses among them: its days, and the most people looked at in it
POPULAR_DAYS = 90  # what "popular" means on every list: a definition, told to those who read it


def interest(ds: Any, since: Any = None, until: Any = None) -> pd.DataFrame:
    """What people were known to be interested in: `user_id, product_id, n, strength, last`, sorted by the two ids.

    A row per pair of a person who may be analysed and a course, from the events of `schema.INTEREST` that
    had arrived before `until` (None = end of the observation) and happened at `since` or later (None = no bound). `n`
    counts them, `strength` is log2(1 + n), `last` is the time of the last.
    """
    e = log(ds)
    keep = e.event.isin(INTEREST) & (e.known_at < moment(ds, until).to_pydatetime())
    if since is not None:
        keep &= e.timestamp >= moment(ds, since).to_pydatetime()
    return _pairs(ds, e.filter(keep), until)


def opened(ds: Any, since: Any, until: Any) -> pd.DataFrame:
    """Which course pages people opened from `since` on and before `until`, whenever that arrived: as `interest`.

    This is what came to pass, to judge by; what was known at a moment is `interest`.
    """
    e = log(ds)
    keep = (e.event == "product_viewed") & (e.timestamp >= moment(ds, since).to_pydatetime())
    return _pairs(ds, e.filter(keep & (e.timestamp < moment(ds, until).to_pydatetime())), until)


def _pairs(ds: Any, events: Any, until: Any) -> pd.DataFrame:
    grouped = events.filter(events.product_id.notnull()).group_by("user_id", "product_id")
    pairs = grouped.agg(n=events.message_id.count(), last=events.timestamp.max()).to_pandas()
    pairs = pairs[pd.Index(audience(ds, "analysis", until)["user_id"]).get_indexer(pairs["user_id"]) >= 0]
    pairs = pairs.assign(strength=np.log2(1 + pairs["n"]))[["user_id", "product_id", "n", "strength", "last"]]
    return pairs.sort_values(["user_id", "product_id"], ignore_index=True)


def shown(ds: Any, until: Any = None) -> pd.DataFrame:
    """People who may be shown a list, sorted by id: rows of the users table plus `no_profile` and `no_analysis` (bool).

    `no_profile`: no list may be made for this person (`permission.PURPOSES`), the one that is the same for all is
    right; `no_analysis`: the behaviour is not read either. Those who registered at `until` or later are left out.
    """
    people = audience(ds, "customer", until)
    may = {purpose: audience(ds, purpose, until)["user_id"] for purpose in ("profile", "analysis")}
    return people.assign(
        no_profile=~people["user_id"].isin(may["profile"]), no_analysis=~people["user_id"].isin(may["analysis"])
    )


def on_sale(ds: Any, until: Any = None) -> pd.DataFrame:
    """The catalogue at a moment, sorted by id: published, not retired, no memberships."""
    courses, at = read_table(ds, "courses"), moment(ds, until)
    published = courses["published_at"].isna() | (courses["published_at"] <= at)
    retired = courses["retired_at"].notna() & (courses["retired_at"] <= at)
    keep = published & ~retired & (courses["product_type"] != "membership")
    return courses[keep].sort_values("product_id", ignore_index=True)


def owned(ds: Any, until: Any = None) -> pd.DataFrame:
    """Who had bought which course before a moment: `user_id, product_id`. A refunded course counts: it is known."""
    orders = ds.con.table("paid_orders")
    orders = orders.filter((orders.timestamp < moment(ds, until).to_pydatetime()) & orders.product_id.notnull())
    return orders.select("user_id", "product_id").distinct().order_by("user_id", "product_id").to_pandas()


def matrix(pairs: pd.DataFrame, users: Sequence[str], items: Sequence[str]) -> sparse.csr_matrix:
    """Pairs `user_id, product_id` as a matrix, users x items; pairs outside the two lists are dropped.

    The entries are `strength` where the pairs have it and 1 where not. A pair must not be named twice.
    """
    row = pd.Index(users).get_indexer(pairs["user_id"])
    col = pd.Index(items).get_indexer(pairs["product_id"])
    known = (row >= 0) & (col >= 0)
    strength = pairs["strength"].to_numpy(dtype=float) if "strength" in pairs else np.ones(len(pairs))
    return sparse.csr_matrix((strength[known], (row[known], col[known])), shape=(len(users), len(items)))


def popularity(x: sparse.csr_matrix) -> np.ndarray:
    """Number of users per course, shape (items,): the list that is the same for everybody."""
    return np.asarray((x > 0).sum(axis=0)).ravel().astype(float)


class ItemKnn(BaseEstimator):
    """Cosine with shrinkage, the nearest courses kept (Sarwar et al. 2001; shrink term of Bell and Koren 2007).

    Cosine = x_i . x_j / (|x_i| |x_j| + shrink); shrinkage distrusts pairs seen together by few.
    """

    def __init__(self, shrink: float, neighbours: int) -> None:
        self.shrink, self.neighbours = shrink, neighbours

    def fit(self, x: sparse.csr_matrix) -> Self:
        """Learn ``weights_``, (items, items)."""
        both = (x.T @ x).toarray()
        size = np.sqrt(np.diag(both))
        self.weights_ = both / np.maximum(np.outer(size, size) + self.shrink, 1e-9)
        np.fill_diagonal(self.weights_, 0.0)
        if self.neighbours < len(both):  # per column: the courses that speak for course j
            edge = np.partition(self.weights_, -self.neighbours, axis=0)[-self.neighbours]
            self.weights_[self.weights_ < edge] = 0.0
        return self

    def predict(self, x: sparse.csr_matrix) -> np.ndarray:
        """Return scores, (users, items)."""
        return x @ self.weights_


class Ease(BaseEstimator):
    """EASE (Steck 2019): column j of its weights is the ridge regression of course j on all other courses."""

    def __init__(self, penalty: float) -> None:
        self.penalty = penalty

    def fit(self, x: sparse.csr_matrix) -> Self:
        """Learn ``weights_``, (items, items) with zero diagonal; all columns come from one inverse.

        Raises ValueError for a penalty <= 0.
        """
        if self.penalty <= 0:
            raise ValueError(f"The penalty must be positive, not {self.penalty}.")
        inverse = np.linalg.inv((x.T @ x).toarray() + self.penalty * np.eye(x.shape[1]))
        self.weights_ = -inverse / np.diag(inverse)
        np.fill_diagonal(self.weights_, 0.0)
        return self

    def predict(self, x: sparse.csr_matrix) -> np.ndarray:
        """Return scores, (users, items)."""
        return x @ self.weights_


def ease_error(x: sparse.csr_matrix, penalties: Sequence[float] = LAMBDAS) -> pd.Series:
    """Exact leave-one-user-out mean squared error of EASE for each penalty; the smallest is the one to take.

    For a ridge regression the left-out residual is e / (1 - h) with h the hat-matrix diagonal. With P the inverse
    of X'X + penalty, r = X P and q_u = r_u . x_u, block inversion gives for course j: e = r_uj / P_jj and
    h = q_u - r_uj^2 / P_jj, so one inverse serves all users and courses.
    """
    gram, error = (x.T @ x).toarray(), {}
    for penalty in penalties:
        inverse = np.linalg.inv(gram + penalty * np.eye(len(gram)))
        p, total = np.diag(inverse), 0.0
        for part in blocks(*x.shape):
            r = x[part] @ inverse  # (users, items)
            q = np.asarray(x[part].multiply(r).sum(axis=1)).reshape(-1, 1)  # (users, 1)
            total += (((r / p) / (1 - q + r**2 / p)) ** 2).sum()
        error[penalty] = total / (x.shape[0] * x.shape[1])
    return pd.Series(error, name="left-out mean squared error")


def top(scores: np.ndarray, k: int, exclude: sparse.csr_matrix | None = None) -> np.ndarray:
    """Column numbers of the k best scores per row, best first, ties to the lower column; shape (rows, k).

    `exclude` (rows x items) marks what may not be listed; -1 fills a row with fewer than k candidates.
    """
    scores = np.array(scores, dtype=float, copy=True)
    if exclude is not None:
        scores[exclude.nonzero()] = -np.inf
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]  # (rows, k or all courses)
    best = np.where(np.isinf(np.take_along_axis(scores, best, axis=1)), -1, best)
    return np.pad(best, ((0, 0), (0, k - best.shape[1])), constant_values=-1)


def ranked(lists: np.ndarray, relevant: sparse.csr_matrix) -> pd.DataFrame:
    """Per user `hits`, `recall` and `ndcg` of lists (users x k column numbers, -1 = empty) against what came to pass.

    recall = hits / min(k, relevant); ndcg = sum of 1/log2(rank + 1) over hits / the largest possible. All courses
    are candidates: nothing is sampled. A user without a relevant course gets nan.
    """
    k = lists.shape[1]
    hit = np.zeros(lists.shape)  # (users, k)
    row, col = np.nonzero(lists >= 0)
    hit[row, col] = np.asarray(relevant[row, lists[row, col]]).ravel() > 0
    discount = 1 / np.log2(np.arange(2, k + 2))  # by rank, (k,)
    n = np.minimum(np.diff(relevant.indptr), k)  # relevant courses that a list could hold, (users,)
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])[n]  # (users,)
    hits = hit.sum(axis=1)
    recall = np.divide(hits, n, out=np.full(len(n), np.nan), where=n > 0)
    return pd.DataFrame({"hits": hits, "recall": recall, "ndcg": hit @ discount / ideal})


def own_part(
    ds: Any, at: Any, people: pd.DataFrame, courses: pd.DataFrame, x: sparse.csr_matrix, penalty: float
) -> float:
    """What a course's own history should add to its EASE score, one of OWN_PARTS, chosen on the WATCH_DAYS before `at`.

    EASE leaves a course's own history out, so no leave-one-out error can say what that is worth; a window can. EASE is
    learned from what lies before the window and judged, by nDCG@10, by the courses opened in it; neither those bought
    before it nor those published in it are listed. Looked at are people who have a history, opened a course in the
    window and want personal lists: WATCHED of them, evenly over the rows of `people`. Taken is the least part that is
    no more than one standard error (of the difference, person by person) below the best (Breiman et al. 1984).

    x: interest before `at`, (people, courses). 0 where fewer than two can be looked at.
    """
    at = moment(ds, at)
    then = at - pd.Timedelta(days=WATCH_DAYS)
    users, items = people["user_id"].to_numpy(), courses["product_id"].to_numpy()
    before, has = matrix(interest(ds, until=then), users, items), matrix(owned(ds, then), users, items)
    early = (courses["published_at"] > then).to_numpy()
    opened = (x - before) @ sparse.diags(~early * 1.0)  # (people, courses)
    opened = sparse.csr_matrix(opened - opened.multiply(has))
    opened.eliminate_zeros()
    able = (np.diff(before.indptr) > 0) & (np.diff(opened.indptr) > 0) & ~people["no_profile"].to_numpy()
    rows = np.flatnonzero(able)
    if len(rows) < 2:
        return 0.0
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), WATCHED)).astype(int)]
    model, ndcg = Ease(penalty).fit(before), np.empty((len(rows), len(OWN_PARTS)))  # (people looked at, parts)
    for part in blocks(len(rows), len(items)):
        history, barred = before[rows[part]].toarray(), sparse.csr_matrix((has[rows[part]].toarray() > 0) | early)
        scores, came = model.predict(history), opened[rows[part]]
        for column, own in enumerate(OWN_PARTS):
            ndcg[part, column] = ranked(top(scores + own * history, 10, barred), came)["ndcg"]
    below = ndcg[:, [ndcg.mean(axis=0).argmax()]] - ndcg  # how far each person is below the best part
    enough = below.mean(axis=0) <= below.std(axis=0, ddof=1) / np.sqrt(len(rows))
    return OWN_PARTS[enough.argmax()]


@dataclass(frozen=True)
class Taste:
    """What is known at a moment, rows `people`, columns `courses` (both tables in matrix order).

    x: interest so far; has: bought; personal: has a history and wants personalisation, (people,); popular: the score
    that is the same for all, (courses,); weights: (courses, courses), so that `x @ weights` scores everybody.
    """

    people: pd.DataFrame
    courses: pd.DataFrame
    x: sparse.csr_matrix
    has: sparse.csr_matrix
    personal: np.ndarray
    popular: np.ndarray
    weights: np.ndarray

    def scores(self, rows: np.ndarray | slice) -> np.ndarray:
        """Scores of some people, (rows, courses): their own, or the popular ones where nothing is known or wanted."""
        return np.where(self.personal[rows][:, None], self.x[rows] @ self.weights, self.popular)


def taste(ds: Any, until: Any = None, penalty: float | None = None) -> Taste:
    """Everything that lists need, from what happened before `until` (None = end of the observation).

    EASE with the penalty of the smallest exact leave-one-out error unless one is given, plus `own_part` on the
    diagonal: a course somebody opened and did not buy may speak for itself. Popular is by people of the last 90 days,
    ties by all time. Raises ValueError when nothing is on sale.
    """
    at = moment(ds, until)
    people, courses = shown(ds, at), on_sale(ds, at)
    if courses.empty:
        raise ValueError(f"No course is on sale at {at}: look at published_at and retired_at of the courses.")
    users, items = people["user_id"].to_numpy(), courses["product_id"].to_numpy()
    pairs = interest(ds, until=at)
    x = matrix(pairs, users, items)
    recent = matrix(pairs[pairs["last"] >= at - pd.Timedelta(days=POPULAR_DAYS)], users, items)
    popular = popularity(recent) + popularity(x) / (x.shape[0] + 1)
    personal = (np.diff(x.indptr) > 0) & ~people["no_profile"].to_numpy()
    if x.nnz:
        penalty = penalty or ease_error(x).idxmin()
        weights = Ease(penalty).fit(x).weights_ + own_part(ds, at, people, courses, x, penalty) * np.eye(len(items))
    else:
        weights = np.zeros((len(items), len(items)))
    return Taste(people, courses, x, matrix(owned(ds, at), users, items), personal, popular, weights)


def recommend(ds: Any, k: int = 10, until: Any = None) -> pd.DataFrame:
    """The k best courses for every user: `user_id, product_id, rank` (from 1), `score, reason`, by user and rank.

    EASE on what people opened before `until` (a time; None = end of the observation), see `taste`. People without a
    history, and people for whom no list may be made (purpose "profile" of `permission`), get the list that is the
    same for all. Never listed: courses bought, retired or not yet published, memberships. Scores order the courses of
    one user; do not compare them between users. Whether a message may be sent is for its sender to check. Raises
    ValueError when nothing is on sale or k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be 1 or more, not {k}.")
    known = taste(ds, until)
    parts = [_block(known, k, part) for part in blocks(len(known.people), k * len(known.courses))]
    return pd.concat(parts, ignore_index=True)


def _block(known: Taste, k: int, part: slice) -> pd.DataFrame:
    """The lists of one block of people."""
    scores, mine, personal = known.scores(part), known.x[part].toarray(), known.personal[part]
    lists = top(scores, k, known.has[part])
    row, rank = np.nonzero(lists >= 0)
    col = lists[row, rank]
    speaks = mine[row] * known.weights[:, col].T  # what each course of the history adds to a score, (lines, courses)
    because = speaks.argmax(axis=1)
    names = known.courses["name"].astype(str).to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "user_id": known.people["user_id"].to_numpy()[part][row],
            "product_id": known.courses["product_id"].to_numpy()[col],
            "rank": rank + 1,
            "score": scores[row, col],
            "reason": np.select(
                [~personal[row], speaks.max(axis=1) <= 0, because == col],
                [f"popular in the last {POPULAR_DAYS} days", "to try something different", "you looked at it before"],
                "goes with " + names[because] + ", which you opened",
            ),
        }
    )
