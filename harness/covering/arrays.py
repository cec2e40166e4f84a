# SPDX-License-Identifier: GPL-2.0-only
"""Covering arrays over cases that exist: every t-tuple of values that some case has is in a chosen case.

allpairspy proposes rows; its filter admits beginnings of existing cases alone. With such constraints it may
leave tuples out, so what it left out is found and completed here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from allpairspy import AllPairs

Row = Mapping[str, str]
Tuple = tuple[tuple[str, str], ...]


def varying(rows: Sequence[Row]) -> list[str]:
    """Return the factors that have more than one value, those with most values first."""
    factors = rows[0].keys() if rows else ()
    counts = {factor: len({row[factor] for row in rows}) for factor in factors}
    return sorted((f for f in factors if counts[f] > 1), key=lambda factor: -counts[factor])


def tuples(row: Row, factors: Sequence[str], strength: int) -> set[Tuple]:
    """Return every combination of ``strength`` values of ``row``; of all where there are fewer factors."""
    size = min(strength, len(factors))
    return {tuple((f, row[f]) for f in chosen) for chosen in itertools.combinations(factors, size)}


def cover(rows: Sequence[Row], strength: int) -> list[int]:
    """Return places in ``rows`` of a selection that has every t-tuple of any of ``rows``.

    t is ``strength``. The same rows give the same selection. Of rows that do not vary the first is
    returned.
    """
    factors = varying(rows)
    if not factors:
        return [0] if rows else []
    size = min(strength, len(factors))
    numbers: dict[Tuple, int] = {}
    found = [sorted(tuples(row, factors, size)) for row in rows]
    has = np.array([[numbers.setdefault(each, len(numbers)) for each in row] for row in found])
    chosen = dict.fromkeys(_proposed(rows, factors, size) if size > 1 else ())
    missing = np.ones(len(numbers), dtype=bool)
    missing[has[list(chosen)]] = False
    while missing.any():
        best = int(np.argmax(missing[has].sum(axis=1)))
        chosen[best] = None
        missing[has[best]] = False
    return list(chosen)


def _proposed(rows: Sequence[Row], factors: Sequence[str], strength: int) -> list[int]:
    values = [list(dict.fromkeys(row[factor] for row in rows)) for factor in factors]
    whole = [tuple(row[factor] for factor in factors) for row in rows]
    first = {each: place for place, each in reversed(list(enumerate(whole)))}
    beginnings = {each[:length] for each in whole for length in range(1, len(factors) + 1)}
    found = AllPairs(values, filter_func=lambda row: tuple(row) in beginnings, n=strength)
    return [first[tuple(row)] for row in found if tuple(row) in first]
