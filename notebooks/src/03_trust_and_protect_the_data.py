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
# # Trust and protect the data: decide what may leave the building
#
# Behind the rows are people, and some of them said no. **The question:** what may leave the building, in which form, and
# what does it cost to respect every no? **What you will decide at the end:** for each output (list, study, table, count)
# whether it goes out and with which parameter, and how many yuan a year the refusals cost.

# %% [markdown]
# :::{admonition} Before you start
# **You will do:** gate the data, then the people; re-identify a "hashed, so anonymous" table; make a table k-anonymous, a
# count private; hand out one person's data and erase that person.
# **You will learn:** keyed pseudonyms, unicity, k-anonymity, differential privacy, a budget for it; what the law wants of code.
# **You need:** [Collect app and web events](01_collect_app_and_web_events.ipynb). **Minutes:** 30 to read, 1 to run. **Data:**
# the simulated company, so nobody real; OULAD where it is at hand. **Memory:** 1.5 GB. Articles of PIPL (the Chinese law)
# and GDPR are named as an engineer reads them; that is no legal advice.
# :::

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}; the book's page "Other companies" lists the knobs

# %%
import knowpay
import numpy as np
import pandas as pd
from knowpay import estimate, show, world
from knowpay_course.lessons import l03

ds = knowpay.open(data, seed=seed, **company)
ds.needs("03")  # stops here, with a sentence, when the data cannot carry this lesson

# %% [markdown]
# ## Trust: gates before figures
#
# A *quality gate* is a number with a bound that was set before looking. What does not pass is not analysed until it is
# explained. These gates ask whether rows belong to whom they say.

# %% tags=["nbval-check-output", "aside"]
from knowpay.collect import identity

caption = "Whose rows are they? Shares from 0 to 1; the alarm is at 0.2 of the logged-in events"
show.table(identity.gates(ds).round(3), caption)

# %% tags=["remove-input", "aside"]
lost = identity.lost_ids(ds)
lost = lost[(lost["events"] >= identity.FLOOR) & (lost["lost"] > identity.ALARM * lost["events"])]
if len(lost):
    show.say(
        f"The mean looks fine and the worst week does not: on **{', '.join(sorted(lost['platform'].astype(str).unique()))}** "
        f"the user id was lost in {len(lost)} weeks from {lost['week'].min():%d %B %Y} on. Funnels of that platform and time "
        "wait until the release is explained; the rest may be used."
    )
else:
    show.say("No week of any platform loses the user id. The rows may be used.")

# %% [markdown]
# The second gate is about rows that are nobody's. Staff and test accounts are flagged in the users table, if somebody
# remembered to flag them. An account that paid a fen (0.01 yuan) twice is most likely a test of the checkout. (Where you
# sell trial lessons for a fen, look before you believe that.)

# %% tags=["nbval-check-output"]
fen = ds.orders.filter(ds.orders.total <= 0.05).user_id.to_pandas().value_counts()
tests = set(fen.index[fen >= 2])
flagged = set(ds.users.filter(ds.users.is_test).user_id.to_pandas())
print(f"test accounts: {len(flagged)} flagged, {len(tests - flagged)} more paid a fen twice")

# %% [markdown]
# ## Protect: the dull baseline is one filter
#
# Somebody needs a list for a campaign. The usual code has one filter, on the consent to marketing:

# %%
users = ds.users.to_pandas()
listed = users.loc[~(users["consent_marketing"] == "denied").fillna(False).astype(bool), "user_id"]

# %% [markdown]
# Here one gate stands instead, and every file with people in it passes through it. It knows four purposes, and for each
# person at most one reason to stay inside:
#
# - *analysis*, rows for a study: not without the consent to analysis (PIPL 13);
# - *general*, a message that is the same for all: not after a refusal of marketing (GDPR 21);
# - *personal*, a message chosen for this person: not after an opt-out of personalisation either (PIPL 24);
# - *aggregate*, counts: everybody counts, but no count of fewer than ten leaves;
# - and never: erased accounts, people whose row waits in quarantine (it may hold a refusal), children under 14 (PIPL 28, 31),
#   staff, test accounts, bots.
#
# The gate reads flags. The test accounts that only their fens betray are added by hand until somebody flags them.

