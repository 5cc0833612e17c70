"""The two files of `knowpay-course replicate`: the tolerances of all checks, and how they fared on other companies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SHEET = Path("lib/knowpay/world/identifiability.csv")  # from the root of the checkout: the world hands it out as truth
COMPANIES = Path("datasets/companies.csv")
STATED = 0.99
WIDTH = 2.58  # standard deviations on either side that hold 99 % of a normal error
LEVEL = 0.01  # chance that any check at all fails when every tolerance is right


def read(path: Path) -> pd.DataFrame:
    """Read one of the two files; raises FileNotFoundError when it was not made yet."""
    import pandas as pd

    return pd.read_csv(path, dtype={"lesson": str}, keep_default_na=False)
