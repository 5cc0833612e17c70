"""Invitations by hand: generations, K by group, K in equal time, days on which somebody was seen."""

from __future__ import annotations

from math import log
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowpay_course.lessons import l02
from scipy.stats import poisson

# a and e came unasked; a invited b and c, b invited d
INVITER = pd.Series({"a": None, "b": "a", "c": "a", "d": "b", "e": None}, dtype="str")


def test_generations_count_the_invitations_back_to_the_root():
    assert l02.generations(INVITER).to_dict() == {"a": 0, "b": 1, "c": 1, "d": 2, "e": 0}


def test_the_order_of_the_rows_does_not_matter():
    assert l02.generations(INVITER[::-1]).to_dict() == l02.generations(INVITER).to_dict()


def test_a_ring_and_a_stranger_are_refused_by_name():
    with pytest.raises(ValueError, match="b is in a ring"):
        l02.generations(pd.Series({"a": None, "b": "c", "c": "b"}, dtype="str"))
    with pytest.raises(ValueError, match="z invited somebody"):
        l02.generations(pd.Series({"a": "z"}, dtype="str"))


def test_k_by_generation_by_hand():
    table = l02.k_factor(INVITER, l02.generations(INVITER))
    assert table[["users", "invited", "k"]].values.tolist() == [[2, 2, 1.0], [2, 1, 0.5], [1, 0, 0.0]]
    assert (table["low"] <= table["k"]).all() and (table["k"] <= table["high"]).all()
    assert table.loc[0, "low"] == 0.0  # one brought two, the other nobody
    assert table.loc[2, "low"] == 0.0 and table.loc[2, "high"] == pytest.approx(-log(0.05))  # one user says little


def test_the_interval_of_k_is_the_wider_of_chance_and_of_what_users_differ_by():
    alike = pd.Series({f"h{k}": None for k in range(40)} | {f"g{k}": f"h{k}" for k in range(20)}, dtype="str")
    few = l02.k_factor(alike, alike.isna()).loc[True]
    assert poisson.sf(19, 40 * few["low"]) == pytest.approx(0.05)  # 20 or more come so rarely with a K so low
    assert poisson.cdf(20, 40 * few["high"]) == pytest.approx(0.05)
    one = pd.Series({f"h{k}": None for k in range(40)} | {f"g{k}": "h0" for k in range(20)}, dtype="str")
    wild = l02.k_factor(one, one.isna()).loc[True]  # all were invited by one user, who may not have been there
    assert wild["low"] == 0 and wild["high"] > few["high"]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=31))
def test_all_users_are_the_roots_and_what_the_generations_bring(draws):
    ids = [f"u{k}" for k in range(len(draws))]
    inviter = pd.Series([ids[d] if d < k else None for k, d in enumerate(draws)], index=ids, dtype="str")
    table = l02.k_factor(inviter, l02.generations(inviter))
    size = table.loc[0, "users"]
    for generation in table.index:  # each generation is the one before times its K
        assert table.loc[generation, "users"] == pytest.approx(size)
        size = size * table.loc[generation, "k"]
    assert size == 0  # the last generation brings nobody


def test_k_within_gives_all_the_same_time():
    day = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta([0, 5, 12, 90, -3], unit="D")
    users = pd.DataFrame({"user_id": list("abcde"), "created_at": day, "referrer_user_id": [None, "a", "a", "b", None]})
    found = l02.k_within(users, 10, pd.Timestamp("2025-01-01", tz="UTC"), pd.Timestamp("2025-04-10", tz="UTC"))
    assert found.to_dict() == {
        "a": 1,
        "b": 0,
        "c": 0,
    }  # c came too late for a; d was watched for nine days, e came before


def test_active_days_are_local_and_end_with_the_horizon():
    con = ibis.duckdb.connect()
    con.con.execute("SET TimeZone = 'UTC'")
    con.con.execute("CREATE TABLE users AS SELECT 'u' AS user_id, TIMESTAMPTZ '2025-01-01 00:00:00+00' AS created_at")
    at = ["2024-12-31 23:00", "2025-01-01 15:59", "2025-01-01 16:00", "2025-01-01 17:00", "2025-01-11 00:00"]
    rows = ", ".join(f"('u', TIMESTAMPTZ '{t}+00')" for t in at)  # before; two local days; too late
    con.con.execute(f"CREATE TABLE seen AS SELECT * FROM (VALUES {rows}, ('x', now())) t(person_id, timestamp)")
    ds = SimpleNamespace(con=con, timezone="Asia/Shanghai")
    assert l02.active_days(ds, con.table("seen"), 10).to_dict("index") == {"u": {"active": 2, "even": 1, "odd": 1}}


