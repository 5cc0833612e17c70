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
# They belong to the lesson [Plan a campaign](../18_plan_a_campaign.ipynb). Run the cells from the top; each check says what
# it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · Who may get a personal message? (10 minutes)
#
# The next campaign goes out at the end of the records. Set `answer` to the **number of people** who may get a message chosen
# for them: nothing in their standing forbids it, they have not opted out of personalisation, and one more message would
# break none of the house's caps.

# %% tags=["given"]
import knowpay
from knowpay.operate import plan

ds = knowpay.open(data, seed=seed)
status = plan.standing(ds)  # user_id and status: "personal", "general", or why a person gets nothing

# %% tags=["solution"]
full = plan.too_often(ds)
answer = int(((status["status"] == "personal") & ~status["user_id"].isin(full)).sum())

# %% tags=["wrong"]
# hint: You forgot the caps. Some of these people have had as many messages as the house allows.
answer = int((status["status"] == "personal").sum())

# %% tags=["wrong"]
# hint: The status "general" means opted out of personalisation: such a person may get what everybody gets, not a personal pick.
full = plan.too_often(ds)
answer = int((status["status"].isin(["personal", "general"]) & ~status["user_id"].isin(full)).sum())

# %% tags=["wrong"]
# hint: You took the caps only. Refusals, staff and children under 14 come before them.
full = plan.too_often(ds)
answer = int((~status["user_id"].isin(full)).sum())

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · After the campaign (5 minutes)
#
# The campaign ran. Of the people written to, 1.6 % bought; of the tenth held out, 1.2 % did. A colleague says: "The interval
# of the difference includes zero. Next time drop the hold-out, it costs us purchases." What do you answer?
#
# - `"a"` Agreed: the hold-out has shown nothing, so it is wasted.
# - `"b"` Compare with the people who were not on the list at all: there are many more of them.
# - `"c"` Keep it: one campaign was never going to decide. Add up the campaigns, as the brief said before anything was sent.
# - `"d"` 1.6 is more than 1.2: the campaign worked, report a third more purchases.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: The lesson computed beforehand how many campaigns such a hold-out needs. Without it, no number of campaigns ever tells.
answer = "a"

# %% tags=["wrong"]
# hint: Those off the list were left off for a reason: caps, refusals, the order. They differ from the list; the held-out tenth does not.
answer = "b"

# %% tags=["wrong"]
# hint: With a tenth held out, the difference of two small shares swings by more than this from luck alone. Give the interval, and wait.
answer = "d"
