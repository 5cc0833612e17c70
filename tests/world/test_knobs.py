"""The knobs of a company: what is refused, what they turn, and that every setting can be exported and read."""

from __future__ import annotations

import re
from pathlib import Path

import knowpay
import numpy as np
import pandas as pd
import pytest
from effort import some, thorough
from hypothesis import given, settings
from hypothesis import strategies as st
from knowpay import world
from knowpay.collect.dataset import Dataset
from knowpay.world import company, demand
from knowpay.world import settings as s

REFUSED = ["missing_id", "fen", "refund_row", "refund_twice"]  # faults of orders that no reader can load
KNOBS = list(world.KNOBS)


def outside(name: str) -> list:
    """Return values that a knob must not have."""
    knob = world.KNOBS[name]
    below, above = (knob.low - 1, knob.high + 1) if name in s.WHOLE else np.nextafter([knob.low, knob.high], [-9, 9999])
    return [below, above, True, str(knob.low), np.nan, np.inf, None, [1], *([30.0] if name in s.WHOLE else [])]


# What is refused


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in KNOBS for value in outside(name)])
def test_a_wrong_value_is_refused_with_knob_value_and_range(name: str, value: object) -> None:
    knob = world.KNOBS[name]
    with pytest.raises(ValueError) as error:
        company.found("small", **{name: value})
    for word in (name, repr(value), f"{knob.low:g} to {knob.high:g}", knob.meaning):
        assert word in str(error.value)


def test_an_unknown_knob_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=f"'churm'.*{', '.join(KNOBS)}"):
        company.found("small", churm=0.5)


@pytest.mark.parametrize("size", ["tiny", "", None, 3, "Small"])
def test_an_unknown_size_is_refused_with_those_there_are(size: object) -> None:
    with pytest.raises(ValueError, match=f"{re.escape(repr(size))}.*{', '.join(world.SIZES)}"):
        company.found(size)


@pytest.mark.parametrize("size", ["99", "10000001", "02000", "2e4", "-5", "20_000", "٢٠٠٠"])
def test_a_number_of_users_out_of_bounds_or_in_another_form_is_refused(size: str) -> None:
    with pytest.raises(ValueError, match="100 to 10,000,000 users"):
        s.setup(size)


def test_a_number_of_users_is_a_size_with_the_courses_of_the_next_larger_name() -> None:
    sizes = {number: s.sized(number) for number in ("2000", "2001", "24000", "1000001")}
    names = ("small", "standard", "standard", "large")
    assert [size.courses for size in sizes.values()] == [s.SIZES[name].courses for name in names]
    assert [size.users for size in sizes.values()] == [int(number) for number in sizes]
    assert s.setup("20000").label == "20000-s0"


@pytest.mark.parametrize("seed", [-1, True, 1.0, "0", None, np.nan])
def test_a_seed_is_a_whole_number_from_0(seed: object) -> None:
    with pytest.raises(ValueError, match=f"seed must be a whole number, 0 or more, not {re.escape(repr(seed))}"):
        company.found("small", seed)


def test_nothing_is_written_for_a_company_that_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        world.write("small", 0, tmp_path / "data", tmp_path / "truth", campaigns=275)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", KNOBS)
def test_bounds_are_allowed(name: str) -> None:
    knob = world.KNOBS[name]
    for value in (knob.low, knob.high):
        assert getattr(s.setup("small", **{name: value}), name) == value


@pytest.mark.parametrize("name", KNOBS)
def test_the_default_is_usual_and_the_usual_allowed(name: str) -> None:
    knob = world.KNOBS[name]
    default = s.SIZES["small"].courses if knob.default is None else knob.default
    assert knob.low <= knob.usual[0] < default < knob.usual[1] <= knob.high


def test_numbers_of_numpy_are_numbers() -> None:
    other = s.setup("small", np.int64(3), churn=np.float64(0.5), courses=np.int32(30))
    assert other == s.setup("small", 3, churn=0.5, courses=30)


