"""Export: the canonical tables of the company, as its trackers and its payment system know them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from . import behaviour, catalogue, checkout, lots, marketing, observe, people
from . import market as outside
from . import settings as s
from .columns import chosen, flags, labels, moments, numbered, text, yuan
from .company import Block, Company, device_ids
from .learning import DONE

ASSIGNMENTS = ("randomised", "stratified", "cluster_randomised", "rule", "unknown")
DRAWN = {"even": 0, "ninety": 0, "offer": 0, "stratified": 1, "offer_stratified": 1, "cluster": 2, "rule": 3,
         "agency": 4}  # fmt: skip


def manifest(company: Company) -> dict:
    """Return the declarations that a reader of the export needs and must never guess."""
    return {
        "dataset_id": f"world-{company.setup.label}",
        "schema_version": 1,
        "source_system": "knowpay simulated company",
        "timezone": s.TIMEZONE,
        "currency": "CNY",
        "money_unit": "yuan",
        "timestamp_unit": "iso",
        "revenue_definition": "net_of_discount",
        "business_user_id_column": "user_id",
        "observation_start": s.START.isoformat(),
        "observation_end": s.END.isoformat(),
        "extracted_at": (s.END + pd.Timedelta(days=6)).isoformat(),
        "contains_personal_data": False,
        "lawful_basis_note": "Simulated people; no personal data.",
        "teacher_share": s.TEACHER_SHARE,
    }


def sold(company: Company, course: np.ndarray | pd.Series) -> np.ndarray:
    """Return the row in ``company.product_ids`` of courses, plans (-1 - plan) and nothing (-100: stays negative)."""
    course = np.asarray(course)
    return np.where((course < 0) & (course > -100), len(company.courses) - 1 - course, course)


def block_tables(company: Company, block: Block) -> tuple[dict[str, pa.Table], pd.DataFrame]:
    """Return (the canonical tables of a block as the systems know them, spoiled rows: ``table, row, id, fault``)."""
    events, marks, numbers = observe.events(company.setup, block.who, block.events, block.number)
    bad = observe.mark_rows(marks)
    ids = block.message_ids(events["message"][bad["row"]])
    spoiled = [bad.assign(table="events", id=ids.to_pylist())]
    paid, bad = observe.orders(company.setup, block.who, block.orders, block.unpaid, block.number)
    order_table = orders_table(company, block, paid)
    spoiled.append(bad.assign(table="orders", id=order_table["order_id"].to_pandas().to_numpy()[bad["row"]]))
    sent = block.touches[(block.touches["design"] != "agency") | block.touches["message"]]
    table = touches_table(company, block, sent)
    alone = np.flatnonzero(sent["design"] == "agency")
    names = table["touch_id"].to_pandas().to_numpy()[alone]
    spoiled.append(pd.DataFrame({"row": alone, "fault": "treated_only", "table": "touches", "id": names}))
    hidden = block.who.first + np.flatnonzero(observe.unflagged(company.users)[block.who.rows])
    names = chosen(company.user_ids, hidden).to_pandas()
    spoiled.append(pd.DataFrame({"row": hidden, "fault": "test_account", "table": "users", "id": names}))
    table = lots.added(table, company, block)
    tables = {
        "events": events_table(company, block, events, numbers),
        "orders": order_table,
        "memberships": memberships_table(company, block),
        "touches": table,
        "reviews": reviews_table(company, block),
        "interactions": interactions_table(company, block),
    }
    return tables, pd.concat(spoiled, ignore_index=True)


def users_table(company: Company) -> pa.Table:
    """Return the users as their profile pages know them; whoever withdrew a consent has a later row that says so."""
    u, ids = company.users, company.user_ids
    hidden = company.setup.stream("profiles").random(len(u)) < 0.25  # a quarter leave the profile empty
    row, since = consent_rows(u)
    table = {
        "user_id": ids,
        "created_at": moments(u["created"]),
        "utm_source": labels(np.where(u["channel"] < 2, u["channel"], -1), ["search", "social"]),
        "channel": labels(u["channel"], s.CHANNELS),
        "referrer_user_id": chosen(ids, u["inviter"]),
        "country": pa.array(["CN"] * len(u)),
        "province": labels(np.where(hidden, -1, u["province"]), people.PROVINCES),
        "age_band": labels(np.where(hidden | u["under_14"], -1, u["age"]), people.AGE_BANDS),
        "gender": labels(np.where(hidden, -1, u["woman"]), ["male", "female"]),
        "occupation_band": labels(np.where(hidden, -1, u["occupation"]), people.OCCUPATIONS),
        "device_os": labels(u["device"], people.DEVICES),
        "is_test": flags(u["is_test"] & ~observe.unflagged(u)),
        "is_staff": flags(u["is_staff"]),
        "personalization_opt_out": flags(u["opted_out"]),
        "under_14": flags(u["under_14"]),
        "study_group": numbered("g", u["group"], 5),
    }
    rows = pa.table(table).take(pa.array(row)).append_column("updated_at", moments(since))
    for name in people.CONSENT_GAPS:
        rows = rows.append_column(f"consent_{name}", consent(u, name, row, since))
    return rows


def consent_rows(users: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return (user, time) of the rows of the users: one each from the registration, then one for each withdrawal."""
    row, since = [np.arange(len(users))], [users["created"].to_numpy()]
    for name in people.CONSENT_GAPS:
        when = users[f"{name}_withdrawn"].to_numpy()
        row.append(np.flatnonzero(np.isfinite(when)))
        since.append(when[row[-1]])
    return np.concatenate(row), np.concatenate(since)


