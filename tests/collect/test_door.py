"""knowpay.open: what can be opened, what it says otherwise, where it puts things."""

import errno
import io
import subprocess
import sys
import types
from pathlib import Path

import knowpay
import pytest
from collect_exports import frames, write_manifest, write_table
from knowpay.collect import ExportError
from knowpay.collect.ingest import run


@pytest.fixture
def world(monkeypatch):
    """A stand-in for the simulator: writes the tiny export and one truth table, and counts its calls."""
    calls = []

    def label(size, seed, **knobs):
        if set(knobs) - {"churn", "courses"}:
            raise ValueError(f"There is no knob {', '.join(knobs)}.")
        return "-".join([f"{size}-s{seed}", *(f"{k}{v}" for k, v in knobs.items() if v != fake.KNOBS[k].default)])

    def write(size, seed, data_dir, truth_dir, **knobs):
        calls.append((size, seed, knobs) if knobs else (size, seed))
        write_manifest(data_dir)
        for name, frame in frames(users=6 + seed).items():
            write_table(frame, data_dir / f"{name}.parquet")
        frames()["users"].to_parquet(truth_dir / "users.parquet")

    fake = types.SimpleNamespace(
        SIZES={"small": 6, "standard": 60}, VERSION="v1", write=write, label=label, calls=calls
    )
    fake.KNOBS = {"churn": types.SimpleNamespace(default=0.44), "courses": types.SimpleNamespace(default=120)}
    monkeypatch.setitem(sys.modules, "knowpay.world", fake)
    monkeypatch.setattr(knowpay, "world", fake, raising=False)
    return fake


def test_world_is_generated_once(world, tmp_path):
    ds = knowpay.open("world:small", seed=1, cache=tmp_path)
    assert ds.name == "world:small" and ds.users.count().execute() == 7 and len(ds.truth.users) == 6
    knowpay.open("world:small", seed=1, cache=tmp_path)
    assert world.calls == [("small", 1)]
    assert not (tmp_path / "world" / "small-s1-v1" / "truth").exists()  # the truth is never among the data
    assert (tmp_path / "truth" / "small-s1-v1" / "users.parquet").exists()


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "times"), [(Terminal, 1), (io.StringIO, 0)], ids=["terminal", "notebook"])
def test_a_terminal_shows_that_the_company_is_being_made(world, tmp_path, monkeypatch, stream, times):
    shown = stream()
    monkeypatch.setattr(sys, "stderr", shown)
    knowpay.open("world:small", cache=tmp_path)
    assert ("Making the company world:small" in shown.getvalue()) == bool(times)
    monkeypatch.setattr(sys, "stderr", again := stream())
    knowpay.open("world:small", cache=tmp_path)  # there already: nothing to wait for
    assert again.getvalue() == ""


def test_ctrl_c_in_the_midst_of_a_query_is_ctrl_c(world, tmp_path, monkeypatch):
    def query(*given):
        raise RuntimeError("Query interrupted")  # what DuckDB makes of it

    write_manifest(tmp_path / "mine")
    write_table(frames()["users"], tmp_path / "mine" / "users.csv")
    monkeypatch.setattr(run, "follow", query)
    with pytest.raises(KeyboardInterrupt):
        knowpay.open(tmp_path / "mine", cache=tmp_path / "cache")
    world.write = query
    with pytest.raises(KeyboardInterrupt):
        knowpay.open("world:small", cache=tmp_path / "cache")


def test_a_read_only_cache_is_said_with_the_remedy(world, tmp_path, monkeypatch):
    def mkdir(folder, *given, **more):
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    for data in ("world:small", tmp_path):
        with pytest.raises(ExportError, match=r"cannot be written \(Read-only file system\). Set KNOWPAY_CACHE"):
            knowpay.open(data, cache=tmp_path / "cache")


def test_each_seed_and_version_has_its_own_company(world, tmp_path):
    for seed, version in ((0, "v1"), (1, "v1"), (1, "v2")):
        world.VERSION = version
        knowpay.open("world:small", seed=seed, cache=tmp_path)
    assert world.calls == [("small", 0), ("small", 1), ("small", 1)]


def test_each_turn_of_a_knob_is_a_company_of_its_own(world, tmp_path):
    turned = knowpay.open("world:small", cache=tmp_path, courses=80, churn=0.6)
    assert turned.name == "world:small, churn 0.6, courses 80"
    assert knowpay.open("world:small", cache=tmp_path, churn=0.44).name == "world:small"  # the default
    knowpay.open("world:small", cache=tmp_path)
    knowpay.open("world:small", cache=tmp_path, courses=80, churn=0.6)
    assert world.calls == [("small", 0, {"courses": 80, "churn": 0.6}), ("small", 0, {"churn": 0.44})]
    for room in ("world", "truth"):
        assert (tmp_path / room / "small-s0-courses80-churn0.6-v1").exists()


def test_a_knob_that_the_world_lacks_is_its_own_sentence(world, tmp_path):
    with pytest.raises(ValueError, match="no knob speed"):
        knowpay.open("world:small", cache=tmp_path, speed=1)
    assert world.calls == []


def test_only_a_simulated_company_has_knobs(world, export, tmp_path):
    for data in (export(), "oulad"):
        with pytest.raises(ValueError, match="takes no churn: only a simulated company has knobs"):
            knowpay.open(data, cache=tmp_path, churn=0.6)


def test_world_without_its_truth_is_made_anew(world, tmp_path):
    import shutil

    knowpay.open("world:small", cache=tmp_path)
    shutil.rmtree(tmp_path / "truth")
    assert len(knowpay.open("world:small", cache=tmp_path).truth.users) == 6


def test_a_world_that_fails_leaves_nothing(world, tmp_path, monkeypatch):
    monkeypatch.setattr(world, "write", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        knowpay.open("world:small", cache=tmp_path)
    assert [p.name for p in (tmp_path / "world").iterdir()] == ["small-s0-v1.lock"]


@pytest.mark.parametrize("data", ["world:huge", "world:", "olad", "no/such/folder", ""])
def test_what_cannot_be_opened_lists_what_can(world, tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="world:small"):
        knowpay.open(data, cache=tmp_path)


@pytest.mark.parametrize("seed", [-1, "0", 1.0, True, None])
def test_seed_must_be_a_whole_number(world, tmp_path, seed):
    with pytest.raises(ValueError, match="seed is"):
        knowpay.open("world:small", seed=seed, cache=tmp_path)


def test_path_is_opened_and_follows_its_bytes(export, tmp_path, monkeypatch):
    folder = export()
    monkeypatch.setenv("KNOWPAY_CACHE", str(tmp_path / "cache"))
    assert knowpay.open(folder).users.count().execute() == 6
    write_table(frames(users=8)["users"], folder / "users.csv")
    assert knowpay.open(str(folder)).users.count().execute() == 8
    assert len([p for p in (tmp_path / "cache" / "ingested").iterdir() if p.is_dir()]) == 1


def test_import_is_light():
    heavy = "('duckdb', 'ibis', 'pandas', 'numpy', 'pydantic')"
    code = f"import sys, knowpay, knowpay.collect.door; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