# %% tags=["nbval-check-output"]
from knowpay.collect.privacy import anonymity, gate, permission

why = {purpose: permission.reasons(ds, purpose) for purpose in ("analysis", "general", "personal")}
for found in why.values():
    found[found.index.isin(tests - flagged)] = "test account"
reasons = pd.DataFrame({purpose: found.value_counts() for purpose, found in why.items()}).fillna(0).astype(int)
reasons = reasons.rename(index={"": "may be in it"}).sort_values("personal", ascending=False)
show.table(reasons, "Everybody registered, by purpose and by the one reason to stay inside")

# %% tags=["remove-input"]
wrong = why["personal"].reindex(listed).fillna("")
wrong = wrong[wrong != ""]
show.say(
    f"The one filter would have written **{len(wrong):,} people** a personal message that they must not get: "
    + ", ".join(f"{reason} ({n:,})" for reason, n in wrong.value_counts().items())
    + ". Every customer among them may rightly complain, and the filter gave no error."
    if len(wrong)
    else "On these data the one filter lets nobody through who must not get a personal message."
)

# %% [markdown]
# ### The gate says no
#
# `release` is the only function of the library that writes files with people, and a test walks through the source to keep
# it so. It refuses the whole list, with a sentence, rather than leave somebody out in silence. It also defuses a cell
# that a spreadsheet would run as a formula.

# %%
import shutil
import tempfile
from pathlib import Path

scratch = tempfile.TemporaryDirectory()  # removed when the lesson ends
out = Path(scratch.name) / "out"
may = why["personal"].index[why["personal"] == ""]
people = pd.DataFrame({"user_id": may[:3], "reason": ["=1+1", "likes history", "likes maths"][: len(may)]})

# %% tags=["nbval-check-output"]
try:
    smuggled = pd.DataFrame({"user_id": wrong[wrong != "test account"].index[:2], "reason": "likes history"})
    gate.release(ds, pd.concat([people, smuggled]), "personal", out, "list")
except ValueError as refusal:
    print("refused:", refusal)
print(gate.release(ds, people, "personal", out, "list")["csv"].read_text("utf-8-sig"))

# %% [markdown]
# ## The trap: "hashed, so anonymous"
#
# A partner wants to study what people open. "We hash the ids, so it is anonymous." Here is that table: the SHA-256 of the
# user id, a day, a course. Nobody can compute a hash backwards. Nobody needs to.

# %% tags=["nbval-check-output"]
import hashlib

from knowpay.people.known import local_day

seen = ds.events.filter(ds.events.user_id.notnull() & ds.events.product_id.notnull())
seen = seen.select("user_id", "product_id", day=local_day(ds, ds.events.timestamp)).distinct().to_pandas()
seen = seen[seen["user_id"].map(why["analysis"]) == ""].sort_values(["user_id", "day", "product_id"], ignore_index=True)
hashed = seen["user_id"].map(lambda user: hashlib.sha256(user.encode()).hexdigest())
show.table(seen.assign(user_id=hashed.str[:16] + "…").head(3), "What the partner gets")

# %% [markdown]
# The attacker has an account too, and so knows what an id looks like: a letter or none, then a number that was counted up.
# Six digits make a million ids. Hash them all, and look the table's hashes up.

# %% tags=["nbval-check-output"]
import time

own = seen["user_id"].iloc[0]  # the attacker's own account
prefix = own.rstrip("0123456789")
clock = time.perf_counter()
names = (f"{prefix}{n:0{len(own) - len(prefix)}d}" for n in range(1_000_000))
book = {hashlib.sha256(name.encode()).hexdigest(): name for name in names}
seconds = time.perf_counter() - clock
named = pd.Series(hashed.unique()).map(book)
print(f"people in the table: {len(named):,}; re-identified: {named.notna().mean():.0%}")

# %% tags=["remove-input"]
hours = 7e9 / 1e6 * seconds / 3600
show.say(
    f"It took **{seconds:.1f} seconds** on one core. A phone number is no better: there are at most 7 × 10⁹ Chinese mobile "
    f"numbers (1, then 3 to 9, then nine digits), {hours:.0f} hours at this speed, in plain Python, once, for all tables in "
    "the world that were ever hashed that way."
)

