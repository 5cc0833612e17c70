"""Export: the company as canonical Parquet files, and the truth as other files in another folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from . import behaviour, catalogue, marketing, observe, people
from . import settings as s
from .company import Company, generate

PLAN = "vip-month"
MONEY = pa.decimal128(18, 2)


def write(size: str, seed: int, data_dir: Path, truth_dir: Path) -> None:
    """Generate a company and write its export to ``data_dir`` and its truth to ``truth_dir``.

    Raises ValueError for an unknown size or a negative seed. Same size and seed give the same bytes.
    """
    company = generate(size, seed)
    for folder, tables in ((data_dir, export_tables(company)), (truth_dir, truth_tables(company))):
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    (data_dir / "manifest.yml").write_text(yaml.safe_dump(manifest(company), sort_keys=False), encoding="utf-8")
    (truth_dir / "truth.yml").write_text(yaml.safe_dump(constants(company), sort_keys=False), encoding="utf-8")


def manifest(company: Company) -> dict:
    """Return the declarations that a reader of the export needs and must never guess."""
    return {
        "dataset_id": f"world-{company.size}-s{company.seed}",
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
    }


def constants(company: Company) -> dict:
    """Return the numbers of the truth that are no tables."""
    return {
        "size": company.size,
        "seed": company.seed,
        "segments": list(s.SEGMENTS),
        "topics": list(s.TOPICS),
        "causes": list(s.CAUSES),
        "churn_alpha": s.CHURN_ALPHA,
        "churn_beta": s.CHURN_BETA,
        "campaign_window_days": s.CAMPAIGN_WINDOW_DAYS,
        "message_cost": s.MESSAGE_COST,
        "clean_events": len(company.events),
        "sessions": behaviour.count_sessions(company.events),
    }


def numbered(prefix: str, numbers: np.ndarray | pd.Series, width: int, none: np.ndarray | None = None) -> pa.Array:
    """Return ids like ``u000042`` from numbers; null where ``none`` is true."""
    text = pc.utf8_lpad(pc.cast(pa.array(np.asarray(numbers, dtype=np.int64)), pa.string()), width, "0")
    ids = pc.binary_join_element_wise(prefix, text, "")
    return (
        ids if none is None else pc.if_else(pa.array(np.asarray(none, dtype=bool)), pa.scalar(None, pa.string()), ids)
    )


def moments(seconds: np.ndarray | pd.Series) -> pa.Array:
    """Return UTC timestamps, whole milliseconds, from seconds since START; null for nan."""
    value = np.asarray(seconds, dtype=float)
    micro = np.rint(np.nan_to_num(value) * 1000).astype(np.int64) * 1000 + s.START.value // 1000
    return pa.array(micro, mask=np.isnan(value)).cast(pa.timestamp("us", tz="UTC"))


def labels(codes: np.ndarray | pd.Series, names: tuple[str, ...] | list[str]) -> pa.Array:
    """Return a dictionary-encoded text column from codes; null for negative codes."""
    codes = np.asarray(codes, dtype=np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(names))


def yuan(values: np.ndarray | pd.Series, none: np.ndarray | None = None) -> pa.Array:
    """Return decimal yuan, two places."""
    return pa.array(np.round(np.asarray(values, dtype=float), 2), mask=none).cast(MONEY, safe=False)


def user_ids(company: Company, rows: np.ndarray | pd.Series, width: int = 6) -> pa.Array:
    """Return user ids for row indices (null for -1); ids are shuffled so that they say nothing about the person."""
    shuffle = s.stream(company.seed, "user ids").permutation(len(company.users)) + 1
    rows = np.asarray(rows, dtype=np.int64)
    return numbered("u", shuffle[np.maximum(rows, 0)], width, rows < 0)


def product_ids(rows: np.ndarray | pd.Series) -> pa.Array:
    """Return product ids for row indices (null for -1)."""
    rows = np.asarray(rows, dtype=np.int64)
    return numbered("c", np.maximum(rows, 0) + 1, 4, rows < 0)


def sold_ids(rows: np.ndarray | pd.Series) -> pa.Array:
    """Return product ids for order lines: the membership plan for -1."""
    return pc.fill_null(product_ids(rows), PLAN)


def export_tables(company: Company) -> dict[str, pa.Table]:
    """Return the canonical tables as the trackers and the payment system know them."""
    return {
        "users": users_table(company),
        "courses": courses_table(company),
        "events": events_table(company),
        "orders": orders_table(company),
        "memberships": memberships_table(company),
        "touches": touches_table(company),
        "reviews": reviews_table(company),
        "interactions": interactions_table(company),
        "market": market_table(company),
    }


def users_table(company: Company) -> pa.Table:
    """Return the users as their profile pages know them."""
    u = company.users
    rng = s.stream(company.seed, "profiles")
    hidden = rng.random(len(u)) < 0.25  # a quarter leave the profile empty
    consent = ("granted", "denied")
    table = {
        "user_id": user_ids(company, np.arange(len(u))),
        "created_at": moments(u["created"]),
        "utm_source": labels(np.where(u["channel"] < 2, u["channel"], -1), ["search", "social"]),
        "channel": labels(u["channel"], list(s.CHANNELS)),
        "referrer_user_id": user_ids(company, company.inviter),
        "country": pa.array(["CN"] * len(u)),
        "province": labels(np.where(hidden, -1, u["province"]), list(people.PROVINCES)),
        "age_band": labels(np.where(hidden, -1, u["age"]), list(people.AGE_BANDS)),
        "gender": labels(np.where(hidden, -1, u["woman"]), ["male", "female"]),
        "occupation_band": labels(np.where(hidden, -1, u["occupation"]), list(people.OCCUPATIONS)),
        "device_os": labels(u["device"], list(people.DEVICES)),
        "is_test": pa.array(np.zeros(len(u), dtype=bool)),
        "is_staff": pa.array(u["is_staff"]),
        "consent_analytics": labels(np.zeros(len(u)), list(consent)),
        "consent_marketing": labels(u["marketing_denied"], list(consent)),
        "personalization_opt_out": pa.array(u["opted_out"]),
        "under_14": pa.array(u["under_14"]),
    }
    return pa.table(table).sort_by("user_id")


def courses_table(company: Company) -> pa.Table:
    """Return the catalogue, with the membership plan as its last product."""
    c = company.courses
    forms = catalogue.FORMS
    columns = {
        "product_id": [*product_ids(np.arange(len(c))).to_pylist(), PLAN],
        "name": [*c["title_zh"], "会员月卡"],
        "product_type": [*(forms[f][2] for f in c["form"]), "membership"],
        "category": [*(s.TOPICS[t] for t in c["topic"]), "membership"],
        "brand": [*(f"t{t:03d}" for t in c["teacher"]), None],
        "price": yuan([*c["price"], s.MEMBERSHIP_PRICE]),
        "currency": ["CNY"] * (len(c) + 1),
        "lesson_count": pa.array([*c["lessons"].tolist(), None], pa.int64()),
        "duration_seconds": pa.array([*(c["lessons"] * c["lesson_seconds"]).astype(float), None]),
        "level": [*(catalogue.LEVELS[k] for k in c["level"]), None],
        "published_at": moments([*c["published"], -400 * s.DAY]),
        "title_en": [*c["title_en"], "Monthly membership"],
        "abstract": [*c["abstract_zh"], None],
        "abstract_en": [*c["abstract_en"], None],
    }
    return pa.table(columns)


def events_table(company: Company) -> pa.Table:
    """Return the event export in order of arrival; ``timestamp`` is what the device's clock said."""
    e = company.observed
    known = (e["user"] >= 0) & e["logged_in"]
    signed = e["event"] == behaviour.CODE["signed_up"]
    finished = e["event"] == behaviour.CODE["course_completed"]
    lesson = e["event"].isin([behaviour.CODE["lesson_started"], behaviour.CODE["lesson_completed"]])
    return pa.table(
        {
            "message_id": numbered("m", e["message"], 9),
            "event": labels(e["event"], list(behaviour.EVENTS)),
            "timestamp": moments(e["original"]),
            "original_timestamp": moments(e["original"]),
            "sent_at": moments(e["sent"]),
            "received_at": moments(e["received"]),
            "user_id": user_ids(company, np.where(known | (signed & (e["user"] >= 0)), e["user"], -1)),
            "anonymous_id": numbered("a", e["anonymous"], 7),
            "product_id": product_ids(e["course"]),
            "lesson_id": numbered("l", np.maximum(e["lesson"], 0), 3, ~lesson),
            "progress": pa.array(np.where(finished, 0.8, np.nan), from_pandas=True),
            "platform": labels(e["device"], list(people.DEVICES)),
            "user_agent_class": labels(e["unknown_agent"], ["human", "unknown"]),
        }
    )


