"""Observation: what the records say, with the faults of every real export planted at stated rates and remembered.

Behaviour is never changed here. The numbers in brackets are those of the catalogue of tracking failures.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import behaviour, incidents
from . import settings as s
from .choice import Chooser
from .people import DEVICES

# Events. Rates are shares of rows unless said otherwise.
DUPLICATED = 0.012  # [1] sent again with the same message id
SKEWED = 0.02  # [4] of devices: clock wrong by 20 minutes to 12 hours
LATE = 0.01  # [5] of device-days: offline, delivered 2 hours to 5 days later
MISDATED = 0.10  # of the late ones: the tracker stamps sent_at at the first try, so the time drifts to the arrival
BOT_PAGES, BOT_HUMAN = 0.15, 0.05  # [11] of bots: they open course pages, they carry the agent of a human
ID_LOST = ("ios", "2024-10-14", "2024-11-04")  # [14] this release forgot the user id after the login
SHARED = 0.07  # [15] of users with a second device: it is somebody else's first
TYPE_DRIFT = ("wechat_mp", "2025-05-05", "2025-05-19")  # [16] lesson "l003" became "3.0"
NAME_DRIFT = ("android", "2025-08-11", "2025-08-16", "ProductView")  # [17] product_viewed under another name
# [13] whoever denied analytics, or withdrew consent to it, is seen under a fresh id with every event, and never under
# a user id.

# Orders.
REPEATED, RELOADED = 0.012, 0.006  # [2] the same order twice; a second order within ten minutes
MISSING_ID = 0.006  # [3]
TIME_ZONE = ("web", "2024-12-02", "2024-12-16")  # [6] local time read as UTC: eight hours late
FEN = ("wechat_mp", "2025-03-03", "2025-04-28")  # [7] the mini program sent fen in these weeks
FLOAT = 0.010  # [8] a fen lost by rounding binary fractions
REFUND_ROWS, REFUND_TWICE = 0.15, 0.05  # [9] of refunds: also sent as a negative order; counted twice
MISLABELLED = 0.05  # [10] of renewals: sent as a repeat purchase
TEST_ORDERS, TEST_PRICE = 2, 0.01  # [12] by each test account; a third of these accounts is not flagged
# [18] the agency's campaign comes without its control rows.

# Fault: (number in the catalogue of tracking failures, what is wrong with the row).
FAULTS = {
    "duplicate": (1, "an event sent again"),
    "repeated_order": (2, "an order sent twice"),
    "reloaded_order": (2, "a page reload ordered again, under another id"),
    "missing_id": (3, "an order without its id"),
    "skew": (4, "the device's clock is wrong"),
    "late": (5, "delivered hours or days later"),
    "late_misdated": (5, "delivered late, and stamped with the time of arrival"),
    "time_zone": (6, "local time read as UTC"),
    "fen": (7, "money in fen"),
    "float_money": (8, "a fen lost in binary fractions"),
    "refund_row": (9, "a refund sent as a negative order"),
    "refund_twice": (9, "a refund counted twice"),
    "order_type": (10, "a renewal labelled as a repeat purchase"),
    "bot": (11, "a machine, no person"),
    "test_account": (12, "a test account that is not flagged"),
    "test_order": (12, "an order of a test account"),
    "consent": (13, "analytics denied or consent withdrawn: no lasting id"),
    "id_lost": (14, "the user id was lost after the login"),
    "shared_device": (15, "on somebody else's device"),
    "type_drift": (16, "an id became a number"),
    "name_drift": (17, "the event under another name"),
    "treated_only": (18, "a campaign without its control rows"),
}
SENT = ("original", "sent", "message", "event", "user", "course", "lesson", "device", "platform", "known",
        "unknown_agent", "typed", "renamed")  # fmt: skip


def during(time: np.ndarray, first: str, last: str) -> np.ndarray:
    """Return which times lie in the days from ``first`` up to, but not with, ``last``."""
    return (time >= s.seconds(first)) & (time < s.seconds(last))


def events(
    c: s.Setup, who: Chooser, clean: dict[str, np.ndarray], block: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    """Return (rows in order of arrival, masks of the spoiled rows by fault, device numbers by code).

    Columns: ``event, user, course, lesson`` of the clean log (user -1: a bot), ``original, sent, received`` (seconds),
    ``message`` (number), ``device`` (code), ``platform`` (index), ``known`` (the user id was sent), ``unknown_agent``,
    ``typed`` and ``renamed`` (drift).
    """
    rng = c.stream("observe", block)
    n_users, people = len(who.users), len(clean["time"])
    machine = bots(c, people, len(who.courses), rng)
    row = {name: np.concatenate([values, machine[name]]) for name, values in clean.items()}
    n = len(row["time"])
    human = np.zeros(n, dtype=bool)
    human[:people] = True
    local = np.where(human, row["user"] - who.first, 0)
    device = np.where(human, 2 * local + row["second"], 2 * n_users + machine["bot"].max(initial=0) + 1)
    device[people:] = 2 * n_users + machine["bot"]
    anchor = 2 * n_users + int(machine["bot"].max(initial=-1)) + 1  # the codes of fresh ids begin here

    mask: dict[str, np.ndarray] = {"bot": ~human}
    lender = np.arange(n_users) ^ 1  # people in pairs
    borrows = (rng.random(n_users) < SHARED) & (lender < n_users)
    refused = np.where(who.users["analytics_denied"], -np.inf, who.users["analytics_withdrawn"])  # from then on
    denied = human & (row["time"] >= refused[local])
    shared = human & row["second"] & borrows[local] & ~denied
    device[shared] = 2 * lender[local[shared]]
    platform = np.where(row["second"], DEVICES.index("web"), who.users["device"].to_numpy()[local]).astype(np.int8)
    platform[people:] = DEVICES.index("web")
    mask["shared_device"] = shared

    times, marks = clocks(row["time"], device, people, 2 * n_users, anchor, rng)
    row, mask = row | times, mask | marks

    row["known"] = human & (row["logged_in"] | (row["event"] == behaviour.CODE["signed_up"]))
    lost = row["known"] & (platform == DEVICES.index(ID_LOST[0])) & during(row["time"], *ID_LOST[1:])
    lost &= ~np.isin(row["event"], [behaviour.CODE["logged_in"], behaviour.CODE["signed_up"]])
    row["known"] &= ~(lost | denied)
    device[denied] = anchor + np.arange(denied.sum())
    mask |= {"id_lost": lost & ~denied, "consent": denied}
    lesson = (row["lesson"] > 0) & (platform == DEVICES.index(TYPE_DRIFT[0]))
    row["typed"] = lesson & during(row["time"], *TYPE_DRIFT[1:])
    viewed = (row["event"] == behaviour.CODE["product_viewed"]) & (platform == DEVICES.index(NAME_DRIFT[0]))
    row["renamed"] = viewed & human & during(row["time"], *NAME_DRIFT[1:3])
    mask |= {"type_drift": row["typed"], "name_drift": row["renamed"]}
    row["unknown_agent"] = rng.random(n) < 0.03
    row["unknown_agent"][people:] = ~machine["human_agent"]
    row |= {"device": device.astype(np.int32), "platform": platform}
    row["message"] = (np.arange(n) * 7_654_321) % 10**7  # in no order: an id says nothing about time or kind

    source, arrived, again = arrivals(row.pop("received"), human, rng)
    seen = ~(incidents.unseen(c, platform, row["time"], block) & human)[source]
    source, arrived, again = source[seen], arrived[seen], again[seen]
    marks = {name: m[source] for name, m in mask.items()} | {"duplicate": again}
    out = {name: row[name][source] for name in SENT} | {"received": arrived}
    fresh = np.arange(int(denied.sum()))
    base = 2 * c.users + block * 10**7
    number = np.concatenate([2 * who.first + np.arange(2 * n_users), base + np.arange(anchor - 2 * n_users)])
    number = np.concatenate([number, base + 5 * 10**6 + fresh])
    return out, marks, number


def clocks(
    time: np.ndarray, device: np.ndarray, people: int, own: int, devices: int, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return (``original, sent, received`` in seconds, masks of the rows with a wrong time by fault).

    The first ``people`` rows are those of people, whose ``own`` devices are the first of ``devices``; only these have
    wrong clocks and go offline.
    """
    offset = np.where(rng.random(devices) < SKEWED, rng.uniform(1200, 43_200, devices), 0.0)
    offset *= rng.choice([-1, 1], devices)
    offset[own:] = 0
    offset = offset[device]
    table = np.zeros(own * s.DAYS, dtype=np.int32)  # the number of an offline stretch, by device and day
    some = rng.choice(len(table), size=rng.binomial(len(table), LATE), replace=False)
    table[some] = np.arange(1, len(some) + 1)
    delay = np.concatenate([[0.0], rng.uniform(2 * 3600, 5 * s.DAY, len(some))])
    misdates = np.concatenate([[False], rng.random(len(some)) < MISDATED])
    stretch = np.zeros(len(time), dtype=np.int32)
    stretch[:people] = table[device[:people] * np.int64(s.DAYS) + s.day_of(time[:people])]
    late, misdated = stretch > 0, misdates[stretch]
    received = time + delay[stretch] + rng.uniform(0.2, 4.0, len(time))
    original = time + offset
    sent = np.where(misdated, original, received - rng.uniform(0.05, 0.15, len(time)) + offset)
    marks = {"late": late & ~misdated, "late_misdated": misdated, "skew": offset != 0}
    return {"original": original, "sent": sent, "received": received}, marks


