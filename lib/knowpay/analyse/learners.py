"""Learners of a probability and of an effect, in scikit-learn's manner: they can be cloned, tuned and pickled.

x is (people, features), an array or a data frame; y is 0/1, (people,); treated is bool, (people,).
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline


def logistic(columns: BaseEstimator, strength: float = 1.0, solver: str = "lbfgs") -> Pipeline:
    """Return a logistic regression (``model``) of what ``columns`` makes of x.

    ``strength`` (``model__C``) is the inverse of the ridge penalty. The solver "newton-cholesky" is quicker where the
    same few columns are fitted again and again.
    """
    return Pipeline([("columns", columns), ("model", LogisticRegression(C=strength, max_iter=2000, solver=solver))])


def fitted(model: BaseEstimator, x: Any, y: np.ndarray, weight: np.ndarray | None = None) -> BaseEstimator:
    """Fit a clone of a classifier; where everybody has one outcome, a model that gives it to everybody."""
    model = DummyClassifier(strategy="prior") if np.min(y) == np.max(y) else clone(model)
    last = f"{model.steps[-1][0]}__" if isinstance(model, Pipeline) else ""
    return model.fit(x, y, **({} if weight is None else {f"{last}sample_weight": weight}))


def chance(model: BaseEstimator, x: Any) -> np.ndarray:
    """Return the probability of outcome 1 by a model of `fitted`, (people,)."""
    p = model.predict_proba(x)
    return p[:, 1] if p.shape[1] == 2 else np.full(len(p), float(model.classes_[0]))


class Response(BaseEstimator):
    """The usual practice: the probability of the outcome, treated or not."""

    def __init__(self, model: BaseEstimator) -> None:
        self.model = model

    def fit(self, x: Any, y: np.ndarray, treated: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn from everybody; ``treated`` is not looked at."""
        self.model_ = fitted(self.model, x, y, weight)
        return self

    def predict(self, x: Any) -> np.ndarray:
        """Return the probability, (people,)."""
        return chance(self.model_, x)


class TLearner(BaseEstimator):
    """The effect as the difference of two models, one for each arm (Künzel, Sekhon, Bickel and Yu 2019)."""

    def __init__(self, model: BaseEstimator) -> None:
        self.model = model

    def fit(self, x: Any, y: np.ndarray, treated: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn each arm apart; ``weight`` says how much each person counts."""
        y, treated = np.asarray(y), np.asarray(treated, dtype=bool)
        self.treated_, self.control_ = (
            fitted(self.model, x[arm], y[arm], None if weight is None else weight[arm]) for arm in (treated, ~treated)
        )
        return self

    def arms(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities (treated, not treated), each (people,)."""
        return chance(self.treated_, x), chance(self.control_, x)

    def predict(self, x: Any) -> np.ndarray:
        """Return the effect on the probability, (people,)."""
        treated, control = self.arms(x)
        return treated - control


class Crossed(BaseEstimator):
    """The effect by one model in which the treatment is crossed with every feature (an S-learner; x is an array)."""

    def __init__(self, model: BaseEstimator) -> None:
        self.model = model

    def fit(self, x: np.ndarray, y: np.ndarray, treated: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Learn from both arms together; ``weight`` says how much each person counts."""
        self.centre_ = x.mean(axis=0)
        self.model_ = fitted(self.model, self._crossed(x, np.asarray(treated, dtype=float)), y, weight)
        return self

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the effect on the probability, (people,)."""
        treated, control = (chance(self.model_, self._crossed(x, np.full(len(x), arm))) for arm in (1.0, 0.0))
        return treated - control

    def _crossed(self, x: np.ndarray, treated: np.ndarray) -> np.ndarray:
        x, arm = x - self.centre_, treated[:, None]
        return np.hstack([x, arm, x * arm])  # (people, 2 x features + 1)
