"""Lesson 00, Start here: when a bought registration pays back."""

from __future__ import annotations

import pandas as pd


def recovered(paid: pd.DataFrame, user_ids: pd.Series, horizon: int) -> pd.Series:
    """Return the contribution per head (yuan) by the end of each day 1..``horizon`` of the users given, payers or not.

    ``paid`` as `analyse.economics.contributions` returns it: an order of the first 24 hours counts on day 1.
    Raises ValueError for no users.
    """
    if not len(user_ids):
        raise ValueError("What was recovered per head needs at least one user.")
    theirs = paid[paid["user_id"].isin(user_ids) & (paid["day"] < horizon)]
    daily = theirs.groupby(theirs["day"].clip(lower=0).astype(int) + 1)["amount"].sum()
    return daily.reindex(range(1, horizon + 1), fill_value=0.0).cumsum() / len(user_ids)


def payback(curve: pd.Series, price: float) -> int:
    """Return the first day on which the curve of `recovered` has reached the price, 0 when it never does."""
    reached = curve >= price
    return int(reached.idxmax()) if reached.any() else 0
