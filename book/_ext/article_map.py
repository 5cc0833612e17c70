"""Draw the source article's diagrams as maps whose boxes open the lessons, and link lessons by their number.

A diagram is declared as columns of boxes and the arrows between them; the drawing is laid out from that
declaration twice, side by side for wide screens and one below the other for a phone, and style sheets show one
of the two. A box whose lesson does not exist yet is not a link: it is dashed and says "later". Under each map
the same relations stand in words.

Directive `article-map` takes the name of a diagram; role `lesson` takes a lesson number ("12") and becomes a
link to that lesson, or "lesson 12 (later)".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from knowpay_course.lesson import part_of, parts
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

LESSON_FOLDER = "notebooks"
PARTS = parts()


@dataclass(frozen=True)
class Box:
    """One box: its name in both languages, the lessons it runs in (first choice first), and the box it hangs under."""

    key: str
    zh: str
    en: str
    lessons: tuple[str, ...]
    under: str = ""


@dataclass(frozen=True)
class Diagram:
    """A diagram of the article: columns from left to right, and arrows (from key, to key)."""

    title: str
    source: str
    columns: tuple[tuple[Box, ...], ...]
    arrows: tuple[tuple[str, str], ...]

    @property
    def boxes(self) -> dict[str, Box]:
        return {box.key: box for column in self.columns for box in column}


_TEXT_LESSON = ("17",)
DIAGRAMS = {
    "relations": Diagram(
        "From data to traffic",
        "section 2.2, redrawn",
        (
            (
                Box("A", "数据收集", "Data collection", ("01", "02")),
                Box("D", "APP 用户数据", "App users", ("01",), "A"),
                Box("E", "网站用户数据", "Website users", ("01",), "A"),
                Box("F", "社交媒体用户数据", "Social media users", ("02",), "A"),
                Box("G", "第三方数据", "Third-party data", ("02", "04"), "A"),
            ),
            (Box("B", "用户行为分析", "Behaviour analysis", ("05", "06", "10")),),
            (
                Box("C", "流量运营", "Traffic operations", ("18",)),
                Box("H", "精准营销", "Targeted marketing", ("18",), "C"),
                Box("I", "用户转化", "Conversion", ("19",), "C"),
                Box("J", "忠诚度维护", "Loyalty", ("20",), "C"),
            ),
        ),
        (("A", "B"), ("B", "C"), *(("A", k) for k in "DEFG"), *(("C", k) for k in "HIJ")),
    ),
    "steps": Diagram(
        "The three steps, with the formula and the model between them",
        "described in words in sections 3.2, 4 and 5",
        (
            (
                Box("S1", "数据收集", "Step 1: collect", ("01", "00")),
                Box("a1", "APP 和网站数据", "App and website", ("01",), "S1"),
                Box("a2", "社交媒体数据", "Social media", ("02",), "S1"),
                Box("a3", "第三方数据", "Third parties", ("02", "04"), "S1"),
                Box("a4", "隐私问题", "Privacy (3.3)", ("03",), "S1"),
            ),
            (
                Box("S2", "用户行为分析", "Step 2: analyse", ("05", "06")),
                Box("b1", "用户画像构建", "User profiles", ("06",), "S2"),
                Box("b2", "协同过滤", "Collaborative filtering", ("07",), "S2"),
                Box("b3", "时间序列分析", "Time series", ("08",), "S2"),
                Box("b4", "关联规则挖掘", "Association rules", ("09",), "S2"),
                Box("b5", "用户流失预测", "Who leaves", ("10",), "S2"),
                Box("b6", "流失原因分析", "Why they leave", ("11",), "S2"),
            ),
            (
                Box("S4", "数学模型和公式", "Model and formula (4)", ("12",)),
                Box("c1", "公式推导", "The formula derived", ("12",), "S4"),
                Box("c2", "高价值用户", "Whom to approach", ("13",), "S4"),
            ),
            (
                Box("S5", "项目实践", "Project in code (5)", ("14", "15")),
                Box("d1", "源代码实现", "The printed model", ("14",), "S5"),
                Box("d2", "课程推荐", "Course recommender", ("15",), "S5"),
                Box("d3", "保存和部署", "Save and deploy", ("16",), "S5"),
            ),
            (
                Box("S3", "流量运营", "Step 3: operate", ("18",)),
                Box("e1", "精准营销", "Targeted marketing", ("18",), "S3"),
                Box("e2", "用户转化", "Conversion", ("19",), "S3"),
                Box("e3", "忠诚度维护", "Loyalty", ("20",), "S3"),
            ),
        ),
        (
            ("S1", "S2"),
            ("S2", "S4"),
            ("S4", "S5"),
            ("S5", "S3"),
            *(("S1", f"a{i}") for i in range(1, 5)),
            *(("S2", f"b{i}") for i in range(1, 7)),
            *(("S4", f"c{i}") for i in range(1, 3)),
            *(("S5", f"d{i}") for i in range(1, 4)),
            *(("S3", f"e{i}") for i in range(1, 4)),
        ),
    ),
    "language-models": Diagram(
        "Language models on course text",
        "section 2.3, redrawn",
        (
            (
                Box("A", "大规模文本数据", "Large text corpus", _TEXT_LESSON),
                Box("B", "预训练", "Pre-training", _TEXT_LESSON),
            ),
            (Box("C", "大语言模型", "Language model", _TEXT_LESSON),),
            (
                Box("D", "微调", "Fine-tuning", _TEXT_LESSON),
                Box("E", "提示学习", "Prompting", _TEXT_LESSON),
            ),
            (
                Box("F", "全参数微调", "Full tuning", _TEXT_LESSON),
                Box("G", "参数高效微调", "Parameter-efficient", _TEXT_LESSON),
                Box("H", "零样本学习", "Zero-shot", _TEXT_LESSON),
                Box("I", "少样本学习", "Few-shot", _TEXT_LESSON),
            ),
            (Box("J", "下游任务适应", "Task adaptation", _TEXT_LESSON),),
            (
                Box("K", "持续学习", "Continual learning", _TEXT_LESSON),
                Box("L", "模型更新", "Model update", _TEXT_LESSON),
            ),
        ),
        tuple(
            tuple(arrow)
            for arrow in (
                "AB",
                "BC",
                "CD",
                "CE",
                "DF",
                "DG",
                "EH",
                "EI",
                "FJ",
                "GJ",
                "HJ",
                "IJ",
                "JK",
                "KL",
                "LC",
            )
        ),
    ),
}


# --- where everything stands -------------------------------------------------------------------------------------

ZH_LINE, EN_LINE, PADDING = 19, 14, 8  # pixels
INDENT = 18  # of a box that hangs under another


@dataclass
class Placed:
    """A box with its place on the drawing, in pixels, and its text broken into lines."""

    box: Box
    x: float
    y: float
    width: float
    zh: list[str]
    en: list[str]
    status: str
    one_line: bool = False  # all three texts beside each other, for lists on a phone
    height: float = field(init=False)

    def __post_init__(self) -> None:
        if self.one_line:
            self.height = 38
            return
        lines = ZH_LINE * len(self.zh) + EN_LINE * (len(self.en) + 1)
        self.height = lines + 2 * PADDING + 2

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def centre(self) -> float:
        return self.x + self.width / 2


def text_width(text: str, size: float) -> float:
    """Estimate the width of a line in pixels: a Chinese character is as wide as high, a Latin letter about half."""
    return size * sum(1.0 if ord(char) > 0x2E80 else 0.34 if char in " .,:-()filjtI" else 0.56 for char in text)


def break_lines(text: str, size: float, width: float) -> list[str]:
    """Break a label into lines no wider than `width`: at spaces, after hyphens, and between Chinese characters."""
    latin = any(ord(char) < 0x2E80 and char != " " for char in text)
    words = re.split(r"(?<=-)(?=\w)| ", text) if latin else list(text)
    lines = [words[0]]
    for word in words[1:]:
        longer = lines[-1] + (" " if latin and not lines[-1].endswith("-") else "") + word
        if text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    if not latin and len(lines) == 2:  # two even lines of Chinese look better than a long and a short one
        half = (len(text) + 1) // 2
        lines = [text[:half], text[half:]]
    return lines


def place(box: Box, x: float, y: float, width: float, status: str, *, one_line: bool = False) -> Placed:
    """Put one box at (x, y); its height follows from its text."""
    if one_line:
        return Placed(box, x, y, width, [box.zh], [box.en], status, one_line=True)
    inner = width - 12
    return Placed(box, x, y, width, break_lines(box.zh, 14, inner), break_lines(box.en, 11, inner), status)


def is_chain(column: tuple[Box, ...], arrows: tuple[tuple[str, str], ...]) -> bool:
    """Whether the boxes of a column follow each other (rather than stand beside each other)."""
    return any((a.key, b.key) in arrows for a, b in pairwise(column) if not b.under)


def lay_out_wide(diagram: Diagram, statuses: dict[str, str], width: float, gap: float) -> dict[str, Placed]:
    """Place columns side by side, hanging columns from the top and free ones around the middle."""
    box_width = (width - gap * (len(diagram.columns) - 1)) / len(diagram.columns)
    hanging = any(box.under for box in diagram.boxes.values())
    columns: list[list[Placed]] = []
    for index, column in enumerate(diagram.columns):
        y, placed = 6.0, []
        for box in column:
            indent = INDENT if box.under else 0
            one = place(box, index * (box_width + gap) + indent, y, box_width - indent, statuses[box.key])
            placed.append(one)
            y += one.height + (26 if is_chain(column, diagram.arrows) else 10)
        columns.append(placed)
    if hanging:  # the heads of the columns are joined by arrows, so they are equally high
        head = max(column[0].height for column in columns)
        for column in columns:
            for one in column[1:]:
                one.y += head - column[0].height
            column[0].height = head
    else:
        deepest = max(column[-1].y + column[-1].height for column in columns)
        for column in columns:
            shift = (deepest - column[-1].y - column[-1].height) / 2
            for one in column:
                one.y += shift
    return {one.box.key: one for column in columns for one in column}


def lay_out_narrow(diagram: Diagram, statuses: dict[str, str], width: float) -> dict[str, Placed]:
    """Place the columns one below the other: hanging boxes in a list, free ones side by side in a row."""
    y, placed = 6.0, {}
    listed = any(box.under for box in diagram.boxes.values())
    for column in diagram.columns:
        hanging = any(box.under for box in column)
        if hanging or is_chain(column, diagram.arrows) or len(column) == 1:
            for box in column:
                indent = INDENT if box.under else 0
                box_width = width - indent if listed else width * 0.5
                x = indent if listed else (width - box_width) / 2
                placed[box.key] = one = place(box, x, y, box_width, statuses[box.key], one_line=listed)
                y += one.height + (7 if hanging else 22)
            y += 15 if hanging else 0
        else:
            gap = 8
            box_width = min((width - gap * (len(column) - 1)) / len(column), width * 0.36)
            left = (width - box_width * len(column) - gap * (len(column) - 1)) / 2
            row = [
                place(box, left + index * (box_width + gap), y, box_width, statuses[box.key])
                for index, box in enumerate(column)
            ]
            tallest = max(one.height for one in row)
            for one in row:
                one.height = tallest
                placed[one.box.key] = one
            y += tallest + 30
    return placed


# --- the drawing -------------------------------------------------------------------------------------------------


def _curve(x1: float, y1: float, x2: float, y2: float, *, down: bool) -> str:
    """Return a curve that leaves and arrives straight down, or straight to the right."""
    bend = ((y2 - y1) if down else (x2 - x1)) * 0.55
    points = (x1, y1 + bend, x2, y2 - bend, x2, y2) if down else (x1 + bend, y1, x2 - bend, y2, x2, y2)
    return f"M{x1:.1f} {y1:.1f}C" + " ".join(f"{value:.1f}" for value in points)


def _arrow(a: Placed, b: Placed, *, narrow: bool, lane: float) -> str:
    """Return the path of one arrow; `lane` is the free line under (or right of) everything, for the way back."""
    if b.box.under == a.box.key:
        x = a.x + 8
        return f"M{x:.1f} {a.y + a.height:.1f}V{b.middle - 6:.1f}q0 6 6 6H{b.x - 1:.1f}"
    same_column = abs(a.x - b.x) < 1
    if narrow:
        if b.y < a.y:
            x1, x2 = a.x + a.width, b.x + b.width
            return f"M{x1:.1f} {a.middle:.1f}H{lane - 8:.1f}q8 0 8 -8V{b.middle + 8:.1f}q0 -8 -8 -8H{x2 + 1:.1f}"
        if same_column and a.x == 0 and b.x == 0:  # along the left edge, past the boxes that hang under a
            return f"M{a.x + 8:.1f} {a.y + a.height:.1f}V{b.y - 1:.1f}"
        return _curve(a.centre, a.y + a.height, b.centre, b.y - 1, down=True)
    if same_column:
        return f"M{a.centre:.1f} {a.y + a.height:.1f}V{b.y - 1:.1f}"
    if b.x < a.x:
        return (
            f"M{a.centre:.1f} {a.y + a.height:.1f}V{lane - 8:.1f}q0 8 -8 8H{b.centre + 8:.1f}"
            f"q-8 0 -8 -8V{b.y + b.height + 1:.1f}"
        )
    return _curve(a.x + a.width, a.middle, b.x - 1, b.middle, down=False)


def _text(one: Placed) -> str:
    """Return the text of a box: Chinese, English, and where it runs; centred lines, or one line from the left."""
    if one.one_line:
        y, left = one.middle + 5, one.x + 11
        after = left + text_width(one.zh[0], 15) + 8
        return (
            f'<text class="zh start" lang="zh-Hans" x="{left:.1f}" y="{y:.1f}">{escape(one.zh[0])}</text>'
            f'<text class="en start" x="{after:.1f}" y="{y:.1f}">{escape(one.en[0])}</text>'
            f'<text class="status end" x="{one.x + one.width - 11:.1f}" y="{y:.1f}">{escape(one.status)}</text>'
        )
    y = one.y + (one.height - (ZH_LINE * len(one.zh) + EN_LINE * (len(one.en) + 1))) / 2
    out = []
    for line in one.zh:
        y += ZH_LINE
        out.append(f'<text class="zh" lang="zh-Hans" x="{one.centre:.1f}" y="{y - 5:.1f}">{escape(line)}</text>')
    for line in one.en:
        y += EN_LINE
        out.append(f'<text class="en" x="{one.centre:.1f}" y="{y - 3:.1f}">{escape(line)}</text>')
    y += EN_LINE
    out.append(f'<text class="status" x="{one.centre:.1f}" y="{y - 2:.1f}">{escape(one.status)}</text>')
    return "".join(out)


def draw(diagram: Diagram, links: dict[str, tuple[str, str]], *, narrow: bool, name: str) -> str:
    """Return one drawing as an SVG element.

    `links` maps the key of a box to (lesson number, address); boxes that are missing there are drawn as "later".
    """
    width = 344.0 if narrow else 860.0
    statuses = {
        key: f"lesson {links[key][0]}" if key in links else f"{box.lessons[0]} · later"
        for key, box in diagram.boxes.items()
    }
    back = any(list(diagram.boxes).index(b) < list(diagram.boxes).index(a) for a, b in diagram.arrows)
    if narrow:
        placed = lay_out_narrow(diagram, statuses, width - (16 if back else 0))
    else:
        placed = lay_out_wide(diagram, statuses, width, 44 if len(diagram.columns) < 4 else 26)
    bottom = max(one.y + one.height for one in placed.values())
    lane = width - 2 if narrow else bottom + 16
    height = bottom + (6 if narrow or not back else 24)
    marker = f"tip-{name}-{'narrow' if narrow else 'wide'}"
    paths = "".join(
        f'<path d="{_arrow(placed[a], placed[b], narrow=narrow, lane=lane)}" marker-end="url(#{marker})"/>'
        for a, b in diagram.arrows
    )
    boxes = []
    for key, one in placed.items():
        head = "" if one.box.under else " head"
        place_and_size = f'x="{one.x + 1:.1f}" y="{one.y:.1f}" width="{one.width - 2:.1f}" height="{one.height:.1f}"'
        rect = f'<rect {place_and_size} rx="9"/>'
        inside = rect + _text(one)
        if key in links:
            number, address = links[key]
            label = f"{one.box.zh}, {one.box.en}: open lesson {number}"
            boxes.append(
                f'<a class="box part-{part_of(number, PARTS)}{head}" href="{escape(address, quote=True)}"'
                f' aria-label="{escape(label, quote=True)}">{inside}</a>'
            )
        else:
            boxes.append(f'<g class="box later{head}">{inside}</g>')
    return (
        f'<svg class="{"narrow" if narrow else "wide"}" viewBox="0 0 {width:.0f} {height:.0f}" role="group"'
        f' aria-label="{escape(diagram.title, quote=True)}">'
        f'<defs><marker id="{marker}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        f' orient="auto-start-reverse"><path d="M0 0.6L7.4 4L0 7.4z"/></marker></defs>'
        f'<g class="arrows" aria-hidden="true">{paths}</g>{"".join(boxes)}</svg>'
    )


def in_words(diagram: Diagram, links: dict[str, tuple[str, str]]) -> str:
    """Return the same relations as an HTML list: every box, where it runs, and where its arrows lead."""
    rows = []
    for key, box in diagram.boxes.items():
        if key in links:
            number, address = links[key]
            where = f'<a href="{escape(address, quote=True)}">lesson {number}</a>'
        else:
            where = f"lesson {box.lessons[0]}, later"
        targets = [diagram.boxes[b] for a, b in diagram.arrows if a == key]
        leads = f" → {', '.join(f'{t.zh} {t.en}' for t in targets)}" if targets else ""
        rows.append(f"<li><b>{escape(box.zh)}</b> {escape(box.en)} ({where}){escape(leads)}</li>")
    return f"<ul>{''.join(rows)}</ul>"


def render(name: str, found: dict[str, str]) -> str:
    """Return the figure with both drawings, the caption and the words.

    `found` maps lesson numbers to addresses of pages that exist. Raises KeyError for an unknown diagram.
    """
    diagram = DIAGRAMS[name]
    links = {
        key: next((number, found[number]) for number in box.lessons if number in found)
        for key, box in diagram.boxes.items()
        if any(number in found for number in box.lessons)
    }
    count = len(links)
    state = f"{count} of {len(diagram.boxes)} boxes open a lesson" if count else "its lesson is not written yet"
    return (
        f'<figure class="article-map" id="map-{name}">'
        f"{draw(diagram, links, narrow=False, name=name)}{draw(diagram, links, narrow=True, name=name)}"
        f"<figcaption><b>{escape(diagram.title)}</b> ({escape(diagram.source)}); {state}."
        f"<details><summary>The same map in words</summary>{in_words(diagram, links)}</details></figcaption></figure>"
    )


def lessons_found(docnames: set[str]) -> dict[str, str]:
    """Map lesson numbers to document names: {"01": "notebooks/01_collect_app_and_web_events"}."""
    prefix = f"{LESSON_FOLDER}/"
    names = sorted(doc for doc in docnames if doc.startswith(prefix) and "/" not in doc[len(prefix) :])
    return {doc[len(prefix) :].split("_")[0]: doc for doc in names if doc[len(prefix) :][:2].isdigit()}


class ArticleMap(SphinxDirective):
    """Directive: `article-map` with the name of a diagram."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in DIAGRAMS:
            raise self.error(f"no diagram {name!r}; there are {', '.join(DIAGRAMS)}")
        uri = self.env.app.builder.get_relative_uri
        found = {number: uri(self.env.docname, doc) for number, doc in lessons_found(self.env.found_docs).items()}
        return [nodes.raw("", render(name, found), format="html")]


class LessonRole(SphinxRole):
    """Role: `{lesson}` with a number, a link where that lesson exists."""

    inliner: Inliner

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        number = self.text.strip()
        doc = lessons_found(self.env.found_docs).get(number)
        if doc is None:
            return [nodes.inline("", f"lesson {number} (later)", classes=["later"])], []
        uri = self.env.app.builder.get_relative_uri(self.env.docname, doc)
        return [nodes.reference("", f"lesson {number}", refuri=uri, internal=True)], []


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive and the role."""
    app.add_directive("article-map", ArticleMap)
    app.add_role("lesson", LessonRole())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
