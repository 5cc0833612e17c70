"""Uplift: whom a message moves. Power, models of the effect, out-of-sample scores and the Qini coefficient.

A model here is a function that takes touches with ``message``, ``propensity`` (of the arm drawn), ``bought`` and what
was known when the arm was drawn, and returns a scorer: a function from what is known about people and courses to a
score, larger = rather write to. Touches count by ``analyse.touches.weights``, so the odds of the lots may differ.
What a rule earns is judged by ``derive.policy`` on arms drawn by lot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from knowpay.analyse import touches
from knowpay.derive.policy import Profit, profit

Z90 = 1.645
POWER = 2.8  # 1.96 + 0.84: two-sided 5 %, power 80 %
AMOUNTS = ("active_days", "recency", "tenure", "purchases")
LOGS = ("place", "price", "mean_price")
# A fixed prior, which weighs less the more touches there are: without data, a standard deviation of a feature moves the
# log-odds by 0 +- sqrt(0.05) = 0.22.
PENALTY = 0.05  # inverse strength of the ridge penalty, the same for every model


def detectable(arms: Sequence[float], base: float) -> float:
    """Return the smallest effect, as a fraction, that a trial with these arms finds four times in five.

    ``arms`` are the effective numbers of people (`analyse.touches.effective`) in all arms that enter: two for an
    effect, four for the difference between the effects in two groups. ``base`` is the purchase rate. Two-sided test at
    5 %, power 80 %: 2.8 standard errors of p (1 - p) times the sum of 1 / n. Raises ValueError for an empty arm.
    """
    if min(arms) <= 0:
        raise ValueError("Every arm needs people.")
    return float(POWER * np.sqrt(base * (1 - base) * sum(1 / n for n in arms)))


def power(arms: dict[str, Sequence[float]], base: float, yardstick: float) -> pd.DataFrame:
    """Return for each question, given by its arms, what it can detect and whether that is below ``yardstick``.

    Columns ``detectable, points``; ``times the data``, how many times as many people the yardstick would take;
    ``enough`` (yes or no). Nothing can be detected where an arm is empty.
    """
    found = {question: detectable(sizes, base) if min(sizes) > 0 else np.inf for question, sizes in arms.items()}
    found = pd.Series(found)
    times = (found / abs(yardstick)) ** 2
    enough = np.where(times <= 1, "yes", "no")
    return pd.DataFrame({"detectable, points": 100 * found, "times the data": times, "enough": enough})


def trend(gain: np.ndarray, x: np.ndarray, people: pd.Series) -> Profit:
    """Return by how much ``gain`` (`policy.gains`, yuan) changes when ``x`` grows by one: slope, 90 % interval, error.

    Least squares; the standard error takes all touches of one person together (Liang and Zeger 1986).
    """
    gain, x = np.asarray(gain, dtype=float), np.asarray(x, dtype=float)
    design = np.column_stack([np.ones(len(x)), x])
    bread = np.linalg.inv(design.T @ design)
    fitted = bread @ (design.T @ gain)
    parts = pd.DataFrame(design * (gain - design @ fitted)[:, None]).groupby(np.asarray(people)).sum().to_numpy()
    error = float(np.sqrt((bread @ (parts.T @ parts) @ bread)[1, 1]))
    return Profit(float(fitted[1]), float(fitted[1] - Z90 * error), float(fitted[1] + Z90 * error), error)


def by_group(groups: dict[str, np.ndarray], gain: np.ndarray, people: pd.Series) -> pd.DataFrame:
    """Return what writing to each group earns per message: ``touches, yuan, low, high`` (90 %), a row per group.

    ``groups`` are masks (bool) over the touches, ``gain`` comes from `policy.gains`, ``people`` are the users.
    """
    rows = {}
    for name, mask in groups.items():
        at = np.flatnonzero(np.asarray(mask, dtype=bool))
        found = profit(np.ones(len(at)), gain[at], people.iloc[at]) if len(at) else (np.nan,) * 3
        rows[name] = [len(at), *(amount / max(len(at), 1) for amount in found[:3])]
    return pd.DataFrame(rows, index=["touches", "yuan", "low", "high"]).T


def replay(tried: pd.DataFrame, usable: np.ndarray, score: np.ndarray, share: float, gain: np.ndarray):
    """Return (mask, Profit per message): the past touches that a plan would have made, and what they earned.

    Of the ``usable`` touches (bool), those in which the course drawn was the one the plan would have chosen, each
    campaign's best ``share`` by ``score``. Keeping the logged draws that agree with a policy values the policy without
    bias (Li, Chu, Langford and Wang 2011).
    """
    mask = np.zeros(len(tried), dtype=bool)
    mask[usable] = best(score[usable], share, tried.loc[usable, "assigned_at"])
    found = profit(mask, gain, tried["user_id"])
    return mask, Profit(*(amount / max(mask.sum(), 1) for amount in found))


def compare(rules: dict[str, np.ndarray], gain: np.ndarray, people: pd.Series, against: str) -> pd.DataFrame:
    """Return what rules earn in yuan per 1,000 touches, alone and minus the rule ``against``, with 90 % intervals.

    ``rules`` say for each touch whether to send, or with which probability. Columns ``yuan, low, high, difference,
    its low, its high``.
    """
    rows = {}
    for name, rule in rules.items():
        alone, step = profit(rule, gain, people), profit(np.asarray(rule, float) - rules[against], gain, people)
        rows[name] = [amount * 1000 / len(gain) for amount in (*alone[:3], *step[:3])]
    return pd.DataFrame(rows, index=["yuan", "low", "high", "difference", "its low", "its high"]).T


def moved(groups: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return, a row per group of touches, who buys anyway (%), the message's effect (points), its standard error."""
    rows = {}
    for name, part in groups.items():
        effect, error = touches.difference(part, "bought")
        rows[name] = [100 * touches.rate(part, "bought", message=False), 100 * effect, 100 * error]
    return pd.DataFrame(rows, index=["buy anyway, %", "effect, points", "standard error"]).T


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

    # The best order there could be: treated buyers first, untreated buyers last.
    return area(np.asarray(score, dtype=float)) / area(y * t - y * (1 - t))


