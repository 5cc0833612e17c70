"""Money in another unit than declared: nothing of such a file is loaded, and the report says what to write."""

import json

import numpy as np
import pandas as pd
import pytest
from collect_exports import DAY, write_manifest, write_table
from knowpay.collect.dataset import Dataset
from knowpay.collect.ingest import ingest, replay
from test_store import conserved, digests

COURSES = [f"c{i}" for i in range(8)]
LIST = np.array([199, 99, 299, 49.5, 1299, 9.9, 0, 0])  # two are free


def catalogue(prices: np.ndarray = LIST) -> pd.DataFrame:
    return pd.DataFrame(
        {"product_id": COURSES, "name": COURSES, "product_type": "course", "category": "money", "price": prices}
        | {"currency": "CNY", "published_at": "2024-01-01"}
    )


def orders(n: int = 48, first: int = 0, unit: int = 1) -> pd.DataFrame:
    """Orders of one course each over four months: free, discounted and refunded ones among them."""
    number = np.arange(first, first + n)
    listed = LIST[number % 8]
    discount = np.where(number % 5 == 0, np.round(listed * 0.9, 2), 0.0)
    total = np.round(listed - discount, 2)
    refund = np.where(number % 7 == 0, total, 0.0)
    frame = pd.DataFrame(
        {"order_id": [f"o{i:03d}" for i in number], "user_id": [f"u{i % 6}" for i in number], "currency": "CNY"}
        | {"timestamp": [f"2025-{1 + i * 4 // n:02d}-15T10:00:00+08:00" for i in range(n)]}
        | {"status": np.where(refund > 0, "refunded", "paid"), "product_id": [COURSES[i % 8] for i in number]}
    )
    money = {"subtotal": listed, "discount": discount, "total": total, "refund_total": refund}
    return frame.assign(**{name: np.round(values * unit, 2) for name, values in money.items()})


