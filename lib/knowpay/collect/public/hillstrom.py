"""Hillstrom's e-mail challenge (2008): 64,000 customers drawn by lot to a men's, a women's or no e-mail.

Its publisher states no terms, so the file is not committed: it is read where the reader has put it, or fetched from the
publisher. How its columns become canonical ones: datasets/hillstrom.md.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from knowpay.collect.local import published
from knowpay.collect.public.base import Archive, File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

FILE = "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv"
SHA256 = "0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece"
# The file has no dates. It was published on 20 March 2008 and its outcomes are those of two weeks, so the e-mail gets
# the day two weeks earlier and every outcome the last day of the two weeks.
MAILED, COUNTED = "2008-03-06", "2008-03-19"

_ROWS = f"(SELECT *, printf('row-%05d', rowid + 1) AS user_id FROM src_{FILE.split('.')[0].replace('-', '_')})"
HILLSTROM = PublicSet(
    name="hillstrom",
    title="Hillstrom's MineThatData e-mail challenge",
    folder="hillstrom",
    source="https://blog.minethatdata.com/2008/03/minethatdata-e-mail-analytics-and-data.html",
    licence="none stated",
    citation="Hillstrom K. (2008). The MineThatData E-Mail Analytics and Data Mining Challenge. MineThatData blog, 20 "
    "March 2008.",
    archives=(Archive(f"http://www.minethatdata.com/{FILE}", SHA256, 3_964_977),),
    files={
        FILE: File(
            SHA256,
            64_000,
            columns=("segment", "visit", "conversion", "spend", "recency", "history", "newbie"),
        )
    },
    counts={
        "men's e-mail": (21_307, f"SELECT count(*) FROM {_ROWS} WHERE segment = 'Mens E-Mail'"),
        "women's e-mail": (21_387, f"SELECT count(*) FROM {_ROWS} WHERE segment = 'Womens E-Mail'"),
        "no e-mail": (21_306, f"SELECT count(*) FROM {_ROWS} WHERE segment = 'No E-Mail'"),
    },
    tables={
        "touches": f"""
            SELECT user_id AS touch_id, 'e-mail' AS campaign_id, 'e-mail' AS experiment_id, user_id,
                   'user' AS unit_type, TIMESTAMPTZ '{MAILED} 00:00:00+00' AS assigned_at, 'randomised' AS assignment,
                   CASE segment WHEN 'No E-Mail' THEN 'control' ELSE lower(replace(segment, ' ', '-')) END
                       AS variation_id, 1.0::DOUBLE / 3 AS propensity, 'email' AS channel,
                   json_object('recency', recency::INTEGER, 'history_segment', history_segment,
                       'history', history::DOUBLE, 'mens', mens::INTEGER, 'womens', womens::INTEGER,
                       'zip_code', zip_code, 'newbie', newbie::INTEGER, 'channel', channel,
                       'assigned_at_known', false) AS properties
            FROM {_ROWS}""",
        "events": f"""
            SELECT 'visit-' || user_id AS message_id, 'page_viewed' AS event,
                   TIMESTAMPTZ '{COUNTED} 00:00:00+00' AS timestamp, user_id, 'web' AS platform,
                   json_object('timestamp_known', false, 'id_derived', true) AS properties
            FROM {_ROWS} WHERE visit = '1'""",
        "orders": f"""
            SELECT 'order-' || user_id AS order_id, user_id, TIMESTAMPTZ '{COUNTED} 00:00:00+00' AS timestamp,
                   'paid' AS status, 'not recorded' AS product_id, spend::DECIMAL(18,2) AS total, 'USD' AS currency,
                   json_object('timestamp_known', false) AS properties
            FROM {_ROWS} WHERE conversion = '1'""",
    },
    times="SELECT assigned_at FROM touches UNION ALL SELECT timestamp FROM events",
    manifest={
        "timezone": "UTC",
        "currency": "USD",
        "extracted_at": "2008-03-20",  # day of the publication
        "lawful_basis_note": "no names or addresses; published by the author of the trial without terms",
        "constants": f"touches.assigned_at is {MAILED}, the time of every event and order {COUNTED}, and "
        "orders.product_id 'not recorded': the file has none of them",
    },
)


def hillstrom() -> pd.DataFrame:
    """Return 64,000 rows: recency, history_segment, history, mens, womens, zip_code, newbie, channel, segment (arm),
    visit, conversion (0/1 within two weeks) and spend (USD).

    Raises:
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    import pandas as pd

    return pd.read_csv(io.BytesIO(published("hillstrom", FILE, SHA256, "blog.minethatdata.com, March 2008")))
