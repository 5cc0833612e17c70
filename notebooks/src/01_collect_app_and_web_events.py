# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Collect app and web events you can decide on
#
# The app, the web site and the mini program all send events, and the payment system sends orders. **The question:** is
# what arrived fit to decide on? **What you will decide at the end:** whether to use it, after which repairs, and how many
# yuan a decision on the raw files would have been wrong by.

# %% [markdown]
# :::{admonition} Before you start
# **You will do:** bring three tools' exports into one table; load it twice, in pieces and out of order; cut sessions; hunt
# the faults that were planted and grade the hunt.
# **You will learn:** a tracking plan; idempotent loading and the conservation law; precision and recall of cleaning.
# **You need:** [Start here](00_start_here.ipynb). **Minutes:** 25 to read, 1 to run. **Data:** the simulated company; OULAD
# where it is at hand. **Memory:** under 1 GB.
# :::

# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}; the book's page "Twenty companies" lists the knobs

# %%
import knowpay
import numpy as np
import pandas as pd
from knowpay import show

ds = knowpay.open(data, seed=seed, **company)
ds.needs("01")  # stops here, with a sentence, when the data cannot carry this lesson

# %% [markdown]
# ## The dull baseline: read the file and count
#
# Most analyses start with `pd.read_csv` and a few sums. `ds.raw` gives the rows exactly as they were exported, so the
# habit can be kept for comparison.

# %%
raw = ds.raw("events").select("message_id", "event", "user_id", "anonymous_id").to_pandas()
paid = ds.raw("orders").select("user_id", "total", "status").to_pandas().astype({"total": float})
naive = {
    "events": len(raw),
    "visitors (devices)": raw["anonymous_id"].nunique(),
    "orders": len(paid),
    "revenue, yuan": paid["total"].sum(),
}

# %% tags=["nbval-check-output"]
naive["orders per 1,000 visitors"] = 1_000 * naive["orders"] / naive["visitors (devices)"]
show.table(pd.Series(naive).rename("raw files").round(1), "What the raw files say")

# %% [markdown]
# Five numbers, no error message. Some of them are badly wrong, and nothing in the file says which.

# %% [markdown]
# ## A tracking plan
#
# A *tracking plan* lists what may be sent and what each event must carry. The course uses one short vocabulary for all
# platforms; names that are not in it are kept, and reported.

# %% tags=["nbval-check-output"]
counts = ds.events.group_by("event").agg(events=ds.events.count(), with_user=ds.events.user_id.count())
plan = counts.to_pandas().set_index("event").sort_values("events", ascending=False)
show.table(plan, "Events by name, and how many carry a user id")

# %% [markdown]
# ## Three tools, one table
#
# The same week of the simulated company, as Segment, GA4 (BigQuery) and Sensors (神策) would export it. One line of each shows how
# far apart they are: names, units of time, nesting.

# %%
import tempfile
from pathlib import Path

from knowpay.world import trackers

scratch = tempfile.TemporaryDirectory()  # removed when the lesson ends
week = Path(scratch.name)
trackers.write_days("small", seed, first="2025-03-03", days=7, folder=week, **company)

# %% tags=["nbval-check-output"]
for tool in ("segment", "ga4", "sensors"):
    with (week / f"{tool}.jsonl").open(encoding="utf-8") as file:
        print(f"{tool:8}", next(line for line in file if "c0" in line).strip()[:230])

# %% [markdown]
# Three things are never guessed but declared for each tool: the unit of time (ISO text, microseconds, milliseconds), the
# time zone, and **which column is the business user id**. In a Sensors export `user_id` is the tool's internal number;
# the id you know is `login_id`.

# %%
from knowpay.collect import sources

own_names = {
    theirs: ours for ours, theirs in trackers.SENSORS.items()
}  # the platform's own names, from its tracking plan
tables = {
    "segment": sources.read_events("segment", week / "segment.jsonl"),
    "ga4": sources.read_events("ga4", week / "ga4.jsonl"),
    "sensors": sources.read_events("sensors", week / "sensors.jsonl", names=own_names),
}

# %% [markdown]
# Do they agree? Everything but the message id, which only Segment has; the other two get one from the content of the line.

