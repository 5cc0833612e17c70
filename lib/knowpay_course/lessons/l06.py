"""Lesson 06, profiles: the tests that a grouping must pass before anyone acts on it, and a gift shop to try it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay.analyse import economics
from knowpay.world.choice import QUALITY_PULL

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset, Truth


def stability(x: np.ndarray, k: int, draws: int) -> float:
    """Return the mean adjusted Rand index between the grouping and those of bootstrap samples (1 = always the same)."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    rng, means = np.random.default_rng(0), KMeans(k, n_init=4, random_state=0)
    base = means.fit_predict(x)
    scores = []
    for _ in range(draws):
        sample = x[rng.integers(0, len(x), len(x))]
        scores.append(adjusted_rand_score(base, means.fit(sample).predict(x)))
    return float(np.mean(scores))


def one_blob(n: int, seed: int = 0) -> np.ndarray:
    """Return log recency, frequency and money of ``n`` people without groups: one Gaussian, real-life correlations."""
    correlation = np.array([[1.0, -0.5, -0.4], [-0.5, 1.0, 0.7], [-0.4, 0.7, 1.0]])
    return np.random.default_rng(seed).standard_normal((n, 3)) @ np.linalg.cholesky(correlation).T


def featured(group: pd.Series, train: pd.DataFrame) -> pd.Series:
    """Return for each user of ``group`` the category that its members opened most in ``train`` (users, categories)."""
    favourite = train.loc[train.index.isin(group.index)].groupby(group).sum().idxmax(axis=1)
    return group.map(favourite)


def share_in(pages: pd.DataFrame, category: pd.Series) -> pd.Series:
    """Return the share of each user's ``pages`` (users, categories) in her ``category``; of users who opened any."""
    pages = pages.loc[pages.index.intersection(category.index)]
    pages = pages[pages.sum(axis=1) > 0]
    column = pages.columns.get_indexer(category.loc[pages.index])  # -1 where nobody opened the category
    hit = np.where(column >= 0, pages.to_numpy()[np.arange(len(pages)), column], 0)
    return pd.Series(hit / pages.sum(axis=1).to_numpy(), index=pages.index)


def featured_share(pages: pd.DataFrame, group: pd.Series, train: pd.DataFrame) -> pd.Series:
    """Return for each user the share of ``pages`` in the category featured to the user's group.

    The featured category of a group is the one its members opened most in ``train``. All three are indexed by user;
    the result covers the users of ``group`` who opened any page in ``pages``.
    """
    return share_in(pages, featured(group, train))


def page_error(pages: pd.DataFrame, first: pd.Series, second: pd.Series) -> float:
    """Return the standard error of the mean over users of: share of ``pages`` in ``first``, less that in ``second``.

    pages: users by categories; first, second: a category for each user. The users are these;
    chance decided which pages they opened: the variance of one page, 1[first] - 1[second], over the pages of each user.
    """
    pages = pages.loc[first.index]
    number = pages.sum(axis=1)
    a, b = share_in(pages, first), share_in(pages, second)
    apart, several = first != second, number > 1  # one category twice differs by nothing, whatever is opened
    variance = ((a + b - (a - b) ** 2) * number / (number - 1))[apart & several].mean()
    return float(np.sqrt((variance / number[apart]).sum()) / len(number))


def on_sale(courses: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.Series:
    """Return the share of the time from ``start`` to ``end`` in which each course could be opened, by product id."""
    began = courses.set_index("product_id")["published_at"].clip(lower=start)
    return ((end - began) / (end - start)).clip(0, 1)


def page_shares(truth: Truth, users: pd.Index, weight: pd.Series) -> pd.DataFrame:
    """Return the true chance that a course page that a user opens is of each topic, shape (users, topics).

    ``weight`` is the time on sale of each course (`on_sale`). The simulator's multinomial logit over taste times
    course, quality and popularity.
    """
    traits, courses = truth.users.set_index("user_id").loc[users], truth.courses.set_index("product_id")
    taste, vectors = traits.filter(like="taste_").to_numpy(), courses.filter(regex="^v_").to_numpy()
    appeal = taste @ vectors.T + (QUALITY_PULL * courses["quality"] + courses["popularity"]).to_numpy()
    chance = np.exp(appeal - appeal.max(axis=1, keepdims=True)) * weight.loc[courses.index].to_numpy()
    topics = pd.get_dummies(courses["topic"].astype(str), dtype=float)  # (courses, topics)
    likes = pd.DataFrame(chance @ topics.to_numpy(), index=users, columns=topics.columns)
    return likes.div(likes.sum(axis=1), axis=0)


def named_alike(names: pd.Series, labels: pd.Series, truth: Truth) -> int:
    """Return how many planted groups have a profile that is named by the two topics they like best.

    ``names`` of the profiles, "a + b"; ``labels`` is the profile of each user, by user id. A planted group is met by
    the profile that holds most of it.
    """
    traits = truth.users.set_index("user_id").loc[labels.index]
    tastes = traits.filter(like="taste_").set_axis(truth.info["topics"], axis=1)
    liked = (tastes - tastes.mean()).groupby(traits["segment"].astype(str)).mean()
    best = {group: set(row.nlargest(2).index) for group, row in liked.iterrows()}
    profile = pd.crosstab(traits["segment"].astype(str), labels).idxmax(axis=1)
    return sum(set(names[profile[group]].split(" + ")) == pair for group, pair in best.items())


def true_worth(ds: Dataset, truth: Truth, teacher_share: float) -> float:
    """Return what the course orders of customers left, yuan, by the simulator's books: no memberships in it."""
    orders = ds.orders.select("order_id", "user_id").to_pandas()
    orders = orders[orders["user_id"].isin(economics.customers(ds)["user_id"])]
    books = truth.orders[~truth.orders["membership"]].set_index("order_id")["leaves"].astype(float)
    return float((1 - teacher_share) * books.reindex(orders["order_id"]).sum())


def visits_a_month(ds: Dataset, users: pd.Index, start: pd.Timestamp) -> float:
    """Return the visits of ``users`` in 30 days, from ``start`` on: events half an hour after the last one."""
    events = ds.events.select("user_id", "timestamp").to_pandas()
    events = events[events["user_id"].isin(users)].sort_values(["user_id", "timestamp"])
    gap = events.groupby("user_id")["timestamp"].diff()
    began = (gap.isna() | (gap > pd.Timedelta(minutes=30))) & (events["timestamp"] >= start)
    return float(began.sum() / ((ds.observation_end - start) / pd.Timedelta(days=30)))


def customers(lines: pd.DataFrame) -> pd.DataFrame:
    """Return recency (days), frequency (invoices), money (pounds) of each known customer with a purchase.

    Cancellations (invoice C...), lines without customer, and lines with quantity or price of zero or less are left out.
    """
    bought = lines[~lines["Invoice"].str.startswith("C") & (lines["Quantity"] > 0) & (lines["Price"] > 0)]
    bought = bought.dropna(subset=["Customer ID"]).assign(value=lambda d: d["Quantity"] * d["Price"])
    groups = bought.groupby("Customer ID")
    last = lines["InvoiceDate"].max()
    return pd.DataFrame(
        {
            "recency": (last - groups["InvoiceDate"].max()).dt.days,
            "frequency": groups["Invoice"].nunique(),
            "money": groups["value"].sum(),
        }
    )
