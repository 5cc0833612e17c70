"""The Dataset: types at the door, derived columns, raw rows, truth, what is unlocked."""

import gc
import inspect
import json
from pathlib import Path

import pandas as pd
import pytest
from collect_exports import frames, write_manifest
from knowpay.collect import ExportError, TooLittleData, needs
from knowpay.collect.dataset import Dataset, Truth
from knowpay.collect.disk import ROOT
from knowpay.collect.ingest import ingest
from knowpay.collect.schema import TABLES, dictionary

KINDS = {"str": "str", "ts": "datetime64[us, UTC]", "dec": "float64", "float": "float64", "int": "float64"}


def test_every_canonical_column_exists_with_its_type(opened):
    ds = opened()
    for table in TABLES.values():
        frame = getattr(ds, table.name).to_pandas()
        assert list(frame.columns)[: len(table.names)] == table.names
        for column in table.columns:
            if column.type in KINDS and not (column.type == "int" and column.required) and len(frame):
                assert str(frame[column.name].dtype) == KINDS[column.type], (table.name, column.name)
    users = ds.users.to_pandas()
    assert users["is_bot"].dtype == bool and users["personalization_opt_out"].dtype == bool
    assert list(ds.courses.to_pandas()["tags"].iloc[0]) == ["基础", "理财"]


def test_net_revenue(opened):
    """total − tax − refund − fee − commission; an absent part counts as 0."""
    net = opened().orders.to_pandas().set_index("order_id")["net_revenue"]
    assert net.round(2).to_dict() == {"o1": 197.01, "o2": 89.5, "o3": -0.99}


def test_order_items_are_made_from_orders(opened):
    items = opened().order_items.to_pandas()
    assert items[["order_id", "line_no", "product_id"]].to_numpy().tolist() == [
        ["o1", 1, "c1"],
        ["o2", 1, "c2"],
        ["o3", 1, "c2"],
    ]
    assert items["price"].tolist() == [199.0, 99.0, 99.0]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_raw_gives_the_rows_as_they_came(opened, kind):
    ds = opened(kind=kind, orders=frames()["orders"].assign(**{'say "hi"': "x"}))
    raw = ds.raw("orders").to_pandas()
    assert raw['say "hi"'].tolist() == ["x"] * 3
    assert raw["source_row"].tolist() == [1, 2, 3] and set(raw["source_file"]) == {f"orders.{kind}"}
    assert raw["total"].tolist() == ["199.00", "89.50", "99.00"]
    assert len(ds.raw("orders").to_pandas()) == 3  # a second call gives the same table
    with pytest.raises(KeyError, match="touches"):
        ds.raw("touches")


def test_raw_rows_of_a_tool_have_canonical_names(tmp_path):
    write_manifest(tmp_path / "export", source_format="segment", business_user_id_column="userId")
    line = {
        "type": "track",
        "messageId": "m1",
        "userId": "u1",
        "event": "Signed Up",
        "timestamp": "2025-03-01T10:00:00Z",
    }
    (tmp_path / "export" / "events.jsonl").write_text(json.dumps(line) + "\nno json\n", encoding="utf-8")
    folder = ingest(tmp_path / "export", tmp_path / "store")
    raw = Dataset("test", folder, tmp_path / "export").raw("events").to_pandas()
    assert raw[["source_row", "message_id", "user_id"]].values.tolist() == [[1, "m1", "u1"]]


