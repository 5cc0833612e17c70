"""Online Retail II, first year (UCI 502): every invoice line of a UK gift shop, December 2009 to December 2010.

Chen D. (2019). Online Retail II. UCI Machine Learning Repository, doi:10.24432/C5CG6D, CC BY 4.0. How its columns
become canonical ones: datasets/online_retail_ii.md.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from knowpay.collect.local import published
from knowpay.collect.public.base import File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

FILE = "online_retail_ii_2009-2010.csv"
SHA256 = "28cf26fba698f80a5c65605d454e8237978c66239d8440a6bb01dfde3155ccff"

_LINES = "src_online_retail_ii_2009_2010"
ONLINE_RETAIL = PublicSet(
    name="online_retail_ii",
    title="Online Retail II, sheet Year 2009-2010",
    folder="online_retail_ii",
    source="https://archive.ics.uci.edu/dataset/502/online+retail+ii",
    licence="CC BY 4.0",
    citation="Chen D. (2019). Online Retail II. UCI Machine Learning Repository. doi:10.24432/C5CG6D",
    by_hand=f"Save {FILE} (UCI data set 502, sheet Year 2009-2010 as CSV) in a folder online_retail_ii of the folder "
    "that KNOWPAY_DATA names.",
    files={
        FILE: File(
            SHA256,
            525_461,
            columns=("Invoice", "StockCode", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"),
        )
    },
    counts={
        "invoices": (28_816, f"SELECT count(DISTINCT Invoice) FROM {_LINES}"),
        "people": (4_383, f'SELECT count(DISTINCT "Customer ID") FROM {_LINES}'),
        "stock codes": (4_632, f"SELECT count(DISTINCT StockCode) FROM {_LINES}"),
    },
    setup="CREATE MACRO london(t) AS CAST(t AS TIMESTAMP) AT TIME ZONE 'Europe/London';",
    tables={
        # Which sale a cancellation takes back is not given. It is kept as an order on which nothing was paid; its
        # amount is in `revenue`, so that the sum of revenue over all orders is the sum over all lines.
        "orders": f"""
            SELECT Invoice AS order_id, any_value("Customer ID") AS user_id, london(min(InvoiceDate)) AS timestamp,
                   CASE WHEN Invoice LIKE 'C%' THEN 'cancelled' ELSE 'paid' END AS status,
                   sum(Quantity::INTEGER * Price::DECIMAL(18,4))::DECIMAL(18,2) AS revenue,
                   CASE WHEN Invoice LIKE 'C%' THEN 0.00 ELSE revenue END AS total, 'GBP' AS currency,
                   json_object('country', any_value(Country), 'lines', count(*)) AS properties
            FROM {_LINES} GROUP BY Invoice""",
        "order_items": f"""
            SELECT Invoice AS order_id, row_number() OVER (PARTITION BY Invoice ORDER BY rowid) AS line_no,
                   StockCode AS product_id, Price::DECIMAL(18,4)::DECIMAL(18,2) AS price,
                   Quantity::INTEGER AS quantity, json_object('description', trim(Description)) AS properties
            FROM {_LINES}""",
    },
    times="SELECT timestamp FROM orders",
    manifest={
        "timezone": "Europe/London",
        "currency": "GBP",
        "extracted_at": "2010-12-10",  # not stated: the day after the last invoice
        "lawful_basis_note": "customers are numbers; published by the shop's researchers under CC BY 4.0",
        "constants": "extracted_at is the day after the last invoice: the file does not say when it was made",
    },
)


def online_retail() -> pd.DataFrame:
    """Return 525,461 lines: ``Invoice, StockCode, Description, Quantity, InvoiceDate, Price, Customer ID, Country``.

    Raises:
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    import pandas as pd

    content = published("online_retail_ii", FILE, SHA256, "UCI dataset 502, sheet Year 2009-2010")
    text = {"Invoice": str, "StockCode": str, "Customer ID": str}
    return pd.read_csv(io.BytesIO(content), dtype=text, parse_dates=["InvoiceDate"])


def customers(lines: pd.DataFrame) -> pd.DataFrame:
    """Return recency (days), frequency (invoices), money (pounds) of each known customer with a purchase.

    Cancellations (invoice C...), lines without customer, and lines with quantity or price of zero or less are left out.
    """
    import pandas as pd

    bought = lines[~lines["Invoice"].str.startswith("C") & (lines["Quantity"] > 0) & (lines["Price"] > 0)]
    bought = bought.dropna(subset=["Customer ID"]).assign(value=lambda d: d["Quantity"] * d["Price"])
    groups = bought.groupby("Customer ID")
    last = lines["InvoiceDate"].max()
    return pd.DataFrame(
        {
            "recency": (last - groups["InvoiceDate"].max()).dt.days,
            "frequency": groups["Invoice"].nunique(),
            "money": groups["value"].sum(),
        }
    )