def consent(users: pd.DataFrame, name: str, row: np.ndarray, since: np.ndarray) -> pa.Array:
    """Return what users (``row``) had said at a time (``since``) to the consent of that name."""
    denied, unknown, withdrawn = (
        users[f"{name}_{word}"].to_numpy()[row] for word in ("denied", "unknown", "withdrawn")
    )
    return labels(np.select([denied | (since >= withdrawn), unknown], [1, 2], 0), ("granted", "denied", "unknown"))


def courses_table(company: Company) -> pa.Table:
    """Return the catalogue, with the membership plans as its last products."""
    k, forms, plans = company.courses, catalogue.FORMS, len(s.PLANS)
    plan_prices = np.round(s.PLAN_PRICE * company.setup.price_level, 1)
    columns = {
        "product_id": company.product_ids,
        "name": [*k["title_zh"], "会员月卡", "会员年卡"],
        "product_type": [*(forms[f][2] for f in k["form"]), *["membership"] * plans],
        "category": [*(s.TOPICS[t] for t in k["topic"]), *["membership"] * plans],
        "brand": [*(f"t{t:03d}" for t in k["teacher"]), *[None] * plans],
        "price": yuan([*k["price"], *plan_prices]),
        "currency": ["CNY"] * (len(k) + plans),
        "lesson_count": pa.array([*k["lessons"].tolist(), *[None] * plans], pa.int64()),
        "duration_seconds": pa.array([*(k["lessons"] * k["lesson_seconds"]).astype(float), *[None] * plans]),
        "level": [*(catalogue.LEVELS[j] for j in k["level"]), *[None] * plans],
        "published_at": moments([*k["published"], *[-400 * s.DAY] * plans]),
        "reworked_on": [*(str(dates(t)) if np.isfinite(t) else None for t in k["reworked"]), *[None] * plans],
        "title_en": [*k["title_en"], "Monthly membership", "Yearly membership"],
        "abstract": [*k["abstract_zh"], *[None] * plans],
        "abstract_en": [*k["abstract_en"], *[None] * plans],
    }
    return pa.table(columns)


def dates(seconds: float) -> date:
    """Return the date of a time in seconds, in the company's time zone."""
    return (s.START + pd.Timedelta(seconds=seconds)).date()


def events_table(company: Company, block: Block, e: dict[str, np.ndarray], numbers: np.ndarray) -> pa.Table:
    """Return the event export in order of arrival; ``timestamp`` is what the device's clock said."""
    first = block.who.first
    own = company.user_ids.slice(first, len(block.who.users))
    names = [*behaviour.EVENTS, observe.NAME_DRIFT[3]]
    lessons = [f"l{k:03d}" for k in range(100)] + [f"{k}.0" for k in range(100)]
    original = moments(e["original"])
    return pa.table(
        {
            "message_id": block.message_ids(e["message"]),
            "event": labels(np.where(e["renamed"], len(names) - 1, e["event"]), names),
            "timestamp": original,
            "original_timestamp": original,
            "sent_at": moments(e["sent"]),
            "received_at": moments(e["received"]),
            "user_id": labels(np.where(e["known"], e["user"] - first, -1), own),
            "anonymous_id": labels(e["device"], device_ids(numbers)),
            "product_id": labels(e["course"], company.product_ids),
            "lesson_id": labels(np.where(e["lesson"] > 0, e["lesson"] + 100 * e["typed"], -1), lessons),
            "progress": labels(np.where(e["event"] == behaviour.CODE["course_completed"], 0, -1), [DONE]),
            "platform": labels(e["platform"], people.DEVICES),
            "user_agent_class": labels(e["unknown_agent"], ["human", "unknown"]),
        }
    )


