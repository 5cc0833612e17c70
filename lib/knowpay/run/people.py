"""Who they are: people by what they paid and when they were last seen, and the kinds of lesson 06 if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from knowpay import estimate, show
from knowpay.analyse import profiles
from knowpay.collect import needs
from knowpay.collect.privacy.anonymity import suppress
from knowpay.collect.privacy.permission import reasons
from knowpay.people.audience import audience
from knowpay.people.known import log
from knowpay.people.money import contributions
from knowpay.run.money import currency
from knowpay.run.section import CannotSay, Fact, Section, say

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

RECENT_DAYS, GONE_DAYS = 30, 90  # seen within the first: active; not seen within the second: gone
BEST = 0.2  # the best-paying part of those who paid
VALUE, ACTIVITY = ("best", "paid", "never"), ("active", "quiet", "gone")
FEW = 30  # people of whom no mean is told


def people(ds: Dataset) -> Section:
    """Group everybody who may be analysed by value and activity; list those who may be written to personally.

    Raises CannotSay when nobody may be analysed.
    """
    section, unit = Section("people", "06"), currency(ds)
    table = groups(ds)
    if table.empty:
        raise CannotSay(say("people.nobody"))
    table["kind"], said = kinds(ds, table["user_id"])
    section.cannot = [said] if said else []
    counts = table.groupby(["value", "activity"], observed=False).size().unstack()
    paid = table.groupby("value", observed=False)["paid"].sum()
    part = paid["best"] / paid.sum() if paid.sum() else np.nan
    named = counts.rename(index=lambda v: say(f"people.{v}"), columns=lambda a: say(f"people.{a}"))
    best = int(counts.loc["best"].sum())
    with section.showing():
        title = say("people.title_best", part=show.write(part, "%"), n=show.write(best)) if best else _nobody_paid(ds)
        show.bars(named, title, say("people.by_value"), say("people.heads"))
        show.table(suppress(named).rename_axis(say("people.by_value")), say("people.counts"))
        if table["kind"].nunique() > 1:
            show.table(_kinds_table(table), say("people.kinds", n=table["kind"].nunique() - ("" in set(table["kind"]))))
    section.facts = _facts(table, suppress(counts).astype(float), unit)
    _decide(section, table, unit)
    section.lists = {"segments": ("personal", segments(ds, table, unit))}
    return section


def groups(ds: Dataset) -> pd.DataFrame:
    """Return everybody who may be analysed, by user: ``user_id, orders, paid, last, silent, value, activity``.

    ``paid``: the totals of their paid orders; ``last``: the last event or paid order (registration without either);
    ``silent``: days from then to the end of the observation. ``value``: "best" for the fifth of the payers who paid
    most, "paid", "never"; ``activity``: "active" (seen in the last 30 days), "quiet", "gone" (not for 90).
    """
    may = audience(ds, "analysis")[["user_id", "created_at"]]
    seen = log(ds)
    seen = seen.group_by("user_id").agg(seen=seen.timestamp.max()).to_pandas().set_index("user_id")["seen"]
    bought = contributions(ds, 0.0)
    bought = bought.group_by("user_id").agg(
        orders=bought.order_id.nunique(), paid=bought.total.sum(), ordered=bought.timestamp.max()
    )
    bought = bought.to_pandas().set_index("user_id")
    table = may.join(bought, on="user_id").fillna({"orders": 0, "paid": 0.0}).astype({"orders": int})
    moments = {
        "seen": seen.reindex(may["user_id"]).set_axis(may.index),
        "ordered": table["ordered"],
        "created": table["created_at"],
    }
    times = pd.DataFrame({name: column.astype("datetime64[us, UTC]") for name, column in moments.items()})
    last = times[["seen", "ordered"]].max(axis=1).fillna(times["created"])
    silent = ((ds.observation_end - last) / pd.Timedelta(days=1)).clip(lower=0)
    payers = table["paid"] > 0
    best = _best(table.loc[payers, "paid"]).reindex(table.index, fill_value=False)
    value = np.where(~payers, "never", np.where(best, "best", "paid"))
    activity = pd.cut(silent, [-1, RECENT_DAYS, GONE_DAYS, np.inf], labels=list(ACTIVITY))
    return table.assign(last=last, silent=silent, value=pd.Categorical(value, VALUE), activity=activity)[
        ["user_id", "orders", "paid", "last", "silent", "value", "activity"]
    ]


def _best(paid: pd.Series) -> pd.Series:
    """Which payers are of the fifth who paid most, with those who paid as much as its last one unless they are many."""
    line = paid.quantile(1 - BEST)
    best = paid >= line
    return best if best.mean() <= 2 * BEST else paid > line


def kinds(ds: Dataset, users: pd.Series) -> tuple[pd.Series, str]:
    """Return the kind of each user ("" of too few pages, or where there is one kind only), and what cannot be said.

    Kinds are the profiles of lesson 06: topics and hours, in as many groups as the gap finds; a kind is named by the
    two categories that stand out in it.
    """
    nobody = pd.Series("", users.index, dtype=object)
    if lack := needs.missing(ds, ["profiles"]):
        return nobody, say("people.no_kinds", lack=lack)
    features = profiles.features(ds)
    x = profiles.standard(features)
    k = profiles.choose(profiles.gap(x, most=6, draws=8))
    if k == 1:
        return nobody, say("people.one_kind")
    labels = pd.Series(profiles.cluster(x, k), features.index)
    topics = pd.DataFrame(x, features.index, features.columns).filter(like="topic_").groupby(labels).mean()
    names = topics.apply(lambda row: " + ".join(row.nlargest(2).index.str.removeprefix("topic_")), axis=1)
    return users.map(labels.map(names)).fillna("").astype(object), ""


def segments(ds: Dataset, table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return the list: everybody of ``table`` who may be sent something personal, each with a group and a reason."""
    may = reasons(ds, "personal")
    listed = table[table["user_id"].map(may).eq("")].reset_index(drop=True)
    group = [
        say("people.group", value=say(f"people.{value}"), activity=say(f"people.{activity}"))
        for value, activity in zip(listed["value"], listed["activity"], strict=True)
    ]
    return pd.DataFrame(
        {
            "user_id": listed["user_id"],
            "group": group,
            "kind": listed["kind"],
            "reason": [_reason(one, unit) for one in listed.itertuples()],
        }
    )


