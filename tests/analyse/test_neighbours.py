"""Neighbours: the algebra against brute force, the metrics by hand, and whom and what a list must leave out."""

from __future__ import annotations

import pickle
from functools import cache

import knowpay
import numpy as np
import pandas as pd
import pytest
import yaml
from knowpay import blocks
from knowpay.analyse import neighbours
from knowpay.collect.manifest import EXAMPLE
from scipy import sparse
from sklearn.base import clone

LINE = pd.Timestamp("2025-03-01T00:00:00+08:00")


def interest_matrix(rows: int = 60, columns: int = 12, seed: int = 0) -> sparse.csr_matrix:
    rng = np.random.default_rng(seed)
    return sparse.csr_matrix(np.log2(1 + rng.poisson(0.5, (rows, columns))))


def test_ease_is_one_ridge_regression_per_course():
    x, penalty = interest_matrix(), 7.0
    weights, dense = neighbours.Ease(penalty).fit(x).weights_, x.toarray()
    for j in range(x.shape[1]):
        others = np.delete(dense, j, axis=1)
        ridge = np.linalg.solve(others.T @ others + penalty * np.eye(others.shape[1]), others.T @ dense[:, j])
        np.testing.assert_allclose(np.delete(weights[:, j], j), ridge, atol=1e-10)
    assert (np.diag(weights) == 0).all()


def test_the_error_is_that_of_fits_without_each_person():
    x = interest_matrix(seed=2)
    left = [sparse.vstack([x[:user], x[user + 1 :]]).tocsr() for user in range(x.shape[0])]
    predicted = np.vstack([neighbours.Ease(20.0).fit(rest).predict(x[user]) for user, rest in enumerate(left)])
    assert neighbours.ease_error(x, [20.0])[20.0] == pytest.approx(((x.toarray() - predicted) ** 2).mean())


@pytest.mark.parametrize("model", [neighbours.Ease(7.0), neighbours.ItemKnn(20.0, 3)], ids=["ease", "knn"])
def test_a_model_is_cloned_and_pickled_with_the_same_scores(model):
    x = interest_matrix()
    fitted = clone(model).fit(x)
    for other in (clone(fitted).fit(x), pickle.loads(pickle.dumps(fitted))):
        np.testing.assert_array_equal(other.predict(x), fitted.predict(x))
    assert not hasattr(clone(fitted), "weights_")


@pytest.mark.parametrize("rows", [1, 7, 60, 61])
def test_blocks_of_people_change_no_error(rows, monkeypatch):
    x = interest_matrix(seed=2)
    whole = neighbours.ease_error(x, [20.0])[20.0]
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 8 * x.shape[1] * rows)
    assert neighbours.ease_error(x, [20.0])[20.0] == pytest.approx(whole, rel=1e-12)


def test_a_penalty_of_nothing_is_refused():
    with pytest.raises(ValueError, match="must be positive"):
        neighbours.Ease(0.0).fit(interest_matrix())


def test_cosine_with_shrinkage_by_hand():
    x = sparse.csr_matrix([[1.0, 1, 0], [1, 1, 0], [1, 0, 1]])
    weights = neighbours.ItemKnn(shrink=1.0, neighbours=3).fit(x).weights_
    assert weights[0, 1] == pytest.approx(2 / (np.sqrt(3 * 2) + 1))
    assert weights[1, 2] == 0
    nearest = neighbours.ItemKnn(shrink=1.0, neighbours=1).fit(x).weights_
    assert (nearest > 0).sum(axis=0).tolist() == [1, 1, 1]
    assert nearest[1, 0] > 0  # of the two, course 1 is nearer to course 0


def test_lists_leave_out_what_is_barred_and_say_where_they_end():
    scores = np.array([[3.0, 2, 1], [1, 1, 1]])
    barred = sparse.csr_matrix([[1.0, 0, 0], [1, 1, 0]])
    assert neighbours.top(scores, 2, barred).tolist() == [[1, 2], [2, -1]]
    assert neighbours.top(scores, 5).tolist() == [[0, 1, 2, -1, -1], [0, 1, 2, -1, -1]]


