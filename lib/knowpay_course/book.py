"""The book: the pages of book/, the executed lessons and the pages generated from them, rendered to HTML.

The pages are staged in a temporary folder beside the result, rendered there by Jupyter Book 1 with every warning
an error, and only a finished book takes the place of the old one.
"""

from __future__ import annotations

import contextlib
import html
import importlib.metadata
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from knowpay.collect import stored

from knowpay_course import ROOT, CourseError

PAGES = ROOT / "book"
NOTEBOOKS = ROOT / "notebooks"
DATASETS = ROOT / "datasets"  # its README and one card per data set are pages; lessons link them as they do here
HTML = ROOT / "build" / "book" / "html"

# The syllabus' parts: caption in the sidebar and the last lesson number of each.
PARTS = (
    ("Start · 起步", 0),
    ("Data collection · 数据收集", 4),
    ("Behaviour analysis · 用户行为分析", 11),
    ("The formula · 公式", 13),
    ("Model training · 模型训练", 17),
    ("Traffic operations · 流量运营", 21),
)
CHECK = "application/vnd.knowpay.check+json"
REPLICATED = ("identifiability", "companies")  # the pages of `knowpay-course replicate`


@dataclass(frozen=True)
class Lesson:
    """What the first page says about a lesson, read from its notebook."""

    name: str  # "12_derive_the_targeting_formula"
    title: str  # "Derive the targeting formula"
    question: str = ""
    decision: str = ""
    checks: tuple[dict[str, Any], ...] = field(default=(), repr=False)

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def short(self) -> str:
        """Number and title without what follows its colon, for narrow places."""
        return f"{self.number} {self.title.split(': ')[0]}"

    @property
    def part(self) -> int:
        return next(i for i, (_, last) in enumerate(PARTS) if int(self.number) <= last)


# --- reading the notebooks ---------------------------------------------------------------------------------------


