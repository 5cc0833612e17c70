"""Companies of a few rows, written as an export and opened through the door like any other."""

from __future__ import annotations

from pathlib import Path

import knowpay
import pandas as pd
import yaml
from knowpay.collect.dataset import Dataset
from knowpay.collect.manifest import EXAMPLE
from knowpay.collect.schema import TABLES

# What a table needs and a test does not care about.
USUAL = {
    "users": {"created_at": "2020-01-01T00:00:00Z"},
    "courses": {
        "name": "A course", "product_type": "course", "category": "art", "price": "100.00", "currency": "CNY",
        "published_at": "2020-01-01T00:00:00Z",
    },
    "events": {"event": "page_viewed", "product_id": "c1", "lesson_id": "l1"},
    "orders": {"status": "paid", "product_id": "c1", "total": "100.00", "currency": "CNY"},
    "memberships": {"plan_id": "plan", "status": "active", "interval": "month", "price": "25.00", "currency": "CNY"},
    "touches": {"campaign_id": "k1", "assignment": "randomised", "propensity": 0.5, "creative": "c1"},
    "market": {"date": "2025-01-01", "source": "books", "source_url": "-", "unit": "CNY", "quality": "P",
               "retrieved_at": "2025-01-01T00:00:00Z"},
}  # fmt: skip


def company(folder: Path, manifest: dict | None = None, **tables: pd.DataFrame | list[dict]) -> Dataset:
    """Write the tables as CSV files into a new folder below ``folder`` and open them.

    A table is a frame or a list of rows; columns that it lacks have the values of `USUAL`, its key counts from 1.
    Without `users` everybody who is named anywhere is one.
    """
    export = folder / f"export-{len(list(folder.iterdir()))}"
    export.mkdir()
    fields = {
        "observation_start": "2024-01-01",
        "observation_end": "2025-12-31",
        "extracted_at": "2026-01-01T00:00:00Z",
    }
    (export / "manifest.yml").write_text(yaml.safe_dump(EXAMPLE | fields | (manifest or {})), "utf-8")
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    if "users" not in frames:
        named = [frame["user_id"] for frame in frames.values() if "user_id" in frame]
        frames["users"] = pd.DataFrame({"user_id": pd.concat(named).dropna().unique()})
    for name, frame in frames.items():
        for column, value in USUAL.get(name, {}).items():
            frame[column] = frame[column].fillna(value) if column in frame else value
        if (key := TABLES[name].key)[0] not in frame and len(key) == 1:
            frame[key[0]] = [f"{name}-{n:03d}" for n in range(1, len(frame) + 1)]
        if len(frame):
            frame.to_csv(export / f"{name}.csv", index=False)
    return knowpay.open(export, cache=folder / "cache")
