"""Randomised marketing touches: which can be used, what was bought after them, and the effect of an arm.

``control`` is the one reserved name of an arm. All others are messages, whatever they are called and however many a
campaign has. Frames of touches have ``message`` (bool: any arm but control) and ``propensity``, the probability of the
arm that was drawn; where a campaign drew several messages also ``messages``, how many it drew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from knowpay import estimate

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from knowpay.collect.dataset import Dataset
    from knowpay.estimate import Estimate

CONTROL = "control"
RANDOMISED = ("randomised", "stratified")
WINDOW_DAYS = 14


def outcomes(ds: Dataset, window_days: int = WINDOW_DAYS) -> pd.DataFrame:
    """Return one row per usable touch of plain messages, controls included, in order of time and id.

    As `offers`, but where a campaign drew messages with a discount beside others, those with it are left out: a lower
    price is another treatment. The propensities are those among the arms that stay.
    """
    rows = offers(ds, window_days)
    return among(rows, ~_dearer(rows))


def _dearer(rows: pd.DataFrame) -> pd.Series:
    """Which touches carry a discount in a campaign that has messages without one."""
    plain = (rows["message"] & ~rows["discounted"]).groupby(rows["campaign_id"]).transform("any")
    return rows["discounted"] & plain


def among(rows: pd.DataFrame, keep: pd.Series) -> pd.DataFrame:
    """Return the touches to ``keep``, whole arms of each campaign, with their propensities given that one of these was
    drawn, and ``messages`` counted anew.

    With two arms or more kept, P(arm | kept) = P(arm) / sum of P over the kept arms of campaign and stratum.
    """
    kept = rows[keep].reset_index(drop=True)
    stratum = kept["stratum"].fillna("") if "stratum" in kept else pd.Series("", kept.index)
    by = [kept["campaign_id"], stratum]
    odds = kept["propensity"].groupby([*by, kept["arm"]]).mean()
    total = odds.groupby(level=[0, 1]).sum()
    some = ~keep.groupby(rows["campaign_id"]).all()  # campaigns that lose an arm; the others stay as they are
    lost = kept["campaign_id"].map(some).to_numpy(bool)
    share = total.reindex(pd.MultiIndex.from_arrays(by)).to_numpy(dtype=float)
    return kept.assign(
        propensity=np.where(lost, kept["propensity"] / share, kept["propensity"]),
        messages=kept["arm"].where(kept["arm"] != CONTROL).groupby(kept["campaign_id"]).transform("nunique"),
    )


def offers(ds: Dataset, window_days: int = WINDOW_DAYS) -> pd.DataFrame:
    """Return one row per usable touch, controls included, in order of time and id.

    Columns: ``touch_id, campaign_id, user_id, product_id`` (the promoted course), ``assigned_at, stratum, arm,
    message`` (bool), ``propensity`` (the probability of the arm drawn), ``cost`` (yuan), ``price`` (yuan), ``bought``
    (a paid order of that course within ``window_days`` of the assignment), ``messages`` (arms of the campaign but
    control) and ``discounted`` (the message promised a lower price).

    Usable are touches of people who may be sent something personal, whose arm was drawn at random for each person at
    known odds, in campaigns for a course with a control and a message, watched for the whole window. `left_out` counts
    the others.
    """
    rows = _judged(ds, window_days)
    t = ibis.memtable(rows.loc[rows["reason"] == "", ["touch_id", "user_id", "product_id", "assigned_at"]])
    paid = ds.con.table("paid_orders").select("user_id", "product_id", paid_at="timestamp")
    hits = t.join(paid, ["user_id", "product_id"]).filter(
        lambda j: (j.paid_at >= j.assigned_at) & (j.paid_at < j.assigned_at + ibis.interval(days=window_days))
    )
    bought = set(ds.con.to_pandas(hits.select("touch_id"))["touch_id"])
    rows = rows[rows["reason"] == ""].sort_values(["assigned_at", "touch_id"], ignore_index=True)
    keys = ["touch_id", "campaign_id", "user_id", "product_id", "assigned_at", "stratum"]
    return rows.assign(
        message=rows["arm"] != CONTROL,
        propensity=rows["propensity"].astype(float),
        cost=rows["cost"].fillna(0.0),
        bought=rows["touch_id"].isin(bought),
        messages=rows["arm"].where(rows["arm"] != CONTROL).groupby(rows["campaign_id"]).transform("nunique"),
    )[[*keys, "arm", "message", "propensity", "cost", "price", "bought", "messages", "discounted"]]


def left_out(ds: Dataset, window_days: int = WINDOW_DAYS) -> pd.Series:
    """Return how many touches `outcomes` cannot use, by the first reason that holds, the most first."""
    reason = _judged(ds, window_days)["reason"]
    return reason[reason != ""].value_counts().rename("touches")


def _judged(ds: Dataset, window_days: int) -> pd.DataFrame:
    """All touches with ``reason``: why `outcomes` cannot use them, "" where it can."""
    rows = _touches(ds, window_days).to_pandas()
    usable = rows["reason"] == ""
    control = (rows["arm"] == CONTROL).where(usable)
    kinds = control.groupby(rows["campaign_id"]).transform("nunique")
    lacks = np.where(rows["arm"] == CONTROL, "the campaign has no message arm", "the campaign has no control arm")
    return rows.assign(reason=rows["reason"].where(~usable | (kinds == 2), lacks))


def _touches(ds: Dataset, window_days: int) -> Table:
    t, may = ds.touches, ds.con.table("may_personal").select("user_id", may="reason")
    t = t.left_join(may, "user_id").drop("user_id_right")
    t = t.left_join(ds.courses.select(creative="product_id", price="price"), "creative").drop("creative_right")
    last = ds.observation_end - pd.Timedelta(days=window_days)
    reason = ibis.cases(
        (t.assignment.isin(("cluster_randomised", "switchback")), "drawn for groups of people, or for periods"),
        (t.assignment.notin(RANDOMISED), "not drawn at random"),
        ((t.propensity.isnull()) | (t.propensity <= 0) | (t.propensity >= 1), "the odds of the draw are not known"),
        (t.creative.isnull(), "promotes no course"),
        (t.user_id.isnull(), "no user id"),
        (t.may.isnull(), "not a user of this company"),
        (t.may != "", "the person may not be sent something personal"),
        (t.assigned_at > last, f"watched for less than {window_days} days"),
        else_="",
    )
    return t.select(
        *("touch_id", "campaign_id", "user_id", "assigned_at", "stratum", "propensity", "cost", "price"),
        arm="variation_id",
        product_id="creative",
        discounted=(t.offer_discount > 0).fill_null(False) | t.coupon.notnull(),
        reason=reason,
    )


def contrast(rows: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Return the touches of ``arm`` and the controls of the campaigns that drew it: everything below then speaks of it.

    ``rows`` come from `outcomes`. Raises ValueError when no campaign drew the arm, or for the control.
    """
    if arm == CONTROL or not (rows["arm"] == arm).any():
        named = ", ".join(sorted(set(rows["arm"]) - {CONTROL})) or "none"
        raise ValueError(f"No campaign drew the arm {arm!r} as a message; the arms are {named}.")
    campaigns = rows.loc[rows["arm"] == arm, "campaign_id"].unique()
    rows = rows[rows["campaign_id"].isin(campaigns)].reset_index(drop=True)
    return among(rows, rows["arm"].isin([arm, CONTROL]))


