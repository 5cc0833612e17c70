"""The four trials: the export alone is enough to find each planted effect, and a knob at 0 takes the effect out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from knowpay.world import company, export, lots, membership, trials
from knowpay.world import settings as s
from world_records import off, same

FAR = 2.58  # standard errors: an honest estimate is further off in one of a hundred companies


@pytest.fixture(scope="module")
def seen(standard: company.Company) -> SimpleNamespace:
    """What the export of a standard company says of orders, memberships and touches, and the truth of the trials."""
    names, parts = ("touches", "orders", "memberships"), {}
    for block in standard.blocks():
        tables, _ = export.block_tables(standard, block)
        for name, table in ({name: tables[name] for name in names} | lots.truth(standard, block)).items():
            parts.setdefault(name, []).append(table.to_pandas())
    return SimpleNamespace(**{name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()})


def difference(outcome: pd.Series, treated: pd.Series) -> tuple[float, float]:
    """Return the difference in means between those treated and the others, and its standard error."""
    yes, no = outcome[treated].astype(float), outcome[~treated].astype(float)
    return yes.mean() - no.mean(), np.sqrt(yes.var() / len(yes) + no.var() / len(no))


def noted(seen: SimpleNamespace) -> pd.DataFrame:
    """Return the touches of the note with the period that was to end: ``told, left``."""
    t = seen.touches[seen.touches["experiment_id"] == "note"]
    t = t.assign(current_period_end=t["assigned_at"] + pd.Timedelta(days=trials.NOTE_DAYS))
    over = seen.memberships[seen.memberships["current_period_end"] <= s.END]
    t = t.merge(over, on=["user_id", "current_period_end"])
    return t.assign(told=t["variation_id"] == "note", left=t["status"] == "canceled")


def priced(seen: SimpleNamespace) -> pd.DataFrame:
    """Return the touches of the month's price: ``month`` (yuan), ``pays``."""
    t = seen.touches[seen.touches["experiment_id"] == "month-price"]
    went_on = seen.memberships.loc[seen.memberships["period_no"] == 1, "user_id"]
    return t.assign(month=t["offer"].str.extract(r"(\d+)")[0].astype(int), pays=t["user_id"].isin(went_on))


def offered(seen: SimpleNamespace) -> pd.DataFrame:
    """Return the touches of the bundle test: ``arm`` and whether the second course was bought there, ``taken``."""
    t = seen.touches[seen.touches["experiment_id"] == "bundle"]
    t = t.assign(product_id=t["offer"].astype(str).str.split("+").str[1])
    o = seen.orders.loc[seen.orders["status"].isin(["paid", "refunded"]), ["user_id", "product_id", "timestamp"]]
    hit = t.merge(o, on=["user_id", "product_id"])
    hit = hit[(hit["timestamp"] - hit["assigned_at"]).between(pd.Timedelta(0), pd.Timedelta(minutes=2))]
    return t.assign(taken=t["touch_id"].isin(hit["touch_id"]))


def invited(seen: SimpleNamespace) -> pd.DataFrame:
    """Return the touches of the points launch: ``told, joined`` and the course orders since, ``orders``."""
    t = seen.touches[seen.touches["experiment_id"] == "points"]
    since = s.START + pd.Timedelta(seconds=s.seconds(trials.POINTS_FROM) + trials.JOINS_DAYS * s.DAY)
    o = seen.orders[seen.orders["status"].isin(["paid", "refunded"]) & (seen.orders["timestamp"] >= since)]
    o = o[~o["product_id"].isin(s.PLANS)].drop_duplicates(["user_id", "product_id"])
    number = t["user_id"].astype(str).map(o["user_id"].value_counts()).fillna(0)
    return t.assign(told=t["variation_id"] == "invited", joined=t["clicked_at"].notna(), orders=number)


def points_truth(seen: SimpleNamespace) -> float:
    """Return by how many orders a head the invitation raises the mean."""
    t = seen.points_trial
    return float(((t["orders_with"] - t["orders_without"]) * t["would_join"]).mean())


