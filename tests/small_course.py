"""What a small course made on the spot has beside its sources: notebooks/lessons.yml."""

from pathlib import Path

import yaml

SAID = {"title": "A small lesson", "question": "What?", "decision": "That.", "minutes": 1, "needs": ["profiles"]}


def enrol(root: Path) -> None:
    """Let lessons.yml say the same of every lesson that has a source or a notebook."""
    folder = root / "notebooks"
    names = {path.stem for path in [*folder.glob("src/*.py"), *folder.glob("*.ipynb")]}
    said = {"parts": [{"caption": "All", "last": 99}], "lessons": {name: SAID for name in sorted(names)}}
    (folder / "lessons.yml").write_text(yaml.safe_dump(said), encoding="utf-8")
