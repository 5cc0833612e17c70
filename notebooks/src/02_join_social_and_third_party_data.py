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
# # Join social and third-party data without inventing people
#
# Users invite users, people change devices, and others publish figures about your market. All three are joined to your own
# events sooner or later. **The question:** is the invitation programme worth what it costs?
# **What you will decide at the end:** how many yuan one more accepted invitation, and one more invitation sent, may cost.

# %% [markdown]
# :::{admonition} Before you start
# **You will do:** decide whose event each event is; count what invited users bring, generation by generation; compare invited
# users with others, like with like; sort third-party figures by how far they can be trusted.
# **You will learn:** device intervals and their quality gates; the K-factor and its popular miscalculation; homophily.
# **You need:** [Collect app and web events](01_collect_app_and_web_events.ipynb). **Minutes:** 25 to read, 1 to run.
# **Data:** the simulated company; a catalogue of Udemy where it is at hand. **Memory:** under 1 GB.
# :::

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0
company: dict = {}  # other companies: {"churn": 0.6}; the book's page "Other companies" lists the knobs

# %%
import knowpay
import numpy as np
import pandas as pd
from knowpay import estimate, show
from knowpay.analyse import economics, profiles
from knowpay.collect import identity
from scipy.sparse import coo_array, csgraph

ds = knowpay.open(data, seed=seed, **company)
ds.needs("02")  # stops here, with a sentence, when the data cannot carry this lesson

# %% [markdown]
# ## Who is behind a device?
#
# **Two dull baselines.** A device is a person: it needs no method, and many dashboards count visitors so. Or, hardly more work:
# what happens on a device without a login is its *main user's*, the one with most events on it.

# %% tags=["nbval-check-output"]
seen = ds.events.agg(
    devices=ds.events.anonymous_id.nunique(),
    users=ds.events.user_id.nunique(),
    without_login=ds.events.user_id.isnull().mean(),
)
show.table(seen.to_pandas().round(4), "Devices, users who logged in, and the share of events without a login")
main = identity.main_user(ds).to_pandas().set_index("anonymous_id")
print(f"{len(main):,} devices have a main user; on {(main['share'] < 1).sum()} of them somebody else logged in too")

# %% [markdown]
# A device id is lost when the app is reinstalled or the cookie deleted, a person has two devices, and a bot has a thousand.
# So the count of devices says little. To give an event without a login to a user (*stitching*) takes evidence, and there is
# only one kind that can be checked later: an event that carries *both* ids. The rules:
#
# - One user ever on a device: all events of the device are theirs, from first sight to last.
# - Two users or more: the device is *ambiguous*. From the first to the last event of an unbroken run of one user the device
#   is theirs (an *interval*); what happened between two users, or before and after, stays with the device.
# - Analytics denied: nothing is stitched, the events only count.
#
# The result is a table of intervals, one row each, which anybody can check against the logins. Joined to the events it gives
# each a `person_id`, and says how that is known. The columns of the events stay as they are; to undo the stitching, drop the view.

# %% tags=["nbval-check-output"]
intervals = identity.stitch(ds).to_pandas().sort_values(["anonymous_id", "first_seen_at"], ignore_index=True)
shared = intervals[intervals["status"] == "ambiguous"]
show.table(shared.drop(columns="status").head(5), "The identity map: the first intervals of devices with several users")

people = identity.events(ds)
how = people.group_by("person_by").agg(events=people.count(), distinct_ids=people.person_id.nunique())
show.table(how.order_by("person_by").to_pandas(), "How the person behind an event is known")

# %% [markdown]
# ### Gates first
#
# Before anybody uses the map: on how many logins does it rest, and is the user id lost somewhere on the way? The last two gates
# look at the half hour after a login, when every event should carry the id. Only they have a bound, `identity.ALARM`.

# %% tags=["nbval-check-output"]
gates = identity.gates(ds)
show.table(gates.round(4), "Quality gates of the identities; an alarm means: mend the tracker first")

