"""Lessons as pairs: notebooks/src/NN_name.py, which people edit, and notebooks/NN_name.ipynb with outputs.

`disagreements` says where a pair differs or a notebook lacks what the tests compare; build.py writes them.
"""

from __future__ import annotations

import ast
import copy
import difflib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay.collect import stored

from knowpay_course import ROOT, CourseError
from knowpay_course.lesson import lessons

if TYPE_CHECKING:
    from nbformat import NotebookNode


MARKED = "nbval-check-output"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
NOISE = re.compile(
    r"^.*(Kernel is running over TCP|frozen modules|PYDEVD_DISABLE_FILE_VALIDATION).*\n?",
    re.MULTILINE,
)
ELSEWHERE = re.compile(r"(?<![\w.])(?:/home/|/Users/|/tmp/|/root/|[A-Z]:\\{1,2}Users\\)[\w.\-/\\]+| at 0x[0-9a-f]{6,}")


def read_source(path: Path) -> NotebookNode:
    """Read a py:percent file as a notebook without outputs, with our metadata and cell ids.

    Raises CourseError when the file is not there.
    """
    if not path.exists():
        raise CourseError(f"{path.name} has no source {path.parent.name}/{path.name}.")
    return read_text(path.read_text("utf-8"))


def read_text(text: str) -> NotebookNode:
    """Return the text of a py:percent file as `read_source` does."""
    import jupytext

    return normalise(jupytext.reads(text, fmt="py:percent"))


def normalise(nb: NotebookNode) -> NotebookNode:
    """Return a copy that depends on the cells alone: no times, no machine, no kernel noise, stable ids.

    A cell's id is a digest of its kind and text: inserting a cell leaves the ids of the others as they are.
    """
    nb = copy.deepcopy(nb)
    nb.metadata = copy.deepcopy(METADATA)
    nb.nbformat, nb.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    count = 0
    for cell in nb.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        tags = cell.metadata.get("tags", [])
        kept = {"data": cell.metadata.get("data"), "as_run": cell.metadata.get("as_run"), "tags": list(tags)}
        cell.metadata = {key: value for key, value in kept.items() if value}
        if cell.cell_type != "code":
            cell.pop("attachments", None)
            continue
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = clean(cell.outputs, cell.execution_count)
    return nb


def clean(outputs: list[Any], count: int | None) -> list[Any]:
    """Return outputs without kernel noise and times; a text that was cut into messages is one again."""
    kept: list[Any] = []
    for output in outputs:
        output = copy.deepcopy(output)
        if output.output_type == "stream":
            text = "".join(output.text)
            output.text = NOISE.sub("", text) if output.name == "stderr" else text
            if not output.text:
                continue
            if kept and kept[-1].output_type == "stream" and kept[-1].name == output.name:
                kept[-1].text += output.text  # how a text was cut into messages is a matter of timing
                continue
        if "execution_count" in output:
            output.execution_count = count
        if "metadata" in output:
            output.metadata = {}
        kept.append(output)
    return kept


