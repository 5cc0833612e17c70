"""Churn rows: what was known when, who counts as gone, and the OULAD counts that were published."""

from __future__ import annotations

import knowpay
import numpy as np
import pandas as pd
import pytest
import yaml
from knowpay.analyse import churn
from knowpay.collect.manifest import EXAMPLE
from statsmodels.duration.survfunc import SurvfuncRight

MARCH = pd.Timestamp("2025-03-01T00:00:00+08:00")


def at(days: float) -> str:
    """A time so many days after 1 March 2025."""
    return (MARCH + pd.Timedelta(days=days)).isoformat()


def events(rows: list[tuple]) -> pd.DataFrame:
    """Events of (user, day, event, day of arrival)."""
    frame = pd.DataFrame(rows, columns=["user_id", "day", "event", "arrived"])
    return pd.DataFrame(
        {
            "message_id": [f"m{i}" for i in range(len(frame))],
            "event": frame["event"],
            "timestamp": frame["day"].map(at),
            "received_at": frame["arrived"].map(at),
            "user_id": frame["user_id"],
            "product_id": "c1",
            "lesson_id": "l1",
        }
    )


SEEN = [
    ("ann", -1.0, "lesson_completed", -1.0),
    ("ann", -0.99, "page_viewed", -0.99),  # 14 minutes later: the same visit
    ("ann", -0.5, "page_viewed", -0.5),  # another visit
    ("ann", -40.0, "page_viewed", -40.0),  # a visit of the month before
    ("ann", -0.2, "lesson_completed", 0.1),  # happened before, arrived after: not yet known
    ("ann", 0.0, "lesson_completed", 0.0),  # at the start itself: too late
]
PERIODS = [  # user, period, start, end
    ("ann", 0, -7, 0),
    ("ann", 1, 0, 30),
    ("ann", 2, 36, 66),  # six days late: a renewal
    ("ann", 3, 74, 104),  # eight days late: she had left
    ("bob", 1, 60, 90),
    ("eve", 1, 84, 114),  # ends inside the window, its days of grace do not
    ("sam", 1, 0, 30),  # staff
    ("dan", 1, 0, 30),  # no consent to analysis
    ("bob", 1, -400, -35),  # a year of his, price 268: no month
]


@pytest.fixture
def company(tmp_path):
    """Write a small export and open it: company(events) -> Dataset."""

    def make(seen=SEEN, periods=PERIODS) -> knowpay.collect.dataset.Dataset:
        folder = tmp_path / f"export-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        manifest = EXAMPLE | {"observation_start": "2024-01-01", "observation_end": at(120)}
        (folder / "manifest.yml").write_text(yaml.safe_dump(manifest | {"extracted_at": at(121)}))
        people = ["ann", "bob", "eve", "sam", "dan"]
        users = pd.DataFrame({"user_id": people, "created_at": at(-100), "is_staff": [p == "sam" for p in people]})
        users["consent_analytics"] = ["denied" if p == "dan" else "granted" for p in people]
        users["consent_marketing"] = ["denied" if p == "bob" else "granted" for p in people]
        members = pd.DataFrame(periods, columns=["user_id", "period_no", "from", "to"])
        members = members.assign(
            membership_id=[f"s{i}" for i in range(len(members))],
            plan_id="plan",
            status="expired",
            current_period_start=members.pop("from").map(at),
            current_period_end=members.pop("to").map(at),
            interval="month",
            price="25.00",
            currency="CNY",
        )
        long = members["current_period_end"] == at(-35)
        members.loc[long, ["plan_id", "interval", "price"]] = ["yearly", "year", "268.00"]
        orders = pd.DataFrame({"order_id": ["o1", "o2", "o3"], "user_id": "ann", "timestamp": [at(-3), at(-3), at(3)]})
        orders = orders.assign(status="paid", product_id=["c1", "plan", "c1"], total="25.00", currency="CNY")
        orders.loc[3] = ["o4", "bob", at(-400), "paid", "yearly", "268.00", "CNY"]
        tables = {"users": users, "memberships": members, "orders": orders, "events": events(list(seen))}
        for name, table in tables.items():
            if len(table):
                table.to_csv(folder / f"{name}.csv", index=False)
        return knowpay.open(folder, cache=tmp_path / "cache")

    return make


def row(periods: pd.DataFrame, user: str, number: int) -> pd.Series:
    return periods[(periods["user_id"] == user) & (periods["period_no"] == number)].iloc[0]


