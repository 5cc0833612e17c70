"""One answer to one question: every room is asked about the same small company.

A room that answers otherwise is the bug that this page is for: it was red for each of them once.
"""

from __future__ import annotations

import ast
import re
import secrets
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from knowpay.analyse import churn, economics, learners, neighbours, profiles, touches
from knowpay.collect import identity
from knowpay.collect.privacy import gate
from knowpay.collect.public import teach
from knowpay.derive import evidence, policy, uplift
from knowpay.operate import campaign, plan
from knowpay.people import money, snapshot, visits
from knowpay.people.audience import audience
from knowpay.people.known import log
from knowpay.train import recommender
from knowpay_course import ROOT
from knowpay_course.lessons import l04
from people_company import ANALYSIS, LATE, NOON, PERSONAL, PROFILE, SAID, at, events, orders
from scipy import sparse

# --- what is a paid order ----------------------------------------------------------------------------------------

PAID = {
    "people.money": lambda ds: money.contributions(ds, 0.3).count().to_pandas(),
    "people.snapshot": lambda ds: snapshot.snapshot(ds)["purchases"].sum(),
    "analyse.touches": lambda ds: 1 + touches.outcomes(ds)["bought"].sum(),  # Ann paid before the touch, Ben never
    "analyse.churn": lambda ds: churn.person_periods(ds)["courses_bought"].sum(),
    "analyse.profiles": lambda ds: (profiles.rfm(ds, NOON)["money"] / 80).sum(),
    "analyse.neighbours": lambda ds: len(neighbours.owned(ds)),
    "analyse.economics": lambda ds: len(economics.contributions(ds, 0.3)),
    "lesson 04": lambda ds: len(l04.buying(ds)),
    "operate.campaign": lambda ds: np.isinf(campaign.shelf(ds, ["c1"], penalty=10.0).scores).sum(),
}


@pytest.mark.parametrize("room", PAID)
def test_an_order_that_waits_for_payment_or_was_cancelled_is_no_purchase(room, make):
    assert PAID[room](make()) == 1


def test_the_questions_of_a_data_set_count_paid_orders(make, monkeypatch):
    monkeypatch.setitem(teach.QUESTIONS, "what people pay", (teach.QUESTIONS["what people pay"][0], 2))
    assert not teach.can_teach(make())["what people pay"]


# --- who may be seen ---------------------------------------------------------------------------------------------


def followed(ds) -> set:
    """Whose events identity follows: the person, or the device that a person is behind."""
    people = identity.events(ds).filter(lambda t: t.person_id.notnull()).person_id.to_pandas()
    return {who.removeprefix("d-") for who in people} - {
        "ivy",
        "joe",
        "kim",
        "bot",
    }  # identity also serves their exclusion


SEEN = {
    "people.log": (lambda ds: set(log(ds).user_id.to_pandas()), ANALYSIS),
    "people.snapshot": (lambda ds: set(snapshot.snapshot(ds)["user_id"]), ANALYSIS),
    "people.visits": (lambda ds: set(visits.visits(ds).user_id.to_pandas()), ANALYSIS),
    "collect.identity": (followed, ANALYSIS),
    "analyse.profiles": (lambda ds: set(profiles.pages_by_category(ds).index), ANALYSIS),
    "analyse.profiles, hours": (lambda ds: set(profiles.visits_by_hour(ds)["user_id"]), ANALYSIS),
    "analyse.churn": (lambda ds: set(churn.person_periods(ds)["user_id"]), ANALYSIS),
    "analyse.neighbours": (lambda ds: set(neighbours.interest(ds)["user_id"]), ANALYSIS),
    "analyse.neighbours, opened": (lambda ds: set(neighbours.opened(ds, at(-30), at(0))["user_id"]), ANALYSIS),
    "lesson 04": (lambda ds: set(l04.learning(ds, "product_viewed")["user_id"]), ANALYSIS),
    "operate.campaign": (lambda ds: set(campaign.shelf(ds, ["c1"], penalty=10.0).users), PROFILE),
    "analyse.neighbours, lists": (
        lambda ds: set(neighbours.recommend(ds).query("not reason.str.startswith('popular')")["user_id"]),
        PROFILE,
    ),
    "analyse.touches": (lambda ds: set(touches.outcomes(ds)["user_id"]), PERSONAL),
    "operate.plan": (lambda ds: set(plan.contact_status(ds).query("status == 'personal'")["user_id"]), PERSONAL),
}


@pytest.mark.parametrize("room", SEEN)
def test_nobody_is_seen_whom_the_gate_forbids(room, make):
    look, allowed = SEEN[room]
    assert look(make()) == allowed


def test_churn_calls_only_those_who_may_be_written_to(make):
    periods = churn.person_periods(make())
    assert set(periods.loc[periods["contact"], "user_id"]) == PERSONAL


