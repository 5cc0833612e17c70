"""Touch outcomes: the window, the history, and the difference of two arms."""

from __future__ import annotations

import numpy as np
import pytest
from knowpay.analyse.touches import difference


def test_difference_and_its_error_by_hand() -> None:
    effect, error = difference([1, 0, 0, 0, 1, 1, 0, 0], [False] * 4 + [True] * 4)
    assert effect == pytest.approx(0.25)
    assert error == pytest.approx(np.sqrt(0.25 * 0.75 / 4 + 0.5 * 0.5 / 4))


def test_one_arm_is_no_difference() -> None:
    with pytest.raises(ValueError, match="both arms"):
        difference([1, 0], [True, True])
