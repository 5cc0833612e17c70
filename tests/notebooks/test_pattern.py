"""What a lesson that follows the pattern keeps to: its size, its hidden cells, its opening. Read from the sources."""

import ast
import re

import pytest
from knowpay_course.lesson import lessons
from knowpay_course.notebooks import _names, read_source

PATTERN = ("10", "10b")  # lessons are added as they are rewritten
LESSONS = [lesson for lesson in lessons() if lesson.number in PATTERN]
CHARTS = ("line", "curve", "bars", "dots", "scatter", "heat", "panels", "figure")
COMPUTING = {"fit", "merge", "join", "query", "groupby", "filter", "person_periods", "snapshot", "read_table", "open"}

each = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def cells(lesson, kind, hidden=None):
    found = [cell for cell in read_source(lesson.source).cells if cell.cell_type == kind]
    return [c for c in found if hidden is None or ("remove-input" in c.metadata.get("tags", [])) == hidden]


def code_lines(cell):
    return [line for line in cell.source.splitlines() if line.strip() and not line.strip().startswith("#")]


def words(lesson):
    text = "\n".join(cell.source for cell in cells(lesson, "markdown"))
    return len(re.sub(r"\]\([^)]*\)|\$\$.*?\$\$|[#>*`|-]", " ", text, flags=re.S).split())


def calls(cell):
    return [node.func for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]


def charts(lesson):
    return [
        func.attr
        for cell in cells(lesson, "code")
        for func in calls(cell)
        if isinstance(func, ast.Attribute) and getattr(func.value, "id", "") == "show" and func.attr in CHARTS
    ]


@each
def test_a_lesson_can_be_read_at_a_sitting(lesson):
    visible = cells(lesson, "code", hidden=False)
    assert 900 <= words(lesson) <= 1_500 or (lesson.deeper and words(lesson) <= 1_500)
    assert 30 <= len(read_source(lesson.source).cells) <= 55
    assert sum(len(code_lines(cell)) for cell in visible) <= 120
    assert 4 <= len(charts(lesson)) <= 8
    assert sum(cell.source.count("show.table(") for cell in cells(lesson, "code")) <= 5


@each
def test_a_cell_is_one_thought_of_lines_that_fit(lesson):
    visible = cells(lesson, "code", hidden=False)
    assert [cell.source for cell in visible if not 1 <= len(code_lines(cell)) <= 6] == []
    assert [line for cell in visible for line in cell.source.splitlines() if len(line) > 88] == []


@each
def test_hidden_cells_only_draw_and_speak(lesson):
    made = set()
    for cell in cells(lesson, "code", hidden=True):
        if "parameters" in cell.metadata["tags"]:
            continue
        assert len(code_lines(cell)) <= 40
        called = {func.attr for func in calls(cell) if isinstance(func, ast.Attribute)}
        assert called & COMPUTING == set() and "show" in cell.source
        made |= _names(cell.source)[1]
    used = set().union(*(_names(cell.source)[0] for cell in cells(lesson, "code", hidden=False)))
    assert made & used == set(), "a visible cell uses a name that a hidden one made"


@each
def test_the_minutes_are_counted(lesson):
    counted = words(lesson) / 180 + len(cells(lesson, "code", hidden=False)) / 2
    assert abs(lesson.minutes - counted) <= 3, counted


@each
def test_the_opening_can_be_read_everywhere(lesson):
    opening = [cell.source for cell in read_source(lesson.source).cells[:8]]
    assert not any(":::" in cell for cell in opening)  # raw text in JupyterLab, on GitHub and in Colab
    story = opening[0].split("\n\n")[1]
    assert "Lamplight" in story and len(story.split()) <= 90
    assert "> **Before you start**" in "\n".join(opening)
