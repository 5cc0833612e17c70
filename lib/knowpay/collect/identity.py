"""Identity: which person is behind an event, from logins alone, as intervals that anybody can check and undo.

Rules, all deterministic:

1. Only an event that carries both ids links a device to a user; nothing is guessed from addresses or agents.
2. A device that one user ever used is that user's, from the first event seen on it to the last.
3. A device with two users or more is `ambiguous`. Each unbroken run of one user's events is an interval of that user;
   what was done between two runs, before the first or after the last without a login stays with the device.
4. No user is ever merged with another because they shared a device. A merge is a row of a table, with an authority
   and a date (`canonical`).
5. When something arrives late only the devices that it touches are stitched again (`update`), and the events that
   went to somebody else are counted (`changes`).
6. `gates` prints how far the result can be trusted.
7. Where analytics was refused nothing is stitched: such events count, and belong to nobody. Who refused is the rule of
   `privacy.permission`: a users row that waits in quarantine refuses too.

The events are never changed: every result is a view beside them, and dropping it undoes it.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from knowpay.collect.dataset import Dataset

LOGIN_MINUTES = 30  # whoever logged in is still logged in for so long
ALARM = 0.20  # of the events of somebody logged in may lack the user id, and no more
FLOOR = 100  # events in a platform's week before its share is worth an alarm

# `seen` is every sighting of a device, with a user or without. Most devices have one user: a plain GROUP BY settles
# them, and only the shared ones need their events in order.
_MAP = """
WITH seen AS (
    SELECT anonymous_id, user_id, timestamp, event FROM ({of}) WHERE anonymous_id IS NOT NULL
    UNION ALL
    SELECT anonymous_id, user_id, unnest([first_seen_at, last_seen_at]), 'import' FROM identity_map
    WHERE status <> 'revoked' AND anonymous_id IN (SELECT anonymous_id FROM ({of}))
), devices AS (
    SELECT anonymous_id, min(user_id) AS user_id, min(user_id) <> max(user_id) AS shared,
        min(timestamp) AS first_seen_at, max(timestamp) AS last_seen_at,
        bool_or(event = 'signed_up' AND user_id IS NOT NULL) AS signup,
        bool_and(event = 'import') FILTER (user_id IS NOT NULL) AS import
    FROM seen GROUP BY anonymous_id HAVING count(user_id) > 0
), turns AS (
    SELECT *, user_id IS DISTINCT FROM lag(user_id) OVER (PARTITION BY anonymous_id ORDER BY timestamp, user_id) AS turn
    FROM seen SEMI JOIN (FROM devices WHERE shared) USING (anonymous_id) WHERE user_id IS NOT NULL
), runs AS (
    SELECT *, count_if(turn) OVER (
        PARTITION BY anonymous_id ORDER BY timestamp, user_id ROWS UNBOUNDED PRECEDING) AS run FROM turns
), users_on AS (
    SELECT anonymous_id, count(DISTINCT user_id) AS n FROM turns GROUP BY anonymous_id
), intervals AS (
    SELECT anonymous_id, user_id, first_seen_at, last_seen_at, signup, import, 1 AS n FROM devices WHERE NOT shared
    UNION ALL
    SELECT anonymous_id, any_value(user_id), min(timestamp), max(timestamp), bool_or(event = 'signed_up'),
        bool_and(event = 'import'), any_value(n)
    FROM runs JOIN users_on USING (anonymous_id) GROUP BY anonymous_id, run
), refused AS (
    SELECT anonymous_id FROM intervals SEMI JOIN not_followed USING (user_id)
    UNION SELECT anonymous_id FROM identity_map WHERE status = 'revoked'
)
SELECT anonymous_id, user_id, first_seen_at, last_seen_at,
    CASE WHEN signup THEN 'signup' WHEN import THEN 'import' ELSE 'login' END AS method,
    CAST(n AS BIGINT) AS n_users_on_device,
    CASE WHEN anonymous_id IN (FROM refused) THEN 'revoked' WHEN n > 1 THEN 'ambiguous' ELSE 'active' END AS status
