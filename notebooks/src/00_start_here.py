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
# # Start here: can this business buy its growth?
#
# A young platform sells courses, columns and memberships. It can buy registrations for a known price.
# **The question:** does a registered user leave more money behind than he or she costs, and on which channel?
# **What you will decide at the end:** the most that may be paid for a registration, which channels to pause, and whom to
# send the next campaign message.

# %% [markdown]
# > **Before you start**
# > - **You will do:** walk the whole loop once: collect, describe, see who leaves, choose whom to approach, count the
# >   money.
# > - **You will learn:** CAC, contribution and lifetime value with an interval; why immature cohorts lie; how this course
# >   checks itself.
# > - **You need:** a little pandas. **Minutes:** 15 to read, under 1 to run.
# > - **Data:** the simulated company, made on your machine. **Memory:** 0.5 GB; 1.5 GB the first time, when the data are
# >   made and checked.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}; the book's page "Other companies" lists the knobs

# %%
import knowpay
from knowpay import estimate, show

ds = knowpay.open(data, seed=seed, **company)

# %% [markdown]
# ## One door for all data
#
# `knowpay.open` returns the same kind of data set whether it reads the simulated company, a public data set or a folder
# with your own export. Nothing was trusted on the way in: every row was checked, and what failed waits in a quarantine.
# One line for each table says where its rows went.

# %% tags=["nbval-check-output"]
show.table(ds.report.rows, "Rows of each table: loaded, duplicate, superseded or quarantined; none is lost")

# %% [markdown]
# The company's records cover a fixed window, and all days are those of its own time zone.

# %% tags=["remove-input"]
begin, end = (t.tz_convert(ds.timezone).date() for t in (ds.observation_start, ds.observation_end))
n_users = ds.users.count().to_pandas()
show.say(f"The records run from {begin} to {end} ({ds.timezone}) and know {n_users:,} registered users.")

# %% [markdown]
# Your own export may carry less. `unlocks` says which lessons it can feed and, where it cannot, what is missing. The
# round figures are rules of thumb.

# %%
show.table(ds.unlocks(), "Which lessons this data set can carry")
ds.needs("00")  # stops here, with a sentence, when this lesson is not among them

# %% [markdown]
# ## Collect: what people do
#
# The raw material is a stream of events. Before any model, look at it over time: a chart that jumps for a technical
# reason would spoil everything that follows.

# %%
views = ds.events.filter(ds.events.event == "product_viewed")
hourly = views.group_by(hour=views.timestamp.truncate("h")).agg(views=views.count()).to_pandas()
days = hourly.set_index(hourly["hour"].dt.tz_localize("UTC").dt.tz_convert(ds.timezone))["views"]
weekly = days.resample("W").sum().iloc[1:-1]  # the first and the last week are cut by the window

# %%
with show.figure(
    f"Interest peaks in the week that ends on {weekly.idxmax():%d %B %Y}",
    x="week",
    y="course pages opened",
    alt=f"Line of weekly course page views, {weekly.iloc[0]:,} in the first week and {weekly.iloc[-1]:,} in the last, "
    f"with its highest point of {weekly.max():,} in the week that ends on {weekly.idxmax():%d %B %Y}.",
) as ax:
    ax.plot(weekly.index, weekly.to_numpy())
    ax.set_ylim(bottom=0)

# %% [markdown]
# ## Analyse: who brings the money
#
# *Contribution* is what remains of an order after refunds, payment fees, commission and the teacher's share. The share is
# the company's contract, not an estimate, so it is declared here and nowhere else.

# %%
from knowpay.analyse import economics

teacher_share = 0.30
paid = economics.contributions(ds, teacher_share)
people = economics.customers(ds)

# %% [markdown]
# The dull description comes first: sort the users by their contribution and add up.

# %%
value = people["user_id"].map(paid.groupby("user_id")["amount"].sum()).fillna(0.0)
ranked = value.sort_values(ascending=False).cumsum() / value.sum()
payers = (value > 0).mean()
top = (ranked < 0.8).mean()

