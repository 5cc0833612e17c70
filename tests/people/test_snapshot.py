"""What was known of a person at a moment: by hand, against plain pandas, and against an export that ends there."""

from __future__ import annotations

import knowpay
import numpy as np
import pandas as pd
import pytest
from hand_made import company
from knowpay.people import money, snapshot, visits
from knowpay.people.known import log, moment

NOON = pd.Timestamp("2025-06-10T12:00:00+08:00")


def at(days: float, minutes: float = 0) -> str:
    return (NOON + pd.Timedelta(days=days, minutes=minutes)).isoformat()


def seen(*times: str, event: str = "page_viewed") -> list[dict]:
    return [{"user_id": "ann", "timestamp": time, "event": event} for time in times]


@pytest.fixture
def known(tmp_path):
    """The snapshot of Ann, registered a hundred days before, at noon."""

    def look(events: list[dict], **tables) -> pd.Series:
        users = [{"user_id": "ann", "created_at": at(-100)}]
        courses = [{"product_id": "c1"}, {"product_id": "plan", "product_type": "membership"}]
        ds = company(tmp_path, users=users, events=events, courses=courses, **tables)
        return snapshot.snapshot(ds, NOON).set_index("user_id").loc["ann"]

    return look


def test_active_days_are_calendar_days_of_the_company_and_end_yesterday(known):
    """Half past eleven at night and half past midnight are two days; blocks of 24 hours would make one of them."""
    night = [at(-1.5, -30), at(-1.5, 30)]
    assert known(seen(*night))["active_days"] == 2
    assert known(seen(at(-0.1)))["active_days"] == 0  # today has not ended
    first, before = "2025-05-11T00:00:00+08:00", "2025-05-10T23:59:59+08:00"
    assert [known(seen(time))["active_days"] for time in (first, before)] == [1, 0]  # 30 days before 10 June


def test_a_visit_ends_after_half_an_hour_of_silence(known):
    assert known(seen(at(-2), at(-2, 30), at(-2, 60)))["visits_30"] == 1
    assert known(seen(at(-2), at(-2, 31)))["visits_30"] == 2


def test_a_visit_that_began_before_the_window_is_not_counted_in_it(known):
    row = known(seen(at(-30, -10), at(-30, 10), at(-60, -10), at(-60, 10)))
    assert row[["visits_30", "visits_before"]].tolist() == [0, 1]  # each began ten minutes before its window


def test_the_rest_by_hand(known):
    lessons = seen(at(-29), at(-31), event="lesson_completed")
    orders = [{"user_id": "ann", "timestamp": at(-1)}, {"user_id": "ann", "timestamp": at(1)}]
    orders.append({"user_id": "ann", "timestamp": at(-1), "product_id": "plan"})
    row = known([*lessons, *seen(at(-70), event="product_viewed")], orders=orders)
    assert row[["lessons_30", "pages", "purchases"]].tolist() == [1, 1, 1]
    assert row[["tenure", "recency"]].tolist() == pytest.approx([100, 29])
    assert row[["device_os", "channel"]].tolist() == ["unknown", "unknown"]


def test_the_mean_price_is_of_the_courses_that_somebody_showed_interest_in(tmp_path):
    courses = [{"product_id": c, "price": price} for c, price in (("c1", "100.00"), ("c2", "300.00"), ("c3", "800.00"))]
    pages = [{"user_id": "ann", "timestamp": at(-2), "event": "product_viewed", "product_id": c} for c in ("c1", "c2")]
    passed = {"user_id": "ann", "timestamp": at(-2), "event": "page_viewed", "product_id": "c3"}
    ds = company(tmp_path, users=[{"user_id": "ann"}, {"user_id": "ben"}], courses=courses, events=[*pages, passed])
    assert snapshot.snapshot(ds, NOON)["mean_price"].tolist() == [200, 400]  # Ben saw nothing: the catalogue's mean


def test_a_window_has_its_first_moment_and_not_its_last(known, tmp_path):
    lessons = seen(at(-60), at(-30), at(0), event="lesson_completed")
    row = known(lessons, orders=[{"user_id": "ann", "timestamp": at(-1)}, {"user_id": "ann", "timestamp": at(0)}])
    assert row[["visits_30", "visits_before", "lessons_30", "purchases"]].tolist() == [1, 1, 1, 1]
    began = visits.visits(company(tmp_path, events=lessons), NOON).start.to_pandas()
    assert sorted(began) == [NOON - pd.Timedelta(days=60), NOON - pd.Timedelta(days=30)]


