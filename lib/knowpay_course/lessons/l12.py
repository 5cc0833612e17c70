"""Lesson 12: the article's formula on a world small enough to enumerate, and the one that decides.

Symbols: ``u`` a user, ``w`` a course, ``v`` = 1 "the course was shown to the user", ``y`` = 1 "the user bought it".
A `World` holds the four things that fix everything: p(u|w), q(v|u,w) and the two purchase probabilities. Its arrays
may hold fractions, floats or SymPy symbols: the same lines do the arithmetic, the simulation and the algebra.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay import estimate, world
from knowpay.analyse import touches
from knowpay.estimate import Estimate

if TYPE_CHECKING:
    from knowpay.collect.dataset import Truth


def uplift(p_shown, p_hidden):
    """Return p(y|u,w,do(show)) - p(y|u,w,do(not show)): the chance that showing adds, of probabilities of any shape."""
    return p_shown - p_hidden


@dataclass(frozen=True)
class World:
    """Users, courses and the probabilities between them. Every array has shape (users, courses)."""

    users: tuple[str, ...]
    courses: tuple[str, ...]
    prior: np.ndarray  # p(u|w): the share of encounters with course w that are with user u; columns sum to 1
    show: np.ndarray  # q(v=1|u,w): the showing policy
    p_shown: np.ndarray  # p(y=1|u,v=1,w)
    p_hidden: np.ndarray  # p(y=1|u,v=0,w)

    def joint(self) -> np.ndarray:
        """Return p(u,v,y|w), shape (users, courses, 2, 2), last axes v and y: every case there is, written out."""
        arms = [(1 - self.show, self.p_hidden), (self.show, self.p_shown)]
        cells = [[self.prior * q * (1 - p), self.prior * q * p] for q, p in arms]
        return np.moveaxis(np.array(cells, dtype=object), (0, 1), (2, 3))

    def buys(self) -> np.ndarray:
        """Return p(y=1|u,w) = sum over v of p(y|u,v,w) q(v|u,w)."""
        return self.show * self.p_shown + (1 - self.show) * self.p_hidden

    def printed(self) -> np.ndarray:
        """Return the article's p(y|u,w) q(v|u,w) / p(y|w), section 4.2."""
        return self.buys() * self.show / (self.buys() * self.prior).sum(axis=0)

    def posterior(self) -> np.ndarray:
        """Return p(u|y=1,w) = p(y|u,w) p(u|w) / p(y|w) (Bayes)."""
        return _share(self.buys() * self.prior)

    def posterior_shown(self) -> np.ndarray:
        """Return p(u|y=1,v=1,w) = p(y|u,v,w) q(v|u,w) p(u|w) / p(y,v|w) (Bayes with the showing as evidence)."""
        return _share(self.p_shown * self.show * self.prior)

    def ingredients(self) -> pd.DataFrame:
        """Return the four ingredients in hundredths, one row per course and user. Fractions or numbers only."""
        names = {"prior": "p(u|w)", "show": "q(v|u,w)", "p_shown": "p(y|u,shown,w)", "p_hidden": "p(y|u,hidden,w)"}
        index = pd.MultiIndex.from_product([self.courses, self.users], names=["course", "user"])
        columns = {name: [round(100 * x) for x in getattr(self, of).T.ravel()] for of, name in names.items()}
        return pd.DataFrame(columns, index=index)


def _share(weight: np.ndarray) -> np.ndarray:
    return weight / weight.sum(axis=0)


def small_world() -> World:
    """Return five users and two courses in exact fractions: the showing policy favours those who are here anyway."""
    rows = {  # p(u|w), q, shown, hidden for the first course; the same for the second; all in hundredths
        "fan": ((30, 90, 18, 20), (30, 90, 20, 21)),
        "regular": ((30, 60, 12, 9), (30, 70, 10, 9)),
        "browser": ((20, 50, 8, 5), (20, 40, 6, 5)),
        "student": ((10, 10, 16, 4), (10, 20, 5, 3)),
        "newcomer": ((10, 20, 6, 4), (10, 10, 12, 2)),
    }
    cube = np.array([[[Fraction(x, 100) for x in course] for course in user] for user in rows.values()], dtype=object)
    return World(tuple(rows), ("spreadsheets", "Silk Road"), *np.moveaxis(cube, 2, 0))


def symbolic_world(users: int = 2) -> World:
    """Return a world of one course whose probabilities are SymPy symbols; the last prior makes them sum to one."""
    import sympy

    columns = [list(sympy.symbols(f"{letter}_1:{users + 1}", positive=True)) for letter in ("pi", "q", "a", "b")]
    columns[0][-1] = 1 - sum(columns[0][:-1])
    arrays = (np.array(c, dtype=object)[:, None] for c in columns)
    return World(tuple(f"u{i}" for i in range(1, users + 1)), ("w",), *arrays)


