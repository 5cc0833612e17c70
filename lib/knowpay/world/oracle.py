"""The oracle: purchase probabilities of any person and course, for the truth section of a lesson."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import marketing


def purchase_probability(
    truth: object, user_id: Sequence[str], product_id: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return (p without message, p if assigned to the message) of buying within a campaign window, paired row by row.

    ``truth`` is ``ds.truth`` of a simulated company; ``user_id`` and ``product_id`` have equal length.
    Raises KeyError for an id that the company does not have.
    """
    users = truth.users.set_index("user_id").loc[list(user_id)]
    courses = truth.courses.set_index("product_id").loc[list(product_id)]
    return marketing.purchase_probability(users, courses)
