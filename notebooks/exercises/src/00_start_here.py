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
# # Exercises: start here
#
# They belong to the lesson [Start here: can this business buy its growth?](../00_start_here.ipynb). Run the cells from
# the top; each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · When does a registration pay back? (10 minutes)
#
# Take the **wechat_official** channel and its users who were watched for 180 days. Set `answer` to the **first day** (a whole
# number, 1 to 180) by whose end the contribution of these users reaches what their registrations cost, or to `0` if it
# never does within the 180 days.

# %% tags=["given"]
import knowpay
from knowpay.analyse import economics

ds = knowpay.open(data, seed=seed)
cost = economics.acquisition(ds)["per_registration"]["wechat_official"]
mature = economics.cohort_value(ds, teacher_share=0.3, horizon=180).query("channel == 'wechat_official'")
paid = economics.contributions(ds, teacher_share=0.3)  # user_id, channel, day (since registration), amount


# %% tags=["solution"]
answer = economics.payback(economics.recovered(paid, mature["user_id"], 180), cost)

# %% tags=["wrong"]
# hint: You set the money of everybody on the channel against the cost of the watched users. Keep both sides to the same people.
everybody = paid.loc[paid["channel"] == "wechat_official", "user_id"].unique()
money = economics.recovered(paid, everybody, 180) * len(everybody)
answer = economics.payback(money / len(mature), cost)

# %% tags=["wrong"]
# hint: You charged the cost of a registration for payers only. The others were paid for too.
payers = mature.loc[mature["value"] > 0, "user_id"]
answer = economics.payback(economics.recovered(paid, payers, 180), cost)

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · One number for the board (5 minutes)
#
# The board asks: "what is a user worth?" and wants one line. Which line would you sign?
#
# - `"a"` The average of those who paid: it shows what our product is worth to a customer.
# - `"b"` All contribution so far divided by all registrations so far: it uses every user we have.
# - `"c"` Contribution of the first 180 days per registered user, of users watched that long, with its interval.
# - `"d"` The value on our best channel: that is where we shall grow.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: Those who never paid were bought as well. A value per payer set against a price per registration compares two different people.
answer = "a"

# %% tags=["wrong"]
# hint: Users who registered last week have had no time to pay. The faster you grow, the lower this number falls.
answer = "b"

# %% tags=["wrong"]
# hint: The best of several noisy averages is best partly by luck; next time it will be lower. Show all channels, with intervals.
answer = "d"
