"""Lesson 06: a grouping that comes back, the decision test on unseen pages, and a shop by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from knowpay_course.lessons import l06


def clouds(groups: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((600, 3)) + 7 * np.eye(3)[np.arange(600) % groups]


def test_stability_is_one_for_clouds_far_apart_and_less_where_there_are_none():
    assert l06.stability(clouds(3), 3, draws=3) == 1.0
    assert l06.stability(clouds(1), 3, draws=3) < 0.9


def test_the_featured_category_is_chosen_before_and_counted_after():
    train = pd.DataFrame({"art": [5, 0], "law": [0, 1]}, index=["u", "v"])
    later = pd.DataFrame({"art": [1, 3], "law": [3, 1]}, index=["u", "v"])
    one = l06.featured_share(later, pd.Series(0, index=["u", "v"]), train)
    own = l06.featured_share(later, pd.Series([0, 1], index=["u", "v"]), train)
    assert one.tolist() == [0.25, 0.75] and own.tolist() == [0.25, 0.25]


def test_who_opened_nothing_later_is_not_counted():
    train = pd.DataFrame({"art": [1, 1]}, index=["u", "v"])
    later = pd.DataFrame({"art": [2, 0]}, index=["u", "v"])
    assert l06.featured_share(later, pd.Series(0, index=["u", "v"]), train).to_dict() == {"u": 1.0}


def test_a_favourite_that_nobody_opens_any_more_is_hit_by_nobody():
    train, later = pd.DataFrame({"art": [5], "law": [1]}, index=["u"]), pd.DataFrame({"law": [4]}, index=["u"])
    assert l06.featured_share(later, pd.Series(0, index=["u"]), train).tolist() == [0.0]


def test_customers_of_the_shop_by_hand():
    days = pd.to_datetime(["2010-01-01", "2010-01-03", "2010-01-05", "2010-01-05", "2010-01-09"])
    lines = pd.DataFrame({"Invoice": ["1", "2", "2", "C3", "4"], "Customer ID": ["a", "a", "a", "a", None]})
    lines = lines.assign(InvoiceDate=days, Quantity=[2, 1, -1, -1, 5], Price=[1.5, 4.0, 4.0, 4.0, 9.0])
    assert l06.customers(lines).to_dict("index") == {"a": {"recency": 6, "frequency": 2, "money": 7.0}}
