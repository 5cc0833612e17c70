"""Free text cleaned as ingest cleans it (`knowpay.collect.scrub`), and what was found in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowpay.collect.scrub import KINDS, scrub_sql

if TYPE_CHECKING:
    import pandas as pd


def scrub(texts: pd.Series) -> tuple[pd.Series, dict[str, int]]:
    """Return the scrubbed texts (same index) and how many of each of `KINDS` were found."""
    import duckdb
    import pandas as pd

    raw = pd.DataFrame({"raw": texts.astype("string").to_numpy(dtype=object, na_value=None)})
    with duckdb.connect() as con:
        con.register("texts", raw)
        tags = ", ".join(f"{_count('clean', k)} - {_count('raw', k)}" for k in KINDS)
        con.execute("CREATE TABLE came AS SELECT CAST(raw AS VARCHAR) AS raw FROM texts")
        con.execute(f"CREATE TABLE t AS SELECT raw, {scrub_sql('raw')} AS clean FROM came")
        clean = con.execute("SELECT clean FROM t").df()["clean"]
        found = con.execute(f"SELECT {tags} FROM t").fetchone()
    return pd.Series(clean.to_numpy(), index=texts.index, name=texts.name), dict(zip(KINDS, found, strict=True))


def _count(column: str, kind: str) -> str:
    tag = f"[{kind}]"
    return f"coalesce(sum((length({column}) - length(replace({column}, '{tag}', ''))) // {len(tag)}), 0)::BIGINT"