# %% [markdown]
# A calm mean can hide a bad week. Which platform, which weeks?

# %%
lost = identity.lost_ids(ds)
busy = lost[lost["events"] >= identity.FLOOR]
busy = busy.assign(share=100 * busy["lost"] / busy["events"]).sort_values(["platform", "week"])
worst = busy.loc[busy["share"].idxmax()]
weeks = busy.pivot(index="week", columns="platform", values="share")
first = pd.Timestamp(worst["week"], tz="UTC")
there = people.filter(people.platform == worst["platform"], people.timestamp >= first)
there = there.filter(there.timestamp < first + pd.Timedelta(days=7), there.user_id.isnull())
repaired = (there.person_by == "interval").mean().to_pandas()

# %%
with show.figure(
    f"In the worst week {worst['share']:.0f} % of the logged-in events on {worst['platform']} lost the user id",
    x="week",
    y="logged-in events without user id, %",
    alt=f"One line for each of {weeks.shape[1]} platforms. {worst['platform']} reaches {worst['share']:.0f} % in the week of "
    f"{worst['week']:%Y-%m-%d}; the median of all weeks and platforms is {busy['share'].median():.1f} %.",
) as ax:
    for platform, style in zip(weeks, show.LINES, strict=False):
        ax.plot(weeks.index, weeks[platform], linestyle=style, label=platform)
    ax.set_xticks(weeks.index[:: len(weeks) // 5 + 1])

# %% tags=["remove-input"]
show.say(
    f"A release that forgets the id makes its users look like strangers. In that week the intervals give **{repaired:.0%}** of the "
    "platform's events without a login to a user, thanks to logins on the same device. On a new device there would be "
    "none to rely on: mend the tracker, do not trust the repair."
)

# %% [markdown]
# ### The trap: whoever shares a device is one person
#
# A popular rule links all ids that ever met: the user of a device, all devices of that user, all users of those devices and
# so on. In graph terms it takes connected components. How many accounts does it blend with another? Shared devices are rare
# in this company, so once more with one tablet added, on which fifty users log in at a book fair, one after the other.


# %%
def blended(pairs: pd.DataFrame) -> int:
    """Return how many users share a connected component of the graph of devices and users with another user."""
    device, user = pd.factorize(pairs["anonymous_id"])[0], pd.factorize(pairs["user_id"])[0]
    nodes = device.max() + 1 + user.max() + 1
    edges = coo_array((np.ones(len(pairs)), (device, device.max() + 1 + user)), shape=(nodes, nodes))
    of_user = pd.Series(csgraph.connected_components(edges)[1][device.max() + 1 :])
    return int(of_user.duplicated(keep=False).sum())


# %% tags=["nbval-check-output"]
pairs = intervals[["anonymous_id", "user_id"]].drop_duplicates()
fair = pd.DataFrame({"anonymous_id": "tablet", "user_id": pairs["user_id"].drop_duplicates().head(50)})
merged, after_fair = blended(pairs), blended(pd.concat([pairs, fair]))
print(f"transitive merge: {merged} of {pairs['user_id'].nunique():,} accounts blended with another")
print(f"one tablet more:  {after_fair}, all those of the tablet in one person; by intervals: none, ever")

# %% [markdown]
# A blended account shows one person's courses to another, cannot be taken apart again, and with enough shared devices the
# whole company becomes one person. The interval rule errs too. It leaves events with the device, and where somebody borrows a
# device without logging in, it takes them for the user whose interval it is. But two accounts stay two, and an interval can
# be taken back. When two accounts really are one person, that is a row in a table, with who said so and when
# (`identity.canonical`); leaving the row out undoes it.

# %% [markdown]
# ### Late logins change the past
#
# Someone looks around for a week and then signs up: the visits of that week were a stranger's, and are now a user's. Take the
# records as they had arrived 30 days before the end, then all of them. Only the devices of what arrived since are stitched
# again.

# %% tags=["nbval-check-output"]
cut = ds.observation_end - pd.Timedelta(days=30)
arrived = ds.events.filter(ds.events.received_at < cut)
before = identity.stitch(ds, arrived)
after = identity.update(ds, before, since=cut)
moved = identity.changes(identity.events(ds, before, arrived), identity.events(ds, after, arrived), ds.timezone)
print(f"{moved['events'].sum():,} events of {len(moved):,} days before the cut went to another person afterwards")
show.table(moved.nlargest(3, ["events", "date"]), "The days that changed most")

# %% [markdown]
# So a number by person and day is final only when its last login has come in. Print the count of events re-attributed with every
# run; when it jumps, look at the tracker first.

# %% [markdown]
# ## Who invited whom
#
# A user may have been invited by another. That makes chains: *generation* 0 came unasked, generation 1 was invited by
# those, and so on. (The functions of `l02` stand in
# [lessons/l02.py](../lib/knowpay_course/lessons/l02.py).)

# %% tags=["nbval-check-output"]
from knowpay_course.lessons import l02

users = ds.users.select("user_id", "created_at", "referrer_user_id").to_pandas()
inviter = users.set_index("user_id")["referrer_user_id"]
generation = l02.generations(inviter)
print(
    f"{inviter.notna().sum():,} of {len(inviter):,} users were invited, the longest chain has {generation.max()} steps"
)

# %% [markdown]
# ### The trap: K as total invitations times their rate of success
#
# The K-factor says how many users each user brings. A widely reprinted article computes it like this: 1,000 invitations,
# 30 % accepted, K = 300, and above 1 is healthy. The same sum for this company, and the right one beside it:

# %% tags=["nbval-check-output"]
sent = ds.interactions.filter(ds.interactions.action == "invite").count().to_pandas()
accepted = ds.interactions.filter(ds.interactions.action == "invite_accepted").count().to_pandas()
rate = accepted / sent
popular = sent * rate
right = (sent / len(users)) * rate
print(f"popular: {sent:,} invitations x {rate:.0%} = {popular:,.0f}")
print(f"right:   {sent / len(users):.3f} invitations per user x {rate:.0%} = {right:.3f}")

# %% tags=["remove-input"]
show.say(
    f"The popular product is just the number of accepted invitations. It is divided by nothing, so a company with twice the users has "
    f"twice the “K”. Per user it is **{right:.2f}** in these months: {'below' if right < 1 else 'above'} 1. Below 1 every chain of "
    "invitations ends, and the programme is a discount on users."
)

# %% [markdown]
# ### By generation
#
# The records of the users know all invitations, also those from before the events begin. If the invited invite as eagerly as
# the others, K differs between generations by chance only. Read the column `users` first: in the last generations one accepted
# invitation more or less moves K far, and that one user invited nobody leaves nearly any K possible.

# %% tags=["nbval-check-output"]
by_generation = l02.k_factor(inviter, generation)
show.table(by_generation.round(4), "K by generation of the inviting user, with 90 % intervals")

# %%
k_mean = inviter.notna().mean()  # accepted invitations per user, over all generations
per_root = len(inviter) / (generation == 0).sum()
known = by_generation[by_generation["users"] >= 10]
spread = [known["k"] - known["low"], known["high"] - known["k"]]
words = "; ".join(f"generation {g}: {r.k:.2f}, from {r.low:.2f} to {r.high:.2f}" for g, r in known.iterrows())

# %%
with show.figure(
    f"K lies between {known['k'].min():.2f} and {known['k'].max():.2f}; the highest interval ends at {known['high'].max():.2f}",
    x="generation of the inviting user",
    y="accepted invitations per user (K)",
    alt=f"Points with intervals. {words}. A line marks 1.",
) as ax:
    ax.errorbar(known.index, known["k"], yerr=spread, fmt="o", capsize=4)
    ax.axhline(1, linestyle="--", color="black")
    ax.set_xticks(known.index)

# %% [markdown]
# Each generation is the one before times its K, so the sum is known: users who come unasked, times
# $1 + K_0 + K_0 K_1 + \dots$, are all users. When K does not change, that is $1 / (1 - K)$.

# %% tags=["remove-input"]
show.say(
    f"Of {len(known)} generations with ten users or more, number {known['k'].idxmax()} brings most, {known['k'].max():.2f} each, and "
    f"number {known['k'].idxmin()} least, {known['k'].min():.2f}; "
    + (
        f"the intervals have {known['low'].max():.2f} to {known['high'].min():.2f} in common, so one K may be behind them all. "
        if known["low"].max() < known["high"].min()
        else "no K lies in all the intervals, which among several of 90 % happens by chance too: look again with more users. "
    )
    + f"A hundred users who come unasked end as **{100 * per_root:.0f}**; by the formula with K = {k_mean:.3f}, "
    f"{100 / (1 - k_mean):.0f}. The two agree always, because K over all generations is a mean over all users."
)

# %% [markdown]
# ### In equal time
#
# Users who came long ago had longer to invite. For a price per invitation, K needs a clock: accepted invitations within
# 180 days of registering, among users watched that long.

# %% tags=["nbval-check-output"]
horizon = 180  # days
brought = l02.k_within(users, horizon, ds.observation_start, ds.observation_end)
half_year = estimate.mean(brought)
interval = f"90 % interval {half_year.low:.3f} to {half_year.high:.3f}"
print(f"K in {horizon} days: {half_year.value:.3f} ({interval}; {len(brought):,} users)")

# %% [markdown]
# ## Are invited users better?
#
# "Invited users are worth more" is the most common argument for a higher reward. Two measures for the first half year: the
# contribution in yuan (as in *Start here*, 30 % of the money goes to teachers), and the days on which the user looked around.

# %%
teacher_share = 0.30
value = economics.cohort_value(ds, teacher_share, horizon=horizon).set_index("user_id")
looked = people.filter(people.event == "page_viewed")  # lessons are another habit
value = value.join(l02.active_days(ds, looked, horizon))
value["invited"] = inviter.reindex(value.index).notna()
invited, organic = value[value["invited"]], value[value["channel"] == "organic"]
organic = organic if len(organic) else value[~value["invited"]]  # records without channels

# %% tags=["nbval-check-output"]
groups = {"invited": invited, "organic": organic}
means = {(g, m): estimate.mean(part[m].dropna()) for m in ("value", "active") for g, part in groups.items()}
lines = estimate.frame(means, "mean").rename_axis(["group", "measure"])
lines.insert(0, "users", [float(len(groups[group])) for group, _ in lines.index])
show.table(lines.round(2), "First half year: yuan of contribution, and days seen, with 90 % intervals")
more_value = invited["value"].mean() / organic["value"].mean() - 1

# %%
favourite = profiles.pages_by_category(ds).idxmax(axis=1)
value["favourite"] = favourite
pool = value.dropna(subset=["active", "favourite"])  # were seen, opened a page
unasked = pool.index.to_series().isin(organic.index)
found = l02.like_with_like(pool, unasked)
spread = l02.compared(pool, unasked, draws=200, seed=seed)
likened = {n: estimate.from_draws(found[n], spread[n].to_numpy()) for n in found}

# %% tags=["remove-input"]
slide = likened["plain"]
show.say(
    f"The slide would say: invited users are worth **{more_value:+.0%}** against organic ones and come on **{slide.value:+.0%}** days "
    f"(90 % interval {slide.low:+.0%} to {slide.high:+.0%}). "
    + ("Zero is inside: too few users to say even that. " if slide.low < 0 < slide.high else "")
    + "And a sure difference would not say that the invitation *made* them so."
)

# %% [markdown]
# ### Friends resemble each other
#
# People invite people like themselves. The field calls it *homophily*. Do an inviter and the invited open the same category
# most? And how often do two users picked at random?

# %% tags=["nbval-check-output"]
ties = pd.DataFrame({"guest": inviter.dropna().index.map(favourite)})
ties["host"] = inviter.dropna().map(favourite).to_numpy()
ties = ties.assign(inviter=inviter.dropna().to_numpy()).dropna()
ties["same"] = ties["guest"] == ties["host"]
at_random = (favourite.value_counts(normalize=True) ** 2).sum()
tied = estimate.bootstrap(lambda n: np.average(ties["same"], weights=n), ties["inviter"], seed=seed)
alike = estimate.from_draws(ties["same"].mean(), tied)
print(f"same favourite category: {alike.value:.1%} of {len(ties)} pairs of inviter and invited")
print(f"90 % interval {alike.low:.1%} to {alike.high:.1%}; pairs picked at random: {at_random:.1%}")

# %% [markdown]
# That is no proof that one reads what the other reads: friends were alike before. And it has a consequence: an
# invitation programme draws a *kind* of people, and its users differ from others by their kind, whatever an invitation does.
# The published study of it, ten thousand customers of a German bank, finds the invited at least 16 % more valuable *than
# others of like demographics and time of joining*, and not equally in all segments; one bank is no law.
#
# So compare like with like: for each favourite category, how active are users who were *not* invited? Weighted by the
# categories of the invited, that is what people of their kind do uninvited. (Organic users are only some of the uninvited, so
# the lines of the table need not add up.)

# %% tags=["nbval-check-output"]
steps = {
    "plain": "invited against organic, as they come",
    "mix": "of which: another mix of people",
    "kind": "invited against uninvited of their kind",
}
compared = estimate.frame({steps[n]: likened[n].scaled(100, "%") for n in steps}, "days seen, %")
show.table(compared.round(1), "Like with like, with 90 % intervals")

# %% tags=["remove-input"]
mix, kind = likened["mix"], likened["kind"]
show.say(
    f"The mix of people alone makes it **{mix.value:+.1%}** days; against people of their kind the invited come on **{kind.value:+.1%}** days "
    f"(90 % interval {kind.low:+.0%} to {kind.high:+.0%}). "
    + (
        "Zero is inside: these data do not show that the invited come more often than others of their kind."
        if kind.low < 0 < kind.high
        else "Zero is outside, for this measure of kind. Friends may be alike in what no page shows; only a draw of who is invited "
        "would settle it."
    )
)

# %% [markdown]
# ## What an invitation is worth
#
# One more accepted invitation brings the contribution of a user in the first half year, and the others whom that user brings in that time,
# in all $K + K^2 + \dots = K / (1 - K)$. Those bring as much, but each costs today's reward. Refunds, fees and the commission of
# the inviter are taken off already. That is the ceiling if nobody would have come without the invitation. Some would have; the
# records cannot say how many, so read it for several shares. The low end of the ceiling takes worth and K both at their low
# ends, the high end both at their high ones; the share of invitations accepted is taken as it is.

# %%
worth = estimate.mean(invited["value"], unit="yuan")
now = economics.acquisition(ds)["per_registration"].get("referral", 0.0)
ends = [(getattr(worth, end), getattr(half_year, end)) for end in ("value", "low", "high")]
# Those they bring cost the reward too.
cap, cap_low, cap_high = (w + k / (1 - k) * (w - now) for w, k in ends)

# %% tags=["nbval-check-output"]
shares = pd.Series([1.0, 0.5, 0.25], name="share that would not have come")
ceiling = pd.DataFrame({"ceiling": cap * shares, "low": cap_low * shares})
ceiling["high"] = cap_high * shares
ceiling["per invitation sent"] = ceiling["ceiling"] * rate
show.table(ceiling.set_index(shares).round(2), "Yuan that an accepted invitation may cost, with 90 % intervals")

# %% [markdown]
# ## What others say about the market
#
# The table `market` holds what does not come from your own trackers: your ledger, your price list, prices read from rivals'
# pages, filings, panels, blogs. One row per figure, with source, date and a grade: **P** a primary source, **R** a report of
# one, **W** weak (no source, no date, or an interest in the number). A figure without a grade does not enter.

# %% tags=["nbval-check-output"]
market = ds.market.to_pandas()
graded = market.groupby(["method", "quality"]).agg(figures=("value", "size"), sources=("source", "nunique"))
show.table(graded.reset_index(), "Figures by how they were obtained and by grade")
weak = market[market["quality"] == "W"].sort_values(["metric", "source"])
show.table(weak[["date", "source", "entity", "metric", "value", "unit"]], "Graded W")
sizes = weak.loc[weak["metric"] == "market size", "value"]
spend = market[(market["method"] == "own_spend") & (market["metric"] == "spend")]
quoted = market[market["metric"] == "cost per paying user"]
own_cac = economics.acquisition(ds)["cac"].drop(["organic", "referral"], errors="ignore").dropna()

# %% tags=["remove-input"]
if len(sizes) > 1 and len(quoted):
    show.say(
        f"The weak figures contradict each other: one market, two sizes, the larger {sizes.max() / sizes.min():.1f} times the smaller. "
        "Nothing that you could decide depends on either, so neither is used. A reported figure is something to be "
        "surprised by: another platform's cost per paying user is reported as "
        f"{quoted['value'].iloc[0]:.0f} yuan (grade {quoted['quality'].iloc[0]}), your own channels cost {own_cac.min():.0f} to "
        f"{own_cac.max():.0f}. Only the ledger ({len(spend)} rows, grade P) enters the decision."
    )

# %% [markdown]
# ## On real data
#
# What a competitor asks is a third-party figure that one can count oneself: a catalogue of Udemy, 2011 to 2017. Do our counts
# agree with those on its card (`datasets/udemy.md`)?

# %% data="udemy"
from knowpay.collect import public

udemy = knowpay.open("udemy")

# %% data="udemy" tags=["nbval-check-output"]
show.table(public.counts(udemy), "Udemy: rows read beside the published numbers")
listed = udemy.courses.select("category", "price").to_pandas()
paid = listed[listed["price"] > 0].groupby("category")["price"].quantile([0.1, 0.5, 0.9]).unstack()
paid["free, %"] = 100 * (listed["price"] == 0).groupby(listed["category"]).mean()
show.table(paid.round(1), "List prices of paid courses in US dollars: tenth, median and ninetieth percentile")

# %% [markdown]
# Before it becomes a row of `market`, grade it. It is a count (good) of *list* prices in a shop that sells mostly at a
# discount, in another currency, years ago. So it cannot say what anybody paid, nor what to ask in yuan. What travels is its
# shape: each price over the median of its shop. The title reads both curves at one point, half the median (the dotted line);
# what the rest of a curve says is not in it.

# %% data="udemy"
ours = ds.courses.filter(ds.courses.product_type != "membership").price.to_pandas()
shapes = {"this company": ours[ours > 0], "Udemy": listed.loc[listed["price"] > 0, "price"]}
relative = {name: np.sort(price / price.median()) for name, price in shapes.items()}
words = ", ".join(f"{np.mean(price <= 0.5):.0%} in {name}" for name, price in relative.items())

# %% data="udemy"
with show.figure(
    f"Paid courses at half the median price or less: {words}",
    x="list price, as a multiple of the median",
    y="share of courses at or below",
    alt=f"Two cumulative curves of list prices relative to the median. At half the median or less: {words}.",
) as ax:
    for (name, price), style in zip(relative.items(), show.LINES, strict=False):
        ax.plot(price, np.arange(1, len(price) + 1) / len(price), linestyle=style, label=name)
    ax.axvline(0.5, linestyle=":", color="black")

# %% [markdown]
# ## Check against the truth
#
# The company knows who sat in front of each device. Of the events without a login that were given to a user, how many were
# given to the right one (precision)? Of all events without a login that people made, how many came to the right one (recall)?
# Bots, and people who denied analytics, are out: they have no lasting id. Nearly all devices have one user, where hardly any
# rule can go wrong. So the promise of the intervals is checked too: no event goes to one person between two logins of another.

# %%
truth = getattr(ds, "truth", None)
if truth is None:
    show.say(f"{ds.name} is not simulated: nobody knows its truth, so nothing can be graded.")

# %% tags=["nbval-check-output"]
if truth is not None:
    columns = ["message_id", "anonymous_id", "timestamp", "user_id", "person_id", "person_by"]
    rows = people.select(columns).to_pandas()
    unknown = rows[rows["user_id"].isna() & rows["anonymous_id"].isin(truth.identity["anonymous_id"])]
    right, borrowed = l02.given_rightly(unknown, truth)
    linked = unknown["person_by"] == "interval"
    show.quality("stitched events that are right", 100 * right[linked].mean(), 99, 100, "%")
    show.quality("events without login that were stitched rightly", 100 * right.mean(), 98, 100, "%")
    against = l02.given_against_a_login(rows)
    show.exact("events given to one between two logins of another", against, 0)

# %% tags=["remove-input"]
if truth is not None:
    of_main = unknown["anonymous_id"].map(main["user_id"])
    given = unknown.assign(person_id=of_main, person_by="interval")
    by_main, _ = l02.given_rightly(given, truth)
    by_main &= of_main.notna()
    several = unknown["anonymous_id"].isin(shared["anonymous_id"])
    clash = linked & of_main.notna() & (of_main != unknown["person_id"])  # in the interval of another
    show.say(
        f"Beside the main user of the device: it finds {by_main.mean():.1%} of all these events, intervals {right.mean():.1%}; on shared "
        f"devices {by_main[several].mean():.0%} and {right[several].mean():.0%}, because intervals leave some with the device. Of those "
        f"given to somebody on shared devices, {by_main[several & of_main.notna()].mean():.0%} and {right[several & linked].mean():.0%} are "
        f"right. In the interval of somebody else the main user gets {clash.sum():,} events. To *count*, a rule that misses little will "
        "do. For what one person gets to see, take intervals. Neither sees who borrows a device without logging in: "
        f"of {borrowed.sum():,} such events the intervals were right in {right[borrowed].sum():,}."
    )

# %% [markdown]
# K by generation rests on a complete graph, so it must be exact. The K that decides is counted a second time, from the
# acceptances; the yuan a second time, from the simulator's own books, with the orders that a page reload sent twice (lesson 01
# hunts those); the ceiling round by round.

# %% tags=["nbval-check-output"]
if truth is not None:
    for number, true_k in enumerate(truth.info["k_factor"][:3]):
        show.exact(f"K of generation {number}", by_generation["k"].round(4).get(number, 0.0), true_k)
    in_time, watched = l02.accepted_by_watched(ds, horizon)
    show.exact(f"K in {horizon} days", round(half_year.value, 6), round(in_time / watched, 6))
    booked = l02.booked(ds, truth, value.index, horizon, teacher_share)
    booked += economics.sent_twice(ds, invited.index, horizon, teacher_share)
    show.exact("contribution of an invited user", round(worth.value, 2), round(booked, 2), "yuan")
    true_cap = l02.chain_value(booked, now, in_time / watched)
    show.exact("ceiling of an accepted invitation", round(cap, 2), round(true_cap, 2), "yuan")

# %% [markdown]
# Now the comparison. The traits of the people say on how many days each is expected to be seen in half a year (visits come by
# chance at a daily rate that fades; a day counts once), and on how many if nobody had invited them. So the truth has two
# answers: how much more the invited come, and what the invitation did. The slide takes the first for the second. The errors
# are those of the days for these very people.
#
# And do the invited read what their inviters read? Nobody in this world copies anybody. If so, pairs should be as alike as
# two users picked at random *from the same two kinds*, and no more.

# %%
if truth is not None:
    local = users.assign(created_at=users["created_at"].dt.tz_convert(ds.timezone))
    as_they_are, uninvited = l02.days_by_traits(truth, local, pool.index, horizon)
    came_by = truth.users.set_index("user_id")["generation"].loc[pool.index]
    guests = pool.index[came_by > 0]
    did = 100 * (as_they_are[guests].mean() / uninvited[guests].mean() - 1)
    real = l02.true_comparisons(as_they_are, pool["favourite"], guests, pool.index[unasked])
    chance = l02.same_people(pool, unasked, draws=200, seed=seed)
    ours = {n: estimate.from_error(found[n], chance[n]).scaled(100, "%") for n in found}

# %% tags=["nbval-check-output"]
if truth is not None:
    plain, kind_of = 100 * real["plain"], 100 * real["kind"]
    show.check("days of the invited over organic", ours["plain"], plain, ("what the invitation did", did))
    show.check("of which the mix of people", ours["mix"], 100 * real["mix"], ("no difference of kind", 0))
    show.check("days of the invited over their kind", ours["kind"], kind_of, ("the plain comparison", plain))
    by_kind = l02.same_favourite(truth, inviter, favourite)
    rival = ("pairs picked at random", 100 * at_random)
    show.check("pairs with the same favourite", alike.scaled(100, "%"), 100 * by_kind, rival)

# %% tags=["remove-input"]
if truth is not None:
    show.say(
        f"The invitation truly adds **{did:+.1f} %** to the days of these users. The invited come on {100 * real['plain']:+.1f} % days against "
        f"organic users, and on {100 * real['kind']:+.1f} % against others of their kind. The rest is who they are: their favourite "
        f"categories account for {100 * real['mix']:+.1f} %, and no column of the records shows all of it."
    )

# %% [markdown]
# ## Decide

# %% tags=["remove-input"]
if not now:
    verdict = "The ledger has no row of what the programme costs: add it to `market` before you judge the programme"
elif now < cap_low:
    verdict = (
        f"Today an accepted one costs {now:.2f}. Keep that, and raise nothing yet: it pays as long as at least {now / cap_low:.0%} of the "
        "invited would not have come otherwise, at the low end of the interval"
    )
else:
    verdict = f"Do not raise the reward: at the low end of the interval even today's {now:.2f} yuan is not earned back in half a year"
show.say(
    f"**Decision.** One more accepted invitation may cost at most **{cap:.2f} yuan** (90 % interval {cap_low:.2f} to {cap_high:.2f}), and an "
    f"invitation sent **{cap * rate:.2f} yuan** ({cap_low * rate:.2f} to {cap_high * rate:.2f}), if all who accept are extra. "
    f"{verdict}. That invited users are worth {more_value:+.0%} is no argument for more: it says neither what the "
    "invitation did nor who would have come anyway. **What would change it:** an A/B test in which half of the inviters are offered no reward for a month tells the "
    "share that is extra; a longer horizon raises the ceiling."
)

# %% [markdown]
# ## Exercises
#
# Three exercises with checks that explain are in
# [exercises/02_join_social_and_third_party_data](exercises/02_join_social_and_third_party_data.ipynb): the K of a programme, whose
# events a family tablet holds, and what to answer to a slide.

# %% [markdown]
# ## Summary
#
# - Only logins link a device to a user; intervals keep the accounts on a shared device apart, gates say when the ids themselves
#   are broken, and a merge is a row that can be taken back. Keep the main user of a device beside them: for counting, such a
#   dull rule may miss less.
# - K is accepted invitations per *user*. Below 1 it multiplies users by $1/(1-K)$, and the rewards with them.
# - Invited users are another kind of people. Compare like with like, then ask for an A/B test.
# - A figure from outside has a source, a date and a grade, or it does not enter.
#
# ## References
#
# - Sensors Data (神策), 标识用户: simple association of users, and why many-to-one cannot go back.
# - Snowplow, *Identity stitching*; PostHog, *Identifying users*: merges that cannot be undone, and the warning about them.
# - McPherson M., Smith-Lovin L., Cook J. M. (2001). Birds of a feather: homophily in social networks. *Annual Review of
#   Sociology* 27, 415-444.
# - Schmitt P., Skiera B., Van den Bulte C. (2011). Referral programs and customer value. *Journal of Marketing* 75(1), 46-59.
