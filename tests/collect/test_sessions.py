"""Sessions by hand: the gap, the order of arrival, and whose event it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowpay.collect.sessions import people, session_numbers

MINUTE = 60_000_000


def test_half_an_hour_is_the_same_visit_and_a_moment_more_is_the_next():
    at = np.array([0, 30, 60]) * MINUTE + np.array([0, 0, 1])
    assert session_numbers(np.zeros(3, int), at).tolist() == [0, 0, 1]


def test_people_do_not_share_a_visit_and_the_order_of_rows_does_not_matter():
    person, at = np.array([1, 0, 1, 0]), np.array([40, 0, 0, 5]) * MINUTE
    assert session_numbers(person, at).tolist() == [2, 0, 1, 0]


def test_no_events_no_sessions():
    assert session_numbers(np.array([], int), np.array([], int)).size == 0


@pytest.mark.parametrize(
    ("person", "at", "words"),
    [
        ([0, 1], [0], "2 people and 1 times"),
        ([-1], [0], "0 or more"),
        ([2**62], [0], "63 bits"),
        ([2**61, 0], [0, 0], "63 bits"),
    ],
)
def test_codes_that_do_not_fit_are_refused(person, at, words):
    with pytest.raises(ValueError, match=words):
        session_numbers(person, at)


def test_the_largest_codes_that_fit():
    assert session_numbers([2**61], [0]).tolist() == [0]
    assert session_numbers([2**60, 2**61 - 1, 2**60], [0, 0, 31 * MINUTE]).tolist() == [0, 2, 1]


def test_a_million_people_over_ten_years_fit():
    person = np.array([999_999, 0, 999_999, 0])
    at = np.array([0, 1, 10 * 365 * 24 * 60, 2]) * MINUTE
    assert session_numbers(person, at).tolist() == [1, 0, 2, 0]


def test_times_before_1970_and_another_gap():
    at = np.array([-3, -2, 0]) * MINUTE
    assert session_numbers(np.zeros(3, int), at, gap_seconds=60).tolist() == [0, 0, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), min_size=1, max_size=40))
def test_the_same_as_pandas(rows):
    person, minute = np.array(rows).T
    frame = pd.DataFrame({"p": person, "t": minute}).sort_values(["p", "t"])
    gap = frame.groupby("p")["t"].diff()
    expected = ((gap.isna() | (gap > 30)).cumsum() - 1).reindex(range(len(rows)))
    assert session_numbers(person, minute * MINUTE).tolist() == expected.tolist()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), min_size=1, max_size=40))
def test_the_same_as_counting_by_hand(rows):
    numbers, last, current = {}, None, -1
    for person, minute in sorted(rows):
        if last is None or last[0] != person or minute - last[1] > 30:
            current += 1
        numbers[person, minute] = current
        last = person, minute
    person, minute = np.array(rows).T
    assert session_numbers(person, minute * MINUTE).tolist() == [numbers[row] for row in rows]


def test_an_event_without_login_belongs_to_the_only_user_of_its_device():
    user = pd.Series(["u", None, "v", "w", None, None])
    device = pd.Series(["one", "one", "two", "two", "two", "three"])
    expected = ["u", "u", "v", "w", "two", "three"]
    assert people(user, device).tolist() == expected
    assert people(user.astype("category"), device.astype("category")).tolist() == expected
