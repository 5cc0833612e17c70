"""Who may be seen, written to, and sent something personal: the one rule that every room asks.

The rules are those of the Personal Information Protection Law of China (PIPL; articles 19, 24, 28) and of the GDPR
(articles 5, 7, 21). Engineering notes, no legal advice. The rule is SQL over the users of a data set; the data set
offers it as the views ``may_<purpose>`` and ``not_followed`` (see `views`), `reasons` as a pandas Series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from knowpay.collect.dataset import Dataset

# Why somebody is left out, in the order in which the one reason per person is chosen.
NEVER = ("erased", "waiting in quarantine", "under 14", "staff", "test account", "bot")
PURPOSES = {
    "customer": NEVER,  # counted as a customer, shown what everybody is shown
    "analysis": (*NEVER, "analysis refused"),  # behaviour is read; rows for study leave with pseudonyms
    "profile": (*NEVER, "opted out of personalisation", "analysis refused"),  # a list made for this person
    "general": (*NEVER, "marketing refused"),  # a message that is the same for all
    "personal": (*NEVER, "marketing refused", "opted out of personalisation", "analysis refused"),  # an own message
    "aggregate": (),  # counts of people: nobody is in it
    "repair": (),  # rows of the export that must be mended, by file and number: nobody is named
}  # fmt: skip


def _holds(personal_data: bool) -> dict[str, str]:
    """SQL over a row of `users` that is true where a reason holds; unknown consent is refusal for personal data."""

    def refused(column: str) -> str:
        return f"{column} IS DISTINCT FROM 'granted'" if personal_data else f"coalesce({column} = 'denied', false)"

    return {
        "erased": "deleted_at IS NOT NULL",
        "waiting in quarantine": "user_id IN (SELECT user_id FROM waiting_users)",
        "under 14": "coalesce(under_14, false)",
        "staff": "coalesce(is_staff, false)",
        "test account": "coalesce(is_test, false)",
        "bot": "coalesce(is_bot, false)",
        "marketing refused": refused("consent_marketing"),
        "opted out of personalisation": "coalesce(personalization_opt_out, false)",
        "analysis refused": refused("consent_analytics"),
    }


def views(personal_data: bool) -> dict[str, str]:
    """Return SQL of the views by name, over `users`, `events` and `waiting_users` of a data set.

    ``may_<purpose>`` for each of `PURPOSES`: ``user_id, created_at, reason``, a row per user; the reason is "" for
    those who may, else the first that holds. ``not_followed``: ``user_id`` of those whose behaviour must not be
    followed: analysis refused, a users row that waits in quarantine, and for personal data also ids that no users row
    vouches for.
    """
    holds, queries = _holds(personal_data), {}
    for purpose, names in PURPOSES.items():
        cases = " ".join(f"WHEN {holds[name]} THEN '{name}'" for name in names)
        reason = f"CASE {cases} ELSE '' END" if names else "''"
        queries[f"may_{purpose}"] = f"SELECT user_id, created_at, {reason} AS reason FROM users"
    unheard = "UNION SELECT user_id FROM events WHERE user_id NOT IN (SELECT user_id FROM users)"
    queries["not_followed"] = f"""SELECT user_id FROM users WHERE {holds["analysis refused"]}
        UNION SELECT user_id FROM waiting_users {unheard if personal_data else ""}"""
    return queries


def reasons(ds: Dataset, purpose: str, at: pd.Timestamp | None = None) -> pd.Series:
    """Return why each user may not be in something for ``purpose``, "" for those who may; index ``user_id``, sorted.

    Everybody registered before ``at`` (None = end of the observation) has exactly one: the first that holds in the
    order of `PURPOSES`. "marketing refused" and "opted out of personalisation" carry PIPL 24 and GDPR 21, "under 14"
    PIPL 28. Unknown consent is no refusal, unless the manifest says ``contains_personal_data``: then it is one. Whoever
    has a users row that waits in quarantine is refused: nobody knows what it says.

    Raises ValueError for a purpose that is not in `PURPOSES`.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"There is no purpose {purpose!r}; the purposes are {', '.join(PURPOSES)}.")
    query = f"SELECT user_id, reason FROM may_{purpose} WHERE created_at < $at ORDER BY user_id"
    rows = ds.con.con.execute(query, {"at": ds.observation_end if at is None else at}).df()
    return rows.astype(object).set_index("user_id")["reason"]
