"""A tiny valid export, written with pandas, that each test bends in its own way."""

import gzip
from pathlib import Path

import pandas as pd
import yaml
from knowpay.collect.dataset import Dataset
from knowpay.collect.manifest import EXAMPLE

DAY = "2025-03-01T09:30:00+08:00"


def frames(users: int = 6, events: int = 12) -> dict[str, pd.DataFrame]:
    """Tables of text, as a CSV export holds them: all rows are good."""
    user = [f"u{i}" for i in range(users)]
    event = range(events)
    return {
        "users": pd.DataFrame({"user_id": user, "created_at": DAY, "channel": "organic"}),
        "courses": pd.DataFrame(
            {
                "product_id": ["c1", "c2"],
                "name": ["投资入门", "Writing, plainly"],
                "product_type": "course",
                "category": "money",
                "price": ["199.00", "99.00"],
                "currency": "CNY",
                "tags": ["基础|理财", ""],
                "published_at": "2024-01-01",
            }
        ),
        "events": pd.DataFrame(
            {
                "message_id": [f"m{i:03d}" for i in event],
                "event": "product_viewed",
                "timestamp": [f"2025-03-{1 + i % 28:02d}T10:00:00+08:00" for i in event],
                "user_id": [user[i % users] for i in event],
                "product_id": "c1",
            }
        ),
        "orders": pd.DataFrame(
            {
                "order_id": ["o1", "o2", "o3"],
                "user_id": ["u1", "u2", "u3"],
                "timestamp": DAY,
                "status": ["paid", "paid", "refunded"],
                "product_id": ["c1", "c2", "c2"],
                "total": ["199.00", "89.50", "99.00"],
                "discount": ["0", "9.50", ""],
                "fee": ["1.99", "", "0.99"],
                "refund_total": ["", "", "99.00"],
                "currency": "CNY",
            }
        ),
    }


def write_manifest(folder: Path, **changes: object) -> None:
    """Write manifest.yml; a change to None leaves the field out."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {k: v for k, v in (EXAMPLE | changes).items() if v is not None}
    (folder / "manifest.yml").write_text(yaml.safe_dump(fields, allow_unicode=True), encoding="utf-8")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write one file; the ending says how."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(frame.to_csv(index=False).encode(), mtime=0))
    else:
        frame.to_csv(path, index=False)


def report(ds: Dataset, table: str) -> dict[str, int]:
    """The report's line of a table."""
    return ds.report.rows.set_index("table").loc[table].to_dict()
