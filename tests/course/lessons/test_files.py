"""A file beside a lesson is short, is linked where it is first used, and has a test."""

import re
from pathlib import Path

import pytest
from knowpay_course import lessons, notebooks

FILES = sorted(Path(lessons.__file__).parent.glob("l*.py"))
SOURCES = {lesson.number: lesson.source.read_text("utf-8") for lesson in notebooks.lessons()}


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_it_is_short_and_tested(file):
    # 150 for what the cells call; as much again where the truth of each claim is counted by other code
    assert len(file.read_text("utf-8").splitlines()) <= 270
    assert (Path(__file__).parent / f"test_{file.name}").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_its_lesson_links_it_before_it_is_used(file):
    source = SOURCES[file.stem[1:]]
    use = re.search(rf"^[^#\n]*\b{file.stem}\.\w+", source, re.M).start()  # in a code cell
    assert 0 < source.find(f"](../lib/knowpay_course/lessons/{file.name})") < use


@pytest.mark.parametrize("number", SOURCES)
def test_a_lesson_uses_its_own_file_only(number):
    used = set(re.findall(r"\blessons import (\w+)", SOURCES[number]))
    assert used <= {f"l{number[:2]}"}  # a deeper notebook uses that of its lesson