def orders_table(company: Company) -> pa.Table:
    """Return the payment system's orders; some weeks of the mini program are in fen."""
    o = company.orders
    unit = np.where(observe.in_fen(o), 100.0, 1.0)
    none = (o["refund"] == 0).to_numpy()
    return pa.table(
        {
            "order_id": numbered("o", np.arange(1, len(o) + 1), 7),
            "user_id": user_ids(company, o["user"]),
            "timestamp": moments(o["time"]),
            "status": labels((~none).astype(int), ["paid", "refunded"]),
            "order_type": pa.array(o["order_type"].astype(str)),
            "product_id": sold_ids(o["course"]),
            "subtotal": yuan(o["total"] * unit),
            "discount": yuan(np.zeros(len(o))),
            "total": yuan(o["total"] * unit),
            "fee": yuan(o["fee"] * unit),
            "commission": yuan(o["commission"] * unit),
            "refund_total": yuan(o["refund"] * unit, none),
            "refunded_at": moments(o["refund_time"]),
            "currency": pa.array(["CNY"] * len(o)),
            "affiliation": pa.array(o["affiliation"].astype(str)),
            "payment_method": pa.array(o["method"].astype(str)),
        }
    )


def membership_ids(periods: pd.DataFrame) -> pa.Array:
    """Return one id per period, in the order of the rows."""
    return numbered("s", np.arange(1, len(periods) + 1), 6)


