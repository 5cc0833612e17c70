"""One sign turned in the targeting formula must turn lesson 12 red: checks that cannot fail check nothing.

That the stored checks of the true formula all hold is in test_lessons.py.
"""

import shutil
from pathlib import Path

import knowpay
import pytest
from effort import thorough
from knowpay.collect.disk import cache_folder
from knowpay_course import execute, scorecard
from knowpay_course.lesson import lessons

FORMULA = "knowpay_course/lessons/l12.py"
RIGHT, WRONG = "p_shown - p_hidden", "p_hidden - p_shown"
LESSON = [lesson for lesson in lessons() if lesson.number == "12"]


@thorough
@pytest.mark.parametrize("lesson", LESSON, ids=lambda lesson: lesson.name)
def test_a_wrong_sign_in_the_formula_turns_the_lesson_red(lesson, tmp_path, monkeypatch):
    library = tmp_path / "lib"
    shutil.copytree(Path(knowpay.__file__).parents[1], library, ignore=shutil.ignore_patterns("__pycache__"))
    formula = library / FORMULA
    code = formula.read_text("utf-8")
    assert code.count(RIGHT) == 1, f"lib/{FORMULA} must have `{RIGHT}` in one place"
    formula.write_text(code.replace(RIGHT, WRONG), encoding="utf-8")

    monkeypatch.setenv("PYTHONPATH", str(library))
    monkeypatch.setenv("KNOWPAY_CACHE", str(cache_folder(None)))  # the company need not be made again
    out = tmp_path / "mutated" / lesson.notebook.name
    task = execute.Task(lesson.name, lesson.source, out, lesson.notebook.parent, {})
    (done,) = execute.execute([task])
    assert scorecard.collect(out.parent), done.error  # it ran far enough to check something
    assert not all(check.holds for check in scorecard.collect(out.parent))