def arrivals(
    received: np.ndarray, human: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row sent, seconds of arrival, whether it was sent before) of all that arrives, in order of arrival."""
    n = len(received)
    again = np.flatnonzero(human & (rng.random(n) < DUPLICATED))
    repeat = received[again] + np.minimum(rng.exponential(900, len(again)) + 1, 20 * 3600)
    received = np.concatenate([received, repeat])
    bits = len(received).bit_length()
    order = np.rint(received * 1000).astype(np.int64) << bits | np.arange(len(received))
    order.sort()  # by time of arrival, in milliseconds: one sort of whole numbers
    arrived = (order >> bits) / 1000
    order &= (1 << bits) - 1
    source = np.where(order < n, order, again[np.maximum(order - n, 0)]) if len(again) else order
    return source, arrived, order >= n


def bots(c: s.Setup, people: int, courses: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the events of bots: many ids seen once, and two crawlers with a page every 30 seconds.

    The columns of `behaviour.log` and ``bot`` (number of the device), ``human_agent``. They number ``c.bots`` of the
    events of people.
    """
    total = int(people * c.bots)
    crawler = total // 4
    single = total - 2 * crawler
    window = s.DAYS * s.DAY - 120.0
    walks = [rng.random() * max(window - crawler * 30, 0) + 30.0 * np.arange(crawler) % window for _ in range(2)]
    bot = np.concatenate([np.arange(single), np.full(crawler, single), np.full(crawler, single + 1)])
    curious = rng.random(total) < BOT_PAGES
    number = single + 2
    return {
        "time": np.clip(np.concatenate([rng.random(single) * window, *walks]), 0, window),
        "event": np.where(curious, behaviour.CODE["product_viewed"], behaviour.CODE["page_viewed"]).astype(np.int8),
        "user": np.full(total, -1, dtype=np.int32),
        "course": np.where(curious, rng.integers(0, courses, total), -1).astype(np.int16),
        "lesson": np.zeros(total, dtype=np.int16),
        "logged_in": np.zeros(total, dtype=bool),
        "second": np.zeros(total, dtype=bool),
        "bot": bot,
        "human_agent": (rng.random(number) < BOT_HUMAN)[bot],
    }


