# SPDX-License-Identifier: GPL-2.0-only
"""Relation of a level's CLOCK_MONOTONIC to L0's, from pings of its agent.

All times are nanoseconds. A level's clock plus ``offset_ns`` is L0's clock, give or take ``error_ns``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import UserError


@dataclass(frozen=True, slots=True)
class PingSample:
    """One ping: the level read ``level_ns`` between L0's ``l0_before_ns`` and ``l0_after_ns``."""

    l0_before_ns: int
    level_ns: int
    l0_after_ns: int


@dataclass(frozen=True, slots=True)
class ClockRelation:
    """``error_ns`` None: the relation is not known, and no order across levels can be established."""

    offset_ns: int = 0
    error_ns: int | None = 0
    doubts: tuple[str, ...] = ()


IDENTITY = ClockRelation()
"""L0's own clock."""

UNRELATED = ClockRelation(0, None, ("the clock of this level was never compared with L0's",))


def relate(samples: Sequence[PingSample]) -> ClockRelation:
    """The tightest honest relation.

    Each ping bounds the offset from both sides; the narrowest interval wins. Pings whose intervals do not
    meet it mean drift or a step: a doubt, and the error grows to reach them. ``UserError`` for an inverted
    sample.
    """
    if not samples:
        return UNRELATED
    for sample in samples:
        if sample.l0_before_ns > sample.l0_after_ns:
            raise UserError(f"ping sample ends before it begins: {sample}")
    bounds = [(s.l0_before_ns - s.level_ns, s.l0_after_ns - s.level_ns) for s in samples]
    low, high = min(bounds, key=lambda b: b[1] - b[0])
    doubts: list[str] = []
    strays = [b for b in bounds if b[1] < low or b[0] > high]
    if strays:
        reach = max(max(low - b[1], b[0] - high) for b in strays)
        doubts.append(f"clock drifts: {len(strays)} of {len(bounds)} pings are off by up to {reach} ns")
        low = min(low, *(b[1] for b in strays))
        high = max(high, *(b[0] for b in strays))
    return ClockRelation((low + high) // 2, (high - low + 1) // 2, tuple(doubts))
