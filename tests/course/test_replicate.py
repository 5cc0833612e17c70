"""Lessons on many companies: what is run, what is kept, what is reported. The company is a stand-in."""

import itertools
import json
import sys
import types
from pathlib import Path

import knowpay
import pytest
from effort import thorough
from knowpay_course import CourseError
from knowpay_course.lesson import lessons
from knowpay_course.maintain import replicate
from knowpay_course.tolerances import COMPANIES, SHEET, read

Knob = types.SimpleNamespace
NOISY = """# %%
import numpy as np
from knowpay import show

noise = np.random.default_rng(seed).normal()
show.check("churn", company["churn"] + noise, company["churn"], {}, "%")
"""
EXACT = '# %%\nfrom knowpay import show\nshow.check("rows", company["courses"], company["courses"], 0)'
BROKEN = """# %%
if seed == 1001:
    raise ValueError("no such column\\nsee the manifest")
from knowpay import show
show.check("x", 0, 0, 0)
"""


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A world with two knobs and companies of 7 rows; `opened` lists what was opened, its code lies in `folder`."""
    fake = types.SimpleNamespace(
        KNOBS={"churn": Knob(default=0.44, usual=(0.3, 0.6)), "courses": Knob(default=None, usual=(80, 160))},
        opened=[],
    )

    def open_company(data, seed=0, **company):
        fake.opened.append((data, seed, company))
        answer = types.SimpleNamespace(fetchall=lambda: [(7,)])
        return types.SimpleNamespace(con=types.SimpleNamespace(con=types.SimpleNamespace(execute=lambda sql: answer)))

    fake.folder = tmp_path / "world"
    fake.folder.mkdir()
    monkeypatch.setattr(replicate, "WORLD", fake.folder)
    monkeypatch.setitem(sys.modules, "knowpay.world", fake)
    monkeypatch.setattr(knowpay, "world", fake, raising=False)
    monkeypatch.setattr(knowpay, "open", open_company)
    return fake


def one_by_one(wanted, jobs):
    for at, chosen in wanted.items():
        yield replicate.replicate(at, chosen)


@pytest.fixture
def here(monkeypatch):
    """Replicate in this process, where the stand-in is."""
    monkeypatch.setattr(replicate, "_work", one_by_one)


def only(root: Path) -> Path:
    (source,) = (root / "notebooks" / "src").glob("*.py")
    return source


# --- one lesson, one company -------------------------------------------------------------------------------------


def test_a_lesson_runs_up_to_its_last_check_and_shows_nothing(school, capsys):
    cells = """# %%
from knowpay import show

assert (data, seed, company) == ("world:small", 5, {"churn": 0.5})
print("a line")
with show.figure("a title", x="x", y="y", alt="too short") as ax:
    ax.plot([1]).set_label("x")
with show.figure("a title", x="x", y="y", alt="too short", panels=2) as (left, right):
    right.axhline(0)
show.table(None, "")
show.say("")
show.check("a", 1, 2, "no tolerance")

# %% [markdown]
# Words.

# %%
show.check("b", 3, 4, {}, "yuan")

# %%
raise RuntimeError("nobody needs this cell")
"""
    found = replicate.run(
        only(school(**{"00_first": cells})), {"data": "world:small", "seed": 5, "company": {"churn": 0.5}}
    )
    assert found == [("a", 1.0, 2.0, ""), ("b", 3.0, 4.0, "yuan")]
    assert all(type(value) is float for _, *values, _ in found for value in values)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ('show.check("a", 1, 1, 0)\nshow.check("a", 1, 1, 0)', "two checks are called 'a'"),
        ('show.check("a", float("nan"), 1, 0)', "estimate is nan"),
    ],
)
def test_a_check_that_cannot_be_told_or_counted_is_an_error(school, cells, said):
    with pytest.raises(ValueError, match=said):
        replicate.run(only(school(**{"00_first": f"# %%\nfrom knowpay import show\n{cells}"})), {})


def test_a_lesson_is_alone(school, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = """# %%
import os
from pathlib import Path

from knowpay import show
from knowpay.collect import DownloadError
from knowpay.collect.public import SETS, open_public, path

