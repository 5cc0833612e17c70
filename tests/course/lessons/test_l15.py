"""Lesson 15: hiding and sampling, EASE without a person, and MOOCCube: runs merged, rows as the lesson prints them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from knowpay.analyse import neighbours
from knowpay.collect import DownloadError
from knowpay.collect.public.mooccube import open_mooccube
from knowpay_course.lessons import l15
from scipy import sparse

here = pytest.mark.real_data("mooccube")


@pytest.fixture(scope="module")
def mooc():
    return open_mooccube()


@here
def test_counts_are_the_published_ones_and_runs_are_merged(mooc):
    assert (len(mooc.runs), len(mooc.enrolments)) == (706, 24_933)
    assert mooc.runs["course"].nunique() < mooc.runs["run"].nunique()
    java = mooc.runs[mooc.runs["course"] == "TsinghuaX Java程序设计"]
    assert len(java) > 1
    assert not mooc.views.duplicated(["user_id", "course"]).any()


@here
def test_ease_orders_better_than_popular_on_hidden_enrolments(mooc):
    every, items = l15.enrolled(mooc)
    assert every.shape == (4_723, len(items))
    train, hidden = l15.hide_one(every)
    scores = l15.closed_form(train, train)
    ndcg = {n: neighbours.ranked(neighbours.top(s, 10, train), hidden)["ndcg"].mean() for n, s in scores.items()}
    assert ndcg["EASE"] == pytest.approx(0.36, abs=0.01)
    assert ndcg["popular"] == pytest.approx(0.333, abs=0.01)


@here
def test_dated_views_are_cut_by_time(mooc):
    _, before, after = l15.dated(mooc)
    assert before.shape == after.shape == (mooc.views["user_id"].nunique(), mooc.views["course"].nunique())
    assert before.multiply(after).nnz == 0
    assert np.isclose(before.nnz / (before.nnz + after.nnz), 0.6, atol=0.01)


def test_absent_data_are_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path))
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)
    with pytest.raises(DownloadError, match="KNOWPAY_DATA"):
        open_mooccube()


def test_hidden_entries_are_a_partition():
    x = sparse.csr_matrix(np.random.default_rng(0).random((50, 20)) < 0.3).astype(float)
    for train, hidden in (l15.hide(x, seed=1), l15.hide_one(x, seed=1)):
        assert (train + hidden - x).nnz == 0
        assert train.multiply(hidden).nnz == 0
        assert 0.1 < hidden.nnz / x.nnz < 0.3  # a fifth of the entries; one of some six of a person
    assert (np.diff(hidden.indptr) == (np.diff(x.indptr) > 1)).all()


def test_sampled_negatives_flatter():
    rng = np.random.default_rng(0)
    scores = rng.random((1000, 100))
    relevant = sparse.csr_matrix((rng.random((1000, 100)) < 0.03).astype(float))
    full = neighbours.ranked(neighbours.top(scores, 10), relevant)["recall"].mean()
    few = l15.sampled(scores, relevant, sparse.csr_matrix((1000, 100)), 20)["recall"].mean()
    assert full == pytest.approx(0.10, abs=0.03)  # chance
    assert few == pytest.approx(10 / 21, abs=0.04)  # chance too, and looks like skill


def interest_matrix(rows: int = 60, columns: int = 12, seed: int = 0) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.log2(1 + np.random.default_rng(seed).poisson(0.5, (rows, columns))))


@pytest.mark.parametrize("penalty", [0.5, 30.0])
def test_left_out_prediction_equals_a_fit_without_the_person(penalty):
    x = interest_matrix(seed=1)
    formula = l15.ease_left_out(x, penalty)
    for user in (0, 7, 59):
        rest = sparse.vstack([x[:user], x[user + 1 :]]).tocsr()
        refitted = neighbours.Ease(penalty).fit(rest).predict(x[user])
        np.testing.assert_allclose(formula[user], refitted.ravel(), atol=1e-9)


def test_the_share_of_pages_and_its_error() -> None:
    pages = np.array([[3, 1, 0, 0], [0, 0, 4, 2]])
    found = l15.page_share(pages, np.array([[0, 1], [2, 0]]))
    assert (found.value, found.error) == pytest.approx((80, 100 * (0.8 * 0.2 / 10) ** 0.5))
    step = l15.page_share(pages, np.array([[0, 1], [2, 0]]), np.array([[0, 2], [3, 0]]))
    assert step.value == pytest.approx(100 * (1 + 4 - 2) / 10)
    assert step.error == pytest.approx(100 * ((7 / 10 - 0.3**2) / 10) ** 0.5)


def test_an_order_that_the_truth_turns_round_is_seen() -> None:
    pages = np.array([[40, 0, 5, 0]])
    lists = {"good": np.array([[0, 1]]), "bad": np.array([[2, 3]])}
    assert l15.true_order(pages, lists, pd.Series({"good": 90.0, "bad": 10.0})) == (1, 1)
    assert l15.true_order(pages, lists, pd.Series({"good": 10.0, "bad": 90.0})) == (0, 1)


def test_bought_when_told_is_weighted_by_the_propensities() -> None:
    rows = pd.DataFrame(
        {"message": [True] * 4 + [False], "bought": [1, 0, 0, 0, 1], "propensity": [0.25, 0.5, 0.5, 1, 1]}
    )
    found = l15.bought_when_told(rows)
    assert found.value == pytest.approx(100 * 4 / 9)
    people = 9**2 / (16 + 4 + 4 + 1)  # effective
    assert found.error == pytest.approx(100 * (4 / 9 * people + 1) ** 0.5 / people)
