"""Uplift: the effect of a message by person, models of it, and what a plan earns judged on randomised arms.

Throughout, ``treated`` is the arm (bool), ``propensity`` the probability of the arm that was *drawn*, and a gain is
yuan of contribution that would not have come without the message, before the cost of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

Z90, Z99 = 1.645, 2.576
AMOUNTS = ("active_days", "recency", "tenure", "purchases")
PENALTY = 0.05  # inverse strength of the ridge penalty, the same for every model


class Estimate(NamedTuple):
    """A value with its standard error and 90 % interval."""

    value: float
    error: float
    low: float
    high: float


def estimate(value: float, error: float) -> Estimate:
    """Return the value with its symmetric 90 % interval."""
    return Estimate(float(value), float(error), float(value - Z90 * error), float(value + Z90 * error))


def signed(outcome: np.ndarray, treated: np.ndarray, propensity: np.ndarray) -> np.ndarray:
    """Return inverse-propensity contrasts, shape (n,): their mean over any group is the effect in that group.

    outcome / propensity for the treated, minus the same for the others (Horvitz and Thompson 1952).
    """
    outcome, propensity = np.asarray(outcome, dtype=float), np.asarray(propensity, dtype=float)
    return np.where(np.asarray(treated, dtype=bool), outcome, -outcome) / propensity


def total(values: np.ndarray, people: np.ndarray | pd.Series) -> Estimate:
    """Return the mean of ``values`` with a standard error that takes all rows of one person together."""
    values = np.asarray(values, dtype=float)
    per_person = pd.Series(values - values.mean()).groupby(np.asarray(people)).sum().to_numpy()
    return estimate(values.mean(), np.sqrt((per_person**2).sum()) / len(values))


def effect(tried: pd.DataFrame, outcome: str = "bought") -> Estimate:
    """Return the effect of the message on ``outcome`` per touch, as a difference of arms.

    ``tried`` has ``user_id, message, propensity`` and the outcome. Arm means are used rather than raw contrasts: that
    is more exact and needs no known arm sizes (Hajek's form). Raises ValueError when an arm is empty.
    """
    message = tried["message"].to_numpy()
    if message.all() or not message.any():
        raise ValueError("A difference needs people in both arms: this list has only one.")
    y, weight = tried[outcome].to_numpy(dtype=float), 1 / tried["propensity"].to_numpy()
    mean = {arm: np.average(y[message == arm], weights=weight[message == arm]) for arm in (True, False)}
    size = {arm: weight[message == arm].sum() for arm in (True, False)}
    share = np.where(message, weight / size[True], -weight / size[False])  # each row's part in the difference
    parts = share * (y - np.where(message, mean[True], mean[False]))
    per_person = pd.Series(parts).groupby(tried["user_id"].to_numpy()).sum()
    return estimate(mean[True] - mean[False], np.sqrt((per_person**2).sum()))


def plan_value(tried: pd.DataFrame, chosen: np.ndarray, cost: float) -> Estimate:
    """Return what a plan that writes to the ``chosen`` touches earns **per touch of the whole list**, yuan after cost.

    Difference of arms among the chosen times their share, minus the cost of their messages. ``tried`` has ``user_id,
    message, propensity`` and ``gain`` (yuan of contribution). An empty choice earns 0.
    """
    chosen = np.asarray(chosen, dtype=bool)
    if not chosen.any():
        return estimate(0.0, 0.0)
    found, share = effect(tried[chosen], "gain"), chosen.mean()
    return estimate(share * (found.value - cost), share * found.error)


def paired(tried: pd.DataFrame, chosen: np.ndarray, other: np.ndarray, cost: float) -> Estimate:
    """Return how much more per touch of the list the plan ``chosen`` earns than the plan ``other``, on the same people."""
    step = np.asarray(chosen, dtype=float) - np.asarray(other, dtype=float)
    contrast = signed(tried["gain"], tried["message"], tried["propensity"])
    return total(step * (contrast - cost), tried["user_id"])


def detectable(touches: int, base: float, groups: int = 2) -> float:
    """Return the smallest difference between the effects in two of ``groups`` equal groups that a trial would find.

    80 % power, two-sided 5 %, arms of equal size, purchase rate ``base`` (0-1). With n = touches / (2 groups) people in
    each arm of each group the difference of two effects has variance 4 p (1 - p) / n.
    """
    n = touches / (2 * groups)
    return float(2.8 * np.sqrt(4 * base * (1 - base) / n))


def needed(difference: float, base: float, groups: int = 2) -> float:
    """Return the touches needed to find ``difference`` between the effects of two groups; the inverse of ``detectable``."""
    return float(2 * groups * 4 * base * (1 - base) * (2.8 / difference) ** 2)


def best(score: np.ndarray, share: float, within: np.ndarray | pd.Series | None = None) -> np.ndarray:
    """Return which rows are among the best ``share`` by score (bool), in each group of ``within`` when given.

    Ties are broken by the order of the rows.
    """
    rows = pd.Series(np.asarray(score, dtype=float))
    groups = rows.groupby(np.zeros(len(rows)) if within is None else np.asarray(within))
    place = groups.rank(method="first", ascending=False)
    return (place <= (share * groups.transform("size")).round()).to_numpy()


def qini(outcome: np.ndarray, treated: np.ndarray, score: np.ndarray) -> float:
    """Return the Qini coefficient as scikit-uplift defines it: 0 for a random order, 1 for a perfect one.

    Going down the list, the curve is the purchases of the treated minus those of the others scaled to the treated's
    number (Radcliffe 2007). The coefficient is the area between the curve and the straight line of a random order,
    divided by the same area for the best order there could be. Rows with equal scores are one step. Definitions differ
    between libraries: never compare across them.
    """
    y, t = np.asarray(outcome, dtype=float), np.asarray(treated, dtype=float)

    def area(order_by: np.ndarray) -> float:
        order = np.argsort(order_by, kind="mergesort")[::-1]
        last = np.append(np.flatnonzero(np.diff(order_by[order])), len(order) - 1)
        n_t, n_c = np.cumsum(t[order])[last], np.cumsum(1 - t[order])[last]
        y_t, y_c = np.cumsum((y * t)[order])[last], np.cumsum((y * (1 - t))[order])[last]
        curve = y_t - y_c * np.divide(n_t, n_c, out=np.zeros(len(last)), where=n_c > 0)
        x, curve = np.append(0, n_t + n_c), np.append(0, curve)
        return float(np.trapezoid(curve, x) - x[-1] * curve[-1] / 2)

    # The best order: treated buyers and untreated non-buyers first (scikit-uplift's perfect_qini_curve).
    return area(np.asarray(score, dtype=float)) / area(y * t - y * (1 - t))


# --- models: each returns a function from features to a score in yuan (or, for the response model, a ranking)

Scorer = Callable[[pd.DataFrame], np.ndarray]


def design(known: pd.DataFrame, levels: dict[str, Sequence[str]]) -> np.ndarray:
    """Return the numbers that the models see, shape (rows, features): logs of amounts, fit and price, marks of levels."""
    columns = [np.log1p(known[name].to_numpy(dtype=float)) for name in AMOUNTS]
    columns += [np.log(known[name].to_numpy(dtype=float)) for name in ("fit", "price", "mean_price")]
    columns += [(known[name] == level).to_numpy(dtype=float) for name in levels for level in levels[name][1:]]
    return np.column_stack(columns)


def _levels(tried: pd.DataFrame) -> dict[str, list[str]]:
    return {name: sorted(tried[name].unique()) for name in ("device_os", "channel")}


def _logistic(x: np.ndarray, y: np.ndarray):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000)).fit(x, y)


def response(tried: pd.DataFrame) -> Scorer:
    """Fit the usual practice: probability of a purchase, whether written to or not. The score is p times price."""
    levels = _levels(tried)
    model = _logistic(design(tried, levels), tried["bought"].to_numpy())
    return lambda known: model.predict_proba(design(known, levels))[:, 1] * known["price"].to_numpy()


def t_learner(tried: pd.DataFrame) -> Scorer:
    """Fit one logistic regression for each arm; the score is (p with - p without the message) times price."""
    levels, message = _levels(tried), tried["message"].to_numpy()
    x, y = design(tried, levels), tried["bought"].to_numpy()
    shown, hidden = _logistic(x[message], y[message]), _logistic(x[~message], y[~message])

    def score(known: pd.DataFrame) -> np.ndarray:
        z = design(known, levels)
        return (shown.predict_proba(z)[:, 1] - hidden.predict_proba(z)[:, 1]) * known["price"].to_numpy()

    return score


def interaction(tried: pd.DataFrame) -> Scorer:
    """Fit one logistic regression with the message crossed with every feature; the score as for ``t_learner``."""
    levels, message = _levels(tried), tried["message"].to_numpy(dtype=float)

    def crossed(x: np.ndarray, arm: np.ndarray) -> np.ndarray:
        return np.column_stack([x, arm, x * arm[:, None]])

    x = design(tried, levels)
    centre = x.mean(axis=0)
    model = _logistic(crossed(x - centre, message), tried["bought"].to_numpy())

    def score(known: pd.DataFrame) -> np.ndarray:
        z = design(known, levels) - centre
        one, none = np.ones(len(z)), np.zeros(len(z))
        shown, hidden = (model.predict_proba(crossed(z, arm))[:, 1] for arm in (one, none))
        return (shown - hidden) * known["price"].to_numpy()

    return score


def rolling(tried: pd.DataFrame, fit: Callable[[pd.DataFrame], Scorer], blocks: int = 4) -> np.ndarray:
    """Return out-of-sample scores, shape (rows,): each later block of campaigns is scored by a model of all earlier ones.

    The first third of the campaigns (by ``assigned_at``) only teaches: its scores are nan. Raises ValueError when there
    are fewer than 3 campaigns.
    """
    moments = np.sort(tried["assigned_at"].unique())
    if len(moments) < 3:
        raise ValueError(f"Earlier campaigns must teach and later ones judge: 3 are needed, there are {len(moments)}.")
    later = np.array_split(np.arange(len(moments) // 3, len(moments)), blocks)
    number = np.searchsorted(moments, tried["assigned_at"].to_numpy())
    scores = np.full(len(tried), np.nan)
    for block in (b for b in later if len(b)):
        now = np.isin(number, block)
        scores[now] = fit(tried[number < block[0]])(tried[now])
    return scores
