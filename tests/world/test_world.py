"""The simulated company: same bytes, consistent records, and a truth that agrees with itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from knowpay import world
from knowpay.world import behaviour, company, export, membership, observe
from knowpay.world import settings as s


@pytest.fixture(scope="module")
def small() -> company.Company:
    return company.generate("small", seed=0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("world")
    world.write("small", 0, base / "data", base / "truth")
    return base / "data", base / "truth"


def digest(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_same_seed_same_bytes_other_seed_other_bytes(folders: tuple[Path, Path], tmp_path: Path) -> None:
    world.write("small", 0, tmp_path / "a", tmp_path / "at")
    assert digest(tmp_path / "a") == digest(folders[0])
    assert digest(tmp_path / "at") == digest(folders[1])
    world.write("small", 1, tmp_path / "b", tmp_path / "bt")
    assert digest(tmp_path / "b")["events.parquet"] != digest(folders[0])["events.parquet"]


@pytest.mark.parametrize("size, seed, word", [("tiny", 0, "small, standard"), ("small", -1, "0 or more")])
def test_impossible_companies_are_refused(size: str, seed: int, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        company.generate(size, seed)


def test_export_and_truth_hold_different_things(folders: tuple[Path, Path]) -> None:
    data, truth = folders
    assert len(pd.read_parquet(data / "users.parquet")) == 2_000
    assert len(pd.read_parquet(data / "courses.parquet")) == 121  # 120 courses and the membership plan
    secret = {"segment", "engagement", "price_sensitivity", "p_message", "hazard", "cause", "popularity", "fault"}
    for file in data.glob("*.parquet"):
        assert not secret & set(pd.read_parquet(file).columns), file.name
    assert (truth / "spoiled.parquet").exists()


def test_nothing_happens_before_its_cause(small: company.Company) -> None:
    created = small.users["created"].to_numpy()
    assert (small.events["time"].to_numpy() >= created[small.events["user"]] - 1e-6).all()
    led = small.purchases[small.purchases["campaign"]]
    promoted = led.merge(small.touches, on=["user", "course"], suffixes=("", "_t"))
    assert (promoted["time"] > promoted["time_t"]).all()
    assert (promoted["time"] <= promoted["time_t"] + s.CAMPAIGN_WINDOW_DAYS * s.DAY).all()
    inviter = small.inviter
    invited = np.flatnonzero(inviter >= 0)
    assert (created[inviter[invited]] <= created[invited]).all()


def test_touch_outcomes_follow_the_stated_probabilities(small: company.Company) -> None:
    t = small.touches
    for message, column in ((True, "p_message"), (False, "p_control")):
        arm = t[t["message"] == message]
        expected, spread = arm[column].sum(), np.sqrt((arm[column] * (1 - arm[column])).sum())
        assert abs(arm["bought"].sum() - expected) < 4 * spread
    assert not t.duplicated(["campaign", "user"]).any()
    assert abs(t["message"].mean() - 0.5) < 4 * 0.5 / np.sqrt(len(t))
    # A purchase of the promoted course within the window is the campaign's own, no other.
    found = t.merge(small.purchases, on=["user", "course"], suffixes=("", "_p"))
    inside = found["time_p"].between(found["time"], found["time"] + s.CAMPAIGN_WINDOW_DAYS * s.DAY)
    assert found[inside]["bought"].all()
    assert inside.sum() == t["bought"].sum()


def test_a_course_is_bought_once_and_memberships_are_paid_by_orders(small: company.Company) -> None:
    assert not small.purchases.duplicated(["user", "course"]).any()
    paid = small.periods[(small.periods["period_no"] > 0) & (small.periods["start"] + 60 < s.DAYS * s.DAY)]
    assert (small.orders["course"] == -1).sum() == len(paid)


def test_periods_follow_each_other_without_gap(small: company.Company) -> None:
    p = small.periods
    same = (p["user"] == p["user"].shift()).to_numpy()
    assert np.allclose(p["start"].to_numpy()[same], p["end"].shift().to_numpy()[same])
    assert (p["period_no"].to_numpy()[same] == p["period_no"].shift().to_numpy()[same] + 1).all()
    ended = p.groupby("user").tail(1)
    assert (p.drop(ended.index)["status"] == "expired").all()


def test_churn_hazard_has_the_published_curve() -> None:
    rng = np.random.default_rng(3)
    engagement = rng.standard_normal(200_000)
    hazard = membership.churn_hazard(engagement, rng)
    assert np.mean(1 - hazard) == pytest.approx(0.56, abs=0.005)
    assert np.mean((1 - hazard) ** 12) == pytest.approx(0.11, abs=0.005)
    assert np.corrcoef(hazard, engagement)[0, 1] < -0.5


def test_planted_faults_are_remembered_row_by_row(folders: tuple[Path, Path]) -> None:
    data, truth = folders
    events = pd.read_parquet(data / "events.parquet")
    spoiled = pd.read_parquet(truth / "spoiled.parquet")
    planted = spoiled[spoiled["table"] == "events"]
    assert (events["message_id"].to_numpy()[planted["source_row"] - 1] == planted["id"].to_numpy()).all()
    again = planted.loc[planted["fault"] == "duplicate", "id"]
    assert set(again) == set(events.loc[events["message_id"].duplicated(), "message_id"])
    clean = events.drop(index=planted["source_row"] - 1)
    recovered = clean["received_at"] - (clean["sent_at"] - clean["original_timestamp"])
    assert ((recovered - clean["timestamp"]).abs() < pd.Timedelta(seconds=5)).all()
    orders = pd.read_parquet(data / "orders.parquet").set_index("order_id")
    right = pd.read_parquet(truth / "orders.parquet").set_index("order_id")["total"]
    fen = spoiled.loc[spoiled["fault"] == "fen", "id"]
    assert len(fen) and (orders.loc[fen, "total"] == right[fen] * 100).all()
    assert (orders.drop(index=fen)["total"] == right.drop(index=fen)).all()


def test_observation_adds_to_behaviour_and_removes_nothing(small: company.Company) -> None:
    seen = small.observed
    human = seen[(seen["user"] >= 0) & (seen["fault"] != "duplicate")]
    assert len(human) == len(small.events)
    assert np.allclose(np.sort(human["time"].to_numpy()), small.events["time"].to_numpy())
    assert seen["received"].is_monotonic_increasing


def test_session_count_by_hand() -> None:
    log = pd.DataFrame({"user": [1, 1, 1, 2], "time": [0.0, 1800.0, 3601.0, 3601.0]})
    assert behaviour.count_sessions(log) == 3


def test_oracle_agrees_with_the_touches(folders: tuple[Path, Path]) -> None:
    data, truth = folders

    class Truth:
        users = pd.read_parquet(truth / "users.parquet")
        courses = pd.read_parquet(truth / "courses.parquet")

    touches = pd.read_parquet(data / "touches.parquet").head(500)
    known = pd.read_parquet(truth / "touches.parquet").head(500)
    hidden, shown = world.purchase_probability(Truth, touches["user_id"], touches["creative"])
    assert np.allclose(hidden, known["p_control"]) and np.allclose(shown, known["p_message"])


def test_types_of_people_are_named_by_their_effect(small: company.Company) -> None:
    names, hidden, shown = export.uplift_type(small)
    assert (shown[names == "sleeping_dog"] < hidden[names == "sleeping_dog"]).all()
    assert (shown[names == "persuadable"] - hidden[names == "persuadable"] >= 0.003).all()
    assert len(set(names)) == 4


def test_fen_only_in_the_stated_weeks_of_the_mini_program(small: company.Company) -> None:
    fen = small.orders[observe.in_fen(small.orders)]
    assert (fen["affiliation"] == "wechat_mp").all()
    assert fen["time"].between(*(s.seconds(day) for day in observe.FEN_WEEKS)).all()
