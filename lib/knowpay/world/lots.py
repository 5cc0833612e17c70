"""Lots: the trials in the export, as touches with arm and propensity, and what the truth knows of each.

The touches of a trial promote no course: ``creative`` is empty, and ``offer`` says what was promised.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from . import settings as s
from . import trials
from .columns import chosen, labels, moments, text, yuan
from .company import Block, Company

SHOWN = 20  # seconds from the first course of a pair to the offer of the second


def added(table: pa.Table, company: Company, block: Block) -> pa.Table:
    """Return the touches of the campaigns with those of the trials behind them."""
    tables = [table]
    for trial in touches(company, block):
        for field in table.schema:
            at = trial.schema.get_field_index(field.name)
            if at >= 0 and pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(trial.schema.types[at]):
                trial = trial.set_column(at, field.name, trial[field.name].dictionary_encode())
        tables.append(trial)
    return pa.concat_tables(tables, promote_options="default")


def touches(company: Company, block: Block) -> list[pa.Table]:
    """Return the touches of the four trials, one table each, in the columns of the canonical table."""
    level = company.setup.price_level
    note, price, pair = noted(block), priced(block), block.bundles
    invited = block.who.users[block.who.users["points_arm"] >= 0]
    told = note["note"].to_numpy()
    week = (s.START + pd.to_timedelta(note_time(note), unit="s")).strftime("note-%Gw%V")
    yes = (invited["points_arm"] == 1).to_numpy()
    launch = np.full(len(invited), s.seconds(trials.POINTS_FROM) + 10 * 3600)
    joined = invited["points_from"].to_numpy()
    usual = (price["price"] == s.PLAN_PRICE[0]).to_numpy()
    month = np.round(price["price"] * level, 1)
    products = company.product_ids.to_pandas().to_numpy()
    arm = pair["arm"].to_numpy()
    return [
        table(
            company, note_ids(block, note), np.array(week), "note", note["user"], note_time(note),
            np.where(told, "note", "control"), 0.5, channel="wechat_official",
            delivered=np.where(told & note["delivered"], note_time(note) + 60, np.nan), cost=told * s.MESSAGE_COST,
            offer=np.where(told, "a pause, or a month at a lower price", ""),
        ),
        table(
            company, point_ids(block, invited), "points-launch", "points", invited.index.to_numpy(), launch,
            np.where(yes, "invited", "control"), 0.5, channel="wechat_official",
            delivered=np.where(yes, launch + 60, np.nan), clicked=np.where(np.isfinite(joined), joined, np.nan),
            cost=yes * s.MESSAGE_COST, offer=np.where(yes, "points programme", ""),
        ),
        table(
            company, price_ids(block, price), "month-price", "month-price", price["user"], price["start"],
            np.where(usual, "control", np.char.add("month-", price["price"].astype(int).astype(str).to_numpy(str))),
            1 / len(trials.MONTH_PRICES), channel="in_app", exposed=price["start"].to_numpy(),
            offer=np.array([f"first month {value:g} yuan" for value in month], dtype=object),
        ),
        table(
            company, bundle_ids(block, pair), "bundle", "bundle", pair["user"], pair["time"] + SHOWN,
            np.where(arm > 0, pair["code"].str.replace("BUNDLE", "pair-"), "control"),
            1 / len(trials.BUNDLE_OFF), channel="in_app", exposed=(pair["time"] + SHOWN).to_numpy(),
            offer=np.array(products[pair["course"]] + "+" + products[pair["consequent"]], dtype=object),
            off=pair["off"].to_numpy(), coupon=pair["code"].to_numpy(),
        ),
    ]  # fmt: skip


def table(
    company: Company,
    ids: pa.Array,
    campaign: str | np.ndarray,
    experiment: str,
    user,
    time,
    arm: np.ndarray,
    propensity: float,
    channel: str,
    **told: np.ndarray,
) -> pa.Table:
    """Return the touches of one trial; ``told`` holds moments (seconds), cost and what was promised."""
    n, never = len(ids), np.full(len(ids), np.nan)
    off, coupon = told.get("off", never), told.get("coupon", np.full(n, ""))
    return pa.table(
        {
            "touch_id": ids,
            "campaign_id": text(np.broadcast_to(campaign, n)),
            "experiment_id": text(np.full(n, experiment)),
            "user_id": chosen(company.user_ids, user),
            "unit_type": labels(np.zeros(n), ["user"]),
            "assigned_at": moments(time),
            "assignment": labels(np.zeros(n), ["randomised"]),
            "variation_id": labels(*pd.factorize(arm.astype(object))) if n else labels([], ["control"]),
            "propensity": pa.array(np.full(n, propensity)),
            "channel": labels(np.zeros(n), [channel]),
            "offer": text(told["offer"], told["offer"] == ""),
            "offer_discount": yuan(np.nan_to_num(off), np.isnan(off) | (off == 0)),
            "coupon": text(coupon, coupon == ""),
            "delivered_at": moments(told.get("delivered", never)),
            "exposed_at": moments(told.get("exposed", never)),
            "clicked_at": moments(told.get("clicked", never)),
            "cost": yuan(told.get("cost", np.zeros(n))),
            "currency": pa.array(["CNY"] * n, pa.string()),
        }
    )  # fmt: skip


def noted(block: Block) -> pd.DataFrame:
    """Return the periods in the trial of the note; the index is the row of the period."""
    return block.periods[block.periods["listed"]]


def note_time(note: pd.DataFrame) -> np.ndarray:
    """Return when the note is due, seconds."""
    return note["end"].to_numpy() - trials.NOTE_DAYS * s.DAY


def priced(block: Block) -> pd.DataFrame:
    """Return the members in the trial of the month's price, with ``start`` of their free trial."""
    free = block.periods[block.periods["period_no"] == 0]
    member = block.members.assign(start=free["start"].to_numpy(), period=free.index)
    return member[member["tested"]]