def test_metrics_by_hand():
    lists = np.array([[0, 1, 2], [2, 1, -1], [0, 1, 2]])
    relevant = sparse.csr_matrix([[0, 5.0, 0, 1], [0, 0, 2, 0], [0, 0, 0, 0]])
    table = neighbours.ranked(lists, relevant)
    first = (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    np.testing.assert_allclose(table["ndcg"], [first, 1.0, np.nan])
    np.testing.assert_allclose(table["recall"], [0.5, 1.0, np.nan])
    assert table["hits"].tolist() == [1, 1, 0]


def test_popularity_counts_people_not_looks():
    assert neighbours.popularity(sparse.csr_matrix([[3.0, 0], [1, 1]])).tolist() == [2, 1]


def part_chosen(monkeypatch, later, people: int = 400) -> float:
    """What `own_part` chooses when people open 4 of the 10 courses of their topic and then `later(rng, these four)`."""
    rng = np.random.default_rng(0)
    mine = [10 * (user % 3) + rng.permutation(10)[:4] for user in range(people)]
    then = [later(rng, them) for them in mine]

    def pairs(opened: list) -> pd.DataFrame:
        rows = [(f"u{user:03}", f"c{course:02}") for user, them in enumerate(opened) for course in them]
        return pd.DataFrame(rows, columns=["user_id", "product_id"]).value_counts().rename("n").reset_index()

    before, after = pairs(mine), pairs([[*first, *second] for first, second in zip(mine, then, strict=True)])
    strength = {n: t.assign(strength=np.log2(1 + t["n"])) for n, t in (("before", before), ("after", after))}
    monkeypatch.setattr(neighbours, "interest", lambda ds, until: strength["before"])
    monkeypatch.setattr(neighbours, "owned", lambda ds, until: before.iloc[:0])
    users = pd.DataFrame({"user_id": [f"u{user:03}" for user in range(people)], "no_profile": False})
    courses = pd.DataFrame({"product_id": [f"c{course:02}" for course in range(30)]})
    courses["published_at"] = LINE - pd.Timedelta(days=100)
    x = neighbours.matrix(strength["after"], users["user_id"], courses["product_id"])
    return neighbours.own_part(None, LINE, users, courses, x, 100.0)


def test_where_nobody_returns_the_own_history_adds_nothing(monkeypatch):
    def others(rng, them):
        return rng.permutation(np.setdiff1d(them[0] // 10 * 10 + np.arange(10), them))[:2]

    assert part_chosen(monkeypatch, others) == 0.0


def test_where_the_own_history_says_nothing_it_adds_nothing(monkeypatch):
    assert part_chosen(monkeypatch, lambda rng, them: rng.permutation(30)[:2]) == 0.0


def test_where_people_return_to_a_course_it_speaks_for_itself(monkeypatch):
    assert part_chosen(monkeypatch, lambda rng, them: them[:2]) > 0.0


def test_nobody_to_look_at_is_no_part(monkeypatch):
    assert part_chosen(monkeypatch, lambda rng, them: them[:0]) == 0.0


VIEWS = (  # user, course, days before the line
    *[(user, course, 10) for user in ("ann", "bob", "eve", "opt") for course in ("a", "b")],
    *[(user, course, 10) for user in ("ann", "bob", "kim") for course in ("a", "c")],
    ("den", "d", 5),
    ("sam", "d", 5),
    ("eve", "c", -5),  # after the line
    ("opt", "a", 3),
)


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """Write a small export and open it: company(views) -> Dataset; the same views give the same one."""
    tmp_path = tmp_path_factory.mktemp("companies")

    def at(days: float) -> str:
        return (LINE - pd.Timedelta(days=days)).isoformat()

    @cache
    def make(views=VIEWS):
        folder = tmp_path / f"export-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        manifest = EXAMPLE | {"observation_start": "2024-01-01", "observation_end": at(-30), "extracted_at": at(-31)}
        (folder / "manifest.yml").write_text(yaml.safe_dump(manifest))
        people = ["ann", "bob", "eve", "kim", "new", "opt", "den", "sam", "kid", "late"]
        users = pd.DataFrame({"user_id": people, "created_at": [at(-5 if p == "late" else 100) for p in people]})
        users["is_staff"] = users["user_id"] == "sam"
        users["under_14"] = users["user_id"] == "kid"
        users["personalization_opt_out"] = users["user_id"] == "opt"
        users["consent_analytics"] = ["denied" if p == "den" else "granted" for p in people]
        courses = pd.DataFrame({"product_id": ["a", "b", "c", "d", "old", "next", "vip"], "category": "x"})
        courses["name"] = courses["product_id"].str.upper()
        courses["product_type"] = ["course"] * 6 + ["membership"]
        courses["published_at"] = [at(-3 if c == "next" else 400) for c in courses["product_id"]]
        courses["retired_at"] = [at(50) if c == "old" else "" for c in courses["product_id"]]
        courses = courses.assign(price="99.00", currency="CNY")
        seen = pd.DataFrame(views, columns=["user_id", "product_id", "days"])
        seen = seen.assign(event="product_viewed", timestamp=seen.pop("days").map(at))
        seen = seen.assign(received_at=seen["timestamp"], message_id=[f"m{i}" for i in range(len(seen))])
        orders = pd.DataFrame({"order_id": ["o1", "o2", "o3"], "user_id": ["ann", "ann", "bob"]})
        orders = orders.assign(product_id=["b", "c", "c"], status=["paid", "cancelled", "refunded"])
        orders = orders.assign(timestamp=at(8), total="99.00", refund_total=["", "", "99.00"], currency="CNY")
        for name, table in {"users": users, "courses": courses, "events": seen, "orders": orders}.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        return knowpay.open(folder, cache=tmp_path / "cache")

    return make


def lists_of(ds, **arguments) -> dict[str, list[str]]:
    return neighbours.recommend(ds, **arguments).groupby("user_id")["product_id"].agg(list).to_dict()


def test_nobody_is_shown_what_they_must_not_be(company):
    lists = lists_of(company(), until=LINE)
    assert set(lists) == {"ann", "bob", "eve", "kim", "new", "opt", "den"}  # no staff, no child, nobody from later
    assert all(set(ten) <= {"a", "b", "c", "d"} for ten in lists.values())  # not retired, unpublished or a membership
    assert "b" not in lists["ann"]  # bought
    assert "c" in lists["ann"]  # the order was cancelled
    assert "c" not in lists["bob"]  # refunded: known and done


def test_people_without_history_or_profile_get_the_list_for_all(company):
    ten = neighbours.recommend(company(), until=LINE).set_index("user_id")
    for user in ("new", "opt", "den"):
        assert ten.loc[user, "reason"].unique().tolist() == ["popular in the last 90 days"]
        assert ten.loc[user, "product_id"].tolist() == ten.loc["new", "product_id"].tolist()
    assert ten.loc["new", "product_id"].tolist()[0] == "a"  # the course most people opened
    assert ten.loc["eve", "product_id"].tolist()[:3] == ["a", "b", "c"]
    assert ten.loc["eve", "reason"].tolist()[2:] == ["goes with A, which you opened", "to try something different"]


def test_those_who_denied_analysis_are_not_learned_from(company):
    without = tuple(view for view in VIEWS if view[0] not in ("den", "sam"))
    assert neighbours.interest(company())["user_id"].isin(["den", "sam"]).sum() == 0
    pd.testing.assert_frame_equal(
        neighbours.recommend(company(), until=LINE), neighbours.recommend(company(without), until=LINE)
    )


def test_the_future_changes_no_list(company):
    more = (*VIEWS, *[("eve", course, -1) for course in "cd"], ("new", "d", -2))
    pd.testing.assert_frame_equal(
        neighbours.recommend(company(), until=LINE), neighbours.recommend(company(more), until=LINE)
    )


def test_length_and_order_of_the_lists(company):
    ds = company()
    ten = neighbours.recommend(ds, k=2, until=LINE)
    assert ten.groupby("user_id").size().max() == 2
    assert list(ten.columns) == ["user_id", "product_id", "rank", "score", "reason"]
    assert (ten.groupby("user_id")["score"].diff().dropna() <= 0).all()
    assert "next" in lists_of(ds)["new"]  # published by the end of the observation
    with pytest.raises(ValueError, match="1 or more"):
        neighbours.recommend(ds, k=0)
    with pytest.raises(ValueError, match="No course is on sale"):
        neighbours.recommend(ds, until="2023-01-01")


def test_interest_counts_looks_inside_its_bounds(company):
    pairs = neighbours.interest(company(), until=LINE).set_index(["user_id", "product_id"])
    assert pairs.loc[("opt", "a"), "n"] == 2
    assert pairs.loc[("opt", "a"), "strength"] == pytest.approx(np.log2(3))
    assert ("eve", "c") not in pairs.index
    assert ("eve", "c") in neighbours.interest(company(), since=LINE).set_index(["user_id", "product_id"]).index
