"""Power, orders, out-of-sample scores and the models of the effect."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from knowpay.analyse import learners
from knowpay.derive import policy, uplift
from sklearn.base import BaseEstimator, clone


def company(n: int = 40_000, seed: int = 0, uneven: bool = False) -> pd.DataFrame:
    """Touches in which the message helps quiet people and hurts busy ones, who buy more anyway; fair lots or not."""
    rng = np.random.default_rng(seed)
    days = rng.integers(0, 11, n)
    odds = np.where(days > 5, 0.8, 0.3) if uneven else np.full(n, 0.5)
    message = rng.random(n) < odds
    p = 0.02 + 0.01 * days + np.where(message, 0.10 - 0.018 * days, 0.0)
    moments = pd.date_range("2025-01-01", periods=6, freq="21D", tz="UTC")
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, n // 4, n).astype(str),
            "assigned_at": moments[np.arange(n) * 6 // n],
            "message": message,
            "propensity": np.where(message, odds, 1 - odds),
            "bought": rng.random(n) < p,
            "active_days": days,
            "recency": rng.exponential(10, n),
            "tenure": rng.exponential(200, n),
            "purchases": (rng.random(n) < 0.02 + 0.05 * days).astype(int),
            "place": rng.integers(1, 25, n),
            "price": 100.0,
            "mean_price": 100.0,
            "device_os": rng.choice(["ios", "web"], n),
            "channel": "organic",
        }
    )


def learned(learner: type, assignments: pd.DataFrame) -> uplift.Score:
    return uplift.Score(learner(uplift.RIDGE)).fit(assignments)


def test_detectable_by_hand():
    assert uplift.detectable([100, 100], 0.5) == pytest.approx(2.8 * np.sqrt(0.25 * 2 / 100))
    with pytest.raises(ValueError, match="Every arm"):
        uplift.detectable([100, 0], 0.5)


def test_a_trial_of_that_size_finds_it_four_times_in_five():
    rng, n, base = np.random.default_rng(1), 4000, 0.02
    found = uplift.detectable([n, n], base)
    shown, hidden = rng.binomial(n, base + found / 2, 4000) / n, rng.binomial(n, base - found / 2, 4000) / n
    error = np.sqrt((shown * (1 - shown) + hidden * (1 - hidden)) / n)
    assert ((shown - hidden) / error > 1.96).mean() == pytest.approx(0.80, abs=0.03)


def test_power_says_yes_or_no():
    table = uplift.power({"few": [50, 50], "many": [50_000, 50_000]}, base=0.01, yardstick=0.004)
    assert table["enough"].tolist() == ["no", "yes"]
    assert table.loc["few", "times the data"] == pytest.approx(1000 * table.loc["many", "times the data"])


def test_top_share_takes_the_share_in_each_group():
    chosen = uplift.top_share([1, 3, 2, 9, 8, 7], 1 / 3, ["a", "a", "a", "b", "b", "b"])
    assert chosen.tolist() == [False, True, False, True, False, False]
    assert uplift.top_share([5, 5, 5, 5], 0.5).tolist() == [True, True, False, False]  # ties: the earlier rows


@pytest.mark.parametrize("uneven", [False, True])
def test_the_models_of_the_effect_find_the_quiet_and_the_response_model_the_busy(uneven):
    assignments = company(uneven=uneven)
    days = assignments["active_days"]
    for learner in (learners.TLearner, learners.Crossed):
        assert np.corrcoef(learned(learner, assignments).predict(assignments), days)[0, 1] < -0.7
    assert np.corrcoef(learned(learners.Response, assignments).predict(assignments), days)[0, 1] > 0


def test_a_model_without_any_purchase_says_so_to_all():
    assignments = company(600).assign(bought=False)
    for learner in (learners.Response, learners.TLearner, learners.Crossed):
        assert (learned(learner, assignments).predict(assignments) == 0).all()


@pytest.mark.parametrize("learner", [learners.Response, learners.TLearner, learners.Crossed])
def test_a_model_is_cloned_and_pickled_with_the_same_scores(learner):
    assignments = company(2000)
    model = learned(learner, assignments)
    again = clone(model).fit(assignments)
    for other in (again, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(assignments), model.predict(assignments))
    assert not hasattr(clone(model), "learner_")


def test_scores_come_from_earlier_campaigns_only():
    assignments, seen = company(6000), []

    class Spy(BaseEstimator):
        def fit(self, past: pd.DataFrame) -> Spy:
            seen.append(past["assigned_at"].max())
            return self

        def predict(self, known: pd.DataFrame) -> np.ndarray:
            return np.full(len(known), len(seen), dtype=float)

    scores = uplift.rolling(assignments, Spy())
    moments = np.sort(assignments["assigned_at"].unique())
    assert (
        np.isnan(scores[assignments["assigned_at"] <= moments[1]]).all()
        and not np.isnan(scores[assignments["assigned_at"] > moments[1]]).any()
    )
    for number, last in enumerate(seen, 1):
        assert last < assignments.loc[scores == number, "assigned_at"].min()
    with pytest.raises(ValueError, match="3 are needed, there are 2"):
        uplift.rolling(assignments[assignments["assigned_at"] <= moments[1]], Spy())


def test_compare_and_off_policy_value_count_money_per_touch():
    assignments = company()
    gain = policy.ipw_scores(assignments, 10.0, 0.2)
    quiet = (assignments["active_days"] <= 4).to_numpy()
    rules = {"quiet": quiet * 1.0, "busy": (~quiet) * 1.0}
    table = uplift.compare(rules, gain, assignments["user_id"], against="busy")
    assert table.loc["quiet", "its low"] > 0 and table.loc["busy", "difference"] == 0
    masks = {"quiet": quiet, "nobody": np.zeros(len(assignments), dtype=bool)}
    groups = uplift.by_group(masks, gain, assignments["user_id"])
    true = 10 * (0.10 - 0.018 * 2) - 0.2
    assert groups.loc["quiet", "low"] < true < groups.loc["quiet", "high"]
    assert groups.loc["nobody", "touches"] == 0 and np.isnan(groups.loc["nobody", "yuan"])
    own = (assignments["place"] == 1).to_numpy()
    mask, each = uplift.off_policy_value(assignments, own, -assignments["active_days"].to_numpy(float), 0.5, gain)
    assert not mask[~own].any() and mask.sum() == pytest.approx(own.sum() / 2, abs=4)
    assert each.value == pytest.approx(gain[mask].mean())


def test_trend_recovers_a_slope_within_its_error():
    rng = np.random.default_rng(2)
    people = pd.Series(np.repeat(np.arange(2000), 5))
    x, shared = rng.random(10_000), np.repeat(rng.standard_normal(2000), 5)
    found = uplift.trend(3 - 2 * x + shared + rng.standard_normal(10_000), x, people, "yuan a step")
    assert found.value == pytest.approx(-2, abs=4 * found.error) and found.low < found.value < found.high
    assert found.unit == "yuan a step"


@pytest.mark.parametrize("uneven", [False, True])
def test_effects_by_group_separate_buying_from_being_moved(uneven):
    assignments = company(uneven=uneven)
    busy = assignments["active_days"] > 5
    table = uplift.effects_by_group({"busy": assignments[busy], "quiet": assignments[~busy]})
    everybody = uplift.effects_by_group({"all": assignments}).loc["all"]
    true = 100 * (0.10 - 0.018 * assignments["active_days"]).mean()
    assert everybody["effect, points"] == pytest.approx(true, abs=4 * everybody["standard error"])
    assert everybody["buy anyway, %"] == pytest.approx(2 + assignments["active_days"].mean(), abs=0.6)
    assert table.loc["busy", "buy anyway, %"] > table.loc["quiet", "buy anyway, %"]
    assert table.loc["busy", "effect, points"] < 0 < table.loc["quiet", "effect, points"]
