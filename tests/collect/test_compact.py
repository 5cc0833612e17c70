"""A large table as pandas: the same rows as to_pandas(), repeated texts as categories, whatever the size of a batch."""

from __future__ import annotations

import ibis
import pandas as pd
import pytest
from knowpay.collect import compact

ROWS = pd.DataFrame(
    {
        "row": range(6),
        "device": ["a", "b", "a", None, "b", "a"],
        "message": [f"m{n}" for n in range(6)],
        "nothing": pd.Series([None] * 6, dtype="str"),
        "at": ["2025-03-01T10:00:00Z", "2025-03-01 18:00:00+08:00", "soon", None, "2025-03-01", "2025-03-01T00:00:01"],
    }
)


@pytest.fixture
def table():
    con = ibis.duckdb.connect()
    con.con.register("rows", ROWS)
    return con.table("rows")


@pytest.mark.parametrize("size", [4, 6, 100])
def test_the_rows_are_those_of_the_table(table, size, monkeypatch):
    monkeypatch.setattr(compact, "ROWS", size)
    found = compact.frame([table, table.filter(table.row > 3)], times=["at"])
    assert found["row"].tolist() == [0, 1, 2, 3, 4, 5, 4, 5]
    for name in ("device", "message", "nothing"):
        expected = pd.concat([ROWS[name], ROWS[name][4:]], ignore_index=True)
        pd.testing.assert_series_equal(found[name].astype("str"), expected.astype("str"))
    seconds = ["10:00:00", "10:00:00", None, None, "00:00:00", "00:00:01"]
    times = [pd.Timestamp(f"2025-03-01T{second}Z") if second else pd.NaT for second in [*seconds, *seconds[4:]]]
    assert found["at"].isna().tolist() == [pd.isna(at) for at in times]
    assert found["at"].dropna().tolist() == [at for at in times if not pd.isna(at)]


def test_a_text_that_repeats_is_held_once_and_one_that_does_not_stays(table):
    found = compact.frame([table])
    assert isinstance(found["device"].dtype, pd.CategoricalDtype)
    assert not any(isinstance(found[name].dtype, pd.CategoricalDtype) for name in ("message", "nothing", "at"))


def test_a_table_without_rows_has_its_columns(table):
    found = compact.frame([table.filter(table.row > 9)], times=["at"])
    assert found.columns.tolist() == ROWS.columns.tolist() and found.empty
