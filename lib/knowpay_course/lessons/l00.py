"""Lesson 00, Start here: what the truth says of the lesson's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from knowpay import estimate
from knowpay.analyse import economics
from knowpay.people import money
from knowpay.world import contribution_rate

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset, Truth
    from knowpay.estimate import Estimate


def apart(one: Estimate, other: Estimate) -> Estimate:
    """Return ``one`` less ``other``, two estimates from different people."""
    return estimate.from_error(one.value - other.value, (one.error**2 + other.error**2) ** 0.5, one.unit)


def of_list_price(teacher_share: float) -> float:
    """Return what a yuan of list price would leave if only the teachers' share were taken off: a wrong answer."""
    return 1 - teacher_share


def rate_estimate(ds: Dataset, teacher_share: float, waiting: int) -> Estimate:
    """Return `money.contribution_rate` in fen of a yuan, as an estimate of what all orders leave, those waiting too.

    ``waiting`` orders are not counted. Which ones is chance, so the error is that of a ratio in a sample without
    replacement (Cochran 1977, section 6.3): it vanishes when no order waits.
    """
    orders = money.course_orders(ds, teacher_share).filter(lambda o: o.total > money.A_FEN)
    orders = orders.select("product_id", "contribution").to_pandas()
    price = orders["product_id"].map(ds.courses.to_pandas().set_index("product_id")["price"])
    rate, missing = money.contribution_rate(ds, teacher_share), waiting / (waiting + len(orders))
    off = ((orders["contribution"] - rate * price) ** 2).sum() ** 0.5 / price.sum()
    return estimate.from_error(100 * rate, 100 * off * missing**0.5, "fen")


def planted(truth: Truth, listed: pd.DataFrame, first: pd.DataFrame, teacher_share: float) -> dict[str, float]:
    """Return the truth of each claim, by the name of its check: points, yuan per message, % and fen.

    ``listed`` are all touches of the campaigns compared: ``touch_id, price, activity, planned``; ``first`` the first
    paid months that ended. Both probabilities of every touch are known, so nothing is weighted here. Claims about
    nobody are left out.
    """
    real = gains(truth, listed, teacher_share)
    by = real.groupby("activity", observed=True)
    effect, gain = 100 * by["effect"].mean(), by["gain"].mean()
    hazard = truth.memberships.set_index("membership_id")["hazard"].loc[first["membership_id"]]
    found = {
        "effect of the message": 100 * real["effect"].mean(),
        "effect among quiet users": effect.get("low"),
        "gain per message": real["gain"].mean(),
        "gain, quiet users over active ones": gain.get("low", float("nan")) - gain.get("high", float("nan")),
        "gain per message of the plan": real.loc[real["planned"], "gain"].mean(),
        "first renewal": 100 * (1 - hazard.mean()),
        "what remains of a yuan": 100 * contribution_rate(truth, teacher_share),
    }
    return {name: float(value) for name, value in found.items() if pd.notna(value)}


def gains(truth: Truth, listed: pd.DataFrame, teacher_share: float) -> pd.DataFrame:
    """Return ``listed`` with the true ``effect`` (share of people) and ``gain`` (yuan) of a message to each person."""
    chances = truth.touches[["touch_id", "p_control", "p_message"]]
    real = listed.drop(columns="gain").merge(chances, on="touch_id", validate="one_to_one")
    effect = real["p_message"] - real["p_control"]
    worth = real["price"] * contribution_rate(truth, teacher_share)
    return real.assign(effect=effect, gain=effect * worth - truth.info["message_cost"])


def plan_share(truth: Truth, listed: pd.DataFrame, teacher_share: float) -> float:
    """Return what the plan truly earns in the second half of the campaigns, in % of the best choice of groups there."""
    real = gains(truth, listed[listed["second"]], teacher_share)
    best = real.groupby("activity", observed=True)["gain"].sum().clip(lower=0).sum()
    return round(float(100 * real.loc[real["planned"], "gain"].sum() / best), 6)


def ledger_value(ds: Dataset, truth: Truth, mature: pd.DataFrame, teacher_share: float, horizon: int) -> float:
    """Return the contribution per head (yuan) of the first ``horizon`` days of ``mature`` users, by the ledger.

    The ledger has the money of each order; who ordered when is exported. An order that waits in quarantine is left out,
    one that a page reload sent twice counts twice, as in the export.
    """
    loaded = ds.orders.select("order_id", "user_id", "timestamp").to_pandas()
    sold = truth.orders[["order_id", "leaves"]].merge(loaded, on="order_id")
    created = ds.users.select("user_id", "created_at").to_pandas().set_index("user_id")["created_at"]
    early = sold["timestamp"] < sold["user_id"].map(created) + pd.Timedelta(days=horizon)
    theirs = sold[early & sold["user_id"].isin(mature["user_id"])]
    once = float((1 - teacher_share) * theirs["leaves"].astype(float).sum() / len(mature))
    return once + economics.sent_twice(ds, mature["user_id"], horizon, teacher_share)
