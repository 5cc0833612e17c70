"""Touch outcomes: whose lot counts, the window, the odds of the lots, and the difference of two arms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hand_made import company as written
from knowpay.analyse import touches

NOON = pd.Timestamp("2025-03-10 12:00", tz="UTC")


@pytest.fixture
def company(tmp_path):
    """Write two people in each of the campaigns named in the columns given; by default one fair campaign."""

    def make(days: int = 14, **columns: list):
        n = len(next(iter(columns.values()), [0, 0]))
        sent = {"user_id": [f"u{i}" for i in range(n)], "touch_id": [f"t{i}" for i in range(n)], "campaign_id": "k1"}
        sent |= {"assigned_at": NOON.isoformat(), "variation_id": ["message", "control"] * (n // 2)}
        sent |= {"propensity": 0.5, "cost": [0.2, None] * (n // 2)}
        orders = [("u0", "c1", 1, "paid"), ("u1", "c1", 15, "paid"), ("u1", "c2", 1, "paid")]
        orders += [("u1", "c1", 1, "cancelled"), ("u1", "c1", 2, "created")]
        orders = pd.DataFrame(orders, columns=["user_id", "product_id", "timestamp", "status"])
        orders["timestamp"] = [(NOON + pd.Timedelta(days=day)).isoformat() for day in orders["timestamp"]]
        end = {"observation_end": (NOON + pd.Timedelta(days=days)).isoformat()}
        courses = [{"product_id": "c1", "price": "99.00"}, {"product_id": "c2"}]
        return written(tmp_path, end, touches=pd.DataFrame(sent | columns), orders=orders, courses=courses)

    return make


def test_what_was_bought_in_the_window(company) -> None:
    found = touches.outcomes(company()).set_index("user_id")
    assert found["bought"].to_dict() == {"u0": True, "u1": False}
    assert found["cost"].to_dict() == {"u0": 0.2, "u1": 0.0} and found["price"].unique().tolist() == [99.0]


def test_a_window_that_the_end_cuts_is_no_outcome(company) -> None:
    ds = company(days=13)
    assert touches.outcomes(ds).empty and touches.left_out(ds).to_dict() == {"watched for less than 14 days": 2}
    assert len(touches.outcomes(ds, window_days=13)) == 2


def test_propensity_is_that_of_the_arm_drawn(company) -> None:
    found = touches.outcomes(company(propensity=[0.9, 0.3]))  # each has odds of its own
    assert found["propensity"].tolist() == [0.9, 0.3]
    assert touches.odds(found)["message"].tolist() == pytest.approx([0.9, 0.7])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"assignment": ["rule"] * 2, "propensity": [None] * 2}, "not drawn at random"),
        ({"assignment": ["unknown"] * 2, "propensity": [None] * 2}, "not drawn at random"),
        ({"assignment": ["cluster_randomised"] * 2}, "drawn for groups of people, or for periods"),
        ({"variation_id": ["message", "message"]}, "the campaign has no control arm"),  # exported without its controls
        ({"variation_id": ["control", "control"]}, "the campaign has no message arm"),
    ],
)
def test_what_cannot_be_used_is_left_out_and_counted(change: dict, reason: str, company) -> None:
    usual = {"assignment": ["stratified"] * 2, "propensity": [0.3, 0.7], "variation_id": ["message", "control"]}
    columns = {name: [*values, *change.get(name, values)] for name, values in usual.items()}
    ds = company(campaign_id=["k1"] * 2 + ["k2"] * 2, stratum=["s"] * 4, **columns)
    assert touches.outcomes(ds)["campaign_id"].tolist() == ["k1", "k1"]
    assert touches.left_out(ds).to_dict() == {reason: 2}


@pytest.mark.parametrize("arms", [["sms", "control"], ["control", "A"]])
def test_an_arm_of_any_name_is_a_message(arms: list[str], company) -> None:
    assert touches.outcomes(company(variation_id=arms))["message"].tolist() == [arm != "control" for arm in arms]


def test_a_contrast_has_the_controls_of_the_campaigns_that_drew_the_arm(company) -> None:
    arms, campaigns = ["sms", "control", "letter", "control"], ["k1", "k1", "k2", "k2"]
    found = touches.outcomes(company(variation_id=arms, campaign_id=campaigns))
    assert touches.contrast(found, "sms")["user_id"].tolist() == ["u0", "u1"]
    for arm in ("control", "phone"):
        with pytest.raises(ValueError, match="the arms are letter, sms"):
            touches.contrast(found, arm)


def drawn(seed: int, n: int = 6_000) -> pd.DataFrame:
    """Lots of unequal odds: 90:10 where people buy anyway, 30:70 where they do not; the message adds 0.05 to both."""
    rng = np.random.default_rng(seed)
    keen = np.repeat(rng.random(n // 3) < 0.5, 3)  # three touches of each person
    p = np.where(keen, 0.9, 0.3)
    message = rng.random(n) < p
    bought = rng.random(n) < 0.05 + 0.30 * keen + 0.05 * message
    people = np.repeat(np.arange(n // 3), 3)
    of_the_arm = np.where(message, p, 1 - p)
    rows = pd.DataFrame({"user_id": people, "message": message, "propensity": of_the_arm, "bought": bought})
    return rows.assign(campaign_id="k", stratum=np.where(keen, "keen", "cool"), arm=np.where(message, "sms", "control"))


def test_difference_and_its_error_by_hand() -> None:
    rows = pd.DataFrame({"y": [1, 0, 0, 0, 1, 1, 0, 0], "message": [False] * 4 + [True] * 4, "propensity": 0.5})
    effect = touches.difference(rows, "y")
    assert effect.value == pytest.approx(0.25)
    assert effect.error == pytest.approx(np.sqrt(0.25 * 0.75 / 4 + 0.5 * 0.5 / 4))


def test_unequal_odds_fool_the_plain_difference_and_not_this_one() -> None:
    effects = [touches.difference(drawn(seed), "bought") for seed in range(200)]
    found = np.array([[effect.value, effect.error] for effect in effects])
    rows = drawn(0)
    plain = rows.loc[rows["message"], "bought"].mean() - rows.loc[~rows["message"], "bought"].mean()
    assert plain > 0.15
    assert found[:, 0].mean() == pytest.approx(0.05, abs=4 * found[:, 0].std() / 200**0.5)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.2)


def test_the_error_takes_the_touches_of_one_person_together() -> None:
    rows = drawn(1, 300)
    copies = pd.concat([rows] * 4)  # four times the same people say nothing new
    assert touches.difference(copies, "bought").error == pytest.approx(touches.difference(rows, "bought").error)
    alone = touches.difference(copies.drop(columns="user_id"), "bought").error
    assert alone < 0.7 * touches.difference(rows, "bought").error


def test_a_rate_stands_for_everybody() -> None:
    rows = pd.DataFrame({"y": [1, 0, 1, 0, 0], "message": [True] * 3 + [False] * 2})
    rows["propensity"] = [0.5, 0.5, 0.25, 0.5, 0.5]
    assert touches.rate(rows, "y", True) == pytest.approx((2 + 4) / 8)
    assert touches.rate(rows, "y", False) == 0


def test_weights_are_one_under_equal_odds_and_count_effective_people_under_others() -> None:
    even = pd.DataFrame({"message": [True, True, False], "propensity": [0.9, 0.9, 0.1]})
    assert touches.weights(even).tolist() == pytest.approx([1, 1, 1])
    odd = pd.DataFrame({"message": [True, True, False], "propensity": [0.5, 0.25, 0.5]})
    assert touches.effective(odd) == pytest.approx([(2 + 4) ** 2 / (4 + 16), 1])


def test_the_sample_ratio_is_held_against_the_odds_that_were_stated() -> None:
    fair = [touches.sample_ratio(drawn(seed, 300)) for seed in range(400)]
    assert np.mean(np.array(fair) < 0.1) == pytest.approx(0.1, abs=0.05)
    rows = drawn(0)
    assert touches.sample_ratio(rows[rows["message"] | (np.arange(len(rows)) % 5 > 0)]) < 1e-3  # controls were lost


def test_one_arm_is_no_difference() -> None:
    rows = pd.DataFrame({"y": [1, 0], "message": [True, True], "propensity": 0.5})
    with pytest.raises(ValueError, match="both arms"):
        touches.difference(rows, "y")
