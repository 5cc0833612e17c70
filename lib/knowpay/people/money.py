"""Money: which orders were paid, and what they leave.

Contribution is what an order leaves the company: the net revenue (what the customer paid, less tax, refunds, fees and
commission) less the teacher's share. One rule for all lessons, for past orders and for orders to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from knowpay.collect.dataset import Dataset


A_FEN = 0.011  # of a major unit; the rest of the 0.01 is for binary fractions


def contributions(ds: Dataset, teacher_share: float) -> Table:
    """Return the paid orders of customers, rows of ``ds.orders``, with ``contribution`` in yuan (Ibis table, lazy).

    Left out are orders of users who are no customers (`permission.PURPOSES`), such as tests of the checkout for a fen.
    Paid is what `knowpay.collect.schema.PAID` lists: an order that waits for payment or was cancelled is none, one that
    was refunded is one, and leaves what was not given back. ``teacher_share`` is the teachers' part of the net revenue,
    0 to 1. Raises ValueError when it is no share.
    """
    if not 0 <= teacher_share < 1:
        raise ValueError(f"The teachers' share must be 0 or more and below 1, not {teacher_share}.")
    may = ds.con.table("may_customer")
    orders = ds.con.table("paid_orders").anti_join(may.filter(may.reason != ""), "user_id")
    return orders.mutate(contribution=(1 - teacher_share) * orders.net_revenue)


def course_orders(ds: Dataset, teacher_share: float = 0.0) -> Table:
    """Return `contributions` of everything but memberships: neither that type of product nor the plan of a period."""
    orders, courses = contributions(ds, teacher_share), ds.courses
    plans = courses.filter(courses.product_type == "membership").select("product_id")
    return orders.anti_join(plans.union(ds.memberships.select(product_id="plan_id")), "product_id")


def contribution_rate(ds: Dataset, teacher_share: float) -> float:
    """Return what a yuan of list price leaves: the contribution of all course orders by their list prices, 0 to 1.

    So discounts, refunds, fees, commissions and the teachers' share are in it; orders for a fen are not: they test the
    checkout, and not every test account is flagged. Multiply a price by it to value an order that has not been placed
    yet. Raises ValueError when there are no paid orders of courses with a price.
    """
    orders = course_orders(ds, teacher_share)
    orders = orders.filter((orders.total == 0) | (orders.total > A_FEN))
    orders = orders.inner_join(ds.courses.filter(ds.courses.price > 0).select("product_id", "price"), "product_id")
    sums = orders.agg(left=orders.contribution.sum(), listed=orders.price.sum()).to_pandas().iloc[0]
    if not sums["listed"] > 0:
        raise ValueError("There is no paid course order: the contribution of an order is unknown.")
    return float(sums["left"] / sums["listed"])