# %% tags=["nbval-check-output"]
reference = tables["segment"].drop(columns="message_id")
for tool, table in tables.items():
    print(f"{tool:8} {len(table):,} events, identical: {table.drop(columns='message_id').equals(reference)}")

# %% [markdown]
# ### The trap: the column that is called `user_id`
#
# Someone who maps Sensors by the column names gets a user id on every line, and none that the orders or any other table
# know. How many of the ids of this week are ids of the platform, which look like `u001870`?

# %% tags=["nbval-check-output"]
import json

lines = [json.loads(line) for line in (week / "sensors.jsonl").read_text(encoding="utf-8").splitlines()]
for column in ("user_id", "login_id"):
    ids = {str(line[column]) for line in lines if column in line}
    print(
        f"{column:8} on {sum(column in line for line in lines):,} lines, ids of users: {sum(i[0] == 'u' for i in ids):,}"
    )

# %% [markdown]
# ## Through the door: nothing is lost
#
# Loading checks every row. A row goes one of four ways: it is loaded, it is a *duplicate* (same id, same content), it is
# *superseded* (same id, newer content), or it waits in *quarantine* with the rule that it broke. The four add up to what
# came in: a conservation law, like that of mass, and checked like one.

# %% tags=["nbval-check-output"]
report = ds.report.rows.set_index("table")
ways = report[["loaded", "duplicate", "superseded", "quarantined"]].sum(axis=1)
print("rows in = rows accounted for, in every table:", bool((ways == report["rows_in"]).all()))
show.table(report[report["rows_in"] > 0], "Where the rows went")

# %% tags=["nbval-check-output"]
waiting = (
    ds.quarantine.group_by("table", "rule", "message")
    .agg(rows=ds.quarantine.count())
    .order_by("table", "rule", "message")
)
show.table(waiting.to_pandas().head(5), "What waits in quarantine, and what to do about it")

# %% [markdown]
# ### Twice, in pieces, out of order
#
# Exports overlap, arrive late and get sent again. Loading must be *idempotent*: the same rows give the same tables,
# however they come. Cut the events of a fresh copy into three files in another order, add one of them twice, and compare
# the bytes of the result.

# %% tags=["aside"]
import shutil

from knowpay.collect.ingest import ingest
from knowpay.world import write

whole, pieces = week / "whole", week / "pieces"
write("small", seed, whole, week / "truth", **company)
_ = shutil.copytree(whole, pieces)

# %% tags=["aside"]
events = pd.read_parquet(whole / "events.parquet").sample(frac=1, random_state=seed)
(pieces / "events.parquet").unlink()
for number, part in enumerate(np.array_split(np.arange(len(events)), 3)):
    events.iloc[part].to_parquet(pieces / f"events-{number}.parquet", index=False)
_ = shutil.copy(pieces / "events-0.parquet", pieces / "events-again.parquet")

# %% tags=["nbval-check-output", "aside"]
import hashlib

stores = [ingest(source, week / f"store-{source.name}") for source in (whole, pieces)]
digests = [{p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in s.glob("*.parquet")} for s in stores]
canonical = [name for name in digests[0] if name not in ("quarantine.parquet", "superseded.parquet")]
same = [digests[0][name] == digests[1][name] for name in canonical]
print(f"{sum(same)} of {len(same)} canonical tables have the same bytes")

# %% [markdown]
# ## Sessions
#
# A *session* is a run of a person's events with no more than 30 minutes between two. The person is the user; without a
# login, the only user ever seen on that device; else the device itself.
#
# Two kinds of ids are no person's and stay out. Bots, by a rule that comes below. And ids that were seen once and never
# logged in: whoever denied analytics gets a fresh id with every event, as the law wants it, and each would count as a visit.

# %%
from knowpay.collect import faults, sessions

arrived = faults.arrivals(ds)
bot_devices = set(arrived.loc[faults.bots(arrived).index, "anonymous_id"])
people = ds.events.select("user_id", "anonymous_id", "timestamp").to_pandas()
once = ~people["anonymous_id"].duplicated(keep=False) & people["user_id"].isna()
people = people[~once & ~people["anonymous_id"].isin(bot_devices)]

