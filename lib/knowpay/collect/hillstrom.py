"""Hillstrom's e-mail challenge (2008): 64,000 customers drawn by lot to men's, women's or no e-mail.

Its publisher states no terms, so it is neither committed nor redistributed: the reader puts the file in place.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from pathlib import Path

import pandas as pd

from knowpay.collect import DownloadError
from knowpay.collect.store import ROOT

FILE = "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv"
SHA256 = "0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece"  # of the uncompressed bytes


def hillstrom() -> pd.DataFrame:
    """Return 64,000 rows: recency, history_segment, history, mens, womens, zip_code, newbie, channel, segment (arm),
    visit, conversion (0/1 within two weeks) and spend (USD).

    Looks in the folder that KNOWPAY_DATA names, then beside the checkout, for the CSV or its .gz.

    Raises:
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    places = [Path(os.environ["KNOWPAY_DATA"])] if os.environ.get("KNOWPAY_DATA") else []
    places.append(ROOT.parent / "shared" / "datasets")
    paths = [p / folder / name for p in places for folder in ("hillstrom", ".") for name in (f"{FILE}.gz", FILE)]
    path = next((p for p in paths if p.is_file()), None)
    if path is None:
        raise DownloadError(
            f"Hillstrom's data are not here: save {FILE} (blog.minethatdata.com, March 2008) in a folder "
            "hillstrom of the folder that KNOWPAY_DATA names."
        )
    content = path.read_bytes()
    content = gzip.decompress(content) if path.suffix == ".gz" else content
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DownloadError(f"{path.name} is not the file of 2008: its sha256 differs. Fetch it again.")
    return pd.read_csv(io.BytesIO(content))
