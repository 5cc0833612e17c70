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
        ([2**50], [0], ""),
        ([2**50, 0], [0, 2**20], "62"),
    ],
)
def test_keys_that_do_not_fit_are_refused(person, at, words):
    if not words:
        assert session_numbers(person, at).tolist() == [0]  # fits: one moment needs no bits
        return
    with pytest.raises(ValueError, match=words):
        session_numbers(person, at)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), min_size=1, max_size=40))
def test_the_same_as_pandas(rows):
    person, minute = np.array(rows).T
    frame = pd.DataFrame({"p": person, "t": minute}).sort_values(["p", "t"])
    gap = frame.groupby("p")["t"].diff()
    expected = ((gap.isna() | (gap > 30)).cumsum() - 1).reindex(range(len(rows)))
    assert session_numbers(person, minute * MINUTE).tolist() == expected.tolist()


def test_an_event_without_login_belongs_to_the_only_user_of_its_device():
    user = pd.Series(["u", None, "v", "w", None, None])
    device = pd.Series(["one", "one", "two", "two", "two", "three"])
    assert people(user, device).tolist() == ["u", "u", "v", "w", "two", "three"]