# %%
with show.figure(
    f"{top:.0%} of the users bring 80 % of the contribution",
    x="share of users, best first",
    y="share of contribution",
    alt=f"Concentration curve that climbs steeply: {top:.1%} of users reach 80 % of the money, then it is flat.",
) as ax:
    ax.plot([i / len(ranked) for i in range(1, len(ranked) + 1)], ranked.to_numpy())
    ax.axhline(0.8, color="black", linewidth=0.8, linestyle=":")

# %% tags=["remove-input"]
show.say(
    f"{payers:.1%} of the users ever paid. An average over everybody is therefore an average of many zeros and a few large "
    "numbers: it needs an interval, and a symmetric one would be wrong."
)

# %% [markdown]
# ## What a user costs
#
# CAC, the *customer acquisition cost*, divides the media spend of a channel by the **paying** users it brought, not by
# registrations, which would flatter every channel.

# %% tags=["nbval-check-output"]
channels = economics.acquisition(ds)
show.table(channels.round(1), "Cost of each channel, yuan; cac = spend per paying user")

# %% [markdown]
# Only those who registered inside the window count. The newest had little time to pay, so `cac` reads too high where a
# channel grows. The price of a registration has no such flaw, but it is an average of the past: the next thousand will cost
# more where a channel is nearly exhausted, so read it as the least you will pay.

# %% [markdown]
# ## What a user is worth
#
# *Lifetime value* here is the contribution of the first `horizon` days after registration, per **registered** user.
# Only users whose whole horizon lies inside the window count.

# %%
horizon = 180  # days
mature = economics.cohort_value(ds, teacher_share, horizon=horizon)
ltv = estimate.mean(mature["value"], seed=seed, unit="yuan")

# %% tags=["remove-input"]
show.say(
    f"{len(mature):,} users were watched for {horizon} days. They brought **{ltv.value:.1f} yuan** each "
    f"(90 % interval {ltv.low:.1f} to {ltv.high:.1f})."
)

# %% [markdown]
# ### The trap: a cohort that has not finished
#
# The popular shortcut divides the money so far by all users so far. Those who registered last week have had no time to
# pay, so the faster a company grows, the poorer it looks; and averaging over payers only makes it look rich.

# %%
import pandas as pd

inside = people[people["created_at"] >= ds.observation_start]
soon = paid[paid["user_id"].isin(inside["user_id"]) & (paid["day"] < horizon)]
all_so_far = soon["amount"].sum() / len(inside)
of_payers = mature.loc[mature["value"] > 0, "value"].mean()

# %% tags=["nbval-check-output"]
ways = {
    "mature users (right)": ltv.value,
    "all users so far": all_so_far,
    "payers only": of_payers,
}
ways = pd.Series(ways)
show.table(ways.rename("yuan per head").round(1), f"Three averages that are all called {horizon}-day lifetime value")

# %% [markdown]
# ## Value against cost, channel by channel
#
# A registration is worth its price for certain when the *lower* end of its value is above it, and not worth it when even
# the upper end is below. The interval comes from resampling users, because money is skewed.

# %%
values = {channel: estimate.mean(group["value"], seed=seed) for channel, group in mature.groupby("channel")}
per_channel = estimate.frame(values, "value").assign(users=mature["channel"].value_counts())
per_channel = per_channel.join(channels["per_registration"].rename("cost")).sort_values("cost")
priced = per_channel[per_channel["cost"] > 0]
clear = priced.index[priced["cost"] <= priced["low"]]

# %%
spans = "; ".join(f"{c} {r.low:.0f} to {r.high:.0f}, price {r.cost:.0f}" for c, r in per_channel.iterrows())
alt = f"Value of {horizon} days with its interval, and price, by channel: {spans} yuan."
title = f"{len(clear)} of {len(priced)} paid channels clearly return the price of a registration in {horizon} days"
with show.figure(title, x="yuan per registered user", y="", alt=alt) as ax:
    error = [per_channel["value"] - per_channel["low"], per_channel["high"] - per_channel["value"]]
    ax.errorbar(per_channel["value"], per_channel.index, xerr=error, fmt="o", capsize=4, label="value, 90 % interval")
    ax.plot(per_channel["cost"], per_channel.index, "X", color="black", markersize=9, linestyle="", label="price")

