"""Files for spreadsheets: no text is run as a formula, whatever it holds, and numbers stay numbers."""

import csv

import pandas as pd
from collect_exports import frames
from effort import cases
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from knowpay.collect.privacy.gate import release

RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")  # what a spreadsheet takes for the start of a formula
BEGINS = st.sampled_from(
    ["", "=", "+", "-", "@", "\t", "\r", "\n", " ", "'", '"', ",", ";", "\r\n=", "\t@", "  -", '"=']
)
TEXT = st.tuples(BEGINS, st.text(max_size=12)).map("".join)
NUMBER = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**12), 10**12))


def test_cells_of_a_released_file(opened, tmp_path):
    ds = opened()
    users = frames()["users"]["user_id"].tolist()

    @settings(
        max_examples=cases(25),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        texts=st.lists(TEXT, min_size=1, max_size=len(users)),
        numbers=st.lists(NUMBER, min_size=len(users), max_size=len(users)),
        header=TEXT,
    )
    @example(texts=["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1"], numbers=[-1.5, -2, 0, 1e-9, 3, -4], header="=note")
    @example(texts=["\0=1", "=HYPERLINK(1)", "a\r=1", "a\n=1"], numbers=[-1] * 6, header="\t-x")
    def run(texts, numbers, header):
        n = len(texts)
        table = pd.DataFrame({"user_id": users[:n], "score": [float(x) for x in numbers[:n]]})
        table["count"] = [int(x) if abs(x) < 2**62 else 0 for x in numbers[:n]]
        table["when"] = pd.Timestamp("2025-03-03", tz="UTC")
        table.insert(2, f"{header}~", pd.Series(texts, dtype=object))
        table[f"{header}≈"] = pd.Series(texts, dtype="category")
        try:
            path = release(ds, table, "general", tmp_path, "list")["csv"]
        except ValueError as error:  # text with a phone number or the like in it
            assert "holds a" in str(error)
            return
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *rows = csv.reader(file)
        assert len(rows) == n and all(len(row) == len(head) == 6 for row in rows)
        for cell in (cell for row in [head, *rows] for i, cell in enumerate(row) if row is head or i not in (1, 3)):
            assert not cell.startswith(RUN) and not any(mark in cell for mark in "\t\r\n")
        for row, text, number in zip(rows, texts, numbers, strict=False):
            plain = " ".join(text.split())
            assert row[2] == row[5] in (plain, f"'{plain}")
            assert float(row[1]) == float(number)
        assert [int(row[3]) for row in rows] == table["count"].tolist()

    run()
