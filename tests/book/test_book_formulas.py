"""Formulas as MathML."""

import sys
from xml.etree import ElementTree

import pytest
from knowpay_course import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
from mathml import in_pieces, to_mathml


def words(tex: str, *, display: bool = False) -> str:
    """The characters one sees, in order."""
    return "".join(ElementTree.fromstring(to_mathml(tex, display=display)).itertext())


def tags(tex: str, *, display: bool = False) -> list[str]:
    return [one.tag for one in ElementTree.fromstring(to_mathml(tex, display=display)).iter()]


def test_bayes_is_a_fraction_with_its_parts_in_order():
    tex = r"p(u|y,w)=\frac{p(y|u,w)\,p(u|w)}{p(y|w)}"
    assert words(tex) == "p(u|y,w)=p(y|u,w)p(u|w)p(y|w)"
    fraction = ElementTree.fromstring(to_mathml(tex)).find(".//mfrac")
    assert ["".join(part.itertext()) for part in fraction] == ["p(y|u,w)p(u|w)", "p(y|w)"]


def test_limits_stand_over_and_under_the_sum():
    assert "munderover" in tags(r"\sum_{i=1}^{N} x_i", display=True)


@pytest.mark.parametrize("tex", [r"\hat{\tau}", r"\hat\tau"])
def test_a_hat_is_a_hat_and_not_a_power_sign(tex):
    assert words(tex) == "τˆ"


def test_a_wide_hat_grows_over_its_letters():
    hat = ElementTree.fromstring(to_mathml(r"\widehat{AUC}")).find(".//mover")[1]
    assert hat.text == "\u0302"
    assert "stretchy" not in hat.attrib


@pytest.mark.parametrize("environment", ["aligned", "align", "align*", "split"])
def test_aligned_lines_are_rows_of_a_table(environment):
    tex = rf"\begin{{{environment}}} a &= b \\ &= c \end{{{environment}}}"
    assert tags(tex, display=True).count("mtr") == 2
    assert "&" not in words(tex, display=True)
    assert "(1)" not in words(tex, display=True), "the book numbers equations itself"


def test_lines_without_an_environment_are_aligned_too():
    assert tags(r"a &= b \\ &= c", display=True).count("mtr") == 2


def test_cases_have_a_brace_and_two_rows():
    tex = r"y=\begin{cases}1 & \text{if bought}\\ 0 & \text{otherwise}\end{cases}"
    assert words(tex).startswith("y={1if")
    assert tags(tex).count("mtr") == 2


@pytest.mark.parametrize(
    ("tex", "seen"),
    [
        (r"\mathbb{E}[X]", "𝔼[X]"),
        (r"\mathbb{1}\{y=1\}", "𝟙{y=1}"),
        (r"\operatorname{softmax}(z)", "softmax(z)"),
        (r"\operatorname*{arg\,max}_u f", "arg\u2009maxuf"),
        (r"\arg\max_u f", "arg\u2009maxuf"),
        (r"\lVert x\rVert", "‖x‖"),
        (r"a \not= b", "a≠b"),
        (r"\text{课程}", "课程"),
        (r"x < y", "x<y"),
    ],
)
def test_what_is_seen(tex, seen):
    assert words(tex).replace(" ", "").replace("\u2009", "") == seen.replace("\u2009", "")


def test_the_name_of_an_operator_takes_no_wide_space():
    tree = ElementTree.fromstring(to_mathml(r"\operatorname{do}(v)"))
    assert next(one for one in tree.iter() if one.text == "do").tag == "mi"


def test_the_source_is_kept_for_readers_that_speak_it():
    assert ElementTree.fromstring(to_mathml('a<b "q"')).get("alttext") == 'a<b "q"'


@pytest.mark.parametrize("tex", [r"\unheardof{x}", "a & b", r"\frac{a}", "", r"\left( x", "x_1_2"])
def test_a_formula_that_is_not_understood_is_refused_by_name(tex):
    with pytest.raises(ValueError, match=r".") as refusal:
        to_mathml(tex)
    assert not tex or repr(tex) in str(refusal.value)


@pytest.mark.parametrize(
    ("tex", "pieces"),
    [
        ("x", ["x"]),
        ("a=b+c", ["a=", "b+", "c"]),
        ("p(y|u,w)=1", ["p(y|u,w)=", "1"]),
        (r"\{a,b\}", ["{a,b}"]),
        ("-x", ["-x"]),
    ],
)
def test_a_line_may_break_outside_brackets_only(tex, pieces):
    cut = ElementTree.fromstring(f"<p>{in_pieces(to_mathml(tex))}</p>")
    assert ["".join(piece.itertext()).replace("−", "-") for piece in cut] == pieces
    assert cut[0].get("alttext") == tex
