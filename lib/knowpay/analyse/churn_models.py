"""Models of leaving, and the scores that say whether they are worth having.

A hazard is the probability that somebody who is there at the start of a period is not there after it. All models here
give one per row of a frame such as `churn.person_periods` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from knowpay.collect import TooLittleData

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def sbg_hazard(alpha: float, beta: float, period: np.ndarray | float) -> np.ndarray:
    """Share of those in paid period n = 1, 2, … who do not renew: alpha / (alpha + beta + n - 1).

    The shifted-beta-geometric model (Fader & Hardie 2007): each member keeps one churn probability, drawn from
    Beta(alpha, beta). Those who stay are the loyal ones, so the hazard falls with n.
    """
    return alpha / (alpha + beta + np.asarray(period, dtype=float) - 1)


def sbg_survival(alpha: float, beta: float, periods: int) -> float:
    """Share of members who renew at least ``periods`` times."""
    return float(np.prod(1 - sbg_hazard(alpha, beta, np.arange(1, periods + 1))))


@dataclass(frozen=True)
class RenewalCurve:
    """A fitted shifted-beta-geometric curve; ``covariance`` belongs to (log alpha, log beta)."""

    alpha: float
    beta: float
    covariance: np.ndarray

    def hazard(self, period: np.ndarray | float) -> np.ndarray:
        """`sbg_hazard` at the fitted parameters."""
        return sbg_hazard(self.alpha, self.beta, period)

    def survival(self, periods: int) -> float:
        """`sbg_survival` at the fitted parameters."""
        return sbg_survival(self.alpha, self.beta, periods)

    def error(self, quantity: Callable[[float, float], float]) -> float:
        """Standard error of a quantity of (alpha, beta), by the delta method."""
        at, step = np.log([self.alpha, self.beta]), 1e-4
        slope = [(quantity(*np.exp(at + m)) - quantity(*np.exp(at - m))) / (2 * step) for m in np.eye(2) * step]
        return float(np.sqrt(slope @ self.covariance @ slope))

    def interval(self, periods: int, level: float = 0.9) -> tuple[float, float, float]:
        """Return (survival, low, high) after ``periods`` renewals; the interval is symmetric on the log-odds scale."""
        from scipy.special import expit, logit
        from scipy.stats import norm

        value = self.survival(periods)
        reach = norm.ppf((1 + level) / 2) * self.error(lambda a, b: float(logit(sbg_survival(a, b, periods))))
        return value, float(expit(logit(value) - reach)), float(expit(logit(value) + reach))


def fit_sbg(lives: pd.DataFrame) -> RenewalCurve:
    """Fit the renewal curve to `churn.lifetimes` by maximum likelihood; members still there are censored.

    Raises TooLittleData unless somebody left and somebody renewed.
    """
    from scipy.optimize import minimize

    periods, left = lives["periods"].to_numpy(dtype=int), lives["left"].to_numpy(dtype=float)
    n = np.arange(1, periods.max(initial=0) + 1)
    at_risk = (periods[:, None] >= n).sum(axis=0)
    lost = ((periods[:, None] == n) & (left[:, None] == 1)).sum(axis=0)
    if not 0 < lost.sum() < at_risk.sum():
        raise TooLittleData("A renewal curve needs at least one member who left and one who renewed.")

    def loss(logs: np.ndarray) -> float:
        hazard = sbg_hazard(*np.exp(logs), n)
        return -float(lost @ np.log(hazard) + (at_risk - lost) @ np.log1p(-hazard))

    best = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-8, 8)] * 2).x
    return RenewalCurve(*map(float, np.exp(best)), covariance=np.linalg.pinv(_curvature(loss, best)))


def _curvature(loss: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """Second derivatives by central differences, shape (2, 2)."""
    moves = np.eye(len(at)) * step

    def second(a: np.ndarray, b: np.ndarray) -> float:
        return (loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b)) / (4 * step**2)

    return np.array([[second(a, b) for b in moves] for a in moves])


def logistic(
    numbers: Sequence[str], kinds: Sequence[str] = (), free: Sequence[str] = (), strength: float = 1.0
) -> Pipeline:
    """A logistic regression for a frame with columns of `numbers` and of `kinds` (categories).

    Numbers are put on a log scale, missing ones filled with the median and flagged, then standardised. Columns of
    ``free`` enter as they are and are kept out of the penalty's reach: shrinking then ends at a curve of theirs, not at
    one rate for all. ``strength`` (``model__C``) is the inverse of the penalty on all others.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    columns = make_column_transformer(
        (FunctionTransformer(_out_of_reach), list(free)),
        (make_pipeline(FunctionTransformer(_log), fill, StandardScaler()), [n for n in numbers if n not in free]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(kinds)),
    )
    return Pipeline(
        [("columns", columns), ("model", LogisticRegression(C=strength, max_iter=2000, solver="newton-cholesky"))]
    )


def _log(x: Any) -> np.ndarray:
    x = np.asarray(x, dtype=float)
    return np.sign(x) * np.log1p(np.abs(x))


