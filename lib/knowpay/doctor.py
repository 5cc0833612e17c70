"""`knowpay doctor`: what this machine and environment are, what is wrong with them, and the remedy.

The report is meant for an issue: plain text, and nothing in it that tells whose machine it is (no folders, no names).
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from knowpay import preflight
from knowpay.collect.disk import ROOT

BASE = [
    "knowpay",
    "duckdb",
    "ibis-framework",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "statsmodels",
]
COURSE = ["jupyter-book", "jupyterlab", "keras", "nbval", "papermill", "tensorflow"]  # without a checkout: not needed
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")  # as tests/book drives
MEMORY, ALONE = 4.0, 2.0  # GB that two lessons at a time need, and one
DISK = 1.0  # GB that the generated company, the outputs and the book need
RUN = "Delete the file .venv/ready and run `make course`: it installs what requirements.lock names."


@dataclass(frozen=True)
class Finding:
    """One line of the report. `remedy` is empty when all is well; `needed` is False for what lessons do without."""

    name: str
    value: str
    remedy: str = ""
    needed: bool = True


def report(root: Path = ROOT) -> list[Finding]:
    """Look at Python, packages, lock, machine, fonts and browser of this environment."""
    return [
        python_finding(tuple(sys.version_info[:3]), 64 if sys.maxsize > 2**32 else 32),
        Finding("System", _system(), preflight.wrong_machine(platform.system(), platform.machine())),
        packages_finding(installed, BASE + COURSE if (root / "requirements.lock").exists() else BASE),
        lock_finding(root / "requirements.lock", installed),
        Finding("Cores", str(cores())),
        memory_finding(memory()),
        disk_finding(shutil.disk_usage(root).free / 1e9),
        Finding("GPU", gpu()),
        font_finding(_cjk_fonts()),
        browser_finding(browser()),
    ]


def main() -> int:
    """Print the report; return 1 when something is wrong that the lessons need."""
    found = report()
    print(text(found))
    return int(any(finding.remedy and finding.needed for finding in found))


def text(found: list[Finding]) -> str:
    """Lay findings out as plain text, one line each, the remedy below what is wrong."""
    lines = []
    for finding in found:
        state = "ok" if not finding.remedy else "WRONG" if finding.needed else "note"
        lines.append(f"{state:<5}  {finding.name:<8}  {finding.value}")
        if finding.remedy:
            lines.append(f"{'':17}-> {finding.remedy}")
    return "\n".join(lines)


def installed(name: str) -> str:
    """Version of an installed package, without importing it; "" when it is absent."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def locked(lock: Path) -> dict[str, str]:
    """The versions that the lock names for this Python and system, by package."""
    from packaging.requirements import Requirement

    pins = [
        Requirement(line.rstrip(" \\\n"))
        for line in lock.read_text("utf-8").splitlines()
        if re.match(r"[A-Za-z0-9]", line)
    ]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins if not pin.marker or pin.marker.evaluate()}


