# SPDX-License-Identifier: GPL-2.0-only
"""Exact statistics of small numbers of runs: intervals of rates, Fisher's test, and many tests at once.

By sums of binomial and hypergeometric probabilities: with the few dozen runs that there are, nothing is
approximated, and no library is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
_STEPS = 60


@dataclass(frozen=True, slots=True)
class RedRate:
    """``red`` of ``runs`` runs were red; ``low`` and ``high`` bound the rate (Clopper-Pearson, 95 %)."""

    red: int
    runs: int

    @property
    def low(self) -> float:
        """Lower bound of the rate."""
        return interval(self.red, self.runs)[0]

    @property
    def high(self) -> float:
        """Upper bound of the rate."""
        return interval(self.red, self.runs)[1]

    def __str__(self) -> str:
        return f"{self.red}/{self.runs} [{self.low:.0%}, {self.high:.0%}]"


def interval(red: int, runs: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a rate (Clopper and Pearson, Biometrika 26, 1934).

    Its coverage is never below ``confidence``. For no runs it is the whole of [0, 1].
    """
    if not 0 <= red <= runs:
        raise ValueError(f"{red} of {runs}")
    tail = (1 - confidence) / 2
    low = 0.0 if red == 0 else _solve(lambda p: _at_least(red, runs, p) < tail)
    high = 1.0 if red == runs else _solve(lambda p: 1 - _at_least(red + 1, runs, p) > tail)
    return low, high


def _solve(below: Callable[[float], bool]) -> float:
    """Return where ``below`` turns from true to false in [0, 1]."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_least(count: int, runs: int, rate: float) -> float:
    return math.fsum(math.comb(runs, k) * rate**k * (1 - rate) ** (runs - k) for k in range(count, runs + 1))


def fisher(base: RedRate, series: RedRate) -> float:
    """Return the one-sided p-value of "the series is red more often than the base" (Fisher's exact test).

    The probability, if both had the same rate, that as many or more of all red runs fall to the series.
    """
    red, runs = base.red + series.red, base.runs + series.runs
    most = min(red, series.runs)
    total = math.comb(runs, red)
    ways = sum(
        math.comb(series.runs, k) * math.comb(base.runs, red - k)
        for k in range(series.red, most + 1)
        if red - k <= base.runs
    )
    return ways / total


def adjusted(values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number (Benjamini and Hochberg, 1995), in the same order."""
    order = sorted(range(len(values)), key=lambda each: values[each], reverse=True)
    found, least = [0.0] * len(values), 1.0
    for rank, each in zip(range(len(values), 0, -1), order, strict=True):
        least = min(least, values[each] * len(values) / rank)
        found[each] = least
    return found


def shown(p: float) -> str:
    """Return a p-value for people: never as if it were nothing."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"


def enough(runs: int) -> bool:
    """Whether ``runs`` on each side can show a difference at all: all red against none."""
    return fisher(RedRate(0, runs), RedRate(runs, runs)) < SIGNIFICANCE
