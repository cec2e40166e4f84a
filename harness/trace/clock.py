# SPDX-License-Identifier: GPL-2.0-only
"""Relation of a level's CLOCK_MONOTONIC to L0's, from pings and, when they agree, counter readings.

All times are nanoseconds. A level's clock plus ``offset_ns`` is L0's clock, give or take ``error_ns``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.errors import UserError


@dataclass(frozen=True, slots=True)
class PingSample:
    """One ping: the level read ``level_ns`` between L0's ``l0_before_ns`` and ``l0_after_ns``."""

    l0_before_ns: int
    level_ns: int
    l0_after_ns: int


@dataclass(frozen=True, slots=True)
class CounterPair:
    """CLOCK_MONOTONIC read up to ``delay_ns`` before the physical counter at one level.

    ``delay_ns`` is an upper bound, as from a second reading of the clock after the counter.
    """

    mono_ns: int
    counter: int
    delay_ns: int


@dataclass(frozen=True, slots=True)
class ClockRelation:
    """``error_ns`` None: the relation is not known, and no order across levels can be established."""

    offset_ns: int = 0
    error_ns: int | None = 0
    doubts: tuple[str, ...] = ()


IDENTITY = ClockRelation()
"""L0's own clock."""

UNRELATED = ClockRelation(0, None, ("the clock of this level was never compared with L0's",))


def relate(
    samples: Sequence[PingSample],
    level_pairs: Sequence[CounterPair] = (),
    l0_pairs: Sequence[CounterPair] = (),
    frequency_hz: int | None = None,
) -> ClockRelation:
    """The tightest honest relation.

    Each ping bounds the offset from both sides; the narrowest interval wins. Pings whose intervals do not
    meet it mean drift or a step: a doubt, and the error grows to reach them. Counter pairs of both levels
    (same counter, ``frequency_hz`` is CNTFRQ_EL0) narrow the interval further if theirs meets it; otherwise
    they are a doubt and are not used. ``UserError`` for an inverted sample.
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
    elif level_pairs and l0_pairs and frequency_hz:
        exact = _counter_bounds(level_pairs, l0_pairs, frequency_hz)
        if exact is None or exact[1] < low or exact[0] > high:
            said = "no constant offset" if exact is None else f"{exact[0]}..{exact[1]} ns"
            doubts.append(f"counters disagree with pings ({said} against {low}..{high} ns); not used")
        else:
            low, high = max(low, exact[0]), min(high, exact[1])
    return ClockRelation((low + high) // 2, (high - low + 1) // 2, tuple(doubts))


def _counter_bounds(
    level_pairs: Sequence[CounterPair], l0_pairs: Sequence[CounterPair], frequency_hz: int
) -> tuple[int, int] | None:
    """Bounds of the offset from counter pairs; None when a level's own pairs contradict each other."""
    level, l0 = _constant(level_pairs, frequency_hz), _constant(l0_pairs, frequency_hz)
    if level is None or l0 is None:
        return None
    return math.floor(l0[0] - level[1]), math.ceil(l0[1] - level[0])


def _constant(pairs: Sequence[CounterPair], frequency_hz: int) -> tuple[Fraction, Fraction] | None:
    """Bounds of a level's constant: monotonic time minus the counter's time.

    The counter was read up to ``delay_ns`` after the clock, so each pair lies at most that far below.
    """
    tick = Fraction(10**9, frequency_hz)
    values = [(p.mono_ns - p.counter * tick, p.delay_ns) for p in pairs]
    low = max(value for value, _ in values) - tick
    high = min(value + delay for value, delay in values) + tick
    return (low, high) if low <= high else None
