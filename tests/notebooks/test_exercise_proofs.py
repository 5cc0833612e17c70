"""Each exercise proved: the solution passes, the untouched stub does not, every trap gets its own hint."""

import re

import pytest
from effort import THOROUGH
from knowpay_course import exercises
from knowpay_course.lesson import lessons

SHEETS = [exercises.load(path.stem) for path in exercises.sources()]
EACH = [pytest.param(sheet, one, id=f"{sheet.lesson}.{one.number}") for sheet in SHEETS for one in sheet.exercises]


@pytest.mark.parametrize(("sheet", "exercise"), EACH if THOROUGH else [one for one in EACH if one.id.endswith(".1")])
def test_the_solution_passes_the_stub_does_not_and_traps_get_their_hints(sheet, exercise):
    def answer(code):
        return exercises._answer(sheet, exercise, code)[0]

    said = exercises.verdict(sheet, exercise.number, answer(exercise.solution))
    assert said == (f"right: {exercise.why}" if exercise.why else "right")
    stub = {}
    exec(exercises.STUB, stub)
    assert exercises.verdict(sheet, exercise.number, stub["answer"]) == "not answered yet"
    for hint, code in exercise.wrong:
        assert exercises.verdict(sheet, exercise.number, answer(code)) == f"not yet: {hint}"
    assert len({hint for hint, _ in exercise.wrong}) == len(exercise.wrong)
    if exercise.why:  # a hint that stands behind another of the same value would never be seen
        values = [answer(code) for _, code in exercise.wrong]
        assert len({repr(value) for value in values}) == len(values)


@pytest.mark.parametrize(("sheet", "exercise"), EACH)
def test_the_title_says_how_long_it_takes(sheet, exercise):
    assert re.match(r"## Exercise \d · .+ \([1-9]\d? minutes\)$", exercise.statement, re.M)


def test_the_learners_notebooks_are_what_their_sources_give():
    assert exercises.outdated() == []


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_every_lesson_has_exercises(lesson):
    if not lesson.deeper:  # its exercises are those of its lesson
        assert len(exercises.load(lesson.number).exercises) >= 2
