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
# # Exercises: derive the targeting formula
#
# Two exercises on lesson 12. The first is code on the five users, the second is judgement.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · One message, two leaders (8 minutes)
#
# You may show the course **Silk Road** to one more user, once. One colleague sends it to the user who leads the right
# posterior $p(u\mid y,v,w)$, you send it to the user with the largest uplift. How many more purchases does *your* message
# bring in expectation than hers? Set `answer` to that number, a fraction between -1 and 1.

# %% tags=["given"]
from knowpay_course.lessons import l12

world = l12.small_world()
silk_road = world.courses.index("Silk Road")

# %% tags=["solution"]
posterior = world.posterior_shown()[:, silk_road]
effect = l12.uplift(world.p_shown, world.p_hidden)[:, silk_road]
answer = float(effect.max() - effect[posterior.argmax()])

# %% tags=["wrong"]
# hint: you compared chances to buy when shown; the leader of the posterior would buy most of it without you
posterior = world.posterior_shown()[:, silk_road]
effect = l12.uplift(world.p_shown, world.p_hidden)[:, silk_road]
shown = world.p_shown[:, silk_road]
answer = float(shown[effect.argmax()] - shown[posterior.argmax()])

# %% tags=["wrong"]
# hint: that is the other course; look up the column of Silk Road
posterior = world.posterior_shown()[:, 0]
effect = l12.uplift(world.p_shown, world.p_hidden)[:, 0]
answer = float(effect.max() - effect[posterior.argmax()])

# %% tags=["wrong"]
# hint: that is what your message adds by itself; hers does something too, look at the sign of her user's uplift
answer = float(l12.uplift(world.p_shown, world.p_hidden)[:, silk_road].max())

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · The five hundred most probable buyers (5 minutes)
#
# A colleague trained a model on last year's buyers, took the 500 users "most likely to buy this course" and sent all of
# them the message. 6 % bought; the average user buys at 0.6 %. She asks for ten times the budget. What do you do first?
#
# - **a** Grant it: ten times the average proves that the list works.
# - **b** Have the model's probabilities calibrated by isotonic regression, then grant it if the calibrated list still leads.
# - **c** Draw half of her next list by lot, send to that half only, and compare the purchases of the two halves.
# - **d** Send the same message to 500 average users and compare their purchases with the 6 %.
#
# Set `answer` to one letter, such as `"a"`.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: the list was made of people who buy anyway; how many of the 6 % would have come without the message?
answer = "a"

# %% tags=["wrong"]
# hint: calibration makes the 6 % honest, and it stays a response; nothing in it says what the message added
answer = "b"

# %% tags=["wrong"]
# hint: the two groups differ in more than the list; what is missing is people of *her* list without the message
answer = "d"
