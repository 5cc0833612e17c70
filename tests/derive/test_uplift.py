"""Power, orders, the Qini coefficient, out-of-sample scores and the models of the effect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from knowpay.derive import policy, uplift


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


def test_best_takes_the_share_in_each_group():
    chosen = uplift.best([1, 3, 2, 9, 8, 7], 1 / 3, ["a", "a", "a", "b", "b", "b"])
    assert chosen.tolist() == [False, True, False, True, False, False]
    assert uplift.best([5, 5, 5, 5], 0.5).tolist() == [True, True, False, False]  # ties: the earlier rows


def test_qini_of_perfect_worst_and_random_orders():
    t = np.tile([1, 0], 500)
    y = np.repeat([1, 0, 1, 0], 250) * np.where(np.arange(1000) < 500, t, 1 - t)
    best = y * t - y * (1 - t)
    assert uplift.qini(y, t, best) == pytest.approx(1)
    assert uplift.qini(y, t, -best) < 0
    assert uplift.qini(y, t, np.zeros(1000)) == pytest.approx(0)
    scores = np.random.default_rng(0).random((200, 1000))
    assert np.mean([uplift.qini(y, t, s) for s in scores]) == pytest.approx(0, abs=0.02)


def test_qini_by_hand():
    # down the list: treated buyer, control non-buyer, treated non-buyer, control buyer
    y, t, score = [1, 0, 0, 1], [1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0]
    # curve 1, 1, 2-0... : y_t - y_c n_t/n_c = 1, 1, 1, 0; the line of a random order ends at 0, its area is 0
    assert uplift.qini(y, t, score) == pytest.approx((0.5 + 1 + 1 + 0.5) / (0.5 + 1 + 1 + 0.5))


@pytest.mark.parametrize("uneven", [False, True])
def test_the_models_of_the_effect_find_the_quiet_and_the_response_model_the_busy(uneven):
    tried = company(uneven=uneven)
    days = tried["active_days"]
    for maker in (uplift.t_learner, uplift.interaction):
        assert np.corrcoef(maker(tried)(tried), days)[0, 1] < -0.7
    assert np.corrcoef(uplift.response(tried)(tried), days)[0, 1] > 0
    assert np.corrcoef(uplift.look_alike(tried)(tried), days)[0, 1] > 0.7


def test_a_model_without_any_purchase_says_so_to_all():
    tried = company(600).assign(bought=False)
    for maker in (uplift.response, uplift.t_learner, uplift.interaction):
        assert (maker(tried)(tried) == 0).all()


def test_scores_come_from_earlier_campaigns_only():
    tried, seen = company(6000), []

    def spy(past: pd.DataFrame):
        seen.append(past["assigned_at"].max())
        return lambda known: np.full(len(known), len(seen), dtype=float)

    scores = uplift.rolling(tried, spy)
    moments = np.sort(tried["assigned_at"].unique())
    assert (
        np.isnan(scores[tried["assigned_at"] <= moments[1]]).all()
        and not np.isnan(scores[tried["assigned_at"] > moments[1]]).any()
    )
    for number, last in enumerate(seen, 1):
        assert last < tried.loc[scores == number, "assigned_at"].min()
    with pytest.raises(ValueError, match="3 are needed, there are 2"):
        uplift.rolling(tried[tried["assigned_at"] <= moments[1]], spy)


def test_compare_and_replay_count_money_per_touch():
    tried = company()
    gain = policy.gains(tried, 10.0, 0.2)
    quiet = (tried["active_days"] <= 4).to_numpy()
    rules = {"quiet": quiet * 1.0, "busy": (~quiet) * 1.0}
    table = uplift.compare(rules, gain, tried["user_id"], against="busy")
    assert table.loc["quiet", "its low"] > 0 and table.loc["busy", "difference"] == 0
    groups = uplift.by_group({"quiet": quiet, "nobody": np.zeros(len(tried), dtype=bool)}, gain, tried["user_id"])
    true = 10 * (0.10 - 0.018 * 2) - 0.2
    assert groups.loc["quiet", "low"] < true < groups.loc["quiet", "high"]
    assert groups.loc["nobody", "touches"] == 0
    own = (tried["place"] == 1).to_numpy()
    mask, each = uplift.replay(tried, own, -tried["active_days"].to_numpy(float), 0.5, gain)
    assert not mask[~own].any() and mask.sum() == pytest.approx(own.sum() / 2, abs=4)
    assert each.yuan == pytest.approx(gain[mask].mean())


def test_trend_recovers_a_slope_within_its_error():
    rng = np.random.default_rng(2)
    people = pd.Series(np.repeat(np.arange(2000), 5))
    x, shared = rng.random(10_000), np.repeat(rng.standard_normal(2000), 5)
    found = uplift.trend(3 - 2 * x + shared + rng.standard_normal(10_000), x, people)
    assert found.yuan == pytest.approx(-2, abs=4 * found.error) and found.low < found.yuan < found.high


@pytest.mark.parametrize("uneven", [False, True])
def test_moved_separates_buying_from_being_moved(uneven):
    tried = company(uneven=uneven)
    busy = tried["active_days"] > 5
    table = uplift.moved({"busy": tried[busy], "quiet": tried[~busy]})
    everybody = uplift.moved({"all": tried}).loc["all"]
    true = 100 * (0.10 - 0.018 * tried["active_days"]).mean()
    assert everybody["effect, points"] == pytest.approx(true, abs=4 * everybody["standard error"])
    assert everybody["buy anyway, %"] == pytest.approx(2 + tried["active_days"].mean(), abs=0.6)
    assert table.loc["busy", "buy anyway, %"] > table.loc["quiet", "buy anyway, %"]
    assert table.loc["busy", "effect, points"] < 0 < table.loc["quiet", "effect, points"]
