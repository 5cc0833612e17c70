"""Lesson 01: all sessions from those of the people who can be followed, and the rows of the hunt's grades."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from knowpay.collect import faults
from knowpay_course.lessons import l01


def test_sessions_of_all_by_hand():
    person = np.array([0, 0, 0, 1, 1])  # three sessions of one, one of another; a third user has none
    found = l01.sessions_of_all(person, np.array([0, 1, 2, 3, 3]), users=4, denied=1)
    assert found.value == pytest.approx(4 * 4 / 3)
    assert found.error == pytest.approx(4 * np.std([3, 1, 0]) * (1 / 4 / 3) ** 0.5)
    assert l01.sessions_of_all(person, np.array([0, 1, 2, 3, 3]), users=3, denied=0).error == 0


def test_its_error_is_that_of_who_happens_to_deny():
    rng = np.random.default_rng(0)
    each = rng.geometric(0.1, 500)  # sessions of each user
    z = []
    for _ in range(400):
        seen = rng.permutation(500)[:400]
        person = np.repeat(np.arange(400), each[seen])
        found = l01.sessions_of_all(person, np.arange(len(person)), users=500, denied=100)
        z.append((found.value - each.sum()) / found.error)
    assert abs(np.mean(z)) < 0.2 and 0.85 < np.std(z) < 1.15


@pytest.fixture
def truth():
    rows = [("events", 1, "late"), ("events", 2, "late_misdated"), ("events", 3, "bot"), ("orders", 1, "fen")]
    spoiled = pd.DataFrame(rows, columns=["table", "source_row", "fault"]).assign(source_file="f")
    identity = pd.DataFrame({"anonymous_id": ["d1", "d2", "d3"], "user_id": ["u1", "u1", "u2"]})
    info = {"clean_events": 200}
    return SimpleNamespace(spoiled=spoiled, identity=identity, info=info, orders=pd.DataFrame({"total": [10.5, 2.0]}))


def graded(truth, found):
    return faults.grade(found, l01.planted(truth.spoiled))


def test_counts_that_must_agree(truth):
    right = l01.planted(truth.spoiled).drop(index=1)  # nobody can see the misdated one
    rows = {name: (found, due) for name, found, due, _ in l01.counts(graded(truth, right), truth, 2, 100.0, 87.5)}
    assert rows["late rows that leave a trace"] == (1, 1) and rows["fen rows found"] == (1, 1)
    assert rows["what the raw files are wrong by"] == (87.5, 87.5) and rows["orders, counted and waiting"] == (2, 2)
    more = pd.concat([right.query("fault != 'late'"), right.query("fault == 'fen'").assign(source_row=9)])
    rows = {name: (found, due) for name, found, due, _ in l01.counts(graded(truth, more), truth, 3, 100.0, 90.0)}
    assert rows["late rows that leave a trace"] == (0, 1) and rows["fen rows accused wrongly"] == (1, 0)
    assert rows["what the raw files are wrong by"] == (90.0, 87.5)


def test_shares_that_must_be_good(truth):
    users = pd.DataFrame({"user_id": ["u1", "u2"], "consent_analytics": ["granted", "denied"]})
    ds = SimpleNamespace(users=SimpleNamespace(select=lambda *_: SimpleNamespace(to_pandas=lambda: users)))
    clean = {"events": 202, "visitors (devices)": 2}
    rows = {name: value for name, value, *_ in l01.shares(graded(truth, truth.spoiled), truth, ds, clean)}
    assert rows == {
        "bot rows found": 100,
        "bot rows, rightly accused": 100,
        "events, repaired": 101,
        "visitors, repaired": 100,
    }
    nobody = l01.shares(graded(truth, truth.spoiled.iloc[:0]), truth, ds, clean)
    assert {name: value for name, value, *_ in nobody}["bot rows, rightly accused"] == 0
