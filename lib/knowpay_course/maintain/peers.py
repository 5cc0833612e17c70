"""What others measure too, beside ours: run by `knowpay-course bench peers` with the Python of .venv-peers.

Same machine, same data, one process, in turns, the median of three. Prints a JSON list of rows for the table. A peer
whose counterpart the course has not written yet has no row.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

REPEATS = 3


def main() -> None:
    """Measure all and print the rows: what, peer, seconds of ours and theirs, bar of the ratio, what came out."""
    rows = [sessions()]
    if find_spec("causalml"):  # there is none for Python 3.13
        rows.append(qini())
    print(json.dumps(rows))


def sessions(events: int = 1_000_000) -> dict[str, Any]:
    """Half-hour sessions of a day of random events, from user ids and times: both must find the same ones."""
    os.environ["RETENTIONEERING_NO_TRACK"] = "1"  # it reports its use over the network
    from knowpay.collect.sessions import session_numbers
    from retentioneering import Eventstream

    rng = np.random.default_rng(0)
    log = pd.DataFrame({"user_id": rng.integers(0, 30_000, events).astype(str), "event": "page_viewed"})
    log["timestamp"] = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 86_400, events), unit="s")
    stream = Eventstream(log.copy())

    def ours() -> np.ndarray:
        person, _ = pd.factorize(log["user_id"])
        return session_numbers(person, log["timestamp"].astype("datetime64[us]").astype(np.int64).to_numpy())

    def theirs() -> pd.DataFrame:
        return stream.split_sessions(timeout="30m").df

    seconds, (numbers, frame) = in_turns(ours, theirs)
    sizes = (np.bincount(numbers), frame.groupby("session_id").size().to_numpy())
    if not np.array_equal(*map(np.sort, sizes)):
        raise RuntimeError("Ours and retentioneering's sessions differ.")
    return row(f"sessions of {events:,} events", "retentioneering", seconds, 2.0, f"{len(sizes[0]):,} equal sessions")


def qini(customers: int = 200_000) -> dict[str, Any]:
    """The Qini coefficient of three orders of people; the definitions differ, so the orders must come out alike."""
    from causalml.metrics import qini_score

    from knowpay_course.lessons.l18 import qini as coefficient

    rng = np.random.default_rng(0)
    effect, treated = rng.normal(0.05, 0.05, customers), rng.integers(0, 2, customers)
    outcome = (rng.random(customers) < 0.2 + treated * effect).astype(int)
    scores = {f"noise {s:g}": effect + rng.normal(0, s, customers) for s in (0.02, 0.1, 0.5)}
    frame = pd.DataFrame(scores | {"y": outcome, "w": treated})

    def ours() -> pd.Series:
        return pd.Series({name: coefficient(outcome, treated, score) for name, score in scores.items()})

    def theirs() -> pd.Series:
        return qini_score(frame, outcome_col="y", treatment_col="w", normalize=True)[list(scores)]

    seconds, (one, other) = in_turns(ours, theirs)
    if list(one.sort_values().index) != list(other.sort_values().index):
        raise RuntimeError(
            f"Ours and causalml's Qini order the scores differently: {one.to_dict()}, {other.to_dict()}."
        )
    said = f"{one.iloc[0]:.3f} and {other.iloc[0]:.3f} for the best of three orders, in the same order"
    return row(f"Qini of 3 orders of {customers:,} people", "causalml", seconds, None, said)


def in_turns(*methods: Callable[[], Any]) -> tuple[list[float], list[Any]]:
    """Return the median seconds of each method, run in turns, and what each gave."""
    times: list[list[float]] = [[] for _ in methods]
    for _ in range(REPEATS):
        found = []
        for method, seconds in zip(methods, times, strict=True):
            begun = time.perf_counter()
            found.append(method())
            seconds.append(time.perf_counter() - begun)
    return [statistics.median(seconds) for seconds in times], found


def row(what: str, peer: str, seconds: list[float], bar: float | None, said: str) -> dict[str, Any]:
    """Return a row of the table; ``bar``: how many times quicker than the peer ours must be, None: speed is no aim."""
    return {"what": what, "peer": peer, "ours": seconds[0], "theirs": seconds[1], "bar": bar, "said": said}


if __name__ == "__main__":
    main()
