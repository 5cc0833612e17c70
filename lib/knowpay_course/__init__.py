"""The course on top of all other rooms: running it, its notebooks, exercises, scorecard and command line."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the checkout, where notebooks/, book/ and build/ lie

# nbformat asks jsonschema, which, where it can, compiles a grammar of web addresses at import: 1.7 of 2.2 seconds,
# for a format that notebooks do not use. None makes that import fail, which jsonschema expects.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


class CourseError(Exception):
    """What the reader can mend, said in a sentence with the remedy; the command line prints just that."""
