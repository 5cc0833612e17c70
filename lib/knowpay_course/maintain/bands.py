"""Bands: the company beside published figures of real platforms; every quantity has a band that it must keep.

A band is a typical range across platforms, never what one platform should have. Quantities are measured on the clean
records, as an analyst without tracking faults would, except where a row says that it is the truth itself.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from knowpay.world import behaviour, catalogue, lots, market, marketing, membership
from knowpay.world import settings as s
from knowpay.world.company import Block, Company

YEAR, QUARTER, MONTH = 365 * s.DAY, 90 * s.DAY, 30 * s.DAY
END = s.DAYS * s.DAY


class Band(NamedTuple):
    """What a quantity must keep to: bounds, its unit, the definition, and where the figures are from.

    ``grade``: P published primary source, R report of one, W weak, A assumption of ours (no usable source).
    """

    low: float
    high: float
    unit: str
    definition: str
    source: str
    grade: str


BANDS = {
    "ever paying": Band(2, 13, "%", "of users watched for a year since registration, share with a paid order in it",
        "not the same quantity: paying share of monthly actives, Zhihu F-1 2021 (1.2-3.4 %), Ximalaya "
        "prospectuses 2021-24 (13 %), Duolingo 2024 (7.7 %), as reported", "R"),
    "paying share of monthly actives": Band(1.2, 13.3, "%", "members or buyers of a month among its visitors, last "
        "twelve months", "Zhihu, Ximalaya and Duolingo, as above", "R"),
    "visitor to order, cold": Band(1, 5, "%", "of new registrations, share with a paid order within 30 days",
        "RevenueCat 2025: download to paying within 30 days 1.7 %, best apps 4.2 %", "P"),
    "visitor to order, warm": Band(5, 15, "%", "of those who click a message, share who buy its course",
        "sales pages, warm lists 8-15 % (affiliateshop.com)", "W"),
    "taster to full course": Band(5, 12, "%", "of buyers of a taster class, share who buy a full course in 90 "
        "days", "unattributed industry text of 2019: 5-10 %", "W"),
    "trial to paid": Band(25, 60, "%", "of trials that have ended, share that went on to a paid period",
        "RevenueCat: 38 %, top quartile above 60 %", "P"),
    "trial cancels on the first day": Band(35, 60, "%", "of cancelled trials, share cancelled within a day",
        "RevenueCat 2026: 55 % of cancelled 3-day trials, via a summary", "R"),
    "bought and never started": Band(15, 35, "%", "of courses bought 60 days ago or more, share never begun",
        "HarvardX and MITx 2012-13: 35 % of free registrants never entered; buyers should be lower", "P"),
    "completion, self-paced": Band(5, 30, "%", "of courses bought half a year ago, no camps: share with 80 % "
        "of the lessons done", "Jordan 2015, IRRODL 16(3): median 12.6 % of 221 MOOCs", "P"),
    "completion, camps": Band(40, 60, "%", "the same for camps (训练营)", "none usable", "A"),
    "completion falls with length": Band(1, 30, "points", "self-paced, purchases of the shorter half minus the longer",
        "Jordan 2015: longer courses are completed less", "P"),
    "first renewal, monthly": Band(45, 65, "%", "of first paid months that have ended, share renewed",
        "RevenueCat 2022: median 56 % over 10,000 apps", "R"),
    "first renewal, yearly": Band(17, 43, "%", "of first paid years that have ended, share renewed",
        "RevenueCat 2022: median 27 %", "R"),
    "one-year survival, monthly": Band(5, 19, "%", "of monthly members who began a year ago or more, share that "
        "renewed twelve times", "RevenueCat 2022: median 11 %, quartiles 5 and 19", "R"),
    "buys again within a year": Band(20, 45, "%", "of course buyers watched for a year, share with another course",
        "Zhihu Live 2017: 43 %, a company's claim", "R"),
    "revenue per payer and year": Band(190, 420, "yuan", "paid less refunded in 2025, by those who paid in it",
        "Dedao (思维造物 prospectus): 189-289 yuan 2018-20, 418 in a half year", "R"),
    "cost per paying user, paid media": Band(200, 1500, "yuan", "media spend of search, social and app store by "
        "the paying users that they brought", "GSX 2019: 545 yuan; trial classes: four digits", "R"),
    "base rate of a message": Band(0.3, 0.9, "%", "truth: mean chance of buying the course unasked, 50:50 campaigns",
        "Hillstrom 2008: 0.573 %", "P"),
    "effect of a message": Band(0.3, 0.7, "points", "truth: mean change of that probability by a message",
        "Hillstrom 2008: +0.681 (men's) and +0.311 (women's)", "P"),
    "people whom a message puts off": Band(5, 40, "%", "truth: share with a negative effect (sleeping dogs)",
        "none usable", "A"),
    "invited against organic value": Band(0, 36, "%", "paid less refunds and fees, per invited user above organic",
        "Schmitt, Skiera and Van den Bulte 2011: 16 % or more, a bank", "P"),
    **{f"price elasticity, {name}": Band(-3, -1, "", "truth: of purchases at the page, by own price",
        "Bijmolt, van Heerde and Pieters 2005: mean -2.62 for consumer goods; not digital content", "P")
       for name in s.SEGMENTS},
    "advertising elasticity": Band(0.05, 0.25, "", "of weekly registrations by weekly spend, paid channels",
        "Sethuraman, Tellis and Briesch 2011: 0.12 in the short run", "P"),
    "checkouts left at the payment page": Band(8, 18, "%", "orders placed and never paid, of all checkouts",
        "none usable", "A"),
    "consent to marketing unknown": Band(3, 9, "%", "of users", "none usable", "A"),
    "consent to marketing taken back": Band(1, 5, "%", "of users", "none usable", "A"),
    "effect of a coupon over a message": Band(0.35, 0.6, "", "truth: mean difference on the logit, campaigns with both",
        "none usable", "A"),
    "middle over quiet and active": Band(2, 15, "", "truth: effect of a message on people who make 0.1 to 0.4 "
        "visits a week, as a multiple of that on all others", "none usable", "A"),
    "use lost by leavers": Band(35, 75, "%", "truth: mean share of their use that members have lost when they leave",
        "none usable", "A"),
    "likeness of friends": Band(0.3, 0.6, "", "correlation of engagement between invited people and their inviters",
        "none usable", "A"),
    "effect of the note against leaving": Band(-14, -5, "points", "truth: mean change of the chance of not renewing, "
        "members still there five days before", "none usable", "A"),
    "effect of 28 yuan a month": Band(7, 17, "points", "truth: mean change of trial to paid against 38 yuan",
        "none usable", "A"),
    "effect of 48 yuan a month": Band(-13, -4, "points", "the same for 48 yuan", "none usable", "A"),
    "effect of 25 % off a pair": Band(6, 25, "points", "truth: mean change of the chance of taking the second course "
        "along, pairs that do not belong together included", "none usable", "A"),
    "effect of 10 % off a pair": Band(1, 8, "points", "the same for 10 %", "none usable", "A"),
    "joiners of the points programme": Band(30, 60, "%", "of those invited, share who joined", "none usable", "A"),
    "effect of the points programme": Band(2, 9, "orders", "truth: course orders added per 100 people invited",
        "none usable", "A"),
    "scraped prices that are wrong": Band(3, 10, "%", "of rivals' prices as scraped, share with a planted error",
        "none usable", "A"),
}  # fmt: skip


def measure(company: Company) -> pd.DataFrame:
    """Return one row per band: ``measured, low, high, unit, definition, source, grade, inside``.

    The index is the quantity. One pass over the blocks; nothing but counts and small tables is kept.
    """
    u, forms = company.users, company.courses["form"].to_numpy()
    keep: dict[str, list[pd.DataFrame]] = {
        n: [] for n in ("orders", "periods", "progress", "touches", "demand", "plants")
    }
    active = np.zeros((u.shape[0], -(-s.DAYS // 30)), dtype=bool)  # visited, by user and 30 days
    known: dict[str, list[pd.DataFrame]] = {}  # the truth of the trials
    for block in company.blocks():
        for name, table in lots.truth(company, block).items():
            known.setdefault(name, []).append(table.to_pandas())
        keep["orders"].append(block.orders)
        keep["periods"].append(block.periods)
        keep["progress"].append(block.progress[block.progress["bought"]])
        t = block.touches
        keep["touches"].append(t[["p_control", "p_message", "clicked", "bought"]][t["design"] == "even"])
        keep["plants"].append(planted(company, block))
        active[block.visits["user"], (block.visits["start"] // MONTH).astype(int)] = True
        p = s.logistic(s.VISIT_LEVEL + block.who.interest(*(block.pages[n] for n in ("user", "course", "time"))))
        slope = -s.BUY_PRICE * block.who.trait("price_sensitivity", block.pages["user"])
        segment = block.who.trait("segment", block.pages["user"])
        keep["demand"].append(pd.DataFrame({"segment": segment, "p": p, "bend": p * (1 - p) * slope}))
    orders, periods, progress, touches, pages, plants = (pd.concat(parts, ignore_index=True) for parts in keep.values())
    found = {
        **paying(u, orders, periods, active),
        **conversion(u, orders, periods, touches, forms),
        **studies(progress, company.courses),
        **renewals(periods),
        **worth(company, orders),
        **responses(u, touches, pages),
        "advertising elasticity": ad_elasticity(company),
        **plants.groupby("name")[["sum", "rows"]].sum().pipe(lambda t: t["sum"] / t["rows"]),
        **friends(u),
        **trials({name: pd.concat(parts, ignore_index=True) for name, parts in known.items()}),
        "scraped prices that are wrong": 100
        * market.rival_prices(company.setup, company.courses)["error"].ne("").mean(),
    }
    table = pd.DataFrame.from_dict({name: band._asdict() for name, band in BANDS.items()}, orient="index")
    table.insert(0, "measured", pd.Series(found))
    table["inside"] = table["measured"].between(table["low"], table["high"])
    return table


def paying(u: pd.DataFrame, orders: pd.DataFrame, periods: pd.DataFrame, active: np.ndarray) -> dict[str, float]:
    """Return the shares of people who pay."""
    created = u["created"].to_numpy()
    since = orders["time"].to_numpy() - created[orders["user"]]
    watched = (created >= 0) & (created <= END - YEAR)
    payers = np.zeros(len(u), dtype=bool)
    payers[orders["user"][since <= YEAR]] = True
    months = active.shape[1] - 1  # the last thirty days are cut
    paid = np.zeros_like(active)
    paid[orders["user"], (orders["time"] // MONTH).astype(int)] = True
    p = periods[periods["period_no"] > 0]
    for month in range(active.shape[1]):
        runs = (p["start"] < (month + 1) * MONTH) & (p["end"] > month * MONTH)
        paid[p["user"][runs], month] = True
    last = slice(months - 12, months)
    share = (paid & active)[:, last].sum(axis=0) / active[:, last].sum(axis=0)
    return {"ever paying": 100 * payers[watched].mean(), "paying share of monthly actives": 100 * share.mean()}


def conversion(
    u: pd.DataFrame, orders: pd.DataFrame, periods: pd.DataFrame, touches: pd.DataFrame, forms: np.ndarray
) -> dict[str, float]:
    """Return the shares that go from one step to the next."""
    created = u["created"].to_numpy()
    new = (created >= 0) & (created <= END - MONTH)
    soon = np.zeros(len(u), dtype=bool)
    soon[orders["user"][orders["time"] - created[orders["user"]] <= MONTH]] = True
    bought = orders[orders["course"] >= 0].assign(form=lambda t: forms[t["course"]])
    taste = bought[(bought["form"] == catalogue.TASTER) & (bought["time"] <= END - QUARTER)]
    taste = taste.drop_duplicates("user")[["user", "time"]]
    full = bought.loc[bought["form"].isin(catalogue.FULL), ["user", "time"]]
    later = taste.merge(full, on="user", suffixes=("", "_full"))
    later = later[(later["time_full"] > later["time"]) & (later["time_full"] <= later["time"] + QUARTER)]
    trials = periods[(periods["period_no"] == 0) & (periods["end"] <= END)]
    quit = trials[trials["status"] == "canceled"]
    return {
        "visitor to order, cold": 100 * soon[new].mean(),
        "visitor to order, warm": 100 * touches.loc[touches["clicked"], "bought"].mean(),
        "taster to full course": 100 * later["user"].nunique() / len(taste) if len(taste) else np.nan,
        "trial to paid": 100 * (trials["status"] == "expired").mean(),
        "trial cancels on the first day": 100 * (quit["canceled_at"] - quit["start"] < s.DAY).mean(),
    }


def studies(progress: pd.DataFrame, courses: pd.DataFrame) -> dict[str, float]:
    """Return what becomes of the courses that were bought."""
    form, length = (courses[name].to_numpy()[progress["course"]] for name in ("form", "lessons"))
    old = (progress["time"] <= END - 60 * s.DAY).to_numpy()
    done = progress["completed"].to_numpy()
    ripe = (progress["time"] <= END - YEAR / 2).to_numpy()
    alone = ripe & (form != catalogue.CAMP)
    short = length <= np.median(length[alone])
    return {
        "bought and never started": 100 * (~progress["started"].to_numpy(bool))[old].mean(),
        "completion, self-paced": 100 * done[alone].mean(),
        "completion, camps": 100 * done[ripe & (form == catalogue.CAMP)].mean(),
        "completion falls with length": 100 * (done[alone & short].mean() - done[alone & ~short].mean()),
    }


def renewals(periods: pd.DataFrame) -> dict[str, float]:
    """Return renewal and survival of the two plans."""
    first = periods[(periods["period_no"] == 1) & (periods["end"] <= END)]
    went_on = (first["status"] == "expired").groupby(first["plan"]).mean().reindex([0, 1])
    month = periods[periods["plan"] == 0]
    began = month[(month["period_no"] == 1) & (month["start"] <= END - 12 * MONTH)]
    stayed = set(month.loc[month["period_no"] == 13, "user"])
    return {
        "first renewal, monthly": 100 * went_on[0],
        "first renewal, yearly": 100 * went_on[1],
        "one-year survival, monthly": 100 * began["user"].isin(stayed).mean(),
    }


def worth(company: Company, orders: pd.DataFrame) -> dict[str, float]:
    """Return what payers leave and what they cost."""
    u, paid = company.users, orders["total"] - orders["refund"]
    year = (orders["time"] >= s.seconds("2025-01-01")) & (orders["time"] < s.seconds("2026-01-01"))
    bought = orders.loc[orders["course"] >= 0, ["user", "time"]]
    first = bought.groupby("user")["time"].min()
    first = first[first <= END - YEAR]
    again = bought.merge(first.rename("first"), left_on="user", right_index=True)
    again = again[(again["time"] > again["first"]) & (again["time"] <= again["first"] + YEAR)]
    new = (u["created"] >= 0).to_numpy()
    channel = np.array(s.CHANNELS)[u["channel"]]
    spend = market.spend(company.setup, u, company.budget)
    media = np.isin(np.array(s.CHANNELS)[spend["channel"]], s.PAID)
    brought = pd.unique(orders["user"][np.isin(channel[orders["user"]], s.PAID) & new[orders["user"]]])
    left = np.zeros(len(u))
    net = (paid - orders["fee"]).to_numpy()  # before commission, which is a cost of winning them
    np.add.at(left, orders["user"].to_numpy(), net)
    by = {name: left[channel == name].mean() for name in ("referral", "organic")}
    return {
        "revenue per payer and year": paid[year].sum() / orders.loc[year, "user"].nunique(),
        "buys again within a year": 100 * again["user"].nunique() / len(first),
        "cost per paying user, paid media": spend.loc[media, "value"].sum() / len(brought),
        "invited against organic value": 100 * (by["referral"] / by["organic"] - 1),
    }


def responses(u: pd.DataFrame, touches: pd.DataFrame, pages: pd.DataFrame) -> dict[str, float]:
    """Return how people answer to messages and prices: truth, no estimates."""
    by = pages.groupby("segment")[["p", "bend"]].sum()
    return {
        "base rate of a message": 100 * touches["p_control"].mean(),
        "effect of a message": 100 * (touches["p_message"] - touches["p_control"]).mean(),
        "people whom a message puts off": 100 * (u["message_effect"] < 0).mean(),
        **{f"price elasticity, {name}": by["bend"][k] / by["p"][k] for k, name in enumerate(s.SEGMENTS)},
    }


def planted(company: Company, block: Block) -> pd.DataFrame:
    """Return what is planted beside the trials, as sums and numbers of rows of a block: ``name, sum, rows``."""
    t, u, lost = block.touches, block.who.users, membership.share_lost(company.setup, block.spells)
    asked = (block.events["event"] == behaviour.CODE["checkout_started"]).sum()
    offers = t[t["design"].isin(marketing.OFFERS)]
    gain = marketing.coupon_lift(company.setup, block.who, *(offers[n].to_numpy() for n in ("user", "course", "time")))
    age = np.maximum(t["time"].to_numpy() - block.who.trait("created", t["user"].to_numpy()), 0) / s.DAY
    fade = np.maximum(np.exp(-age / block.who.trait("fade_days", t["user"].to_numpy())), s.FLOOR)
    middle = np.abs(np.log(block.who.trait("weekly_rate", t["user"].to_numpy()) * fade / 0.2)) < np.log(2)
    effect = (t["p_message"] - t["p_control"]).to_numpy()
    sums = {
        "checkouts left at the payment page": (100 * len(block.unpaid), asked),
        "consent to marketing unknown": (100 * u["marketing_unknown"].sum(), len(u)),
        "consent to marketing taken back": (100 * np.isfinite(u["marketing_withdrawn"]).sum(), len(u)),
        "effect of a coupon over a message": (gain.sum(), len(gain)),
        "middle over quiet and active": (effect[middle].mean() / effect[~middle].mean() if len(t) else np.nan, 1),
        "use lost by leavers": (100 * lost.sum(), len(lost)),
    }
    return pd.DataFrame([(name, *pair) for name, pair in sums.items()], columns=["name", "sum", "rows"])


def friends(u: pd.DataFrame) -> dict[str, float]:
    """Return how far invited people resemble who invited them."""
    guest = u[u["inviter"] >= 0]
    host = u["engagement"].to_numpy()[guest["inviter"]]
    return {"likeness of friends": float(np.corrcoef(guest["engagement"], host)[0, 1])}


def ad_elasticity(company: Company) -> float:
    """Return the slope of log registrations on log spend over paid channels and full weeks, both centred."""
    u = company.users[company.users["created"] >= 0]
    weeks = s.WEEKS - 2
    came = np.zeros((s.WEEKS, len(s.CHANNELS)))
    np.add.at(came, ((u["created"] // (7 * s.DAY)).astype(int), u["channel"]), 1)
    paid = [s.CHANNELS.index(name) for name in s.PAID]
    y, x = np.log(came[:weeks][:, paid] + 0.5), np.log(company.budget[:weeks][:, paid])

    def centred(z: np.ndarray) -> np.ndarray:
        return z - z.mean(axis=0) - z.mean(axis=1, keepdims=True) + z.mean()

    return float((centred(x) * centred(y)).sum() / (centred(x) ** 2).sum())


def trials(known: dict[str, pd.DataFrame]) -> dict[str, float]:
    """Return the planted effects of the four trials, truth, and who joined; ``known`` are the tables of the truth."""
    note, price, points, pair = (known[f"{name}_trial"] for name in ("note", "price", "points", "bundle"))
    told = points[points["invited"]]
    return {
        "effect of the note against leaving": 100 * (note["p_note"] - note["p_control"]).mean(),
        **{f"effect of {k} yuan a month": 100 * (price[f"p_{k}"] - price["p_38"]).mean() for k in (28, 48)},
        **{f"effect of {k} % off a pair": 100 * (pair[f"p_{k}"] - pair["p_0"]).mean() for k in (25, 10)},
        "joiners of the points programme": 100 * told["joined"].mean(),
        "effect of the points programme": 100
        * ((points["orders_with"] - points["orders_without"]) * points["would_join"]).mean(),
    }
