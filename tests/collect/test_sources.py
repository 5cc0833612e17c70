"""The same event as three tools export it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from knowpay.collect import ExportError
from knowpay.collect.sources import COLUMNS, read_events

SEGMENT = {"messageId": "m1", "event": "Product Viewed", "timestamp": "2025-03-03T00:30:00.250Z", "userId": "u1"}
SEGMENT |= {"anonymousId": "a1", "properties": {"product_id": "c1", "lesson_id": "l1", "platform": "ios"}}
GA4 = {"event_name": "view_item", "event_timestamp": 1740961800250000, "user_id": "u1", "user_pseudo_id": "a1"}
GA4 |= {"items": [{"item_id": "c1"}], "event_params": [{"key": "platform", "value": {"string_value": "ios"}}]}
GA4["event_params"].append({"key": "lesson_id", "value": {"string_value": "l1"}})
SENSORS = {"event": "ViewProduct", "time": 1740961800250, "user_id": -7, "distinct_id": "u1", "login_id": "u1"}
SENSORS |= {"anonymous_id": "a1", "properties": SEGMENT["properties"]}


def write(folder: Path, *rows: dict | str) -> Path:
    path = folder / "events.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(("tool", "row"), [("segment", SEGMENT), ("ga4", GA4), ("sensors", SENSORS)])
def test_the_three_tools_say_the_same(tool, row, tmp_path):
    (found,) = read_events(tool, write(tmp_path, row), names={"ViewProduct": "product_viewed"}).to_dict("records")
    assert tuple(found) == COLUMNS
    assert found.pop("timestamp") == pd.Timestamp("2025-03-03 00:30:00.25", tz="UTC")
    assert bool(found.pop("message_id"))
    assert found == {
        "event": "product_viewed", "user_id": "u1", "anonymous_id": "a1", "product_id": "c1", "lesson_id": "l1",
        "platform": "ios",
    }  # fmt: skip


def test_the_internal_number_of_sensors_is_no_user(tmp_path):
    row = {k: v for k, v in SENSORS.items() if k != "login_id"}
    found = read_events("sensors", write(tmp_path, row))
    assert found["user_id"].isna().all() and found["anonymous_id"].tolist() == ["a1"]


def test_equal_lines_without_a_message_id_stay_apart_and_keep_their_ids(tmp_path):
    path = write(tmp_path, GA4, GA4)
    first, again = read_events("ga4", path), read_events("ga4", path)
    assert first["message_id"].nunique() == 2 and first.equals(again)


def test_events_come_in_order_of_time(tmp_path):
    earlier = SEGMENT | {"messageId": "m0", "timestamp": "2025-03-02T00:00:00Z"}
    assert read_events("segment", write(tmp_path, SEGMENT, earlier))["message_id"].tolist() == ["m0", "m1"]


@pytest.mark.parametrize(
    ("tool", "second", "words"),
    [
        ("segment", "{broken", "line 2 is no JSON"),
        ("segment", SEGMENT | {"timestamp": "soon"}, "line 2 lacks"),
        ("ga4", {k: v for k, v in GA4.items() if k not in ("user_id", "user_pseudo_id")}, "line 2 lacks"),
        ("sensors", {k: v for k, v in SENSORS.items() if k != "event"}, "line 2 lacks"),
    ],
)
def test_a_bad_line_is_named(tool, second, words, tmp_path):
    good = {"segment": SEGMENT, "ga4": GA4, "sensors": SENSORS}[tool]
    with pytest.raises(ExportError, match=words):
        read_events(tool, write(tmp_path, good, second))


def test_an_unknown_tool_and_a_missing_file_are_named(tmp_path):
    with pytest.raises(ExportError, match="no reader for 'diary'"):
        read_events("diary", tmp_path)
    with pytest.raises(ExportError, match="no file"):
        read_events("ga4", tmp_path / "gone.jsonl")
