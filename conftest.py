"""Tests and lessons run in the environment that the stored outputs were built in; what lacks its data is skipped."""

import os
from pathlib import Path

import pytest
from knowpay.collect import public, stored
from knowpay.course.execute import ENVIRONMENT

os.environ.update(ENVIRONMENT)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip a lesson's cell whose set is not here, and a test marked real_data("oulad") whose set is not given.

    Such a cell would show its stored output, and the comparison would be of that with itself.
    """
    for item in items:
        cell = getattr(item, "cell", None)  # nbval's
        if cell and (lack := stored.missing(stored.sets(cell))):
            item.add_marker(pytest.mark.skip(reason=stored.needs(lack)))
        wanted = [name for mark in item.iter_markers("real_data") for name in mark.args]
        if lack := [name for name in wanted if not _given(name)]:
            item.add_marker(pytest.mark.skip(reason=f"KNOWPAY_DATA has no {', '.join(lack)}"))


def _given(name: str) -> bool:
    given, place = os.environ.get("KNOWPAY_DATA"), public.where(public.LISTED[name])
    return bool(given and place) and place.is_relative_to(Path(given).expanduser())