def orders_table(company: Company, block: Block, o: pd.DataFrame) -> pa.Table:
    """Return the payment system's orders as they were exported."""
    none = (o["refund"] == 0).to_numpy()
    return pa.table(
        {
            "order_id": block.order_ids(o["number"], ~o["has_id"]),
            "user_id": chosen(company.user_ids, o["user"]),
            "timestamp": moments(o["time"]),
            "created_at": moments(o["time"] - checkout.PLACED_BEFORE),
            "status": text(o["status"]),
            "order_type": text(o["label"]),
            "product_id": chosen(company.product_ids, sold(company, o["course"])),
            "subtotal": yuan(o["subtotal"]),
            "discount": yuan(o["discount"]),
            "coupon": text(o["coupon"], o["coupon"] == ""),
            "total": yuan(o["total"]),
            "fee": yuan(o["fee"]),
            "commission": yuan(o["commission"]),
            "refund_total": yuan(o["refund"], none),
            "refunded_at": moments(np.where(none, np.nan, o["refund_time"])),
            "currency": pa.array(["CNY"] * len(o)),
            "affiliation": text(o["affiliation"]),
            "payment_method": text(o["method"]),
        }
    )


def memberships_table(company: Company, block: Block) -> pa.Table:
    """Return the periods; the reason is what the leaver ticked, if anything."""
    p = block.periods
    number = block.orders.set_index("period").index
    of = pd.Series(np.arange(len(number)), index=number).drop(index=-1, errors="ignore").reindex(p["order"])
    paid = of.notna().to_numpy() & (p["order"] >= 0).to_numpy()
    return pa.table(
        {
            "membership_id": block.membership_ids,
            "user_id": chosen(company.user_ids, p["user"]),
            "plan_id": labels(p["plan"], s.PLANS),
            "period_no": pa.array(p["period_no"].to_numpy()),
            "status": text(p["status"]),
            "current_period_start": moments(p["start"]),
            "current_period_end": moments(p["end"]),
            "interval": labels(p["plan"], ["month", "year"]),
            "price": yuan(np.round(p["price"] * company.setup.price_level, 1)),
            "currency": pa.array(["CNY"] * len(p)),
            "auto_renew": flags(p["canceled_at"].isna()),
            "canceled_at": moments(p["canceled_at"]),
            "ended_at": moments(np.where(p["status"] == "canceled", p["end"], np.nan)),
            "cancel_reason": text(block.ticked, block.ticked == ""),
            "order_id": block.order_ids(of.fillna(0), ~paid),
        }
    )  # fmt: skip


def touches_table(company: Company, block: Block, t: pd.DataFrame) -> pa.Table:
    """Return every assignment, controls included, with the propensity of the arm drawn."""
    rng = company.setup.stream("opens", block.number)
    wait = rng.exponential(3 * 3600, len(t))
    before = np.where(t["bought"], t["ordered"] - t["time"] - 200, np.inf)  # whoever buys has read the message by then
    wait = np.minimum(wait, before)
    kind = t["design"].map(DRAWN).to_numpy(dtype=int)
    cluster = (t["design"] == "cluster").to_numpy()
    arm = t["propensity"].to_numpy()
    drawn, coupon = np.isfinite(arm) & (kind != 4), (t["arm"] == 2).to_numpy()
    groups = company.users["group"].to_numpy()[t["user"]]
    return pa.table(
        {
            "touch_id": block.touch_ids(t),
            "campaign_id": numbered("k", t["campaign"] + 1, 2 if company.setup.campaigns < 100 else 3),
            "experiment_id": numbered("e", t["campaign"] + 1, 2 if company.setup.campaigns < 100 else 3),
            "user_id": chosen(company.user_ids, t["user"]),
            "unit_type": labels(cluster, ["user", "cluster"]),
            "cluster_id": numbered("g", groups, 5, ~cluster),
            "assigned_at": moments(t["time"]),
            "assignment": labels(kind, ASSIGNMENTS),
            "variation_id": labels(t["arm"], marketing.ARMS),
            "propensity": pa.array(arm, mask=~drawn),
            "stratum": text(t["stratum"], t["stratum"] == ""),
            "channel": labels(np.zeros(len(t)), ["wechat_official"]),
            "creative": chosen(company.product_ids, t["course"]),
            "offer": labels(coupon - 1, ["50 yuan off"]),
            "offer_discount": yuan(np.full(len(t), s.COUPON * company.setup.price_level), ~coupon),
            "coupon": labels(coupon - 1, [s.COUPON_CODE]),
            "delivered_at": moments(np.where(t["delivered"], t["time"] + 60, np.nan)),
            "opened_at": moments(np.where(t["opened"], t["time"] + 120 + wait, np.nan)),
            "clicked_at": moments(np.where(t["clicked"], t["time"] + 150 + wait, np.nan)),
            "cost": yuan(np.where(t["message"], s.MESSAGE_COST, 0.0)),
            "currency": pa.array(["CNY"] * len(t)),
        }
    )


