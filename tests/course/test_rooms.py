"""The order of the rooms: what may import what stands in pyproject.toml, and import-linter holds it."""

import os
import shutil
import subprocess
import sys

import pytest
from knowpay_course import ROOT

LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def held(root):
    env = {**os.environ, "PYTHONPATH": str(root / "lib"), "PYTHONUTF8": "1"}
    return subprocess.run([sys.executable, "-c", LINT], cwd=root, env=env, capture_output=True, encoding="utf-8")


def test_the_rooms_keep_their_order():
    ran = held(ROOT)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("knowpay/people/money.py", "import knowpay_course"),
        ("knowpay/collect/door.py", "from knowpay.people import money"),
        ("knowpay/world/demand.py", "from knowpay.collect import schema"),
        ("knowpay/collect/adapters/lines.py", "from knowpay.world.forms import lines"),
        ("knowpay/collect/files.py", "from knowpay.collect.adapters import lines"),
        ("knowpay/collect/ingest/load.py", "from knowpay.collect.ingest import merge"),
        ("knowpay_course/runner.py", "from knowpay_course.maintain import bench"),
        ("knowpay_course/book/pages.py", "from knowpay_course.maintain import replicate"),
    ],
)
def test_an_import_up_the_house_is_found(tmp_path, file, line):
    for folder in ("knowpay", "knowpay_course"):
        shutil.copytree(ROOT / "lib" / folder, tmp_path / "lib" / folder)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "lib" / file
    path.write_text(path.read_text("utf-8") + f"\n{line}\n", "utf-8")
    assert "BROKEN" in held(tmp_path).stdout
