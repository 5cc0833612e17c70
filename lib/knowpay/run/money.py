"""Money: what customers pay and what remains, by month, channel and kind of product; whether a channel pays back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from knowpay import estimate, show
from knowpay.analyse import economics
from knowpay.collect.privacy.gate import SMALLEST
from knowpay.people.money import contributions
from knowpay.run.section import CannotSay, Fact, Section, renamed, say

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset
    from knowpay.estimate import Estimate

HORIZONS = (180, 90, 30)  # days within which a bought registration should pay back: the longest that was watched
FEW = 30  # people of whom no mean is told


def money(ds: Dataset) -> Section:
    """Count the money; say what remains where that is declared, and which channels do not pay back.

    Raises CannotSay when there is no paid order of a customer.
    """
    section, unit = Section("money", "00"), currency(ds)
    lacks = undeclared(ds)
    orders = contributions(ds, ds.manifest["teacher_share"] or 0.0).to_pandas()
    if orders.empty:
        raise CannotSay(say("money.no_orders"))
    left = "net" if lacks else "contribution"
    orders = orders.assign(paid=orders["total"], **{left: orders["net_revenue"] if lacks else orders["contribution"]})
    months, products = by_month(ds, orders)[["paid", left]], by_product(ds, orders)[["orders", "paid", left]]
    horizon, bought = watched(ds)
    channels = by_channel(ds, orders, left)
    if bought:
        days = {
            name: show.write(one.day) if one.day else say("money.not_within", days=horizon)
            for name, one in bought.items()
        }
        channels["payback"] = channels.index.map(days).fillna("–")
    section.cannot = [say("money.undeclared", what=" ".join(lacks))] if lacks else []
    section.facts = facts(ds, orders, left, unit)
    with section.showing():
        part = orders[left].sum() / orders["paid"].sum()
        title = say(f"money.title_{left}", paid=show.write(orders["paid"].sum(), unit), part=show.write(part, "%"))
        show.line(renamed(months, "money.columns"), title, say("money.month"), unit, unit=unit)
        show.table(renamed(channels, "money.columns"), say("money.channels", unit=unit))
        show.table(
            renamed(products, "money.columns").round(2).rename_axis(say("money.product")),
            say("money.products", unit=unit),
        )
    _decide(section, ds, horizon, bought, left)
    return section


def currency(ds: Dataset) -> str:
    """Return the word for the unit of money."""
    return "yuan" if ds.currency == "CNY" else ds.currency


def undeclared(ds: Dataset) -> list[str]:
    """Return what the manifest must declare before anybody can say what an order leaves, as sentences."""
    paid = ds.con.table("paid_orders")
    silent = paid.filter((paid.total > 0) & paid.fee.isnull() & paid.commission.isnull()).count().to_pandas()
    fees = bool(silent) and ds.manifest["fee_share"] is None
    return [say("money.no_fees", orders=show.write(int(silent)))] * fees + [say("money.no_share")] * (
        ds.manifest["teacher_share"] is None
    )


def by_month(ds: Dataset, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the sums of the columns of money by month (in the zone of the data set), every month of the records."""
    local = orders["timestamp"].dt.tz_convert(ds.timezone).dt.tz_localize(None)
    month = local.dt.to_period("M")
    sums = orders.groupby(month).sum(numeric_only=True)
    return sums.reindex(pd.period_range(month.min(), month.max(), freq="M"), fill_value=0.0).pipe(
        lambda table: table.set_axis(table.index.to_timestamp())
    )


def by_product(ds: Dataset, orders: pd.DataFrame) -> pd.DataFrame:
    """Return ``orders`` and the sums of the columns of money by type of product, the most money first.

    The money of an order with several lines is divided by their prices.
    """
    items = ds.order_items.select("order_id", "product_id", "price", "quantity").to_pandas()
    items = items[items["order_id"].isin(orders["order_id"])]
    worth = items["price"].fillna(0) * items["quantity"].fillna(1)
    whole = worth.groupby(items["order_id"]).transform("sum")
    equal = 1 / items.groupby("order_id")["product_id"].transform("size")
    items["part"] = np.where(whole > 0, worth / whole.where(whole > 0, 1), equal)
    kinds = ds.courses.select("product_id", "product_type").to_pandas().set_index("product_id")["product_type"]
    lines = orders.drop(columns="product_id").merge(items, on="order_id", how="left").fillna({"part": 1.0})
    kind = lines["product_id"].map(kinds).astype(object).fillna(say("money.unknown"))
    sums = lines.select_dtypes("number").mul(lines["part"], axis=0).groupby(kind).sum()
    counts = lines.groupby(kind)["order_id"].nunique().rename("orders")
    return pd.concat([counts, sums.drop(columns="quantity")], axis=1).sort_values("paid", ascending=False)


