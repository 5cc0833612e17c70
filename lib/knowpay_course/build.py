"""Write the notebooks of the lessons: their sources executed, with outputs, the same bytes each time."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from knowpay.collect import stored

from knowpay_course import ROOT, CourseError
from knowpay_course.execute import Task, execute
from knowpay_course.lesson import lessons
from knowpay_course.notebooks import clean, read, write

if TYPE_CHECKING:
    from nbformat import NotebookNode


def build(only: Iterable[str] = (), root: Path = ROOT, jobs: int = 1) -> list[Task]:
    """Execute the sources and write the notebooks with their outputs; return what ran.

    A cell whose set is not here keeps the output that it has. A lesson that fails keeps its old notebook. Raises
    CourseError naming every lesson that failed.
    """
    chosen = {lesson.name: lesson for lesson in lessons(only, root)}
    done, failed = [], []
    with tempfile.TemporaryDirectory() as folder:
        tasks = [
            Task(name, lesson.source, Path(folder) / f"{name}.ipynb", root / "notebooks", {})
            for name, lesson in chosen.items()
        ]
        for task in execute(tasks, jobs):
            done.append(task)
            if task.error:
                failed.append(f"{task.name}: {task.error}")
                continue
            nb = read(task.output)
            for cell in (cell for cell in nb.cells if cell.cell_type == "code"):
                cell.outputs = [_without_paths(output, root) for output in cell.outputs]
            if lack := _note_real_data(nb, chosen[task.name].notebook):
                failed.append(f"{task.name}: {lack}")
                continue
            write(nb, chosen[task.name].notebook)
            print(f"{task.name}: built in {task.seconds:.1f} s, {task.memory_mb:.0f} MB")
    if failed:
        raise CourseError("Not built. " + "; ".join(failed) + ".")
    return done


def _note_real_data(nb: NotebookNode, old: Path) -> str:
    """Note in the cells with a set when they ran, on which files; one that did not run keeps the output of `old`.

    The day stays when files and output are as they were. Returns a sentence about a cell without data and output.
    """
    known = {cell.source: cell for cell in read(old).cells if "as_run" in cell.metadata} if old.exists() else {}
    for at, cell in enumerate(nb.cells, 1):
        if not (names := stored.sets(cell)):
            continue
        before, sums = known.get(cell.source), stored.checksums(names)
        kept = clean(stored.outputs(before), cell.execution_count) if before else []
        if lack := [name for name in names if not sums[name]]:
            if before is None:
                return f"cell {at} {stored.needs(lack)}, then build again"
            cell.outputs, cell.metadata["as_run"] = kept, before.metadata.as_run
        elif before and before.metadata.as_run.sha256 == sums and cell.outputs == kept:
            cell.metadata["as_run"] = before.metadata.as_run
        else:
            cell.metadata["as_run"] = {"date": datetime.now(UTC).date().isoformat(), "sha256": sums}
    return ""


def _without_paths(output: NotebookNode, root: Path) -> NotebookNode:
    import nbformat

    text = json.dumps(output)
    for path, instead in ((str(root) + os.sep, ""), (str(Path.home()) + os.sep, "~/")):
        if len(path) > 3:  # a home of "/" or "C:\\" is nobody's
            text = text.replace(json.dumps(path)[1:-1], instead)
    return nbformat.from_dict(json.loads(text))
