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
# # Meet real data before you trust a simulated company
#
# You have few customers yet, and a plan to make. There are public data of real learners and real shoppers, and there is
# this course's simulated company. **The question:** which of them may you borrow a number from, and for what? **What you
# will decide at the end:** how much a new buyer may cost, from whose repeat purchases you plan it, and how many yuan the
# wrong choice would lose.

# %% [markdown]
# > **Before you start**
# > - **You will do:** open every public set through the door that your own export goes through; measure what each can
# >   teach; lay the company beside them with distances and intervals; fall into three traps on purpose.
# > - **You will learn:** to hold a public set against its published counts; the Kolmogorov–Smirnov and Wasserstein
# >   distances, with a bar taken from real sets; why a real data set is not the truth.
# > - **You need:** [Collect app and web events](01_collect_app_and_web_events.ipynb).
# > - **Minutes:** 30 to read, 1 to run.
# > - **Data:** the simulated company; OULAD, MOOCCube and the other sets where they are at hand. **Memory:** 1.4 GB when
# >   the real sets are read for the first time, under 1 GB later.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}; the book's page "Other companies" lists the knobs

# %%
import knowpay
import numpy as np
import pandas as pd
from knowpay import estimate, show
from knowpay.collect.public import SETS, counts

ds = knowpay.open(data, seed=seed, **company)
ds.needs("04")  # stops here, with a sentence, when the data cannot carry this lesson

# %% [markdown]
# ## Every set through the same door
#
# A public set is declared once: its files with their checksums, its licence, its citation, and the SQL that turns its
# columns into the course's tables. Then it is an export like yours: the same checks, the same quarantine. A file that is
# not there is fetched, or the error says from where to get it. A set that your computer lacks stops nothing here: its cells show
# what they showed when this page was made, and say so. Each set has a card among
# [the data sets](../datasets/README.md): which column became which, and which constant stands where the set knows nothing.

# %% data=["oulad", "mooccube", "udemy", "online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing"]
learners, shops = ["oulad", "mooccube"], ["udemy", "online_retail_ii", "cdnow"]
campaigns = ["hillstrom", "open_bandit", "bank_marketing"]
real = {name: knowpay.open(name) for name in SETS if name in [*learners, *shops, *campaigns]}

# %% data=["oulad", "mooccube", "udemy", "online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing"] tags=["nbval-check-output"]
import re

loaded = {n: d.report.rows.query("loaded > 0") for n, d in real.items()}
there = {n: ", ".join(f"{t} {k:,}" for t, k in zip(r["table"], r["loaded"], strict=True)) for n, r in loaded.items()}
short = {n: re.split(r",| \(", s.licence)[0] for n, s in SETS.items()}
sets = pd.DataFrame({n: {"licence": short[n], "rows": there.get(n, "not read here")} for n in SETS})
show.table(sets.T, "The public sets that the door knows, and what stands in their tables")

# %% data=["oulad", "mooccube", "udemy", "online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing"] tags=["remove-input"]
lost = sum(int(d.report.rows["quarantined"].sum()) for d in real.values())
show.say(
    f"{len(real)} of {len(SETS)} sets were read; {lost:,} of their rows wait in quarantine "
    "(`real[name].report.rows` says of which set, `real[name].quarantine` which rule each one broke). For the others, "
    '`knowpay.open("name")` says where they are to be had.'
)

# %% [markdown]
# ## OULAD: what learners of a university did
#
# First of all: is this what was published? Count, and put the published number beside it.

# %% data="oulad" tags=["nbval-check-output"]
oulad = knowpay.open("oulad")
print(SETS["oulad"].citation, "Licence:", SETS["oulad"].licence)
show.table(counts(oulad), "OULAD: rows read, beside the published ones")

# %% data="oulad"
import json

enrolled = oulad.memberships.to_pandas()
more = pd.json_normalize(enrolled["properties"].map(json.loads).tolist())
result = more["final_result"].value_counts(normalize=True)
per_person = enrolled.groupby("user_id").size()
clicks = oulad.events.filter(oulad.events.event == "page_viewed")
clicked = clicks.user_id.nunique().to_pandas()