def memberships_table(company: Company) -> pa.Table:
    """Return the periods; the reason is what the leaver ticked, if anything."""
    p = company.periods
    reason = company.ticked
    return pa.table(
        {
            "membership_id": membership_ids(p),
            "user_id": user_ids(company, p["user"]),
            "plan_id": pa.array([PLAN] * len(p)),
            "period_no": pa.array(p["period_no"].to_numpy()),
            "status": pa.array(p["status"].astype(str)),
            "current_period_start": moments(p["start"]),
            "current_period_end": moments(p["end"]),
            "interval": pa.array(["month"] * len(p)),
            "price": yuan(np.where(p["period_no"] == 0, 0.0, s.MEMBERSHIP_PRICE)),
            "currency": pa.array(["CNY"] * len(p)),
            "auto_renew": pa.array((p["status"] != "canceled").to_numpy()),
            "canceled_at": moments(p["canceled_at"]),
            "ended_at": moments(np.where(p["status"] == "canceled", p["end"], np.nan)),
            "cancel_reason": pa.array(reason, mask=reason == ""),
        }
    )


def touch_ids(touches: pd.DataFrame) -> pa.Array:
    """Return one id per touch, in the order of the rows."""
    return numbered("x", np.arange(1, len(touches) + 1), 7)


def touches_table(company: Company) -> pa.Table:
    """Return every assignment, controls included, with its propensity."""
    t = company.touches
    rng = s.stream(company.seed, "opens")
    opened = t["delivered"] & (rng.random(len(t)) < 0.35)
    clicked = opened & ((rng.random(len(t)) < 0.25) | t["bought"])
    wait = rng.exponential(3 * 3600, len(t))
    return pa.table(
        {
            "touch_id": touch_ids(t),
            "campaign_id": numbered("k", t["campaign"] + 1, 2),
            "experiment_id": numbered("e", t["campaign"] + 1, 2),
            "user_id": user_ids(company, t["user"]),
            "assigned_at": moments(t["time"]),
            "assignment": pa.array(["randomised"] * len(t)),
            "variation_id": labels(t["message"], ["control", "message"]),
            "propensity": pa.array(np.full(len(t), 0.5)),
            "channel": labels(np.zeros(len(t)), ["wechat_official"]),
            "creative": product_ids(t["course"]),
            "delivered_at": moments(np.where(t["delivered"], t["time"] + 60, np.nan)),
            "opened_at": moments(np.where(opened, t["time"] + 120 + wait, np.nan)),
            "clicked_at": moments(np.where(clicked, t["time"] + 150 + wait, np.nan)),
            "cost": yuan(np.where(t["message"], s.MESSAGE_COST, 0.0)),
            "currency": pa.array(["CNY"] * len(t)),
        }
    )


