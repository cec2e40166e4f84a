# SPDX-License-Identifier: GPL-2.0-only
"""How sure a rate is that was seen in a few runs (E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212)."""

from __future__ import annotations

import math
from statistics import NormalDist

CONFIDENCE = 0.95


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


def repeats_needed(rate: float, confidence: float = CONFIDENCE) -> int:
    """Return how many passes in a row make it unlikely (1 - ``confidence``) that something fails at ``rate``.

    1 for what fails always; ``ValueError`` for a rate that is not above 0.
    """
    if not 0 < rate <= 1:
        raise ValueError(f"a rate of {rate}")
    if rate == 1:
        return 1
    return max(1, math.ceil(math.log(1 - confidence) / math.log1p(-rate)))
