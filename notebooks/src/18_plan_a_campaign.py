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
# # Plan a campaign: how many messages, to whom, about which course?
#
# The company may send as many messages as last time. **The question:** who should get one, about which course, and how
# would we know afterwards that it was worth it?
# **What you will decide at the end:** a list of names with a course for each, what it costs, what it should earn with an
# interval, who is left unwritten on purpose, and the rule by which the campaign will be judged.

# %% [markdown]
# :::{admonition} Before you start
# **You will do:** learn from past campaigns whose arms were drawn by lot, draw up the next list, and write it to a file
# that refuses to contain anybody who said no.
# **You will learn:** to ask first whether the data can decide at all; to value a plan before it runs; why the best
# customers are the wrong people to write to.
# **You need:** lessons 00 and 12. **Minutes:** 30 to read, 1 to run. **Data:** the simulated company; Hillstrom's e-mail
# trial where you have it. **Memory:** under 1 GB.
# :::

# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0

# %%
import knowpay
from knowpay import show

ds = knowpay.open(data, seed=seed)

# %% [markdown]
# One row of evidence is one *touch*: a person was on a campaign's list, and a lot decided between message and nothing.
# Beside it stands what was known about the person **that morning**: days with a visit in the last 30, days since the last
# one, tenure, mean price of the courses opened, past purchases, device, channel. An event that had not yet arrived at the
# server was not known. Without lots there is no effect to learn, and `evidence` says so.

# %%
from knowpay.operate import campaign

try:
    tried = campaign.evidence(ds)
except ValueError as reason:
    show.say(f"**{ds.name} cannot carry this lesson.** {reason} It goes on with the simulated company.")
    ds = knowpay.open("world:small", seed=seed)
    tried = campaign.evidence(ds)

# %% tags=["nbval-check-output"]
known = ["campaign_id", "message", "bought", "active_days", "tenure", "purchases", "price", "place"]
show.table(tried[known].head(4).round(0), "Four touches, the outcome, and what was known before it")

# %% [markdown]
# `place` is new: where the promoted course stood on the person's *own* list of all promoted courses, ranked by the
# recommender from what the person had opened until then. Place 1 goes best with them.
#
# ## Who may be written to
#
# The law and the house come before any model. People who refused marketing, staff, children under 14 and erased accounts
# get nothing. People who opted out of personalisation may get only what everybody gets (PIPL article 24): their behaviour
# is not even read above. And nobody gets more than one message in 14 days or three in 90.

# %% tags=["nbval-check-output"]
from knowpay.operate import plan

send_at = ds.observation_end + plan.pd.Timedelta(hours=10)
status = plan.standing(ds, send_at)
often = status["user_id"].isin(plan.too_often(ds, send_at))
status.loc[often & status["status"].isin(["personal", "general"]), "status"] = "had enough messages"
show.table(status["status"].value_counts().rename("people"), "Everybody registered, by what may be sent to them")

# %%
allowed = status.loc[status["status"] == "personal", "user_id"]
last = ds.touches.filter(ds.touches.assigned_at == ds.touches.assigned_at.max())
budget = int(last.filter(last.variation_id != "control").count().to_pandas())
budget = min(budget, len(allowed))
share = budget / len(allowed)

# %% tags=["remove-input"]
show.say(
    f"The last campaign sent so many messages that the same budget now reaches **{budget:,} names of {len(allowed):,}** who "
    f"may get a personal message, {share:.0%} of them. Whatever we compare below spends this budget."
)

# %% [markdown]
# ## What one message must earn
#
# The cost is in the log. The *contribution* of an order is its list price after refunds, fees, commissions and the
# teacher's share; all but the last are measured, the share is the company's contract.

# %%
teacher_share = 0.30
rate = campaign.contribution_rate(ds, teacher_share)
cost = float(tried["cost"].max())
margin = (tried["price"] * rate).to_numpy()

# %% tags=["remove-input"]
show.say(
    f"A yuan of list price leaves {rate:.2f} yuan. The promoted courses cost {tried['price'].mean():.0f} yuan on average, so a "
    f"message of {cost:.2f} yuan pays when it adds more than **{cost / margin.mean():.2%}** purchases per person."
)

