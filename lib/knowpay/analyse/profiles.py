"""User profiles: what people do, grouped by K-means, and how many groups there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from knowpay.people.known import log, moment
from knowpay.people.visits import visits

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

DAYPARTS = {
    "night": (0, 6),
    "morning": (6, 11),
    "midday": (11, 14),
    "afternoon": (14, 18),
    "evening": (18, 22),
    "late": (22, 24),
}


def pages_by_category(
    ds: Dataset, start: pd.Timestamp | None = None, until: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Return course pages opened from ``start`` on and known before ``until``, shape (users, categories).

    By everybody who may be analysed. ``start`` None: since the records began; ``until`` None: the end of the
    observation.
    """
    seen = log(ds).filter(ibis._.event == "product_viewed")
    seen = seen.filter(seen.known_at < moment(ds, until).to_pydatetime())
    if start is not None:
        seen = seen.filter(seen.timestamp >= start)
    joined = seen.select("user_id", "product_id").join(ds.courses.select("product_id", "category"), "product_id")
    long = joined.group_by("user_id", "category").agg(pages=ibis._.count()).to_pandas()
    table = long.pivot_table(index="user_id", columns="category", values="pages", fill_value=0, aggfunc="sum")
    return table.sort_index().sort_index(axis=1).astype(int)


def visits_by_hour(ds: Dataset, until: pd.Timestamp | None = None) -> pd.DataFrame:
    """Return ``user_id, moment`` (the hour, in the data set's time zone) and ``visits`` that began in it, by user.

    Visits are those of `people.visits`, known before ``until`` (None = end of the observation).
    """
    began = visits(ds, until)
    long = began.group_by("user_id", hour=began.start.truncate("h")).agg(visits=ibis._.count()).to_pandas()
    moment = long["hour"].dt.tz_localize("UTC").dt.tz_convert(ds.timezone)
    return long.assign(moment=moment)[["user_id", "moment", "visits"]].sort_values(
        ["user_id", "moment"], ignore_index=True
    )


def features(ds: Dataset, until: pd.Timestamp | None = None, least_pages: int = 10) -> pd.DataFrame:
    """Return what people look at and when, one row per user with at least ``least_pages`` course pages.

    Columns: ``topic_*`` and ``part_*`` are square roots of shares (Hellinger coordinates: distances between shares that
    do not let one rare category dominate; half a page is added to each so that few pages do not look like certainty).
    ``weekend`` is a share. How often people come is left out on purpose: RFM has it already.
    """
    pages = pages_by_category(ds, until=until)
    pages = pages[pages.sum(axis=1) >= least_pages]
    hours = visits_by_hour(ds, until=until)
    hours = hours[hours["user_id"].isin(pages.index)]
    edges = [low for low, _ in DAYPARTS.values()] + [24]
    part = pd.cut(hours["moment"].dt.hour, edges, right=False, labels=list(DAYPARTS))
    parts = hours.pivot_table(
        index="user_id", columns=part, values="visits", fill_value=0, aggfunc="sum", observed=False
    )
    weekend = hours["visits"].where(hours["moment"].dt.day_of_week >= 5, 0).groupby(hours["user_id"]).sum()
    weekend = weekend / hours.groupby("user_id")["visits"].sum()
    users = pages.index.intersection(parts.index)
    return pd.concat(
        [
            roots(pages.loc[users]).add_prefix("topic_"),
            roots(parts.loc[users].set_axis(list(DAYPARTS), axis=1)).add_prefix("part_"),
            weekend.loc[users].rename("weekend"),
        ],
        axis=1,
    )


def roots(counts: pd.DataFrame) -> pd.DataFrame:
    """Return square roots of smoothed row shares, same shape as ``counts``."""
    smoothed = counts + 0.5
    return np.sqrt(smoothed.div(smoothed.sum(axis=1), axis=0))


