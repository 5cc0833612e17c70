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
# The company may send as many messages as last time, and to no more than half of those who may get one: every message makes
# the next a little weaker. **The question:** who should get one, about which course, and how would we know afterwards that it
# was worth it?
# **What you will decide at the end:** a list of names with a course for each, what it costs, what it should earn with an
# interval, who is left unwritten on purpose, and the rule by which the campaign will be judged.

# %% [markdown]
# :::{admonition} Before you start
# **You will do:** learn from past campaigns with random assignment, draw up the next list, and write it to a file
# that refuses to contain anybody who said no.
# **You will learn:** to ask first whether the data can decide at all; to value a plan before it runs; why the best
# customers need not be the people to write to.
# **You need:** lessons 00 and 12. **Minutes:** 30 to read, 1 to run. **Data:** the simulated company; Hillstrom's e-mail
# trial where you have it. **Memory:** under 1 GB.
# :::

# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}; the book's page "Other companies" lists the knobs

# %%
import knowpay
from knowpay import estimate, show

ds = knowpay.open(data, seed=seed, **company)
ds.needs("18")  # stops here, with a sentence, when the data cannot carry this lesson

# %% [markdown]
# One row of evidence is one *touch*: a person was on a campaign's list, and random assignment decided between message and nothing.
# Its probability is known and need not be even. Campaigns whose receivers were picked by a rule are no evidence: the picked
# may be those who buy more anyway. Beside the touch stands what was known about the person **that morning**: days seen
# in the last 30, days since the last one, tenure, mean price of the courses opened, past purchases, device, channel.
# An event that had not yet arrived at the server was not known. Without random assignment there is no effect to learn, and
# the lesson has stopped above.

# %% tags=["nbval-check-output"]
from knowpay.operate import campaign

assignments = campaign.evidence(ds)
known = ["campaign_id", "message", "bought", "active_days", "tenure", "purchases", "price", "place"]
show.table(assignments[known].head(4).round(0), "Four touches: the arm, the outcome, and what was known before")

# %% [markdown]
# `place` is new: where the promoted course stood on the person's *own* list of all promoted courses, ranked by the
# recommender from what the person had opened until then. Place 1 goes best with them.
#
# ## Who may be written to
#
# The law and the company's own rules come before any model. People who refused marketing, staff, children under 14 and erased accounts
# get nothing. People who opted out of personalisation may get only what everybody gets (PIPL article 24): their behaviour
# is not even read above. And nobody gets more than one message in 14 days or three in 90.

# %% tags=["nbval-check-output"]
import pandas as pd
from knowpay.operate import plan

send_at = ds.observation_end.tz_convert(ds.timezone) + pd.Timedelta(hours=10)
status = plan.contact_status(ds, send_at)
often = status["user_id"].isin(plan.too_often(ds, send_at)) & status["status"].isin(["personal", "general"])
status.loc[often, "status"] = "had enough messages"
show.table(status["status"].value_counts().rename("people"), "Everybody registered, by what may be sent to them")

