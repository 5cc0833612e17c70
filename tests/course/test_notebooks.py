import copy
import json
import sys

import pytest
from knowpay_course import CourseError
from knowpay_course import notebooks as pairs
from knowpay_course.build import build
from knowpay_course.lesson import lessons
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from small_course import enrol

ALT = "A line that rises from one to two over two days."
CELLS = f'''# %%
import os
import sys
from knowpay import show
print(os.getcwd(), file=sys.stdout)

# %% tags=["nbval-check-output"]
show.exact("one", 1, 1)

# %%
with show.figure("It rises", "day", "members", alt="{ALT}") as ax:
    ax.plot([1, 2])

# %%
print(os.environ["PYTHONHASHSEED"], sys.executable == {{executable!r}}, hash("a") % 1000)

# %% [markdown]
# the same words

# %% [markdown]
# the same words
'''


@pytest.fixture(scope="module")
def built(tmp_path_factory, head):
    """A lesson built twice: its root and the bytes of both builds."""
    root = tmp_path_factory.mktemp("school")
    source = root / "notebooks" / "src" / "00_demo.py"
    source.parent.mkdir(parents=True)
    source.write_text(head + "\n" + CELLS.format(executable=sys.executable), encoding="utf-8")
    enrol(root)
    versions = []
    for _ in range(2):
        build(["0"], root)
        versions.append((root / "notebooks" / "00_demo.ipynb").read_bytes())
    return root, versions


def test_building_again_gives_the_same_bytes(built):
    _, (first, second) = built
    assert first == second and first.endswith(b"}\n") and b"\r" not in first


def test_a_built_pair_is_in_order(built):
    assert pairs.disagreements((), built[0]) == []


def test_a_build_holds_no_machine_and_no_time(built):
    root, (text, _) = built
    nb = json.loads(text)
    assert nb["metadata"] == pairs.METADATA
    assert str(root) not in text.decode() and "papermill" not in text.decode()
    code = [cell for cell in nb["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert all(set(cell["metadata"]) <= {"tags"} for cell in nb["cells"])
    assert code[1]["outputs"][0]["text"] == ["notebooks\n"]  # the folder of the lessons, less the path to it
    assert "".join(code[4]["outputs"][0]["text"]).startswith("0 True ")  # our hash seed, our interpreter


def test_ids_follow_the_text(built):
    cells = json.loads(built[1][0])["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert cells[-1]["id"] == cells[-2]["id"] + "-2"
    more = pairs.normalise(pairs.read_source(built[0] / "notebooks" / "src" / "00_demo.py"))
    more.cells.insert(0, new_markdown_cell("a new beginning"))
    assert [cell.id for cell in pairs.normalise(more).cells[1:]] == [cell["id"] for cell in cells]


def test_every_kind_of_difference_gives_a_sentence(built):
    root, _ = built
    lesson = lessons((), root)[0]
    source, nb = pairs.read_source(lesson.source), pairs.read(lesson.notebook)

    def said(change):
        other = copy.deepcopy(nb)
        change(other.cells)
        return pairs.differences(source, other)

    assert said(lambda cells: None) == []
    assert "cell 3 differs: the source has 'import os'" in said(lambda c: c[2].update(source="import this"))[0]
    assert "nothing" in said(lambda cells: cells.pop(2))[0]
    assert said(lambda cells: cells.insert(1, new_code_cell("x = 1")))[0].startswith("after cell 1 differs")
    assert "nbval-check-output" in said(lambda cells: cells[3].metadata.clear())[0]
    assert said(lambda cells: cells[0].update(cell_type="raw"))
    assert len(said(lambda cells: (cells.pop(2), cells[-1].update(source="other")))) == 2


def test_a_lesson_without_its_twin_is_named(school):
    root = school(**{"00_demo": ""})
    assert "not built yet" in pairs.disagreements((), root)[0]
    (root / "notebooks" / "01_other.ipynb").write_text("{}")
    enrol(root)
    assert "src/01_other.py is missing" in pairs.disagreements(["01"], root)[0]
    with pytest.raises(CourseError, match="no lesson 07; the lessons are: 00, 01"):
        lessons(["7"], root)
    (root / "notebooks" / "02_new.ipynb").write_text("{}")
    with pytest.raises(
        CourseError, match=r"lessons.yml must give for 02_new: decision, minutes, needs, question, title\."
    ):
        lessons((), root)
    with pytest.raises(CourseError, match="is not a notebook"):
        pairs.read(root / "notebooks" / "01_other.ipynb")


PARAMETERS, MORE = (new_code_cell(f"{name} = 'x'", metadata={"tags": ["parameters"]}) for name in ("data", "seed"))
MARKED = {"tags": ["nbval-check-output"]}


def stream(text, name="stdout"):
    return new_output("stream", text=text, name=name)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([new_code_cell("1", outputs=[stream("1")])], "0 cells are tagged parameters"),
        ([PARAMETERS, MORE, new_code_cell("1", outputs=[stream("1")])], "2 cells are tagged parameters"),
        ([PARAMETERS, new_code_cell("1")], "no cell has an output"),
        ([PARAMETERS, new_code_cell("1", metadata=MARKED)], "cell 2 is marked for comparison and has no stored output"),
        (
            [PARAMETERS, new_code_cell("1", outputs=[new_output("error", ename="KeyError", evalue="", traceback=[])])],
            "cell 2 ended in an error (KeyError)",
        ),
        ([PARAMETERS, new_code_cell("1", outputs=[stream("a\nUserWarning: b\n", "stderr")])], "prints a warning"),
        ([PARAMETERS, new_code_cell("1", outputs=[stream("<object at 0x7f00aa12bb>")])], "only this machine has"),
        ([PARAMETERS, new_code_cell("1", outputs=[stream("in /home/anna/x.csv")])], "'/home/anna/x.csv'"),
        ([PARAMETERS, new_code_cell("1", outputs=[stream(r"in C:\Users\anna\x.csv")])], "only this machine has"),
        (
            [
                PARAMETERS,
                new_code_cell(
                    "1",
                    metadata=MARKED,
                    outputs=[new_output("display_data", data={"text/html": '<img src="data:image/png;base64,AA">'})],
                ),
            ],
            "is marked for comparison and draws",
        ),
    ],
)
def test_every_fault_gives_a_sentence(cells, said):
    found = pairs.faults(new_notebook(cells=copy.deepcopy(cells)))
    assert any(said in sentence for sentence in found), found


def test_kernel_noise_goes_and_real_warnings_stay():
    noise = "x WARNING | Kernel is running over TCP without encryption. Use IPC.\n"
    outputs = [
        stream(noise, "stderr"),
        stream("UserWarning: mind this\n", "stderr"),
        stream("a"),
        stream("b"),
    ]
    nb = pairs.normalise(new_notebook(cells=[new_code_cell("1", outputs=outputs, execution_count=7)]))
    assert [(o.name, o.text) for o in nb.cells[0].outputs] == [("stderr", "UserWarning: mind this\n"), ("stdout", "ab")]
    assert nb.cells[0].execution_count == 1


def test_a_failing_build_keeps_the_old_notebook_and_names_the_cell(school):
    root = school(**{"00_bad": '# %%\nraise KeyError("no such\\ncolumn: x")'})
    old = root / "notebooks" / "00_bad.ipynb"
    old.write_text("old")
    with pytest.raises(CourseError, match=r"00_bad: cell \[2\] raised KeyError: 'no such"):
        build((), root)
    assert old.read_text() == "old"
