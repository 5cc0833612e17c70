"""A warning is an error: from our own files always, from libraries where asked, in a lesson when it is printed."""

import re
import tomllib
import types

import pytest
from knowpay_course import ROOT
from nbformat import NotebookNode as Output

HOOKS = ROOT / "conftest.py"


@pytest.fixture
def hooks(request):
    """The conftest.py of the checkout, which make test and pytest load."""
    return next(p for p in request.config.pluginmanager.get_plugins() if getattr(p, "__file__", "") == str(HOOKS))


@pytest.mark.parametrize(
    ("name", "text", "fails"),
    [
        ("stderr", "x.py:1: UserWarning: mind this\n", True),
        ("stderr", "0.1 WARNING | Kernel is running over TCP without encryption.\n", False),
        ("stdout", "a warning of ours\n", False),
    ],
)
def test_a_cell_that_prints_a_warning_fails(hooks, name, text, fails):
    item = types.SimpleNamespace(name="Cell 3", test_outputs=[{"name": "other"}, Output(name=name, text=text)])
    call = hooks.pytest_runtest_call(item)
    next(call)
    with pytest.raises(pytest.fail.Exception if fails else StopIteration) as said:
        call.send(None)
    assert not fails or str(said.value) == f"Cell 3 prints a warning: {text.strip()}"


def test_warnings_of_our_own_files_are_errors():
    ini = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]["ini_options"]
    (ours,) = (line.removeprefix("error:::") for line in ini["filterwarnings"] if line.startswith("error"))
    files = [path for at in ("tests/*.py", "tests/[!f]*/*.py", "book/_ext/*.py") for path in ROOT.glob(at)]
    names = {path.stem for path in files} | {"knowpay.collect.ingest", "__main__"}  # tests/fuzz is no test
    assert len(names) > 80 and [name for name in names if not re.match(ours, name)] == []
    assert not any(re.match(ours, name) for name in ("ibis.formats.pandas", "pandas", "nbformat.validator", "keras"))


@pytest.mark.parametrize(("strict", "first"), [("1", ["error"]), ("", [])])
def test_warnings_of_libraries_are_errors_where_it_is_said(hooks, monkeypatch, strict, first):
    monkeypatch.setenv("KNOWPAY_STRICT", strict)
    lines = ["ignore::DeprecationWarning:ibis"]  # the last line that fits decides
    hooks.pytest_configure(types.SimpleNamespace(getini={"filterwarnings": lines}.get))
    assert lines == [*first, "ignore::DeprecationWarning:ibis"]
