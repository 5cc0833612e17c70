"""Online Retail II, first year (UCI 502): every invoice line of a UK gift shop, December 2009 to December 2010.

Chen D. (2019). Online Retail II. UCI Machine Learning Repository, doi:10.24432/C5CG6D, CC BY 4.0. How its columns
become canonical ones: datasets/online_retail_ii.md.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from knowpay.collect import DownloadError
from knowpay.collect.local import published
from knowpay.collect.public.base import File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

FILE = "online_retail_ii_2009-2010.csv"
SHA256 = "28cf26fba698f80a5c65605d454e8237978c66239d8440a6bb01dfde3155ccff"
URL = "https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip"
WORKBOOK = "bcbe73b35f5b7babf197fb0cb983a11f5d9ff929078d4aa53d171b1f2df2e980"  # sha256 of its online_retail_II.xlsx
SHEET = "Year 2009-2010"

_LINES = "src_online_retail_ii_2009_2010"
ONLINE_RETAIL = PublicSet(
    name="online_retail_ii",
    title="Online Retail II, sheet Year 2009-2010",
    folder="online_retail_ii",
    source="https://archive.ics.uci.edu/dataset/502/online+retail+ii",
    licence="CC BY 4.0",
    citation="Chen D. (2019). Online Retail II. UCI Machine Learning Repository. doi:10.24432/C5CG6D",
    by_hand=f"Unzip {URL}, run `python -m knowpay.collect.public.online_retail online_retail_II.xlsx`, and put the "
    f"{FILE} that it writes into a folder online_retail_ii of the folder that KNOWPAY_DATA names.",
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

    content = published("online_retail_ii", FILE, SHA256, f"{URL}, as datasets/online_retail_ii.md says")
    text = {"Invoice": str, "StockCode": str, "Customer ID": str}
    return pd.read_csv(io.BytesIO(content), dtype=text, parse_dates=["InvoiceDate"])


def from_workbook(workbook: Path) -> Path:
    """Write the first sheet of the publisher's workbook as the CSV file that is read here, beside it; about a minute.

    Raises:
        DownloadError: it is not the published workbook, or its lines are not those of the published sheet.
    """
    with workbook.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WORKBOOK:
            raise DownloadError(
                f"{workbook} is not the published workbook: its sha256 differs. Unzip it again from {URL}."
            )
    target = workbook.with_name(FILE)
    part = target.with_name(target.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(_rows(workbook))
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        part.unlink()
        raise DownloadError(
            f"The sheet {SHEET} of {workbook} gave other lines than the published ones ({found[:12]}…)."
        )
    os.replace(part, target)
    return target


def _rows(workbook: Path) -> Iterator[list[str]]:
    """The rows of the sheet as text: times in ISO, numbers of customers whole, prices as Python writes them."""
    main = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(workbook) as zipped:
        book = ElementTree.parse(zipped.open("xl/workbook.xml"))
        number = [sheet.get("name") for sheet in book.iter(f"{main}sheet")].index(SHEET) + 1
        strings = ElementTree.parse(zipped.open("xl/sharedStrings.xml"))
        shared = ["".join(t.text or "" for t in si.iter(f"{main}t")) for si in strings.iter(f"{main}si")]
        for _, row in ElementTree.iterparse(zipped.open(f"xl/worksheets/sheet{number}.xml")):
            if row.tag != f"{main}row":
                continue
            cells = [""] * 8
            for cell in row:
                column = ord(re.match("[A-H]", cell.get("r"))[0]) - ord("A")
                value = cell.findtext(f"{main}v", "")
                if cell.get("t") == "s":
                    cells[column] = shared[int(value)]
                elif value and column == 4:  # days since the day before 1900, as spreadsheets count
                    moment = datetime(1899, 12, 30) + timedelta(seconds=round(float(value) * 86_400))
                    cells[column] = moment.isoformat(" ")
                elif value:
                    cells[column] = repr(float(value)) if column == 5 else str(int(float(value)))
            yield cells
            row.clear()


if __name__ == "__main__":
    import sys

    print(from_workbook(Path(sys.argv[1])))