# What an analyst finds


def test_the_note_is_found(seen: SimpleNamespace) -> None:
    t = noted(seen)
    effect, error = difference(t["left"], t["told"])
    truth = seen.note_trial.merge(t[["touch_id"]])
    truth = (truth["p_note"] - truth["p_control"]).mean()
    assert abs(effect - truth) < FAR * error and -truth > 3 * error


@pytest.mark.parametrize(("month", "clear"), [(28, 3.5), (48, 2.0)])
def test_the_price_of_the_month_is_found(month: int, clear: float, seen: SimpleNamespace) -> None:
    t = priced(seen)
    t = t[t["month"].isin([month, 38])]
    effect, error = difference(t["pays"], t["month"] == month)
    truth = (seen.price_trial[f"p_{month}"] - seen.price_trial["p_38"]).mean()
    assert abs(effect - truth) < FAR * error and abs(truth) > clear * error


@pytest.mark.parametrize(("arm", "clear"), [(10, 1.0), (25, 3.9)])
def test_the_bundle_is_found(arm: int, clear: float, seen: SimpleNamespace) -> None:
    t = offered(seen)
    t = t[t["variation_id"].isin(["control", f"pair-{arm}"])]
    effect, error = difference(t["taken"], t["variation_id"] != "control")
    truth = (seen.bundle_trial[f"p_{arm}"] - seen.bundle_trial["p_0"]).mean()
    assert abs(effect - truth) < FAR * error and truth > clear * error


def test_the_points_are_found(seen: SimpleNamespace) -> None:
    t = invited(seen)
    effect, error = difference(t["orders"], t["told"])
    assert abs(effect - points_truth(seen)) < FAR * error and points_truth(seen) > 3 * error


def test_whoever_joins_points_bought_more_anyway(seen: SimpleNamespace) -> None:
    t = seen.points_trial
    assert t.loc[t["would_join"], "orders_without"].mean() > 2 * t.loc[~t["would_join"], "orders_without"].mean()
    naive, error = difference(invited(seen)["orders"], invited(seen)["joined"])
    compliers = (t["orders_with"] - t["orders_without"])[t["would_join"]].mean()
    assert naive - compliers > 3.9 * error  # joiners against the others answers another question


# The lots


def test_lots_are_drawn_at_the_odds_of_the_touch(seen: SimpleNamespace) -> None:
    t = seen.touches[seen.touches["experiment_id"].isin(["note", "points", "month-price", "bundle"])]
    assert t["creative"].isna().all() and (t["assignment"] == "randomised").all()
    for (_, arm), rows in t.groupby(["experiment_id", "variation_id"], observed=True):
        of = t[t["experiment_id"] == rows["experiment_id"].iloc[0]]
        assert off(of["variation_id"] == arm, rows["propensity"].iloc[0]) < 4


def test_the_note_comes_to_those_who_are_still_there(seen: SimpleNamespace) -> None:
    t = noted(seen)
    assert (t["canceled_at"].isna() | (t["canceled_at"] >= t["assigned_at"])).all()
    assert (t["delivered_at"].isna() | t["told"]).all()


def test_members_go_on_as_the_truth_says(many: SimpleNamespace) -> None:
    month = many.periods[many.periods["listed"] & (many.periods["end"] <= s.DAYS * s.DAY)]
    for told, rows in month.groupby("note"):
        assert off(rows["status"] == "canceled", rows["p_note" if told else "p_control"]) < 4


def test_the_first_month_costs_what_was_drawn_and_no_other_does(seen: SimpleNamespace) -> None:
    paid = seen.memberships[(seen.memberships["period_no"] > 0) & (seen.memberships["plan_id"] == "vip-month")]
    price = seen.price_trial.assign(user_id=seen.price_trial["user_id"].astype(str)).set_index("user_id")["price"]
    first = paid["period_no"] == 1
    drawn = paid["user_id"].astype(str).map(price).fillna(38.0)
    assert paid.loc[first, "price"].astype(float).equals(drawn[first]) and (paid.loc[~first, "price"] == 38).all()