def simulate(world: World, course: int, sizes: list[int], repeats: int, seed: int = 0) -> np.ndarray:
    """Return squared errors of the counted p(u|y=1,v=1,w), shape (sizes, repeats), each a mean over the users.

    One repeat draws ``size`` encounters from the joint distribution and counts who is among the buyers it was shown to.
    """
    rng = np.random.default_rng(seed)
    exact = world.posterior_shown()[:, course].astype(float)
    joint = world.joint()[:, course].astype(float)
    errors = np.empty((len(sizes), repeats))
    for i, size in enumerate(sizes):
        drawn = rng.multinomial(size, joint.ravel(), size=repeats).reshape(repeats, *joint.shape)
        buyers = drawn[:, :, 1, 1]
        errors[i] = ((buyers / buyers.sum(axis=1, keepdims=True) - exact) ** 2).mean(axis=1)
    return errors


def error_slope(sizes: list[int], squared: np.ndarray) -> Estimate:
    """Return the slope of log root-mean-square error on log sample size, by least squares.

    ``squared`` has shape (sizes, repeats). The error of each point follows from its repeats by the delta method.
    """
    x = np.log(sizes)
    weight = (x - x.mean()) / ((x - x.mean()) ** 2).sum()  # (sizes,)
    mean = squared.mean(axis=1)
    error = squared.std(axis=1, ddof=1) / np.sqrt(squared.shape[1]) / mean / 2
    return estimate.from_error(weight @ np.log(mean) / 2, np.sqrt((weight**2 * error**2).sum()))


def counted(assignments: pd.DataFrame) -> Estimate:
    """Return the uplift from the purchase rates of the two arms of a randomised trial.

    ``assignments`` come from `analyse.touches.outcomes`; the rates are weighted there, so that the propensities
    may differ. Raises ValueError when an arm is empty.
    """
    shown, hidden = (touches.rate(assignments, "bought", arm) for arm in (True, False))
    return estimate.from_error(uplift(shown, hidden), touches.difference(assignments, "bought").error)


