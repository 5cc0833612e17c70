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
# # Foresee who leaves: whom do we call this month?
#
# Lamplight (灯下) sells a membership for 38 yuan a month, and every month some members do not renew. Wu Hao, who answers
# for the members, can have them called before they go. A call costs 3 yuan, so calling everybody may cost more than it keeps.
#
# **You decide at the end:** whom to call, what the calls should earn, and how many leavers a call must keep to pay.

# %% tags=["parameters", "remove-input"]
data: str = "world:standard"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}

# %%
import knowpay
import numpy as np
from knowpay import estimate, show
from knowpay.analyse import churn, churn_models

ds = knowpay.open(data, seed=seed, **company)
ds.needs("10")  # stops here, with a sentence, when the data cannot carry this lesson

# %%
periods = churn.person_periods(ds)
later = churn_models.forecast(periods)  # built step by step below
fifths = estimate.reliability(later["left"], later["risk"], bins=5)

# %% tags=["remove-input"]
show.dots(
    fifths.set_index("predicted")[["observed", "low", "high"]],
    f"Five groups by risk: {show.write(fifths['observed'].iloc[-1], '%')} of the last left, "
    f"{show.write(fifths['observed'].iloc[0], '%')} of the first",
    "risk foreseen on the first morning of a month",
    "share that left",
    unit="%",
    against="diagonal",
)

# %% [markdown]
# > **Before you start**
# > - **You will do:** count renewals month by month, foresee risks, meet a leak, and value a call.
# > - **You need:** [Start here](00_start_here.ipynb) and a little pandas.
# > - **Minutes:** 20 to read, 1 to run. **Memory:** 1 GB.
# > - **Data:** the simulated company; OULAD, real learners, where you have it.
# > - **Five ideas:** a row that knows only its morning; a rate for each month; a test on later months; a leak; the value of a
# >   call. More models and real data: [going deeper](10b_foresee_who_leaves_deeper.ipynb).

# %% [markdown]
# ## A row is a member and a month
#
# Three sentences come before any model. They matter more than the model.
#
# - **Population:** members of the monthly plan on the first morning of a paid month. Trials and yearly plans are out.
# - **Horizon:** until that month ends. A payment up to 7 days late still renews. A month that is not over yet has no
#   answer: it is [censored](../book/glossary.md), neither renewed nor lost.
# - **Known:** a fact counts only if it had happened *and arrived* before that morning.

# %% tags=["nbval-check-output"]
over = periods[periods["over"]]
shown = ["user_id", "period_no", "start", "lessons_30", "silent_days", "left"]
show.table(over[shown].head(5).round({"silent_days": 1}), "Five rows, and who left")

# %% [markdown]
# Count one fact yourself. Take the member who finished most lessons before a month. Which of them did we know of
# that morning? (The code is in
# [lessons/l10.py](../lib/knowpay_course/lessons/l10.py).)

# %%
import pandas as pd
from knowpay_course.lessons import l10

row = over.loc[over["lessons_30"].idxmax()]
hers = l10.lessons(ds, row["user_id"], since=row["start"] - pd.Timedelta(days=30))
on_the_morning = (hers["arrived"] < row["start"]).sum()
at_the_end = (hers["happened"] < row["end"]).sum()

# %% tags=["remove-input"]
show.say(
    f"Of {show.write(len(over))} months {show.write(int(over['left'].sum()))} were not renewed; another "
    f"{show.write(len(periods) - len(over))} are still open. Of this member we knew **{on_the_morning}** lessons, as the column "
    f"says ({row['lessons_30']:.0f}). Counted to the end of the month there are {at_the_end}. That number is easier to get from an "
    "export, and nobody has it on the morning of the call."
)

# %% [markdown]
# ## How many leave: each month has its own rate
#
# The dull answer is one rate: months not renewed, divided by all months that are over. The better answer asks of each
# month: how many were there, and how many of them left? That share is the [hazard](../book/glossary.md). Members still
# there count in every month they were seen, and in none after it.

# %%
rate = over["left"].mean()  # one rate for all months
lives = churn.lifetimes(periods)  # one row a member: months paid, and whether she left
month, paid = np.arange(1, 13), lives["periods"].to_numpy()
at_risk = np.array([(paid >= n).sum() for n in month])
left = np.array([((paid == n) & (lives["left"] == 1)).sum() for n in month])
loyal = month >= 4

# %%
hazard = [estimate.share(a, b) for a, b in zip(left, at_risk, strict=True) if b > 4]
by_month = estimate.frame(dict(enumerate(hazard, 1)), "hazard").clip(0, 1)
new = estimate.share(left[0], at_risk[0])
old = estimate.share(left[loyal].sum(), at_risk[loyal].sum())
fall = estimate.from_error(new.value - old.value, np.hypot(new.error, old.error))

