"""What each lesson needs of the data: the one place where a lesson decides whether it can be worked.

A floor is "" when there is enough, else what is missing, as the end of a sentence. The counts are those that the rooms
below learn from, so that a lesson that passes its floor does not stop later; the round figures are rules of thumb.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from knowpay.collect.schema import INTEREST

if TYPE_CHECKING:
    import pandas as pd

    from knowpay.collect.dataset import Dataset

MAY = "user_id IN (SELECT user_id FROM may_analysis WHERE reason = '')"  # be analysed
PAIRS, BATCH = 1_000, 1_024  # people by courses that a recommender starts from; examples in a batch of lesson 15
LINE = 0.55  # of the observation lies before the line of lesson 15
CAMPAIGNS, BUYERS = 3, 5  # drawn by lot; purchases in either arm
ANSWERS = 5  # months not renewed, and renewed, on either side of the cut of lesson 10


def line(ds: Dataset) -> pd.Timestamp:
    """Where lesson 15 cuts the records: the midnight before 55 % of the observation."""
    return (
        (ds.observation_start + LINE * (ds.observation_end - ds.observation_start)).tz_convert(ds.timezone).normalize()
    )


def _row(ds: Dataset, sql: str) -> tuple[Any, ...]:
    return ds.con.con.execute(sql).fetchall()[0]


def _count(ds: Dataset, sql: str) -> int:
    return _row(ds, f"SELECT count(*) FROM {sql}")[0]


def _at(moment: pd.Timestamp) -> str:
    return f"'{moment.isoformat()}'::TIMESTAMPTZ"


def rows(ds: Dataset, table: str, floor: int, where: str = "true", what: str = "rows") -> str:
    """Empty when `table` has `floor` rows `where` the SQL holds."""
    if not _count(ds, table):
        return f"add the table {table}"
    n = _count(ds, f"{table} WHERE {where}")
    return "" if n >= floor else f"{table} has {n:,} {what}; about {floor:,} are needed"


def propensity(ds: Dataset) -> str:
    """Empty when enough touches were drawn by lot, at known odds, into both arms."""
    if _count(ds, "touches") and not _count(ds, "touches WHERE propensity IS NOT NULL"):
        return "add the column propensity to touches: the probability of the arm, drawn at random"
    drawn = "assignment IN ('randomised', 'stratified', 'cluster_randomised') AND propensity IS NOT NULL"
    arms = {"treated": "variation_id <> 'control'", "control": "variation_id = 'control'"}
    return _first(*(rows(ds, "touches", 1000, f"{drawn} AND {w}", f"randomised {a} rows") for a, w in arms.items()))


def campaigns(ds: Dataset, window_days: int = 14) -> str:
    """Empty when several campaigns, drawn by lot for single people, promoted a course that people in both arms bought.

    Counted as `analyse.touches.outcomes` does: the campaign has both arms, its window of days is over, and the course
    (`creative`) has a price.
    """
    if found := propensity(ds):
        return found
    if not _count(ds, "touches JOIN courses ON product_id = creative WHERE price IS NOT NULL"):
        return "add the column creative to touches, the product_id of the promoted course, and its price to courses"
    days = f"INTERVAL {window_days} DAY"
    found = ds.con.con.execute(f"""
        WITH lots AS (
            SELECT touch_id, t.user_id, campaign_id, creative, assigned_at, price, variation_id = 'control' AS held
            FROM touches t LEFT JOIN courses ON product_id = creative
            WHERE assignment IN ('randomised', 'stratified') AND propensity > 0 AND propensity < 1
            AND t.user_id IS NOT NULL AND assigned_at + {days} <= {_at(ds.observation_end)}
            AND t.{MAY.replace("analysis", "personal")}),
        hits AS (
            SELECT DISTINCT touch_id FROM lots l
            JOIN paid_orders o ON o.user_id = l.user_id AND o.product_id = l.creative
            AND o.timestamp >= l.assigned_at AND o.timestamp < l.assigned_at + {days})
        SELECT count(*) FILTER (price IS NULL), count(hits.touch_id) FILTER (NOT held),
            count(hits.touch_id) FILTER (held)
        FROM lots LEFT JOIN hits USING (touch_id) GROUP BY campaign_id
        HAVING count(DISTINCT held) = 2 ORDER BY min(assigned_at), campaign_id""").fetchall()
    unpriced, told, held = (sum(one[k] for one in found) for k in range(3))
    if unpriced:
        return f"{unpriced:,} touches drawn by lot promote a course without a price; add it to courses"
    if len(found) < CAMPAIGNS or min(told, held) < BUYERS:
        return (
            f"{len(found)} campaigns were drawn by lot and the promoted course was bought {min(told, held)} times in "
            f"the poorer arm; {CAMPAIGNS} campaigns and {BUYERS} purchases in each arm are needed"
        )
    if not sum(one[1] for one in found[len(found) * 2 // 3 :]):
        return "in the last third of the campaigns nobody who was written to bought the promoted course"
    return ""


def early(ds: Dataset, days: int = 180) -> str:
    """Empty when orders lie so early that half a year after them is known."""
    until = f"timestamp <= {_at(ds.observation_end)} - INTERVAL {days} DAY"
    return rows(ds, "orders", 30, until, f"orders {days} days before the end")


def inviters(ds: Dataset) -> str:
    """Empty when whoever invited somebody is a user too: lesson 02 follows invitations from person to person."""
    n = _count(ds, "users WHERE referrer_user_id NOT IN (SELECT user_id FROM users)")
    return f"{n:,} users have a referrer_user_id that is no user: add the row or drop the id" if n else ""


def visited(ds: Dataset, days: int = 90) -> str:
    """Empty when people opened a course page in the last days: what is popular now."""
    since = f"timestamp >= {_at(ds.observation_end)} - INTERVAL {days} DAY"
    return rows(ds, "events", 100, f"event = 'product_viewed' AND {since}", f"course pages in the last {days} days")


def opened(ds: Dataset, pages: int, floor: int, where: str = "true", when: str = "") -> str:
    """Empty when enough users opened course pages of a known category."""
    if not _count(ds, "courses WHERE category IS NOT NULL"):
        return "add the table courses with the column category"
    readers = _count(
        ds,
        "(SELECT user_id FROM events JOIN courses USING (product_id) WHERE event = 'product_viewed' AND "
        f"category IS NOT NULL AND user_id IS NOT NULL AND {where} GROUP BY user_id HAVING count(*) >= {pages})",
    )
    least = f"{pages} course pages or more" if pages > 1 else "a course page (event product_viewed)"
    return "" if readers >= floor else f"{readers:,} users opened {least}{when}; about {floor:,} are needed"


def profiles(ds: Dataset, days: int = 120) -> str:
    """Empty when enough users are known before the line of lesson 06, and came again after it."""
    if not _count(ds, "events WHERE event = 'page_viewed' AND user_id IS NOT NULL"):
        return "add the event page_viewed with a user_id to events: one for each page or visit"
    cut = f"{_at(ds.observation_end)} - INTERVAL {days} DAY"
    return _first(
        opened(ds, 10, 200, f"timestamp < {cut}", f" more than {days} days before the end"),
        opened(ds, 1, 100, f"timestamp >= {cut}", f" in the last {days} days"),
    )


def renewals(ds: Dataset, grace_days: int = 7) -> str:
    """Empty when enough paid months ended both ways on both sides of the cut, as `analyse.churn` splits them."""
    if not _count(ds, "memberships"):
        return "add the table memberships"
    grace = f"INTERVAL {grace_days} DAY"
    over, *sides = _row(
        ds,
        f"""WITH paid AS (
            SELECT current_period_start AS start, current_period_end + {grace} AS known, lead(current_period_start)
                OVER (PARTITION BY user_id, plan_id ORDER BY current_period_start) <= known AS renewed
            FROM memberships JOIN users USING (user_id)
            WHERE coalesce("interval", 'month') = 'month' AND period_no >= 1 AND {MAY}),
        ended AS (SELECT start, known, coalesce(renewed, false) AS renewed FROM paid
            WHERE known <= {_at(ds.observation_end)}),
        cut AS (SELECT make_timestamptz(CAST(quantile_cont(epoch_us(start), 0.6) AS BIGINT)) AS moment FROM ended)
        SELECT count(*), count(*) FILTER (known <= moment AND NOT renewed),
            count(*) FILTER (known <= moment AND renewed), count(*) FILTER (start >= moment AND NOT renewed),
            count(*) FILTER (start >= moment AND renewed) FROM ended, cut""",
    )
    if not over:
        return "memberships has no ended paid month of a monthly plan: period_no from 1, interval month"
    if min(sides) >= ANSWERS:
        return ""
    return (
        f"memberships has {over:,} ended paid months of monthly plans; cut at one moment, {sides[0]:,} before it were "
        f"not renewed and {sides[1]:,} were, {sides[2]:,} and {sides[3]:,} after it: {ANSWERS} of each are needed"
    )


def taste(ds: Dataset, window_days: int = 30, days: int = 90) -> str:
    """Empty when a recommender can be learned before the line and judged after it, as `train.recommender` cuts."""
    if not _count(ds, "events WHERE product_id IS NOT NULL"):
        return "add the column product_id to events"
    cut = line(ds)
    at, ago = _at(cut), f"floor(epoch({_at(cut)} - known) / {86_400 * window_days})"
    pairs, examples, lately, came = _row(
        ds,
        f"""WITH seen AS (
            SELECT user_id, product_id, event, timestamp AS t,
                greatest(timestamp, coalesce(received_at, timestamp)) AS known, {ago} AS ago
            FROM events JOIN users USING (user_id) JOIN courses USING (product_id)
            WHERE event IN {INTEREST} AND t < {at} + INTERVAL {days} DAY AND {MAY}
            AND product_type IS DISTINCT FROM 'membership' AND created_at < {at}
            AND coalesce(published_at <= {at}, true) AND coalesce(retired_at > {at}, true))
        SELECT count(DISTINCT (user_id, product_id)) FILTER (known < {at}),
            count(DISTINCT (user_id, product_id, ago)) FILTER (ago >= 1),
            count(DISTINCT (user_id, product_id)) FILTER (ago = 0),
            count(DISTINCT user_id) FILTER (t >= {at} AND event = 'product_viewed') FROM seen""",
    )
    if pairs < PAIRS or examples < BATCH or lately < 100:
        return (
            f"before {cut:%Y-%m-%d} events show {pairs:,} pairs of a person and a course, {lately:,} of them in the "
            f"last {window_days} days; about {2 * PAIRS:,} and 100 are needed"
        )
    if came < 100:
        return f"{came:,} people opened a course page in the {days} days after {cut:%Y-%m-%d}; about 100 are needed"
    return ""


def _first(*found: str) -> str:
    return next(filter(None, found), "")


Check = Callable[["Dataset"], str] | tuple[Any, ...]  # a tuple is what `rows` asks of a table

_KNOWN = " + ".join(f"({c} IS NOT NULL)::INT" for c in ("province", "age_band", "gender", "occupation_band"))
_USERS, _EVENTS, _ORDERS = ("users", 100), ("events", 1000), ("orders", 100)
NEEDS: dict[str, tuple[Check, ...]] = {
    "00_start_here": (
        *(_USERS, _EVENTS, _ORDERS),
        ("market", 1, "method = 'own_spend' AND metric = 'spend'", "rows of own spend by channel"),
        ("memberships", 30, "period_no = 1 AND status IN ('expired', 'canceled')", "ended first months"),
        propensity,
    ),
    "01_collect_app_and_web_events": (_EVENTS, _ORDERS),
    "02_join_social_and_third_party_data": (
        _USERS,
        ("events", 1000, "user_id IS NOT NULL AND anonymous_id IS NOT NULL", "events with both ids"),
        _ORDERS,
        ("users", 100, "referrer_user_id IS NOT NULL", "users with an inviter"),
        ("interactions", 1, "action = 'invite'", "invitations sent"),
        inviters,
        lambda ds: opened(ds, 1, 100),
    ),
    "03_trust_and_protect_the_data": (
        *(_USERS, _EVENTS),
        ("users", 100, f"{_KNOWN} >= 2", "users with two of province, age band, gender, occupation band"),
    ),
    "04_meet_real_data": (_EVENTS, _ORDERS, early),
    "06_build_user_profiles": (_EVENTS, _ORDERS, profiles),
    "10_foresee_who_leaves": (renewals,),
    "12_derive_the_targeting_formula": (campaigns, _ORDERS),
    "15_train_a_course_recommender": (_EVENTS, ("courses", 20), taste),
    "18_plan_a_campaign": (campaigns, _ORDERS, _USERS, visited),
}


def missing(ds: Dataset, lesson: str) -> str:
    """What the data lack for a lesson, given by its name as in `NEEDS`; "" when they can carry it."""
    asked = (rows(ds, *check) if isinstance(check, tuple) else check(ds) for check in NEEDS[lesson])
    return next(filter(None, asked), "")
