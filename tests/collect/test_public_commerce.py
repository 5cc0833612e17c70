"""Sets of shops and campaigns: on small made files of the publishers' form, and on the real files where they are."""

import csv
import gzip
import hashlib
import io
import json
import threading
import zipfile
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from xml.sax.saxutils import escape

import knowpay
import numpy as np
import pandas as pd
import pytest
from knowpay.collect import DownloadError, public
from knowpay.collect.disk import ROOT
from knowpay.collect.public import LISTED, SETS, counts, find, open_public
from knowpay.collect.public import online_retail as retail
from scipy.special import betaln, gammaln

CARDS = ROOT / "datasets"
(HILLSTROM,), (BANK,), (HEADLINES,) = (LISTED[name].files for name in ("hillstrom", "bank_marketing", "upworthy"))
ITEMS = {"men": 34, "women": 46}  # of the campaigns of Open Bandit


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Open a set on made files: made("cdnow", {"CDNOW_master.txt": "..."}); nothing else is looked at."""
    monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))

    def open_made(name, files):
        dataset = SETS[name]
        folder = tmp_path / "data" / dataset.folder
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_bytes(text.encode())
        unpinned = {n: f.model_copy(update={"sha256": None}) for n, f in dataset.files.items()}
        return open_public(dataset.model_copy(update={"files": unpinned}), tmp_path / "cache")

    return open_made


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def rows(ds) -> dict[str, tuple[int, int]]:
    """(loaded, quarantined) of each table that has rows; nothing may be a duplicate or superseded."""
    report = ds.report.rows
    assert not report[["duplicate", "superseded"]].to_numpy().any()
    return {
        t: (n, q) for t, n, q, i in report[["table", "loaded", "quarantined", "rows_in"]].itertuples(index=False) if i
    }


def properties(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(frame["properties"].map(json.loads).tolist(), index=frame.index)


# --- Hillstrom ---------------------------------------------------------------------------------------------------

MAIL = """recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend
10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,Womens E-Mail,1,1,29.99
10,2) $100 - $200,142.44,1,0,Surburban,0,Phone,Womens E-Mail,0,0,0
6,3) $200 - $350,329.08,1,1,Rural,1,Web,No E-Mail,0,0,0
7,2) $100 - $200,180.65,0,1,Surburban,1,Web,Mens E-Mail,1,0,0
"""


def test_hillstrom_is_a_trial_with_its_control_and_its_odds(made):
    ds = made("hillstrom", {HILLSTROM: MAIL})
    assert rows(ds) == {"events": (2, 0), "orders": (1, 0), "touches": (4, 0)}  # the second row repeats the first
    touches = ds.touches.to_pandas().set_index("user_id")
    assert touches["variation_id"].tolist() == ["womens-e-mail", "womens-e-mail", "control", "mens-e-mail"]
    assert touches["propensity"].tolist() == [1 / 3] * 4 and set(touches["assignment"]) == {"randomised"}
    before = properties(touches).loc["row-00003"]
    assert (before["recency"], before["history"], before["newbie"], before["channel"]) == (6, 329.08, 1, "Web")
    assert not {"visit", "conversion", "spend"} & set(before.index)  # outcomes are no attributes
    (order,) = ds.orders.to_pandas().to_dict("records")
    assert (order["user_id"], order["total"], order["currency"]) == ("row-00001", 29.99, "USD")
    assert sorted(ds.events.to_pandas()["user_id"]) == ["row-00001", "row-00004"]
    window = order["timestamp"] - touches["assigned_at"]
    assert (window < pd.Timedelta("14D")).all() and (window > pd.Timedelta(0)).all()


@pytest.mark.real_data("hillstrom")
def test_hillstrom_has_the_published_rates(cache):
    ds = knowpay.open("hillstrom", cache=cache)
    assert counts(ds)["complete"].all()
    assert rows(ds) == {"events": (9_394, 0), "orders": (578, 0), "touches": (64_000, 0)}
    people = ds.touches.to_pandas().set_index("user_id")[["variation_id"]]
    people["visit"] = people.index.isin(ds.events.to_pandas()["user_id"])
    spend = ds.orders.to_pandas().set_index("user_id")["total"]
    people = people.assign(buys=people.index.isin(spend.index), spend=spend).fillna({"spend": 0.0})
    found = people.groupby("variation_id").mean()
    arms = ["mens-e-mail", "womens-e-mail", "control"]
    assert (found.loc[arms, "visit"] * 100).round(1).tolist() == [18.3, 15.1, 10.6]
    assert (found.loc[arms, "buys"] * 100).round(2).tolist() == [1.25, 0.88, 0.57]
    assert found.loc[arms, "spend"].round(2).tolist() == [1.42, 1.08, 0.65]
    frame = pd.read_csv(public.path("hillstrom"))
    assert frame["conversion"].sum() == 578 and frame.duplicated().sum() == 6_562


# --- Online Retail II --------------------------------------------------------------------------------------------

INVOICES = """Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country
489434,85048,"LIGHTS, 20",12,2010-07-01 07:45:00,6.95,13085,United Kingdom
489434,85048,"LIGHTS, 20",12,2010-07-01 07:46:00,6.95,13085,United Kingdom
489435,PADS,PADS,2,2010-12-01 08:00:00,0.001,13086,France
489436,22041,FRAME,1,2010-12-01 09:00:00,2.10,,United Kingdom
C489449,22087,LANTERN,-6,2010-12-02 10:00:00,2.95,16321,Australia
489464,21733,lost,-96,2010-12-02 11:00:00,0,,United Kingdom
A506401,B,Adjust bad debt,1,2010-12-03 12:00:00,-53594.36,,United Kingdom
"""


def test_online_retail_keeps_every_line(made):
    ds = made("online_retail_ii", {retail.FILE: INVOICES})
    assert rows(ds) == {"orders": (3, 3), "order_items": (4, 3)}
    orders = ds.orders.to_pandas().set_index("order_id")
    assert orders["status"].to_dict() == {"489434": "paid", "489435": "paid", "C489449": "cancelled"}
    assert orders["total"].to_dict() == {"489434": 166.8, "489435": 0.0, "C489449": 0.0}
    assert orders["revenue"].to_dict() == {"489434": 166.8, "489435": 0.0, "C489449": -17.7}
    assert orders.loc["489434", "timestamp"].isoformat() == "2010-07-01T06:45:00+00:00"  # summer time in London
    assert properties(orders).loc["489434"].to_dict() == {"country": "United Kingdom", "lines": 2}
    items = ds.order_items.to_pandas()
    assert items.loc[items["order_id"] == "489434", "line_no"].tolist() == [1, 2]  # an exact repetition stays
    assert set(items["order_id"]) == {"489434", "489435", "489436"}  # a basket needs no name
    quarantine = ds.quarantine.to_pandas()
    assert sorted(zip(quarantine["table"], quarantine["rule"], quarantine["column"], strict=True)) == [
        ("order_items", "out_of_range", "price"),
        ("order_items", "out_of_range", "quantity"),
        ("order_items", "out_of_range", "quantity"),
        ("orders", "missing_value", "user_id"),
        ("orders", "missing_value", "user_id"),
        ("orders", "missing_value", "user_id"),
        ("orders", "out_of_range", "total"),
    ]


@pytest.mark.real_data("online_retail_ii")
def test_online_retail_has_the_published_sums(cache):
    ds = knowpay.open("online_retail_ii", cache=cache)
    assert counts(ds)["complete"].all()
    text = {"Invoice": str, "StockCode": str, "Customer ID": str}
    lines = pd.read_csv(public.path("online_retail_ii"), dtype=text)
    assert len(lines) == 525_461 and lines["Customer ID"].isna().sum() == 107_927
    cancelled = lines["Invoice"].str.startswith("C")
    assert (cancelled.sum(), (lines["Quantity"] <= 0).sum(), (lines["Price"] <= 0).sum()) == (10_206, 12_326, 3_690)
    known = lines.dropna(subset=["Customer ID"])
    invoices = known.groupby(known["Invoice"].str.startswith("C"))["Invoice"].nunique()
    orders = ds.orders.to_pandas()
    assert orders["status"].value_counts().to_dict() == {"paid": invoices[False], "cancelled": invoices[True]}
    assert rows(ds) == {
        "orders": (invoices.sum(), 28_816 - invoices.sum()),
        "order_items": (525_461 - 12_326 - (lines["Price"] < 0).sum(), 12_326 + (lines["Price"] < 0).sum()),
    }
    # Every invoice, with and without customer: what the export says is what the publisher's lines sum to.
    total = ds.raw("orders").to_pandas()["revenue"].astype(float).sum()
    assert total == pytest.approx(9_539_484.63, abs=0.02)  # 14 lines in tenths of a penny
    sales = known[~known["Invoice"].str.startswith("C")]
    by_person = (sales["Quantity"] * sales["Price"]).groupby(sales["Customer ID"]).sum()
    ours = orders[orders["status"] == "paid"].groupby("user_id")["total"].sum()
    assert (ours - by_person).abs().max() < 0.006 and len(ours) == len(by_person)


def workbook(path: Path, lines: list[list[str]]) -> None:
    """An .xlsx file of the form that spreadsheets write: shared strings, times as days, empty cells left out."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    shared: dict[str, int] = {}
    body = []
    for i, line in enumerate(lines, 1):
        cells = []
        for c, text in enumerate(line):
            where = f'r="{"ABCDEFGH"[c]}{i}"'
            if i > 1 and c == 4:
                days = (datetime.fromisoformat(text) - datetime(1899, 12, 30)).total_seconds() / 86_400
                cells.append(f"<c {where}><v>{days!r}</v></c>")
            elif i > 1 and text and (c in (3, 5, 6) or text.isdigit()):
                cells.append(f"<c {where}><v>{text.removesuffix('.0')}</v></c>")
            elif text:
                cells.append(f'<c {where} t="s"><v>{shared.setdefault(text, len(shared))}</v></c>')
        body.append(f'<row r="{i}">{"".join(cells)}</row>')
    texts = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in shared)
    sheets = f'<sheets><sheet name="{retail.SHEET}"/><sheet name="Year 2010-2011"/></sheets>'
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("xl/workbook.xml", f"<workbook {space}>{sheets}</workbook>")
        zipped.writestr("xl/sharedStrings.xml", f"<sst {space}>{texts}</sst>")
        zipped.writestr(
            "xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{''.join(body)}</sheetData></worksheet>"
        )


