"""The oracle: purchase probabilities, and what an order truly leaves, for the truth section of a lesson."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import catalogue, marketing
from . import settings as s
from .people import tastes


def purchase_probability(
    truth: object, user_id: Sequence[str], product_id: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (p without message, p if assigned to the message) of buying within a campaign window, paired row by row.

    It is the next campaign that is asked about: on the day after the records, at list prices, after the messages that
    each person has had, and with half of the study group written to, as in most campaigns. ``truth`` is ``ds.truth`` of
    a simulated company; ``user_id`` and ``product_id`` have equal length. Raises KeyError for an id that the company
    does not have.
    """
    u = truth.users.set_index("user_id").loc[list(user_id)]
    k = truth.courses.set_index("product_id").loc[list(product_id)]
    level = (
        s.BUY_LEVEL
        + 0.5 * s.SPILL
        + s.CARRY * u["warmth"].to_numpy()
        + s.BUY_ENGAGEMENT * u["engagement"].to_numpy()
        + s.BUY_MEANS * u["means"].to_numpy() * k["asks"].to_numpy()
        + u["edge"].to_numpy()
        + s.BUY_TASTE * np.einsum("ij,ij->i", tastes(u), catalogue.vectors(k))
        + s.BUY_QUALITY * k["quality"].to_numpy()
        + k["appeal"].to_numpy()
        - s.BUY_PRICE * u["price_sensitivity"].to_numpy() * np.log(k["price"].to_numpy() / s.REFERENCE_PRICE)
    )
    lift = u["message_effect"].to_numpy() - s.FATIGUE * u["fatigue"].to_numpy()
    return s.logistic(level), marketing.told(level, lift)


def contribution_rate(truth: object, teacher_share: float) -> float:
    """Return what a yuan of list price leaves, 0 to 1, by the simulator's own books: all course orders that were made.

    They know no export: no order waits or came twice, none is a test. ``truth`` is ``ds.truth`` of a simulated company.
    """
    sold = truth.orders[~truth.orders["membership"]].astype({"leaves": float, "listed": float})
    return float((1 - teacher_share) * sold["leaves"].sum() / sold["listed"].sum())
