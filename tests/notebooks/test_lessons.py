"""What every lesson owes its reader, read from the notebooks as they are committed."""

import ast
import re
from html.parser import HTMLParser
from pathlib import Path

import knowpay
import pytest
from knowpay.show.figure import MIN_ALT
from knowpay_course import notebooks as pairs
from knowpay_course import scorecard, script
from knowpay_course.lesson import lessons, read_checks
from nbformat.v4 import new_code_cell, new_notebook

LESSONS = lessons()
SECTIONS = ["Check against the truth", "Decide", "Exercises", "Summary", "References"]

each = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def headings(nb):
    """(number of the cell, heading) of each section, in order."""
    found = []
    for at, cell in enumerate(nb.cells):
        if cell.cell_type == "markdown":
            found += [(at, title.strip()) for title in re.findall(r"^## (.+)$", cell.source, re.M)]
    return found


@each
def test_the_pair_agrees_and_the_outputs_are_there(lesson):
    assert pairs.disagreements([lesson.name]) == []


@each
def test_the_opening_says_what_lessons_yml_says(lesson):
    opening = " ".join(" ".join(cell.source for cell in pairs.read(lesson.notebook).cells[:2]).split())
    assert opening.startswith(f"# {lesson.title} ")
    said = {"The question:": lesson.question, "What you will decide at the end:": lesson.decision}
    for label, text in said.items():
        assert f"**{label}** {text[0].lower()}{text[1:]}" in opening
    assert f"**Minutes:** {lesson.minutes} to read" in opening


def test_counts_and_results_hold_and_no_more_checks_are_red_than_chance_explains():
    records = [record for lesson in LESSONS for record in read_checks(pairs.read(lesson.notebook), lesson.name)]
    assert scorecard.faults(records) == []


@each
def test_every_lesson_has_a_check_that_can_tell(lesson):
    """Of the company that the lesson is written for; lesson 01 and 03 may rest on counts."""
    records = read_checks(pairs.read(lesson.notebook), lesson.name)
    assert scorecard.telling(records) or any(record.kind == "exact" for record in records)


@each
def test_enough_cells_are_compared(lesson):
    marked = [cell for cell in pairs.read(lesson.notebook).cells if pairs.MARKED in cell.metadata.get("tags", [])]
    assert len(marked) >= 3 and all(cell.outputs for cell in marked)


@each
def test_cells_are_few_and_short(lesson):
    cells = pairs.read(lesson.notebook).cells
    assert 25 <= len(cells) <= 70
    # A cell whose input the book hides is a paragraph with numbers in it: its lines are prose.
    code = [
        (at, c)
        for at, c in enumerate(cells, 1)
        if c.cell_type == "code" and "remove-input" not in c.metadata.get("tags", [])
    ]
    long = {at: len(cell.source.splitlines()) for at, cell in code}
    assert {at: lines for at, lines in long.items() if lines > 10} == {}


