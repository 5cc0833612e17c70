"""Market: the company's own media budget, which moves from week to week, and third-party figures of mixed quality."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import settings as s

# What others publish about the field: (date, source, entity, metric, value, unit, method, quality). Invented sources
# carry invented names; W figures contradict each other on purpose, as the real ones do.
FIGURES = (
    ("2024-12-31", "annual report A", "platform A", "paying share of actives", 0.129, "share", "filing", "P"),
    ("2024-12-31", "annual report A", "platform A", "revenue per payer and year", 289.0, "yuan", "filing", "P"),
    ("2025-06-30", "half-year report B", "platform B", "paying share of actives", 0.098, "share", "filing", "P"),
    ("2025-03-31", "app panel", "industry", "first renewal of monthly plans", 0.56, "share", "panel", "R"),
    ("2025-03-31", "app panel", "industry", "trial to paid", 0.38, "share", "panel", "R"),
    ("2025-01-15", "press report", "platform C", "cost per paying user", 545.0, "yuan", "survey", "R"),
    ("2025-02-01", "report shop one", "industry", "market size", 112_650_000_000.0, "yuan", "survey", "W"),
    ("2025-02-01", "report shop two", "industry", "market size", 67_500_000_000.0, "yuan", "survey", "W"),
    ("2025-02-01", "marketing blog", "industry", "share of buyers who buy again", 0.53, "share", "survey", "W"),
)  # fmt: skip
RIVALS = ("platform A", "platform B", "platform C")
RIVAL_LEVEL = np.array([1.10, 0.92, 1.0])  # their prices against ours before our price level
WRONG, ERRORS = 0.06, ("factor", "stale", "unit")  # share of scraped prices, and what may be wrong with one
YUAN_PER_DOLLAR = 7.2


def budgets(c: s.Setup) -> np.ndarray:
    """Return the level of each channel's weekly budget, shape (WEEKS, channels); 1 on average, always 1 if not paid."""
    rng = c.stream("budgets")
    draw = np.exp(s.BUDGET_SPREAD * rng.standard_normal((s.WEEKS, len(s.CHANNELS))) - 0.5 * s.BUDGET_SPREAD**2)
    return np.where(np.isin(s.CHANNELS, s.PAID), draw, 1.0)


def spend(c: s.Setup, users: pd.DataFrame, levels: np.ndarray) -> pd.DataFrame:
    """Return own media spend: ``week`` (0 ..), ``channel`` (index), ``value`` (yuan); rows without spend left out.

    A paid channel spends its planned budget whatever comes of it, so the price of a registration rises with the level;
    the others pay per registration.
    """
    new = users["created"].to_numpy() >= 0
    week = (users["created"].to_numpy()[new] // (7 * s.DAY)).astype(int)
    came = np.zeros((s.WEEKS, len(s.CHANNELS)))
    np.add.at(came, (week, users["channel"].to_numpy()[new]), 1)
    days = np.minimum(7, s.DAYS - 7 * np.arange(s.WEEKS))[:, None]  # the last week is cut
    planned = came.sum(axis=0) / s.DAYS * days * levels
    value = np.round(np.where(np.isin(s.CHANNELS, s.PAID), planned, came) * s.COST_PER_REGISTRATION, 2)
    at, channel = np.nonzero(value > 0)
    return pd.DataFrame({"week": at, "channel": channel, "value": value[at, channel]})


def rival_prices(c: s.Setup, courses: pd.DataFrame) -> pd.DataFrame:
    """Return list prices of rivals as scraped: ``month, entity, topic, form, value`` (yuan), ``right, error``.

    ``right`` is the price that was asked, ``error`` what is wrong with the value: "" or a name in ERRORS.
    """
    rng = c.stream("rivals")
    cells = courses.groupby(["topic", "form"], as_index=False)["base_price"].mean()
    months = pd.date_range(s.START.tz_localize(None), periods=18, freq="MS")[2::3]  # one scrape a quarter
    parts = [
        cells.assign(
            month=month.date(),
            entity=rival,
            value=np.round(cells["base_price"] * level * np.exp(0.08 * rng.standard_normal(len(cells))), 1),
        )
        for month in months
        for rival, level in zip(RIVALS, RIVAL_LEVEL, strict=True)
    ]
    table = pd.concat(parts, ignore_index=True)[["month", "entity", "topic", "form", "value"]]
    return with_errors(c, table)


def with_errors(c: s.Setup, table: pd.DataFrame) -> pd.DataFrame:
    """Return scraped prices with the planted errors, and what they should be, as `rival_prices` does.

    factor: a decimal point lost or moved; stale: the price of the scrape before; unit: US dollars, or fen, as yuan.
    """
    rng = c.stream("market errors")
    right = table["value"].to_numpy()
    before = table.groupby(["entity", "topic", "form"])["value"].shift().to_numpy()
    kind = rng.integers(0, len(ERRORS), len(table))
    kind = np.where(np.isnan(before) & (kind == ERRORS.index("stale")), ERRORS.index("factor"), kind)
    high = rng.random(len(table)) < 0.5
    wrong = np.select(
        [kind == ERRORS.index("factor"), kind == ERRORS.index("stale")],
        [right * np.where(high, 10, 0.1), before],
        right * np.where(high, 100, 1 / YUAN_PER_DOLLAR),
    )
    hit = (rng.random(len(table)) < WRONG * c.market_errors) & (np.round(wrong, 1) != right)
    error = np.where(hit, np.array(ERRORS, dtype=object)[kind], "")
    return table.assign(value=np.where(hit, np.round(wrong, 1), right), right=right, error=error)
