"""Bank Marketing (UCI 222): telephone campaigns of a Portuguese bank for term deposits, May 2008 to November 2010.

Moro S., Cortez P., Rita P. (2014). A Data-Driven Approach to Predict the Success of Bank Telemarketing. Decision
Support Systems 62, 22-31, CC BY 4.0. How its columns become canonical ones: datasets/bank_marketing.md.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from knowpay.collect.local import published
from knowpay.collect.public.base import File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

FULL, ADDITIONAL = "bank-full.csv", "bank-additional-full.csv"
SHA256 = {
    FULL: "d1513ec63b385506f7cfce9f2c5caa9fe99e7ba4e8c3fa264b3aaf0f849ed32d",
    ADDITIONAL: "74adfc578bf77a7ff4bb1ba4a9f8709d9e3c6907342959c2c8416847e0afb4d8",
}
_WHERE = "bank.zip or bank-additional.zip in https://archive.ics.uci.edu/static/public/222/bank+marketing.zip"
# Day and month are given, the year is not; but the rows are in order of time from May 2008. So each step back in the
# calendar is a new year.
_CONTACTS = """(
    SELECT *, printf('row-%05d', n) AS row, make_date(2008 + year::BIGINT, month_no, day::BIGINT)::TIMESTAMP
           AT TIME ZONE 'Europe/Lisbon' AS called_at
    FROM (SELECT *, count_if(coalesce(month_no * 100 + day::INTEGER < before, false)) OVER (ORDER BY n) AS year
          FROM (SELECT *, lag(month_no * 100 + day::INTEGER) OVER (ORDER BY n) AS before
                FROM (SELECT *, rowid + 1 AS n, month(strptime(month, '%b')) AS month_no FROM src_bank_full))))"""

BANK_MARKETING = PublicSet(
    name="bank_marketing",
    title="Bank Marketing",
    folder="uci_bank_marketing",
    source="https://archive.ics.uci.edu/dataset/222/bank+marketing",
    licence="CC BY 4.0",
    citation="Moro S., Cortez P., Rita P. (2014). A Data-Driven Approach to Predict the Success of Bank Telemarketing. "
    "Decision Support Systems 62, 22-31. doi:10.1016/j.dss.2014.03.001",
    by_hand=f"Save {FULL} (from {_WHERE}) in a folder uci_bank_marketing of the folder that KNOWPAY_DATA names.",
    files={
        FULL: File(
            SHA256[FULL],
            45_211,
            columns=("age", "contact", "day", "month", "duration", "campaign", "pdays", "poutcome", "y"),
            read="read_csv({path}, all_varchar = true, header = true, delim = ';', quote = '\"')",
        )
    },
    counts={"subscribed": (5_289, "SELECT count(*) FROM src_bank_full WHERE y = 'yes'")},
    tables={
        "touches": f"""
            SELECT row AS touch_id, 'term deposit' AS campaign_id, row AS anonymous_id,
                   called_at AS assigned_at, 'unknown' AS assignment, 'called' AS variation_id, 'telephone' AS channel,
                   called_at AS exposed_at,
                   json_object('age', age::INTEGER, 'job', job, 'marital', marital, 'education', education,
                       'default', "default", 'balance', balance::INTEGER, 'housing', housing, 'loan', loan,
                       'contact', contact, 'calls', campaign::INTEGER, 'pdays', nullif(pdays::INTEGER, -1),
                       'previous', previous::INTEGER, 'poutcome', poutcome, 'duration', duration::INTEGER,
                       'subscribed', y = 'yes', 'year_derived', true) AS properties
            FROM {_CONTACTS}""",
        "events": f"""
            SELECT 'subscribed-' || row AS message_id, 'order_completed' AS event, called_at AS timestamp,
                   row AS anonymous_id,
                   json_object('product', 'term deposit', 'timestamp_known', false, 'id_derived', true) AS properties
            FROM {_CONTACTS} WHERE y = 'yes'""",
    },
    times="SELECT assigned_at FROM touches",
    manifest={
        "timezone": "Europe/Lisbon",
        "currency": "EUR",
        "extracted_at": "2010-11-30",  # not stated; the rows end in November 2010
        "lawful_basis_note": "no names; published by the authors under CC BY 4.0",
        "constants": "the year of touches.assigned_at comes from the order of the rows; a subscription gets the "
        "day of the last call; anonymous_id is the row: rows are contacts, perhaps several of one client",
    },
)


def bank_marketing(file: str = FULL) -> pd.DataFrame:
    """Return the contacts as published: "bank-full.csv" 45,211 × 17, "bank-additional-full.csv" 41,188 × 21.

    Raises:
        ValueError: `file` is neither.
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    import pandas as pd

    if file not in SHA256:
        raise ValueError(f"There is no {file!r}; there are {FULL} and {ADDITIONAL}.")
    return pd.read_csv(io.BytesIO(published("uci_bank_marketing", file, SHA256[file], _WHERE)), sep=";")