def _out_of_reach(x: Any) -> np.ndarray:
    return 100 * np.asarray(x, dtype=float)  # a coefficient 100 times smaller is penalised 10,000 times less


def boosting(numbers: Sequence[str], kinds: Sequence[str] = ()) -> Pipeline:
    """Gradient-boosted trees for the same frame; ``model__max_iter`` and ``model__max_leaf_nodes`` set their size."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((codes, list(kinds)), ("passthrough", list(numbers)))
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, early_stopping=False, categorical_features=list(range(len(kinds))), random_state=0
    )
    return Pipeline([("columns", columns), ("model", trees)])


def tune(model: Pipeline, grid: Mapping[str, Sequence], rows: pd.DataFrame, folds: Iterable) -> Pipeline:
    """Return the model of the grid with the least log loss over ``folds``, fitted to all rows (target ``left``).

    A fold in which nobody left, or everybody did, counts like any other. Raises TooLittleData when that is so of all
    rows: there is nothing to learn.
    """
    from sklearn.metrics import log_loss, make_scorer
    from sklearn.model_selection import GridSearchCV

    folds = [(known, asked) for known, asked in folds if rows["left"].iloc[known].nunique() == 2]
    if not folds:
        raise TooLittleData(f"{len(rows)} months and {rows['left'].sum():.0f} leavers are too few to learn who leaves.")
    loss = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", labels=[0, 1])
    search = GridSearchCV(model, dict(grid), scoring=loss, cv=folds, error_score="raise")
    return search.fit(rows, rows["left"]).best_estimator_


def member_folds(rows: pd.DataFrame, count: int = 5) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds that keep all rows of a ``user_id`` together."""
    from sklearn.model_selection import GroupKFold

    return list(GroupKFold(count).split(rows, groups=rows["user_id"]))


