"""What was known at a touch: nothing later than the touch, and no one who opted out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hand_made import company as written
from knowpay.derive import evidence

NOON = pd.Timestamp("2025-03-10 12:00", tz="UTC")


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    def ago(**gap: float) -> str:
        return (NOON - pd.Timedelta(**gap)).isoformat()

    rows = [
        ("ann", "product_viewed", "c1", ago(hours=30)),
        ("ann", "product_viewed", "c2", ago(hours=31)),  # the same day
        ("ann", "product_viewed", "c3", ago(days=10)),
        ("ann", "page_viewed", "c1", ago(days=60)),  # before the 30 days
        ("ann", "product_viewed", "c1", ago(hours=-1)),  # after the touch
        ("bob", "page_viewed", "c1", ago(days=2)),
    ]
    events = pd.DataFrame(rows, columns=["user_id", "event", "product_id", "timestamp"])
    courses = pd.DataFrame({"product_id": ["c1", "c2", "c3"], "category": ["history", "history", "exam"]})
    users = pd.DataFrame({"user_id": ["ann", "bob", "cid"], "occupation_band": ["student", None, "teacher"]})
    return written(tmp_path_factory.mktemp("evidence"), users=users, events=events, courses=courses)


def touches() -> pd.DataFrame:
    rows = pd.DataFrame({"touch_id": ["t1", "t2", "t3"], "user_id": ["ann", "bob", "cid"]})
    return rows.assign(price=[99.0, 99.0, 199.0], campaign_id="k", product_id="c1", assigned_at=NOON)


def test_only_the_past_counts(ds) -> None:
    found = evidence.at_touch(ds, touches()).set_index("user_id")
    assert found["active_days"].to_dict() == {"ann": 2, "bob": 1, "cid": 0}
    assert found["pages"].tolist() == [1, 0, 0]  # three pages: level 1 of 1-5
    assert found["alike"].tolist() == [1, 0, 0]  # two of them history
    assert found["seen"].tolist() == [1, 0, 0]
    assert found["interest"].tolist() == [3, 0, 0]  # 2.3 of 6; 0.1 where there is nothing
    assert found["dear"].tolist() == [0, 0, 1]
    assert found["third"].tolist() == ["busy", "middle", "quiet"]


def test_split_is_in_order_of_time() -> None:
    learn, tune, test = evidence.split(pd.DataFrame({"campaign": np.repeat(np.arange(1, 25), 2)}))
    assert (learn["campaign"].max(), tune["campaign"].max(), test["campaign"].max()) == (12, 16, 24)
    assert tune["campaign"].min() == 13


def test_three_campaigns_are_enough_to_split() -> None:
    parts = evidence.split(pd.DataFrame({"campaign": [1, 2, 3]}))
    assert [len(p) for p in parts] == [1, 1, 1]