# %% [markdown]
# ### A key that stays at home
#
# What was missing is a secret. HMAC-SHA256 mixes a *key* of 256 random bits into the hash: whoever has it gets the same
# pseudonym for the same id every time, whoever lacks it cannot try the ids out. The key lives outside the data and the
# code; the library refuses one that lies in an export or a repository, and one that is not random.

# %%
from knowpay.collect.privacy import pseudonyms

key = pseudonyms.read_key(pseudonyms.new_key(Path(scratch.name) / "key.txt"))
keyed = pseudonyms.pseudonyms(seen["user_id"], key)

# %% tags=["nbval-check-output"]
for weak in (b"knowpay2025", bytes(32), b"secret! " * 4, bytes(range(32))):
    try:
        pseudonyms.strong(weak)
    except ValueError as refusal:
        print(f"{weak[:11]!r}… refused: {refusal}")
short = {digest[:32] for digest in book}  # a pseudonym has 32 digits
print(f"re-identified with the book of a million hashes: {keyed.isin(short).mean():.0%}")
del book, short

# %% [markdown]
# ### Still not anonymous
#
# The key holds, and the table still names people, because **what they did** is as good as a name. Suppose the attacker
# knows a few things about somebody: that she opened this course on that day, because she said so in the group. What share of
# the people does one such fact single out from everybody else in the table, what share do two? This is called *unicity*. The
# facts are picked at random from a person's own rows, people with too few rows are left out, and what the people are called
# plays no part.

# %% tags=["aside"]
facts = {"a day and a course": ["day", "product_id"], "a day": ["day"]}
unicity = pd.DataFrame(
    {name: anonymity.singled_out(seen, what, [1, 2, 3, 4], seed=seed) for name, what in facts.items()}
)

# %% tags=["aside"]
two = unicity.loc[2, "a day and a course"]
alt = "Lines of the share singled out by facts known. " + "; ".join(
    f"{name}: " + ", ".join(f"{n} known {share:.0%}" for n, share in column.items()) for name, column in unicity.items()
)
title = f"Two courses with their days single out {two:.0%} of the people"
with show.figure(title, x="facts known about a person", y="share singled out", alt=alt) as ax:
    for (name, column), marker in zip(unicity.items(), "os", strict=True):
        ax.plot(column.index, column, marker=marker, label=name)
    ax.set(xticks=[1, 2, 3, 4], ylim=(0, 1.02))

# %% [markdown]
# So a table with keyed pseudonyms is *pseudonymised*: personal data, under all duties, for those who signed for it (PIPL
# 73(3), GDPR 4(5)). Only what cannot be taken back to a person is anonymous (PIPL 73(4)). Two forms come close. Each has a
# parameter that says how close, and leaves only together with it.
#
# ## A table for a partner: k-anonymity
#
# No ids at all, only who the users are. Province, age band, gender and occupation are *quasi-identifiers*: harmless one by
# one, a fingerprint together. A table is *k-anonymous* when everybody shares the combination with at least k - 1 others.

# %% tags=["nbval-check-output"]
quasi = [c for c in ("province", "age_band", "gender", "occupation_band") if users[c].notna().any()]
known = users[users["user_id"].map(why["analysis"]) == ""].dropna(subset=quasi)
first = {", ".join(quasi[: n + 1]): anonymity.classes(known, quasi[: n + 1])["people"] for n in range(len(quasi))}
prints = {n: {"k": c.min(), "alone": (c == 1).sum(), "in a class under 10": c[c < 10].sum()} for n, c in first.items()}
caption = f"{len(known):,} people with a full profile: the smallest class, and how many stand alone"
show.table(pd.DataFrame(prints).T, caption)

# %% [markdown]
# The remedy is to say less. Declare coarser bands for each column, and search all their combinations for the one that loses
# least and leaves classes of ten; a few people who still stand out may be left out, at most one in fifty. What is lost: how
# far each column was coarsened (0 as it is, 1 left out), averaged over the columns, plus the share of people left out.