def note_ids(block: Block, note: pd.DataFrame) -> pa.Array:
    """Return the ids of the touches of the note."""
    return block.ids("xn", note.index)


def point_ids(block: Block, invited: pd.DataFrame) -> pa.Array:
    """Return the ids of the touches of the points launch."""
    return block.ids("xp", invited.index - block.who.first)


def price_ids(block: Block, price: pd.DataFrame) -> pa.Array:
    """Return the ids of the touches of the month's price."""
    return block.ids("xm", price.index)


def bundle_ids(block: Block, pair: pd.DataFrame) -> pa.Array:
    """Return the ids of the touches of the bundle test."""
    return block.ids("xb", pair.index)


def truth(company: Company, block: Block) -> dict[str, pa.Table]:
    """Return the truth of the four trials: the probability of the outcome under each arm."""
    c, note, price, pair = company.setup, noted(block), priced(block), block.bundles
    users = block.who.users
    invited = users[users["points_arm"] >= 0]
    person = users.iloc[price["user"] - block.who.first]
    pays = {
        f"p_{value:.0f}": s.logistic(
            price["pays"].to_numpy() + trials.price_shift(c, person, np.full(len(price), value), s.PLAN_PRICE[0])
        )
        for value in trials.MONTH_PRICES
    }
    expected = expected_orders(company, block)
    return {
        "note_trial": pa.table(
            {
                "touch_id": note_ids(block, note),
                "membership_id": block.membership_ids.take(pa.array(note.index)),
                "note": pa.array(note["note"].to_numpy(bool)),
                "p_control": pa.array(note["p_control"].to_numpy()),
                "p_note": pa.array(note["p_note"].to_numpy()),
            }
        ),
        "price_trial": pa.table(
            {"touch_id": price_ids(block, price), "user_id": chosen(company.user_ids, price["user"])}
            | {"membership_id": block.membership_ids.take(pa.array(price["period"].to_numpy()))}
            | {"price": pa.array(price["price"].to_numpy()), "paid": pa.array(price["paid"].to_numpy(bool))}
            | {name: pa.array(values) for name, values in pays.items()}
        ),
        "points_trial": pa.table(
            {
                "touch_id": point_ids(block, invited),
                "user_id": chosen(company.user_ids, invited.index.to_numpy()),
                "invited": pa.array((invited["points_arm"] == 1).to_numpy()),
                "p_join": pa.array(invited["points_odds"].to_numpy()),
                "would_join": pa.array(invited["points_would"].to_numpy(bool)),
                "joined": pa.array(np.isfinite(invited["points_from"].to_numpy())),
                "effect": pa.array(invited["points_effect"].to_numpy()),
            }
            | {name: pa.array(values[invited.index - block.who.first]) for name, values in expected.items()}
        ),
        "bundle_trial": pa.table(
            {
                "touch_id": bundle_ids(block, pair),
                "antecedent": chosen(company.product_ids, pair["course"]),
                "consequent": chosen(company.product_ids, pair["consequent"]),
                "discount": pa.array(trials.BUNDLE_OFF[pair["arm"].to_numpy(int)]),
                "taken": pa.array(pair["taken"].to_numpy(bool)),
            }
            | {f"p_{100 * off:.0f}": pa.array(pair[f"p_{k}"].to_numpy()) for k, off in enumerate(trials.BUNDLE_OFF)}
        ),
    }


def expected_orders(company: Company, block: Block) -> dict[str, np.ndarray]:
    """Return, by user, the course orders to be expected at pages and on lists since everybody who joins had joined.

    ``orders_without`` points and ``orders_with`` them, as if joined when points began; what rules add is counted.
    """
    who, launch = block.who, s.seconds(trials.POINTS_FROM) + trials.JOINS_DAYS * s.DAY
    sums = {name: np.zeros(len(who.users)) for name in ("orders_without", "orders_with")}
    added = np.ones(len(company.courses))
    added[company.rules["antecedent"]] += company.rules["added"]
    for table, level in ((pd.DataFrame(block.pages), s.VISIT_LEVEL), (block.touches, s.BUY_LEVEL)):
        table = table[(table["time"] >= launch).to_numpy()]
        user, course, time = (table[name].to_numpy() for name in ("user", "course", "time"))
        has = who.trait("points_effect", user) * (who.trait("points_from", user) <= time)
        if level == s.VISIT_LEVEL:
            logit = level + who.interest(user, course, time)
        else:
            under = [table[f"p_{name}"] for name in ("message", "coupon")]
            p = np.select([table["arm"] == 1, table["arm"] == 2], under, table["p_control"])
            logit = np.log(p / (1 - p))
        for name, extra in (("orders_without", 0.0), ("orders_with", who.trait("points_effect", user))):
            np.add.at(sums[name], user - who.first, s.logistic(logit - has + extra) * added[course])
    return sums
