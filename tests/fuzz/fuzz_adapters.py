"""Raw bytes as an export of each tool, guided by coverage: `python tests/fuzz/fuzz_adapters.py [libFuzzer options]`.

Atheris is no dependency of the course (it has wheels for a few Pythons only): `pip install atheris` before. The first
byte chooses the tool and the file, the rest is the file. Either the export is refused with an ExportError, or every row
is accounted for (ingest itself raises otherwise) and no loaded row breaks a rule of the schema. Anything else ends the
run and leaves the input as a file `crash-*`; give it as an argument to see it again.
"""

import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

import atheris

sys.path += [str(Path(__file__).parents[1] / "collect"), str(Path(__file__).parents[2] / "lib")]

with atheris.instrument_imports(include=["knowpay.collect"]):
    from knowpay.collect import ExportError
    from knowpay.collect.ingest import ingest

import pandas as pd
from adapter_exports import write
from collect_exports import frames
from knowpay.collect.store import Store
from test_fuzz_adapters import FRAMES, JUNK, KINDS, MAPPING, broken, numbered, places

LINES = [(tool, "events_20250303.jsonl") for tool in KINDS] + [("ga4", "users_20250303.jsonl")]
TABLES = [(tool, f"{name}.csv") for tool, tables in FRAMES.items() for name, _ in tables]
TARGETS = LINES + TABLES


def corpus() -> list[bytes]:
    """A good file for each target."""
    found = []
    for i, (tool, name) in enumerate(TARGETS):
        if (tool, name) in LINES:
            rows = [numbered(row, k) for k, row in enumerate(KINDS[tool])]
            text = "".join(json.dumps(row) + "\n" for row in rows)
        else:
            frame = dict(FRAMES[tool])[name.removesuffix(".csv")]
            text = frame.to_csv(index=False)
        found.append(bytes([i]) + text.encode())
    return found


def one(data: bytes) -> None:
    """Ingest one export."""
    if not data:
        return
    tool, name = TARGETS[data[0] % len(TARGETS)]
    folder = Path(tempfile.mkdtemp(dir=SCRATCH))
    try:
        files = {name: data[1:], "courses.csv": frames()["courses"]}
        write(folder / "export", tool, files | ({"mapping.yml": MAPPING} if tool == "mapped" else {}))
        try:
            store = Store(ingest(folder / "export", folder / "store"))
        except ExportError as error:
            assert str(error) and "\n" not in str(error)
            return
        for table in ("users", "courses", "events", "orders"):
            rows = pd.concat([pd.read_parquet(path) for path in store.paths(table)], ignore_index=True)
            if len(rows):
                money = {c: float for c in ("price", "total", "subtotal", "discount", "refund_total") if c in rows}
                said = broken(table, rows.astype(money))
                assert not said, said
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mutate(data: bytes, longest: int, seed: int) -> bytes:
    """Half of the time bend a place of a row of JSON; else let libFuzzer change bytes."""
    rng = random.Random(seed)
    if rng.random() < 0.5 and data[:1] and TARGETS[data[0] % len(TARGETS)] in LINES:
        lines = data[1:].decode("utf-8", "surrogateescape").split("\n")
        at = rng.randrange(len(lines))
        try:
            row = json.loads(lines[at])
            *path, last = rng.choice(list(places(row)))
            inner = row
            for key in path:
                inner = inner[key]
            other = rng.choice([rng.choice(JUNK), inner[last], list(row.values())[rng.randrange(len(row))]])
            if isinstance(inner, dict) and rng.random() < 0.3:
                inner[str(other)[:40]] = inner.pop(last)
            else:
                inner[last] = other
            lines.insert(at, json.dumps(row))
            return (data[:1] + "\n".join(lines).encode("utf-8", "surrogateescape"))[:longest]
        except (ValueError, IndexError, KeyError, TypeError, RecursionError):
            pass
    return atheris.Mutate(data, longest)


if __name__ == "__main__":
    SCRATCH = tempfile.mkdtemp(prefix="fuzz-")
    start = Path(SCRATCH) / "corpus"
    start.mkdir()
    for i, data in enumerate(corpus()):
        (start / f"{i:02d}").write_bytes(data)
    atheris.Setup([*sys.argv, str(start), "-timeout=120", "-max_len=8192"], one, custom_mutator=mutate)
    atheris.Fuzz()
