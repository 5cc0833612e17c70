"""Online Retail II: the publisher serves a workbook; this writes its first sheet as the CSV file that is read here.

python -m knowpay.collect.public.online_retail online_retail_II.xlsx
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from knowpay.collect import DownloadError
from knowpay.collect.public import SETS

WORKBOOK = "bcbe73b35f5b7babf197fb0cb983a11f5d9ff929078d4aa53d171b1f2df2e980"  # sha256 of its online_retail_II.xlsx
SHEET = "Year 2009-2010"
FILE, SHA256 = next((name, file.sha256) for name, file in SETS["online_retail_ii"].files.items())


def from_workbook(workbook: Path) -> Path:
    """Write the first sheet of the publisher's workbook as the CSV file that is read here, beside it; about a minute.

    Raises:
        DownloadError: it is not the published workbook, or its lines are not those of the published sheet.
    """
    remedy = SETS["online_retail_ii"].remedy
    with workbook.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != WORKBOOK:
            raise DownloadError(f"{workbook} is not the published workbook: its sha256 differs. {remedy}")
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
    print(from_workbook(Path(sys.argv[1])))
