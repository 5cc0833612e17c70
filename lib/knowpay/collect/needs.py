"""Whether the data can carry an analysis: the reader of knowpay/needs.yml, and the checks that are named there.

A check returns "" when there is enough, else what is missing, as the end of a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.collect.disk import ROOT
from knowpay.collect.schema import INTEREST

if TYPE_CHECKING:
    import pandas as pd

    from knowpay.collect.dataset import Dataset

MAY = "user_id IN (SELECT user_id FROM may_{} WHERE reason = '')"  # be part of an analysis, get something personal


@cache
def analyses() -> dict[str, dict[str, Any]]:
    """Analysis -> its title, amount and needs, as knowpay/needs.yml states them."""
    return _yaml(Path(__file__).parents[1] / "needs.yml")


def lessons() -> dict[str, list[str]]:
    """Lesson -> the analyses that it rests on, from the lessons.yml of the checkout, or beside the notebook that runs.

    None where knowpay was installed for itself, without the course.
    """
    for path in (ROOT / "notebooks" / "lessons.yml", Path("lessons.yml")):
        if path.exists():
            return {name: one["needs"] for name, one in _yaml(path)["lessons"].items()}
    return {}


def asked() -> dict[str, list[str]]:
    """What one asks the data for -> the analyses that it rests on: the lessons, or without them each analysis."""
    return lessons() or {f"{key} ({one['title']})": [key] for key, one in analyses().items()}


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    return yaml.safe_load(path.read_text("utf-8"))


def missing(ds: Dataset, keys: Iterable[str]) -> str:
    """What the data lack for these analyses, as the end of a sentence; "" when they can carry all of them."""
    return next(filter(None, (lack(ds, analyses()[key]["needs"]) for key in keys)), "")


def lack(ds: Dataset, need: dict[str, Any] | list[Any]) -> str:
    """What the data lack for one need of needs.yml, or first of a list of them."""
    if isinstance(need, list):
        return next(filter(None, (lack(ds, one) for one in need)), "")
    numbers = {name: value for name, value in need.items() if name != "check"}
    return CHECKS[need.get("check", "counted")](ds, **numbers)


def amount(ds: Dataset, key: str) -> int:
    """How many rows of what the analysis learns from there are."""
    asked = analyses()[key]["amount"]
    return _count(ds, f"{asked['table']} WHERE {asked.get('where', 'true')}")


# --- the checks --------------------------------------------------------------------------------------------------


def counted(
    ds: Dataset, table: str, rows: int = 1, where: str = "true", words: str = "rows", otherwise: str = ""
) -> str:
    """Empty when `table` has so many `rows` for which the SQL of `where` holds; `words` is what they are called."""
    n = _count(ds, f"{table} WHERE {where.format(end=_at(ds.observation_end))}")
    if n >= rows:
        return ""
    if otherwise or not _count(ds, table):
        return otherwise or f"add the table {table}"
    return f"{table} has {n:,} {words}; about {rows:,} are needed"


def readers(ds: Dataset, pages: int, rows: int, where: str = "true", when: str = "") -> str:
    """Empty when so many users (`rows`) opened so many course `pages` of a known category."""
    n = _count(
        ds,
        f"""(SELECT user_id FROM events JOIN courses USING (product_id) WHERE event = 'product_viewed' AND
        category IS NOT NULL AND user_id IS NOT NULL AND {where.format(end=_at(ds.observation_end))}
        GROUP BY user_id HAVING count(*) >= {pages})""",
    )
    least = f"{pages} course pages or more" if pages > 1 else "a course page (event product_viewed)"
    return "" if n >= rows else f"{f'{n:,} users opened {least} {when}'.rstrip()}; about {rows:,} are needed"


def inviters(ds: Dataset) -> str:
    """Empty when whoever invited somebody is a user too: invitations are followed from person to person."""
    n = _count(ds, "users WHERE referrer_user_id NOT IN (SELECT user_id FROM users)")
    return f"{n:,} users have a referrer_user_id that is no user: add the row or drop the id" if n else ""


def lots(ds: Dataset, campaigns: int, purchases: int, window_days: int) -> str:
    """Empty when several campaigns, drawn by lot for single people, promoted a course that people in both arms bought.

    Counted as `analyse.touches.outcomes` does: the campaign has both arms, its window of days is over, and the course
    (`creative`) has a price.
    """
    window = f"INTERVAL {window_days} DAY"
    drawn = ds.con.con.execute(f"""
        WITH lots AS (
            SELECT touch_id, t.user_id, campaign_id, creative, assigned_at, price, variation_id = 'control' AS held,
            coalesce(offer_discount > 0, false) OR coupon IS NOT NULL AS discounted
            FROM touches t LEFT JOIN courses ON product_id = creative
            WHERE assignment IN ('randomised', 'stratified') AND propensity > 0 AND propensity < 1
            AND creative IS NOT NULL AND t.user_id IS NOT NULL AND assigned_at + {window} <= {_at(ds.observation_end)}
            AND t.{MAY.format("personal")}
            QUALIFY NOT discounted OR NOT bool_or(NOT held AND NOT discounted) OVER (PARTITION BY campaign_id)),
        hits AS (
            SELECT DISTINCT touch_id FROM lots l
            JOIN paid_orders o ON o.user_id = l.user_id AND o.product_id = l.creative
            AND o.timestamp >= l.assigned_at AND o.timestamp < l.assigned_at + {window})
        SELECT count(*) FILTER (price IS NULL), count(hits.touch_id) FILTER (NOT held),
            count(hits.touch_id) FILTER (held)
        FROM lots LEFT JOIN hits USING (touch_id) GROUP BY campaign_id
        HAVING count(DISTINCT held) = 2 ORDER BY min(assigned_at), campaign_id""").fetchall()
    unpriced, told, held = (sum(one[k] for one in drawn) for k in range(3))
    if unpriced:
        return f"{unpriced:,} touches drawn by lot promote a course without a price; add it to courses"
    if len(drawn) < campaigns or min(told, held) < purchases:
        return (
            f"{len(drawn)} campaigns were drawn by lot and the promoted course was bought {min(told, held)} times in "
            f"the poorer arm; {campaigns} campaigns and {purchases} purchases in each arm are needed"
        )
    if not sum(one[1] for one in drawn[len(drawn) * 2 // 3 :]):
        return "in the last third of the campaigns nobody who was written to bought the promoted course"
    return ""


def renewals(ds: Dataset, months: int, grace_days: int) -> str:
    """Empty when enough paid months ended both ways on both sides of the cut, as `analyse.churn` splits them."""
    grace = f"INTERVAL {grace_days} DAY"
    over, *sides = _row(
        ds,
        f"""WITH paid AS (
            SELECT current_period_start AS start, current_period_end + {grace} AS known, lead(current_period_start)
                OVER (PARTITION BY user_id, plan_id ORDER BY current_period_start) <= known AS renewed
            FROM memberships JOIN users USING (user_id)
            WHERE coalesce("interval", 'month') = 'month' AND period_no >= 1 AND {MAY.format("analysis")}),
        ended AS (SELECT start, known, coalesce(renewed, false) AS renewed FROM paid
            WHERE known <= {_at(ds.observation_end)}),
        cut AS (SELECT make_timestamptz(CAST(quantile_cont(epoch_us(start), 0.6) AS BIGINT)) AS moment FROM ended)
        SELECT count(*), count(*) FILTER (known <= moment AND NOT renewed),
            count(*) FILTER (known <= moment AND renewed), count(*) FILTER (start >= moment AND NOT renewed),
            count(*) FILTER (start >= moment AND renewed) FROM ended, cut""",
    )
    if not over:
        return "memberships has no ended paid month of a monthly plan: period_no from 1, interval month"
    if min(sides) >= months:
        return ""
    return (
        f"memberships has {over:,} ended paid months of monthly plans; cut at one moment, {sides[0]:,} before it were "
        f"not renewed and {sides[1]:,} were, {sides[2]:,} and {sides[3]:,} after it: {months} of each are needed"
    )


def cut_at(ds: Dataset, line: float) -> pd.Timestamp:
    """The midnight before the share `line` of the observation: a recommender learns before it and is judged after."""
    span = ds.observation_end - ds.observation_start
    return (ds.observation_start + line * span).tz_convert(ds.timezone).normalize()


def taste(ds: Dataset, line: float, pairs: int, examples: int, people: int, window_days: int, days: int) -> str:
    """Empty when a recommender can be learned before the line and judged after it, as `train.recommender` cuts.

    It starts from `pairs` of a person and a course, `people` of them in the last `window_days`, learns in batches of
    `examples`, and is judged by `people` who opened a course page in the `days` after the line.
    """
    cut = cut_at(ds, line)
    at, ago = _at(cut), f"floor(epoch({_at(cut)} - known) / {86_400 * window_days})"
    before, learned, lately, came = _row(
        ds,
        f"""WITH seen AS (
            SELECT user_id, product_id, event, timestamp AS t,
                greatest(timestamp, coalesce(received_at, timestamp)) AS known, {ago} AS ago
            FROM events JOIN users USING (user_id) JOIN courses USING (product_id)
            WHERE event IN {INTEREST} AND t < {at} + INTERVAL {days} DAY AND {MAY.format("analysis")}
            AND product_type IS DISTINCT FROM 'membership' AND created_at < {at}
            AND coalesce(published_at <= {at}, true) AND coalesce(retired_at > {at}, true))
        SELECT count(DISTINCT (user_id, product_id)) FILTER (known < {at}),
            count(DISTINCT (user_id, product_id, ago)) FILTER (ago >= 1),
            count(DISTINCT (user_id, product_id)) FILTER (ago = 0),
            count(DISTINCT user_id) FILTER (t >= {at} AND event = 'product_viewed') FROM seen""",
    )
    if before < pairs or learned < examples or lately < people:
        return (
            f"before {cut:%Y-%m-%d} events show {before:,} pairs of a person and a course, {lately:,} of them in the "
            f"last {window_days} days; about {2 * pairs:,} and {people} are needed"
        )
    if came < people:
        after = f"the {days} days after {cut:%Y-%m-%d}"
        return f"{came:,} people opened a course page in {after}; about {people} are needed"
    return ""


CHECKS = {check.__name__: check for check in (counted, readers, inviters, lots, renewals, taste)}


def _row(ds: Dataset, sql: str) -> tuple[Any, ...]:
    return ds.con.con.execute(sql).fetchall()[0]


def _count(ds: Dataset, sql: str) -> int:
    return _row(ds, f"SELECT count(*) FROM {sql}")[0]


def _at(moment: pd.Timestamp) -> str:
    return f"'{moment.isoformat()}'::TIMESTAMPTZ"