# %% [markdown]
# ## Baseline: one course, everybody allowed
#
# First, were the lots fair? The arms should be as equal as chance makes them (a *sample ratio* test). Then the effect is
# the difference of the arms, and the gain counts every purchase 1/propensity times, plus with the message and minus
# without, less the cost.

# %% tags=["nbval-check-output"]
from scipy.stats import binomtest

fair = binomtest(int(tried["message"].sum()), len(tried), 0.5).pvalue
print(f"message arm {tried['message'].mean():.1%} of {len(tried):,} touches, p = {fair:.2f}")

# %% tags=["nbval-check-output"]
import numpy as np
from knowpay.analyse import touches
from knowpay.derive import policy

effect, effect_error = touches.difference(tried["bought"], tried["message"])
gain = policy.gains(tried, margin, cost)
everybody = policy.profit(np.ones(len(gain)), gain, tried["user_id"])
print(f"effect {effect:.2%} ± {1.645 * effect_error:.2%}; {everybody.yuan / len(gain):.2f} yuan a message")

# %% tags=["remove-input"]
show.say(
    f"One message about one course for all earns {everybody.yuan / len(gain):.2f} yuan after its cost (90 % interval "
    f"{everybody.low / len(gain):.2f} to {everybody.high / len(gain):.2f}), which {everybody.verdict()}. That is the plan "
    "to beat."
)

# %% [markdown]
# ## Power first: can these data choose at all?
#
# To personalise is to claim that the effect differs between people. A trial *finds* an effect when it comes out
# significant (5 %, two-sided) four times in five. The smallest effect found so is 2.8 standard errors of
# $p(1-p)\sum 1/n$ over all arms that enter; a difference of two effects has four arms. As a yardstick, take a difference
# as large as the whole average effect.

# %%
from knowpay.derive import uplift

n, base = len(tried), tried["bought"].mean()
arms = {
    "does a message work at all?": [n / 2] * 2,
    "better for the quiet half than for the busy half?": [n / 4] * 4,
    "better for the own best course than for the others?": [(tried["place"] == 1).sum() / 2] * 2 + [n / 2] * 2,
    "is one group of twenty unlike the rest?": [n / 40] * 2 + [n * 19 / 40] * 2,
}

# %% tags=["nbval-check-output"]
import pandas as pd

power = pd.DataFrame({"detectable, points": {q: 100 * uplift.detectable(a, base) for q, a in arms.items()}})
power["thousand touches needed"] = n / 1000 * (power["detectable, points"] / (100 * effect)) ** 2
power["enough here"] = np.where(power["thousand touches needed"] <= n / 1000, "yes", "no")
show.table(power.round(2), f"What {n:,} touches can find; yardstick: the average effect, {effect:.2%}")

# %% tags=["remove-input"]
enough = (power["enough here"] == "yes").to_numpy()
show.say(
    ("**The data are enough** to tell halves apart and to ask whether the own course is better. " if enough[1:3].all()
     else f"**No: these data are not enough to personalise by.** They {'can say' if enough[0] else 'can hardly say'} that a "
     "message works, and little about for whom. ")
    + "An effect that shows in spite of too little power had to be large by luck, so expect it to shrink. The rule that "
    "follows, fixed now: *where two plans cost the same, the better guess is sent, and called a guess; a model replaces a "
    "one-line rule only if the whole interval of the difference is above zero on campaigns it has not seen.*"
)  # fmt: skip

# %% [markdown]
# ## Which course for whom
#
# Past campaigns promoted one course to all. For each person that course happened to be more or less their own: a natural
# drawing of places. Does the gain fall with the place?

# %%
steps = pd.cut(tried["place"], [0, 1, 3, 6, 12, np.inf], labels=["1", "2-3", "4-6", "7-12", "13 and on"])
places = {}
for step, rows in tried.groupby(steps, observed=True).indices.items():
    found = policy.profit(np.ones(len(rows)), gain[rows], tried["user_id"].iloc[rows])
    places[step] = [len(rows), *(value / len(rows) for value in found[:3])]
places = pd.DataFrame(places, index=["touches", "yuan", "low", "high"]).T