@pytest.mark.parametrize("source", ["made", pytest.param("real", marks=pytest.mark.real_data("online_retail_ii"))])
def test_online_retail_is_made_from_the_publishers_workbook(source, tmp_path, monkeypatch):
    text = INVOICES.replace(",0,", ",0.0,").replace("2.10", "2.1").replace(" FRAME", "  FRAME & CO ")
    if source == "real":
        path = find(SETS["online_retail_ii"])[retail.FILE]
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8", newline="") as file:
            text = "".join(islice(file, 3_000))
    book = tmp_path / "online_retail_II.xlsx"
    workbook(book, list(csv.reader(io.StringIO(text))))
    with pytest.raises(DownloadError, match="is not the published workbook"):
        retail.from_workbook(book)
    monkeypatch.setattr(retail, "WORKBOOK", hashlib.sha256(book.read_bytes()).hexdigest())
    with pytest.raises(DownloadError, match="gave other lines than the published"):
        retail.from_workbook(book)
    assert [p.name for p in tmp_path.iterdir()] == [book.name]
    monkeypatch.setattr(retail, "SHA256", hashlib.sha256(text.encode()).hexdigest())
    assert retail.from_workbook(book).read_bytes() == text.encode()


# --- CDNOW -------------------------------------------------------------------------------------------------------

