"""CDNOW: all purchases until June 1998 of the 23,570 people who first bought there in the first quarter of 1997.

Fader P. S., Hardie B. G. S. (2001). Forecasting Repeat Sales at CDNOW: A Case Study. Interfaces 31(3, part 2),
S94-S107. No terms are stated, so the files are not committed. How their columns become canonical ones:
datasets/cdnow.md.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from knowpay.collect.local import published
from knowpay.collect.public.base import File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

MASTER, SAMPLE = "CDNOW_master.txt", "CDNOW_sample.txt"
SHA256 = {
    MASTER: "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
    SAMPLE: "6fae10155c0b0ba363c2c386e30f77990d22328220efd862a5edd1443420d94a",
}


def _lines(header: bool) -> str:
    """Columns of fixed width, right-aligned and never empty: whole lines are read and split at the blanks."""
    return (
        f"(SELECT regexp_split_to_array(trim(line), '\\s+') AS f FROM read_csv({{path}}, header = {header}, "
        "columns = {'line': 'VARCHAR'}, delim = '|', quote = '', auto_detect = false))"
    )


CDNOW = PublicSet(
    name="cdnow",
    title="CDNOW master data set",
    folder="cdnow",
    source="http://www.brucehardie.com/datasets/",
    licence="none stated",
    citation="Fader P. S., Hardie B. G. S. (2001). Forecasting Repeat Sales at CDNOW: A Case Study. Interfaces 31(3, "
    "part 2), S94-S107.",
    by_hand=f"Save {MASTER} and {SAMPLE} (from CDNOW_master.zip and CDNOW_sample.zip at "
    "http://www.brucehardie.com/datasets/) in a folder cdnow of the folder that KNOWPAY_DATA names.",
    files={
        MASTER: File(SHA256[MASTER], 69_659, read=_lines(header=True)),
        SAMPLE: File(SHA256[SAMPLE], 6_919, read=_lines(header=False)),
    },
    counts={
        "people": (23_570, "SELECT count(DISTINCT f[1]) FROM src_CDNOW_master"),
        "people in the sample": (2_357, "SELECT count(DISTINCT f[2]) FROM src_CDNOW_sample"),
    },
    tables={
        "orders": """
            SELECT printf('purchase-%05d', m.rowid + 1) AS order_id, m.f[1] AS user_id,
                   strptime(m.f[2], '%Y%m%d') AT TIME ZONE 'America/New_York' AS timestamp, 'paid' AS status,
                   'cd' AS product_id, m.f[4]::DECIMAL(18,2) AS total, 'USD' AS currency,
                   json_object('cds', m.f[3]::INTEGER, 'sample', s.id, 'order_id_derived', true) AS properties
            FROM src_CDNOW_master AS m
            LEFT JOIN (SELECT DISTINCT f[1] AS user_id, f[2] AS id FROM src_CDNOW_sample) AS s ON m.f[1] = s.user_id"""
    },
    times="SELECT timestamp FROM orders",
    manifest={
        "timezone": "America/New_York",
        "currency": "USD",
        "extracted_at": "1998-07-01",
        "lawful_basis_note": "customers are numbers; published by the authors of the paper without terms",
        "constants": "orders.product_id is 'cd' and extracted_at the day after the last purchase: the files have "
        "neither; dates are days, put at midnight in New York",
    },
)


def cdnow(sample: bool = False) -> pd.DataFrame:
    """Return one row per purchase: `customer` (text), `date`, `cds` (number), `dollars`.

    Args:
        sample: only the 2,357 people (every tenth) that most papers use; 6,919 purchases instead of 69,659.

    Raises:
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    import pandas as pd

    name = SAMPLE if sample else MASTER
    text = io.BytesIO(published("cdnow", name, SHA256[name], "http://www.brucehardie.com/datasets/"))
    names = ["customer", "sample_id", "date", "cds", "dollars"] if sample else ["customer", "date", "cds", "dollars"]
    kinds = {"customer": str, "sample_id": str, "date": str}
    table = pd.read_csv(text, sep=r"\s+", names=names, dtype=kinds, skiprows=0 if sample else 1)
    return table.assign(date=pd.to_datetime(table["date"], format="%Y%m%d"))[["customer", "date", "cds", "dollars"]]
