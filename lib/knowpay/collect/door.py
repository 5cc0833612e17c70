"""The door: one call for a simulated company, a public data set or a learner's own export."""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from knowpay.collect.dataset import Dataset
from knowpay.collect.disk import build, cache_folder


def open_data(data: str | Path, seed: int = 0, cache: str | Path | None = None, **company: float) -> Dataset:
    """Open a data set; the first time it is generated or read, later it comes from the cache.

    Args:
        data: "world:small", "world:standard", "world:large" (a simulated company; "world:20000" has so many users), the
            name of a public data set, such as "oulad" (all are in `knowpay.collect.public.SETS`), or a folder.
        seed: seed of the simulated company; other data ignore it.
        cache: folder for generated data; default KNOWPAY_CACHE, else datasets/cache of the checkout.
        company: knobs of the simulated company, such as churn=0.6; `knowpay.world.KNOBS` has their meanings and ranges.

    Raises:
        ValueError: `data` is none of these (lists what is possible), a knob is unknown or out of its range, or the
            data have no knobs.
        ExportError: the folder cannot be read.
        DownloadError: the public data could not be fetched.
    """
    root = cache_folder(cache)
    text = str(data)
    if text.startswith("world:"):
        return _open_world(text.removeprefix("world:"), seed, root, company)
    if company:
        raise ValueError(f"{text} takes no {', '.join(company)}: only a simulated company has knobs.")
    from knowpay.collect.public import SETS, open_public

    if text in SETS:
        return open_public(SETS[text], root)
    source = Path(data).expanduser()
    if not text or not source.exists():
        looks_like_path = isinstance(data, Path) or os.sep in text or "/" in text
        what = "There is no folder" if looks_like_path else "There is no data set"
        names = ", ".join(map(repr, ["world:small", "world:standard", "world:large", *SETS]))
        raise ValueError(f"{what} {text!r}. Possible are {names}, or the path of a folder with an export.")
    from knowpay.collect.ingest import ingest

    source = source.resolve()
    return Dataset(text, ingest(source, _store(source, root)), source)


def replay(folder: str | Path, rule: str | None = None, cache: str | Path | None = None) -> tuple[Dataset, int]:
    """Run the rows of an export that wait in quarantine again, after its manifest or mapping was mended.

    Args:
        folder: the folder of the export, opened before.
        rule: only rows that wait under this rule; None: all that wait.
        cache: as in `open_data`.

    Returns:
        The data set as it is now, and how many rows were let in.

    Raises:
        ExportError: the folder cannot be read, or its files have changed since it was opened.
    """
    from knowpay.collect import ingest

    source = Path(folder).expanduser().resolve()
    store = _store(source, cache_folder(cache))
    let_in = ingest.replay(source, store, rule)
    return Dataset(str(folder), store, source), let_in


def _store(source: Path, root: Path) -> Path:
    from knowpay.collect.ingest import version

    place = hashlib.sha256(str(source).encode()).hexdigest()[:16]
    return root / "ingested" / f"export-{place}-{version()}"


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    """Say what takes so long, with the seconds gone; on a terminal only, so that no notebook keeps it."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), "{task.description}", TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        progress.add_task(what, total=None)
        yield


def _open_world(size: str, seed: int, root: Path, company: dict[str, float]) -> Dataset:
    from knowpay import world
    from knowpay.collect.ingest import ingest, version

    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {seed!r}; give a whole number from 0.")
    if size not in world.SIZES and not size.isdecimal():
        sizes = ", ".join(f"'world:{s}'" for s in world.SIZES)
        raise ValueError(f"There is no company 'world:{size}'. Possible are {sizes}, or users as in 'world:20000'.")
    name = f"{world.label(size, seed, **company)}-{world.VERSION}"
    data, truth = root / "world" / name, root / "truth" / name

    def make(out: Path) -> None:
        hidden = out / "truth"
        (out / "data").mkdir()
        hidden.mkdir()
        world.write(size, seed, out / "data", hidden, **company)
        truth.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(truth, ignore_errors=True)  # of a run killed between the two renames
        os.replace(hidden, truth)
        for path in (out / "data").iterdir():
            os.replace(path, out / path.name)
        (out / "data").rmdir()

    if data.exists() and not truth.exists():  # data without their truth: made anew
        shutil.rmtree(data, ignore_errors=True)
    store = root / "ingested" / f"world-{name}-{version()}"
    with _waiting(f"Making the company world:{size}") if not store.exists() else nullcontext():
        build(data, make)
        ingest(data, store)
    turned = [
        k for k in world.KNOBS if k in company and world.label(size, 0, **{k: company[k]}) != world.label(size, 0)
    ]
    return Dataset(", ".join([f"world:{size}", *(f"{k} {company[k]:g}" for k in turned)]), store, data, truth)
