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
# # Exercises: join social and third-party data
#
# They belong to the lesson [Join social and third-party data](../02_join_social_and_third_party_data.ipynb). Run the cells
# from the top; each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · The K of the last half year (10 minutes)
#
# `invites` has the invitations sent and accepted in the last 180 days, `users` all users and when they registered. Those who
# registered in these 180 days had less time to invite than the others; leave that aside. Set `answer` to K: accepted
# invitations of the 180 days per user who was registered by their end.

# %% tags=["given"]
import knowpay
import pandas as pd

ds = knowpay.open(data, seed=seed)
last = ds.observation_end - pd.Timedelta(days=180)
users = ds.users.select("user_id", "created_at", "referrer_user_id").to_pandas()
invites = ds.interactions.filter(ds.interactions.action.isin(["invite", "invite_accepted"]))
invites = invites.filter(invites.timestamp >= last).select("user_id", "target_user_id", "action").to_pandas()
accepted = (invites["action"] == "invite_accepted").sum()

# %% tags=["solution"]
answer = accepted / len(users)

# %% tags=["wrong"]
# hint: That is invitations times their rate of success: the number of accepted invitations. Divide by the users.
answer = (invites["action"] == "invite").sum() * accepted / (invites["action"] == "invite").sum()

# %% tags=["wrong"]
# hint: You divided by those who invited. Users who invite nobody are users too, and most are like that.
answer = accepted / invites.loc[invites["action"] == "invite", "user_id"].nunique()

# %% tags=["wrong"]
# hint: That is the rate of success of an invitation. K also counts how many a user sends, most of them none.
answer = accepted / (invites["action"] == "invite").sum()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · The family tablet (10 minutes)
#
# Mother (`u1`) and son (`u2`) share a tablet; `log` has its events in order. By the lesson's rules, to whom does each belong?
# Set `answer` to a list with one entry for each row: `"u1"`, `"u2"`, or `"tablet"` for those that stay with the device.

# %% tags=["given"]
import pandas as pd

log = pd.DataFrame(
    {
        "hour": [8, 9, 10, 11, 15, 16, 17, 20],
        "event": ["page_viewed", "logged_in", "product_viewed", "page_viewed"] * 2,
        "user_id": [None, "u1", None, "u1", None, "u2", "u2", None],
    }
)

# %% tags=["solution"]
answer = ["tablet", "u1", "u1", "u1", "tablet", "u2", "u2", "tablet"]

# %% tags=["wrong"]
# hint: You filled the gaps before and after a login with the next or the last user. On a shared device nobody knows who that was.
answer = ["u1", "u1", "u1", "u1", "u2", "u2", "u2", "u2"]

# %% tags=["wrong"]
# hint: Rows without a login between two events of one user, with nobody else between, are that user's: 10 o'clock is.
answer = ["tablet", "u1", "tablet", "u1", "tablet", "u2", "u2", "tablet"]

# %% tags=["wrong"]
# hint: You carried the last user forward. What happened after their last event, up to the next user's first, nobody can say.
answer = ["tablet", "u1", "u1", "u1", "u1", "u2", "u2", "u2"]

# %% [markdown] tags=["exercise"]
# ## Exercise 3 · The slide (5 minutes)
#
# "Users who came by invitation spend 58 % more than organic ones. So raise the reward from 4 to 6 yuan; the 2 yuan are won back
# many times." The company has 116 invited users of half a year. What do you answer?
#
# - `"a"` Agreed: 58 % more is far more than 2 yuan.
# - `"b"` Ask for a significance test of the difference between invited and organic users; raise the reward if it is below 0.05.
# - `"c"` Compare invited users with others of their kind, by favourite category; raise the reward if they still spend more.
# - `"d"` Offer the higher reward to half of the inviters, drawn by lot, and count the extra users and what they leave.

# %% tags=["solution"]
answer = "d"

# %% tags=["wrong"]
# hint: The interval of that 58 % reaches below zero, and the sum is not about 58 %: it is about users who would not have come otherwise.
answer = "a"

# %% tags=["wrong"]
# hint: A sure difference between two kinds of people still does not say what an invitation does, and nothing about a higher reward.
answer = "b"

# %% tags=["wrong"]
# hint: Better, and still short: it says what invited users are worth, not how many more come for 2 yuan, nor who had come anyway.
answer = "c"
