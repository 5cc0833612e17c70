"""Three estimates of p(y | z, v): counts with Beta shrinkage, naive Bayes, logistic regression.

Each is fitted on the shown and on the hidden people apart, so that their difference is an uplift; touches count by
``analyse.touches.weights``, so that the odds of the lots may differ. Inputs are integer codes (see ``evidence``),
outputs probabilities in the order of the rows.
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
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from knowpay.analyse import touches

STRENGTHS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


def shrink(bought: Sequence[float], people: Sequence[float]) -> tuple[np.ndarray, np.ndarray, float]:
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

    def fit(self, z: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Counts:
        """``z`` integer codes, shape (people, columns); ``y`` 0/1; ``sample_weight`` 1 for a person, the default."""
        n = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        cells = pd.DataFrame(np.asarray(z)[:, : self.width]).assign(k=n * np.asarray(y), n=n)
        found = cells.groupby(list(range(self.width))).sum()
        rate, _, self.strength_ = shrink(found["k"], found["n"])
        self.rate_ = dict(zip(found.index, rate, strict=True))
        self.everyone_ = float(np.average(y, weights=n))
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
    """Return (p_shown, p_hidden) of the test rows, each from a model of one arm of the training rows.

    An arm with one outcome only gives everybody that outcome's probability, 0 or 1.
    """
    found, weight = [], touches.weights(train)
    for shown in (True, False):
        arm = train["message"].to_numpy(dtype=bool) == shown
        z, y = train.loc[arm, list(columns)].to_numpy(), train["bought"].to_numpy()[arm].astype(int)
        if y.min() == y.max():
            found.append(np.full(len(test), float(y[0])))
            continue
        model = maker(setting)
        last = f"{model.steps[-1][0]}__" if isinstance(model, Pipeline) else ""
        model.fit(z, y, **{f"{last}sample_weight": weight[arm]})
        found.append(model.predict_proba(test[list(columns)].to_numpy())[:, 1])
    return found[0], found[1]


def tune(
    maker: Maker, settings: Sequence[float], train: pd.DataFrame, later: pd.DataFrame, columns: Sequence[str]
) -> float:
    """Return the setting whose predictions of the later rows, each in its own arm, have the least log-loss."""

    def loss(setting: float) -> float:
        shown, hidden = two_arms(maker, setting, train, later, columns)
        own = np.where(later["message"], shown, hidden)
        return log_loss(later["bought"].astype(int), own, labels=[0, 1], sample_weight=touches.weights(later))

    return settings[0] if len(settings) == 1 else min(settings, key=loss)