@pytest.mark.parametrize("purpose", ["analysis", "general", "personal"])
def test_the_gate_and_the_audience_agree(purpose, make, tmp_path):
    ds = make()
    may = set(audience(ds, purpose)["user_id"])
    for user in sorted(SAID):
        row = pd.DataFrame({"user_id": [user], "product_id": "c1"})
        if user in may:
            gate.release(ds, row, purpose, tmp_path / "out", "list", key=secrets.token_bytes(32))
        else:
            with pytest.raises(ValueError, match="must not be"):
                gate.release(ds, row, purpose, tmp_path / "out", "list", key=secrets.token_bytes(32))


def test_an_audience_is_sorted_and_numbered_from_nought(make):
    said = {"dan": "", "cat": "denied", "ben": "granted", "ann": "granted"}
    ds = make(personal=False, users=[{"user_id": user, "consent_analytics": word} for user, word in said.items()])
    assert audience(ds, "analysis")["user_id"].to_dict() == {0: "ann", 1: "ben", 2: "dan"}


def test_a_refusal_that_waits_is_a_refusal_even_beside_a_row_that_loaded(make, tmp_path):
    ds = make(personal=False)
    assert "hal" not in set(audience(ds, "customer")["user_id"]) | followed(ds)
    twice = make(personal=False, users=[{"user_id": "ann"}, {"user_id": "ann", "consent_analytics": "perhaps"}])
    assert audience(twice, "customer").empty and log(twice).count().to_pandas() == 0


def test_unknown_consent_is_no_refusal_of_people_who_are_not_real(make):
    assert set(audience(make(personal=False), "personal")["user_id"]) == PERSONAL | {"fay", "gus"}


def test_an_id_that_no_users_row_vouches_for_is_followed_only_where_people_are_not_real(make):
    stranger = {"user_id": "zoe", "anonymous_id": "d-zoe", "timestamp": at(-2), "received_at": at(-2)}
    assert "zoe" in followed(make(personal=False, events=[*events(), stranger]))
    assert "zoe" not in followed(make(events=[*events(), stranger]))


# --- what was known ----------------------------------------------------------------------------------------------


def assigned(ds) -> pd.DataFrame:
    rows = pd.DataFrame({"touch_id": ["t1"], "campaign_id": "k", "user_id": "ann", "product_id": "c2"})
    return rows.assign(assigned_at=NOON.tz_convert("UTC"), price=300.0)


def learned(ds) -> list:
    people, courses = neighbours.shown(ds), neighbours.on_sale(ds)
    x = sparse.csr_matrix((len(people), len(courses)))
    cut = recommender.Split(NOON, 1, people, courses, x, x, x, x, np.zeros(len(people)))
    return [part.sum() for pair in recommender.windows(ds, cut) for part in pair]


KNOWN = {
    "people.snapshot": lambda ds: snapshot.snapshot(ds, NOON).to_dict("list"),
    "people.visits": lambda ds: visits.visits(ds, NOON).count().to_pandas(),
    "analyse.neighbours": lambda ds: neighbours.interest(ds, until=NOON).to_dict("list"),
    "analyse.neighbours, lists": lambda ds: neighbours.recommend(ds, until=NOON).to_dict("list"),
    "analyse.profiles": lambda ds: profiles.pages_by_category(ds, until=NOON).to_dict("list"),
    "analyse.profiles, rfm": lambda ds: profiles.rfm(ds, NOON).to_dict("list"),
    "analyse.churn": lambda ds: churn.person_periods(ds)[list(churn.FEATURES)].to_dict("list"),
    "derive.evidence": lambda ds: evidence.at_touch(ds, assigned(ds))[list(evidence.COLUMNS)].to_dict("list"),
    "operate.campaign": lambda ds: campaign.shelf(ds, ["c1", "c2"], NOON, penalty=10.0).scores.tolist(),
    "train.recommender": learned,
}


@pytest.mark.parametrize("room", KNOWN)
def test_what_happened_before_and_arrived_after_was_not_known(room, make):
    before, after = (KNOWN[room](make(events=seen)) for seen in (events(), [*events(), LATE]))
    assert before == after
    in_time = make(events=[*events(), LATE | {"received_at": LATE["timestamp"]}])
    assert KNOWN[room](in_time) != before  # the question can tell


def test_what_came_to_pass_is_judged_by_when_it_happened(make):
    ds = make(events=[*events(), LATE])
    assert ("ann", "c2") in set(neighbours.opened(ds, at(-2), at(0))[["user_id", "product_id"]].itertuples(index=False))


# --- money -------------------------------------------------------------------------------------------------------


