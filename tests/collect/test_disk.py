"""What is written appears whole or not at all, made by one process; where it cannot be written a sentence says so."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest
from knowpay.collect import ExportError, disk


def test_a_folder_appears_by_one_rename(tmp_path):
    made_in = []

    def make(out: Path) -> None:
        assert not (tmp_path / "s").exists()
        made_in.append(out.stat().st_ino)

    assert disk.build(tmp_path / "s", make).stat().st_ino == made_in[0]


def test_a_killed_run_is_cleaned_up_by_the_next(tmp_path):
    (tmp_path / ".s-dead").mkdir()
    made = disk.build(tmp_path / "s", lambda out: (out / "x").write_text("1"))
    assert (made / "x").read_text() == "1" and not (tmp_path / ".s-dead").exists()


def test_parallel_openers_build_once(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    built = []

    def make(out: Path) -> None:
        built.append(out)
        (out / "x").write_text("1")

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: disk.build(tmp_path / "s", make), range(4)))
    assert len(built) == 1 and all((m / "x").exists() for m in made)


HOLD = """import pathlib, sys, time
from knowpay.collect.disk import only_one
with only_one(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_process_waits_and_a_killed_holder_stops_nobody(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "s")], stdout=subprocess.PIPE)
    assert holder.stdout.readline().strip() == b"held"
    second = threading.Thread(target=disk.build, args=(tmp_path / "s", lambda out: (out / "x").write_text("1")))
    second.start()
    second.join(0.5)
    assert second.is_alive() and not (tmp_path / "s").exists()
    holder.kill()
    second.join(30)
    assert (tmp_path / "s" / "x").read_text() == "1"
    holder.communicate()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch, number):
    def acquire(lock, *given, **more):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    assert disk.build(tmp_path / "s", lambda out: (out / "x").write_text("1")).is_dir()


def test_a_cache_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="KNOWPAY_CACHE"):
        disk.build(tmp_path / "file" / "s", lambda out: None)


def test_a_full_disk_is_a_sentence(tmp_path):
    def full(out: Path) -> None:
        raise OSError(28, os.strerror(28))

    with pytest.raises(ExportError, match="is full"):
        disk.build(tmp_path / "s", full)
    assert [path.name for path in tmp_path.iterdir()] == ["s.lock"]  # no half of it is left to fill the disk further


def test_the_cache_is_the_one_asked_for_else_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "set"))
    assert disk.cache_folder(tmp_path / "asked") == tmp_path / "asked"
    assert disk.cache_folder() == tmp_path / "set"
    monkeypatch.delenv("KNOWPAY_CACHE")
    assert disk.cache_folder() == disk.ROOT / "datasets" / "cache"


def test_without_a_checkout_the_cache_is_in_the_home(tmp_path, monkeypatch):
    monkeypatch.delenv("KNOWPAY_CACHE", raising=False)
    assert disk.cache_folder() == disk.ROOT / "datasets" / "cache"
    monkeypatch.setattr("knowpay.collect.disk.ROOT", tmp_path)
    assert disk.cache_folder() == Path.home() / ".cache" / "knowpay"
    assert disk.cache_folder("here") == Path("here").resolve()
