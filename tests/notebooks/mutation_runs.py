"""Runs of mutated lessons: the library is copied, one text is replaced, the lesson runs on it as a script."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from knowpay_course import ROOT
from knowpay_course.lesson import as_record
from mutations import KINDS, Company, Mutation

PACKAGES = ("knowpay", "knowpay_course")


class Bench:
    """A lesson's text and a copy of the library in which one thing at a time is wrong."""

    def __init__(self, name: str, text: str, folder: Path) -> None:
        self.name, self.text, self.folder = name, text, folder
        shutil.copytree(ROOT / "lib", folder / "lib")
        (folder / "notebooks").mkdir()
        shutil.copy2(ROOT / "notebooks" / "lessons.yml", folder / "notebooks")  # what `ds.needs` reads of the lessons
        (folder / "alone").mkdir()

    def survivors(self, company: Company, mutations: Iterable[Mutation]) -> list[str]:
        """Sentences about those that turn nothing red, and about checks that do not hold before; none when all is well.

        Raises ValueError for a text that does not stand there once.
        """
        mutations = list(mutations)
        named = [one.red for one in mutations if not one.by_test]
        found = []
        if named:
            held = {one.name: one.holds for one in self.records(company)}
            lacking = ", ".join(sorted(set(named) - set(held)))
            found += [f"there is no record {lacking!r}"] * bool(lacking)
            found += [
                f"{name!r} does not hold before anything is wrong"
                for name in sorted(set(named))
                if not held.get(name, True)
            ]
        return found + [f"{one.title}: {said}" for one in mutations if (said := self._survives(one, company))]

    def _survives(self, mutation: Mutation, company: Company) -> str:
        """Why a mutation turned nothing red; "" when it did."""
        with self._mutated(mutation) as text:
            if mutation.by_test:
                status = self._test(mutation.red)
                return "" if status == 1 else f"{mutation.red} ends with status {status}, not with a failure"
            try:
                records = self.records(company, text)
            except Exception as error:
                return f"the lesson stops ({type(error).__name__}: {error}); a mutation runs to the end"
        holds = next((one.holds for one in records if one.name == mutation.red), True)
        return f"{mutation.red!r} still holds, or is gone" if holds else ""

    @contextlib.contextmanager
    def _mutated(self, mutation: Mutation) -> Iterator[str]:
        """Put the wrong text in place; give the text of the lesson to run."""
        if mutation.where == "lesson":
            if mutation.by_test:
                raise ValueError(f"{mutation.title}: a test sees the library only")
            yield replaced(mutation, self.text)
            return
        path = self.folder / mutation.where
        before = path.with_suffix(".before")
        wrong = replaced(mutation, path.read_text("utf-8"))
        shutil.copy2(path, before)
        path.write_text(wrong, encoding="utf-8")
        try:
            yield self.text
        finally:
            os.replace(before, path)  # with its time of change, so that its compiled form is good again

    def records(self, company: Company, text: str | None = None) -> list:
        """The records of the lesson on a company, with the library of the copy."""
        with fresh_library(self.folder / "lib"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # wrong code may well divide by zero
            from knowpay_course import script

            with script.alone(self.folder / "alone"):
                found = script.run(self.name, text or self.text, company.parameters)
            fields = [one.model_dump() for one in found]
        return [as_record(one) for one in fields]

    def _test(self, name: str) -> int:
        """The exit status of pytest for a test that is run with the library of the copy."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(ROOT / name)]
        env = {**os.environ, "PYTHONPATH": str(self.folder / "lib")}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True).returncode


@contextlib.contextmanager
def fresh_library(folder: Path) -> Iterator[None]:
    """Import our packages anew from `folder` in the block; afterwards the modules from before are back.

    Pandas and the like stay: importing those takes longer than most lessons.
    """

    def ours() -> dict:
        return {name: module for name, module in sys.modules.items() if name.split(".")[0] in PACKAGES}

    before, written = ours(), sys.dont_write_bytecode
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True  # the compiled form of a mutated file must not outlive it
    try:
        yield
    finally:
        sys.dont_write_bytecode = written
        sys.path.remove(str(folder))
        for name in ours():
            del sys.modules[name]
        sys.modules.update(before)


def replaced(mutation: Mutation, text: str) -> str:
    """Return the text with the old one replaced. Raises ValueError when that does not stand there once."""
    if (times := text.count(mutation.old)) != 1:
        raise ValueError(f"{mutation.title}: the old text stands there {times} times; it must be there once")
    return text.replace(mutation.old, mutation.new)


def faults(mutations: Iterable[Mutation], not_here: dict[str, str], lesson: str) -> list[str]:
    """What is wrong with a lesson's list, as sentences: nothing is run. `lesson` is the text of its source."""
    mutations = list(mutations)
    kinds = {one.kind for one in mutations}
    found = [f"{kind!r} is no kind" for kind in sorted((kinds | set(not_here)) - set(KINDS))]
    found += [f"no {kind}, and no reason why" for kind in KINDS if kind not in kinds | set(not_here)]
    found += [f"{kind} is in the list and said not to apply" for kind in sorted(kinds & set(not_here))]
    for one in mutations:
        if one.old == one.new:
            found.append(f"{one.title}: nothing is changed")
        try:
            replaced(one, lesson if one.where == "lesson" else (ROOT / one.where).read_text("utf-8"))
        except (OSError, ValueError) as error:
            found.append(str(error))
        path, _, name = one.red.partition("::")
        if one.by_test and not (
            (ROOT / path).is_file() and f"def {name.split('[')[0]}(" in (ROOT / path).read_text("utf-8")
        ):
            found.append(f"{one.title}: there is no test {one.red}")
    return found
