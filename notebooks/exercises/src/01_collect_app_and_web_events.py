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
data: str = "world:small"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · Which share of visitors ever signs up? (10 minutes)
#
# Count *devices* (`anonymous_id`) in the loaded events. Set `answer` to the share of devices with a `signed_up` event among
# all devices that are **not** bots by the lesson's rule.

# %% tags=["given"]
import knowpay
from knowpay.collect import faults

ds = knowpay.open(data, seed=seed)
events = ds.events.select("event", "anonymous_id").to_pandas()
arrived = faults.arrivals(ds)

# %% tags=["solution"]
bots = set(arrived.loc[faults.bots(arrived).index, "anonymous_id"])
human = events[~events["anonymous_id"].isin(bots)]
answer = human.loc[human["event"] == "signed_up", "anonymous_id"].nunique() / human["anonymous_id"].nunique()

# %% tags=["wrong"]
# hint: The bots are still in the denominator. A crawler never signs up, so each one lowers your rate.
signed = events.loc[events["event"] == "signed_up", "anonymous_id"].nunique()
answer = signed / events["anonymous_id"].nunique()

# %% tags=["wrong"]
# hint: You counted events, not devices. A busy visitor would count many times.
bots = set(arrived.loc[faults.bots(arrived).index, "anonymous_id"])
human = events[~events["anonymous_id"].isin(bots)]
answer = (human["event"] == "signed_up").mean()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · Rows that fail (5 minutes)
#
# A few orders of the mini program are a hundred times the list price. The month closes tonight. What do you do?
#
# - `"a"` Divide every order above the list price by 100 in the notebook.
# - `"b"` Drop the rows: they are under one percent of the orders.
# - `"c"` Leave them in quarantine, report the money without them and say so; ask the owner for the unit, declare it, load again.
# - `"d"` Keep them: the payment system is the source of truth.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: A silent repair also divides bundles and gifts that are rightly dear, and the next analyst repeats it or forgets it. Declare the unit once, at the door.
answer = "a"

# %% tags=["wrong"]
# hint: Under one percent of the orders may be most of an error in money, and dropped rows cannot be loaded again when the owner answers.
answer = "b"

# %% tags=["wrong"]
# hint: It is the source of the amounts, not of their unit. Kept as they are, these rows count a hundredfold.
answer = "d"
