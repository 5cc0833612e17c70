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
# # Build user profiles that change what you do
#
# Every growth team has a slide with four kinds of users. **The question:** are the groups in the users, or only in the
# slide, and does anything get better when we treat them differently?
# **What you will decide at the end:** what the home page should feature to whom, what that earns in a month, and whether
# profiles deserve a place in it.

# %% [markdown]
# :::{admonition} Before you start
# **You will do:** score users by recency, frequency and money; group them by what they look at and when; test the groups
# against noise and against behaviour they have not seen.
# **You will learn:** K-means with a null reference; why a silhouette proves nothing; a decision test for segments.
# **You need:** [Start here](00_start_here.ipynb). **Minutes:** 20 to read, 1 to run. **Data:** the simulated company;
# Online Retail II where it is at hand. **Memory:** under 1 GB.
# :::

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}; the book's page "Other companies" lists the knobs

# %%
import knowpay
from knowpay import estimate, show
from knowpay.analyse import economics, profiles

ds = knowpay.open(data, seed=seed, **company)
ds.needs("06")  # stops here, with a sentence, when the data cannot carry this lesson

# %% [markdown]
# ## A line through time
#
# A profile is built from the past and must prove itself in the future. Everything below is made from what happened
# before the line; the last 120 days are kept aside.

# %%
import pandas as pd

line = ds.observation_end - pd.Timedelta(days=120)
before = profiles.pages_by_category(ds, until=line)
after = profiles.pages_by_category(ds, start=line)

# %% tags=["remove-input"]
show.say(
    f"Before {line.tz_convert(ds.timezone):%d %B %Y}, {len(before):,} known users opened {before.to_numpy().sum():,} course pages; "
    f"after it, {len(after):,} users opened {after.to_numpy().sum():,}."
)

# %% [markdown]
# ## The dull baseline: recency, frequency, money
#
# RFM needs no model: for each user the days since the last visit, the number of visits, the yuan paid; then a score from
# 1 to 5 for each, by rank. It has been used since the days of mail order because it is hard to get wrong.

# %% tags=["nbval-check-output"]
table = profiles.rfm(ds, until=line)
scores = profiles.quintiles(table)
show.table(table.describe(percentiles=[0.5, 0.9]).drop("count").round(1), "Recency in days, visits, yuan paid")

# %%
import numpy as np