@pytest.fixture(scope="module")
def small():
    return knowpay.open("world:small")


@pytest.fixture(scope="module")
def cut(small):
    return moment(small, "2025-03-03 09:30")


def test_a_snapshot_is_that_of_an_export_that_ends_there(small, cut):
    """Whatever is read of the time after shows here: late arrivals, later orders, merged visits."""
    whole = snapshot.snapshot(small, cut)
    ended = knowpay.open("world:small")
    for table, when in (("events", "greatest(timestamp, coalesce(received_at, timestamp))"), ("orders", "timestamp")):
        ended.con.raw_sql(f"CREATE TABLE all_{table} AS FROM {table}")
        ended.con.raw_sql(f"CREATE OR REPLACE VIEW {table} AS FROM all_{table} WHERE {when} < '{cut.isoformat()}'")
    late = log(small).filter(lambda e: (e.timestamp < cut) & (e.known_at >= cut)).count().to_pandas()
    assert late > 10 and len(whole) > 1_000
    pd.testing.assert_frame_equal(whole, snapshot.snapshot(ended, cut))


def test_the_same_as_plain_pandas(small, cut):
    people = snapshot.snapshot(small, cut).set_index("user_id")
    e = log(small).to_pandas()
    e = e[(e["known_at"] < cut) & e["user_id"].isin(people.index)].sort_values(["user_id", "timestamp"])
    gap = e.groupby("user_id")["timestamp"].diff()
    opening = e[gap.isna() | (gap > pd.Timedelta(minutes=30))]
    month = opening["timestamp"] >= cut - pd.Timedelta(days=30)
    days = e["timestamp"].dt.tz_convert(small.timezone).dt.normalize().dt.tz_localize(None)
    today = cut.tz_localize(None).normalize()
    days = days[(days < today) & (days >= today - pd.Timedelta(days=30))]
    expected = {
        "visits_30": opening[month].groupby("user_id").size(),
        "active_days": days.groupby(e["user_id"]).nunique(),
        "pages": e[e["event"] == "product_viewed"].groupby("user_id").size(),
    }
    for name, found in expected.items():
        np.testing.assert_array_equal(people[name], found.reindex(people.index, fill_value=0), err_msg=name)
    began = visits.visits(small, cut).to_pandas()
    assert sorted(began["start"]) == sorted(opening["timestamp"])


def test_each_row_has_its_own_moment_and_keeps_its_place(small, cut):
    ids = snapshot.snapshot(small, cut)["user_id"].iloc[[40, 3, 40]].to_numpy()
    moments = [cut, cut + pd.Timedelta(days=20), cut - pd.Timedelta(days=20)]
    rows = pd.DataFrame({"user_id": ids, "at": pd.to_datetime(moments, utc=True)}, index=[7, 5, 6])
    found = snapshot.snapshot(small, rows)
    assert found.index.tolist() == [7, 5, 6]
    for place, when in zip([7, 5, 6], moments, strict=True):
        alone = snapshot.snapshot(small, when).set_index("user_id").loc[rows.loc[place, "user_id"]]
        pd.testing.assert_series_equal(
            alone.drop("at"), found.loc[place].drop(["user_id", "at"]), check_names=False, check_dtype=False
        )


def test_nobody_is_asked_about_who_may_not_be_analysed(tmp_path):
    ds = company(tmp_path, users=[{"user_id": "eve", "consent_analytics": "denied"}])
    with pytest.raises(ValueError, match="eve may not be analysed"):
        snapshot.snapshot(ds, pd.DataFrame({"user_id": ["eve"], "at": [NOON]}))


def test_money_says_what_it_lacks(tmp_path):
    ds = company(tmp_path, users=[{"user_id": "ann"}], courses=[{"product_id": "c1"}])
    with pytest.raises(ValueError, match="no paid course order"):
        money.contribution_rate(ds, 0.3)
    for share in (-0.1, 1.0, 30):
        with pytest.raises(ValueError, match="must be 0 or more and below 1"):
            money.contributions(ds, share)
