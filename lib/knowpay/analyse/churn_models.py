"""Models of leaving, and the scores that say whether they are worth having.

A hazard is the probability that somebody who is there at the start of a period is not there after it. All models here
give one per row of a frame such as `churn.person_periods` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from knowpay import estimate
from knowpay.analyse import learners
from knowpay.collect import TooLittleData
from knowpay.estimate import Estimate

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


class RenewalCurve(BaseEstimator):
    """The shifted-beta-geometric curve, fitted by maximum likelihood.

    Learned: ``alpha_, beta_``; ``covariance_`` of (log alpha, log beta), (2, 2).
    """

    def fit(self, lives: pd.DataFrame) -> Self:
        """Learn from `churn.lifetimes`; members still there are censored.

        Raises TooLittleData unless somebody left and somebody renewed.
        """
        from scipy.optimize import minimize

        periods, left = lives["periods"].to_numpy(dtype=int), lives["left"].to_numpy(dtype=float)
        n = np.arange(1, periods.max(initial=0) + 1)
        at_risk = (periods[:, None] >= n).sum(axis=0)  # (periods,)
        lost = ((periods[:, None] == n) & (left[:, None] == 1)).sum(axis=0)  # (periods,)
        if not 0 < lost.sum() < at_risk.sum():
            raise TooLittleData("A renewal curve needs at least one member who left and one who renewed.")

        def loss(logs: np.ndarray) -> float:
            hazard = sbg_hazard(*np.exp(logs), n)
            return -float(lost @ np.log(hazard) + (at_risk - lost) @ np.log1p(-hazard))

        logs = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[(-8, 8)] * 2).x
        self.alpha_, self.beta_ = map(float, np.exp(logs))
        self.covariance_ = np.linalg.pinv(_curvature(loss, logs))
        return self

    def hazard(self, period: np.ndarray | float) -> np.ndarray:
        """`sbg_hazard` at the fitted parameters."""
        return sbg_hazard(self.alpha_, self.beta_, period)

    def survival(self, periods: int) -> float:
        """`sbg_survival` at the fitted parameters."""
        return sbg_survival(self.alpha_, self.beta_, periods)

    def error(self, quantity: Callable[[float, float], float]) -> float:
        """Standard error of a quantity of (alpha, beta), by the delta method."""
        at, step = np.log([self.alpha_, self.beta_]), 1e-4
        slope = [(quantity(*np.exp(at + m)) - quantity(*np.exp(at - m))) / (2 * step) for m in np.eye(2) * step]
        return float(np.sqrt(slope @ self.covariance_ @ slope))

    def interval(self, periods: int) -> Estimate:
        """Return the survival after ``periods`` renewals; its interval is symmetric on the log-odds scale."""
        from scipy.special import expit, logit

        value = self.survival(periods)
        error = self.error(lambda a, b: float(logit(sbg_survival(a, b, periods))))
        odds = estimate.from_error(float(logit(value)), error)
        error = self.error(lambda a, b: sbg_survival(a, b, periods))
        return Estimate(value, float(expit(odds.low)), float(expit(odds.high)), error)


def _curvature(loss: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """Second derivatives by central differences, (2, 2)."""
    step = 1e-3
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
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    fill = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    columns = make_column_transformer(
        (FunctionTransformer(_out_of_reach), list(free)),
        (make_pipeline(FunctionTransformer(_log), fill, StandardScaler()), [n for n in numbers if n not in free]),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(kinds)),
    )
    return learners.logistic(columns, strength, solver="newton-cholesky")


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


def member_folds(rows: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Five folds that keep all rows of a ``user_id`` together."""
    from sklearn.model_selection import GroupKFold

    return list(GroupKFold(5).split(rows, groups=rows["user_id"]))


