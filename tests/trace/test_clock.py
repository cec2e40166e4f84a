# SPDX-License-Identifier: GPL-2.0-only
"""Clock relations from pings."""

from __future__ import annotations

import random

import pytest

from harness.errors import UserError
from harness.trace.clock import PingSample, relate

OFFSET = 30_000_000_000


def ping(level_ns: int, before: int, after: int) -> PingSample:
    return PingSample(level_ns + OFFSET - before, level_ns, level_ns + OFFSET + after)


def test_tightest_ping_wins() -> None:
    relation = relate(
        [ping(10**9, 900_000, 500_000), ping(2 * 10**9, 10_000, 30_000), ping(3 * 10**9, 10**6, 10**6)]
    )
    assert (relation.offset_ns, relation.error_ns, relation.doubts) == (OFFSET + 10_000, 20_000, ())


def test_truth_is_always_inside() -> None:
    rng = random.Random(5)
    for _ in range(200):
        pings = [ping(rng.randrange(10**12), rng.randrange(10**6), rng.randrange(10**6)) for _ in range(5)]
        relation = relate(pings)
        assert relation.error_ns is not None
        assert abs(relation.offset_ns - OFFSET) <= relation.error_ns
        assert not relation.doubts


def test_no_ping_no_relation() -> None:
    relation = relate([])
    assert relation.error_ns is None
    assert relation.doubts


def test_drift_is_a_doubt_and_widens() -> None:
    late = PingSample(5 * 10**9 + OFFSET + 80_000, 5 * 10**9, 5 * 10**9 + OFFSET + 120_000)
    relation = relate([ping(10**9, 10_000, 10_000), late])
    assert "drift" in relation.doubts[0]
    assert relation.error_ns is not None
    assert relation.offset_ns + relation.error_ns >= OFFSET + 80_000
    assert relation.offset_ns - relation.error_ns <= OFFSET - 10_000


def test_inverted_ping_is_refused() -> None:
    with pytest.raises(UserError, match="ends before"):
        relate([PingSample(10, 0, 9)])