# %%
with show.figure(
    "A message is worth more when its course is the person's own",
    x="place of the promoted course on the person's list",
    y="gain per message, yuan",
    alt="Gain per message with 90 % intervals by place: "
    + ", ".join(f"{step} {row.yuan:.2f} yuan" for step, row in places.iterrows()),
) as ax:
    ax.errorbar(places.index, places["yuan"], yerr=[places["yuan"] - places["low"], places["high"] - places["yuan"]],
                fmt="o", capsize=5)  # fmt: skip
    ax.axhline(0, color="black", linewidth=0.8)

# %% [markdown]
# Each interval alone is wide. The trend over all touches says more: the change of the gain when the place doubles.

# %% tags=["nbval-check-output"]
slope = uplift.trend(gain, np.log2(tried["place"]), tried["user_id"])
print(f"{slope.yuan:.2f} yuan per doubling of the place, 90 % interval {slope.low:.2f} to {slope.high:.2f}")

# %% [markdown]
# So the plan gives each person the course at place 1. What would that earn? *Replay* it: keep the touches in which the
# course drawn for all was the one that the plan would have chosen for this person that morning. Their arms were drawn by
# lot too.

# %% tags=["nbval-check-output"]
own = (tried["place"] == 1).to_numpy()
replayed = policy.profit(own, gain, tried["user_id"])
ways = {"one course for all": [len(gain), *(v / len(gain) for v in everybody[:3])],
        "own course for each": [own.sum(), *(v / own.sum() for v in replayed[:3])]}  # fmt: skip
ways = pd.DataFrame(ways, index=["touches", "yuan", "low", "high"]).T
show.table(ways.round(2), "Gain per message when written to everybody, 90 % interval")

# %% [markdown]
# ## To whom
#
# With a budget, an order of people decides. The dull orders first: a lot; the *best customers first*, as most campaign
# tools suggest; and one line the other way round, the quiet ones first. Then the models: the usual *response* model
# (who buys?), and two models of the *effect*: one logistic regression per arm (T-learner), and one with the message
# crossed with every feature. All see the same features under the same penalty; each block of later campaigns is scored
# by a model of the campaigns before it.

# %%
makers = {"response model": uplift.response, "T-learner": uplift.t_learner, "crossed model": uplift.interaction}
scores = {name: uplift.rolling(tried, maker) for name, maker in makers.items()}
later = ~np.isnan(scores["T-learner"])
quiet = (campaign.RECENT_DAYS - tried["active_days"]).to_numpy()
scores = {"best customers first": -quiet, "quiet ones first": quiet, **scores}

# %%
judged, gain_later = tried[later], gain[later]
chosen = {"by lot": np.full(later.sum(), share)}
for name, score in scores.items():
    chosen[name] = uplift.best(score[later], share, judged["assigned_at"]).astype(float)
chosen["everybody (dearer)"] = np.ones(later.sum())
earned = {name: policy.profit(rule, gain_later, judged["user_id"]) for name, rule in chosen.items()}

# %% [markdown]
# The table counts yuan per 1,000 people on the list of a later campaign, each order with the same budget. Because the
# orders share most of their people, only the *difference* to the one-line rule decides.

# %% tags=["nbval-check-output"]
per = 1000 / later.sum()
versus = {n: policy.profit(c - chosen["quiet ones first"], gain_later, judged["user_id"]) for n, c in chosen.items()}
rows = {n: [e.yuan, e.low, e.high, versus[n].yuan, versus[n].low, versus[n].high] for n, e in earned.items()}
columns = ["yuan", "low", "high", "minus quiet rule", "its low", "its high"]
show.table(per * pd.DataFrame(rows, index=columns).T.round(0), "Yuan per 1,000 people, 90 % intervals")

# %%
with show.figure(
    "The best customers are the worst people to write to"
    if earned["best customers first"].yuan < min(e.yuan for n, e in earned.items() if n != "by lot")
    else "What each order of the list earns",
    x="yuan per 1,000 people on the list",
    y="",
    alt="Dots with 90 % intervals, yuan per 1,000 people: "
    + ", ".join(f"{n} {per * e.yuan:.0f}" for n, e in earned.items()),
) as ax:
    for name, e in earned.items():
        ax.errorbar(per * e.yuan, name, xerr=[[per * (e.yuan - e.low)], [per * (e.high - e.yuan)]],
                    fmt="o", color="black", capsize=4)  # fmt: skip
    ax.axvline(0, color="black", linewidth=0.8)

