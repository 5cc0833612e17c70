"""What was known at a touch: nothing later than the touch, and no one who opted out."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
from knowpay.derive import evidence

NOON = pd.Timestamp("2025-03-10 12:00", tz="UTC")


def company() -> SimpleNamespace:
    def ago(**gap: int) -> pd.Timestamp:
        return NOON - pd.Timedelta(**gap)

    events = pd.DataFrame(
        [
            ("ann", "product_viewed", "c1", ago(hours=2)),
            ("ann", "product_viewed", "c2", ago(hours=3)),  # the same block of 24 hours
            ("ann", "product_viewed", "c3", ago(days=10)),
            ("ann", "page_viewed", None, ago(days=60)),  # before the 56 days
            ("ann", "product_viewed", "c1", ago(hours=-1)),  # after the touch
            (None, "product_viewed", "c1", ago(hours=5)),  # nobody's
            ("bob", "page_viewed", None, ago(days=2)),
        ],
        columns=["user_id", "event", "product_id", "timestamp"],
    )
    courses = pd.DataFrame({"product_id": ["c1", "c2", "c3"], "category": ["history", "history", "exam"]})
    users = pd.DataFrame(
        {
            "user_id": ["ann", "bob", "cid", "dot"],
            "occupation_band": ["student", None, "teacher", "student"],
            "personalization_opt_out": [False, None, True, False],
            "consent_marketing": ["granted", "unknown", "granted", "denied"],
        }
    )
    con = ibis.duckdb.connect()
    con.raw_sql("SET TimeZone = 'UTC'")
    for name, frame in {"events": events, "courses": courses, "users": users}.items():
        con.con.register(name, frame)
    return SimpleNamespace(con=con, **{name: con.table(name) for name in ("events", "courses", "users")})


def touches() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "touch_id": ["t1", "t2", "t3"],
            "campaign_id": ["k"] * 3,
            "user_id": ["ann", "bob", "cid"],
            "product_id": ["c1"] * 3,
            "assigned_at": [NOON] * 3,
            "price": [99.0, 99.0, 199.0],
        }
    )


def test_only_the_past_counts() -> None:
    found = evidence.at_touch(company(), touches()).set_index("user_id")
    assert found["active_days"].to_dict() == {"ann": 2, "bob": 1, "cid": 0}
    assert found["pages"].tolist() == [1, 0, 0]  # three pages: level 1 of 1-5
    assert found["alike"].tolist() == [1, 0, 0]  # two of them history
    assert found["seen"].tolist() == [1, 0, 0]
    assert found["interest"].tolist() == [3, 0, 0]  # 2.3 of 6; 0.1 where there is nothing
    assert found["dear"].tolist() == [0, 0, 1]
    assert found["third"].tolist() == ["busy", "middle", "quiet"]


def test_opt_outs_are_gone() -> None:
    rows = pd.DataFrame({"user_id": ["ann", "bob", "cid", "dot"]})
    assert evidence.without_opt_outs(company(), rows)["user_id"].tolist() == ["ann", "bob"]


def test_split_is_in_order_of_time() -> None:
    learn, tune, test = evidence.split(pd.DataFrame({"campaign": np.repeat(np.arange(1, 25), 2)}))
    assert (learn["campaign"].max(), tune["campaign"].max(), test["campaign"].max()) == (12, 16, 24)
    assert tune["campaign"].min() == 13


def test_three_campaigns_are_enough_to_split() -> None:
    parts = evidence.split(pd.DataFrame({"campaign": [1, 2, 3]}))
    assert [len(p) for p in parts] == [1, 1, 1]
