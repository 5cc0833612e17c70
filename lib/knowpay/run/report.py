"""The report as one HTML file, and the record of its figures."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowpay import show
from knowpay.estimate import Estimate
from knowpay.run.money import currency
from knowpay.run.section import catalogue, say

if TYPE_CHECKING:
    from knowpay.collect.dataset import Dataset
    from knowpay.run.section import Fact, Section

MADE_WITH = ("knowpay", "duckdb", "numpy", "pandas", "scikit-learn")


def html(ds: Dataset, sections: list[Section], files: dict[str, int], links: dict[str, str]) -> str:
    """Return the page. ``files`` are the rows of the files beside it; ``links`` the addresses of lessons by number."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string((Path(__file__).parent / "report.html").read_text("utf-8"))
    moments = {name: f"{ds.manifest[name]:.10}" for name in ("observation_start", "observation_end", "extracted_at")}
    period = say("report.period", start=moments["observation_start"], end=moments["observation_end"],
                 extracted=moments["extracted_at"], unit=currency(ds))  # fmt: skip
    return template.render(
        words=catalogue()["report"], title=say("report.title", name=ds.manifest["dataset_id"]), period=period, say=say,
        sections=sections, titles={one.name: say(f"{one.name}.title") for one in sections}, links=links,
        shown={one.name: [Markup(piece) for piece in one.shown] for one in sections},
        files={name: say("report.file_rows", rows=show.write(rows)) for name, rows in files.items()},
        made=say("report.made", version=importlib.metadata.version("knowpay"), files=len(ds.report.batches)),
    )  # fmt: skip


def record(ds: Dataset, sections: list[Section], files: dict[str, bytes]) -> str:
    """Return run.json: what was read, every figure with its interval and rule, what was said, what was written."""
    batches = ds.report.batches[["table", "file", "batch_id", "rows_in"]]
    said: dict[str, Any] = {
        "data": {
            "dataset_id": ds.manifest["dataset_id"],
            **{name: str(ds.manifest[name]) for name in ("observation_start", "observation_end", "extracted_at")},
            "files": batches.rename(columns={"batch_id": "digest", "rows_in": "rows"}).to_dict("records"),
        },
        "versions": {name: importlib.metadata.version(name) for name in MADE_WITH},
        "sections": {one.name: _section(one) for one in sections},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
    return json.dumps(said, ensure_ascii=False, indent=1, default=int) + "\n"


def _section(one: Section) -> dict[str, Any]:
    status = "failed" if one.failed else "nothing" if one.nothing else "said"
    lines = {
        name: getattr(one, name) for name in ("do", "expect", "change", "sure", "cannot", "notes", "nothing", "failed")
    }
    kept = {name: value for name, value in lines.items() if value}
    return {"status": status, **kept, "figures": [_figure(fact) for fact in one.facts]}


def _figure(fact: Fact) -> dict[str, Any]:
    value = dataclasses.asdict(fact.value) if isinstance(fact.value, Estimate) else {"value": fact.value}
    value = {key: None if isinstance(one, float) and one != one else one for key, one in value.items() if key != "unit"}
    return {"name": fact.name, **value, "unit": fact.unit, "rule": fact.rule}
