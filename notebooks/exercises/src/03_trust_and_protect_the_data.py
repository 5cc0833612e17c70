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
# # Exercises: trust and protect the data
#
# They belong to the lesson [Trust and protect the data](../03_trust_and_protect_the_data.ipynb). Run the cells from the top;
# each check says what it thinks of your answer and why.

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · Who stands alone? (10 minutes)
#
# A colleague is about to send `profiles` to a partner: no names, no ids, only province, gender, occupation and device. Set
# `answer` to the number of **people** who share their combination with fewer than nine others, so that they are in a class
# smaller than ten.

# %% tags=["given"]
import knowpay
from knowpay.collect.privacy import anonymity, permission

ds = knowpay.open(data, seed=seed)
why = permission.reasons(ds, "analysis")
quasi = ["province", "gender", "occupation_band", "device_os"]
users = ds.users.to_pandas()
profiles = users.loc[users["user_id"].map(why) == "", quasi].dropna(ignore_index=True)

# %% tags=["solution"]
people = anonymity.classes(profiles, quasi)["people"]
answer = people[people < 10].sum()

# %% tags=["wrong"]
# hint: You counted classes. The question is how many people are in them: add their sizes up.
people = anonymity.classes(profiles, quasi)["people"]
answer = (people < 10).sum()

# %% tags=["wrong"]
# hint: You counted only those who are quite alone. Two people who share a combination know each other's row; ten is the bar.
people = anonymity.classes(profiles, quasi)["people"]
answer = people[people == 1].sum()

# %% tags=["wrong"]
# hint: A class of ten is large enough: "fewer than nine others" is a class of nine or less.
people = anonymity.classes(profiles, quasi)["people"]
answer = people[people <= 10].sum()

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · What the dashboard spends (10 minutes)
#
# A dashboard shows, every day, how many people were active in each channel: a private count with epsilon = 0.1. A person has
# one channel, and may be active on every day. Set `answer` to the epsilon that is spent on a person after 30 days.

# %% tags=["given"]
days, epsilon, channels = 30, 0.1, 6

# %% tags=["solution"]
answer = days * epsilon

# %% tags=["wrong"]
# hint: That is one day. No two channels share a person, so they cost epsilon together; the days do share people, so they add up.
answer = epsilon

# %% tags=["wrong"]
# hint: A person is in one channel, so the six counts of a day cost epsilon once, not six times.
answer = days * epsilon * channels

# %% tags=["wrong"]
# hint: That would be the epsilon for each day, were 0.1 the budget of the whole month. Here 0.1 is what one day costs.
answer = epsilon / days

# %% [markdown] tags=["exercise"]
# ## Exercise 3 · "Just send us the hashed phone numbers" (5 minutes)
#
# An advertising network wants the SHA-256 of your members' phone numbers, to show them and people like them advertisements.
# "They are hashed, so it is anonymous and you need nobody's consent. Everybody does it." What do you answer?
#
# - `"a"` Agreed: SHA-256 cannot be computed backwards.
# - `"b"` Agreed, if both of us add the same secret salt, so that outsiders cannot try the numbers out.
# - `"c"` No: you would know who they are, and that is its purpose. For those who agreed to this very transfer we can talk.
# - `"d"` Agreed, for the members in classes of at least ten people.

# %% tags=["solution"]
answer = "c"

# %% tags=["wrong"]
# hint: Nobody needs to compute it backwards: the network hashes the numbers that it has, and looks yours up. So did the lesson.
answer = "a"

# %% tags=["wrong"]
# hint: The salt keeps outsiders out. The network has it, matches the numbers with its own accounts, and learns who is a member.
answer = "b"

# %% tags=["wrong"]
# hint: A phone number is in a class of one, whatever else is known. k-anonymity is a property of what leaves, and the number leaves.
answer = "d"