# Names


def test_a_company_as_it_comes_is_named_by_size_and_seed() -> None:
    assert world.label("standard", 7) == "standard-s7"


def test_a_name_tells_the_knobs_that_were_turned() -> None:
    assert world.label("small", courses=24, churn=0.5) == "small-s0-churn0.5-courses24"


def test_defaults_given_by_hand_change_no_name() -> None:
    given = {name: knob.default for name, knob in world.KNOBS.items()}
    assert world.label("small", 0, **given | {"courses": s.SIZES["small"].courses}) == "small-s0"


def anything(name: str, knob: s.Knob) -> st.SearchStrategy:
    return st.integers(knob.low, knob.high) if name in s.WHOLE else st.floats(knob.low, knob.high)


TURNED = st.fixed_dictionaries({}, optional={name: anything(name, knob) for name, knob in world.KNOBS.items()})


@settings(deadline=None, database=None, derandomize=True)
@given(one=TURNED, other=TURNED)
def test_names_differ_exactly_when_companies_do(one: dict, other: dict) -> None:
    same = s.setup("small", **one) == s.setup("small", **other)
    assert (world.label("small", **one) == world.label("small", **other)) == same


@pytest.mark.parametrize("name", [name for name in KNOBS if name not in s.WHOLE])
def test_names_tell_the_smallest_difference(name: str) -> None:
    value = world.KNOBS[name].usual[0]
    assert world.label("small", **{name: value}) != world.label("small", **{name: np.nextafter(value, 9)})


@settings(deadline=None, database=None, derandomize=True)
@given(turned=TURNED)
def test_names_are_safe_as_names_of_files(turned: dict) -> None:
    name = world.label("small", 10_000, **turned)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.+-]*[a-z0-9]", name) and len(name) < 200


# What they turn


@pytest.mark.parametrize("level", [0.25, 1.25, 4.0])
def test_the_price_level_multiplies_list_prices(level: float) -> None:
    courses = company.found("small", price_level=level).courses
    assert np.array_equal(courses["price"], np.round(courses["base_price"] * level, 1))


def test_without_season_all_days_are_alike_but_for_the_trend() -> None:
    days = demand.components(s.setup("small", season=0.0, demand_break=0.0, campaign_days=0.0))
    assert (days[["season", "term", "festival"]] == 1).to_numpy().all()
    assert days["total"].equals(days["trend"]) and days["trend"].nunique() == 2


@pytest.mark.parametrize("name", ["season", "term", "festival"])
def test_season_multiplies_what_a_day_adds(name: str) -> None:
    one, three = (demand.components(s.setup("small", season=k))[name] - 1 for k in (1.0, 3.0))
    assert np.allclose(three, 3 * one)


@pytest.mark.parametrize("campaigns", [0, 1, 26, 274])
def test_there_are_as_many_campaigns_as_asked_for(campaigns: int) -> None:
    one = company.found("small", campaigns=campaigns)
    assert [k.number for k in one.calendar] == list(range(campaigns))
    assert all(0 < k.time < (s.DAYS - s.CAMPAIGN_WINDOW_DAYS) * s.DAY for k in one.calendar)


@pytest.mark.parametrize("seed", range(8))
def test_campaigns_promote_courses_of_a_middle_price(seed: int) -> None:
    one = company.found("small", seed)
    promoted = one.courses.iloc[[k.course for k in one.calendar]]
    assert promoted["base_price"].between(150, 260).all() and (promoted["published"] < 0).all()


@pytest.fixture(scope="module")
def crowded() -> company.Block:
    """What happens where a few courses are promoted as often as possible."""
    with pytest.raises(ValueError, match="campaigns is 274; with 4 courses to promote give") as error:
        company.found("small", 5, campaigns=274, courses=24)
    most = int(re.search(r"give (\d+) at the most", str(error.value))[1])
    return company.found("small", 5, campaigns=most, courses=24).block(0)


