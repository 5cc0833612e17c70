"""The bench of the lessons: its table, and a status that says when a bar is broken."""

from __future__ import annotations

import re

import pytest
from knowpay_course import CourseError
from knowpay_course.maintain import bench, bench_lessons


@pytest.fixture
def lessons_cost(monkeypatch):
    """Let lessons cost what is said: lessons_cost({users: MB or an error}); returns the data that were opened."""

    def say(costs: dict[int, float | str]) -> list[str]:
        opened: list[str] = []

        def measure(command: list[str]) -> bench.Measured:
            opened.append(command[-1])
            return bench.Measured()

        def execute(tasks):
            for task in tasks:
                cost = costs[int(task.parameters["data"].removeprefix("world:"))]
                task.seconds = 7.4
                task.memory_mb, task.error = (0.0, cost) if isinstance(cost, str) else (cost, "")
                yield task

        monkeypatch.setattr(bench_lessons, "measure", measure)
        monkeypatch.setattr(bench_lessons, "execute", execute)
        return opened

    return say


def test_a_lesson_at_its_bar_passes_and_the_table_has_every_size(lessons_cost, capsys):
    opened = lessons_cost({2_000: 900.0, 20_000: 2_000.0, 50_000: 6_000.0})
    assert bench_lessons.main(["01"]) == 0
    assert opened == [f"import knowpay; knowpay.open('world:{users}')" for users in (2_000, 20_000, 50_000)]
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "| 01 collect app and web events | 7 | 900 | 7 | 2,000 | 7 | 6,000 |" in lines


@pytest.mark.parametrize(("users", "much"), [(20_000, 2_001.0), (50_000, 6_001.0)])
def test_a_bar_that_is_broken_is_the_status_and_a_sentence(lessons_cost, capsys, users, much):
    lessons_cost({2_000: 900.0, 20_000: 1.0, 50_000: 1.0, users: much})
    assert bench_lessons.main(["01"]) == 1
    said = capsys.readouterr().out
    assert re.search(rf"\| +\*\*{much:,.0f}\*\* \|", said)
    assert f"with {users:,} users: {much:,.0f} MB, more than the {much - 1:,.0f} allowed." in said


def test_a_lesson_that_fails_breaks_the_bar(lessons_cost, capsys):
    lessons_cost({20_000: "its kernel died"})
    assert bench_lessons.main(["01"], [20_000]) == 1
    assert "with 20,000 users: its kernel died." in capsys.readouterr().out


def test_a_company_that_cannot_be_made_is_a_sentence(monkeypatch):
    monkeypatch.setattr(bench_lessons, "measure", lambda command: bench.Measured(status=1))
    with pytest.raises(CourseError, match="world:20000 could not be made"):
        bench_lessons.main(["01"], [20_000])
