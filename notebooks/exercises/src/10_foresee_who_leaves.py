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
# They belong to the lesson [Foresee who leaves, and do not fool yourself](../10_foresee_who_leaves.ipynb). Run the cells
# from the top; each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · How many months does a new member pay? (10 minutes)
#
# The renewal curve of the lesson gives `alpha` and `beta`. Set `answer` to the mean number of months that a new member of
# the monthly plan pays **within the first twelve**. Everybody pays the first month; the second is paid by those who renew once, and so on.
# Remember $h(n) = \alpha / (\alpha + \beta + n - 1)$.

# %% tags=["given"]
import knowpay
import numpy as np
from knowpay.analyse import churn, churn_models

ds = knowpay.open(data, seed=seed)
curve = churn_models.RenewalCurve().fit(churn.lifetimes(churn.person_periods(ds)))
alpha, beta = curve.alpha_, curve.beta_

# %% tags=["solution"]
n = np.arange(1, 12)  # the end of month n; the twelfth month is paid after eleven renewals
still_there = np.cumprod(1 - alpha / (alpha + beta + n - 1))
answer = 1 + still_there.sum()

# %% tags=["wrong"]
# hint: You used the churn rate of the first month for all months. Those who are left are more loyal: let n run.
answer = sum((1 - alpha / (alpha + beta)) ** k for k in range(12))

# %% tags=["wrong"]
# hint: You counted renewals, not paid months. Everybody pays the first month before anybody can renew.
n = np.arange(1, 12)
answer = np.cumprod(1 - alpha / (alpha + beta + n - 1)).sum()

# %% tags=["wrong"]
# hint: That is a thirteenth month. Twelve paid months need eleven renewals at most.
n = np.arange(1, 13)
answer = 1 + np.cumprod(1 - alpha / (alpha + beta + n - 1)).sum()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · Too good (5 minutes)
#
# A colleague shows a model of "members who leave this month": AUC 0.97 on last month's members, time-ordered split, gradient
# boosting, 40 columns from tonight's export, among them visits of the last 7 days and the payment method. The first version, six
# columns known on the first day of the month, had 0.78. What do you ask first?
#
# - `"a"` How was the boosting tuned? With 40 columns it may be too deep.
# - `"b"` On which day was each column written, for the members of last month?
# - `"c"` How wide is the interval of the 0.97?
# - `"d"` When can we start calling? At 0.97 the list is nearly certain.

# %% tags=["solution"]
answer = "b"

# %% tags=["wrong"]
# hint: Overfitting lowers the score on later months. A score that is too high on the test side points to the columns, not to the trees.
answer = "a"

# %% tags=["wrong"]
# hint: A good habit, but an interval measures chance. Columns written after the member left are no chance: the interval would be narrow around the wrong number.
answer = "c"

# %% tags=["wrong"]
# hint: Tonight's export knows who stopped coming last month; on the day of the call nobody does. And a sure prediction of leaving is not yet an effect of calling.
answer = "d"
