"""Models of leaving, and the scores that say whether they are worth having.

A hazard is the probability that somebody who is there at the start of a period is not there after it. All models here
give one per row of a frame such as `churn.person_periods` makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from knowpay import estimate
from knowpay.analyse import learners
from knowpay.analyse.churn import FEATURES, split_by_time
from knowpay.collect import TooLittleData
from knowpay.estimate import Estimate

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


STRENGTHS = {"model__C": [0.003, 0.01, 0.03, 0.1, 1]}  # of `logistic`, to choose among


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
        """Learn from `churn.lifetimes`; members still there are censored. Raises TooLittleData as `fit_months`."""
        periods, left = lives["periods"].to_numpy(dtype=int), lives["left"].to_numpy(dtype=float)
        n = np.arange(1, periods.max(initial=0) + 1)
        at_risk = (periods[:, None] >= n).sum(axis=0)
        return self._fit(n, at_risk, ((periods[:, None] == n) & (left[:, None] == 1)).sum(axis=0))

    def fit_months(self, rows: pd.DataFrame, weight: np.ndarray) -> Self:
        """Learn from months that are over (`churn.person_periods`), each as often as ``weight``, (rows,), says.

        Raises TooLittleData unless somebody left and somebody renewed.
        """
        number = rows["period_no"].to_numpy(dtype=int)
        n = np.arange(1, number.max(initial=0) + 1)
        at_risk, lost = (np.bincount(number, w, len(n) + 1)[1:] for w in (weight, weight * rows["left"].to_numpy()))
        return self._fit(n, at_risk, lost)

    def _fit(self, n: np.ndarray, at_risk: np.ndarray, lost: np.ndarray) -> Self:
        from scipy.optimize import minimize

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

    def months_if_kept(self, period: np.ndarray | int, months: int = 12) -> np.ndarray:
        """Months that a member who was about to leave after paid ``period`` pays within ``months`` if she is kept.

        Those about to leave are no average members: of the rates Beta(alpha, beta + n - 1) of all who are in month n
        theirs are Beta(alpha + 1, beta + n - 1), by Bayes' rule. She pays the month for which she was kept, and later
        months as far as she renews again. Shape of ``period``.
        """
        later = np.arange(months - 1)
        hazard = sbg_hazard(self.alpha_ + 1, self.beta_, np.asarray(period)[..., None] + later)
        return 1 + np.cumprod(1 - hazard, axis=-1).sum(axis=-1)

    def spread(self, period: np.ndarray | int) -> np.ndarray:
        """Standard deviation of the members' own rates among those in paid ``period``."""
        a, b = self.alpha_, self.beta_ + np.asarray(period, dtype=float) - 1
        return np.sqrt(a * b / (a + b + 1)) / (a + b)

    def stake_spread(self, period: np.ndarray, months: int = 12) -> np.ndarray:
        """Standard deviation of the members' own risk × `months_kept` among those in paid ``period``, in months.

        With a rate r that product is 1 - (1 - r)^months, and the curve gives the mean of any power of 1 - r.
        """
        stay = np.cumprod(1 - self.hazard(np.asarray(period)[..., None] + np.arange(2 * months)), axis=-1)
        return np.sqrt(stay[..., -1] - stay[..., months - 1] ** 2)

    def error(self, quantity: Callable[[float, float], float]) -> float:
        """Standard error of a quantity of (alpha, beta), by the delta method."""
        at, step = np.log([self.alpha_, self.beta_]), 1e-4
        slope = [(quantity(*np.exp(at + m)) - quantity(*np.exp(at - m))) / (2 * step) for m in np.eye(2) * step]
        return float(np.sqrt(slope @ self.covariance_ @ slope))

    def mean_error(self, period: np.ndarray) -> float:
        """Standard error of the mean `hazard` over ``period`` that lies in the two parameters."""
        return self.error(lambda a, b: float(sbg_hazard(a, b, period).mean()))

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


def risks(model: Pipeline, rows: pd.DataFrame) -> np.ndarray:
    """Return the hazards that a fitted model foresees, (rows,); of no row none."""
    return model.predict_proba(rows)[:, 1] if len(rows) else np.zeros(0)


class Refits(NamedTuple):
    """What models say of the same rows: first those of all members, then of members drawn again, (1 + draws, rows)."""

    hazard: np.ndarray  # by the model
    alone: np.ndarray  # hazard by the renewal curve: the month alone
    months: np.ndarray  # months paid if kept


def forecast(periods: pd.DataFrame) -> pd.DataFrame:
    """Return the later months with the ``risk`` that a logistic regression on the earlier ones foresaw.

    Cut in time by `churn.split_by_time`, tuned over the members' folds: the forecast of lesson 10, in one step.
    """
    train, test = split_by_time(periods)
    model = tune(logistic(list(FEATURES), free=["log_tenure"]), STRENGTHS, train, member_folds(train))
    return test.assign(risk=model.predict_proba(test)[:, 1])


def refits(
    model: Pipeline, train: pd.DataFrame, rows: pd.DataFrame, weight: np.ndarray, draws: int = 200, seed: int = 0
) -> Refits:
    """Fit ``model`` and the renewal curve to ``train``, and again to resampled members; return their word on ``rows``.

    ``weight``, (train,), says how often a month counts; in each draw that is multiplied by her count in it. The spread
    of the draws shows what chance in the members does to the forecasts.
    """
    from sklearn.base import clone

    columns, weight = clone(model[:-1]).fit(train), np.asarray(weight, dtype=float)  # takes no weights
    known, asked, number = columns.transform(train), columns.transform(rows), rows["period_no"]

    def again(count: np.ndarray) -> np.ndarray:  # (3, rows)
        refitted = clone(model[-1]).fit(known, train["left"], sample_weight=count * weight)
        curve = RenewalCurve().fit_months(train, count * weight)
        return np.array([refitted.predict_proba(asked)[:, 1], curve.hazard(number), curve.months_if_kept(number)])

    drawn = estimate.bootstrap(again, train["user_id"], draws, seed)
    return Refits(*np.concatenate([again(np.ones(len(train)))[None], drawn]).swapaxes(0, 1))


def months_kept(hazard: np.ndarray, months: int = 12) -> np.ndarray:
    """Months a member pays within the next ``months`` if she renews now and then leaves with ``hazard`` each month."""
    hazard = np.asarray(hazard, dtype=float)
    return (1 - (1 - hazard) ** months) / hazard


def members_error(curve: RenewalCurve, rows: pd.DataFrame) -> float:
    """Standard error of a mean hazard of ``rows`` (`churn.person_periods`) that lies in the members themselves.

    A forecast gives all members who look alike one hazard; their own rates differ, by `RenewalCurve.spread`, and the
    months of one member share hers.
    """
    by_member = pd.Series(curve.spread(rows["period_no"])).groupby(rows["user_id"].to_numpy()).sum()
    return float(np.sqrt((by_member**2).sum()) / len(rows))


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
