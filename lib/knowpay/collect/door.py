"""The door: one call for a simulated company, a public data set or a learner's own export."""

import os
import shutil
from pathlib import Path

from knowpay.collect.dataset import Dataset
from knowpay.collect.store import build, cache_folder

POSSIBLE = "'world:small', 'world:standard', 'oulad', or the path of a folder with an export"


def open_data(data: str | Path, seed: int = 0, cache: str | Path | None = None) -> Dataset:
    """Open a data set; the first time it is generated or read, later it comes from the cache.

    Args:
        data: "world:small" or "world:standard" (a simulated company), "oulad" (public data), or a folder.
        seed: seed of the simulated company; other data ignore it.
        cache: folder for generated data; default KNOWPAY_CACHE, else datasets/cache of the checkout.

    Raises:
        ValueError: `data` is none of these; lists what is possible.
        ExportError: the folder cannot be read.
        DownloadError: the public data could not be fetched.
    """
    root = cache_folder(cache)
    text = str(data)
    if text.startswith("world:"):
        return _open_world(text.removeprefix("world:"), seed, root)
    if text == "oulad":
        from knowpay.collect.public import open_oulad

        return open_oulad(root)
    source = Path(data).expanduser()
    if not text or not source.exists():
        looks_like_path = isinstance(data, Path) or os.sep in text or "/" in text
        what = "There is no folder" if looks_like_path else "There is no data set"
        raise ValueError(f"{what} {text!r}. Possible are {POSSIBLE}.")
    from knowpay.collect.files import fingerprint
    from knowpay.collect.ingest import ingest, version

    source = source.resolve()
    store = ingest(source, root / "ingested" / f"export-{fingerprint(source)}-{version()}")
    return Dataset(text, store, source)


def _open_world(size: str, seed: int, root: Path) -> Dataset:
    from knowpay import world
    from knowpay.collect.ingest import ingest, version

    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {seed!r}; give a whole number from 0.")
    if size not in world.SIZES:
        sizes = ", ".join(f"'world:{s}'" for s in world.SIZES)
        raise ValueError(f"There is no company 'world:{size}'. Possible are {sizes}.")
    name = f"{size}-s{seed}-{world.VERSION}"
    data, truth = root / "world" / name, root / "truth" / name

    def make(out: Path) -> None:
        hidden = out / "truth"
        (out / "data").mkdir()
        hidden.mkdir()
        world.write(size, seed, out / "data", hidden)
        truth.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(truth, ignore_errors=True)  # of a run killed between the two renames
        os.replace(hidden, truth)
        for path in (out / "data").iterdir():
            os.replace(path, out / path.name)
        (out / "data").rmdir()

    if data.exists() and not truth.exists():  # data without their truth: made anew
        shutil.rmtree(data, ignore_errors=True)
    build(data, make)
    store = ingest(data, root / "ingested" / f"world-{name}-{version()}")
    return Dataset(f"world:{size}", store, data, truth)
