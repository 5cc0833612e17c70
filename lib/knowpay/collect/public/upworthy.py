"""Upworthy Research Archive, exploratory set: 4,873 headline tests of a news site, 22,666 variants with their clicks.

Matias J. N., Munger K., Le Quere M. A., Ebersole C. (2021). The Upworthy Research Archive, a time series of 32,487
experiments in U.S. media. Scientific Data 8:195, doi:10.1038/s41597-021-00934-7. A variant has counts and no people, so
there is no canonical form of it that does not invent them: it is read as the table it is.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from knowpay.collect.local import published
from knowpay.collect.public.base import File, PublicSet

if TYPE_CHECKING:
    import pandas as pd

FILE = "upworthy_exploratory_packages.csv"
SHA256 = "535a23dbbfa2d5a77f6328b88c994b2dacdd4677581d2dc58ccaf17535866ce1"
UPWORTHY = PublicSet(
    name="upworthy",
    title="Upworthy Research Archive, exploratory set",
    folder="upworthy_exploratory",
    source="https://osf.io/jd64p/",
    licence="CC BY 4.0 (second-hand)",
    citation="Matias J. N., Munger K., Le Quere M. A., Ebersole C. (2021). The Upworthy Research Archive, a time "
    "series of 32,487 experiments in U.S. media. Scientific Data 8:195. doi:10.1038/s41597-021-00934-7",
    by_hand=f"Save {FILE} (from https://osf.io/jd64p/, exploratory set) in a folder upworthy_exploratory of the folder "
    "that KNOWPAY_DATA names.",
    files={FILE: File(SHA256, 22_666)},
    tables={},  # a frame only
    manifest={},
    times="",
)
# Weeks (year and ISO week) in which the drawing of readers is doubtful, says the authors' correction of 2024.
DOUBTFUL = (201326, 201402)


def upworthy() -> pd.DataFrame:
    """Return one row per variant: clickability_test_id, headline, lede, excerpt, eyecatcher_id (image), impressions,
    clicks, significance, first_place, winner, test_week (201303 = week 3 of 2013), and `doubtful` (bool, by week).

    `significance` is no statistical one, and editors set `winner` and `first_place` after the test: none of the three
    is a result.

    Raises:
        DownloadError: the file is not there or has other bytes; the message says where it belongs.
    """
    import pandas as pd

    content = published(UPWORTHY.folder, FILE, SHA256, "https://osf.io/jd64p/, exploratory set")
    table = pd.read_csv(io.BytesIO(content))
    return table.assign(doubtful=table["test_week"].between(*DOUBTFUL))