MASTER = """ customer_id  date number_of_cds  dollar_value\r
 00001 19970101  1   11.77\r
 00002 19970112  1   12.00\r
 00002 19970112  1   12.00\r
 00004 19980630 13  234.50\r
"""


def test_cdnow_reads_fixed_width_and_keeps_zeros_and_repetitions(made):
    ds = made("cdnow", {"CDNOW_master.txt": MASTER, "CDNOW_sample.txt": " 00004 0001 19980630 13  234.50\r\n"})
    assert rows(ds) == {"orders": (4, 0)}
    orders = ds.orders.to_pandas().set_index("order_id")
    assert orders["user_id"].tolist() == ["00001", "00002", "00002", "00004"]
    assert orders["total"].tolist() == [11.77, 12.0, 12.0, 234.5]
    more = properties(orders)
    assert more["cds"].tolist() == [1, 1, 1, 13] and more["sample"].dropna().to_dict() == {"purchase-00004": "0001"}
    days = orders["timestamp"].dt.tz_convert("America/New_York").dt.strftime("%F %T")
    assert days.iloc[0] == "1997-01-01 00:00:00" and days.iloc[-1] == "1998-06-30 00:00:00"


@pytest.mark.real_data("cdnow")
def test_cdnow_has_the_published_counts(cache):
    ds = knowpay.open("cdnow", cache=cache)
    assert counts(ds)["complete"].all() and rows(ds) == {"orders": (69_659, 0)}
    fields = {"customer": str, "number": str, "date": str, "cds": int, "dollars": float}
    sample = pd.read_csv(public.path("cdnow", "CDNOW_sample.txt"), sep=r"\s+", names=fields, dtype=fields)
    del fields["number"]
    master = pd.read_csv(public.path("cdnow", "CDNOW_master.txt"), sep=r"\s+", names=fields, dtype=fields, skiprows=1)
    assert (len(master), master["customer"].nunique()) == (69_659, 23_570)
    assert (len(sample), sample["customer"].nunique()) == (6_919, 2_357)
    orders = ds.orders.to_pandas()
    assert orders["total"].sum() == pytest.approx(master["dollars"].sum())
    ours = orders[properties(orders)["sample"].notna()]
    for column, theirs in (("user_id", "customer"), ("total", "dollars")):
        assert sorted(ours[column]) == sorted(sample[theirs])
    first = orders.groupby("user_id")["timestamp"].min().dt.tz_convert("America/New_York")
    assert first.max() < pd.Timestamp("1997-04-01", tz="America/New_York")  # a cohort of one quarter


