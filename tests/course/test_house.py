"""What a stranger meets first: set-up, lock, doctor, benchmark, and the files of a public repository."""

import getpass
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from knowpay import doctor, preflight
from knowpay.doctor import Finding
from knowpay_course import ROOT, CourseError, markdown
from knowpay_course.book.pages import lesson_table
from knowpay_course.lesson import lessons
from knowpay_course.maintain import bench
from packaging.requirements import Requirement

LOCKS = ("requirements.lock", "requirements-peers.lock")


def blocks(lock):
    """The lock's requirements, each with the lines that belong to it."""
    text = (ROOT / lock).read_text("utf-8")
    return re.findall(r"^([A-Za-z0-9][^\n]*\n(?:[ \t]+[^\n]*\n?)*)", text, re.M)


def pins(lock):
    """Name -> the versions that the lock pins."""
    found = {}
    for block in blocks(lock):
        pin = Requirement(block.splitlines()[0].rstrip(" \\"))
        found.setdefault(pin.name, set()).add(next(iter(pin.specifier)).version)
    return found


# --- the lock ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock):
    assert not re.search(r"://|index-url|find-links|/(?:home|root|tmp)/", (ROOT / lock).read_text("utf-8"))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock):
    assert len(blocks(lock)) > 150
    assert [b.split()[0] for b in blocks(lock) if "==" not in b.split()[0] or "--hash=sha256:" not in b] == []


def test_the_peers_stand_beside_the_versions_that_the_course_runs_on():
    ours, theirs = map(pins, LOCKS)
    assert {name: theirs[name] for name in ours.keys() & theirs if not theirs[name] <= ours[name]} == {}
    assert not {"torch", "pymc-marketing", "retentioneering"} & set(ours)  # `make course` does not fetch them


def test_every_pin_is_in_the_range_that_the_project_declares():
    # A universal resolver once went back to pandas 2 without a word.
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    declared = re.findall(
        r'^    "([^"]+)",', project[project.index("dependencies = [") : project.index("[project.scripts]")], re.M
    )
    found = [pins(lock) for lock in LOCKS]
    for text in declared:
        wanted = Requirement(text)
        versions = set().union(*(one.get(wanted.name, ()) for one in found))
        assert versions and all(version in wanted.specifier for version in versions), text
    assert len(declared) > 25


# --- before anything is installed --------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_supported_pythons_pass(version):
    assert preflight.wrong_python(version) == ""


@pytest.mark.parametrize(
    ("version", "bits", "word"), [((3, 10, 13), 64, "too old"), ((3, 14, 0), 64, "newer"), ((3, 12, 1), 32, "32-bit")]
)
def test_another_python_gets_one_sentence_with_the_remedy(version, bits, word):
    said = preflight.wrong_python(version, bits)
    assert word in said and "install" in said and "PYTHON=" in said and said.count("\n") == 0
    assert ".".join(map(str, version)) in said


def test_supported_range_is_the_projects():
    asked = re.search(r'requires-python = ">=(\d+)\.(\d+),<(\d+)\.(\d+)"', (ROOT / "pyproject.toml").read_text("utf-8"))
    low, high = (int(asked[1]), int(asked[2])), (int(asked[3]), int(asked[4]) - 1)
    assert (low, high) == (preflight.OLDEST, preflight.NEWEST)


def test_little_disk_space_is_said_with_the_figures():
    assert preflight.wrong_room(free=4.0) == ""
    assert "Only 0.9 GB" in preflight.wrong_room(free=0.9) and "needs 3.5 GB" in preflight.wrong_room(free=0.9)


def test_what_an_interrupted_set_up_has_filled_is_not_asked_for_twice():
    assert preflight.wrong_room(free=1.0, held=2.6) == ""
    assert "needs 1.5 GB" in preflight.wrong_room(free=1.0, held=2.0)


def test_intel_macs_are_told_why():
    assert "Intel Mac" in preflight.wrong_machine("Darwin", "x86_64")
    assert preflight.wrong_machine("Darwin", "arm64") == preflight.wrong_machine("Linux", "x86_64") == ""