FROM intervals
"""

# The dull baseline: one vote for each event with a login, and the majority gets the device.
_MAIN = """
WITH refused AS (
    SELECT anonymous_id FROM ({of}) SEMI JOIN not_followed USING (user_id)
    UNION SELECT anonymous_id FROM identity_map WHERE status = 'revoked'
)
SELECT anonymous_id, user_id, count(*) / sum(count(*)) OVER (PARTITION BY anonymous_id) AS share
FROM ({of}) ANTI JOIN refused USING (anonymous_id) WHERE anonymous_id IS NOT NULL AND user_id IS NOT NULL
GROUP BY anonymous_id, user_id
QUALIFY row_number() OVER (PARTITION BY anonymous_id ORDER BY count(*) DESC, user_id) = 1
"""

# Intervals of one device touch at most at their ends. An event at such a moment goes to the one that begins there.
_EVENTS = """
WITH map AS ({map}), spans AS (
    SELECT anonymous_id, user_id AS owner, first_seen_at, last_seen_at FROM map WHERE status <> 'revoked'
    QUALIFY row_number() OVER (
        PARTITION BY anonymous_id, first_seen_at ORDER BY last_seen_at DESC, user_id DESC) = 1
), refused AS (SELECT DISTINCT anonymous_id AS device FROM map WHERE status = 'revoked'),
denied AS (SELECT user_id AS who FROM not_followed),
unknown AS (
    SELECT e.*, CASE WHEN device IS NULL THEN if(timestamp <= last_seen_at, owner, e.anonymous_id) END AS person_id,
        CASE WHEN device IS NOT NULL THEN 'refused' WHEN timestamp <= last_seen_at THEN 'interval'
             WHEN e.anonymous_id IS NOT NULL THEN 'device' END AS person_by
    FROM (FROM ({of}) WHERE user_id IS NULL) e
    ASOF LEFT JOIN spans ON e.anonymous_id = spans.anonymous_id AND e.timestamp >= spans.first_seen_at
    LEFT JOIN refused ON e.anonymous_id = device
)
SELECT e.*, if(who IS NULL, user_id, NULL) AS person_id, if(who IS NULL, 'login', 'refused') AS person_by
FROM ({of}) e LEFT JOIN denied ON user_id = who WHERE user_id IS NOT NULL
UNION ALL FROM unknown
"""


def stitch(ds: Dataset, of: ir.Table | None = None) -> ir.Table:
    """Return the identity map: one row for each interval in which a device was one user's, in no order (Ibis table).

    Columns as `ds.identity_map`: ``anonymous_id, user_id, first_seen_at, last_seen_at`` (both inclusive),
    ``method`` ("signup" when the account was made there and then, "import" when only the map supplied with the export
    says so, else "login"), ``n_users_on_device``, ``status``: "active" (the device has one user), "ambiguous" (it has
    more), "revoked" (a user of it denied analytics, or the supplied map revoked it).

    ``of`` are the events to look at, all by default: `ds.events` with a filter, such as those received so far.
    """
    return _view(ds, _MAP.format(of=_sql(ds, of)))


def main_user(ds: Dataset, of: ir.Table | None = None) -> ir.Table:
    """Return the user with most events on each device: the baseline that intervals must be held against (Ibis table).

    Columns ``anonymous_id, user_id`` and ``share``, the user's part of the device's events that carry a user id,
    between 0 and 1. Of equals the first by id is taken. Devices that nobody logged in on are not there, nor those where
    nothing may be stitched (rule 7). ``of`` as in `stitch`; a supplied map adds nothing, it has no events to count.
    """
    return _view(ds, _MAIN.format(of=_sql(ds, of)))


def events(ds: Dataset, identity_map: ir.Table | None = None, of: ir.Table | None = None) -> ir.Table:
    """Return the events with two columns more: whose each is, and how that is known (Ibis table, lazy, in no order).

    ``person_id``: the user; else the device; NULL for those that belong to nobody. ``person_by``: "login" (the event
    says so), "interval" (the map does), "device" (unknown, and followed as a device), "refused" (analytics denied:
    count it, do not follow it), NULL when the event has no id at all.

    ``identity_map`` is that of `stitch`, or a stored one; ``of`` as in `stitch`.
    """
    given = _MAP.format(of=_sql(ds, of)) if identity_map is None else _sql(ds, identity_map)
    return _view(ds, _EVENTS.format(map=given, of=_sql(ds, of)))


def update(ds: Dataset, before: ir.Table, since: pd.Timestamp) -> ir.Table:
    """Return the identity map again, stitching only the devices of events received at ``since`` or later (Ibis table).

    ``before`` is the map as it was. An event without ``received_at`` may have come at any time: its device is stitched
    as well. The result is that of `stitch`, as long as nothing but new events came: after a change of consent, an
    erasure or a new supplied map, stitch all.
    """
    late = ds.events.filter((ds.events.received_at >= since).fill_null(True)).select("anonymous_id").distinct()
    again = stitch(ds, ds.events.semi_join(late, "anonymous_id"))
    return before.anti_join(late, "anonymous_id").union(again)


def changes(before: ir.Table, after: ir.Table, timezone: str) -> pd.DataFrame:
    """Return how many events went to another person, by local date: ``date, events``; these days' figures changed.

    ``before`` and ``after`` have ``message_id, person_id``, as `events` gives them, on one connection; ``after`` has
    ``timestamp`` as well. Events that only one of them has are not counted: they came or went, nobody lost them.
    """
    import ibis

    old = before.select("message_id", person_before="person_id")
    both = after.inner_join(old, "message_id")
    moved = both.filter(~both.person_id.identical_to(both.person_before))
    con = ibis.get_backend(after)
    query = f"""SELECT CAST(timezone('{timezone}', timestamp) AS DATE) AS date, count(*) AS events
        FROM ({ibis.to_sql(moved.select("timestamp"), dialect="duckdb")}) GROUP BY ALL ORDER BY ALL"""
    return con.con.execute(query).df()


def canonical(people: ir.Table, merges: pd.DataFrame) -> ir.Table:
    """Return the events of `events` with ``canonical_user_id``: the account that a person's account was merged into.

    ``merges`` has one row per account that was given up: ``user_id, canonical_user_id, authority`` (who says that
    both are one person) and ``date``. ``person_id`` stays, so that leaving a row out undoes its merge.

    Raises:
        ValueError: a row lacks one of the four, an account is merged twice or into itself, or into one that is merged
            itself: chains are never followed, so that one wrong row cannot pull others along.
    """
    import ibis

    for column in ("user_id", "canonical_user_id", "authority", "date"):
        if column not in merges or merges[column].isna().any():
            raise ValueError(f"Every merge needs {column}: who was merged into whom, on whose word, and when.")
    twice = merges["user_id"].duplicated()
    if twice.any():
        raise ValueError(f"{merges.loc[twice, 'user_id'].iloc[0]} is merged twice; keep one row.")
    chain = merges["canonical_user_id"].isin(merges["user_id"])
    if chain.any():
        row = merges[chain].iloc[0]
        raise ValueError(
            f"{row['user_id']} is merged into {row['canonical_user_id']}, which is merged itself; "
            "name the account that is kept in both rows."
        )
    kept = ibis.memtable(merges[["user_id", "canonical_user_id"]].astype(str).set_axis(["merged", "kept"], axis=1))
    joined = people.left_join(kept, people.person_id == kept.merged)
    return joined.mutate(canonical_user_id=joined.kept.fill_null(joined.person_id)).drop("merged", "kept")


def gates(ds: Dataset) -> pd.DataFrame:
    """Return what to look at before trusting the identities: ``gate, value, alarm``.

    Shares are between 0 and 1, NaN where there is nothing to divide by; devices are those with a user. The last two are
    shares of `lost_ids`: of all, and in the worst week of any platform, since a broken release drowns in the mean.
    Above 0.2 the id is lost on the way, and ``alarm`` is True; the other gates have no bound.
    """
    import pandas as pd

    query = _GATES.format(
        map=_MAP.format(of="FROM events"), people=_EVENTS.format(map="FROM identities", of="FROM events")
    )
    row = ds.con.con.execute(query).df().iloc[0].astype(float)
    lost = lost_ids(ds)
    total, enough = lost[["events", "lost"]].sum(), lost[lost["events"] >= FLOOR]
    row["logged-in events without user id"] = total["lost"] / total["events"] if total["events"] else float("nan")
    row["the same, worst week of a platform"] = (enough["lost"] / enough["events"]).max()
    bounded = row.index.str.contains("logged-in|worst")
    return pd.DataFrame({"gate": row.index, "value": row.to_numpy(), "alarm": bounded & (row > ALARM).to_numpy()})


def lost_ids(ds: Dataset) -> pd.DataFrame:
    """Return how often the user id is lost after a login: ``platform, week`` (its first day, UTC), ``events, lost``.

    Looked at are the events of the half hour after a login that carried the user id, on the same device; ``lost`` are
    those of them without a user id. Whoever denied analytics has no such login and is not accused.
    """
    return ds.con.con.execute(_LOST.format(minutes=LOGIN_MINUTES)).df()


_GATES = """
WITH identities AS MATERIALIZED ({map}), people AS ({people}),
per_device AS (SELECT anonymous_id, max(n_users_on_device) AS users, bool_or(n_users_on_device > 1) AS ambiguous
    FROM identities GROUP BY anonymous_id),
