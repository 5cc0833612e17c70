"""What a data set can answer, read from its rows: a column that is empty, constant or undated answers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

_DATED = "coalesce(json_extract_string(properties, '$.timestamp_known'), 'true') = 'true'"
_LOT = "assignment IN ('randomised', 'stratified', 'cluster_randomised', 'switchback') AND propensity IS NOT NULL"

# question -> (SQL that counts what the answer rests on, how many are needed); the numbers are rules of thumb
QUESTIONS: dict[str, tuple[str, int]] = {
    "what a shop asks": ("SELECT count(*) FROM courses WHERE price > 0", 100),
    "what people pay": ("SELECT count(*) FROM paid_orders WHERE total > 0", 100),
    "who buys again": (
        f"""SELECT count(*) FROM (SELECT user_id FROM paid_orders WHERE total > 0 AND {_DATED}
        AND user_id IS NOT NULL GROUP BY user_id HAVING count(DISTINCT timestamp::DATE) > 1)""",
        30,
    ),
    "how they learn": (
        """SELECT count(DISTINCT user_id) FROM events WHERE product_id IN (SELECT product_id FROM courses)
        AND event IN ('lesson_started', 'lesson_completed', 'page_viewed')""",
        100,
    ),
    "who leaves, and when": (
        """SELECT count(*) FROM memberships WHERE status IN ('canceled', 'expired')
        AND coalesce(canceled_at, ended_at) IS NOT NULL""",
        100,
    ),
    "what to recommend": (
        """SELECT count(*) FROM (SELECT user_id FROM (
            SELECT user_id, product_id FROM events UNION SELECT user_id, plan_id FROM memberships
            UNION SELECT user_id, product_id FROM orders UNION SELECT o.user_id, i.product_id
            FROM order_items i JOIN orders o USING (order_id))
        WHERE user_id IS NOT NULL AND product_id IS NOT NULL
        GROUP BY user_id HAVING count(DISTINCT product_id) >= 3)""",
        100,
    ),
    "who says yes when asked": (
        """SELECT count(DISTINCT coalesce(user_id, anonymous_id)) FROM touches WHERE clicked_at IS NOT NULL
        OR user_id IN (SELECT user_id FROM orders) OR coalesce(user_id, anonymous_id) IN (
            SELECT coalesce(user_id, anonymous_id) FROM events WHERE event = 'order_completed')""",
        100,
    ),
    "whether a message helps": (
        f"""SELECT least(count(*) FILTER (variation_id = 'control'), count(*) FILTER (variation_id <> 'control'))
        FROM touches WHERE {_LOT}""",
        1_000,
    ),
    "which of several to show": (
        f"""SELECT coalesce(max(arms), 0) FROM (SELECT count(DISTINCT variation_id) AS arms FROM touches
        WHERE {_LOT} AND variation_id <> 'control' GROUP BY campaign_id)""",
        2,
    ),
    "what they say": ("SELECT count(*) FROM reviews WHERE review_body IS NOT NULL OR rating IS NOT NULL", 100),
}


def can_teach(ds: Dataset) -> dict[str, bool]:
    """Whether the rows of `ds` can carry an answer, for each of `QUESTIONS`.

    A constant that stands for "not known" (``timestamp_known`` is false in the properties) does not count as a date.
    True means that there is something to estimate, not that the answer holds for another company.
    """
    return {q: ds.con.con.execute(sql).fetchall()[0][0] >= floor for q, (sql, floor) in QUESTIONS.items()}
