import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import knowpay
import psutil
import pytest
from effort import thorough
from knowpay_course import CourseError, execute, runner
from knowpay_course.lesson import lessons

CHECK = '# %%\nfrom knowpay import show\nshow.exact("the answer [of all]", seed + 42, 42)'
BROKEN = '# %%\nraise ValueError("the column price is missing\\nsee the manifest")'


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """The door as far as the runner sees it, a book and a report that are quick to make; they tell what was asked."""
    asked = []
    monkeypatch.setattr(runner, "LIBRARY", tmp_path / "no library")  # someone may be editing the real one
    monkeypatch.setattr(knowpay, "open", lambda data, seed=0, **company: asked.append((data, seed, *company.items())))

    def render(notebooks, out):
        asked.append(sorted(path.name for path in notebooks.iterdir()))
        out.mkdir(parents=True, exist_ok=True)
        (out / "index.html").write_text("book")
        return out / "index.html"

    def report(ds, out, replace, links):
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(str(links))
        return types.SimpleNamespace(failed={})

    monkeypatch.setattr("knowpay_course.book.render.build", render)
    monkeypatch.setattr("knowpay.run.whole.run", report)
    return asked


def state(root):
    return json.loads((root / "build" / "course" / "state.json").read_text())


def test_a_course_with_a_failing_lesson_goes_on_says_so_and_is_resumed(school, opened, capsys):
    root = school(**{"00_first": CHECK, "01_broken": BROKEN, "02_last": CHECK})
    assert runner.course(root=root) == 1
    out = capsys.readouterr().out
    assert "01_broken failed: cell [2] raised ValueError: see the manifest." in out
    assert "build/course/failed/01_broken.ipynb" in out and "knowpay-course course" in out
    assert "Traceback" not in out
    known = state(root)["lessons"]
    assert {name: entry["status"] for name, entry in known.items()} == {
        "00_first": "ok",
        "01_broken": "failed",
        "02_last": "ok",
    }
    assert all(entry["seconds"] > 0 and 30 < entry["memory_mb"] < 2000 for entry in known.values())
    assert opened == [("world:standard", 0)]  # no book from broken lessons
    notebooks = root / "build" / "course" / "notebooks"
    assert not (notebooks / "01_broken.ipynb").exists()
    assert (notebooks.parent / "failed" / "01_broken.ipynb").exists()

    kept = (notebooks / "00_first.ipynb").stat().st_mtime_ns
    school(**{"01_broken": CHECK})  # mended
    assert runner.course(root=root) == 0
    out = capsys.readouterr().out
    assert "00_first: unchanged since its last run, kept" in out and "01_broken: ok in" in out
    assert (notebooks / "00_first.ipynb").stat().st_mtime_ns == kept
    assert opened[-1] == ["00_first.ipynb", "01_broken.ipynb", "02_last.ipynb"]
    assert "3 of 3 counts equal" in out and "The book lies at" in out
    assert "the answer [of all]" in (root / "build" / "course" / "scorecard.md").read_text()

    asked = len(opened)
    assert runner.course(root=root) == 0  # nothing changed: no lesson and no book again
    assert opened[asked:] == [("world:standard", 0)] and "ok in" not in capsys.readouterr().out


TOO_LITTLE = """# %%
from knowpay.collect import TooLittleData
raise TooLittleData("mine cannot carry lesson 01: add the table users.")
"""


@thorough
def test_data_that_cannot_carry_a_lesson_are_no_failure(school, opened, capsys, tmp_path):
    after = f"\n# %%\nopen({str(tmp_path / 'later')!r}, 'w').close()"
    root = school(**{"00_first": CHECK, "01_much": TOO_LITTLE + after, "02_last": CHECK})
    assert runner.course(root=root) == 3
    out = capsys.readouterr().out
    assert "01_much: cannot be carried by these data: mine cannot carry lesson 01: add the table users.\n" in out
    assert "FAILED" not in out and "doctor" not in out and "2 of 2 counts equal" in out
    assert opened[-1] == ["00_first.ipynb", "02_last.ipynb"]  # the book of those that ran
    assert not (tmp_path / "later").exists()
    assert state(root)["lessons"]["01_much"]["status"] == "too little"
    assert runner.course(root=root, only=["00"]) == 0  # what was not asked for decides nothing

    school(**{"02_last": BROKEN})
    assert runner.course(root=root) == 1  # a failure counts for more


def test_data_that_carry_nothing_make_no_book(school, opened, capsys):
    root = school(**{"01_much": TOO_LITTLE})
    assert runner.course(root=root) == 3
    assert "There is no book: these data carry none of the lessons." in capsys.readouterr().out
    assert opened == [("world:standard", 0)]


def test_another_seed_reaches_the_lesson_and_a_renamed_lesson_does_not_haunt_the_book(school, opened, capsys):
    root = school(**{"00_first": CHECK, "01_second": "# %%\n1 + 1"})
    ghost = root / "build" / "course" / "notebooks" / "09_ghost.ipynb"
    ghost.parent.mkdir(parents=True)
    ghost.write_text("{}")
    assert runner.course(seed=7, only=["00"], root=root) == 0
    out = capsys.readouterr().out
    assert "0 of 1 count equal" in out and "UNEQUAL" in out  # seed + 42 is 49 now
    assert "The book waits for lessons 01" in out
    assert opened == [("world:standard", 7)] and not ghost.exists()