# %%
groups = {  # column: the values of the first band, its name, the name of the other band
    "province": ("Beijing Shanghai Jiangsu Zhejiang Guangdong Fujian Shandong", "coast", "inland"),
    "age_band": ("18-24 25-34", "under 35", "35 and over"),
    "occupation_band": ("employee manager self_employed teacher", "works", "does not"),
}
bands = {q: [] for q in quasi}
for q, (first, yes, no) in groups.items():
    if q in quasi:
        bands[q] = [{value: yes if value in first.split() else no for value in known[q].unique()}]

# %% tags=["nbval-check-output"]
coarse, levels, left_out = anonymity.generalise(known, bands, k=10)
opened = seen.merge(ds.courses.select("product_id", "category").to_pandas()).groupby(["user_id", "category"]).size()
favourite = opened.sort_values(kind="stable").reset_index("category").groupby("user_id")["category"].last()
tables = {"before": known, "after": coarse}
tables = {name: table.assign(favourite=table["user_id"].map(favourite)) for name, table in tables.items()}
forms = {"k": {n: anonymity.k_anonymity(t, quasi) for n, t in tables.items()}}
forms["l"] = {n: anonymity.l_diversity(t, quasi, "favourite") for n, t in tables.items()}
show.table(pd.DataFrame(forms), f"Before, and after with {left_out} people left out")

# %% tags=["remove-input"]
said = ["as it is", "in bands", "left out"]
show.say(
    "Least is lost with "
    + ", ".join(f"{q.replace('_', ' ')} {said[2 if v > len(bands[q]) else v]}" for q, v in levels.items())
    + f". Now the smallest class has **{forms['k']['after']}** people. *l* counts the different values of what is nobody's "
    f"business, here the favourite category, in the poorest class: {forms['l']['before']} before, "
    + ("so whoever finds that class knows it, " if forms["l"]["before"] == 1 else "")
    + f"{forms['l']['after']} after. Our k and l are tested against those of the library pyCANON."
)

# %% [markdown]
# ## Counts: hide the small ones, or add noise
#
# The dull baseline of publishing counts is exact numbers without the small ones. When totals are shown as well, hiding one
# cell is not enough: subtract, and there it is. So further cells go until no small count can be worked out.

# %% tags=["nbval-check-output"]
counts = pd.crosstab(known[quasi[0]], known[quasi[-1]])
shown = anonymity.suppress(counts)
inner = shown.iloc[: len(counts), : counts.shape[1]]
small = int(((counts > 0) & (counts < 10)).sum().sum())
show.table(shown, f"People by {quasi[0]} and {quasi[-1].removesuffix('_band')}; what is missing was hidden")

# %% tags=["remove-input"]
show.say(
    f"Of the {counts.size} counts {small} are below ten; **{int(inner.isna().sum().sum())}** had to be hidden, and "
    f"{counts[inner.isna()].sum().sum() / max(counts.to_numpy().sum(), 1):.0%} of the people are in those."
)

# %% [markdown]
# And it still leaks. Publish the table every month, and the difference of two tables is about those who came or left
# between. One member of the largest province deletes the account; neither table has a small count there:

# %% tags=["nbval-check-output"]
places = known[quasi[0]].value_counts()
gone = known[known[quasi[0]] == places.index[0]].sort_values("user_id").iloc[0]
later = known.loc[known["user_id"] != gone["user_id"], quasi[0]].value_counts().reindex(places.index)
moved = (places - later)[places != later]
print(f"least count published: {later.min()}; difference of the two tables: {moved.to_dict()}")

# %% [markdown]
# *Differential privacy* closes this door for as long as its budget lasts. To each count comes noise, so that the published
# numbers are nearly as likely with any one person as without: within a factor $e^{\varepsilon}$. The noise is a whole number
# $x$ with
#
# $$P(x) \propto e^{-\varepsilon |x| / m},$$
#
# where $m$ is in how many counts one person may be. The cells are declared beforehand, because that a cell appears would tell
# that somebody is in it. A *budget* in a file adds up all $\varepsilon$ ever spent on these people, and stops when it is gone.
#
# In the table, only the column "private" may leave; the other two stand here to be compared. A count may come out below 0.
# Setting it to 0 costs no privacy.

# %% tags=["nbval-check-output"]
import random

from knowpay.collect.privacy.counts import Budget, discrete_laplace, exact, private_counts