def stands_for(rows: pd.DataFrame) -> np.ndarray:
    """Return how many people of the list each touch stands for in its arm, shape (touches,).

    Somebody drawn with probability p stands for 1/p people (Horvitz and Thompson 1952). The messages of a campaign
    share its list in equal parts, so that a campaign with several of them counts no more than one with one.
    """
    several = rows.get("messages", 1)
    share = np.where(rows["message"], 1 / np.maximum(several, 1), 1.0)
    return share / rows["propensity"].to_numpy(dtype=float)


def weights(rows: pd.DataFrame) -> np.ndarray:
    """Return how much each touch counts, shape (touches,): 1 where all draws had the same odds.

    `stands_for`, scaled so that the messages, and the controls, each sum to their *effective* number of people,
    (sum of weights)^2 / sum of squares (Kish 1965): the size of an even draw with the same error.
    """
    message, weight = rows["message"].to_numpy(dtype=bool), stands_for(rows)
    for arm in (message, ~message):
        if arm.any():
            weight[arm] *= weight[arm].sum() / (weight[arm] ** 2).sum()
    return weight


def effective(rows: pd.DataFrame) -> list[float]:
    """Return the effective numbers of people, of the messages first, then of the controls; see `weights`."""
    weight, message = weights(rows), rows["message"].to_numpy(dtype=bool)
    return [float(weight[message].sum()), float(weight[~message].sum())]