@pytest.mark.real_data("cdnow")
def test_cdnow_sample_gives_the_published_likelihood(cache):
    """BG/NBD of Fader, Hardie and Lee (2005) at their parameters, from the orders that `knowpay.open` gives."""
    orders = knowpay.open("cdnow", cache=cache).orders.to_pandas()
    orders = orders[properties(orders)["sample"].notna()]
    day = (
        orders["timestamp"].dt.tz_convert("America/New_York").dt.tz_localize(None) - pd.Timestamp("1997-01-01")
    ).dt.days
    bought = pd.DataFrame({"person": orders["user_id"], "day": day}).drop_duplicates()  # one transaction a day
    first = bought.groupby("person")["day"].min()
    bought = bought[bought["day"] < 39 * 7].groupby("person")["day"]
    x = (bought.size() - 1).to_numpy()
    t_x, t = (bought.max() - first).to_numpy() / 7, (39 * 7 - 1 - first).to_numpy() / 7
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + t)
    gone = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    each = common + np.logaddexp(alive, np.where(x > 0, gone, -np.inf))
    assert each.sum() == pytest.approx(-9_582.4, abs=0.05)


# --- Open Bandit -------------------------------------------------------------------------------------------------


def log(campaign: str, lines: list[tuple[str, int, int, int, float]]) -> str:
    """Rows of (time, item, position, click, propensity); the affinity to item i is i / 10."""
    n = ITEMS[campaign]
    features = [f"user_feature_{i}" for i in range(4)]
    head = ["", "timestamp", "item_id", "position", "click", "propensity_score", *features]
    head += [f"user-item_affinity_{i}" for i in range(n)]
    body = [[i, *line, "a", "b", "c", "d", *(k / 10 for k in range(n))] for i, line in enumerate(lines)]
    return "\n".join(",".join(map(str, row)) for row in [head, *body]) + "\n"


NOON = "2019-11-24 12:00:00.000001+00:00"


def logs() -> dict[str, str]:
    files = {f"{p}_{c}.csv": log(c, [(NOON, 3, 2, 0, 0.25)]) for p in ("random", "bts") for c in ITEMS}
    files |= {f"item_context_{c}.csv": ",item_id,item_feature_0\n0,0,0.5\n" for c in ITEMS}
    return files | {"bts_women.csv": log("women", [(NOON, 45, 1, 1, 1e-06), (NOON, 2, 3, 0, 0.9628)])}


