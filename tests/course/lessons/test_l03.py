"""Lesson 03: who is named rightly, whose sign-up it was, how large noise is, what a message truly added."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest
from knowpay_course.lessons import l03


def test_only_the_person_behind_the_hash_is_named_rightly():
    hashes = [hashlib.sha256(user.encode()).hexdigest() for user in ("u1", "u2", "u3")]
    assert l03.named_rightly(pd.Series(["u1", "u3", None]), hashes, pd.Series(["u1", "u2", "u3"])) == 1


def company(events: dict, users: pd.DataFrame) -> SimpleNamespace:
    table = pd.DataFrame(events).astype({"user_id": "str"})
    return SimpleNamespace(events=ibis.memtable(table), users=ibis.memtable(users))


def test_a_sign_up_belongs_to_the_account_made_then():
    at = pd.Timestamp("2025-01-01 12:00", tz="UTC")
    near, far = at + pd.Timedelta(seconds=0.1), at + pd.Timedelta(seconds=5)
    events = {"event": ["signed_up"] * 2, "message_id": ["m", "n"], "timestamp": [near, far], "user_id": [None, None]}
    users = pd.DataFrame({"user_id": ["u"], "created_at": [at]})
    assert l03.who_signed_up(company(events, users), {"m", "n"}).tolist() == ["u"]
    assert l03.who_signed_up(company(events, users), {"n"}).empty


def test_of_accounts_made_at_one_moment_the_one_that_is_named_nowhere_signed_up():
    at = pd.Timestamp("2025-01-01 12:00", tz="UTC")
    soon = at + pd.Timedelta(seconds=0.1)
    events = {"event": ["signed_up"] * 3, "message_id": ["m", "n", "o"], "timestamp": [soon] * 3}
    events["user_id"] = [None, "v", "w"]
    made = [at, at, at + pd.Timedelta(seconds=0.05)]  # the second at the same moment, the third between
    for ids in ("uvw", "vuw"):
        users = pd.DataFrame({"user_id": list(ids), "created_at": made})
        assert l03.who_signed_up(company(events, users), {"m"}).tolist() == ["u"]
    users = pd.DataFrame({"user_id": ["u", "x"], "created_at": [at, at]})
    assert l03.who_signed_up(company(events, users), {"m"}).empty  # either may be meant


def test_the_last_row_of_a_user_decides_wherever_it_stands(monkeypatch):
    rows = [("back", "denied", "2025-03-02"), ("back", "granted", "2025-03-01"), ("never", "denied", "2025-03-01")]
    rows += [("again", "denied", "2025-03-01"), ("again", "granted", "2025-03-02"), ("yes", "granted", "2025-03-01")]
    table = pd.DataFrame(rows, columns=["user_id", "consent_analytics", "updated_at"])
    monkeypatch.setattr(l03.faults, "exported", lambda ds, name, columns: table[columns].copy())
    assert set(l03.last_said_no(None)) == {"back", "never"}


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1, 2])
def test_the_sum_is_the_closed_form_of_the_discrete_laplace(epsilon):
    p = np.exp(-epsilon)
    assert l03.stated_error(epsilon) == pytest.approx(2 * p / (1 - p**2))


def test_what_a_message_added_is_the_mean_over_its_people():
    touches = pd.DataFrame({"touch_id": ["a", "b", "c"], "p_control": [0.0, 0.1, 0.9], "p_message": [0.1, 0.4, 0.0]})
    users = pd.DataFrame({"user_id": ["u", "v"], "p_message_mean": [0.3, 0.2], "p_control_mean": [0.1, 0.1]})
    truth = SimpleNamespace(touches=touches, users=users)
    rows = pd.DataFrame({"touch_id": ["a", "b"], "price": [100.0, 200.0], "cost": [0.2, 0.0]})
    assert l03.true_gains(rows, truth, 0.5) == pytest.approx({"bought": 0.2, "yuan": (5 + 30) / 2 - 0.2})
    assert l03.refusers_over_others(truth, pd.Index(["u"]), pd.Series(["v", "v"])) == pytest.approx(2)


def test_a_campaign_of_the_year_began_in_its_last_365_days():
    end = pd.Timestamp("2026-01-01", tz="UTC")
    began = [end - pd.Timedelta(days=n) for n in (400, 300, 366, 1)]
    touches = pd.DataFrame({"campaign_id": ["a", "a", "b", "c"], "assigned_at": began, "creative": "course"})
    note = touches.tail(1).assign(campaign_id="note", creative=None)  # a trial with members promotes no course
    touches = pd.concat([touches, note.astype(touches.dtypes)])
    assert l03.campaigns_of_a_year(SimpleNamespace(touches=ibis.memtable(touches), observation_end=end)) == 1
