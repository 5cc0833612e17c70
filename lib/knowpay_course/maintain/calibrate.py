"""`knowpay-course calibrate`: the page about the simulated company, datasets/world.md, from the company itself.

Its knobs, the published figures that it keeps to, the faults planted in its records, and what its truth holds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from knowpay_course import ROOT

PAGE = Path("datasets/world.md")
SIZE = "standard"  # the size at which every band must hold
OTHER_SEEDS = range(1, 8)

OPENING = """# The simulated company

Lessons look at this company because its truth is known. Its records go through the same checks as your own export; its
truth lies in another folder, opened only in the last section of a lesson. It is invented: no figure of it is evidence
about a real company.

Behaviour comes first: people with tastes, means and patience visit, choose pages by a multinomial logit, buy by a logit
in taste, price, quality and means, learn, invite, subscribe and leave for one of seven causes; their use falls before
they leave. Campaigns draw lots in six ways, a third of them with a coupon among the arms, write by a rule in another,
and one agency hands over only the people it wrote to. Beside them run four trials by lot: a note against leaving, the
price of the month, a points programme, and discounts of pairs. Courses are made anew and the checkout gets shorter on
known days, and there are four incidents. Observation comes second: it takes the clean records and spoils rows as real
trackers do. The same size, seed and knobs give the same bytes, on any number of cores, with the packages of the lock
file and the same kind of processor. The book has the company's story
(`book/company.md`) and a table of what it can tell (`book/power.md`).

This page is written by `knowpay-course calibrate`.
"""

OTHERS = """Other companies: `knowpay.open("world:small", seed=3, churn=0.6)`, the parameter `company` of a lesson, or
`knowpay-course course --company churn=0.6`."""

GRADES = {
    "P": "published primary source",
    "R": "report of one",
    "W": "weak source",
    "A": "assumption: no usable source",
}

SIMPLER = """## Where it is simpler than life

- Nobody's taste changes, and people of one segment differ by chance only; real tastes drift and have more dimensions.
- Each person keeps one churn probability for life. A bad week or a new job would move a real one. The price of the
  first month moves who goes on to pay, and no renewal.
- Sales are drawn by lot, but for those of the festivals; few companies do that. It makes the effect of price learnable.
- A message works through the odds of one purchase in 14 days, with fatigue, a little warmth afterwards and some talk in
  the study group. It does not teach, and nobody is offended for good. Most course orders come in the 14 days in which a
  course is on the front page, written to or not; between campaigns the catalogue sells little.
- Rivals have prices and do not react. There is no group buying.
- How much somebody hears of a message, or minds it, follows from the visits that he or she makes; moods have no part in
  it. Use that falls before a member leaves does so on the same curve for all who leave for one cause.