def test_a_course_order_leaves_the_same_in_every_room(make):
    ds = make()
    left = 0.7 * (80 - 1)
    assert money.contributions(ds, 0.3).contribution.to_pandas().tolist() == pytest.approx([left])
    assert economics.contributions(ds, 0.3)["amount"].tolist() == pytest.approx([left])
    assert money.contribution_rate(ds, 0.3) == pytest.approx(left / 100)  # of the list price
    plan_order = {"user_id": "ann", "product_id": "plan", "total": "25.00", "fee": "5.00", "timestamp": at(-9)}
    assert churn.monthly_margin(make(orders=[plan_order]), 0.3) == pytest.approx(0.7 * 20)


def test_what_a_yuan_leaves_is_that_of_all_orders_of_courses_that_have_a_price(make):
    """The mean order would say otherwise, and so would money for a course that is free by now."""
    prices = {"c1": "100.00", "cheap": "1.00", "free": "0.00"}
    sold = [("c1", "80.00"), ("c1", "50.00"), ("cheap", "1.00"), ("free", "9.00")]
    placed = [{"user_id": "ann", "product_id": c, "total": paid, "timestamp": at(-9)} for c, paid in sold]
    courses = [{"product_id": c, "price": price} for c, price in prices.items()]
    ds, alone = (make(courses=courses, orders=rows, memberships=[]) for rows in (placed, placed[2:3]))
    assert money.contribution_rate(ds, 0.3) == pytest.approx(0.7 * 131 / 201)
    assert money.contribution_rate(alone, 0.3) == pytest.approx(0.7)  # one yuan is a price


def test_a_test_of_the_checkout_is_no_money_in_any_room(make):
    """A staff member's order for a fen, at a list price of 100, would lower what a yuan of list price leaves."""
    test = {"user_id": "ivy", "timestamp": at(-9), "total": "0.01", "fee": "0.00"}
    ds, plain = make(orders=[*orders(), test, test | {"product_id": "plan"}]), make()
    assert money.contribution_rate(ds, 0.3) == money.contribution_rate(plain, 0.3)
    assert economics.contributions(ds, 0.3)["amount"].sum() == economics.contributions(plain, 0.3)["amount"].sum()
    assert churn.monthly_margin(ds, 0.3) == churn.monthly_margin(plain, 0.3)
    assert l04.buying(ds).equals(l04.buying(plain))


