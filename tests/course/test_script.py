"""A lesson as a script: how far it runs, what it shows, what it lets through."""

import pytest
from knowpay.show.checks import Check, Exact
from knowpay_course import script

HEAD = """# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0
company: dict = {}

"""
PARAMETERS = {"data": "world:small", "seed": 5, "company": {"churn": 0.5}}


def test_a_lesson_runs_up_to_its_last_check_and_shows_nothing(capsys):
    cells = """# %%
from knowpay import show
from knowpay.estimate import from_error

assert (data, seed, company) == ("world:small", 5, {"churn": 0.5})
print("a line")
with show.figure("a title", x="x", y="y", alt="too short") as ax:
    ax.plot([1]).set_label("x")
show.table(None, "")
show.say("")
show.check("a", from_error(1, 0.3), 2, ("nothing", 0.0))

# %% [markdown]
# Words.

# %% data="oulad"
raise RuntimeError("real data")

# %% tags=["aside"]
raise RuntimeError("slow")

# %%
show.exact("b", 3, 4, "rows")

# %%
raise RuntimeError("nobody needs this cell")
"""
    check, exact = script.run("00_first", HEAD + cells, PARAMETERS)
    assert isinstance(check, Check) and (check.name, check.estimate, check.holds) == ("a", 1.0, False)
    assert exact == Exact(name="b", found=3, expected=4, unit="rows", holds=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("last", ['show.exact("x", 1, 1)', 'show.quality("x", 1, 0, 2)'])
def test_a_lesson_may_end_with_a_count_or_a_result(last):
    (found,) = script.run("00_first", f"{HEAD}# %%\nfrom knowpay import show\n{last}", PARAMETERS)
    assert found.holds


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ('show.exact("a", 1, 1)\nshow.exact("a", 1, 1)', "two checks are called 'a'"),
        ('show.exact("a", float("nan"), 1)', "count is nan"),
    ],
)
def test_a_check_that_cannot_be_told_or_counted_is_an_error(cells, said):
    with pytest.raises(ValueError, match=said):
        script.run("00_first", f"{HEAD}# %%\nfrom knowpay import show\n{cells}", {})
