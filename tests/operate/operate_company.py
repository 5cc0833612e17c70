"""A company of a few people, each with one reason to be on a list or not."""

import pandas as pd

MORNING = pd.Timestamp("2025-03-01T10:00:00+08:00")


def at(days: float) -> str:
    """A time so many days after MORNING."""
    return (MORNING + pd.Timedelta(days=days)).isoformat()


PEOPLE = {  # user: what is special about them
    "ann": {},
    "bob": {},
    "cat": {"personalization_opt_out": True},
    "dan": {"consent_marketing": "denied"},
    "eve": {"under_14": True},
    "fay": {"is_staff": True},
    "gus": {"deleted_at": at(-3)},
    "hal": {"is_bot": True},
    "ivy": {"consent_analytics": "denied"},
    "jim": {"is_test": True},
    "kim": {"created_at": at(2)},  # not yet there
    "lou": {"personalization_opt_out": True, "consent_marketing": "denied"},
}
SEEN = [  # user, day, event, course, day of arrival
    ("ann", -1.0, "product_viewed", "c1", -1.0),
    ("ann", -1.01, "page_viewed", None, -1.01),  # the same day
    ("ann", -2.0, "product_viewed", "c1", -2.0),
    ("ann", -40.0, "product_viewed", "c2", -40.0),  # not among the last 30 days
    ("ann", -0.5, "product_viewed", "c3", 0.5),  # happened before, arrived after
    ("ann", 0.0, "product_viewed", "c3", 0.0),  # at the moment itself
    ("bob", -5.0, "page_viewed", None, -5.0),
    ("cat", -5.0, "product_viewed", "c1", -5.0),
]
SENT = [  # user, day, arm
    ("ann", -10, "message"),
    ("bob", -20, "message"), ("bob", -40, "message"), ("bob", -60, "control"), ("bob", -89, "message"),
    ("cat", -10, "control"), ("cat", -91, "message"),
]  # fmt: skip
