"""The same days as three tracking tools export them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from knowpay.collect.sources import read_events
from knowpay.world import company, trackers
from knowpay.world import settings as s

NAMES = {"segment": {}, "ga4": {}, "sensors": {theirs: ours for ours, theirs in trackers.SENSORS.items()}}
FIRST, DAYS = "2025-03-03", 2


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """The events of each tool, read as a platform would."""
    folder = tmp_path_factory.mktemp("trackers")
    trackers.write_days("small", 0, FIRST, DAYS, folder)
    return {tool: read_events(tool, folder / f"{tool}.jsonl", names) for tool, names in NAMES.items()}


@pytest.mark.parametrize("tool", ["ga4", "sensors"])
def test_the_tools_tell_the_same(tool: str, read: dict[str, pd.DataFrame]) -> None:
    same = [name for name in read["segment"] if name != "message_id"]
    one, other = (read[name][same].sort_values(same, ignore_index=True) for name in ("segment", tool))
    pd.testing.assert_frame_equal(one, other)


def test_they_tell_all_events_of_those_days(read: dict[str, pd.DataFrame], block: company.Block) -> None:
    start = s.seconds(FIRST)
    time = block.events["time"]
    assert len(read["segment"]) == ((time >= start) & (time < start + DAYS * s.DAY)).sum() > 0


@pytest.mark.parametrize(("first", "days"), [("2024-06-30", 1), ("2025-12-31", 2), ("2025-03-03", 0)])
def test_days_outside_the_records_are_refused(first: str, days: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"549 days; {first} and {days} days lie outside"):
        trackers.write_days("small", 0, first, days, tmp_path)
