"""Lesson 18: the Qini coefficient, a look-alike audience, and Hillstrom's e-mail trial over random halves.

The figures beside ours are the course's first run, made with scikit-uplift; no published table has this set-up.

64,000 customers assigned at random to a women's, a men's or no e-mail; the outcome is a visit within two weeks. Random
halves, one learns and the other judges, twenty times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from knowpay import world
from knowpay.analyse import learners
from knowpay.derive.uplift import RIDGE, Features
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from knowpay.collect.dataset import Truth

VISITS = learners.logistic(StandardScaler(), strength=0.1)
WOMEN, MEN, NONE = "Womens E-Mail", "Mens E-Mail", "No E-Mail"
# The course's reference table: mean and s.d. over 20 splits of the Qini, mean visit rate of the policies.
QINI = pd.DataFrame(
    {"first run": [0.061, 0.060, 0.036, -0.003], "first run s.d.": [0.011, 0.008, 0.008, 0.015]},
    index=["rule: bought women's goods", "T-learner, logistic", "response model", "random order"],
)
POLICY = pd.Series(
    {
        "rule: women-only buyers get the women's": 0.1844,
        "men's e-mail to everybody": 0.1834,
        "best of 3 logistic models": 0.1830,
        "nobody": 0.1053,
    },
    name="first run",
)


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


class LookAlike(BaseEstimator):
    """A look-alike audience: how much somebody resembles the buyers, as a probability.

    It knows activity, recency, tenure, prices looked at, device and channel, not what was bought or promoted.
    """

    def fit(self, people: pd.DataFrame) -> Self:
        """Learn from people of one campaign; buyers are those with ``purchases``."""
        self.features_ = Features(without=("purchases", "place", "price")).fit(people)
        bought = people["purchases"].to_numpy() > 0
        self.model_ = learners.fitted(RIDGE, self.features_.transform(people), bought)
        return self

    def predict(self, people: pd.DataFrame) -> np.ndarray:
        """Return the resemblance of each, (people,)."""
        return learners.chance(self.model_, self.features_.transform(people))


def numbers(customers: pd.DataFrame) -> np.ndarray:
    """Return what is known of each customer as numbers, shape (customers, features)."""
    words = ["history_segment", "zip_code", "channel"]
    columns = [*words, "recency", "history", "mens", "womens", "newbie"]
    return pd.get_dummies(customers[columns], columns=words, dtype=float).to_numpy()


def _halves(groups: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    return train_test_split(np.arange(len(groups)), test_size=0.5, random_state=seed, stratify=groups)


def rankings(customers: pd.DataFrame, splits: int = 20) -> pd.DataFrame:
    """Return the Qini of four orders of the women's mail against none, one row per split, columns as in ``QINI``.

    The response model is fitted to those who got the mail, as in the first run.
    """
    two = customers[customers["segment"].isin([WOMEN, NONE])]
    x, t, y = numbers(two), (two["segment"] == WOMEN).to_numpy(), two["visit"].to_numpy()
    rule, rows = two["womens"].to_numpy(dtype=float), []
    for seed in range(splits):
        learn, test = _halves(2 * t + y, seed)
        shown, hidden = learners.TLearner(VISITS).fit(x[learn], y[learn], t[learn]).arms(x[test])
        chance = np.random.default_rng(seed).random(len(test))
        orders = (rule[test], shown - hidden, shown, chance)
        rows.append([qini(y[test], t[test], order) for order in orders])
    return pd.DataFrame(rows, columns=QINI.index)


def policies(customers: pd.DataFrame, splits: int = 20) -> pd.DataFrame:
    """Return the visit rate of four policies, one row per split, columns as in ``POLICY``.

    The value of a policy is the mean outcome of those whose arm happens to agree with it; the arms are equal-sized and
    assigned at random.
    """
    x, y, arm = numbers(customers), customers["visit"].to_numpy(), customers["segment"].to_numpy()
    women_only = ((customers["womens"] == 1) & (customers["mens"] == 0)).to_numpy()
    arms, rows = np.array([WOMEN, MEN, NONE]), []
    for seed in range(splits):
        learn, test = _halves(arm, seed)
        fits = [learners.fitted(VISITS, x[learn][arm[learn] == a], y[learn][arm[learn] == a]) for a in arms]
        p = np.column_stack([learners.chance(fit, x[test]) for fit in fits])  # (customers, arms)
        says = [
            np.where(women_only[test], WOMEN, MEN),
            np.full(len(test), MEN),
            arms[p.argmax(axis=1)],
            np.full(len(test), NONE),
        ]
        rows.append([y[test][arm[test] == choice].mean() for choice in says])
    return pd.DataFrame(rows, columns=POLICY.index)


def contaminated(customers: pd.DataFrame) -> pd.Series:
    """Return the effect of the women's mail on visits, against nobody mailed and against "everybody else"."""
    rate = customers.groupby("segment")["visit"].mean()
    others = customers.loc[customers["segment"] != WOMEN, "visit"].mean()
    return pd.Series(
        {"control: no e-mail": rate[WOMEN] - rate[NONE], "control: men's e-mail and none": rate[WOMEN] - others}
    )


