"""Online Retail II, first year (UCI 502): every invoice line of a UK gift shop, December 2009 to December 2010."""

from __future__ import annotations

import io

import pandas as pd

from knowpay.collect.local import published

FILE = "online_retail_ii_2009-2010.csv"
SHA256 = "28cf26fba698f80a5c65605d454e8237978c66239d8440a6bb01dfde3155ccff"


def online_retail() -> pd.DataFrame:
    """Return 525,461 lines: ``Invoice, StockCode, Description, Quantity, InvoiceDate, Price, Customer ID, Country``.

    Chen D. (2019), Online Retail II, UCI Machine Learning Repository, CC BY 4.0.

    Raises DownloadError when it is not here.
    """
    content = published("online_retail_ii", FILE, SHA256, "UCI dataset 502, sheet Year 2009-2010")
    text = {"Invoice": str, "StockCode": str, "Customer ID": str}
    return pd.read_csv(io.BytesIO(content), dtype=text, parse_dates=["InvoiceDate"])


def customers(lines: pd.DataFrame) -> pd.DataFrame:
    """Return recency (days), frequency (invoices), money (pounds) of each known customer with a purchase.

    Cancellations (invoice C...), lines without customer, and lines with quantity or price of zero or less are left out.
    """
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
