"""Who leaves: rows to learn from, each known at its own moment and answered later.

A row is one paid period of a membership; the question is asked on the day it begins and uses what had arrived by then;
the answer is known when the period and the days of grace are over.
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
TRAIN_SHARE = 0.6  # of the starts of the periods, before the cut in time
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
    paid = _periods(ds).to_pandas()
    if paid.empty:
        raise TooLittleData(
            "There are no paid months of a membership. Send a memberships table with membership_id, user_id, plan_id, "
            "period_no (1 for the first paid period), current_period_start and current_period_end."
        )
    paid = paid.sort_values(["start", "membership_id"], ignore_index=True)
    return facts(ds, _answered(paid, ds.observation_end), paid["start"])


def facts(ds: Dataset, periods: pd.DataFrame, at: pd.Series) -> pd.DataFrame:
    """Return ``periods`` with `FEATURES` as they were known at the times ``at``, one for each row.

    Only the ``start`` of a period is a moment at which its end can be foreseen; another one is for looking at leaks.
    """
    known = snapshot(ds, periods[["user_id"]].assign(at=at))
    counts = {name: known[name].astype(float) for name in ("visits_30", "visits_before", "lessons_30")}
    return periods.drop(columns=list(FEATURES), errors="ignore").assign(
        log_tenure=np.log(periods["period_no"].astype(float)),
        **counts,
        silent_days=known["recency"].clip(upper=LONG_AGO),
        registered_days=known["tenure"],
        courses_bought=known["purchases"].astype(float),
    )


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


def _answered(paid: pd.DataFrame, observation_end: pd.Timestamp) -> pd.DataFrame:
    """Say of each period whether its answer is known (``over``), and what it is (``left``)."""
    latest = paid["end"] + pd.Timedelta(days=GRACE_DAYS)
    over = latest <= observation_end
    renewed = (paid["next_start"] <= latest).fillna(False).astype(bool)
    return paid.assign(over=over, left=(~renewed).astype(float).where(over)).drop(columns="next_start")


def monthly_margin(ds: Dataset, teacher_share: float) -> float:
    """Mean contribution of a paid month, yuan: of the orders of monthly plans (`people.money.contributions`).

    Without such orders the price of the paid months stands in, before fees and refunds.
    """
    months, paid = monthly(ds), contributions(ds, teacher_share)
    left = paid.semi_join(months.select(product_id="plan_id").distinct(), "product_id").contribution.mean().to_pandas()
    if pd.isna(left):
        left = (1 - teacher_share) * months.filter(months.period_no >= 1).price.mean().to_pandas()
    return float(left)


def split_by_time(periods: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (train, test) of the periods that are over, cut at one moment.

    The cut is the `TRAIN_SHARE` quantile of the starts. Train: the answer (end and grace) was known at the cut. Test:
    the period began at or after it. Periods that straddle the cut belong to neither.
    """
    over = periods[periods["over"]]
    cut = over["start"].quantile(TRAIN_SHARE)
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