# %% tags=["remove-input"]
show.dots(
    by_month,
    show.verdict(
        fall,
        f"{show.write(new.value, '%')} leave after the first month, {show.write(old.value, '%')} a month after the third",
        "The rate rises from month to month",
        "The months cannot be told apart with so few members",
    ),
    "paid month",
    "share that does not renew",
    unit="%",
    against=float(rate),
)

# %% [markdown]
# The dotted line is the one rate. It is wrong for new members and wrong for old ones, in opposite directions.
#
# Why does the rate fall? Suppose members differ and nobody changes. Each has her own rate, spread like
# $\mathrm{Beta}(\alpha, \beta)$. Those with high rates go first; the loyal remain. Then the hazard of month $n$ is that of the
# [sBG](../book/glossary.md) curve:
#
# $$h(n) = \frac{\alpha}{\alpha + \beta + n - 1}.$$
#
# Two numbers, fitted to the counts above, give the whole curve (Fader and Hardie 2007).

# %%
curve = churn_models.RenewalCurve().fit(lives)
h = curve.alpha_ / (curve.alpha_ + curve.beta_ + month - 1)
still_there = pd.DataFrame({"counted": np.cumprod(1 - left / np.maximum(at_risk, 1))})
still_there["two numbers"] = np.cumprod(1 - h)
still_there["one rate"] = (1 - rate) ** month
still_there.index, year = month, curve.interval(12)

# %% tags=["remove-input"]
show.curve(
    still_there,
    f"After a year {show.write(year, '%')} are there; one rate says {show.write(still_there['one rate'].iloc[-1], '%')}",
    "months paid and renewed",
    "share still there",
    unit="%",
    steps=["counted"],
)

# %% [markdown]
# So each paid month gets its own rate. The company was built near the published medians for monthly plans (56 % renew
# the first time, 11 % are there after a year; RevenueCat), so the agreement is no evidence.
#
# ## Who leaves: learn from older months, test on newer ones
#
# Cut time once. Learn from the months whose answer was known at the cut. Test on months that began later. A random
# split would let the model learn from the future.
#
# The baseline knows the month and nothing else. The model is a logistic regression on the same months, plus what the
# member did: visits, lessons, days of silence, courses bought. Its strength is tuned inside the training months.
# [AUC](../book/glossary.md) then says how often a leaver is ranked above a stayer: 50 % is a coin.
#
# The rule stands before the result. **Behaviour decides only if the interval of its gain lies above 0.** Otherwise the
# month alone decides: it needs no visits and no lessons, so nothing of it can break or leak.

# %%
train, test = churn.split_by_time(periods)
early = churn_models.RenewalCurve().fit(churn.lifetimes(train))
test["month alone"] = early.hazard(test["period_no"])

# %%
model = churn_models.logistic(list(churn.FEATURES), free=["log_tenure"])
folds = churn_models.member_folds(train)  # all months of a member in one fold
model = churn_models.tune(model, churn_models.STRENGTHS, train, folds)
test["with behaviour"] = model.predict_proba(test)[:, 1]

# %%
ways, came, who = ["month alone", "with behaviour"], test["left"], test["user_id"]
scores = churn_models.scores(came, dict(test[ways]), who, seed=seed)["AUC"]
gain = churn_models.gain(came, test["with behaviour"], test["month alone"], who)
decides = ways[gain.low > 0]

# %% tags=["remove-input"]
show.dots(
    estimate.frame(scores.to_dict(), "AUC"),
    show.verdict(
        gain,
        f"Behaviour adds {show.write(gain.value, 'points', 1)} to the AUC of the month",
        "Behaviour makes the ranking worse",
        f"Behaviour adds nothing that these {show.write(len(test))} later months can show",
    ),
    "what the forecast knows",
    "AUC in later months",
    unit="%",
)
show.say(
    f"**So the forecast “{decides}” decides** whom to call. Behaviour changes the AUC by "
    f"{show.write(gain.value, 'points', 1, sign=True)} (interval {show.write(gain.low, 'points', 1, sign=True)} to "
    f"{show.write(gain.high, 'points', 1, sign=True)}). This is one company with {show.write(int(came.sum()))} leavers in its "
    "later months. Companies differ: try another `seed`."
)

# %% [markdown]
# A ranking is not enough: 3 yuan must be weighed against a *probability*. Look at the first picture again. Five
# groups by risk; in each, does the share that left equal the risk that was foreseen? That is
# [calibration](../book/glossary.md). In the later months a note kept some members (more below).

