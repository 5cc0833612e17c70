import json

import numpy as np
import pandas as pd
import pytest
from knowpay_course import CourseError, exercises
from knowpay_course.book import pages

SHEET = """# %% [markdown]
# # Exercises for lesson 05

# %% tags=["parameters"]
data: str = "world:small"
seed: int = 0

# %%
import pandas as pd

base = 10 + seed

# %% [markdown] tags=["exercise"]
# ## Exercise 1 · Double it (2 minutes)
# What is twice the base?

# %% tags=["given"]
numbers = [base, base]

# %% tags=["solution"]
print("not for the learner")
answer = sum(numbers)

# %% tags=["wrong"]
# hint: You squared it; double means times two.
answer = base**2

# %% tags=["wrong"]
# hint: That is the base itself.
answer = base

# %% [markdown] tags=["exercise"]
# ## Exercise 2 · A table (5 minutes)

# %% tags=["solution"]
answer = pd.DataFrame({"users": [1, 2], "share": [1 / 3, 2 / 3]}, index=["a", "b"])
tolerance = 0.01

# %% tags=["wrong"]
# hint: The shares must add up to one.
answer = pd.DataFrame({"users": [1, 2], "share": [1.0, 2.0]}, index=["a", "b"])
"""


@pytest.fixture
def root(tmp_path):
    source = tmp_path / "notebooks" / "exercises" / "src" / "05_demo.py"
    source.parent.mkdir(parents=True)
    source.write_text(SHEET, encoding="utf-8")
    return tmp_path


@pytest.fixture
def sheet(root):
    return exercises.load(5, root)


@pytest.mark.parametrize(
    ("number", "answer", "said"),
    [
        (1, 20, "right"),
        (1, np.float64(20.000001), "right"),
        (1, 20.1, "not yet: expected a number, and yours differs in value"),
        (1, ..., "not answered yet"),
        (1, 100, "not yet: You squared it; double means times two."),
        (1, 10, "not yet: That is the base itself."),
        (1, [20], "not yet: expected a number, got a list of 1 values"),
        (1, None, "not yet: expected a number, got nothing (None)"),
        (2, pd.DataFrame({"share": [0.67, 0.33], "users": [2, 1]}, index=["b", "a"]), "right"),
        (2, pd.DataFrame({"share": [0.67, 0.33], "users": [2, 1]}, index=["a", "b"]), "differs in value"),
        (2, pd.DataFrame({"share": [0.67, 0.33]}), "got a table of 2 rows with columns share"),
        (2, pd.DataFrame({"users": [1, 2], "share": [1.0, 2.0]}, index=["a", "b"]), "must add up to one"),
    ],
)
def test_verdicts(sheet, number, answer, said, capsys):
    assert said in exercises.verdict(sheet, number, answer)
    assert capsys.readouterr().out == ""  # what the solution prints stays there


def test_another_seed_has_another_answer(sheet):
    assert exercises.verdict(sheet, 1, 26, seed=3) == "right"
    assert exercises.verdict(sheet, 1, 20, seed=3) != "right"


def test_there_is_no_exercise_3(sheet, root):
    with pytest.raises(CourseError, match="Lesson 05 has 2 exercises, and no exercise 3"):
        exercises.verdict(sheet, 3, 1)
    with pytest.raises(CourseError, match="no exercises for lesson 09; there are some for: 05"):
        exercises.load("09", root)


SERIES = pd.Series([1.0, 2.0], index=["a", "b"])


@pytest.mark.parametrize(
    ("answer", "expected", "agree"),
    [
        (True, True, True),
        (np.True_, True, True),
        (1, True, False),
        (True, 1, False),
        (float("nan"), float("nan"), True),
        (1.0, float("nan"), False),
        (0.0, 0, True),
        (1e-9, 0, False),
        (" yes ", "yes", True),
        ("yes", "no", False),
        (SERIES[::-1], SERIES, True),
        (SERIES.rename({"a": "c"}), SERIES, False),
        ([1, 2], SERIES, True),
        (pd.Series([2, 1]), pd.Series([1, 2]), False),
        (np.array([1.0, 2.0]), [1, 2], True),
        ((1, 2), [2, 1], False),
        ([1, 2, 3], [1, 2], False),
        ({1, 2}, {2, 1}, True),
        ([1, 2], {1, 2}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        (np.ones((2, 2)), np.ones((2, 2)), True),
        (np.ones(4), np.ones((2, 2)), False),
        (pd.NaT, pd.NaT, True),
        (None, None, True),
        (pd.Timestamp("2024-07-01"), pd.Timestamp("2024-07-01"), True),
        (pd.DataFrame({"a": [None, "x"]}), pd.DataFrame({"a": [None, "x"]}), True),
        (object(), 1, False),
        (3, "3", False),
        (pd.DataFrame({"a": [1]}), 1, False),
        (lambda: 1, [1], False),
    ],
)
def test_same(answer, expected, agree):
    assert exercises.same(answer, expected) is agree


def test_the_learners_notebook_holds_no_solution(root):
    path = exercises.build((), root)[0]
    text = path.read_text("utf-8")
    cells = json.loads(text)["cells"]
    assert "twice the base" in text and "numbers = [base, base]" in text and exercises.STUB in text
    assert "sum(numbers)" not in text and "hint" not in text and "squared" not in text
    assert 'exercises.check("05", 2, answer)' in "".join(cells[-1]["source"])
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)
    assert exercises.outdated(root) == []
    assert exercises.build(["5"], root)[0].read_text("utf-8") == text


