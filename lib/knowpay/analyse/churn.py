"""Who leaves: rows to learn from, each known at its own moment and answered later.

Memberships: a row is one paid period; the question is asked on the day it begins and uses what had arrived by then;
the answer is known when the period and the days of grace are over. Learning (OULAD): a row is one enrolment on a
stated day of the course.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from knowpay.collect import TooLittleData
from knowpay.people.money import contributions
from knowpay.people.snapshot import snapshot

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

GRACE_DAYS = 7  # a payment this late still counts as a renewal
LONG_AGO = 180  # days of silence beyond which more say nothing more
FEATURES = (
    "log_tenure",
    "visits_30",
    "visits_before",
    "lessons_30",
    "silent_days",
    "registered_days",
    "courses_bought",
)


def monthly(ds: Dataset) -> ibis.Table:
    """Return the memberships of monthly plans; an interval that is missing counts as a month."""
    return ds.memberships.filter(ds.memberships.interval.fill_null("month") == "month")


def person_periods(ds: Dataset) -> pd.DataFrame:
    """Return one row per paid month of a membership, sorted by start; quarterly and yearly plans are left out.

    Columns: ``membership_id, user_id, period_no, start, end, canceled_at, price``; ``over`` (the period and
    `GRACE_DAYS` lie inside the observation); ``left`` (1 when the member has no next period within the grace, 0 when
    renewed, missing while not over); ``contact`` (may be sent something personal); and `FEATURES`, all known at
    ``start`` (`people.snapshot`): ``log_tenure`` (log of the number of the period), ``visits_30``, ``visits_before``,
    ``lessons_30``, ``silent_days`` (recency, at most 180), ``registered_days`` and ``courses_bought``.

    Trials and people who may not be analysed are left out. Raises TooLittleData when no paid month is there.
    """
    found = _periods(ds).to_pandas()
    if found.empty:
        raise TooLittleData(
            "There are no paid months of a membership. Send a memberships table with membership_id, user_id, plan_id, "
            "period_no (1 for the first paid period), current_period_start and current_period_end."
        )
    return _typed(found, snapshot(ds, found.rename(columns={"start": "at"})), ds.observation_end)


def _periods(ds: Dataset) -> ibis.Table:
    may, personal = (ds.con.table(f"may_{purpose}") for purpose in ("analysis", "personal"))
    people = may.filter(may.reason == "").select("user_id")
    contact = personal.select("user_id", contact=personal.reason == "")
    paid = monthly(ds).filter(ibis._.period_no >= 1).join(people, "user_id").join(contact, "user_id")
    order = ibis.window(group_by=[paid.user_id, paid.plan_id], order_by=paid.current_period_start)
    return paid.select(
        *("membership_id", "user_id", "period_no", "canceled_at", "price", "contact"),
        start=paid.current_period_start,
        end=paid.current_period_end,
        next_start=paid.current_period_start.lead().over(order),
    )


def _typed(found: pd.DataFrame, known: pd.DataFrame, observation_end: pd.Timestamp) -> pd.DataFrame:
    latest = found["end"] + pd.Timedelta(days=GRACE_DAYS)
    over = latest <= observation_end
    renewed = (found["next_start"] <= latest).fillna(False).astype(bool)
    columns = {
        "over": over,
        "left": (~renewed).astype(float).where(over),
        "log_tenure": np.log(found["period_no"].astype(float)),
        "silent_days": known["recency"].clip(upper=LONG_AGO),
        "registered_days": known["tenure"],
        "courses_bought": known["purchases"].astype(float),
        **{name: known[name].astype(float) for name in ("visits_30", "visits_before", "lessons_30")},
    }
    found = found.assign(**columns).sort_values(["start", "membership_id"], ignore_index=True)
    keys = ["membership_id", "user_id", "period_no", "start", "end", "canceled_at", "price", "contact", "over", "left"]
    return found[[*keys, *FEATURES]]


def monthly_margin(ds: Dataset, teacher_share: float) -> float:
    """Mean contribution of a paid month, yuan: of the orders of monthly plans (`people.money.contributions`).

    Without such orders the price of the paid months stands in, before fees and refunds.
    """
    months, paid = monthly(ds), contributions(ds, teacher_share)
    left = paid.semi_join(months.select(product_id="plan_id").distinct(), "product_id").contribution.mean().to_pandas()
    if pd.isna(left):
        left = (1 - teacher_share) * months.filter(months.period_no >= 1).price.mean().to_pandas()
    return float(left)


def split_by_time(periods: pd.DataFrame, share: float = 0.6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (train, test) of the periods that are over, cut at one moment.

    The cut is the ``share`` quantile of the starts. Train: the answer (end and grace) was known at the cut. Test: the
    period began at or after it. Periods that straddle the cut belong to neither.
    """
    over = periods[periods["over"]]
    cut = over["start"].quantile(share)
    known = over["end"] + pd.Timedelta(days=GRACE_DAYS) <= cut
    return over[known].reset_index(drop=True), over[over["start"] >= cut].reset_index(drop=True)


