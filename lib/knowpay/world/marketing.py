"""Marketing: campaigns of seven designs, each person's purchase probability under each arm, and the purchases.

The potential outcomes are probabilities of one logit, so the individual effect is an exact number given what the
person had been sent before and what the others of the study group got. The lift falls with fatigue; the level rises
with what earlier messages left behind, and with talk in the group. A coupon is a message, and what its price does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from . import catalogue, demand, incidents, people
from . import settings as s
from .choice import Chooser

HOUR = 10  # of the day at which all campaigns are sent
ARMS = ("control", "message", "coupon")
# Design by the campaign's number modulo 14; the others are drawn 50:50.
DESIGNS = {1: "offer", 3: "ninety", 4: "offer", 5: "stratified", 6: "cluster", 8: "offer", 10: "ninety", 11: "offer",
           12: "offer_stratified", 13: "rule"}  # fmt: skip
OFFERS = ("offer", "offer_stratified")  # designs with a coupon among the arms
AGENCY = 9  # the number of the campaign that an agency ran and exported without its control arm
# Odds of the arms by design, and by design and stratum.
ODDS = {"even": (0.5, 0.5, 0.0), "agency": (0.5, 0.5, 0.0), "ninety": (0.1, 0.9, 0.0), "offer": (0.4, 0.3, 0.3)}
STRATUM_ODDS = {
    "stratified": {"quiet": (0.7, 0.3, 0.0), "busy": (0.3, 0.7, 0.0)},
    "offer_stratified": {"quiet": (0.5, 0.25, 0.25), "busy": (0.2, 0.3, 0.5)},
}
BUSY_VISITS = 2  # visits in the 30 days before that make a person busy
RULE_SHARE = 1 / 3  # the rule writes to this share, the busiest
HISTORY_DAYS, FATIGUE_DAYS = 30, 90
OPENED, CLICKED = 0.35, 0.12  # of delivered messages; of opened ones ...
OPENED_BUYER, CLICKED_BUYER = 0.60, 0.85  # ... and by those who will buy


class Campaign(NamedTuple):
    """One campaign: its number, the promoted course (row), when (seconds), and how the arms are chosen."""

    number: int
    course: int
    time: float
    design: str


def calendar(c: s.Setup, courses: pd.DataFrame) -> list[Campaign]:
    """Return the campaigns in order of time, evenly spread from day 21 to three weeks before the end.

    Mid-priced courses that were on sale when the records began, each promoted once before any is promoted again; the
    hits and the flops of a topic come last. Raises ValueError when there are too few of them for so many campaigns.
    """
    rng = c.stream("calendar")
    level = courses["base_price"].between(150, 260) & (courses["published"] < 0)
    mixed = pd.Series(rng.permutation(np.flatnonzero(level)))
    topic = courses["topic"].to_numpy()[mixed]
    place = pd.Series(catalogue.draw(courses)[mixed]).groupby(topic).rank(pct=True)
    mixed = mixed[((place - 0.5).abs() > 0.25).argsort(kind="stable")].reset_index(drop=True)
    turn = mixed.groupby(courses["topic"].to_numpy()[mixed]).cumcount()  # the topics take turns
    most = int(len(mixed) * (demand.LAST_CAMPAIGN - demand.FIRST_CAMPAIGN) / (s.CAMPAIGN_WINDOW_DAYS + 1))  # no overlap
    if c.campaigns > most:
        raise ValueError(
            f"campaigns is {c.campaigns}; with {len(mixed)} courses to promote give {most} at the most, "
            "or more courses."
        )
    chosen = np.resize(mixed.to_numpy()[np.argsort(turn, kind="stable")], c.campaigns)
    return [
        Campaign(k, int(course), day * s.DAY + HOUR * 3600.0, "agency" if k == AGENCY else DESIGNS.get(k % 14, "even"))
        for k, (course, day) in enumerate(zip(chosen, demand.campaign_days(c), strict=True))
    ]


def touches(
    c: s.Setup, who: Chooser, campaigns: list[Campaign], visit: dict[str, np.ndarray], owned: pd.DataFrame, block: int
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray, np.ndarray]:
    """Return (touches, purchases of promoted courses in their windows, fatigue and warmth at the end of the records).

    touches: one row per eligible person and campaign, controls included: ``campaign, user, course, time, design,
    stratum, arm`` (index in ARMS), ``message`` (any arm but control), ``propensity`` (of the arm drawn; nan where
    nothing was drawn), ``p_control, p_message, p_coupon`` (nan where no coupon was among the arms), ``bought,
    delivered, ordered`` (when bought, nan else), ``failed`` (step of `incidents` at which the order failed, 0 none),
    ``tried`` (when it is or would be made), ``opened, clicked``. Eligible: registered a week ago, marketing not
    refused, neither staff, test account, child nor owner. Who is not on the list may buy too, as a control would.
    purchases: ``user, course, time, coupon`` (whether one was used).
    """
    rng = c.stream("marketing", block)
    u, n = who.users, len(who.users)
    buyer = ~(u["is_staff"] | u["is_test"] | u["under_14"]).to_numpy()
    refused = np.where(u["marketing_denied"], -np.inf, u["marketing_withdrawn"])  # from then on
    created = u["created"].to_numpy()
    group = np.unique(u["group"], return_inverse=True)[1]
    key = visit["user"] * np.int64(2**36) + np.rint(visit["start"] * 1000).astype(np.int64)
    lists, sold, had = [], [], np.zeros((len(campaigns), n), dtype=bool)  # had: messages delivered so far
    bought_at = {course: g for course, g in owned[["user", "course", "time"]].groupby("course")}
    times = np.array([k.time for k in campaigns])
    for number, course, time, design in campaigns:
        before = bought_at.get(course, owned.iloc[:0])
        owner = np.zeros(n, dtype=bool)
        owner[before.loc[before["time"] <= time, "user"].to_numpy() - who.first] = True
        eligible = buyer & (refused > time) & ~owner & (created < time - 7 * s.DAY)
        local = np.flatnonzero(eligible)
        user = local + who.first
        recent = visits_before(key, user, time)
        arm, share, stratum = arms(c, design, recent, group[local], rng, block, number)
        message = arm > 0
        fatigue, warmth = history(had[:number, local], times[:number], time)
        level = s.BUY_LEVEL + s.CARRY * warmth + who.wants(user, course, time)
        lift = people.message_effect(c, u, time)[local] - s.FATIGUE * fatigue
        coupon = coupon_lift(c, who, user, course, time) if design in OFFERS else np.full(len(local), np.nan)
        if design == "cluster":  # the whole group or nobody: the effect includes the talk
            hidden, shown = s.logistic(level), told(level + s.SPILL, lift)
            level = level + s.SPILL * message
        else:
            level = level + s.SPILL * others(message, group[local])
            hidden, shown = s.logistic(level), told(level, lift)
        delivered = message & (rng.random(len(local)) < s.DELIVERED)
        shift = np.where(delivered, lift + np.where(arm == 2, coupon, 0.0), 0.0)
        wish = rng.random(len(local)) < s.logistic(level + shift)
        had[number, local] = delivered
        delay = np.clip(rng.exponential(2.5, len(local)) * s.DAY, 300, (s.CAMPAIGN_WINDOW_DAYS - 0.1) * s.DAY)
        when = demand.waking(u["segment"].to_numpy()[local], time + delay)
        when = np.clip(when, time + 300, time + s.CAMPAIGN_WINDOW_DAYS * s.DAY - 600)
        device = u["device"].to_numpy()[local]
        failed = np.where(wish, incidents.failures(c, device, when, f"list {number}", block), 0)
        able, bought = incidents.works(c, device, when), wish & (failed == 0)
        lists.append(
            pd.DataFrame(
                {"campaign": number, "user": user, "course": course, "time": time, "design": design,
                 "stratum": stratum, "arm": arm, "message": message, "propensity": share, "p_control": hidden * able,
                 "p_message": shown * able, "p_coupon": told(level, lift + coupon) * able, "bought": bought,
                 "delivered": delivered, "ordered": np.where(bought, when, np.nan), "failed": failed,
                 "tried": when}
            )
        )  # fmt: skip
        # The course is on the front page for everybody: people who are not on the list buy it as controls do.
        off = np.flatnonzero(buyer & ~eligible & ~owner & (created < time)) + who.first
        p = s.logistic(s.BUY_LEVEL + who.wants(off, course, time))
        off = off[rng.random(len(off)) < p]
        later = time + np.clip(rng.exponential(2.5, len(off)), 0.01, s.CAMPAIGN_WINDOW_DAYS - 0.1) * s.DAY
        could = incidents.failures(c, who.trait("device", off), later, f"off list {number}", block) == 0
        off, later = off[could], later[could]
        used = (arm == 2) & delivered
        new = [pd.DataFrame({"user": user[bought], "course": course, "time": when[bought], "coupon": used[bought]}),
               pd.DataFrame({"user": off, "course": course, "time": later, "coupon": False})]  # fmt: skip
        sold += new
        inside = before["time"].between(time, time + s.CAMPAIGN_WINDOW_DAYS * s.DAY)
        bought_at[course] = pd.concat([before[~inside], *new])
    table = pd.concat(lists, ignore_index=True) if lists else empty_touches()
    opened = table["delivered"] & (rng.random(len(table)) < np.where(table["bought"], OPENED_BUYER, OPENED))
    click = np.where(table["bought"], CLICKED_BUYER, CLICKED)
    table = table.assign(opened=opened, clicked=opened & (rng.random(len(table)) < click))
    sales = (
        pd.concat(sold, ignore_index=True) if sold else owned.iloc[:0][["user", "course", "time"]].assign(coupon=False)
    )
    return table, sales[sales["time"] < s.DAYS * s.DAY], *history(had, times, s.DAYS * s.DAY)


def visits_before(key: np.ndarray, user: np.ndarray, time: float) -> np.ndarray:
    """Return the visits of users in the 30 days before ``time``; ``key`` packs user and milliseconds, sorted."""
    own = user * np.int64(2**36)
    since = np.maximum(own + int((time - HISTORY_DAYS * s.DAY) * 1000), own)
    return np.searchsorted(key, own + int(time * 1000)) - np.searchsorted(key, since)


def arms(
    c: s.Setup, design: str, recent: np.ndarray, group: np.ndarray, rng: np.random.Generator, block: int, number: int
) -> tuple[np.ndarray, np.ndarray | float, np.ndarray | str]:
    """Return (arm, propensity of that arm, stratum) of the people on a list, by the design of the campaign."""
    if design == "rule":
        place = np.argsort(np.argsort(-recent, kind="stable"), kind="stable")
        return (place < RULE_SHARE * len(recent)).astype(np.int8), np.nan, ""
    if design == "cluster":
        lots = c.stream(f"groups {number}", block).random(int(group.max(initial=0)) + 1)
        return (lots < 0.5)[group].astype(np.int8), 0.5, ""
    if design in STRATUM_ODDS:
        stratum = np.where(recent >= BUSY_VISITS, "busy", "quiet")
        odds = np.where((stratum == "busy")[:, None], *(STRATUM_ODDS[design][name] for name in ("busy", "quiet")))
    else:
        stratum, odds = "", np.tile(ODDS[design], (len(recent), 1))
    draw = rng.random(len(recent))
    arm = np.select([draw < odds[:, 1], draw < odds[:, 1] + odds[:, 2]], [1, 2], 0).astype(np.int8)
    return arm, np.take_along_axis(odds, arm[:, None].astype(int), axis=1)[:, 0], stratum


def coupon_lift(
    c: s.Setup, who: Chooser, user: np.ndarray, course: int | np.ndarray, time: float | np.ndarray
) -> np.ndarray:
    """Return what a coupon adds to a message on the logit: what the lower price does, times the knob."""
    price = who.prices[course, s.day_of(time)]
    off = np.log(1 - s.COUPON * c.price_level / price)
    return -c.coupon * s.BUY_PRICE * who.trait("price_sensitivity", user) * off


def others(message: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return, for each person on a list, the share of the others of the study group who were assigned to a message."""
    size = np.bincount(group)[group]
    written = np.bincount(group, weights=message)[group] - message
    return written / np.maximum(size - 1, 1)