def cores() -> int:
    """Cores this process may use; fewer than the machine has where a container or a scheduler says so."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def memory(limit: Path = Path("/sys/fs/cgroup/memory.max")) -> float:
    """GB of memory of the machine, or of the container (its cgroup limit) when that is less."""
    import psutil

    total = psutil.virtual_memory().total
    with contextlib.suppress(OSError, ValueError):  # no cgroup here, or the word "max"
        total = min(total, int(limit.read_text()))
    return total / 1e9


def browser() -> str:
    """The browser that the test of the book drives, as a command name; "" when there is none."""
    return next((name for name in BROWSERS if shutil.which(name)), "")


def gpu() -> str:
    """What accelerator there is, asked of its driver and not of TensorFlow. Lessons run on the processor."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple Metal; not used, lessons run on the processor"
    command = shutil.which("nvidia-smi")
    if not command:
        return "none; not needed"
    query = [command, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "nvidia-smi is there and does not answer; not needed"
    return "; ".join(line.strip() for line in said.splitlines() if line.strip()) or "none; not needed"


def python_finding(found: tuple[int, ...], bits: int = 64) -> Finding:
    """Is this Python one of those the course is tested on?"""
    value = f"{'.'.join(map(str, found))} ({platform.python_implementation()}, {bits} bit)"
    return Finding("Python", value, preflight.wrong_python(found, bits))


def packages_finding(look: Callable[[str], str], names: list[str]) -> Finding:
    """The versions one wants to read in a bug report. `look` gives a package's version, "" when absent."""
    found = {name: look(name) or (look("tensorflow-cpu") if name == "tensorflow" else "") for name in names}
    absent = [name for name, there in found.items() if not there]
    value = ", ".join(f"{name} {there}" for name, there in found.items() if there)
    return Finding("Packages", value or "none", f"Missing: {', '.join(absent)}. {RUN}" if absent else "")


def lock_finding(lock: Path, look: Callable[[str], str]) -> Finding:
    """Do the installed versions agree with the lock? A package it names and that is absent is needed; one of
    another version may do, but stored outputs are promised for the locked versions only."""
    if not lock.exists():
        remedy = "Exports are read anywhere; to run the lessons, clone the course."
        return Finding("Lock", "requirements.lock is absent", remedy, needed=False)
    pins = locked(lock)
    here = {name: look(name) for name in pins}
    absent = sorted(name for name in pins if not here[name])
    other = sorted(name for name in pins if here[name] and here[name] != pins[name])
    value = f"{len(pins) - len(absent) - len(other)} of {len(pins)} packages as in requirements.lock"
    wrong = [f"{name} absent" for name in absent] + [f"{name} {here[name]}, not {pins[name]}" for name in other]
    if wrong:
        value += "; " + "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    remedy = "Delete the folder .venv and run `make course`: outputs are promised for the locked versions only."
    return Finding("Lock", value, remedy if wrong else "", needed=bool(absent))


def memory_finding(total: float) -> Finding:
    """`total` is in GB; a machine sold with 4 GB reports a little less, so a tenth is forgiven."""
    remedy = f"Two lessons at a time need {MEMORY:.0f} GB: run one at a time, with `knowpay-course course --jobs 1`."
    if total < 0.9 * ALONE:
        remedy = f"A lesson needs {ALONE:.0f} GB: use a larger machine."
    return Finding("Memory", f"{total:.1f} GB", remedy if total < 0.9 * MEMORY else "", needed=total < 0.9 * ALONE)


def disk_finding(free: float) -> Finding:
    """`free` is in GB, on the disk that holds the course."""
    remedy = f"Lessons and book need {DISK:.0f} GB: delete something, then run the same command again."
    return Finding("Disk", f"{free:.1f} GB free", remedy if free < DISK else "")


def font_finding(fonts: list[str]) -> Finding:
    """Is there a font that draws the Chinese in figures?"""
    remedy = "Figures show boxes for Chinese: install Noto Sans CJK (Debian: apt install fonts-noto-cjk)."
    return Finding("CJK font", fonts[0] if fonts else "none", "" if fonts else remedy)


def browser_finding(name: str) -> Finding:
    """Is there a browser that the test of the book can drive?"""
    remedy = "Only the test of the book needs one and skips: install Chromium (Debian: apt install chromium)."
    return Finding("Browser", name or "none", "" if name else remedy, needed=False)


def _system() -> str:
    libc = " ".join(platform.libc_ver()).strip()
    release = platform.mac_ver()[0] if platform.system() == "Darwin" else platform.release()
    return ", ".join(part for part in (f"{platform.system()} {release}", platform.machine(), libc) if part)


def _cjk_fonts() -> list[str]:
    try:
        from knowpay.show.figure import cjk_fonts

        return cjk_fonts()
    except ImportError:  # a half-installed environment is what the doctor is called for
        return []