def test_a_pair_costs_less_by_what_was_drawn(many: SimpleNamespace, standard: company.Company) -> None:
    sold = many.bundles[many.bundles["taken"] & (many.bundles["arm"] > 0)]
    o = sold.merge(many.orders[["user", "course", "total", "time"]].rename(columns={"course": "consequent"}),
                   on=["user", "consequent"])  # fmt: skip
    prices = standard.prices
    first, second = (prices[o[name], s.day_of(o["time_x"])] for name in ("course", "consequent"))
    most = np.minimum(trials.BUNDLE_OFF[o["arm"]] * (first + second), 0.9 * second)
    assert len(o) and np.allclose(o["total"], second - most, atol=0.11)


# Knobs at 0


def lives(**knobs: float) -> tuple[company.Company, tuple[pd.DataFrame, ...]]:
    one = company.found("small", **knobs)
    return one, membership.memberships(one.setup, one.users, np.arange(len(one.users)), 0)


def test_without_its_effect_the_note_is_sent_to_the_same_and_nobody_answers() -> None:
    (_, (members, with_, _)), (_, (others, without, spells)) = lives(), lives(note=0.0)
    assert members.equals(others) and np.isinf(spells["until"]).all()
    assert np.array_equal(without["p_note"], without["p_control"], equal_nan=True)
    kept = with_.merge(without, on=["user", "period_no"], how="left", indicator=True)
    assert (kept["_merge"] == "both").mean() > 0.9 and (kept["_merge"] == "left_only").any()  # some stay longer
    both = kept[kept["_merge"] == "both"]
    assert both["note_x"].equals(both["note_y"].astype(bool)) and both["start_x"].equals(both["start_y"])


def test_without_its_effect_the_price_is_drawn_for_the_same_and_nobody_answers() -> None:
    (_, (with_, *_)), (_, (without, *_)) = lives(), lives(month_price=0.0)
    assert with_["price"].equals(without["price"]) and with_["pays"].equals(without["pays"])
    changed = with_["paid"] != without["paid"]
    assert changed.any() and (with_.loc[changed, "price"] != 38).all()
    both = with_["paid"] & without["paid"]
    assert np.array_equal(with_.loc[both, "hazard"], without.loc[both, "hazard"])


def test_without_their_effect_the_same_people_join_points() -> None:
    with_, without = (company.found("small", points=k).users for k in (1.0, 0.0))
    assert (without["points_effect"] == 0).all() and (with_["points_effect"] == trials.POINTS_EFFECT).all()
    assert with_.drop(columns="points_effect").equals(without.drop(columns="points_effect"))


def test_without_their_effect_the_same_pairs_are_offered(small: company.Company, block: company.Block) -> None:
    pairs = block.purchases.merge(small.rules, left_on="course", right_on="antecedent")
    (chance, with_), (plain, without) = (
        trials.bundles(s.setup("small", bundle=k), block.who, pairs, 0) for k in (1.0, 0.0)
    )
    assert same(with_[["arm", "off", "code"]], without[["arm", "off", "code"]])
    assert np.allclose(plain, pairs["added"]) and (chance >= plain - 1e-12).all() and (chance > plain + 0.01).any()


@pytest.mark.parametrize("knob", ["note", "month_price", "points", "bundle"])
def test_a_trial_leaves_what_was_drawn_before_alone(knob: str, small: company.Company) -> None:
    other = company.found("small", **{knob: 0.0})
    assert same(other.users.drop(columns="points_effect"), small.users.drop(columns="points_effect"))
    assert same(other.courses, small.courses) and np.array_equal(other.prices, small.prices)
    assert same(other.rules, small.rules) and other.calendar == small.calendar


def test_bundles_change_no_campaign(block: company.Block) -> None:
    other = company.found("small", bundle=0.0).block(0)
    assert same(other.touches, block.touches) and same(other.periods, block.periods)
    assert not same(other.purchases, block.purchases)