cache = Path(os.environ["KNOWPAY_CACHE"])
Path("campaign.csv").write_text("user_id")
real = 0
for load in (lambda: path("hillstrom"), lambda: path("mooccube"), lambda: open_public(SETS["oulad"], cache)):
    try:
        real += load() is not None
    except DownloadError:
        pass
show.check("real data", real, 0, 0)
show.check("cache of its own", cache.parent == Path.cwd(), 1, 0)
"""
    (record,) = replicate.replicate(0, lessons(root=school(**{"00_first": cells})))
    assert record["error"] == "" and [check[1:3] for check in record["checks"]] == [(0.0, 0.0), (1.0, 1.0)]
    assert Path.cwd() == tmp_path and not (tmp_path / "campaign.csv").exists()


def test_an_error_is_a_record_and_the_other_lessons_go_on(school, world):
    broken, well = replicate.replicate(1, lessons(root=school(**{"00_broken": BROKEN, "01_exact": EXACT})))
    assert (broken["lesson"], broken["checks"]) == ("00", [])
    assert broken["error"] == "00_broken cell 2, line 2: ValueError: no such column"
    assert (well["lesson"], well["error"], well["n"], len(well["checks"])) == ("01", "", 7, 1)
    assert len(world.opened) == 1


def test_a_company_that_cannot_be_made_is_an_error_of_each_lesson(school, world, monkeypatch):
    monkeypatch.setattr(knowpay, "open", lambda *given, **company: 1 / 0)
    found = replicate.replicate(0, lessons(root=school(**{"00_broken": BROKEN, "01_exact": EXACT})))
    assert [record["error"] for record in found] == ["ZeroDivisionError: division by zero"] * 2


def test_companies_are_drawn_from_the_usual_ranges(world):
    drawn = [replicate.draw(at) for at in range(200)]
    assert drawn == [replicate.draw(at) for at in range(200)]
    churn, courses = ([company[name] for company in drawn] for name in ("churn", "courses"))
    assert 0.3 <= min(churn) < 0.31 and 0.59 < max(churn) <= 0.6 and len(set(churn)) > 100
    assert (min(courses), max(courses)) == (80, 160) and all(type(value) is int for value in courses)


# --- many ----------------------------------------------------------------------------------------------------------


def test_the_sheet_and_the_pass_rates_are_written(school, world, here, capsys):
    root = school(**{"00_noisy": NOISY, "01_exact": EXACT})
    assert replicate.main((), 30, 10, 1, root) == 0
    tolerances, rates = read(root / SHEET), read(root / COMPANIES)
    assert tolerances[["lesson", "check", "unit", "replications", "n"]].to_numpy().tolist() == [
        ["00", "churn", "%", 30, 7],
        ["01", "rows", "", 30, 7],
    ]
    noise, exact = tolerances["tolerance"]
    assert 1.5 < noise < 4 and exact == 0  # 2.58 standard deviations of one
    assert rates["companies"].tolist() == [10, 10] and rates["held"].iloc[1] == 10
    assert {(data, seed) for data, seed, _ in world.opened} == {("world:small", 1000 + at) for at in range(40)}
    out = capsys.readouterr().out
    assert "company 39: seconds of lessons 00 " in out and "What the data can tell" in out and "Held-out" in out


def test_a_stopped_run_goes_on_where_it_stopped(school, world, here, monkeypatch):
    root = school(**{"00_noisy": NOISY, "01_exact": EXACT})

    def stop(wanted, jobs):
        yield from itertools.islice(one_by_one(wanted, jobs), 2)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(replicate, "_work", stop)
        replicate.main((), 3, 1, 1, root)
    (log,) = (root / "build" / "replicate").glob("*.jsonl")
    assert len(log.read_text().splitlines()) == 4
    log.write_text(log.read_text() + '{"replication": 2, "less')  # killed while it wrote
    world.opened.clear()
    replicate.main((), 3, 1, 1, root)
    assert [seed for _, seed, _ in world.opened] == [1002, 1003]
    before = (root / SHEET).read_bytes()
    replicate.main((), 3, 1, 1, root)
    assert len(world.opened) == 2 and (root / SHEET).read_bytes() == before
    assert read(root / SHEET)["replications"].tolist() == [3, 3]


def test_what_changed_runs_again_and_nothing_else(school, world, here, monkeypatch, tmp_path):
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    trace = '# %%\nimport os\nwith open(os.environ["RAN"], "a") as ran:\n    ran.write(f"{} {seed}\\n")\n'
    cells = {"00_noisy": trace.replace("{}", "00") + NOISY, "01_exact": trace.replace("{}", "01") + EXACT}
    root = school(**cells)

    def ran(times=2):
        (tmp_path / "ran").write_text("")
        replicate.main((), times, 1, 1, root)
        return (tmp_path / "ran").read_text().splitlines()

    everything = [f"{lesson} {seed}" for seed in (1000, 1001, 1002) for lesson in ("00", "01")]
    assert ran() == everything and ran() == []
    school(**cells | {"01_exact": cells["01_exact"] + "\n1"})
    assert ran() == ["01 1000", "01 1001", "01 1002"]
    assert ran(times=3) == ["00 1003", "01 1003"]
    (world.folder / "people.py").write_text("MORE = 1")
    assert ran() == everything
    (world.folder / "identifiability.csv").write_text("lesson,check")  # the sheet itself
    assert ran() == []


def test_errors_are_said_fail_the_command_and_are_tried_again(school, world, here, capsys):
    root = school(**{"00_broken": BROKEN})
    assert replicate.main((), 3, 1, 1, root) == 1
    out = capsys.readouterr().out
    assert (
        "Company 1, lesson 00 stopped: 00_broken cell 2, line 2: ValueError" in out
        and "1 of 4 lessons stopped with an error" in out
    )
    assert "Lesson 00: 1 of 3 companies lack the check 'x'." in out
    world.opened.clear()
    assert replicate.main((), 3, 1, 1, root) == 1
    assert [seed for _, seed, _ in world.opened] == [1001]


def test_a_tolerance_that_does_not_hold_elsewhere_fails_the_command(school, world, here, capsys):
    worse = NOISY.replace("+ noise,", "+ noise * (100 if seed >= 1020 else 1),")
    root = school(**{"00_noisy": worse, "01_exact": EXACT})
    assert replicate.main((), 20, 10, 1, root) == 1
    out = capsys.readouterr().out
    assert "Lesson 00: 'churn' held in " in out and "Lesson 01" not in out


def test_lessons_that_were_not_asked_for_keep_their_rows(school, world, here):
    root = school(**{"00_noisy": NOISY, "01_exact": EXACT})
    replicate.main((), 5, 2, 1, root)
    before = (root / SHEET).read_text().splitlines()
    replicate.main(["00"], 9, 2, 1, root)
    after = (root / SHEET).read_text().splitlines()
    assert after[1].startswith("00,churn,%,9,") and after[2] == before[2] and len(after) == 3
    assert len(read(root / COMPANIES)) == 2


@thorough
def test_a_process_that_dies_is_said_in_a_sentence(school):
    kill = "# %%\nimport os, signal\nfrom knowpay import show\nos.kill(os.getpid(), signal.SIGKILL)\nshow.check"
    root = school(**{"00_kill": kill})
    with pytest.raises(CourseError, match=r"process was killed.*--jobs 1"):
        list(replicate._work({0: lessons(root=root)}, 1))


@thorough
def test_real_processes_replicate_a_real_company(school):
    cells = """# %%
import os

import knowpay
from knowpay import show

ds = knowpay.open(data, seed=seed, **company)
show.check("users", ds.users.count().to_pandas(), len(ds.truth.users), 0)
show.check("threads", int(os.environ["OMP_NUM_THREADS"]), 1, 0)
"""
    ((record,),) = replicate._work({3: lessons(root=school(**{"06_users": cells}))}, 1)
    assert record["error"] == "" and record["checks"] == [("users", 2000.0, 2000.0, ""), ("threads", 1.0, 1.0, "")]
    assert (record["replication"], record["lesson"], record["n"]) == (3, "06", 2000)
    assert json.loads(json.dumps(record))["checks"][0][0] == "users"