def rate(rows: pd.DataFrame, column: str, message: bool) -> float:
    """Return the mean of ``column`` had everybody in ``rows`` been sent a message, or nobody (Hájek's weighted mean).

    Raises ValueError when that arm is empty.
    """
    arm = rows["message"].to_numpy(dtype=bool) == message
    if not arm.any():
        raise ValueError("A difference needs people in both arms: this list has only one.")
    return float(np.average(rows[column].to_numpy(dtype=float)[arm], weights=weights(rows)[arm]))


def difference(rows: pd.DataFrame, column: str) -> Estimate:
    """Return the difference of the arms' means of ``column``, message - control, in the unit of the column.

    ``rows`` come from `outcomes` or `contrast`. The means are weighted (`rate`), so that draws of unequal odds do not
    pass for an effect. The error is that of two weighted means by linearisation; touches of one ``user_id`` are taken
    together where the column is there. Raises ValueError when an arm is empty.
    """
    y, message, weight = rows[column].to_numpy(dtype=float), rows["message"].to_numpy(dtype=bool), weights(rows)
    means = {arm: rate(rows, column, arm) for arm in (True, False)}
    total = np.where(message, weight[message].sum(), weight[~message].sum())  # (touches,)
    part = np.where(message, 1, -1) * weight * (y - np.where(message, means[True], means[False])) / total
    if "user_id" in rows:
        part = pd.Series(part).groupby(rows["user_id"].to_numpy()).sum().to_numpy()  # (people,)
    return estimate.from_error(means[True] - means[False], np.sqrt((part**2).sum()))


def odds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the probability of each arm for each touch, shape (touches, arms), 0 for an arm that its campaign lacks.

    A touch tells the odds of the arm drawn. With two arms the rest is the other's; with more, the odds of an arm are
    those of the touches that drew it in the same campaign and stratum (nan where there are none).
    """
    arms = sorted(set(rows["arm"]))
    by = [rows["campaign_id"], rows["stratum"].fillna("")]
    table = pd.DataFrame(0.0, index=rows.index, columns=arms)
    several = rows.groupby("campaign_id")["arm"].transform("nunique") > 2
    for arm in arms:
        drew = rows["arm"] == arm
        has = drew.groupby(rows["campaign_id"]).transform("any")
        same = rows["propensity"].where(drew).groupby(by).transform("mean")
        two = rows["propensity"].where(drew, 1 - rows["propensity"])
        table[arm] = np.where(has, np.where(several, same, two), 0.0)
    return table


def sample_ratio(rows: pd.DataFrame) -> float:
    """Return the p-value of the sample ratio test: was every message drawn as often as its odds promise?

    Two-sided, from the standardised sum of (drawn - odds) of each message; with several messages the smallest p-value
    times their number (Bonferroni), at most 1. ``rows`` come from `outcomes`.
    """
    from scipy.stats import norm

    p = odds(rows).drop(columns=CONTROL)
    z = [(rows["arm"].eq(arm) - p[arm]).sum() / np.sqrt((p[arm] * (1 - p[arm])).sum()) for arm in p]
    return float(min(1.0, len(z) * 2 * norm.sf(np.abs(z).max())))
