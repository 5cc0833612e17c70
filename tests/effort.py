"""What `make test` leaves to CI: most of the random cases, and the tests of whole processes that take longest.

And what CI leaves to the night: every mutation of every lesson.
"""

import os

import pytest

THOROUGH = os.environ.get("KNOWPAY_THOROUGH") == "1"
NIGHTLY = os.environ.get("KNOWPAY_NIGHTLY") == "1"
thorough = pytest.mark.skipif(not THOROUGH, reason="takes long: CI runs it, as does KNOWPAY_THOROUGH=1")
nightly = pytest.mark.skipif(not NIGHTLY, reason="takes an hour: the nightly job runs it, as does KNOWPAY_NIGHTLY=1")


def cases(many: int) -> int:
    """How many random cases are drawn: `many` when thorough, else a quarter of it."""
    return many if THOROUGH else -(-many // 4)


def some(cases: list) -> list:
    """All of them when thorough, else the first and the last."""
    return cases if THOROUGH else [cases[0], cases[-1]]
