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
# # Exercises: plan a campaign
#
# They belong to the lesson [Plan a campaign](../18_plan_a_campaign.ipynb). Run the cells from the top; each check says
# what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · What a rule earns (10 minutes)
#
# The rule: *write to everybody who was seen on at most two of the 30 days before.* A purchase of the promoted course
# leaves 0.59 of its `price`, a message costs 0.20 yuan. `assignments` has past touches whose arm was drawn by lot; `propensity`
# is the probability of the *arm that was drawn*, and it is not the same for all. Set `answer` to what the rule earns against writing
# to nobody, in **yuan per person on the list** (those whom the rule leaves alone are on the list too).

# %% tags=["given"]
import knowpay
from knowpay.analyse import touches
from knowpay.people import snapshot

ds = knowpay.open(data, seed=seed)
assignments = touches.outcomes(ds, window_days=14)  # message, bought, propensity, price, ...
chosen = snapshot.snapshot(ds, assignments.rename(columns={"assigned_at": "at"}))["active_days"] <= 2

# %% tags=["solution"]
count = assignments["message"].map({True: 1, False: -1}) / assignments["propensity"]
gain = count * assignments["bought"] * 0.59 * assignments["price"] - 0.20
answer = (gain * chosen).mean()

# %% tags=["wrong"]
# hint: You counted the purchases of the message arm only. Those of the control arm came without a message: take them off.
gain = assignments["message"] * assignments["bought"] * 0.59 * assignments["price"] / assignments["propensity"] - 0.20
answer = (gain * chosen).mean()

# %% tags=["wrong"]
# hint: You took the propensity for that of the message in both arms. It is that of the arm drawn: divide by it as it stands.
q = assignments["propensity"]
count = (1 / q).where(assignments["message"], -1 / (1 - q))
gain = count * assignments["bought"] * 0.59 * assignments["price"] - 0.20
answer = (gain * chosen).mean()

# %% tags=["wrong"]
# hint: That is the gain per message. Asked is the gain per person on the list; the people left alone count with 0.
count = assignments["message"].map({True: 1, False: -1}) / assignments["propensity"]
gain = count * assignments["bought"] * 0.59 * assignments["price"] - 0.20
answer = gain[chosen].mean()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · Two weeks later (5 minutes)
#
# The campaign is out. Of 704 people who were sent a message 20 bought (2.8 %); of 82 held out 3 bought (3.7 %). The brief
# said: look once, after twelve such campaigns. What do you do?
#
# - `"a"` Stop: those without a message bought more, so the message does harm.
# - `"b"` Go on as planned: one buyer more or less moves the hold-out by 1.2 points, so this says next to nothing.
# - `"c"` Look again every week and stop as soon as the difference is significant either way.
# - `"d"` Compare those who *opened* the message with the hold-out: only they could be moved.

# %% tags=["solution"]
answer = "b"

# %% tags=["wrong"]
# hint: With 82 people held out a single campaign shows only effects of about six points. Three buyers could as well have been one.
answer = "a"

# %% tags=["wrong"]
# hint: Each further look is another chance to be fooled: five looks turn a 5 % error into 14 %. Look when you said you would.
answer = "c"

# %% tags=["wrong"]
# hint: Opening was not drawn by lot. People who open are keener than those who do not, and keener than the hold-out. Keep to the arms.
answer = "d"
