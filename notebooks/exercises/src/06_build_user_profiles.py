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
# # Exercises: build user profiles
#
# They belong to the lesson [Build user profiles that change what you do](../06_build_user_profiles.ipynb). Run the cells
# from the top; each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · Put a grouping to the test (10 minutes)
#
# A colleague wants to choose the category on the home page **by the day of registration**: who came on one day saw one
# advertisement. Give the idea the lesson's decision test: for each of these days, feature the category its users opened
# most *before* the line; take, for each user, the share of the pages *after* the line that falls into it. Set `answer` to the mean of these shares over users, as a fraction.

# %% tags=["given"]
import knowpay
import pandas as pd
from knowpay.analyse import profiles
from knowpay_course.lessons import l06

ds = knowpay.open(data, seed=seed)
line = ds.observation_end - pd.Timedelta(days=120)
before = profiles.pages_by_category(ds, until=line)
after = profiles.pages_by_category(ds, start=line)
users = ds.users.select("user_id", "created_at").to_pandas().set_index("user_id")
came = users["created_at"].dt.strftime("%Y-%m-%d")
came = came.loc[came.index.intersection(before.index)]

# %% tags=["solution"]
answer = l06.featured_share(after, came, train=before).mean()

# %% tags=["wrong"]
# hint: You chose the category from the pages you then count. Choose before the line, count after it.
answer = l06.featured_share(after, came, train=after).mean()

# %% tags=["wrong"]
# hint: You counted the pages before the line. A grouping must prove itself on behaviour it has not seen.
answer = l06.featured_share(before, came, train=before).mean()

# %% tags=["wrong"]
# hint: You weighted users by their pages, so the busiest decide. The mean is over users.
shares = l06.featured_share(after, came, train=before)
weight = after.loc[shares.index].sum(axis=1)
answer = (shares * weight).sum() / weight.sum()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · The slide with five personas (5 minutes)
#
# An agency shows five personas from K-means on recency, frequency and money. "Silhouette 0.49, and when we resample your
# users the groups come back 9 times out of 10." What do you answer?
#
# - `"a"` Good: a silhouette near 0.5 and a stability of 0.9 show that the groups are real.
# - `"b"` Take the logarithm first; then the groups are real if the silhouette stays above 0.3.
# - `"c"` Show me the same numbers on one cloud without groups, and what gets better on later behaviour if we act on them.
# - `"d"` K-means is outdated; use a neural network to find the personas.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: The lesson's cloud without any groups came back more than nine times out of ten, and skewed RFM scored highest of all.
answer = "a"

# %% tags=["wrong"]
# hint: No threshold of the silhouette separates groups from pieces of one cloud: noise scored nearly 0.3, the true groups less.
answer = "b"

# %% tags=["wrong"]
# hint: The method is not the problem. Any method cuts a cloud into pieces when asked to; ask for a null reference and a decision.
answer = "d"