def _reason(one: Any, unit: str) -> str:
    """Say why somebody is in the group."""
    name = "people.reason_paid" if one.orders else "people.reason_never"
    said = say(name, orders=one.orders, paid=show.write(one.paid, unit), days=round(one.silent))
    return f"{said} {say('people.reason_kind', kind=one.kind)}" if one.kind else said


def _nobody_paid(ds: Dataset) -> str:
    return say("people.title_none" if ds.orders.count().to_pandas() else "people.title_no_orders")


def _kinds_table(table: pd.DataFrame) -> pd.DataFrame:
    """Heads and payers of each kind; small numbers are hidden."""
    known = table[table["kind"] != ""]
    payer = np.where(known["paid"] > 0, say("people.payers"), say("people.never"))
    return suppress(known.groupby(["kind", payer]).size().unstack(fill_value=0)).rename_axis(say("people.kind"))


def _facts(table: pd.DataFrame, known: pd.DataFrame, unit: str) -> list[Fact]:
    """``known`` are the counts without those that are too small to tell: NaN."""
    best = table[table["value"] == "best"]
    found = [
        Fact(f"people: {v}, {a}", float(known.loc[v, a]), "people", say("people.rule")) for v in VALUE for a in ACTIVITY
    ]
    if len(best) >= FEW:
        found.append(
            Fact("paid by one of the best", estimate.mean(best["paid"], unit=unit), unit, say("people.rule_best"))
        )
    return found


def _decide(section: Section, table: pd.DataFrame, unit: str) -> None:
    """Fill in the three lines: the best payers who have gone quiet come first."""
    best = table["value"] == "best"
    for activity in ("quiet", "gone"):
        target = table[best & (table["activity"] == activity)]
        if len(target) >= FEW:
            paid = estimate.mean(target["paid"], unit=unit)
            words = {"n": show.write(len(target)), "activity": say(f"people.{activity}"), "paid": show.write(paid)}
            section.do = say("people.do", **words)
            section.expect, section.change = (
                say("people.expect", **words),
                say("people.change", tenth=show.write(len(target) // 10)),
            )
            break
    else:
        section.do, section.expect, section.change = (say(f"people.{line}_few") for line in ("do", "expect", "change"))
    section.sure = say("people.sure", n=show.write(len(table)), recent=RECENT_DAYS, gone=GONE_DAYS)