def orders(
    c: s.Setup, who: Chooser, clean: pd.DataFrame, unpaid: pd.DataFrame, block: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (rows as the payment system exports them, spoiled rows as ``row`` (from 0), ``fault``).

    ``unpaid`` come from `checkout.unpaid`; nothing of them is spoiled. Adds ``number`` (that of the clean order; rows
    that are no order have numbers of their own, from the number of clean orders on), ``has_id`` and ``label`` (the
    order type as sent).
    """
    rng = c.stream("observe orders", block)
    n = len(clean)
    row = clean.assign(number=np.arange(n), has_id=rng.random(n) >= MISSING_ID, label=clean["order_type"])
    marks = {"missing_id": ~row["has_id"].to_numpy()}
    marks["order_type"] = (clean["order_type"] == "renewal").to_numpy() & (rng.random(n) < MISLABELLED)
    row.loc[marks["order_type"], "label"] = "repeat"
    marks["time_zone"] = (clean["affiliation"] == TIME_ZONE[0]).to_numpy() & during(clean["time"], *TIME_ZONE[1:])
    row.loc[marks["time_zone"], ["time", "refund_time"]] += 8 * 3600.0
    marks["fen"] = (clean["affiliation"] == FEN[0]).to_numpy() & during(clean["time"], *FEN[1:])
    money = ["subtotal", "discount", "total", "fee", "commission", "refund"]
    row.loc[marks["fen"], money] *= 100
    marks["float_money"] = ~marks["fen"] & (clean["refund"] == 0).to_numpy() & (rng.random(n) < FLOAT)
    row.loc[marks["float_money"], "total"] -= 0.01
    refunded = ~marks["fen"] & (clean["refund"] > 0).to_numpy()
    draw = rng.random(n)
    marks["refund_twice"] = refunded & (draw < REFUND_TWICE)
    row.loc[marks["refund_twice"], "refund"] *= 2
    parts, faults = [row], [mark_rows(marks)]
    clear = ~np.any(list(marks.values()), axis=0)

    def more(extra: pd.DataFrame, fault: str) -> None:
        first = sum(len(part) for part in parts)
        parts.append(extra if fault == "repeated_order" else extra.assign(number=first + np.arange(len(extra))))
        faults.append(pd.DataFrame({"row": first + np.arange(len(extra)), "fault": fault}))

    more(row[clear & (rng.random(n) < REPEATED)], "repeated_order")  # only rows without another fault come again
    again = row[clear & (rng.random(n) < RELOADED)]
    more(again.assign(time=again["time"] + rng.uniform(2, 540, len(again))), "reloaded_order")
    negative = row[clear & refunded & (draw > 1 - REFUND_ROWS)]
    negative = negative.assign(
        time=negative["refund_time"], total=-negative["total"], refund=0.0, refund_time=np.nan, status="paid"
    )
    more(negative, "refund_row")
    more(test_orders(who, rng), "test_order")
    both = pd.concat([*parts, unpaid.assign(has_id=True, label=unpaid["order_type"])], ignore_index=True)
    order = np.argsort(both["time"].to_numpy(), kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    spoiled = pd.concat(faults, ignore_index=True)
    spoiled["row"] = place[spoiled["row"]]
    return both.iloc[order].reset_index(drop=True), spoiled


def mark_rows(marks: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return ``row, fault`` of all rows marked by any mask; a row may carry several faults."""
    rows = {fault: np.flatnonzero(mask) for fault, mask in marks.items()}
    fault = np.repeat(np.array(list(rows), dtype=object), [len(r) for r in rows.values()])
    return pd.DataFrame({"row": np.concatenate([*rows.values(), np.empty(0, int)]).astype(np.int64), "fault": fault})


def test_orders(who: Chooser, rng: np.random.Generator) -> pd.DataFrame:
    """Return the orders of test accounts: a fen for a course, the rest off by a coupon."""
    user = np.repeat(who.rows[who.users["is_test"].to_numpy()], TEST_ORDERS)
    n = len(user)
    course = rng.choice(np.flatnonzero(who.courses["published"].to_numpy() < 0), size=n)
    price = who.courses["price"].to_numpy()[course]
    begin = np.maximum(who.trait("created", user), 0)
    return pd.DataFrame(
        {"time": begin + rng.random(n) * (s.DAYS * s.DAY - begin), "user": user, "course": course, "period_no": 0,
         "subtotal": price, "total": TEST_PRICE, "period": -1, "discount": price - TEST_PRICE, "affiliation": "web",
         "fee": 0.0, "commission": 0.0, "refund": 0.0, "refund_time": np.nan, "order_type": "first",
         "method": "wechat_pay", "number": -1, "has_id": True, "coupon": "TEST100", "label": "first",
         "status": "paid"}
    )  # fmt: skip


def unflagged(users: pd.DataFrame) -> np.ndarray:
    """Return which users are test accounts that the export does not flag: every third of them."""
    test = users["is_test"].to_numpy()
    return test & (test.cumsum() % 3 == 0)
