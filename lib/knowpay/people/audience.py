"""The people that a purpose allows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pandas as pd

from knowpay.collect.privacy.permission import reasons
from knowpay.people.known import moment

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

_TABLES: WeakKeyDictionary[Dataset, dict[str, pd.DataFrame]] = WeakKeyDictionary()  # they go with their data set


def read_table(ds: Dataset, name: str) -> pd.DataFrame:
    """Return a whole table of the data set as pandas, read once however often it is asked for: not to be changed."""
    kept = _TABLES.setdefault(ds, {})
    if name not in kept:
        kept[name] = getattr(ds, name).to_pandas()
    return kept[name]


def audience(ds: Dataset, purpose: str, at: pd.Timestamp | str | None = None) -> pd.DataFrame:
    """Return the rows of ``ds.users`` of everybody who may be in something for ``purpose``, sorted by user id.

    ``purpose`` is one of `knowpay.collect.privacy.permission.PURPOSES`; people who registered at ``at`` (None = end of
    the observation) or later are not there. Raises ValueError for an unknown purpose.
    """
    why = reasons(ds, purpose, moment(ds, at))
    users = read_table(ds, "users")
    allowed = (why.reindex(users["user_id"]) == "").to_numpy(dtype=bool)
    return users[allowed].sort_values("user_id", ignore_index=True)
