"""Tables in which nobody stands alone: k-anonymity, l-diversity, generalisation, and suppression of small cells.

A table is k-anonymous for some columns, the quasi-identifiers, when each combination of their values is shared by at
least k rows (Sweeney 2002); it is l-diverse when the rows that share one also have at least l different values of what
is to be kept secret (Machanavajjhala et al. 2007, the distinct form). Missing is a value like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd

from knowpay.collect.privacy.gate import SMALLEST

Band = Mapping[object, object]


def classes(table: pd.DataFrame, quasi: Sequence[str], sensitive: str | None = None) -> pd.DataFrame:
    """Return one row per combination of the quasi-identifiers: them, ``people`` and, if asked, ``distinct`` values.

    ``people`` counts rows, smallest first; ``distinct`` counts values of ``sensitive`` in them, missing as one.
    """
    groups = table.groupby(list(quasi), dropna=False, observed=True, sort=True)
    counts = groups.size().rename("people").to_frame()
    if sensitive is not None:
        counts["distinct"] = groups[sensitive].nunique(dropna=False)
    return counts.reset_index().sort_values("people", kind="stable", ignore_index=True)


def k_anonymity(table: pd.DataFrame, quasi: Sequence[str]) -> int:
    """Return the number of rows in the smallest class; 0 for no rows."""
    return int(classes(table, quasi)["people"].min()) if len(table) else 0


def l_diversity(table: pd.DataFrame, quasi: Sequence[str], sensitive: str) -> int:
    """Return the least number of different values of ``sensitive`` in a class; 0 for no rows."""
    return int(classes(table, quasi, sensitive)["distinct"].min()) if len(table) else 0


def generalise(
    table: pd.DataFrame, hierarchies: Mapping[str, Sequence[Band]], k: int = SMALLEST, most_left_out: float = 0.02
) -> tuple[pd.DataFrame, dict[str, int], int]:
    """Make ``table`` k-anonymous at the least loss; return (table, level of each column, number of rows left out).

    ``hierarchies`` declares, for each quasi-identifier, coarser and coarser bands: each a mapping from the *original*
    values; level 0 keeps them, level i uses the i-th mapping, the last, one above the mappings, is "*" for all. Every
    combination of levels is tried. Rows still in a class below k are left out, at most the share ``most_left_out``.
    Loss: the mean over columns of level / highest level (Sweeney's precision, 2002), plus the share left out.

    Raises ValueError when a band lacks a value that occurs, or when fewer than k rows are there at all.
    """
    if len(table) < k:
        raise ValueError(f"{len(table)} rows cannot be made {k}-anonymous.")
    columns = {name: _steps(table[name], bands) for name, bands in hierarchies.items()}
    coded = {name: [pd.factorize(step, use_na_sentinel=False)[0] for step in steps] for name, steps in columns.items()}
    best, chosen, rows = np.inf, {}, np.zeros(len(table), dtype=bool)
    for combination in product(*(range(len(steps)) for steps in columns.values())):
        levels = dict(zip(columns, combination, strict=True))
        loss = float(np.mean([level / (len(columns[name]) - 1) for name, level in levels.items()]))
        if loss >= best:
            continue
        key = np.zeros(len(table), dtype=np.int64)  # the combination of values as one number
        for name, level in levels.items():
            code = coded[name][level]
            key = np.unique(key * (code.max() + 1) + code, return_inverse=True)[1]
        kept = np.bincount(key)[key] >= k
        left_out = 1 - kept.mean()
        if left_out <= most_left_out and loss + left_out < best:
            best, chosen, rows = loss + left_out, levels, kept
    coarse = table.assign(**{name: columns[name][level] for name, level in chosen.items()})
    return coarse[rows], chosen, int((~rows).sum())


def suppress(counts: pd.DataFrame, k: int = SMALLEST) -> pd.DataFrame:
    """Return a table of counts with its totals ("all"), in which no small count can be read or worked out.

    ``counts`` are people (whole numbers) by row and column. Counts of 1 to k - 1 are hidden (missing), totals too, and
    then further ones, until whoever takes the sums apart cannot pin a small count down to fewer than k values: the
    widest range that the visible numbers allow is found by linear programming. The cheapest neighbour is hidden first,
    which is good, not best. Nobody's 0 is hidden for being small.

    Raises ValueError for a count that is negative or no whole number, and for a row or column called "all".
    """
    if (counts < 0).any(axis=None) or (counts % 1 != 0).any(axis=None):
        raise ValueError("Counts of people are whole numbers from 0.")
    if "all" in counts.index or "all" in counts.columns:
        raise ValueError('A row or column is called "all", the name of the totals. Rename it.')
    full = counts.astype("int64").copy()
    if len(counts) > 1:
        full.loc["all"] = full.sum()
    if counts.shape[1] > 1:
        full["all"] = full.sum(axis=1)
    value, lines = full.to_numpy().ravel(), _lines(len(counts), counts.shape[1])
    small = (value > 0) & (value < k)
    hidden = small.copy()
    while (line := _exposed(value, hidden, small, lines, k)) is not None:
        alone = lines[(lines[:, hidden] != 0).sum(axis=1) == 1]  # sums in which one number is hidden: that says it
        closes = (alone != 0).sum(axis=0)
        hidden[min(line, key=lambda i: (value[i] == 0, -closes[i], value[i], i))] = True
    return full.astype("Int64").mask(pd.DataFrame(hidden.reshape(full.shape), full.index, full.columns))


def _steps(values: pd.Series, bands: Sequence[Band]) -> list[pd.Series]:
    """The values at each level: as they are, in each band, all the same."""
    for band in bands:
        lacking = set(values.dropna().unique()) - set(band)
        if lacking:
            raise ValueError(f"A band of {values.name} lacks the value {min(lacking, key=str)!r}.")
    return [values, *(values.map(band) for band in bands), pd.Series("*", index=values.index, name=values.name)]


def _lines(rows: int, columns: int) -> np.ndarray:
    """The sums of a table with totals as equations: each row of the result times the numbers is 0."""
    place = np.arange((rows + (rows > 1)) * (columns + (columns > 1))).reshape(rows + (rows > 1), -1)
    sums = [*(place if columns > 1 else ()), *(place.T if rows > 1 else ())]
    lines = np.zeros((len(sums), place.size))
    for equation, line in zip(lines, sums, strict=True):
        equation[line] = 1
        equation[line[-1]] = -1  # the last one is the sum of the others
    return lines


def _exposed(value: np.ndarray, hidden: np.ndarray, small: np.ndarray, lines: np.ndarray, k: int) -> np.ndarray | None:
    """Where to hide one more number, because a small one can be worked out; None when none can."""
    shown = (lines != 0) & ~hidden
    for line, left in zip(lines, shown, strict=True):
        if (line[hidden] != 0).sum() == 1 and left.any():
            return np.flatnonzero(left)
    for spot in np.flatnonzero(small):
        if _width(spot, value, hidden, lines) < k - 1e-6:
            near = shown[lines[:, spot] != 0]
            near = near[near.any(axis=1)] if near.any() else shown[shown.any(axis=1)]
            if len(near):
                return np.flatnonzero(min(near, key=np.sum))
    return None


def _width(spot: int, value: np.ndarray, hidden: np.ndarray, lines: np.ndarray) -> float:
    """How far apart the least and the largest value are that the visible numbers allow for one that is hidden."""
    from scipy.optimize import linprog

    here = (np.flatnonzero(hidden) == spot).astype(float)
    system = {"A_eq": lines[:, hidden], "b_eq": -lines[:, ~hidden] @ value[~hidden], "bounds": (0, None)}

    def least(goal: np.ndarray) -> float:
        found = linprog(goal, method="highs", **system)
        return -np.inf if found.status == 3 else found.fun  # 3: it can be as low as you like

    return -least(-here) - least(here)


TRIED = 2_000  # people, of whom it is looked whether their rows give them away


def singled_out(
    table: pd.DataFrame,
    what: Sequence[str],
    known: Sequence[int],
    seed: int = 0,
) -> pd.Series:
    """Return the share of people whom so many of their own rows, picked at random, tell from everybody else.

    A row is a person (``user_id``) with the values of ``what``, such as a day and a course; this is the unicity of de
    Montjoye et al. (2013). The index is ``known``, the numbers of rows that somebody else knows. People with fewer rows
    are left out; at most `TRIED` of the others are tried. NaN where nobody has enough.
    """
    whole = table[["user_id", *what]].dropna()
    code = pd.factorize(whole["user_id"], sort=True)[0].astype(np.int64)
    fact = whole.groupby(list(what), sort=True).ngroup().to_numpy(np.int64)
    facts = int(fact.max(initial=0)) + 1
    who, fact = np.divmod(np.unique(code * facts + fact), facts)  # each row of a person once, people one after another
    begin = np.searchsorted(who, np.arange(who.max(initial=-1) + 2))
    order = np.argsort(fact, kind="stable")
    sharing = np.split(who[order], np.searchsorted(fact[order], np.arange(1, facts)))  # the people of each fact
    rng, share = np.random.default_rng(seed), {}
    for number in known:
        tried = rng.permutation(np.flatnonzero(np.diff(begin) >= number))[:TRIED]
        alone = 0
        for one in tried:
            picked = begin[one] + rng.choice(begin[one + 1] - begin[one], number, replace=False)
            met = np.unique(np.concatenate([sharing[f] for f in fact[picked]]), return_counts=True)[1]
            alone += (met == number).sum() == 1
        share[number] = alone / len(tried) if len(tried) else np.nan
    return pd.Series(share, name="share singled out", dtype=float)
