# SPDX-License-Identifier: GPL-2.0-only
"""Selections that have every tuple of values, whatever combinations do not exist."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import pytest

from harness.covering.arrays import Row, cover, tuples, varying


def some_rows(seed: int, share: float) -> list[Row]:
    """A share of the product of five factors, one of which never varies."""
    values = {"a": "12345", "b": "xyz", "c": "01", "d": "pqrs", "e": "k"}
    product = [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]
    return random.Random(seed).sample(product, int(share * len(product)))


def missing(rows: Sequence[Row], chosen: Sequence[int], strength: int) -> set[object]:
    """The tuples of ``rows`` that none of the chosen has: the definition, not the way that cover() takes."""
    factors = varying(rows)
    return {
        each
        for row in rows
        for each in tuples(row, factors, strength)
        if not any(all(rows[place][key] == value for key, value in each) for place in chosen)
    }


@pytest.mark.parametrize("strength", [1, 2, 3])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_every_tuple_that_exists_is_covered(seed: int, share: float, strength: int) -> None:
    rows = some_rows(seed, share)
    chosen = cover(rows, strength)
    assert len(set(chosen)) == len(chosen)
    assert not missing(rows, chosen, strength)
    assert chosen == cover(rows, strength), "the same rows give the same selection"


def test_the_check_sees_a_tuple_that_is_missing() -> None:
    rows = some_rows(1, 1.0)
    chosen = cover(rows, 2)
    assert any(missing(rows, chosen[:gone] + chosen[gone + 1 :], 2) for gone in range(len(chosen)))
    assert missing(rows, chosen[:4], 2)


def test_a_selection_is_small() -> None:
    rows = some_rows(0, 1.0)
    assert len(rows) == 120
    assert 20 <= len(cover(rows, 2)) <= 30
    assert len(cover(rows, 1)) == 5
    assert len(cover(rows, 4)) == 120


def test_rows_that_do_not_vary() -> None:
    assert cover([], 2) == []
    assert cover([{"a": "1"}, {"a": "1"}], 2) == [0]
    assert cover([{"a": "1"}, {"a": "2"}, {"a": "1"}], 3) == [0, 1]