LESSONS = sorted((ROOT / "notebooks" / "src").glob("[0-9]*.py"))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_no_lesson_has_a_rule_of_its_own_for_what_a_purchase_leaves(lesson):
    """`1 - teacher_share` and the statuses of orders stand in `people.money` only."""
    code = "\n".join(line for line in lesson.read_text("utf-8").splitlines() if not line.startswith("#"))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            assert "teacher_share" not in ast.unparse(node.right).split("(")[0], ast.unparse(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in ("cancelled", "created"), ast.unparse(node)


RULES = re.compile(r"consent_|is_staff|under_14|personalization_opt_out|'cancelled'|\"cancelled\"")
OWNERS = {
    "collect/privacy/permission.py",
    "collect/schema.py",
    "../knowpay_course/lessons/l01.py",  # in the truth's section: whom the trackers gave a fresh id with every event
    "../knowpay_course/lessons/l03.py",  # in the truth's section: whose last row in the files as they came is a refusal
}


def test_the_rules_stand_in_one_place():
    """Who may be seen and what is paid: no room below collect names the columns that decide."""
    library = Path(money.__file__).parents[1]
    rooms = ("collect", "people", "analyse", "derive", "train", "operate", "../knowpay_course/lessons")
    found = {
        (Path(room) / path.relative_to(library / room)).as_posix()
        for room in rooms
        for path in (library / room).rglob("*.py")
        if RULES.search(re.sub(r'"""[\s\S]*?"""|#.*', "", path.read_text("utf-8")))
    }
    readers = {name for name in found if not name.startswith(("collect/adapters", "collect/public"))}
    assert readers <= OWNERS, readers - OWNERS


# --- arms --------------------------------------------------------------------------------------------------------


def test_all_arms_of_a_campaign_are_kept(make):
    found = touches.outcomes(make())
    assert set(found["arm"]) == {"control", "story"} and len(found) == 4  # Ann and Ben, twice


def test_what_cannot_be_used_is_counted_with_its_reason(make):
    ds = make()
    reasons = touches.left_out(ds)
    assert reasons.to_dict() == {"the person may not be sent something personal": 18, "not a user of this company": 2}
    assert reasons.sum() + len(touches.outcomes(ds)) == len(SAID) * 2


def test_a_policy_over_three_arms_is_valued_without_bias():
    """True values by arm are known: the estimate must find them, and a choice of arms beats each arm alone."""
    rng = np.random.default_rng(0)
    n, arms, p = 400_000, np.array(["control", "story", "coupon"], dtype=object), [0.2, 0.3, 0.5]
    kind, drawn = rng.integers(0, 2, n), rng.choice(3, n, p=p)
    chance = np.array([[0.05, 0.09, 0.06], [0.05, 0.04, 0.08]])  # kind x arm
    rows = pd.DataFrame({"campaign_id": "k", "stratum": None, "user_id": np.arange(n), "arm": arms[drawn]})
    rows = rows.assign(message=drawn > 0, propensity=np.take(p, drawn), bought=rng.random(n) < chance[kind, drawn])
    cost = {"control": 0.0, "story": 0.2, "coupon": 1.0}
    choices = {"story": np.full(n, "story"), "coupon": np.full(n, "coupon"), "own": np.where(kind, "coupon", "story")}
    for name, choice in choices.items():
        place = np.where(choice == "story", 1, 2)
        truth = 100 * (chance[kind, place] - chance[kind, 0]) - np.where(place == 1, 0.2, 1.0)
        found = policy.profit(np.ones(n), policy.ipw_scores(rows, 100.0, cost, choice), rows["user_id"])
        assert found.value == pytest.approx(truth.sum(), abs=2.58 * found.error), name
        assert abs(truth.sum()) > 3.9 * found.error, name  # nothing would not do
    assert not policy.ipw_scores(rows, 100.0, cost, np.full(n, "control")).any()
    for arm, effect in {"story": (0.04 - 0.01) / 2, "coupon": (0.01 + 0.03) / 2}.items():
        found = touches.difference(touches.contrast(rows, arm), "bought")
        assert found.value == pytest.approx(effect, abs=3 * found.error)
    with pytest.raises(ValueError, match="did not draw the arm 'letter'"):
        policy.ipw_scores(rows, 100.0, cost, np.full(n, "letter"))


def test_models_learn_the_arm_that_they_are_asked_about():
    rng = np.random.default_rng(1)
    n = 60_000
    arm = rng.choice(np.array(["control", "a", "b"], dtype=object), n, p=[0.4, 0.3, 0.3])
    quiet = rng.random(n) < 0.5
    helps = ((arm == "a") & quiet) | ((arm == "b") & ~quiet)
    rows = pd.DataFrame({"campaign_id": "k", "user_id": np.arange(n), "arm": arm, "message": arm != "control"})
    rows["propensity"] = np.where(arm == "control", 0.4, 0.3)
    rows = rows.assign(bought=rng.random(n) < 0.05 + 0.10 * helps, active_days=np.where(quiet, 0, 20), recency=1.0)
    rows = rows.assign(tenure=10.0, purchases=0, place=1, price=100.0, mean_price=100.0, device_os="web", channel="x")
    for name, best in (("a", quiet), ("b", ~quiet)):
        score = uplift.Score(learners.TLearner(uplift.RIDGE)).fit(touches.contrast(rows, name)).predict(rows)
        assert score[best].mean() > score[~best].mean() + 5


def test_a_campaign_with_more_arms_counts_no_more_than_one_with_one():
    one = pd.DataFrame(
        {"campaign_id": "k1", "arm": ["control", "a"], "message": [False, True], "propensity": 0.5, "y": [0, 0]}
    )
    two = pd.DataFrame(
        {"campaign_id": "k2", "arm": ["control", "a", "b"], "message": [False, True, True], "y": [0, 1, 1]}
    )
    both = pd.concat([one.assign(messages=1), two.assign(propensity=1 / 3, messages=2)], ignore_index=True)
    assert touches.rate(both, "y", True) == pytest.approx(3 / 5)  # 3 people of k2 against 2 of k1, not 6 against 2


def test_a_group_that_lacks_an_arm_by_chance_counts_the_arms_of_its_campaign():
    """Each message of a campaign of two stands for half of the list, in a part of the touches as in all."""
    rows = pd.DataFrame(
        {"campaign_id": "k", "arm": ["control", "a"], "message": [False, True], "propensity": [0.2, 0.4]}
    )
    assert touches.stands_for(rows.assign(messages=2)).tolist() == [5.0, 1.25]
    assert touches.stands_for(rows.assign(messages=1)).tolist() == [5.0, 2.5]


def test_the_sample_ratio_sees_each_arm():
    rng = np.random.default_rng(2)
    n = 30_000
    arm = rng.choice(np.array(["control", "a", "b"], dtype=object), n, p=[0.2, 0.5, 0.3])
    rows = pd.DataFrame({"campaign_id": "k", "stratum": None, "arm": arm, "message": arm != "control"})
    rows["propensity"] = rows["arm"].map({"control": 0.2, "a": 0.5, "b": 0.3})
    assert touches.sample_ratio(rows) > 0.01
    swapped = rows.assign(propensity=rows["arm"].map({"control": 0.2, "a": 0.3, "b": 0.5}))  # the controls are right
    assert touches.sample_ratio(swapped) < 1e-6
