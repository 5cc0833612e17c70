"""Small notebooks with every kind of output a lesson has, for building a book in seconds."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import nbformat
from checks_made import check as made
from knowpay.show.checks import MIME
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PROSE = r"""# {title}

**The question:** {question} **What you will decide at the end:** {decision}

You will meet $\hat{{\tau}}(u,w)$ and a budget. Before this lesson: nothing.
"""

MATHS = r"""## The formula

Bayes' theorem, with its prior:

$$
p(u|y,w)=\frac{p(y|u,w)\,p(u|w)}{p(y|w)}
$$ (bayes-LESSON)

Equation {eq}`bayes-LESSON` sums to one: $\sum_{u\in U} p(u\mid y,w)=1$,
with $y=\begin{cases}1 & \text{buys}\\ 0 & \text{does not}\end{cases}$.

\begin{align}
\mathbb{E}[Y] &= \sum_{i=1}^{N} \operatorname{softmax}(z)_i \, y_i \\
 &\le \max_i y_i
\end{align}

:::{admonition} A trap
:class: warning
Whoever was shown the course already looks like a buyer.
:::

:::{admonition} Solution
:class: dropdown
It was folded away.
:::

| column | meaning of a column whose text is rather long for a table on a telephone | unit |
|---|---|---|
| `net_revenue` | total − tax − refund_total − fee − commission | yuan |
"""


def png(width: int = 420, height: int = 180) -> str:
    """Return a small striped picture as base64, without any drawing library."""
    row = b"\0" + bytes(60 if (x // 30) % 2 else 200 for x in range(width))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * height)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def _code(source: str, tags: tuple[str, ...] = (), **data: object) -> nbformat.NotebookNode:
    outputs = (
        [new_output("display_data", {key.replace("__", "/"): value for key, value in data.items()})] if data else []
    )
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {}, outputs=outputs, execution_count=1)


def check(name: str, estimate: float, truth: float, error: float) -> nbformat.NotebookNode:
    """Return a cell that holds the record of one truth check."""
    record = made(name, estimate, truth, error, unit="")
    bundle = {
        MIME: {key: value for key, value in record.model_dump().items() if key != "lesson"},
        "text/html": f'<div class="knowpay-check"><strong>{"✓" if record.holds else "✗"} agrees</strong> {name}</div>',
        "text/plain": record.row(),
    }
    return new_code_cell("show.check(...)", outputs=[new_output("display_data", bundle)], execution_count=1)


def lesson(name: str, extra: str = "") -> nbformat.NotebookNode:
    """Return a lesson called `name` ("12_derive_the_targeting_formula"), with `extra` Markdown at its end."""
    number, _, title = name.partition("_")
    title = title.replace("_", " ").capitalize()
    wide = "".join(f"<th>a rather wide column {i}</th>" for i in range(9))
    cells = "".join(f"<td>{1000 * i}</td>" for i in range(9))
    image = (
        f'<figure><img alt="Stripes, a picture with nothing in it to see" src="data:image/png;base64,{png()}"></figure>'
    )
    return new_notebook(
        metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        cells=[
            new_markdown_cell(
                PROSE.format(title=title, question=f"What does lesson {number} ask?", decision="what to do next.")
            ),
            _code('data = "world:small"\nseed = 0', ("parameters",)),
            _code(f"ds = knowpay.open(data, seed=seed)  # {'a long comment ' * 9}", text__plain="Dataset(world:small)"),
            new_markdown_cell(MATHS.replace("LESSON", number)),
            _code("with show.figure(...) as ax: ...", text__html=image, text__plain="Stripes"),
            _code(
                "show.table(df, caption)",
                text__html='<table class="dataframe"><caption>A wide table</caption>'
                f"<thead><tr>{wide}</tr></thead><tbody><tr>{cells}</tr></tbody></table>",
                text__plain="a table",
            ),
            _code(
                "show.say(...)",
                ("remove-input",),
                text__markdown=r"Of 2,000 users **13.1 %** pay, $\hat{p}=0.131$.",
                text__plain="13.1",
            ),
            check("share that pays", 0.131, 0.128, 0.01),
            check("hazard of the first month", 0.41, 0.44, 0.05),
            check("something that fails", 1.0, 0.5, 0.1) if number == "06" else check("another", 3.0, 3.2, 0.25),
            new_markdown_cell(f"## Decide\n\nSend it.\n\n{extra}"),
        ],
    )


def write_lessons(folder: Path, names: tuple[str, ...], extra: str = "") -> Path:
    """Write lessons to `folder`, which is created, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        nbformat.write(lesson(name, extra), folder / f"{name}.ipynb")
    return folder