def test_an_outdated_or_stray_notebook_is_named(root):
    path = exercises.build((), root)[0]
    path.write_text(path.read_text("utf-8").replace("twice", "thrice"), encoding="utf-8")
    (path.parent / "09_stray.ipynb").write_text("{}")
    found = exercises.outdated(root)
    assert "05_demo.ipynb is not what its source gives; run `knowpay-course exercises build 05`." in found
    assert "09_stray.ipynb has no source in exercises/src." in found
    path.unlink()
    assert "05_demo.ipynb is not what" in exercises.outdated(root)[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# hint: The shares", "# The shares", r"cell \d+ \(wrong\) is out of place or lacks"),
        ('tags=["parameters"]', 'tags=["given"]', "out of place"),
        ("## Exercise 2", "## Task 2", "must begin with `## Exercise 2`"),
        ('tags=["solution"]', "", "is out of place"),
        (
            '# %% tags=["wrong"]\n# hint: The shares',
            '# %% tags=["given"]\n# hint: The shares',
            "one solution and one to 8 wrong answers",
        ),
    ],
)
def test_a_malformed_source_is_refused(root, old, new, said):
    path = exercises.sources(root)[0]
    path.write_text(SHEET.replace(old, new), encoding="utf-8")
    with pytest.raises(CourseError, match=said):
        exercises.load(5, root)


def test_the_solutions_page_folds_every_solution(sheet):
    page = pages.solutions(sheet)
    assert page.count("````{admonition} Solution\n:class: dropdown") == 2
    assert "answer = sum(numbers)" in page and "- That is the base itself." in page
    assert page.index("## Exercise 1") < page.index("sum(numbers)") < page.index("## Exercise 2")


def test_check_reads_the_course_and_prints(root, monkeypatch, capsys):
    monkeypatch.setattr(exercises.load, "__defaults__", (root,))
    monkeypatch.setattr(exercises.sources, "__defaults__", (root,))
    exercises.check("05", 1, 20)
    exec("seed = 3\ncheck(5, 1, 26)", {"check": exercises.check})  # a notebook with a seed of its own
    assert capsys.readouterr().out == "right\nright\n"


CHOICE = """
# %% [markdown] tags=["exercise"]
# ## Exercise 3 · Choose (1 minutes)
#
# - **a** Always.
# - **b** Never.
# - **c** Sometimes.
#
# Set `answer` to one letter.

# %% tags=["solution"]
# why: It depends
# on the month.
answer = "c"

# %% tags=["wrong"]
# hint: Not *always*.
answer = "a"

# %% tags=["wrong"]
# hint: Not *never*.
answer = "b"
"""


@pytest.fixture
def choosing(root):
    source = exercises.sources(root)[0]
    source.write_text(SHEET + CHOICE, encoding="utf-8")
    return exercises.load(5, root)


def letter_of(sheet, words):
    return next(line[4] for line in sheet.exercises[2].statement.splitlines() if line.endswith(words))


def test_a_choice_forgives_case_names_its_letters_and_says_why(choosing):
    right = letter_of(choosing, "Sometimes.")
    for answer in (right, right.upper(), f" {right} ", f"({right})"):
        assert exercises.verdict(choosing, 3, answer) == "right: It depends on the month."
    assert exercises.verdict(choosing, 3, letter_of(choosing, "Always.")) == "not yet: Not *always*."
    assert exercises.verdict(choosing, 3, letter_of(choosing, "Never.")) == "not yet: Not *never*."
    for answer in ("d", 3, "", None):
        assert exercises.verdict(choosing, 3, answer) == "not yet: answer with one letter, a, b or c"
    assert choosing.exercises[2].statement.endswith("Set `answer` to one letter.")


def test_a_choice_has_one_hint_for_each_wrong_letter(root):
    source = exercises.sources(root)[0]
    for wrong in (CHOICE.replace('answer = "b"', 'answer = "a"'), CHOICE[: CHOICE.index("# hint: Not *never*") - 21]):
        source.write_text(SHEET + wrong, encoding="utf-8")
        with pytest.raises(CourseError, match="needs a hint for each wrong letter"):
            exercises.load(5, root)


def test_letters_are_shuffled_and_stay_so(root):
    source = exercises.sources(root)[0]
    right = set()
    for name in ("05_demo", "06_demo", "07_demo", "08_demo", "09_demo", "11_demo"):
        new = source.with_name(f"{name}.py")
        new.write_text(SHEET + CHOICE, encoding="utf-8")
        sheet = exercises.load(name, root)
        assert sheet.exercises[2] == exercises.load(name, root).exercises[2]
        right.add(sheet.exercises[2].solution)
    assert len(right) > 1


@pytest.mark.parametrize("answer", ["20", "20.0", 20, "2,0"])
def test_a_number_may_be_written_as_text(sheet, answer):
    assert exercises.verdict(sheet, 1, answer) == "right"


def test_a_share_may_be_written_in_per_cent_where_the_source_says_so(root):
    source = exercises.sources(root)[0]
    source.write_text(SHEET.replace("answer = sum(numbers)", "answer = 0.44\npercent = True"), encoding="utf-8")
    sheet = exercises.load(5, root)
    assert [exercises.verdict(sheet, 1, answer) for answer in (0.44, 44, "44 %", "0.44")] == ["right"] * 4
    assert exercises.verdict(sheet, 1, 0.0044) != "right"
    assert exercises.verdict(sheet, 2, 44) != "right"


def test_the_solution_is_shown_with_its_reason(choosing, root, monkeypatch, capsys):
    monkeypatch.setattr(exercises.load, "__defaults__", (root,))
    exercises.solution(5, 3)
    assert "answer = " in (said := capsys.readouterr().out) and "It depends on the month." in said