# %% [markdown]
# Packing person and time into one 64-bit key makes it one sort. Then the same with pandas' `groupby().diff()`, to be sure.

# %%
import time

person = pd.factorize(sessions.people(people["user_id"], people["anonymous_id"]))[0]
moments = people["timestamp"].astype("int64").to_numpy()
clock = time.perf_counter()
numbers = sessions.session_numbers(person, moments)
ours = time.perf_counter() - clock

# %%
clock = time.perf_counter()
frame = pd.DataFrame({"person": person, "at": moments}).sort_values(["person", "at"])
gaps = frame.groupby("person")["at"].diff()
by_pandas = int((gaps.isna() | (gaps > 1_800_000_000)).sum())
theirs = time.perf_counter() - clock

# %% tags=["nbval-check-output"]
n_sessions = int(numbers.max()) + 1
print(f"sessions: {n_sessions:,}; by pandas: {by_pandas:,}; the same: {n_sessions == by_pandas}")

# %% tags=["remove-input"]
show.say(
    f"On this machine the packed key took {1_000 * ours:.0f} ms for {len(people):,} events and pandas {1_000 * theirs:.0f} ms. "
    "Times differ from run to run; what must not differ is the count."
)

# %% [markdown]
# ## Hunt the faults
#
# Six rules look at the raw rows; none changes a row. *Duplicate*: the message id has come before. *Skew*: the device's
# clock disagrees with the receiver's at the moment of sending. *Late*: the event waited on the device. *Bot*: a device
# that only ever opens pages and never logs in, as an unknown agent or faster than anybody reads. *Fen*: an order about a
# hundred times its list price, as if in fen, hundredths of a yuan. *Reload*: the same person orders the same product again within ten minutes, under another id.

# %%
found = faults.find(ds)
by_fault = found.groupby(["fault", "table"]).size().rename("rows").reset_index()

# %% tags=["nbval-check-output"]
by_fault["share"] = by_fault["rows"] / by_fault["table"].map(report["rows_in"])
show.table(by_fault.round(4), "Suspected rows")

# %%
clocks = arrived.loc[faults.wrong_clocks(arrived).index]
clocks = clocks[clocks["anonymous_id"].duplicated(keep=False)]  # an id seen once is not followed
off = (clocks["received_at"] - clocks["sent_at"]).dt.total_seconds().groupby(clocks["anonymous_id"]).median() / 3600

# %%
with show.figure(
    f"{len(off)} devices have a clock that is off by more than {faults.CLOCK_MINUTES} minutes",
    x="hours the device is behind (+) or ahead (-)",
    y="devices",
    alt=f"Histogram of the clock errors of {len(off)} suspected devices: {(off < 0).sum()} are ahead, the furthest by "
    f"{-off.min():.1f} hours, and {(off > 0).sum()} behind, the furthest by {off.max():.1f} hours.",
) as ax:
    ax.hist(off, bins=24)

# %% [markdown]
# The door has already put the clocks right: with three stamps, the true time is `received - (sent - original)`, whatever
# the device believes. Without it, the visits of these devices would fall on other hours and days.

# %%
shift = (arrived["received_at"] - (arrived["sent_at"] - arrived["original_timestamp"])).dt.tz_convert(ds.timezone)
device_day = arrived["original_timestamp"].dt.tz_convert(ds.timezone).dt.date
moved = (shift.dt.date != device_day)[clocks.index]

# %% tags=["remove-input"]
show.say(
    f"**{moved.mean():.0%}** of the events of these devices ({moved.sum():,} events) would have been counted on the wrong day."
)

# %% [markdown]
# ## What the repairs change
#
# The same five numbers: duplicates, bots and reloads are out, orders in the wrong unit or without an id wait for their owner,
# and a device is a visitor when it came back or logged in. (On your own records some of those seen once were real.) Two repairs
# hardly move the money, though the first moves the count: an order for a fen, 0.01 yuan, is somebody's test of the till; and
# where list price less discount is a fen more than the total, binary fractions lost that fen.

