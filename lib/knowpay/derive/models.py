"""Three estimates of p(y | z, v): counts with Beta shrinkage, naive Bayes, logistic regression.

Each is fitted on the shown and on the hidden people apart, so that their difference is an uplift; touches count by
``analyse.touches.weights``, so that the odds of the lots may differ. Inputs are integer codes (see ``evidence``),
outputs probabilities in the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from scipy.special import betaln
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.metrics import log_loss
from sklearn.model_selection import ParameterGrid
from sklearn.naive_bayes import CategoricalNB
from sklearn.preprocessing import OneHotEncoder

from knowpay.analyse import learners, touches

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
    """The shrunken purchase rate of the cell that a person falls in; cells cross the first two columns."""

    def fit(self, z: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None) -> Self:
        """``z`` integer codes, shape (people, columns); ``y`` 0/1; ``sample_weight`` 1 for a person, the default."""
        n = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        people = pd.DataFrame(np.asarray(z)[:, :2]).assign(k=n * np.asarray(y), n=n)
        cells = people.groupby([0, 1]).sum()
        rate, _, self.strength_ = shrink(cells["k"], cells["n"])
        self.rate_ = dict(zip(cells.index, rate, strict=True))
        self.everyone_ = float(np.average(y, weights=n))
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, z: np.ndarray) -> np.ndarray:
        """Return shape (people, 2); a cell never seen has the rate of everybody."""
        keys = map(tuple, np.asarray(z)[:, :2].tolist())
        p = np.array([self.rate_.get(key, self.everyone_) for key in keys])
        return np.column_stack([1 - p, p])


def candidates(levels: Sequence[int]) -> dict[str, tuple[BaseEstimator, dict[str, tuple[float, ...]]]]:
    """Return for each model its estimator and the settings to try; ``levels`` counts the codes by column.

    Naive Bayes: pseudo-counts (1 is the usual default). Logistic regression: inverse penalty.
    """
    codes = OneHotEncoder(categories=[list(range(n)) for n in levels], sparse_output=False)
    return {
        "counts": (Counts(), {}),
        "naive Bayes": (CategoricalNB(min_categories=list(levels)), {"alpha": (1.0, 10.0, 100.0)}),
        "logistic": (learners.logistic(codes), {"model__C": (0.01, 0.03, 0.1, 0.3)}),
    }


def two_arms(
    model: BaseEstimator, train: pd.DataFrame, test: pd.DataFrame, columns: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (p_shown, p_hidden) of the test rows, each from a model of one arm of the training rows, (rows,)."""
    x, bought = train[list(columns)].to_numpy(), train["bought"].to_numpy().astype(int)
    arms = learners.TLearner(model).fit(x, bought, train["message"].to_numpy(), touches.weights(train))
    return arms.arms(test[list(columns)].to_numpy())


def tune(
    model: BaseEstimator,
    grid: dict[str, tuple[float, ...]],
    train: pd.DataFrame,
    later: pd.DataFrame,
    columns: Sequence[str],
) -> BaseEstimator:
    """Return the model with the setting whose predictions of the later rows, each in its own arm, lose least.

    The loss is the log-loss, weighted as the draws of the arms ask for.
    """
    models = [clone(model).set_params(**setting) for setting in ParameterGrid(grid)]

    def loss(model: BaseEstimator) -> float:
        shown, hidden = two_arms(model, train, later, columns)
        own = np.where(later["message"], shown, hidden)
        return log_loss(later["bought"].astype(int), own, labels=[0, 1], sample_weight=touches.weights(later))

    return models[0] if len(models) == 1 else min(models, key=loss)
