"""Adapters: an export as the tool wrote it, mapped to canonical tables by SQL alone.

The manifest's `source_format` names the adapter. Each says which files it reads (`claims`), which declarations
contradict its format (`check`) and which canonical tables a file holds (`views`): every row of a file goes to at least
one of them, so that a record of an unknown kind is quarantined and not lost. What no canonical column holds is kept in
`properties`, but for fields that identify a person or a device.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from knowpay.collect import ExportError
from knowpay.collect.adapters import ga4, mapped, segment, segment_warehouse, sensors, udemy
from knowpay.collect.adapters.lines import open_lines
from knowpay.collect.adapters.tables import own_names, row_files, tool_table
from knowpay.collect.files import Batch
from knowpay.collect.manifest import Manifest

FORMATS = {
    "segment": segment,
    "segment_warehouse": segment_warehouse,
    "ga4": ga4,
    "sensors": sensors,
    "udemy": udemy,
    "mapped": mapped,
}
DECLARATIONS = ("mapping.yml",)  # files beside the manifest that say how the others are read
__all__ = ["DECLARATIONS", "FORMATS", "check", "claims", "kinds", "open_lines", "views"]


def claims(name: str, manifest: Manifest) -> bool:
    """Whether the adapter of the manifest's format reads the file with this relative name."""
    adapter = FORMATS.get(manifest.source_format)
    return adapter is not None and adapter.claims(name)


def views(batch: Batch, manifest: Manifest, folder: Path) -> dict[str, Batch]:
    """The canonical tables that an opened file of the export `folder` holds, as views of it.

    A view's rows are not counted (-1), and nothing is executed here. The first table is the home of rows that are no
    rows at all (`ragged`). The batch may also hold rows that come back from quarantine.

    Raises:
        ExportError: a column that the mapping names is not in the file.
    """
    parts = batch.file.split("/")
    name = next(n for i in range(len(parts)) if (folder / (n := "/".join(parts[i:]))).is_file())  # within `folder`
    found = FORMATS[manifest.source_format].views(replace(batch, file=name), manifest, folder)
    home = next(iter(found))
    notes = {table: [*(batch.notes if table == home else []), *view.notes] for table, view in found.items()}
    return {
        table: replace(view, file=batch.file, ragged=batch.ragged if table == home else [], notes=notes[table])
        for table, view in found.items()
    }


def kinds(folder: Path) -> list[str]:
    """Which tables lie in an export of a tool: whether orders are read from purchases depends on the other files."""
    return sorted({tool_table(name)[0].split("_")[0] for name in row_files(folder)})


def check(manifest: Manifest, folder: Path) -> None:
    """Compare the declarations of the manifest with its format.

    Raises:
        ExportError: one of them contradicts it, or the mapping is missing or wrong; says what to write.
    """
    if manifest.source_format not in ("canonical", *FORMATS):
        known = ", ".join(["canonical", *FORMATS])
        raise ExportError(f"There is no source_format {manifest.source_format!r}. The manifest may say {known}.")
    own_names(manifest)
    if '"' in manifest.business_user_id_column or manifest.business_user_id_column == "*":
        raise ExportError("manifest: business_user_id_column is no name. Write the plain name of the column.")
    if manifest.source_format in FORMATS:
        FORMATS[manifest.source_format].check(manifest, folder)