def lifetimes(periods: pd.DataFrame) -> pd.DataFrame:
    """Return one row per member: ``user_id, periods`` (paid periods that are over) and ``left`` (0 = censored, 1).

    Only the first unbroken run of periods from period 1 on counts; a win-back is not a longer life.
    """
    over = periods[periods["over"]].sort_values(["user_id", "period_no"])
    run = over["period_no"] == over.groupby("user_id").cumcount() + 1
    gone = over.groupby("user_id")["left"].cumsum() - over["left"]
    first = over[run & (gone == 0)]
    return first.groupby("user_id", as_index=False).agg(periods=("period_no", "max"), left=("left", "max"))


def life_table(lives: pd.DataFrame, months: int = 12) -> pd.DataFrame:
    """Return per paid month: ``month, at_risk, left, hazard, still_there``; the last is the Kaplan-Meier curve.

    ``lives`` come from `lifetimes`. A member censored after n periods is at risk in periods 1 to n.
    """
    month = np.arange(1, months + 1)
    at_risk = (lives["periods"].to_numpy()[:, None] >= month).sum(axis=0)
    left = ((lives["periods"].to_numpy()[:, None] == month) & (lives["left"].to_numpy()[:, None] == 1)).sum(axis=0)
    hazard = left / np.where(at_risk > 0, at_risk, np.nan)  # nobody at risk: no hazard
    return pd.DataFrame(
        {"month": month, "at_risk": at_risk, "left": left, "hazard": hazard, "still_there": np.cumprod(1 - hazard)}
    )


OULAD_NUMBERS = (
    "registered_day", "previous_attempts", "credits", "submitted", "missed", "score", "days_early", "banked",
)  # fmt: skip
OULAD_KINDS = ("standing", "module", "gender", "region", "education", "imd_band", "age_band", "disability")
OULAD_CLICKS = ("clicks", "active_days", "clicks_14", "silent_days")


def oulad_at_day(ds: Dataset, day: int, horizon: int | None = None, keep_gone: bool = False) -> pd.DataFrame:
    """Return one row per OULAD enrolment still registered on ``day`` (0 = start of the course), sorted by id.

    ``left`` is 1 when the learner unregistered after ``day`` (within ``horizon`` days, if given), ``result`` the final
    result (an answer, never a feature), ``gone`` 1 for those who had left by ``day``, who are there only with
    ``keep_gone``. `OULAD_NUMBERS`, `OULAD_KINDS` and `OULAD_CLICKS` use nothing that happened after ``day``:
    registration, submissions of this attempt and banked ones, demographics, clicks (missing for presentations without a
    click table). ``score`` is the mean over assessments that count: one of weight 0 may be marked 0 or 1, which
    ``score_all`` takes in. ``standing`` crosses the module with the state of what was due; handed in without a mark
    that counts is "well".

    Registrations dated after ``day`` are left out. A withdrawal without a date counts as not left, because nobody knows
    when it happened; ``undated`` marks it. Raises ValueError when ``ds`` is not OULAD.
    """
    _must_be_oulad(ds)
    sql = _OULAD_SQL.format(day=int(day), last=10_000 if horizon is None else int(day) + int(horizon))
    found = ds.con.con.sql(sql + ("" if keep_gone else " WHERE gone = 0") + " ORDER BY enrolment").df()
    numbers = [*OULAD_NUMBERS, *OULAD_CLICKS, "score_all", "left", "gone", "undated"]
    found[numbers] = found[numbers].astype(float)
    return found.astype(dict.fromkeys(("presentation", *OULAD_KINDS), object)).fillna(dict.fromkeys(OULAD_KINDS, "?"))