# %%
sold = ds.orders.filter(ds.orders.total > 0.05)
exact = sold.subtotal - sold.discount
revenue = ((exact - sold.total).abs() < 0.015).fill_null(False).ifelse(exact, sold.total).sum().to_pandas()

# %%
doubled = faults.reloads(ds).merge(ds.raw("orders").select("source_file", "source_row", "total").to_pandas())
clean = {
    "events": len(people) + once.sum(),
    "visitors (devices)": people["anonymous_id"].nunique(),
    "orders": sold.count().to_pandas() - len(doubled),
    "revenue, yuan": revenue - doubled["total"].astype(float).sum(),
}
clean["orders per 1,000 visitors"] = 1_000 * clean["orders"] / clean["visitors (devices)"]

# %% tags=["nbval-check-output"]
both = pd.DataFrame({"raw files": naive, "repaired": clean})
both["raw is off by"] = both["raw files"] / both["repaired"] - 1
show.table(both.round(3), "Before and after; the last column is a fraction")

# %%
with show.figure(
    f"Raw visitors are off by {both['raw is off by'].iloc[1]:+.0%}, raw revenue by {both['raw is off by'].iloc[3]:+.0%}",
    x="raw value relative to the clean one, %",
    y="",
    alt="Bars of the relative error of five raw numbers: "
    + ", ".join(f"{name} {100 * error:+.0f} %" for name, error in both["raw is off by"].items())
    + ".",
) as ax:
    ax.barh(both.index, 100 * both["raw is off by"])
    ax.axvline(0, color="black", linewidth=0.8)

# %% [markdown]
# The orders are short now: most rows that wait in quarantine are real orders. Their money waits with them, and can be bounded.
# If the largest are in fen, as the rule suspects, they are worth a hundredth of what they say; at the very most, each is the
# dearest product. Rows below zero are refunds sent as orders: they wait as well, and are worth nothing.

# %% tags=["nbval-check-output"]
waiting = faults.waiting(ds)
held = float(waiting["amount"].sum())
most = len(waiting) * float(ds.courses.price.max().to_pandas())
print(f"{len(waiting)} orders wait: {held:,.2f} yuan if the largest are in fen, {most:,.0f} at most")

# %% [markdown]
# ## On real data
#
# OULAD comes from a university, not from a tracker, and it has its own version of the duplicate question: the same
# student, page and day stand on several rows. Are these repeats or separate counts? Its makers do not say. So every row is
# kept, each with an id made from its content and its occurrence, and the choice is stated.

# %%
from knowpay.collect import public
from knowpay.collect.local import if_here

oulad = if_here(lambda: knowpay.open("oulad"))

# %% tags=["nbval-check-output"]
if oulad is not None:
    show.table(public.counts(oulad), "OULAD: rows read beside the published numbers of rows")

# %% [markdown]
# ## Check against the truth
#
# The company remembers each row that its observation layer spoiled. Precision is the share of suspected rows that are
# guilty, recall the share of guilty rows that are suspected. It planted more kinds of faults than are hunted here; the
# lessons that stumble over the others hunt those.

# %% tags=["nbval-check-output"]
truth = getattr(ds, "truth", None)
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, so the hunt cannot be graded.")
else:
    planted = truth.spoiled.assign(fault=lambda t: t["fault"].replace({"late_misdated": "late"}))
    grades = faults.grade(found, planted)
    show.table(grades.round(3), "The hunt, graded")
    tolerances = truth.tolerances("01")

# %% [markdown]
# Three faults leave a mark that a rule reads exactly: not one row may be missed or accused. Some late events can be seen by
# nobody: their tracker stamps the time of sending at the first try, so the wait leaves no trace, and the visit moves to the
# time of arrival. All others should be found.

# %% tags=["nbval-check-output"]
if truth is not None:
    for fault in ("duplicate", "fen", "reloaded_order"):
        grade = grades.loc[fault]
        show.check(f"{fault} rows found", grade["right"], grade["planted"], 0, "rows")
        show.check(f"{fault} rows accused wrongly", grade["found"] - grade["right"], 0, 0, "rows")
    traced = grades.loc["late", "planted"] - (truth.spoiled["fault"] == "late_misdated").sum()
    show.check("late rows that leave a trace", grades.loc["late", "right"], traced, 0, "rows")

