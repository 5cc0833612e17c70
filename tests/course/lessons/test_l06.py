"""Lesson 06: a grouping that comes back, the decision test on unseen pages, and a shop by hand."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
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


def test_the_error_of_the_pages_is_the_spread_of_pages_drawn_again():
    rng = np.random.default_rng(0)
    chance, number = rng.dirichlet([3, 2, 1], 300), rng.integers(2, 30, 300)
    first, second = pd.Series(["a"] * 300), pd.Series(["b"] * 250 + ["a"] * 50)  # fifty are shown the same
    found = []
    for _ in range(200):
        pages = pd.DataFrame([rng.multinomial(n, p) for n, p in zip(number, chance, strict=True)], columns=list("abc"))
        found.append((l06.share_in(pages, first) - l06.share_in(pages, second)).mean())
    assert l06.page_error(pages, first, second) == pytest.approx(np.std(found), rel=0.15)


def test_a_course_counts_for_the_time_it_was_on_sale():
    day = pd.Timestamp("2025-01-01", tz="UTC")
    published = [day - pd.Timedelta(days=9), day + pd.Timedelta(days=2), day + pd.Timedelta(days=20)]
    courses = pd.DataFrame({"product_id": list("abc"), "published_at": published})
    assert l06.on_sale(courses, day, day + pd.Timedelta(days=8)).tolist() == [1.0, 0.75, 0.0]


def test_page_shares_are_the_logit_over_the_courses_on_sale():
    users = pd.DataFrame({"user_id": ["u"], "taste_0": [np.log(2)], "taste_1": [0.0]})
    courses = pd.DataFrame(
        {"product_id": list("abc"), "topic": ["art", "law", "law"], "v_0": [1, 0, 0], "v_1": [0, 1, 1]}
    )
    truth = SimpleNamespace(users=users, courses=courses.assign(quality=0.0, popularity=0.0))
    shares = l06.page_shares(truth, pd.Index(["u"]), pd.Series([1.0, 1.0, 0.0], index=list("abc")))
    assert shares.to_dict("index") == {"u": pytest.approx({"art": 2 / 3, "law": 1 / 3})}


def test_a_profile_is_named_by_what_its_group_likes():
    users = pd.DataFrame({"user_id": list("uvwx"), "segment": list("ppqq")})
    users[["taste_0", "taste_1", "taste_2", "taste_3"]] = [[2, 2, 0, 0]] * 2 + [[0, 0, 2, 2]] * 2
    truth = SimpleNamespace(users=users, info={"topics": ["art", "law", "tech", "health"]})
    labels = pd.Series([0, 0, 1, 1], index=list("uvwx"))
    assert l06.named_alike(pd.Series({0: "law + art", 1: "tech + health"}), labels, truth) == 2
    assert l06.named_alike(pd.Series({1: "law + art", 0: "tech + health"}), labels, truth) == 0


def test_a_visit_begins_after_half_an_hour_of_nothing():
    start = pd.Timestamp("2025-01-01", tz="UTC")
    at = [start + pd.Timedelta(minutes=m) for m in (-10, 5, 50, 60, 200)]  # the first goes on after the start
    events = pd.DataFrame({"user_id": ["u"] * 5 + ["x"], "timestamp": [*at, at[0]]})
    ds = SimpleNamespace(events=ibis.memtable(events), observation_end=start + pd.Timedelta(days=60))
    assert l06.visits_a_month(ds, pd.Index(["u"]), start) == 1.0  # two in sixty days