def notation(assignments: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the article's symbols (section 4) as objects of this lesson: meaning, type and shape."""
    n, users, courses = len(assignments), assignments["user_id"].nunique(), assignments["product_id"].nunique()
    rows = {
        "D = {(x, y)}": (
            "the randomised touches and what was bought",
            "data frame",
            f"({n:,}, {assignments.shape[1]})",
        ),
        "z = f(x)": ("what was known of the user at the touch", "integer codes", f"({n:,}, {len(columns)})"),
        "w = g(c)": ("the promoted course", "product_id", f"{courses} courses"),
        "u": ("a user", "user_id", f"{users:,} users"),
        "v, q(v|u,w)": ("shown or not, and the policy that decided", "bool, propensity", f"({n:,},)"),
        "M = p(y|z,v,w)": ("behaviour model: purchase probability", "two_arms(...)", f"2 x ({n:,},)"),
        "P, as printed": ("p(u|y,w), meant to say whom to approach", "World.printed()", "(users, courses)"),
        "P, repaired": ("send where uplift x margin > cost", "bool array", f"({n:,},)"),
    }
    return pd.DataFrame(rows, index=["meaning", "in code", "shape here"]).T.rename_axis("symbol")


def came(bought: np.ndarray, predicted: np.ndarray) -> Estimate:
    """Return the purchases that came for 100 predicted, in the tenth of people with the highest predictions.

    Both inputs have shape (people,). Purchases are rare, so their number has the error of a Poisson count; the one more
    in it keeps a small count from looking too certain.
    """
    top = _best_tenth(predicted)
    hundreds, count = predicted[top].sum() / 100, bought[top].sum()
    return estimate.from_error(count / hundreds, np.sqrt(count + 1) / hundreds)


def _best_tenth(predicted: np.ndarray) -> np.ndarray:
    return np.argsort(-predicted, kind="stable")[: max(1, len(predicted) // 10)]


def true_gain(known: Truth, test: pd.DataFrame, teacher_share: float) -> np.ndarray:
    """Return the yuan that a message truly adds to each touch, after its cost, by the simulator's books, (touches,)."""
    p = known.touches.set_index("touch_id").loc[test["touch_id"]]
    rate = world.contribution_rate(known, teacher_share)
    effect = (p["p_message"] - p["p_control"]).to_numpy()
    return effect * test["price"].to_numpy() * rate - known.info["message_cost"]


def truths(
    known: Truth,
    assignments: pd.DataFrame,
    test: pd.DataFrame,
    predicted: dict[str, np.ndarray],
    rules: dict[str, np.ndarray],
    gain: np.ndarray,
    effect: np.ndarray,
) -> dict[str, float]:
    """Return the true answers to the lesson's claims, by name and in their units, from the simulator's probabilities.

    ``predicted`` are the purchase probabilities if shown and ``rules`` the lists, both of the ``test`` touches;
    ``gain`` comes from `true_gain`; ``effect`` is what logistic regression says of their uplift.
    """
    p = known.touches.set_index("touch_id")[["p_control", "p_message"]]
    rows = p.loc[assignments["touch_id"]].assign(third=assignments["third"].to_numpy())
    rows["later"] = rows.index.isin(test["touch_id"])
    rows["bought"] = rows["p_message"] * (1 - touches.odds(assignments)["control"].to_numpy())  # shown, and buys
    points = 100 * (rows["p_message"] - rows["p_control"])
    found = {
        "slope of the simulation error": -0.5,
        "busy among shown buyers": 100 * rows.loc[rows["third"] == "busy", "bought"].sum() / rows["bought"].sum(),
        "uplift, everybody": points.mean(),
        **{f"uplift, {third}": mean for third, mean in points.groupby(rows["third"]).mean().items()},
        "mean uplift, logistic": points[~rows["later"].to_numpy()].mean(),
        "its bias later": 100 * effect.mean() - points[rows["later"].to_numpy()].mean(),
        "everybody": gain.sum(),
        "uplift list minus everybody": -gain[~rules["uplift, logistic"]].sum(),
    }
    sent = test["message"].to_numpy()
    chance = p.loc[test.loc[sent, "touch_id"], "p_message"].to_numpy()
    for name in ("naive Bayes", "logistic"):
        top = _best_tenth(predicted[name][sent])
        found[f"bought per 100 predicted, top tenth, {name}"] = (
            100 * chance[top].sum() / predicted[name][sent][top].sum()
        )
    return found


def level(effect: np.ndarray, learned_from: pd.DataFrame) -> Estimate:
    """Return the mean uplift that a model says of the touches it learned from, in points, with the error of their arms.

    ``effect`` has the shape of ``learned_from``, (touches,). A logistic regression without a penalty on its intercept
    keeps the purchase rate of each arm, so its mean is about as uncertain as their difference.
    """
    return estimate.from_error(effect.mean(), counted(learned_from).error).scaled(100, "points")


def bias(effect: np.ndarray, later: pd.DataFrame) -> Estimate:
    """Return by how much a model's mean uplift exceeds what the arms of ``later`` touches show, in points.

    ``effect`` is what the model says of them, (touches,). The model is taken as it is and has not seen their purchases,
    so the only error is that of the two arms.
    """
    found = counted(later)
    return estimate.from_error(effect.mean() - found.value, found.error).scaled(100, "points")


def best_half(score: np.ndarray, gain: np.ndarray) -> tuple[float, float]:
    """Return what the half with the largest ``score`` truly gains, and half of what all gain, in % of the best half.

    Both inputs have shape (touches,); ``gain`` comes from `true_gain`.
    """
    best = np.sort(gain)[len(gain) // 2 :].sum() / 100
    return gain[np.argsort(score)[len(gain) // 2 :]].sum() / best, gain.sum() / 2 / best


def in_truth(rules: dict[str, np.ndarray], gain: np.ndarray) -> str:
    """Return the sentence that says what some lists truly earn, beside the list of who knew each uplift."""
    everybody, ours, responders, busiest = (
        (rules[name] * gain).sum()
        for name in ("everybody", "uplift, logistic", "best responders, as many", "busiest third")
    )
    return (
        f"In truth everybody earns {everybody:,.0f} yuan, the uplift rule {ours:,.0f}, as many best responders "
        f"{responders:,.0f}, the busiest third {busiest:,.0f}; whoever knew each person's uplift would earn "
        f"{np.maximum(gain, 0).sum():,.0f}. How near to that last figure one can come is the matter of lesson 18."
    )


def courses_differ(bias: Estimate, truth: float) -> str:
    """Return the sentence on what a model learned from other courses is worth later; ``bias`` comes from `bias`."""
    side = "less" if truth < 0 else "more"
    seen = "so the arms alone could not tell" if bias.low <= 0 <= bias.high else "so the arms alone could tell"
    return (
        f" Of the later campaigns logistic regression says {abs(truth):.2f} points {side} uplift than there was: it "
        f"knows the courses of the earlier campaigns, not these. Counted: {bias.value:+.2f} points ({bias.low:+.2f} to "
        f"{bias.high:+.2f}), {seen}."
    )
