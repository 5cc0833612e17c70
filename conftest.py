"""Tests and lessons run in the environment that the stored outputs were built in.

What lacks its data is skipped and says so; what a lesson or our own code warns of is an error.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from knowpay.collect import public, stored
from knowpay_course.execute import ENVIRONMENT
from knowpay_course.notebooks import NOISE

os.environ.update(ENVIRONMENT)


def pytest_configure(config: pytest.Config) -> None:
    """Under KNOWPAY_STRICT=1 a warning of a library is an error too, but for the exceptions in pyproject.toml."""
    if os.environ.get("KNOWPAY_STRICT") == "1":
        config.getini("filterwarnings").insert(0, "error")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let a cell of a lesson fail that prints a warning: nbval compares what stands in the notebook only."""
    result = yield
    printed = [out.text for out in getattr(item, "test_outputs", None) or [] if out.get("name") == "stderr"]
    if said := NOISE.sub("", "".join(printed)).strip():
        pytest.fail(f"{item.name} prints a warning: {said}", pytrace=False)
    return result


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