Scorer = Callable[[pd.DataFrame], np.ndarray]


def design(known: pd.DataFrame, levels: dict[str, list[str]], without: Sequence[str] = ()) -> np.ndarray:
    """Return what the models see, shape (rows, features): logs of amounts, place and prices; marks of levels."""
    columns = [np.log1p(known[name].to_numpy(dtype=float)) for name in AMOUNTS if name not in without]
    columns += [np.log(known[name].to_numpy(dtype=float)) for name in LOGS if name not in without]
    columns += [(known[name] == level).to_numpy(dtype=float) for name in levels for level in levels[name][1:]]
    return np.column_stack(columns)


def _levels(tried: pd.DataFrame) -> dict[str, list[str]]:
    return {name: sorted(tried[name].unique()) for name in ("device_os", "channel")}


def _logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Fit, and return a function from features to probabilities; with one outcome only, that outcome's constant."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if y.min() == y.max():
        return lambda z: np.full(len(z), float(y[0]))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=1000))
    model.fit(x, y, logisticregression__sample_weight=weight)
    return lambda z: model.predict_proba(z)[:, 1]


def response(tried: pd.DataFrame) -> Scorer:
    """Fit the usual practice: probability of a purchase, whether written to or not. The score is p times price."""
    levels = _levels(tried)
    buys = _logistic(design(tried, levels), tried["bought"].to_numpy(), touches.weights(tried))
    return lambda known: buys(design(known, levels)) * known["price"].to_numpy()


def t_learner(tried: pd.DataFrame) -> Scorer:
    """Fit one logistic regression for each arm; the score is (p with - p without the message) times price."""
    levels, message = _levels(tried), tried["message"].to_numpy(dtype=bool)
    x, y, weight = design(tried, levels), tried["bought"].to_numpy(), touches.weights(tried)
    shown, hidden = (_logistic(x[arm], y[arm], weight[arm]) for arm in (message, ~message))

    def score(known: pd.DataFrame) -> np.ndarray:
        z = design(known, levels)
        return (shown(z) - hidden(z)) * known["price"].to_numpy()

    return score


def interaction(tried: pd.DataFrame) -> Scorer:
    """Fit one logistic regression with the message crossed with every feature; the score as for ``t_learner``."""
    levels, message = _levels(tried), tried["message"].to_numpy(dtype=float)

    def crossed(x: np.ndarray, arm: np.ndarray) -> np.ndarray:
        return np.column_stack([x, arm, x * arm[:, None]])

    x = design(tried, levels)
    centre = x.mean(axis=0)
    buys = _logistic(crossed(x - centre, message), tried["bought"].to_numpy(), touches.weights(tried))

    def score(known: pd.DataFrame) -> np.ndarray:
        z = design(known, levels) - centre
        one, none = np.ones(len(z)), np.zeros(len(z))
        shown, hidden = (buys(crossed(z, arm)) for arm in (one, none))
        return (shown - hidden) * known["price"].to_numpy()

    return score


def look_alike(people: pd.DataFrame) -> Scorer:
    """Fit a look-alike audience: how much somebody resembles the buyers among ``people``, as a probability.

    It knows activity, recency, tenure, prices looked at, device and channel, not what was bought or promoted.
    """
    levels, hidden = _levels(people), ("purchases", "place", "price")
    resembles = _logistic(design(people, levels, hidden), people["purchases"].to_numpy() > 0)
    return lambda known: resembles(design(known, levels, hidden))


def rolling(tried: pd.DataFrame, fit: Callable[[pd.DataFrame], Scorer], blocks: int = 4) -> np.ndarray:
    """Return out-of-sample scores, shape (rows,): each later block of campaigns scored by a model of all before it.

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
