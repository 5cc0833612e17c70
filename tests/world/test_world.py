"""The simulated company: the same bytes whatever the machine, its people and its days."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from knowpay import world
from knowpay.world import (
    company,
    demand,
    export,
    social,
)
from knowpay.world import settings as s
from knowpay.world import truth as secret
from world_records import EXCEPT_USERS, digests, off, profiles, same

PER_USER = ("events", "orders", "memberships", "touches", "reviews", "interactions")
SECRETS = (
    "segment", "engagement", "price_sensitivity", "means", "patience", "standards", "social", "message_effect",
    "uplift_type", "p_control", "p_message", "bought", "hazard", "cause", "popularity", "v_0", "taste_0", "sentiment",
    "aspect", "fault", "best_course", "generation", "added", "fatigue", "warmth", "edge", "p_coupon",
    "expected_purchases",
)  # fmt: skip
OTHER = [
    ("seed", 1),
    ("price_level", 1.1),
    ("persuadables", 0.5),
    ("season", 1.2),
    ("churn", 0.5),
    ("courses", 121),
    ("bots", 0.03),
    ("campaigns", 27),
    ("coupon", 2.0),
    ("hump", 0.5),
    ("unpaid", 0.2),
    ("consent_gaps", 2.0),
    ("decline", 0.5),
    ("homophily", 0.5),
    ("typos", 0.3),
    *(
        (name, 0.0)
        for name in (
            "note",
            "points",
            "month_price",
            "bundle",
            "reworks",
            "incidents",
            "demand_break",
            "campaign_days",
            "market_errors",
        )
    ),
]
ELSEWHERE = {"unpaid": "orders", "typos": "reviews", "market_errors": "market"}  # knobs that leave the events alone

SUM = """
import sys
from hashlib import sha256
from pathlib import Path
from knowpay import world
from knowpay.world import company
world.write("small", 0, Path(sys.argv[1]) / "data", Path(sys.argv[1]) / "truth")
block = company.found("standard").block(0)
print(sha256(block.who.match.tobytes() + block.touches["p_message"].to_numpy().tobytes()).hexdigest())
"""


# Bytes and blocks


def test_same_seed_same_bytes(folders: tuple[Path, Path], tmp_path: Path) -> None:
    world.write("small", 0, tmp_path / "data", tmp_path / "truth")
    assert digests(tmp_path / "data") == digests(folders[0])
    assert digests(tmp_path / "truth") == digests(folders[1])


@pytest.mark.parametrize(("what", "value"), OTHER, ids=[name for name, _ in OTHER])
def test_other_seed_or_knob_other_bytes(what: str, value: float, folders: tuple[Path, Path], tmp_path: Path) -> None:
    seed, knobs = (value, {}) if what == "seed" else (0, {what: value})
    world.write("small", seed, tmp_path / "data", tmp_path / "truth", **knobs)
    file = f"{ELSEWHERE.get(what, 'events')}.parquet"
    assert digests(tmp_path / "data")[file] != digests(folders[0])[file]


def test_every_knob_is_tried_above() -> None:
    assert [name for name, _ in OTHER] == ["seed", *world.KNOBS]


def test_same_bytes_whatever_the_number_of_threads(tmp_path: Path) -> None:
    runs = []
    for threads in ("1", "4"):
        wanted = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        (tmp_path / threads).mkdir()
        runs.append(
            subprocess.Popen(
                [sys.executable, "-c", SUM, str(tmp_path / threads)],
                env=os.environ | wanted, stdout=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
    one, four = (run.communicate()[0] for run in runs)
    assert len(one) > 60 and one == four
    assert digests(tmp_path / "1") == digests(tmp_path / "4")


def test_a_block_does_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "BLOCK", 500)
    assert same(list(company.found("small").blocks())[1], company.found("small").block(1))


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Path, int]]:
    """The folder of a company of 1,000 people in four blocks, and the rows that each part should have."""
    folder, rows = tmp_path_factory.mktemp("parts"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s, "BLOCK", 250)
        patch.setitem(s.SIZES, "small", s.Size(1_000, 120))
        world.write("small", 0, folder / "data", folder / "truth")
        one = company.found("small")
        for block in one.blocks():
            tables, spoiled = export.block_tables(one, block)
            hidden = secret.block_tables(one, block, spoiled)
            for kind, made in (("data", tables), ("truth", hidden)):
                for name, table in made.items():
                    rows[folder / kind / name / f"part-{block.number:03d}.parquet"] = table.num_rows
    return folder, rows


def test_a_block_is_a_part_of_each_table(parts: tuple[Path, dict[Path, int]]) -> None:
    folder, rows = parts
    assert {path: pq.read_metadata(path).num_rows for path in folder.glob("*/*/*")} == rows
    assert {path.name for path in (folder / "data").iterdir() if path.is_dir()} == set(PER_USER)


def test_ids_of_blocks_never_meet(parts: tuple[Path, dict[Path, int]]) -> None:
    for name in PER_USER:
        tables = [pq.read_table(path).column(0) for path in sorted((parts[0] / "data" / name).iterdir())]
        ids = [set(ids.drop_null().to_pylist()) for ids in tables]
        assert len(set().union(*ids)) == sum(map(len, ids)), name


def test_the_ids_of_a_block_end_before_those_of_the_next(block: company.Block) -> None:
    most = s.BLOCK * s.KNOBS["campaigns"].high  # touches of a block with as many campaigns as there can be
    (last,), (then,) = block.ids("x", [most - 1]).to_pylist(), replace(block, number=1).ids("x", [0]).to_pylist()
    assert last < then and len(last) == len(then)


def test_a_device_has_one_id_in_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "BLOCK", 20)
    monkeypatch.setattr(s, "SIZES", s.SIZES | {"small": s.Size(250, 24)})
    one = company.found("small")
    for block in one.blocks():
        tables, spoiled = export.block_tables(one, block)
        owner = secret.block_tables(one, block, spoiled)["identity"].to_pandas()
        bad = spoiled.loc[(spoiled["table"] == "events") & spoiled["fault"].isin(["bot", "consent"]), "row"]
        seen = tables["events"].to_pandas().drop(index=bad)["anonymous_id"]
        assert set(seen) <= set(owner["anonymous_id"]), block.number


def test_export_and_truth_hold_different_things(folders: tuple[Path, Path]) -> None:
    assert "quality" not in pq.read_schema(folders[0] / "courses.parquet").names  # of market figures it is no secret
    for file in folders[0].glob("*.parquet"):
        assert not set(SECRETS) & set(pq.read_schema(file).names), file.name
    assert set(SECRETS) <= set().union(*(pq.read_schema(file).names for file in folders[1].glob("*.parquet")))


def test_all_tables_are_written(folders: tuple[Path, Path]) -> None:
    assert {path.stem for path in folders[0].glob("*.parquet")} == {*PER_USER, *EXCEPT_USERS}


def test_profiles_and_catalogue_are_whole(folders: tuple[Path, Path]) -> None:
    assert len(profiles(folders[0])) == s.SIZES["small"].users
    assert pq.read_metadata(folders[0] / "courses.parquet").num_rows == s.SIZES["small"].courses + len(s.PLANS)


def test_one_room_leaves_the_draws_of_another_alone(block: company.Block) -> None:
    other = company.found("small", churn=0.6).block(0)
    assert not same(other.periods, block.periods)
    one, other = (company.found("small", churn=churn, decline=0.0).block(0) for churn in (0.44, 0.6))  # it links them
    assert same(other.touches, one.touches) and same(other.purchases, one.purchases)


# People


@pytest.mark.parametrize("share", [0.02, 0.45, 0.65, 0.95])
def test_the_share_of_persuadables_is_the_knob(share: float) -> None:
    users = company.found("small", persuadables=share).users
    doubled = (users["message_effect"] >= np.log(2)).sum()
    assert abs(doubled - share * len(users)) <= 1


def test_people_are_named_by_their_effect(truth: SimpleNamespace) -> None:
    users = truth.users
    kind = users["uplift_type"]
    assert (kind[users["message_effect"] < 0] == "sleeping_dog").all()
    assert (kind[users["message_effect"] >= np.log(2)] == "persuadable").all()
    rest = users[users["message_effect"].between(0, np.log(2), inclusive="left")]
    edge = users["p_control_mean"].quantile(0.75)
    assert (rest["uplift_type"] == np.where(rest["p_control_mean"] >= edge, "sure_thing", "lost_cause")).all()


def test_inviters_registered_earlier(standard: company.Company) -> None:
    users = standard.users[standard.users["inviter"] >= 0]
    assert (standard.users["created"].to_numpy()[users["inviter"]] < users["created"]).all()


def test_friends_are_of_one_segment_more_often_than_chance(standard: company.Company) -> None:
    users = standard.users
    guest = users[users["inviter"] >= 0]
    own = (users["segment"].to_numpy()[guest["inviter"]] == guest["segment"]).mean()
    error = np.sqrt(social.SAME_SEGMENT * (1 - social.SAME_SEGMENT) / len(guest))
    assert social.SAME_SEGMENT - 4 * error < own < 1


def test_generations_count_the_invitations_by_hand() -> None:
    users = pd.DataFrame({"inviter": [2, -1, 1, 0, -1]})
    assert social.generations(users).tolist() == [2, 0, 1, 3, 0]


def test_a_study_group_is_of_one_segment_and_small(standard: company.Company) -> None:
    groups = standard.users.groupby("group")["segment"]
    assert (groups.nunique() == 1).all() and (groups.size() <= social.GROUP_SIZE).all()


def test_k_factor_can_be_counted_from_the_profiles(folders: tuple[Path, Path], truth: SimpleNamespace) -> None:
    stated = yaml.safe_load((folders[1] / "truth.yml").read_text("utf-8"))["k_factor"]
    users = profiles(folders[0])
    known = users["channel"] == "referral"
    guests = users.loc[known, "referrer_user_id"].value_counts().reindex(users["user_id"], fill_value=0)
    generation = truth.users.set_index("user_id")["generation"]
    counted = guests.groupby(generation.reindex(guests.index).to_numpy()).mean()
    assert counted.round(4).tolist() == stated


def test_accepted_invitations_are_those_of_the_profiles_since_the_records_begin(folders: tuple[Path, Path]) -> None:
    contacts = pd.read_parquet(folders[0] / "interactions.parquet")
    accepted = contacts[contacts["action"] == "invite_accepted"].set_index("user_id")["target_user_id"]
    users = profiles(folders[0]).dropna(subset="referrer_user_id").set_index("user_id")
    since = users[users["created_at"] > s.START + pd.Timedelta(days=1)]
    assert accepted.sort_index().equals(since["referrer_user_id"].sort_index().rename("target_user_id"))


def test_each_generation_invites_fewer_than_it_is(standard: company.Company) -> None:
    assert max(secret.constants(standard)["k_factor"]) < 1


# Time


def test_components_of_demand_multiply_to_the_total(truth: SimpleNamespace) -> None:
    days = truth.demand
    parts = ["season", "trend", "term", "festival", "shift", "campaign"]
    assert np.allclose(days[parts].prod(axis=1), days["total"], rtol=1e-12)


def test_demand_has_one_row_per_day(truth: SimpleNamespace) -> None:
    dates = pd.DatetimeIndex(truth.demand["date"])
    assert dates.equals(pd.date_range("2024-07-01", "2025-12-31", name="date"))


@pytest.fixture(scope="module")
def visits(first: company.Block) -> pd.DataFrame:
    """The visits of those who had registered before the records begin: ``segment, day``, and the day's ``week``."""
    who, seen = first.who, first.visits
    table = pd.DataFrame({"segment": who.trait("segment", seen["user"]), "day": (seen["start"] // s.DAY).astype(int)})
    return table[who.trait("created", seen["user"]) < 0].assign(week=lambda t: t["day"] // 7)


def day_share(c: s.Setup, chosen: np.ndarray) -> np.ndarray:
    """Return the share of a week's visits that falls on its chosen days, (segments, weeks)."""
    weight = np.zeros((2, len(s.SEGMENTS), s.WEEKS * 7))
    weight[:, :, : s.DAYS] = demand.by_day(c) * np.array([chosen, np.ones(s.DAYS)])[:, None]
    marked, whole = weight.reshape(2, len(s.SEGMENTS), s.WEEKS, 7).sum(axis=3)
    return marked / whole


@pytest.mark.parametrize("segment", range(len(s.SEGMENTS)), ids=s.SEGMENTS)
def test_weekends_of_a_segment_are_as_busy_as_stated(
    segment: int, visits: pd.DataFrame, standard: company.Company
) -> None:
    share = day_share(standard.setup, demand.is_weekend())[segment]
    mine = visits[visits["segment"] == segment]
    assert off(demand.is_weekend()[mine["day"]], share[mine["week"]]) < 4


@pytest.mark.parametrize("date", demand.FESTIVALS)
def test_a_festival_is_as_busy_as_stated(date: str, visits: pd.DataFrame, standard: company.Company) -> None:
    day = int(s.seconds(date) // s.DAY)
    share = day_share(standard.setup, np.arange(s.DAYS) == day)
    near = visits[visits["week"] == day // 7]
    assert off(near["day"] == day, share[near["segment"], near["week"]]) < 4


@settings(deadline=None, database=None, derandomize=True)
@given(
    segment=st.integers(0, len(s.SEGMENTS) - 1),
    times=st.lists(st.floats(-s.DAY, 400 * s.DAY), min_size=2, max_size=9),
)
def test_waking_keeps_the_day_and_the_order(segment: int, times: list[float]) -> None:
    times = np.sort(times)
    moved, day = demand.waking(np.full(len(times), segment), times), times // s.DAY * s.DAY
    assert (np.diff(moved) >= 0).all()
    assert ((moved >= day) & (moved <= day + s.DAY)).all()


@pytest.mark.parametrize("segment", range(len(s.SEGMENTS)), ids=s.SEGMENTS)
def test_waking_gives_the_hours_of_visits(segment: int) -> None:
    rng = np.random.default_rng(5)
    kind = np.full(100_000, segment)
    hours = demand.hours(kind, rng)
    moved = demand.waking(kind, rng.random(len(kind)) * s.DAY) / 3600
    for hour in range(1, 24):
        share = np.array([np.mean(hours < hour), np.mean(moved < hour)])
        assert abs(share[0] - share[1]) < 4 * np.sqrt((share * (1 - share)).sum() / len(kind))


def test_campaigns_are_in_order_of_time(standard: company.Company) -> None:
    assert all(a.time < b.time for a, b in pairwise(standard.calendar))
