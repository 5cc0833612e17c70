"""What a course recommender learns from and is judged by: the time split, features of courses and people, windows.

Everything a model may see lies before `at`; everything it is judged by lies in the `days` after it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from knowpay.analyse import neighbours
from knowpay.blocks import blocks
from knowpay.collect import TooLittleData
from knowpay.collect.schema import INTEREST
from knowpay.people.known import log, moment

PROFILE = ("age_band", "gender", "occupation_band", "device_os", "channel")
PERIOD_DAYS = 30
MIN_PAIRS = 1_000
MAX_WORDS = 400
WATCHED = 5_000


@dataclass(frozen=True)
class Split:
    """A data set cut at `at`: rows are `people`, columns are `courses`, both tables in matrix order.

    x: interest before `at` (log2(1 + n)); y: number of course pages opened in the `days` after it, of courses that
    could be listed; all_y: the same for every course; barred: bought before `at`, or not on sale at `at`.
    personal: has a history and takes part in personalisation. Shapes (people, courses) and (people,).
    """

    at: pd.Timestamp
    days: int
    people: pd.DataFrame
    courses: pd.DataFrame
    x: sparse.csr_matrix
    y: sparse.csr_matrix
    all_y: sparse.csr_matrix
    barred: sparse.csr_matrix
    personal: np.ndarray

    @property
    def new(self) -> np.ndarray:
        """Courses published after `at`, shape (courses,)."""
        return (self.courses["published_at"] > self.at).to_numpy()

    def judge(self, scores: np.ndarray, k: int = 10, who: np.ndarray | None = None) -> pd.DataFrame:
        """`hits, recall, ndcg` per person of the k best courses by `scores`, full ranking; `who` picks the people.

        `scores` has shape (people, courses), or (courses,) for a list that is the same for all.
        """
        rows = np.flatnonzero(self.personal if who is None else who)
        return neighbours.ranked(self.lists(scores, k, rows), self.y[rows])

    def lists(self, scores: np.ndarray, k: int, rows: np.ndarray) -> np.ndarray:
        """The k best courses (column numbers, -1 = none) of the people of some rows; `scores` as in `judge`."""
        scores, ten = np.broadcast_to(scores, self.x.shape), np.empty((len(rows), k), dtype=int)
        for part in blocks(len(rows), self.x.shape[1]):
            ten[part] = neighbours.top(scores[rows[part]], k, self.barred[rows[part]])
        return ten


def split(ds: Any, at: Any, days: int = 90) -> Split:
    """Cut a data set at a time. Raises TooLittleData when too little lies before or nothing after it."""
    at = moment(ds, at)
    end = at + pd.Timedelta(days=days)
    people = neighbours.shown(ds, end)
    courses = pd.concat([neighbours.on_sale(ds, at), neighbours.on_sale(ds, end)]).drop_duplicates("product_id")
    courses = courses.sort_values("product_id", ignore_index=True)
    users, items = people["user_id"].to_numpy(), courses["product_id"].to_numpy()
    before = neighbours.interest(ds, until=at)
    after = neighbours.opened(ds, since=at, until=end)
    x = neighbours.matrix(before, users, items)
    if x.nnz < MIN_PAIRS:
        raise TooLittleData(
            f"Only {x.nnz} pairs of a person and a course lie before {at:%Y-%m-%d}; {MIN_PAIRS} are the least to learn "
            "from. Send more product_viewed events with a user_id, or cut later."
        )
    if after.empty:
        raise TooLittleData(f"Nobody opened a course page in the {days} days after {at:%Y-%m-%d}: cut earlier.")
    bought = neighbours.matrix(neighbours.owned(ds, at), users, items)
    early = sparse.csr_matrix((courses["published_at"] > at).to_numpy(dtype=float))
    barred = ((bought + sparse.csr_matrix(np.ones((len(users), 1))) @ early) > 0).astype(float).tocsr()
    counts = neighbours.matrix(after.assign(strength=after["n"]), users, items)
    y = sparse.csr_matrix(counts - counts.multiply(barred))
    y.eliminate_zeros()
    personal = (np.diff(x.indptr) > 0) & ~people["no_profile"].to_numpy()
    return Split(at, days, people, courses, x, y, counts, barred, personal)


def words(text: str) -> list[str]:
    """Words of a title or abstract: English ones of three letters or more, and every two neighbours in Chinese."""
    chinese = re.findall(r"[\u4e00-\u9fff]+", text)
    return re.findall(r"[a-z]{3,}", text.lower()) + [run[i : i + 2] for run in chinese for i in range(len(run) - 1)]


def course_text(courses: pd.DataFrame) -> list[str]:
    """Title plus whatever the export says about the course in words (abstract, translations), one text per course."""
    more = [json.loads(p) if isinstance(p, str) and p else {} for p in courses["properties"]]
    said = [" ".join(str(v) for v in m.values() if isinstance(v, str)) for m in more]
    return [f"{name} {text}" for name, text in zip(courses["name"], said, strict=True)]


def course_features(courses: pd.DataFrame, reviews: pd.DataFrame, at: pd.Timestamp) -> np.ndarray:
    """What is known about a course without any visitor, float32, (courses, f).

    TF-IDF of the words of title and abstract; topic, kind, level; log price; mean rating before `at`, shrunk to the
    mean of all as if five average ratings had come first.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    text = TfidfVectorizer(analyzer=words, min_df=2, max_features=MAX_WORDS).fit_transform(course_text(courses))
    kinds = pd.get_dummies(courses[["category", "product_type", "level"]].astype("string").fillna("unknown"))
    price = np.log(courses["price"].to_numpy(dtype=float) + 1)
    rated = reviews[reviews["rating"].notna() & (reviews["timestamp"] < at)]
    mean = rated["rating"].mean() if len(rated) else 0.0
    by_course = rated.groupby("product_id")["rating"].agg(["sum", "size"]).reindex(courses["product_id"]).fillna(0)
    rating = ((by_course["sum"] + 5 * mean) / (by_course["size"] + 5)).to_numpy() - mean
    numbers = np.column_stack([(price - price.mean()) / max(price.std(), 1e-9), rating])
    return np.hstack([text.toarray(), kinds.to_numpy(dtype=float), numbers]).astype("float32")


