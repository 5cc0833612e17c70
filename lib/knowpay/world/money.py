"""Money: orders with fees, commissions and refunds, and what the channels cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s
from .people import DEVICES

REFUNDED, FEE, APP_STORE_FEE, COMMISSION = 0.05, 0.01, 0.15, 0.10


def orders(
    users: pd.DataFrame, courses: pd.DataFrame, purchases: pd.DataFrame, periods: pd.DataFrame, seed: int
) -> pd.DataFrame:
    """Return one row per order by time: ``user, course`` (-1: the membership), ``total, fee, commission, refund``."""
    rng = s.stream(seed, "orders")
    paid = periods[periods["period_no"] > 0]
    bought = pd.DataFrame(
        {"time": purchases["time"], "user": purchases["user"], "course": purchases["course"], "period_no": 0,
         "total": courses["price"].to_numpy()[purchases["course"]], "membership_row": -1}
    )  # fmt: skip
    renewed = pd.DataFrame(
        {"time": paid["start"] + 60, "user": paid["user"], "course": -1, "period_no": paid["period_no"],
         "total": s.MEMBERSHIP_PRICE, "membership_row": paid.index}
    )  # fmt: skip
    both = pd.concat([bought, renewed], ignore_index=True)
    both = both[(both["time"] >= 0) & (both["time"] < s.DAYS * s.DAY)].sort_values(
        ["time", "user", "course"], kind="stable"
    )
    both = both.reset_index(drop=True)
    n = len(both)
    device = users["device"].to_numpy()[both["user"]]
    both["affiliation"] = np.array(["android", "app_store", "web", "wechat_mp"], dtype=object)[device]
    store = device == DEVICES.index("ios")
    both["fee"] = np.round(both["total"] * np.where(store, APP_STORE_FEE, FEE), 2)
    referred = users["channel"].to_numpy()[both["user"]] == s.CHANNELS.index("referral")
    first = ~both.duplicated("user").to_numpy()
    both["commission"] = np.where(referred & first, np.round(both["total"] * COMMISSION, 2), 0.0)
    back = (both["course"] >= 0).to_numpy() & (rng.random(n) < REFUNDED)
    refund_time = both["time"] + rng.uniform(0.1, 7, n) * s.DAY  # the seven-day refund
    back &= (refund_time < s.DAYS * s.DAY).to_numpy()
    both["refund"] = np.where(back, both["total"], 0.0)
    both["refund_time"] = np.where(back, refund_time, np.nan)
    both["order_type"] = np.select([both["period_no"] > 1, first], ["renewal", "first"], "repeat")
    both["method"] = np.where(store, "app_store", rng.choice(["wechat_pay", "alipay"], n, p=[0.6, 0.4]))
    return both


def spend(users: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return own media spend: ``month``, ``channel`` (index), ``value`` (yuan), with 10 % noise from month to month."""
    rng = s.stream(seed, "spend")
    joined = users[users["created"] >= 0]
    month = (s.START + pd.to_timedelta(joined["created"], unit="s")).dt.strftime("%Y-%m-01")
    count = joined.groupby([month.rename("month"), "channel"]).size().rename("registrations").reset_index()
    cost = np.array(list(s.COST_PER_REGISTRATION.values()))[count["channel"]]
    value = np.round(count["registrations"] * cost * np.exp(0.1 * rng.standard_normal(len(count))), 2)
    return count.assign(value=value)[value > 0]