# %% data="oulad" tags=["remove-input"]
show.say(
    f"{len(per_person):,} people enrolled {len(enrolled):,} times: **{result['Withdrawn']:.0%}** withdrew, {result['Fail']:.0%} failed, "
    f"{result['Pass'] + result['Distinction']:.0%} passed. Days with clicks are here of "
    f"{clicked:,} people, as far as the file of clicks goes (the table above says whether it is complete). What they paid is not in the "
    "data, and leaving a module is not cancelling a subscription."
)

# %% [markdown]
# ## MOOCCube: what learners of a Chinese platform took and watched
#
# The same two questions: is it what was published, and who is in it?

# %% data="mooccube" tags=["nbval-check-output"]
mooc = knowpay.open("mooccube")
print(SETS["mooccube"].citation, "Licence:", SETS["mooccube"].licence)
show.table(counts(mooc), "MOOCCube, the subset: rows read, beside the published ones")

# %% data="mooccube" tags=["remove-input"]
took = mooc.memberships.to_pandas().groupby("user_id").size()
dated = mooc.events.user_id.nunique().to_pandas()
twice = mooc.report.rows.set_index("table").loc["events", "duplicate"]
show.say(
    f"{len(took):,} learners took {took.mean():.1f} courses each, at least {took.min()} and at most {took.max()}. Only {dated:,} of them "
    f"have dated video views; {twice:,} of those rows repeat another exactly, and the door kept one of each. Everything is free "
    "of charge, and the enrolments have no dates: a constant stands there, and the card says so."
)

# %% [markdown]
# ## What each can teach, and what it cannot
#
# A description on a web page promises much. Ask the rows instead. A question counts as answerable when the columns it
# rests on are filled, dated and numerous enough: "whether a message helps", for example, needs enough people with the
# message and enough in a control group, assigned at random with known probabilities. How many are enough is a rule of thumb for each question; they stand in
# `QUESTIONS` of `knowpay.collect.public.teach`.

# %% data=["oulad", "mooccube", "udemy", "online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing"]
from knowpay.collect.public.teach import can_teach

teaches = pd.DataFrame({name: can_teach(one) for name, one in {"the company": ds, **real}.items()}).T
answered = teaches.drop(index="the company")
most = answered.sum(axis=1).max()
said = "; ".join(f"{name}: {', '.join(row[row].index) or 'none'}" for name, row in teaches.iterrows())

