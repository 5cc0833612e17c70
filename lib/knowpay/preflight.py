"""Can this machine hold the course? Asked by make before anything is installed.

Standard library only, and syntax that Python 3.6 reads, so that an old Python gets a sentence and not a traceback.
"""

import importlib.util
import os
import platform
import shutil
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
ROOM = 3.5  # GB: packages 2.4, their bytecode 0.4, what pip downloads on the way 0.6
RANGE = "{}.{} to {}.{}".format(*OLDEST, *NEWEST)
HELP = "name another with `make course PYTHON=/path/to/python`"


def wrong_python(version: tuple, bits: int = 64) -> str:
    """Say in a sentence why this Python will not do; an empty text when it will."""
    here = ".".join(map(str, version[:3]))
    if bits < 64:
        return f"Python {here} is a 32-bit one and TensorFlow needs 64 bits: install a 64-bit Python, or {HELP}."
    if tuple(version[:2]) < OLDEST:
        return f"Python {here} is too old, the course needs {RANGE}: install Python {NEWEST[0]}.{NEWEST[1]}, or {HELP}."
    if tuple(version[:2]) > NEWEST:
        return (
            f"Python {here} is newer than TensorFlow supports, the course needs {RANGE}: "
            f"install Python {NEWEST[0]}.{NEWEST[1]} beside it, or {HELP}."
        )
    return ""


def wrong_machine(system: str, machine: str) -> str:
    """Say why no packages exist for this system and processor (names as `platform` gives them)."""
    if system == "Darwin" and machine == "x86_64":
        return (
            "TensorFlow is no longer made for Intel Macs, nor for an Intel Python on Apple silicon: "
            "install the Apple silicon Python, or use the Dockerfile."
        )
    return ""


def wrong_parts(found: bool) -> str:
    """Say what to do when this Python came without the parts that make a virtual environment."""
    if found:
        return ""
    return "This Python cannot make a virtual environment: install its venv part (Debian: apt install python3-venv)."


def wrong_room(free: float, held: float = 0.0) -> str:
    """Say that `free` GB of disk, beside the `held` GB that an earlier set-up has filled, are too little."""
    if free + held >= ROOM:
        return ""
    return (
        f"Only {free:.1f} GB of disk are free here and the set-up needs {ROOM - held:.1f} GB: "
        "delete something or move the course to a larger disk, then run the same command again."
    )


def weight(folder: str) -> float:
    """GB of the files below a folder; 0 when there is none."""
    files = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(name).st_size for name in files) / 1e9


def wrong_venv(made_by: str, version: tuple) -> str:
    """Say that the virtual environment here belongs to another Python; `made_by` is its version, "" when unknown."""
    here = ".".join(map(str, version[:2]))
    if not made_by or made_by.split(".")[:2] == here.split("."):
        return ""
    return f"The folder .venv was made by Python {made_by} and this is {here}: delete the folder to change to this one."


def wrong_place(made_at: str, folder: str) -> str:
    """Say that the virtual environment `folder` was moved or copied: its commands run what lies where it was made.

    `made_at` is that folder, as an absolute path; any other text means that nobody knows.
    """
    if not os.path.isabs(made_at) or os.path.realpath(made_at) == os.path.realpath(folder):
        return ""
    return (
        f"The folder .venv was made in {os.path.dirname(made_at)} and does not work here: delete the folder .venv, "
        "then run the same command again."
    )


def maker(folder: str, word: str = "version") -> str:
    """Version of the Python that made a virtual environment, as "3.11.7", or another word of it; "" without one."""
    try:
        with open(os.path.join(folder, "pyvenv.cfg"), encoding="utf-8") as file:
            found = [line.split("=", 1)[1].strip() for line in file if line.startswith(word)]
    except OSError:
        return ""
    return found[0] if found else ""


def main(words: list, venv: str = ".venv") -> int:
    """Print the first thing that is wrong and return 1.

    With the word "python" only Python itself is looked at, with "place" only whether the environment was moved.
    """
    version = tuple(sys.version_info)
    python = wrong_python(version, 64 if sys.maxsize > 2**32 else 32)
    if words == ["python"]:
        return 1 if python else 0
    place = wrong_place(maker(venv, "command").partition(" -m venv ")[2], venv)
    wrong = place
    if words != ["place"]:
        wrong = (
            python
            or place
            or wrong_machine(platform.system(), platform.machine())
            or wrong_parts(importlib.util.find_spec("ensurepip") is not None)
            or wrong_venv(maker(venv), version)
            or wrong_room(shutil.disk_usage(".").free / 1e9, weight(venv))
        )
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
