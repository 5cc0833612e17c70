"""Fixtures of the collect tests: an export on disk, and the data set made of it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from collect_exports import frames, write_manifest, write_table
from knowpay.collect.dataset import Dataset
from knowpay.collect.ingest import ingest


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Path]:
    """Write an export: export(events=frame, manifest={...}) replaces tables; None leaves one out."""

    def make(manifest: dict | None = None, kind: str = "csv", **tables: pd.DataFrame | None) -> Path:
        folder = tmp_path / "export"
        write_manifest(folder, **(manifest or {}))
        for name, frame in (frames() | tables).items():
            if frame is not None:
                write_table(frame, folder / f"{name}.{kind}")
        return folder

    return make


@pytest.fixture
def opened(export: Callable[..., Path], tmp_path: Path) -> Callable[..., Dataset]:
    """Write an export as `export` does and ingest it."""

    def make(**changes: object) -> Dataset:
        folder = export(**changes)
        return Dataset("test", ingest(folder, tmp_path / "store"), folder)

    return make
