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
from knowpay_course.coverage import COVERAGE, HEAD, read
from knowpay_course.lesson import lessons
from knowpay_course.maintain import replicate

Knob = types.SimpleNamespace
NOISY = """# %%
import numpy as np
from knowpay import show
from knowpay.estimate import from_error

noise = np.random.default_rng(seed).normal()
show.check("churn", from_error(company["churn"] + noise, 1.0, "%"), company["churn"], ("nobody leaves", 0.0))
"""
EXACT = '# %%\nfrom knowpay import show\nshow.exact("rows", company["courses"], company["courses"])'
BROKEN = """# %%
if seed == 1001:
    raise ValueError("no such column\\nsee the manifest")
from knowpay import show
show.exact("x", 0, 0)
"""


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A world with two knobs; `opened` lists what was opened, its code lies in `folder`."""
    fake = types.SimpleNamespace(
        KNOBS={"churn": Knob(default=0.44, usual=(0.3, 0.6)), "courses": Knob(default=None, usual=(80, 160))},
        opened=[],
    )

    fake.folder = tmp_path / "world"
    fake.folder.mkdir()
    monkeypatch.setattr(replicate, "WORLD", fake.folder)
    monkeypatch.setitem(sys.modules, "knowpay.world", fake)
    monkeypatch.setattr(knowpay, "world", fake, raising=False)
    opened = fake.opened
    monkeypatch.setattr(knowpay, "open", lambda data, seed=0, **company: opened.append((data, seed, company)))
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


# --- one company -------------------------------------------------------------------------------------------------


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
show.exact("real data", real, 0)
show.exact("cache of its own", cache.parent == Path.cwd(), 1)
"""
    (record,) = replicate.replicate(0, lessons(root=school(**{"00_first": cells})))
    assert record["error"] == "" and [one["holds"] for one in record["checks"]] == [True, True]
    assert Path.cwd() == tmp_path and not (tmp_path / "campaign.csv").exists()


def test_an_error_is_a_record_and_the_other_lessons_go_on(school, world):
    broken, well = replicate.replicate(1, lessons(root=school(**{"00_broken": BROKEN, "01_exact": EXACT})))
    assert (broken["lesson"], broken["checks"]) == ("00", [])
    assert broken["error"] == "00_broken cell 2, line 2: ValueError: no such column"
    assert (well["lesson"], well["error"], len(well["checks"])) == ("01", "", 1)
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


def test_coverage_is_written(school, world, here, capsys):
    root = school(**{"00_noisy": NOISY, "01_exact": EXACT})
    assert replicate.main((), 40, 1, root) == 0
    found = read(root / COVERAGE)
    assert list(found) == HEAD
    assert found[["lesson", "check", "kind", "companies", "missing", "zero"]].to_numpy().tolist() == [
        ["00", "churn", "check", 40, 0, 0],
        ["01", "rows", "exact", 40, 0, 0],
    ]
    noisy, exact = found.iloc[0], found.iloc[1]
    assert abs(noisy["mean"]) < 0.4 and 0.8 < noisy["spread"] < 1.25 and noisy["outside"] < 0.1 and noisy["tells"] == 0
    assert exact["outside"] == 0 and exact[["mean", "spread", "tells"]].isna().all()
    assert {(data, seed) for data, seed, _ in world.opened} == {("world:small", 1000 + at) for at in range(40)}
    out = capsys.readouterr().out
    assert "company 39: seconds of lessons 00 " in out and "z = (estimate - truth) / error over companies" in out


def test_a_stopped_run_goes_on_where_it_stopped(school, world, here, monkeypatch):
    root = school(**{"00_noisy": NOISY, "01_exact": EXACT})

    def stop(wanted, jobs):
        yield from itertools.islice(one_by_one(wanted, jobs), 2)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(replicate, "_work", stop)
        replicate.main((), 4, 1, root)
    (log,) = (root / "build" / "replicate").glob("*.jsonl")
    assert len(log.read_text().splitlines()) == 4
    log.write_text(log.read_text() + '{"replication": 2, "less')  # killed while it wrote
    world.opened.clear()
    replicate.main((), 4, 1, root)
    assert [seed for _, seed, _ in world.opened] == [1002, 1003]
    before = (root / COVERAGE).read_bytes()
    replicate.main((), 4, 1, root)
    assert len(world.opened) == 2 and (root / COVERAGE).read_bytes() == before
    assert read(root / COVERAGE)["companies"].tolist() == [4, 4]