# --- like with like ------------------------------------------------------------------------------------------------

VALUE = pd.DataFrame(
    {
        "active": [6.0, 2.0, 4.0, 1.0, 3.0],
        "even": [3.0, 1.0, 2.0, 1.0, 1.0],
        "odd": [3.0, 1.0, 2.0, 0.0, 2.0],
        "invited": [True, True, False, False, False],
        "favourite": ["art", "law", "art", "law", "law"],
    },
    index=list("abcde"),
)
ORGANIC = pd.Series([False, False, True, True, False], index=VALUE.index)


def test_like_with_like_by_hand():
    # usual: art 4, law (1 + 3) / 2 = 2; the invited are of both kinds, as are the organic
    assert l02.like_with_like(VALUE, ORGANIC) == {"plain": 4 / 2.5 - 1, "mix": 0.0, "kind": 4 / 3 - 1}


def test_the_truth_is_compared_by_other_code_and_agrees_where_chance_plays_no_part():
    real = l02.true_comparisons(VALUE["active"], VALUE["favourite"], pd.Index(["a", "b"]), pd.Index(["c", "d"]))
    assert real == pytest.approx(l02.like_with_like(VALUE, ORGANIC))


def test_days_that_fall_evenly_have_no_error_and_others_have():
    even = VALUE.assign(odd=VALUE["even"])
    assert l02.same_people(even, ORGANIC, draws=20, seed=0).tolist() == pytest.approx([0, 0, 0])
    assert (l02.same_people(VALUE, ORGANIC, draws=50, seed=0)[["plain", "kind"]] > 0).all()


def test_people_drawn_again_differ():
    many, organic = pd.concat([VALUE] * 40, ignore_index=True), pd.concat([ORGANIC] * 40, ignore_index=True)
    drawn = l02.compared(many, organic, draws=60, seed=0)
    assert drawn.shape == (60, 3) and abs(drawn["kind"].mean() - 1 / 3) < 0.05 and 0 < drawn["kind"].std() < 0.1


# --- what decides, counted once more --------------------------------------------------------------------------------


def test_the_worth_of_a_chain_is_the_sum_of_its_rounds():
    worth, reward, k = 12.0, 4.0, 0.2
    assert l02.chain_value(worth, reward, k) == pytest.approx(worth + k / (1 - k) * (worth - reward))
    assert l02.chain_value(worth, reward, 0.0) == worth


def test_acceptances_count_within_the_days_and_of_users_who_were_watched():
    day = pd.Timestamp("2025-01-01", tz="UTC")
    created = pd.DataFrame(
        {"user_id": ["a", "late", "old"], "created_at": [day, day.replace(day=29), day.replace(year=2024)]}
    )
    at = [day.replace(day=5), day.replace(day=15), day.replace(day=30), day.replace(day=2)]
    rows = {"action": ["invite_accepted"] * 4, "timestamp": at, "target_user_id": ["a", "a", "late", "old"]}
    tables = {"users": ibis.memtable(created), "interactions": ibis.memtable(pd.DataFrame(rows))}
    ds = SimpleNamespace(**tables, observation_start=day, observation_end=day.replace(month=2))
    assert l02.accepted_by_watched(ds, 10) == (
        1,
        1,
    )  # a's first; late was not watched, old came before the records


def test_an_event_between_two_logins_of_another_is_found():
    logins = [("d", 1, "u", "u", "login"), ("d", 3, "u", "u", "login"), ("d", 5, "v", "v", "login")]
    right = [("d", 2, None, "u", "interval"), ("d", 4, None, "d", "device"), ("e", 1, None, "w", "interval")]
    columns = ["anonymous_id", "timestamp", "user_id", "person_id", "person_by"]
    assert l02.given_against_a_login(pd.DataFrame(logins + right, columns=columns)) == 0
    wrong = [("d", 2, None, "v", "interval"), ("d", 4, None, "u", "interval")]  # in u's run; where two users meet
    assert l02.given_against_a_login(pd.DataFrame(logins + wrong, columns=columns)) == 2
