"""The recording mode: nothing is shown, checks are collected, and afterwards all is as before."""

import pytest
from knowpay import show
from knowpay.show.recording import Recorded, records

ALT = "A line that rises from one to two over two days."


def test_checks_are_collected_in_full_digits_and_nothing_is_shown(capsys):
    with show.recording() as checks:
        show.say("")
        show.table(None, "")
        with show.figure("a title", x="x", y="y", alt="too short") as ax:
            ax.plot([1]).set_label("x")
        with show.figure("a title", x="x", y="y", alt="too short", panels=2) as (left, right):
            left.axhline(right.ylim)
        show.check("a", 1.23456789, 2, "no tolerance", "yuan")
        show.check("b", 3, 4, {})
    assert checks == [Recorded("a", 1.23456789, 2.0, "yuan"), Recorded("b", 3.0, 4.0, "")]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a", 1, 1, 0), "two checks are called 'a'"),
        (("b", float("nan"), 1, 0), "estimate is nan"),
        (("", 1, 1, 0), "needs a name"),
    ],
)
def test_what_cannot_be_counted_is_refused(arguments, said):
    with show.recording() as checks, pytest.raises(ValueError, match=said):
        show.check("a", 1, 1, 0)
        show.check(*arguments)
    assert len(checks) == 1


def test_afterwards_things_are_shown_again(capsys):
    with pytest.raises(RuntimeError), show.recording():
        raise RuntimeError
    assert records() is None
    show.check("a", 1, 1, 0)
    show.say("Said.")
    with pytest.raises(ValueError, match="alt text"), show.figure("a title", "x", "y", alt="too short"):
        pass
    with show.figure("It rises", "day", "members", alt=ALT) as ax:
        ax.plot([1, 2])
    assert capsys.readouterr().out.splitlines() == ["holds  a: estimate 1.000, truth 1.000, tolerance 0", "Said.", ALT]


def test_a_recording_inside_another_has_its_own_checks():
    with show.recording() as outer:
        with show.recording() as inner:
            show.check("a", 1, 1, 0)
        show.check("a", 2, 2, 0)
    assert [one.estimate for one in inner] == [1.0] and [one.estimate for one in outer] == [2.0]