def test_the_working_copies_of_raw_rows_go_with_the_data_set(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ds = opened()
    ds.raw("orders")
    (folder,) = tmp_path.glob("knowpay-*")
    assert len(list(folder.rglob("*.parquet"))) == 1
    ds.raw("users")
    assert len(ds.raw("orders").to_pandas()) == 3  # a second table takes nothing from the first
    del ds
    gc.collect()
    assert not folder.exists()


def test_raw_rows_need_their_files(opened):
    ds = opened()
    (ds.source / "events.csv").rename(ds.source / "other.csv")
    with pytest.raises(ExportError, match=r"events\.csv is not in .* any more"):
        ds.raw("events")


def test_facts_of_the_manifest(opened):
    ds = opened()
    assert (ds.timezone, ds.currency, ds.manifest["dataset_id"]) == ("Asia/Shanghai", "CNY", "my_company")
    assert ds.observation_start == pd.Timestamp("2024-06-30T16:00Z")
    assert ds.observation_end == pd.Timestamp("2025-12-31T16:00Z") and str(ds.observation_end.tz) == "UTC"
    assert "events 12" in repr(ds) and "rows_in" in repr(ds.report) and "<table" in ds.report._repr_html_()


def test_truth_belongs_to_simulated_companies(export, tmp_path):
    folder = export()
    out = ingest(folder, tmp_path / "store")
    with pytest.raises(AttributeError, match="not a simulated company"):
        _ = Dataset("mine", out, folder).truth
    truth = tmp_path / "truth"
    truth.mkdir()
    pd.DataFrame({"user_id": ["u1"]}).to_parquet(truth / "users.parquet")
    (truth / "truth.yml").write_text("a: 1\n", encoding="utf-8")
    ds = Dataset("world", out, folder, truth)
    assert len(ds.truth.users) == 1 and ds.truth.users is ds.truth.users and ds.truth.info == {"a": 1}
    with pytest.raises(AttributeError, match="It has: users"):
        _ = ds.truth.wishes


@pytest.fixture
def truth(tmp_path):
    """Make the truth of an opened company: truth(**{"touches/part-000": frame}) writes touches/part-000.parquet."""

    def make(**tables):
        for name, frame in tables.items():
            path = tmp_path / "truth" / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.to_parquet(path)
        return Truth(tmp_path / "truth")

    return make


def test_a_table_of_the_truth_may_lie_in_parts(truth):
    parts = {f"touches/part-{at:03}": pd.DataFrame({"touch_id": [2 * at, 2 * at + 1]}) for at in (2, 0, 1)}
    found = truth(**parts, users=pd.DataFrame({"user_id": ["u1"]}))
    assert found.touches["touch_id"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found.touches.index.tolist() == [0, 1, 2, 3, 4, 5] and len(found.users) == 1
    assert {"touches", "users"} <= set(dir(found)) and "part-000" not in dir(found)
    with pytest.raises(AttributeError, match="It has: touches, users"):
        _ = found.wishes


def test_unlocks_names_what_is_missing(opened):
    found = opened(orders=None).unlocks().set_index("lesson")
    lessons = {path.stem for path in (ROOT / "notebooks" / "src").glob("[0-9]*.py")}
    assert set(found.index) == lessons and not found["unlocked"].any()
    assert found.loc["00_start_here", "reason"] == "users has 6 rows; about 100 are needed"
    assert found.loc["10_foresee_who_leaves", "reason"] == "add the table memberships"
    assert found.loc["12_derive_the_targeting_formula", "reason"] == "add the table touches"


def test_unlocks_a_larger_export(opened):
    tables = frames(users=150, events=2400)
    tables["events"]["product_id"] = [f"c{i // 150}" for i in range(2400)]
    orders = pd.concat([tables["orders"]] * 40, ignore_index=True).assign(order_id=range(120))
    touches = pd.DataFrame(
        {
            "touch_id": range(2400),
            "campaign_id": "k1",
            "user_id": "u1",
            "assigned_at": "2025-03-01",
            "assignment": "rule",
            "variation_id": ["message", "control"] * 1200,
        }
    )
    courses = pd.concat([tables["courses"]] * 10, ignore_index=True).assign(product_id=[f"c{i}" for i in range(20)])
    ds = opened(users=tables["users"], events=tables["events"], orders=orders, touches=touches, courses=courses)
    found = ds.unlocks().set_index("lesson")
    assert found.loc["01_collect_app_and_web_events"].tolist() == [True, "enough"]
    assert (
        "2,400 pairs of a person and a course, 0 of them in the last 30 days"
        in found.loc["15_train_a_course_recommender", "reason"]
    )
    assert "column propensity" in found.loc["18_plan_a_campaign", "reason"]
    ds.needs("01")
    with pytest.raises(TooLittleData, match=r"cannot carry lesson 18.*column propensity"):
        ds.needs("18")
    with pytest.raises(ValueError, match=r"no lesson '99'; ds.unlocks.. lists them by number"):
        ds.needs("99")


def test_without_the_course_the_analyses_take_the_place_of_the_lessons(opened, monkeypatch, tmp_path):
    monkeypatch.setattr(needs, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    ds = opened(orders=None)
    unlocked = ds.unlocks().set_index("analysis")
    assert {name.split(" (")[0] for name in unlocked.index} == set(needs.analyses()) and not unlocked["unlocked"].any()
    assert unlocked.loc["renewals (who does not renew)", "reason"] == "add the table memberships"
    said = r"cannot carry analysis renewals \(who does not renew\): add the table memberships.* which analyses it can"
    with pytest.raises(TooLittleData, match=said):
        ds.needs("renewals")
    with pytest.raises(ValueError, match=r"no analysis '12'; ds.unlocks.. lists them by name"):
        ds.needs("12")
    monkeypatch.chdir(ROOT / "notebooks")  # a lesson runs here, whatever knowpay it was given
    with pytest.raises(TooLittleData, match=r"cannot carry lesson 12_derive.*: add the table touches"):
        ds.needs("12")


def test_each_analysis_is_stated_in_the_same_form():
    def form(need):
        if isinstance(need, list):
            return all(map(form, need))
        check = inspect.signature(needs.CHECKS[need.get("check", "counted")]).parameters
        given = set(need) - {"check"}
        return given <= set(check) and given | {"ds"} >= {k for k, p in check.items() if p.default is p.empty}

    for analysis in needs.analyses().values():
        assert set(analysis) == {"title", "amount", "needs"} and form(analysis["needs"])
        assert {"table", "words"} <= set(analysis["amount"]) <= {"table", "where", "words"}


def test_a_need_is_met_by_its_own_number(opened):
    touches = pd.DataFrame({"touch_id": range(2000), "campaign_id": "k1", "user_id": "u1", "propensity": 0.5})
    touches = touches.assign(assigned_at="2025-03-01", assignment="randomised", variation_id=["control", "a"] * 1000)
    ds = opened(touches=touches)  # 6 users, each of whom opened two course pages
    assert needs.counted(ds, "users", 6) == needs.readers(ds, 1, 6) == needs.readers(ds, 2, 6) == ""
    assert needs.counted(ds, "users", 7) == "users has 6 rows; about 7 are needed"
    assert needs.counted(ds, "market", 1) == "add the table market"
    assert needs.readers(ds, 1, 7) == "6 users opened a course page (event product_viewed); about 7 are needed"
    assert needs.readers(ds, 2, 7) == "6 users opened 2 course pages or more; about 7 are needed"
    assert needs.readers(ds, 3, 1, when="today") == "0 users opened 3 course pages or more today; about 1 are needed"
    assert needs.lack(ds, needs.analyses()["profiles"]["needs"][2:]).startswith("add the event page_viewed with a user")
    odds = needs.analyses()["economics"]["needs"][-1]
    assert needs.lack(ds, odds) == ""
    ds.con.raw_sql("CREATE TABLE all_touches AS FROM touches")
    for one, arm in enumerate(("control", "treated")):
        ds.con.raw_sql(f"CREATE OR REPLACE VIEW touches AS SELECT * FROM all_touches WHERE touch_id <> '{one}'")
        assert needs.lack(ds, odds) == f"touches has 999 randomised {arm} rows; about 1,000 are needed"


def test_a_notebook_shows_the_sentence_and_no_traceback(opened, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell

    shown, shell = [], InteractiveShell()
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, error, lines: shown.append((kind, lines)))
    shell.user_ns["ds"] = opened(orders=None)
    assert not shell.run_cell('ds.needs("12")').success  # so that the cells after it do not run
    ((kind, (line,)),) = shown
    assert kind is TooLittleData and line.startswith("test cannot carry lesson 12") and "add the table touches" in line


@pytest.mark.parametrize(
    ("lacks", "reason"),
    [
        ({}, "enough"),
        ({"interactions": None}, "add the table interactions"),
        ({"interactions": {"action": "like"}}, "interactions has 0 invitations sent; about 1 are needed"),
        ({"courses": {"category": ""}}, "add the table courses with the column category"),
        ({"events": {"event": "page_viewed"}}, "0 users opened a course page (event product_viewed); about 100"),
    ],
    ids=["nothing", "interactions", "invitations", "categories", "course pages"],
)  # fmt: skip
def test_invitations_need_interactions_and_course_pages_and_no_market(opened, lacks, reason):
    tables = frames(users=150, events=1200)
    tables["users"]["referrer_user_id"] = ["", *["u0"] * 149]
    tables["events"]["anonymous_id"] = "a" + tables["events"]["user_id"]
    tables["orders"] = pd.concat([tables["orders"]] * 40, ignore_index=True).assign(order_id=range(120))
    sent = {"interaction_id": ["i1"], "user_id": "u0", "action": "invite", "object_type": "course"}
    tables["interactions"] = pd.DataFrame(sent | {"timestamp": "2025-03-01"})
    tables |= {name: change and tables[name].assign(**change) for name, change in lacks.items()}
    found = opened(**tables).unlocks().set_index("lesson").loc["02_join_social_and_third_party_data"]
    assert found["unlocked"] == (reason == "enough") and found["reason"].startswith(reason)


def test_dictionary_page_is_up_to_date():
    page = Path(__file__).parents[2] / "datasets" / "dictionary.md"
    assert page.read_text("utf-8") == dictionary(), "write it again: python -m knowpay.collect.schema"
    assert "| `net_revenue` |" in dictionary() and dictionary().count("\n## ") == len(TABLES) + 1


def test_waiting_sums_up_the_quarantine(opened):
    events = frames()["events"].assign(event=[""] * 4 + ["page_viewed"] * 8, progress=["7"] + [""] * 11)
    found = opened(events=events).waiting()
    assert found[["table", "rule", "rows"]].values.tolist() == [
        ["events", "missing_value", 4],
        ["events", "out_of_range", 1],
    ]
    assert found["message"][1] == "7 is out of range. Allowed: at least 0, at most 1."


def test_free_text_loses_numbers_and_addresses_on_the_way_in(opened):
    said = ["电话 138-1234-5678，好课", "写信到 a.b@example.com", "没有问题"]
    reviews = pd.DataFrame(
        {"review_id": ["r1", "r2", "r3"], "timestamp": "2025-03-01", "kind": "review", "review_body": said}
    )
    searched = frames()["events"].assign(search_query="微信号：abc_1234")
    ds = opened(reviews=reviews, events=searched)
    assert ds.reviews.to_pandas()["review_body"].tolist() == ["电话 [phone]，好课", "写信到 [e-mail]", "没有问题"]
    assert set(ds.events.to_pandas()["search_query"]) == {"微信号：[wechat]"}


def test_every_table_is_declared_with_its_meaning(opened):
    ds = opened()
    for name in (*TABLES, "quarantine", "superseded"):
        assert vars(Dataset)[name].__doc__.startswith(TABLES[name].meaning if name in TABLES else f"The {name} rows")
        assert getattr(ds, name) is getattr(ds, name) and getattr(ds, name).get_name() == name
