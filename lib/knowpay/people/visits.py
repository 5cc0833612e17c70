"""Visits: a person's events no more than half an hour apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from knowpay.collect.sessions import GAP_SECONDS
from knowpay.people.known import log, moment

if TYPE_CHECKING:
    import pandas as pd
    from ibis.expr.types import BooleanColumn, Table

    from knowpay.collect.dataset import Dataset


def opens(events: Table, by: str) -> BooleanColumn:
    """Return whether each event opens a visit: the first, or more than `GAP_SECONDS` after the one before.

    ``events`` have ``timestamp`` and ``by``, the column whose values have visits of their own.
    """
    before = events.timestamp.lag().over(ibis.window(group_by=events[by], order_by=events.timestamp))
    gap = events.timestamp.epoch_seconds() - before.epoch_seconds()
    return before.isnull() | (gap > GAP_SECONDS)


def visits(ds: Dataset, until: pd.Timestamp | str | None = None) -> Table:
    """Return the visits of people who may be analysed: ``user_id, start`` (Ibis table, lazy, in no order).

    From the events known before ``until`` (None = end of the observation).
    """
    e = log(ds)
    e = e.filter(e.known_at < moment(ds, until).to_pydatetime()).select("user_id", "timestamp")
    return e.mutate(opening=opens(e, "user_id")).filter(ibis._.opening).select("user_id", start="timestamp")