def test_features_are_those_known_on_the_first_day(company):
    first = row(churn.person_periods(company()), "ann", 1)
    assert first[["visits_30", "visits_before", "lessons_30", "courses_bought"]].tolist() == [2, 1, 1, 1]
    assert first["silent_days"] == pytest.approx(0.5)
    assert first["registered_days"] == pytest.approx(100)
    assert first["log_tenure"] == 0


def test_the_future_changes_no_feature(company):
    later = [("ann", day, "lesson_completed", day) for day in (0.5, 10, 29)]
    before, after = (row(churn.person_periods(company(seen)), "ann", 1) for seen in (SEEN, [*SEEN, *later]))
    pd.testing.assert_series_equal(before[list(churn.FEATURES)], after[list(churn.FEATURES)], check_names=False)


def test_who_has_left(company):
    periods = churn.person_periods(company())
    assert periods["user_id"].isin(["sam", "dan"]).sum() == 0
    assert [row(periods, "ann", k)["left"] for k in (1, 2, 3)] == [0, 1, 1]
    assert row(periods, "bob", 1)["left"] == 1
    waiting = row(periods, "eve", 1)
    assert not waiting["over"] and np.isnan(waiting["left"])


def test_a_year_is_no_month(company):
    ds = company()
    periods = churn.person_periods(ds)
    assert periods["price"].unique().tolist() == [25.0] and (periods["user_id"] == "bob").sum() == 1
    assert row(periods, "bob", 1)["courses_bought"] == 0  # nor is it a course


def test_refusals_are_kept_off_the_list(company):
    periods = churn.person_periods(company())
    assert not row(periods, "bob", 1)["contact"] and row(periods, "ann", 1)["contact"]


def test_somebody_never_seen_was_silent_since_the_registration_and_at_most_half_a_year(company):
    assert row(churn.person_periods(company()), "bob", 1)["silent_days"] == 160
    assert row(churn.person_periods(company()), "eve", 1)["silent_days"] == churn.LONG_AGO == 180  # of 184


def test_no_memberships_is_said_with_the_columns(company):
    with pytest.raises(ValueError, match="memberships table with membership_id"):
        churn.person_periods(company(periods=[]))


def frame(*lives: tuple[str, list[int]]) -> pd.DataFrame:
    """Person-periods from (user, labels of periods 1, 2, …)."""
    rows = [(u, k, float(y), True) for u, labels in lives for k, y in enumerate(labels, 1)]
    return pd.DataFrame(rows, columns=["user_id", "period_no", "left", "over"])


def test_a_life_ends_once():
    lives = churn.lifetimes(frame(("a", [0, 0, 1]), ("b", [0, 0]), ("back", [1, 0, 0]))).set_index("user_id")
    assert lives["periods"].to_dict() == {"a": 3, "b": 2, "back": 1}
    assert lives["left"].to_dict() == {"a": 1, "b": 0, "back": 1}


def test_the_life_table_is_kaplan_meier():
    lives = churn.lifetimes(frame(("a", [0, 0, 1]), ("b", [0, 0]), ("c", [1]), ("d", [0, 1]), ("e", [0, 0, 0])))
    table = churn.life_table(lives, 3)
    assert table["at_risk"].tolist() == [5, 4, 2] and table["left"].tolist() == [1, 1, 1]
    library = SurvfuncRight(lives["periods"], lives["left"])
    np.testing.assert_allclose(table["still_there"], library.surv_prob)
    assert churn.life_table(lives, 5)["hazard"].isna().tolist() == [False, False, False, True, True]


def test_no_answer_of_the_training_side_lies_after_the_cut():
    start = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.arange(300), unit="D")
    periods = pd.DataFrame({"start": start, "end": start + pd.Timedelta(days=30), "over": np.arange(300) < 260})
    train, test = churn.split_by_time(periods)
    assert (train["end"] + pd.Timedelta(days=churn.GRACE_DAYS)).max() <= test["start"].min()
    assert len(train) + len(test) < 260 and train["over"].all() and test["over"].all()


def test_the_simulated_company_agrees_with_what_it_knows():
    ds = knowpay.open("world:small", seed=0)
    over = churn.person_periods(ds).query("over")
    status = ds.memberships.select("membership_id", "status").to_pandas().set_index("membership_id")["status"]
    assert ((status.loc[over["membership_id"]] == "canceled").to_numpy() == (over["left"] == 1)).all()
    assert len(over) > 150 and over[list(churn.FEATURES)].notna().all().all()


def test_the_margin_of_a_month_is_what_its_orders_leave(company):
    ds = company()
    assert churn.monthly_margin(ds, teacher_share=0.5) == pytest.approx(12.5)  # the plan's order
