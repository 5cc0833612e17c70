"""Every rule of ingest: a bad value goes to quarantine with its rule, column, value and a remedy."""

import pandas as pd
import pytest
from collect_exports import DAY, frames, report
from knowpay.collect.schema import TABLES

BASE = {
    "memberships": {
        "membership_id": "p1",
        "user_id": "u1",
        "plan_id": "vip",
        "period_no": "1",
        "status": "active",
        "current_period_start": "2025-03-01",
        "current_period_end": "2026-03-01",  # after the extraction: a period may end in the future
        "interval": "month",
        "price": "25",
        "currency": "CNY",
    },
    "touches": {
        "touch_id": "t1",
        "campaign_id": "k1",
        "user_id": "u1",
        "assigned_at": DAY,
        "assignment": "randomised",
        "variation_id": "control",
        "propensity": "0.5",
    },
    "reviews": {"review_id": "r1", "timestamp": DAY, "kind": "review", "rating": "5", "review_body": "很好"},
    "interactions": {
        "interaction_id": "i1",
        "timestamp": DAY,
        "user_id": "u1",
        "object_type": "course",
        "action": "share",
    },
    "market": {
        "date": "2025-03-01",
        "source": "own",
        "source_url": "https://example.org",
        "entity": "paid_search",
        "metric": "spend",
        "value": "1000",
        "unit": "yuan",
        "currency": "USD",  # figures of others may be in another currency
        "method": "own_spend",
        "retrieved_at": DAY,
        "quality": "P",
    },
    "order_items": {"order_id": "o1", "line_no": "1", "product_id": "c1", "price": "199", "quantity": "1"},
    "identity_map": {
        "anonymous_id": "a1",
        "user_id": "u1",
        "first_seen_at": DAY,
        "last_seen_at": DAY,
        "method": "login",
        "n_users_on_device": "1",
        "status": "active",
    },
}

# table, changes of one row, rule, column reported
BAD = [
    ("users", {"user_id": ""}, "missing_value", "user_id"),
    ("users", {"user_id": "NaN"}, "missing_value", "user_id"),
    ("users", {"created_at": "None"}, "missing_value", "created_at"),
    ("users", {"created_at": "2025-02-30"}, "bad_date", "created_at"),
    ("users", {"created_at": "03/01/2025"}, "bad_date", "created_at"),
    ("users", {"created_at": "epoch"}, "bad_date", "created_at"),
    ("users", {"created_at": "infinity"}, "bad_date", "created_at"),
    ("users", {"created_at": "1740792600"}, "bad_date", "created_at"),
    ("users", {"created_at": "1970-01-01T00:00:00Z"}, "bad_date", "created_at"),
    ("users", {"created_at": "2025-03-01 10:00:00 CST"}, "bad_date", "created_at"),  # China or Chicago?
    ("users", {"created_at": "2025-03-01T10:00:00+99:00"}, "bad_date", "created_at"),
    ("users", {"created_at": "2026-02-01"}, "future_timestamp", "created_at"),
    ("users", {"channel": "carrier_pigeon"}, "not_allowed", "channel"),
    ("users", {"referrer_user_id": "nobody"}, "unknown_reference", "referrer_user_id"),
    ("users", {"is_test": "maybe"}, "wrong_type", "is_test"),
    ("courses", {"price": "¥199"}, "wrong_type", "price"),
    ("courses", {"price": "1,299"}, "wrong_type", "price"),
    ("courses", {"price": "-1"}, "out_of_range", "price"),
    ("courses", {"lesson_count": "2.5"}, "wrong_type", "lesson_count"),
    ("courses", {"currency": "RMB"}, "unknown_currency", "currency"),
    ("courses", {"currency": "USD"}, "currency_differs", "currency"),
    ("courses", {"tags": '["open'}, "wrong_type", "tags"),
    ("events", {"event": "lesson_progressed", "lesson_id": "l1", "progress": "1.5"}, "out_of_range", "progress"),
    ("events", {"progress": "nought"}, "wrong_type", "progress"),
    ("events", {"progress": "inf"}, "wrong_type", "progress"),
    ("events", {"user_id": ""}, "missing_value", "user_id"),
    ("events", {"product_id": ""}, "missing_value", "product_id"),
    ("events", {"event": "lesson_started"}, "missing_value", "lesson_id"),
    ("events", {"properties": "{broken"}, "wrong_type", "properties"),
    ("events", {"properties": "[1, 2]"}, "wrong_type", "properties"),
    ("orders", {"refund_total": "500"}, "refund_exceeds_total", "refund_total"),
    ("orders", {"status": "refunded", "refund_total": ""}, "missing_value", "refund_total"),
    ("orders", {"total": "19900"}, "money_unit", "total"),
    ("orders", {"total": "1.99"}, "money_unit", "total"),
    ("orders", {"product_id": ""}, "missing_value", "product_id"),
    ("orders", {"status": "shipped"}, "not_allowed", "status"),
    ("memberships", {"current_period_end": "2024-01-01"}, "out_of_range", "current_period_end"),
    ("memberships", {"period_no": "-1"}, "out_of_range", "period_no"),
    ("touches", {"propensity": ""}, "missing_value", "propensity"),
    ("touches", {"propensity": "1"}, "out_of_range", "propensity"),
    ("touches", {"propensity": "0"}, "out_of_range", "propensity"),
    ("touches", {"assignment": "stratified"}, "missing_value", "stratum"),
    ("touches", {"user_id": ""}, "missing_value", "user_id"),
    ("reviews", {"rating": "6"}, "out_of_range", "rating"),
    ("reviews", {"nps": "11"}, "out_of_range", "nps"),
    ("interactions", {"action": "poke"}, "not_allowed", "action"),
    ("market", {"date": "March"}, "bad_date", "date"),
    ("market", {"currency": "XYZ"}, "unknown_currency", "currency"),
    ("order_items", {"quantity": "0"}, "out_of_range", "quantity"),
    ("identity_map", {"status": "lost"}, "not_allowed", "status"),
]


