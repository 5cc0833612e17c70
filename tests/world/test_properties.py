"""What holds in every company: nothing is lost or made up, nothing comes before its cause, every fault is marked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, cached_property

import hypothesis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from knowpay.world import behaviour, company, export, incidents, learning, money, observe
from knowpay.world import settings as s
from knowpay.world.people import DEVICES
from world_records import END, rows, same

LOG_END = END - 60  # the log is cut a minute before the records
EVENTS = np.array(behaviour.EVENTS)
CHANGES = ["missing_id", "order_type", "time_zone", "fen", "float_money", "refund_twice"]  # of orders
COPIES = ["repeated_order", "reloaded_order", "refund_row"]
ORDER_FAULTS = [*CHANGES, *COPIES, "test_order"]


class Life:
    """A company of a seed and knobs, all that its people did, and what the systems saw of it."""

    def __init__(self, seed: int, **knobs: float) -> None:
        self.seed, self.knobs = seed, knobs

    @cached_property
    def company(self) -> company.Company:
        return company.found("small", self.seed, **self.knobs)

    @cached_property
    def block(self) -> company.Block:
        return self.company.block(0)

    @cached_property
    def log(self) -> pd.DataFrame:
        """The clean events, with their ``name``."""
        return pd.DataFrame(self.block.events).assign(name=lambda t: EVENTS[t["event"]])

    def events(self, name: str) -> pd.DataFrame:
        """Return the clean events of a kind."""
        return self.log[self.log["name"] == name]

    @cached_property
    def export(self) -> tuple[dict[str, pa.Table], pd.DataFrame]:
        return export.block_tables(self.company, self.block)

    @cached_property
    def arrived(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Events in order of arrival: the rows, what they were before (of bots: nothing), faults as columns.

        ``again`` marks later arrivals of a message, ``number`` is the one of the device.
        """
        row, marks, numbers = observe.events(self.company.setup, self.block.who, self.block.events, 0)
        row = pd.DataFrame(row)
        row["again"] = row["message"].duplicated()
        row["number"] = numbers[row["device"]]
        self.places = row["message"] * pow(7_654_321, -1, 10**7) % 10**7  # how messages are numbered
        return row, self.log.reindex(self.places).reset_index(drop=True), pd.DataFrame(marks)

    @cached_property
    def paid(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Order rows as exported, faults as columns."""
        row, bad = observe.orders(self.company.setup, self.block.who, self.block.orders, self.block.unpaid[:0], 0)
        place = np.arange(len(row))
        return row, pd.DataFrame({f: np.isin(place, bad.loc[bad["fault"] == f, "row"]) for f in ORDER_FAULTS})

    @cached_property
    def originals(self) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """Order rows that are neither copies nor of test accounts, by number; the clean orders; faults as columns."""
        row, mark = self.paid
        number = row.loc[~mark[[*COPIES, "test_order"]].any(axis=1), "number"].sort_values()
        row, mark = (table.loc[number.index].set_index(number) for table in (row, mark))
        return row, self.block.orders, mark


def values(name: str, knob: s.Knob) -> st.SearchStrategy:
    """Return the values of a knob in its usual range."""
    return st.integers(*knob.usual) if name in s.WHOLE else st.floats(*knob.usual)


@cache
def life(seed: int, knobs: tuple[tuple[str, float], ...]) -> Life:
    return Life(seed, **dict(knobs))


KNOBS = st.fixed_dictionaries({}, optional={name: values(name, knob) for name, knob in s.KNOBS.items()})
LIVES = st.builds(life, st.integers(0, 10_000), KNOBS.map(lambda knobs: tuple(sorted(knobs.items()))))


def each_company(test: Callable) -> Callable:
    """Run a test on companies of random seeds and knobs; they are drawn alike for all tests, so each lives once."""
    brief = hypothesis.settings(max_examples=15, deadline=None, phases=[hypothesis.Phase.generate], database=None)
    return hypothesis.seed(1)(brief(hypothesis.given(LIVES)(test)))


@pytest.fixture(autouse=True, scope="module")
def few_people_many_faults() -> Iterator[None]:
    """A company of 300 people, with faults so frequent that each meets every other."""
    weeks = ("2024-08-01", "2025-06-01")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(s.SIZES, "small", s.Size(300, 120))
        for name, share in {
            "DUPLICATED": 0.1, "SKEWED": 0.2, "LATE": 0.1, "MISDATED": 0.3, "SHARED": 0.5, "REPEATED": 0.2,
            "RELOADED": 0.2, "MISSING_ID": 0.1, "FLOAT": 0.2, "REFUND_ROWS": 0.4, "REFUND_TWICE": 0.4,
            "MISLABELLED": 0.3,
        }.items():  # fmt: skip
            assert getattr(observe, name) < share
            patch.setattr(observe, name, share)
        for name in ("ID_LOST", "TYPE_DRIFT", "NAME_DRIFT", "TIME_ZONE", "FEN"):
            first, *_, last = getattr(observe, name)
            patch.setattr(observe, name, (first, *weeks, *([last] if name == "NAME_DRIFT" else [])))
        yield
        life.cache_clear()


# Conservation


@each_company
def test_each_purchase_has_one_order(one: Life) -> None:
    block = one.block
    paid = block.orders[block.orders["course"] >= 0]
    assert rows(paid, "user", "course", "time") == rows(block.purchases, "user", "course", "time")


@each_company
def test_a_course_is_bought_once(one: Life) -> None:
    assert not one.block.purchases.duplicated(["user", "course"]).any()


@each_company
def test_each_paid_period_has_one_order(one: Life) -> None:
    block = one.block
    paid = block.periods[(block.periods["period_no"] > 0) & (block.periods["start"] + money.PAY_AFTER < END)]
    found = block.orders[block.orders["course"] < 0]
    assert rows(found, "user", "period_no", "period") == rows(paid, "user", "period_no", "order")


@each_company
def test_each_purchase_is_one_event(one: Life) -> None:
    block = one.block
    seen = block.purchases[block.purchases["time"] < LOG_END]
    assert rows(one.events("order_completed"), "user", "course", "time") == rows(seen, "user", "course", "time")


@each_company
def test_each_refund_is_one_event(one: Life) -> None:
    block = one.block
    back = block.orders[block.orders["refund_time"] < LOG_END]
    assert rows(one.events("order_refunded"), "user", "course", "time") == rows(back, "user", "course", "refund_time")


@each_company
def test_each_trial_is_one_event(one: Life) -> None:
    block = one.block
    trials = block.periods[(block.periods["period_no"] == 0) & (block.periods["start"] < LOG_END)]
    assert rows(one.events("trial_started"), "user", "time") == rows(trials, "user", "start")


@each_company
def test_each_newcomer_signs_up_once(one: Life) -> None:
    block = one.block
    new = block.who.users[block.who.users["created"] >= 0]
    seen = one.events("signed_up")
    assert np.array_equal(np.sort(seen["user"]), np.flatnonzero(block.who.users["created"] >= 0))
    assert np.array_equal(np.sort(seen["time"]), np.sort(new["created"]))


@each_company
def test_a_course_is_completed_after_four_fifths_of_its_lessons(one: Life) -> None:
    block = one.block
    done, lessons = one.events("course_completed"), one.events("lesson_completed")
    before = done.merge(lessons, on=["user", "course"], suffixes=("", "_l"))
    count = before[before["time_l"] < before["time"]].groupby(["user", "course"])["lesson_l"].nunique()
    total = block.who.courses["lessons"].to_numpy()[count.index.get_level_values("course")]
    assert len(count) == len(done) and (count == np.ceil(learning.DONE * total)).all()


@each_company
def test_lessons_are_taken_in_turn(one: Life) -> None:
    lessons = one.events("lesson_completed").sort_values(["user", "course", "time"])
    assert (lessons.groupby(["user", "course"]).cumcount() + 1 == lessons["lesson"]).all()


@each_company
def test_a_refund_is_all_or_nothing(one: Life) -> None:
    orders = one.block.orders
    assert ((orders["refund"] == orders["total"]) == orders["refund_time"].notna()).all()
    assert (orders.loc[orders["refund_time"].isna(), "refund"] == 0).all()


@each_company
def test_an_order_costs_what_the_course_costs_on_its_day(one: Life) -> None:
    orders = one.block.orders.query("course >= 0 and coupon == ''")
    assert np.array_equal(orders["total"], one.company.prices[orders["course"], (orders["time"] // s.DAY).astype(int)])


@each_company
def test_a_course_has_one_price_a_day(one: Life) -> None:
    orders = one.block.orders.query("course >= 0 and coupon == ''")
    assert (orders.groupby([orders["course"], orders["time"] // s.DAY])["total"].nunique() == 1).all()


@each_company
def test_the_total_is_the_list_price_less_the_discount(one: Life) -> None:
    block = one.block
    fen = (block.orders[["subtotal", "discount", "total"]] * 100).round().astype(int)
    assert (fen["total"] == fen["subtotal"] - fen["discount"]).all() and (fen["discount"] >= 0).all()
    listed = block.orders.query("course >= 0")
    assert np.array_equal(listed["subtotal"], block.who.courses["price"].to_numpy()[listed["course"]])


@each_company
def test_the_first_order_of_a_person_is_called_so(one: Life) -> None:
    orders = one.block.orders
    kind = np.where(orders["period_no"] > 1, "renewal", np.where(orders.duplicated("user"), "repeat", "first"))
    assert (orders["order_type"] == kind).all()


@each_company
def test_a_commission_is_paid_once_for_an_invited_person(one: Life) -> None:
    block = one.block
    paid = block.orders[block.orders["commission"] > 0]
    assert not paid["user"].duplicated().any()
    assert (block.who.trait("channel", paid["user"].to_numpy()) == s.CHANNELS.index("referral")).all()


@each_company
def test_periods_follow_each_other_without_a_gap(one: Life) -> None:
    p = one.block.periods
    before = p.shift()
    later = (p["period_no"] > 0).to_numpy()
    assert (p["user"] == before["user"])[later].all()
    assert (p["period_no"] == before["period_no"] + 1)[later].all()
    assert ((p["start"] - before["end"]).abs()[later] < 1e-3).all()  # times have whole milliseconds


@each_company
def test_only_the_last_period_of_a_person_is_not_renewed(one: Life) -> None:
    p = one.block.periods
    last = ~p.duplicated("user", keep="last")
    assert ((p["status"] != "expired") == last).all()


@each_company
def test_neither_staff_nor_test_accounts_buy(one: Life) -> None:
    block = one.block
    buyers = block.who.users.iloc[block.orders["user"].unique()]
    assert not buyers[["is_staff", "is_test"]].to_numpy().any()


@each_company
def test_bots_change_nothing_that_people_did(one: Life) -> None:
    assert same(Life(one.seed, **one.knobs | {"bots": 0.5}).block, one.block)


# Causes come first


@each_company
def test_nobody_acts_before_registration_but_looks(one: Life) -> None:
    block = one.block
    created = one.company.users["created"].to_numpy()
    early = one.log[one.log["time"] < created[one.log["user"]]]
    assert not early["logged_in"].any() and set(early["name"]) <= {"page_viewed", "product_viewed"}
    for table in (block.periods.rename(columns={"start": "time"}), block.orders, block.interactions, block.reviews):
        assert (table["time"] >= created[table["user"]]).all()


@each_company
def test_nothing_happens_outside_the_records(one: Life) -> None:
    block = one.block
    for table in (one.log, block.orders, block.interactions, block.reviews, block.touches):
        assert table["time"].between(0, END, inclusive="left").all()


@each_company
def test_a_message_sells_after_it_was_delivered_and_in_its_window(one: Life) -> None:
    sold = one.block.touches[one.block.touches["bought"]]
    found = sold.merge(one.block.purchases, on=["user", "course"], suffixes=("", "_p"))
    assert len(found) == len(sold)
    assert found["time_p"].between(found["time"] + 60, found["time"] + s.CAMPAIGN_WINDOW_DAYS * s.DAY).all()


@each_company
def test_a_visit_made_for_a_message_begins_after_it(one: Life) -> None:
    sold = one.block.touches[one.block.touches["bought"]]
    seen = one.events("product_viewed").merge(sold, on=["user", "course"], suffixes=("", "_t"))
    assert (seen["time"] > seen["time_t"])[seen["time"] > seen["ordered"] - 120].all()


@each_company
def test_owners_are_not_written_to(one: Life) -> None:
    block = one.block
    found = block.purchases.merge(block.touches, on=["user", "course"], suffixes=("", "_t"))
    assert (found["time"] >= found["time_t"]).all()


@each_company
def test_only_delivered_messages_are_opened_and_only_opened_ones_clicked(one: Life) -> None:
    t = one.block.touches
    assert (t["message"] | ~t["delivered"]).all()
    assert (t["delivered"] | ~t["opened"]).all() and (t["opened"] | ~t["clicked"]).all()


@each_company
def test_a_lesson_begins_after_the_course_was_bought_or_chosen(one: Life) -> None:
    block = one.block
    found = one.events("lesson_started").merge(block.progress, on=["user", "course"], suffixes=("", "_e"))
    assert len(found) == len(one.events("lesson_started")) and (found["time"] > found["time_e"]).all()


@each_company
def test_a_course_is_chosen_while_a_member(one: Life) -> None:
    block = one.block
    picked = block.progress[~block.progress["bought"]].reset_index().merge(block.periods, on="user")
    inside = picked["time"].between(picked["start"], picked["end"])
    assert picked[inside]["index"].nunique() == (~block.progress["bought"]).sum()


@each_company
def test_no_course_is_opened_before_it_is_published(one: Life) -> None:
    block = one.block
    published = block.who.courses["published"].to_numpy()
    for table in (one.log, block.purchases, block.progress, block.touches):
        about = table[table["course"] >= 0]
        assert (published[about["course"]] <= about["time"]).all()


@each_company
def test_a_review_is_written_after_the_course_was_begun(one: Life) -> None:
    block = one.block
    begun = one.events("lesson_started").groupby(["user", "course"])["time"].min().rename("begun")
    written = block.reviews[block.reviews["kind"] == "review"].join(begun, on=["user", "course"])
    assert (written["begun"] < written["time"]).all()


@each_company
def test_those_who_left_say_why_when_they_cancel(one: Life) -> None:
    block = one.block
    said = block.reviews[block.reviews["kind"] == "cancel_reason"].copy()
    left = block.periods[block.periods["cause"] >= 0].set_index("user")
    assert np.array_equal(said["time"], left["canceled_at"].reindex(said["user"]))
    assert np.array_equal(said["cause"], np.array(s.CAUSES)[left["cause"].reindex(said["user"])])


@each_company
def test_a_membership_is_cancelled_within_its_period(one: Life) -> None:
    p = one.block.periods.dropna(subset="canceled_at")
    assert p["canceled_at"].between(p["start"], p["end"]).all()


@each_company
def test_no_money_is_given_back_for_a_course_that_was_begun(one: Life) -> None:
    block = one.block
    back = block.orders[block.orders["refund"] > 0].merge(block.progress, on=["user", "course"])
    assert not back["started"].any()


@each_company
def test_an_invitation_comes_before_the_registration_it_leads_to(one: Life) -> None:
    contacts = one.block.interactions
    asked = contacts[contacts["action"] == "invite"].set_index("number")["time"]
    accepted = contacts[contacts["action"] == "invite_accepted"]
    assert (asked.reindex(accepted["parent"]).to_numpy() < accepted["time"]).all()


@each_company
def test_every_interaction_follows_from_one_that_is_there(one: Life) -> None:
    contacts = one.block.interactions
    assert contacts.loc[contacts["parent"] >= 0, "parent"].isin(contacts["number"]).all()


@each_company
def test_an_inviter_is_asked_by_an_earlier_acceptance(one: Life) -> None:
    contacts = one.block.interactions
    asked = contacts[(contacts["action"] == "invite") & (contacts["parent"] >= 0)]
    before = asked.merge(contacts, left_on="parent", right_on="number", suffixes=("", "_p"))
    assert (before["user"] == before["user_p"]).all() and (before["action_p"] == "invite_accepted").all()
    assert (before["time_p"] < before["time"]).all()


# Observation: events


@each_company
def test_every_event_arrives_once_apart_from_duplicates(one: Life) -> None:
    row, clean, mark = one.arrived
    once = ~mark["duplicate"] & ~mark["bot"]
    missing = one.log.drop(index=one.places[once])
    gap = next(k for k in incidents.incidents(one.company.setup) if k.kind == "tracker_stop")
    assert missing["time"].between(gap.start, gap.end).all()
    assert (one.company.users["device"].to_numpy()[missing["user"]] == DEVICES.index(gap.platform)).all()
    for name in ("event", "user", "course", "lesson"):
        assert (row[name][once] == clean[name][once]).all()


@each_company
def test_events_arrive_in_order(one: Life) -> None:
    row = one.arrived[0]
    assert row["received"].is_monotonic_increasing


@each_company
def test_duplicates_are_the_later_arrivals_of_a_message(one: Life) -> None:
    row, _, mark = one.arrived
    assert mark["duplicate"].any() and (mark["duplicate"] == row["again"]).all()


@each_company
def test_a_duplicate_says_the_same_and_has_the_same_faults(one: Life) -> None:
    row, _, mark = one.arrived
    both = pd.concat([row.drop(columns=["received", "again"]), mark.drop(columns="duplicate")], axis=1)
    assert len(both.drop_duplicates()) == (~row["again"]).sum()


@each_company
def test_bots_are_those_without_a_person(one: Life) -> None:
    row, _, mark = one.arrived
    assert (mark["bot"] == (row["user"] < 0)).all()


@each_company
def test_bots_are_as_many_as_the_knob_says(one: Life) -> None:
    row, _, mark = one.arrived
    share = one.company.setup.bots
    assert (mark["bot"] & ~row["again"]).sum() == int(share * len(one.log))


@each_company
def test_skewed_clocks_are_off_and_no_others(one: Life) -> None:
    row, clean, mark = one.arrived
    off = (row["original"] - clean["time"]).abs()[~mark["bot"]]
    skew = mark["skew"][~mark["bot"]]
    assert (off[~skew] == 0).all() and off[skew].between(1_199, 43_201).all()


@each_company
def test_late_events_come_two_hours_to_five_days_later_and_no_others(one: Life) -> None:
    row, clean, mark = one.arrived
    wait = (row["received"] - clean["time"])[~mark["bot"] & ~row["again"]]
    late = (mark["late"] | mark["late_misdated"])[wait.index]
    assert wait[late].between(2 * 3600, 5 * s.DAY + 4.01).all() and wait[~late].between(0, 4.01).all()


@each_company
def test_misdated_events_were_stamped_at_the_first_try_and_no_others(one: Life) -> None:
    row, _, mark = one.arrived
    assert ((row["sent"] == row["original"]) == mark["late_misdated"]).all()


@each_company
def test_the_time_of_other_events_can_be_recovered(one: Life) -> None:
    row, clean, mark = one.arrived
    good = ~mark["late_misdated"] & ~mark["bot"] & ~row["again"]
    found = (row["received"] - (row["sent"] - row["original"]))[good]
    assert (found - clean["time"][good]).between(0, 0.16).all()


@each_company
def test_whoever_denied_analytics_is_marked_and_has_a_fresh_id_each_time(one: Life) -> None:
    row, clean, mark = one.arrived
    users = one.company.users
    refused = np.where(users["analytics_denied"], -np.inf, users["analytics_withdrawn"])[row["user"]]
    assert (mark["consent"] == ((row["user"] >= 0) & (clean["time"] >= refused))).all()
    assert not row["known"][mark["consent"]].any()
    once = row[~row["again"]]
    assert not once.loc[mark["consent"], "number"].duplicated().any()
    assert not once.loc[~mark["consent"], "number"].isin(once.loc[mark["consent"], "number"]).any()


@each_company
def test_the_user_id_of_a_login_is_lost_where_marked_only(one: Life) -> None:
    row, clean, mark = one.arrived
    login = ~mark["bot"] & (clean["logged_in"].eq(True) | (row["event"] == behaviour.CODE["signed_up"]))
    assert (login == (row["known"] | mark["id_lost"] | (login & mark["consent"]))).all()
    assert not (row["known"] & mark["id_lost"]).any()


@each_company
def test_shared_devices_are_somebody_elses_and_no_others(one: Life) -> None:
    row, clean, mark = one.arrived
    own = row["number"] == 2 * clean["user"] + clean["second"].eq(True)
    lasting = ~mark["bot"] & ~mark["consent"]  # others have a fresh id each time
    assert (mark["shared_device"] == (lasting & ~own)).all()


@each_company
def test_drift_is_marked_where_it_shows(one: Life) -> None:
    tables, spoiled = one.export
    table = tables["events"].to_pandas()
    bad = spoiled[spoiled["table"] == "events"].groupby("fault")["row"].apply(set)
    typed = table["lesson_id"].str.fullmatch(r"\d+\.0").eq(True)
    assert set(np.flatnonzero(typed)) == bad.get("type_drift", set())
    assert table.loc[~typed, "lesson_id"].dropna().str.fullmatch(r"l\d{3}").all()
    assert set(np.flatnonzero(~table["event"].isin(EVENTS))) == bad.get("name_drift", set())


def plain(column: pd.Series) -> list[str]:
    """Return texts, empty where there is none."""
    return column.astype(object).fillna("").tolist()


@each_company
def test_an_event_without_a_mark_says_what_happened(one: Life) -> None:
    tables, spoiled = one.export
    bad = spoiled.loc[spoiled["table"] == "events", "row"].unique()
    table = tables["events"].to_pandas().drop(index=bad)
    _, clean, mark = one.arrived
    clean = clean[~mark.any(axis=1)]
    known = clean["logged_in"].astype(bool) | (clean["name"] == "signed_up")
    names = one.company.user_ids.to_pandas().to_numpy()[clean["user"].astype(int)]
    assert plain(table["event"]) == plain(clean["name"])
    assert np.array_equal((table["timestamp"] - s.START).dt.total_seconds(), np.rint(clean["time"] * 1000) / 1000)
    assert plain(table["user_id"]) == np.where(known, names, "").tolist()
    assert plain(table["product_id"]) == ["" if k < 0 else f"c{k + 1:04.0f}" for k in clean["course"]]
    assert plain(table["lesson_id"]) == ["" if k == 0 else f"l{k:03.0f}" for k in clean["lesson"]]


# Observation: orders


def fen(yuan: pd.Series) -> pd.Series:
    """Return whole fen."""
    return (yuan * 100).round()


@each_company
def test_all_faults_of_orders_are_known_here(one: Life) -> None:
    _, spoiled = one.export
    assert set(spoiled.loc[spoiled["table"] == "orders", "fault"]) <= set(ORDER_FAULTS)


@each_company
def test_every_order_is_exported_once_apart_from_copies(one: Life) -> None:
    row, clean, _ = one.originals
    assert row.index.tolist() == clean.index.tolist()


@each_company
def test_orders_without_an_id_are_marked(one: Life) -> None:
    row, _, mark = one.originals
    assert (mark["missing_id"] != row["has_id"]).all()


@each_company
def test_orders_with_a_wrong_type_are_marked(one: Life) -> None:
    row, clean, mark = one.originals
    assert (mark["order_type"] == (row["label"] != clean["order_type"])).all()


@each_company
def test_orders_eight_hours_late_are_marked(one: Life) -> None:
    row, clean, mark = one.originals
    assert np.array_equal(row["time"], clean["time"] + 8 * 3600 * mark["time_zone"])


@each_company
def test_money_in_fen_is_marked(one: Life) -> None:
    row, clean, mark = one.originals
    for name in ("subtotal", "discount", "fee", "commission", "refund"):
        times = np.where(mark["fen"], 100, 1) * np.where((name == "refund") & mark["refund_twice"], 2, 1)
        assert (fen(row[name]) == times * fen(clean[name])).all()


@each_company
def test_orders_that_lost_a_fen_are_marked(one: Life) -> None:
    row, clean, mark = one.originals
    assert (fen(row["total"]) == np.where(mark["fen"], 100, 1) * fen(clean["total"]) - mark["float_money"]).all()


@each_company
def test_only_refunds_count_twice(one: Life) -> None:
    _, clean, mark = one.originals
    assert (clean.loc[mark["refund_twice"], "refund"] > 0).all()


@each_company
def test_orders_sent_twice_are_marked(one: Life) -> None:
    row, mark = one.paid
    assert row.duplicated("number").equals(mark["repeated_order"])


@each_company
def test_an_order_sent_twice_says_the_same(one: Life) -> None:
    row, mark = one.paid
    assert row.drop_duplicates().equals(row[~mark["repeated_order"]])


@each_company
def test_reloaded_orders_come_within_ten_minutes_of_the_same(one: Life) -> None:
    row, mark = one.paid
    what = ["user", "course", "period_no", "total", "refund", "label", "affiliation"]
    found = row[mark["reloaded_order"]].merge(one.block.orders.assign(label=lambda t: t["order_type"]), on=what)
    assert len(found) == mark["reloaded_order"].sum()
    assert (found["time_x"] - found["time_y"]).between(0, 600, inclusive="neither").all()


@each_company
def test_refund_rows_are_the_negative_ones(one: Life) -> None:
    row, mark = one.paid
    assert (mark["refund_row"] == (row["total"] < 0)).all()
    back = row[mark["refund_row"]].assign(total=lambda t: -t["total"], refund_time=lambda t: t["time"])
    assert len(back.merge(one.block.orders, on=["user", "course", "total", "refund_time"])) == len(back)


@each_company
def test_test_orders_are_those_of_test_accounts(one: Life) -> None:
    row, mark = one.paid
    assert (mark["test_order"] == one.company.users["is_test"].to_numpy()[row["user"]]).all()


@each_company
def test_copies_have_no_other_fault(one: Life) -> None:
    row, mark = one.paid
    copies = mark[COPIES].any(axis=1)
    assert copies.any() and not mark.loc[copies, CHANGES].to_numpy().any()
    first = mark[~mark["repeated_order"]].set_index(row["number"][~mark["repeated_order"]])
    assert not first.loc[row["number"][mark["repeated_order"]]].to_numpy().any()


@each_company
def test_an_order_without_a_mark_says_what_was_paid(one: Life) -> None:
    tables, spoiled = one.export
    row, mark = one.paid
    bad = spoiled.loc[spoiled["table"] == "orders", "row"].unique()
    good = tables["orders"].to_pandas().drop(index=bad).fillna({"refund_total": 0})
    good = good[good["status"].isin(["paid", "refunded"])]
    right = one.block.orders.loc[row["number"][~mark.any(axis=1)]]
    assert plain(good["order_type"]) == plain(right["order_type"])
    for shown, name in (("refund_total", "refund"), *((n, n) for n in ("total", "subtotal", "discount", "fee"))):
        assert (good[shown] * 100).astype(int).tolist() == fen(right[name]).tolist()
    assert np.array_equal((good["timestamp"] - s.START).dt.total_seconds(), np.rint(right["time"] * 1000) / 1000)


@each_company
def test_the_ids_of_orders_are_those_of_the_truth_unless_lost(one: Life) -> None:
    row, mark = one.paid
    orders = one.export[0]["orders"].to_pandas()
    shown = orders.loc[orders["status"].isin(["paid", "refunded"]), "order_id"]
    wanted = pd.Series(one.block.order_ids(row["number"]).to_pylist()).mask(mark["missing_id"])
    assert plain(shown) == plain(wanted)
