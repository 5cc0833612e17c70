"""What is planted in the company beside its campaigns: each does what its knob says, and nothing at 0."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import knowpay
import numpy as np
import pandas as pd
import pytest
from knowpay.world import behaviour, checkout, company, export, membership, people, words
from knowpay.world import settings as s
from knowpay.world import truth as secret
from world_records import off, profiles


@pytest.fixture(scope="module")
def without() -> company.Company:
    """The small company with all of these knobs at 0."""
    return company.found(
        "small", hump=0.0, unpaid=0.0, consent_gaps=0.0, decline=0.0, homophily=0.0, typos=0.0, incidents=0.0
    )


@pytest.fixture(scope="module")
def plain(without: company.Company) -> company.Block:
    return without.block(0)


# Checkouts that are left


def test_the_share_of_checkouts_left_at_the_payment_page_is_the_knob(many: SimpleNamespace) -> None:
    asked = (many.used["event"] == behaviour.CODE["checkout_started"]).sum()  # those that were paid included
    assert off(np.arange(asked) < len(many.unpaid), s.KNOBS["unpaid"].default) < 4


def test_unpaid_orders_wait_or_were_cancelled_and_bring_nothing(many: SimpleNamespace) -> None:
    assert off(many.unpaid["status"] == "cancelled", checkout.CLOSED) < 4
    assert set(many.unpaid["status"]) == {"created", "cancelled"}
    assert (many.unpaid[["fee", "commission", "refund"]] == 0).all(axis=None) and (many.unpaid["total"] > 0).all()


def test_nobody_leaves_an_order_unpaid_of_what_he_owns(many: SimpleNamespace) -> None:
    found = many.unpaid.merge(many.purchases, on=["user", "course"], suffixes=("", "_own"))
    assert (found["time"] < found["time_own"]).all()


def test_unpaid_orders_reach_the_records_and_are_not_counted_as_paid(
    folders: tuple[Path, Path], truth: SimpleNamespace
) -> None:
    ds = knowpay.open(folders[0], cache=folders[0].parent / "cache")
    status = ds.orders.select("order_id", "status").to_pandas().set_index("order_id")["status"]
    stated = truth.unpaid.set_index("order_id")["status"]
    assert len(stated) and status.reindex(stated.index).equals(stated)
    assert not set(ds.con.table("paid_orders").order_id.to_pandas()) & set(stated.index)


def test_without_its_knob_every_order_is_paid(plain: company.Block) -> None:
    assert len(plain.unpaid) == 0
    assert (plain.events["event"] == behaviour.CODE["checkout_started"]).sum() > len(plain.purchases)


# Consent


@pytest.mark.parametrize("name", people.CONSENT_GAPS)
def test_consent_is_unknown_or_withdrawn_as_often_as_stated(name: str, standard: company.Company) -> None:
    unknown, withdrawn = people.CONSENT_GAPS[name]
    users = standard.users[~standard.users[f"{name}_denied"]]
    assert off(users[f"{name}_unknown"], unknown) < 4
    assert off(np.isfinite(users[f"{name}_withdrawn"]), withdrawn) < 4
    assert not (users[f"{name}_unknown"] & np.isfinite(users[f"{name}_withdrawn"])).any()


def test_a_withdrawal_is_a_later_row_that_refuses(small: company.Company) -> None:
    rows = export.users_table(small).to_pandas()
    first, last = (rows.drop_duplicates("user_id", keep=keep).set_index("user_id") for keep in ("first", "last"))
    for name in people.CONSENT_GAPS:
        taken = np.isfinite(small.users[f"{name}_withdrawn"].to_numpy())
        ids = small.user_ids.to_pandas()[taken]
        assert (first.loc[ids, f"consent_{name}"] == "granted").all() and taken.any()
        assert (last.loc[ids, f"consent_{name}"] == "denied").all()
        assert (last.loc[ids, "updated_at"] > first.loc[ids, "updated_at"]).all()


def test_the_door_shows_the_last_word_on_consent(folders: tuple[Path, Path]) -> None:
    ds = knowpay.open(folders[0], cache=folders[0].parent / "cache")
    columns = ["consent_analytics", "consent_marketing"]
    shown = ds.users.select("user_id", *columns).to_pandas().set_index("user_id").sort_index()
    assert shown.equals(profiles(folders[0]).set_index("user_id")[columns].astype(shown.dtypes).sort_index())
    assert set(shown["consent_marketing"]) == {"granted", "denied", "unknown"}


def test_whoever_took_consent_back_is_followed_until_then(
    small: company.Company, block: company.Block, folders: tuple[Path, Path]
) -> None:
    seen = pd.read_parquet(folders[0] / "events.parquet", columns=["message_id", "user_id"]).dropna()
    when = small.users["analytics_withdrawn"].to_numpy()
    ids = small.user_ids.to_pandas()
    _, spoiled = export.block_tables(small, block)
    bad = set(spoiled.loc[spoiled["fault"] == "consent", "id"])
    named = set(seen["message_id"])
    assert bad and not bad & named
    assert set(ids[np.isfinite(when) & (when > 100 * s.DAY)]) & set(seen["user_id"])


def test_without_its_knob_all_consent_is_known_and_kept(without: company.Company) -> None:
    table = export.users_table(without).to_pandas()
    assert table["user_id"].is_unique and set(table["consent_marketing"]) == {"granted", "denied"}


# Effects


def thirds(block: company.Block) -> pd.Series:
    """Return the mean effect of a message (points) by thirds of the visits a week that people make at the time."""
    t, u = block.touches, block.who.users
    age = np.maximum(t["time"].to_numpy() - block.who.trait("created", t["user"].to_numpy()), 0) / s.DAY
    local = t["user"].to_numpy() - block.who.first
    rate = np.log(u["weekly_rate"].to_numpy()[local]) - age / u["fade_days"].to_numpy()[local]
    return (
        (100 * (t["p_message"] - t["p_control"])).groupby(pd.qcut(rate, 3, labels=["quiet", "middle", "active"])).mean()
    )


def test_people_of_middling_activity_answer_most(first: company.Block) -> None:
    effect = thirds(first)
    assert effect["middle"] > 1.3 * effect["quiet"] and effect["middle"] > 1.3 * effect["active"]


def test_very_active_people_mind_a_message(standard: company.Company) -> None:
    hears, minds = people.activity(standard.setup, standard.users.assign(created=0.0), 0.0)  # fresh: none has faded
    rate = standard.users["weekly_rate"].to_numpy()
    assert (minds[rate > s.BEST_VISITS] > 0).all() and (minds[rate <= s.BEST_VISITS] == 0).all()
    assert (hears[rate >= s.BEST_VISITS] == 1).all() and (hears >= s.HEARD).all()
    effect = people.message_effect(standard.setup, standard.users, s.DAYS * s.DAY)
    assert np.array_equal(effect, standard.users["message_effect"]) and 0.05 < (effect < 0).mean() < 0.4


def test_without_its_knob_activity_changes_no_effect(without: company.Company) -> None:
    early, late = (people.message_effect(without.setup, without.users, day * s.DAY) for day in (30, 500))
    assert np.array_equal(early, late) and np.array_equal(early, without.users["persuasion"])


# Use that falls


def gone_for_good(spells: pd.DataFrame, *causes: str) -> pd.DataFrame:
    """Return the times at which members leave for these causes, and no note keeps them."""
    return spells[spells["leaving"].isin([s.CAUSES.index(cause) for cause in causes]) & np.isinf(spells["until"])]


def fallen(many: SimpleNamespace, causes: tuple[str, ...], table: pd.DataFrame) -> float:
    """Return the events a day in the last ten days of leavers for a cause, by those 40 to 70 days before the end."""
    m = gone_for_good(many.spells, *causes)
    gone = m[m["leaves"] < s.DAYS * s.DAY]
    found = table.merge(gone[["user", "leaves"]], on="user")
    days = (found["leaves"] - found["time"]) / s.DAY
    return days.between(0, 10).sum() / 10 / (days.between(40, 70).sum() / 30)


STRONG, NONE = ("no_time", "content", "switched"), ("payment_failed",)


def test_use_falls_before_a_member_leaves_and_not_when_a_payment_fails(many: SimpleNamespace) -> None:
    for event in ("product_list_viewed", "lesson_completed"):
        table = many.used[many.used["event"] == behaviour.CODE[event]]
        assert fallen(many, STRONG, table) < 0.75 * fallen(many, NONE, table), event


def test_the_share_lost_is_that_of_the_cause_and_the_day(first: company.Block, standard: company.Company) -> None:
    m = first.spells[np.isinf(first.spells["until"]) & ~first.spells["user"].duplicated(keep=False)]
    user = m["user"].to_numpy()
    most = np.array([membership.USE_LOST[name] for name in s.CAUSES])[m["leaving"]]
    lost = [membership.lost(standard.setup, first.who, first.spells, user, m["leaves"].to_numpy() - day * s.DAY)
            for day in (0, 14, 28.001)]  # fmt: skip
    slowly = (m["leaving"] != s.CAUSES.index("finished")).to_numpy()
    assert np.allclose(lost[0], most) and np.allclose(lost[1][slowly], most[slowly] / 2) and not lost[2].any()


def test_those_who_finished_complete_a_course_when_their_use_falls(
    many: SimpleNamespace, standard: company.Company
) -> None:
    m = gone_for_good(many.spells, "finished")
    last = many.used["lesson"] == standard.courses["lessons"].to_numpy()[many.used["course"]]
    done = many.used[last & (many.used["event"] == behaviour.CODE["lesson_completed"])]
    done = done.merge(m[["user", "falls"]], on="user")
    reached = (done["time"] - done["falls"]).abs() < s.DAY
    inside = m["falls"].between(20 * s.DAY, s.DAYS * s.DAY)
    assert done.loc[reached, "user"].nunique() > 0.4 * inside.sum()


def test_without_its_knob_nobody_uses_less(plain: company.Block, without: company.Company) -> None:
    m = plain.spells
    assert (
        len(m) and not membership.lost(without.setup, plain.who, plain.spells, m["user"].to_numpy(), m["leaves"]).any()
    )


# Friends


def alike(users: pd.DataFrame, trait: str) -> float:
    """Return the correlation of a trait between invited people and their inviters."""
    guest = users[users["inviter"] >= 0]
    return np.corrcoef(guest[trait], users[trait].to_numpy()[guest["inviter"]])[0, 1]


@pytest.mark.parametrize("trait", ["means", "engagement"])
def test_friends_are_alike(trait: str, standard: company.Company) -> None:
    assert alike(standard.users, trait) > 0.3


def test_without_its_knob_friends_are_alike_by_their_segment_only(without: company.Company) -> None:
    assert abs(alike(without.users, "means")) < 0.2


def test_that_invited_people_are_better_customers_is_mostly_not_the_invitation(standard: company.Company) -> None:
    u = pd.concat([block.who.users.assign(**secret.expected(block)) for block in standard.blocks()])
    better = u["expected_purchases"].groupby(u["channel"]).mean()
    naive = better[s.CHANNELS.index("referral")] / better[s.CHANNELS.index("organic")] - 1
    mine = u[u["channel"] == s.CHANNELS.index("referral")]
    effect = mine["expected_purchases"].sum() / mine["expected_uninvited"].sum() - 1
    assert 0 < effect < 0.08 and naive > 2 * effect


# Words


def test_templates_stand_for_each_of_their_choices() -> None:
    assert words.either("[a/b] c [d/e]。") == ["a c d。", "a c e。", "b c d。", "b c e。"]
    assert words.either("none") == ["none"]


def test_a_slip_changes_one_place_and_keeps_the_language() -> None:
    rng = np.random.default_rng(0)
    texts = np.array(["没时间看，在加班。", "No time to study.", "!!"] * 500, dtype=object)
    slipped = words.with_slips(texts, 0.3, rng)
    changed = slipped != texts
    assert off(changed[:-1:3], 0.3) < 4 and not changed[2::3].any()
    assert all(
        one.isascii() == other.isascii() and len(one) == len(other) for one, other in zip(texts, slipped, strict=True)
    )
    assert np.array_equal(words.with_slips(texts, 0.0, rng), texts)


def test_leavers_write_in_many_words(standard: company.Company) -> None:
    reviews = standard.block(0).reviews
    for cause, some in reviews[reviews["cause"] != ""].groupby("cause"):
        assert some["body"].nunique() > 0.6 * min(len(some), 100), cause
