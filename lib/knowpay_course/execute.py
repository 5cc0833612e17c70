"""Run notebooks in processes of their own, several at once, with their seconds and memory watched.

`python -m knowpay_course.execute JOB` is one such process: papermill changes the working directory and owns
its event loop, so two of them do not share one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowpay.collect import TooLittleData
from knowpay.collect.stored import RUNNING

from knowpay_course import CourseError
from knowpay_course.notebooks import normalise, read, read_source, write

# The same numbers on every machine: one thread (sums in one order), no GPU, no hash seed of the day, and the
# kernel python3 of this environment rather than one registered elsewhere.
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "KERAS_BACKEND": "tensorflow",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "PYTHONHASHSEED": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
}


TOO_LITTLE = 3  # exit status of a process whose lesson cannot be carried by the data


@dataclass
class Task:
    """One notebook to execute: what, where to, with which parameters; then what came of it."""

    name: str
    source: Path  # .py or .ipynb
    output: Path
    cwd: Path
    parameters: dict[str, Any]
    seconds: float = 0.0
    memory_mb: float = 0.0  # peak of the process and its kernel, resident, sampled
    error: str = ""  # one sentence; empty when it ran
    too_little: bool = False  # the sentence is that the data cannot carry it


def execute(tasks: list[Task], jobs: int = 1, tell: Callable[[Task], None] | None = None) -> Iterator[Task]:
    """Run notebooks, `jobs` at a time, starting in the order given; yield each when it ends.

    `tell` is called for a running task about five times a second. Closing the generator (Ctrl-C does) ends
    every process it started.
    """
    waiting, running = list(tasks), []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # IPYTHONDIR: no start-up files of the reader's own, no history file that two kernels fight over
        env = {**os.environ, **ENVIRONMENT, "IPYTHONDIR": folder, "PYTHONIOENCODING": "utf-8"}
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    task = waiting.pop(0)
                    log = Path(folder) / f"{task.name}.log"
                    running.append((task, _start(task, env, log), log, time.monotonic()))
                time.sleep(0.2)
                for entry in list(running):
                    task, process, log, started = entry
                    task.seconds = time.monotonic() - started
                    task.memory_mb = max(task.memory_mb, resident_memory(process.pid))
                    if tell:
                        tell(task)
                    if process.poll() is not None:
                        running.remove(entry)
                        task.error = _error(process.returncode, log)
                        task.too_little = process.returncode == TOO_LITTLE
                        yield task
        finally:
            for _, process, _, _ in running:
                _end(process)


def _start(task: Task, env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    task.output.parent.mkdir(parents=True, exist_ok=True)
    job = {key: str(getattr(task, key)) for key in ("source", "output", "cwd")}
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", __spec__.name, json.dumps({**job, "parameters": task.parameters})],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,  # Ctrl-C reaches us alone, and we end the others in order
        )


def _family(pid: int) -> list[Any]:
    import psutil

    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    return []


def resident_memory(pid: int) -> float:
    """MB of memory that a process and its children hold now."""
    import psutil

    total = 0
    for member in _family(pid):
        with contextlib.suppress(psutil.Error):
            total += member.memory_info().rss
    return total / 1e6


def _end(process: subprocess.Popen[bytes]) -> None:
    import psutil

    family = _family(process.pid)
    for member in family:
        with contextlib.suppress(psutil.Error):
            member.kill()
    process.wait()
    psutil.wait_procs(family, timeout=5)


def _error(code: int, log: Path) -> str:
    if code == 0:
        return ""
    if code < 0:
        return f"its process was killed (signal {-code}), most often for want of memory"
    lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"its process ended with code {code} and without a word"


def run_one(source: Path, output: Path, cwd: Path, parameters: dict[str, Any]) -> None:
    """Execute one notebook with papermill in this process and write it, normalised, to `output`.

    A cell that raises leaves the notebook as far as it came, and CourseError gives the cell's number and the
    last line of its error; TooLittleData goes on as it is.
    """
    logging.getLogger("papermill").setLevel(logging.ERROR)
    import papermill
    from nbclient.exceptions import DeadKernelError

    nb = read_source(source) if source.suffix == ".py" else normalise(read(source))
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "in.ipynb", Path(folder) / "out.ipynb"
        write(nb, before)
        os.environ[RUNNING] = str(before)
        try:
            papermill.execute_notebook(before, after, parameters, kernel_name="python3", cwd=cwd, progress_bar=False)
        except papermill.PapermillExecutionError as error:
            write(normalise(read(after)), output)
            if error.ename == TooLittleData.__name__:
                raise TooLittleData(error.evalue) from None
            last = ([line.strip() for line in error.evalue.splitlines() if line.strip()] or [""])[-1]
            raise CourseError(f"cell [{error.exec_count}] raised {error.ename}: {last}") from None
        except DeadKernelError:
            raise CourseError("its kernel died, most often for want of memory") from None
        write(normalise(read(after)), output)


if __name__ == "__main__":
    job = json.loads(sys.argv[1])
    try:
        run_one(Path(job["source"]), Path(job["output"]), Path(job["cwd"]), job["parameters"])
    except (CourseError, TooLittleData) as sentence:
        print(sentence)
        sys.exit(TOO_LITTLE if isinstance(sentence, TooLittleData) else 1)
