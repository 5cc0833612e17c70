"""Other ways of judging a recommender: the two that flatter, and the one that money believes.

Held out at random and ranked against a sample are what many papers do; the replay of randomised messages is what
tells whether a list would have sold more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from knowpay.analyse import neighbours


def hold_out(x: sparse.csr_matrix, share: float = 0.2, seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split a matrix, each entry into the second part with probability `share`, whenever it happened."""
    x = x.tocoo()
    out = np.random.default_rng(seed).random(x.nnz) < share
    parts = [sparse.csr_matrix((x.data[m], (x.row[m], x.col[m])), shape=x.shape) for m in (~out, out)]
    return parts[0], parts[1]


def hold_out_one(x: sparse.csr_matrix, seed: int = 0) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Split a matrix: one random course of everybody who has two or more goes into the second part."""
    x = x.tocoo()
    order = np.lexsort((np.random.default_rng(seed).random(x.nnz), x.row))
    first = order[np.concatenate([[True], np.diff(x.row[order]) != 0])]
    out = np.zeros(x.nnz, dtype=bool)
    out[first] = np.bincount(x.row, minlength=x.shape[0])[x.row[first]] > 1
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


def places(ds: Any, tried: pd.DataFrame, penalty: float) -> pd.DataFrame:
    """Past randomised messages, each with the place its course had on the lists of that day.

    tried: `analyse.touches.outcomes`. Returned: its rows for people with a history who take part in personalisation
    and had not bought the course, plus `own` and `popular`: rank of the promoted course, from 1, on the person's own
    list and on the list that is the same for all. The lists use only what happened before the campaign began.
    """
    parts = [tried.iloc[:0].assign(own=0, popular=0)]
    for _, wave in tried.groupby("campaign_id", sort=True):
        known = neighbours.taste(ds, wave["assigned_at"].min(), penalty)
        row = pd.Index(known.people["user_id"]).get_indexer(wave["user_id"])
        col = pd.Index(known.courses["product_id"]).get_indexer(wave["product_id"])
        keep = (row >= 0) & (col >= 0)
        keep[keep] &= known.personal[row[keep]] & (np.asarray(known.has[row[keep], col[keep]]).ravel() == 0)
        row, col, wave = row[keep], col[keep], wave[keep]
        own, popular = np.zeros(len(row), dtype=int), np.zeros(len(row), dtype=int)
        for start in range(0, len(row), neighbours.BLOCK):
            part = slice(start, start + neighbours.BLOCK)
            scores, free, c = known.scores(row[part]), known.has[row[part]].toarray() == 0, col[part, None]
            own[part] = 1 + ((scores > np.take_along_axis(scores, c, axis=1)) & free).sum(axis=1)
            popular[part] = 1 + ((known.popular > known.popular[c]) & free).sum(axis=1)
        parts.append(wave.assign(own=own, popular=popular))
    return pd.concat(parts, ignore_index=True)


def weights_of(user_id: pd.Series, draws: int = 400, seed: int = 0) -> Iterator[np.ndarray]:
    """Bootstrap weights of rows, people drawn with replacement: all rows of a person come or stay away together."""
    codes, people = pd.factorize(user_id)
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        yield np.bincount(rng.integers(0, len(people), len(people)), minlength=len(people))[codes]