cells = ["Beijing", "Fujian", "Guangdong", "Hainan", "Henan", "Hubei", "Jiangsu", "Shanghai", "Sichuan", "Tibet"]
budget = Budget(Path(scratch.name) / "budget.json", total=2)
rng = random.Random(seed)  # so that the lesson repeats itself; what you publish must be drawn without it
noisy = private_counts(known, "province", cells, epsilon=1, budget=budget, rng=rng)
exactly = known["province"].value_counts().reindex(cells, fill_value=0)
show.table(pd.DataFrame({"exact": exactly, "private": noisy, "error": noisy - exactly}), "By province, epsilon = 1")

# %% tags=["nbval-check-output"]
for month in ("February", "March"):
    try:
        private_counts(known, "province", cells, epsilon=0.6, budget=budget, rng=rng)
        print(f"{month}: published; {float(budget.left):g} of the budget is left")
    except ValueError as refusal:
        print(f"{month}: {refusal}")

# %% [markdown]
# What does the noise cost? Its mean size is known in advance, and does not depend on the data: for a large count it is
# nothing, for a small one everything.

# %%
epsilons = [0.1, 0.2, 0.5, 1, 2]
noise = {e: np.abs([discrete_laplace(1 / exact(e), rng) for _ in range(2_000)]) for e in epsilons}
means = {e: estimate.from_error(s.mean(), s.std() / len(s) ** 0.5) for e, s in noise.items()}
drawn = pd.Series({e: found.value for e, found in means.items()})
p = np.exp(-drawn.index.to_numpy())
stated = pd.Series(2 * p / (1 - p**2), index=epsilons)
hidden = counts[inner.isna()].stack().mean() if inner.isna().any(axis=None) else 0.0

# %%
title = f"At epsilon 1 a count is off by {stated[1]:.1f} people on average"
alt = "Mean error by epsilon: " + ", ".join(f"{e:g} gives {error:.1f}" for e, error in drawn.items())
alt += f"; a hidden count of the exact table is {hidden:.0f} people on average."
with show.figure(title, x="epsilon (smaller is more private)", y="mean error of a count, people", alt=alt) as ax:
    ax.plot(stated.index, stated, "-", label="stated")
    ax.plot(drawn.index, drawn, "o", label="2,000 draws")
    ax.axhline(hidden, linestyle="--", color="black", label="mean count that suppression hides")
    ax.set(xscale="log", xticks=epsilons, xticklabels=[f"{e:g}" for e in epsilons], ylim=0)

# %% tags=["remove-input"]
better = stated.index[stated < hidden]
show.say(
    f"Whoever reads a hidden count of the exact table as 0 is off by {hidden:.0f} people on average. "
    + (
        f"From epsilon {better[0]:g} on the noise is smaller than that, in every cell, and no difference of two tables tells on anybody. "
        if len(better)
        else "Here the noise is larger than that at every epsilon tried: few small counts were hidden. "
    )
    + "But each table costs, and a budget that is spent stays spent."
)

# %% [markdown]
# ## What a person may ask for
#
# A copy of everything (PIPL 45, GDPR 15 and 20), and erasure (PIPL 47, GDPR 17). Both mean *every* table, rows in quarantine and
# superseded ones (replaced by a later row), the files as they came, and the devices that nobody else used. We work on a copy
# of the export.

# %% tags=["nbval-check-output", "aside"]
from knowpay.collect.privacy import rewrite, subject

export = Path(shutil.copytree(ds.source, Path(scratch.name) / "export"))
person = seen["user_id"].value_counts().sort_index().idxmax()
copy = subject.export(knowpay.open(export, cache=out), person, Path(scratch.name) / "copy.json")
found = pd.Series(copy["rows"]["tables"], name="rows")
print(
    f"devices: {len(copy['devices'])}; mentions in others' rows, of which only the place is told: {copy['rows']['mentions']}"
)
show.table(found[found > 0].to_frame(), "What the copy holds")

# %% tags=["nbval-check-output", "aside"]
receipt = subject.erase(export, person, cache=out)
show.table(
    pd.DataFrame(receipt["files"]).T, f"Rewritten files; databases made from them and deleted: {receipt['stores']}"
)
ids = [person, *copy["devices"]]
print("rows that still hold the id or a device:", sum(len(rewrite.look(f, ids)) for f in rewrite.data_files(export)[0]))

