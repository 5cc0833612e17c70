"""What the tests share: small courses made on the spot."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_course import enrol

HEAD = """# %% [markdown]
# # A small lesson

# %% tags=["parameters"]
data: str = "world:standard"
seed: int = 0
company: dict = {}
"""


@pytest.fixture(scope="session")
def head() -> str:
    """The first two cells of a lesson: its title and its parameters."""
    return HEAD


@pytest.fixture
def school(tmp_path: Path) -> Callable[..., Path]:
    """Make a checkout with lessons: school(**{"00_demo": cells}) returns its root."""

    def make(**lessons: str) -> Path:
        source = tmp_path / "school" / "notebooks" / "src"
        source.mkdir(parents=True, exist_ok=True)
        for name, cells in lessons.items():
            (source / f"{name}.py").write_text(f"{HEAD}\n{cells}\n", encoding="utf-8")
        enrol(tmp_path / "school")
        return tmp_path / "school"

    return make