def test_open_bandit_is_assignments_with_the_probability_of_each_place(made):
    ds = made("open_bandit", logs())
    assert rows(ds) == {"touches": (5, 0)}
    touches = ds.touches.to_pandas().set_index("touch_id")
    clicked = touches.loc["bts-women-0"]
    assert (clicked["campaign_id"], clicked["variation_id"], clicked["stratum"]) == (
        "women-bts",
        "item-45",
        "position-1",
    )
    assert clicked["propensity"] == 1e-06 and touches.loc["bts-women-1", "propensity"] == 0.9628
    assert clicked["clicked_at"] == clicked["assigned_at"] == pd.Timestamp(NOON)
    assert touches["clicked_at"].notna().sum() == 1
    assert properties(touches)["affinity"].to_dict() == {
        "random-men-0": 0.3,
        "random-women-0": 0.3,
        "bts-men-0": 0.3,
        "bts-women-0": 4.5,
        "bts-women-1": 0.2,
    }
    assert touches["anonymous_id"].is_unique and touches["user_id"].isna().all()  # no people are made up


def test_open_bandit_is_fetched_file_by_file_under_names_that_differ(tmp_path, monkeypatch):
    """At the publisher two files are called men.csv and two women.csv; here a local server stands for it."""
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    texts, files = logs(), {}
    handler = partial(QuietHandler, directory=str(tmp_path / "served"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for name, file in SETS["open_bandit"].files.items():
        place = file.url.split("/obd/")[1]
        content = texts[name].encode()
        path = tmp_path / "served" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        sha = hashlib.sha256(content).hexdigest()
        url = f"http://127.0.0.1:{server.server_port}/{place}"
        files[name] = file.model_copy(update={"url": url, "sha256": sha, "size": len(content)})
    here = SETS["open_bandit"].model_copy(update={"files": files})
    try:
        assert rows(open_public(here, tmp_path / "cache")) == {"touches": (5, 0)}
    finally:
        server.shutdown()
        server.server_close()
    fetched = tmp_path / "cache" / "downloads" / "open_bandit_small"
    assert {p.name: p.read_text("utf-8") for p in fetched.glob("*.csv")} == texts


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *given: object) -> None:
        """Say nothing."""


@pytest.mark.real_data("open_bandit")
def test_open_bandit_has_the_published_rows_and_clicks(cache):
    ds = knowpay.open("open_bandit", cache=cache)
    assert counts(ds)["complete"].all() and rows(ds) == {"touches": (40_000, 0)}
    touches = ds.touches.to_pandas()
    groups = touches.groupby("campaign_id")
    assert groups["clicked_at"].count().to_dict() == {
        "men-bts": 69,
        "men-random": 46,
        "women-bts": 46,
        "women-random": 46,
    }
    # If the probabilities are those of the draw, the mean of 1/p is the number of items.
    weight = 1 / groups.get_group("men-bts")["propensity"]
    assert weight.mean() == pytest.approx(34, abs=4 * weight.sem()) and weight.sem() < 2
    # Under the random policy every item has the same chance, and every item was shown.
    for campaign, n in ITEMS.items():
        drawn = groups.get_group(f"{campaign}-random")
        assert drawn["propensity"].to_numpy() == pytest.approx(1 / n) and drawn["variation_id"].nunique() == n
        frame = pd.read_csv(public.path("open_bandit", f"random_{campaign}.csv"), index_col=0)
        assert frame.shape == (10_000, 9 + n) and frame["item_id"].max() == n - 1
        assert len(pd.read_csv(public.path("open_bandit", f"item_context_{campaign}.csv"))) == n


# --- Bank Marketing ----------------------------------------------------------------------------------------------

HEAD = (
    "age job marital education default balance housing loan contact day month duration campaign pdays previous "
    "poutcome y"
)
CALLS = (
    ";".join(f'"{name}"' for name in HEAD.split())
    + """
58;"management";"married";"tertiary";"no";2143;"yes";"no";"unknown";5;"may";261;1;-1;0;"unknown";"no"
44;"technician";"single";"secondary";"no";-29;"yes";"no";"cellular";28;"jan";151;3;99;2;"failure";"yes"
33;"services";"married";"secondary";"no";2;"yes";"yes";"cellular";28;"jan";76;1;-1;0;"unknown";"no"
33;"services";"married";"secondary";"no";2;"yes";"yes";"telephone";1;"jan";76;1;-1;0;"unknown";"yes"
"""
)


def test_bank_marketing_takes_the_year_from_the_order_of_the_rows(made):
    ds = made("bank_marketing", {BANK: CALLS})
    assert rows(ds) == {"events": (2, 0), "touches": (4, 0)}
    touches = ds.touches.to_pandas().set_index("touch_id")
    days = touches["assigned_at"].dt.tz_convert("Europe/Lisbon").dt.strftime("%F")
    assert days.tolist() == ["2008-05-05", "2009-01-28", "2009-01-28", "2010-01-01"]
    assert set(touches["assignment"]) == {"unknown"} and touches["propensity"].isna().all()
    more = properties(touches)
    assert more.loc["row-00002", ["calls", "pdays", "contact", "balance"]].tolist() == [3, 99, "cellular", -29]
    assert more["pdays"].isna().tolist() == [True, False, True, True]
    said = ds.events.to_pandas().set_index("anonymous_id")
    assert set(said.index) == set(more.index[more["subscribed"]]) == {"row-00002", "row-00004"}
    assert set(said["event"]) == {"order_completed"} and len(ds.orders.to_pandas()) == 0


@pytest.mark.real_data("bank_marketing")
def test_bank_marketing_has_the_published_counts_and_calls_on_working_days(cache):
    ds = knowpay.open("bank_marketing", cache=cache)
    assert counts(ds)["complete"].all() and rows(ds) == {"events": (5_289, 0), "touches": (45_211, 0)}
    days = ds.touches.to_pandas()["assigned_at"].dt.tz_convert("Europe/Lisbon")
    assert (days.min().strftime("%F"), days.max().strftime("%F")) == ("2008-05-05", "2010-11-17")
    # Had the years come out wrong, weekends would hold two days in seven.
    assert (days.dt.day_of_week < 5).mean() > 0.998
    assert days.dt.year.value_counts().to_dict() == {2008: 27_729, 2009: 14_862, 2010: 2_620}
    file = public.path("bank_marketing")
    full, more = (pd.read_csv(path, sep=";") for path in (file, next(file.parent.glob("bank-additional-full.csv*"))))
    assert full.shape == (45_211, 17) and more.shape == (41_188, 21)
    assert (round((more["y"] == "yes").mean(), 3), round((more["pdays"] == 999).mean(), 3)) == (0.113, 0.963)
    verdict = ds.unlocks().set_index("lesson").loc["12_derive_the_targeting_formula"]
    assert not verdict["unlocked"] and "propensity" in verdict["reason"]  # everybody was called


# --- Upworthy ----------------------------------------------------------------------------------------------------


@pytest.mark.real_data("upworthy")
def test_upworthy_has_the_published_counts():
    table = pd.read_csv(public.path("upworthy"))
    assert (len(table), table["clickability_test_id"].nunique()) == (22_666, 4_873)
    assert (table["impressions"].sum(), table["clicks"].sum()) == (81_024_151, 1_231_208)
    assert round(table["test_week"].between(201326, 201402).mean(), 3) == 0.190  # doubtful, says the card


def test_upworthy_has_a_card_and_no_door():
    text = (CARDS / "upworthy.md").read_text("utf-8")
    assert all(
        word in text
        for word in (HEADLINES, LISTED["upworthy"].files[HEADLINES].sha256, "22,666", "CC BY 4.0", "10.1038/s41597-021")
    )
    assert "[upworthy.md](upworthy.md)" in (CARDS / "README.md").read_text("utf-8")
    with pytest.raises(ValueError, match="no data set 'upworthy'"):
        knowpay.open("upworthy")


# --- all of them -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTED)
def test_a_file_that_is_not_here_says_where_it_belongs(name, tmp_path, monkeypatch):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path))
    folder = LISTED[name].folder
    with pytest.raises(
        DownloadError, match=rf"is not here\. .*(a|the) folder (named )?{folder}\b.*KNOWPAY_DATA"
    ) as caught:
        public.path(name)
    assert ("`knowpay data get" in str(caught.value)) == bool(LISTED[name].served)


def test_a_file_is_found_among_what_was_fetched_and_read_packed(tmp_path, monkeypatch):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path))
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)
    file = SETS["hillstrom"].files[HILLSTROM].model_copy(update={"sha256": hashlib.sha256(MAIL.encode()).hexdigest()})
    monkeypatch.setitem(LISTED, "hillstrom", SETS["hillstrom"].model_copy(update={"files": {HILLSTROM: file}}))
    (tmp_path / "downloads" / "hillstrom").mkdir(parents=True)
    (tmp_path / "downloads" / "hillstrom" / f"{HILLSTROM}.gz").write_bytes(gzip.compress(MAIL.encode()))
    assert len(pd.read_csv(public.path("hillstrom", HILLSTROM))) == 4
