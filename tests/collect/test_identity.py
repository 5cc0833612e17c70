"""Identity by hand and against slow plain Python: whose device it was, whose event it is, what a late login changes."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import pandas as pd
import pytest
from effort import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from knowpay.collect import identity
from knowpay.collect.privacy import permission

START = pd.Timestamp("2025-03-01", tz="UTC")
COLUMNS = ["message_id", "event", "minute", "anonymous_id", "user_id", "received", "platform"]
CON = ibis.duckdb.connect()  # one for all: each test puts its own company in
CON.con.execute("SET TimeZone = 'UTC'; SET threads = 1")
SUPPLIED = ["anonymous_id", "user_id", "first_seen_at", "last_seen_at", "status"]


def company(rows, denied=(), supplied=(), orders=(), waits=()):
    """Make a data set of events (event, minute, device, user[, minute of arrival[, platform]])."""
    rows = [(f"m{k}", *r, *[r[1], "web"][len(r) - 4 :]) for k, r in enumerate(rows)]
    events = pd.DataFrame(rows, columns=COLUMNS)
    for name, minutes in (("timestamp", "minute"), ("received_at", "received")):
        events[name] = START + pd.to_timedelta(events.pop(minutes).astype(float), unit="min")
    ids = sorted({r[4] for r in rows if r[4]} | {s[1] for s in supplied} | set(denied))
    users = pd.DataFrame({"user_id": ids, "consent_analytics": ["denied" if i in denied else "granted" for i in ids]})
    given_map = pd.DataFrame(list(supplied), columns=SUPPLIED)
    for name in ("first_seen_at", "last_seen_at"):
        given_map[name] = START + pd.to_timedelta(given_map[name].astype(float), unit="min")
    sold = pd.DataFrame(list(orders), columns=["user_id", "minute"])
    sold["timestamp"] = START + pd.to_timedelta(sold.pop("minute").astype(float), unit="min")
    text = dict.fromkeys((*COLUMNS, *SUPPLIED), "string")
    waiting = pd.DataFrame({"user_id": list(waits)})
    tables = {"events": events, "users": users, "waiting_users": waiting, "identity_map": given_map, "orders": sold}
    for name, table in tables.items():
        CON.con.register("frame", table.astype({c: text[c] for c in table if c in text}))
        kinds = [f"{c} {'TIMESTAMPTZ' if c.endswith(('_at', 'timestamp')) else 'VARCHAR'}" for c in table]
        CON.con.execute(f"CREATE OR REPLACE TABLE {name} ({', '.join(kinds)}); INSERT INTO {name} FROM frame")
    CON.con.execute(f"CREATE OR REPLACE VIEW not_followed AS {permission.views(False)['not_followed']}")
    return SimpleNamespace(con=CON, events=CON.table("events"))


def minute(time):
    return (time - START).total_seconds() / 60


def intervals(ds, table=None):
    """The map as a sorted list of (device, user, from, to, method, users, status)."""
    frame = (identity.stitch(ds) if table is None else table).to_pandas()
    return sorted(
        (r.anonymous_id, r.user_id, minute(r.first_seen_at), minute(r.last_seen_at), r.method, r.n_users_on_device,
         r.status)
        for r in frame.itertuples()
    )  # fmt: skip


def persons(table):
    """message_id -> (person_id, person_by)."""
    frame = table.to_pandas()
    assert not frame["message_id"].duplicated().any()
    found = zip(frame["person_id"], frame["person_by"], strict=True)
    return {
        m: tuple(None if pd.isna(x) else x for x in pair) for m, pair in zip(frame["message_id"], found, strict=True)
    }


def whose(ds, **kwargs):
    """The persons in the order of the rows given to `company`."""
    found = persons(identity.events(ds, **kwargs))
    return [found[f"m{k}"][0] for k in range(len(found))]


# --- the rules, by hand -------------------------------------------------------------------------------------------


def test_a_device_of_one_user_is_theirs_from_first_sight_to_last():
    ds = company(
        [
            ("page_viewed", 0, "d", None),
            ("signed_up", 5, "d", "u"),
            ("page_viewed", 9, "d", None),
            ("page_viewed", 3, "e", None),
        ]
    )
    assert intervals(ds) == [("d", "u", 0, 9, "signup", 1, "active")]
    assert whose(ds) == ["u", "u", "u", "e"]


def test_a_shared_device_stays_two_people_and_its_gaps_stay_anonymous():
    ds = company(
        [
            ("page_viewed", 0, "d", None),  # before anybody logged in: could be either
            ("logged_in", 1, "d", "u"),
            ("page_viewed", 2, "d", None),  # between two events of one user
            ("page_viewed", 3, "d", "u"),
            ("page_viewed", 4, "d", None),  # between the two users
            ("logged_in", 5, "d", "v"),
            ("page_viewed", 6, "d", None),  # after the last
            ("page_viewed", 7, "w's", "v"),  # v's own device
        ]
    )
    assert intervals(ds) == [
        ("d", "u", 1, 3, "login", 2, "ambiguous"),
        ("d", "v", 5, 5, "login", 2, "ambiguous"),
        ("w's", "v", 7, 7, "login", 1, "active"),
    ]
    assert whose(ds) == ["d", "u", "u", "u", "d", "v", "d", "v"]


def test_two_who_log_in_at_the_same_moment_have_an_interval_each():
    ds = company(
        [("logged_in", 0, "d", "u"), ("logged_in", 0, "d", "v"), ("page_viewed", 1, "d", None), ("x", 2, "d", "v")]
    )
    assert [row[1:4] for row in intervals(ds)] == [("u", 0, 0), ("v", 0, 2)]
    assert whose(ds) == ["u", "v", "v", "v"]


def test_the_popular_transitive_merge_is_not_what_happens():
    rows = [("logged_in", 0, "tablet", "u"), ("logged_in", 1, "tablet", "v"), ("logged_in", 2, "library", "v"),
            ("logged_in", 3, "library", "w")]  # fmt: skip
    parent = {}

    def root(x):
        while parent.setdefault(x, x) != x:
            x = parent[x]
        return x

    for _, _, device, user in rows:
        parent[root(device)] = root(user)
    assert len({root(user) for *_, user in rows}) == 1  # the closure makes one person of three
    assert whose(company(rows)) == ["u", "v", "v", "w"]


def test_where_analytics_was_denied_nothing_is_stitched_and_nobody_is_followed():
    ds = company(
        [
            ("page_viewed", 0, "d", None),
            ("logged_in", 1, "d", "no"),
            ("logged_in", 2, "d", "u"),  # said so herself
            ("page_viewed", 3, "d", None),
            ("page_viewed", 4, "e", None),
        ],
        denied=["no"],
    )
    assert {row[-1] for row in intervals(ds)} == {"revoked"}
    assert persons(identity.events(ds)) == {
        "m0": (None, "refused"),
        "m1": (None, "refused"),
        "m2": ("u", "login"),
        "m3": (None, "refused"),
        "m4": ("e", "device"),
    }


def test_a_supplied_map_links_devices_that_no_event_links():
    ds = company(
        [("page_viewed", 5, "d", None), ("page_viewed", 5, "gone", None), ("page_viewed", 50, "d", None)],
        supplied=[("d", "u", 0, 10, "active"), ("gone", "v", 0, 10, "revoked"), ("never seen", "w", 0, 1, "active")],
    )
    assert intervals(ds) == [("d", "u", 0, 50, "import", 1, "active")]
    assert persons(identity.events(ds)) == {
        "m0": ("u", "interval"), "m1": ("gone", "device"), "m2": ("u", "interval")
    }  # fmt: skip


def test_the_main_user_has_most_events_of_the_device():
    ds = company(
        [
            *[("page_viewed", k, "d", user) for k, user in enumerate(["u", "v", "v", None, "v"])],
            ("logged_in", 0, "tie", "w"),
            ("logged_in", 1, "tie", "v"),
            ("page_viewed", 0, "nobody's", None),
            ("order_completed", 0, None, "u"),
            *[("page_viewed", k, "refused", user) for k, user in enumerate(["u", "u", "no"])],
            ("logged_in", 0, "taken back", "u"),
        ],
        denied=["no"],
        supplied=[("taken back", "u", 0, 1, "revoked"), ("d", "u", 0, 99, "active")],
    )
    found = identity.main_user(ds).to_pandas().sort_values("anonymous_id")
    assert found.values.tolist() == [["d", "v", 0.75], ["tie", "v", 0.5]]
    early = identity.main_user(ds, ds.events.filter(ds.events.timestamp < START + pd.Timedelta(minutes=1)))
    assert sorted(early.to_pandas()["user_id"]) == ["u", "u", "w"]  # d, and a device on which nobody refused yet; tie


def test_an_event_without_device_belongs_to_its_user_and_without_any_id_to_nobody():
    ds = company([("order_completed", 0, None, "u"), ("page_viewed", 1, None, None)])
    assert intervals(ds) == []
    assert persons(identity.events(ds)) == {"m0": ("u", "login"), "m1": (None, None)}


def test_the_original_columns_are_untouched():
    ds = company([("page_viewed", 0, "d", None), ("logged_in", 1, "d", "u")])
    before = ds.events.to_pandas()
    after = identity.events(ds).to_pandas()
    columns = list(before.columns)
    assert list(after.columns) == [*columns, "person_id", "person_by"]
    pd.testing.assert_frame_equal(after[columns].sort_values("message_id", ignore_index=True), before)


def test_a_late_login_moves_events_and_only_its_device_is_stitched_again():
    ds = company(
        [
            ("page_viewed", 0, "d", None),
            ("logged_in", 1, "d", "u"),
            ("page_viewed", 60 * 17, "d", None),  # the next day in Shanghai
            ("logged_in", 60 * 18, "d", "v", 99_999),  # arrives much later: the device is shared
            ("page_viewed", 2, "e", None),
        ]
    )
    cut = START + pd.Timedelta(minutes=99_999)
    known = ds.events.filter(ds.events.received_at < cut)
    old_map = identity.stitch(ds, known)
    assert intervals(ds, old_map) == [("d", "u", 0, 60 * 17, "login", 1, "active")]
    new_map = identity.update(ds, old_map, cut)
    assert intervals(ds, new_map) == intervals(ds)
    moved = identity.changes(identity.events(ds, old_map, known), identity.events(ds, new_map), "Asia/Shanghai")
    assert [(str(d.date()), n) for d, n in moved.itertuples(index=False)] == [("2025-03-01", 1), ("2025-03-02", 1)]


MERGE = {"user_id": "u2", "canonical_user_id": "u", "authority": "support desk", "date": "2025-03-02"}


def test_a_merge_is_a_row_that_can_be_taken_back():
    ds = company([("logged_in", 0, "d", "u"), ("logged_in", 1, "e", "u2"), ("page_viewed", 2, None, None)])
    people = identity.events(ds)
    merged = identity.canonical(people, pd.DataFrame([MERGE])).order_by("message_id").to_pandas()
    assert merged["person_id"].fillna("").tolist() == ["u", "u2", ""]
    assert merged["canonical_user_id"].fillna("").tolist() == ["u", "u", ""]
    undone = identity.canonical(people, pd.DataFrame([MERGE]).iloc[:0]).order_by("message_id").to_pandas()
    assert undone["canonical_user_id"].fillna("").tolist() == ["u", "u2", ""]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([MERGE | {"authority": None}], "authority"),
        ([MERGE | {"date": None}], "date"),
        ([MERGE, MERGE | {"canonical_user_id": "x"}], "u2 is merged twice"),
        ([MERGE, MERGE | {"user_id": "u", "canonical_user_id": "x"}], "merged itself"),
        ([MERGE | {"user_id": "u"}], "merged itself"),
    ],
)
def test_a_merge_without_authority_or_in_a_chain_is_refused(rows, words):
    people = identity.events(company([("logged_in", 0, "d", "u")]))
    with pytest.raises(ValueError, match=words):
        identity.canonical(people, pd.DataFrame(rows))


def test_the_gates_by_hand():
    after_login = [("page_viewed", k / 10, "d", "u" if k > 30 else None, 0, "ios") for k in range(1, 101)]
    ds = company(
        [
            ("logged_in", 0, "d", "u", 0, "ios"),
            *after_login,
            ("page_viewed", 31, "d", None),  # half an hour and more after the login: no longer logged in
            ("logged_in", 40, "s", "u"),
            ("logged_in", 41, "s", "v"),
            ("page_viewed", 0, "nobody's", None),
        ],
        orders=[("u", 50), ("v", 41), ("w", 50)],
    )
    found = identity.gates(ds).set_index("gate")
    n = 105
    assert found["value"].round(6).tolist() == [
        round((n - 32) / n, 6), 0.5, 2, 2, round(2 / 3, 6), round(30 / 100, 6), round(30 / 100, 6)
    ]  # fmt: skip
    assert found["alarm"].tolist() == [False] * 5 + [True, True]


def test_a_broken_release_of_one_platform_raises_the_alarm_though_the_mean_is_calm():
    def week(platform, lost):
        return [
            ("logged_in", 0, platform, "u", 0, platform),
            *[("page_viewed", 1, platform, None if k < lost else "u", 1, platform) for k in range(200)],
        ]

    rows = [row for k in range(9) for row in week(f"calm {k}", 0)] + week("ios", 190)
    total, worst = identity.gates(company(rows))["value"].tail(2)
    assert (total, worst) == (190 / 2000, 190 / 200)
    assert identity.gates(company(rows))["alarm"].tail(2).tolist() == [False, True]
    lost = identity.lost_ids(company(rows)).set_index("platform")
    assert lost.loc["ios", ["events", "lost"]].tolist() == [200, 190] and lost["lost"].sum() == 190
    few = [("logged_in", 0, "x", "u"), *[("page_viewed", 1, "x", None) for _ in range(99)]]
    assert identity.gates(company(few))["value"].isna().tolist()[-1]  # too few to accuse a platform


def test_no_events_no_identities():
    ds = company([])
    assert intervals(ds) == [] and persons(identity.events(ds)) == {}
    assert identity.gates(ds)["value"].isna().sum() >= 5 and not identity.gates(ds)["alarm"].any()


# --- the same in slow plain Python, on made-up logs ----------------------------------------------------------------


def reference_map(rows, denied, supplied):
    """The rules one device at a time: list of (device, user, from, to, method, users, status)."""
    found = []
    for device in {r[2] for r in rows} - {None}:
        seen = [(r[1], r[3], r[0]) for r in rows if r[2] == device]
        mine = [s for s in supplied if s[0] == device]
        for _, user, first, last, status in mine:
            if status != "revoked":
                seen += [(first, user, "import"), (last, user, "import")]
        linked = sorted((s for s in seen if s[1]), key=lambda s: s[:2])
        users = {s[1] for s in linked}
        if not users:
            continue
        runs = []
        for sighting in linked:
            if not runs or runs[-1][-1][1] != sighting[1]:
                runs.append([])
            runs[-1].append(sighting)
        revoked = bool(users & set(denied)) or any(s[4] == "revoked" for s in mine)
        status = "revoked" if revoked else "ambiguous" if len(users) > 1 else "active"
        for run in runs:
            span = run if len(users) > 1 else seen
            how = {s[2] for s in run}
            method = "signup" if "signed_up" in how else "import" if how == {"import"} else "login"
            first, last = min(s[0] for s in span), max(s[0] for s in span)
            found.append((device, run[0][1], first, last, method, len(users), status))
    return sorted(found)


def reference_persons(rows, denied, the_map):
    found = {}
    for k, (_, at, device, user, *_) in enumerate(rows):
        spans = [m for m in the_map if m[0] == device]
        covering = [(m[2], m[3], m[1]) for m in spans if m[2] <= at <= m[3]]
        if user:
            found[f"m{k}"] = (None, "refused") if user in denied else (user, "login")
        elif any(m[6] == "revoked" for m in spans):
            found[f"m{k}"] = (None, "refused")
        elif covering:
            found[f"m{k}"] = (max(covering)[2], "interval")
        else:
            found[f"m{k}"] = (device, "device" if device else None)
    return found


event_rows = st.lists(
    st.tuples(
        st.sampled_from(["page_viewed", "logged_in", "signed_up"]),
        st.integers(0, 12),  # few moments, so that many coincide
        st.sampled_from(["d", "e", "f", None]),
        st.sampled_from(["u", "v", "w", None, None, None]),
        st.sampled_from([*range(0, 20, 2), None]),  # without a time of arrival too
    ),
    min_size=1,
    max_size=30,
)
denials = st.sets(st.sampled_from(["u", "w"]), max_size=1)
supplies = st.lists(
    st.tuples(
        st.sampled_from(["d", "e"]),
        st.sampled_from(["u", "v"]),
        st.integers(0, 5),
        st.integers(5, 12),
        st.sampled_from(["active", "active", "revoked"]),
    ),
    max_size=2,
)


@settings(max_examples=cases(80), deadline=None)
@given(rows=event_rows, denied=denials, supplied=supplies)
def test_the_same_as_plain_python(rows, denied, supplied):
    ds = company(rows, denied, supplied)
    expected = reference_map(rows, denied, supplied)
    assert intervals(ds) == expected
    assert persons(identity.events(ds)) == reference_persons(rows, denied, expected)


@settings(max_examples=cases(40), deadline=None)
@given(rows=event_rows, denied=denials, cut=st.integers(0, 20))
def test_an_update_is_a_new_stitch_and_the_changes_are_those_of_plain_python(rows, denied, cut):
    ds = company(rows, denied)
    moment = START + pd.Timedelta(minutes=cut)
    known = ds.events.filter(ds.events.received_at < moment)
    old = identity.stitch(ds, known)
    new = identity.update(ds, old, moment)
    assert intervals(ds, new) == reference_map(rows, denied, [])
    before, after = identity.events(ds, old, known), identity.events(ds, new)
    old_rows, now = persons(before), persons(after)
    moved = sum(old_rows[m][0] != now[m][0] for m in old_rows)
    assert identity.changes(before, after, "UTC")["events"].sum() == moved


@settings(max_examples=cases(25), deadline=None)
@given(rows=event_rows)
def test_nobody_gets_an_event_of_a_device_on_which_they_never_logged_in(rows):
    on = {(device, user) for _, _, device, user, _ in rows if user}
    for (_, _, device, _, _), person in zip(rows, whose(company(rows)), strict=True):
        assert person in (device, None) or (device, person) in on
