"""What was known about each person when a campaign was drawn, and what the randomised campaigns taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from knowpay.analyse import neighbours, touches
from knowpay.collect import TooLittleData
from knowpay.people.audience import audience
from knowpay.people.known import moment
from knowpay.people.snapshot import RECENT_DAYS, snapshot

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

LEAST = 5  # purchases in either arm; with fewer there is nothing to compare


@dataclass(frozen=True)
class Shelf:
    """How well each of some courses goes with what each person has opened: a larger score goes better."""

    users: np.ndarray  # (people,) ids
    products: np.ndarray  # (courses,) ids
    scores: np.ndarray  # (people, courses); -inf where a course is owned or not on sale
    opened: sparse.csr_matrix  # (people, courses on sale) strength of interest
    weights: np.ndarray  # (courses on sale, courses) what an opened course says for each of ``products``
    names: np.ndarray  # (courses on sale,)
    penalty: float

    def places(self) -> pd.DataFrame:
        """Return each course's place on each person's list, 1 = best: people x courses."""
        place = (-self.scores).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable") + 1
        return pd.DataFrame(place, index=self.users, columns=self.products)

    def picks(self) -> pd.DataFrame:
        """Return each person's best course and why: ``user_id, product_id, because``. Without a course, no row."""
        best = self.scores.argmax(axis=1)
        because = np.full(len(self.users), "opened by many", dtype=object)
        for column in range(len(self.products)):
            rows = np.flatnonzero(best == column)
            if len(rows):
                parts = self.opened[rows].toarray() * self.weights[:, column]
                speaks = parts.max(axis=1) > 0
                because[rows[speaks]] = "goes with " + self.names[parts.argmax(axis=1)[speaks]] + ", opened before"
        picks = pd.DataFrame({"user_id": self.users, "product_id": self.products[best], "because": because})
        return picks[np.isfinite(self.scores).any(axis=1)].reset_index(drop=True)


def shelf(
    ds: Dataset,
    products: Sequence[str],
    at: pd.Timestamp | str | None = None,
    penalty: float | None = None,
) -> Shelf:
    """Score ``products`` for everybody who may be profiled, from what was known before ``at``.

    The recommender is EASE (``analyse.neighbours``), fitted to all courses; people who opened nothing get the courses
    that most people opened. ``penalty`` None chooses it by EASE's exact leave-one-out error.
    """
    at = moment(ds, at)
    courses = neighbours.on_sale(ds, at)
    users, items = audience(ds, "profile", at)["user_id"].to_numpy(), courses["product_id"].to_numpy()
    x = neighbours.matrix(neighbours.interest(ds, until=at), users, items)
    if penalty is None:
        penalty = float(neighbours.ease_error(x).idxmin())
    place = pd.Index(items).get_indexer(pd.Index(products))
    weights = np.where(place >= 0, neighbours.Ease(penalty).fit(x).weights_[:, place], 0.0)  # (courses, products)
    cold = np.diff(x.indptr) == 0
    scores = np.where(cold[:, None], neighbours.popularity(x)[place], x @ weights)
    owned = neighbours.matrix(neighbours.owned(ds, at), users, products).toarray() > 0
    scores[owned | (place < 0)[None, :]] = -np.inf
    names = courses["name"].astype(str).to_numpy(dtype=object)
    return Shelf(users, np.asarray(products, dtype=object), scores, x, weights, names, penalty)


def evidence(ds: Dataset) -> pd.DataFrame:
    """Return the usable touches with what was known of the person when the arm was drawn.

    The columns of ``analyse.touches.outcomes``, those of ``people.snapshot``, and ``place``: the place of the promoted
    course among all promoted courses on the person's own list that morning (1 = goes best with what the person had
    opened).

    Raises TooLittleData when that is too little to learn from; the sentence says what is missing.
    """
    assignments = touches.outcomes(ds)
    bought = assignments.groupby("message")["bought"].sum().reindex([True, False]).fillna(0)
    if assignments["assigned_at"].nunique() < 3 or bought.min() < LEAST:
        raise TooLittleData(
            f"It has {assignments['assigned_at'].nunique()} campaigns drawn by lot and {bought.min():.0f} purchases of "
            f"the promoted course in the poorer arm; 3 campaigns and {LEAST} purchases in each arm are needed."
        )
    known = snapshot(ds, assignments.rename(columns={"assigned_at": "at"}))
    assignments = pd.concat([assignments, known.drop(columns=["user_id", "at"])], axis=1)
    products = np.sort(assignments["product_id"].dropna().unique())
    parts, penalty = [], None
    for at, touched in assignments.groupby("assigned_at"):
        shelves = shelf(ds, products, at, penalty)
        penalty = shelves.penalty  # chosen at the first campaign, when it was the only one known
        places = shelves.places()
        row, column = places.index.get_indexer(touched["user_id"]), places.columns.get_indexer(touched["product_id"])
        parts.append(touched.assign(place=places.to_numpy()[row, column])[row >= 0])
    return pd.concat(parts, ignore_index=True)


def inactivity(people: pd.DataFrame) -> np.ndarray:
    """Return the one-line order: days without an event among the last 30; larger = rather write to."""
    return (RECENT_DAYS - people["active_days"]).to_numpy(dtype=float)
