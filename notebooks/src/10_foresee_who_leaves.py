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
first_rows = over[shown].head(5).round({"silent_days": 1})
show.table(first_rows, "Five rows: what was known, and whether she left")

# %% [markdown]
# Count one fact yourself. Take the member who finished most lessons before a month. Which of them did we know of
# that morning? (What is counted in this lesson alone stands in
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
    f"{show.write(len(periods) - len(over))} are still open. Of her we knew **{on_the_morning}** lessons, as the table says "
    f"({row['lessons_30']:.0f}). Counted to the end of the month there are {at_the_end}. That number is easier to get from an "
    "export, and nobody has it on the morning of the call."
)

# %% [markdown]
# ## How many leave: each month has its own rate
#
# The dull answer is one rate: months not renewed, divided by all months that are over. The better answer asks of each
# month: how many were there, and how many of them left? That share is the [hazard](../book/glossary.md). Members still
# there count in every month they were seen, and in none after it.

# %%
import numpy as np

rate = over["left"].mean()  # one rate for all months
lives = churn.lifetimes(periods)  # one row a member: months paid, and whether she left
month, paid = np.arange(1, 13), lives["periods"].to_numpy()
at_risk = np.array([(paid >= n).sum() for n in month])
left = np.array([((paid == n) & (lives["left"] == 1)).sum() for n in month])

# %%
hazard = [estimate.share(a, b) for a, b in zip(left, at_risk, strict=True) if b > 4]
by_month = estimate.frame(dict(enumerate(hazard, 1)), "hazard").clip(0, 1)
new = estimate.share(left[0], at_risk[0])
old = estimate.share(left[3:].sum(), at_risk[3:].sum())  # from month 4 on
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
# $\mathrm{Beta}(\alpha, \beta)$. Those with high rates go first; the loyal remain. Then the hazard of month $n$ is
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
# So give new and old members a number each, never one churn rate. Published medians for
# monthly plans tell the same story: 56 % renew the first time and 11 % are there after a year (RevenueCat).
#
# ## Who leaves: learn from older months, test on newer ones
#
# Cut time once. Learn from the months whose answer was known at the cut. Test on months that began later. A random
# split would let the model learn from the future.

# %%
train, test = churn.split_by_time(periods)
early = churn_models.RenewalCurve().fit(churn.lifetimes(train))
test["month alone"] = early.hazard(test["period_no"])

# %% [markdown]
# The baseline knows the month and nothing else. The model is a logistic regression on the same months, plus what the
# member did: visits, lessons, days of silence, courses bought. Its strength is tuned inside the training months.
# [AUC](../book/glossary.md) then says how often a leaver is ranked above a stayer: 50 % is a coin.

# %%
model = churn_models.logistic(list(churn.FEATURES), free=["log_tenure"])
folds = churn_models.member_folds(train)  # all months of a member in one fold
model = churn_models.tune(model, churn_models.STRENGTHS, train, folds)
test["risk"] = model.predict_proba(test)[:, 1]

# %%
guesses = {"month alone": test["month alone"], "with behaviour": test["risk"]}
came, who = test["left"], test["user_id"]
scores = churn_models.scores(came, guesses, who, seed=seed)
gain = churn_models.gain(came, test["risk"], test["month alone"], who)

# %% tags=["remove-input"]
show.dots(
    estimate.frame(scores["AUC"].to_dict(), "AUC"),
    show.verdict(
        gain,
        f"Behaviour adds {show.write(gain.value, 'points', 1)} to the AUC of the month",
        "Behaviour makes the ranking worse",
        "Behaviour adds nothing that these months can show",
    ),
    "what the forecast knows",
    "AUC in later months",
    unit="%",
)

# %% [markdown]
# A ranking is not enough: 3 yuan must be weighed against a *probability*. Look at the first picture again. Five
# groups by risk; in each, does the share that left equal the risk that was foreseen? That is
# [calibration](../book/glossary.md).

# %% tags=["nbval-check-output"]
fifths = estimate.reliability(came, test["risk"], bins=5)
show.table(fifths.round(2), "Foreseen and come true, 90 % intervals")

# %% [markdown]
# ## The trap: count to the end of the month
#
# A member who is about to leave often stops first. So count her visits and lessons to the month's *end*, as an export of
# last month does. Same model, same cut, one date changed.

# %%
late = churn.facts(ds, periods, at=periods["end"])
leaky = churn_models.forecast(late)["risk"].to_numpy()
leak = churn_models.gain(came, leaky, test["risk"], who)
score = {"known on the morning": churn_models.auc(came, test["risk"])}
score["counted to the end"] = churn_models.auc(came, leaky)

