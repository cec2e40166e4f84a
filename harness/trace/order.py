# SPDX-License-Identifier: GPL-2.0-only
"""Order between the model and the levels' own traces, from events that both saw.

The model sees L0's kernel enter its trace functions and commit the record, and L1 execute the TLBI that its
trace event announced. Such an event puts a record of a level's trace between two positions of the model.
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.trace.source import Source


@dataclass(frozen=True, slots=True)
class Anchor:
    """The event or mark ``seq`` of ``source`` was written after the model's event ``after`` had happened
    and before ``before``; None where that side is not known."""

    source: Source
    seq: int
    after: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """One record in L0's trace text: what wrote it on which CPU, and where it went in the timeline.

    ``event`` is tracefs' name of it; ``seq`` None when it became no event or mark; ``mark`` a mark's name.
    """

    cpu: int
    event: str
    seq: int | None
    time_ns: int
    mark: str | None = None


class Bounds:
    """What the anchors of one source say about each of its positions.

    A source is totally ordered, so whatever bounds one position from below bounds the later ones too.
    """

    def __init__(self, anchors: Iterable[Anchor]) -> None:
        chosen = sorted(anchors, key=lambda a: a.seq)
        self._low_at: list[int] = []
        self._low: list[int] = []
        for each in chosen:
            if each.after is not None and (not self._low or each.after > self._low[-1]):
                self._low_at.append(each.seq)
                self._low.append(each.after)
        high_at: list[int] = []
        high: list[int] = []
        for each in reversed(chosen):
            if each.before is not None and (not high or each.before < high[-1]):
                high_at.append(each.seq)
                high.append(each.before)
        self._high_at, self._high = high_at[::-1], high[::-1]

    def __bool__(self) -> bool:
        return bool(self._low or self._high)

    def low(self, seq: int) -> float:
        """The last model position that surely happened before ``seq``; minus infinity when none is known."""
        at = bisect.bisect_right(self._low_at, seq)
        return self._low[at - 1] if at else -math.inf

    def high(self, seq: int) -> float:
        """The first model position that surely happened after ``seq``; infinity when none is known."""
        at = bisect.bisect_left(self._high_at, seq)
        return self._high[at] if at < len(self._high) else math.inf


class Clock:
    """Time of the model's events, which carry none: that between two events that L0 dated."""

    def __init__(self, dated: Sequence[tuple[int, int]]) -> None:
        """``dated``: model positions with L0's time in ns, in order of position."""
        self._at: list[int] = []
        self._time: list[int] = []
        for at, time in dated:
            if not self._time or time >= self._time[-1]:
                self._at.append(at)
                self._time.append(time)

    def when(self, seq: int) -> tuple[int, int]:
        """Return the time of the model's event ``seq`` and the half-width of its uncertainty, in ns.

        Outside all dated events the time is that of the nearest one, and the error 0 says nothing:
        nothing bounds it. ``Timeline.before`` does not use times of the model.
        """
        if not self._at:
            return 0, 0
        after = bisect.bisect_right(self._at, seq)
        low, high = self._time[max(after - 1, 0)], self._time[min(after, len(self._at) - 1)]
        return (low + high) // 2, (high - low + 1) // 2

    def many(self, seqs: npt.NDArray[np.int64]) -> tuple[list[int], list[int]]:
        """``when`` of many positions: their times, and their errors."""
        count = len(self._at)
        if not count:
            return [0] * len(seqs), [0] * len(seqs)
        after = np.searchsorted(self._places, seqs, side="right")
        low = self._times[np.maximum(after - 1, 0)]
        high = self._times[np.minimum(after, count - 1)]
        return ((low + high) // 2).tolist(), ((high - low + 1) // 2).tolist()

    @functools.cached_property
    def _places(self) -> npt.NDArray[np.int64]:
        return np.array(self._at, dtype=np.int64)

    @functools.cached_property
    def _times(self) -> npt.NDArray[np.int64]:
        return np.array(self._time, dtype=np.int64)
