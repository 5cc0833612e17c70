"""The course's charts: each says in words what it shows, from its own numbers, and draws nothing while recording."""

import re

import numpy as np
import pandas as pd
import pytest
from knowpay import show
from knowpay.estimate import Estimate
from knowpay.show import charts

FALLING = pd.DataFrame({"counted": [1.0, 0.5, 0.13], "one rate": [1.0, 0.3, 0.02]}, index=[0, 6, 12])
PEAK = pd.DataFrame({"withdraw": [0.01, 0.034, 0.005]}, index=[1, 2, 3])
DOTS = pd.DataFrame({"value": [0.1, 0.4], "low": [0.05, 0.3], "high": [0.15, 0.5]}, index=["month", "behaviour"])
POINTS = pd.DataFrame({"visits": [1, 2, 3, 4], "spent": [1.0, 2.1, 2.9, 4.2], "kind": list("abab")})
TABLE = pd.DataFrame({"2013B": [0.01, 0.02], "2014J": [0.02, 0.46]}, index=["AAA", "BBB"])


@pytest.fixture
def said(monkeypatch):
    bundles = []
    monkeypatch.setitem(show.figure.__wrapped__.__globals__, "emit", bundles.append)
    return lambda: bundles[-1]["text/plain"].replace("\u00a0", " ")


def drawn(kind, data, **more):
    getattr(show, kind)(data, "A finding", "month", "share", **more)


CASES = [
    ("line", PEAK, "Line over time: share rises from 1.0 % to its highest, 3.4 %, and ends at 0.5 %."),
    ("curve", PEAK[:2], "Curve: share rises from 1.0 % to 3.4 %."),
    (
        "curve",
        FALLING,
        "Curve: share for counted and one rate. At the end counted is highest with 13 %, one rate lowest with 2.0 %.",
    ),
    (
        "bars",
        pd.Series({"honest": 0.68, "told": 0.83}),
        "Bars of share by month: told is highest with 83 %, honest lowest with 68 %.",
    ),
    (
        "dots",
        DOTS,
        "Dots with intervals, share by month: behaviour is highest with 40 %, month lowest with 10 %; "
        "each with its 90 % interval.",
    ),
    ("scatter", POINTS, "Scatter of 4 points: share rises with month, correlation 1.00."),
    (
        "heat",
        TABLE,
        "Heat map, share down and month across: BBB, 2014J is highest with 46 %, AAA, 2013B lowest with 1.0 %.",
    ),
    (
        "panels",
        {"new": FALLING, "old": FALLING / 2},
        "2 panels of share by month: at the end of counted new is highest with 13 %, old lowest with 6.5 %.",
    ),
]


@pytest.mark.parametrize(("kind", "data", "words"), CASES)
def test_a_chart_says_what_it_shows_with_three_numbers_at_most(kind, data, words, said):
    drawn(kind, data, unit="%")
    assert said() == words
    assert len(re.findall(r"(?<![\w.])\d[\d.]*", re.sub(r"\d{4}[BJ]|90 % interval", "", words))) <= 3


@pytest.mark.parametrize("kind", ["line", "curve", "bars", "dots", "scatter", "heat", "panels"])
def test_nothing_is_drawn_while_checks_are_recorded(kind, said):
    with show.recording() as checks:
        drawn(kind, {} if kind == "panels" else pd.DataFrame())
    assert checks == []
    with pytest.raises(IndexError):
        said()


def test_dots_say_what_they_are_compared_with(said):
    drawn("dots", DOTS, unit="%", against=0.12)
    assert said().endswith("1 of the intervals reaches the dotted line.")
    drawn("dots", DOTS.set_index(np.array([0.12, 0.45])), unit="%", against="diagonal")
    assert said().endswith("the lowest is 10 %, the highest 40 %; all of the intervals reach the dotted line.")


def test_a_better_sentence_replaces_ours(said):
    drawn("line", PEAK, alt="A line that rises to a peak in the second week and falls.")
    assert said() == "A line that rises to a peak in the second week and falls."


def test_the_axis_is_written_as_the_text_is(monkeypatch):
    labels = []
    kept = charts._finish

    def finish(ax, unit, **more):
        kept(ax, unit, **more)
        labels.extend(text.get_text() for text in (ax.figure.canvas.draw() or ax.get_yticklabels()))

    monkeypatch.setattr(charts, "_finish", finish)
    drawn("curve", FALLING, unit="%")
    drawn("curve", FALLING * -4_000, unit="yuan")
    assert "20 %" in labels and "−4,000" in labels and not any("-" in label for label in labels)


@pytest.mark.parametrize(
    ("value", "more", "text"),
    [
        (0.4416, {"unit": "%"}, "44 %"),
        (0.0337, {"unit": "%"}, "3.4 %"),
        (0.0, {"unit": "%"}, "0 %"),
        (-0.0215, {"unit": "%", "digits": 1, "sign": True}, "−2.1 %"),
        (0.027, {"unit": "%", "digits": 1, "sign": True}, "+2.7 %"),
        (0.027, {"unit": "points", "digits": 1}, "2.7 points"),
        (1204, {}, "1,204"),
        (np.int64(7), {}, "7"),
        (1935.4, {"unit": "yuan"}, "1,935 yuan"),
        (-2.149, {"unit": "yuan"}, "−2.15 yuan"),
        (-0.001, {"unit": "yuan"}, "0.00 yuan"),
        (3.14159, {}, "3.14"),
        (float("nan"), {"unit": "%"}, "–"),
        (float("-inf"), {}, "−∞"),
        (Estimate(0.44, 0.41, 0.47, 0.02), {"unit": "%"}, "44 % (41 to 47)"),
        (Estimate(816.0, -512.0, 1121.0, 200.0, "yuan"), {}, "816 yuan (−512 to 1,121)"),
    ],
)
def test_a_number_is_written_in_one_way(value, more, text):
    assert show.write(value, **more).replace("\u00a0", " ") == text


def test_a_finding_is_stated_only_where_the_interval_supports_it():
    def said(low, high, **more):
        return show.verdict(Estimate((low + high) / 2, low, high, 1.0), "more", "less", "open", **more)

    assert [said(0.1, 0.2), said(-0.2, -0.1), said(-0.1, 0.2)] == ["more", "less", "open"]
    assert said(0.1, 0.2, against=0.15) == "open" and said(0.0, 0.2) == "open"