def rfm(ds: Dataset, until: pd.Timestamp) -> pd.DataFrame:
    """Return each user's ``recency`` (days since the last visit), ``frequency`` (visits), ``money`` (yuan paid)."""
    began = visits(ds, until)
    table = began.group_by("user_id").agg(last=began.start.max(), frequency=began.count())
    table = table.to_pandas().set_index("user_id").sort_index()
    orders = ds.con.table("paid_orders")
    orders = orders.filter(orders.timestamp < until)
    money = orders.group_by("user_id").agg(money=orders.total.sum()).to_pandas().set_index("user_id")["money"]
    return pd.DataFrame(
        {
            "recency": (until - table["last"]).dt.total_seconds() / 86_400,
            "frequency": table["frequency"],
            "money": table.index.map(money).astype(float),
        }
    ).fillna({"money": 0.0})


def quintiles(table: pd.DataFrame) -> pd.DataFrame:
    """Return RFM scores 1 to 5 (5 is best: recent, frequent, generous); ties share the middle of their ranks."""
    signs = {"recency": -1, "frequency": 1, "money": 1}
    score = {c: np.ceil((table[c] * s).rank(pct=True, method="average") * 5) for c, s in signs.items()}
    return pd.DataFrame(score, index=table.index).clip(1, 5).astype(int)


def standard(table: pd.DataFrame | np.ndarray) -> np.ndarray:
    """Return the columns with mean 0 and variance 1, so that no unit decides what is near."""
    values = np.asarray(table, dtype=float)
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


def cluster(x: np.ndarray, k: int, seed: int = 0) -> np.ndarray:
    """Return K-means labels 0..k-1, the largest group first, so that names do not depend on the start."""
    from sklearn.cluster import KMeans

    labels = KMeans(k, n_init=10, random_state=seed).fit_predict(x)
    order = np.argsort(-np.bincount(labels, minlength=k), kind="stable")
    return np.argsort(order)[labels]


def gap(x: np.ndarray, most: int = 8, draws: int = 10, seed: int = 0) -> pd.DataFrame:
    """Return ``k, gap, error``: how much tighter k groups are than in one blob with the same covariance.

    After Tibshirani, Walther & Hastie (2001), with a Gaussian of the data's covariance as the null instead of a box:
    one stretched cloud is what an elbow plot mistakes for groups. ``error`` is the most that the gap would grow from
    k - 1 to k in 99 of 100 such clouds (Student's t over ``draws`` of them); the paper's single standard error, without
    pairing the two sizes, splits one cloud in two about once in twelve.
    Raises ValueError for fewer than 2 draws.
    """
    from scipy.stats import t
    from sklearn.cluster import KMeans

    if draws < 2:
        raise ValueError("The spread of the null needs at least 2 draws.")
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.cov(x, rowvar=False) + 1e-9 * np.eye(x.shape[1]))
    clouds = [x, *(rng.standard_normal(x.shape) @ root.T for _ in range(draws))]
    tight = np.array(
        [[np.log(KMeans(k, n_init=4, random_state=seed).fit(z).inertia_) for k in range(1, most + 1)] for z in clouds]
    )
    null = tight[1:]
    steps = np.diff(null, axis=1, prepend=0.0)  # the first column is the spread of the tightness itself
    error = t.ppf(0.99, draws - 1) * steps.std(axis=0, ddof=1) * np.sqrt(1 + 1 / draws)
    return pd.DataFrame({"k": range(1, most + 1), "gap": null.mean(axis=0) - tight[0], "error": error})


def choose(table: pd.DataFrame) -> int:
    """Return the smallest k whose gap is not beaten by k + 1 by more than its error, the last k when all are."""
    value, error = table["gap"].to_numpy(), table["error"].to_numpy()
    enough = value[:-1] >= value[1:] - error[1:]
    return int(table["k"].iloc[np.argmax(enough)] if enough.any() else table["k"].iloc[-1])