# %% tags=["remove-input"]
show.bars(
    pd.Series(score),
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
# The number may look better, and the forecast is useless: on the morning of the call that month lies ahead. No
# score on the labels shows the mistake. Two things do: asking of each column *on which day was this known?*, and
# counting again by other code. The truth section does the second.
#
# ## What a call is worth
#
# A call helps only a member who was about to leave, and only if it keeps her. So its worth is
#
# $$\text{risk} \times \text{save rate} \times \text{months she then pays} \times \text{margin} - \text{cost}.$$
#
# The save rate is an effect. No forecast contains it; we *assume* 20 % and ask later how low it may be.
# The months need care. Whoever is kept was about to leave, so she is no average member. By Bayes' rule her rate
# comes from $\mathrm{Beta}(\alpha + 1, \beta + n - 1)$: she may well leave next month.

# %%
margin = churn.monthly_margin(ds, teacher_share=0.30)  # yuan a month, all costs paid
cost, save = 3.0, 0.20
test["stake"] = test["risk"] * early.months_if_kept(test["period_no"]) * margin
test["worth"] = save * test["stake"] - cost

# %%
calls = test["worth"].sort_values(ascending=False)
number = 1000 * np.arange(1, len(calls) + 1) / len(calls)  # of 1,000 members
total = pd.DataFrame({"best first": calls.cumsum().to_numpy()}, number)
total *= 1000 / len(calls)
total["in any order"] = number * calls.mean()

# %% tags=["remove-input"]
show.curve(
    total,
    f"Best to call {show.write((calls > 0).mean(), '%')}: the others cost more than they can bring",
    "calls among 1,000 members in a month",
    "expected gain, yuan",
    unit="yuan",
    best="best first",
    alt=f"Curve of the expected gain by the number of calls: called best first it rises to {show.write(total['best first'].max(), 'yuan')} "
    f"and then falls to {show.write(total['best first'].iloc[-1], 'yuan')}, where the straight line of any order ends too.",
)

# %% [markdown]
# The curve rises while each call brings more than 3 yuan, and falls after that. How sure is its height? Draw the
# members again, fit model and curve again, 200 times.

# %%
again = churn_models.refits(model, train, test, seed=seed)
chosen = (test["worth"] > 0).to_numpy()
stakes = again.hazard * again.months * margin  # (draws, later months)
gains = 1000 / len(test) * (save * stakes - cost)[:, chosen].sum(axis=1)
expected = 1000 / len(test) * test.loc[chosen, "worth"].sum()
per_thousand = estimate.from_draws(expected, gains, unit="yuan")

# %% [markdown]
# ## The same trap on real learners
#
# OULAD holds 32,593 enrolments at the Open University (Kuzilek and others 2017). **Population:** still registered on
# day 28. **Horizon:** the end of the course. **Known:** what was dated up to day 28. Learn from 2013 and February 2014,
# test on October 2014.

# %% data="oulad"
oulad = knowpay.open("oulad")
still = l10.at_day(oulad, 28)  # one row an enrolment
learners = churn_models.logistic(list(l10.NUMBERS), list(l10.KINDS), strength=0.03)
then, risk = l10.forecast(learners, still, "2014J")
honest = churn_models.auc(then["left"], risk)

# %% [markdown]
# Published scores reach 0.91. Climb there: count failing as leaving, and put those who had *already left* by day 28
# back in, with a column that says so.

# %% data="oulad"
gone_too = l10.fail_or_withdraw(l10.at_day(oulad, 28, keep_gone=True))
told = churn_models.logistic([*l10.NUMBERS, "gone"], list(l10.KINDS), strength=0.03)
then_too, risk_too = l10.forecast(told, gone_too, "2014J")
climbed = churn_models.auc(then_too["left"], risk_too)

# %% data="oulad" tags=["remove-input"]
show.bars(
    pd.Series({"will leave, still there": honest, "fails or left, those gone included": climbed, "published": 0.91}),
    f"AUC {show.write(honest, '%')} or {show.write(climbed, '%')}: the population makes the score",
    "who is asked about",
    "AUC in October 2014",
    unit="%",
)

# %% data="oulad" tags=["remove-input"]
show.say(
    f"Of {show.write(len(then))} learners {show.write(then['left'].mean(), '%')} withdraw later. "
    f"{show.write(int(then_too['gone'].sum()))} of those in the second bar had left before the forecast was made. "
    "They are easy to foresee and cannot be called back."
)

# %% [markdown]
# ## Check against the truth
#
# The company is simulated, so each member's own rate is known. Only this section looks. A check compares an
# estimate with the truth within 2.58 of its own standard errors, and names a *rival*: the answer of a wrong method. On your own data nothing is
# printed here.
#
# How many leave: the first renewal, the fall of the rate, who is there after a year. Who leaves: the lowest and the
# highest fifth. What is at stake: yuan per member and month.

# %%
truth = getattr(ds, "truth", None)
rates = {} if truth is None else truth.memberships.set_index("membership_id")["hazard"]
own, own_over = (x["membership_id"].map(rates).astype(float) for x in (test, over))
own_new, own_old = own_over[over["period_no"] == 1], own_over[over["period_no"] >= 4]
own_year = (1 - own_new) ** 12
true_stake = own * churn_models.months_kept(own) * margin

# %%
part = np.array_split(np.argsort(test["risk"].to_numpy(), kind="stable"), 5)
members = [churn_models.members_error(early, test.iloc[p]) for p in part]
model_error = [again.hazard[:, p].mean(axis=1).std() for p in part]
foreseen = [test["risk"].iloc[p].mean() for p in part]
error = np.hypot(members, model_error)
group = [estimate.from_error(foreseen[k], error[k]) for k in range(5)]

# %%
renewal, flat = estimate.from_error(1 - new.value, new.error), train["left"].mean()
found = [("first renewal", renewal, 1 - own_new.mean(), ("all renewals", 1 - rate))]
found += [("fall of the rate", fall, own_new.mean() - own_old.mean(), ("one rate", 0))]
found += [("there after a year", year, own_year.mean(), ("one rate", (1 - rate) ** 12))]
found += [("lowest fifth", group[0], own.iloc[part[0]].mean(), ("one rate", flat))]
found += [("highest fifth", group[4], own.iloc[part[4]].mean(), ("one rate", flat))]

# %% [markdown]
# Is the list any *good*? An honest forecast may still be a poor guide. The best possible list calls exactly the
# members whose own rate makes a call worth it; the baseline calls everybody.

# %%
stake = estimate.from_draws(test["stake"].mean(), stakes.mean(axis=1), unit="yuan")
flat_stake = flat * churn_models.months_kept(flat) * margin
true_worth = save * true_stake - cost
fair = [churn_models.auc(own, guess) for guess in (test["risk"], leaky)]
shares = true_worth[chosen].sum(), true_worth.sum()  # our list, everybody
ours, everybody = 100 * np.array(shares) / true_worth.clip(lower=0).sum()

# %% tags=["nbval-check-output"]
if truth is not None:
    for name, estimated, true, (rival, wrong) in found:
        show.check(name, estimated.scaled(100, "%"), 100 * true, (rival, 100 * wrong))
    show.check("at stake", stake, true_stake.mean(), ("one rate", flat_stake))
    show.quality("value of the calls", ours, everybody, 100, "% of the best list")

# %% [markdown]
# Then facts and answers of the rows that the model used, counted again from the raw tables by other code. A forecast
# that looked into the future, a shifted month, or an open month taken for a lost one would differ here.

# %% tags=["nbval-check-output"]
recounted = l10.recount(ds, periods)  # one row a membership_id
used = pd.concat([train, test]).set_index("membership_id")
for name in ("lessons_30", "silent_days", "left"):
    same = np.isclose(used[name], recounted.loc[used.index, name])
    show.exact(f"months that differ in {name}", (~same).sum(), 0)
show.exact("leavers in the life table", left.sum(), recounted["first_year"].sum())

# %% tags=["remove-input"]
show.say(
    f"And the leak: judged by the members' own rates, its AUC is {show.write(fair[1], '%', 1)}; the honest forecast has "
    f"{show.write(fair[0], '%', 1)}. On the labels it had looked {show.write(leak.value, 'points', 1, sign=True)} apart."
)

# %% [markdown]
# ## Decide
#
# The list: members whose month is running, who have not cancelled, and who may be contacted. The model learns once more,
# from all months that are over.

# %%
running = periods[periods["end"] > ds.observation_end]
running = running[running["contact"] & running["canceled_at"].isna()]
risk = churn_models.risks(model.fit(over, over["left"]), running)
kept = curve.months_if_kept(running["period_no"])
to_call = running[save * risk * kept * margin > cost]
break_even = cost / test.loc[chosen, "stake"].mean()

# %% tags=["remove-input"]
show.say(
    f"- **Do:** call {len(to_call)} of {len(running)} members whose month is running.\n"
    f"- **Expect:** {show.write(per_thousand)} a month per 1,000 members, if a call keeps {show.write(save, '%')} of leavers.\n"
    f"- **Change it if** a trial shows that calls keep less than {show.write(break_even, '%')} of those about to leave."
)

# %% [markdown]
# ## Exercises
#
# A number, a few lines of code and a judgement: [exercises/10_foresee_who_leaves](exercises/10_foresee_who_leaves.ipynb).
#
# ## Summary
#
# - A row is a member and a month, and knows only its first morning.
# - The rate falls because members differ. One rate is right for nobody.
# - Test on later months; ask whether 30 % means 30 %.
# - A leak raises the score. Other code that counts again finds it.
# - A call is worth risk × effect × stake. Whoever is kept was about to leave.
#
# ## References
#
# - Fader P., Hardie B. (2007). How to project customer retention. *Journal of Interactive Marketing* 21(1).
# - RevenueCat (c. 2022): medians of first renewal and of one-year survival by plan length, over 10,000 apps; read as
#   reported by others.
# - Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. *Scientific Data* 4:170171.
# - 0.91: README of *OULAD Student Success Early Warning (Databricks + Spark + Deep Learning)* (Keras).
