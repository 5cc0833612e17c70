"""Profiles: the scores by hand, and the null reference on clouds with known groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hand_made import company as written
from hypothesis import given
from hypothesis import strategies as st
from knowpay.analyse import profiles
from knowpay_course.lessons import l06

START = pd.Timestamp("2025-01-06", tz="UTC")  # a Monday, 08:00 in Shanghai


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    """Two users and one of the staff who open pages of two categories before and after a line on day 10."""
    rows = [("u", "product_viewed", "c1", 0), ("u", "product_viewed", "c2", 1), ("u", "product_viewed", "c2", 10)]
    rows += [("v", "product_viewed", "c1", 2), ("s", "product_viewed", "c1", 2), ("u", "page_viewed", "c1", 0.02)]
    rows += [("u", "page_viewed", "c1", 0.1), ("u", "page_viewed", "c1", 5), ("v", "page_viewed", "c1", 12)]
    events = pd.DataFrame(rows, columns=["user_id", "event", "product_id", "day"])
    events["timestamp"] = [(START + pd.Timedelta(days=day)).isoformat() for day in events.pop("day")]
    orders = pd.DataFrame({"user_id": "u", "status": ["paid", "paid", "created"], "total": [9.0, 90.0, 500.0]})
    orders["timestamp"] = [(START + pd.Timedelta(days=day)).isoformat() for day in (3, 11, 4)]
    users = [{"user_id": "u"}, {"user_id": "v"}, {"user_id": "s", "is_staff": True}]
    courses = [{"product_id": "c1"}, {"product_id": "c2", "category": "law"}]
    return written(tmp_path_factory.mktemp("profiles"), users=users, events=events, courses=courses, orders=orders)


LINE = START + pd.Timedelta(days=10)


def test_pages_are_split_by_the_line_and_staff_are_left_out(ds):
    before = profiles.pages_by_category(ds, until=LINE)
    after = profiles.pages_by_category(ds, start=LINE)
    assert before.to_dict("index") == {"u": {"art": 1, "law": 1}, "v": {"art": 1, "law": 0}}
    assert after.to_dict("index") == {"u": {"law": 1}}  # the page at the very moment of the line is after it


def test_hours_are_those_of_the_company_in_which_visits_began(ds):
    """Half an hour later is the same visit, two hours later another: u comes twice on day 0."""
    hours = profiles.visits_by_hour(ds)
    assert hours["moment"].dt.hour.tolist() == [8, 10, 8, 8, 8, 8, 8] and hours["visits"].tolist() == [1] * 7


def test_rfm_counts_only_the_past_and_what_was_paid(ds):
    row = profiles.rfm(ds, until=LINE)
    assert row.loc["u"].tolist() == [5.0, 4, 9.0] and row.loc["v"].tolist() == [8.0, 1, 0.0]


def test_quintiles_give_five_to_the_recent_the_frequent_and_the_generous():
    table = pd.DataFrame({"recency": [1, 2, 3, 4, 5], "frequency": [5, 4, 3, 2, 1], "money": [0, 0, 0, 0, 9]})
    scores = profiles.quintiles(table)
    assert scores["recency"].tolist() == scores["frequency"].tolist() == [5, 4, 3, 2, 1]
    assert scores["money"].tolist() == [3, 3, 3, 3, 5]


def test_standard_has_no_units_and_survives_a_constant_column():
    x = profiles.standard(np.array([[1.0, 7], [3, 7]]))
    assert x.tolist() == [[-1, 0], [1, 0]]


@given(st.lists(st.integers(0, 50), min_size=2, max_size=6))
def test_roots_have_length_one(counts):
    assert np.square(profiles.roots(pd.DataFrame([counts])).to_numpy()).sum() == pytest.approx(1)


def clouds(groups: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((600, 3)) + 7 * np.eye(3)[np.arange(600) % groups]


def test_the_largest_group_is_number_zero():
    x = np.r_[np.zeros((3, 2)), np.full((9, 2), 10.0)]
    assert profiles.cluster(x, 2).tolist() == [1] * 3 + [0] * 9


def test_the_gap_finds_three_clouds():
    assert profiles.choose(profiles.gap(clouds(3), most=5, draws=6)) == 3


def test_the_gap_finds_one_group_in_one_blob():
    found = [profiles.choose(profiles.gap(l06.one_blob(800, seed), most=3, draws=6)) for seed in range(8)]
    assert found == [1] * 8  # the single standard error of 2001 splits some of them


def test_one_draw_has_no_spread():
    with pytest.raises(ValueError, match="2 draws"):
        profiles.gap(clouds(3), draws=1)


def test_choose_by_hand():
    table = pd.DataFrame({"k": [1, 2, 3], "gap": [0.0, 0.5, 0.52], "error": [0.1, 0.1, 0.1]})
    assert profiles.choose(table) == 2
    assert profiles.choose(table.assign(gap=[0.0, 0.5, 1.0])) == 3
