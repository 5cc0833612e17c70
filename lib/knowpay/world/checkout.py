"""Checkout: carts, checkouts that end without an order, and orders that are placed and never paid."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import incidents, money
from . import settings as s
from .choice import Chooser
from .people import DEVICES

CARTED, ASKED = 0.027, 0.5  # of course pages: put into the cart; of these: on to the checkout
# From then on the checkout has fewer steps. Share of the abandoned ones that it spares: such people now see the whole
# price before they begin.
SHORTER, SHORTER_KEEPS = "2025-03-17", 0.6
CLOSED = 0.6  # of unpaid orders: closed by the shop; the others still wait
ASKED_AFTER, PLACED_AFTER = 19, 30  # seconds from the page to the checkout, and to the order
NUMBERS = 5 * 10**6  # unpaid orders of a block are numbered from here
PLACED_BEFORE = 5  # seconds from placing an order to its payment


def checkouts(
    c: s.Setup,
    who: Chooser,
    pages: dict[str, np.ndarray],
    purchases: pd.DataFrame,
    lost: pd.DataFrame,
    block: int,
) -> pd.DataFrame:
    """Return the carts that ended without an order paid: ``page`` (index), ``user, course, time`` (of the page).

    Those of ``lost`` (see `incidents.lost`) have the page -1; with ``own_visit`` they came for this course.

    ``asked``: went on to the checkout; ``placed``: and left only at the payment page, so that an order waits. The knob
    ``unpaid`` is the share of these among all checkouts, those that were paid included.
    """
    rng = c.stream("checkout", block)
    page = np.flatnonzero(rng.random(len(pages["time"])) < CARTED)
    carts = pd.DataFrame({"page": page} | {name: pages[name][page] for name in ("user", "course", "time")})
    first = purchases.set_index(["user", "course"])["time"]
    owned = (
        first.reindex(pd.MultiIndex.from_frame(carts[["user", "course"]])).to_numpy() <= carts["time"].to_numpy() + 60
    )
    asked, left = rng.random(len(page)) < ASKED, rng.random(len(page))
    spares = min(SHORTER_KEEPS * c.reworks, 1.0) * (carts["time"] >= s.seconds(SHORTER)).to_numpy()
    asked &= c.stream("shorter checkout", block).random(len(page)) >= spares
    able = asked & ~owned & ~(who.trait("is_staff", carts["user"]) | who.trait("is_test", carts["user"]))
    share = c.unpaid * (len(purchases) + asked.sum()) / max(able.sum(), 1)
    step = incidents.failures(
        c, who.trait("device", carts["user"].to_numpy()), carts["time"].to_numpy(), "carts", block
    )
    asked &= step != incidents.CART
    placed = able & asked & ((left < share) | (step == incidents.PAYMENT))
    paying = (lost["step"] == incidents.PAYMENT).to_numpy()
    failed = lost.drop(columns="step").assign(page=-1, asked=paying, placed=paying)
    return pd.concat([carts.assign(asked=asked, placed=placed, own_visit=False), failed], ignore_index=True)


def unpaid(c: s.Setup, who: Chooser, carts: pd.DataFrame, orders: pd.DataFrame, block: int) -> pd.DataFrame:
    """Return the orders that were placed and never paid, with the columns of ``orders`` and ``number`` (of its own).

    ``status`` is created (still waiting) or cancelled (closed by the shop). ``orders`` are those that were paid.
    """
    rng = c.stream("unpaid", block)
    placed = carts[carts["placed"]].sort_values(["time", "user", "course"], kind="stable", ignore_index=True)
    closed = rng.random(len(placed)) < CLOSED
    user, course, time = (placed[name].to_numpy() for name in ("user", "course", "time"))
    listed, price = who.courses["price"].to_numpy()[course], who.prices[course, s.day_of(time)]
    device = who.trait("device", user)
    store = device == DEVICES.index("ios")
    before = orders.groupby("user")["time"].min().reindex(user).to_numpy() < time
    table = pd.DataFrame(
        {"time": time + PLACED_AFTER, "user": user, "course": course.astype(np.int64), "period_no": 0, "period": -1,
         "subtotal": listed, "total": price, "discount": np.round(listed - price, 2), "coupon": "", "fee": 0.0,
         "commission": 0.0, "refund": 0.0, "refund_time": np.nan, "affiliation": money.AFFILIATION[device],
         "method": np.where(store, "app_store", "wechat_pay"), "order_type": np.where(before, "repeat", "first"),
         "status": np.where(closed, "cancelled", "created"), "number": NUMBERS + np.arange(len(placed))}
    )  # fmt: skip
    return table[table["time"] < s.DAYS * s.DAY]
