"""One event and one user as each tool exports them, and an export folder made of such rows."""

import copy
import json
from pathlib import Path

import knowpay
import pandas as pd
import yaml
from collect_exports import write_manifest
from knowpay.collect.dataset import Dataset

SEGMENT = {
    "messageId": "m1", "type": "track", "event": "Product Viewed", "timestamp": "2025-03-03T00:30:00.250Z",
    "userId": "u1", "anonymousId": "a1", "properties": {"product_id": "c1", "platform": "ios", "colour": "red"},
}  # fmt: skip
IDENTIFY = {
    "messageId": "i1", "type": "identify", "timestamp": "2025-03-03T00:00:00Z", "userId": "u1", "anonymousId": "a1",
    "traits": {"createdAt": "2025-03-01T00:00:00Z", "gender": "female", "study_group": "g1"},
}  # fmt: skip
GA4 = {
    "event_date": "20250303", "event_timestamp": "1740961800250000", "event_name": "view_item", "user_id": "u1",
    "user_pseudo_id": "a1", "items": [{"item_id": "c1"}], "batch_event_index": "1",
    "event_params": [
        {"key": "platform", "value": {"string_value": "ios"}},
        {"key": "colour", "value": {"string_value": "red"}},
        {"key": "message_id", "value": {"string_value": "m1"}},
    ],
}  # fmt: skip
GA4_USER = {
    "user_id": "u1",
    "user_properties": [
        {"key": "created_at", "value": {"string_value": "2025-03-01T00:00:00Z"}},
        {"key": "gender", "value": {"string_value": "female"}},
        {"key": "study_group", "value": {"string_value": "g1"}},
    ],
}
SENSORS = {
    "type": "track", "event": "ViewProduct", "time": 1740961800250, "distinct_id": "u1", "user_id": -7,
    "login_id": "u1", "anonymous_id": "a1", "_track_id": 5,
    "properties": {"product_id": "c1", "platform": "ios", "colour": "red", "message_id": "m1"},
}  # fmt: skip
PROFILE = {
    "type": "profile_set", "time": 1740960000000, "distinct_id": "u1", "anonymous_id": "a1",
    "properties": {"created_at": "2025-03-01 08:00:00", "gender": "female", "study_group": "g1"},
}  # fmt: skip
NAMES = {"ViewProduct": "product_viewed", "PayOrder": "order_completed"}
DECLARED = {
    "segment": {},
    "segment_warehouse": {},
    "ga4": {},
    "sensors": {"business_user_id_column": "login_id", "event_names": NAMES},
    "udemy": {},
    "mapped": {},
}


def changed(row: dict, **fields: object) -> dict:
    """A copy of the row with other fields; a field set to None is left out."""
    row = copy.deepcopy(row) | fields
    return {name: value for name, value in row.items() if value is not None}


def write(folder: Path, tool: str, files: dict[str, object], **manifest: object) -> Path:
    """Write an export: lists are JSON lines (text stays as it is), frames Parquet or CSV, other content as it is."""
    write_manifest(folder, source_format=tool, **(DECLARED[tool] | manifest))
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path) if name.endswith(".parquet") else content.to_csv(path, index=False)
        elif isinstance(content, list):
            lines = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in content]
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        elif isinstance(content, dict):
            path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def load(folder: Path, tool: str, files: dict[str, object], **manifest: object) -> Dataset:
    """Write an export and open it."""
    return knowpay.open(write(folder / "export", tool, files, **manifest), cache=folder / "cache")


def rows(ds: Dataset, table: str) -> list[dict]:
    """The loaded rows of a table, without what is empty; times as text in UTC."""
    frame = getattr(ds, table).to_pandas()
    found = []
    for row in frame.to_dict("records"):
        filled = {name: value for name, value in row.items() if isinstance(value, list) or pd.notna(value)}
        found.append({n: v.isoformat() if isinstance(v, pd.Timestamp) else v for n, v in filled.items()})
    return found
