"""Records of checks as a lesson would leave them, for tests of what reads them."""

from knowpay.show.checks import AGREES, CAN_TELL, Check, Exact, Quality


def check(name="gain", estimate=1.0, truth=1.0, error=0.1, wrong=0.0, lesson="12_formula", unit="yuan"):
    """A check against the answer of doing nothing."""
    gap = abs(truth - wrong)
    return Check(
        lesson=lesson,
        name=name,
        estimate=estimate,
        error=error,
        truth=truth,
        rival="no effect",
        wrong=wrong,
        unit=unit,
        holds=abs(estimate - truth) <= AGREES * error,
        tells=gap > 0 and gap >= CAN_TELL * error,
    )


def exact(name="rows", found=5.0, expected=5.0, lesson="01_collect"):
    return Exact(lesson=lesson, name=name, found=found, expected=expected, unit="rows", holds=found == expected)


def quality(name="plan", value=0.8, low=0.6, high=1.0, lesson="18_plan"):
    return Quality(lesson=lesson, name=name, value=value, low=low, high=high, holds=low <= value <= high)
