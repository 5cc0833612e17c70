"""The recording mode: nothing is shown, checks are collected, and afterwards all is as before."""

import pytest
from knowpay import show
from knowpay.estimate import from_error
from knowpay.show.checks import Check, Exact, Quality
from knowpay.show.recording import records

ALT = "A line that rises from one to two over two days."
NOTHING = ("no effect", 0.0)


def test_checks_are_collected_in_full_digits_and_nothing_is_shown(capsys):
    with show.recording() as found:
        show.say("")
        show.table(None, "")
        with show.figure("a title", x="x", y="y", alt="too short") as ax:
            ax.plot([1]).set_label("x")
        with show.figure("a title", x="x", y="y", alt="too short", panels=2) as (left, right):
            left.axhline(right.ylim)
        show.check("a", from_error(1.23456789, 0.123456789, "yuan"), 2, NOTHING)
        show.exact("b", 3, 4, "rows")
        show.quality("c", 0.123456789, 0, 1)
    assert capsys.readouterr().out == ""
    check, exact, quality = found
    assert (check.estimate, check.error, check.truth, check.wrong, check.unit) == (
        *(1.23456789, 0.123456789, 2.0),
        *(0.0, "yuan"),
    )
    assert isinstance(check, Check) and (check.rival, check.holds, check.tells) == ("no effect", False, True)
    assert exact == Exact(name="b", found=3.0, expected=4.0, unit="rows", holds=False)
    assert quality == Quality(name="c", value=0.123456789, low=0.0, high=1.0, holds=True)


@pytest.mark.parametrize(
    ("call", "arguments", "said"),
    [
        (show.check, ("a", from_error(1, 1), 1, NOTHING), "two checks are called 'a'"),
        (show.exact, (" a", 1, 1), "two checks are called 'a'"),
        (show.quality, ("a", 1, 0, 1), "two checks are called 'a'"),
        (show.check, ("b", from_error(float("nan"), 1), 1, NOTHING), "estimate is nan"),
        (show.exact, ("", 1, 1), "needs a name"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, arguments, said):
    with show.recording() as found, pytest.raises(ValueError, match=said):
        show.check("a", from_error(1, 1), 1, NOTHING)
        call(*arguments)
    assert len(found) == 1


def test_afterwards_things_are_shown_again(capsys):
    with pytest.raises(RuntimeError), show.recording():
        raise RuntimeError
    assert records() is None
    show.exact("a", 1, 1)
    show.say("Said.")
    with pytest.raises(ValueError, match="alt text"), show.figure("a title", "x", "y", alt="too short"):
        pass
    with show.figure("It rises", "day", "members", alt=ALT) as ax:
        ax.plot([1, 2])
    assert capsys.readouterr().out.splitlines() == ["equal  a: found 1, expected 1", "Said.", ALT]


def test_a_recording_inside_another_has_its_own_checks():
    with show.recording() as outer:
        with show.recording() as inner:
            show.exact("a", 1, 1)
        show.exact("a", 2, 2)
    assert [one.found for one in inner] == [1.0] and [one.found for one in outer] == [2.0]
