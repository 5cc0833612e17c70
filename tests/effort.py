"""What `make test` leaves to CI: most of the random cases, and the tests of whole processes that take longest."""

import os

import pytest

THOROUGH = os.environ.get("KNOWPAY_THOROUGH") == "1"
thorough = pytest.mark.skipif(not THOROUGH, reason="takes long: CI runs it, as does KNOWPAY_THOROUGH=1")


def cases(many: int) -> int:
    """How many random cases are drawn: `many` when thorough, else a quarter of it."""
    return many if THOROUGH else -(-many // 4)


def some(cases: list) -> list:
    """All of them when thorough, else the first and the last."""
    return cases if THOROUGH else [cases[0], cases[-1]]