def test_nobody_is_on_two_lists_for_one_course_at_once(crowded: company.Block) -> None:
    wait = crowded.touches.groupby(["user", "course"])["time"].diff().dropna()
    assert len(wait) and (wait >= s.CAMPAIGN_WINDOW_DAYS * s.DAY).all()


def test_owners_are_never_written_to(crowded: company.Block) -> None:
    found = crowded.purchases.merge(crowded.touches, on=["user", "course"], suffixes=("", "_t"))
    assert (found["time"] >= found["time_t"]).all()


# Every setting can be exported and read

LOW, HIGH = ({name: knob.usual[end] for name, knob in world.KNOBS.items()} for end in (0, 1))
MIXED = [  # each end of each knob some times; with LOW and HIGH every two knobs meet in all four ways
    {name: knob.usual[(at >> bit & 1) ^ turned] for at, (name, knob) in enumerate(world.KNOBS.items())}
    for bit in range(len(KNOBS).bit_length())
    for turned in (0, 1)
]


def opened(folder: Path, **knobs: float) -> Dataset:
    return knowpay.open("world:small", cache=folder, **knobs)


def places(table: pd.DataFrame) -> set[tuple[str, int]]:
    """Return the rows of files that a table is about."""
    return set(table[["source_file", "source_row"]].itertuples(index=False, name=None))


def refused_and_planted(ds: Dataset) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
    spoiled = ds.truth.spoiled
    return places(ds.quarantine.to_pandas()), places(spoiled[spoiled["fault"].isin(REFUSED)])


@pytest.mark.parametrize("knobs", [LOW, pytest.param(HIGH, marks=thorough)], ids=["low", "high"])
def test_nothing_is_refused_but_the_planted_faults(knobs: dict, tmp_path: Path) -> None:
    refused, planted = refused_and_planted(opened(tmp_path, **knobs))
    assert planted and refused == planted


@pytest.mark.parametrize("knobs", some(MIXED))
def test_no_mixture_of_knobs_makes_rows_that_are_refused(
    knobs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(s.SIZES, "small", s.Size(300, 120))
    refused, planted = refused_and_planted(opened(tmp_path, **knobs))
    assert refused == planted


@thorough
def test_a_company_without_campaigns_can_be_read(tmp_path: Path) -> None:
    ds = opened(tmp_path, campaigns=0)
    assert ds.touches.creative.count().execute() == 0 and len(ds.truth.touches) == 0 and len(ds.truth.policies) == 0
    assert ds.orders.count().execute() > 0 and (ds.truth.users["p_message_mean"] == 0).all()


@thorough
def test_a_small_catalogue_can_be_read(tmp_path: Path) -> None:
    ds = opened(tmp_path, courses=24)
    assert ds.courses.count().execute() == 24 + len(s.PLANS) and len(ds.truth.courses) == 24


@thorough
def test_as_many_campaigns_as_there_can_be_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(s.SIZES, "small", s.Size(300, 120))
    ds = opened(tmp_path, campaigns=274)
    sent = ds.touches.filter(ds.touches.creative.notnull())
    assert sent.campaign_id.nunique().execute() == 274
    assert set(ds.truth.policies["campaign_id"]) == set(sent.campaign_id.execute())


@pytest.mark.parametrize("bots", [0.0, 0.5])
def test_bots_are_the_stated_share_of_the_events_of_people(bots: float, tmp_path: Path) -> None:
    world.write("small", 0, tmp_path / "data", tmp_path / "truth", bots=bots)
    spoiled = pd.read_parquet(tmp_path / "truth" / "spoiled.parquet")
    events = spoiled.loc[spoiled["table"] == "events"].groupby("fault")["id"].nunique()
    clean = re.search(r"clean_events: (\d+)", (tmp_path / "truth" / "truth.yml").read_text("utf-8"))
    assert events.get("bot", 0) == int(bots * int(clean[1]))