# %% data=["oulad", "mooccube", "udemy", "online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing"]
title = f"No public set here answers more than {most} of the {teaches.shape[1]} questions"
alt = f"Tiles of data sets by questions, marked where the rows can carry an answer. {said}."
with show.figure(title, x="", y="", alt=alt, size=(8, 4.4)) as ax:
    ax.imshow(teaches.astype(float), cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for row, column in np.argwhere(teaches.to_numpy()):
        ax.text(column, row, "yes", ha="center", va="center")
    ax.set_xticks(range(teaches.shape[1]), teaches.columns, rotation=40, ha="right")
    ax.set_yticks(range(len(teaches)), teaches.index)
    ax.grid(visible=False)

# %% data=["oulad", "mooccube", "udemy", "online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing"] tags=["remove-input"]
nowhere = [q for q in teaches if not answered[q].any()]
told = "each question has a set" if not nowhere else f"no public set here tells **{', '.join(nowhere)}**"
show.say(
    f"Read the columns: {told}. No public set has prices, purchases, learning and messages of the *same* people: that is what your own records are for, and "
    "what the company imitates. *Yes* means that there is something to estimate, not that it holds for you."
)

# %% [markdown]
# ## The dull baseline: compare the averages
#
# Is the company like life? Most people would compare means. Take four numbers per person that several sets have, always
# over the same span from the person's first day, and only of people who were watched that long: days with learning in 90
# days, the usual gap between two of them, the last of them, and purchase days in 180 days. A day with learning is one with a
# lesson in the company, with a video in MOOCCube, with clicks in OULAD: near, but not the same, and MOOCCube's file has the
# views of some videos only. (The functions of `l04` stand in [lessons/l04.py](../lib/knowpay_course/lessons/l04.py).)

# %%
from knowpay_course.lessons import l04

own_learning = l04.first_days(l04.learning(ds, "lesson_started"), ds, 90)
own_buying = l04.first_days(l04.buying(ds), ds, 180)["days"]

# %% data=["cdnow", "online_retail_ii"]
stores = {n: knowpay.open(n) for n in ("cdnow", "online_retail_ii")}
theirs = {n: l04.first_days(l04.buying(d), d, 180)["days"] for n, d in stores.items()}
bought = {"the company": own_buying, **theirs}

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii"]
learn = {"the company": own_learning}
for n, one, event in (("oulad", oulad, "page_viewed"), ("mooccube", mooc, "lesson_started")):
    learn[n] = l04.first_days(l04.learning(one, event), one, 90)
samples = {
    "learning days": {n: f["days"] for n, f in learn.items()},
    "usual gap": {n: f["gap"] for n, f in learn.items()},
    "last learning day": {n: f["last"] for n, f in learn.items()},
    "purchase days": bought,
}
samples = {m: {n: s for n, s in by.items() if s.count() >= 20} for m, by in samples.items()}

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii"] tags=["nbval-check-output"]
means = pd.DataFrame({m: {n: s.mean() for n, s in by.items()} for m, by in samples.items()})
people = pd.DataFrame({f"{m}, people": {n: s.count() for n, s in by.items()} for m, by in samples.items()})
show.table(means.round(2), "Averages per person, in days")

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii"] tags=["remove-input"]
inside = [m for m in means if {"oulad", "mooccube"} <= set(samples[m]) and "the company" in samples[m]]
inside = [m for m in inside if means[m].drop("the company").min() <= means.loc["the company", m] <= means[m].max()]
show.say(
    (
        f"In *{' and '.join(inside)}* the company lies between the two real sets: an average would pass it. "
        if inside
        else ""
    )
    + "An average hides who makes it, and it has no scale: is one day more far or near?"
)

# %% [markdown]
# ## Distances, and a bar taken from real sets
#
# Two distances between samples. *Kolmogorov–Smirnov* (KS): draw, for every value, the share of people at or below it;
# the largest difference of the two curves. 0 is the same, 1 no overlap. *Wasserstein*: how far the values of one sample
# must be moved, on average, to become the other, in days. People are resampled for the intervals (90 %); resampling adds
# noise, so that of a small distance the interval can lie wholly above it. *Noise* is the KS that two samples from one and the
# same source exceed only one time in twenty: a KS below it is no evidence of a difference.
#
# How far is too far? Let the real sets set the bar: **the company passes when it is no farther from a real set than two real
# sets are from each other**; *yes* when its whole interval is within the bar, *perhaps* when only the distance itself is. The
# rule is lenient: the nearest real set counts, and the two that set the bar may be very unlike. To pass is not to be alike.
#
# Prices go in too, each divided by the median of its shop, since yuan and dollars differ. Only one catalogue has prices, so
# its two largest subjects serve as two shops. They share one platform and its price rules, which makes this a strict bar.

# %% data="udemy"
wares = ds.courses.filter(ds.courses.product_type != "membership")
asked = {"the company": wares.filter(wares.price > 0).price.to_pandas()}
shelf = knowpay.open("udemy").courses.to_pandas().query("price > 0")
subjects = shelf["category"].value_counts().index[:2]
asked |= {c: shelf.loc[shelf["category"] == c, "price"] for c in subjects}

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii", "udemy"]
from itertools import combinations

samples["list price over median"] = {n: s / s.median() for n, s in asked.items()}
pairs = [(m, a, b) for m, by in samples.items() for a, b in combinations(by, 2)]
apart = pd.DataFrame(pairs, columns=["measure", "one", "other"])
found = [l04.distance(samples[m][a], samples[m][b], seed=seed) for m, a, b in pairs]
apart = apart.join(pd.DataFrame(found, columns=["ks", "ks_low", "ks_high", "noise", "w", "w_low", "w_high"]))

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii", "udemy"] tags=["nbval-check-output"]
numbers = apart.drop(columns=["w_low", "w_high"]).round(2)
show.table(numbers, "How far apart; w is in days, for prices in medians of the shop")

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii", "udemy"]
ours = apart["one"] == "the company"
bar = apart[~ours].groupby("measure")["ks"].max()
nearest = apart[ours].sort_values("ks").groupby("measure").first()[["other", "ks", "ks_high", "w"]]
verdict = nearest.join(bar.rename("bar"), how="inner")
within = [verdict["ks_high"] <= verdict["bar"], verdict["ks"] <= verdict["bar"]]
verdict["passes"] = np.select(within, ["yes", "perhaps"], "no")

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii", "udemy"] tags=["nbval-check-output"]
show.table(verdict.round(2), "The nearest real set, and the bar: how far the two real sets are from each other")

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii", "udemy"]
named = [f"{r.measure}: {r.other if r.one == 'the company' else f'{r.one} – {r.other}'}" for r in apart.itertuples()]
spots = ", ".join(f"{name} {ks:.2f}" for name, ks in zip(named, apart["ks"], strict=True))
left_of, right_of = apart["ks"] - apart["ks_low"], apart["ks_high"] - apart["ks"]
error = np.clip([left_of, right_of], 0, None)  # a percentile interval of a distance may lie to the right of it
alt = f"Points with intervals, one row for each pair: round for the company and a real set, square for two real sets. {spots}."
title = f"In {(verdict['ks'] <= verdict['bar']).sum()} of {len(verdict)} measures the company is within the bar of the real sets"

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii", "udemy"]
with show.figure(title, x="KS distance (0 the same, 1 no overlap), 90 % interval", y="", alt=alt, size=(8, 4.6)) as ax:
    for which, name, marker in ((ours, "the company and a real set", "o"), (~ours, "two real sets", "s")):
        rows = np.flatnonzero(which)
        ax.errorbar(apart["ks"][rows], -rows, xerr=error[:, rows], fmt=marker, capsize=3, label=name)
    ax.set_yticks(-apart.index, named)
    ax.set_xlim(0, 1)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii", "udemy"] tags=["remove-input"]
good, bad = verdict.index[verdict["passes"] != "no"], verdict.index[verdict["passes"] == "no"]
far = apart[ours].sort_values("ks").iloc[-1]
show.say(
    f"**Within the bar:** {', '.join(good) or 'nothing'}. **Beyond it:** {', '.join(bad) or 'nothing'}. The company is farthest from "
    f"{far['other']} in *{far['measure']}* (KS {far['ks']:.2f}), and two real sets are up to {verdict['bar'].max():.2f} from each other "
    f"(*{verdict['bar'].idxmax()}*). There is no one real behaviour to be like; there are platforms."
)

# %% data=["oulad", "mooccube", "cdnow", "online_retail_ii"]
day = np.arange(90)
curves = {n: [(s >= d).mean() for d in day] for n, s in samples["last learning day"].items()}
title = "Who will still learn again after 30 days: " + ", ".join(f"{n} {c[30]:.0%}" for n, c in curves.items())
said = "; ".join(f"{n} {c[30]:.0%} after 30 days, {c[60]:.0%} after 60" for n, c in curves.items())
with show.figure(
    title, x="days since the first learning day", y="share still to learn again", alt=f"Falling curves: {said}."
) as ax:
    for name, curve in curves.items():
        ax.step(day, curve, where="post", label=name)
    ax.set_ylim(0, 1)

# %% [markdown]
# A steep fall at the right end, as OULAD's, is the end of the span and not of the learning: nobody is followed past it here.
#
# ### Who leaves, and what a message does
#
# Two more numbers that planners like to borrow. *Leaving*: of the company's first paid months that are over, the share not
# renewed, beside OULAD's share of enrolled people who withdrew in the first 30 days.

# %%
months = ds.memberships.filter(ds.memberships.interval == "month").to_pandas()
again = set(months.loc[months["period_no"] == 2, "user_id"])
first = months[(months["period_no"] == 1) & (months["current_period_end"] <= ds.observation_end)]
own_left = ~first["user_id"].isin(again)

# %% data="oulad" tags=["nbval-check-output"]
left = {"the company: first paid month not renewed": own_left}
day_left = (enrolled["canceled_at"] - enrolled["current_period_start"]).dt.days
left["oulad: withdrawn by day 30, of those enrolled on day 0"] = (day_left <= 30)[~(day_left <= 0)]
left = {n: s for n, s in left.items() if len(s)}
leaves = 100 * estimate.frame({n: estimate.mean(s, seed=seed) for n, s in left.items()}, "%")
leaves.insert(0, "people", [len(s) for s in left.values()])
show.table(leaves.round(1), "Leaving, with 90 % intervals")

# %% [markdown]
# Near or far, these are not the same act. A paid month ends unless one pays again; an enrolment goes on until one takes the
# trouble to leave it. Do not plan renewals from withdrawals.
#
# *A message*: how many times as often do people buy within two weeks when they get it, both groups randomised? The
# company's campaigns beside Hillstrom's e-mails of 2008. The definitions differ in two ways. The company's rows count
# orders of the course that the message names, Hillstrom's count any order. And Hillstrom assigned each person once; the
# company assigns a person anew in each campaign, so its rows are not all different people and its interval is somewhat too
# narrow. Where the probabilities differ, people count by them, and the numbers are those of an even assignment that would
# be as sure.

# %%
from knowpay.analyse import touches

listed = touches.outcomes(ds)
kinds = sorted(set(listed["arm"]) - {touches.CONTROL})
arm = "message" if "message" in kinds else next(iter(kinds), None)  # other exports, other names
compared = touches.contrast(listed, arm) if arm else listed
own_arms = {"the company: message": l04.arms(compared)} if arm else {}

# %% data="hillstrom"
trial = knowpay.open("hillstrom")
mails = trial.touches.select("user_id", "variation_id").to_pandas()
mails["bought"] = mails["user_id"].isin(trial.orders.user_id.to_pandas())
by_arm = mails.groupby("variation_id")["bought"].agg(["sum", "size"])
arms = own_arms | {f"hillstrom: {a}": by_arm.loc[["control", a]] for a in by_arm.index.drop("control")}

# %% data="hillstrom" tags=["nbval-check-output"]
ratios = {n: (*a.iloc[1], *a.iloc[0]) for n, a in arms.items()}  # buyers and people with the message, then without
ratios = {n: v for n, v in ratios.items() if min(v[0], v[2]) > 0}
columns = ["with: bought", "with: people", "without: bought", "without: people"]
often = {n: l04.risk_ratio(*v) for n, v in ratios.items()}
ratios = pd.DataFrame(ratios, index=columns, dtype=float).T.join(estimate.frame(often, "times as often"))
show.table(ratios.round(2), "What a message does to purchases, with 90 % intervals")

# %% data="hillstrom" tags=["remove-input"]
if "the company: message" in often:
    own = often["the company: message"]
    overlap = [n for n, v in often.items() if v is not own and v.low <= own.high and own.low <= v.high]
    show.say(
        f"The company's messages make people buy {own.value:.1f} times as often ({own.low:.1f} to {own.high:.1f}); the interval overlaps "
        f"{'those of ' + ' and '.join(overlap) if overlap else 'that of neither e-mail'}."
        + (" It was calibrated on Hillstrom, so this is no discovery." if ds.name.startswith("world:") else "")
    )

# %% [markdown]
# ## The trap: "a real data set is the truth"
#
# Real data are what somebody recorded, about somebody they selected, up to the day they looked. Three ways to fall in.
#
# **A column that knows the end.** Predict who withdraws from OULAD, judge by the AUC (the chance that a leaver is ranked
# above a stayer; 0.5 is a coin). One column does it nearly perfectly: whether there is a day of withdrawal. And days with clicks
# until day 28 look useful, too, until those who had already left by then are taken out. (The first is judged on all
# enrolments, the other two on the modules whose clicks are here.)

# %% data="oulad"
from sklearn.metrics import roc_auc_score

left_oulad = enrolled["status"] == "canceled"
has_day = roc_auc_score(left_oulad, enrolled["canceled_at"].notna())
seen = clicks.select("user_id", "product_id", "timestamp").to_pandas()
known = enrolled[enrolled["plan_id"].isin(seen["product_id"].unique())].rename(columns={"plan_id": "product_id"})
seen = seen.merge(known[["user_id", "product_id", "current_period_start"]])
seen = seen[(seen["timestamp"] - seen["current_period_start"]).dt.days <= 28]

# %% data="oulad"
active = seen.groupby(["user_id", "product_id"])["timestamp"].nunique().rename("active").reset_index()
known = known.merge(active, how="left").fillna({"active": 0})
gone = (known["canceled_at"] - known["current_period_start"]).dt.days <= 28
quits = known["status"] == "canceled"
auc = {"has a day of withdrawal": has_day, "few active days, everybody": roc_auc_score(quits, -known["active"])}
auc["few active days, still enrolled on day 28"] = roc_auc_score(quits[~gone], -known.loc[~gone, "active"])

# %% data="oulad" tags=["nbval-check-output"]
show.table(pd.Series(auc, name="AUC").round(3), "OULAD: three ways to foresee a withdrawal; only the last one foresees")

# %% [markdown]
# **A selection that nobody mentions.** Everybody in the MOOCCube subset has two enrolments or more. What does such a
# choice do to an average? Do it to data where everybody is there.

# %% data=["oulad", "mooccube"] tags=["nbval-check-output"]
whole = {"the company, purchase days": own_buying, "oulad, enrolments": per_person}
chosen = {n: {"everybody": s.mean(), "two or more only": s[s >= 2].mean()} for n, s in whole.items()}
chosen["mooccube, enrolments"] = {"everybody": np.nan, "two or more only": took.mean()}
show.table(
    pd.DataFrame(chosen).T.round(2), "The same measure, before and after a selection that a file does not mention"
)

# %% [markdown]
# **A counter that grows with age.** Udemy's file has a number of subscribers for each course, counted on one day. An old
# course has had more years to collect them.

# %% data="udemy" tags=["nbval-check-output"]
import json

shelf["subscribers"] = [json.loads(p)["subscribers"] for p in shelf["properties"]]
shelf["year"] = shelf["published_at"].dt.year
by_year = shelf.groupby("year")["subscribers"].agg(["size", "median", "mean"])
show.table(by_year.round(0).astype(int), "Udemy, paid courses: subscribers by the year of publication")

# %% data="udemy" tags=["remove-input"]
old, new = by_year["mean"].loc[2013], by_year["mean"].loc[2017]
rank = shelf["subscribers"].corr(shelf["published_at"].astype("int64"), method="spearman")
show.say(
    f"A course of 2013 has {old / new:.1f} times the subscribers of one of 2017, on average (rank correlation of subscribers and date "
    f"{rank:.2f}). Whoever asks what sells and does not hold the age fixed reads part of the calendar. And whether failed courses "
    "were taken down before the file was made, it does not say."
)

# %% [markdown]
# ## What a buyer is worth
#
# How much may a new buyer cost? At most the contribution of the first 180 days: what remains after refunds, fees,
# commission and the teacher's share. Of your own buyers that is a mean over people, and its interval resamples people: how
# often they buy and how much remains both vary. It is also the number of days with purchases times what remains of such a
# day. At that price you earn nothing: it is a ceiling.

# %%
teacher_share = 0.30  # assumed
new_buyers = 1_000  # assumed: planned for a year

# %%
from knowpay.people import money

paid = money.course_orders(ds, teacher_share)
paid = paid.filter((paid.total > money.A_FEN) & (paid.status != "refunded")).to_pandas()
paid = paid[paid["user_id"].isin(own_buying.index)]  # of watched buyers
paid = paid.drop_duplicates(["user_id", "product_id"])  # twice is a page reload: lesson 01
day = paid["timestamp"].dt.tz_convert(ds.timezone).dt.tz_localize(None).dt.normalize()
nth = (day - day.groupby(paid["user_id"]).transform("min")).dt.days

# %%
contribution = paid[nth < 180].groupby("user_id")["contribution"].sum()  # yuan of each buyer
purchase = contribution.sum() / own_buying.sum()  # yuan that remains of a day with purchases
ceiling = own_buying.mean() * purchase
worth = estimate.mean(contribution, seed=seed, unit="yuan")

# %% [markdown]
# ## Check against the truth
#
# The comparison is only as good as the measures. On the company they can be graded: does the way from the spoiled records
# through the door recover what was planted? An estimate agrees when it is at most 2.58 of its own errors from the truth;
# its rival is the answer of a wrong method. The ratio is checked as a logarithm, where its error is symmetric.
#
# Buyers, their purchase days and what remains of their orders are counted once more by another way, which shares no code
# with the first. Which orders were paid, not given back whole and not a membership, and what remained of each, comes from
# the simulator's ledger; buyer and day come from the records.

# %%
truth = getattr(ds, "truth", None)
over = months[(months["period_no"] > 0) & (months["current_period_end"] <= ds.observation_end)]
pairs = set(zip(months["user_id"], months["period_no"], strict=True))
following = zip(over["user_id"], over["period_no"] + 1, strict=True)
all_months = 100 * np.mean([pair not in pairs for pair in following])
not_renewed = estimate.mean(own_left, seed=seed).scaled(100, "%")

# %%
claims = [("first paid month not renewed", not_renewed, ("all months", all_months))]
if arm:
    effect = touches.difference(compared, "bought").scaled(100, "points")
    claims += [
        ("effect of a message", effect, ("no effect", 0)),
        ("log of how many times as often", l04.log_ratio(compared), ("no effect", 0)),
    ]

# %% tags=["nbval-check-output"]
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, so nothing is checked here.")
else:
    true = l04.planted(truth, listed[listed["campaign_id"].isin(compared["campaign_id"])], first)
    for name, found, rival in claims:
        show.check(name, found, true[name], rival)

# %% tags=["nbval-check-output"]
if truth is not None:
    happened = l04.ledger(ds, truth, 180)
    show.exact("buyers watched for 180 days", len(own_buying), len(happened), "people")
    show.exact("their purchase days", own_buying.sum(), happened["days"].sum(), "days")
    share = 100 * ceiling / l04.worth_in_the_ledger(happened, teacher_share)
    show.quality("what a new buyer may cost", share, 99.9, 100.1, "% of the ledger's")

# %% [markdown]
# ## Decide
#
# Everybody knows their own prices; it is the *repeat* that gets borrowed, from CDNOW, the set on which customer value is
# taught, or from the year of a gift shop.

# %% data=["cdnow", "online_retail_ii"] tags=["nbval-check-output"]
limit = estimate.frame({n: estimate.mean(s, seed=seed) for n, s in bought.items()}, "days")
limit["may cost, yuan"] = limit["days"] * purchase
limit["people"] = [len(s) for s in bought.values()]
show.table(
    limit.round(2), "Purchase days in 180 days with 90 % intervals, and what a buyer may cost if these were yours"
)

# %% [markdown]
# A borrowed average has a huge sample and the wrong people; your own has the right people and a small sample. How many buyers
# of your own beat it? The mean of $n$ own buyers is off by about $s/\sqrt n$, with $s$ their standard deviation; the
# borrowed one by its distance from yours, however many people are in it. Take the end of your own interval that is nearest to the
# borrowed number, so that the answer is on the safe side. When the borrowed number lies inside your interval, your buyers
# cannot yet tell the two apart, and no number of them follows.

# %% data=["cdnow", "online_retail_ii"]
own, rest = limit.loc["the company"], limit.drop(index="the company")
spread = own_buying.std()
outside = {n: max(r["days"] - own["high"], own["low"] - r["days"]) for n, r in rest.iterrows()}  # negative: inside
enough = {n: max(2, int(np.ceil((spread / far) ** 2))) for n, far in outside.items() if far > 0}
bids = rest["may cost, yuan"].items()
excess = {n: [new_buyers * (bid - v) for v in (worth.value, worth.high, worth.low)] for n, bid in bids}

# %% tags=["remove-input"]
show.say(
    f"**Decision.** A new buyer may cost at most **{ceiling:,.0f} yuan** ({worth.low:,.0f} to "
    f"{worth.high:,.0f}), from {len(own_buying)} own buyers watched for 180 days, {purchase:,.0f} yuan that remain of a day with "
    f"purchases, and a teacher's share of {teacher_share:.0%}. The interval is that of the mean contribution of a buyer; a bid is a given "
    "sum, so what it loses is as uncertain as the contribution. Plan from your own repeat. What would change it: courses of another "
    "price, or buyers of another channel."
)

# %% data=["cdnow", "online_retail_ii"] tags=["remove-input"]
loss = [
    f"with {n} you would bid up to {rest.loc[n, 'may cost, yuan']:,.0f} yuan, which is **{abs(mid):,.0f} yuan** a year too "
    f"{'much' if mid > 0 else 'little'} (difference {mid:+,.0f}, 90 % interval {low:+,.0f} to {high:+,.0f}"
    f"{'' if low > 0 or high < 0 else ', which has zero in it'}), and "
    + (
        f"the mean of {enough[n]} watched buyers of your own would be expected to lie nearer than that of its {int(rest.loc[n, 'people']):,}"
        if n in enough
        else "your own buyers cannot yet tell its repeat from theirs"
    )
    for n, (mid, low, high) in excess.items()
]
show.say(f"And the borrowed repeat? For {new_buyers:,} buyers at the whole ceiling, " + "; ".join(loss) + ".")

# %% data=["oulad", "mooccube", "udemy", "online_retail_ii", "hillstrom", "cdnow", "open_bandit", "bank_marketing"] tags=["remove-input"]
use = {q: [n for n in teaches.index if teaches.loc[n, q] and n != "the company"] for q in teaches}
lines = [
    f"- *{q}*: {', '.join(names) if names else 'no public set here; only your own records'}" for q, names in use.items()
]
show.say("Which set for which question, from the rows of the matrix:\n\n" + "\n".join(lines))

# %% [markdown]
# What not to claim: from the two sets of learners nothing about money; from the shops nothing about courses; from any set
# without a control group nothing about what a message changes; and from the simulated company nothing about the world. It is the
# place to find out whether a *method* works, because there the answer can be looked up.

# %% [markdown]
# ## Exercises
#
# Three exercises with checks that explain are in [exercises/04_meet_real_data](exercises/04_meet_real_data.ipynb): the same
# measure over another span, what a selection does, and which claims a borrowed set can carry.
#
# ## Summary
#
# - A public set goes through the same door as your export; its card says which columns are constants.
# - What a set can teach is read from its rows: filled, dated, numerous, randomised.
# - Compare over the same span and with distances, and let real sets set the bar. To pass it is not to be alike.
# - A real set is a selection with a date. A few buyers of your own, watched long enough, can tell more than thousands of another
#   shop's: how few depends on how far apart the two shops are.
#
# ## References
#
# - Kuzilek J., Hlosta M., Zdrahal Z. (2017). Open University Learning Analytics dataset. *Scientific Data* 4:170171.
# - Yu J. et al. (2020). MOOCCube: A large-scale data repository for NLP applications in MOOCs. *ACL 2020*, 3135–3142.
# - Hillstrom K. (2008). The MineThatData e-mail analytics and data mining challenge.
# - Fader P. S., Hardie B. G. S., Lee K. L. (2005). "Counting your customers" the easy way. *Marketing Science* 24(2), 275–284.
# - Chen D. (2019). Online Retail II. UCI Machine Learning Repository.
# - Katz D., Baptista J., Azen S. P., Pike M. C. (1978). Obtaining confidence intervals for the risk ratio in cohort studies.
#   *Biometrics* 34(3), 469–474.