def reviews_table(company: Company, block: Block) -> pa.Table:
    """Return reviews, cancel reasons and service messages in words."""
    r = block.reviews
    return pa.table(
        {
            "review_id": block.review_ids,
            "timestamp": moments(r["time"]),
            "user_id": chosen(company.user_ids, r["user"]),
            "product_id": chosen(company.product_ids, sold(company, r["course"])),
            "kind": text(r["kind"]),
            "rating": pa.array(r["rating"].to_numpy(), from_pandas=True),
            "review_body": text(r["body"]),
            "language": labels(r["chinese"], ["en", "zh"]),
        }
    )


def interactions_table(company: Company, block: Block) -> pa.Table:
    """Return invitations, their acceptances, likes, shares and comments."""
    i = block.interactions
    invite = i["action"].str.startswith("invite").to_numpy(dtype=bool)
    parent = i["parent"].to_numpy()
    return pa.table(
        {
            "interaction_id": numbered("i", i["number"], 9),
            "timestamp": moments(i["time"]),
            "user_id": chosen(company.user_ids, i["user"]),
            "target_user_id": chosen(company.user_ids, i["target"]),
            "object_type": labels(invite, ["course", "group"]),
            "object_id": chosen(company.product_ids, i["course"]),
            "action": text(i["action"]),
            "parent_interaction_id": numbered("i", np.maximum(parent, 0), 9, parent < 0),
        }
    )


def market_table(company: Company) -> pa.Table:
    """Return own media spend by week, own prices whenever they change, rivals' prices, and figures of the field."""
    m = outside.spend(company.setup, company.users, company.budget)
    week = (s.START.tz_localize(None) + pd.to_timedelta(m["week"] * 7, unit="D")).dt.date
    spend = pd.DataFrame({"date": week, "source": "own ledger", "entity": np.array(s.CHANNELS)[m["channel"]],
                          "metric": "spend", "value": m["value"], "method": "own_spend", "quality": "P"})  # fmt: skip
    ids = company.product_ids.to_pandas()
    change = np.diff(company.prices, axis=1, prepend=0) != 0
    course, day = np.nonzero(change)
    date = (s.START.tz_localize(None) + pd.to_timedelta(day, unit="D")).date
    prices = pd.DataFrame({"date": date, "source": "own price list", "entity": ids.to_numpy()[course],
                           "metric": "price", "value": company.prices[course, day], "method": "own_price",
                           "quality": "P"})  # fmt: skip
    r = outside.rival_prices(company.setup, company.courses)
    rivals = pd.DataFrame({"date": r["month"], "source": "price scrape", "entity": r["entity"], "metric": scraped(r),
                           "value": r["value"], "method": "scrape", "quality": "R"})  # fmt: skip
    names = ["date", "source", "entity", "metric", "value", "unit", "method", "quality"]
    field = pd.DataFrame(outside.FIGURES, columns=names)
    field["date"] = pd.to_datetime(field["date"]).dt.date
    table = pd.concat([t.assign(unit="yuan") for t in (spend, prices, rivals)] + [field], ignore_index=True)
    money_ = (table["unit"] == "yuan").to_numpy()
    return pa.table(
        {
            "date": pa.array(table["date"]),
            "source": text(table["source"]),
            "source_url": text("internal:" + table["source"].astype(str).str.replace(" ", "-")),
            "entity": text(table["entity"]),
            "metric": text(table["metric"]),
            "value": pa.array(table["value"].to_numpy(dtype=float)),
            "unit": text(table["unit"]),
            "currency": text(np.where(money_, "CNY", ""), ~money_),
            "method": text(table["method"]),
            "retrieved_at": moments(np.full(len(table), s.DAYS * s.DAY)),
            "quality": text(table["quality"]),
        }
    )


def scraped(rivals: pd.DataFrame) -> np.ndarray:
    """Return the names of the metrics of scraped prices, one for each row of `market.rival_prices`."""
    forms = np.array([form[2] for form in catalogue.FORMS], dtype=object)
    label = "list price, " + np.array(s.TOPICS, dtype=object)[rivals["topic"]] + ", " + forms[rivals["form"]]
    return label + np.where(rivals["form"] == catalogue.TASTER, " (taster)", "")
