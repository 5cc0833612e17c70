"""Money: orders with discounts, fees, commissions and refunds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import catalogue
from . import settings as s
from .choice import Chooser
from .people import DEVICES

FEE, APP_STORE_FEE, COMMISSION = 0.01, 0.15, 0.10
REFUNDED = 0.20  # of the courses that were never begun; money is given back within seven days
REFUND_DAYS = 7
AFFILIATION = np.array(["android", "app_store", "web", "wechat_mp"], dtype=object)  # by device
PAY_AFTER = 60  # seconds from the start of a period to its payment


def orders(
    c: s.Setup, who: Chooser, purchases: pd.DataFrame, periods: pd.DataFrame, progress: pd.DataFrame, block: int
) -> pd.DataFrame:
    """Return one row per order of a block by time.

    ``user, course`` (-1 - plan for a membership), ``subtotal`` (list price), ``discount, total, fee, commission,
    refund`` (yuan), ``refund_time`` (nan where none), ``order_type, affiliation, method, status``, ``coupon`` (its code
    or ""), ``period`` (the membership's running number, -1 for a course).
    """
    rng = c.stream("orders", block)
    bought, when = purchases["course"].to_numpy(), purchases["time"].to_numpy()
    listed = who.courses["price"].to_numpy()[bought]
    off = np.where(purchases["coupon"], s.COUPON * c.price_level, 0.0) + purchases["off"].to_numpy()
    courses = pd.DataFrame(
        {"time": when, "user": purchases["user"], "course": bought, "period_no": 0, "subtotal": listed,
         "total": np.round(who.prices[bought, s.day_of(when)] - off, 1), "period": -1,
         "coupon": np.where(purchases["coupon"], s.COUPON_CODE, purchases["code"])}
    )  # fmt: skip
    paid = periods[periods["period_no"] > 0]
    price = np.round(paid["price"] * c.price_level, 1)
    renewed = pd.DataFrame(
        {"time": paid["start"] + PAY_AFTER, "user": paid["user"], "course": -1 - paid["plan"],
         "period_no": paid["period_no"], "subtotal": price, "total": price, "period": paid["order"],
         "coupon": ""}
    )  # fmt: skip
    both = pd.concat([courses, renewed], ignore_index=True)
    both = both[(both["time"] >= 0) & (both["time"] < s.DAYS * s.DAY)]
    both = both.sort_values(["time", "user", "course"], kind="stable", ignore_index=True)
    n = len(both)
    both["discount"] = np.round(both["subtotal"] - both["total"], 2)
    device = who.trait("device", both["user"].to_numpy())
    both["affiliation"] = AFFILIATION[device]
    store = device == DEVICES.index("ios")
    both["fee"] = np.round(both["total"] * np.where(store, APP_STORE_FEE, FEE), 2)
    referred = who.trait("channel", both["user"].to_numpy()) == s.CHANNELS.index("referral")
    first = ~both.duplicated("user").to_numpy()
    both["commission"] = np.where(referred & first, np.round(both["total"] * COMMISSION, 2), 0.0)
    begun = progress.loc[progress["started"], ["user", "course"]]
    unread = ~pd.MultiIndex.from_frame(both[["user", "course"]]).isin(pd.MultiIndex.from_frame(begun))
    refund_time = both["time"] + rng.uniform(0.1, REFUND_DAYS, n) * s.DAY
    new = who.courses["reworked"].to_numpy()[both["course"].clip(lower=0)] <= both["time"].to_numpy()
    share = REFUNDED * (1 - new * min(catalogue.REWORK_REFUNDS * c.reworks, 1.0))
    back = (both["course"] >= 0).to_numpy() & unread & (rng.random(n) < share)
    back &= (refund_time < s.DAYS * s.DAY).to_numpy()
    both["refund"] = np.where(back, both["total"], 0.0)
    both["refund_time"] = np.where(back, refund_time, np.nan)
    both["status"] = np.where(back, "refunded", "paid").astype(object)
    both["order_type"] = np.select([both["period_no"] > 1, first], ["renewal", "first"], "repeat")
    both["method"] = np.where(store, "app_store", rng.choice(["wechat_pay", "alipay"], n, p=[0.6, 0.4]))
    return both