def reviews_table(company: Company) -> pa.Table:
    """Return reviews and cancel reasons in words."""
    r = company.reviews
    return pa.table(
        {
            "review_id": numbered("r", np.arange(1, len(r) + 1), 6),
            "timestamp": moments(r["time"]),
            "user_id": user_ids(company, r["user"]),
            "product_id": sold_ids(r["course"]),
            "kind": pa.array(r["kind"].astype(str)),
            "rating": pa.array(r["rating"].to_numpy(), from_pandas=True),
            "review_body": pa.array(r["body"].astype(str)),
            "language": pa.array(r["language"].astype(str)),
        }
    )


def interactions_table(company: Company) -> pa.Table:
    """Return invitations, their acceptances, likes, shares and comments."""
    i = company.interactions
    ids = numbered("i", i.index.to_numpy() + 1, 7)
    invite = i["action"].str.startswith("invite").to_numpy()
    parent = i["parent"].to_numpy()
    # Invitations were laid down first, so a parent's index is its row number; some fell before the records began.
    gone = ~np.isin(parent, i.index.to_numpy())
    table = pa.table(
        {
            "interaction_id": ids,
            "timestamp": moments(i["time"]),
            "user_id": user_ids(company, i["user"]),
            "target_user_id": user_ids(company, i["target"]),
            "object_type": pa.array(np.where(invite, "group", "course")),
            "object_id": product_ids(i["course"]),
            "action": pa.array(i["action"].astype(str)),
            "parent_interaction_id": numbered("i", parent + 1, 7, gone),
        }
    )
    return table.sort_by([("timestamp", "ascending"), ("interaction_id", "ascending")])


def market_table(company: Company) -> pa.Table:
    """Return the company's own media spend by month and channel."""
    m = company.spend
    n = len(m)
    return pa.table(
        {
            "date": pa.array(pd.to_datetime(m["month"]).dt.date),
            "source": pa.array(["own ledger"] * n),
            "source_url": pa.array(["internal:media-ledger"] * n),
            "entity": labels(m["channel"], list(s.CHANNELS)),
            "metric": pa.array(["spend"] * n),
            "value": pa.array(m["value"].to_numpy()),
            "unit": pa.array(["yuan"] * n),
            "currency": pa.array(["CNY"] * n),
            "method": pa.array(["own_spend"] * n),
            "retrieved_at": moments(np.full(n, s.DAYS * s.DAY)),
            "quality": pa.array(["P"] * n),
        }
    )


