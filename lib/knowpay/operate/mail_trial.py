"""Hillstrom's e-mail trial over random halves: who should get a mail, and which one.

The figures beside ours are the course's first run, made with scikit-uplift; no published table has this set-up.

64,000 customers drawn by lot to a women's, a men's or no e-mail; the outcome is a visit within two weeks. Random
halves, one learns and the other judges, twenty times.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from knowpay.derive.uplift import qini

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


def numbers(customers: pd.DataFrame) -> np.ndarray:
    """Return what is known of each customer as numbers, shape (customers, features)."""
    words = ["history_segment", "zip_code", "channel"]
    columns = [*words, "recency", "history", "mens", "womens", "newbie"]
    return pd.get_dummies(customers[columns], columns=words, dtype=float).to_numpy()


def _visits(x: np.ndarray, y: np.ndarray):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(x, y)
    return lambda z: model.predict_proba(z)[:, 1]


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
        shown, hidden = (
            _visits(x[learn][t[learn] == arm], y[learn][t[learn] == arm])(x[test]) for arm in (True, False)
        )
        chance = np.random.default_rng(seed).random(len(test))
        orders = (rule[test], shown - hidden, shown, chance)
        rows.append([qini(y[test], t[test], order) for order in orders])
    return pd.DataFrame(rows, columns=QINI.index)


def policies(customers: pd.DataFrame, splits: int = 20) -> pd.DataFrame:
    """Return the visit rate of four policies, one row per split, columns as in ``POLICY``.

    The value of a policy is the mean outcome of those whose arm happens to agree with it; the arms are equal-sized and
    drawn by lot.
    """
    x, y, arm = numbers(customers), customers["visit"].to_numpy(), customers["segment"].to_numpy()
    women_only = ((customers["womens"] == 1) & (customers["mens"] == 0)).to_numpy()
    arms, rows = np.array([WOMEN, MEN, NONE]), []
    for seed in range(splits):
        learn, test = _halves(arm, seed)
        p = np.column_stack([_visits(x[learn][arm[learn] == a], y[learn][arm[learn] == a])(x[test]) for a in arms])
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