# %% [markdown]
# The receipt holds counts and no id. Erasing twice changes nothing, and an erasure that was killed is finished by the next.
#
# Two duties need no request. *Retention* (PIPL 19, GDPR 5): `retention_days` in the manifest says how long, the gate refuses
# older rows and `knowpay purge` takes them out of the files. *Minimisation* (PIPL 6, GDPR 5): free text gathers what nobody
# asked for, so it is scrubbed. Four texts: "add me on WeChat", "call me about the refund", "write to", and the number of an
# order, which is no phone number and must stay.

# %% tags=["nbval-check-output"]
from knowpay.collect.privacy.scrub import scrub

texts = [
    "讲得好！加我微信 lily_2025",
    "退款请打 138-0000-0000，谢谢",
    "写信到 a.b@example.com",
    "订单号20250301123456789012 没发货",
]
clean, kinds = scrub(pd.Series(texts))
print(*clean, {kind: n for kind, n in kinds.items() if n}, sep="\n")

# %% [markdown]
# ## What a no costs
#
# Those who refused marketing get no message. What a message adds is known from the A/B tests: campaigns in which a random draw
# decided who got it, among those who did not refuse. Suppose that the others would have been alike. A purchase brings its
# *contribution*: the price less discounts, refunds, fees and the teacher's share.

# %%
from knowpay.analyse import touches
from knowpay.derive import policy
from knowpay.people import money

teacher_share = 0.30
assignments = touches.outcomes(ds)
if len(assignments):
    effect = touches.difference(assignments, "bought")
    margin = (assignments["price"] * money.contribution_rate(ds, teacher_share)).to_numpy()
    scores = policy.ipw_scores(assignments, margin, assignments["cost"].max())

# %%
if len(assignments):
    for_courses = ds.touches.filter(ds.touches.creative.notnull())  # not the trials with members
    year = for_courses.filter(for_courses.assigned_at > ds.observation_end - pd.Timedelta(days=365))
    campaigns = year.campaign_id.nunique().to_pandas()
    refused = int((why["general"] == "marketing refused").sum())
    opted_out = int(why["personal"].isin(["opted out of personalisation", "analysis refused"]).sum())
    per_message = policy.profit(np.ones(len(assignments)), scores, assignments["user_id"]) / len(assignments)
    cost, at_most = per_message * (refused * campaigns), per_message * ((refused + opted_out) * campaigns)

# %% tags=["remove-input"]
if len(assignments):
    show.say(
        f"A message adds {1_000 * effect.value:.1f} purchases per 1,000 people (standard error {1_000 * effect.error:.1f}) and "
        f"{per_message.value:.2f} yuan after its cost. With {campaigns} campaigns a year, each sent to everybody, "
        f"the {refused:,} people who refused marketing would bring **{cost.value:,.0f} yuan a year** (90 % interval {cost.low:,.0f} to {cost.high:,.0f})."
    )
else:
    show.say(f"{ds.name} has no campaign whose receivers were drawn at random, so nobody can say what a no costs.")

# %% [markdown]
# ## On real data
#
# OULAD was published after its makers had made it less identifiable. How well does it hide its students? We know of no
# published k to compare with, so ours stands alone: a fact about the file, in columns that a neighbour would know.

# %% data="oulad" tags=["nbval-check-output", "aside"]
oulad = knowpay.open("oulad")
students = anonymity.classes(oulad.users.to_pandas(), ["gender", "age_band", "province"])["people"]
print(f"{students.sum():,} students; by gender, age and region k = {students.min()}")
clicks = oulad.events.filter(oulad.events.event == "page_viewed")
page, day = clicks.properties.re_extract('"site":"([0-9]+)"', 1), clicks.timestamp.date()
clicks = clicks.select("user_id", page=page, day=day).distinct().to_pandas()
alone = anonymity.singled_out(clicks, ["page", "day"], [1, 2, 4], seed=seed)