# %% tags=["nbval-check-output"]
show.table(per_channel.round(1), f"Value of the first {horizon} days and price of a registration, yuan")

# %% [markdown]
# ## When it pays back
#
# *Payback* is the day by which the contribution of an average acquired user has covered the price. Take the mature users
# of the paid channels, payers or not, and add up day by day.

# %%
acquired = mature[mature["channel"].isin(priced.index)]
curve = economics.recovered(paid, acquired["user_id"], horizon)
price = acquired["channel"].map(channels["per_registration"]).mean()
day = economics.payback(curve, price)
finding = (
    f"pays back on day {day}" if day else f"has returned {curve.iloc[-1] / price:.0%} of its price by day {horizon}"
)

# %%
with show.figure(
    f"A bought registration {finding}",
    x="days since registration",
    y="yuan per registered user",
    alt=f"Contribution per bought user climbs to {curve.iloc[-1]:.0f} yuan by day {horizon}; the price is {price:.0f} yuan.",
) as ax:
    ax.plot(curve.index, curve.to_numpy(), label="contribution so far")
    ax.axhline(price, color="black", linestyle=":", label="average price")
    ax.set_ylim(bottom=0)

# %% [markdown]
# ## Who leaves
#
# Most memberships are bought month by month. The number that decides their worth is the *first renewal*: of those whose
# first paid month has ended, how many went on? Yearly plans are left out: their members were asked once, if at all.

# %%
from knowpay.analyse import churn

periods = churn.monthly(ds).select("membership_id", "period_no", "status").to_pandas()
first = periods[(periods["period_no"] == 1) & periods["status"].isin(["expired", "canceled"])]
stayed = first["status"] == "expired"
renewed = estimate.mean(stayed, seed=seed) if len(first) else None

# %% tags=["remove-input"]
show.say(
    f"Of {len(first):,} members whose first month has ended, **{renewed.value:.0%}** went on (90 % interval {renewed.low:.0%} to "
    f"{renewed.high:.0%}). RevenueCat reports a median of 56 % for monthly plans over more than 10,000 apps. Lesson 10 asks "
    "who leaves, and when."
    if len(first)
    else "No first month of a membership has ended, so nothing can be said about renewals."
)

# %% [markdown]
# ## Whom to approach
#
# Every few weeks the company promotes one course. In most campaigns chance decides who on the list gets the message and
# who is in the *control group*: an A/B test. So the difference between the two groups **is** the effect, once the
# probabilities are seen to: where one in ten was in the control group, each of those few stands for ten. `outcomes` pairs
# each touch with the purchase of that course in the 14 days after it. It leaves out campaigns in which a rule chose the
# receivers or whose control group was not exported, because they tell nothing, and people who may not be sent something
# personal; `left_out` counts them. Where a campaign tried several messages, `contrast` picks the one to be compared.

# %%
from knowpay.analyse import touches

listed = touches.outcomes(ds, window_days=14)  # everybody on the lists
kinds = sorted(set(listed["arm"]) - {touches.CONTROL})
arm = "message" if "message" in kinds else kinds[0]  # other exports, other names
unused = touches.left_out(ds, window_days=14)
effect = touches.difference(touches.contrast(listed, arm), "bought")

# %% tags=["remove-input"]
listed = listed[listed["campaign_id"].isin(touches.contrast(listed, arm)["campaign_id"])]
show.say(
    f"{len(listed):,} touches in the {listed['campaign_id'].nunique()} randomised campaigns: the message adds **{100 * effect.value:.2f}** "
    f"purchases per 100 people (standard error {100 * effect.error:.2f}). Not used: "
    + ("; ".join(f"{n:,} touches, {reason}" for reason, n in unused.items()) or "none")
    + "."
)

