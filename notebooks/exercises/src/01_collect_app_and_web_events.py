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
# # Exercises: collect app and web events
#
# They belong to the lesson [Collect app and web events you can decide on](../01_collect_app_and_web_events.ipynb). Run the
# cells from the top; each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %%
import knowpay
import pandas as pd
from knowpay.collect import faults

ds = knowpay.open(data, seed=seed)
arrived = faults.arrivals(ds)  # the raw rows of the events

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · Which share of visitors ever signs up? (10 minutes)
#
# Take the loaded events and the lesson's visitors: devices (`anonymous_id`) that are not bots by its rule and that came back
# or logged in. Set `answer` to the share of them with a `signed_up` event, as a number from 0 to 1.

# %% tags=["given"]
events = ds.events.select("event", "user_id", "anonymous_id").to_pandas()

# %% tags=["solution"]
bots = set(arrived.loc[faults.bots(arrived).index, "anonymous_id"])
once = ~events["anonymous_id"].duplicated(keep=False) & events["user_id"].isna()
visits = events[~once & ~events["anonymous_id"].isin(bots)]
answer = visits.loc[visits["event"] == "signed_up", "anonymous_id"].nunique() / visits["anonymous_id"].nunique()

# %% tags=["wrong"]
# hint: The bots and the ids seen once are still in the denominator. Neither signs up, so each one lowers your rate.
signed = events.loc[events["event"] == "signed_up", "anonymous_id"]
answer = signed.nunique() / events["anonymous_id"].nunique()

# %% tags=["wrong"]
# hint: The bots are out, but ids seen once without a login are in: whoever denied analytics gets a new one with every event.
bots = set(arrived.loc[faults.bots(arrived).index, "anonymous_id"])
human = events[~events["anonymous_id"].isin(bots)]
answer = human.loc[human["event"] == "signed_up", "anonymous_id"].nunique() / human["anonymous_id"].nunique()

# %% tags=["wrong"]
# hint: You counted events, not devices. A busy visitor would count many times.
bots = set(arrived.loc[faults.bots(arrived).index, "anonymous_id"])
once = ~events["anonymous_id"].duplicated(keep=False) & events["user_id"].isna()
visits = events[~once & ~events["anonymous_id"].isin(bots)]
answer = (visits["event"] == "signed_up").mean()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · How many events happened on Singles' Day? (10 minutes)
#
# Set `answer` to the number of events that happened on 11 November 2025, the company's day (`ds.timezone`): each event once,
# and by the corrected time.

# %% tags=["given"]
loaded = ds.events.select("message_id", "timestamp", "received_at").to_pandas()
day = pd.Timestamp("2025-11-11").date()

# %% tags=["solution"]
answer = int((loaded["timestamp"].dt.tz_convert(ds.timezone).dt.date == day).sum())

# %% tags=["wrong"]
# hint: These are the days of UTC. Whatever happens in Shanghai before eight in the morning falls on the day before.
answer = int((loaded["timestamp"].dt.date == day).sum())

# %% tags=["wrong"]
# hint: You counted by the time of arrival. What waited on a device belongs to the day on which it happened.
answer = int((loaded["received_at"].dt.tz_convert(ds.timezone).dt.date == day).sum())

# %% tags=["wrong"]
# hint: These are the raw rows by the device's own clock: retries count twice, and wrong clocks put their visits on other days.
answer = int((arrived["original_timestamp"].dt.tz_convert(ds.timezone).dt.date == day).sum())

# %% [markdown] tags=["exercise"]
# ## Exercise 3 · Rows that fail (5 minutes)
#
# A few orders of the mini program are a hundred times the list price. The month closes tonight. What do you do?
#
# - `"a"` Divide every order above the list price by 100 in the notebook.
# - `"b"` Drop the rows: they are few beside all orders.
# - `"c"` Leave them in quarantine, report the money without them and say so; ask the owner for the unit, declare it, replay.
# - `"d"` Keep them: the payment system is the source of truth.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: A silent repair also divides bundles and gifts that are rightly dear, and the next analyst repeats it or forgets it. Declare the unit once, at the door.
answer = "a"

# %% tags=["wrong"]
# hint: Few rows may be most of an error in money, and dropped rows cannot be replayed when the owner answers.
answer = "b"

# %% tags=["wrong"]
# hint: It is the source of the amounts, not of their unit. Kept as they are, these rows count a hundredfold.
answer = "d"
