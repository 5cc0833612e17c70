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
# # Exercises: meet real data
#
# They belong to the lesson [Meet real data before you trust a simulated company](../04_meet_real_data.ipynb). Run the cells
# from the top; each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %%
import knowpay
from knowpay_course.lessons import l04

ds = knowpay.open(data, seed=seed)

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · The same span for everybody (10 minutes)
#
# The limit for a new buyer is to be set from the first **60** days instead of 180. Set `answer` to the mean number of purchase
# days in a buyer's first 60 days, of the buyers who were watched for 60 days.

# %% tags=["given"]
bought = l04.buying(ds)

# %% tags=["solution"]
answer = l04.first_days(bought, ds, span=60)["days"].mean()

# %% tags=["wrong"]
# hint: You counted all purchase days of all buyers. Whoever first bought long ago had longer to come back; cut everybody at 60 days.
answer = bought.groupby("user_id").size().mean()

# %% tags=["wrong"]
# hint: Buyers of the last 60 days are in your mean. Nobody has watched them for 60 days yet, so they look as if they did not come back.
first = bought.groupby("user_id")["day"].transform("min")
answer = bought[(bought["day"] - first).dt.days < 60].groupby("user_id").size().mean()

# %% tags=["wrong"]
# hint: That is the mean over 180 days. The span is an argument of first_days.
answer = l04.first_days(bought, ds, span=180)["days"].mean()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · How far is far? (10 minutes)
#
# Before you say that two sets differ, know how far two halves of *one* set are. Split the learners of the company by the
# last digit of their id, even against odd, and set `answer` to the Kolmogorov-Smirnov distance of their learning days in
# the first 90 days (a number). Then look at the `noise` beside it: is the distance above?

# %% tags=["given"]
days = l04.first_days(l04.learning(ds, "lesson_started"), ds, span=90)["days"]
even = days.index.str[-1].astype(int) % 2 == 0

# %% tags=["solution"]
answer = l04.distance(days[even], days[~even])["ks"]

# %% tags=["wrong"]
# hint: That is the Wasserstein distance, in days. The Kolmogorov-Smirnov distance is a difference of shares, between 0 and 1.
answer = l04.distance(days[even], days[~even])["w"]

# %% tags=["wrong"]
# hint: That is what chance alone exceeds in one of twenty draws: the bar, not the distance. Compare the two.
answer = l04.distance(days[even], days[~even])["noise"]

# %% tags=["wrong"]
# hint: You compared one half with everybody, half of whom are the same people. Compare it with the other half.
answer = l04.distance(days[even], days)["ks"]

# %% [markdown] tags=["exercise"]
# ## Exercise 3 · What may be claimed? (5 minutes)
#
# A founder sells paid camps for calligraphy and has 60 buyers. Her analyst has trained a model on OULAD that foresees
# withdrawals with an AUC of 0.99, and proposes to use it on her buyers, to write to those at risk. What do you answer?
#
# - `"a"` Use it: 28,785 learners are real, and her 60 buyers are far too few to train anything.
# - `"b"` Drop the column that makes the 0.99, train the model on OULAD again, and use that one on her buyers.
# - `"c"` Carry over only the *method*: on her own records, without columns that know the end, and with a lot over who is written to.
# - `"d"` Train it on the simulated company instead, where every withdrawal and the reason for it are known.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: Real, but whose? And 0.99 is what the column with the day of withdrawal gives: it knows the end. It is empty for every buyer who has not left.
answer = "a"

# %% tags=["wrong"]
# hint: The leak is out, but in the lesson early clicks ranked those still enrolled little better than a coin, and leaving a free-standing module is not what her buyers do. Whether a message helps those at risk only a lot can tell.
answer = "b"

# %% tags=["wrong"]
# hint: The company is for finding out whether a method works. A number or a model from it says nothing about her buyers.
answer = "d"
