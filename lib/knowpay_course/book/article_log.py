"""The audit of the training log that the course's article prints, every figure computed from the log itself."""

from __future__ import annotations

import math

from knowpay_course.book.pages import from_template

# The log of the article's section 5.4: loss, accuracy, validation loss, validation accuracy of ten epochs.
LOG = (
    (0.8775, 0.8463, 0.6210, 0.9300),
    (0.5986, 0.9302, 0.6265, 0.9307),
    (0.5133, 0.9354, 0.6278, 0.9312),
    (0.4718, 0.9372, 0.6240, 0.9303),
    (0.4285, 0.9389, 0.6189, 0.9331),
    (0.3895, 0.9403, 0.6093, 0.9344),
    (0.3571, 0.9418, 0.5981, 0.9363),
    (0.3300, 0.9443, 0.5845, 0.9375),
    (0.3064, 0.9465, 0.5702, 0.9389),
    (0.2873, 0.9488, 0.5559, 0.9418),
)
STEPS, BATCH, SECONDS, STEP_MS = 107, 32, 14, 134


def audit() -> str:
    """The audit as a table and a sentence."""
    first_loss, first = LOG[0][2:]
    return from_template(
        "log-audit",
        training=LOG[-1][1],
        first=first,
        last=LOG[-1][3],
        first_loss=first_loss,
        lowest=min(row[2] for row in LOG),
        constant=constant_with_loss(first_loss, first),
        dull=entropy(first),
        steps=STEPS,
        batch=BATCH,
        seconds=SECONDS,
        step_ms=STEP_MS,
    )


def entropy(share: float) -> float:
    """Return the log-loss, in nats, of always predicting the share of a yes-or-no outcome."""
    return -share * math.log(share) - (1 - share) * math.log(1 - share)


def constant_with_loss(loss: float, majority: float) -> float:
    """Return the constant q < 1/2 for the rarer class whose log-loss is `loss` when the commoner has share `majority`.

    The loss falls with q until q reaches the rarer class' own share, so the larger of the two solutions is
    found by halving between that share and 1/2. Raises ValueError when there is none.
    """

    def score(q: float) -> float:
        return -majority * math.log(1 - q) - (1 - majority) * math.log(q)

    low, high = 1 - majority, 0.5
    if not score(low) <= loss <= score(high):
        raise ValueError(f"no constant below 1/2 has log-loss {loss} at a majority of {majority}")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) < loss else (low, middle)
    return (low + high) / 2