# %%
allowed = status.loc[status["status"] == "personal", "user_id"]
last = ds.touches.filter(ds.touches.assigned_at == ds.touches.assigned_at.max())
before = int(last.filter(last.variation_id != "control").count().to_pandas())
budget = min(before, len(allowed) // 2)
share = budget / max(len(allowed), 1)
show.say(
    f"The last campaign sent {before:,} messages, and {len(allowed):,} people may get a personal one. So the budget is **{budget:,} "
    f"messages, {share:.0%}** of these people. Whatever we compare below spends this share."
)

# %% [markdown]
# ## What one message must earn
#
# The cost is in the log. The *contribution* of an order is its list price after discounts, refunds, fees, commissions and
# the teacher's share; all but the last are measured, the share is the company's contract.

# %%
from knowpay.people import money, snapshot

teacher_share = 0.30
rate = money.contribution_rate(ds, teacher_share)
cost = float(assignments["cost"].max())
margin = (assignments["price"] * rate).to_numpy()
show.say(
    f"A yuan of list price leaves {rate:.2f} yuan. The promoted courses cost {assignments['price'].mean():.0f} yuan on average, so a "
    f"message of {cost:.2f} yuan pays when it adds more than **{cost / margin.mean():.2%}** purchases per person."
)

# %% [markdown]
# ## Baseline: one course, everybody allowed
#
# First, was the assignment as random as stated? The message arm should hold as many people as the odds promise, give or take chance (a
# *sample ratio* test). Then the effect is the difference of the arms, each person counted by the odds. With $p$ the chance of
# the arm drawn, the *propensity*, the gain counts a purchase $1/p$ times with the message and $-1/p$ times without, less the
# cost.

# %%
import numpy as np
from knowpay.analyse import neighbours, touches
from knowpay.derive import policy, uplift

fair = touches.sample_ratio(assignments)
effect = touches.difference(assignments, "bought")
gain = policy.ipw_scores(assignments, margin, cost)
everybody = policy.profit(np.ones(len(gain)), gain, assignments["user_id"])

# %% tags=["nbval-check-output"]
share_drawn, promised = assignments["message"].mean(), 1 - touches.odds(assignments)["control"].mean()
print(f"message arm {share_drawn:.1%} of {len(assignments):,} touches, promised {promised:.1%}, p = {fair:.2f}")
print(f"effect {effect.value:.2%} ± {effect.high - effect.value:.2%}")
mean = everybody / len(gain)
show.say(
    f"One message about one course for all earns **{mean.value:.2f} yuan** after its cost (90 % interval {mean.low:.2f} to {mean.high:.2f}), "
    f"which {policy.verdict(everybody)}. That is the plan to beat."
)

# %% [markdown]
# ## Power first: can these data choose at all?
#
# To personalise is to claim that the effect differs between people. A trial *finds* an effect when it comes out
# significant (5 %, two-sided) four times in five. The smallest effect found so is 2.8 standard errors,
# and their square is $p(1-p)\sum 1/n$ over all arms that enter; a difference of two effects has four arms. Under uneven odds an arm tells less
# than its head count, so $n$ is its *effective* number: an even draw of that many people would have the same error. As a
# yardstick, take a difference as large as the whole average effect. A "no" does not undo an interval found above; it says
# that a trial of this size would miss such an effect more than once in five times.

# %%
n, base = len(assignments), assignments["bought"].mean()
own = (assignments["place"] == 1).to_numpy()
lists = (assignments, assignments[own], assignments[~own])
everyone, mine, others = (np.array(touches.effective(rows)) for rows in lists)
questions = {
    "does a message work at all?": everyone,
    "better for the inactive half than for the busy half?": [*everyone / 2, *everyone / 2],
    "better for the own best course than for the others?": [*mine, *others],
    "is one group of twenty unlike the rest?": [*everyone / 20, *everyone * 19 / 20],
}

# %% tags=["nbval-check-output"]
power = uplift.power(questions, base, yardstick=effect.value)
show.table(power.round(2), f"What {n:,} touches can find; yardstick: the average effect, {effect.value:.2%}")
enough = bool((power["enough"] == "yes").iloc[1:3].all())
show.say(
    "**Yes:** these data can tell halves apart, and ask whether the own course is better."
    if enough
    else "**No: these data are not enough to personalise by.** An effect that shows in spite of that had to be large by luck: "
    "expect it to shrink."
)

# %% [markdown]
# So we fix the rule of the decision now, before looking at any group. *Where two plans cost the same, the better guess is
# sent, and is called a guess. A model replaces a one-line rule only if the whole interval of the difference is above zero
# on campaigns that it has not seen.* And one challenger is named now, before the race: the *T-learner*, which is built for
# effects and is the simplest of its kind. The other models run along but cannot win: the best of three would look proven by
# luck more often than one model that was named beforehand.
#
# ## Which course for whom
#
# Past campaigns promoted one course to all. For each person that course happened to be more or less their own: a natural
# drawing of places. Does the gain fall with the place? Each group alone is small. The trend over all touches says more:
# the change of the gain when the place doubles.

# %% tags=["nbval-check-output"]
edges = {"1": (1, 1), "2-3": (2, 3), "4-6": (4, 6), "7-12": (7, 12), "13 and on": (13, np.inf)}
steps = {name: assignments["place"].between(*edge) for name, edge in edges.items()}
places = uplift.by_group(steps, gain, assignments["user_id"])
slope = uplift.trend(gain, np.log2(assignments["place"]), assignments["user_id"], unit="yuan a doubling")
print(f"{slope.value:.2f} yuan per doubling of the place, 90 % interval {slope.low:.2f} to {slope.high:.2f}")

# %%
with show.figure(
    f"The gain changes by {slope.value:+.2f} yuan when the course is twice as far down one's own list",
    x="place of the promoted course on the person's list",
    y="gain per message, yuan",
    alt="Gain per message by place, 90 % intervals: " + ", ".join(f"{k} {v:.2f}" for k, v in places["yuan"].items()),
) as ax:
    error = [places["yuan"] - places["low"], places["high"] - places["yuan"]]
    ax.errorbar(places.index, places["yuan"], yerr=error, fmt="o", capsize=5)
    ax.axhline(0, color="black", linewidth=0.8)

# %% [markdown]
# An own course costs no more than one for all, so the plan gives each person the course at place 1; unless the whole
# interval above is below zero, that is a guess. What would it earn? *Replay* it: keep the touches in which the
# course drawn for all was the one that the plan would have chosen for this person that morning. Their arms were
# assigned at random too.

# %% tags=["nbval-check-output"]
ways = {"one course for all": np.ones(n, dtype=bool), "own course for each": own}
show.table(uplift.by_group(ways, gain, assignments["user_id"]).round(2), "Gain per message to everybody, 90 % interval")

# %% [markdown]
# ## To whom
#
# With a budget, an order of people decides. The dull orders first: a random one; the *best customers first*, as habit has
# it (seen on most of the last 30 days); and one line the other way round, the inactive ones first. Then the models: the usual *response* model
# (who buys?), and two models of the *effect*: one logistic regression per arm (T-learner), and one with the message
# crossed with every feature. All see the same features under the same penalty; each block of later campaigns is scored
# by a model of the campaigns before it. Each order spends the same budget; because the orders share most of their people,
# only the *difference* to the one-line rule decides.

# %%
from knowpay.analyse import learners

kinds = {"response model": learners.Response, "T-learner": learners.TLearner, "crossed model": learners.Crossed}
models = {name: uplift.Score(kind(uplift.RIDGE)) for name, kind in kinds.items()}
scores = {name: uplift.rolling(assignments, model) for name, model in models.items()}
later = ~np.isnan(scores["T-learner"])
inactivity = campaign.inactivity(assignments)
scores = {"best customers first": -inactivity, "inactive ones first": inactivity, **scores}

# %% tags=["nbval-check-output"]
judged, gain_later = assignments[later], gain[later]
chosen = {"at random": np.full(later.sum(), share), "everybody (dearer)": np.ones(later.sum())}
for name, score in scores.items():
    chosen[name] = uplift.top_share(score[later], share, judged["assigned_at"]).astype(float)
earned = uplift.compare(chosen, gain_later, judged["user_id"], against="inactive ones first")
show.table(earned.round(0), "Yuan per 1,000 people on the list, and minus “inactive ones first”; 90 % intervals")

# %%
rivals, error = earned["yuan"].drop("at random"), [earned["yuan"] - earned["low"], earned["high"] - earned["yuan"]]
worst = earned.loc["best customers first", "high"] < 0
with show.figure(
    "Writing to the best customers first loses money" if worst else "What each order of the list earns",
    x="yuan per 1,000 people on the list",
    y="",
    alt="Yuan per 1,000 people, 90 % intervals: " + ", ".join(f"{k} {v:.0f}" for k, v in earned["yuan"].items()),
) as ax:
    ax.errorbar(earned["yuan"], earned.index, xerr=error, fmt="o", capsize=4)

# %% [markdown]
# **The trap.** "Write to your best customers" sounds right without any count. What they buy *without* the message was not
# earned by it; only what the message adds was. Here are both, for the half that visits most and for the others. Two
# effects that differ by less than twice their standard errors are not told apart, in either direction.

# %% tags=["nbval-check-output"]
busy = chosen["best customers first"] == 1
show.table(
    uplift.effects_by_group({"best customers": judged[busy], "the others": judged[~busy]}).round(2),
    "Buying and being moved",
)

# %%
challenger = "T-learner"
step, low, high = earned.loc[challenger, ["difference", "its low", "its high"]]
proven = low > 0
order_name = challenger if proven else "inactive ones first"
order = models[challenger].fit(assignments).predict if proven else campaign.inactivity
verdict = "has earned its place" if proven else f"has not proved itself: one line orders the list, **{order_name}**"
show.say(
    f"{challenger} minus one-line rule: {step:+.0f} yuan per 1,000 people (90 % interval {low:+.0f} to {high:+.0f}). The model {verdict}."
)

# %% [markdown]
# ## People who look like buyers
#
# A *look-alike audience* scores those who never bought by how much they resemble those who did. Advertising platforms
# sell it for finding strangers. As an order for messages it is a response model by another name: made to say who buys,
# not who is moved. Learned on the people of one early campaign, tried on the non-buyers of all later ones
# (again, a gap within two standard errors is no finding; the functions of `l18` stand in
# [lessons/l18.py](../lib/knowpay_course/lessons/l18.py)):

# %% tags=["nbval-check-output"]
from knowpay_course.lessons import l18

moments = np.sort(assignments["assigned_at"].unique())
seed_people = assignments[assignments["assigned_at"] == moments[len(moments) // 3 - 1]]
strangers = judged[judged["purchases"] == 0]
resemblance = l18.LookAlike().fit(seed_people).predict(strangers)
alike = uplift.top_share(resemblance, 0.5, strangers["assigned_at"])
halves = uplift.effects_by_group({"most like buyers": strangers[alike], "least like buyers": strangers[~alike]})
show.table(halves.round(2), "People who never bought, by how much they resemble buyers")

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
dearest = channels["cac"].fillna(0).idxmax()
by_message = f"costs {cost / effect.value:.0f} yuan" if effect.value > 0 else "cannot be bought"
show.say(
    f"An additional purchase {by_message} by message; a paying user from {dearest} costs {channels.loc[dearest, 'cac']:.0f} yuan. A message brings nobody new, "
    "and messages end where there is nobody left to write to. What a channel may cost is decided in lesson 00, by what its users leave."
)

# %% [markdown]
# ## The list
#
# Everybody allowed gets a course by the recommender, from the courses whose promotion has been tried; then the order and
# the budget decide who is on the list.

# %%
shelf = campaign.shelf(ds, np.sort(assignments["product_id"].unique()))
people = snapshot.snapshot(ds).merge(shelf.picks(), on="user_id")
people = people[people["user_id"].isin(allowed)].assign(place=1)
prices = ds.courses.select("product_id", "price").to_pandas().set_index("product_id")["price"]
people["price"] = people["product_id"].map(prices)
people["score"] = order(people)

# %% [markdown]
# A tenth of the names is **held out**: on the list, not written to. The draw is a keyed hash of campaign and user, so it
# is the same whoever makes it and whenever, and nobody without the key can foresee it.

# %% tags=["nbval-check-output"]
import os

campaign_id = f"k{ds.touches.campaign_id.nunique().to_pandas() + 1:02d}"
key = os.environ.get("KNOWPAY_KEY", "for this lesson only")
sending = {"campaign_id": campaign_id, "send_at": send_at, "channel": "wechat_official", "key": key}
days = people["active_days"].astype(int).astype(str)
people["reason"] = people["because"] + "; seen on " + days + " of the last 30 days"
names = plan.target_list(people[uplift.top_share(people["score"], share) & (people["score"] >= 0)], **sending)
columns = ["user_id", "product_id", "arm", "reason"]
show.table(names.sort_values("score", ascending=False)[columns].head(5).reset_index(drop=True), "The first five names")

# %% [markdown]
# People who opted out of personalisation get a list of their own. It says the same to all: the course that most people
# opened in the last 90 days. (That they own it already is a matter of the contract, not of their character.)

# %%
best_seller = plan.best_seller(ds, shelf.products, send_at)
owners = neighbours.owned(ds).query("product_id == @best_seller")["user_id"]
general = status[(status["status"] == "general") & ~status["user_id"].isin(owners)]
general = general.assign(product_id=best_seller, score=0.0, reason="opened by most people in the last 90 days")
general = plan.target_list(general, **sending)

# %% [markdown]
# ## What the plan should earn
#
# Replay once more, now with the order: the touches at place 1, and of them those whom the order would have put within
# the budget that morning. The gain per message, times the messages.

# %%
usable = own & ~np.isnan(scores[order_name])
past, each = uplift.off_policy_value(assignments, usable, scores[order_name], share, gain)
messages = int((names["arm"] == "message").sum())
expected = each * messages
show.say(
    f"{past.sum():,} past touches are what this plan would have done; {assignments['bought'][past].sum()} of them ended in a purchase. "
    f"They value a message at {each.value:.2f} yuan after its cost (90 % interval {each.low:.2f} to {each.high:.2f}). For "
    f"{messages:,} messages that is **{expected.value:,.0f} yuan** ({expected.low:,.0f} to {expected.high:,.0f})."
)

# %% [markdown]
# A limit of the replay: many of these people were sent a message about this course before, and whether a second one works
# as well has not been tried. The hold-out will say.
#
# **How many messages?** If the order is any good, the next name down the list earns less than the first. The same replay for thirds of the order:

# %% tags=["nbval-check-output"]
place_down = pd.Series(np.nan, index=assignments.index)
place_down[usable] = -scores[order_name][usable]
down = place_down.groupby(assignments["assigned_at"]).rank(method="first", pct=True)
cuts = {"first third": (0, 1 / 3), "second third": (1 / 3, 2 / 3), "last third": (2 / 3, 1)}
parts = {name: (down > low) & (down <= high) for name, (low, high) in cuts.items()}
thirds = uplift.by_group(parts, gain, assignments["user_id"])
show.table(thirds.round(2), "Gain per message down the list, own course for each, 90 % interval")

# %% [markdown]
# ## Hand the list over
#
# A list leaves only through `export_target_list`. It writes seven columns and no more, whole or not at all, as Parquet and
# as a CSV that a spreadsheet cannot mistake for formulas. It checks again, against the company's own records, that
# everybody on it may be there.

# %% tags=["nbval-check-output"]
from knowpay.operate import export

folder = "build/campaign"
written = [*export.export_target_list(ds, names, folder).values()]
if general["arm"].nunique() == 2:  # too few people for a hold-out: no list
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
# would show the one we expect, counted at its lower end but not below what any message adds? A larger hold-out knows sooner and forgoes more. We
# keep a tenth. The rule is fixed before anything is sent, and goes into the brief: one page in plain words.

# %% tags=["nbval-check-output"]
moved = touches.difference(assignments[past], "bought")
careful = max(moved.low, effect.value, 0.0005)  # the lower end; at least what any message adds
rounds = plan.rounds(len(names), max(assignments.loc[past, "bought"].mean(), base), careful)
show.table(rounds.round(1).rename_axis("share held out"), f"To see an effect of {careful:.2%}")

# %%
judge = plan.judgement(names, int(rounds["campaigns needed"].iloc[0]))
left_out = status.loc[status["status"] != "personal", "status"].value_counts()
left_out = left_out.rename({"general": "opted out of personalisation (general list)"})
left_out["beyond the budget"] = len(allowed) - len(names)
text = plan.brief(campaign_id, names, left_out, cost, expected, judge)
export.write_brief(text, folder)
show.say("\n".join("> " + line for line in text.replace("# ", "**The brief.** ", 1).splitlines()))

# %% [markdown]
# ## On real data
#
# Hillstrom's trial of 2008: 64,000 customers of a shop, assigned at random to a men's, a women's or no e-mail; did they visit
# within two weeks? The *Qini* coefficient grades an order of people: 0 is a random one, 1 the best order there could be. The
# definition is scikit-uplift's; other libraries divide differently. *First run* is what the authors of this course measured
# with that library before writing the lesson (20 halves, no published table has this set-up). Last table: a popular
# tutorial takes the men's e-mail *and* no e-mail together as its control arm. The women's mail then competes with a
# stronger mail. The response model is fitted to those who got the mail.

# %% data="hillstrom"
from knowpay.collect import public

customers = pd.read_csv(public.path("hillstrom"))

# %% data="hillstrom"
graded = l18.rankings(customers)
table = l18.QINI.assign(ours=graded.mean(), **{"ours s.d.": graded.std()})
show.table(table.round(3), "Women's e-mail against none, Qini over 20 random halves")
controls = pd.DataFrame({"first run": [0.0452, 0.0069], "ours": l18.contaminated(customers)})
show.table(controls.round(4), "Effect of the women's e-mail on visits, by what is called control")

# %% [markdown]
# Read the scatter of the random order first: differences of its size are luck, and a single split decides nothing. And
# which mail for whom? The value of a policy is the visit rate of those whose arm happens to agree with it.

# %% data="hillstrom"
rates = l18.policies(customers)
table = pd.DataFrame({"first run": l18.POLICY, "ours": rates.mean(), "ours s.d.": rates.std()})
show.table(table.round(4), "Visit rate by policy, 20 random halves")
step = rates["best of 3 logistic models"] - rates["men's e-mail to everybody"]
show.say(
    f"Three models minus “men's to everybody”: {step.mean():+.4f}, s.d. {step.std():.4f} over the splits (first run "
    "−0.0004, s.d. 0.0024). Here personalising is not worth a model, and saying so is the result."
)

# %% [markdown]
# ## Check against the truth
#
# The company is simulated: for any person and course both purchase probabilities are known. Only this section may look. Each
# claim stands beside the answer of a wrong method. It *agrees* when it lies within 2.58 of its own standard errors from the
# truth. It *tells* when the wrong answer would not.
#
# First the effect, its trend over places, and what a message to everybody earned. The trap of the last one: every
# purchase after a message was earned by it.

# %%
bought_shown = assignments["message"] * assignments["bought"]
booked = (touches.stands_for(assignments) * bought_shown * margin).mean() - cost
claims = {
    "effect of the message": (effect.scaled(100, "points"), ("no effect", 0.0)),
    "gain per doubling of the place": (slope, ("no trend", 0.0)),
    "gain of one course for all": (mean, ("all purchases after a message", booked)),
    "gain of a replayed message": (each, ("one course for all", mean.value)),
}

# %% [markdown]
# Then the two differences that decide the order, per 1,000 people on the list. The model has a promise of its own: what it
# predicts for the people whom it puts in place of others. On average it should predict what a message to all truly earns.
# And are the best customers moved less than the others?

# %%
swaps = {
    name: (chosen[name] - chosen["inactive ones first"]) * 1000 / len(judged)
    for name in ("T-learner", "best customers first")
}
promised = (swaps["T-learner"] * scores["T-learner"][later]).sum() * rate
wrong = [("promise of the model", promised), ("no difference", 0.0)]
for (name, swap), rival in zip(swaps.items(), wrong, strict=True):
    found = policy.profit(swap, gain_later, judged["user_id"])
    claims[f"{name} minus inactive ones first"] = (found, rival)

# %%
predicted = models[challenger].fit(assignments).predict(assignments).mean() * rate - cost
predicted = estimate.from_error(predicted, mean.error, "yuan")
claims["gain that the model predicts"] = (predicted, ("all purchases after a message", booked))
groups = judged[~busy], judged[busy]
others, best = (touches.difference(rows, "bought") for rows in groups)
moved_more = estimate.from_error(others.value - best.value, np.hypot(others.error, best.error))
anyway = -np.diff([touches.rate(rows, "bought", message=False) for rows in groups])[0]
rival = ("what they buy anyway", 100 * anyway)
claims["effect, the others minus best customers"] = (moved_more.scaled(100, "points"), rival)

# %% [markdown]
# Last the plan: nobody on it has said no, nobody has the course, and it earns more than as many messages sent at random about
# one course for all. The best possible plan knows every probability. The model's list of the later campaigns should earn more
# than a list of that length drawn at random, whether the model has proved itself or not.

# %%
refused = ds.users.filter(ds.users.personalization_opt_out | (ds.users.consent_marketing == "denied"))
said_no = names["user_id"].isin(refused.user_id.to_pandas()).sum()
has_it = names.merge(neighbours.owned(ds), on=["user_id", "product_id"])["user_id"].nunique()
messaged = names.index[names["arm"] == "message"]
responding = uplift.top_share(models["response model"].fit(assignments).predict(people), share)
lists = {"at random, own course": people.index, "response model, own course": people.index[responding]}
lists |= {"our plan": messaged}
show.exact("people on the list who said no", said_no, 0, "people")
show.exact("people on the list who have the course", has_it, 0, "people")

# %% tags=["nbval-check-output"]
truth = getattr(ds, "truth", None)
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, so nothing is checked.")
else:
    truths = l18.truths(truth, assignments, judged, past, chosen, teacher_share)
    for name, (answer, rival) in claims.items():
        show.check(name, answer, truths[name], rival)
    plans = l18.true_plans(truth, people, lists, shelf.products, prices, teacher_share)
    shares = 100 * plans / plans["oracle"]
    show.quality("plan", shares["our plan"], shares.iloc[0], 100, "% of the oracle's profit")

# %% tags=["nbval-check-output"]
if truth is not None:
    ours, by_chance = l18.best_list(truth, judged, chosen[challenger], teacher_share)
    show.quality("list of the model", ours, by_chance, 100, "% of the best list's profit")

# %% tags=["remove-input"]
if truth is not None:
    totals = messages * plans
    title = f"In truth own courses earn {totals.iloc[1]:,.0f} yuan where one course for all earns {totals.iloc[0]:,.0f}"
    bars = ", ".join(f"{name} {yuan:,.0f}" for name, yuan in totals.items())
    with show.figure(
        title, f"true profit of {messages:,} messages, yuan", "", f"Bars of true profit in yuan: {bars}."
    ) as ax:
        ax.barh(totals.index, totals)
        ax.invert_yaxis()

# %% tags=["remove-input"]
if truth is not None:
    habit, lot, responded, ours, oracle = totals
    wide = "; the interval is wide: a plan that earns nothing lies in it" if each.low <= 0 <= each.high else ""
    better = (
        " So the response model would have been the better order here. It was not the challenger named beforehand; name it "
        "before the next campaign, and let trials that it has not seen decide."
    )
    show.say(
        f"In truth our plan earns {ours:,.0f} yuan, the habit {habit:,.0f}, an oracle {oracle:,.0f}. Once each person has an own "
        f"course, ranking by response adds {responded - lot:+,.0f} to a random list and our order {ours - lot:+,.0f}. Before the "
        f"fact we said {expected.value:,.0f} ({expected.low:,.0f} to {expected.high:,.0f}){wide}."
        + (better if responded > ours else "")
    )

# %% [markdown]
# ## Decide

# %% tags=["remove-input"]
stake = (
    "The data were enough to choose by. " if enough else
    f"The data were not enough to choose by ({assignments['bought'][past].sum()} purchases): this is a guess, and sending it costs {messages * cost:,.0f} yuan. "
) + ("Plan with the lower end." if each.low > 0 else "The interval includes a loss.")  # fmt: skip
show.say(
    f"**Decision.** Campaign {campaign_id}: {len(names):,} names, *{order_name}*, each with the own best of {len(shelf.products)} tried "
    f"courses. {messages:,} messages cost {messages * cost:,.0f} yuan; {len(names) - messages:,} people are held out. Expected "
    f"contribution after cost: **{expected.value:,.0f} yuan** (90 % interval {expected.low:,.0f} to {expected.high:,.0f}). {stake}"
)

# %% tags=["remove-input"]
end, lost = thirds.loc["last third"], often.sum() * share * each.value
more = "so ask for more" if end["low"] > 0 else "so we do not ask for more"
show.say(
    f"**How it is judged.** {judge}\n\n**What would change it.** A larger budget: the last third earns {end['yuan']:.2f} yuan a message "
    f"({end['low']:.2f} to {end['high']:.2f}), {more}. Looser caps: they leave out {often.sum():,} people, about {lost:,.0f} yuan a "
    "campaign at this value, which is the price of not being a nuisance. Another order, when its difference to the one-line rule says "
    "so. And complaints or refusals of marketing in the message arm, which contribution does not see."
)

# %% [markdown]
# ## Exercises
#
# Two exercises with checks that explain are in [exercises/18_plan_a_campaign](exercises/18_plan_a_campaign.ipynb): the
# profit of a rule from a randomised trial, and what to conclude from a small hold-out.
#
# ## Summary
#
# - The law and the caps come first; the exporter checks them again, and refuses.
# - Ask for power before you ask for people. Where data cannot choose, say so, send the guess, keep the hold-out.
# - What a person is offered may matter more than who is asked; the records alone need many campaigns to show it.
# - Those who buy most need not be those who are moved most. A model takes the place of one line only when trials that it
#   has not seen say so.
# - A plan is valued before it runs, by replaying it on past trials, and judged after it by a rule that was fixed before.
#
# ## References
#
# - Horvitz D., Thompson D. (1952). A generalization of sampling without replacement from a finite universe. *Journal of
#   the American Statistical Association* 47: weights of 1/propensity.
# - Li L., Chu W., Langford J., Wang X. (2011). Unbiased offline evaluation of contextual-bandit-based news article
#   recommendation algorithms. *WSDM*: the replay.
# - Hillstrom K. (2008). *MineThatData E-Mail Analytics and Data Mining Challenge*: the real trial.
# - scikit-uplift 0.5.1: definition of the Qini coefficient, and the notebook with the mixed control arm.
# - Personal Information Protection Law of the PRC, articles 24 and 28; GDPR, article 21.