def truth_tables(company: Company) -> dict[str, pa.Table]:
    """Return what only the simulator knows, keyed by the ids of the export."""
    u, c, t, p, o = company.users, company.courses, company.touches, company.periods, company.orders
    latent = ["price_sensitivity", "engagement", "patience", "social", "weekly_rate"]
    tastes = [f"taste_{k}" for k in range(len(s.TOPICS))]
    kind, hidden, shown = uplift_type(company)
    hazard = np.full(len(u), np.nan)
    hazard[company.members["user"]] = company.members["hazard"]
    e = company.observed
    planted = np.flatnonzero(e["fault"] != "")
    fen = np.flatnonzero(observe.in_fen(o))
    devices = (
        company.observed.loc[company.observed["user"] >= 0, ["anonymous", "user"]]
        .drop_duplicates()
        .sort_values("anonymous")
    )
    return {
        "users": pa.table(
            {
                "user_id": user_ids(company, np.arange(len(u))),
                "segment": labels(u["segment"], list(s.SEGMENTS)),
            }
            | {name: pa.array(u[name]) for name in latent + tastes}
            | {
                "message_effect": pa.array(marketing.message_effect(u)),
                "uplift_type": pa.array(kind),
                "p_control_mean": pa.array(hidden),
                "p_message_mean": pa.array(shown),
                "hazard": pa.array(hazard, from_pandas=True),
            }
        ).sort_by("user_id"),
        "courses": pa.table(
            {"product_id": product_ids(np.arange(len(c))), "topic": labels(c["topic"], list(s.TOPICS))}
            | {
                name: pa.array(c[name])
                for name in ["quality", "popularity", "price", *(f"v_{k}" for k in range(len(s.TOPICS)))]
            }
        ),
        "touches": pa.table(
            {
                "touch_id": touch_ids(t),
                "p_control": pa.array(t["p_control"]),
                "p_message": pa.array(t["p_message"]),
            }
        ),
        "memberships": pa.table(
            {
                "membership_id": membership_ids(p),
                "hazard": pa.array(p["hazard"], from_pandas=True),
                "cause": labels(p["cause"], list(s.CAUSES)),
            }
        ),
        "causes": pa.table(
            {"user_id": user_ids(company, company.members["user"])}
            | {name: pa.array(company.members[f"cause_{k}"]) for k, name in enumerate(s.CAUSES)}
        ),
        "reviews": pa.table(
            {
                "review_id": numbered("r", np.arange(1, len(company.reviews) + 1), 6),
                "aspect": pa.array(company.reviews["aspect"].astype(str)),
                "sentiment": pa.array(company.reviews["sentiment"]),
                "cause": pa.array(company.reviews["cause"].astype(str)),
            }
        ),
        "identity": pa.table(
            {
                "anonymous_id": numbered("a", devices["anonymous"], 7),
                "user_id": user_ids(company, devices["user"]),
            }
        ),
        "orders": pa.table({"order_id": numbered("o", np.arange(1, len(o) + 1), 7), "total": yuan(o["total"])}),
        "spoiled": pa.table(
            {
                "table": pa.array(["events"] * len(planted) + ["orders"] * len(fen)),
                "source_row": pa.array(np.concatenate([planted, fen]) + 1),
                "id": pa.concat_arrays([numbered("m", e["message"].to_numpy()[planted], 9), numbered("o", fen + 1, 7)]),
                "fault": pa.array([*e["fault"].to_numpy()[planted], *(["fen"] * len(fen))]),
            }
        ),
    }


def uplift_type(company: Company) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (type, mean p without, mean p with) per user over the courses that campaigns promote.

    sleeping dog: the message lowers the probability; persuadable: it adds 0.3 points or more; of the others, the upper
    quarter by probability are sure things and the rest lost causes.
    """
    u = company.users
    offered = company.courses.iloc[np.unique(company.touches["course"])]
    sums = np.zeros((2, len(u)))
    for row in range(len(offered)):
        sums += marketing.purchase_probability(u, offered.iloc[np.full(len(u), row)])
    hidden, shown = sums / len(offered)
    effect = shown - hidden
    names = np.select(
        [effect < 0, effect >= 0.003, hidden >= np.quantile(hidden, 0.75)],
        ["sleeping_dog", "persuadable", "sure_thing"],
        "lost_cause",
    )
    return names, hidden, shown
