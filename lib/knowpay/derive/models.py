"""Three estimates of p(y | z, v): counts with Beta shrinkage, naive Bayes, logistic regression.

Each is fitted on the shown and on the hidden people apart, so that their difference is an uplift. Inputs are integer
codes (see ``evidence``), outputs probabilities in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import betaln
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import CategoricalNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

STRENGTHS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


def shrink(bought: Sequence[int], people: Sequence[int]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (mean, standard deviation, strength) of the Beta posterior of every cell's purchase rate.

    The prior is Beta(strength * m, strength * (1 - m)), m the rate of all cells together; the strength, in people, is
    the one of ``STRENGTHS`` under which the counts are likeliest (beta-binomial; Gelman et al., Bayesian Data Analysis,
    section 5.3). A cell of ``n`` people keeps n / (n + strength) of its own rate. Raises ValueError without people.
    """
    k, n = np.asarray(bought, dtype=float), np.asarray(people, dtype=float)
    if not n.sum():
        raise ValueError("Rates need at least one person.")
    m = (k.sum() + 0.5) / (n.sum() + 1)
    prior = {s: (s * m, s * (1 - m)) for s in STRENGTHS}
    strength = max(STRENGTHS, key=lambda s: (betaln(prior[s][0] + k, prior[s][1] + n - k) - betaln(*prior[s])).sum())
    a, b = prior[strength][0] + k, prior[strength][1] + n - k
    return a / (a + b), np.sqrt(a * b / (a + b) ** 2 / (a + b + 1)), float(strength)


class Counts(ClassifierMixin, BaseEstimator):
    """The shrunken purchase rate of the cell that a person falls in; cells cross the first ``width`` columns."""

    def __init__(self, width: int = 2) -> None:
        self.width = width

    def fit(self, z: np.ndarray, y: np.ndarray) -> Counts:
        """``z`` integer codes, shape (people, columns); ``y`` 0/1."""
        cells = pd.DataFrame(np.asarray(z)[:, : self.width]).assign(y=np.asarray(y))
        found = cells.groupby(list(range(self.width)))["y"].agg(["sum", "size"])
        rate, _, self.strength_ = shrink(found["sum"], found["size"])
        self.rate_ = dict(zip(found.index, rate, strict=True))
        self.everyone_ = float(np.mean(y))
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, z: np.ndarray) -> np.ndarray:
        """Return shape (people, 2); a cell never seen has the rate of everybody."""
        keys = map(tuple, np.asarray(z)[:, : self.width].tolist())
        p = np.array([self.rate_.get(key, self.everyone_) for key in keys])
        return np.column_stack([1 - p, p])


Maker = Callable[[float], BaseEstimator]


def makers(levels: Sequence[int]) -> dict[str, tuple[Maker, tuple[float, ...]]]:
    """Return for each model a function of its one setting, and settings to try; ``levels`` counts the codes by column.

    Naive Bayes: pseudo-counts (1 is the usual default). Logistic regression: inverse penalty.
    """
    known = [list(range(n)) for n in levels]

    def logistic(c: float) -> BaseEstimator:
        return make_pipeline(OneHotEncoder(categories=known), LogisticRegression(C=c, max_iter=1_000))

    return {
        "counts": (lambda _: Counts(), (0.0,)),
        "naive Bayes": (lambda alpha: CategoricalNB(alpha=alpha, min_categories=list(levels)), (1.0, 10.0, 100.0)),
        "logistic": (logistic, (0.01, 0.03, 0.1, 0.3)),
    }


def two_arms(maker: Maker, setting: float, train: pd.DataFrame, test: pd.DataFrame, columns: Sequence[str]):
    """Return (p_shown, p_hidden) of the test rows, each from a model of one arm of the training rows."""
    found = []
    for shown in (True, False):
        arm = train[train["message"] == shown]
        model = maker(setting).fit(arm[list(columns)].to_numpy(), arm["bought"].to_numpy().astype(int))
        found.append(model.predict_proba(test[list(columns)].to_numpy())[:, 1])
    return found[0], found[1]


def tune(
    maker: Maker, settings: Sequence[float], train: pd.DataFrame, later: pd.DataFrame, columns: Sequence[str]
) -> float:
    """Return the setting whose predictions of the later rows, each in its own arm, have the least log-loss."""

    def loss(setting: float) -> float:
        shown, hidden = two_arms(maker, setting, train, later, columns)
        return log_loss(later["bought"].astype(int), np.where(later["message"], shown, hidden), labels=[0, 1])

    return settings[0] if len(settings) == 1 else min(settings, key=loss)
