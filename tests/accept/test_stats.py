# SPDX-License-Identifier: GPL-2.0-only
"""The statistics against published values and by counting every case."""

from __future__ import annotations

import itertools
import math

import pytest

from harness.accept.stats import RedRate, adjusted, enough, fisher, interval, shown


@pytest.mark.parametrize(
    ("red", "runs", "low", "high"),
    [
        # Clopper-Pearson; the rule of three's exact form for none of n: 1 - 0.025^(1/n)
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (4, 20, 0.0573, 0.4366),
        (0, 1, 0.0, 0.975),
    ],
)
def test_interval(red: int, runs: int, low: float, high: float) -> None:
    found = interval(red, runs)
    assert found == pytest.approx((low, high), abs=5e-5)
    assert (RedRate(red, runs).low, RedRate(red, runs).high) == found


def test_interval_of_nothing_is_everything_and_nonsense_is_refused() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 of 2"):
        interval(3, 2)


def test_coverage_of_the_interval_is_never_below_what_it_claims() -> None:
    for runs, rate in itertools.product((1, 5, 12), (0.02, 0.3, 0.5, 0.97)):
        inside = sum(
            math.comb(runs, k) * rate**k * (1 - rate) ** (runs - k)
            for k in range(runs + 1)
            if interval(k, runs)[0] <= rate <= interval(k, runs)[1]
        )
        assert inside >= 0.95


def by_counting(base: RedRate, series: RedRate) -> float:
    """The permutation test that Fisher's is: every way to deal the red runs out."""
    runs, red = base.runs + series.runs, base.red + series.red
    deals = list(itertools.combinations(range(runs), red))
    worse = sum(sum(each < series.runs for each in deal) >= series.red for deal in deals)
    return worse / len(deals)


@pytest.mark.parametrize(
    ("base", "series"),
    [
        ((0, 6), (6, 6)),
        ((1, 6), (4, 6)),
        ((0, 1), (1, 1)),
        ((2, 5), (1, 7)),
        ((3, 3), (3, 3)),
        ((0, 4), (0, 4)),
    ],
)
def test_fisher(base: tuple[int, int], series: tuple[int, int]) -> None:
    assert fisher(RedRate(*base), RedRate(*series)) == pytest.approx(
        by_counting(RedRate(*base), RedRate(*series))
    )


def test_tea() -> None:
    """Fisher's own example: three of four cups told right."""
    assert fisher(RedRate(1, 4), RedRate(3, 4)) == pytest.approx(0.2429, abs=5e-5)


def test_adjusted() -> None:
    # Benjamini and Hochberg, 1995, section 3.2: at 0.05 the first four of these fifteen are rejected.
    values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    values += [0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    found = adjusted(values)
    assert [value < 0.05 for value in found] == [True] * 4 + [False] * 11
    assert found[0] == pytest.approx(0.0015)
    assert found == sorted(found)
    shuffled = [values[index] for index in (3, 0, 14, 7)]
    assert adjusted(shuffled)[1] == min(adjusted(shuffled))
    assert adjusted([]) == []


def test_how_many_runs_can_show_anything() -> None:
    assert not enough(1)
    assert not enough(3 - 1)
    assert enough(4)


def test_a_small_p_is_never_shown_as_nothing() -> None:
    assert [shown(p) for p in (5e-6, 0.0001, 0.0011, 1.0)] == [
        "p < 0.0001",
        "p = 0.0001",
        "p = 0.0011",
        "p = 1.0000",
    ]
