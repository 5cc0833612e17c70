"""What was known about a person at the moment of a touch: seven columns of small integer codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from knowpay.analyse import touches
from knowpay.collect import TooLittleData
from knowpay.people.known import log
from knowpay.people.snapshot import snapshot

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset

# Lower edges of the levels 1, 2, ...; below the first edge is level 0. Behaviour is counted before the touch only.
EDGES = {
    "active": (1, 2, 4, 8),  # days with an event among the 30 before
    "interest": (0.10, 0.20, 0.35),  # share of pages in the promoted course's category, drawn to 0.1 where few
    "pages": (1, 6, 15, 40),  # course pages opened
    "alike": (1, 3, 7, 15),  # pages of the promoted course's category
    "seen": (1, 2),  # times the promoted course's own page was opened
}
COLUMNS = (*EDGES, "dear", "occupation")
THIRDS = ("quiet", "middle", "busy")
LEAST = 5  # purchases in either arm; with fewer there is nothing to compare


def load(ds: Dataset) -> pd.DataFrame:
    """Return the usable touches with what was known at their moment, one row per touch.

    Columns of ``analyse.touches.outcomes`` and `at_touch`, and ``campaign`` (1, 2, ... in order of time).

    Raises:
        TooLittleData: too little to learn from; the sentence says what is missing.
    """
    assignments = touches.outcomes(ds)
    campaigns = assignments["assigned_at"].groupby(assignments["campaign_id"]).min().rank(method="first").astype(int)
    assignments = assignments.assign(campaign=assignments["campaign_id"].map(campaigns))
    fewest = assignments.groupby("message")["bought"].sum().reindex([True, False]).fillna(0).min()
    if len(campaigns) < 3 or fewest < LEAST:
        raise TooLittleData(
            f"It has {len(campaigns)} campaigns drawn by lot and {fewest:.0f} purchases of the promoted course in the "
            f"poorer arm; 3 campaigns and {LEAST} purchases in each arm are needed."
        )
    last = split(assignments)[2]
    if not (last["message"] & last["bought"]).any():
        raise TooLittleData("In the last third of its campaigns nobody who was written to bought the promoted course.")
    return at_touch(ds, assignments)


def split(assignments: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return (learn, tune, test): first half, next sixth and last third of the campaigns, in order of time."""
    last = assignments["campaign"].max()
    a = last // 2
    b = max(a + 1, last * 2 // 3)
    parts = pd.cut(assignments["campaign"], [0, a, b, last], labels=False)
    return tuple(assignments[parts == k].reset_index(drop=True) for k in range(3))


def at_touch(ds: Dataset, assignments: pd.DataFrame) -> pd.DataFrame:
    """Return ``assignments`` (`analyse.touches.outcomes`) with ``active_days``, ``third`` and the codes of ``COLUMNS``.

    ``third`` cuts each campaign's list by active days, equal counts staying together; it is known before the message.
    ``dear`` is 1 above the median promoted price; ``occupation`` numbers the bands in alphabetical order, unknown last.
    Behaviour is what had arrived before the touch (`people.known`).
    """
    known = snapshot(ds, assignments.rename(columns={"assigned_at": "at"}))
    counts = _of_the_course(ds, assignments).astype(float).fillna(0.0)
    counts["pages"] = known["pages"].to_numpy()
    counts["active_days"] = known["active_days"].to_numpy()
    counts["interest"] = (counts["alike"] + 0.3) / (counts["pages"] + 3)
    counts["active"] = counts["active_days"]
    codes = {name: np.searchsorted(edges, counts[name], side="right") for name, edges in EDGES.items()}
    jobs = ds.users.select("user_id", "occupation_band").to_pandas().set_index("user_id")["occupation_band"]
    job = assignments["user_id"].map(jobs).fillna("~unknown")
    rank = counts["active_days"].groupby(assignments["campaign_id"].to_numpy()).rank(pct=True)
    return assignments.assign(
        active_days=counts["active_days"].astype(int).to_numpy(),
        third=pd.cut(rank, [0, 1 / 3, 2 / 3, 1], labels=list(THIRDS)).to_numpy(),
        **codes,
        dear=(assignments["price"] > assignments["price"].median()).astype(int),
        occupation=np.unique(job, return_inverse=True)[1],
    )


def _of_the_course(ds: Dataset, assignments: pd.DataFrame) -> pd.DataFrame:
    """Pages that each touch's person had opened of the promoted course's category (`alike`) and of itself (`seen`)."""
    t = ibis.memtable(assignments[["touch_id", "user_id", "product_id", "assigned_at"]])
    category = ds.courses.select("product_id", "category")
    t = t.left_join(category.rename(promoted="category"), "product_id").drop("product_id_right")
    e = log(ds)
    views = e.filter(e.event == "product_viewed").select("user_id", "product_id", "known_at")
    views = views.left_join(category, "product_id").drop("product_id_right")
    views = t.join(views.rename(page="product_id"), "user_id")
    views = views.filter(views.known_at < views.assigned_at)
    counts = views.group_by("touch_id").agg(
        alike=(views.category == views.promoted).sum(), seen=(views.page == views.product_id).sum()
    )
    return ds.con.to_pandas(counts).set_index("touch_id").reindex(assignments["touch_id"]).reset_index(drop=True)
