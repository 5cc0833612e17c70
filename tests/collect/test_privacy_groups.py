"""Tables about groups: k-anonymity against pyCANON, suppression against an attacker, private counts against theory."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from knowpay.collect.privacy import anonymity
from knowpay.collect.privacy.counts import Budget, BudgetSpent, discrete_laplace, exact, private_counts
from pycanon import anonymity as pycanon
from scipy import stats

ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("pqr")), min_size=1, max_size=40
).map(lambda rows: pd.DataFrame(rows, columns=["q1", "q2", "s"]))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(ROWS)
def test_k_and_l_are_those_of_pycanon(table):
    quasi = ["q1", "q2"]
    assert anonymity.k_anonymity(table, quasi) == pycanon.k_anonymity(table, quasi)
    assert anonymity.l_diversity(table, quasi, "s") == pycanon.l_diversity(table, quasi, ["s"])


def test_missing_is_a_value():
    table = pd.DataFrame({"q": ["a", "a", None, None, None], "s": ["x", "y", None, None, "x"]})
    assert anonymity.k_anonymity(table, ["q"]) == 2 and anonymity.l_diversity(table, ["q"], "s") == 2
    assert anonymity.classes(table, ["q"], "s")["people"].tolist() == [2, 3]
    assert anonymity.k_anonymity(table.iloc[:0], ["q"]) == anonymity.l_diversity(table.iloc[:0], ["q"], "s") == 0


def test_the_worked_example():
    """Eight patients in two classes of four, 3 and 1 diseases in them."""
    table = pd.DataFrame({"age": ["2*"] * 4 + ["4*"] * 4, "ill": ["flu", "flu", "cold", "ulcer", *["gout"] * 4]})
    assert (anonymity.k_anonymity(table, ["age"]), anonymity.l_diversity(table, ["age"], "ill")) == (4, 1)


BANDS = {"q1": [], "q2": [{"x": "xy", "y": "xy", "z": "z"}], "q3": [{1: "1-2", 2: "1-2", 3: "3-4", 4: "3-4"}]}


def brute_force(table: pd.DataFrame, k: int, most: float) -> float:
    """The least loss over all levels, by plain counting."""
    best = math.inf
    for i, j, m in itertools.product(range(2), range(3), range(3)):
        coarse = [
            (
                "*" if i else a,
                "*" if j == 2 else BANDS["q2"][0][b] if j else b,
                "*" if m == 2 else BANDS["q3"][0][c] if m else c,
            )
            for a, b, c in table[["q1", "q2", "q3"]].itertuples(index=False)
        ]
        size = Counter(coarse)
        left_out = sum(n for n in size.values() if n < k) / len(coarse)
        if left_out <= most:
            best = min(best, (i + j / 2 + m / 2) / 3 + left_out)
    return best


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(2, 8), st.sampled_from([0.0, 0.1, 0.3]))
def test_the_least_generalisation_is_found(seed, k, most):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"q1": rng.choice(list("ab"), 30), "q2": rng.choice(list("xyz"), 30), "q3": rng.integers(1, 5, 30)}
    )
    coarse, levels, left_out = anonymity.generalise(table, BANDS, k, most)
    assert anonymity.k_anonymity(coarse, list(BANDS)) >= k or coarse.empty
    assert len(coarse) == 30 - left_out and left_out <= most * 30
    loss = np.mean([levels[n] / (len(BANDS[n]) + 1) for n in BANDS]) + left_out / 30
    assert loss == pytest.approx(brute_force(table, k, most))


def test_a_band_need_not_name_the_missing():
    table = pd.DataFrame({"q2": ["x", None] * 5})
    assert anonymity.generalise(table, {"q2": BANDS["q2"]}, 5)[1:] == ({"q2": 0}, 0)


def test_generalise_says_what_it_lacks():
    table = pd.DataFrame({"q2": ["x", "w"] * 5})
    with pytest.raises(ValueError, match="band of q2 lacks the value 'w'"):
        anonymity.generalise(table, {"q2": BANDS["q2"]}, 2)
    with pytest.raises(ValueError, match="10 rows cannot be made 11-anonymous"):
        anonymity.generalise(table, {"q2": []}, 11)


def attack(shown: pd.DataFrame, most: int = 45) -> dict[tuple[int, int], set[int]]:
    """All values that each hidden number can have, given the others: by trying every table (small tables only)."""
    rows, columns = shown.shape[0] - 1, shown.shape[1] - 1
    spread = [
        np.arange(most + 1) if pd.isna(shown.iat[i, j]) else [shown.iat[i, j]]
        for i in range(rows)
        for j in range(columns)
    ]
    inner = np.stack([g.ravel() for g in np.meshgrid(*spread, indexing="ij")], axis=1).astype(int)
    inner = inner.reshape(-1, rows, columns)
    full = np.concatenate([inner, inner.sum(axis=1, keepdims=True)], axis=1)
    full = np.concatenate([full, full.sum(axis=2, keepdims=True)], axis=2)
    for i, j in np.argwhere(~shown.isna().to_numpy()):
        full = full[full[:, i, j] == shown.iat[i, j]]
    return {(i, j): set(full[:, i, j]) for i, j in np.argwhere(shown.isna().to_numpy())}


@pytest.mark.parametrize("counts", [[[20, 5], [5, 13]], [[20, 3], [11, 13]], [[0, 2], [15, 30]], [[12, 1], [12, 12]]])
def test_an_attacker_cannot_pin_a_small_count_down(counts):
    table = pd.DataFrame(counts, index=["a", "b"], columns=["x", "y"])
    shown = anonymity.suppress(table)
    full = table.copy()
    full.loc["all"], full["all"] = full.sum(), full.sum(axis=1)
    full.loc["all", "all"] = table.to_numpy().sum()
    hidden = shown.isna().to_numpy()
    assert (shown.to_numpy()[~hidden] == full.to_numpy()[~hidden]).all()  # what is shown is true
    assert hidden[(full.to_numpy() > 0) & (full.to_numpy() < 10)].all()
    for place, values in attack(shown).items():
        if 0 < full.to_numpy()[place] < 10:
            assert max(values) - min(values) >= 10


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_every_sum_hides_two_or_none(seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.poisson(rng.choice([8, 15, 30]), (rng.integers(2, 6), rng.integers(2, 5))))
    shown = anonymity.suppress(table)
    for line in [*shown.isna().to_numpy(), *shown.isna().to_numpy().T]:
        assert line.sum() != 1


def test_little_is_hidden():
    table = pd.DataFrame([[20, 50, 3], [10, 40, 30], [70, 12, 11]])
    assert anonymity.suppress(table).isna().to_numpy().sum() == 4  # a rectangle, the least that can do
    small = pd.DataFrame([[12, 0, 3], [2, 3, 20]])
    assert anonymity.suppress(small).isna().to_numpy().sum() == 7  # 11 if a number far from the small one were hidden
    large = pd.DataFrame([[20, 50], [30, 40]])
    assert anonymity.suppress(large).loc[:1, [0, 1]].equals(large.astype("Int64"))
    one = anonymity.suppress(pd.DataFrame({"people": [100, 3, 50]}, index=list("abc")))["people"]
    assert one.isna().tolist() == [False, True, True, False] and one["all"] == 153


def test_two_small_counts_whose_sum_is_small_are_not_enough():
    """Their sum, 8, would tell that each is one of 0 to 8, because nobody counts fewer than 0 people."""
    shown = anonymity.suppress(pd.DataFrame({"people": [5, 3, 50, 60]}))["people"]
    assert shown.isna().tolist() == [True, True, True, False, False]
    shown = anonymity.suppress(pd.DataFrame({"people": [5, 5, 50, 60]}))["people"]  # a sum of 10 is wide enough
    assert shown.isna().tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("bad", [[[-1]], [[0.5]]])
def test_counts_are_whole_numbers(bad):
    with pytest.raises(ValueError, match="whole numbers"):
        anonymity.suppress(pd.DataFrame(bad))
    with pytest.raises(ValueError, match='called "all"'):
        anonymity.suppress(pd.DataFrame({"all": [3]}))


@pytest.mark.parametrize("scale", ["1/3", "1", "2", "7/2"])
def test_the_noise_has_the_distribution_it_should(scale):
    """Chi-square against P(x) = (1 - p) / (1 + p) p^|x| with p = exp(-1 / scale), 40,000 draws, seed fixed."""
    rng, n = random.Random(5), 40_000
    draws = Counter(discrete_laplace(Fraction(scale), rng) for _ in range(n))
    p = math.exp(-1 / Fraction(scale))
    law = {x: (1 - p) / (1 + p) * p ** abs(x) for x in range(-200, 201)}
    tail = max(x for x in law if n * law[x] >= 10)  # at least ten expected draws in every cell
    cells = [*range(-tail, tail + 1)]
    seen = [draws[x] for x in cells] + [n - sum(draws[x] for x in cells)]
    expected = [n * law[x] for x in cells]
    assert stats.chisquare(seen, [*expected, n - sum(expected)]).pvalue > 0.001
    wrong = [n * (1 - p**2) / (1 + p**2) * p ** (2 * abs(x)) for x in cells]  # half the scale: it must be seen
    assert stats.chisquare(seen[:-1], np.array(wrong) * sum(seen[:-1]) / sum(wrong)).pvalue < 1e-9


@pytest.mark.parametrize(("most", "scale"), [(1, 2), (2, 4), (5, 10)])
def test_the_noise_grows_with_the_cells_that_one_person_may_move(tmp_path, monkeypatch, most, scale):
    """Scale = most_cells / epsilon: only then one person changes the odds of an answer by no more than exp(epsilon)."""
    asked = []
    monkeypatch.setattr("knowpay.collect.privacy.counts.discrete_laplace", lambda s, rng: asked.append(s) or 0)
    private_counts(people(), "city", ["a", "b"], "1/2", Budget(tmp_path / "b", 1), most)
    assert asked == [scale, scale]


def people(n: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({"user_id": [f"u{i}" for i in range(n)], "city": rng.choice(["a", "b", "c"], n)})


def noiseless(monkeypatch) -> None:
    monkeypatch.setattr("knowpay.collect.privacy.counts.discrete_laplace", lambda scale, rng: 0)


def test_counts_are_of_people_and_of_declared_cells(tmp_path, monkeypatch):
    noiseless(monkeypatch)
    table = people()
    twice = pd.concat([table.assign(visit=1), table.assign(visit=2)])  # rows that differ, of the same people
    counts = private_counts(twice, "city", ["a", "b", "z"], 1, Budget(tmp_path / "b", 2), most_cells=2)
    true = table["city"].value_counts()
    assert counts.to_dict() == {"a": true["a"], "b": true["b"], "z": 0} and counts.name == "people"


@pytest.mark.parametrize("most", [1, 2, 5])
def test_nobody_counts_in_more_cells_than_stated(tmp_path, monkeypatch, most):
    """Taking away all rows of one person moves the counts by at most ``most_cells`` in total."""
    noiseless(monkeypatch)
    rows = pd.DataFrame({"user_id": ["busy"] * 40 + ["calm"], "course": [f"c{i % 8}" for i in range(40)] + ["c0"]})
    cells = [f"c{i}" for i in range(8)]
    with_, without = (
        private_counts(t, "course", cells, 1, Budget(tmp_path / f"b{len(t)}", 1), most, rng=random.Random(2))
        for t in (rows, rows[rows["user_id"] != "busy"])
    )
    assert (with_ - without).abs().sum() == most


def test_the_error_is_the_one_stated(tmp_path):
    table, cells = people(), ["a", "b", "c", *(f"empty {i}" for i in range(4000))]
    counts = private_counts(table, "city", cells, "1/2", Budget(tmp_path / "b", 1), rng=random.Random(3))
    error = counts - table["city"].value_counts().reindex(cells, fill_value=0)
    p = math.exp(-0.5)
    sd = math.sqrt(2 * p) / (1 - p)
    assert error.std() == pytest.approx(sd, rel=0.05) and abs(error.mean()) < 4 * sd / math.sqrt(len(error))
    assert counts.dtype == "int64" and error[["a", "b", "c"]].abs().max() < 8 * sd


def test_the_budget_is_spent_once_and_for_all(tmp_path):
    path, table = tmp_path / "budget.json", people()
    budget = Budget(path, 1)
    private_counts(table, "city", ["a"], 0.6, budget)
    assert budget.left == Fraction(2, 5)
    with pytest.raises(BudgetSpent, match=r"costs 0\.5, and 0\.4 of the budget of 1 is left"):
        private_counts(table, "city", ["a"], 0.5, budget)
    later = Budget(path, 1)  # a second session
    assert later.left == Fraction(2, 5)
    private_counts(table, "city", ["a"], "0.4", later)
    with pytest.raises(BudgetSpent):
        budget.spend("0.000001", "one more")
    with pytest.raises(ValueError, match="begun with a total of 1, not 2"):
        Budget(path, 2)


def test_three_tenths_are_three_tenths(tmp_path):
    budget = Budget(tmp_path / "b", 0.3)
    for _ in range(3):
        budget.spend(0.1, "q")  # as floats, 0.1 + 0.1 + 0.1 > 0.3
    assert budget.left == 0


def test_disjoint_parts_cost_what_the_dearest_costs(tmp_path):
    budget = Budget(tmp_path / "b", 3)
    for part, epsilon in (("north", 1), ("south", 0.5), ("south", 0.7)):
        budget.spend(epsilon, "people by city", part)
    assert budget.spent == exact(1.2)  # south twice
    budget.spend(1, "people by city")  # of everybody: disjoint from nothing
    assert budget.spent == exact(2.2)


@pytest.mark.parametrize("epsilon", [0, -1, "nan", "inf", "x", "1/0"])
def test_no_answer_without_a_price(tmp_path, epsilon):
    with pytest.raises(ValueError, match="must be a number above 0"):
        private_counts(people(), "city", ["a"], epsilon, Budget(tmp_path / "b", 1))


def test_what_is_published_comes_from_the_system(tmp_path):
    """Without a generator two runs differ; with one they do not."""
    table, budget = people(), Budget(tmp_path / "b", 100)
    free = [private_counts(table, "city", ["a", "b", "c"], "1/100", budget).tolist() for _ in range(3)]
    assert len({tuple(f) for f in free}) == 3
    fixed = [private_counts(table, "city", ["a", "b"], 1, budget, rng=random.Random(9)).tolist() for _ in range(2)]
    assert fixed[0] == fixed[1]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_singled_out_is_what_intersecting_sets_gives(seed, known):
    """Rows so few that all of a person's rows are picked: then the answer hangs on no lot."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {"user_id": np.repeat([f"u{i}" for i in range(8)], known), "day": rng.integers(0, 4, 8 * known)}
    )
    seen = {user: set(days) for user, days in table.groupby("user_id")["day"]}
    full = {user: days for user, days in seen.items() if len(days) == known}
    alone = [sum(days <= other for other in seen.values()) == 1 for days in full.values()]
    got = anonymity.singled_out(table, ["day"], [known])[known]
    assert math.isnan(got) if not alone else got == pytest.approx(np.mean(alone))


def test_nobody_is_singled_out_of_no_table():
    empty = pd.DataFrame({"user_id": pd.Series(dtype=str), "day": pd.Series(dtype=str)})
    assert anonymity.singled_out(empty, ["day"], [1, 2]).isna().all()