def test_knobs_reach_the_lesson_and_are_said(school, opened, capsys):
    cells = '# %%\nfrom knowpay import show\nshow.exact("churn", company["churn"], 0.6)'
    root = school(**{"00_first": cells})
    assert runner.course(root=root, company={"churn": 0.6}) == 0
    assert opened[0] == ("world:standard", 0, ("churn", 0.6))
    out = capsys.readouterr().out
    assert "1 of 1 count equal" in out and "world:standard, churn 0.6, seed 0: ready" in out
    assert state(root)["data"]["name"] == "world:standard, churn 0.6"


def test_what_changes_a_result_changes_the_digest(school, opened, monkeypatch, tmp_path):
    root = school(**{"00_first": CHECK})

    def digest():
        seen = {}
        monkeypatch.setattr(runner, "_run", lambda *given: seen.update(given[3]) or ["nothing ran"])
        return seen

    seen = []
    export = tmp_path / "export"
    export.mkdir()
    for change in (
        lambda: {},
        lambda: {"seed": 1},
        lambda: {"company": {"churn": 0.6}},
        lambda: {"company": {"churn": 0.7}},
        lambda: {"data": "world:large"},
        lambda: {"data": str(export)},
        lambda: (export / "orders.csv").write_text("order_id") and {"data": str(export)},
        lambda: (root / "requirements.lock").write_text("numpy==3") and {},
        lambda: school(**{"00_first": CHECK + "\n1"}) and {},
    ):
        found = digest()
        runner.course(**change(), root=root)
        seen.append(found["00_first"])
    assert len(set(seen)) == len(seen)
    found = digest()
    runner.course(root=root)
    assert found["00_first"] == seen[-1]


@pytest.mark.parametrize(
    ("cells", "wanted", "said"),
    [
        ("", {"data": "x", "speed": 1}, "Lesson 00 has no parameter 'speed'; its parameters are: data, seed, company"),
        ("", {"seed": "many"}, "Lesson 00: seed must be of type int, got 'many'"),
        ("", {"data": 3}, "data must be of type str"),
        ("", {"company": "churn=0.6"}, "company must be of type dict"),
    ],
)
def test_bad_parameters_are_refused_before_anything_runs(school, cells, wanted, said):
    with pytest.raises(CourseError, match=said):
        runner.parameters(lessons((), school(**{"00_first": cells}))[0], wanted)


def test_parameters_that_equal_the_defaults_are_not_passed(school):
    lesson = lessons((), school(**{"00_first": ""}))[0]
    assert runner.parameters(lesson, {"data": "world:standard", "seed": 0, "company": {}}) == {}
    turned = {"seed": 3, "company": {"churn": 0.6}}
    assert runner.parameters(lesson, {"data": "world:standard", **turned}) == turned


def test_a_full_disk_and_an_empty_course_are_said_in_a_sentence(school, opened, monkeypatch):
    with pytest.raises(CourseError, match="no lessons in notebooks/src"):
        runner.course(root=school())
    root = school(**{"00_first": CHECK})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=5e8))
    with pytest.raises(CourseError, match=r"Only 500 MB of disk space .* free some"):
        runner.course(root=root)
    assert opened == []


def test_a_damaged_state_means_running_again(school):
    path = school() / "state.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"lessons": {"00')
    assert runner._State(path).data == {"lessons": {}}


def test_a_process_that_dies_and_a_kernel_that_dies_are_told_from_an_error(school):
    kill = "# %%\nimport os, signal\nos.kill({}, signal.SIGKILL)"
    root = school(**{"00_kernel": kill.format("os.getpid()"), "01_process": kill.format("os.getppid()")})
    tasks = [
        execute.Task(one.name, one.source, root / "out" / f"{one.name}.ipynb", root / "notebooks", {})
        for one in lessons((), root)
    ]
    said = {task.name: task.error for task in execute.execute(tasks, jobs=2)}
    assert said["00_kernel"] == "its kernel died, most often for want of memory"
    assert said["01_process"] == "its process was killed (signal 9), most often for want of memory"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to another process")
def test_ctrl_c_leaves_a_state_that_can_be_resumed_and_no_process(school, tmp_path):
    slow = f"# %%\nimport time, os\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    root = school(**{"00_first": CHECK, "01_slow": slow})
    script = tmp_path / "run.py"
    script.write_text(
        "import sys, knowpay\nfrom pathlib import Path\nfrom knowpay import cli\nfrom knowpay_course import runner\n"
        "knowpay.open = lambda data, seed, **company: None\n"
        f"sys.exit(cli.run(lambda: runner.course(jobs=1, root=Path({str(root)!r}))))\n"
    )
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130 and "Traceback" not in said
    assert "run the same command to go on" in said
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    assert {name: entry["status"] for name, entry in state(root)["lessons"].items()} == {"00_first": "ok"}
    assert not list(Path(root / "build").rglob("*.part"))
