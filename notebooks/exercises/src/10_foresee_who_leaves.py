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
# # Exercises: foresee who leaves
#
# A number, a few lines of code and a judgement on the lesson [Foresee who leaves](../10_foresee_who_leaves.ipynb). Run the
# cells from the top; each check says what it thinks of your answer and why. `exercises.solution("10", 1)` shows a solution.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %%
import knowpay
from knowpay.analyse import churn

ds = knowpay.open(data, seed=seed)
periods = churn.person_periods(ds)

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · The second renewal (4 minutes)
#
# Take the months with `period_no` 2 that are over. What share of them was renewed, so that the member went on to a third month? In the
# column `left`, 1 means *not* renewed. Set `answer` to that share, such as 0.44 or 44 %.

# %% tags=["given"]
over = periods[periods["over"]]

# %% tags=["solution"]
# why: Only those who were there can leave: the second month asks members with `period_no == 2` whose answer is known.
second = over[over["period_no"] == 2]
answer = 1 - second["left"].mean()
tolerance = 0.001
percent = True

# %% tags=["wrong"]
# hint: That is the share of the **second month that left**. The question asks for those who renewed: 1 minus it.
answer = over.loc[over["period_no"] == 2, "left"].mean()

# %% tags=["wrong"]
# hint: That is the **first** renewal. Month `n` is the row with `period_no == n`; you are one month early.
answer = 1 - over.loc[over["period_no"] == 1, "left"].mean()

# %% tags=["wrong"]
# hint: These are **all months from the second on**. The question asks about the second alone: `period_no == 2`.
answer = 1 - over.loc[over["period_no"] >= 2, "left"].mean()

# %% tags=["wrong"]
# hint: You counted members who have a third month in `over`. Those whose third month is **still open** are missing there. Ask the second
# month itself: its `left` says whether it was renewed.
answer = (over["period_no"] == 3).sum() / (over["period_no"] == 2).sum()

# %% tags=["wrong"]
# hint: You divided by all who **began**. The question asks of those who paid a second month.
answer = (over["period_no"] == 3).sum() / (over["period_no"] == 1).sum()

# %% tags=["wrong"]
# hint: You multiplied both renewals: that is the share of **new** members who are still there after two. The question asks of those
# who paid a second month.
both = [1 - over.loc[over["period_no"] == n, "left"].mean() for n in (1, 2)]
answer = both[0] * both[1]

# %% tags=["wrong"]
# hint: You counted months that are **still open** as not renewed. They are censored: they have no answer yet.
second = periods[periods["period_no"] == 2]
answer = (second["left"] == 0).mean()

# %% tags=["wrong"]
# hint: That is the share of members who **came to** a second month. The question asks how many of them renewed it.
answer = (over["period_no"] == 2).sum() / (over["period_no"] == 1).sum()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · What is known on the morning? (10 minutes)
#
# A row of `months` is a member and a month. How many course orders had the member paid before that month began: `timestamp` before
# `start`? `orders` has paid course orders only, and it knows each as soon as it is paid. An order counts again in every later month of
# its member. Set `answer` to the **sum over all rows** of `months`.

# %% tags=["given"]
from knowpay.people import money

months = periods[["membership_id", "user_id", "start", "end"]]
orders = money.course_orders(ds).select("user_id", "timestamp").to_pandas()

# %% tags=["solution"]
# why: Each order is laid beside each month of its member, and only those paid before that morning stay. The sum is that of the column
# `courses_bought`, counted by other code.
pairs = months.merge(orders, on="user_id")
answer = int((pairs["timestamp"] < pairs["start"]).sum())

# %% tags=["wrong"]
# hint: You counted to the **end** of the month. On the morning of the call that month lies ahead: this is the leak of the lesson.
pairs = months.merge(orders, on="user_id")
answer = int((pairs["timestamp"] < pairs["end"]).sum())

# %% tags=["wrong"]
# hint: You counted **all** orders, also those after the month began. Compare `timestamp` with `start`.
answer = len(months.merge(orders, on="user_id"))

# %% tags=["wrong"]
# hint: You counted to each member's **first** month only. A member with five months has five rows, and an order before all of them
# counts in each.
first = months.groupby("user_id", as_index=False)["start"].min()
pairs = first.merge(orders, on="user_id")
answer = int((pairs["timestamp"] < pairs["start"]).sum())

# %% tags=["wrong"]
# hint: You counted each order **once**. Here the repetition is wanted: what was bought before May is also known in June.
pairs = months.merge(orders, on="user_id")
early = pairs[pairs["timestamp"] < pairs["start"]]
answer = len(early.drop_duplicates(["user_id", "timestamp"]))

# %% tags=["wrong"]
# hint: You left out the months that are **still open**. Whether a member renews is not known there, but what she had bought is.
pairs = months[periods["over"]].merge(orders, on="user_id")
answer = int((pairs["timestamp"] < pairs["start"]).sum())

# %% tags=["wrong"]
# hint: You counted months **without any order**, too: a left join gives them a row with an empty time. Ask for `timestamp < start`.
pairs = months.merge(orders, on="user_id", how="left")
answer = int((~(pairs["timestamp"] >= pairs["start"])).sum())

# %% [markdown] tags=["exercise"]
# ## Exercise 3 · Too good (5 minutes)
#
# A colleague foresees which members leave. Her model learned from older months and was tested on last month's members: AUC 97 %. It
# reads 40 columns of tonight's export, among them the visits of the last 7 days. An earlier model read six columns, all known on the
# first morning of the month; on the same members its AUC was 78 %. What do you do first? Set `answer` to one letter.
#
# - **a** Tune the model again: 40 columns may be too many.
# - **b** Ask of each column on which day its value was known.
# - **c** Ask for the interval of the 97 %.
# - **d** Start calling: at 97 % the list is nearly certain.
# - **e** Check whether a risk of 30 % means 30 %.

# %% tags=["solution"]
# why: A jump from 78 to 97 % comes from what the columns know. Tonight's export knows who stopped coming last month; on the morning of
# the call nobody does.
answer = "b"

# %% tags=["wrong"]
# hint: Too many columns **lower** the score on later months. A score that is too high points to what the columns know.
answer = "a"

# %% tags=["wrong"]
# hint: An interval measures chance. A leak is no chance: the interval would be narrow, around the wrong number.
answer = "c"

# %% tags=["wrong"]
# hint: Tonight's export knows who stopped coming last month; on the day of the call nobody does. And a sure forecast is no effect.
answer = "d"

# %% tags=["wrong"]
# hint: Calibration on the **labels** looks perfect for a column that knows the answer. It cannot show a leak.
answer = "e"