def by_channel(ds: Dataset, orders: pd.DataFrame, left: str) -> pd.DataFrame:
    """Return by channel: ``registrations, payers, paid``, what is ``left``, and with spend ``spend, price, cac``."""
    people = economics.customers(ds).set_index("user_id")
    channel = orders["user_id"].map(people["channel"])
    found = pd.DataFrame(
        {
            "registrations": people.groupby("channel").size(),
            "payers": orders.groupby(channel)["user_id"].nunique(),
            "paid": orders.groupby(channel)["paid"].sum(),
            left: orders.groupby(channel)[left].sum(),
        }
    )
    found = found.fillna(0).astype({"registrations": int, "payers": int})
    if has_spend(ds):
        bought = economics.acquisition(ds)
        found = found.join(bought[["spend", "per_registration", "cac"]])
    found.loc[found["payers"].between(1, SMALLEST - 1), ["paid", left]] = np.nan  # so few could be told from each other
    return found.sort_values("paid", ascending=False).round(2)


def has_spend(ds: Dataset) -> bool:
    """Return whether the export says what any channel costs."""
    market = ds.market
    return bool(market.filter((market.method == "own_spend") & (market.metric == "spend")).count().to_pandas())


@dataclass(frozen=True)
class Bought:
    """A channel that costs money: the price of a registration, what one leaves within the horizon, the day of payback.

    The day is 0 when the price is not paid back within the horizon.
    """

    price: float
    value: Estimate
    day: int


def returned(ds: Dataset, horizon: int) -> dict[str, Bought]:
    """Return the bought channels by name, judged by people who were watched for ``horizon`` days.

    A channel with fewer than `FEW` of them, or without spend, is left out.
    """
    share, priced = ds.manifest["teacher_share"] or 0.0, economics.acquisition(ds)
    value, paid = economics.cohort_value(ds, share, horizon), economics.contributions(ds, share)
    found = {}
    for channel, price in priced.loc[priced["spend"] > 0, "per_registration"].items():
        theirs = value[value["channel"] == channel]
        if len(theirs) >= FEW:
            day = economics.payback(economics.recovered(paid, theirs["user_id"], horizon), price)
            found[str(channel)] = Bought(float(price), estimate.mean(theirs["value"], unit=currency(ds)), day)
    return found


def watched(ds: Dataset) -> tuple[int, dict[str, Bought]]:
    """Return `returned` with the longest of `HORIZONS` for which there is a channel, and that horizon."""
    for horizon in HORIZONS if has_spend(ds) else ():
        if found := returned(ds, horizon):
            return horizon, found
    return HORIZONS[-1], {}


def facts(ds: Dataset, orders: pd.DataFrame, left: str, unit: str) -> list[Fact]:
    """Return what was paid and what is left in all, by paying customer, and how many customers ever paid."""
    people, each = economics.customers(ds), orders.groupby("user_id")[["paid", left]].sum()
    payers = int(people["user_id"].isin(each.index).sum())
    return [
        Fact("paid", float(orders["paid"].sum()), unit, say("money.rule_paid")),
        Fact(left, float(orders[left].sum()), unit, say(f"money.rule_{left}")),
        Fact("paid by a paying customer", estimate.mean(each["paid"], unit=unit), unit, say("money.rule_each")),
        Fact(f"{left} of a paying customer", estimate.mean(each[left], unit=unit), unit, say("money.rule_each")),
        Fact("customers who paid", estimate.share(payers, len(people)), "share", say("money.rule_payers")),
    ]


def _decide(section: Section, ds: Dataset, horizon: int, found: dict[str, Bought], left: str) -> None:
    """Fill in the three lines: which bought channel costs more than its people leave."""
    unit = currency(ds)
    each = next(fact.value for fact in section.facts if fact.name == f"{left} of a paying customer")
    section.sure = say("money.sure", each=show.write(each))
    if not found:
        lack = "money.too_young" if has_spend(ds) else "money.no_spend"
        section.cannot.append(say(lack, few=FEW, days=horizon))
        section.do, section.expect, section.change = (
            say(f"money.{line}_unpriced") for line in ("do", "expect", "change")
        )
        return
    losing = {name: one for name, one in found.items() if one.value.high < one.price}
    name, worst = min((losing or found).items(), key=lambda pair: pair[1].value.value - pair[1].price)
    words = {"channel": name, "price": show.write(worst.price, unit), "value": show.write(worst.value), "days": horizon}
    months = (ds.observation_end - ds.observation_start).days / 30.4
    monthly = economics.acquisition(ds).loc[name, "registrations"] / months
    saved = estimate.from_error((worst.price - worst.value.value) * monthly, worst.value.error * monthly, unit)
    kind = "losing" if losing else "clear" if all(one.value.low > one.price for one in found.values()) else "unclear"
    section.do = say(f"money.do_{kind}", **words)
    section.expect = say(f"money.expect_{kind}", saved=show.write(saved), **words)
    section.change = say(f"money.change_{kind}", limit=show.write(worst.value.high, unit), **words)
    for name, one in found.items():
        section.facts += [
            Fact(f"price of a registration, {name}", one.price, unit, say("money.rule_price")),
            Fact(f"{left} of a registration, {name}", one.value, unit, say("money.rule_back", days=horizon)),
            Fact(f"day of payback, {name}", one.day, "days", say("money.rule_day", days=horizon)),
        ]