# %% [markdown]
# **The trap.** "Write to your best customers" looks right because they buy. Count what they buy *without* the message,
# and what the message adds.

# %% tags=["nbval-check-output"]
busy = chosen["best customers first"] == 1
halves = pd.DataFrame(
    {name: [100 * part.loc[~part["message"], "bought"].mean(), *(100 * np.array(touches.difference(part["bought"], part["message"])))]
     for name, part in {"best customers": judged[busy], "the others": judged[~busy]}.items()},
    index=["buy anyway, %", "effect of the message, points", "its standard error"],
)  # fmt: skip
show.table(halves.T.round(2), "Buying and being moved are two things")

# %%
proven = bool(versus["T-learner"].low > 0)
model = uplift.t_learner(tried) if proven else None
order = model or (lambda people: campaign.RECENT_DAYS - people["active_days"].to_numpy())
order_name = "T-learner" if proven else "quiet ones first"

# %% tags=["remove-input"]
show.say(
    f"T-learner minus one-line rule: {per * versus['T-learner'].yuan:+.0f} yuan per 1,000 people, 90 % interval "
    f"{per * versus['T-learner'].low:+.0f} to {per * versus['T-learner'].high:+.0f}. "
    + ("The model has earned its place: it orders the list." if proven else
       "The model has not proved itself here, so the list is ordered by one line: **the quiet ones first**. Somebody who "
       "comes every day sees the shop window anyway.")
)  # fmt: skip

# %% [markdown]
# ## People who look like buyers
#
# A *look-alike audience* scores those who never bought by how much they resemble those who did. Advertising platforms
# sell it for finding strangers. As an order for messages it is a response model by another name: it says who buys, not
# who is moved. Learned on the people of one early campaign, tried on the non-buyers of all later ones:

