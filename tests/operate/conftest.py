"""Fixtures of the operate tests: a small export on disk, opened through the door."""

from collections.abc import Callable
from functools import cache

import knowpay
import pandas as pd
import pytest
import yaml
from knowpay.collect.dataset import Dataset
from knowpay.collect.manifest import EXAMPLE
from operate_company import PEOPLE, SEEN, SENT, at


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Dataset]:
    """Write a small export and open it: company(seen=..., sent=...) -> Dataset; the same rows give the same one."""
    tmp_path = tmp_path_factory.mktemp("companies")

    @cache
    def make(seen: tuple[tuple, ...], sent: tuple[tuple, ...]) -> Dataset:
        folder = tmp_path / f"export-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        window = {"observation_start": "2024-01-01", "observation_end": at(20), "extracted_at": at(21)}
        (folder / "manifest.yml").write_text(yaml.safe_dump(EXAMPLE | window))
        users = pd.DataFrame(
            [{"user_id": u, "created_at": at(-100), "channel": "organic"} | s for u, s in PEOPLE.items()]
        )
        names = ["Mind", "=Money", "Maths", "Month"]
        courses = pd.DataFrame({"product_id": ["c1", "c2", "c3", "vip"], "name": names, "price": [100, 50, 200, 25]})
        courses = courses.assign(
            currency="CNY", category="x", published_at=at(-200), product_type=["course"] * 3 + ["membership"]
        )
        events = pd.DataFrame(seen, columns=["user_id", "day", "event", "product_id", "arrived"])
        events = events.assign(timestamp=events.pop("day").map(at), received_at=events.pop("arrived").map(at))
        events["message_id"] = [f"m{i}" for i in range(len(events))]
        touches = pd.DataFrame(sent, columns=["user_id", "day", "variation_id"])
        touches = touches.assign(assigned_at=touches.pop("day").map(at), campaign_id="k1", assignment="randomised")
        touches = touches.assign(propensity=0.5, touch_id=[f"t{i}" for i in range(len(touches))])
        orders = pd.DataFrame({"order_id": ["o1", "o2", "o3", "o4"], "user_id": ["ann", "ann", "ann", "bob"]})
        orders = orders.assign(timestamp=[at(-3), at(-3), at(3), at(-9)], status=["paid", "paid", "paid", "cancelled"])
        orders = orders.assign(product_id=["c2", "vip", "c1", "c1"], total=[50, 25, 100, 100], fee=1, currency="CNY")
        tables = {"users": users, "courses": courses, "events": events, "touches": touches, "orders": orders}
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index=False)
        return knowpay.open(folder, cache=tmp_path / "cache")

    return lambda seen=SEEN, sent=SENT: make(tuple(seen), tuple(sent))