def test_a_python_without_venv_is_told_what_to_install():
    assert "python3-venv" in preflight.wrong_parts(found=False) and not preflight.wrong_parts(found=True)


def test_an_environment_of_another_python_is_refused_and_left_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.10.2\n")
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 9e9}))
    assert preflight.main([], str(tmp_path)) == 1
    assert "made by Python 3.10.2" in capsys.readouterr().err and (tmp_path / "pyvenv.cfg").exists()
    (tmp_path / "pyvenv.cfg").write_text(f"version = {sys.version.split()[0]}\n")
    assert preflight.main([], str(tmp_path)) == 0


@pytest.fixture
def copied(tmp_path):
    """A checkout with an environment that says it was made elsewhere; its command runs what lies there."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "lib/knowpay/preflight.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "python").symlink_to(sys.executable)
    (commands / "knowpay-course").write_text("#!/bin/sh\necho the old folder\n")
    (commands / "knowpay-course").chmod(0o755)

    def made(command):
        said = f"version = {sys.version.split()[0]}\ncommand = {command}\n"
        (tmp_path / ".venv" / "pyvenv.cfg").write_text(said)
        (tmp_path / ".venv" / "ready").write_text("")
        return tmp_path

    return made


def make_course(folder, **more):
    environment = {**os.environ, **more}
    command = ["make", "--no-print-directory", "course"]  # the tests themselves run under make
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_a_copied_checkout_does_not_run_the_old_folder(copied):
    ran = make_course(copied("/usr/bin/python3 -m venv /somewhere/old checkout/.venv"))
    assert ran.returncode and ran.stdout == ""
    assert ran.stderr.startswith("The folder .venv was made in /somewhere/old checkout and does not work here: delete")


def test_an_environment_in_its_place_or_linked_is_used(copied, tmp_path):
    folder = copied(f"/usr/bin/python3 -m venv {tmp_path}/.venv")
    assert make_course(folder).stdout.endswith("the old folder\n")
    (tmp_path / "real").mkdir()
    shutil.move(tmp_path / ".venv", tmp_path / "real" / ".venv")
    (tmp_path / ".venv").symlink_to(tmp_path / "real" / ".venv")
    assert make_course(copied(f"/usr/bin/python3 -m venv {tmp_path}/real/.venv")).returncode == 0
    assert make_course(copied("/usr/bin/python3 -m venv --copies /elsewhere/.venv")).returncode == 0  # who knows


def test_settings_of_other_projects_do_not_reach_pip(copied, tmp_path):
    folder = copied(f"/usr/bin/python3 -m venv {tmp_path}/.venv")
    names = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONPATH", "PYTHONHOME")
    (tmp_path / ".venv" / "bin" / "knowpay-course").write_text("#!/bin/sh\nenv\n")
    ran = make_course(folder, **dict.fromkeys(names, "elsewhere"))
    assert ran.returncode == 0 and not set(names) & {line.split("=")[0] for line in ran.stdout.splitlines()}


def test_preflight_speaks_before_it_stops(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 0.2e9}))
    assert preflight.main([], str(tmp_path / "none")) == 1
    assert capsys.readouterr().err.startswith("Only 0.2 GB")


def test_preflight_needs_nothing_but_python():
    # -I and -S: no packages, no environment; what a bare machine runs
    script = ROOT / "lib" / "knowpay" / "preflight.py"
    ran = subprocess.run([sys.executable, "-I", "-S", str(script), "python"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


# --- make and its relatives --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "calls"),
    [
        ("course", "knowpay-course course"),
        ("lab", "jupyter-lab"),
        ("test", "-m pytest -n 2 --dist worksteal tests"),
        ("book", "knowpay-course book"),
        ("bench", "knowpay-course bench --setup"),
        (
            "bench GROUP=peers",
            "-m pip install --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirem",
        ),
        ("bench GROUP=peers", "knowpay-course bench peers"),
        ("notebooks", "knowpay-course notebooks build"),
    ],
)
def test_make_targets_call_their_command(target, calls):
    said = subprocess.run(["make", "-n", *target.split()], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert calls in said


def test_make_test_compares_whole_lessons_in_one_kernel_each():
    said = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lessons = next(line for line in said.splitlines() if "nbval" in line)
    assert "--nbval-lax" in lessons and "--dist loadfile" in lessons  # without loadfile cells change kernels
    assert lessons.endswith(" notebooks/*.ipynb")  # a pattern that matches nothing fails, an empty list would not


def test_make_without_any_python_says_what_to_do(tmp_path):
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    command = ["make", "course", f"PYTHON={tmp_path / 'nothing'}"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode != 0 and "install Python 3.13" in ran.stderr and not (tmp_path / ".venv").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for Debian machines")
@pytest.mark.parametrize(
    ("data", "fails", "status"), [(True, "", 0), (False, "", 0), (True, "course", 3), (True, "real", 3)]
)
def test_ci_runs_both_commands_without_data_and_real_data_where_they_are(data, fails, status, tmp_path):
    script = tmp_path / "checkout" / ".ci" / "run"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", script)
    assert script.stat().st_mode & 0o111
    sets = tmp_path / "shared" / "datasets"
    if data:
        sets.mkdir(parents=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    called = f'echo "$1 ${{KNOWPAY_DATA-none}} ${{KNOWPAY_CACHE-none}}" >> calls; [ "$1" != "{fails}" ] || exit 3'
    for name, does in {"make": called, "id": "echo 1000"}.items():  # not root: nothing is installed
        (tools / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    env = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "KNOWPAY_DATA": "/x", "KNOWPAY_CACHE": "/y"}
    assert subprocess.run(["bash", str(script)], env=env).returncode == status
    calls = (tmp_path / "checkout" / "calls").read_text("utf-8").splitlines()
    assert calls == ["course none none", "test none none", *([f"real {sets} none"] if data else [])]


def test_what_needs_real_data_is_selected_by_its_mark():
    said = subprocess.run(["make", "-n", "real"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    unit, lessons = (line for line in said.splitlines() if "-m pytest" in line)
    assert unit.endswith("-m real_data tests") and "--nbval-lax" in lessons and lessons.endswith(" notebooks/*.ipynb")


def test_nothing_is_looked_for_beside_the_checkout():
    said = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if said.returncode:
        pytest.skip("the files of the repository are known to git only, and this is no clone")
    texts = [ROOT / name for name in said.stdout.splitlines() if name != ".ci/run" and not name.endswith(".ipynb")]
    beside = re.compile(r"\.\./" + r"shared|parent\b[^\n]{0,12}['\"]" + r"shared['\"]")
    assert len(texts) > 200
    assert [path.name for path in texts if path.is_file() and beside.search(path.read_text("utf-8", "replace"))] == []


def test_conda_and_binder_install_from_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == ["--require-hashes", "-r requirements.lock"]
    python = next(entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    assert preflight.wrong_python(tuple(map(int, python.split("=")[1].split(".")))) == ""
    binder = ROOT / ".binder" / "requirements.txt"
    assert (binder.parent / binder.read_text("utf-8").split()[1]).resolve() == ROOT / "requirements.lock"


def test_the_workflow_runs_both_commands_on_each_system_and_python():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "course.yml").read_text("utf-8"))["jobs"]
    matrix = jobs["locked"]["strategy"]["matrix"]
    lowest, highest = preflight.OLDEST[1], preflight.NEWEST[1]
    assert matrix["python"] == [f"3.{minor}" for minor in range(lowest, highest + 1)]
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    steps = {name: " ; ".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    for name in ("locked", "newest"):
        assert "make course" in steps[name] and "make test" in steps[name]
    assert "knowpay-course replicate" in steps["checks"] and "test_mutations.py" in steps["checks"]


def test_bug_reports_ask_for_the_doctors_report():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8"))
    asked = [field for field in form["body"] if "knowpay doctor" in field["attributes"].get("description", "")]
    assert len(asked) == 1 and asked[0]["validations"]["required"]


# --- the README --------------------------------------------------------------------------------------------------


def test_readme_lists_the_lessons_that_exist():
    page = (ROOT / "README.md").read_text("utf-8")
    listed = re.findall(r"\(notebooks/(\d\d[a-z]?_\w+)\.ipynb\)", page)
    assert listed == sorted(path.stem for path in (ROOT / "notebooks" / "src").glob("*.py"))
    assert lesson_table(lessons()) in page, "`knowpay-course notebooks build 00` writes the table of the lessons"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_of_the_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text("utf-8"))
    assert links and [link for link in links if not (ROOT / link).exists()] == []


# --- the doctor --------------------------------------------------------------------------------------------------


def test_the_doctor_reads_this_machine():
    found = {finding.name: finding for finding in doctor.report()}
    assert {"Python", "System", "Packages", "Lock", "Cores", "Memory", "Disk", "GPU", "CJK font", "Browser"} == set(
        found
    )
    assert found["Python"].value.startswith(".".join(map(str, sys.version_info[:3])))
    assert "pandas" in found["Packages"].value and int(found["Cores"].value) >= 1


def test_the_report_names_no_one():
    said = doctor.text(doctor.report())
    assert str(Path.home()) not in said and str(ROOT) not in said
    for name in (getpass.getuser(), socket.gethostname()):  # as words of their own, at the end of a line too
        assert not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", said)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ([Finding("A", "1")], 0),
        ([Finding("A", "1"), Finding("B", "2", "Install it.", needed=False)], 0),
        ([Finding("A", "1"), Finding("B", "2", "Install it.")], 1),
    ],
)
def test_exit_code_tells_what_is_needed(findings, status, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "report", lambda: findings)
    assert doctor.main() == status
    said = capsys.readouterr().out
    assert said.count("Install it.") == sum(bool(finding.remedy) for finding in findings)
    assert ("WRONG" in said) == bool(status)


def test_wrong_things_get_a_remedy():
    assert "PYTHON=" in doctor.python_finding((3, 10, 1)).remedy and not doctor.python_finding((3, 12, 1)).remedy
    assert not doctor.memory_finding(3.9).remedy
    alone, none = doctor.memory_finding(2.0), doctor.memory_finding(1.0)
    assert "--jobs 1" in alone.remedy and not alone.needed  # what it says is enough: nothing stays wrong
    assert "larger machine" in none.remedy and none.needed
    assert "delete" in doctor.disk_finding(0.5).remedy and not doctor.disk_finding(1.5).remedy
    assert "fonts-noto-cjk" in doctor.font_finding([]).remedy and not doctor.font_finding(["Noto Sans CJK SC"]).remedy
    assert "chromium" in doctor.browser_finding("").remedy and not doctor.browser_finding("").needed


def test_missing_packages_are_named():
    every = doctor.BASE + doctor.COURSE
    found = doctor.packages_finding(lambda name: "" if name == "pandas" else "1.0", every)
    assert "Missing: pandas." in found.remedy and found.needed
    assert ".venv/ready" in found.remedy  # while it is there, make takes the environment for complete
    assert not doctor.packages_finding(lambda name: "" if name == "tensorflow" else "1.0", every).remedy  # its -cpu


def test_without_a_checkout_what_the_lessons_need_is_not_missed(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda name: "1.0" if name in doctor.BASE else "")
    assert [f.name for f in doctor.report(tmp_path) if f.remedy and f.needed] == []
    (tmp_path / "requirements.lock").write_text("")
    assert [f.name for f in doctor.report(tmp_path) if f.remedy and f.needed] == ["Packages"]


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "requirements.lock"
    path.write_text(
        "one==1.0 \\\n    --hash=sha256:00\n    # via two\n"
        "two==2.0 ; python_full_version < '3' \\\n    --hash=sha256:00\n"
        "two==2.1 ; python_full_version >= '3' \\\n    --hash=sha256:00\n"
        "three==3.0 ; sys_platform == 'nowhere' \\\n    --hash=sha256:00\n"
    )
    return path


def test_the_lock_is_read_for_this_system(lock):
    assert doctor.locked(lock) == {"one": "1.0", "two": "2.1"}


@pytest.mark.parametrize(
    ("here", "said", "wrong", "needed"),
    [
        ({"one": "1.0", "two": "2.1"}, "2 of 2 packages", False, False),
        ({"one": "1.0", "two": "2.0"}, "two 2.0, not 2.1", True, False),
        ({"one": "1.0"}, "two absent", True, True),
    ],
)
def test_disagreement_with_the_lock_is_named(lock, here, said, wrong, needed):
    found = doctor.lock_finding(lock, lambda name: here.get(name, ""))
    assert said in found.value and bool(found.remedy) == wrong and (found.needed or not wrong) == (needed or not wrong)


def test_memory_is_that_of_the_container(tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("1000000000\n")
    assert doctor.memory(limit) == 1.0
    limit.write_text("max\n")
    assert doctor.memory(limit) == doctor.memory(tmp_path / "none") > 1.0


# --- the benchmark -----------------------------------------------------------------------------------------------


def test_a_commands_time_and_memory_are_measured():
    ran = bench.measure(
        [sys.executable, "-c", "import time; x = b'1' * 200_000_000; time.sleep(1); print('done')"], quiet=True
    )
    assert ran.status == 0 and ran.said.strip() == "done"
    assert 1 <= ran.seconds < 30 and 200 < ran.peak() < 400
    assert ran.peak(since=1e6) == 0


def test_rows_of_the_course_are_the_runners():
    state = {
        "lessons": {"06_profiles": {"seconds": 12.3, "memory_mb": 410}, "00_start": {"seconds": 4, "memory_mb": 300}},
        "book": {"seconds": 20.0},
    }
    ran = bench.Measured(seconds=100, samples=[(10, 900), (79, 800), (85, 500), (99, 450)])
    rows = bench.course_rows(state, ran)
    assert [(row.name, row.seconds, row.memory_mb) for row in rows] == [
        ("lesson 00 start", 4, 300),
        ("lesson 06 profiles", 12.3, 410),
        ("book", 20.0, 500),
    ]
    assert " ".join(bench.cost_table(rows).splitlines()[-1].split()) == "| book | 20.0 | 500 |"


def marks(name):
    return [mark.format(name) for mark in markdown.MARKS]


def test_a_table_is_filled_in_between_its_own_marks(tmp_path):
    page = tmp_path / "README.md"
    (begin, end), (other, last) = marks("bench"), marks("world")
    page.write_text(f"above\n{begin}\nold\n{end}\nbelow\n{other}\nkept\n{last}\n", encoding="utf-8")
    markdown.fill(page, "bench", "new")
    assert page.read_text("utf-8") == f"above\n{begin}\nnew\n{end}\nbelow\n{other}\nkept\n{last}\n"


def test_a_readme_without_marks_is_left_as_it_is(tmp_path):
    page = tmp_path / "README.md"
    begin, end = marks("bench")
    page.write_text(f"{end} {begin}", encoding="utf-8")
    with pytest.raises(CourseError, match="lost its marks"):
        markdown.fill(page, "bench", "new")
    assert page.read_text("utf-8") == f"{end} {begin}"


@pytest.mark.parametrize("name", ["lessons", "bench", "world"])
def test_our_readme_has_the_marks(name):
    text = (ROOT / "README.md").read_text("utf-8")
    begin, end = marks(name)
    assert 0 < text.index(begin) < text.index(end)


def test_the_cost_of_companies_is_a_line_for_each_and_a_slope(monkeypatch):
    said = {
        "small": {"events": 1_000_000, "behaviour": 0.5, "written": 2.0},
        "standard": {"events": 5_000_000, "behaviour": 2.0, "written": 6.0},
    }

    def measure(command, quiet):
        return bench.Measured(samples=[(0, 321)], said=json.dumps(said[command[3]]))

    monkeypatch.setattr(bench, "measure", measure)
    lines = bench.company_table(["small", "standard"]).splitlines()
    wanted = "| world:standard | 50,000 | 5,000,000 | 2.0 | 6.0 | 2.5 M | 0.8 M | 321 |"
    assert " ".join(lines[3].split()) == wanted
    assert lines[-1] == "A million events more, written, cost 1.00 s from world:small to world:standard."
