"""What the tests of the world share: a small company in memory and on disk, and what a standard one did."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from knowpay import world
from knowpay.world import behaviour, company


@pytest.fixture(scope="session")
def small() -> company.Company:
    return company.found("small")


@pytest.fixture(scope="session")
def block(small: company.Company) -> company.Block:
    """All that the people of the small company did: it has one block."""
    return small.block(0)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The export and the truth of the small company."""
    base = tmp_path_factory.mktemp("world")
    world.write("small", 0, base / "data", base / "truth")
    return base / "data", base / "truth"


@pytest.fixture(scope="session")
def truth(folders: tuple[Path, Path]) -> SimpleNamespace:
    """The tables of the truth of the small company by name."""
    return SimpleNamespace(**{path.stem: pd.read_parquet(path) for path in folders[1].glob("*.parquet")})


@pytest.fixture(scope="session")
def standard() -> company.Company:
    return company.found("standard")


@pytest.fixture(scope="session")
def first(standard: company.Company) -> company.Block:
    """The first block of the standard company."""
    return standard.block(0)


def used(block: company.Block) -> pd.DataFrame:
    """Return looks at the list of courses, checkouts and lessons of a block: what falls before a member leaves."""
    kinds = [behaviour.CODE[name] for name in ("product_list_viewed", "checkout_started", "lesson_completed")]
    names = ("time", "event", "user", "course", "lesson")
    return pd.DataFrame({name: block.events[name] for name in names})[np.isin(block.events["event"], kinds)]


@pytest.fixture(scope="session")
def many(standard: company.Company) -> SimpleNamespace:
    """What all blocks of the standard company did, table by table."""
    names = ("touches", "purchases", "members", "periods", "spells", "orders", "unpaid", "bundles", "used")
    parts = [[getattr(block, name) for name in names[:-1]] + [used(block)] for block in standard.blocks()]
    return SimpleNamespace(
        **{name: pd.concat(tables, ignore_index=True) for name, *tables in zip(names, *parts, strict=True)}
    )
