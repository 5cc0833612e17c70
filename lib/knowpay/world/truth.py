"""Truth: what only the simulator knows, keyed by the ids of the export and written to a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from . import catalogue, checkout, choice, demand, export, incidents, lots, market, marketing, membership
from . import settings as s
from .columns import chosen, labels, moments, numbered, text, yuan
from .company import Block, Company, device_ids

SHEET = Path(__file__).with_name("identifiability.csv")
SHEET_USERS = s.SIZES["small"].users  # the errors of the sheet are those of companies of this size
LATENT = ("price_sensitivity", "means", "engagement", "patience", "standards", "social", "weekly_rate", "fade_days",
          "message_effect", "generation")  # fmt: skip
MARGIN = 0.65  # yuan of contribution for a yuan paid, in the value of the oracle's policies


def constants(company: Company) -> dict:
    """Return the numbers of the truth that are no tables."""
    c = company.setup
    alpha, beta = membership.churn_beta(c)
    u = company.users
    invited = np.bincount(u["inviter"][u["inviter"] >= 0], minlength=len(u))
    k_factor = [float(x) for x in pd.Series(invited).groupby(u["generation"]).mean().round(4)]
    return {
        "size": c.size,
        "seed": c.seed,
        "knobs": {name: getattr(c, name) for name in s.KNOBS},
        "segments": list(s.SEGMENTS),
        "topics": list(s.TOPICS),
        "causes": list(s.CAUSES),
        "churn_alpha": alpha,
        "churn_beta": beta,
        "year_alpha": s.YEAR_CHURN[0],
        "year_beta": s.YEAR_CHURN[1],
        "campaign_window_days": s.CAMPAIGN_WINDOW_DAYS,
        "message_cost": s.MESSAGE_COST,
        "ad_elasticity": s.AD_ELASTICITY,
        "hours": {name: demand.HOURS[k].tolist() for k, name in enumerate(s.SEGMENTS)},  # (peak, width, weight)
        "exam_wave": list(demand.EXAM_WAVE),
        "margin": MARGIN,
        "k_factor": k_factor,  # accepted invitations per user, by generation
    }


def company_tables(company: Company) -> dict[str, pa.Table]:
    """Return the truth that does not depend on what anybody did."""
    c, k = company.setup, company.courses
    days = demand.components(c)
    weekend = {f"weekend_{name}": demand.WEEKEND_FACTOR[i] for i, name in enumerate(s.SEGMENTS)}
    return {
        "courses": pa.table(
            {"product_id": company.product_ids.slice(0, len(k)), "topic": labels(k["topic"], s.TOPICS)}
            | {name: pa.array(k[name]) for name in ("quality", "popularity", "price")}
            | {"appeal": pa.array(catalogue.FORM_APPEAL[k["form"]]), "asks": pa.array(catalogue.FORM_MEANS[k["form"]])}
            | {f"v_{j}": pa.array(k[f"v_{j}"]) for j in range(len(s.TOPICS))}
        ),
        "demand": pa.Table.from_pandas(
            days.assign(**{n: np.where(demand.is_weekend(), f, 1.0) for n, f in weekend.items()}), preserve_index=False
        ),
        "tolerances": tolerances(c.users),
        **events_of_the_company(company),
    }


def events_of_the_company(company: Company) -> dict[str, pa.Table]:
    """Return what changed and went wrong on known days: reworks, incidents, and the wrong prices of the market."""
    c, k = company.setup, company.courses
    new = np.flatnonzero(np.isfinite(k["reworked"]))
    n, none = len(new), np.array([-1])
    fewer = min(catalogue.REWORK_REFUNDS * c.reworks, 1.0), min(checkout.SHORTER_KEEPS * c.reworks, 1.0)
    went = pd.DataFrame(incidents.incidents(c))
    r = market.rival_prices(c, k)
    r = r.assign(metric=export.scraped(r))[r["error"] != ""]
    return {
        "reworks": pa.table(
            {
                "kind": text(["course"] * n + ["checkout"]),
                "product_id": chosen(company.product_ids, np.concatenate([new, none])),
                "reworked_at": moments(np.append(k["reworked"].to_numpy()[new], s.seconds(checkout.SHORTER))),
                "keep_on": pa.array([catalogue.REWORK_KEEPS * c.reworks] * n + [0.0]),  # logit, from lesson to lesson
                "fewer": pa.array([fewer[0]] * n + [fewer[1]]),  # share of refunds, or of abandoned checkouts, spared
            }
        ),
        "incidents": pa.table(
            {
                "kind": text(went["kind"]),
                "platform": text(went["platform"], went["platform"] == ""),
                "start": moments(went["start"]),
                "end": moments(went["end"]),
                "strength": pa.array(went["strength"].to_numpy(float)),
            }
        ),
        "market_errors": pa.table(
            {"date": pa.array(r["month"]), "source": text(np.full(len(r), "price scrape"))}
            | {name: text(r[name]) for name in ("entity", "metric", "error")}
            | {"scraped": pa.array(r["value"].to_numpy()), "right": pa.array(r["right"].to_numpy())}
        ),
    }


def tolerances(users: int) -> pa.Table:
    """Return how far an honest estimate of each truth check may be off in a company of so many users.

    From the identifiability sheet, which was made from replications of companies of SHEET_USERS users: chance shrinks
    with the root of the data, bias does not.
    """
    if not SHEET.exists():
        return pa.table(
            {name: pa.array([], pa.string()) for name in ("lesson", "check")}
            | {"tolerance": pa.array([], pa.float64())}
        )
    sheet = pd.read_csv(SHEET, dtype={"lesson": str})
    bias = sheet["bias"].abs()
    scaled = bias + (sheet["tolerance"] - bias).clip(lower=0) * np.sqrt(SHEET_USERS / users)
    return pa.table(
        {"lesson": pa.array(sheet["lesson"]), "check": pa.array(sheet["check"]), "tolerance": pa.array(scaled)}
    )  # fmt: skip


def block_tables(company: Company, block: Block, spoiled: pd.DataFrame) -> dict[str, pa.Table]:
    """Return the truth about what the users of a block did, will do and would have done."""
    t, p, r, m = block.touches, block.periods, block.reviews, block.members
    return {
        "users": users_table(company, block),
        "touches": pa.table(
            {
                "touch_id": block.touch_ids(t),
                "p_control": pa.array(t["p_control"]),
                "p_message": pa.array(t["p_message"]),
                "p_coupon": pa.array(t["p_coupon"], from_pandas=True),
                "bought": pa.array(t["bought"]),
            }
        ),
        "policies": policies(company, t),
        "rules": rules(company, block),
        "memberships": pa.table(
            {
                "membership_id": block.membership_ids,
                "hazard": pa.array(p["hazard"], from_pandas=True),
                "cause": labels(p["cause"], s.CAUSES),
            }
        ),
        "causes": pa.table(
            {"user_id": chosen(company.user_ids, m["user"])}
            | {name: pa.array(m[f"cause_{k}"]) for k, name in enumerate(s.CAUSES)}
        ),
        "reviews": pa.table(
            {
                "review_id": block.review_ids,
                "aspect": text(r["aspect"]),
                "sentiment": pa.array(r["sentiment"].to_numpy(np.int64)),
                "cause": text(r["cause"]),
            }
        ),
        "identity": identity_table(company, block),
        "orders": orders_table(block),
        "unpaid": unpaid_table(company, block),
        "spoiled": spoiled_table(company, block, spoiled),
        **lots.truth(company, block),
    }


def identity_table(company: Company, block: Block) -> pa.Table:
    """Return whose each device is, of those that were used."""
    first = block.who.first
    used = np.zeros(2 * len(block.who.users), dtype=bool)  # by person and device, first and second
    used[2 * (block.events["user"] - first) + block.events["second"]] = True
    device = 2 * first + np.flatnonzero(used)
    return pa.table({"anonymous_id": device_ids(device), "user_id": chosen(company.user_ids, device // 2)})


def orders_table(block: Block) -> pa.Table:
    """Return the orders as they were, whatever was exported."""
    o = block.orders
    return pa.table(
        {
            "order_id": block.order_ids(np.arange(len(o))),
            "total": yuan(o["total"]),
            "refund": yuan(o["refund"]),
            "order_type": pa.array(o["order_type"].astype(str)),
            "membership": pa.array((o["course"] < 0).to_numpy()),
            "listed": yuan(o["subtotal"]),
            "leaves": yuan(o["total"] - o[["fee", "commission", "refund"]].sum(axis=1)),
        }
    )


def unpaid_table(company: Company, block: Block) -> pa.Table:
    """Return the orders that were placed and never paid."""
    o = block.unpaid
    return pa.table(
        {
            "order_id": block.order_ids(o["number"]),
            "user_id": chosen(company.user_ids, o["user"]),
            "product_id": chosen(company.product_ids, o["course"]),
            "status": text(o["status"]),
        }
    )


def spoiled_table(company: Company, block: Block, spoiled: pd.DataFrame) -> pa.Table:
    """Return the rows of the export that the observation spoiled, by file and row (from 1)."""
    files = {name: company.setup.part(name, block.number) for name in spoiled["table"].unique()}
    files["users"] = "users.parquet"  # written whole
    return pa.table(
        {
            "table": text(spoiled["table"]),
            "source_file": text(spoiled["table"].map(files)),
            "source_row": pa.array(spoiled["row"].to_numpy(np.int64) + 1),
            "id": pa.array(spoiled["id"].astype(object), pa.string(), from_pandas=True),
            "fault": text(spoiled["fault"]),
        }
    )


def users_table(company: Company, block: Block) -> pa.Table:
    """Return the traits of a block's users, what they would do, and the course that each would most likely buy."""
    who, u = block.who, block.who.users
    hazard = np.full(len(u), np.nan)
    hazard[block.members["user"] - who.first] = block.members["hazard"]
    hidden, shown = promoted_means(company, block)
    end = np.full(len(u), float(s.DAYS * s.DAY))
    best = best_course(company, who)
    return pa.table(
        {"user_id": company.user_ids.slice(who.first, len(u)), "segment": labels(u["segment"], s.SEGMENTS)}
        | {name: pa.array(u[name]) for name in (*LATENT, *(f"taste_{k}" for k in range(len(s.TOPICS))))}
        | {
            "uplift_type": pa.array(marketing.response_types(hidden, u["message_effect"].to_numpy())),
            "p_control_mean": pa.array(hidden),
            "p_message_mean": pa.array(shown),
            "price_elasticity": pa.array(-s.BUY_PRICE * u["price_sensitivity"]),  # of the odds of buying
            "best_course": chosen(company.product_ids, best),
            "hazard": pa.array(hazard, from_pandas=True),
            "fatigue": pa.array(block.fatigue),
            "warmth": pa.array(block.warmth),
            "edge": pa.array(who.edge(who.rows, end)),
            **{name: pa.array(value) for name, value in expected(block).items()},
        }
    )


