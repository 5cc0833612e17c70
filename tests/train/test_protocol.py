"""The split and the ways of judging: what must not leak, what must be kept together, what flatters."""

from __future__ import annotations

import knowpay
import numpy as np
import pandas as pd
import pytest
from knowpay import blocks
from knowpay.analyse import neighbours, touches
from knowpay.collect.schema import INTEREST
from knowpay.people.known import log
from knowpay.train import protocol, recommender


@pytest.fixture(scope="module")
def ds():
    return knowpay.open("world:small")


@pytest.fixture(scope="module")
def cut(ds):
    return recommender.split(ds, "2025-04-28")


def test_no_person_and_no_course_stands_on_both_sides_wrongly(ds, cut):
    before = neighbours.interest(ds, until=cut.at)
    assert cut.x.nnz <= len(before)
    assert before["last"].max() < cut.at
    assert cut.x[:, cut.new].nnz == 0
    assert cut.y.multiply(cut.barred).nnz == 0
    assert not cut.people["no_profile"][cut.personal].any()


def test_windows_add_up_to_the_history_but_for_what_arrived_late(ds, cut):
    """In neither is what happened before the last period and arrived in it: counted here from the log, one by one."""
    windows = recommender.windows(ds, cut)
    before, opened = windows[-1]
    looks = (2 ** before.toarray() - 1) + opened.toarray()
    last = cut.at - pd.Timedelta(days=recommender.PERIOD_DAYS)
    e = log(ds).to_pandas()
    late = e[e["event"].isin(INTEREST) & (e["timestamp"] <= last) & (e["known_at"] > last) & (e["known_at"] < cut.at)]
    late = late.groupby(["user_id", "product_id"], as_index=False).size().rename(columns={"size": "strength"})
    missing = neighbours.matrix(late, cut.people["user_id"], cut.courses["product_id"]).toarray()
    np.testing.assert_allclose(np.log2(1 + looks + missing), cut.x.toarray(), atol=1e-9)
    assert not np.allclose(np.log2(1 + looks), cut.x.toarray(), atol=1e-9), "some arrived late, and it shows"
    assert (windows[0][0].nnz, windows[0][1].nnz > 0) == (0, True)


def test_the_oracle_of_the_pages_gets_full_marks_and_the_list_for_all_does_not(cut):
    right = cut.judge(cut.y.toarray())
    assert right["ndcg"].dropna().min() > 0.6  # a person with more than ten pages can be ordered in several ways
    assert right["recall"].dropna().eq(1).all()
    assert cut.judge(neighbours.popularity(cut.x))["ndcg"].mean() < 0.4


def test_blocks_of_people_change_no_list(cut, monkeypatch):
    scores = np.random.default_rng(0).random(cut.x.shape)
    whole = cut.judge(scores)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * cut.x.shape[1] * 7)  # seven people at a time
    pd.testing.assert_frame_equal(cut.judge(scores), whole)
    assert len(whole) == cut.personal.sum()


def test_too_little_is_said_in_a_sentence(ds):
    with pytest.raises(ValueError, match="the least to learn"):
        recommender.split(ds, ds.observation_start + pd.Timedelta(days=1))
    with pytest.raises(ValueError, match="cut earlier"):
        recommender.split(ds, ds.observation_end + pd.Timedelta(days=30))  # what arrives late is over by then


def test_course_features_know_no_rating_of_the_future(ds, cut):
    reviews = ds.reviews.to_pandas()
    known = reviews[reviews["timestamp"] < cut.at]
    args = (cut.courses, cut.at)
    np.testing.assert_array_equal(
        recommender.course_features(args[0], reviews, args[1]), recommender.course_features(args[0], known, args[1])
    )


def test_an_unknown_profile_field_is_code_zero(cut):
    codes, sizes = recommender.profile_codes(cut.people)
    assert ((codes[:, 0] == 0) == cut.people["age_band"].isna().to_numpy()).all()
    assert (codes.max(axis=0) < np.array(sizes)).all()


def test_places_are_those_of_the_lists_of_that_day(ds):
    assignments = touches.outcomes(ds)
    wave = assignments[assignments["campaign_id"] == assignments["campaign_id"].max()]
    found = protocol.places(ds, wave, 300.0)
    at, course = wave["assigned_at"].iloc[0], wave["product_id"].iloc[0]
    known = neighbours.taste(ds, at, 300.0)
    column = known.courses["product_id"].tolist().index(course)
    lists = neighbours.top(known.scores(slice(None)), 10, known.has)
    listed = set(known.people["user_id"][(lists == column).any(axis=1) & known.personal]) & set(found["user_id"])
    assert 0 < len(listed) < len(found) and set(found.loc[found["own"] <= 10, "user_id"]) == listed
    assert len(set(found["user_id"])) == len(found)


def test_the_list_that_is_shipped_has_the_part_that_the_lesson_judges(ds):
    cut = recommender.split(ds, "2025-10-01")
    judged = neighbours.own_part(ds, cut.at, cut.people, cut.courses, cut.x, 300.0)
    shipped = neighbours.taste(ds, cut.at, 300.0).weights
    assert 0 < judged < 0.2, "0.2 was the best of another company"
    assert set(np.diag(shipped)) == {judged}


def test_the_odds_of_the_lots_do_not_pass_for_an_effect():
    rng = np.random.default_rng(0)
    n = 40_000
    keen = rng.random(n) < 0.5
    odds = np.where(keen, 0.9, 0.4)
    message = rng.random(n) < odds
    bought = rng.random(n) < 0.05 + 0.2 * keen + 0.05 * message
    sent = pd.DataFrame({"user_id": np.arange(n).astype(str), "message": message})
    sent["propensity"] = np.where(message, odds, 1 - odds)
    sent = sent.assign(bought=bought, gain=bought * 10.0, own=np.where(np.arange(n) % 2, 3, 30))
    found = protocol.by_group(sent, {"all": np.ones(n, dtype=bool)}).loc["all"]
    assert found["caused, yuan per 1,000"] == pytest.approx(500, abs=4 * found["standard error"])
    assert found["not told, bought %"] == pytest.approx(15, abs=2)
    direct = protocol.earned(sent, draws=100)["direct"]
    assert abs(direct.value) < direct.high - direct.low  # on and off the list the effect is the same
