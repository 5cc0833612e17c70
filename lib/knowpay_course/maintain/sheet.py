"""From replications to tolerances: the identifiability sheet, how it fares on other companies, and their two pages.

A record is what `knowpay_course.maintain.replicate` found in one company and lesson.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_UP, Context
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

SHEET = Path("lib/knowpay/world/identifiability.csv")  # from the root of the checkout: the world hands it out as truth
COMPANIES = Path("datasets/companies.csv")
STATED = 0.99
WIDTH = 2.58  # standard deviations on either side that hold 99 % of a normal error
LEVEL = 0.01  # chance that any check at all fails when every tolerance is right
SHEET_HEAD = ["lesson", "check", "unit", "replications", "n", "truth", "bias", "spread", "tolerance"]
COMPANIES_HEAD = ["lesson", "check", "companies", "held", "stated", "p"]

USERS = ("users", "SELECT count(*) FROM users")
_TOUCHES = (
    "drawn touches",
    "SELECT count(*) FROM touches WHERE assignment IN ('randomised', 'stratified') AND propensity IS NOT NULL",
)
COUNTS = {  # what says how much data a lesson had: in words, and the query that counts it
    "00": _TOUCHES,
    "01": ("events", "SELECT count(*) FROM events"),
    "03": _TOUCHES,
    "04": ("orders", "SELECT count(*) FROM orders"),
    "06": USERS,
    "10": (
        "ended paid months",
        """SELECT count(*) FROM memberships
        WHERE "interval" = 'month' AND period_no > 0 AND status IN ('expired', 'canceled')""",
    ),
    "12": _TOUCHES,
    "15": ("course pages", "SELECT count(*) FROM events WHERE event = 'product_viewed'"),
    "18": _TOUCHES,
}


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
    for (lesson, name), found in sorted(rows.items(), key=lambda row: row[0][0]):  # stable: then by appearance
        frame = pd.DataFrame(found, columns=["n", "truth", "off"])
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
    found = identifiability(records)
    ran = {lesson: sum(record["lesson"] == lesson for record in records) for lesson in found["lesson"]}
    return [
        f"Lesson {lesson}: {ran[lesson] - there} of {ran[lesson]} companies lack the check {name!r}."
        for lesson, name, there in found[["lesson", "check", "replications"]].itertuples(index=False)
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


def read(path: Path) -> pd.DataFrame:
    """Read one of the two files; raises FileNotFoundError when it was not made yet."""
    import pandas as pd

    return pd.read_csv(path, dtype={"lesson": str}, keep_default_na=False)


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


# --- the two pages -----------------------------------------------------------------------------------------------


def identifiability_page(path: Path, titles: dict[str, str]) -> str:
    """Return the page of the sheet; `titles` gives the heading of each lesson by its number ("12")."""
    lines = ["# What the data can tell", ""]
    if not path.exists():
        return "\n".join(
            [*lines, "Nobody has replicated the lessons yet: `knowpay-course replicate` writes this page.", ""]
        )
    lines += [
        "Each lesson was run on many simulated companies of 2,000 users, with seeds of their own and knobs drawn from",
        "their [usual ranges](companies.md), and each estimate was held against the truth of its company. A tolerance",
        f"is the mean error (bias) and, on top, {WIDTH} standard deviations of the error (spread), inside which",
        f"{STATED:.0%} of normal errors lie. In a larger company the spread is smaller, by the root of the number of",
        "users; a bias stays. `knowpay-course replicate` makes all of it anew.",
        "",
    ]
    for lesson, rows in read(path).groupby("lesson"):
        counted = f"Data in the median company: {rows['n'].median():,.0f} {COUNTS.get(lesson, USERS)[0]}."
        lines += [f"## {titles.get(lesson, lesson)}", "", counted, ""]
        names = [
            name if unit in name else f"{name}, {unit}" for name, unit in zip(rows["check"], rows["unit"], strict=True)
        ]
        numbers = rows[["replications", "truth", "bias", "spread", "tolerance"]].itertuples(index=False)
        head = ["check", "companies", "mean truth", "bias", "spread", "tolerance"]
        lines += _table(head, ([name, *row] for name, row in zip(names, numbers, strict=True)))
    return "\n".join(lines)


def companies_page(path: Path, titles: dict[str, str]) -> str:
    """Return the page of the held-out companies and of the knobs; `titles` as for `identifiability_page`."""
    from knowpay import world

    lines = ["# Twenty companies", ""]
    if path.exists():
        tried = read(path)
        held, total = tried["held"].sum(), tried["companies"].sum()
        lines += [
            "A tolerance that only fits the companies it was derived from is worth nothing. So the lessons were run on",
            "others, with seeds and knobs that [the sheet](identifiability.md) has never seen. How many kept the",
            f"tolerance, and how probable are so few or fewer if {STATED:.0%} do? A lesson that stopped with an error",
            f"kept none. A check fails when that probability is below {LEVEL:.0%} divided by the number of checks.",
            "",
            f"In all, **{held:,} of {total:,}** were kept: {held / total:.1%}, against the stated {STATED:.0%}.",
            "",
        ]
        for lesson, rows in tried.groupby("lesson"):
            lines += [f"## {titles.get(lesson, lesson)}", ""]
            lines += _table(
                ["check", "kept", "of", "probability"],
                ([row.check, row.held, row.companies, row.p] for row in rows.itertuples()),
            )
    else:
        lines += ["Nobody has replicated the lessons yet: `knowpay-course replicate` writes this page.", ""]
    lines += [
        "## The knobs",
        "",
        '`knowpay.open("world:small", churn=0.6)` opens a company with a knob turned, and so does',
        "`knowpay-course course --company churn=0.6`. Replications draw theirs from the usual ranges.",
        "",
    ]
    rows = []
    for name, knob in world.KNOBS.items():
        default = "by size" if knob.default is None else f"{knob.default:g}"
        rows.append([f"`{name}`", knob.meaning, default, _range(*knob.usual), _range(knob.low, knob.high)])
    return "\n".join(lines + _table(["knob", "meaning", "default", "usual", "possible"], rows))


def _range(low: float, high: float) -> str:
    return f"{low:g} to {high:g}"


def _table(head: list[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """The lines of a Markdown table and an empty one; numbers stand right."""
    from knowpay.show.text import number

    body = [list(row) for row in rows]
    marks = ["--:" if body and not isinstance(value, str) else ":--" for value in (body[0] if body else head)]
    cells = [[v.replace("|", "\\|") if isinstance(v, str) else number(v, trim=True) for v in row] for row in body]
    return [f"| {' | '.join(row)} |" for row in (head, marks, *cells)] + [""]
