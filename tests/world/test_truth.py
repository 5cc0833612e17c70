"""The truth of the simulated company: what people do is what it says they would."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from knowpay import world
from knowpay.world import (
    catalogue,
    choice,
    company,
    incidents,
    marketing,
    membership,
    money,
    people,
    trials,
)
from knowpay.world import settings as s
from scipy import special
from world_records import off

# Campaigns


TWO_ARMS = ("even", "ninety", "stratified", "cluster", "rule", "agency")
CASES = [*((design, arm) for design in TWO_ARMS for arm in (0, 1))]
CASES += [(design, arm) for design in marketing.OFFERS for arm in (0, 1, 2)]


@pytest.mark.parametrize(("design", "arm"), CASES)
def test_purchases_follow_the_stated_probabilities(design: str, arm: int, many: SimpleNamespace) -> None:
    t = many.touches[(many.touches["design"] == design) & (many.touches["arm"] == arm)]
    assert off(t["bought"], t[f"p_{marketing.ARMS[arm]}"]) < 4


def odds(design: str, stratum: str) -> tuple[float, ...]:
    """Return the odds of the arms of a design, and of a stratum where it has any."""
    return marketing.STRATUM_ODDS[design][stratum] if stratum else marketing.ODDS[design]


@pytest.mark.parametrize("design", [*marketing.ODDS, *marketing.STRATUM_ODDS])
def test_arms_are_drawn_as_often_as_stated(design: str, many: SimpleNamespace) -> None:
    for stratum, list_ in many.touches[many.touches["design"] == design].groupby("stratum"):
        stated = np.array(odds(design, stratum))
        assert np.array_equal(list_["propensity"], stated[list_["arm"]])
        for arm in np.flatnonzero(stated):
            assert off(list_["arm"] == arm, stated[arm]) < 4


def test_the_odds_of_a_design_sum_to_one() -> None:
    strata = [odds for design in marketing.STRATUM_ODDS.values() for odds in design.values()]
    assert np.allclose([sum(one) for one in (*marketing.ODDS.values(), *strata)], 1)


def test_a_third_of_the_campaigns_have_a_coupon_among_the_arms(standard: company.Company) -> None:
    offers = [k.number for k in standard.calendar if k.design in marketing.OFFERS]
    assert len(offers) == standard.setup.campaigns // 3


def test_a_coupon_does_what_its_price_does(many: SimpleNamespace, standard: company.Company) -> None:
    t = many.touches[many.touches["design"].isin(marketing.OFFERS)]
    price = standard.prices[t["course"], s.day_of(t["time"])]
    sensitivity = standard.users["price_sensitivity"].to_numpy()[t["user"]]
    delivered = [(t[f"p_{arm}"] - (1 - s.DELIVERED) * t["p_control"]) / s.DELIVERED for arm in ("message", "coupon")]
    gain = special.logit(delivered[1]) - special.logit(delivered[0])
    assert np.allclose(gain, -s.BUY_PRICE * sensitivity * np.log(1 - s.COUPON / price), atol=1e-6)
    assert 0.35 < gain.mean() < 0.6


def test_without_its_knob_a_coupon_is_a_message() -> None:
    t = company.found("small", coupon=0.0).block(0).touches
    t = t[t["design"].isin(marketing.OFFERS)]
    assert np.array_equal(t["p_coupon"], t["p_message"]) and (t["arm"] == 2).any()


def test_a_coupon_is_fifty_yuan_off_the_promoted_course(first: company.Block) -> None:
    t = first.touches[first.touches["bought"] & (first.touches["arm"] == 2) & first.touches["delivered"]]
    found = t.merge(first.orders, left_on=["user", "course", "ordered"], right_on=["user", "course", "time"])
    assert len(found) == len(t) > 0 and (found["coupon"] == s.COUPON_CODE).all()
    shop = first.who.prices[found["course"], s.day_of(found["ordered"])]
    assert np.allclose(found["total"], shop - s.COUPON)
    assert (first.orders["coupon"] == s.COUPON_CODE).sum() == len(found)


def test_a_study_group_is_written_to_whole_or_not_at_all(many: SimpleNamespace, standard: company.Company) -> None:
    t = many.touches[many.touches["design"] == "cluster"]
    arms = t.groupby(["campaign", standard.users["group"].to_numpy()[t["user"]]])["message"]
    assert (arms.nunique() == 1).all()
    assert off(arms.first(), 0.5) < 4


def test_the_rule_writes_to_a_third_of_the_list_in_each_block(many: SimpleNamespace) -> None:
    t = many.touches[many.touches["design"] == "rule"]
    share = t.groupby([t["campaign"], t["user"] // s.BLOCK])["message"]
    assert (share.sum() == np.ceil(share.size() * marketing.RULE_SHARE)).all()


def test_those_whom_the_rule_writes_to_would_buy_more_anyway(many: SimpleNamespace) -> None:
    t = many.touches[many.touches["design"] == "rule"]
    yes, no = (special.logit(t.loc[t["message"] == arm, "p_control"]) for arm in (True, False))
    assert yes.mean() - no.mean() > 4 * np.sqrt(yes.var() / len(yes) + no.var() / len(no))


def naive(many: SimpleNamespace) -> tuple[float, float, float]:
    """Return (what the difference between the rule's arms is off the mean effect, the same in truth, its error)."""
    t = many.touches[many.touches["design"] == "rule"]
    yes, no = t[t["message"]], t[~t["message"]]
    spread = (yes["p_message"] * (1 - yes["p_message"])).mean() / len(yes)
    spread += (no["p_control"] * (1 - no["p_control"])).mean() / len(no)
    effect = (t["p_message"] - t["p_control"]).mean()
    seen = yes["bought"].mean() - no["bought"].mean() - effect
    return seen, yes["p_message"].mean() - no["p_control"].mean() - effect, np.sqrt(spread)


def test_the_naive_difference_of_the_rule_is_off_by_what_the_truth_says(many: SimpleNamespace) -> None:
    seen, stated, error = naive(many)
    assert abs(seen - stated) < 4 * error


def test_the_agency_exports_no_control_rows(
    folders: tuple[Path, Path], truth: SimpleNamespace, small: company.Company
) -> None:
    touches = pd.read_parquet(folders[0] / "touches.parquet").dropna(subset="creative")  # the trials have none
    agency = touches[touches["campaign_id"] == f"k{marketing.AGENCY + 1:02d}"]
    assert (agency["variation_id"] == "message").all() and len(agency)
    assert (touches.groupby("campaign_id")["variation_id"].nunique() >= 2).sum() == small.setup.campaigns - 1
    assert len(truth.touches) > len(touches)


def test_propensities_in_the_export_are_those_of_the_arm_drawn(
    folders: tuple[Path, Path], block: company.Block
) -> None:
    shown = pd.read_parquet(folders[0] / "touches.parquet").dropna(subset="creative").set_index("touch_id")
    t = block.touches.set_axis(block.touch_ids(block.touches).to_pylist()).loc[shown.index]
    of_arm = t["propensity"]
    drawn = ~t["design"].isin(["rule", "agency"]).to_numpy()
    assert np.array_equal(shown["propensity"].to_numpy(), np.where(drawn, of_arm, np.nan), equal_nan=True)


def test_fatigue_and_warmth_by_hand() -> None:
    had = np.array([[True, False, True], [True, True, False], [False, True, False]])
    days = np.array([10.0, 30.0, 60.0])
    fatigue, warmth = marketing.history(had, days * s.DAY, 110 * s.DAY)
    assert fatigue.tolist() == [1, 2, 0]  # the first campaign was a hundred days ago
    e = np.exp(-(110 - days) / 20)
    assert np.array_equal(warmth, [e[0] + e[1], e[1] + e[2], e[0]])


def test_the_share_of_others_who_were_written_to_by_hand() -> None:
    message, group = np.array([True, False, True, True, False]), np.array([0, 0, 0, 1, 2])
    assert marketing.others(message, group).tolist() == [0.5, 1.0, 0.5, 0.0, 0.0]


def test_messages_before_tire_and_warm(truth: SimpleNamespace) -> None:
    who, what = truth.users["user_id"][:100], truth.courses["product_id"][:100]
    fresh = truth.users.assign(fatigue=0, warmth=0.0)

    def asked(users: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        return world.purchase_probability(SimpleNamespace(users=users, courses=truth.courses), who, what)

    hidden, shown = asked(fresh)
    tired, tired_shown = asked(fresh.assign(fatigue=1))
    warm, warm_shown = asked(fresh.assign(warmth=1.0))
    assert np.array_equal(tired, hidden) and (tired_shown < shown).all()
    assert (warm > hidden).all() and (warm_shown > shown).all()


def effects(small: company.Company) -> np.ndarray:
    """Return the effect of a message by campaign and user, logit: that of the visits which they make at the time."""
    return np.array([people.message_effect(small.setup, small.users, k.time) for k in small.calendar])


def test_every_touch_can_be_computed_from_the_truth(
    small: company.Company, block: company.Block, truth: SimpleNamespace
) -> None:
    t, days, row = block.touches, np.array([k.time for k in small.calendar]) / s.DAY, np.arange(len(block.touches))
    sent = t.pivot(index="user", columns="campaign", values="delivered").eq(True)
    age = days[:, None] - days  # of each message at each campaign
    recent = (age > 0) & (age <= marketing.FATIGUE_DAYS)
    warmth = np.where(age > 0, np.exp(-age / s.CARRY_DAYS), 0)
    at = sent.index.get_indexer(t["user"]), t["campaign"]
    since = (t["time"] - small.users["created"].to_numpy()[t["user"]]) / s.DAY
    invited = small.users["channel"].to_numpy()[t["user"]] == s.CHANNELS.index("referral")
    joined = small.users["points_from"].to_numpy()[t["user"]] <= t["time"]
    points = trials.POINTS_EFFECT * joined.to_numpy()
    mates = t.groupby(["campaign", small.users["group"].to_numpy()[t["user"]]])["message"]
    talk = s.SPILL * ((mates.transform("sum") - t["message"]) / (mates.transform("size") - 1).clip(lower=1)).to_numpy()
    cluster = (t["design"] == "cluster").to_numpy()  # there it is the effect of writing to all of them
    users = truth.users.iloc[t["user"]].assign(
        user_id=row,
        fatigue=(sent.to_numpy(float) @ recent.T)[at],
        warmth=(sent.to_numpy(float) @ warmth.T)[at],
        message_effect=effects(small)[t["campaign"], t["user"]],
        edge=np.where(invited, s.REFERRED_EDGE * np.exp(-since.to_numpy() / s.REFERRED_EDGE_DAYS), 0) + points,
    )
    price = small.prices[t["course"], (t["time"] // s.DAY).astype(int)]
    courses = truth.courses.iloc[t["course"]].assign(product_id=row, price=price)

    def asked(extra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        people = users.assign(edge=users["edge"] + extra - 0.5 * s.SPILL)  # the next campaign writes to half of a group
        return world.purchase_probability(SimpleNamespace(users=people, courses=courses), row, row)

    able = incidents.works(small.setup, small.users["device"].to_numpy()[t["user"]], t["tried"].to_numpy())
    exact = 2.0**-20  # taste times course is held in single precision
    assert np.allclose(asked(np.where(cluster, 0, talk))[0] * able, t["p_control"], rtol=exact, atol=0)
    assert np.allclose(asked(np.where(cluster, s.SPILL, talk))[1] * able, t["p_message"], rtol=exact, atol=0)


def test_a_purchase_in_the_window_is_the_campaigns_own(many: SimpleNamespace) -> None:
    found = many.touches.merge(many.purchases, on=["user", "course"], suffixes=("", "_p"))
    inside = found["time_p"].between(found["time"], found["time"] + s.CAMPAIGN_WINDOW_DAYS * s.DAY)
    assert inside.equals(found["bought"] & inside)


def test_what_a_message_sells_is_bought_in_its_window(many: SimpleNamespace) -> None:
    t = many.touches[many.touches["bought"]]
    found = t.merge(many.purchases, on=["user", "course"], suffixes=("", "_p"))
    assert len(found) == len(t) and found["ordered"].equals(found["time_p"].rename("ordered"))
    assert (found["ordered"] > found["time"]).all()
    assert (found["ordered"] <= found["time"] + s.CAMPAIGN_WINDOW_DAYS * s.DAY).all()


def test_nobody_is_written_to_against_the_rules(many: SimpleNamespace, standard: company.Company) -> None:
    asked = standard.users.iloc[many.touches["user"].unique()]
    assert not asked[["marketing_denied", "is_staff", "is_test", "under_14"]].to_numpy().any()
    withdrawn = standard.users["marketing_withdrawn"].to_numpy()
    assert (many.touches["time"] < withdrawn[many.touches["user"]]).all() and np.isfinite(withdrawn).any()


# Choice


def test_the_best_course_is_the_most_likely_full_one(small: company.Company, truth: SimpleNamespace) -> None:
    full = truth.courses.loc[~small.courses["form"].isin([3, catalogue.TASTER]).to_numpy(), "product_id"].to_numpy()
    users = truth.users[:50]
    hidden, _ = world.purchase_probability(
        SimpleNamespace(users=users, courses=truth.courses),
        np.repeat(users["user_id"], len(full)), np.tile(full, len(users)),
    )  # fmt: skip
    best = hidden.reshape(len(users), len(full)).argmax(axis=1)
    assert users["best_course"].tolist() == full[best].tolist()


def test_the_price_elasticity_is_the_slope_of_the_logit(truth: SimpleNamespace) -> None:
    who = truth.users["user_id"]
    what = np.resize(truth.courses["product_id"], len(who))
    dearer = truth.courses.assign(price=truth.courses["price"] * np.e)
    here, there = (
        special.logit(world.purchase_probability(SimpleNamespace(users=truth.users, courses=k), who, what)[0])
        for k in (truth.courses, dearer)
    )
    assert np.allclose(there - here, truth.users["price_elasticity"])


def taken_along(purchases: pd.DataFrame, rules: pd.DataFrame) -> pd.DataFrame:
    """Return the purchases of antecedents by people without the consequent: ``antecedent, added, along``."""
    also = purchases[["user", "course", "time"]].rename(columns={"course": "consequent", "time": "time_also"})
    found = purchases.merge(rules, left_on="course", right_on="antecedent")
    found = found.merge(also, on=["user", "consequent"], how="left")
    found = found[~(found["time_also"] < found["time"])]
    return found.assign(along=found["time_also"] == found["time"] + 60)


def test_planted_rules_hold_as_often_as_stated(many: SimpleNamespace, standard: company.Company) -> None:
    found = taken_along(many.purchases, standard.rules[standard.rules["added"] > 0])
    cheaper = many.bundles[many.bundles["arm"] > 0].set_index(["user", "course"]).index
    found = found[~found.set_index(["user", "course"]).index.isin(cheaper)]
    assert found["antecedent"].nunique() == catalogue.RULES
    for _, rule in found.groupby("antecedent"):
        assert off(rule["along"], rule["added"]) < 4


def test_planted_rules_show_in_a_standard_company(many: SimpleNamespace, standard: company.Company) -> None:
    found = taken_along(many.purchases, standard.rules[standard.rules["added"] > 0])
    assert (found.groupby("antecedent")["along"].sum() >= 5).all()


def test_decoys_are_never_taken_along(many: SimpleNamespace, standard: company.Company) -> None:
    found = taken_along(many.purchases, standard.rules[standard.rules["added"] == 0])
    assert found["antecedent"].nunique() == catalogue.RULES and not found["along"].any()


def test_nothing_is_taken_along_without_its_antecedent(first: company.Block, standard: company.Company) -> None:
    p = first.purchases[~first.purchases["own_visit"]]
    seen = pd.DataFrame({name: first.pages[name] for name in ("user", "course", "time")})
    seen["time"] += choice.BUY_AFTER
    at_page = pd.MultiIndex.from_frame(p[["user", "course", "time"]]).isin(pd.MultiIndex.from_frame(seen))
    along = p[~at_page]
    cause = standard.rules.set_index("consequent")["antecedent"].reindex(along["course"]).to_numpy()
    cause = along.assign(course=cause, time=along["time"] - 60).merge(first.purchases, on=["user", "course"])
    assert len(cause) == len(along) > 0 and (cause["time_x"] - cause["time_y"]).abs().max() < 1e-3


def test_the_buyers_of_a_rule_can_be_counted(truth: SimpleNamespace, block: company.Block) -> None:
    buyers = block.purchases.groupby("course")["user"].agg(set).to_dict()
    for rule in truth.rules.itertuples():
        one, other = (buyers.get(int(k[1:]) - 1, set()) for k in (rule.antecedent, rule.consequent))
        counted = [len(one), len(other), len(one & other)]
        assert counted == [rule.bought_antecedent, rule.bought_consequent, rule.bought_both]


def test_pages_follow_taste_quality_and_popularity(standard: company.Company, first: company.Block) -> None:
    users, k = first.who.users, standard.courses
    taste = users[[f"taste_{j}" for j in range(8)]].to_numpy() @ k[[f"v_{j}" for j in range(8)]].to_numpy().T
    share = special.softmax(taste + (choice.QUALITY_PULL * k["quality"] + k["popularity"]).to_numpy(), axis=1)
    late = first.pages["time"] > k["published"].max()  # all courses are open by then
    user, course = (first.pages[name][late] for name in ("user", "course"))
    for one in k.index[::20]:
        assert off(course == one, share[user, one]) < 4


# Memberships


@pytest.mark.parametrize("churn", [0.05, 0.44, 0.95])
def test_the_churn_knob_is_the_mean_of_the_hazard(churn: float) -> None:
    alpha, beta = membership.churn_beta(s.setup("small", churn=churn))
    assert alpha / (alpha + beta) == pytest.approx(churn, rel=1e-12)


def survival(alpha: float, beta: float, months: int) -> float:
    """Return the share that renews so many times in the shifted-beta-geometric model."""
    return float(np.exp(special.betaln(alpha, beta + months) - special.betaln(alpha, beta)))


def test_the_default_curve_is_the_published_one() -> None:
    shape = membership.churn_beta(s.setup("small"))
    assert round(survival(*shape, 1), 2) == 0.56 and round(survival(*shape, 12), 2) == 0.11


@pytest.mark.parametrize("months", [1, 12])
def test_drawn_hazards_have_the_curve(months: int) -> None:
    rng = np.random.default_rng(3)
    shape = membership.churn_beta(s.setup("small"))
    engagement = rng.standard_normal(200_000)
    link = membership.linked_normal(engagement, np.sort(engagement), rng.standard_normal(200_000))
    stays = (1 - special.betaincinv(*shape, special.ndtr(link))) ** months
    assert abs(stays.mean() - survival(*shape, months)) < 4 * stays.std() / np.sqrt(len(stays))


def test_churn_is_tied_to_low_engagement() -> None:
    rng = np.random.default_rng(4)
    engagement = rng.standard_normal(100_000)
    link = membership.linked_normal(engagement, np.sort(engagement), rng.standard_normal(100_000))
    r = np.corrcoef(link, engagement)[0, 1]
    assert abs(np.arctanh(r) + np.arctanh(s.CHURN_LINK)) < 4 / np.sqrt(len(link) - 3)


def test_shares_of_the_causes_sum_to_one(truth: SimpleNamespace) -> None:
    share = truth.causes[list(s.CAUSES)].to_numpy()
    assert np.allclose(share.sum(axis=1), 1) and (share > 0).all()


def test_members_have_one_hazard_and_others_none(truth: SimpleNamespace, block: company.Block) -> None:
    hazard = truth.users["hazard"].to_numpy()
    paid = block.members[block.members["paid"]]
    assert np.array_equal(np.flatnonzero(~np.isnan(hazard)), paid["user"].to_numpy())
    assert np.array_equal(hazard[paid["user"]], paid["hazard"].to_numpy())


def test_renewals_follow_each_members_hazard(many: SimpleNamespace) -> None:
    p = many.periods[(many.periods["period_no"] > 0) & (many.periods["end"] <= s.DAYS * s.DAY)]
    for _, plan in p.groupby("plan"):
        assert off(plan["status"] == "canceled", plan["hazard"]) < 4


def test_only_paid_periods_that_ended_have_a_cause(many: SimpleNamespace) -> None:
    p = many.periods
    ended = (p["period_no"] > 0) & (p["status"] == "canceled")
    assert ((p["cause"] >= 0) == ended).all()


@pytest.mark.parametrize("cause", range(len(s.CAUSES)), ids=s.CAUSES)
def test_causes_come_as_often_as_stated(cause: int, many: SimpleNamespace) -> None:
    alone = ~(many.periods["listed"] & many.periods["delivered"])  # a note keeps some causes more than others
    left = many.periods[(many.periods["cause"] >= 0) & alone].merge(many.members, on="user")
    assert off(left["cause"] == cause, left[f"cause_{cause}"]) < 4


def test_the_truth_names_cause_and_hazard_of_each_period(truth: SimpleNamespace, block: company.Block) -> None:
    cause = block.periods["cause"].to_numpy()
    stated = truth.memberships["cause"].astype(object)
    assert stated.isna().tolist() == (cause < 0).tolist()
    assert stated.dropna().tolist() == np.array(s.CAUSES)[cause[cause >= 0]].tolist()
    assert np.array_equal(truth.memberships["hazard"], block.periods["hazard"], equal_nan=True)


def test_a_paid_period_names_its_order(folders: tuple[Path, Path], block: company.Block) -> None:
    shown = pd.read_parquet(folders[0] / "memberships.parquet")
    assert shown["order_id"].notna().equals((shown["period_no"] > 0) & (block.periods["order"] >= 0))
    named = shown.dropna(subset="order_id")
    order = block.orders.set_axis(block.order_ids(block.orders.index).to_pylist()).loc[named["order_id"]]
    period = block.periods.loc[named.index]
    for name in ("user", "period_no"):
        assert order[name].tolist() == period[name].tolist()
    assert np.array_equal(order["time"], period["start"] + money.PAY_AFTER)
    assert named["price"].astype(float).tolist() == order["total"].tolist()


# Money


def test_the_truth_has_the_money_of_every_order(truth: SimpleNamespace, block: company.Block) -> None:
    for name in ("total", "refund"):
        assert (truth.orders[name] * 100).astype(int).tolist() == (block.orders[name] * 100).round().tolist()
    assert truth.orders["order_type"].tolist() == block.orders["order_type"].tolist()


def test_money_is_given_back_within_seven_days_of_the_order(many: SimpleNamespace) -> None:
    back = many.orders.dropna(subset="refund_time")
    assert (back["refund_time"] - back["time"]).between(0, money.REFUND_DAYS * s.DAY, inclusive="right").all()


def test_what_was_never_begun_is_given_back_as_often_as_stated(first: company.Block) -> None:
    course = first.orders[(first.orders["course"] >= 0) & (first.orders["time"] < (s.DAYS - 7) * s.DAY)]
    found = course.merge(first.progress, on=["user", "course"])
    assert off(found.loc[~found["started"], "refund"] > 0, money.REFUNDED) < 4
