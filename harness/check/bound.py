# SPDX-License-Identifier: GPL-2.0-only
"""Where a stretch of the timeline begins or ends: nowhere, at a mark, or at an event, certain or not."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.trace.event import Event
from harness.trace.source import Source
from harness.trace.timeline import Timeline


class Bound(Protocol):
    """One end of a stretch."""

    def passed(self, event: Event, *, including: bool) -> bool | None:
        """Whether ``event`` comes after the bound, or (``including``) is it; None when that is unknown."""

    def position(self, source: Source) -> tuple[float, float]:
        """The earliest and the latest position in ``source`` that the bound may have."""

    def missing(self, source: Source) -> str:
        """Why membership is unknown in the whole of ``source``; empty when it is not."""


@dataclass(frozen=True, slots=True)
class Open:
    """No bound: at ``at``, minus or plus infinity."""

    at: float

    def passed(self, event: Event, *, including: bool) -> bool | None:  # noqa: ARG002 - Bound's signature
        return self.at < 0

    def position(self, source: Source) -> tuple[float, float]:  # noqa: ARG002
        return self.at, self.at

    def missing(self, source: Source) -> str:  # noqa: ARG002
        return ""


BEGINNING, END = Open(-math.inf), Open(math.inf)


@dataclass(frozen=True, slots=True)
class AtMark:
    """A mark, which is written into every source: exact wherever it is found. ``lacking`` says where not."""

    name: str
    seqs: Mapping[Source, float]
    lacking: Mapping[Source, str] = field(default_factory=dict)

    def passed(self, event: Event, *, including: bool) -> bool | None:  # noqa: ARG002
        at = self.seqs.get(event.source)
        return None if at is None else event.seq > at

    def position(self, source: Source) -> tuple[float, float]:
        at = self.seqs.get(source)
        return (-math.inf, math.inf) if at is None else (at, at)

    def missing(self, source: Source) -> str:
        if source in self.seqs:
            return ""
        return self.lacking.get(source) or f"mark {self.name} is not in the trace of {source}"


@dataclass(frozen=True, slots=True)
class AtEvent:
    """The first event of a kind.

    ``certain``   the first that surely is of it; None when there is none
    ``possible``  an earlier one that may be
    ``doubt``     why an even earlier one may have gone unseen; empty when none can
    """

    timeline: Timeline
    certain: Event | None
    possible: Event | None = None
    doubt: str = ""

    def passed(self, event: Event, *, including: bool) -> bool | None:
        surely = _after(self.timeline, self.certain, event, including) if self.certain else False
        if surely:
            return True
        if self.doubt or surely is None:
            return None
        if self.possible is None:
            return False
        return False if _after(self.timeline, self.possible, event, including) is False else None

    def position(self, source: Source) -> tuple[float, float]:
        if self.doubt:
            low = -math.inf
        else:
            first = self.possible or self.certain
            low = -math.inf if first is None else _position(self.timeline, first, source)[0]
        high = math.inf if self.certain is None else _position(self.timeline, self.certain, source)[1]
        return low, high

    def missing(self, source: Source) -> str:  # noqa: ARG002
        return ""


def _after(timeline: Timeline, bound: Event, event: Event, including: bool) -> bool | None:
    if event.seq == bound.seq and event.source is bound.source:
        return including
    return timeline.before(bound, event)


def _position(timeline: Timeline, event: Event, source: Source) -> tuple[float, float]:
    """Positions in ``source`` between which ``event`` lies."""
    if event.source is source:
        return event.seq, event.seq
    others = timeline.by_source.get(source, ())
    if not timeline.orderable(event.source, source):
        return -math.inf, math.inf
    first = bisect.bisect_left(others, True, key=lambda e: timeline.before(e, event) is not True)
    last = bisect.bisect_left(others, True, key=lambda e: timeline.before(event, e) is True)
    low = others[first - 1].seq if first else -math.inf
    return low, others[last].seq if last < len(others) else math.inf