def true_gain(known: Truth, rows: pd.DataFrame, teacher_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the true effect of a message on each touch, and the yuan that it adds after its cost, (touches,)."""
    p = known.touches.set_index("touch_id").loc[rows["touch_id"]]
    effect = (p["p_message"] - p["p_control"]).to_numpy()
    rate = world.contribution_rate(known, teacher_share)
    return effect, effect * rows["price"].to_numpy() * rate - known.info["message_cost"]


def best_list(known: Truth, rows: pd.DataFrame, sent: np.ndarray, teacher_share: float) -> tuple[float, float]:
    """Return what a list truly earns, and one of its length drawn at random, in % of the best list of that length.

    ``sent`` is 1 for the touches on the list, (touches,).
    """
    gain, length = true_gain(known, rows, teacher_share)[1], int(sent.sum())
    best = np.sort(gain)[-length:].sum() / 100
    return float((gain * sent).sum() / best), float(gain.mean() * length / best)


def truths(
    known: Truth,
    assignments: pd.DataFrame,
    judged: pd.DataFrame,
    past: np.ndarray,
    chosen: Mapping[str, np.ndarray],
    teacher_share: float,
) -> dict[str, float]:
    """Return the true answers to the lesson's claims, by name and in their units, from the simulator's probabilities.

    ``past`` marks the replayed touches, (touches,); ``chosen`` are the lists of the ``judged`` touches, (judged,).
    """
    effect, every = true_gain(known, assignments, teacher_share)
    moved, late = true_gain(known, judged, teacher_share)
    busy = chosen["best customers first"] == 1
    found = {
        "effect of the message": 100 * effect.mean(),
        "gain per doubling of the place": np.polyfit(np.log2(assignments["place"]), every, 1)[0],
        "gain of one course for all": every.mean(),
        "gain that the model predicts": every.mean(),
        "gain of a replayed message": every[past].mean(),
        "effect, the others minus best customers": 100 * (moved[~busy].mean() - moved[busy].mean()),
    }
    for name in ("T-learner", "best customers first"):
        swap = chosen[name] - chosen["inactive ones first"]
        found[f"{name} minus inactive ones first"] = 1000 * (swap * late).mean()
    return found


def true_plans(
    known: Truth,
    people: pd.DataFrame,
    lists: Mapping[str, pd.Index],
    products: Sequence[str],
    prices: pd.Series,
    teacher_share: float,
) -> pd.Series:
    """Return what a message of each plan truly earns after its cost, yuan, beside a random plan and the oracle's.

    ``people`` have ``user_id`` and the ``product_id`` chosen for each; ``lists`` are their rows by plan, "our plan" the
    last, and the oracle writes to as many; ``prices`` by product. The random plan sends one of ``products`` to all.
    """
    rate, cost = world.contribution_rate(known, teacher_share), known.info["message_cost"]

    def gain(pairs: pd.DataFrame) -> np.ndarray:
        hidden, shown = world.purchase_probability(known, pairs["user_id"], pairs["product_id"])
        return (shown - hidden) * pairs["product_id"].map(prices).to_numpy() * rate - cost

    own = pd.Series(gain(people), index=people.index)
    pairs = people[["user_id"]].merge(pd.DataFrame({"product_id": products}), how="cross")
    pairs["yuan"] = gain(pairs)
    best = pairs.groupby("user_id")["yuan"].max().nlargest(len(lists["our plan"])).mean()
    plans = {"at random, one course for all": pairs["yuan"].mean()}
    return pd.Series(plans | {name: own[rows].mean() for name, rows in lists.items()} | {"oracle": best})
