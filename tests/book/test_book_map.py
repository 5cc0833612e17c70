"""The article's diagrams as maps."""

import re
import sys
from xml.etree import ElementTree

import pytest
from knowpay_course import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import article_map
from article_map import DIAGRAMS, break_lines, lay_out_narrow, lay_out_wide, render, text_width

FOUND = {"01": "notebooks/01.html", "06": "notebooks/06.html"}
LAYOUTS = [(name, narrow) for name in DIAGRAMS for narrow in (False, True)]


def placed(name: str, narrow: bool) -> dict:
    diagram = DIAGRAMS[name]
    statuses = {key: f"{box.lessons[0]} · later" for key, box in diagram.boxes.items()}
    return lay_out_narrow(diagram, statuses, 328) if narrow else lay_out_wide(diagram, statuses, 860, 26)


def test_the_articles_boxes_and_arrows_are_all_there():
    text = {name: {box.zh.replace(" ", "") for box in DIAGRAMS[name].boxes.values()} for name in DIAGRAMS}
    assert text["relations"] == {
        "数据收集", "用户行为分析", "流量运营", "APP用户数据", "网站用户数据", "社交媒体用户数据", "第三方数据",
        "精准营销", "用户转化", "忠诚度维护",
    }  # fmt: skip
    assert text["language-models"] == {
        "大规模文本数据", "预训练", "大语言模型", "微调", "提示学习", "全参数微调", "参数高效微调", "零样本学习",
        "少样本学习", "下游任务适应", "持续学习", "模型更新",
    }  # fmt: skip
    assert len(DIAGRAMS["relations"].arrows) == 9
    assert len(DIAGRAMS["language-models"].arrows) == 15
    assert ("L", "C") in DIAGRAMS["language-models"].arrows


@pytest.mark.parametrize("name", DIAGRAMS)
def test_arrows_join_boxes_that_exist(name):
    diagram = DIAGRAMS[name]
    assert {key for arrow in diagram.arrows for key in arrow} == set(diagram.boxes)
    assert all(box.under in ("", *diagram.boxes) for box in diagram.boxes.values())


@pytest.mark.parametrize("name", DIAGRAMS)
def test_a_box_is_a_link_or_says_later(name):
    figures = re.findall(r"<svg.*?</svg>", render(name, FOUND))
    assert len(figures) == 2, "wide and narrow"
    for figure in figures:
        svg = ElementTree.fromstring(figure)
        links, later = svg.findall("a"), [one for one in svg.findall("g") if "later" in one.get("class")]
        assert len(links) + len(later) == len(DIAGRAMS[name].boxes)
        assert all(link.get("href") in FOUND.values() for link in links)
        assert all(re.search(r"open lesson 0[16]", link.get("aria-label")) for link in links)
        assert all("later" in "".join(one.itertext()) and one.get("href") is None for one in later)


def test_the_first_lesson_that_exists_is_taken():
    assert 'href="b"' not in render("relations", {"05": "a", "06": "b"})
    assert 'href="b"' in render("relations", {"06": "b"})


@pytest.mark.parametrize(("name", "narrow"), LAYOUTS)
def test_boxes_do_not_overlap_and_stay_on_the_sheet(name, narrow):
    boxes = list(placed(name, narrow).values())
    width = 328 if narrow else 860
    assert all(one.x >= 0 and one.x + one.width <= width + 0.01 for one in boxes)
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
            assert apart, (a.box.en, b.box.en)


@pytest.mark.parametrize(("name", "narrow"), LAYOUTS)
def test_text_fits_into_its_box(name, narrow):
    for one in placed(name, narrow).values():
        if one.one_line:
            used = 22 + text_width(one.zh[0], 15) + 8 + text_width(one.en[0], 11) + 8 + text_width(one.status, 10.5)
            assert used <= one.width, one.box.en
        else:
            widest = max([text_width(line, 15) for line in one.zh] + [text_width(line, 11) for line in one.en])
            assert widest <= one.width - 4, one.box.en


def test_the_same_stands_in_words():
    words = re.search(r"<ul>.*</ul>", render("relations", FOUND))[0]
    assert words.count("<li>") == 10
    assert '<b>数据收集</b> Data collection (<a href="notebooks/01.html">lesson 01</a>) → 用户行为分析' in words
    assert "<b>用户转化</b> Conversion (lesson 19, later)" in words


def test_lines_break_at_words_and_between_characters():
    assert break_lines("Parameter-efficient tuning", 11, 110) == ["Parameter-efficient", "tuning"]
    assert break_lines("Parameter-efficient tuning", 11, 70) == ["Parameter-", "efficient", "tuning"]
    assert break_lines("参数高效微调", 14, 60) == ["参数高", "效微调"]
    assert break_lines("微调", 14, 60) == ["微调"]


def test_lesson_numbers_belong_to_the_syllabus_parts():
    numbers = ("00", "01", "04", "05", "11", "12", "13", "14", "17", "18", "21")
    assert [article_map.part_of(number, article_map.PARTS) for number in numbers] == [
        0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5,
    ]  # fmt: skip


def test_only_lessons_are_found_among_the_documents():
    docs = {"index", "notebooks/01_collect", "notebooks/exercises/01_collect", "notebooks/readme"}
    assert article_map.lessons_found(docs) == {"01": "notebooks/01_collect"}
