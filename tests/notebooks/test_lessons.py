"""What every lesson owes its reader, read from the notebooks as they are committed."""

import re
import shutil
from html.parser import HTMLParser

import pytest
from knowpay.course import execute, scorecard
from knowpay.course import notebooks as pairs
from knowpay.show.figure import MIN_ALT

LESSONS = pairs.lessons()
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
    assert pairs.check([lesson.name]) == []


@each
def test_every_stored_check_holds(lesson, tmp_path):
    shutil.copy(lesson.notebook, tmp_path)
    checks = scorecard.collect(tmp_path)
    assert checks and [check.row() for check in checks if not check.holds] == []


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


@each
def test_truth_is_read_in_its_section_only(lesson):
    nb = pairs.read(lesson.notebook)
    sections = headings(nb)
    begin = next(at for at, title in sections if title == SECTIONS[0])
    end = next(at for at, _ in sections if at > begin)
    readers = [at for at, cell in enumerate(nb.cells) if cell.cell_type == "code" and ".truth" in cell.source]
    assert [at + 1 for at in readers if not begin < at < end] == []


@each
def test_a_bad_parameter_gives_a_clear_message(lesson, tmp_path):
    out = tmp_path / "out.ipynb"
    task = execute.Task(lesson.name, lesson.source, out, lesson.notebook.parent, {"data": "world:tiny"})
    (done,) = execute.execute([task])
    assert "raised ValueError: There is no company 'world:tiny'. Possible are 'world:small'" in done.error


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