# %% [markdown]
# Does it pay to write to everybody? The usual habit is to write to the busiest users. Split the list of each campaign in
# three by the days on which people were seen in the 30 days before, and count the gain in money: contribution of the
# purchases minus what the messages cost. `contribution_rate` is what remains of a yuan of list price after discounts,
# refunds, fees, commission and the teacher's share, counted on past orders.

# %%
from knowpay.people import money, snapshot

rate = money.contribution_rate(ds, teacher_share)
listed["gain"] = listed["bought"] * listed["price"] * rate - listed["cost"]
known = snapshot.snapshot(ds, listed.rename(columns={"assigned_at": "at"}))
rank = known["active_days"].groupby(listed["campaign_id"]).rank(pct=True)
listed["activity"] = pd.cut(rank, [0, 1 / 3, 2 / 3, 1], labels=["low", "middle", "high"])

# %%
assignments = touches.contrast(listed, arm)
pieces = assignments.groupby("activity", observed=True)
gains = {g: touches.difference(p, "gain") for g, p in pieces}
by_group = pd.DataFrame({g: [e.value, e.error] for g, e in gains.items()}).T
by_group.columns = ["yuan", "error"]
by_group["effect"] = [touches.difference(p, "bought").value for _, p in pieces]
by_group["buys_anyway"] = [touches.rate(p, "bought", message=False) for _, p in pieces]

# %% tags=["remove-input"]
best, worst = by_group["yuan"].idxmax(), by_group["yuan"].idxmin()
apart = by_group["yuan"][best] - by_group["yuan"][worst]
chance = 1.645 * (by_group["error"][best] ** 2 + by_group["error"][worst] ** 2) ** 0.5
order = "more than chance" if apart > chance else "not more than chance"
spans = ", ".join(f"{g} {r.yuan:.2f} ± {1.645 * r.error:.2f}" for g, r in by_group.iterrows())
alt = f"Gain per message with 90 % intervals by activity: {spans} yuan."
title = f"The gain of a message by activity: best and worst are apart by {order}"
axes = {"x": "days seen in the 30 days before, thirds of each list", "y": "gain per message, yuan"}
with show.figure(title, **axes, alt=alt) as ax:
    ax.errorbar(by_group.index.astype(str), by_group["yuan"], yerr=1.645 * by_group["error"], fmt="o", capsize=5)
    ax.axhline(0, color="black", linewidth=0.8)

# %% tags=["nbval-check-output"]
show.table(by_group.round(4), "Gain per message in yuan, its standard error, effect and base rate, by activity")

# %% tags=["remove-input"]
usual = by_group["buys_anyway"].idxmax()
show.say(
    f"The last column is what a *response* model would rank by: it would write to the **{usual}** group first. The gain was "
    f"largest in the **{best}** group. Best and worst are {apart:.2f} ± {chance:.2f} yuan apart (90 %), so the order of the "
    f"groups is {order}; lessons 12 and 18 take it up with a proper split."
)

# %% [markdown]
# ### Choose on one half, value on the other
#
# Choosing the best groups and valuing them on the same campaigns would flatter the choice. So the first half of the
# campaigns chooses, and the second half, which the choice has not seen, says what it is worth.

# %%
dates = listed["assigned_at"].drop_duplicates()
early = assignments[assignments["assigned_at"] <= dates.median()]
first_half = early.groupby("activity", observed=True)
approach = [g for g, p in first_half if touches.difference(p, "gain").value > 0]

# %%
listed["second"] = listed["assigned_at"] > dates.median()
listed["planned"] = listed["second"] & listed["activity"].isin(approach)
planned = touches.contrast(listed[listed["planned"]], arm) if approach else None
each = touches.difference(planned, "gain") if approach else estimate.from_error(0, 0)

# %% [markdown]
# ## On real data
#
# The same door opens the Open University Learning Analytics Dataset: real learners, real withdrawals, no marketing and
# no prices. Its enrolments arrive as memberships, its assessment results and clicks as events.