# %% tags=["nbval-check-output"]
show.table(fifths.round(2), "Foreseen and come true, 90 % intervals")

# %% [markdown]
# ## The trap: count to the end of the month
#
# A member who is about to leave often stops first. So count her visits and lessons to the month's *end*, as an export of
# last month does. Same model, same cut, one date changed.

# %%
late = churn.facts(ds, periods, at=periods["end"])
test["leak"] = churn_models.forecast(late)["risk"].to_numpy()
leak = churn_models.gain(came, test["leak"], test["with behaviour"], who)

# %% tags=["remove-input"]
show.bars(
    pd.Series(
        {"known on the morning": (auc := scores["with behaviour"].value), "counted to the end": auc + leak.value}
    ),
    show.verdict(
        leak,
        f"Counted to the end of the month the AUC gains {show.write(leak.value, 'points', 1)}",
        "Counted to the end of the month the AUC falls",
        "On these labels nobody can see which of the two looked into the future",
    ),
    "behaviour",
    "AUC in later months",
    unit="%",
)

# %% [markdown]
# The number may look better, and the forecast cannot be made: on the morning of the call that month lies ahead. No
# score on the labels shows the mistake. Two things do: asking of each column *on which day was this known?*, and
# counting again by other code. The truth section does the second.
#
# ## What a call is worth
#
# A call helps only a member who was about to leave, and only if it keeps her. So its worth is
#
# $$\text{save rate} \times \text{stake} - \text{cost},\qquad \text{stake} = \text{risk} \times \text{months she then pays} \times
# \text{margin}.$$
#
# The save rate is an effect. No forecast contains it; we *assume* 20 % and ask later how low it may be.
# The months need care. Whoever is kept was about to leave, so she is no average member. By Bayes' rule her rate
# comes from $\mathrm{Beta}(\alpha + 1, \beta + n - 1)$: she may well leave next month.
#
# We know who left in the later months, so we know what a call to each would have earned. Call those with the highest
# stake first, by each forecast.

# %%
margin = churn.monthly_margin(ds, teacher_share=0.30)  # yuan a month, all costs paid
cost, save = 3.0, 0.20
kept = early.months_if_kept(test["period_no"]) * margin  # yuan
earned = save * came * kept - cost  # by a call to each

# %%
number = 1000 * np.arange(1, len(test) + 1) / len(test)  # of 1,000 members
total = pd.DataFrame({"in any order": number * earned.mean()}, number)
for way in ways:
    order = np.argsort(-test[way] * kept, kind="stable")
    total[way] = 1000 / len(test) * earned.iloc[order].cumsum().to_numpy()
everybody = estimate.mean(earned, unit="yuan") * 1000  # each row could leave once

# %% tags=["remove-input"]
show.curve(
    total,
    show.verdict(
        everybody,
        f"Calling everybody pays: {show.write(everybody)}",
        f"Calling everybody costs more than it brings: {show.write(everybody)}",
        f"Whether calling everybody pays is not clear: {show.write(everybody)}",
    ),
    "calls among 1,000 members in a month",
    "gain, yuan",
    unit="yuan",
    alt="Curves of the gain by the number of calls. By the month alone it rises to "
    f"{show.write(total['month alone'].max(), 'yuan')} at most, with behaviour to {show.write(total['with behaviour'].max(), 'yuan')}; "
    f"all end at {show.write(everybody.value, 'yuan')}, where everybody is called.",
)

# %% [markdown]
# The curves judge both forecasts by what happened, so neither can flatter itself. They are rough: few leavers carry them.
# A list ends where a call is expected to bring no more than its 3 yuan.
#
# ## The list of this month
#
# Take the members whose month is running, who have not cancelled, and who may be contacted. Learn once more, from all
# months that are over. From February to November a note went to half of the members by lot and kept some. It has
# ended. So a month with a note counts 0, one of the control group twice.
#
# The first row of `stakes` is the forecast; 200 more are of members drawn again. The error of the list joins those
# draws and the members themselves, whose own rates differ.

# %%
running = periods[periods["end"] > ds.observation_end]
running = running[running["contact"] & running["canceled_at"].isna()]
now = churn_models.refits(model, over, running, l10.without_note(ds, over), seed=seed)
chance = {"month alone": now.alone, "with behaviour": now.hazard}[decides]
stakes = chance * now.months * margin  # yuan, (1 + draws, members)
called = save * stakes[0] > cost

