"""What a rule "send to these people" earns against sending to nobody, from touches whose arm was drawn by lot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm


class Profit(NamedTuple):
    """Incremental profit of a rule over a set of touches, yuan, with an interval."""

    yuan: float
    low: float
    high: float
    error: float  # standard error, touches of one person taken together

    def verdict(self) -> str:
        """Say what the interval allows to say."""
        return "gains" if self.low > 0 else "loses" if self.high < 0 else "cannot be told from zero"


def gains(tried: pd.DataFrame, margin: np.ndarray, cost: float) -> np.ndarray:
    """Return for each touch an unbiased estimate of what sending would add, yuan, shape (touches,).

    Inverse propensity: with p the ``propensity`` of the message, a purchase in the message arm counts 1/p times, one in
    the control arm -1/(1-p) times (Horvitz and Thompson 1952); the message costs ``cost`` whenever the rule sends.
    ``margin`` is the contribution of one purchase, yuan, shape (touches,) or a number.
    """
    p = tried["propensity"].to_numpy(dtype=float)
    count = np.where(tried["message"], 1 / p, -1 / (1 - p))
    return count * tried["bought"].to_numpy(dtype=float) * margin - cost


def profit(send: np.ndarray, gain: np.ndarray, people: pd.Series, level: float = 0.90) -> Profit:
    """Return the profit of the rule ``send`` (0/1 per touch) against nobody; ``send_a - send_b`` compares two rules.

    ``gain`` comes from `gains`, ``people`` are the users of the touches: their touches are summed before the standard
    error is taken, because one person's touches are not independent. Raises ValueError when lengths differ.
    """
    send = np.asarray(send, dtype=float)
    if not len(send) == len(gain) == len(people):
        raise ValueError(
            f"A rule, gains and people of one length are needed, got {len(send)}, {len(gain)}, {len(people)}."
        )
    each = pd.Series(send * gain).groupby(np.asarray(people)).sum().to_numpy()
    total, error = each.sum(), each.std() * np.sqrt(len(each))
    half = norm.ppf((1 + level) / 2) * error
    return Profit(float(total), float(total - half), float(total + half), float(error))


def touches_needed(found: Profit, touches: int, level: float = 0.90) -> float:
    """Return how many touches would put the interval of the same difference per touch clear of zero (half the time)."""
    return touches * (norm.ppf((1 + level) / 2) * found.error / abs(found.yuan)) ** 2 if found.yuan else float("inf")
