"""What a rule "send to these people" earns against sending to nobody, from touches whose arm was drawn at random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from knowpay import estimate
from knowpay.analyse.touches import CONTROL, stands_for
from knowpay.estimate import Estimate


def verdict(profit: Estimate) -> str:
    """Say what the interval of a profit, or of a difference of two, allows to say."""
    return "gains" if profit.low > 0 else "loses" if profit.high < 0 else "cannot be told from zero"


def ipw_scores(
    assignments: pd.DataFrame,
    margin: np.ndarray | float,
    cost: float | Mapping[str, float],
    choice: Sequence[str] | np.ndarray | None = None,
) -> np.ndarray:
    """Return for each touch an unbiased estimate of what sending would add, yuan, shape (touches,).

    Inverse propensity weighting: with p the ``propensity`` of the arm drawn, a purchase after a message counts 1/p
    times, one in the control arm -1/p times (Horvitz and Thompson 1952); the message costs ``cost`` whenever the rule
    sends. ``margin`` is the contribution of one purchase, yuan, shape (touches,) or a number.

    ``choice`` names for each touch the arm that the rule would send, "control" for nobody; None sends any message of
    the campaign, each equally often (`touches.stands_for`). ``cost`` may differ by arm. Raises ValueError when an arm
    is chosen that the campaign did not draw: nothing was tried that could value it.
    """
    message, bought = assignments["message"].to_numpy(dtype=bool), assignments["bought"].to_numpy(dtype=float)
    if choice is None:
        return np.where(message, 1, -1) * stands_for(assignments) * bought * margin - cost
    arm, choice = assignments["arm"].to_numpy(dtype=object), np.asarray(choice, dtype=object)
    drawn = pd.MultiIndex.from_frame(assignments[["campaign_id", "arm"]])
    untried = ~pd.MultiIndex.from_arrays([assignments["campaign_id"], choice]).isin(drawn)
    if untried.any():
        at = int(untried.argmax())
        raise ValueError(
            f"The campaign {assignments['campaign_id'].iloc[at]} did not draw the arm {choice[at]!r}: choose another."
        )
    count = ((arm == choice) * 1.0 - ~message) / assignments["propensity"].to_numpy(dtype=float)
    paid = np.array([cost[a] for a in choice]) if isinstance(cost, Mapping) else cost
    return np.where(choice == CONTROL, 0.0, count * bought * margin - paid)


def profit(send: np.ndarray, scores: np.ndarray, people: pd.Series, unit: str = "yuan") -> Estimate:
    """Return the profit of the rule ``send`` (0/1 per touch) against nobody; ``send_a - send_b`` compares two rules.

    ``scores`` come from `ipw_scores`, in ``unit``; ``people`` are the users of the touches: their touches are summed
    before the standard error is taken, because one person's touches are not independent. Raises ValueError when lengths
    differ.
    """
    send = np.asarray(send, dtype=float)
    if not len(send) == len(scores) == len(people):
        raise ValueError(
            f"A rule, scores and people of one length are needed, got {len(send)}, {len(scores)}, {len(people)}."
        )
    each = pd.Series(send * scores).groupby(np.asarray(people)).sum().to_numpy()  # (people,)
    return estimate.from_error(each.sum(), each.std() * np.sqrt(len(each)), unit)


def touches_needed(profit: Estimate, touches: int) -> float:
    """Return how many touches would put the interval of the same difference per touch clear of zero (half the time)."""
    if not profit.value:
        return float("inf")
    return touches * (norm.ppf((1 + estimate.LEVEL) / 2) * profit.error / abs(profit.value)) ** 2