# %% tags=["nbval-check-output"]
moments = np.sort(tried["assigned_at"].unique())
seed_people = tried[tried["assigned_at"] == moments[len(moments) // 3 - 1]]
strangers = judged[judged["purchases"] == 0]
alike = uplift.best(uplift.look_alike(seed_people)(strangers), 0.5, strangers["assigned_at"])
rows = {}
for name, part in {"most like buyers": strangers[alike], "least like buyers": strangers[~alike]}.items():
    difference, error = touches.difference(part["bought"], part["message"])
    rows[name] = [100 * part.loc[~part["message"], "bought"].mean(), 100 * difference, 100 * error]
show.table(pd.DataFrame(rows, index=["buy anyway, %", "effect, points", "its standard error"]).T.round(2), "Non-buyers")

# %% [markdown]
# ## What else the money could buy
#
# The company also buys registrations. What does one *additional* purchase cost by message, beside one paying user by
# channel (CAC)? The two are not the same thing: a channel brings new people, and its CAC is an average that counts those
# who would have come anyway.

# %% tags=["nbval-check-output"]
from knowpay.analyse import economics

channels = economics.acquisition(ds)[["registrations", "spend", "cac"]]
show.table(channels.round(0), "Own spend by channel since the records began, yuan; cac = spend per paying user")
by_place = touches.difference(tried.loc[own, "bought"], tried.loc[own, "message"])

# %% tags=["remove-input"]
dearest = channels["cac"].idxmax()
show.say(
    f"A message costs {cost / effect:.0f} yuan per additional purchase"
    + (f", {cost / by_place[0]:.0f} with the own course" if by_place[0] > 0 else "")
    + f"; a paying user from {dearest} costs {channels.loc[dearest, 'cac']:.0f}. Messages are the cheaper money as long as "
    "there is somebody left to write to, and they end there: they bring nobody new. The budget of a channel is decided in "
    "lesson 00, by what its users leave."
)

# %% [markdown]
# ## The list
#
# Everybody allowed gets a course by the recommender, from the courses whose promotion has been tried; then the order and
# the budget decide who is on the list.

# %%
shelf = campaign.shelf(ds, np.sort(tried["product_id"].unique()))
people = campaign.features(ds).merge(shelf.picks(), on="user_id")
people = people[people["user_id"].isin(allowed)].assign(place=1)
prices = ds.courses.select("product_id", "price").to_pandas().set_index("product_id")["price"]
people["price"] = people["product_id"].map(prices)
people["score"] = order(people)

# %% [markdown]
# A tenth of the names is **held out**: on the list, not written to. The lot is a keyed hash of campaign and user, so it
# is the same whoever draws it and whenever, and nobody without the key can foresee it.

# %%
import os

campaign_id = f"k{tried['campaign_id'].nunique() + 1:02d}"
key = os.environ.get("KNOWPAY_KEY", "for this lesson only")
names = people[uplift.best(people["score"], share)].copy()
held = plan.hold_out(names["user_id"], campaign_id, key)
names["arm"] = np.where(held, "control", "message")
names["reason"] = names["because"] + "; visited on " + names["active_days"].astype(int).astype(str) + " of 30 days"
names = names.assign(channel="wechat_official", send_at=send_at)

# %% tags=["nbval-check-output"]
columns = ["user_id", "product_id", "arm", "reason"]
show.table(names.sort_values("score", ascending=False)[columns].head(5).reset_index(drop=True), "The first five names")

# %% [markdown]
# People who opted out of personalisation get a list of their own. It says the same to all: the course that most people
# opened in the last 90 days.

# %%
from knowpay.analyse import neighbours

recent = neighbours.interest(ds, since=send_at - pd.Timedelta(days=90))
best_seller = recent.loc[recent["product_id"].isin(shelf.products), "product_id"].value_counts().idxmax()
owners = neighbours.owned(ds).query("product_id == @best_seller")["user_id"]
general = status[(status["status"] == "general") & ~status["user_id"].isin(owners)][["user_id"]]
general = general.assign(product_id=best_seller, channel="wechat_official", send_at=send_at, score=0.0)
general["reason"] = "opened by most people in the last 90 days; the same for all"
general["arm"] = np.where(plan.hold_out(general["user_id"], campaign_id, key), "control", "message")

# %% [markdown]
# ## What the plan should earn
#
# Replay once more, now with the order: the touches at place 1, and of them those whom the order would have put within
# the budget that morning. The gain per message, times the messages.

# %%
score = scores[order_name]
usable = own & ~np.isnan(score)
past = np.zeros(len(tried), dtype=bool)
past[np.flatnonzero(usable)[uplift.best(score[usable], share, tried.loc[usable, "assigned_at"])]] = True
value = policy.profit(past, gain, tried["user_id"])
messages = int((names["arm"] == "message").sum())
expected = [messages * amount / past.sum() for amount in value]

# %% tags=["remove-input"]
show.say(
    f"{past.sum():,} past touches are what this plan would have done; {tried['bought'][past].sum()} of them ended in a purchase. "
    f"They value a message at {value.yuan / past.sum():.2f} yuan after cost (90 % interval {value.low / past.sum():.2f} to "
    f"{value.high / past.sum():.2f}). For {messages:,} messages that is **{expected[0]:,.0f} yuan** ({expected[1]:,.0f} to "
    f"{expected[2]:,.0f})."
)

# %% [markdown]
# **How many messages?** The next name down the list earns less than the first. The same replay for thirds of the order:

# %% tags=["nbval-check-output"]
third = pd.Series(score[usable]).groupby(tried.loc[usable, "assigned_at"].to_numpy()).rank(method="first", pct=True)
rows = {}
for name, part in {
    "first third": third > 2 / 3,
    "second third": third.between(1 / 3, 2 / 3),
    "last third": third < 1 / 3,
}.items():
    at = np.flatnonzero(usable)[part.to_numpy()]
    found = policy.profit(np.ones(len(at)), gain[at], tried["user_id"].iloc[at])
    rows[name] = [len(at), *(amount / len(at) for amount in found[:3])]
thirds = pd.DataFrame(rows, index=["touches", "yuan", "low", "high"]).T
show.table(thirds.round(2), "Gain per message down the list, own course for each, 90 % interval")

# %% [markdown]
# ## Out of the house
#
# A list leaves only through `export_target_list`. It writes seven columns and no more, whole or not at all, as Parquet and
# as a CSV that a spreadsheet cannot mistake for formulas. It checks again, against the company's own records, that
# everybody on it may be there.

# %% tags=["nbval-check-output"]
from knowpay.operate import export

folder = "build/campaign"
written = [*export.export_target_list(ds, names, folder).values()]
if len(general):
    written += export.export_target_list(ds, general, folder, personal=False).values()
print(*(path.name for path in written))
print(*pd.read_parquet(written[1]).columns)

# %% [markdown]
# Try to smuggle in somebody who opted out, or to drop the hold-out:

# %% tags=["nbval-check-output"]
opted_out = status.loc[status["status"] == "general", "user_id"].head(1)
smuggled = names.iloc[:1].assign(user_id=opted_out.to_numpy()) if len(opted_out) else names.iloc[:1]
for attempt in (pd.concat([names, smuggled]), names[names["arm"] == "message"]):
    try:
        export.export_target_list(ds, attempt, folder)
    except ValueError as refusal:
        print(refusal)

# %% [markdown]
# ## How it will be judged
#
# A tenth held out is few people. How large must an effect be to show in one campaign, and how many campaigns together
# would show the one we expect?

# %%
shown, hidden = ((names["arm"] == arm).sum() for arm in plan.ARMS)
moved, moved_error = touches.difference(tried.loc[past, "bought"], tried.loc[past, "message"])
rate_past = tried.loc[past, "bought"].mean()
visible = uplift.detectable([shown, hidden], rate_past)
rounds = int(np.ceil((visible / max(moved, effect / 2)) ** 2))

# %% tags=["remove-input"]
judge = (
    f"We compare the contribution per person of the {shown:,} who were sent a message with that of the {hidden:,} held out, "
    "14 days after the day of sending, by assignment and not by who opened it. "
    + (f"One campaign shows only effects above {visible:.1%}; we expect {moved:.1%}. So we run {rounds} campaigns of this "
       "kind with the same hold-out, look once, after the last, and stop the personal list if the upper end of the 90 % "
       "interval is below the cost of a message." if rounds > 1 else
       f"One campaign shows effects above {visible:.1%}, and we expect {moved:.1%}: we look once, after those 14 days, and "
       "stop the personal list if the upper end of the 90 % interval is below the cost of a message.")
)  # fmt: skip
show.say(judge)

# %%
left_out = status.loc[status["status"] != "personal", "status"].value_counts()
left_out["beyond the budget"] = len(allowed) - len(names)
text = plan.brief(
    campaign_id, names, left_out.rename({"general": "opted out of personalisation"}), cost, expected[:3], judge
)
export.write_brief(text, folder)
show.say(
    "\n".join(
        "> " + line.replace("# ", "**Campaign brief** ", 1) if line.startswith("# ") else "> " + line
        for line in text.splitlines()
    )
)

# %% [markdown]
# ## On real data
#
# Hillstrom's trial of 2008: 64,000 customers of a shop, drawn by lot to a men's, a women's or no e-mail; did they visit
# within two weeks? The *Qini* coefficient grades an order of people: 0 is a lot, 1 the best order there could be. The
# definition is scikit-uplift's, which the published figures use; other libraries divide differently.

# %%
from knowpay.collect import DownloadError
from knowpay.collect.hillstrom import hillstrom
from knowpay.operate import mail_trial

try:
    customers = hillstrom()
except DownloadError as reason:
    customers = None
    show.say(f"This section is skipped. {reason}")

# %%
if customers is not None:
    graded = mail_trial.rankings(customers)
    table = mail_trial.QINI.assign(ours=graded.mean(), **{"ours s.d.": graded.std()})
    show.table(table.round(3), "Women's e-mail against none, Qini over 20 random halves")
    show.say(
        f"One line beats the response model by {graded.iloc[:, 0].mean() - graded.iloc[:, 2].mean():.3f} and ties the effect "
        f"model. The order by lot scatters by {graded.iloc[:, 3].std():.3f}: a single split decides nothing."
    )

# %% [markdown]
# Which mail for whom? The value of a policy is the visit rate of those whose arm happens to agree with it.

# %%
if customers is not None:
    rates = mail_trial.policies(customers)
    table = pd.DataFrame({"published": mail_trial.POLICY, "ours": rates.mean(), "ours s.d.": rates.std()})
    show.table(table.round(4), "Visit rate by policy, 20 random halves")
    step = rates["best of 3 logistic models"] - rates["men's e-mail to everybody"]
    show.say(
        f"Three models minus “men's to everybody”: {step.mean():+.4f}, s.d. {step.std():.4f} over the splits (published "
        "−0.0004, s.d. 0.0024). Here personalising is not worth a model, and saying so is the result."
    )

# %% [markdown]
# A popular tutorial takes the men's e-mail *and* no e-mail together as its control arm. The women's mail then competes with
# a stronger mail, and most of its effect is gone.

# %%
if customers is not None:
    arms_of = mail_trial.contaminated(customers)
    table = pd.DataFrame({"published": [0.0452, 0.0069], "ours": arms_of.round(4)})
    show.table(table, "Effect of the women's e-mail on visits, by what is called control")

# %% [markdown]
# ## Check against the truth
#
# The company is simulated: for any person and course both purchase probabilities are known. Only this section may look.
# Each tolerance is 2.58 standard errors of the estimate, so 99 of 100 honest estimates hold.

# %%
from knowpay import world

truth = getattr(ds, "truth", None)
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, and the checks below are skipped.")
else:
    real = tried.merge(truth.touches, on="touch_id", validate="one_to_one")
    real["effect"] = real["p_message"] - real["p_control"]
    real["gain"] = real["effect"] * margin - cost

# %% tags=["nbval-check-output"]
if truth is not None:
    show.check("effect of the message", 100 * effect, 100 * real["effect"].mean(), 258 * effect_error, "points")
    true_slope = uplift.trend(real["gain"], np.log2(real["place"]), real["user_id"]).yuan
    show.check("gain per doubling of the place", slope.yuan, true_slope, 2.58 * slope.error, "yuan")

# %% [markdown]
# The people of the order against the others, at their own course: does the order find people who are moved more?

# %% tags=["nbval-check-output"]
if truth is not None:
    rest = usable & ~past
    other, other_error = touches.difference(tried.loc[rest, "bought"], tried.loc[rest, "message"])
    gap = real.loc[past, "effect"].mean() - real.loc[rest, "effect"].mean()
    show.check(
        "effect, chosen minus not chosen",
        100 * (moved - other),
        100 * gap,
        258 * np.hypot(moved_error, other_error),
        "points",
    )

# %% [markdown]
# The plan itself: what we said that it would earn, against the sum over the people who get the message.


# %%
def true_gain(pairs):
    """Yuan that a message adds for each pair of person and course, after its cost."""
    hidden, shown = world.purchase_probability(truth, pairs["user_id"], pairs["product_id"])
    return (shown - hidden) * pairs["product_id"].map(prices).to_numpy() * rate - cost


# %% tags=["nbval-check-output"]
if truth is not None:
    sent = names[names["arm"] == "message"]
    show.check("profit of the plan", expected[0], true_gain(sent).sum(), 2.58 * expected[3], "yuan")
    flags = ds.users.filter(ds.users.personalization_opt_out | (ds.users.consent_marketing == "denied"))
    show.check("people on the list who said no", names["user_id"].isin(flags.user_id.to_pandas()).sum(), 0, 0)

# %% [markdown]
# And the rivals, with the same number of messages: a lot with one course for all, as in the past; a lot with own courses;
# the response model with own courses; and the oracle, which knows every probability.

# %%
if truth is not None:
    each = people[["user_id"]].merge(pd.DataFrame({"product_id": shelf.products}), how="cross")
    each["yuan"] = true_gain(each)
    true_own = pd.Series(true_gain(people), index=people.index)
    response = uplift.best(uplift.response(tried)(people), share)
    plans = {"lot, one course for all": each["yuan"].mean(), "lot, own course": true_own.mean(),
             "response model, own course": true_own[response].mean(), f"our plan ({order_name})": true_own[names.index].mean(),
             "oracle": each.groupby("user_id")["yuan"].max().nlargest(len(names)).mean()}  # fmt: skip

# %%
if truth is not None:
    plans = messages * pd.Series(plans)
    with show.figure(
        "Choosing the course matters most, then choosing whom",
        x=f"true profit of {messages:,} messages, yuan",
        y="",
        alt="Bars of true profit in yuan: " + ", ".join(f"{n} {v:,.0f}" for n, v in plans.items()),
    ) as ax:
        ax.barh(plans.index, plans)
        ax.invert_yaxis()

# %% tags=["remove-input"]
if truth is not None:
    show.say(
        f"Our plan earns {plans.iloc[3]:,.0f} yuan in truth, {plans.iloc[3] / plans.iloc[4]:.0%} of what the oracle gets and "
        f"{plans.iloc[3] / plans.iloc[0]:.0f} times the habit. Ranking by response adds {plans.iloc[2] - plans.iloc[1]:,.0f} to "
        f"drawing people by lot, our order {plans.iloc[3] - plans.iloc[1]:,.0f}. Before the fact we said {expected[0]:,.0f} "
        f"({expected[1]:,.0f} to {expected[2]:,.0f})."
    )

# %% [markdown]
# ## Decide

# %% tags=["remove-input"]
sure = value.low > 0
show.say(
    f"**Decision.** Campaign {campaign_id}: {len(names):,} names, ordered by *{order_name}*, each with the own best course of "
    f"{len(shelf.products)} tried ones. {messages:,} messages for {messages * cost:,.0f} yuan; {len(names) - messages:,} people held "
    f"out. Expected additional contribution after cost: **{expected[0]:,.0f} yuan** (90 % interval {expected[1]:,.0f} to "
    f"{expected[2]:,.0f}). "
    + ("Plan with the lower end. " if sure else
       f"The interval includes a loss, at most the {messages * cost:,.0f} yuan of the messages and some people's patience: it "
       "is a bet with a small stake, sent because the alternative costs the same and its hold-out will tell. ")
    + f"{int((general['arm'] == 'message').sum()) if len(general) else 0:,} people who opted out of personalisation get the general "
    "list; its earnings are not counted.\n\n"
    f"**How it is judged.** {judge}\n\n"
    "**What would change it.** A longer list: the last third earns "
    f"{thirds.loc['last third', 'yuan']:.2f} yuan a message ({thirds.loc['last third', 'low']:.2f} to "
    f"{thirds.loc['last third', 'high']:.2f}); "
    + ("its whole interval is above zero, so ask for a larger budget. " if thirds.loc["last third", "low"] > 0 else
       "nothing shows that it pays, so no larger budget is asked for. ")
    + ("A model, once it beats the one-line rule. " if not proven else "A model that no longer beats the one-line rule. ")
    + "A rise of complaints or of refusals of marketing in the message arm, which the contribution does not see."
)  # fmt: skip

# %% [markdown]
# ## Exercises
#
# Two exercises with checks that explain are in [exercises/18_plan_a_campaign](exercises/18_plan_a_campaign.ipynb): the
# profit of a rule from drawn lots, and what to conclude from a small hold-out.
#
# ## Summary
#
# - The law and the caps come first; the exporter checks them again, and refuses.
# - Ask for power before you ask for people. Where data cannot choose, say so, send the guess, keep the hold-out.
# - The course decides more than the person: an own course for each is worth several times one course for all.
# - Those who buy most are not those who are moved most. A one-line rule from a drawn lot is hard to beat.
# - A plan is valued before it runs, by replaying it on past lots, and judged after it by a rule that was fixed before.
#
# ## References
#
# - Horvitz D., Thompson D. (1952). A generalization of sampling without replacement from a finite universe. *Journal of
#   the American Statistical Association* 47: weights of 1/propensity.
# - Hillstrom K. (2008). *MineThatData E-Mail Analytics and Data Mining Challenge*: the real trial.
# - scikit-uplift 0.5.1: definition of the Qini coefficient, and the notebook with the mixed control arm.
# - Personal Information Protection Law of the PRC, articles 24 and 28; GDPR, article 21.
