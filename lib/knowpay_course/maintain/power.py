"""`knowpay-course power`: whether the deciding check of each lesson can tell the truth from a wrong answer.

A check can tell when truth and rival lie 3.9 standard errors apart: then the wrong answer is red nine times in ten. The
errors are those of the plain estimate on the clean records of `world:standard`; a lesson may do better with a better
method, or worse with faults in its way.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from knowpay.world import behaviour, incidents, lots, marketing, trials
from knowpay.world import settings as s
from knowpay.world import truth as secret
from knowpay.world.company import Block, Company, found
from knowpay.world.people import DEVICES

from knowpay_course import ROOT

PAGE = Path("book/power.md")
SIZE, SEEDS = "standard", range(3)
ENOUGH = 3.9  # standard errors between truth and rival
END = s.DAYS * s.DAY
RECENT_DAYS = 90  # visits in so many days say how active somebody is
OPENING = """# What the company can tell

A check decides something only when a wrong answer would fail it. Each row is the check that decides a lesson: what is
true, what a wrong method would say (the rival), and how many standard errors lie between, as a mean over three
companies of 24,000 users. With {enough} or more the wrong answer turns red nine times in ten. What has less is no check
of the scorecard; the lesson says so instead.

This page is written by `knowpay-course power`.

| lesson | check | truth | rival | error | errors between | |
|:--|:--|--:|--:|--:|--:|:--|
"""
EXACT = """
The checks that decide lessons 01 (tables from three tools), 03 (what leaves the building), 04 (public sets), 14 (the
printed model), 16 (one answer from notebook, file and service), 17 (labels of texts) and 21 (the run on an export) are
counts that must agree, or are made on other data; chance has no part in them.
"""


class Check(NamedTuple):
    """The check that decides a lesson: ``truth`` and ``rival`` in one unit, the standard ``error`` of an estimate."""

    lesson: str
    name: str
    truth: float
    rival: float
    error: float


class Records(NamedTuple):
    """What the users of a company did, all blocks: tables of `company.Block`, and the truth of the trials."""

    users: pd.DataFrame
    touches: pd.DataFrame
    purchases: pd.DataFrame
    orders: pd.DataFrame
    periods: pd.DataFrame
    members: pd.DataFrame
    pages: pd.DataFrame
    visits: pd.DataFrame
    steps: pd.DataFrame  # carts and orders by device: ``time, event, device``
    known: dict[str, pd.DataFrame]
    brought: float  # course orders that having been invited adds, per invited person: truth


def records(company: Company) -> Records:
    """Return the records of a company."""
    blocks = list(company.blocks())

    def all_of(tables: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat(tables, ignore_index=True)

    parts = {name: all_of([getattr(block, name) for block in blocks])
             for name in ("purchases", "orders", "periods", "members")}  # fmt: skip
    truths = [lots.truth(company, block) for block in blocks]
    known = {name: all_of([truth[name].to_pandas() for truth in truths]) for name in truths[0]}
    pages, visits = (all_of([pd.DataFrame(getattr(block, name)) for block in blocks]) for name in ("pages", "visits"))
    touches, steps = all_of([active(block) for block in blocks]), all_of([by_device(block) for block in blocks])
    guests = (company.users["channel"] == s.CHANNELS.index("referral")).sum()
    brought = sum(added(block) for block in blocks) / guests
    return Records(
        company.users, touches, **parts, pages=pages, visits=visits, steps=steps, known=known, brought=brought
    )


def added(block: Block) -> float:
    """Return the course orders that invitations added in a block, as expected at its pages and on its lists."""
    at_pages = secret.expected(block)
    t = block.touches
    p = np.select([t["arm"] == 1, t["arm"] == 2], [t["p_message"], t["p_coupon"]], t["p_control"])
    without = s.logistic(np.log(p / (1 - p)) - block.who.invited(t["user"].to_numpy(), t["time"].to_numpy()))
    return float((at_pages["expected_purchases"] - at_pages["expected_uninvited"]).sum() + (p - without).sum())


def active(block: Block) -> pd.DataFrame:
    """Return the touches of a block with ``third``, of the list by visits in the days before: quiet, middle, active."""
    visit, t = block.visits, block.touches
    key = visit["user"] * np.int64(2**36) + np.rint(visit["start"] * 1000).astype(np.int64)
    user, time = t["user"].to_numpy() * np.int64(2**36), t["time"].to_numpy()
    since = (np.maximum(time - RECENT_DAYS * s.DAY, 0) * 1000).astype(np.int64)
    came = np.searchsorted(key, user + (time * 1000).astype(np.int64)) - np.searchsorted(key, user + since)
    rank = pd.Series(came).groupby(t["campaign"].to_numpy()).rank(pct=True)
    return t.assign(third=pd.cut(rank, [0, 1 / 3, 2 / 3, 1], labels=["quiet", "middle", "active"]).to_numpy())


def by_device(block: Block) -> pd.DataFrame:
    """Return the carts and orders of a block: ``time, event, device``."""
    kinds = [behaviour.CODE["product_added"], behaviour.CODE["order_completed"]]
    at = np.isin(block.events["event"], kinds)
    user = block.events["user"][at]
    device = block.who.trait("device", user)
    return pd.DataFrame({"time": block.events["time"][at], "event": block.events["event"][at], "device": device})


def spread(*chances: pd.Series | np.ndarray) -> float:
    """Return the standard error of a sum or difference of shares, each of people with these chances."""
    return float(np.sqrt(sum((np.mean(p) * (1 - np.mean(p))) / len(p) for p in chances)))


def arms(t: pd.DataFrame, one: int, other: int) -> tuple[float, float]:
    """Return (true difference of two arms in points, its standard error) of the touches that drew them by lot."""
    name, base = marketing.ARMS[one], marketing.ARMS[other]
    t = t[t["design"].isin([*marketing.ODDS, *marketing.STRATUM_ODDS]) & (t["design"] != "agency")]
    t = t[t["design"].isin(marketing.OFFERS)] if "coupon" in (name, base) else t
    effect = 100 * (t[f"p_{name}"] - t[f"p_{base}"]).mean()
    drawn = [t.loc[t["arm"] == arm, f"p_{marketing.ARMS[arm]}"] for arm in (one, other)]
    return effect, 100 * spread(*drawn)


def campaigns(r: Records) -> list[Check]:
    """Return the checks of the lessons about messages."""
    effect, error = arms(r.touches, 1, 0)
    found = [Check("00", "a message sells more, points", effect, 0.0, error)]
    for third in ("quiet", "active"):
        mine = arms(r.touches[r.touches["third"] == third], 1, 0)
        rival = 0.0 if third == "quiet" else effect  # nobody there, or that all answer alike
        found.append(Check("12", f"effect in the {third} third, points", mine[0], rival, mine[1]))
    middle = arms(r.touches[r.touches["third"] == "middle"], 1, 0)
    found.append(
        Check(
            "12",
            "the middle third above the active one, points",
            middle[0] - mine[0],
            0.0,
            np.hypot(middle[1], mine[1]),
        )
    )
    more, error = arms(r.touches, 2, 1)
    found.append(Check("13", "a coupon sells more than a message, points", more, 0.0, error))
    return [*found, spared(r)]


def spared(r: Records) -> Check:
    """Return the check of lesson 18: what it earns to leave alone those whom a message puts off, by the true signs."""
    t = r.touches[r.touches["design"].isin(["even", "ninety", "stratified"])]
    worth = secret.MARGIN * s.REFERENCE_PRICE
    gain = (t["p_message"] - t["p_control"]) * worth - s.MESSAGE_COST
    bad = (gain < 0).to_numpy()
    chance = np.where(t["message"], t["p_message"], t["p_control"])
    score = np.where(bad, worth * np.sqrt(chance) / t["propensity"], 0.0)  # a purchase counts 1/propensity times
    return Check("18", "left alone whom it puts off, yuan per 100 people", -100 * gain[bad].sum() / len(t), 0.0,
                 100 * np.sqrt((score**2).sum()) / len(t))  # fmt: skip


def invitations(r: Records) -> list[Check]:
    """Return the checks of lesson 02: invited people come and buy more, and the invitation does little of it."""
    channel, found = r.users["channel"].to_numpy(), []
    for what, table, true in (("visits", r.visits, 0.0), ("course orders", r.purchases, r.brought)):
        each = np.bincount(table["user"], minlength=len(r.users))
        guest, organic = (each[channel == s.CHANNELS.index(name)] for name in ("referral", "organic"))
        error = np.sqrt(guest.var() / len(guest) + organic.var() / len(organic))
        name = f"{what} that an invitation adds, per person"
        found.append(Check("02", name, true, guest.mean() - organic.mean(), error))
    return found


def checkout(r: Records) -> Check:
    """Return the check of lesson 05: orders per cart on the platform whose checkout failed, against usual."""
    broken = next(one for one in incidents.incidents(s.setup(SIZE)) if one.kind == "checkout_break")
    e = r.steps[r.steps["device"] == DEVICES.index(broken.platform)]
    cart, then = e["event"] == behaviour.CODE["product_added"], e["time"].between(broken.start, broken.end)
    share = [100 * (~cart & at).sum() / (cart & at).sum() for at in (then, ~then)]
    p = share[1] / 100
    return Check(
        "05", "orders per cart while the checkout failed, %", *share, 100 * np.sqrt(p * (1 - p) / (cart & then).sum())
    )


def tastes(r: Records, company: Company) -> list[Check]:
    """Return the checks of lessons 06, 07 and 15: people go on to read, and to buy, what they looked at before."""
    topic = company.courses["topic"].to_numpy()
    early = r.pages[r.pages["time"] < END / 2]
    favourite = pd.Series(topic[early["course"]]).groupby(early["user"].to_numpy()).agg(lambda t: t.mode().iloc[0])
    found = []
    for lesson, what, table in (("07", "pages", r.pages), ("15", "course orders", r.purchases)):
        late = table[table["time"] >= END / 2]
        own = favourite.reindex(late["user"]).to_numpy()
        seen = topic[late["course"]][~np.isnan(own)]
        hit, n = (seen == own[~np.isnan(own)]).mean(), (~np.isnan(own)).sum()
        popular = pd.Series(seen).value_counts(normalize=True).max()
        error = np.sqrt(hit * (1 - hit) / n)
        found.append(
            Check(lesson, f"later {what} in the topic looked at before, %", 100 * hit, 100 * popular, 100 * error)
        )
    came = np.bincount(r.visits["user"][r.visits["start"] < END / 2], minlength=len(r.users))
    late = np.bincount(r.purchases["user"][r.purchases["time"] >= END / 2], minlength=len(r.users))
    there = (r.users["created"] < END / 2).to_numpy()
    many = came >= np.quantile(came[there], 0.8)
    top, rest = late[there & many], late[there & ~many]
    error = np.sqrt(top.var() / len(top) + rest.var() / len(rest))
    return [
        Check(
            "06", "later orders of the busiest fifth over the others, per person", top.mean() - rest.mean(), 0.0, error
        ),
        *found,
    ]


def demand(r: Records) -> Check:
    """Return the check of lesson 08: visits rose for good on the day of the break (log of the ratio of eight weeks)."""
    day = int(s.seconds("2025-09-01") // s.DAY)
    count = np.bincount((r.visits["start"] // s.DAY).astype(int), minlength=s.DAYS)[:, None].reshape(-1)
    after, before = np.log(count[day + 21 : day + 63]), np.log(count[day - 56 : day])
    week = np.arange(s.DAYS) % 7
    shape = np.array([np.log(count[day - 56 : day][week[day - 56 : day] == k]).mean() for k in range(7)])
    after, before = after - shape[week[day + 21 : day + 63]], before - shape[week[day - 56 : day]]
    error = np.sqrt(after.var() / len(after) + before.var() / len(before))
    return Check("08", "the demand break, log of visits a day", np.log(1.15), 0.0, error)


def together(r: Records, company: Company) -> Check:
    """Return the check of lesson 09: the second course of a planted pair, by buyers of the first against all."""
    z = []
    owners = r.purchases.groupby("course")["user"].agg(set)
    for first, second, added in company.rules[["antecedent", "consequent", "added"]].itertuples(index=False):
        if added > 0:
            n, share = len(owners[first]), len(owners.get(second, ())) / len(r.users)
            both = len(owners[first] & owners.get(second, set())) / n
            z.append((both, share, np.sqrt(both * (1 - both) / n)))
    both, share, error = np.array(z).mean(axis=0)
    return Check("09", "buyers of a pair's first course who take the second, %", 100 * both, 100 * share, 100 * error)


def leaving(r: Records) -> list[Check]:
    """Return the checks of lessons 10, 11 and 20 about members."""
    month = r.periods[(r.periods["plan"] == 0) & (r.periods["period_no"] > 0) & (r.periods["end"] <= END)]
    stays = month["status"] == "expired"
    first, second = (stays[month["period_no"] == k] for k in (1, 2))
    later = stays[month["period_no"] >= 4]
    found = [
        Check("10", "first renewal, %", 100 * first.mean(), 100 * stays.mean(), 100 * spread(first)),
        Check("20", "second renewal over the first, points", 100 * (second.mean() - first.mean()), 0.0,
              100 * spread(first, second)),
        Check("20", "renewal from the fourth month on, %", 100 * later.mean(), 100 * stays.mean(), 100 * spread(later)),
    ]  # fmt: skip
    note = r.known["note_trial"]
    told, held = (note.loc[note["note"] == arm] for arm in (True, False))
    effect = 100 * (note["p_note"] - note["p_control"]).mean()
    error = 100 * spread(told["p_note"], held["p_control"])
    return [*found, Check("11", "the note against leaving, points", effect, 0.0, error)]


def tests(r: Records) -> list[Check]:
    """Return the checks of lessons 19 and 20: prices, bundles and points, each with its trial by lot."""
    price, pair, points = (r.known[f"{name}_trial"] for name in ("price", "bundle", "points"))
    found = []
    for yuan in (28, 48):
        arm, usual = (price[price["price"] == k] for k in (yuan, 38))
        effect = 100 * (price[f"p_{yuan}"] - price["p_38"]).mean()
        found.append(
            Check(
                "19",
                f"a first month of {yuan} yuan, points",
                effect,
                0.0,
                100 * spread(arm[f"p_{yuan}"], usual["p_38"]),
            )
        )
    for off in (25, 10):
        arm, full = (pair[np.isclose(pair["discount"], k)] for k in (off / 100, 0))
        effect = 100 * (pair[f"p_{off}"] - pair["p_0"]).mean()
        found.append(
            Check("19", f"{off} % off a pair, points", effect, 0.0, 100 * spread(arm[f"p_{off}"], full["p_0"]))
        )
    since = s.seconds(trials.POINTS_FROM) + trials.JOINS_DAYS * s.DAY
    orders = np.bincount(r.purchases["user"][r.purchases["time"] >= since], minlength=len(r.users))
    arm = r.users["points_arm"].to_numpy()
    yes, no = orders[arm == 1], orders[arm == 0]
    effect = 100 * ((points["orders_with"] - points["orders_without"]) * points["would_join"]).mean()
    error = 100 * np.sqrt(yes.var() / len(yes) + no.var() / len(no))
    found.append(Check("20", "orders that the points programme adds, per 100 invited", effect, 0.0, error))
    joined = np.isfinite(r.users["points_from"].to_numpy())
    naive = 100 * (orders[joined].mean() - orders[(arm >= 0) & ~joined].mean())
    per = effect / points["would_join"].mean()
    error = 100 * np.sqrt(orders[joined].var() / joined.sum() + no.var() / len(no))
    return [*found, Check("20", "orders that points add per 100 who joined", per, naive, error)]


def checks(company: Company) -> list[Check]:
    """Return the deciding checks of a company, by lesson."""
    r = records(company)
    found = [*campaigns(r), *invitations(r), checkout(r), *tastes(r, company), demand(r), together(r, company)]
    return sorted([*found, *leaving(r), *tests(r)], key=lambda check: check.lesson)


def table(companies: list[Company]) -> pd.DataFrame:
    """Return one row per check, means over the companies: ``lesson, name, truth, rival, error, between, tells``."""
    rows = pd.concat([pd.DataFrame(checks(company)) for company in companies])
    rows["between"] = (rows["truth"] - rows["rival"]).abs() / rows["error"]
    means = rows.groupby(["lesson", "name"], sort=False, as_index=False).mean()
    return means.assign(tells=means["between"] >= ENOUGH)


def text(found: pd.DataFrame) -> str:
    """Return the page of a `table`."""
    lines = [OPENING.format(enough=ENOUGH).rstrip()]
    for row in found.itertuples():
        numbers = " | ".join(f"{value:.3g}".replace("-", "−") for value in (row.truth, row.rival, row.error))
        verdict = "can tell" if row.tells else "**cannot tell**"
        lines.append(f"| {row.lesson} | {row.name} | {numbers} | {row.between:.1f} | {verdict} |")
    return "\n".join([*lines, EXACT])


def write(root: Path = ROOT) -> Path:
    """Measure the checks on companies of SIZE and write the page. Return its path."""
    page = root / PAGE
    page.write_text(text(table([found(SIZE, seed) for seed in SEEDS])), encoding="utf-8", newline="\n")
    return page