def forecast(model: Pipeline, rows: pd.DataFrame, cut: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Fit ``model`` to rows whose ``presentation`` comes before ``cut``; return the rows of ``cut`` and their risks."""
    before, then = rows[rows["presentation"] < cut], rows[rows["presentation"] == cut].reset_index(drop=True)
    return then, model.fit(before, before["left"]).predict_proba(then)[:, 1]


def refits(
    model: Pipeline, train: pd.DataFrame, target: pd.DataFrame, draws: int = 200, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Bootstrap by member (``user_id``): return (hazards, weights), both of shape (draws, len(target)).

    In each draw the members of both frames are resampled together, the model is fitted again with each member's count
    as weight, and the target is predicted; ``weights`` are the counts of the target's members. A statistic over the
    draws shows what chance in the training members *and* in the target members does to it (Efron 1979).
    """
    from sklearn.base import clone

    members, code = np.unique(pd.concat([train["user_id"], target["user_id"]]).to_numpy(str), return_inverse=True)
    in_train, in_target = code[: len(train)], code[len(train) :]
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
    hazards = np.empty((draws, len(target)))
    for draw, count in enumerate(counts):
        again = clone(model).fit(train, train["left"], model__sample_weight=count[in_train].astype(float))
        hazards[draw] = again.predict_proba(target)[:, 1]
    return hazards, counts[:, in_target]


def months_kept(hazard: np.ndarray, months: int = 12) -> np.ndarray:
    """Months a member pays within the next ``months`` if she renews now and then leaves with ``hazard`` each month."""
    hazard = np.asarray(hazard, dtype=float)
    return (1 - (1 - hazard) ** months) / hazard


@dataclass(frozen=True)
class Call:
    """A retention call: ``cost`` of the call, ``gift`` for whoever renews after it, ``margin`` of a month (all yuan).

    ``save`` is the share of those about to leave whom the call keeps. It is an effect: no churn model can estimate it.
    """

    cost: float
    gift: float
    margin: float
    save: float

    def value(self, hazard: np.ndarray) -> np.ndarray:
        """Expected yuan per call: months of the saved, less the call and the gifts, those to loyal members included."""
        saved = hazard * self.save * (self.margin * months_kept(hazard) - self.gift)
        return saved - self.cost - (1 - hazard) * self.gift

    def budget(self, hazard: np.ndarray) -> np.ndarray:
        """Expected outlay per call, yuan."""
        return self.cost + self.gift * (1 - hazard + hazard * self.save)

    def break_even(self, hazard: np.ndarray) -> float:
        """Save rate at which calling all of these members earns nothing; above 1 when no save rate would do."""
        outlay = (self.cost + (1 - hazard) * self.gift).sum()
        return float(outlay / (hazard * (self.margin * months_kept(hazard) - self.gift)).sum())

    def draws(self, hazards: np.ndarray, seed: int = 0) -> np.ndarray:
        """Total yuan of calling all columns, once per row of ``hazards`` (draws, members): luck of leaving included."""
        rng = np.random.default_rng(seed)
        leaving = rng.random(hazards.shape) < hazards
        saved = leaving & (rng.random(hazards.shape) < self.save)
        gained = saved * self.margin * months_kept(hazards) - (saved | ~leaving) * self.gift
        return gained.sum(axis=1) - self.cost * hazards.shape[1]

    def test_size(self, hazard: np.ndarray) -> float:
        """Members in each half of a test that finds ``save`` with power 0.8: 16 p (1 - p) / difference squared."""
        p = float(np.mean(hazard))
        return 16 * p * (1 - p) / (self.save * p) ** 2


def auc(y: np.ndarray, p: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve; ``y`` may be a probability, which gives the area to expect of labels drawn from it."""
    return float(_measure(*_levels(y, p), _ones(y, weight), 0.1)[0])


def scores(
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    groups: np.ndarray,
    share: float = 0.1,
    draws: int = 400,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """Score models on the same rows, with bootstrap intervals by group (person).

    Returns one row per model and score: ``model, score, value, low, high``. Scores: AUC; PR-AUC (average precision);
    precision among the ``share`` with the highest prediction (ties shared out evenly); expected / observed (sum of
    predictions over number who left, 1 is right). All models see the same resamples.
    """
    y, weights = np.asarray(y, dtype=float), _resamples(groups, draws, seed)
    tail = (1 - level) / 2
    names = ("AUC", "PR-AUC", f"precision at {share:.0%}", "expected / observed")
    rows = []
    for model, p in predictions.items():
        levels = _levels(y, p)
        value = _measure(*levels, np.ones(len(y)), share)
        low, high = np.nanquantile([_measure(*levels, w, share) for w in weights], [tail, 1 - tail], axis=0)
        rows += [(model, *row) for row in zip(names, value, low, high, strict=True)]
    return pd.DataFrame(rows, columns=["model", "score", "value", "low", "high"])


def gain(
    y: np.ndarray, better: np.ndarray, dull: np.ndarray, groups: np.ndarray, draws: int = 400, seed: int = 0
) -> tuple[float, float, float]:
    """Return (difference of AUC, low, high): ``better`` minus ``dull`` with a 90 % bootstrap interval by group."""
    y = np.asarray(y, dtype=float)
    first, second = _levels(y, better), _levels(y, dull)

    def difference(w: np.ndarray) -> float:
        return _measure(*first, w, 0.1)[0] - _measure(*second, w, 0.1)[0]

    low, high = np.nanquantile([difference(w) for w in _resamples(groups, draws, seed)], [0.05, 0.95])
    return float(difference(np.ones(len(y)))), float(low), float(high)


def calibration(y: np.ndarray, p: np.ndarray, parts: int = 5) -> pd.DataFrame:
    """Equal parts by prediction: means ``predicted`` and ``observed``, ``rows``, Wilson's 90 % ``low``, ``high``."""
    from statsmodels.stats.proportion import proportion_confint

    part = pd.Series(np.asarray(p)).rank(method="first") * parts / (len(p) + 1)
    frame = pd.DataFrame({"predicted": p, "observed": np.asarray(y, dtype=float), "part": part.astype(int).to_numpy()})
    table = frame.groupby("part").agg(
        predicted=("predicted", "mean"), observed=("observed", "mean"), rows=("observed", "size")
    )
    low, high = proportion_confint(table["observed"] * table["rows"], table["rows"], alpha=0.1, method="wilson")
    return table.assign(low=np.minimum(low, table["observed"]), high=np.maximum(high, table["observed"]))


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Turn `scores` into one row per model, one column per score: "0.672 (0.651 to 0.694)"."""
    cell = [
        f"{v:.3f} ({a:.3f} to {b:.3f})" for v, a, b in zip(table["value"], table["low"], table["high"], strict=True)
    ]
    wide = table.assign(cell=cell).pivot(index="model", columns="score", values="cell")
    return wide.loc[table["model"].unique(), table["score"].unique()].rename_axis(columns=None)


def _ones(y: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    return np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)


def _resamples(groups: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often each row is drawn when groups are drawn with replacement, shape (draws, rows)."""
    names, code = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    counts = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    return counts[:, code].astype(float)


def _levels(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (y, p, rank): rank 0 for the highest distinct prediction, equal predictions share a rank."""
    p = np.asarray(p, dtype=float)
    return np.asarray(y, dtype=float), p, np.unique(-p, return_inverse=True)[1]


def _measure(y: np.ndarray, p: np.ndarray, rank: np.ndarray, w: np.ndarray, share: float) -> np.ndarray:
    """AUC, PR-AUC, precision in the top share, expected / observed; nan when one of the classes is missing."""
    leavers = np.bincount(rank, w * y)
    stayers = np.bincount(rank, w * (1 - y))
    found, alarms = leavers.cumsum(), (leavers + stayers).cumsum()
    total, rest = found[-1], stayers.sum()
    if total <= 0 or rest <= 0:
        return np.full(4, np.nan)
    area = (stayers @ (found - leavers / 2)) / (total * rest)
    reached = alarms > 0
    average = (leavers[reached] / total) @ (found[reached] / alarms[reached])
    flagged = share * alarms[-1]
    return np.array([area, average, np.interp(flagged, [0, *alarms], [0, *found]) / flagged, (w @ p) / total])
