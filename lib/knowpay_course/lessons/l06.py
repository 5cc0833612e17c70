"""Lesson 06, profiles: the tests that a grouping must pass before anyone acts on it, and a gift shop to try it on."""

from __future__ import annotations

import numpy as np
import pandas as pd


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


def featured_share(pages: pd.DataFrame, group: pd.Series, train: pd.DataFrame) -> pd.Series:
    """Return for each user the share of ``pages`` in the category featured to the user's group.

    The featured category of a group is the one its members opened most in ``train``. All three are indexed by user;
    the result covers the users of ``group`` who opened any page in ``pages``.
    """
    favourite = train.loc[train.index.isin(group.index)].groupby(group).sum().idxmax(axis=1)
    later = pages.loc[pages.index.intersection(group.index)]
    later = later[later.sum(axis=1) > 0]
    share = later.div(later.sum(axis=1), axis=0).reindex(columns=train.columns, fill_value=0.0)
    column = share.columns.get_indexer(group.loc[share.index].map(favourite))
    return pd.Series(share.to_numpy()[np.arange(len(share)), column], index=share.index)


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
