"""Who may be written to, how often, who is held out, and the brief that says so in plain words."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from knowpay.analyse import neighbours
from knowpay.analyse.touches import WINDOW_DAYS
from knowpay.collect.privacy.permission import reasons
from knowpay.derive import uplift
from knowpay.people.known import moment

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset
    from knowpay.estimate import Estimate

ARMS = ("message", "control")  # control is the hold-out: on the list, not written to
CAPS = ((14, 1), (90, 3))  # (days, most messages in them): a rule of the house
HOLD_OUT = 0.10


def contact_status(ds: Dataset, at: pd.Timestamp | str | None = None) -> pd.DataFrame:
    """Return ``user_id, status`` of everybody registered at ``at`` (None = end of the observation), by user.

    ``personal``: may get a message chosen for this person. ``general``: opted out of personalisation or of analysis, so
    only a message that is the same for all. Any other status is the reason why the person gets no message at all.
    The rules are those of `knowpay.collect.privacy.permission`.
    """
    at = moment(ds, at)
    personal, general = (reasons(ds, purpose, at) for purpose in ("personal", "general"))
    status = np.select([personal == "", general == ""], ["personal", "general"], general)
    return pd.DataFrame({"user_id": personal.index.to_numpy(), "status": status})


def too_often(ds: Dataset, at: pd.Timestamp | str | None = None, caps: tuple = CAPS) -> np.ndarray:
    """Return the ids of people who have had as many messages as a cap allows before ``at``; one more would break it.

    ``caps`` are pairs (days, most messages in them). Touches of the control arm are no messages.
    """
    at = moment(ds, at)
    t = ds.touches.filter((ds.touches.variation_id != "control") & ds.touches.user_id.notnull())
    t = t.filter(t.assigned_at < at.to_pydatetime()).select("user_id", "assigned_at").to_pandas()
    full: set[str] = set()
    for days, most in caps:
        sent = t.loc[t["assigned_at"] > at - pd.Timedelta(days=days), "user_id"].value_counts()
        full |= set(sent.index[sent >= most])
    return np.array(sorted(full), dtype=object)


def hold_out(user_ids: pd.Series | np.ndarray, campaign_id: str, key: str, share: float = HOLD_OUT) -> np.ndarray:
    """Return who is held out (bool): a lot drawn by a keyed hash of campaign and user.

    HMAC-SHA256 of ``campaign_id`` and the user id, read as a fraction, below ``share``. The same person and campaign
    always give the same arm, whoever computes it and however often; another campaign draws anew; without the key nobody
    can foresee the arm. Raises ValueError for an empty key or a share that is not strictly between 0 and 1.
    """
    if not key:
        raise ValueError("The hold-out needs a secret key; keep it outside the code.")
    if not 0 < share < 1:
        raise ValueError(f"The share held out must lie strictly between 0 and 1, not {share}.")

    def fraction(user: str) -> float:
        digest = hmac.new(key.encode(), f"{campaign_id}\x1f{user}".encode(), hashlib.sha256).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    return np.array([fraction(str(user)) < share for user in user_ids], dtype=bool)


def target_list(
    people: pd.DataFrame, campaign_id: str, send_at: pd.Timestamp, channel: str, key: str, share: float = HOLD_OUT
) -> pd.DataFrame:
    """Return ``people`` (user_id, product_id, reason, score) with channel, send_at and the arm, drawn by lot."""
    held = hold_out(people["user_id"], campaign_id, key, share)
    return people.assign(channel=channel, send_at=send_at, arm=np.where(held, "control", "message"))


def best_seller(ds: Dataset, products: Sequence[str], at: pd.Timestamp) -> str:
    """Return the one of ``products`` that most people opened in the 90 days before ``at``.

    Raises ValueError when nobody opened any.
    """
    recent = neighbours.interest(ds, since=at - pd.Timedelta(days=neighbours.POPULAR_DAYS), until=at)
    opened = recent.loc[recent["product_id"].isin(list(products)), "product_id"].value_counts()
    if opened.empty:
        raise ValueError(
            f"Nobody opened one of these courses in the {neighbours.POPULAR_DAYS} days before {at:%Y-%m-%d}."
        )
    return str(opened.sort_index().idxmax())


def rounds(names: int, base: float, effect: float) -> pd.DataFrame:
    """Return the smallest effect that one campaign finds, and how many find ``effect``, by the share held out.

    Shares: a tenth, three tenths, half. Columns ``one campaign finds, points`` and ``campaigns needed``; see
    `uplift.detectable` for what "find" means.
    """
    shares = (HOLD_OUT, 0.3, 0.5)
    least = pd.Series({f"{s:.0%}": uplift.detectable([names * (1 - s), names * s], base) for s in shares})
    needed = np.ceil((least / effect) ** 2).astype(int)
    return pd.DataFrame({"one campaign finds, points": 100 * least, "campaigns needed": needed})


def judgement(table: pd.DataFrame, campaigns: int) -> str:
    """Return the sentences that fix, before anything is sent, how a campaign will be judged."""
    sent, held = ((table["arm"] == arm).sum() for arm in ARMS)
    rounds = min(campaigns, 12)  # nobody waits longer than a year or so for an answer
    when = f"after {rounds} such campaigns, once and not before" if rounds > 1 else "once, when those days are over"
    if campaigns > rounds:
        when += f" ({campaigns} would be needed to see it four times in five; {rounds} may not settle it)"
    return (
        f"We compare the contribution per person of the {sent:,} who were sent a message with that of the {held:,} "
        f"held out, over the {WINDOW_DAYS} days from the sending, by the arm drawn and not by who opened it. We look "
        f"{when}. Lower end of the 90 % interval above the cost of a message: it goes on. Upper end below it: it is "
        "given up. Neither: it goes on only if the estimate is above the cost, and is called a guess."
    )


def brief(campaign_id: str, table: pd.DataFrame, left_out: pd.Series, cost: float, gain: Estimate, judge: str) -> str:
    """Return the one-page brief of a campaign in plain words, as Markdown.

    ``table`` is the target list; ``left_out`` counts people by the reason why they are not on it; ``cost`` is yuan per
    message; ``gain`` is the contribution to expect after the cost of the messages, yuan; ``judge`` is the sentence that
    fixes, beforehand, how the campaign will be judged.
    """
    sent, held = ((table["arm"] == arm).sum() for arm in ARMS)
    courses = table["product_id"].nunique()
    parts = [
        f"# Campaign {campaign_id}",
        f"**What we do.** On {table['send_at'].min():%d %B %Y} we send one message by {table['channel'].iloc[0]} to "
        f"{sent:,} people. Each reads about one of {courses} courses: the one that goes best with what this person has "
        "opened. The price is the same for everybody.",
        f"**What it costs and earns.** {sent:,} messages cost {sent * cost:,.0f} yuan. We expect {gain.value:,.0f} "
        f"yuan more than without them, after that cost; with 90 % confidence between {gain.low:,.0f} and "
        f"{gain.high:,.0f}. "
        + ("Plan with the lower figure." if gain.low > 0 else "That includes a loss: do not count on this money."),
        f"**Who gets nothing on purpose.** {held:,} people on the list, drawn by lot, are not written to. They show "
        "what would have happened anyway. Nobody writes to them until the campaign has been judged.",
        "**Who is not on the list, and why.**",
        "\n".join(f"- {reason}: {count:,}" for reason, count in left_out.items()),
        f"**How we judge it.** {judge}",
    ]
    return "\n\n".join(parts) + "\n"
