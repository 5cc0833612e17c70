r"""Render formulas as MathML when the book is built, so that a page needs no script and no font to show them.

MathML Core is read by every current browser (Firefox, Safari, Chromium since version 109). `latex2mathml`
does the translation; this extension hands it to Sphinx as a maths renderer, mends what it does not know
(`aligned`, `gathered`, `\operatorname*`) and refuses a formula that would come out half translated:
a command nobody understood is a warning, and warnings stop the build.
"""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

# Environments that differ only in how an equation is numbered, which the book does itself.
_SAME_AS_ALIGN = re.compile(r"\\(begin|end)\{(?:aligned|align\*?|split|eqnarray\*?|flalign\*?)\}")
_SAME_AS_MATRIX = re.compile(r"\\(begin|end)\{(?:gathered|gather\*?|multline\*?)\}")
_WRAPPERS = re.compile(r"\\(?:begin|end)\{(?:equation\*?|displaymath|math)\}|\\label\{[^}]*\}|\\(?:no)?tag\b")
_ARG_EXTREMUM = re.compile(
    r"\\arg\s*(?:\\[,;:! ]\s*)?\\(max|min)(?![A-Za-z])|\\operatorname\*?\{arg\s*\\?[,; ]?\s*(max|min)\}"
)
_SPELLINGS = {
    r"\operatorname*": r"\operatorname",
    r"\not=": r"\neq",
    r"\not =": r"\neq",
    r"\mathbb{1}": "𝟙 ",
    r"\mathbb 1": "𝟙 ",
}
_BARS = re.compile(r"(?<!\\left)(?<!\\right)\\(l|r)(vert|Vert)(?![A-Za-z])")  # bars that know their side
_BREAKS = set("=≠<>≤≥≈∼~∝∈→↦⟹,;+−-")
_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}
_CHANCE = re.compile(r"equation-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LEFT_OVER = re.compile(r">[^<]*(\\[A-Za-z]+)[^<]*<|<mi>(&amp;|&)</mi>")


def to_mathml(tex: str, *, display: bool = False) -> str:
    """Translate one LaTeX formula (without its dollars) to a `<math>` element.

    The element carries the LaTeX in `alttext`, for readers that do not speak MathML and for copying.
    Raises ValueError with the formula and the reason when any part of it would be shown as source code.
    """
    source = tex.strip()
    text = _WRAPPERS.sub("", source)
    text = _SAME_AS_ALIGN.sub(r"\\\1{align*}", text)
    text = _SAME_AS_MATRIX.sub(r"\\\1{matrix}", text)
    text = _ARG_EXTREMUM.sub(lambda m: rf"\arg{m[1] or m[2]} ", text)
    for spelling, known in _SPELLINGS.items():
        text = text.replace(spelling, known)
    text = _BARS.sub(lambda m: (r"\left" if m[1] == "l" else r"\right") + ("|" if m[2] == "vert" else r"\|"), text)
    if display and r"\\" in text and r"\begin{" not in text:
        text = rf"\begin{{align*}}{text}\end{{align*}}"
    if not text.strip():
        raise ValueError("an empty formula")
    try:
        markup = convert(text, display="block" if display else "inline")
    except Exception as error:  # latex2mathml raises a dozen unrelated types, most of them without a message
        raise ValueError(f"{source!r}: {type(error).__name__} {error}".rstrip()) from error
    if left := _LEFT_OVER.search(markup):
        raise ValueError(f"{source!r}: {left[1] or '&'} is not understood")
    tree = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", markup))  # HTML knows the element without it
    if any(len(one) != _PARTS.get(one.tag, len(one)) for one in tree.iter()):
        raise ValueError(f"{source!r}: a part is missing")
    _mend(tree)
    tree.set("alttext", re.sub(r"\s+", " ", source))
    return ElementTree.tostring(tree, encoding="unicode")


def in_pieces(markup: str) -> str:
    """Cut a formula within a line behind its relations, signs and commas, outside brackets, so that the line can break.

    A browser does not break inside a `<math>` element. The first piece keeps the text of the whole.
    """
    tree = ElementTree.fromstring(markup)
    row = tree[0] if len(tree) == 1 and tree[0].tag == "mrow" else tree
    pieces, depth = [[]], 0
    for one in row:
        pieces[-1].append(one)
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(one.text or "", 0)
        if depth == 0 and one.tag == "mo" and (one.text or "") in _BREAKS and len(pieces[-1]) > 1:
            pieces.append([])
    if len(pieces) == 1:
        return markup
    out = []
    for at, piece in enumerate(part for part in pieces if part):
        math = ElementTree.Element("math", dict(tree.attrib) if at == 0 else {"display": "inline"})
        ElementTree.SubElement(math, "mrow").extend(piece)
        out.append(ElementTree.tostring(math, encoding="unicode"))
    return "".join(out)


def _mend(tree: ElementTree.Element) -> None:
    """Set hats and the names of operators as a printer would, in place."""
    for over in tree.iter("mover"):
        base, hat = over
        if hat.text == "^":
            wide = len("".join(base.itertext())) > 1
            # As an "accent" it would touch the letter; only the combining hat grows over several letters.
            over.attrib.pop("accent", None)
            hat.text, hat.attrib = ("\u0302", {}) if wide else ("\u02c6", {"stretchy": "false"})
    for bar in tree.iter("mo"):
        if bar.text in ("|", "‖", "∥", "∣") and "stretchy" not in bar.attrib:
            bar.set("stretchy", "false")  # it would grow to the tallest part of the whole formula
    for parent in (one for one in tree.iter() if one.tag in ("math", "mrow", "mstyle", "mtd")):
        children = list(parent)
        for at, one in enumerate(children):
            if one.tag == "mo" and re.fullmatch(r"[A-Za-z]{2,}", one.text or ""):
                one.tag = "mi"  # an operator would get wide space on both sides
                after = children[at + 1] if at + 1 < len(children) else None
                if after is not None and after.text not in ("(", "[", "{", ",", "="):
                    one.tail, gap = None, ElementTree.Element("mspace", {"width": "0.167em"})
                    parent.insert(list(parent).index(one) + 1, gap)


def _markup(node: nodes.Element, *, display: bool) -> str:
    try:
        return to_mathml(node.astext(), display=display)
    except ValueError as error:
        logger.warning("formula cannot be shown: %s", error, location=node, type="mathml")
        return f"<code>{html.escape(node.astext())}</code>"


def _visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(in_pieces(_markup(node, display=False)))
    raise nodes.SkipNode


def _visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    number = get_node_equation_number(translator, node) if node["number"] else ""
    if number and any(map(_CHANCE.fullmatch, node["ids"])):
        node["ids"] = [f"equation-{number}"]  # MyST draws a random name for an environment without a label
    # A scrolling box of its own: a long formula must not widen the page of a phone.
    translator.body.append(translator.starttag(node, "div", CLASS="math-block", TABINDEX="0"))
    translator.body.append(_markup(node, display=True))
    if number:
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register the renderer; `html_math_renderer = "mathml"` in the configuration chooses it."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
