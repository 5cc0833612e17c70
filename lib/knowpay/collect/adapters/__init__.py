"""Adapters: an export as the tool wrote it, mapped to canonical tables by SQL alone.

The manifest's `source_format` names the adapter. Every row of a file that it reads goes to at least one canonical
table, so that a record of an unknown kind is quarantined and not lost. What no canonical column holds is kept in
`properties`, but for fields that identify a person or a device.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from knowpay.collect import ExportError
from knowpay.collect.adapters import ga4, mapped, segment, segment_warehouse, sensors, udemy
from knowpay.collect.adapters.tables import Delivery, own_names
from knowpay.collect.files import Batch
from knowpay.collect.manifest import Manifest


class Adapter(Protocol):
    """The form of one tool: a module with these functions, in this order."""

    def claims(self, name: str) -> bool:
        """Whether it reads the file with this name, relative to the folder of the manifest."""

    def refuse(self, delivery: Delivery) -> None:
        """Raise ExportError for a declaration that contradicts the format; says what to write."""

    def views(self, batch: Batch, delivery: Delivery) -> dict[str, Batch]:
        """The canonical tables that an opened file holds; `batch.file` is its name relative to the folder.

        A view's rows are not counted (-1), and nothing is executed. The first table is the home of rows that are no
        rows at all (`ragged`). The batch may also hold rows that come back from quarantine.
        """


FORMATS: dict[str, Adapter] = {
    "segment": segment,
    "segment_warehouse": segment_warehouse,
    "ga4": ga4,
    "sensors": sensors,
    "udemy": udemy,
    "mapped": mapped,
}
DECLARATIONS = ("mapping.yml",)  # files beside the manifest that say how the others are read


def claims(name: str, manifest: Manifest) -> bool:
    """Whether the adapter of the manifest's format reads the file with this relative name."""
    adapter = FORMATS.get(manifest.source_format)
    return adapter is not None and adapter.claims(name)


def refuse(delivery: Delivery) -> None:
    """Compare the declarations of the manifest with its format.

    Raises:
        ExportError: one of them contradicts it, or the mapping is missing or wrong; says what to write.
    """
    manifest = delivery.manifest
    if manifest.source_format not in ("canonical", *FORMATS):
        known = ", ".join(["canonical", *FORMATS])
        raise ExportError(f"There is no source_format {manifest.source_format!r}. The manifest may say {known}.")
    own_names(manifest)
    if '"' in manifest.business_user_id_column or manifest.business_user_id_column == "*":
        raise ExportError("manifest: business_user_id_column is no name. Write the plain name of the column.")
    if manifest.source_format in FORMATS:
        FORMATS[manifest.source_format].refuse(delivery)


def views(batch: Batch, name: str, delivery: Delivery) -> dict[str, Batch]:
    """The canonical tables that an opened file holds; `name` is its name within the delivery (see `Adapter.views`).

    Raises:
        ExportError: a column that the mapping names is not in the file.
    """
    tables = FORMATS[delivery.manifest.source_format].views(replace(batch, file=name), delivery)
    ragged, notes = batch.ragged, batch.notes
    for table, view in tables.items():
        tables[table] = replace(view, file=batch.file, ragged=ragged, notes=[*notes, *view.notes])
        ragged, notes = [], []  # the others are not the home of such rows
    return tables
