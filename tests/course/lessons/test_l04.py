"""Measures over the same span for everybody, and distances that agree with SciPy's."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hand_made import company as written
from knowpay_course.lessons import l04
from scipy.stats import ks_2samp, wasserstein_distance


def dataset(until: str, zone: str = "Asia/Shanghai") -> SimpleNamespace:
    return SimpleNamespace(observation_end=pd.Timestamp(until, tz=zone).tz_convert("UTC"), timezone=zone)


def days(**people: list[int]) -> pd.DataFrame:
    start = pd.Timestamp("2025-01-01")
    rows = [(who, start + pd.Timedelta(days=n)) for who, ns in people.items() for n in ns]
    return pd.DataFrame(rows, columns=["user_id", "day"])


def test_first_days_by_hand():
    found = l04.first_days(days(a=[0, 2, 3, 40], b=[5], c=[9, 8]), dataset("2025-02-15"), span=30)
    assert found.index.tolist() == ["a", "b", "c"]
    assert found["days"].tolist() == [3, 1, 2] and found["last"].tolist() == [3, 0, 1]
    assert found.loc["a", "gap"] == 1.5 and np.isnan(found.loc["b", "gap"]) and found.loc["c", "gap"] == 1


def test_whose_span_is_cut_is_left_out():
    seen = days(whole=[0, 1], cut=[1, 2])
    assert l04.first_days(seen, dataset("2025-01-31"), span=30).index.tolist() == ["whole"]
    assert l04.first_days(seen, dataset("2025-02-01"), span=30).index.tolist() == ["cut", "whole"]


def test_days_are_local_each_once_and_staff_are_out(tmp_path):
    times = ["2025-01-01T15:59Z", "2025-01-01T16:01Z", "2025-01-01T18:00Z"]
    events = [{"user_id": "a", "event": "seen", "timestamp": t} for t in times]
    events += [{"user_id": "a", "event": "other", "timestamp": "2025-01-09T00:00Z"}]
    events += [{"user_id": "boss", "event": "seen", "timestamp": "2025-01-01T00:00Z"}]
    sold = [("a", "paid", 9, "c"), ("b", "paid", 9, "vip"), ("c", "refunded", 9, "c"), ("d", "paid", 0, "c")]
    sold += [("e", "partially_refunded", 9, "c"), ("f", "created", 9, "c"), ("boss", "paid", 9, "c")]
    orders = pd.DataFrame(sold, columns=["user_id", "status", "total", "product_id"])
    users = [{"user_id": user, "is_staff": user == "boss"} for user in ["a", "b", "c", "d", "e", "f", "boss"]]
    courses = [{"product_id": "c"}, {"product_id": "vip", "product_type": "membership"}]
    orders = orders.assign(timestamp="2025-01-01T00:00Z", refund_total=0)
    ds = written(tmp_path, users=users, courses=courses, events=events, orders=orders)
    seen = l04.learning(ds, "seen")
    assert seen["user_id"].tolist() == ["a", "a"]
    assert seen["day"].dt.strftime("%F").tolist() == ["2025-01-01", "2025-01-02"]
    assert l04.buying(ds)["user_id"].tolist() == ["a", "e"]


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    one, other = pd.Series(rng.poisson(3, 80).astype(float)), pd.Series(rng.gamma(2, 2, 130))
    one[5] = np.nan
    found = l04.distance(one, other, resamples=200, seed=seed)
    assert found["ks"] == pytest.approx(ks_2samp(one.dropna(), other).statistic)
    assert found["w"] == pytest.approx(wasserstein_distance(one.dropna(), other))
    assert found["ks_low"] < found["ks_high"] and found["w_low"] < found["w"] < found["w_high"]
    assert found == l04.distance(one, other, resamples=200, seed=seed)


def test_noise_is_exceeded_by_one_in_twenty_pairs_of_one_source():
    rng = np.random.default_rng(0)
    pairs = [rng.normal(size=(2, 200)) for _ in range(400)]
    found = [l04.distance(pd.Series(a), pd.Series(b), resamples=200) for a, b in pairs]
    share = np.mean([f["ks"] > f["noise"] for f in found])
    assert 0.03 < share < 0.075  # 0.05 with a standard error of 0.011


def test_intervals_of_a_shift_cover_it():
    rng = np.random.default_rng(1)
    pairs = [(rng.normal(size=150), rng.normal(2, size=150)) for _ in range(200)]
    found = [l04.distance(pd.Series(a), pd.Series(b), resamples=300) for a, b in pairs]
    covered = np.mean([f["w_low"] <= 2 <= f["w_high"] for f in found])
    assert 0.84 < covered < 0.96  # 0.90 with a standard error of 0.021


def test_no_values_no_distance():
    with pytest.raises(ValueError, match="both sides"):
        l04.distance(pd.Series([np.nan]), pd.Series([1.0]))


def test_risk_ratio_by_hand_and_by_brute_force():
    found = l04.risk_ratio(267, 21_307, 122, 21_306)
    assert found.value == pytest.approx(267 / 21_307 / (122 / 21_306))
    rng = np.random.default_rng(0)
    draws = rng.binomial(21_307, 267 / 21_307, 20_000) / rng.binomial(21_306, 122 / 21_306, 20_000) * 21_306 / 21_307
    assert np.quantile(draws, [0.05, 0.95]) == pytest.approx([found.low, found.high], rel=0.03)
    assert draws.std() == pytest.approx(found.error, rel=0.1)
    with pytest.raises(ValueError, match="a hit in each arm"):
        l04.risk_ratio(3, 100, 0, 100)