def test_what_changed_runs_again_and_nothing_else(school, world, here, monkeypatch, tmp_path):
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    trace = '# %%\nimport os\nwith open(os.environ["RAN"], "a") as ran:\n    ran.write(f"{} {seed}\\n")\n'
    cells = {"00_noisy": trace.replace("{}", "00") + NOISY, "01_exact": trace.replace("{}", "01") + EXACT}
    root = school(**cells)

    def ran(companies=3):
        (tmp_path / "ran").write_text("")
        replicate.main((), companies, 1, root)
        return (tmp_path / "ran").read_text().splitlines()

    everything = [f"{lesson} {seed}" for seed in (1000, 1001, 1002) for lesson in ("00", "01")]
    assert ran() == everything and ran() == []
    school(**cells | {"01_exact": cells["01_exact"] + "\n1"})
    assert ran() == ["01 1000", "01 1001", "01 1002"]
    assert ran(companies=4) == ["00 1003", "01 1003"]
    (world.folder / "people.py").write_text("MORE = 1")
    assert ran() == everything
    own = root / "lib" / "knowpay_course" / "lessons" / "l01.py"
    own.parent.mkdir(parents=True)
    own.write_text("MORE = 1")
    assert ran() == ["01 1000", "01 1001", "01 1002"]


def test_errors_are_said_fail_the_command_and_are_tried_again(school, world, here, capsys):
    root = school(**{"00_broken": BROKEN})
    assert replicate.main((), 4, 1, root) == 1
    out = capsys.readouterr().out
    assert (
        "Company 1, lesson 00 stopped: 00_broken cell 2, line 2: ValueError" in out
        and "1 of 4 lessons stopped with an error" in out
    )
    world.opened.clear()
    assert replicate.main((), 4, 1, root) == 1
    assert [seed for _, seed, _ in world.opened] == [1001]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("+ noise", "+ noise + 1", "Lesson 00: 'churn' has a wrong error: z has mean "),
        ("+ noise", "+ 3 * noise", "Lesson 00: 'churn' has a wrong error: z has mean "),
        ("1.0", "3.0", "Lesson 00: 'churn' has a wrong error: z has mean "),
    ],
)
def test_an_error_that_is_wrong_fails_the_command(school, world, here, capsys, old, new, said):
    assert NOISY.count(old) == 1
    root = school(**{"00_noisy": NOISY.replace(old, new), "01_exact": EXACT})
    assert replicate.main((), 40, 1, root) == 1
    out = capsys.readouterr().out
    assert said in out and "Lesson 01" not in out


def test_a_count_that_is_unequal_elsewhere_fails_the_command(school, world, here, capsys):
    root = school(**{"00_noisy": NOISY, "01_exact": EXACT.replace('company["courses"])', "90)")})
    assert replicate.main((), 4, 1, root) == 1
    assert "Lesson 01: 'rows' is unequal in 100% of the companies." in capsys.readouterr().out


def test_what_is_missing_poor_or_without_an_error_is_listed(school, world, here, capsys):
    cells = """# %%
from knowpay import show
from knowpay.estimate import from_error

show.quality("plan", seed % 2, 0.5, 1.5)
show.check("exactly", from_error(seed - 1000.5, 0.0 if seed == 1002 else 1.0), 1.0, ("nothing", 0.0))
if seed != 1001:
    show.exact("rows", 1, 1)
"""
    assert replicate.main((), 4, 1, root := school(**{"00_odd": cells})) == 0
    out = capsys.readouterr().out
    for said in (
        "Lesson 00: 'plan' is poor in 50% of the companies.",
        "Lesson 00: 'exactly' has an error of 0 in 1 of 4 companies.",
        "Lesson 00: 'rows' is missing in 1 of 4 companies.",
    ):
        assert said in out
    assert read(root / COVERAGE)["zero"].tolist() == [0, 1, 0]


def test_lessons_that_were_not_asked_for_keep_their_rows(school, world, here):
    root = school(**{"00_noisy": NOISY, "01_exact": EXACT})
    replicate.main((), 5, 1, root)
    before = (root / COVERAGE).read_text().splitlines()
    replicate.main(["00"], 9, 1, root)
    after = (root / COVERAGE).read_text().splitlines()
    assert after[1].startswith("00,churn,check,9,") and after[2] == before[2] and len(after) == 3


@thorough
def test_a_process_that_dies_is_said_in_a_sentence(school):
    kill = (
        "# %%\nimport os, signal\nfrom knowpay import show\nos.kill(os.getpid(), signal.SIGKILL)\nshow.exact('x', 1, 1)"
    )
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
show.exact("users", ds.users.count().to_pandas(), len(ds.truth.users))
show.exact("threads", int(os.environ["OMP_NUM_THREADS"]), 1)
"""
    ((record,),) = replicate._work({3: lessons(root=school(**{"06_users": cells}))}, 1)
    assert record["error"] == "" and [one["found"] for one in record["checks"]] == [2000.0, 1.0]
    assert (record["replication"], record["lesson"]) == (3, "06")
    assert json.loads(json.dumps(record))["checks"][0]["name"] == "users"
