import numpy as np
import pandas as pd
import pytest
from knowpay import show
from knowpay.show.text import number


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.131249, "0.1312"),
        (9.99996, "10.00"),
        (12.3, "12.30"),
        (2024, "2024"),
        (32593, "32,593"),
        (1234567.8, "1,234,568"),
        (-0.00001, "-0.00001000"),
        (-0.0, "0"),
        (1e-9, "1.000e-09"),
        (float("nan"), "–"),
        (float("-inf"), "−∞"),
        (np.float32(0.5), "0.5000"),
        (np.int64(7), "7"),
    ],
)
def test_numbers(value, said):
    assert number(value) == said


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr("knowpay.show.text.emit", bundles.append)
    return bundles


def test_say_shows_markdown(shown):
    show.say(f"**{0.25:.0%}** of them pay")
    assert shown == [{"text/markdown": "**25%** of them pay", "text/plain": "**25%** of them pay"}]
    with pytest.raises(ValueError, match="needs a sentence"):
        show.say("  ")


def test_table_in_both_forms(shown):
    times = pd.to_datetime(["2024-07-01", None, "2024-07-01 12:30"], format="mixed")
    df = pd.DataFrame(
        {"n": [1, 20000, 3], "share": [0.5, np.nan, 1 / 3], "name": ["<b>", None, "付费"], "when": times},
        index=pd.Index(["a", "b", "c"], name="group"),
    )
    show.table(df, "Three groups & their shares")
    page, plain = shown[0]["text/html"], shown[0]["text/plain"]
    assert "<caption" in page and "Three groups &amp; their shares" in page
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert plain.splitlines()[0] == "Three groups & their shares"
    assert plain.splitlines()[2].split() == ["a", "1", "0.5000", "<b>", "2024-07-01"]
    assert plain.splitlines()[3].split() == ["b", "20,000", "–", "–", "–"]
    assert plain.splitlines()[4].endswith("2024-07-01 12:30")


def test_table_leaves_a_counting_index_out_and_takes_a_series(shown):
    show.table(pd.Series([1, 2], name="users"), "users")
    assert shown[0]["text/plain"] == "users\nusers\n    1\n    2"


def test_table_of_groups_by_two_keys(shown):
    show.table(pd.DataFrame({"a": ["x", "y"], "b": [1, 2], "n": [3, 4]}).set_index(["a", "b"]), "two keys")
    assert "x / 1" in shown[0]["text/plain"] and "a / b" in shown[0]["text/plain"]


def test_table_refuses_a_wall_and_a_missing_caption():
    with pytest.raises(ValueError, match=r"at most 20 rows and this table has 21.*head"):
        show.table(pd.DataFrame({"a": range(21)}), "long")
    with pytest.raises(ValueError, match="caption"):
        show.table(pd.DataFrame({"a": [1]}), "")


def test_fractions_of_a_column_share_their_decimals(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(pd.DataFrame({"share": [0.49, 0.5, float("nan")], "yuan": [13_600.0, 66.5, 0.0]}), "a caption")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [["0.49", "13,600.0"], ["0.50", "66.5"], ["–", "0.0"]]
