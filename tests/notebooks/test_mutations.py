"""What one could get wrong in a lesson turns something red: checks that cannot fail check nothing."""

from itertools import groupby

import pytest
from effort import nightly, thorough
from knowpay_course.lesson import lessons
from mutation_runs import Bench, faults
from mutations import Company, Mutation, lists

LISTS = lists()
SOURCES = {lesson.number: lesson.source for lesson in lessons()}


def company_of(mutation):
    return repr(mutation.company)


QUICK = ("01", "04")  # a minute each; the others are for a night
GROUPS = [
    pytest.param(number, list(group), id=f"{number}-{at}", marks=thorough if number in QUICK else nightly)
    for number, module in LISTS.items()
    for at, (_, group) in enumerate(groupby(sorted(module.MUTATIONS, key=company_of), key=company_of))
]


@pytest.mark.parametrize("number", LISTS)
def test_a_list_has_every_kind_and_its_texts_stand_in_the_source(number):
    module = LISTS[number]
    assert faults(module.MUTATIONS, module.NOT_HERE, SOURCES[number].read_text("utf-8")) == []


@pytest.mark.parametrize(("number", "mutations"), GROUPS)
def test_each_turns_what_it_names_red(number, mutations, tmp_path):
    source = SOURCES[number]
    bench = Bench(source.stem, source.read_text("utf-8"), tmp_path)
    found = bench.survivors(mutations[0].company, mutations)
    assert not found, "\n".join(found)


# --- the frame itself, on a small lesson without a company -----------------------------------------------------------

LESSON = """# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0
company: dict = {}

# %%
from knowpay import show
from knowpay.estimate import from_error

effect = from_error(0.02, 0.001) * 100
show.check("effect", effect, 2.0, ("no effect", 0.0))
show.exact("seed", seed, 3)
show.quality("plan", company["churn"], 0.5, 1.0)
"""
COMPANY = Company(seed=3, knobs=(("churn", 0.6),))
LIB = "lib/knowpay/estimate.py"
SIGN = Mutation("sign", "lesson", "(0.02, ", "(-0.02, ", "effect", COMPANY)
ZERO = Mutation("zero", LIB, "return Estimate(self.value * factor, low", "return Estimate(0.0, low", "effect", COMPANY)
TEST = "tests/test_estimate.py::test_a_known_error_reaches_as_far_as_the_normal_distribution_says"


@pytest.fixture
def bench(tmp_path):
    return Bench("00_small", LESSON, tmp_path)


def changed(mutation, **changes):
    return Mutation(**{**vars(mutation), **changes})


def test_what_turns_its_check_red_does_not_survive(bench):
    import sys

    import knowpay.estimate as before

    count = changed(SIGN, old='"seed", seed', new='"seed", seed + 1', red="seed")
    plan = changed(SIGN, old='company["churn"]', new='company["churn"] - 1', red="plan")
    assert bench.survivors(COMPANY, [SIGN, ZERO, count, plan]) == []
    assert [one.holds for one in bench.records(COMPANY)] == [True] * 3, "the copy is whole again"
    assert sys.modules["knowpay.estimate"] is before and str(bench.folder / "lib") not in sys.path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"new": "(0.0201, "}, "'effect' still holds, or is gone"),
        ({"red": "seed"}, "'seed' still holds, or is gone"),
        ({"new": "(undefined, "}, "the lesson stops (NameError: "),
        ({"old": '"effect", effect', "new": '"another", effect'}, "'effect' still holds, or is gone"),
    ],
)
def test_a_mutation_that_turns_nothing_red_is_said(bench, changes, said):
    (found,) = bench.survivors(COMPANY, [changed(SIGN, **changes)])
    assert said in found and found.startswith("sign: ")


def test_a_check_that_is_red_or_missing_before_proves_nothing(bench):
    found = bench.survivors(Company(seed=4, knobs=COMPANY.knobs), [changed(SIGN, red="seed")])
    assert found == ["'seed' does not hold before anything is wrong"]
    assert bench.survivors(COMPANY, [changed(SIGN, red="gain")])[0] == "there is no record 'gain'"


@pytest.mark.parametrize("where", ["lesson", LIB])
def test_a_text_that_is_no_longer_there_is_an_error(bench, where):
    with pytest.raises(ValueError, match="the old text stands there 0 times"):
        bench.survivors(COMPANY, [changed(SIGN, where=where, old="effect = nobody")])


@thorough
def test_a_test_of_the_library_may_turn_red_instead(bench):
    zero = changed(ZERO, old="float(value - reach)", new="float(value)", red=TEST)
    assert bench.survivors(COMPANY, [zero]) == []
    (found,) = bench.survivors(COMPANY, [changed(zero, new="float(value - 1 * reach)")])
    assert "ends with status 0, not with a failure" in found


def test_a_list_that_lacks_something_is_said():
    reasons = dict.fromkeys(("baseline", "swapped", "period", "window", "leak", "order"), "no such thing here")
    odd = [
        changed(SIGN, kind="typo"),
        changed(SIGN, new=SIGN.old),
        changed(ZERO, old="no such text", red="tests/none.py::test_x"),
    ]
    assert faults([SIGN, ZERO], reasons | {"trap": "none"}, LESSON) == []
    found = faults([*odd, SIGN], reasons | {"sign": "here"}, LESSON)
    assert found == [
        "'typo' is no kind",
        "no trap, and no reason why",
        "sign is in the list and said not to apply",
        "sign: '(0.02,' in lesson: nothing is changed",
        f"zero: 'no such text' in {LIB}: the old text stands there 0 times; it must be there once",
        f"zero: 'no such text' in {LIB}: there is no test tests/none.py::test_x",
    ]
