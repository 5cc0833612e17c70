"""What was known that morning, the own course, and the money of a message."""

from __future__ import annotations

import knowpay
import numpy as np
import pandas as pd
import pytest
from knowpay.operate import campaign
from knowpay.people import money
from knowpay.people.snapshot import snapshot
from operate_company import MORNING, SEEN


@pytest.fixture(scope="module")
def small():
    return knowpay.open("world:small")


@pytest.fixture(scope="module")
def assignments(small):
    return campaign.evidence(small)


def test_the_snapshot_is_what_was_known_that_morning(company):
    known = snapshot(company(), MORNING).set_index("user_id")
    ann = known.loc["ann"]
    assert ann[["active_days", "purchases"]].tolist() == [2, 1]  # the membership and the order to come do not count
    assert ann["recency"] == pytest.approx(1)
    assert ann["tenure"] == pytest.approx(100)
    assert ann["mean_price"] == pytest.approx((100 + 100 + 50) / 3)
    assert known.loc["bob", "purchases"] == 0  # cancelled


def test_the_future_changes_no_feature(company):
    later = [("ann", day, "product_viewed", "c3", day) for day in (0.5, 10, 19)]
    before, after = (snapshot(company(seen), MORNING) for seen in (SEEN, [*SEEN, *later]))
    pd.testing.assert_frame_equal(before, after)


def test_behaviour_of_those_who_said_no_is_not_read(company):
    assert campaign.shelf(company(), ["c1"], MORNING, penalty=10.0).users.tolist() == ["ann", "bob", "dan"]


def test_nobody_is_given_a_course_they_own_or_one_not_on_sale(company):
    shelf = campaign.shelf(company(), ["c1", "c2", "nowhere"], MORNING, penalty=10.0)
    scores = pd.DataFrame(shelf.scores, index=shelf.users, columns=shelf.products)
    assert np.isinf(scores.loc["ann", "c2"]) and np.isinf(scores["nowhere"]).all()
    picks = shelf.picks().set_index("user_id")
    assert picks.loc["ann", "product_id"] == "c1"
    assert picks.loc["bob", "because"] == "opened by many"


def test_places_count_from_one(assignments):
    assert assignments["place"].between(1, assignments["product_id"].nunique()).all()
    share = (assignments["place"] == 1).mean()
    assert 0.02 < share < 0.08  # some twenty courses, one of them the best


def test_evidence_holds_nobody_who_opted_out(small, assignments):
    flags = small.users.filter(small.users.personalization_opt_out).user_id.to_pandas()
    assert not assignments["user_id"].isin(flags).any()
    assert assignments["touch_id"].is_unique


def test_evidence_says_what_is_missing(company):
    with pytest.raises(ValueError, match="3 campaigns and 5 purchases in each arm are needed"):
        campaign.evidence(company())


def test_contribution_rate_by_hand(company):
    assert money.contribution_rate(company(), 0.3) == pytest.approx(0.7 * (49 + 99) / (50 + 100))


def test_inactivity_is_days_without_a_visit():
    assert campaign.inactivity(pd.DataFrame({"active_days": [0, 30]})).tolist() == [30, 0]