# %% data="oulad"
oulad = knowpay.open("oulad")
published = {"enrolments": 32_593, "assessment results": 173_912, "withdrawn": 10_156}
ended = oulad.memberships.group_by("status").agg(n=oulad.memberships.count()).to_pandas().set_index("status")["n"]
results = oulad.events.filter(oulad.events.event == "lesson_completed").count().to_pandas()
ours = {"enrolments": ended.sum(), "assessment results": results, "withdrawn": ended["canceled"]}

# %% data="oulad" tags=["nbval-check-output"]
both = pd.DataFrame({"here": ours, "published": published})
show.table(both, "OULAD through the same door, and the published counts")

# %% data="oulad" tags=["remove-input"]
show.say(
    f"{ended['canceled'] / ended.sum():.0%} of the enrolments ended in withdrawal. There is no price and no randomised "
    "message in it, so it can teach lesson 10 (who leaves) and nothing about what a message earns."
)

# %% [markdown]
# ## Check against the truth
#
# The company is simulated, so every probability behind it is known. Only this section may look. An estimate *agrees* with
# the truth when the two are at most 2.58 of its own standard errors apart: 99 of 100 honest ones are. Beside it stands the
# answer of a wrong method, its *rival*. Where the data cannot tell the rival from the truth, the row says so, and agreeing
# proves nothing. Real data have no known truth: there the section says so and goes on.
#
# What remains of a yuan is counted once more in the simulator's own ledger, which knows no export; the error is that of the
# few orders which the export lacks. Members differ, so the first renewal is the mean of one minus each member's own hazard.
# (What this section alone counts stands in [lessons/l00.py](../lib/knowpay_course/lessons/l00.py).)

# %%
from knowpay.collect import faults
from knowpay.collect.schema import PAID

truth = getattr(ds, "truth", None)
waiting = len(faults.waiting(ds))
bought = ds.orders.filter(ds.orders.status.isin(PAID) & (ds.orders.total > 0.05))
counted = bought.count().to_pandas() - len(faults.reloads(ds))
ended = periods[(periods["period_no"] > 0) & periods["status"].isin(["expired", "canceled"])]
all_renewals = 100 * (ended["status"] == "expired").mean()

# %%
from knowpay_course.lessons import l00

quiet = touches.difference(assignments[assignments["activity"] == "low"], "bought")
gain = touches.difference(assignments, "gain")
gap = l00.apart(gains["low"], gains["high"])

# %%
free = ("no effect", -assignments["cost"].max())
claims = [
    ("effect of the message", effect.scaled(100, "points"), ("no effect", 0)),
    ("effect among quiet users", quiet.scaled(100, "points"), ("no effect", 0)),
    ("gain per message", gain.scaled(1, "yuan"), free),
    ("gain, quiet users over active ones", gap.scaled(1, "yuan"), ("the same for all", 0)),
    ("gain per message of the plan", each.scaled(1, "yuan"), free),
]

# %%
remains = l00.rate_estimate(ds, teacher_share, waiting)
undiscounted = ("list price less the teacher's share", 100 * l00.of_list_price(teacher_share))
claims.append(("what remains of a yuan", remains, undiscounted))
if renewed:
    claims.append(("first renewal", renewed.scaled(100, "%"), ("all renewals", all_renewals)))

# %% [markdown]
# Three more rows hold no estimate. Some orders wait in quarantine, most because they seem to have come in fen, hundredths
# of a yuan. Counted and waiting together must be the ledger's orders, once tests for a fen and orders sent twice by a page
# reload are out: lesson 01 hunts those. The value of a mature user must be the ledger's, for the orders that do not wait and
# with those sent twice. And the plan should earn most of what the best choice among the three groups would have earned.

