"""From replications to tolerances: the identifiability sheet, and how it fares on other companies.

A record is what `knowpay_course.maintain.replicate` found in one company and lesson.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_UP, Context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay_course.tolerances import LEVEL, STATED, WIDTH, read

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

SHEET_HEAD = ["lesson", "check", "unit", "replications", "n", "truth", "bias", "spread", "tolerance"]
COMPANIES_HEAD = ["lesson", "check", "companies", "held", "stated", "p"]


def identifiability(records: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return the sheet: a row for each check with bias and spread of its error and its tolerance, in its unit.

    Columns as in SHEET_HEAD: `replications` with the check, median `n` of data and mean `truth` over them. The
    tolerance is the bias, whatever its sign, and WIDTH standard deviations of the error (`spread`), rounded up to three
    digits; 0 where every estimate is exact.
    """
    import pandas as pd

    rows: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    units = {}
    for record in records:
        for name, estimate, truth, unit in record["checks"]:
            rows.setdefault((record["lesson"], name), []).append((record["n"], truth, estimate - truth))
            units[record["lesson"], name] = unit
    lines = []
    for (lesson, name), errors in sorted(rows.items(), key=lambda row: row[0][0]):  # stable: then by appearance
        frame = pd.DataFrame(errors, columns=["n", "truth", "off"])
        bias, spread = frame["off"].mean(), frame["off"].std(ddof=0)
        means = frame["truth"].mean(), bias, spread
        lines.append(
            [
                lesson,
                name,
                units[lesson, name],
                len(frame),
                int(frame["n"].median()),
                *means,
                _up(abs(bias) + WIDTH * spread),
            ]
        )
    return pd.DataFrame(lines, columns=SHEET_HEAD)


def _up(value: float) -> float:
    written = f"{value:.12g}"  # without the noise of binary fractions, which would push 2.58 up
    return float(Context(prec=3, rounding=ROUND_UP).create_decimal(written))


def pass_rates(records: list[dict[str, Any]], tolerances: pd.DataFrame) -> pd.DataFrame:
    """Return how many companies kept each tolerance of the sheet; columns as in COMPANIES_HEAD.

    A company whose lesson stopped or lacks the check has not kept it. `p` is the probability of so few or fewer when
    each company keeps it with probability STATED.
    """
    import pandas as pd
    from scipy.stats import binom

    lines = []
    for lesson, name, tolerance in tolerances[["lesson", "check", "tolerance"]].itertuples(index=False):
        ran = [record for record in records if record["lesson"] == lesson]
        off = [abs(estimate - truth) for one in ran for check, estimate, truth, _ in one["checks"] if check == name]
        held = sum(error <= tolerance for error in off)
        if ran:
            lines.append([lesson, name, len(ran), held, STATED, float(binom.cdf(held, len(ran), STATED))])
    return pd.DataFrame(lines, columns=COMPANIES_HEAD)


def often_missing(records: list[dict[str, Any]]) -> list[str]:
    """Return a sentence for each check that more than 1 % of the replications of its lesson lack."""
    sheet = identifiability(records)
    ran = {lesson: sum(record["lesson"] == lesson for record in records) for lesson in sheet["lesson"]}
    return [
        f"Lesson {lesson}: {ran[lesson] - there} of {ran[lesson]} companies lack the check {name!r}."
        for lesson, name, there in sheet[["lesson", "check", "replications"]].itertuples(index=False)
        if ran[lesson] - there > 0.01 * ran[lesson]
    ]


def failing(rates: pd.DataFrame) -> list[str]:
    """Return a sentence for each check that too few companies kept to be chance, all checks taken together."""
    return [
        f"Lesson {row.lesson}: {row.check!r} held in {row.held} of {row.companies} companies where {row.stated:.0%} "
        f"was stated (p = {row.p:.2g})."
        for row in rates.itertuples()
        if row.p < LEVEL / len(rates)
    ]


def save(frame: pd.DataFrame, path: Path, replaced: Iterable[str]) -> pd.DataFrame:
    """Write rows with four significant digits, keep those of lessons other than `replaced`; return all of them."""
    import pandas as pd
    from knowpay.show.text import rounded

    if path.exists():
        old = read(path)
        frame = pd.concat([old[~old["lesson"].isin(list(replaced))], frame]).sort_values("lesson", kind="stable")
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False, float_format=lambda value: f"{rounded(value):.15g}", lineterminator="\n")
    return read(path)


def terminal(frame: pd.DataFrame, title: str) -> Table:
    """Return what matters most of one of the two files, as a table for the terminal."""
    from knowpay.show.text import number
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    shown = [
        name
        for name in ("lesson", "check", "truth", "bias", "spread", "tolerance", "held", "companies", "p")
        if name in frame
    ]
    for name in shown:
        table.add_column(name, justify="left" if name in ("lesson", "check") else "right")
    for row in frame[shown].itertuples(index=False):
        table.add_row(*(Text(value if isinstance(value, str) else number(value, trim=True)) for value in row))
    return table
