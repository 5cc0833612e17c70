"""Who may be written to, how often, who is held out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from knowpay.estimate import Estimate
from knowpay.operate import plan
from operate_company import MORNING

USERS = [f"u{i:05d}" for i in range(20_000)]


def test_everybody_has_one_contact_status(company):
    status = plan.contact_status(company(), MORNING).set_index("user_id")["status"].to_dict()
    assert status == {
        "ann": "personal",
        "bob": "personal",
        "cat": "general",
        "dan": "marketing refused",
        "eve": "under 14",
        "fay": "staff",
        "gus": "erased",
        "hal": "bot",
        "ivy": "general",
        "jim": "test account",
        "lou": "marketing refused",  # the stricter of the two
    }


def test_caps_count_messages_only(company):
    ds = company()
    assert plan.too_often(ds, MORNING).tolist() == ["ann", "bob"]  # ann: 1 in 14 days; bob: 3 in 90
    assert plan.too_often(ds, MORNING + pd.Timedelta(days=1, hours=1)).tolist() == ["ann"]  # bob's first is 90 days old
    assert plan.too_often(ds, MORNING, caps=((14, 2),)).tolist() == []


def test_the_hold_out_is_a_stable_lot():
    held = plan.hold_out(USERS, "k25", "key")
    assert held.mean() == pytest.approx(0.10, abs=4 * np.sqrt(0.09 / len(USERS)))
    assert (plan.hold_out(USERS[::-1], "k25", "key")[::-1] == held).all()
    for other in (plan.hold_out(USERS, "k26", "key"), plan.hold_out(USERS, "k25", "another key")):
        assert (held & other).mean() == pytest.approx(0.01, abs=4 * np.sqrt(0.0099 / len(USERS)))  # independent


def test_a_larger_share_holds_out_the_same_people_and_more():
    small, large = (plan.hold_out(USERS, "k25", "key", share) for share in (0.1, 0.3))
    assert (large | ~small).all() and large.mean() > 0.28


@pytest.mark.parametrize(("key", "share"), [("", 0.1), ("key", 0.0), ("key", 1.0)])
def test_no_lot_without_key_or_share(key, share):
    with pytest.raises(ValueError, match=r"key|share"):
        plan.hold_out(USERS[:3], "k25", key, share)


def test_best_seller_is_what_most_people_opened(company):
    ds = company()
    assert plan.best_seller(ds, ["c1", "c2"], MORNING) == "c1"
    with pytest.raises(ValueError, match="Nobody opened"):
        plan.best_seller(ds, ["c9"], MORNING)


def test_a_larger_hold_out_needs_fewer_campaigns():
    table = plan.rounds(1000, base=0.02, effect=0.01)
    assert table.index.tolist() == ["10%", "30%", "50%"]
    assert table["campaigns needed"].is_monotonic_decreasing
    assert table.loc["50%", "one campaign finds, points"] == pytest.approx(280 * np.sqrt(0.02 * 0.98 * 4 / 1000))


def test_the_brief_says_what_matters():
    table = pd.DataFrame({"user_id": ["a", "b", "c"], "product_id": "c1", "score": 1.0, "reason": "r"})
    table = plan.target_list(table, "k7", MORNING, "wechat_official", "key", share=0.5)
    table["arm"] = ["message", "message", "control"]
    judge = plan.judgement(table, campaigns=4)
    text = plan.brief("k7", table, pd.Series({"staff": 2}), 0.2, Estimate(30.0, -5.0, 65.0, 21.3), judge)
    for fact in ("# Campaign k7", "01 March 2025", "2 people", "0 yuan", "30 yuan", "-5 and 65", "staff: 2", "4 such"):
        assert fact in text
    assert len(text.split()) < 300  # one page