# %% data="oulad" tags=["remove-input", "aside"]
show.say(
    f"By gender, age band and region {students[students < 10].sum()} students are in a class under ten, and the smallest has "
    f"{students.min()}. What they opened is another matter: one page with its day singles out {alone[1]:.0%}, two "
    f"**{alone[2]:.0%}**, four **{alone[4]:.0%}** of those whose clicks are in the files at hand. The names are gone for good and "
    "the makers took care; still, treat such a file as pseudonymised, and do not try to find anybody."
)

# %% [markdown]
# ## Check against the truth
#
# The company knows who is who. Was the re-identification right, did the gate keep out whom it should, is the noise what it claims?
# (The true answers are counted in [lessons/l03.py](../lib/knowpay_course/lessons/l03.py).)

# %% tags=["nbval-check-output"]
truth = getattr(ds, "truth", None)
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, so nothing is checked here.")
else:
    right = l03.named_rightly(named, hashed.unique(), truth.users["user_id"])
    show.exact("people re-identified from plain hashes", right, seen["user_id"].nunique(), "people")
    for e in (0.1, 1):
        rival = ("noise for twice the epsilon", l03.stated_error(2 * e))
        show.check(f"mean error at epsilon {e:g}", means[e].scaled(1, "people"), l03.stated_error(e), rival)

# %% [markdown]
# The mean size of 2,000 draws of noise has a standard error. Its rival is the noise that somebody takes who forgets that one
# person may be in two counts: half as much as was promised.
#
# A third of the test accounts was planted without a flag. And whoever denied analytics must not be in a study. The column that
# the gate reads cannot prove that, and the rows of these people bear no user id; but the simulator knows which rows they are.
# A sign-up among them falls within a fifth of a second of one account's making, and that is who it was. (Yes, that is one
# more way to name people in rows without ids.) Who signed up first and took consent back later stands in the last users row of
# the export, which is read here from the files as they came.
#
# What a message adds is known of each person, and what an order brings stands in the simulator's own books. So the number that
# decides has a truth: what the refusals cost if those who refused are people like the others.

# %% tags=["nbval-check-output"]
if truth is not None:
    planted = {fault: set(rows["id"]) for fault, rows in truth.spoiled.groupby("fault")}
    hiding = flagged | planted.get("test_account", set())
    show.exact("test accounts found", len((tests | flagged) & hiding), len(hiding), "accounts")
    show.exact("others taken for test accounts", len(tests - hiding), 0, "accounts")
    who = pd.concat([l03.who_signed_up(ds, planted.get("consent", set())), l03.last_said_no(ds)]).drop_duplicates()
    show.exact("people who denied analysis and are let in", (who.map(why["analysis"]) == "").sum(), 0, "people")
    show.exact("people who denied analysis in the table", coarse["user_id"].isin(who).sum(), 0, "people")
    smallest = coarse.groupby(quasi, observed=True).size().min()
    show.quality("people in the smallest class of the table", smallest, 10, len(coarse), "people")

# %% tags=["nbval-check-output"]
if truth is not None and len(assignments):
    gains = l03.true_gains(assignments, truth, world.contribution_rate(truth, teacher_share))
    added = effect.scaled(1_000, "per 1,000")
    show.check("purchases that a message adds", added, 1_000 * gains["bought"], ("no effect", 0))
    year_of = l03.campaigns_of_a_year(ds)
    show.exact("campaigns of a year", campaigns, year_of, "campaigns")
    at_list_price = gains["bought"] * assignments["price"].mean() - assignments["cost"].max()
    rival = ("orders at list price", at_list_price * refused * year_of)
    show.check("what the refusals cost in a year", cost, gains["yuan"] * refused * year_of, rival)

# %% tags=["remove-input"]
if truth is not None and len(assignments):
    refusers = why["general"].index[why["general"] == "marketing refused"]
    alike = l03.refusers_over_others(truth, refusers, assignments["user_id"])
    show.say(
        f"Are they? In truth a message would add {alike:.2f} times as many purchases with the {refused:,} who refused as with the "
        "others. Here refusing says nothing about a person, so that is chance in who they are; elsewhere it may not be."
    )

# %% [markdown]
# ## Decide
#
# What leaves, in which form, with which parameter. The last two leave in no form.

