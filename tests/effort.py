"""How many random cases the tests draw: all in CI, a quarter of them in `make test`."""

import os


def cases(many: int) -> int:
    """`many` where KNOWPAY_THOROUGH=1, else a quarter of it."""
    return many if os.environ.get("KNOWPAY_THOROUGH") == "1" else -(-many // 4)


def some(cases: list) -> list:
    """All of them where KNOWPAY_THOROUGH=1, else the first and the last."""
    return cases if os.environ.get("KNOWPAY_THOROUGH") == "1" else [cases[0], cases[-1]]
