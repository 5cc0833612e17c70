"""Retention: what is over age leaves the files; what cannot be dated stays and is counted."""

from __future__ import annotations

import gzip

import knowpay
import pandas as pd
import pytest
from collect_exports import write_manifest
from knowpay.collect import ExportError
from knowpay.collect.privacy.retention import purge

OLD, NEW = "2025-08-31T23:59:59+08:00", "2025-09-01T00:00:01+08:00"  # 122 days before the extraction is 1 September
MANIFEST = {"extracted_at": "2026-01-01T00:00:00+08:00", "retention_days": 122}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "export"
    write_manifest(folder, **MANIFEST)
    # A time and an id have a blank beside them, as cells typed by hand do.
    (folder / "users.csv").write_text(f"user_id,created_at\nann,{OLD}\nbob,{NEW}\n")
    events = f"message_id,event,timestamp,user_id\nm1,x, {OLD},ann\nm2,page_viewed,{NEW},ann\nm3,x,never,ann\n"
    (folder / "events-1.csv.gz").write_bytes(gzip.compress(events.encode(), mtime=0))
    frame = pd.DataFrame({"message_id": ["m4", "m5"], "event": "x", "user_id": "bob"})
    frame.assign(timestamp=pd.to_datetime([OLD, NEW], utc=True)).to_parquet(folder / "events-2.parquet", index=False)
    orders = "order_id,user_id,timestamp,status,total,currency\n"
    (folder / "orders.csv").write_text(f"{orders}o1,ann,{OLD},paid,9,CNY\no2,ann,2025-12-01 08:00,paid,9,CNY\n")
    (folder / "order_items.csv").write_text("order_id,line_no,product_id,price,quantity\no1 ,1,c1,9,1\no2,1,c1,9,1\n")
    return folder


def test_old_rows_leave_and_are_counted(folder, tmp_path):
    cache = tmp_path / "cache"
    knowpay.open(folder, cache=cache)
    receipt = purge(folder, cache)
    assert receipt == {
        "before": "2025-09-01T00:00:00+08:00",
        "removed": {"events-1.csv.gz": 1, "events-2.parquet": 1, "order_items.csv": 1, "orders.csv": 1},
        "undated": {"events-1.csv.gz": 1},
        "stores": 1,
    }
    ds = knowpay.open(folder, cache=cache)
    assert sorted(ds.events.message_id.to_pandas()) == ["m2", "m5"] and ds.quarantine.count().to_pandas() == 1
    assert ds.orders.order_id.to_pandas().tolist() == ["o2"] and ds.order_items.order_id.to_pandas().tolist() == ["o2"]
    assert ds.users.count().to_pandas() == 2
    files = {p: p.read_bytes() for p in folder.iterdir()}
    assert purge(folder, cache)["removed"] == {} and {p: p.read_bytes() for p in folder.iterdir()} == files


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000), ("us", 10**6)])
def test_units_of_time(tmp_path, unit, factor):
    folder = tmp_path / "export"
    write_manifest(folder, **MANIFEST, timestamp_unit=unit)
    at = [int(pd.Timestamp(t).timestamp()) * factor for t in (OLD, NEW)]
    (folder / "reviews.csv").write_text(f"review_id,timestamp,kind\nr1,{at[0]},nps\nr2,{at[1]},nps\n")
    assert purge(folder, tmp_path)["removed"] == {"reviews.csv": 1}
    assert (folder / "reviews.csv").read_text() == f"review_id,timestamp,kind\nr2,{at[1]},nps\n"


def test_the_manifest_must_say_how_long(folder, tmp_path):
    write_manifest(folder, **MANIFEST | {"retention_days": None})
    with pytest.raises(ExportError, match="names no retention_days"):
        purge(folder, tmp_path)
    write_manifest(folder, **MANIFEST, source_format="ga4")
    with pytest.raises(ExportError, match="no canonical export"):
        purge(folder, tmp_path)
