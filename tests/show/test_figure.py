import base64
import re
import subprocess
import sys
import warnings

import pytest
from knowpay import show
from knowpay.show.figure import MissingGlyphs, cjk_fonts

ALT = "A line that rises from one to two over two days."


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setitem(show.figure.__wrapped__.__globals__, "emit", bundles.append)
    return bundles


def png(bundle):
    return base64.b64decode(re.search(r'base64,([^"]+)"', bundle["text/html"])[1])


def draw(title="It rises", label="members", **more):
    with show.figure(title, "day", label, alt=ALT, **more) as ax:
        ax.plot([1, 2], label="all")


def test_a_figure_is_an_image_with_words(shown):
    draw()
    page = shown[0]["text/html"]
    assert page.startswith("<figure") and f'alt="{ALT}"' in page and "background:#fff" in page
    assert shown[0]["text/plain"] == ALT
    assert png(shown[0]).startswith(b"\x89PNG") and b"Software" not in png(shown[0])


def test_same_drawing_same_bytes_whatever_the_reader_has_set(shown):
    import matplotlib

    draw()
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "black", "lines.linewidth": 9}):
        draw()
        assert matplotlib.rcParams["font.size"] == 30  # and the reader's settings are left as they were
    assert png(shown[0]) == png(shown[1])


def test_alt_text_is_escaped(shown):
    with show.figure("T", "x", "y", alt='Bars for "a<b" and for all of the others'):
        pass
    assert 'alt="Bars for &quot;a&lt;b&quot; and for all of the others"' in shown[0]["text/html"]


@pytest.mark.parametrize("alt", ["", "too short", " " * 40, None])
def test_alt_text_is_demanded(alt, shown):
    with pytest.raises(ValueError, match="alt text of at least 30"), show.figure("T", "x", "y", alt=alt):
        pass
    assert not shown


def test_a_title_is_demanded():
    with pytest.raises(ValueError, match="title that states the finding"), show.figure("", "x", "y", alt=ALT):
        pass


def test_nothing_is_shown_when_the_body_raises(shown):
    with pytest.raises(ZeroDivisionError), show.figure("T", "x", "y", alt=ALT):
        raise ZeroDivisionError
    assert not shown


def test_panels_have_their_own_labels(shown):
    with show.figure("Two views", ["day", "week"], "members", alt=ALT, panels=2) as axes:
        for ax in axes:
            ax.plot([1, 2])
    assert [ax.get_xlabel() for ax in axes] == ["day", "week"]
    assert [ax.get_ylabel() for ax in axes] == ["members", ""]
    with pytest.raises(ValueError, match="1 x labels for 2 panels"), show.figure("T", ["a"], "y", alt=ALT, panels=2):
        pass


def test_lines_differ_without_colour(shown):
    with show.figure("T", "x", "y", alt=ALT) as ax:
        lines = [ax.plot([k, k + 1])[0] for k in range(4)]
    assert len({str(line.get_linestyle()) for line in lines}) == 4
    assert len(show.COLORS) == len(show.LINES) == len(show.MARKERS) == len(show.HATCHES)


def test_every_text_goes_through_label(shown, monkeypatch):
    monkeypatch.setitem(show.figure.__wrapped__.__globals__, "label", lambda text: text.upper())
    with show.figure("Title", "axis", "side", alt=ALT) as ax:
        ax.bar(["apple", "pear"], [1, 2], label="fruit")
        note = ax.text(0, 1, "note")
    assert (ax.get_xlabel(), note.get_text(), ax.get_legend().get_texts()[0].get_text()) == ("AXIS", "NOTE", "FRUIT")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["APPLE", "PEAR"]
    assert ax.figure.get_suptitle() == "TITLE"


def test_a_font_installed_since_matplotlib_looked_is_found(monkeypatch):
    from matplotlib.font_manager import fontManager

    if not (there := cjk_fonts()):
        pytest.skip("no font with Chinese characters is installed: apt install fonts-noto-cjk")
    new = {font.fname for font in fontManager.ttflist if font.name in there}
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.fname not in new])
    assert cjk_fonts() == there


def test_chinese_labels_are_drawn(shown):
    if not cjk_fonts():
        pytest.skip("no font with Chinese characters is installed: apt install fonts-noto-cjk")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw("付费用户在流失", "会员")
        draw("付费用户在流失", "课程")  # boxes in place of glyphs would look the same
    assert png(shown[0]) != png(shown[1])


def test_missing_chinese_glyphs_give_one_sentence_with_the_remedy(shown, monkeypatch):
    monkeypatch.setitem(show.figure.__wrapped__.__globals__, "cjk_fonts", lambda: [])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        draw("付费用户在流失")
    assert [w.category for w in caught] == [MissingGlyphs]
    assert "fonts-noto-cjk" in str(caught[0].message) and caught[0].filename == __file__


def test_showing_needs_no_matplotlib_and_no_pandas_until_it_draws():
    code = "import sys; from knowpay import show; print({'matplotlib', 'pandas', 'IPython'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_figures_leave_pyplot_alone():
    code = (
        "import sys\nfrom knowpay import show\n"
        f"with show.figure('T', 'x', 'y', alt={ALT!r}) as ax: ax.plot([1])\n"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.endswith("False\n")