def _text(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _after(label: str, text: str) -> str:
    """Return the sentence that follows a bold label, begun with a capital: "**Decision:** whom …" gives "Whom …".

    It ends at the next bold label, at another block, or with the paragraph.
    """
    begin, end = rf"\*\*[^*\n]*\b{label}[^*\n]*\*\*[:.]?\s*", r"\s*\*\*[^*\n]{3,60}[:.]\*\*|\n\s*\n|\n[-*>#:]|\s*$"
    found = re.search(rf"{begin}(.+?)(?={end})", text, re.I | re.S)
    if found is None:
        return ""
    said = " ".join(found[1].split())
    return said[:1].upper() + said[1:]


def read_lesson(path: Path) -> Lesson:
    """Read a lesson's title, question, decision and truth checks from its notebook.

    The title is the first heading, without a leading number. Question and decision are metadata
    (`{"knowpay": {"question": …, "decision": …}}`) or the sentences after the bold words "question" and
    "decide" or "decision" in the first text cells; they may be missing. Raises CourseError for a notebook
    without a heading.
    """
    notebook = json.loads(path.read_text("utf-8"))
    words = [_text(cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    heading = next((found for text in words if (found := re.search(r"^# +(.+?)\s*$", text, re.M))), None)
    if heading is None:
        raise CourseError(f"{path.name} has no heading: its first text cell must start with '# ' and a title.")
    opening = "\n\n".join(words[:2])
    said = notebook.get("metadata", {}).get("knowpay", {})
    checks = tuple(
        output["data"][CHECK]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if CHECK in output.get("data", {})
    )
    return Lesson(
        path.stem,
        re.sub(r"^\d\d\s*[·.:–—-]?\s*", "", heading[1]),
        said.get("question") or _after("question", opening),
        said.get("decision") or _after("deci(?:de|sion)", opening),
        checks,
    )


def read_lessons(folder: Path) -> list[Lesson]:
    """Read all lessons of a folder in reading order; raises CourseError when there are none."""
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise CourseError(f"There are no executed lessons in {folder}. Run `knowpay-course course` first.")
    return [read_lesson(path) for path in paths]


def read_state(folder: Path) -> dict[str, Any]:
    """Return what the runner measured, from state.json beside the folder of executed lessons, or nothing."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads((folder.parent / "state.json").read_text("utf-8"))
    return {}


# --- the generated pages -----------------------------------------------------------------------------------------


def _inline(text: str) -> str:
    """Escape a sentence for HTML and keep its emphasis and code, which titles and questions may contain."""
    text = html.escape(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text), quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"\*([^*]+)\*", r"<i>\1</i>", text)


def _raw(markup: str) -> str:
    return f"```{{raw}} html\n{markup}\n```\n"


def _count(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"


def figures(lessons: list[Lesson], exercises: int, state: dict[str, Any]) -> str:
    """Return the row of figures under the promise: lessons, checks that hold, exercises, time to run."""
    checks = [check for lesson in lessons for check in lesson.checks]
    rows = [(str(len(lessons)), "lessons that run")]
    if checks:
        rows.append((f"{sum(c['holds'] for c in checks)} of {len(checks)}", "truth checks hold"))
    if exercises:
        rows.append((str(exercises), "exercises that answer back"))
    seconds = sum(one.get("seconds", 0) for one in state.get("lessons", {}).values())
    if seconds:
        rows.append((_duration(seconds), "of computing for all lessons"))
    items = "".join(f"<li><b>{number}</b><span>{what}</span></li>" for number, what in rows)
    return _raw(f'<ul class="figures">{items}</ul>')


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def chapters(lessons: list[Lesson], exercises: dict[str, int], state: dict[str, Any]) -> str:
    """Return the lessons by part, each with its question, its decision and what it costs to run."""
    out = []
    for part, (caption, _) in enumerate(PARTS):
        cards = []
        for lesson in (one for one in lessons if one.part == part):
            lines = [f'<a class="name" href="notebooks/{lesson.name}.html">{_inline(lesson.title)}</a>']
            if lesson.question:
                lines.append(f"<p>{_inline(lesson.question)}</p>")
            if lesson.decision:
                lines.append(f"<p><b>You decide:</b> {_inline(lesson.decision)}</p>")
            cost = []
            if measured := state.get("lessons", {}).get(lesson.name):
                cost.append(f"runs in {_duration(measured['seconds'])} with {measured['memory_mb']:,.0f} MB")
            if lesson.checks:
                held = sum(check["holds"] for check in lesson.checks)
                cost.append(f"{held} of {_count(len(lesson.checks), 'truth check')} hold")
            if number := exercises.get(lesson.name, 0):
                cost.append(_count(number, "exercise"))
            if cost:
                lines.append(f'<p class="cost">{" · ".join(cost)}</p>')
            number = f'<span class="number">{lesson.number}</span>'
            cards.append(f'<li class="of-part-{part}">{number}<div>{"".join(lines)}</div></li>')
        if cards:
            out.append(f'<p class="part-name">{caption}</p><ol class="chapters">{"".join(cards)}</ol>')
    return _raw("".join(out))


def truth_plot(lessons: list[Lesson]) -> str:
    """Return a strip for each lesson with a dot for each check: its error in units of the tolerance.

    The scorecard holds the same in a table. Dots beyond one and a half tolerances are drawn at the rim.
    """
    rows, total, held = [], 0, 0
    for lesson in (one for one in lessons if one.checks):
        placed = sorted(
            ((_error(check), check) for check in lesson.checks), key=lambda pair: (pair[0], pair[1]["name"])
        )
        spots, lanes = [], []  # a dot that would cover another one goes to the next lane
        for error, check in placed:
            left = 50 + max(-1.5, min(1.5, error)) * 100 / 3
            lane = next((i for i, last in enumerate(lanes) if left - last > 3), len(lanes))
            lanes[lane : lane + 1] = [left]
            spots.append((left, lane, check))
        dots = []
        for left, lane, check in spots:
            said = f"{check['name']}: {check['estimate']:g}, truth {check['truth']:g} {check.get('unit', '')}".strip()
            dots.append(
                f'<i class="dot{"" if check["holds"] else " miss"}" title="{html.escape(said)}"'
                f' style="left:{left:.1f}%;top:{100 * (lane + 1) / (len(lanes) + 1):.0f}%"></i>'
            )
        height = max(40, 14 * len(lanes) + 16)
        total += len(placed)
        held += sum(check["holds"] for _, check in placed)
        rows.append(
            f'<a href="notebooks/{lesson.name}.html">{_inline(lesson.short)}</a>'
            f'<span class="strip of-part-{lesson.part}" style="height:{height}px" aria-hidden="true">'
            f"{''.join(dots)}</span>"
        )
    if not total:
        return ""
    said = (
        f"{held} of {_count(total, 'estimate')} lie within their tolerance of the truth of the simulated company. "
        "A dot is an estimate, the shaded band its tolerance, the line the truth."
    )
    return "## Every estimate against the truth\n\n" + _raw(
        f'<figure class="truth-plot"><div class="strips">{"".join(rows)}<span></span>'
        '<span class="scale" aria-hidden="true"><b>too low</b><b>truth</b><b>too high</b></span></div>'
        f'<figcaption>{said} All of them in numbers: <a href="scorecard.html">the scorecard</a>.</figcaption></figure>'
    )


def _error(check: dict[str, Any]) -> float:
    error = check["estimate"] - check["truth"]
    if error == 0:
        return 0.0
    return error / check["tolerance"] if check["tolerance"] else math.copysign(math.inf, error)


# The log of the article's section 5.4: loss, accuracy, validation loss, validation accuracy of ten epochs.
LOG = (
    (0.8775, 0.8463, 0.6210, 0.9300),
    (0.5986, 0.9302, 0.6265, 0.9307),
    (0.5133, 0.9354, 0.6278, 0.9312),
    (0.4718, 0.9372, 0.6240, 0.9303),
    (0.4285, 0.9389, 0.6189, 0.9331),
    (0.3895, 0.9403, 0.6093, 0.9344),
    (0.3571, 0.9418, 0.5981, 0.9363),
    (0.3300, 0.9443, 0.5845, 0.9375),
    (0.3064, 0.9465, 0.5702, 0.9389),
    (0.2873, 0.9488, 0.5559, 0.9418),
)
STEPS, BATCH, SECONDS, STEP_MS = 107, 32, 14, 134


def entropy(share: float) -> float:
    """Return the log-loss, in nats, of always predicting the share of a yes-or-no outcome."""
    return -share * math.log(share) - (1 - share) * math.log(1 - share)


def constant_with_loss(loss: float, majority: float) -> float:
    """Return the constant q < 1/2 for the rarer class whose log-loss is `loss` when the commoner has share `majority`.

    The loss falls with q until q reaches the rarer class' own share, so the larger of the two solutions is
    found by halving between that share and 1/2. Raises ValueError when there is none.
    """

    def score(q: float) -> float:
        return -majority * math.log(1 - q) - (1 - majority) * math.log(q)

    low, high = 1 - majority, 0.5
    if not score(low) <= loss <= score(high):
        raise ValueError(f"no constant below 1/2 has log-loss {loss} at a majority of {majority}")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) < loss else (low, middle)
    return (low + high) / 2


def log_audit() -> str:
    """Return the audit of the article's training log, every figure computed from the log itself."""
    first_loss, first = LOG[0][2:]
    training, last = LOG[-1][1], LOG[-1][3]
    constant = constant_with_loss(first_loss, first)
    lowest, dull = min(row[2] for row in LOG), entropy(first)
    rows = (
        (
            "accuracy of the last epoch, training",
            f"{training:.4f}",
            "the 94.8 % of the text: it is the *training* accuracy",
        ),
        (
            "accuracy of the last epoch, validation",
            f"{last:.4f}",
            f"what should have been quoted; {100 * (last - first):.1f} points above the first epoch's {first:.4f}",
        ),
        (
            "validation after the first epoch",
            f"accuracy {first:.4f}, loss {first_loss:.4f}",
            f"exactly what a constant prediction of {constant:.2f} scores when {first:.0%} of the cases are in the "
            f"other class: nothing learned yet, and already {first:.0%} right",
        ),
        (
            f"log-loss of always saying {1 - first:.0%} in that case",
            f"{dull:.3f}",
            f"the best constant; the printed validation loss never gets below {lowest:.4f}, {lowest / dull:.1f} times "
            "as much",
        ),
        (
            f"{STEPS} steps of {BATCH} rows in {SECONDS} s",
            f"{STEPS * BATCH / SECONDS:.0f} rows/s",
            f"at the {STEP_MS} ms a step that most epochs print, {BATCH / STEP_MS * 1000:.0f} rows/s",
        ),
        (
            f"{STEPS} steps of {BATCH} rows",
            f"{(STEPS - 1) * BATCH + 1:,} to {STEPS * BATCH:,} rows",
            "a small table, on which ten epochs should take seconds",
        ),
    )
    return (
        "| what the log holds | figure | what follows |\n|---|---|---|\n"
        + "".join(f"| {' | '.join(row)} |\n" for row in rows)
        + f"\nAn accuracy of {last:.0%} says nothing where {first:.0%} is free. How common the commoner class is in "
        f"the article's data it does not tell; that the first epoch's figures are those of a constant suggests "
        f"{first:.0%}.\n"
    )


PACKAGES = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "latex2mathml")
LESSON_PACKAGES = ("duckdb", "ibis-framework", "pandas", "numpy", "scikit-learn", "statsmodels", "keras", "matplotlib")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def measurements(lessons: list[Lesson], state: dict[str, Any]) -> str:
    """Return the page that says what this book cost to make, and with what it was made."""
    lines = ["# How this book was made, and what it cost", ""]
    measured = {name: one for name, one in state.get("lessons", {}).items() if "seconds" in one}
    if measured:
        data = state.get("data", {})
        lines += [
            f"Measured on {os.cpu_count()} processor cores while the lessons of this book were run"
            + (f" on `{data['name']}` with seed {data['seed']}." if data else "."),
            "",
            "| step | seconds | most memory (MB) |",
            "|:--|--:|--:|",
        ]
        if "seconds" in data:
            lines.append(f"| make and open the company | {data['seconds']:.1f} | – |")
        for lesson in lessons:
            if one := measured.get(lesson.name):
                link = f"[{lesson.short}](notebooks/{lesson.name}.ipynb)"
                lines.append(f"| {link} | {one['seconds']:.1f} | {one['memory_mb']:,.0f} |")
        total = sum(one["seconds"] for one in measured.values())
        most = max(one["memory_mb"] for one in measured.values())
        lines += [f"| all lessons, one after the other | {total:.1f} | {most:,.0f} |", ""]
    else:
        lines += [
            "This book shows the notebooks as they are stored, with their outputs. `knowpay-course course` runs every",
            "lesson anew and puts its seconds and memory here.",
            "",
        ]
    lines += ["| part | version |", "|:--|:--|", f"| Python | {platform.python_version()} |"]
    lines += [f"| {name} | {found} |" for name in (*LESSON_PACKAGES, *PACKAGES) if (found := _version(name))]
    return "\n".join(lines) + COLOPHON


COLOPHON = """

## How it is put together

- People edit the lessons as Python files; the notebooks with their outputs are written by one command, on the
  processor, seeded, in the locked environment. The book shows those outputs and runs nothing itself.
- Scorecard, tolerances, data dictionary, exercises, this page, the tables of the first page and the audit of the
  article's log are generated. The maps are drawn from a declaration of boxes and arrows.
- Formulas are MathML, translated when the book is built: no script and no font is loaded to show them.
- No page asks the network for anything. A browser with every host name blocked opens all of them in the tests, wide and
  at 360 pixels, light and dark, and any request, console error or sideways scrolling fails.
- Any warning stops the build, a dead link among them.
- Text is licensed CC BY 4.0, code MIT.
"""


# --- staging and rendering ---------------------------------------------------------------------------------------


def toc(lessons: list[Lesson], exercises: list[str]) -> dict[str, Any]:
    """Return the table of contents: the lessons that exist by part, then practice and reference."""
    parts: list[dict[str, Any]] = []
    for part, (caption, _) in enumerate(PARTS):
        files = [{"file": f"notebooks/{one.name}", "title": one.short} for one in lessons if one.part == part]
        if files:
            parts.append({"caption": caption, "chapters": files})
    practice: list[dict[str, Any]] = [{"file": name} for name in ("exercises", "scorecard", *REPLICATED)]
    if exercises:
        practice[0]["sections"] = [{"file": f"notebooks/exercises/{name}"} for name in exercises]
    cards = [page.stem for page in sorted(DATASETS.glob("*.md")) if page.stem not in ("README", "dictionary")]
    names = ("article-errors", "notation", "glossary", "datasets/dictionary", "datasets/README", "references")
    reference: list[dict[str, Any]] = [{"file": name} for name in (*names, "scale", "measurements")]
    if cards:
        reference[names.index("datasets/README")]["sections"] = [{"file": f"datasets/{card}"} for card in cards]
    parts += [
        {"caption": "Practice · 练习", "chapters": practice},
        {"caption": "Reference · 参考", "chapters": reference},
    ]
    return {"format": "jb-book", "root": "index", "parts": parts}


def localise(notebook: dict[str, Any], known: Collection[str] | None = None) -> dict[str, Any]:
    """Make a lesson's notebook a page: links into the repository point at pages of the book, in place.

    Exercises are notebooks in the repository and pages with folded solutions here; pages of book/ lie one
    folder up in both, but under another name. A link to a lesson that is not among the ``known``, when these are
    given, becomes plain text. The typed records of checks, which no page shows, are left out.
    """
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(CHECK, None)
        if cell["cell_type"] == "markdown":
            text = re.sub(r"\]\((?:\./)?(exercises/\d\d_\w+)\.ipynb", r"](\1.md", _text(cell))
            text = re.sub(r"\]\(\.\./book/", "](../", text)
            cell["source"] = re.sub(
                r"\[([^\]]*)\]\((\d\d_\w+)\.ipynb[^)]*\)",
                lambda link: link[0] if known is None or link[2] in known else link[1],
                text,
            )
    return notebook


def _marked(notebook: dict[str, Any]) -> dict[str, Any]:
    """Mark, in place, the outputs that were stored with a set which is not here. What ran here was marked then."""
    for cell in notebook["cells"]:
        if "as_run" in cell["metadata"]:
            cell["outputs"] = stored.shown(cell)
    return notebook


def stage(notebooks: Path, folder: Path) -> None:
    """Write the whole source of the book to `folder`. Raises CourseError when there is no lesson."""
    import yaml
    from knowpay.collect.schema import dictionary

    from knowpay_course import exercises, scorecard
    from knowpay_course.maintain import sheet

    lessons, state = read_lessons(notebooks), read_state(notebooks)
    shutil.copytree(PAGES, folder, ignore=shutil.ignore_patterns("_build", "__pycache__", "locales"))
    code = Path(__file__).with_name("lessons")  # each lesson links its own file
    shutil.copytree(code, folder / code.relative_to(ROOT), ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "notebooks" / "exercises").mkdir(parents=True)
    known = {lesson.name for lesson in lessons}
    for lesson in lessons:
        notebook = localise(_marked(json.loads((notebooks / f"{lesson.name}.ipynb").read_text("utf-8"))), known)
        _write(folder / "notebooks" / f"{lesson.name}.ipynb", json.dumps(notebook, ensure_ascii=False, indent=1))
    counts = {}
    for path in (one for one in exercises.sources(ROOT) if one.stem in known):
        counts[path.stem] = len(exercises.load(path.stem[:2]).exercises)
        _write(folder / "notebooks" / "exercises" / f"{path.stem}.md", exercises.solutions_page(path.stem[:2]))
    _write(folder / "exercises.md", _exercises_page(lessons, counts))
    card = scorecard.markdown(scorecard.collect(notebooks), "notebooks")
    _write(folder / "scorecard.md", re.sub(r"\[(\d\d)_\w+\]\(", r"[\1](", card))  # numbers leave room for the checks
    titles = {lesson.number: lesson.short for lesson in lessons}
    _write(folder / "identifiability.md", sheet.identifiability_page(ROOT / sheet.SHEET, titles))
    _write(folder / "companies.md", sheet.companies_page(ROOT / sheet.COMPANIES, titles))
    for page in sorted(DATASETS.glob("*.md")):
        _write(folder / "datasets" / page.name, page.read_text("utf-8"))
    _write(folder / "datasets" / "dictionary.md", dictionary())
    _write(folder / "measurements.md", measurements(lessons, state))
    generated = folder / "_generated"
    _write(generated / "figures.md", figures(lessons, sum(counts.values()), state))
    _write(generated / "truth.md", truth_plot(lessons))
    _write(generated / "chapters.md", chapters(lessons, counts, state))
    _write(generated / "log-audit.md", log_audit())
    _write(folder / "_toc.yml", yaml.safe_dump(toc(lessons, list(counts)), allow_unicode=True, sort_keys=False))


def _exercises_page(lessons: list[Lesson], counts: dict[str, int]) -> str:
    rows = [
        f"- [{one.short}](notebooks/exercises/{one.name}.md): {_count(counts[one.name], 'exercise')}"
        for one in lessons
        if one.name in counts
    ]
    return f"""\
# Exercises

Each lesson ends in exercises. Do them in `notebooks/exercises/`, where a check tells you whether the answer is right
and, for the mistakes that sensible people make, which one it was. Here they stand with their solutions folded away.

{chr(10).join(rows) or "The lessons of this book have none yet."}
"""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def render(source: Path, target: Path) -> Path:
    """Render a staged book with Jupyter Book into `target` and return the folder of its pages.

    Raises CourseError that lists every warning, with the page it came from.
    """
    command = "from jupyter_book.cli.main import main; main()"
    arguments = ["build", str(source), "--path-output", str(target), "-W", "-n", "--keep-going", "-q"]
    env = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1", "MPLBACKEND": "agg"}
    # A process of its own: Sphinx changes global state and keeps its memory.
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments], env=env, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise CourseError(f"The book was not built.\n{_complaints(done.stdout + done.stderr, source)}")
    pages = target / "_build" / "html"
    # Of no use to a reader: what only a later build into the same folder, a translator or a debugger would open.
    (pages / ".buildinfo").unlink(missing_ok=True)
    shutil.rmtree(pages / "_static" / "locales", ignore_errors=True)
    for path in list(pages.rglob("*.map")):
        path.unlink()
    return pages


def _complaints(log: str, source: Path) -> str:
    """Return the warnings and errors of a build log, without the paths of the staging folder."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", log).replace(f"{source.resolve()}{os.sep}", "").replace(f"{source}{os.sep}", "")
    lines = [
        line.strip() for line in log.splitlines() if re.search(r"\b(WARNING|ERROR|CRITICAL|Exception|Error)\b", line)
    ]
    lines = [line for line in dict.fromkeys(lines) if "build finished with problems" not in line]
    return "\n".join(lines) or log.strip()[-2000:]


def build(notebooks: Path = NOTEBOOKS, out: Path = HTML) -> Path:
    """Render the book from a folder of executed notebooks into the folder `out`; return its index.html.

    What lay at `out` is replaced when, and only when, the new book is complete. Raises CourseError with every
    warning of the build, or when there are no lessons.
    """
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".book-", dir=out.parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        stage(notebooks, folder / "source")
        pages = render(folder / "source", folder)
        if out.exists():
            out.rename(folder / "old")
        pages.rename(out)
    return out / "index.html"