_OULAD_SQL = """
WITH enrolments AS (
    SELECT membership_id AS enrolment, user_id AS student, plan_id, properties ->> 'code_module' AS module,
           properties ->> 'code_presentation' AS presentation, properties ->> 'final_result' AS result,
           CAST(properties ->> 'date_registration' AS INTEGER) AS registered_day,
           CAST(properties ->> 'date_unregistration' AS INTEGER) AS out_day,
           CAST(properties ->> 'num_of_prev_attempts' AS INTEGER) AS previous_attempts,
           CAST(properties ->> 'studied_credits' AS INTEGER) AS credits,
           properties ->> 'gender' AS gender, properties ->> 'region' AS region,
           properties ->> 'highest_education' AS education,
           rtrim(properties ->> 'imd_band', '%') AS imd_band,  -- one level is published without its percent sign
           properties ->> 'age_band' AS age_band, properties ->> 'disability' AS disability
    FROM memberships),
submissions AS (
    SELECT user_id, product_id, lesson_id, score_scaled, CAST(properties ->> 'day' AS INTEGER) AS on_day,
           CAST(properties ->> 'due_day' AS INTEGER) AS due_day, CAST(properties ->> 'is_banked' AS BOOLEAN) AS banked,
           CAST(properties ->> 'weight' AS DOUBLE) > 0 AS counts
    FROM events WHERE event = 'lesson_completed' AND on_day <= {day}),
due AS (  -- what was due is known from the course plan: some submission of it, by anybody, carries its due day
    SELECT product_id, count(DISTINCT lesson_id) AS due FROM events
    WHERE event = 'lesson_completed' AND CAST(properties ->> 'due_day' AS INTEGER) <= {day} GROUP BY ALL),
handed_in AS (
    SELECT user_id, product_id, count(*) FILTER (NOT banked) AS submitted,
           count(*) FILTER (NOT banked AND due_day <= {day}) AS in_time,
           100 * avg(score_scaled) FILTER (NOT banked AND counts) AS score,
           100 * avg(score_scaled) FILTER (NOT banked) AS score_all,
           avg(due_day - on_day) FILTER (NOT banked) AS days_early, count(*) FILTER (banked) AS banked
    FROM submissions GROUP BY ALL),
page_views AS (
    SELECT user_id, product_id, CAST(properties ->> 'day' AS INTEGER) AS on_day,
           CAST(properties ->> 'clicks' AS INTEGER) AS clicks
    FROM events WHERE event = 'page_viewed'),
clicking AS (
    SELECT user_id, product_id, sum(clicks) AS clicks, count(DISTINCT on_day) AS active_days,
           sum(clicks) FILTER (on_day > {day} - 14) AS clicks_14, {day} - max(on_day) AS silent_days
    FROM page_views WHERE on_day <= {day} GROUP BY ALL),
covered AS (SELECT DISTINCT product_id, 0 AS none FROM page_views)
SELECT enrolment, student, plan_id AS plan, module, presentation, result, registered_day, previous_attempts, credits,
       coalesce(submitted, 0) AS submitted, coalesce(due, 0) - coalesce(in_time, 0) AS missed,
       score, score_all, days_early, coalesce(banked, 0) AS banked,
       module || ' ' || CASE WHEN due IS NULL THEN 'nothing due' WHEN coalesce(submitted, 0) = 0 THEN 'silent'
           WHEN score < 50 THEN 'below 50' WHEN score < 70 THEN 'below 70' ELSE 'well' END AS standing,
       gender, region, education, imd_band, age_band, disability,
       coalesce(clicks, none) AS clicks, coalesce(active_days, none) AS active_days,
       coalesce(clicks_14, none) AS clicks_14, coalesce(silent_days, none + 60) AS silent_days,
       CAST(coalesce(out_day > {day} AND out_day <= {last}, false) AS INTEGER) AS left,
       CAST(coalesce(out_day <= {day}, false) AS INTEGER) AS gone,
       CAST(result = 'Withdrawn' AND out_day IS NULL AS INTEGER) AS undated
FROM (SELECT * FROM enrolments WHERE coalesce(registered_day, {day}) <= {day}) e
LEFT JOIN due ON due.product_id = plan_id LEFT JOIN covered ON covered.product_id = plan_id
LEFT JOIN handed_in h ON h.user_id = student AND h.product_id = plan_id
LEFT JOIN clicking c ON c.user_id = student AND c.product_id = plan_id
"""


def fail_or_withdraw(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `oulad_at_day` rows with the easier label: ``left`` is 1 for the results Fail and Withdrawn."""
    return rows.assign(left=rows["result"].isin(["Fail", "Withdrawn"]).astype(float))


def oulad_weekly(ds: Dataset, weeks: int = 36) -> pd.DataFrame:
    """Return withdrawal week by week: ``week`` (1 = days 0 to 6), ``at_risk``, ``left``, ``hazard``, all presentations.

    At risk: registered on the first day of the week and still there. Raises ValueError when ``ds`` is not OULAD.
    """
    _must_be_oulad(ds)
    return ds.con.con.sql(f"""
        SELECT week, count(*) AS at_risk, count(*) FILTER (out_day < 7 * week) AS "left", "left" / at_risk AS hazard
        FROM (SELECT coalesce(CAST(properties ->> 'date_registration' AS INTEGER), 0) AS in_day,
                     coalesce(CAST(properties ->> 'date_unregistration' AS INTEGER), 10000) AS out_day
              FROM memberships),
             range(1, {int(weeks) + 1}) AS weeks(week)
        WHERE in_day <= 7 * week - 7 AND out_day >= 7 * week - 7 GROUP BY week ORDER BY week""").df()


def _must_be_oulad(ds: Dataset) -> None:
    if ds.manifest["dataset_id"] != "oulad":
        raise ValueError(f"{ds.name} is not OULAD; open it by knowpay.open('oulad').")
