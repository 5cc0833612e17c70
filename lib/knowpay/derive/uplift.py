"""Uplift: whom a message moves. Power, groups, orders of people, models of the effect and their out-of-sample scores.

A model here learns from touches with ``message``, ``propensity`` (of the arm drawn), ``bought`` and what was known when
the arm was drawn; it scores people and courses by what is known of them, larger = rather write to. Touches count by
``analyse.touches.weights``, so the odds of the lots may differ. What a rule earns is judged by ``derive.policy`` on
arms drawn by lot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.preprocessing import StandardScaler

from knowpay import estimate
from knowpay.analyse import learners, touches
from knowpay.derive.policy import profit
from knowpay.estimate import Estimate

POWER = 2.8  # 1.96 + 0.84: two-sided 5 %, power 80 %
AMOUNTS = ("active_days", "recency", "tenure", "purchases")
LOGS = ("place", "price", "mean_price")
KINDS = ("device_os", "channel")
# The same for every model. A fixed prior, which weighs less the more touches there are: without data, a standard
# deviation of a feature moves the log-odds by 0 +- sqrt(0.05) = 0.22.
RIDGE = learners.logistic(StandardScaler(), strength=0.05)
BLOCKS = 4  # of later campaigns, each scored by a model of all before it


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
    least = {question: detectable(sizes, base) if min(sizes) > 0 else np.inf for question, sizes in arms.items()}
    least = pd.Series(least)
    times = (least / abs(yardstick)) ** 2
    enough = np.where(times <= 1, "yes", "no")
    return pd.DataFrame({"detectable, points": 100 * least, "times the data": times, "enough": enough})


def trend(scores: np.ndarray, x: np.ndarray, people: pd.Series, unit: str) -> Estimate:
    """Return by how much ``scores`` (`policy.ipw_scores`) change when ``x`` grows by one, in ``unit``.

    Least squares; the standard error takes all touches of one person together (Liang and Zeger 1986).
    """
    scores, x = np.asarray(scores, dtype=float), np.asarray(x, dtype=float)
    design = np.column_stack([np.ones(len(x)), x])  # (touches, 2)
    bread = np.linalg.inv(design.T @ design)
    line = bread @ (design.T @ scores)  # level and slope
    residual = scores - design @ line
    parts = pd.DataFrame(design * residual[:, None]).groupby(np.asarray(people)).sum().to_numpy()  # (people, 2)
    covariance = bread @ (parts.T @ parts) @ bread
    return estimate.from_error(line[1], np.sqrt(covariance[1, 1]), unit)


def by_group(groups: dict[str, np.ndarray], scores: np.ndarray, people: pd.Series) -> pd.DataFrame:
    """Return what writing to each group earns per message: ``touches, yuan, low, high`` (90 %), a row per group.

    ``groups`` are masks (bool) over the touches, ``scores`` come from `policy.ipw_scores`, ``people`` are the users.
    """
    sizes, earned = {}, {}
    for name, mask in groups.items():
        at = np.flatnonzero(np.asarray(mask, dtype=bool))
        sizes[name] = float(len(at))
        earned[name] = Estimate(*[np.nan] * 4)
        if len(at):
            earned[name] = profit(np.ones(len(at)), scores[at], people.iloc[at]) / len(at)
    table = estimate.frame(earned, "yuan")
    table.insert(0, "touches", pd.Series(sizes))
    return table


def off_policy_value(
    assignments: pd.DataFrame, usable: np.ndarray, order: np.ndarray, share: float, scores: np.ndarray
) -> tuple[np.ndarray, Estimate]:
    """Return (mask, profit per message): the past touches that a plan would have made, and what they earned.

    Of the ``usable`` touches (bool), those in which the course drawn was the one the plan would have chosen, each
    campaign's top ``share`` by ``order``. Keeping the logged draws that agree with a policy values the policy without
    bias (Li, Chu, Langford and Wang 2011, who call it replay). ``scores`` come from `policy.ipw_scores`.
    """
    mask = np.zeros(len(assignments), dtype=bool)
    mask[usable] = top_share(order[usable], share, assignments.loc[usable, "assigned_at"])
    return mask, profit(mask, scores, assignments["user_id"]) / max(mask.sum(), 1)


def compare(rules: dict[str, np.ndarray], scores: np.ndarray, people: pd.Series, against: str) -> pd.DataFrame:
    """Return what rules earn in yuan per 1,000 touches, alone and minus the rule ``against``, with 90 % intervals.

    ``rules`` say for each touch whether to send, or with which probability. Columns ``yuan, low, high, difference,
    its low, its high``.
    """
    rules = {name: np.asarray(rule, dtype=float) for name, rule in rules.items()}
    thousands = len(scores) / 1000
    alone = {name: profit(rule, scores, people) / thousands for name, rule in rules.items()}
    steps = {name: profit(rule - rules[against], scores, people) / thousands for name, rule in rules.items()}
    steps = estimate.frame(steps, "difference").rename(columns={"low": "its low", "high": "its high"})
    return estimate.frame(alone, "yuan").join(steps)


def effects_by_group(groups: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return, a row per group of touches, who buys anyway (%), the message's effect (points), its standard error."""
    rows = {}
    for name, part in groups.items():
        effect = touches.difference(part, "bought")
        rows[name] = [100 * touches.rate(part, "bought", message=False), 100 * effect.value, 100 * effect.error]
    return pd.DataFrame(rows, index=["buy anyway, %", "effect, points", "standard error"]).T