# %%
n_may = {purpose: f"{(found == '').sum():,} people" for purpose, found in why.items()}
with_l = "yes" if forms["l"]["after"] > 1 else "without the favourite"  # at l = 1 a class gives it away
outputs = {
    "target list": ("ids, through the gate", n_may["personal"], "to ourselves"),
    "message to all": ("ids, through the gate", n_may["general"], "to ourselves"),
    "study of behaviour": ("keyed pseudonyms", n_may["analysis"], "as personal data"),
    "profiles": ("in bands", f"k = {forms['k']['after']}, l = {forms['l']['after']}", with_l),
    "counts, every month": ("with noise", f"epsilon 1, {float(budget.total):g} in all", "until it is spent"),
    "counts, once": ("small ones hidden", f"at least {gate.SMALLEST}", "once"),
}

# %% tags=["nbval-check-output"]
outputs["hashed ids, hashed phone numbers"] = ("SHA-256", f"{named.notna().mean():.0%} re-identified", "no")
outputs["raw rows, quarantine, free text"] = ("as they came", "none", "no")
table = pd.DataFrame(outputs, index=["form", "parameter", "may it leave?"]).T
show.table(table.rename_axis("output"), "What may leave the building")

# %% tags=["remove-input"]
if len(assignments):
    show.say(
        f"**Decision.** Respect every no, and send nothing that is merely hashed. It costs **{cost.value:,.0f} yuan a year** (90 % interval "
        f"{cost.low:,.0f} to {cost.high:,.0f}) for those who refused marketing; at most {at_most.value:,.0f} ({at_most.low:,.0f} to "
        f"{at_most.high:,.0f}) if the {opted_out:,} who get the general message instead of a personal one were lost altogether. "
        + ("That the true cost is zero cannot be excluded. " if cost.low < 0 else "")
        + "A fine may reach 50 million yuan or 5 % of a year's turnover (PIPL 66). What would change the decision: nothing in these "
        "numbers. A better form to ask for consent may lower the cost, since each yes is worth "
        f"{campaigns * per_message.value:.2f} yuan a year."
    )
else:
    show.say("**Decision.** Respect every no, and send nothing that is merely hashed, whatever it costs.")

# %% [markdown]
# ## Exercises
#
# Three exercises with checks that explain are in
# [exercises/03_trust_and_protect_the_data](exercises/03_trust_and_protect_the_data.ipynb): who stands alone, what a dashboard
# spends, and what to answer to a request for hashed phone numbers.

# %% [markdown]
# ## Summary
#
# - Gates first: a mean that looks fine can hide a release that loses every id.
# - One gate for all files with people in them; one reason per person; refusal instead of silence.
# - A hash without a key is a public lookup table. With a key it is a pseudonym, and what people did still names them.
# - k-anonymity for tables, differential privacy for counts; both only with the parameter said.
# - A right to erasure that skips quarantine, caches or devices is none.
#
# ## References
#
# - Personal Information Protection Law of the People's Republic of China (2021), articles 6, 13, 19, 24, 28, 31, 45,
#   47, 66, 73.
# - Regulation (EU) 2016/679 (GDPR), articles 4(5), 5, 15, 17, 20, 21.
# - Krawczyk H., Bellare M., Canetti R. (1997). HMAC: keyed-hashing for message authentication. RFC 2104.
# - Sweeney L. (2002). Achieving k-anonymity privacy protection using generalization and suppression. *Int. J. on Uncertainty,
#   Fuzziness and Knowledge-based Systems* 10(5).
# - Machanavajjhala A. et al. (2007). l-diversity: privacy beyond k-anonymity. *ACM TKDD* 1(1).
# - de Montjoye Y.-A., Hidalgo C. A., Verleysen M., Blondel V. D. (2013). Unique in the crowd. *Scientific Reports* 3:1376.
# - Dwork C., McSherry F., Nissim K., Smith A. (2006). Calibrating noise to sensitivity in private data analysis. *TCC*.
# - Ghosh A., Roughgarden T., Sundararajan M. (2009). Universally utility-maximizing privacy mechanisms. *STOC*.
# - Mironov I. (2012). On significance of the least significant bits for differential privacy. *CCS*.
# - Canonne C. L., Kamath G., Steinke T. (2020). The discrete Gaussian for differential privacy. *NeurIPS*.
