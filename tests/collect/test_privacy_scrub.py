"""Phone numbers and the like leave a text; other numbers stay. Labelled texts are made here, with their answers."""

from __future__ import annotations

import random
import re
import time

import duckdb
import pandas as pd
import pytest
from knowpay.collect.privacy.scrub import scrub
from knowpay.collect.scrub import KINDS, scrub_sql

WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def clean(text: str) -> str:
    return scrub(pd.Series([text]))[0].iloc[0]


def number(rng: random.Random, digits: int) -> str:
    return f"{rng.randrange(10 ** (digits - 1), 10**digits)}"


def day(rng: random.Random) -> str:
    return f"{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"


def id18(rng: random.Random, right: bool = True) -> str:
    """A made identity number of 18 digits by GB 11643, from a district that does not exist."""
    body = f"99{number(rng, 4)}{rng.randint(1950, 2010)}{day(rng)}{number(rng, 3)}"
    check = "10X98765432"[sum(w * int(d) for w, d in zip(WEIGHTS, body, strict=True)) % 11]
    return body + (check if right else str((int(check.replace("X", "5")) + 1) % 10))


def forms(rng: random.Random) -> dict[str, list[str]]:
    """Things to find, by kind, in the forms in which people write them."""
    m, qq = f"1{rng.randint(3, 9)}{number(rng, 9)}", number(rng, rng.randint(5, 10))
    name = f"{rng.choice(['lily', 'wang', 'tommy'])}{number(rng, rng.randint(2, 4))}"
    split = [f"{m[:3]}{gap}{m[3:7]}{gap}{m[7:]}" for gap in "- .·"]
    label = (
        "微信",
        "微信号：",
        "vx:",
        "wx ",
        "V信 ",
        "薇信：",
        "加v ",
        "WeChat ID: ",
        "weixin:",
        "微信号",
        "我的微信是",
    )
    return {
        "phone": [m, f"+86 {m}", f"+86-{m}", f"0086{m}", f"86{m}", *split, m.translate(WIDE), " ".join(m)],
        "id card": [
            id18(rng),
            id18(rng).translate(WIDE),
            f"99{number(rng, 4)}{number(rng, 2)}{day(rng)}{number(rng, 3)}",
        ],
        "e-mail": [f"{name}@example.com", f"{name}.x+y@mail.example.com.cn"],
        "wechat": [f"{word}{name}" for word in label] + [f"vx：wxid_{number(rng, 8)}"],
        "qq": [f"QQ{qq}", f"qq号：{qq}", f"扣扣 {qq}"],
    }


def harmless(rng: random.Random) -> list[str]:
    """Texts with numbers and words that are nobody's."""
    return [
        *(
            f"订单号{number(rng, 20)}退款",
            f"编号{id18(rng, right=False)}",
            f"12{number(rng, 9)}",
            f"ISBN 978{number(rng, 10)}",
        ),
        *(
            f"第{number(rng, 2)}课讲了{number(rng, 1)}遍",
            f"花了{number(rng, 4)}.{number(rng, 2)}元",
            f"2025-03-15 10:{number(rng, 2)}:00",
        ),
        *("微信小程序打不开", "QQ音乐上没有", "use wechat android app", "vx 版本 8.0.1", "@老师 讲得好", "微信 v10版"),
        f"order {number(rng, 9)} on 2025/03/09",
    ]


BEFORE, AFTER = ("", "我的", "请加 ", "联系:", "tel ", "电话："), ("", "，谢谢", " 谢谢", "。", "\n", " thanks", "）")


@pytest.fixture(scope="module")
def labelled() -> pd.DataFrame:
    """Made texts: text, kind ("" for harmless)."""
    rng, rows = random.Random(11), []
    for _ in range(150):
        for kind, texts in forms(rng).items():
            rows += [(rng.choice(BEFORE) + text + rng.choice(AFTER), kind) for text in texts]
        rows += [(rng.choice(("", "请问")) + text + rng.choice(AFTER), "") for text in harmless(rng)]
    return pd.DataFrame(rows, columns=["text", "kind"])


def test_recall_and_precision_on_labelled_texts(labelled):
    out, found = scrub(labelled["text"])
    tags = out.str.findall("|".join(re.escape(f"[{k}]") for k in KINDS))
    right = [kind != "" and got == [f"[{kind}]"] for got, kind in zip(tags, labelled["kind"], strict=True)]
    by_kind = pd.Series(right).groupby(labelled["kind"]).mean()
    assert by_kind.drop("").min() > 0.99, by_kind
    accused = tags[labelled["kind"] == ""].str.len() > 0
    assert accused.mean() < 0.01, labelled["text"][accused[accused].index].tolist()[:5]
    assert sum(found.values()) == tags.str.len().sum()
    assert {k: v for k, v in found.items() if not v} == {}


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("13812345678,15912345678 13712345678", "[phone],[phone] [phone]"),
        ("身份证11010519491231002X。", "身份证[id card]。"),
        ("11010519491231002x 11010519491231002X", "[id card] [id card]"),
        ("qq12345qq67890", "qq[qq]qq[qq]"),  # the second is found when the first is out of the way
        ("vx：123456vx：234567", "vx：[wechat]vx：[wechat]"),
        ("110105194912310021", "110105194912310021"),  # wrong check digit
        ("12345678901234567890", "12345678901234567890"),
        ("vx同号13812345678", "vx同号[phone]"),
        ("13812345678@139.com", "[e-mail]"),
        ("", ""),
    ],
)
def test_by_hand(text, scrubbed):
    assert clean(text) == scrubbed


def test_missing_stays_missing_and_the_index_stays():
    out, found = scrub(pd.Series(["13812345678", None], index=[7, 3], name="body"))
    assert out.index.tolist() == [7, 3] and out.name == "body" and out.isna().tolist() == [False, True]
    assert found == dict.fromkeys(KINDS, 0) | {"phone": 1}


def test_what_stood_in_the_text_as_a_tag_is_not_counted():
    assert scrub(pd.Series(["[phone] 13812345678"]))[1]["phone"] == 1


def test_twice_is_once(labelled):
    once = scrub(labelled["text"])[0]
    again, found = scrub(once)
    assert again.equals(once) and not any(found.values())


def test_the_expression_gives_what_the_function_gives(labelled):
    texts = labelled[["text"]].assign(n=range(len(labelled)))  # noqa: F841 - read by DuckDB
    by_sql = duckdb.sql(f"SELECT {scrub_sql('text')} AS clean FROM texts ORDER BY n").df()["clean"]
    assert by_sql.tolist() == scrub(labelled["text"])[0].tolist()


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "13",
        "138 ",
        "86",
        "+86 1",
        "a@",
        "a.",
        "@",
        "微信",
        "vx:",
        "qq",
        "QQ 1",
        "110105194912310",
        "9",
        "wx a",
        "加v",
        "　",
    ],
)
def test_no_text_makes_it_slow(piece):
    text = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    clean(text)
    clean(text + "@x.com 13812345678")
    assert time.perf_counter() - start < 20  # linear: a second or so; a pattern that backtracks would take hours
