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
# # Exercises: train a course recommender
#
# They belong to the lesson [Train a course recommender](../15_train_a_course_recommender.ipynb). Run the cells from the
# top; each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · Recall by hand (10 minutes)
#
# `ten` holds the lists made on 1 June 2025, `after` the course pages opened in the 90 days after it. Set `answer` to the
# **recall@10** of the lists as the lesson defines it: for each person who has a list and opened at least one course, the
# number of opened courses on the list divided by the number opened, of at most ten; then the average over these people.

# %% tags=["given"]
import knowpay
import pandas as pd
from knowpay.analyse import neighbours

ds = knowpay.open(data, seed=seed)
line = pd.Timestamp("2025-06-01", tz=ds.timezone)
ten = neighbours.recommend(ds, k=10, until=line)  # user_id, product_id, rank, score, reason
after = neighbours.opened(ds, since=line, until=line + pd.Timedelta(days=90))
after = after[after["user_id"].isin(ten["user_id"])]  # user_id, product_id, n, ...: one row per pair

# %% tags=["solution"]
opened = after.groupby("user_id").size()
hits = after.merge(ten, on=["user_id", "product_id"]).groupby("user_id").size().reindex(opened.index, fill_value=0)
answer = (hits / opened.clip(upper=10)).mean()

# %% tags=["wrong"]
# hint: You divided by ten for everybody. That is precision: someone who opened two courses, both on the list, would get 0.2.
opened = after.groupby("user_id").size()
hits = after.merge(ten, on=["user_id", "product_id"]).groupby("user_id").size().reindex(opened.index, fill_value=0)
answer = (hits / 10).mean()

# %% tags=["wrong"]
# hint: You pooled all pages and so let the busiest people decide. Take each person's share first, then the average.
hits = after.merge(ten, on=["user_id", "product_id"])
answer = len(hits) / len(after)

# %% tags=["wrong"]
# hint: People without a single hit have fallen out of your average. Their recall is 0, not missing.
opened = after.groupby("user_id").size()
hits = after.merge(ten, on=["user_id", "product_id"]).groupby("user_id").size()
answer = (hits / opened.clip(upper=10)).mean()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · The salesman's number (5 minutes)
#
# A vendor offers a recommender for 3,000 yuan a month. On your own records, split at random, it "finds the right course
# among the top ten in 87 % of cases" against 20 random other courses each. Your EASE reaches recall@10 of 0.48 by the rules
# of the lesson. What do you do next?
#
# - `"a"` Buy: 87 % against 48 % is a difference no interval can swallow.
# - `"b"` Judge EASE against 20 random courses too; if it stays below 87 %, buy.
# - `"c"` Give the vendor the records up to a date, rank all courses for the same people, compare person by person with EASE
#   on what came after; if it leads, run both lists by lot and count contribution.
# - `"d"` Switch everybody to the vendor's lists for a month and compare revenue with the month before.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: The two numbers answer different questions. In the lesson the same EASE went from the honest number to the vendor's kind by changing nothing but the rules.
answer = "a"

# %% tags=["wrong"]
# hint: That levels one rule and leaves the other: with a random split the model has seen the future of the people it is judged on. And pages are still not money.
answer = "b"

# %% tags=["wrong"]
# hint: The next month differs from this one for many reasons, a festival among them. Without lots you cannot tell the list from the calendar.
answer = "d"