def name_features(names: pd.Series, schools: pd.Series) -> np.ndarray:
    """What a bare list of courses says: TF-IDF of the words of the names, and the school; float32, (courses, f)."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    text = TfidfVectorizer(analyzer=words, min_df=2, max_features=MAX_WORDS).fit_transform(names.astype(str))
    return np.hstack([text.toarray(), pd.get_dummies(schools).to_numpy(dtype=float)]).astype("float32")


def profile_codes(people: pd.DataFrame) -> tuple[np.ndarray, tuple[int, ...]]:
    """Profile fields as whole numbers, 0 = unknown: (people, fields) int32, and the number of codes of each field."""
    codes = [people[field].astype("category").cat.codes.to_numpy() + 1 for field in PROFILE]
    return np.column_stack(codes).astype("int32"), tuple(int(c.max(initial=0)) + 1 for c in codes)


def windows(ds: Any, cut: Split) -> list[tuple[sparse.csr_matrix, sparse.csr_matrix]]:
    """Periods of 30 days up to `cut.at`, oldest first: (interest known before the period, interest shown in it).

    Each is the task of the lists on a smaller scale, so a model that learns on all but the last and is tuned on the
    last has never seen what it will be judged by. What happened before a period and arrived in it was not known before
    it. Nothing that arrived after `cut.at` is there. Empty periods are left out.
    """
    e, at = log(ds), cut.at

    def ago(time: Any) -> Any:
        return ((int(at.timestamp()) - time.epoch_seconds()) / (PERIOD_DAYS * 86_400)).floor().cast("int64")

    e = e.filter(e.event.isin(INTEREST) & e.product_id.notnull() & (e.known_at < at.to_pydatetime()))
    e = e.mutate(happened=ago(e.timestamp), arrived=ago(e.known_at))
    table = e.group_by("user_id", "product_id", "happened", "arrived").agg(n=e.count()).to_pandas()
    users, items = cut.people["user_id"], cut.courses["product_id"]

    def counted(column: str, period: int) -> sparse.csr_matrix:
        pairs = table[table[column] == period].groupby(["user_id", "product_id"], as_index=False)["n"].sum()
        return neighbours.matrix(pairs.assign(strength=pairs["n"].astype(float)), users, items)

    result, total = [], sparse.csr_matrix(cut.x.shape)
    for period in range(table["happened"].max(), -1, -1):
        opened = counted("happened", period)
        if opened.nnz:
            result.append((total.log1p() / np.log(2), opened))
        total = total + counted("arrived", period)
    return result


@dataclass(frozen=True)
class Watch:
    """Says how well scores foretell a window, for tuning: nDCG@10 over `rows`, people with a history and a page in it.

    opened: (rows, courses) in the window; barred: (rows, courses), what may not be listed.
    """

    rows: np.ndarray
    opened: sparse.csr_matrix
    barred: sparse.csr_matrix

    def __call__(self, scores: np.ndarray) -> float:
        """nDCG@10 of scores (rows, courses), or (courses,) for a list that is the same for all; full ranking."""
        lists = neighbours.top(np.broadcast_to(scores, self.opened.shape), 10, self.barred)
        return float(neighbours.ranked(lists, self.opened)["ndcg"].mean())


def watch(history: sparse.csr_matrix, opened: sparse.csr_matrix, barred: sparse.csr_matrix | np.ndarray) -> Watch:
    """Watch a window with at most `WATCHED` people, always the same.

    history, opened: (people, courses), before and in the window; barred: the same shape, or (courses,) for all alike.
    """
    rows = np.flatnonzero((np.diff(history.indptr) > 0) & (np.diff(opened.indptr) > 0))[:WATCHED]
    if not sparse.issparse(barred):
        return Watch(rows, opened[rows], sparse.csr_matrix(np.tile(np.asarray(barred, dtype=float), (len(rows), 1))))
    return Watch(rows, opened[rows], barred[rows])
