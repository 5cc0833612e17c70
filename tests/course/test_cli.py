import errno
import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from knowpay import cli
from knowpay.collect.manifest import EXAMPLE
from knowpay_course import CourseError
from knowpay_course import cli as course


def test_help_imports_nothing_heavy():
    code = (
        "import sys, knowpay_course.cli, knowpay.cli; heavy = {'pandas', 'numpy', 'duckdb', 'ibis', 'matplotlib', "
        "'nbformat', 'papermill', 'jupytext', 'keras'}; print(heavy & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (cli, "doctor ingest run replay subject purge data"),
        (course, "course notebooks exercises book world bench calibrate power replicate"),
    ],
)
def test_help_names_every_command(command, names):
    from typer.testing import CliRunner

    shown = CliRunner().invoke(command.app, ["--help"]).output
    assert set(re.findall(r"^│ (\w+) ", shown, re.MULTILINE)) == set(names.split())


@pytest.mark.parametrize("line", ["course --data world:small", "notebooks build 12", "bench", "world small --out x"])
def test_an_old_name_answers_with_the_new_one(line, capsys):
    name = line.split()[0]
    assert cli.run(lambda: cli.app(line.split())) == 2
    assert capsys.readouterr().err == f"`knowpay {name}` is now `knowpay-course {name}`.\n"


def raiser(error):
    def command():
        raise error

    return command


class OwnError(Exception):
    __module__ = "knowpay.collect.door"


def test_our_own_errors_are_one_sentence(capsys):
    for error in (CourseError("Free some space."), OwnError("The column price is missing.")):
        assert cli.run(raiser(error)) == 2
        assert capsys.readouterr().err == f"{error}\n"


def test_a_value_error_of_ours_is_a_sentence_and_any_other_keeps_its_traceback(capsys):
    from knowpay import show

    assert cli.run(lambda: show.exact("", 1, 1)) == 2
    assert "needs a name" in capsys.readouterr().err
    with pytest.raises(ValueError, match="invalid literal"):
        cli.run(lambda: int("x"))
    with pytest.raises(KeyError):
        cli.run(raiser(KeyError("a bug")))


def test_ctrl_c_and_exit_codes(capsys):
    assert cli.run(raiser(KeyboardInterrupt())) == 130
    assert "Stopped" in capsys.readouterr().err
    assert cli.run(raiser(SystemExit(1))) == 1
    assert cli.run(raiser(SystemExit())) == 0
    assert cli.run(lambda: None) == 0


def child(code, *words, **more):
    """A process of its own that runs `knowpay` with these words after some lines of code."""
    lines = ["import sys, knowpay", code, f"sys.argv = {['knowpay', *map(str, words)]!r}"]
    script = "\n".join([*lines, "from knowpay.cli import main", "main()"])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", script], text=True, **pipes, **more)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to another process")
@pytest.mark.parametrize(
    "busy",
    ["duckdb.sql('SELECT sum(a.range * b.range) FROM range(1000000000) a, range(1000000000) b').fetchall()", "wait()"],
    ids=["in DuckDB", "in an import"],
)
def test_ctrl_c_is_one_sentence_whatever_was_being_done(busy):
    code = f"""
import duckdb, time
def wait():
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        raise RuntimeError("Error calling __set_name__")  # what Python makes of it while a class is made
def slow(folder):
    print("busy", flush=True)
    {busy}
knowpay.open = slow
"""
    process = child(code, "ingest", "anything")
    assert process.stdout.readline() == "busy\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "Stopped. What was done is kept; run the same command to go on.\n")


def test_a_console_without_chinese_gets_the_report(tmp_path):
    said = (
        "def open(folder):\n    print('课程'), sys.stderr.write('课程')\n    raise SystemExit(0)\nknowpay.open = open"
    )
    process = child(said, "ingest", tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "\\u8bfe\\u7a0b\n", "\\u8bfe\\u7a0b")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC])
def test_a_place_that_cannot_be_written_is_one_sentence(number, capsys):
    assert cli.run(raiser(OSError(number, os.strerror(number), "build/course"))) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"build/course cannot be written ({os.strerror(number)}): ") and said.count("\n") == 1
    with pytest.raises(FileNotFoundError):
        cli.run(raiser(FileNotFoundError(errno.ENOENT, "", "a bug")))


def test_a_file_in_place_of_a_folder_is_one_sentence(school, capsys):
    from knowpay_course import runner
    from knowpay_course.book import render

    root = school(**{"00_first": ""})
    (root / "build").write_text("")
    assert cli.run(lambda: runner.course(root=root)) == 2
    assert "build/course cannot be written" in capsys.readouterr().err
    assert cli.run(lambda: render.build(root / "notebooks", root / "build" / "html")) == 2
    assert "build cannot be written" in capsys.readouterr().err


