"""Lessons on a computer that lacks their data: built, run, compared and bound with the outputs that were stored."""

import json
import os
import subprocess
import sys

import pytest
from effort import thorough
from knowpay.collect import stored
from knowpay.collect.public import LISTED
from knowpay_course import ROOT, CourseError, execute
from knowpay_course import notebooks as pairs
from knowpay_course.build import build
from knowpay_course.lesson import lessons
from nbformat.v4 import new_output

((FILE, SHA256),) = ((name, file.sha256) for name, file in LISTED["upworthy"].files.items())
CELLS = f"""# %%
import contextlib
import os
from pathlib import Path
import knowpay
with contextlib.suppress(ValueError):
    knowpay.open("nothing")  # the door is open: from here on cells are watched

# %% data="upworthy"
text = Path(os.environ["KNOWPAY_DATA"], "upworthy_exploratory", "{FILE}").read_text()

# %% data="upworthy" tags=["nbval-check-output"]
print(text)
import IPython.display
IPython.display.display(IPython.display.Markdown("*words*"))

# %% tags=["nbval-check-output"]
print("after")
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """data("rows") puts a set in place, data(None) takes it away."""
    file = tmp_path / "data" / "upworthy_exploratory" / FILE
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))

    def put(rows):
        file.unlink(missing_ok=True)
        if rows is not None:
            file.write_text(rows, encoding="utf-8")

    return put


def built(root, data, rows):
    data(rows)
    build((), root)
    return (root / "notebooks" / "00_demo.ipynb").read_text("utf-8")


def test_a_build_without_the_data_keeps_outputs_and_their_day(school, data):
    root = school(**{"00_demo": CELLS})
    first = built(root, data, "17 rows")
    cells = json.loads(first)["cells"]
    (silent, prints) = [cell for cell in cells if stored.sets(cell)]
    assert prints["metadata"]["as_run"]["sha256"] == {"upworthy": SHA256[:12]} and silent["outputs"] == []
    old = first.replace(prints["metadata"]["as_run"]["date"], "2020-02-02")
    (root / "notebooks" / "00_demo.ipynb").write_text(old, encoding="utf-8", newline="\n")
    assert built(root, data, None) == old  # not run, not marked, nothing lost
    assert built(root, data, "17 rows") == old  # run, and nothing new
    new = built(root, data, "18 rows")
    assert "18 rows" in new and new.count("2020-02-02") == 1  # the cell that prints has a new day, the silent one not
    assert pairs.disagreements((), root) == []


def test_a_run_without_the_data_shows_the_stored_outputs_and_goes_on(school, data, tmp_path):
    root = school(**{"00_demo": CELLS})
    built(root, data, "17 rows")
    data(None)
    out = tmp_path / "out.ipynb"
    (lesson,) = lessons((), root)
    (done,) = execute.execute([execute.Task("00_demo", lesson.source, out, root / "notebooks", {"seed": 3})])
    assert done.error == ""
    silent, shown, after = pairs.read(out).cells[-3:]
    assert "This cell prints nothing." in silent.outputs[0].data["text/plain"]
    mark, printed, words = shown.outputs
    assert (
        mark.data["text/plain"].startswith("As run on ") and "is world:standard with seed 0" in mark.data["text/plain"]
    )
    assert printed.text == "17 rows\n" and words.data["text/markdown"] == "*words*"
    assert after.outputs[0].text == "after\n"


def test_a_cell_that_was_never_run_with_its_data_says_so(school, data, tmp_path):
    root = school(**{"00_demo": CELLS})
    old = built(root, data, "17 rows")
    data(None)
    (lesson,) = lessons((), root)
    lesson.source.write_text(lesson.source.read_text("utf-8").replace("print(text)", "print(text[:2])"), "utf-8")
    with pytest.raises(CourseError, match="cell 5 needs upworthy: knowpay data get upworthy, then build again"):
        build((), root)
    assert lesson.notebook.read_text("utf-8") == old
    out = tmp_path / "out.ipynb"
    (done,) = execute.execute([execute.Task("00_demo", lesson.source, out, root / "notebooks", {})])
    assert done.error == "" and "has no stored output" in pairs.read(out).cells[-2].outputs[0].data["text/plain"]


@thorough
def test_the_comparison_skips_the_cell_and_runs_the_rest(school, data):
    root = school(**{"00_demo": CELLS})
    built(root, data, "17 rows")
    plugins = ["-p", "nbval.plugin", "-p", "conftest", "-p", "no:cacheprovider"]
    command = ["-m", "pytest", "-ra", *plugins, "--nbval-lax", "--nbval-current-env"]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def compared(rows):
        data(rows)
        notebook = str(root / "notebooks" / "00_demo.ipynb")
        ran = subprocess.run(
            [sys.executable, *command, notebook], cwd=ROOT, env=env, capture_output=True, text=True, encoding="utf-8"
        )
        return ran.returncode, ran.stdout

    status, said = compared(None)
    assert status == 0 and "3 passed, 2 skipped" in said
    assert "needs upworthy: knowpay data get upworthy" in said
    assert compared("17 rows")[0] == 0
    assert compared("18 rows")[0] == 1  # with the data it is compared


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ('# %% data="upworthy"\na = 1\n# %%\nprint(a)', "cell 4 uses a, made from upworthy"),
        ('# %% data="upworthy"\na = 1\n# %% data="cdnow"\nb = a', "cell 4 uses a, made from upworthy"),
        ('# %% data="upworthy"\nimport numpy as np\n# %%\nnp.ones(1)', "cell 4 uses np"),
        ('# %% data="upworthy"\na = 1\n# %%\na = a + 1', "cell 4 uses a"),
        ('# %% data="upworthy"\na = 1\n# %%\na += 1', "cell 4 uses a"),
        ('# %% data="upwrothy"\na = 1', "cell 3 names upwrothy, which is no public data set"),
        ('# %% data="upworthy"\na = 1\n# %% data=["cdnow", "upworthy"]\nprint(a)', ""),
        ('# %% data="upworthy"\na = 1\n# %%\na = 2\n# %%\nprint(a)', ""),
        ('# %% data="upworthy"\nn = [a for a in "x"]\n# %%\nprint([n for n in "y"], (lambda n: n)(1))', ""),
        ('# %% data="upworthy"\nfor a in "x": a\n# %%\nfor a in "y":\n    print(a)', ""),
    ],
)
def test_a_cell_that_uses_the_data_unnamed_is_found(school, cells, said):
    (lesson,) = lessons((), school(**{"00_demo": cells}))
    found = pairs.unmarked(pairs.read_source(lesson.source))
    assert (said in found[0]) if said else found == []


def test_the_sets_of_a_cell_are_part_of_the_pair(school):
    def read(mark):
        (lesson,) = lessons((), school(**{"00_demo": f"# %% {mark}\n1"}))
        return pairs.read_source(lesson.source)

    one, other = read('data="cdnow"'), read('data=["cdnow"]')
    assert pairs.differences(one, other) == [] and "data: cdnow" in pairs.differences(one, read(""))[0]
    assert "was not built with its data: cdnow" in str(pairs.faults(one))
    one.cells[-1].outputs = [new_output(**stored.shown(one.cells[-1])[0])]
    assert "stores the line of a missing set" in str(pairs.faults(pairs.normalise(one)))


# --- our lessons -------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path))
    monkeypatch.delenv("KNOWPAY_DATA", raising=False)
    monkeypatch.chdir(ROOT / "notebooks")


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_without_data_every_cell_of_real_data_shows_its_stored_output(lesson, nothing_here):
    code = [cell for cell in pairs.read(lesson.notebook).cells if cell.cell_type == "code"]
    real = [cell for cell in code if stored.sets(cell)]
    assert real and any(cell.outputs for cell in real)
    for cell in code:
        lines = cell.source.splitlines(keepends=True)
        assert (stored.instead(lines) != lines) == (cell in real), cell.source
        if cell in real:
            mark, *rest = stored.shown(cell)
            assert mark["data"]["text/plain"].startswith("As run on 20") and rest == cell.outputs


def test_equal_cells_have_equal_outputs(nothing_here):
    # A kernel knows the text of a cell, not which lesson it stands in.
    known = {}
    for lesson in lessons():
        for cell in pairs.read(lesson.notebook).cells:
            if stored.sets(cell):
                assert known.setdefault(cell.source, cell.outputs) == cell.outputs, cell.source


def test_the_book_marks_what_its_maker_lacks(nothing_here, tmp_path, monkeypatch):
    from knowpay_course.book.staging import stage

    def marked(folder):
        stage(ROOT / "notebooks", folder)
        cells = [c for p in (folder / "notebooks").glob("*.ipynb") for c in json.loads(p.read_text("utf-8"))["cells"]]
        return [sum(map(stored.is_marking, cell["outputs"])) for cell in cells if stored.sets(cell)]

    without = marked(tmp_path / "without")
    assert len(without) > 50 and set(without) == {1}
    monkeypatch.setattr(stored, "missing", lambda names: [])
    assert set(marked(tmp_path / "with")) == {0}