def expected(block: Block) -> dict[str, np.ndarray]:
    """Return the purchases that each user's pages let one expect, and how many had nobody been invited.

    An invitation does nothing but the edge; that invited people are better customers otherwise is whom their friends
    are.
    """
    who, user = block.who, block.pages["user"]
    level = s.VISIT_LEVEL + who.interest(*(block.pages[name] for name in ("user", "course", "time")))
    edge = who.invited(user, block.pages["time"])
    local, n = user - who.first, len(who.users)
    return {
        "expected_purchases": np.bincount(local, s.logistic(level), n),
        "expected_uninvited": np.bincount(local, s.logistic(level - edge), n),
    }


def promoted_means(company: Company, block: Block) -> tuple[np.ndarray, np.ndarray]:
    """Return each user's mean (p without, p with the message) over the promoted courses, fresh and at list price."""
    who, u = block.who, block.who.users
    level = level_at_list_price(company, who)
    offered = np.unique([k.course for k in company.calendar]).astype(int)
    sums = np.zeros((2, len(u)))
    for course in offered:
        at = s.BUY_LEVEL + level[:, course]
        sums += s.logistic(at), marketing.told(at, u["message_effect"].to_numpy())
    return tuple(sums / max(len(offered), 1))


def level_at_list_price(company: Company, who: choice.Chooser) -> np.ndarray:
    """Return the purchase utility of each user for each course at list price, after the records, (users, courses)."""
    u, k = who.users, company.courses
    form = k["form"].to_numpy()
    person = s.BUY_ENGAGEMENT * u["engagement"].to_numpy()
    person = person + who.edge(who.rows, np.full(len(u), float(s.DAYS * s.DAY)))
    thing = s.BUY_QUALITY * k["quality"].to_numpy() + catalogue.FORM_APPEAL[form]
    price = np.log(k["price"].to_numpy() / s.REFERENCE_PRICE)
    return (
        person[:, None] + thing + s.BUY_TASTE * who.match
        + s.BUY_MEANS * u["means"].to_numpy()[:, None] * catalogue.FORM_MEANS[form]
        - s.BUY_PRICE * u["price_sensitivity"].to_numpy()[:, None] * price
    )  # fmt: skip