def test_unknown_data_is_the_doors_own_sentence():
    done = subprocess.run(
        [sys.executable, "-c", "from knowpay_course.cli import main; main()", "course", "--data", "world:tiny"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "tiny" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_world_writes_a_company_and_spares_a_folder_in_use(tmp_path, monkeypatch):
    from knowpay import world

    written = []
    monkeypatch.setattr(world, "write", lambda *arguments, **knobs: written.append((*arguments, knobs)))
    out = tmp_path / "company"
    command = ["world", "small", "--seed", "3", "--out", str(out), "--company", "churn=0.6"]
    assert cli.run(lambda: course.app(command)) == 0
    assert written == [("small", 3, out / "data", out / "truth", {"churn": 0.6})]
    (tmp_path / "mine.csv").write_text("x")
    assert cli.run(lambda: course.app(["world", "small", "--out", str(tmp_path)])) == 2
    assert len(written) == 1


def test_knobs_reach_the_course(monkeypatch):
    from knowpay_course import runner

    asked = {}
    monkeypatch.setattr(runner, "course", lambda *given, **more: asked.update(more) or 0)
    assert cli.run(lambda: course.app(["course", "--company", "churn=0.6", "--company", "courses=80"])) == 0
    assert asked == {"company": {"churn": 0.6, "courses": 80}}
    assert type(asked["company"]["courses"]) is int
    cli.run(lambda: course.app(["course"]))
    assert asked == {"company": {}}


@pytest.mark.parametrize("text", ["churn", "churn=", "churn=high", "=1", "seed=3", "cache=1", ""])
def test_a_bad_knob_is_one_sentence(text, capsys):
    assert cli.run(lambda: course.app(["course", "--company", text])) == 2
    said = capsys.readouterr().err
    assert f"such as churn=0.6, not {text!r}; the knobs are " in said and "price_level" in said
    assert len(said.strip().splitlines()) == 1


def test_replicate_is_asked_for_what_the_line_says(monkeypatch):
    from knowpay_course.maintain import replicate

    asked = []
    monkeypatch.setattr(replicate, "main", lambda *given: asked.append(given) or 1)
    assert cli.run(lambda: course.app(["replicate", "12", "--companies", "30", "--jobs", "1"])) == 1
    assert cli.run(lambda: course.app(["replicate"])) == 1
    assert asked == [(["12"], 30, 1), ((), 40, 2)]


def test_an_export_is_read_and_its_mended_rows_are_let_in(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "users.csv").write_text("user_id,created_at\nu1,1740792600\nu2,soon\n", encoding="utf-8")

    def declare(unit: str) -> None:
        fields = EXAMPLE | {"timestamp_unit": unit}
        (folder / "manifest.yml").write_text("".join(f'{k}: "{v}"\n' for k, v in fields.items()), encoding="utf-8")

    declare("iso")
    said = CliRunner().invoke(cli.app, ["ingest", str(folder)], catch_exceptions=False).output
    assert "users, bad_date, 2 rows: '1740792600' cannot be read as a time" in said
    declare("s")
    said = CliRunner().invoke(cli.app, ["replay", str(folder), "--rule", "bad_date"], catch_exceptions=False).output
    assert "1 rows were let in." in said and "users, bad_date, 1 rows: 'soon'" in said


SERVED = b"id,day\n1,2020-01-01\n"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Two sets: `served`, whose publisher has a file to fetch, and `placed`, which has not; nothing is here."""
    from knowpay.collect import public

    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "people.csv").write_bytes(SERVED)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path / "site"))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    file = public.declaration.File(
        sha256=hashlib.sha256(SERVED).hexdigest(),
        url=f"http://127.0.0.1:{server.server_port}/people.csv",
        size=len(SERVED),
    )
    made = {"title": "Some people", "licence": "CC0", "source": "s", "citation": "c"}
    served = public.PublicSet(name="served", folder="people", files={"people.csv": file}, **made)
    by_hand = {"folder": "placed", "by_hand": "Save people.csv in a folder placed."}
    unserved = {"people.csv": file.model_copy(update={"url": ""})}
    placed = served.model_copy(update={"name": "placed", "files": unserved, **by_hand})
    monkeypatch.setattr(public, "LISTED", {"served": served, "placed": placed})
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KNOWPAY_DATA", str(tmp_path / "data"))
    yield tmp_path
    server.shutdown()
    server.server_close()


def said(capsys, *command):
    status = cli.run(lambda: cli.app(["data", *command]))
    shown = capsys.readouterr()
    return status, shown.out.strip().splitlines()[-1:], shown.out + shown.err


def test_a_set_is_listed_fetched_and_then_here(shelf, capsys):
    status, _, listed = said(capsys, "list")
    assert status == 0 and "not here: knowpay data get served;" in listed and "Some people; CC0" in listed
    assert "not here: knowpay data get placed says how to place it" in listed
    fetched = shelf / "cache" / "downloads" / "people"
    status, _, text = said(capsys, "get", "served")
    assert status == 0 and f"served: fetched into {fetched}" in text
    assert (fetched / "people.csv").read_bytes() == SERVED
    assert f"served: already here, in {fetched}" in said(capsys, "get", "served")[2]
    assert f"{fetched}; Some people" in said(capsys, "list")[2]


def test_a_set_that_nobody_serves_is_placed_by_hand(shelf, capsys):
    status, (last,), _ = said(capsys, "get", "placed")
    assert status == 1 and last == "placed: Some people is not here. Save people.csv in a folder placed."
    (shelf / "data" / "placed").mkdir(parents=True)
    (shelf / "data" / "placed" / "people.csv").write_bytes(SERVED)
    assert f"placed: already here, in {shelf / 'data' / 'placed'}" in said(capsys, "get", "placed")[2]
    (shelf / "data" / "placed" / "people.csv").write_bytes(SERVED + b"2,2020-01-02\n")
    status, (last,), _ = said(capsys, "get", "placed")
    assert status == 1 and "is not the published file" in last


def test_one_set_that_fails_does_not_keep_the_others_away(shelf, capsys):
    status, (last,), text = said(capsys, "get", "placed", "served")
    assert status == 1 and last.startswith("placed: ") and "served: fetched into" in text


def test_an_unknown_set_is_one_sentence(shelf, capsys):
    assert cli.run(lambda: cli.app(["data", "get", "served", "people"])) == 2
    assert capsys.readouterr().err == "There is no data set people. Possible are served, placed.\n"
    assert not (shelf / "cache").exists()