def write(nb: NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all, with the same bytes on every system."""
    import nbformat

    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".part")
    new.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")
    os.replace(new, path)


def read(path: Path) -> NotebookNode:
    """Read a notebook. Raises CourseError when it is missing or is not one."""
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise CourseError(f"{path.name} does not exist yet: `knowpay-course notebooks build` writes it.") from None
    except (ValueError, nbformat.ValidationError) as error:
        raise CourseError(f"{path.name} is not a notebook: {str(error).splitlines()[0]}") from None


def disagreements(only: Iterable[str] = (), root: Path = ROOT) -> list[str]:
    """Compare every pair; return one sentence per difference, none when all is well."""
    problems: list[str] = []
    for lesson in lessons(only, root):
        if not lesson.source.exists():
            problems.append(f"{lesson.name}: notebooks/src/{lesson.name}.py is missing.")
        elif not lesson.notebook.exists():
            problems.append(f"{lesson.name}: not built yet; run `knowpay-course notebooks build {lesson.number}`.")
        else:
            nb = read(lesson.notebook)
            own = [*differences(read_source(lesson.source), nb), *faults(nb), *unmarked(nb)]
            problems += [f"{lesson.name}: {problem}" for problem in own]
    return problems


def differences(source: NotebookNode, nb: NotebookNode) -> list[str]:
    """Say where the inputs of two notebooks (kinds of cells, texts, tags, sets) are not the same."""
    ours, theirs = ([_input(cell) for cell in book.cells] for book in (source, nb))
    problems = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        where = f"cell {a + 1}" if b > a else f"after cell {a}"
        said = f"the source has {_brief(ours[a:b])}, the notebook has {_brief(theirs[c:d])}"
        problems.append(f"{where} differs: {said}; edit the source and build again.")
    return problems


def _input(cell: Any) -> tuple[str, str, tuple[str, ...]]:
    tags = [*cell.metadata.get("tags", []), *(f"data: {name}" for name in stored.sets(cell))]
    return cell.cell_type, cell.source.rstrip(), tuple(sorted(tags))


def _brief(cells: list[tuple[str, str, tuple[str, ...]]]) -> str:
    if not cells:
        return "nothing"
    kind, text, tags = cells[0]
    first = text.splitlines()[0][:50] if text else "an empty cell"
    more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
    return f"{first!r} ({', '.join([kind, *tags])}){more}"


def faults(nb: NotebookNode) -> list[str]:
    """Say what a lesson's notebook lacks: outputs, one parameters cell, something to compare, a clean run."""
    code = [(at, cell) for at, cell in enumerate(nb.cells, 1) if cell.cell_type == "code"]
    problems = []
    if not any(cell.outputs for _, cell in code):
        problems.append("no cell has an output; build it.")
    parameters = sum("parameters" in cell.metadata.get("tags", []) for _, cell in code)
    if parameters != 1:
        problems.append(f"{parameters} cells are tagged parameters; there must be one.")
    for at, cell in code:
        marked = MARKED in cell.metadata.get("tags", [])
        if (names := stored.sets(cell)) and set(names) != set(cell.metadata.get("as_run", {}).get("sha256", {})):
            problems.append(f"cell {at} was not built with its data: {', '.join(names)}.")
        if marked and not cell.outputs:
            problems.append(f"cell {at} is marked for comparison and has no stored output.")
        for output in cell.outputs:
            text = json.dumps(output, ensure_ascii=False)
            if output.output_type == "error":
                problems.append(f"cell {at} ended in an error ({output.ename}).")
            elif stored.is_marking(output):
                problems.append(f"cell {at} stores the line of a missing set; build it.")
            elif output.output_type == "stream" and output.name == "stderr":
                problems.append(f"cell {at} prints a warning: {output.text.strip().splitlines()[-1][:80]!r}.")
            elif marked and "data:image/" in text:
                problems.append(f"cell {at} is marked for comparison and draws; mark one that prints.")
            elif hit := ELSEWHERE.search(re.sub(r"base64,[\w+/=]+", "", text)):
                problems.append(f"cell {at} shows what only this machine has: {hit[0].strip()[:60]!r}.")
    return problems


def unmarked(nb: NotebookNode) -> list[str]:
    """Say which code cells use a name that comes from a public set without naming the set in their metadata.

    Without the set such a cell would fail on its reader's computer, or show another result than the stored one.
    """
    from knowpay.collect.public import LISTED

    problems: list[str] = []
    comes_from: dict[str, set[str]] = {}  # name -> sets
    for at, cell in enumerate(nb.cells, 1):
        if cell.cell_type != "code":
            continue
        names = set(stored.sets(cell))
        if strange := sorted(names - set(LISTED)):
            problems.append(f"cell {at} names {', '.join(strange)}, which is no public data set.")
        used, made = _names(cell.source)
        for name in sorted(used & set(comes_from)):
            if lack := sorted(comes_from[name] - names):
                problems.append(
                    f"cell {at} uses {name}, made from {', '.join(lack)}: name the set in the cell's `data`."
                )
        comes_from |= dict.fromkeys(made, names)
    return problems


def _names(code: str) -> tuple[set[str], set[str]]:
    """The names that a cell reads from earlier cells, and those that it leaves to later ones."""
    used: set[str] = set()
    made: set[str] = set()
    for statement in ast.parse(code).body:
        read, bound = set(), set()
        inner: set[str] = set()  # of comprehensions and functions: neither read nor left
        for node in ast.walk(statement):
            if isinstance(node, ast.comprehension):
                inner |= {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
            elif isinstance(node, ast.arg):
                inner.add(node.arg)
            elif isinstance(node, ast.alias):
                bound.add((node.asname or node.name).split(".")[0])
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                bound.add(node.name)
            elif isinstance(node, ast.Name):
                (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            read.add(statement.target.id)
        # What an assignment reads was there before it; a loop or a `with` reads what it has just bound.
        own = set() if isinstance(statement, ast.Assign | ast.AugAssign) else bound
        used |= read - inner - own - made
        made |= bound - inner
    return used, made