def best_course(company: Company, who: choice.Chooser) -> np.ndarray:
    """Return for each user the full course (no taster, no audio) that he or she would most likely buy."""
    level = level_at_list_price(company, who)
    full = np.isin(company.courses["form"].to_numpy(), catalogue.FULL)
    return np.where(full, level, -np.inf).argmax(axis=1)


def policies(company: Company, t: pd.DataFrame) -> pa.Table:
    """Return the expected yuan of three policies on each campaign's list: nobody is 0; everybody; the oracle.

    A purchase is worth MARGIN of the price on the campaign's day; the oracle writes to those whose effect is worth
    a message.
    """
    price = company.prices[t["course"].to_numpy(), s.day_of(t["time"].to_numpy())]
    gain = (t["p_message"] - t["p_control"]) * price * MARGIN - s.MESSAGE_COST
    by = pd.DataFrame({"campaign": t["campaign"], "everybody": gain, "oracle": gain.clip(lower=0)})
    sums = by.groupby("campaign").agg(
        people=("oracle", "size"), everybody=("everybody", "sum"), oracle=("oracle", "sum")
    )
    width = 2 if company.setup.campaigns < 100 else 3
    return pa.table(
        {"campaign_id": numbered("k", sums.index.to_numpy() + 1, width)}
        | {name: pa.array(sums[name].to_numpy()) for name in sums.columns}
    )


def rules(company: Company, block: Block) -> pa.Table:
    """Return the planted rules and decoys, with the buyers of either course and of both among the block's users.

    Sums over the blocks give the lift of the clean records: both × users / (antecedent × consequent).
    """
    r, bought = company.rules, block.purchases[["user", "course"]]
    has = {course: set(bought.loc[bought["course"] == course, "user"]) for course in r.iloc[:, :2].to_numpy().ravel()}
    pairs = list(zip(r["antecedent"], r["consequent"], strict=True))
    return pa.table(
        {
            "antecedent": chosen(company.product_ids, r["antecedent"]),
            "consequent": chosen(company.product_ids, r["consequent"]),
            "added": pa.array(r["added"]),
            "bought_antecedent": pa.array([len(has[a]) for a, _ in pairs], pa.int64()),
            "bought_consequent": pa.array([len(has[b]) for _, b in pairs], pa.int64()),
            "bought_both": pa.array([len(has[a] & has[b]) for a, b in pairs], pa.int64()),
        }
    )