def refits(model: Pipeline, train: pd.DataFrame, target: pd.DataFrame, draws: int = 200, seed: int = 0) -> np.ndarray:
    """Return the hazards of ``target`` by models of resampled members, (draws, len(target)).

    In each draw the model is fitted again with each member's count as weight; the spread shows what chance in the
    members does to the hazards.
    """
    from sklearn.base import clone

    def again(count: np.ndarray) -> np.ndarray:
        refitted = clone(model).fit(train, train["left"], model__sample_weight=count.astype(float))
        return refitted.predict_proba(target)[:, 1]

    return estimate.bootstrap(again, train["user_id"], draws, seed)


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
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=float)
    return float(_measures(np.asarray(y, dtype=float), np.asarray(p, dtype=float), _ranks(p), weight, 0.1)[0])


def scores(
    y: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    people: np.ndarray,
    share: float = 0.1,
    draws: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Score models on the same rows: a frame of `Estimate`, a row for each model, a column for each score.

    Scores: AUC; PR-AUC (average precision); precision among the ``share`` with the highest prediction (ties shared out
    evenly); expected / observed (sum of predictions over number who left, 1 is right). The intervals resample
    ``people``, (rows,), the same for all models.
    """
    y = np.asarray(y, dtype=float)
    of = [(np.asarray(p, dtype=float), _ranks(p)) for p in predictions.values()]

    def measured(weight: np.ndarray) -> np.ndarray:  # (models, scores)
        return np.array([_measures(y, p, rank, weight, share) for p, rank in of])

    names = ("AUC", "PR-AUC", f"precision at {share:.0%}", "expected / observed")
    values, drawn = measured(np.ones(len(y))), estimate.bootstrap(measured, people, draws, seed)
    cells = [[estimate.from_draws(values[m, s], drawn[:, m, s]) for s in range(len(names))] for m in range(len(of))]
    return pd.DataFrame(cells, index=pd.Index(list(predictions), name="model"), columns=list(names))


def gain(y: np.ndarray, better: np.ndarray, dull: np.ndarray, people: np.ndarray, draws: int = 400) -> Estimate:
    """Return the difference of AUC, ``better`` minus ``dull``; the interval resamples ``people``, (rows,)."""
    y = np.asarray(y, dtype=float)
    of = [(np.asarray(p, dtype=float), _ranks(p)) for p in (better, dull)]

    def difference(weight: np.ndarray) -> float:
        first, second = (_measures(y, p, rank, weight, 0.1)[0] for p, rank in of)
        return first - second

    return estimate.from_draws(difference(np.ones(len(y))), estimate.bootstrap(difference, people, draws))


def _ranks(p: np.ndarray) -> np.ndarray:
    """Return the rank of each prediction, (rows,): 0 for the highest; equal predictions share a rank."""
    return np.unique(-np.asarray(p, dtype=float), return_inverse=True)[1]


def _measures(y: np.ndarray, p: np.ndarray, rank: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray:
    """Return AUC, PR-AUC, precision in the top ``share``, expected / observed, (4,).

    y, p, rank, weight: (rows,). Down the ranks, everybody of a rank is flagged at once. nan when nobody leaves or
    nobody stays.
    """
    leavers = np.bincount(rank, weight * y)  # (ranks,)
    stayers = np.bincount(rank, weight * (1 - y))  # (ranks,)
    caught = leavers.cumsum()  # leavers among those flagged so far, (ranks,)
    flagged = (leavers + stayers).cumsum()  # (ranks,)
    if caught[-1] <= 0 or stayers.sum() <= 0:
        return np.full(4, np.nan)
    # A pair of a leaver and a stayer is in order when the leaver ranks higher, and half so when they share a rank.
    in_order = stayers @ (caught - leavers / 2)
    roc_area = in_order / (caught[-1] * stayers.sum())
    some = flagged > 0  # a resample may lack everybody of the first ranks
    precision = caught[some] / flagged[some]
    average_precision = leavers[some] / caught[-1] @ precision
    top = share * flagged[-1]  # how many are in the top share; the rank that crosses its edge counts in part
    precision_at_top = np.interp(top, [0, *flagged], [0, *caught]) / top
    return np.array([roc_area, average_precision, precision_at_top, weight @ p / caught[-1]])
