"""Is a predicted 2 % really 2 %? Ranking, spread and level of predicted probabilities, and one repair."""

from __future__ import annotations

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

FLOOR = 1e-5  # isotonic regression gives exact zeros; a log-loss cannot forgive one


def scores(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Return ``auc, log_loss, slope, all, top`` of probabilities ``p`` for outcomes ``y`` (0/1), both shape (people,).

    ``slope``: coefficient of logit(p) in a logistic regression of y on it (Cox 1958); 1 is right, below 1 the
    probabilities are spread too far apart. ``all`` and ``top``: predicted over observed purchases minus 1, of everybody
    and of the decile with the highest predictions; 0 is right, 0.17 is 17 % too many. Raises ValueError when all
    outcomes are the same.
    """
    y, p = np.asarray(y, dtype=int), np.clip(np.asarray(p, dtype=float), FLOOR, 1 - FLOOR)
    if y.min() == y.max():
        raise ValueError("Scores need people of both outcomes.")
    top = np.argsort(-p, kind="stable")[: max(1, len(p) // 10)]
    logit = np.log(p / (1 - p))[:, None]
    flat = bool(np.ptp(logit) == 0)
    slope = np.nan if flat else LogisticRegression(C=np.inf).fit(logit, y).coef_[0, 0]
    return {
        "auc": float(roc_auc_score(y, p)),
        "log_loss": float(log_loss(y, p)),
        "slope": float(slope),
        "all": float(p.mean() / y.mean() - 1),
        "top": float(p[top].mean() / y[top].mean() - 1) if y[top].any() else np.inf,
    }


def isotonic(p_known: np.ndarray, y_known: np.ndarray, p_new: np.ndarray) -> np.ndarray:
    """Return ``p_new`` pushed through the best monotone curve of y_known on p_known (pool adjacent violators)."""
    curve = IsotonicRegression(y_min=FLOOR, y_max=1 - FLOOR, out_of_bounds="clip")
    return curve.fit(p_known, y_known).predict(p_new)
