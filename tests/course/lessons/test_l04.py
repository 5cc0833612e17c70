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


def test_arms_count_people_by_their_probabilities():
    # Quiet people are seldom written to and never buy; of the busy two in four do, of those without a message one.
    rows = [("quiet", m, 0) for m in (1, 0, 0, 0)] + [("busy", 1, b) for b in (1, 1, 1, 0, 0, 0)]
    rows += [("busy", 0, b) for b in (1, 0)]
    rows = pd.DataFrame(rows, columns=["stratum", "message", "bought"]).astype({"message": bool, "bought": bool})
    share = rows["stratum"].map({"quiet": 0.25, "busy": 0.75})
    rows["propensity"] = np.where(rows["message"], share, 1 - share)
    found = l04.arms(rows)
    assert found.index.tolist() == [False, True]
    assert (found["sum"] / found["size"]).tolist() == pytest.approx([4 / 12, 4 / 12])
    assert l04.log_ratio(rows).value == pytest.approx(0)


def test_arms_of_an_even_assignment_are_the_counts():
    rows = pd.DataFrame({"message": [True, True, True, False, False], "bought": [1, 1, 0, 1, 0], "propensity": 0.5})
    found = l04.arms(rows)
    assert found.loc[False].tolist() == [1, 2] and found.loc[True].tolist() == [2, 3]
    ratio, log = l04.risk_ratio(2, 3, 1, 2), l04.log_ratio(rows)
    assert log.value == pytest.approx(np.log(ratio.value)) and log.low == pytest.approx(np.log(ratio.low))


def test_the_truth_of_each_claim_by_hand():
    chances = pd.DataFrame({"touch_id": ["x", "y", "z"], "p_control": [0.1, 0.3, 0.9], "p_message": [0.2, 0.6, 0.9]})
    months = pd.DataFrame({"membership_id": ["m", "n"], "hazard": [0.25, 0.75]})
    truth = SimpleNamespace(touches=chances, memberships=months)
    found = l04.planted(truth, pd.DataFrame({"touch_id": ["y", "x"]}), months.iloc[:1])
    assert found["effect of a message"] == pytest.approx(20) and found["first paid month not renewed"] == 25
    assert found["log of how many times as often"] == pytest.approx(np.log(2))


def test_the_ledger_by_hand(tmp_path):
    sold = [("a", "2025-01-01", 9), ("a", "2025-01-01", 5), ("a", "2025-03-01", 7), ("b", "2025-12-30", 7)]
    orders = pd.DataFrame(sold, columns=["user_id", "timestamp", "total"]).assign(order_id=["o1", "o2", "o3", "o4"])
    ds = written(tmp_path, orders=orders.assign(timestamp=orders["timestamp"] + "T01:00:00Z"))
    books = orders[["order_id", "total"]].assign(
        refund=[0.0, 5.0, 0.0, 0.0], membership=False, leaves=orders["total"] - 1.0
    )
    found = l04.ledger(ds, SimpleNamespace(orders=books), span=30)  # o2 was given back, b is not watched so long
    assert found.index.tolist() == ["a"] and found.loc["a"].tolist() == [1, 8]
    assert l04.ledger(ds, SimpleNamespace(orders=books), span=90).loc["a"].tolist() == [2, 14]