fifth = {c: table[c].nlargest(len(table) // 5).sum() / table[c].sum() for c in ("frequency", "money")}
title = f"The busiest fifth makes {fifth['frequency']:.0%} of the visits, the best-paying fifth {fifth['money']:.0%} of the money"
alt = f"Two histograms with right tails: visits per user, median {table['frequency'].median():.0f} and most "
alt += f"{table['frequency'].max():.0f}; yuan paid by those who paid, up to {table['money'].max():.0f}."
with show.figure(title, x=["visits", "yuan paid (payers)"], y="users", alt=alt, panels=2) as (left, right):
    left.hist(table["frequency"], bins=40)
    right.hist(table.loc[table["money"] > 0, "money"], bins=40, color=show.COLORS[1], hatch="//")

# %% [markdown]
# ### Value and potential are two lists
#
# Where fewer than a fifth have paid at all, the best-paying fifth holds all the money by necessity. *High-value* users have paid; *potential* users behave like them and have not. RFM keeps the two apart for free: same
# frequency, with and without money.

# %% tags=["nbval-check-output"]
busy = scores["frequency"] >= 4
lists = pd.Series(
    {
        "high-value (busy, paid)": (busy & (table["money"] > 0)).sum(),
        "potential (busy, not yet)": (busy & (table["money"] == 0)).sum(),
    }
)
show.table(lists.rename("users"), "Two lists from two columns")

# %% [markdown]
# Does the label *potential* mean anything? Count who pays for the first time after the line: the potential list against
# all other users who had not paid.

# %%
orders = economics.contributions(ds, 0.0).merge(economics.customers(ds)[["user_id", "created_at"]])
later = orders["created_at"] + pd.to_timedelta(orders["day"], unit="D") >= line
paid_later = table.index.isin(orders.loc[later, "user_id"])
not_yet = (table["money"] == 0).to_numpy()
potential = estimate.mean(paid_later[not_yet & busy.to_numpy()], seed=seed)
others = estimate.mean(paid_later[not_yet & ~busy.to_numpy()], seed=seed)
error = np.hypot(potential.error, others.error)
more = estimate.from_error(potential.value - others.value, error)

# %% tags=["remove-input"]
show.say(
    f"Of the potential users **{potential.value:.1%}** paid after the line (90 % interval {potential.low:.1%} to {potential.high:.1%}); "
    f"of the others {others.value:.1%} ({others.low:.1%} to {others.high:.1%}). The difference lies between "
    f"{100 * more.low:.1f} and {100 * more.high:.1f} points. "
    + (
        "So the label *potential* points at future payers."
        if more.low > 0
        else "So busy users pay less often: the label points the wrong way."
        if more.high < 0
        else "Zero is inside: these data do not show that busy means about to pay."
    )
)

# %% [markdown]
# ## What RFM cannot see
#
# Two users with the same scores may want different things at different hours. So describe each user by the *share* of
# course pages in each category, the share of visits in each part of the day, and the share at weekends. How often they
# come is left out on purpose: RFM has it already.

# %% tags=["nbval-check-output"]
features = profiles.features(ds, until=line, least_pages=10)
x = profiles.standard(features)
show.table(features.iloc[:4, :4].round(2), f"First users of {len(features):,}, first columns (square roots of shares)")

# %% [markdown]
# ## K-means
#
# K-means places k centres and gives each user to the nearest, over and over, until nobody moves. It always returns k
# groups, also where there are none. That is the whole difficulty.

# %%
from sklearn.metrics import silhouette_score

labels = pd.Series(profiles.cluster(x, k=4, seed=seed), index=features.index)
shape = silhouette_score(x, labels, sample_size=1_500, random_state=seed)

# %% [markdown]
# ### The trap: groups in pure noise
#
# The usual proof is a *silhouette* (how much nearer one's own group is than the next, -1 to 1) and *stability*: the groups
# come back when the users are resampled (1 = always). Try both on 4,000 people drawn from **one** cloud: correlated recency,
# frequency and money, no groups at all. (The functions of `l06` stand in
# [lessons/l06.py](../lib/knowpay_course/lessons/l06.py).)

# %% tags=["nbval-check-output"]
from knowpay_course.lessons import l06

noise = l06.one_blob(4_000, seed=seed)
noise_shape = silhouette_score(noise, profiles.cluster(noise, k=4), sample_size=2_000, random_state=seed)
noise_stable = l06.stability(noise, k=4, draws=10)
print(f"noise: silhouette {noise_shape:.2f}, stability {noise_stable:.2f}")

# %%
plain = profiles.standard(np.log1p(table.loc[features.index]))
skewed = profiles.standard(table.loc[features.index])
groupings = {"RFM, not logged, k = 3": (skewed, 3), "RFM, logged, k = 4": (plain, 4)}
draw = {"sample_size": 1_500, "random_state": seed}
shapes = pd.Series({name: silhouette_score(z, profiles.cluster(z, k), **draw) for name, (z, k) in groupings.items()})
shapes = pd.concat([shapes, pd.Series({"pure noise, k = 4": noise_shape, "topics and hours, k = 4": shape})])

# %% tags=["nbval-check-output"]
show.table(shapes.rename("silhouette").round(2), "The silhouette ranks the groupings; remember the order")

# %% tags=["remove-input"]
show.say(
    f"One cloud without groups scores {noise_shape:.2f} and comes back with a stability of {noise_stable:.2f}. "
    f"The best score of the table goes to *{shapes.idxmax()}*. Keep that in mind until the truth is opened."
)

# %% [markdown]
# ## A null reference instead
#
# Ask a better question: are k groups tighter **than in one cloud of the same shape**? The *gap* is the difference of the
# two tightnesses on the log scale. Take one group more as long as the gap grows by more than it would in 99 of 100 single
# clouds; after that, more groups only cut clouds in pieces.

# %%
gaps = profiles.gap(x, most=6, draws=8, seed=seed)
flat = profiles.gap(noise, most=4, draws=8, seed=seed)
k_found, k_noise = profiles.choose(gaps), profiles.choose(flat)

# %%
title = f"The users fall into {k_found} groups, the noise into {k_noise}"
steps = ", ".join(f"{g:.2f} at {k}" for k, g in zip(gaps["k"], gaps["gap"], strict=True))
alt = f"Gap by k. Users: {steps}. Noise: between {flat['gap'].min():.2f} and {flat['gap'].max():.2f} at every k."
with show.figure(title, x="number of groups k", y="gap over one cloud", alt=alt) as ax:
    for rows, name, marker in ((gaps, "users", "o"), (flat, "pure noise", "s")):
        ax.errorbar(rows["k"], rows["gap"], yerr=rows["error"], marker=marker, capsize=3, label=name)
    ax.set_xticks(gaps["k"])

# %% tags=["nbval-check-output"]
groups = max(k_found, 2)
labels = pd.Series(profiles.cluster(x, k=groups, seed=seed), index=features.index)
print(f"groups: {k_found}; noise: {k_noise}; stability of the users' groups {l06.stability(x, groups, draws=10):.2f}")

# %% [markdown]
# ## Who they are
#
# A centre is a description: which categories and hours stand out against the average user, in standard deviations.

# %%
centres = pd.DataFrame(x, columns=features.columns).groupby(labels.to_numpy()).mean()
topics = centres.filter(like="topic_").rename(columns=lambda c: c.removeprefix("topic_"))
names = topics.apply(lambda row: " + ".join(row.nlargest(2).index), axis=1)

# %%
title = f"{len(names)} profiles, {names.nunique()} different pairs of favourite categories (s.d. from the average user)"
high = "; ".join(f"profile {k} is high in {name}" for k, name in names.items())
alt = f"Table of tiles, profiles by categories, with the difference from the average user in each tile: {high}."
with show.figure(title, x="category", y="profile", alt=alt, size=(8, 3.2)) as ax:
    ax.imshow(topics, cmap="RdBu_r", vmin=-1.5, vmax=1.5, aspect="auto")
    for (row, column), value in np.ndenumerate(topics.to_numpy()):
        ax.text(column, row, f"{value:+.1f}", ha="center", va="center", color="white" if abs(value) > 0.9 else "black")
    ax.set_xticks(range(topics.shape[1]), topics.columns, rotation=30)
    ax.set_yticks(range(len(names)), [f"{k}: {name}" for k, name in names.items()])

# %% tags=["nbval-check-output"]
summary = pd.DataFrame({"likes": names, "users": labels.value_counts().sort_index()})
summary["visits"] = table.loc[features.index, "frequency"].groupby(labels).mean().round(1)
summary["paid_yuan"] = table.loc[features.index, "money"].groupby(labels).mean().round(1)
show.table(summary, "Profiles, named by the data; visits and yuan per user before the line")

# %% [markdown]
# ## The decision test
#
# (Yuan per user in the table above come from few payers; do not rank the profiles by them.) A grouping is worth keeping when acting on it works better **on behaviour it has not seen**. The action: the home page
# features one category. Choose it before the line, and count after the line which share of the course pages a user opens
# falls into it. Five ways to choose:

# %%
rfm_groups = pd.Series(profiles.cluster(plain, 4, seed=seed), index=features.index)
ways = {
    "one for all": pd.Series(0, index=features.index),
    "by RFM cell": scores.loc[features.index].astype(str).agg("".join, axis=1),
    "by RFM K-means": rfm_groups,
    "by profile": labels,
    "each user's own favourite": pd.Series(range(len(features)), index=features.index),
}
chosen = {name: l06.featured(group, train=before) for name, group in ways.items()}
hits = pd.DataFrame({name: l06.share_in(after, c) for name, c in chosen.items()})

# %%
test = estimate.frame({n: estimate.mean(hits[n], seed=seed) for n in hits}, "share")
shares = ", ".join(f"{name} {share:.0%}" for name, share in test["share"].items())
alt = f"Intervals for five ways to choose the featured category: {shares}."
title = f"Best on unseen behaviour: {test['share'].idxmax()}, {test['share'].max():.0%} against {test['share']['one for all']:.0%}"
with show.figure(title, x="share of later course pages in the featured category", y="", alt=alt) as ax:
    error = [test["share"] - test["low"], test["high"] - test["share"]]
    ax.errorbar(test["share"], test.index, xerr=error, fmt="o", capsize=4)
    ax.set_xlim(left=0)

# %% tags=["nbval-check-output"]
show.table(test.round(3), f"Share of later pages in the featured category, {len(hits):,} users, 90 % intervals")

# %% [markdown]
# Read the last two lines together: the dullest personal rule, *show each user the category they opened most*, needs no
# clustering at all. Perhaps profiles do better where a user's own history is thin? Compare the two on the quarter of users
# with the fewest pages and the quarter with the most.

# %%
short = before.sum(axis=1).loc[features.index]
few, many = short <= short.quantile(0.25), short > short.quantile(0.75)
split = pd.DataFrame({w: hits[w] for w in ("by profile", "each user's own favourite")})
by_history = pd.DataFrame(
    {"few pages": split[few.reindex(split.index)].mean(), "many pages": split[many.reindex(split.index)].mean()}
)

# %% tags=["nbval-check-output"]
show.table(
    by_history.round(3), "Share of later pages hit, for the quarter with the fewest and with the most pages before"
)

# %% tags=["remove-input"]
thin = by_history["few pages"]
show.say(
    f"Where history is thin, the {'profile' if thin.idxmax() == 'by profile' else 'favourite'} does better, "
    f"{thin.max():.0%} against {thin.min():.0%}. All these users opened ten pages or more; of newcomers the test says nothing."
)

# %% [markdown]
# ## What it earns
#
# A page in a category the user likes leads to an order about as often as any course page does, if the extra page is opened
# at all. Declare what is assumed, and let the rest come from the records.

# %%
featured_opens = 0.10  # assumed: share of visits in which a fitting category adds a page
building = 2_000  # assumed: yuan, once, to make the home page personal
teacher_share = 0.30

# %%
paid = economics.contributions(ds, teacher_share)
is_plan = ds.courses.product_type == "membership"
plans = ds.courses.filter(is_plan).product_id.to_pandas()
spent = paid[~paid["product_id"].isin(plans)].groupby("user_id")["amount"].sum()

# %%
pages = ds.events.filter(ds.events.event == "product_viewed").count().to_pandas()
money = economics.customers(ds)["user_id"].map(spent).fillna(0.0)  # few ever pay
per_page = estimate.mean(money, seed=seed, unit="yuan") * (len(money) / pages)

# %% [markdown]
# Who refused personal offers sees the category for all, whatever the data know about them; they bring no gain.

# %%
opted_out = ds.users.personalization_opt_out.fill_null(False)
refused = ds.users.filter(opted_out).user_id.to_pandas()
personal = hits.dropna().drop(index=refused, errors="ignore")
visits = profiles.visits_by_hour(ds)
later = visits[(visits["moment"] >= line) & visits["user_id"].isin(personal.index)]
fitting = later["visits"].sum() / 4 * featured_opens  # a month: 120 days are four

# %%
best = test["share"].idxmax()
gain = estimate.mean(personal[best] - personal["one for all"], seed=seed)
month = fitting * per_page.value * gain.value  # yuan
low, high = (fitting * per_page.low * gain.low, fitting * per_page.high * gain.high)
own = "each user's own favourite"
ahead = estimate.mean(personal[own] - personal["by profile"], seed=seed)
seen = after.loc[personal.index]
chosen = {name: category.loc[personal.index] for name, category in chosen.items()}

# %% [markdown]
# ## On real data
#
# Online Retail II: every invoice line of a British gift shop for a year; goods, not courses, and many wholesalers. It has
# no topics, so only the RFM habit can be tried, as hundreds of tutorials do.

# %% data="online_retail_ii"
from knowpay.collect import public

text = {"Invoice": str, "StockCode": str, "Customer ID": str}
lines = pd.read_csv(public.path("online_retail_ii"), dtype=text, parse_dates=["InvoiceDate"])
shop = l06.customers(lines)

# %% data="online_retail_ii" tags=["nbval-check-output"]
logged = profiles.standard(np.log1p(shop))
found = profiles.gap(logged, most=5, draws=8)
shop_shape = silhouette_score(logged, profiles.cluster(logged, 4), sample_size=2_000, random_state=0)
print(f"lines {len(lines):,} (published 525,461), customers {lines['Customer ID'].nunique():,} (published 4,383)")
print(f"k = 4: silhouette {shop_shape:.2f}; groups by the gap: {profiles.choose(found)}")

# %% data="online_retail_ii" tags=["remove-input"]
show.say(
    f"With k = 4, as the tutorials have it, the silhouette is {shop_shape:.2f}; noise without groups had {noise_shape:.2f}. "
    f"Against a cloud of its own shape, the gap finds **{profiles.choose(found)}**. Nobody publishes the true number of "
    "customer groups of a shop, so this is where real data fall silent and a company with known truth helps."
)

# %% [markdown]
# ## Check against the truth
#
# The company planted its groups. How many are there, did K-means find them, and did the silhouette point at the right
# grouping? Agreement is the adjusted Rand index (ARI: 1 = the same groups, 0 = chance). The bar is the *nearest centre*
# rule that is told the true groups of four fifths of the users and sorts the rest: the same geometry as K-means with the
# answer in hand. K-means must reach 85 % of it.

# %%
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import NearestCentroid

truth = getattr(ds, "truth", None)
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, so nothing is checked here.")

# %% tags=["nbval-check-output"]
if truth is not None:
    planted = truth.users.set_index("user_id")["segment"].astype(str).loc[features.index]
    told = adjusted_rand_score(planted, cross_val_predict(NearestCentroid(), x, planted, cv=5))
    agree = adjusted_rand_score(planted, labels)
    kinds = len(set(planted))
    show.quality("number of groups", k_found, kinds - 0.5, kinds + 0.5, "groups")
    show.exact("number of groups in noise", k_noise, 1, "groups")
    show.quality("agreement with the planted groups (ARI)", agree, 0.85 * told, 1)
    named = l06.named_alike(names, labels, truth)
    show.quality("profiles with the two favourites of a planted group", named, kinds - 0.5, kinds + 0.5)

# %% tags=["remove-input"]
if truth is not None:
    by_rfm = adjusted_rand_score(planted, rfm_groups)
    show.say(
        f"Agreement with the truth: topics and hours **{agree:.2f}** with a silhouette of {shape:.2f}; logged RFM "
        f"**{by_rfm:.2f}** with {shapes.iloc[1]:.2f}. The silhouette points at the "
        f"{'right' if (agree > by_rfm) == (shape > shapes.iloc[1]) else 'wrong'} one: it tells how round the pieces are, not "
        "whether they are real."
    )

# %% [markdown]
# The numbers that decide come next. Each user's tastes give the true chance that a page is of a category. So the share of
# later pages that a featured category *should* have hit is known, without counting a page. The error says how far the count may
# be off because each user opened only some pages. The home page must gain three quarters of what could be gained by knowing
# each user's true favourite.

# %%
if truth is not None:
    open_for = l06.on_sale(ds.courses.to_pandas(), line, ds.observation_end)
    likes = l06.page_shares(truth, personal.index, open_for)
    fits = pd.Series({way: l06.share_in(likes, category).mean() for way, category in chosen.items()})
    real, could = fits - fits["one for all"], likes.max(axis=1).mean() - fits["one for all"]
    error = {way: l06.page_error(seen, category, chosen["one for all"]) for way, category in chosen.items()}
    leak = [l06.featured_share(after, ways[way], after).mean() for way in (best, "one for all")]

# %% tags=["nbval-check-output"]
if truth is not None:
    gained = estimate.from_error(gain.value, error[best]).scaled(100, "of 100 pages")
    rival = ("chosen and counted on the same pages", 100 * (leak[0] - leak[1]))
    show.check("pages gained by the best way", gained, 100 * real[best], rival)
    show.quality("gained, of what could be gained", real[best] / could, 0.75, 1)
    margin = estimate.from_error(ahead.value, l06.page_error(seen, chosen[own], chosen["by profile"]))
    margin, lead = margin.scaled(100, "of 100 pages"), 100 * (real[own] - real["by profile"])
    show.check("own favourite over profile", margin, lead, ("no difference", 0))

# %% [markdown]
# The yuan of a month once more: visits counted from the events, money from the simulator's own books. The money of these
# months is taken as it came, so that the error is that of the pages alone.

# %% tags=["nbval-check-output"]
if truth is not None:
    extra = l06.visits_a_month(ds, personal.index, line) * featured_opens  # pages
    worth = l06.true_worth(ds, truth, teacher_share) / pages  # yuan a page
    in_yuan = estimate.from_error(month, error[best] * extra * worth, "yuan")
    rival = ("memberships counted too", extra * paid["amount"].sum() / pages * real[best])
    show.check("gain of a month", in_yuan, extra * worth * real[best], rival)

# %% [markdown]
# ## Decide

# %% tags=["remove-input"]
pays = 12 * low > building
show.say(
    f"**Decision.** If the home page is made personal, feature *{best}*. Against one category for all it fits {100 * gain.value:.0f} more of 100 pages that people "
    f"open, worth about **{month:,.0f} yuan a month** (90 % interval {low:,.0f} to {high:,.0f}, given the declared "
    f"{featured_opens:.0%}; {len(refused):,} users who refused are left out). In a year that is "
    f"{12 * low:,.0f} to {12 * high:,.0f} yuan, against the {building:,} that it costs to build: "
    f"**{'build it' if pays else 'do not build it for the money'}**."
)

# %% tags=["remove-input"]
if ahead.low > 0:
    place = "need no place in it: the user's own history beats them"
elif ahead.high < 0:
    place = "deserve their place in it: they beat the user's own history"
else:
    place = "are as good as the user's own history, and more work"
opened = building / (12 * month / featured_opens) if month > 0 else 2.0  # share of visits at which it pays in a year
show.say(
    f"Profiles {place}. The declared share is a guess. "
    f"A test on half of the users in which {opened:.0%} or more of the visits open the page would change this, and so would more visitors."
    if opened <= 1
    else f"Profiles {place}. Even if every visit opened the page, it would not be expected to pay within a year; more visitors would change this."
)

# %% [markdown]
# ## Exercises
#
# Two exercises with checks that explain are in [exercises/06_build_user_profiles](exercises/06_build_user_profiles.ipynb):
# a test of your own for a grouping, and what to answer to a slide with five personas.

# %% [markdown]
# ## Summary
#
# - RFM is the baseline: it lists who has paid and who is only busy. Whether the busy will pay is a guess until it is
#   tested on later orders.
# - K-means always finds groups; a null reference says whether they are there, a silhouette does not.
# - A grouping is worth what it improves on behaviour it has not seen; the user's own history may beat it.
#
# ## References
#
# - Tibshirani R., Walther G., Hastie T. (2001). Estimating the number of clusters in a data set via the gap statistic.
#   *JRSS B* 63(2).
# - Hubert L., Arabie P. (1985). Comparing partitions. *Journal of Classification* 2 (the adjusted Rand index).
# - Chen D. (2019). Online Retail II. UCI Machine Learning Repository. doi:10.24432/C5CG6D.
# - Chen D., Sain S. L., Guo K. (2012). Data mining for the online retail industry. *Journal of Database Marketing &
#   Customer Strategy Management* 19(3).