# %%
to_call, spread = running[called], margin * curve.stake_spread(running["period_no"])
stake = l10.mean_over(stakes[:, called], spread[called], to_call)
a_call = estimate.from_error(save * stake.value - cost, save * stake.error, "yuan")
expected, per_thousand = l10.totals(a_call, called)
break_even = l10.break_even(cost, stake)
nobody = cost / stakes[0].max(initial=cost)  # even the highest stake is too low

# %% [markdown]
# ## A second trap, on real learners: those who have already left
#
# OULAD holds 32,593 enrolments at the Open University (Kuzilek and others 2017). **Population:** still registered on
# day 28. **Horizon:** the end of the course. **Known:** what was dated up to day 28. Learn from 2013 and February 2014,
# test on October 2014.

# %% data="oulad"
oulad = knowpay.open("oulad")
still = l10.at_day(oulad, 28)  # one row an enrolment
learners = churn_models.logistic(list(l10.NUMBERS), list(l10.KINDS), strength=0.01)
then, risk = l10.forecast(learners, still, "2014J")
honest = churn_models.auc(then["left"], risk)

# %% [markdown]
# A published score is 91 %. Climb towards it: count failing as leaving, and put those who had *already left* by day 28
# back in, with a column that says so. That model also reads clicks, which our copy lacks for most presentations, so
# we stop below it.

# %% data="oulad"
gone_too = l10.fail_or_withdraw(l10.at_day(oulad, 28, keep_gone=True))
told = churn_models.logistic([*l10.NUMBERS, "gone"], list(l10.KINDS), strength=0.01)
then_too, risk_too = l10.forecast(told, gone_too, "2014J")
climbed = churn_models.auc(then_too["left"], risk_too)

# %% data="oulad" tags=["remove-input"]
show.bars(
    pd.Series({"will leave, still there": honest, "fails or left, those gone included": climbed, "published": 0.91}),
    f"AUC {show.write(honest, '%')} or {show.write(climbed, '%')}: the question makes the score",
    "who is asked about",
    "AUC in October 2014",
    unit="%",
)
show.say(
    f"Of {show.write(len(then))} learners {show.write(then['left'].mean(), '%')} withdraw later. "
    f"{show.write(int(then_too['gone'].sum()))} of those in the second bar had left before the forecast was made. "
    "They are easy to foresee and cannot be called back."
)

# %% [markdown]
# ## Check against the truth
#
# The company is simulated, so each member's own rate is known. A check compares an
# estimate with the truth within 2.58 of its own standard errors, and names a *rival*: the answer of a wrong method. On your
# own data only the counts of its last cell are printed.
#
# How many leave: after the first month, the fall of the rate, who is there after a year. Who leaves: the lowest and the
# highest fifth of the later months without a note, and what behaviour adds. What decides: this month's list and the
# save rate it needs.

# %%
truth = getattr(ds, "truth", None)
own, own_over, own_now = (l10.own_rates(truth, x) for x in (test, over, running))
own_1, own_4 = own_over[over["period_no"] == 1], own_over[over["period_no"] >= 4]

# %%
found = [("leave after month 1", new, own_1.mean(), ("one rate", rate))]
found += [("fall of the rate", fall, own_1.mean() - own_4.mean(), ("one rate", 0))]
found += [("a year", year, ((1 - own_1) ** 12).mean(), ("one rate", (1 - rate) ** 12))]
rest = test[l10.without_note(ds, test) > 0]
drawn = churn_models.refits(model, train, rest, np.ones(len(train)), seed=seed).hazard

# %%
drawn[0] = foreseen = rest["with behaviour"]
fifth = np.array_split(np.argsort(foreseen, kind="stable"), 5)
for name, p in (("lowest fifth", fifth[0]), ("highest fifth", fifth[4])):
    mean = l10.mean_over(drawn[:, p], early.spread(rest["period_no"])[p], rest.iloc[p])
    found += [(name, mean, own[rest.index[p]].mean(), ("one rate", rate))]

# %% [markdown]
# What decides: a member with rate $r$ a month is gone within twelve with probability $1 - (1 - r)^{12}$. That times
# the margin is her true stake. And is the list any *good*? The best possible one (100 %) calls exactly the members whose
# own stake makes a call worth it; the baseline calls everybody.

# %%
fair = {way: churn_models.auc(own, test[way]) for way in (*ways, "leak")}
adds = fair["with behaviour"] - fair["month alone"]
found += [("gain of behaviour", gain, adds, ("the leak", gain.value + leak.value))]
own_stake, stake_now = (margin * (1 - (1 - r) ** 12) for r in (own, own_now))
worth, worth_now = save * own_stake - cost, save * stake_now - cost