per_user AS (SELECT user_id, count(DISTINCT anonymous_id) AS devices FROM identities GROUP BY user_id),
seen AS (SELECT person_id, min(timestamp) AS first_seen FROM people GROUP BY person_id),
bought AS (SELECT o.timestamp > coalesce(first_seen, o.timestamp) AS known FROM orders o
    LEFT JOIN seen ON o.user_id = person_id)
SELECT (SELECT count(user_id) / count(*) FROM events) AS "events with a user id",
    (SELECT avg(ambiguous::INT) FROM per_device) AS "devices that are ambiguous",
    (SELECT quantile_disc(users, 0.99) FROM per_device) AS "users per device, 99th percentile",
    (SELECT quantile_disc(devices, 0.99) FROM per_user) AS "devices per user, 99th percentile",
    (SELECT avg((NOT known)::INT) FROM bought) AS "orders whose buyer was not seen before"
"""

_LOST = """
WITH logins AS (SELECT anonymous_id, timestamp AS login_at FROM events
    WHERE event IN ('logged_in', 'signed_up') AND user_id IS NOT NULL AND anonymous_id IS NOT NULL)
SELECT platform, CAST(time_bucket(INTERVAL 7 DAY, timestamp) AS DATE) AS week, count(*) AS events,
    count_if(user_id IS NULL) AS lost
FROM (SELECT anonymous_id, timestamp, platform, user_id FROM events WHERE event NOT IN ('logged_in', 'signed_up')) e
ASOF JOIN logins ON e.anonymous_id = logins.anonymous_id AND e.timestamp >= logins.login_at
WHERE timestamp - login_at <= INTERVAL {minutes} MINUTE
GROUP BY ALL ORDER BY ALL
"""


def _sql(ds: Dataset, table: ir.Table | None) -> str:
    import ibis

    return ibis.to_sql(ds.events if table is None else table, dialect="duckdb")


def _view(ds: Dataset, query: str) -> ir.Table:
    name = f"identity_{zlib.crc32(query.encode()):08x}"  # the same question, the same view
    ds.con.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")
    return ds.con.table(name)
