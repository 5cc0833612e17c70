"""Lesson 10, who leaves: facts counted a second time, and OULAD: a row for each enrolment on a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from knowpay import estimate

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset
    from knowpay.estimate import Estimate
    from sklearn.pipeline import Pipeline

NUMBERS = (
    "registered_day", "previous_attempts", "credits", "submitted", "missed", "score", "days_early", "banked",
)  # fmt: skip
KINDS = ("standing", "module", "gender", "region", "education", "imd_band", "age_band", "disability")
CLICKS = ("clicks", "active_days", "clicks_14", "silent_days")


def lessons(ds: Dataset, user_id: str, since: pd.Timestamp) -> pd.DataFrame:
    """Return the lessons that a person finished since then: ``happened, arrived`` (when it happened, where unknown)."""
    e = ds.events.filter(ds.events.event == "lesson_completed", ds.events.user_id == user_id)
    hers = _arrivals(e.select("timestamp", "received_at").to_pandas())
    return hers[hers["timestamp"] >= since].rename(columns={"timestamp": "happened"})


def _arrivals(events: pd.DataFrame) -> pd.DataFrame:
    late = events["received_at"] > events["timestamp"]
    return events.assign(arrived=events["timestamp"].where(~late, events["received_at"]))


def without_note(ds: Dataset, periods: pd.DataFrame) -> np.ndarray:
    """Weights of months that make them months without the note against leaving, which went to half of those listed.

    A month with a note counts 0, one drawn for no note counts also for those (1 / its propensity), any other 1.
    """
    drawn = ds.touches.filter(ds.touches.experiment_id == "note")
    drawn = drawn.select("user_id", "assigned_at", "variation_id", "propensity").to_pandas()
    pairs = periods[["membership_id", "user_id", "start", "end"]].merge(drawn, on="user_id")
    pairs = pairs[(pairs["assigned_at"] >= pairs["start"]) & (pairs["assigned_at"] < pairs["end"])]
    counts = (pairs["variation_id"] == "control") / pairs["propensity"].astype(float)
    counts = counts.groupby(pairs["membership_id"]).first()
    return periods["membership_id"].map(counts).astype(float).fillna(1.0).to_numpy()


def mean_over(draws: np.ndarray, spread: np.ndarray, rows: pd.DataFrame) -> Estimate:
    """Mean over ``rows`` of a forecast of each: that itself and then draws of it, (1 + draws, rows). Of no row nan.

    Its error joins that of the draws and of the members themselves, whose own rates or stakes lie ``spread``, (rows,),
    apart; the rows of one ``user_id`` share hers.
    """
    if not len(rows):
        return estimate.from_error(np.nan, np.nan)
    means, hers = draws.mean(axis=1), pd.Series(spread).groupby(rows["user_id"].to_numpy()).sum()
    members = np.sqrt((hers**2).sum()) / len(rows)
    return estimate.from_error(means[0], float(np.hypot(means[1:].std(), members)))


def break_even(cost: float, stake: Estimate) -> Estimate:
    """Return the save rate at which calls bring what they cost, when each has this ``stake`` (delta method)."""
    rate = cost / stake.value
    return estimate.from_error(rate, rate * stake.error / stake.value)


def totals(a_call: Estimate, called: np.ndarray) -> tuple[Estimate, Estimate]:
    """Return what calls to those ``called``, (members,) of True and False, bring: in all, and per 1,000 members."""
    return a_call * int(called.sum()), a_call * (1000 * called.mean() if len(called) else 0.0)


def own_rates(truth: object | None, rows: pd.DataFrame) -> pd.Series:
    """Return the own rate of the member of each row, by ``membership_id``; nan where there is no truth."""
    rates = {} if truth is None else truth.memberships.set_index("membership_id")["hazard"]
    return rows["membership_id"].map(rates).astype(float)


def of_best(worth: pd.Series, called: pd.Series) -> float:
    """Return what calls to those ``called`` are worth, per cent of what calls to all with a positive worth are."""
    return float(100 * worth[called].sum() / worth.clip(lower=0).sum())


def apart(parts: list[pd.DataFrame], recounted: pd.DataFrame, name: str) -> int:
    """Return in how many rows of ``parts`` a column differs from what `recount` says of the same ``membership_id``."""
    rows = pd.concat(parts)
    again = recounted.loc[rows["membership_id"], name].to_numpy(dtype=float)
    return int((~np.isclose(rows[name].to_numpy(dtype=float), again)).sum())


def recount(ds: Dataset, periods: pd.DataFrame, at: str) -> pd.DataFrame:
    """Count facts and answers of `churn.person_periods` again, by plain pandas from the raw tables.

    One row for each ``membership_id``, in the order of ``periods``: ``lessons_30``, ``silent_days`` as known at the
    moment ``at`` of the month ("start", "end"), ``left`` as there, and ``first_year``: 1 when the member left in one of
    her first twelve months, and had not left before; ``from_4``: in the fourth to the twelfth.
    """
    who, day = periods["user_id"].unique().tolist(), pd.Timedelta(days=1)
    events = ds.events.filter(ds.events.user_id.isin(who)).select("user_id", "event", "timestamp", "received_at")
    asked = periods[["membership_id", "user_id", "start", "end"]]
    known = asked.merge(_arrivals(events.to_pandas()), on="user_id").query(f"arrived < {at}")
    known = known.assign(ago=(known[at] - known["timestamp"]) / day)
    recent = known[(known["event"] == "lesson_completed") & (known["ago"] <= 30)]
    paid = ds.memberships.filter(ds.memberships.interval == "month", ds.memberships.period_no >= 1)
    begun = paid.select("user_id", begun="current_period_start").to_pandas()
    pairs = asked.merge(begun, on="user_id")
    renewed = pairs[(pairs["begun"] > pairs["start"]) & (pairs["begun"] <= pairs["end"] + 7 * day)]
    rows = periods.set_index("membership_id")
    created = ds.users.select("user_id", "created_at").to_pandas().drop_duplicates("user_id").set_index("user_id")
    since = (rows[at] - rows["user_id"].map(created["created_at"])) / day  # for somebody without an event
    silent = known.groupby("membership_id")["ago"].min().reindex(rows.index).fillna(since)
    gone = pd.Series(~rows.index.isin(renewed["membership_id"]), rows.index).astype(float)
    gone = gone.where(rows["end"] + 7 * day <= ds.observation_end)
    before = pairs[pairs["begun"] < pairs["start"]].groupby("membership_id").size().reindex(rows.index, fill_value=0)
    return pd.DataFrame(
        {
            "lessons_30": recent.groupby("membership_id").size().reindex(rows.index, fill_value=0),
            "silent_days": silent.clip(upper=180),
            "left": gone,
            "first_year": gone.where(before < 12, 0.0),
            "from_4": gone.where((before < 12) & (before >= 3), 0.0),
        }
    )


def at_day(ds: Dataset, day: int, horizon: int | None = None, keep_gone: bool = False) -> pd.DataFrame:
    """Return one row per OULAD enrolment still registered on ``day`` (0 = start of the course), sorted by id.

    ``left`` is 1 when the learner unregistered after ``day`` (within ``horizon`` days, if given), ``result`` the final
    result (an answer, never a feature), ``gone`` 1 for those who had left by ``day``, who are there only with
    ``keep_gone``, ``run`` the module and presentation. `NUMBERS`, `KINDS` and `CLICKS` use nothing that happened after
    ``day``: registration, submissions of this attempt and banked ones, demographics, clicks (missing for presentations
    without a click table). ``score`` is the mean over assessments that count: one of weight 0 may be marked 0 or 1,
    which ``score_all`` takes in. ``standing`` crosses the module with the state of what was due; handed in without a
    mark that counts is "well".

    Registrations dated after ``day`` are left out. A withdrawal without a date counts as not left, because nobody knows
    when it happened; ``undated`` marks it. Raises ValueError when ``ds`` is not OULAD.
    """
    _must_be_oulad(ds)
    sql = _AT_DAY.format(day=int(day), last=10_000 if horizon is None else int(day) + int(horizon))
    rows = ds.con.con.sql(sql + ("" if keep_gone else " WHERE gone = 0") + " ORDER BY enrolment").df()
    numbers = [*NUMBERS, *CLICKS, "score_all", "left", "gone", "undated"]
    rows[numbers] = rows[numbers].astype(float)
    return rows.astype(dict.fromkeys(("presentation", *KINDS), object)).fillna(dict.fromkeys(KINDS, "?"))


_AT_DAY = """
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
SELECT enrolment, student, plan_id AS run, module, presentation, result, registered_day, previous_attempts, credits,
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
    """Return `at_day` rows with the easier label: ``left`` is 1 for the results Fail and Withdrawn."""
    return rows.assign(left=rows["result"].isin(["Fail", "Withdrawn"]).astype(float))