# %% tags=["nbval-check-output"]
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, so nothing is checked here.")
else:
    true = l00.planted(truth, listed, first, teacher_share)
    for name, found, rival in [claim for claim in claims if claim[0] in true]:
        show.check(name, found, true[name], rival)
    show.exact("orders, counted and waiting", counted + waiting, len(truth.orders), "orders")
    value = l00.ledger_value(ds, truth, mature, teacher_share, horizon)
    show.exact("value of a mature user", round(ltv.value, 2), round(value, 2), "yuan")
    show.quality("plan", l00.plan_share(truth, listed, teacher_share), 75, 100, "% of the best")

# %% [markdown]
# ## Decide
#
# **What to bid:** no more for a registration than the lower end of what it is worth.

# %% tags=["nbval-check-output"]
decision = per_channel.assign(bid=per_channel["low"].clip(lower=0))
within = decision["cost"] <= decision["high"]
decision["verdict"] = within.map({True: "bid lower", False: "pause"}).mask(decision["cost"] <= decision["bid"], "keep")
show.table(
    decision[["value", "low", "high", "cost", "bid", "verdict"]].round(1), "The most to pay for a registration, yuan"
)

# %% [markdown]
# *Keep*: the price is within the bid. *Bid lower*: the price lies inside the interval, so it may or may not pay. *Pause*:
# even the upper end does not reach it.
#
# **Whom to write to:** nobody who refused marketing, personal offers or analysis, whatever they would bring: they are not
# in the touches above. Then the groups that the first half of the campaigns chose, at the worth that the second half shows.

# %%
size = listed[listed["planned"]].groupby("campaign_id").size().mean() if approach else 0
earned = each * size
spent = size * assignments["cost"].max()

# %% tags=["remove-input"]
verdicts = {v: ", ".join(decision.index[decision["verdict"] == v]) or "none" for v in ("pause", "bid lower", "keep")}
names = ", ".join(approach)
span = f"**{earned.value:,.0f} yuan** (90 % interval {earned.low:,.0f} to {earned.high:,.0f})"
if not approach:
    advice = "write to nobody; no group earned its messages in the first half of the campaigns."
elif earned.low > 0:
    advice = f"write to the groups *{names}*, about {size:,.0f} messages for {spent:,.0f} yuan; expected gain {span}."
else:
    advice = (
        f"the first half of the campaigns chose the groups *{names}*, but in the second half {size:,.0f} messages to them for "
        f"{spent:,.0f} yuan gained {span}: not shown to earn money. So write to half of that list, chosen at random, for "
        f"{spent / 2:,.0f} yuan, to learn and not to earn."
    )

# %% tags=["remove-input"]
show.say(
    f"**Decision.** Channels to pause: {verdicts['pause']}; to bid down to the limit: {verdicts['bid lower']}; to keep: "
    f"{verdicts['keep']}. Next campaign: {advice} A longer horizon, another teacher's share or a dearer message would "
    "change this; each is one line above."
)

# %% [markdown]
# ## Exercises
#
# Two exercises with checks that explain are in [exercises/00_start_here](exercises/00_start_here.ipynb): the payback of a
# channel, and which number to show an investor.

# %% [markdown]
# ## Summary
#
# - One door, one shape of data, nothing lost on the way in.
# - Value per *registered*, *mature* user, with its interval, beside the price of a registration decides what growth may
#   cost. CAC counts payers only: too few to bid on.
# - The effect of a message is a difference between randomised groups; who buys most and who is moved most are two
#   questions, and the checks say whether these data can tell the groups apart.
# - Effects, gains, the plan, the first renewal and what remains of a yuan were held against the truth; the scorecard of
#   the book collects the checks. The value of a user was held against the ledger of these users only: what the next
#   users will bring is guarded by its interval alone.
#
# ## References
#
# - RevenueCat (c. 2022): medians of first renewal and of one-year survival by plan length, over 10,000 apps; read as
#   reported by others, so a typical range and no target.
# - Fader P., Hardie B. (2007). How to project customer retention. *Journal of Interactive Marketing* 21(1).
# - Efron B. (1979). Bootstrap methods: another look at the jackknife. *Annals of Statistics* 7(1).
# - Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. *Scientific Data* 4:170171.