- Nobody is a member when the records begin. People are seen before they register, but those who never do are not.
- New courses appear through the months, so more of the pages that people look for exist at the end than at the start.
- Texts are put together from sentences: a model that has seen all sentences does better on them than it would on life.
- People act independently; a popular course does not become more popular by being bought.
"""


def write(root: Path = ROOT) -> Path:
    """Measure the company of SIZE with seed 0 and its sisters, and write the page. Return its path."""
    from knowpay.world import company

    from knowpay_course.maintain import bands

    own = company.found(SIZE)
    table = bands.measure(own)
    others = pd.DataFrame({k: bands.measure(company.found(SIZE, k))["measured"] for k in OTHER_SEEDS})
    page = root / PAGE
    page.write_text(text(table, others, planted(SIZE)), encoding="utf-8", newline="\n")
    return page


def planted(size: str) -> pd.DataFrame:
    """Return ``table, fault, rows, share`` of all faults planted in the export of a company of seed 0."""
    from knowpay import world

    with tempfile.TemporaryDirectory() as folder:
        data, truth = Path(folder) / "data", Path(folder) / "truth"
        world.write(size, 0, data, truth)
        spoiled = read(truth, "spoiled", ["table", "fault"])
        total = {name: len(read(data, name, None)) for name in spoiled["table"].unique()}
    rows = spoiled.value_counts(["table", "fault"]).rename("rows").reset_index()
    return rows.assign(share=rows["rows"] / rows["table"].map(total))


def read(folder: Path, table: str, columns: list[str] | None) -> pd.DataFrame:
    """Return columns of a table that is a file or a folder of parts; without columns, one column to count rows by."""
    import pyarrow.parquet as pq

    parts = sorted(folder.glob(f"{table}.parquet")) or sorted((folder / table).glob("*.parquet"))
    names = columns or pq.read_schema(parts[0]).names[:1]
    return pd.concat([pq.read_table(part, columns=names).to_pandas() for part in parts], ignore_index=True)


def text(table: pd.DataFrame, others: pd.DataFrame, faults: pd.DataFrame) -> str:
    """Return the page. ``others`` has a column for each other seed and the quantities of ``table`` as its index."""
    parts = [OPENING, knobs(), band_table(table, others), fault_table(faults), truth_tables(), SIMPLER]
    return "\n".join(parts)


def row(*cells: object) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def knobs() -> str:
    """Return sizes and knobs."""
    from knowpay.world import KNOBS, SIZES

    lines = ["## Sizes and knobs", "", row("company", "users", "courses"), "|:--|--:|--:|"]
    lines += [row(f"`world:{name}`", f"{size.users:,}", f"{size.courses:,}") for name, size in SIZES.items()]
    lines += ["", OTHERS, ""]
    lines += [row("knob", "default", "from", "to", "what it is"), "|:--|--:|--:|--:|:--|"]
    for name, knob in KNOBS.items():
        default = "by size" if knob.default is None else f"{knob.default:g}"
        lines.append(row(f"`{name}`", default, f"{knob.low:g}", f"{knob.high:g}", knob.meaning))
    return "\n".join([*lines, ""])


def band_table(table: pd.DataFrame, others: pd.DataFrame) -> str:
    """Return the comparison with published figures, and where each comes from."""
    inside = int(table["inside"].sum())
    lines = [
        "## Beside published figures",
        "",
        f"{inside} of {len(table)} quantities of `world:{SIZE}`, seed 0, lie inside their bands; the tests hold each "
        f"of them. Next to it, the range over seeds {OTHER_SEEDS[0]} to {OTHER_SEEDS[-1]}. A band is a typical range "
        "over platforms, never what one platform should have. Grades: "
        + "; ".join(f"{grade} {words}" for grade, words in GRADES.items())
        + ".",
        "",
        row("quantity", "here", "other seeds", "band", "unit", "grade"),
        "|:--|--:|--:|--:|:--|:--|",
    ]
    for name, r in table.iterrows():
        spread = f"{digits(others.loc[name].min())} to {digits(others.loc[name].max())}"
        here = digits(r["measured"]) + ("" if r["inside"] else " **outside**")
        lines.append(row(name, here, spread, f"{r['low']:g} to {r['high']:g}", r["unit"], r["grade"]))
    lines += ["", "How each is counted, and where its band comes from:", ""]
    told = set()
    for name, r in table.iterrows():
        short = name.split(", ")[0] if "elasticity" in name else name  # one line for the four segments
        if short not in told:
            lines.append(f"- **{short}**: {r['definition']}. Source: {r['source']}.")
        told.add(short)
    return "\n".join([*lines, ""])


def digits(value: float) -> str:
    """Write a measured figure: hundreds whole, tens with one decimal, the rest with two."""
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


def fault_table(faults: pd.DataFrame) -> str:
    """Return the faults planted in the records, in the order of the catalogue."""
    from knowpay.world.observe import FAULTS

    lines = [
        "## Faults planted in the records",
        "",
        f"Eighteen failures of real tracking, and the rows that they spoil in `world:{SIZE}`, seed 0. Which rows these "
        "are is part of the truth (`ds.truth.spoiled`), so that cleaning can be graded. A row may carry several.",
        "",
        row("no.", "fault", "what is wrong", "table", "rows", "share"),
        "|--:|:--|:--|:--|--:|--:|",
    ]
    for fault, (number, meaning) in FAULTS.items():
        for r in faults[faults["fault"] == fault].itertuples():
            lines.append(row(number, f"`{fault}`", meaning, r.table, f"{r.rows:,}", f"{r.share:.2%}"))
    return "\n".join([*lines, ""])


def truth_tables() -> str:
    """Return the tables of the truth with their columns, read from a small company."""
    import pyarrow.parquet as pq
    from knowpay import world

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        world.write("small", 0, out / "data", out / "truth")
        names = {path.stem: pq.read_schema(path).names for path in sorted((out / "truth").glob("*.parquet"))}
    lines = ["## What the truth holds", "", row("table", "columns"), "|:--|:--|"]
    for name, columns in names.items():
        short = [c for c in columns if not c.startswith(("taste_", "v_"))]
        short += ["taste_0 … taste_7"] if "taste_0" in columns else []
        short += ["v_0 … v_7"] if "v_0" in columns else []
        lines.append(row(f"`ds.truth.{name}`", ", ".join(short)))
    return "\n".join([*lines, ""])