# %% tags=["nbval-check-output"]
if truth is not None:
    for name, estimated, true, (rival, wrong) in found:
        show.check(name, estimated.scaled(100, "%"), 100 * true, (rival, 100 * wrong))
    by_rule = show.verdict(gain, ways[1], ways[0], ways[0])
    show.exact("decided against the rule", decides != by_rule, 0)

# %% tags=["nbval-check-output"]
if truth is not None and len(to_call):
    ours, others = (1000 * (worth_now * group).mean() for group in (called, ~called))
    show.check("worth of the list", per_thousand, ours, ("the others called", others))
    true, dull = (100 * cost / x.mean() for x in (stake_now[called], stake_now))
    show.check("break-even", break_even.scaled(100, "%"), true, ("everybody", dull))

# %% tags=["nbval-check-output"]
if truth is not None and len(to_call):
    lists = {way: l10.of_best(worth, save * test[way] * kept > cost) for way in ways}
    dull, dull_now = (l10.of_best(x, x.notna()) for x in (worth, worth_now))
    show.quality("later calls", lists[decides], dull, 100, "%")
    show.quality("calls this month", l10.of_best(worth_now, called), dull_now, 100, "%")

# %% tags=["remove-input"]
if truth is not None and len(to_call):
    show.say(
        "Of what the best possible list is worth in the later months, the month alone reaches "
        f"{show.write(lists['month alone'] / 100, '%')}, behaviour {show.write(lists['with behaviour'] / 100, '%')}, calling "
        f"everybody {show.write(dull / 100, '%')}. And the leak: judged by the members' own rates its AUC is "
        f"{show.write(fair['leak'], '%', 1)}, that of the honest forecast {show.write(fair['with behaviour'], '%', 1)}. On the "
        f"labels it had looked {show.write(leak.value, 'points', 1, sign=True)} apart."
    )

# %% [markdown]
# Then facts and answers of the rows that the model used, counted again from the raw tables by other code. A forecast
# that looked into the future, a shifted month, or an open month taken for a lost one would differ here. So would a leak
# that was none: the last facts run to the month's end.

# %% tags=["nbval-check-output"]
anew, ended = (l10.recount(ds, periods, at) for at in ("start", "end"))
for name in ("lessons_30", "silent_days", "left"):
    show.exact(f"months that differ in {name}", l10.apart([train, test], anew, name), 0)
show.exact("months that differ at the end", l10.apart([late], ended, "lessons_30"), 0)
show.exact("leavers in the life table", left.sum(), anew["first_year"].sum())
show.exact("leavers from month 4 on", left[loyal].sum(), anew["from_4"].sum())

# %% [markdown]
# ## Decide
#
# The risk is that of the month's first morning, and a month that is running began days ago. A list for Monday is made of
# the members whose month begins then.

# %% tags=["remove-input"]
show.say(
    show.verdict(
        expected,
        f"- **Do:** call {show.write(len(to_call))} of {show.write(len(running))} members whose month is running. "
        + show.verdict(
            gain, "Behaviour says whom.\n", *["The month alone says whom; nothing shows that behaviour adds.\n"] * 2
        )
        + f"- **Expect:** {show.write(expected)} this month, {show.write(per_thousand.value, 'yuan')} per 1,000 members, if a call "
        f"keeps {show.write(save, '%')} of leavers.\n"
        f"- **Change it if** a trial shows that calls keep less than {show.write(break_even.value, '%')} of those about to "
        f"leave: then shorten the list. Below {show.write(nobody, '%')} call nobody.",
        "- **Do:** call nobody; the list would cost more than it brings.",
        f"- **Do:** nothing yet. {show.write(len(running))} members whose month is running are too few: the list may lose.",
    )
)

# %% [markdown]
# ## Exercises
#
# A number, a few lines of code and a judgement: [exercises/10_foresee_who_leaves](exercises/10_foresee_who_leaves.ipynb).
#
# ## Summary
#
# - A row is a member and a month, and knows only its first morning.
# - The rate falls because members differ. One rate is too low for new members and too high for old ones.
# - Test on later months; ask whether 30 % means 30 %. What adds nothing that they can show does not decide.
# - A leak raises the score. Other code that counts again finds it.
# - A call is worth save rate × stake − cost. Whoever is kept was about to leave.
#
# ## References
#
# - Fader P., Hardie B. (2007). How to project customer retention. *Journal of Interactive Marketing* 21(1).
# - RevenueCat (c. 2022): medians of first renewal and of one-year survival by plan length, over 10,000 apps; read as
#   reported by others.
# - Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. *Scientific Data* 4:170171.
# - 91 %: README of *OULAD Student Success Early Warning (Databricks + Spark + Deep Learning)* (Keras).
