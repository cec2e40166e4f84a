# SPDX-License-Identifier: GPL-2.0-only
"""How sure a rate is that was seen in a few runs: Wilson's and Clopper and Pearson's intervals.

E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212; C. J. Clopper and E. S. Pearson, Biometrika 26 (1934)
404-413.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

CONFIDENCE = 0.95
_HALVINGS = 60


def _check(count: int, total: int, confidence: float) -> None:
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"{count} of {total} is no rate")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}")


def wilson(count: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's score interval of a rate seen as ``count`` of ``total``; ``ValueError`` for none."""
    _check(count, total, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, share = count / total, z * z / total
    middle = rate + share / 2
    spread = z * math.sqrt(rate * (1 - rate) / total + share / (4 * total))
    low = 0.0 if count == 0 else (middle - spread) / (1 + share)
    high = 1.0 if count == total else (middle + spread) / (1 + share)
    return low, high


def _at_most(count: int, total: int, rate: float) -> float:
    """P(X <= count) for X binomial."""
    if rate <= 0 or count >= total:
        return 1.0
    if rate >= 1:
        return 0.0
    logs = (
        math.lgamma(total + 1)
        - math.lgamma(k + 1)
        - math.lgamma(total - k + 1)
        + k * math.log(rate)
        + (total - k) * math.log1p(-rate)
        for k in range(count + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def _where(falling: Callable[[float], float], level: float) -> float:
    """Return where a falling function on [0, 1] crosses ``level``."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if falling(middle) > level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def clopper_pearson(count: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact (conservative) interval of a rate; ``ValueError`` for none."""
    _check(count, total, confidence)
    alpha = (1 - confidence) / 2
    low = 0.0 if count == 0 else _where(lambda p: _at_most(count - 1, total, p), 1 - alpha)
    high = 1.0 if count == total else _where(lambda p: _at_most(count, total, p), alpha)
    return low, high


def repeats_needed(rate: float, confidence: float = CONFIDENCE) -> int:
    """Return how many passes in a row make it unlikely (1 - ``confidence``) that something fails at ``rate``.

    1 for what fails always; ``ValueError`` for a rate that is not above 0.
    """
    if not 0 < rate <= 1:
        raise ValueError(f"a rate of {rate}")
    if rate == 1:
        return 1
    return max(1, math.ceil(math.log(1 - confidence) / math.log1p(-rate)))
