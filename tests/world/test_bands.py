"""The company beside published figures: every quantity keeps its band, and a company gone wrong does not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from knowpay.world import company, learning
from knowpay.world import settings as s
from knowpay_course.maintain import bands

BANDS = list(bands.BANDS)
# The targets of the simulator, each with its rows here and the band that the figures leave.
TARGETS = {
    "registered to ever paying in twelve months": (["ever paying"], 2, 13),
    "paid by monthly actives": (["paying share of monthly actives"], 1.2, 13.3),
    "visit to order, cold": (["visitor to order, cold"], 1, 5),
    "visit to order, warm": (["visitor to order, warm"], 5, 15),
    "trial class to full price": (["taster to full course"], 5, 12),
    "trial of the membership to paid": (["trial to paid"], 25, 60),
    "trial cancels on day 0": (["trial cancels on the first day"], 35, 60),
    "bought but never started": (["bought and never started"], 15, 35),
    "completion of self-paced courses": (["completion, self-paced"], 5, 30),
    "completion of camps": (["completion, camps"], 40, 60),
    "first renewal, monthly": (["first renewal, monthly"], 45, 65),
    "first renewal, yearly": (["first renewal, yearly"], 17, 43),
    "one-year survival of the monthly plan": (["one-year survival, monthly"], 5, 19),
    "repeat purchase within twelve months": (["buys again within a year"], 20, 45),
    "revenue per payer and year": (["revenue per payer and year"], 190, 420),
    "cost per paying user, paid media": (["cost per paying user, paid media"], 200, 1500),
    "uplift of a message": (["effect of a message"], 0.3, 0.7),
    "value of the invited against the organic": (["invited against organic value"], 0, 36),
    "own price elasticity by segment": ([f"price elasticity, {name}" for name in s.SEGMENTS], -3, -1),
    "advertising elasticity in the short run": (["advertising elasticity"], 0.05, 0.25),
}


@pytest.fixture(scope="module")
def table(standard: company.Company) -> pd.DataFrame:
    return bands.measure(standard)


@pytest.mark.parametrize("quantity", BANDS)
def test_a_quantity_keeps_its_band(quantity: str, table: pd.DataFrame) -> None:
    measured, low, high = table.loc[quantity, ["measured", "low", "high"]]
    assert low <= measured <= high


@pytest.mark.parametrize("quantity", BANDS)
def test_a_band_says_what_it_is_and_where_it_is_from(quantity: str) -> None:
    band = bands.BANDS[quantity]
    assert band.low < band.high and band.definition and band.source
    assert band.grade == "A" if band.source == "none usable" else band.grade in ("P", "R", "W")


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_measured_and_its_band_kept(target: str, table: pd.DataFrame) -> None:
    names, low, high = TARGETS[target]
    assert set(names) <= set(table.index)
    assert (table.loc[names, "low"] == low).all() and (table.loc[names, "high"] == high).all()


def test_the_verdict_is_that_of_the_band(table: pd.DataFrame) -> None:
    assert ((table["low"] <= table["measured"]) & (table["measured"] <= table["high"])).equals(table["inside"])


def test_the_hazard_falls_because_people_differ(table: pd.DataFrame) -> None:
    first, year = (table.loc[f"{name}, monthly", "measured"] / 100 for name in ("first renewal", "one-year survival"))
    assert year > 10 * first**12


def test_the_effect_of_a_message_is_that_of_the_touches(table: pd.DataFrame, many: SimpleNamespace) -> None:
    t = many.touches[many.touches["design"] == "even"]
    assert table.loc["effect of a message", "measured"] == 100 * np.mean(t["p_message"] - t["p_control"])


@pytest.mark.parametrize(
    ("room", "name", "value", "quantity"),
    [
        (s, "YEAR_CHURN", (0.2, 1.8), "first renewal, yearly"),
        (s, "BUY_LEVEL", s.BUY_LEVEL + 2, "base rate of a message"),
        (s, "AD_ELASTICITY", 1.0, "advertising elasticity"),
        (learning, "STARTED", 4.0, "bought and never started"),
        (s, "PLAN_PRICE", 10 * s.PLAN_PRICE, "revenue per payer and year"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_company_gone_wrong_falls_out_of_its_band(
    room: object, name: str, value: object, quantity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, name, value)
    monkeypatch.setitem(s.SIZES, "small", s.Size(10_000, 120))
    assert not bands.measure(company.found("small")).loc[quantity, "inside"]
