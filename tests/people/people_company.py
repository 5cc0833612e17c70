"""One hand-made company on which every room is asked the same questions: who is in it, and what they did."""

from __future__ import annotations

import pandas as pd

NOON = pd.Timestamp("2025-06-10T12:00:00+08:00")


def at(days: float) -> str:
    """A time so many days after `NOON`."""
    return (NOON + pd.Timedelta(days=days)).isoformat()


# Who may be analysed, profiled and written to, by what is special about them, when the export is personal data.
SAID = {
    "ann": {},
    "ben": {},
    "cat": {"personalization_opt_out": True},
    "dan": {"consent_marketing": "denied"},
    "eve": {"consent_analytics": "denied"},
    "fay": {"consent_analytics": "unknown"},  # unknown is a refusal where people are real
    "gus": {"consent_marketing": ""},
    "hal": {"consent_analytics": "perhaps"},  # nobody knows what that says: the row waits
    "ivy": {"is_staff": True},
    "joe": {"under_14": True},
    "kim": {"deleted_at": at(100)},
    "bot": {"is_bot": True},
}
ANALYSIS = {"ann", "ben", "cat", "dan", "gus"}
PROFILE = ANALYSIS - {"cat"}
PERSONAL = {"ann", "ben"}
LATE = {"user_id": "ann", "timestamp": at(-1.5), "received_at": at(0.5), "event": "product_viewed", "product_id": "c2"}


def events() -> list[dict]:
    """A page and a lesson of everybody, and no more."""
    seen = []
    for n, user in enumerate(SAID):
        when = {
            "user_id": user,
            "anonymous_id": f"d-{user}",
            "timestamp": at(-3 - n / 10),
            "received_at": at(-3 - n / 10),
        }
        seen += [when | {"event": "product_viewed"}, when | {"event": "lesson_started"}]
        seen.append(
            {"anonymous_id": f"d-{user}", "timestamp": at(-2.9), "received_at": at(-2.9), "event": "page_viewed"}
        )
    return seen


def orders() -> list[dict]:
    """Ann paid for c1 once; the other orders are no purchases."""
    kinds = [("ann", "paid", -20), ("ann", "created", -19), ("ben", "created", 2), ("ben", "cancelled", 2)]
    return [
        {"user_id": user, "status": status, "timestamp": at(day), "fee": "1.00", "discount": "20.00", "total": "80.00"}
        for user, status, day in kinds
    ]


def touches() -> list[dict]:
    """A campaign with three named arms at unequal odds, to everybody, twice; Ben's orders come two days later."""
    arms = [("control", 0.2), ("story", 0.3), ("coupon", 0.5)]
    sent = []
    for wave in ("k1", "k2"):
        for n, user in enumerate(SAID):
            arm, odds = arms[n % 3]
            row = {"user_id": user, "campaign_id": wave, "assigned_at": at(0), "variation_id": arm, "propensity": odds}
            sent.append(row | {"cost": 0.0 if arm == "control" else 0.2})
    return sent
