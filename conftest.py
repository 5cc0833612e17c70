"""Tests and lessons run in the environment that the stored outputs were built in; what they warn of is an error."""

import os
from collections.abc import Generator

import pytest
from knowpay.course.execute import ENVIRONMENT
from knowpay.course.notebooks import NOISE

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