def top_share(order: np.ndarray, share: float, within: np.ndarray | pd.Series | None = None) -> np.ndarray:
    """Return which rows are among the top ``share`` by ``order`` (bool), in each group of ``within`` when given.

    Ties are broken by the order of the rows.
    """
    rows = pd.Series(np.asarray(order, dtype=float))
    groups = rows.groupby(np.zeros(len(rows)) if within is None else pd.factorize(pd.Series(within))[0])
    place = groups.rank(method="first", ascending=False)
    return (place <= (share * groups.transform("size")).round()).to_numpy()


class Features(TransformerMixin, BaseEstimator):
    """What the models see of touches: logs of amounts, place and prices; marks of kinds. All but those ``without``."""

    def __init__(self, without: Sequence[str] = ()) -> None:
        self.without = without

    def fit(self, known: pd.DataFrame, y: np.ndarray | None = None) -> Self:
        """Learn which kinds there are; ``y`` is not looked at."""
        self.kinds_ = [(name, kind) for name in KINDS for kind in sorted(known[name].unique())[1:]]
        return self

    def transform(self, known: pd.DataFrame) -> np.ndarray:
        """Return (touches, features)."""
        columns = [np.log1p(known[name].to_numpy(dtype=float)) for name in AMOUNTS if name not in self.without]
        columns += [np.log(known[name].to_numpy(dtype=float)) for name in LOGS if name not in self.without]
        columns += [(known[name] == kind).to_numpy(dtype=float) for name, kind in self.kinds_]
        return np.column_stack(columns)


class Score(BaseEstimator):
    """Scores touches by what a learner of `analyse.learners` says of a purchase, times the price."""

    def __init__(self, learner: BaseEstimator) -> None:
        self.learner = learner

    def fit(self, assignments: pd.DataFrame) -> Self:
        """Learn from touches whose arm was drawn by lot."""
        self.features_ = Features().fit(assignments)
        x, bought = self.features_.transform(assignments), assignments["bought"].to_numpy()
        message, weight = assignments["message"].to_numpy(dtype=bool), touches.weights(assignments)
        self.learner_ = clone(self.learner).fit(x, bought, message, weight)
        return self

    def predict(self, known: pd.DataFrame) -> np.ndarray:
        """Return a score for each row, yuan of list price, (rows,)."""
        return self.learner_.predict(self.features_.transform(known)) * known["price"].to_numpy()


def rolling(assignments: pd.DataFrame, model: BaseEstimator) -> np.ndarray:
    """Return out-of-sample scores, (touches,): each of `BLOCKS` later blocks scored by a model of all before it.

    The first third of the campaigns (by ``assigned_at``) only teaches: its scores are nan. Raises ValueError when there
    are fewer than 3 campaigns.
    """
    number, moments = pd.factorize(assignments["assigned_at"], sort=True)  # of each touch's campaign
    if len(moments) < 3:
        raise ValueError(f"Earlier campaigns must teach and later ones judge: 3 are needed, there are {len(moments)}.")
    later = np.array_split(np.arange(len(moments) // 3, len(moments)), BLOCKS)
    scores = np.full(len(assignments), np.nan)
    for block in (b for b in later if len(b)):
        now = np.isin(number, block)
        scores[now] = clone(model).fit(assignments[number < block[0]]).predict(assignments[now])
    return scores