class _Images(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.alts = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.alts.append((dict(attrs).get("alt") or "").strip())


@each
def test_every_figure_has_alt_text(lesson):
    figures = 0
    for at, cell in enumerate(pairs.read(lesson.notebook).cells, 1):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            bare = [kind for kind in data if kind.startswith("image/")]
            assert not bare, f"cell {at} shows {bare[0]}, which has no alt text: draw with show.figure"
            alts = _Images("".join(data.get("text/html", ""))).alts
            figures += len(alts)
            assert all(len(alt) >= MIN_ALT for alt in alts), f"cell {at}: {alts}"
    assert figures >= 1


@each
def test_sections_come_in_order(lesson):
    titles = [title for _, title in headings(pairs.read(lesson.notebook))]
    assert [title for title in titles if title in SECTIONS] == SECTIONS


def is_truth(node):
    """Whether an expression is the truth of a data set: ds.truth or getattr(ds, "truth", ...)."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
        return len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value == "truth"
    return isinstance(node, ast.Attribute) and node.attr in ("truth", "_truth")


def truth_readers(nb):
    """Numbers of the code cells that read the truth, or a name that was computed from it in a cell before."""
    readers, known = [], set()

    def reads(node):
        return any(is_truth(n) or (isinstance(n, ast.Name) and n.id in known) for n in ast.walk(node))

    for at, cell in enumerate(nb.cells):
        if cell.cell_type != "code":
            continue
        tree = ast.parse(cell.source)
        placed = (node for node in ast.walk(tree) if hasattr(node, "lineno"))
        for node in sorted(placed, key=lambda node: node.lineno):  # whatever is assigned, looped over or defined
            value = node.iter if isinstance(node, ast.For) else getattr(node, "value", None)
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            names = [n for target in targets if target for n in ast.walk(target) if isinstance(n, ast.Name)]
            if isinstance(node, ast.FunctionDef) and reads(node):
                known.add(node.name)
            elif names and value and reads(value):
                known |= {name.id for name in names}
            elif not isinstance(node, ast.AugAssign):
                known -= {name.id for name in names if isinstance(name.ctx, ast.Store)}
        if reads(tree):
            readers.append(at)
    return readers


@each
def test_truth_is_read_in_its_section_only(lesson):
    nb = pairs.read(lesson.notebook)
    sections = headings(nb)
    begin = next(at for at, title in sections if title == SECTIONS[0])
    end = next(at for at, _ in sections if at > begin)
    readers = truth_readers(nb)
    assert readers and [at + 1 for at in readers if not begin < at < end] == []


@pytest.mark.parametrize(
    "cells",
    [
        ["ds.truth.users"],
        ["x = 1", 'getattr(ds, "truth", None)'],
        ['t = getattr(ds, "truth", None)', "t.users"],
        ["if ds.truth:\n    real = ds.truth.touches", "effect = real.mean()", "f'{effect:.0f}'"],
        ["for user in ds.truth.users:\n    pass", "user"],
        ["real = ds.truth.touches", "real['day'] = 1\nreal += 1", "real"],
        ["def look():\n    return ds.truth", "look()"],
    ],
)
def test_every_way_to_the_truth_is_seen(cells):
    code = [new_code_cell(source) for source in cells]
    assert truth_readers(new_notebook(cells=code))[-1] == len(cells) - 1


def test_a_name_that_was_given_another_value_is_no_truth():
    code = [new_code_cell(source) for source in ("t = ds.truth", "t = 1", "t + 1", 'words = "the truth"')]
    assert truth_readers(new_notebook(cells=code)) == [0]


def test_no_function_that_a_lesson_calls_looks_at_the_truth():
    rooms = Path(knowpay.__file__).parent
    found = {}
    for path in sorted([*rooms.rglob("*.py"), *(rooms.parent / "knowpay_course" / "lessons").glob("*.py")]):
        name = path.relative_to(rooms if path.is_relative_to(rooms) else rooms.parent).as_posix()
        # The simulator makes it, the data set hands it out; a check (show, course) has a field of this name.
        if name != "collect/dataset.py" and not name.startswith(("world/", "show/", "course/")):
            found[name] = any(is_truth(node) for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    assert len(found) > 40 and [name for name, reads in found.items() if reads] == []


@each
def test_one_cell_near_the_top_stops_where_the_data_cannot_carry_the_lesson(lesson):
    nb = pairs.read_source(lesson.source)
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    asking = [at for at, cell in enumerate(code) if ".needs(" in cell.source or "TooLittleData" in cell.source]
    assert len(asking) == 1 and asking[0] <= 4
    assert f'ds.needs("{lesson.number}")' in code[asking[0]].source
    assert not {"remove-input", "remove-cell", "hide-input"} & set(code[asking[0]].metadata.get("tags", []))
    later = "\n".join(cell.source for cell in code[asking[0] + 1 :])
    assert not re.search(r"^\s*ds = ", later, re.M)  # no other data in place of those asked for


@each
def test_a_bad_parameter_gives_a_clear_message(lesson):
    with pytest.raises(ValueError, match=r"There is no company 'world:tiny'\. Possible are 'world:small'"):
        script.run(lesson.name, lesson.source.read_text("utf-8"), {"data": "world:tiny"})
