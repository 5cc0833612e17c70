"""What changed and went wrong on known days: reworks, a shorter checkout, incidents, a demand break, wrong prices."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from knowpay.world import behaviour, catalogue, checkout, company, demand, incidents, learning, market, money, observe
from knowpay.world import settings as s
from knowpay.world.people import DEVICES
from world_records import off, same

FAR = 2.58


@pytest.fixture(scope="module")
def logs(standard: company.Company) -> SimpleNamespace:
    """Orders, enrolments and the clean events of a standard company; events have ``device`` and ``name``."""
    device, parts = standard.users["device"].to_numpy(), {"orders": [], "progress": [], "unpaid": [], "events": []}
    for block in standard.blocks():
        for name in ("orders", "progress", "unpaid"):
            parts[name].append(getattr(block, name))
        e = pd.DataFrame(block.events)
        parts["events"].append(e.assign(name=np.array(behaviour.EVENTS)[e["event"]], device=device[e["user"]]))
    return SimpleNamespace(**{name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()})


def incident(kind: str) -> incidents.Incident:
    return next(one for one in incidents.incidents(s.setup("standard")) if one.kind == kind)


def during(table: pd.DataFrame, one: incidents.Incident) -> pd.Series:
    """Return which rows fall into an incident, on its platform."""
    here = table["device"] == DEVICES.index(one.platform) if one.platform else True
    return table["time"].between(one.start, one.end, inclusive="left") & here


def clear(few: float, of: int, usual: float) -> float:
    """Return by how many standard errors a share lies below the usual one."""
    return (usual - few) / np.sqrt(usual * (1 - usual) / of)


# Incidents


def test_carts_do_not_reach_a_broken_checkout(logs: SimpleNamespace) -> None:
    one, e = incident("checkout_break"), logs.events
    broken = during(e, one)
    cart, asked = (e["name"] == name for name in ("product_added", "checkout_started"))
    usual = (asked & ~broken).sum() / (cart & ~broken).sum()
    share = (asked & broken).sum() / (cart & broken).sum()
    assert clear(share, (cart & broken).sum(), usual) > 3.9
    assert abs(share / usual - (1 - one.strength)) < FAR * np.sqrt(share / (cart & broken).sum()) / usual


def test_other_platforms_sell_as_usual_while_one_is_broken(logs: SimpleNamespace) -> None:
    one, e = incident("checkout_break"), logs.events
    others = e[e["device"] != DEVICES.index(one.platform)]
    then = others["time"].between(one.start, one.end)
    cart, asked = (others["name"] == name for name in ("product_added", "checkout_started"))
    assert off((asked & then).to_numpy()[(cart & then) | (asked & then)], 0.5) < 10
    usual = (asked & ~then).sum() / (cart & ~then).sum()
    assert (asked & then).sum() / (cart & then).sum() > usual - FAR * np.sqrt(0.25 / (cart & then).sum())


def test_orders_wait_while_nobody_can_pay(logs: SimpleNamespace, standard: company.Company) -> None:
    one = incident("payment_outage")
    assert int(one.start // s.DAY) in demand.campaign_days(standard.setup)
    waits = logs.unpaid["time"].between(one.start, one.end).sum()
    usual = len(logs.unpaid) * (one.end - one.start) / (s.DAYS * s.DAY)
    assert (waits - usual) / np.sqrt(usual) > 2.58
    paid = logs.orders["time"].between(one.start, one.end) & (logs.orders["course"] >= 0)
    assert paid.sum() < waits  # as a rule more orders are paid than left


def test_a_burst_brings_visits_and_no_orders(standard: company.Company) -> None:
    calm, block = company.found("standard", incidents=0.0).block(0), standard.block(0)
    one = incident("burst")
    views = [pd.DataFrame(b.events).query("event == @behaviour.CODE['page_viewed']")["time"] for b in (calm, block)]
    inside = [v.between(one.start, one.end).sum() for v in views]
    usual = len(views[0]) / s.DAYS * (one.end - one.start) / s.DAY
    assert inside[1] - inside[0] > usual
    sold = [b.purchases["time"].between(one.start, one.end).sum() for b in (calm, block)]
    assert sold[1] == sold[0]


def test_a_tracker_that_has_stopped_sees_nobody_on_its_platform(small: company.Company, block: company.Block) -> None:
    one = incident("tracker_stop")
    row, _, _ = observe.events(small.setup, block.who, block.events, 0)
    here = (row["platform"] == DEVICES.index(one.platform)) & (row["user"] >= 0)
    then = pd.Series(row["original"]).between(one.start, one.end) & here
    days = (one.end - one.start) / s.DAY
    lost = 1 - then.sum() / (here.sum() / s.DAYS * days)
    assert lost > 0.9  # a wrong clock may show a row there


def test_without_incidents_nothing_fails_and_nobody_does_anything_else() -> None:
    calm = company.found("small", incidents=0.0)
    one = calm.block(0)
    assert (one.touches["failed"] == 0).all() and all(k.strength == 0 for k in incidents.incidents(calm.setup))
    device, time = np.tile(np.arange(4), 549), np.repeat(np.arange(549.0) * s.DAY, 4)
    assert (incidents.works(calm.setup, device, time) == 1).all()
    assert not incidents.unseen(calm.setup, device, time, 0).any()


def test_what_cannot_be_ordered_is_not_in_the_stated_probabilities(many: SimpleNamespace) -> None:
    t = many.touches[many.touches["time"] > s.seconds("2025-04-20")]
    t = t[t["time"] < s.seconds("2025-08-20")]
    under = np.select([t["arm"] == 1, t["arm"] == 2], [t["p_message"], t["p_coupon"]], t["p_control"])
    assert (t["failed"] > 0).any() and off(t["bought"], under) < 4


# Reworks and the shorter checkout


def test_courses_are_reworked_by_lot(standard: company.Company) -> None:
    k = standard.courses
    new = np.isfinite(k["reworked"])
    assert new.sum() == catalogue.REWORKS and (k["published"][new] < 0).all()
    calm = company.found("standard", reworks=0.0).courses
    assert same(calm, k)


def test_a_reworked_course_is_completed_more(logs: SimpleNamespace, standard: company.Company) -> None:
    p = logs.progress[logs.progress["started"].astype(bool) & (logs.progress["time"] < s.seconds("2025-10-01"))]
    since = standard.courses["reworked"].to_numpy()[p["course"]]
    p = p[np.isfinite(since)].assign(new=lambda t: since[np.isfinite(since)] <= t["time"])
    rate = p.groupby("new")["completed"].agg(["mean", "size"])
    error = np.sqrt((rate["mean"] * (1 - rate["mean"]) / rate["size"]).sum())
    assert rate["mean"][True] - rate["mean"][False] > 3.9 * error


def test_money_is_given_back_less_often_for_a_reworked_course(logs: SimpleNamespace, standard: company.Company) -> None:
    o = logs.orders[(logs.orders["course"] >= 0) & (logs.orders["time"] < (s.DAYS - 7) * s.DAY)]
    o = o.merge(logs.progress[["user", "course", "started"]], on=["user", "course"])
    o = o[~o["started"].astype(bool)]
    new = standard.courses["reworked"].to_numpy()[o["course"]] <= o["time"].to_numpy()
    for at, share in ((new, money.REFUNDED * (1 - catalogue.REWORK_REFUNDS)), (~new, money.REFUNDED)):
        assert off(o["refund"].to_numpy()[at] > 0, share) < 4


def test_fewer_checkouts_are_left_since_it_is_shorter(logs: SimpleNamespace) -> None:
    e = logs.events[logs.events["name"].isin(["checkout_started", "order_completed"])]
    after = e["time"] >= s.seconds(checkout.SHORTER)
    n = e.groupby([after, "name"]).size().unstack()
    rate = n["order_completed"] / n["checkout_started"]
    error = np.sqrt((rate * (1 - rate) / n["checkout_started"]).sum())
    assert rate[True] - rate[False] > 3.9 * error


# Demand


def test_the_demand_break_lasts_and_can_be_taken_out() -> None:
    with_, without = (demand.components(s.setup("small", demand_break=k)) for k in (1.0, 0.0))
    late = with_["date"] >= pd.Timestamp(demand.DEMAND_BREAK[0]).date()
    assert np.allclose(with_["shift"], np.where(late, demand.DEMAND_BREAK[1], 1.0)) and (without["shift"] == 1).all()
    assert np.allclose(with_["total"], without["total"] * with_["shift"])


def test_days_of_campaigns_are_busier_and_can_be_taken_out() -> None:
    c = s.setup("small")
    with_, without = (demand.components(s.setup("small", campaign_days=k))["campaign"] for k in (1.0, 0.0))
    assert (with_[demand.campaign_days(c)] == demand.CAMPAIGN_DAY[0]).all() and (without == 1).all()
    assert with_[demand.campaign_days(c) + 1].isin(demand.CAMPAIGN_DAY).all()
    assert (with_ > 1).sum() == 2 * c.campaigns


@pytest.mark.parametrize("knob", ["demand_break", "campaign_days"])
def test_more_visits_bring_no_other_people(knob: str, small: company.Company) -> None:
    other = company.found("small", **{knob: 0.0})
    assert same(other.users, small.users)
    assert len(other.block(0).visits["user"]) < len(small.block(0).visits["user"])


# Market


def test_scraped_prices_are_wrong_as_often_as_stated(standard: company.Company) -> None:
    r = market.rival_prices(standard.setup, standard.courses)
    assert off(r["error"] != "", market.WRONG) < 4 and set(r["error"]) == {"", *market.ERRORS}
    assert ((r["value"] != r["right"]) == (r["error"] != "")).all()
    calm = market.rival_prices(s.setup("standard", market_errors=0.0), standard.courses)
    assert calm["value"].equals(r["right"]) and (calm["error"] == "").all()


def test_an_error_is_what_it_is_called(standard: company.Company) -> None:
    r = market.rival_prices(standard.setup, standard.courses)
    before = r.groupby(["entity", "topic", "form"])["right"].shift()
    stale = r["error"] == "stale"
    assert np.allclose(r["value"][stale], before[stale])
    times = (r["value"] / r["right"])[r["error"] == "factor"]
    assert np.allclose(np.minimum(abs(times - 10), abs(times - 0.1)), 0, atol=0.01)


def test_the_truth_names_the_wrong_prices(truth: SimpleNamespace, folders: tuple) -> None:
    shown = pd.read_parquet(folders[0] / "market.parquet")
    found = truth.market_errors.merge(shown, on=["date", "source", "entity", "metric"])
    assert len(found) == len(truth.market_errors) > 0
    assert found["scraped"].equals(found["value"]) and (found["scraped"] != found["right"]).all()


def test_lessons_of_other_courses_are_the_same(block: company.Block, small: company.Company) -> None:
    table = block.progress[["user", "course", "time", "bought"]]
    none = pd.DataFrame({name: np.empty(0) for name in ("user", "leaves", "leaving", "falls", "until")})
    none = none.astype({"user": int, "leaving": int})
    done = [learning.lessons(s.setup("small", reworks=k), block.who, table, none, 0)[0]["done"] for k in (1.0, 0.0)]
    new = small.courses["reworked"].to_numpy()[table["course"]] <= table["time"].to_numpy()
    assert done[0][~new].equals(done[1][~new]) and done[0][new].sum() > done[1][new].sum()