# %% [markdown]
# The other rules are not exact. A bot with one page and the agent of a human looks like a person, and a fresh id with
# one page and an unknown agent looks like a bot, though it is somebody who denied analytics. How far may an honest
# estimate be off? The lesson was run on 200 other companies; a tolerance is the mean error there and 2.58 standard
# deviations on top, so about 99 of 100 honest runs hold. The page *What the data can tell* of the book lists them.

# %% tags=["nbval-check-output"]
if truth is not None:
    bot, skew = grades.loc["bot"], grades.loc["skew"]
    if bot["planted"]:
        show.check("bot rows found", 100 * bot["recall"], 100, tolerances, "%")
    accused = 100 * (bot["found"] - bot["right"]) / (len(arrived) - bot["planted"])
    show.check("people's rows accused as a bot's", accused, 0, tolerances, "%")
    show.check("rows of wrong clocks found", 100 * skew["recall"], 100, tolerances, "%")

# %% [markdown]
# The sessions of those who denied analytics cannot be counted. Suppose that they come as often as the others, and scale by
# the share of users who did not deny. Then the money: what was counted and what waits should be the truth, to a thousandth of
# a percent.

# %% tags=["nbval-check-output"]
if truth is not None:
    seen = 1 - (ds.users.consent_analytics == "denied").fill_null(False).mean().to_pandas()
    show.check("sessions", 100 * n_sessions / seen / truth.info["sessions"], 100, tolerances, "% of the truth")
    counted = 100 * (clean["revenue, yuan"] + held) / float(truth.orders["total"].sum())
    show.check("revenue, counted and waiting", round(counted, 3), 100, tolerances, "% of the truth")

# %% [markdown]
# ## Decide
#
# Is it fit? Two bars, set before looking, that can be read without any truth: at most one percent of the revenue waits, and
# at most one percent of the events lack one of the three stamps that put a wrong clock right.

# %%
open_share = held / clean["revenue, yuan"]
stamps = arrived[["original_timestamp", "sent_at", "received_at"]].notna().all(axis=1).mean()
wrong_by = naive["revenue, yuan"] - clean["revenue, yuan"]

# %% tags=["remove-input"]
money = "fit to decide on" if open_share <= 0.01 else "not fit for money until somebody mends the orders that wait"
clocks_say = "fit" if stamps >= 0.99 else "not fit"
remedy = (
    "What would change this: the owner of the orders declares their unit, sends the missing ids, and those that wait load."
    if len(waiting)
    else "What would change this: a source that is added, or a tracker that is updated; run the lesson again then."
)
show.say(
    f"**Decision.** After the repairs the orders are **{money}** ({len(waiting)} wait, {open_share:.1%} of the revenue if the "
    f"largest are in fen), and the events are **{clocks_say}** for days and sessions ({1 - stamps:.1%} lack a stamp). A decision on the raw "
    f"files would have been wrong by **{wrong_by - held:,.0f} yuan** (between {wrong_by - most:,.0f} and {wrong_by:,.0f}, "
    f"whatever the waiting orders turn out to be), {(wrong_by - held) / clean['revenue, yuan']:.0%} of the revenue. {remedy}"
)

# %% [markdown]
# ## Exercises
#
# Two exercises with checks that explain are in
# [exercises/01_collect_app_and_web_events](exercises/01_collect_app_and_web_events.ipynb): the conversion rate without the
# bots, and what to do with rows that fail.

# %% [markdown]
# ## Summary
#
# - One vocabulary; three declarations per tool that are never guessed: time unit, time zone, business user id.
# - Loading is idempotent and conserves rows; bad rows wait, none vanish.
# - Sessions are one sort. Cleaning is graded like any other model: by precision and recall.
#
# ## References
#
# - Segment, *Spec: Common fields* (timestamps and their correction) and *Ecommerce v2*.
# - Google, *BigQuery Export schema* for GA4. Sensors Data (神策), 数据格式 and 标识用户.
# - Snowplow, *Failed events*; Tinybird, *Quarantine*: rows that fail are kept apart and can be recovered.
# - Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. *Scientific Data* 4:170171.