def baskets(n: int = 24, unit: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Orders of two courses each, without product_id, and their lines."""
    two = [(i % 6, (i + 1) % 8) for i in range(n)]
    head = orders(n).drop(columns=["product_id"])
    total = np.array([LIST[a] + LIST[b] for a, b in two])
    head = head.assign(subtotal=total * unit, total=total * unit, discount=0, refund_total=0, status="paid")
    lines = [
        {"order_id": f"o{i:03d}", "line_no": k, "product_id": COURSES[c], "price": LIST[c] * unit, "quantity": 1}
        for i, pair in enumerate(two)
        for k, c in enumerate(pair, 1)
    ]
    return head, pd.DataFrame(lines)


@pytest.fixture
def store(tmp_path):
    """Write the tables (name of the file: frame) under a manifest and ingest them."""

    def make(files: dict[str, pd.DataFrame], **manifest) -> Dataset:
        folder = tmp_path / "export"
        write_manifest(folder, **manifest)
        for name, frame in files.items():
            write_table(frame, folder / f"{name}.csv")
        ds = Dataset("test", ingest(folder, tmp_path / "store"), folder)
        assert conserved(ds)
        return ds

    return make


def loaded(ds: Dataset) -> dict[str, int]:
    """Rows loaded of each file."""
    return ds.report.batches.set_index("file")["loaded"].to_dict()


def test_an_honest_export_is_let_in_without_a_word(store):
    head, lines = baskets()
    ds = store({"courses": catalogue(), "orders": head, "order_items": lines})
    assert ds.quarantine.count().execute() == 0 and ds.report.notes == []
    ds = store({"courses": catalogue(), "orders": orders(), "order_items": lines.head(0)})
    assert ds.quarantine.count().execute() == 0 and ds.report.notes == []


def test_fen_in_the_lines_only(store):
    head, lines = baskets()
    ds = store({"courses": catalogue(), "orders": head, "order_items": lines.assign(price=lines["price"] * 100)})
    assert loaded(ds) == {"courses.csv": 8, "orders.csv": 24, "order_items.csv": 0}
    first = ds.report.notes[0]
    assert first.startswith("order_items.csv: the price of order_items is about 100 times the list price")
    assert "Write `money_unit: fen` into the manifest.yml above it" in first


def test_fen_in_orders_of_several_lines(store):
    """No order names a product: only the lines say what it should cost."""
    head, lines = baskets(unit=100)
    ds = store({"courses": catalogue(), "orders": head, "order_items": lines})
    assert loaded(ds) == {"courses.csv": 8, "orders.csv": 0, "order_items.csv": 0}
    assert ds.report.notes[0].startswith("order_items.csv:") and ds.report.notes[1].startswith("orders.csv: what is")
    head, lines = baskets(unit=100)
    lines["price"] /= 100
    ds = store({"courses": catalogue(), "orders": head, "order_items": lines})
    assert loaded(ds) == {"courses.csv": 8, "orders.csv": 0, "order_items.csv": 48}


def test_lines_without_a_catalogue_still_weigh_their_order(store):
    head, lines = baskets(unit=100)
    lines["price"] /= 100
    assert loaded(store({"orders": head, "order_items": lines}))["orders.csv"] == 0


def test_lines_that_came_in_several_files_count_once(store):
    """Each file repeats the lines and adds one of no known order: six times the list price would hide the fen."""
    head, lines = baskets(unit=100)
    lines["price"] /= 100
    files = {
        f"order_items-{i}": pd.concat([lines, lines.head(1).assign(order_id=f"none{i}")], ignore_index=True)
        for i in range(6)
    }
    assert loaded(store({"courses": catalogue(), "orders": head} | files))["orders.csv"] == 0


@pytest.mark.parametrize("listed", [30, 1, 0])
def test_a_basket_costs_the_sum_of_its_lines(store, listed):
    """Thirty courses of one price, all, one or none of them in the catalogue: thirty times one is no other unit."""
    head = orders(6).drop(columns=["product_id"])
    head = head.assign(subtotal=30 * 99, total=30 * 99, discount=0, refund_total=0, status="paid")
    lines = pd.DataFrame(
        {"order_id": f"o{i:03d}", "line_no": k, "product_id": f"p{k}", "price": 99, "quantity": 1}
        for i in range(6)
        for k in range(1, 31)
    )
    courses = pd.concat([catalogue().iloc[[1]].assign(product_id=f"p{k}") for k in range(1, 31)])
    files = {"courses": courses.head(listed)} if listed else {}
    ds = store(files | {"orders": head, "order_items": lines})
    assert loaded(ds)["orders.csv"] == 6 and not any("times the list price" in note for note in ds.report.notes)


@pytest.mark.parametrize(("rows", "off", "kept"), [(6, 3, 3), (5, 3, 0), (2, 2, 0), (1, 1, 0)])
def test_more_than_half_and_three_at_least_accuse_a_file(store, rows, off, kept):
    """Fewer wait alone, as rows: then the report does not say what to write into the manifest."""
    frame = pd.concat([orders(1)] * rows).assign(order_id=[f"o{i}" for i in range(rows)], subtotal=199, discount=0)
    frame = frame.assign(total=[19900] * off + [199] * (rows - off), refund_total=0, status="paid")
    ds = store({"courses": catalogue(), "orders": frame})
    assert loaded(ds)["orders.csv"] == kept
    assert any("Write `money_unit: fen`" in note for note in ds.report.notes) == (rows == 5)


def test_free_courses_do_not_hide_the_unit(store):
    """A row without a list price to compare is refused with its file: today its hundredfold total was loaded."""
    free = orders(16).assign(product_id="c6", total=4900, subtotal=4900, discount=0, refund_total=0, status="paid")
    free["order_id"] = [f"f{i}" for i in range(16)]
    ds = store({"courses": catalogue(), "orders": pd.concat([orders(unit=100), free])})
    assert loaded(ds)["orders.csv"] == 0 and ds.orders.count().execute() == 0
    held = ds.quarantine.to_pandas()
    assert held.loc[held["rule"] == "money_unit", "source_row"].nunique() == 64
    assert "money_unit: fen" in ds.report.notes[0] and "money_unit: fen" in held["message"].iloc[-1]


def test_one_file_of_two(store):
    ds = store({"courses": catalogue(), "orders-1": orders(24), "orders-2": orders(24, first=24, unit=100)})
    assert loaded(ds) == {"courses.csv": 8, "orders-1.csv": 24, "orders-2.csv": 0}
    assert ds.report.notes[0].startswith("orders-2.csv: what is paid is about 100 times")
    assert not any("orders-1" in note for note in ds.report.notes)


def test_one_month_only_is_the_first_line_of_the_report(store):
    frame = orders()
    march = frame["timestamp"].str.startswith("2025-03")
    money = ["subtotal", "discount", "total", "refund_total"]
    frame.loc[march, money] *= 100
    ds = store({"courses": catalogue(), "orders": frame})
    first = ds.report.notes[0]
    assert first.startswith("orders.csv: in 2025-03 what is paid is about 100 times") and len(ds.report.notes) == 1
    assert ds.orders.to_pandas()["total"].max() == LIST.max() and loaded(ds)["orders.csv"] >= 36


def test_without_list_prices_the_report_says_that_nothing_was_tested(store):
    for files in ({"orders": orders()}, {"courses": catalogue(np.zeros(8)), "orders": orders(unit=100)}):
        first = store(files).report.notes[0]
        assert first.startswith("orders.csv: only 0 of") and "could not be tested" in first


def test_declared_in_fen_and_sent_in_yuan(store, tmp_path):
    write_manifest(tmp_path / "export" / "shop", money_unit="fen")
    ds = store({"courses": catalogue(), "shop/orders": orders()})
    assert loaded(ds)["shop/orders.csv"] == 0
    assert "a hundredth of the list price" in ds.report.notes[0] and "Write `money_unit: yuan`" in ds.report.notes[0]


def test_a_catalogue_in_fen_is_named(store):
    ds = store({"courses": catalogue(LIST * 100), "orders": orders()})
    assert loaded(ds)["orders.csv"] == 0
    assert "courses are in another unit" in ds.report.notes[0] and "`money_unit: fen`" in ds.report.notes[0]


def test_one_price_of_the_catalogue_in_fen_is_doubted(store):
    prices = LIST.copy()
    prices[0] *= 100
    ds = store({"courses": catalogue(prices), "orders": orders(72)})
    assert ds.report.notes[0].startswith("courses: the list price of 1 products is about 100 times off")
    assert ": c0." in ds.report.notes[0] and loaded(ds)["orders.csv"] > 50


def members(unit: int = 1, plan: str = "c1") -> pd.DataFrame:
    price = np.array([99.0] * 10 + [0.0] * 5) * unit
    return pd.DataFrame({"membership_id": [f"p{i}" for i in range(15)], "user_id": "u1", "plan_id": plan}).assign(
        period_no="1", status="active", current_period_start=DAY, current_period_end="2026-03-01", interval="year",
        price=price, currency="CNY", order_id=[f"o{i:03d}" for i in range(1, 120, 8)],
    )  # fmt: skip


def test_memberships_against_their_plan_and_against_their_order(store):
    for plan in ("c1", "vip"):  # the plan vip has no list price; the orders o001, o009 … are of c1
        ds = store({"courses": catalogue(), "orders": orders(120), "memberships": members(plan=plan)})
        assert loaded(ds)["memberships.csv"] == 15
        assert not any("100 times" in note for note in ds.report.notes)
        ds = store({"courses": catalogue(), "orders": orders(120), "memberships": members(100, plan)})
        assert loaded(ds)["memberships.csv"] == 0
        assert ds.report.notes[0].startswith("memberships.csv: the price of memberships is about 100 times")


def test_first_months_at_one_yuan_are_no_other_unit(store):
    """An offer far below the list price, of most rows and of single orders."""
    cheap = members().assign(price=3.5)
    ds = store({"courses": catalogue(), "orders": orders(120), "memberships": cheap})
    assert loaded(ds)["memberships.csv"] == 15 and ds.quarantine.count().execute() == 0


def test_a_single_wrong_order_waits_alone(store):
    frame = orders().astype({"total": float})
    frame.loc[2, "total"] *= 100
    ds = store({"courses": catalogue(), "orders": frame})
    assert loaded(ds)["orders.csv"] == 47 and ds.report.notes == []


def test_a_deep_discount_hides_no_unit(store):
    """790 fen of 5,790: the total is 13.6 times the list price, the amount before the discount 100 times."""
    table = orders(24)
    wrong = {"subtotal": LIST[1] * 100, "discount": LIST[1] * 90, "total": LIST[1] * 10, "refund_total": 0}
    table.loc[1, list(wrong)] = list(wrong.values())
    ds = store({"courses": catalogue(), "orders": table})
    waiting = ds.quarantine.to_pandas()
    assert waiting["rule"].tolist() == ["money_unit"] and waiting["source_row"].tolist() == [2]


def test_mended_and_replayed_nothing_keeps_the_old_unit(store, tmp_path):
    write_manifest(tmp_path / "export" / "shop")
    ds = store({"courses": catalogue(), "shop/orders": orders(unit=100)})
    assert replay(ds.source, ds.store, "money_unit") == 0  # nothing was mended
    assert Dataset("test", ds.store, ds.source).report.notes == ds.report.notes
    write_manifest(tmp_path / "export" / "shop", money_unit="fen")
    assert replay(ds.source, ds.store, "money_unit") == 48
    ds = Dataset("test", ds.store, ds.source)
    assert ds.orders.to_pandas()["total"].sum() == pytest.approx(orders()["total"].sum()) and ds.report.notes == []
    assert digests(ds.store) == digests(ingest(ds.source, tmp_path / "fresh"))


def test_files_one_by_one_are_judged_as_all_at_once(store, tmp_path):
    """The lines, then the orders, then the catalogue arrive: the state is that of one run."""
    head, lines = baskets(unit=100)
    for files in ({"order_items": lines}, {"orders": head}, {"courses": catalogue()}):
        ds = store(files)
    fresh = Dataset("test", ingest(ds.source, tmp_path / "fresh"), ds.source)
    assert digests(ds.store) == digests(fresh.store) and ds.report.notes == fresh.report.notes
    assert loaded(ds) == {"courses.csv": 8, "orders.csv": 0, "order_items.csv": 0}


def purchase(tool: str, row: dict) -> dict:
    """A row of orders as the tool's purchase event."""
    money, moment = {k: row[k] for k in ("order_id", "product_id", "total")}, pd.Timestamp(row["timestamp"])
    if tool == "segment":
        call = {"type": "track", "messageId": row["order_id"], "userId": row["user_id"], "event": "Order Completed"}
        return call | {"timestamp": row["timestamp"], "properties": money}
    if tool == "sensors":
        line = {"type": "track", "event": "order_completed", "login_id": row["user_id"], "distinct_id": row["user_id"]}
        return line | {"time": int(moment.timestamp() * 1000), "properties": money}
    values = {"transaction_id": {"string_value": row["order_id"]}, "value": {"double_value": row["total"]}}
    event = {"event_name": "purchase", "event_timestamp": int(moment.timestamp() * 1e6), "user_id": row["user_id"]}
    params = [{"key": k, "value": v} for k, v in values.items()]
    return event | {"event_params": params, "items": [{"item_id": row["product_id"]}]}


@pytest.mark.parametrize(("tool", "own"), [("segment", "userId"), ("sensors", "login_id"), ("ga4", "user_id")])
def test_purchases_of_a_tool_are_judged_alike(store, tmp_path, tool, own):
    (tmp_path / "export").mkdir()
    for unit, kept in ((100, 0), (1, 48)):
        calls = [purchase(tool, row) for row in orders(unit=unit).to_dict("records")]
        text = "\n".join(json.dumps(call) for call in calls)
        (tmp_path / "export" / "events.jsonl").write_text(text, encoding="utf-8")
        ds = store({"courses": catalogue()}, source_format=tool, business_user_id_column=own)
        assert ds.orders.count().execute() == kept and ds.events.count().execute() == 48
        said = [note.startswith("events.jsonl: what is paid is about 100 times") for note in ds.report.notes]
        assert said[:1] == ([True] if kept == 0 else [])


def test_a_mapping_may_declare_the_unit(store, tmp_path):
    (tmp_path / "export").mkdir()
    mapping = {"shop*.csv": {"table": "orders", "columns": {"total": "total"}}}
    (tmp_path / "export" / "mapping.yml").write_text(json.dumps(mapping), encoding="utf-8")
    ds = store({"courses": catalogue(), "shop": orders(unit=100)}, source_format="mapped")
    assert loaded(ds)["shop.csv"] == 0 and "its entry in mapping.yml" in ds.report.notes[0]
    mapping["shop*.csv"]["money_unit"] = "fen"
    (tmp_path / "export" / "mapping.yml").write_text(json.dumps(mapping), encoding="utf-8")
    assert loaded(store({}, source_format="mapped"))["shop.csv"] == 48