def told(level: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """Return the probability of buying if assigned to the message; it allows for messages that are not delivered."""
    return s.DELIVERED * s.logistic(level + lift) + (1 - s.DELIVERED) * s.logistic(level)


def empty_touches() -> pd.DataFrame:
    """Return the touches of a company without campaigns."""
    kinds = {"campaign": int, "user": int, "course": int, "time": float, "design": object, "stratum": object,
             "arm": np.int8, "message": bool, "propensity": float, "p_control": float, "p_message": float,
             "p_coupon": float, "bought": bool, "delivered": bool, "ordered": float, "failed": int,
             "tried": float}  # fmt: skip
    return pd.DataFrame({name: np.empty(0, dtype=kind) for name, kind in kinds.items()})


def history(had: np.ndarray, times: np.ndarray, now: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (messages of the last 90 days, warmth that all earlier ones left), from ``had`` (campaigns, users)."""
    age = (now - times) / s.DAY
    fatigue = had[age <= FATIGUE_DAYS].sum(axis=0)
    return fatigue, (had * np.exp(-age / s.CARRY_DAYS)[:, None]).sum(axis=0)


def settle(touched: pd.DataFrame, promoted: pd.DataFrame, spontaneous: pd.DataFrame) -> pd.DataFrame:
    """Return all course purchases, one per user and course, sorted by time.

    Inside a campaign's window the purchase of the promoted course follows the campaign's own probability only, so
    spontaneous purchases of it by people on the list are left out; that keeps the potential outcomes exact.
    """
    window = spontaneous.reset_index().merge(
        touched[["user", "course", "time"]], on=["user", "course"], suffixes=("", "_touch")
    )
    inside = window["time"].between(window["time_touch"], window["time_touch"] + s.CAMPAIGN_WINDOW_DAYS * s.DAY)
    kept = spontaneous.drop(index=window.loc[inside, "index"].unique())
    both = pd.concat([kept, promoted.assign(own_visit=True)], ignore_index=True)
    both = both.sort_values(["time", "user", "course"], kind="stable")
    return both.drop_duplicates(["user", "course"], ignore_index=True)


def response_types(hidden: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Return each user's kind from the mean p without a message and the effect on the logit.

    sleeping dog: the message lowers the odds; persuadable: it doubles them or more; of the others, the upper quarter by
    probability are sure things and the rest lost causes.
    """
    return np.select(
        [effect < 0, effect >= s.PERSUADED, hidden >= np.quantile(hidden, 0.75)],
        ["sleeping_dog", "persuadable", "sure_thing"],
        "lost_cause",
    )