def weekly(ds: Dataset) -> pd.DataFrame:
    """Return withdrawal week by week: ``week`` (1 = days 0 to 6), ``at_risk``, ``left``, ``hazard``, all presentations.

    At risk: registered on the first day of the week and still there. Raises ValueError when ``ds`` is not OULAD.
    """
    _must_be_oulad(ds)
    return ds.con.con.sql("""
        SELECT week, count(*) AS at_risk, count(*) FILTER (out_day < 7 * week) AS "left", "left" / at_risk AS hazard
        FROM (SELECT coalesce(CAST(properties ->> 'date_registration' AS INTEGER), 0) AS in_day,
                     coalesce(CAST(properties ->> 'date_unregistration' AS INTEGER), 10000) AS out_day
              FROM memberships),
             range(1, 37) AS weeks(week)
        WHERE in_day <= 7 * week - 7 AND out_day >= 7 * week - 7 GROUP BY week ORDER BY week""").df()


def forecast(model: Pipeline, rows: pd.DataFrame, cut: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Fit ``model`` to rows whose ``presentation`` comes before ``cut``; return the rows of ``cut`` and their risks."""
    before, then = rows[rows["presentation"] < cut], rows[rows["presentation"] == cut].reset_index(drop=True)
    return then, model.fit(before, before["left"]).predict_proba(then)[:, 1]


def _must_be_oulad(ds: Dataset) -> None:
    if ds.manifest["dataset_id"] != "oulad":
        raise ValueError(f"{ds.name} is not OULAD; open it by knowpay.open('oulad').")
