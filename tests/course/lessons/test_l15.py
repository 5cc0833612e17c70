"""MOOCCube: the runs of one course are one course, and the closed-form rows come out as the lesson prints them."""

from __future__ import annotations

import numpy as np
import pytest
from knowpay.analyse import neighbours
from knowpay.collect import DownloadError
from knowpay.collect.public.mooccube import open_mooccube
from knowpay.train import enrolments, protocol

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
    every, items = enrolments.enrolled(mooc)
    assert every.shape == (4_723, len(items))
    train, hidden = protocol.hold_out_one(every)
    scores = enrolments.closed_form(train, train)
    ndcg = {n: neighbours.ranked(neighbours.top(s, 10, train), hidden)["ndcg"].mean() for n, s in scores.items()}
    assert ndcg["EASE"] == pytest.approx(0.36, abs=0.01)
    assert ndcg["popular"] == pytest.approx(0.333, abs=0.01)


@here
def test_dated_views_are_cut_by_time(mooc):
    _, before, after = enrolments.dated(mooc)
    assert before.shape == after.shape == (mooc.views["user_id"].nunique(), mooc.views["course"].nunique())
    assert before.multiply(after).nnz == 0
    assert np.isclose(before.nnz / (before.nnz + after.nnz), 0.6, atol=0.01)


def test_absent_data_are_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path))
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)
    with pytest.raises(DownloadError, match="KNOWPAY_DATA"):
        open_mooccube()