def _with(table: str, *changes: dict[str, str]) -> pd.DataFrame:
    """The good rows of a table, and one more row per entry of `changes`, good but for it."""
    good = frames().get(table, pd.DataFrame([BASE[table]] if table in BASE else []))
    rows = [good.iloc[0].to_dict() | {TABLES[table].key[0]: f"extra{i}"} | c for i, c in enumerate(changes)]
    return pd.concat([good, pd.DataFrame(rows)], ignore_index=True)


@pytest.mark.parametrize("table", list(dict.fromkeys(t for t, *_ in BAD)))
def test_bad_values_are_quarantined(opened, table):
    cases = [(c, rule, column) for t, c, rule, column in BAD if t == table]
    # a market row has no id; its date is part of the key
    dated = [{"date": f"2025-04-{i + 1:02d}"} | c if table == "market" else c for i, (c, *_) in enumerate(cases)]
    ds = opened(**{table: _with(table, *dated)})
    line, bad = report(ds, table), ds.quarantine.to_pandas().to_dict("records")
    assert line["quarantined"] == len(cases) and line["loaded"] == line["rows_in"] - len(cases)
    assert len(bad) == len(cases)
    for number, (row, (changes, rule, column)) in enumerate(zip(bad, cases, strict=True), line["loaded"] + 1):
        assert (row["table"], row["rule"], row["column"]) == (table, rule, column), changes
        assert (row["source_file"], row["source_row"]) == (f"{table}.csv", number)
        assert len(row["message"]) > 20 and "{value}" not in row["message"]
        assert f'"{next(iter(changes))}":' in row["raw_json"]
        if rule != "missing_value":
            assert row["value"] == changes[column]


@pytest.mark.parametrize("table", BASE)
def test_good_rows_of_every_table_load(opened, table):
    ds = opened(**{table: _with(table, {"date": "2025-03-02"} if table == "market" else {})})
    assert report(ds, table)["quarantined"] == 0
    assert getattr(ds, table).count().execute() == report(ds, table)["rows_in"] > 1


@pytest.mark.parametrize(
    "changes",
    [
        {"total": "9.95", "discount": "189.05"},  # 95 % off, and the order says so
        {"total": "0"},  # a gift
        {"product_id": "not_in_catalogue", "total": "5"},
        {"total": "398"},  # two of them
    ],
)
def test_money_unit_is_not_raised_by_an_honest_order(opened, changes):
    assert report(opened(orders=_with("orders", changes)), "orders")["quarantined"] == 0


def test_every_error_of_a_row_is_listed_and_the_row_counted_once(opened):
    bad = {"created_at": "never", "channel": "pigeon", "is_bot": "perhaps"}
    ds = opened(users=_with("users", bad))
    found = ds.quarantine.to_pandas()
    assert set(found["rule"]) == {"bad_date", "not_allowed", "wrong_type"}
    assert report(ds, "users")["quarantined"] == 1


def test_missing_column_quarantines_the_file_and_says_so(opened):
    ds = opened(users=frames()["users"].drop(columns="created_at"))
    assert report(ds, "users") == {"rows_in": 6, "loaded": 0, "duplicate": 0, "superseded": 0, "quarantined": 6}
    assert set(ds.quarantine.to_pandas()["rule"]) == {"missing_column"}
    assert any("users.csv has no column created_at" in note for note in ds.report.notes)
    assert report(ds, "events")["loaded"] == 12  # the others load


def test_inviter_in_quarantine_is_still_a_user(opened):
    users = frames()["users"].assign(referrer_user_id=["", "u0", "u1", "", "", ""])
    users.loc[0, "created_at"] = "never"
    assert opened(users=users).quarantine.to_pandas()["rule"].tolist() == ["bad_date"]


def test_a_whole_table_off_by_a_hundred_is_named_in_the_report(opened):
    orders = frames()["orders"]
    ds = opened(orders=orders.assign(total=(orders["total"].astype(float) * 100).astype(str), refund_total="0"))
    assert report(ds, "orders")["quarantined"] == 3
    assert any("money_unit (total)" in note and "wrong as a whole" in note for note in ds.report.notes)


def test_unknown_event_names_pass_and_are_counted(opened):
    ds = opened(events=_with("events", {"event": "danced"}))
    assert report(ds, "events")["loaded"] == 13
    assert any("danced (1)" in note for note in ds.report.notes)
