"""The company of `people_company`, opened through the door."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hand_made import company
from knowpay.collect.dataset import Dataset
from people_company import SAID, at, events, orders, touches


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Dataset]:
    """Open the company of `people_company`; tables given replace its own. The same company is opened once."""
    folder, opened = tmp_path_factory.mktemp("people"), {}
    users = [
        {"user_id": user, "created_at": at(-100), "consent_analytics": "granted", "consent_marketing": "granted"} | said
        for user, said in SAID.items()
    ]
    courses = [{"product_id": "c1"}, {"product_id": "c2", "price": "300.00", "category": "law"}]
    courses.append({"product_id": "plan", "product_type": "membership", "price": "25.00"})
    months = [
        {"user_id": user, "period_no": 1, "current_period_start": at(0), "current_period_end": at(30)} for user in SAID
    ]
    usual = {"users": users, "courses": courses, "memberships": months, "touches": touches()}

    def build(personal: bool = True, **tables) -> Dataset:
        given = usual | {"events": events(), "orders": orders()} | tables
        key = repr((personal, given))
        if key not in opened:
            opened[key] = company(folder, {"contains_personal_data": personal}, **given)
        return opened[key]

    return build
