"""Renewal curves, hazards, scores and the price of a call: against other implementations and by hand."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from knowpay.analyse import churn
from knowpay.analyse import churn_models as models
from knowpay.estimate import Estimate
from sklearn.base import clone
from sklearn.metrics import average_precision_score, roc_auc_score


def cohort(n: int, seed: int, alpha: float = 0.88, beta: float = 1.12) -> pd.DataFrame:
    """Lives of n members with Beta hazards, each watched for 1 to 17 periods."""
    rng = np.random.default_rng(seed)
    life = rng.geometric(rng.beta(alpha, beta, n).clip(1e-9))
    watched = rng.integers(1, 18, n)
    return pd.DataFrame({"periods": np.minimum(life, watched), "left": (life <= watched).astype(float)})


def test_the_curve_gives_both_published_figures():
    assert models.sbg_survival(0.88, 1.12, 1) == pytest.approx(0.56)
    assert models.sbg_survival(0.88, 1.12, 12) == pytest.approx(0.110, abs=0.001)
    assert models.sbg_hazard(0.88, 1.12, np.array([1, 2])) == pytest.approx([0.44, 0.88 / 3])


def test_many_members_give_the_parameters_back():
    curve = models.RenewalCurve().fit(cohort(60_000, seed=1))
    assert curve.alpha_ == pytest.approx(0.88, abs=0.04) and curve.beta_ == pytest.approx(1.12, abs=0.05)
    year = curve.interval(12)
    assert year.low < 0.110 < year.high and year.value == curve.survival(12)
    assert year.error == pytest.approx((year.high - year.low) / 2 / 1.645, rel=0.02)


def test_a_curve_is_pickled_with_its_answers():
    curve = models.RenewalCurve().fit(cohort(500, seed=1))
    again, fresh = pickle.loads(pickle.dumps(curve)), clone(curve)
    assert again.interval(12) == curve.interval(12) and not hasattr(fresh, "alpha_")
    assert fresh.fit(cohort(500, seed=1)).survival(12) == curve.survival(12)


def test_the_standard_error_is_the_spread_over_cohorts():
    fits = [models.RenewalCurve().fit(cohort(300, seed)) for seed in range(120)]
    for k in (1, 12):
        spread = np.std([fit.survival(k) for fit in fits])
        said = np.mean([fit.error(lambda a, b, k=k: models.sbg_survival(a, b, k)) for fit in fits])
        assert said == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize("left", [0.0, 1.0])
def test_a_curve_needs_both_outcomes(left):
    with pytest.raises(ValueError, match="one member who left and one who renewed"):
        models.RenewalCurve().fit(pd.DataFrame({"periods": [1, 1], "left": [left, left]}))


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    p = rng.integers(0, 12, 400) / 12  # with ties
    return (rng.random(400) < p).astype(float), p, rng.integers(0, 4, 400).astype(float)


def test_scores_are_those_of_scikit_learn(scored):
    y, p, w = scored
    assert models.auc(y, p) == pytest.approx(roc_auc_score(y, p))
    assert models.auc(y, p, w) == pytest.approx(roc_auc_score(y, p, sample_weight=w))
    found = models.scores(y, {"m": p}, np.arange(400), draws=50).loc["m"]
    assert found["AUC"].value == pytest.approx(roc_auc_score(y, p))
    assert found["PR-AUC"].value == pytest.approx(average_precision_score(y, p))
    assert found["expected / observed"].value == pytest.approx(p.sum() / y.sum())
    assert all(score.low <= score.value <= score.high for score in found)


def test_precision_shares_ties_out():
    y, p = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0.0]), np.array([0.9] + [0.5] * 4 + [0.1] * 5)
    found = models.scores(y, {"m": p}, np.arange(10), share=0.3, draws=2).loc["m"]
    assert found["precision at 30%"].value == pytest.approx((1 + 2 * 0.25) / 3)


def test_a_hazard_as_label_gives_the_auc_to_expect(scored):
    _, p, _ = scored
    rng = np.random.default_rng(1)
    drawn = [roc_auc_score(rng.random(400) < p, p) for _ in range(200)]
    assert models.auc(p, p) == pytest.approx(np.mean(drawn), abs=0.005)


def test_gain_of_a_model_over_itself_is_nothing(scored):
    y, p, _ = scored
    assert models.gain(y, p, p, np.arange(400), draws=20) == Estimate(0, 0, 0, 0)
    assert models.gain(y, p, np.zeros(400), np.arange(400), draws=20).low > 0.1


@pytest.fixture
def rows():
    rng = np.random.default_rng(2)
    n = 600
    month, visits = rng.integers(1, 8, n), rng.poisson(5, n).astype(float)
    left = rng.random(n) < 0.9 / (1.1 + month)
    frame = pd.DataFrame({"log_tenure": np.log(month), "visits": visits, "left": left.astype(float)})
    return frame.assign(user_id=[f"u{i % 150}" for i in range(n)], kind=rng.choice(["a", "b"], n))


def test_a_strong_penalty_falls_back_on_the_free_column(rows):
    model = models.logistic(["log_tenure", "visits"], free=["log_tenure"], strength=1e-4).fit(rows, rows["left"])
    p = model.predict_proba(rows)[:, 1]
    by_month = pd.Series(p).groupby(rows["log_tenure"]).agg(["min", "max"])
    assert (by_month["max"] - by_month["min"]).max() < 0.02
    assert by_month["max"].iloc[0] - by_month["max"].iloc[-1] > 0.15
    assert p.mean() == pytest.approx(rows["left"].mean(), abs=0.01)


def test_the_month_alone_is_a_model_too(rows):
    p = models.logistic([], free=["log_tenure"]).fit(rows, rows["left"]).predict_proba(rows)[:, 1]
    assert pd.Series(p).groupby(rows["log_tenure"]).nunique().max() == 1
    assert p.mean() == pytest.approx(rows["left"].mean(), abs=0.001)


def test_both_models_take_missing_numbers_and_new_kinds(rows):
    rows.loc[:50, "visits"] = np.nan
    new = rows.assign(kind="c")
    for model in (models.logistic(["visits"], ["kind"]), models.boosting(["visits"], ["kind"])):
        assert np.isfinite(model.fit(rows, rows["left"]).predict_proba(new)).all()


def test_members_stay_in_one_fold(rows):
    folds = models.member_folds(rows)
    for train, test in folds:
        assert not set(rows["user_id"].iloc[train]) & set(rows["user_id"].iloc[test])
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(600))


@pytest.mark.parametrize("best", [1e-6, 1.0])
def test_the_setting_with_the_least_loss_is_fitted_to_all_rows(rows, best):
    if best == 1.0:  # visits tell who leaves; otherwise they tell nothing, and the strong penalty is right
        rows["left"] = (rows["visits"] > 5).astype(float)
    folds = models.member_folds(rows)
    rows.loc[folds[0][1], "left"] = 0.0  # nobody leaves in the first fold: it counts all the same
    found = models.tune(models.logistic(["visits"]), {"model__C": [1e-6, 1.0]}, rows, folds)
    again = models.logistic(["visits"], strength=best).fit(rows, rows["left"])
    np.testing.assert_allclose(found.predict_proba(rows), again.predict_proba(rows))


def test_nobody_left_is_said_in_a_sentence(rows):
    nobody = rows.assign(left=0.0)
    with pytest.raises(ValueError, match="0 leavers are too few"):
        models.tune(models.logistic(["visits"]), {"model__C": [1.0]}, nobody, models.member_folds(nobody))


def months(n: int, seed: int) -> pd.DataFrame:
    """Person-periods of n members with Beta hazards, watched for 1 to 8 months, over a year and a half."""
    rng = np.random.default_rng(seed)
    lives, own = cohort(n, seed), rng.normal(size=n)
    lives["periods"] = lives["periods"].clip(upper=8)
    row = np.repeat(np.arange(n), lives["periods"])
    number = np.arange(len(row)) - np.repeat(lives["periods"].cumsum() - lives["periods"], lives["periods"]) + 1
    start = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 200, n)[row] + 30 * (number - 1), unit="D")
    last = (number == lives["periods"].to_numpy()[row]) & (lives["left"].to_numpy()[row] == 1)
    frame = pd.DataFrame({"user_id": [f"u{r:04}" for r in row], "period_no": number, "start": start})
    frame = frame.assign(end=start + pd.Timedelta(days=30), over=True, left=last.astype(float))
    features = {name: own[row] + rng.normal(size=len(row)) for name in models.FEATURES}
    features["log_tenure"] = np.log(number)
    return frame.assign(**features).sort_values("start", ignore_index=True)


def test_refits_resample_members():
    train, target = models.split_by_time(months(300, seed=1))
    again = models.refits(models.logistic(["visits_30"]), train, target, np.ones(len(train)), draws=30)
    curve = models.RenewalCurve().fit(churn.lifetimes(train))
    assert again.hazard.shape == again.alone.shape == again.months.shape == (31, len(target))
    fitted = models.logistic(["visits_30"]).fit(train, train["left"])
    np.testing.assert_allclose(again.hazard[0], models.risks(fitted, target))
    np.testing.assert_allclose(again.alone[0], curve.hazard(target["period_no"]), rtol=1e-3)
    assert 0.001 < again.hazard.std(axis=0).mean() < 0.1
    middle = curve.months_if_kept(target["period_no"])
    assert again.months.mean(axis=0) == pytest.approx(middle, rel=0.15) and again.months.std(axis=0).min() > 0.02


def test_the_forecast_in_one_step_is_the_lessons_in_many():
    periods = months(300, seed=2)
    train, test = models.split_by_time(periods)
    model = models.logistic(list(models.FEATURES), free=["log_tenure"])
    model = models.tune(model, models.STRENGTHS, train, models.member_folds(train))
    found = models.forecast(periods)
    np.testing.assert_array_equal(found["risk"], models.risks(model, test))
    pd.testing.assert_frame_equal(found.drop(columns="risk"), test)
    assert len(models.risks(model, test.head(0))) == 0


def test_a_month_counts_as_often_as_its_weight_says():
    rows = months(400, seed=3)
    counts = np.random.default_rng(3).integers(0, 4, len(rows))
    twice = rows.loc[np.repeat(rows.index, counts)]
    twice = models.RenewalCurve().fit_months(twice, np.ones(len(twice)))
    weighed = models.RenewalCurve().fit_months(rows, counts.astype(float))
    assert (weighed.alpha_, weighed.beta_) == pytest.approx((twice.alpha_, twice.beta_), rel=1e-3)
    lives = models.RenewalCurve().fit(churn.lifetimes(rows))
    alike = models.RenewalCurve().fit_months(rows, np.ones(len(rows)))
    assert (alike.alpha_, alike.beta_) == pytest.approx((lives.alpha_, lives.beta_), rel=1e-3)


def test_whoever_is_kept_was_about_to_leave():
    curve, rng = models.RenewalCurve().fit(cohort(20_000, seed=4)), np.random.default_rng(4)
    hazard = rng.beta(curve.alpha_, curve.beta_, 400_000)
    for period in (1, 4):
        there = hazard[rng.random(len(hazard)) < (1 - hazard) ** (period - 1)]
        leaving = there[rng.random(len(there)) < there]
        assert curve.months_if_kept(period) == pytest.approx(models.months_kept(leaving.clip(1e-9)).mean(), rel=0.02)
        assert curve.months_if_kept(period) < 0.8 * models.months_kept(there.clip(1e-9)).mean()
        assert curve.spread(period) == pytest.approx(there.std(), rel=0.02)
        stake = there * models.months_kept(there.clip(1e-9))
        assert curve.stake_spread(period) == pytest.approx(stake.std(), rel=0.02)
        assert curve.hazard(period) * curve.months_if_kept(period) == pytest.approx(stake.mean(), rel=0.02)


def test_members_who_differ_make_a_mean_uncertain():
    curve = models.RenewalCurve().fit(cohort(2_000, seed=5))
    apart = pd.DataFrame({"user_id": list("abcd"), "period_no": [1] * 4})
    assert models.members_error(curve, apart) == pytest.approx(float(curve.spread(1)) / 2)
    together = apart.assign(user_id="a")  # four months of one member are one draw of her rate
    assert models.members_error(curve, together) == pytest.approx(float(curve.spread(1)))


def test_months_kept_by_hand():
    assert models.months_kept(np.array([0.5]), months=3) == pytest.approx(1 + 0.5 + 0.25)
