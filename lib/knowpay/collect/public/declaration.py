"""What a public set declares: `NAME.yml` says what it is and what its files are, `NAME.sql` what its tables are.

The SQL is a script that DuckDB runs as it stands. The rows of a file ``x-y.csv`` are the table ``src_x_y``; each view
is a table of the export, called after a canonical table, or after one with a suffix ("events-clicks"); macros help.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

CSV = "read_csv({path}, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"


class Declared(BaseModel):
    """No key but those named, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class File(Declared):
    """One file of the publisher.

    sha256: of the uncompressed bytes. None: none is published and no copy was at hand; the columns are checked.
    url, size: where the publisher serves it as it is, and its bytes.
    rows: rows as published, without header; None when nobody says.
    columns: columns that the tables need; a file without one is refused.
    read: DuckDB table function; `{path}` is the quoted path of the file (plain, or .gz where DuckDB unpacks it).
    instead_of: name of the file that this one, a published part, may stand in for.
    """

    sha256: str | None = None
    url: str = ""
    size: int = 0
    rows: int | None = None
    columns: tuple[str, ...] = ()
    read: str = CSV
    instead_of: str | None = None


class Archive(Declared):
    """The zip file in which the publisher serves all files; `unpacked`: most bytes that they have together."""

    url: str
    sha256: str
    size: int
    unpacked: int


class Count(Declared):
    """What is counted: the published number, None when nobody says, and SQL that gives ours."""

    published: int | None = None
    sql: str


class PublicSet(Declared):
    """A public data set.

    name: what `knowpay.open` takes; the name of its two files.
    source: page of the publisher.
    licence: as the publisher states it; "none stated" when there is none.
    citation: what to cite when showing results.
    folder: its folder in KNOWPAY_DATA.
    archive: where to fetch the files, unless they have addresses of their own; neither: there is no stable address.
    by_hand: sentence that says how to put the files in place; ends every error.
    files: file name without .gz -> File.
    manifest: timezone, currency, extracted_at, lawful_basis_note; the rest has defaults (see `engine.convert`).
    times: SQL over the tables giving the times that the observation spans.
    counts: what is counted -> Count.
    sql: the script; "" for a set that is no export: its files are read as they are (`path`).
    """

    name: str
    title: str
    source: str
    licence: str
    citation: str
    folder: str
    archive: Archive | None = None
    by_hand: str = ""
    files: dict[str, File]
    manifest: dict[str, str] = {}
    times: str = ""
    counts: dict[str, Count] = {}
    sql: str = ""

    @model_validator(mode="after")
    def _can_be_had(self) -> PublicSet:
        if not self.served and not self.by_hand:
            raise ValueError("give an archive, a url for each file, or by_hand")
        return self

    @property
    def needed(self) -> list[str]:
        """The files without which the set cannot be read."""
        return [name for name, file in self.files.items() if not file.instead_of]

    @property
    def served(self) -> Mapping[str, File | Archive]:
        """What the publisher serves, by the name under which it is kept; empty when there is no stable address."""
        if self.archive:
            return {self.archive.url.rsplit("/", 1)[1]: self.archive}
        return {name: file for name, file in self.files.items() if file.url}

    @property
    def remedy(self) -> str:
        """The sentence that ends an error: how to put the files in place by hand."""
        return self.by_hand or (
            f"Or do it by hand: download {', '.join(one.url for one in self.served.values())} on any machine, put the "
            f"files into a folder named {self.folder}, and set KNOWPAY_DATA to the folder that holds {self.folder}."
        )


def declared(path: Path) -> PublicSet:
    """Read the declaration in a YAML file, and the SQL file beside it.

    Raises:
        ValueError: it is no YAML, or a key is missing, unknown or wrong; names file and key.
    """
    sql = path.with_suffix(".sql")
    try:  # BaseLoader keeps text as it stands: a date stays a date as written
        fields = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)
        return PublicSet(name=path.stem, sql=sql.read_text("utf-8") if sql.exists() else "", **fields)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}".removeprefix(": ") for e in error.errors()]
        raise ValueError(f"{path.name}: {'; '.join(said)}.") from error
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(
            f"{path.name} is no YAML of keys and values ({str(error).splitlines()[-1].strip()})."
        ) from error
