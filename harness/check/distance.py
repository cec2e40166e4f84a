# SPDX-License-Identifier: GPL-2.0-only
"""How far apart two events are, in virtual time and in events; with what is uncertain about it."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable

from harness.check.finding import both
from harness.check.window import WHOLE, gaps
from harness.scenario.language import EventPattern, Limit
from harness.trace.event import Event
from harness.trace.source import Source
from harness.trace.timeline import RESOLUTION_NS, Timeline


class Distance:
    """Measures distances; in events it counts those that ``patterns`` name."""

    def __init__(self, timeline: Timeline, patterns: Iterable[EventPattern], limit: Limit) -> None:
        self.timeline = timeline
        self.limit = limit
        self._patterns = {pattern.event: pattern for pattern in patterns}
        self._counted: dict[Source, tuple[Event, ...]] = {}

    def allows(self, first: Event, second: Event) -> bool | None:
        """Whether ``second``, which comes after ``first``, is near enough."""
        outcome: bool | None = True
        if self.limit.us is not None:
            outcome = within(first, second, self.limit.us * 1000)
        if outcome is not False and self.limit.events is not None:
            low, high = self.events(first, second)
            near = True if high <= self.limit.events else False if low > self.limit.events else None
            outcome = both(outcome, near)
        return outcome

    def events(self, first: Event, second: Event) -> tuple[float, float]:
        """The least and the most events from ``first`` on, up to and with ``second``, in its source."""
        counted = self._in(second.source)
        end = bisect.bisect_right(counted, second.seq, key=lambda e: e.seq)
        if first.source is second.source:
            start = bisect.bisect_right(counted, first.seq, key=lambda e: e.seq)
            low = high = float(end - start)
        else:
            before = self.timeline.before
            surely = bisect.bisect_left(counted, True, key=lambda e: before(first, e) is True)
            maybe = bisect.bisect_left(counted, True, key=lambda e: before(e, first) is not True)
            low, high = float(max(end - surely, 1)), float(end - maybe)
        for pattern in self._patterns.values():
            any_of_it = EventPattern(pattern.where, pattern.event, {})
            if gaps(self.timeline, any_of_it, WHOLE, after=first, before=second):
                high = math.inf
        return low, high

    def _in(self, source: Source) -> tuple[Event, ...]:
        if source not in self._counted:
            groups = (self.timeline.by_name.get(name, ()) for name in self._patterns)
            events = [event for group in groups for event in group if event.source is source]
            self._counted[source] = tuple(sorted(events, key=lambda e: e.seq))
        return self._counted[source]


def within(first: Event, second: Event, limit_ns: int) -> bool | None:
    """Whether ``second`` came at most ``limit_ns`` after ``first``; None inside the uncertainty."""
    distance = second.time_ns - first.time_ns
    slack = 2 * RESOLUTION_NS
    # The shift of one level's clock is the same for all its events; the model's times are each uncertain.
    if first.source is not second.source or first.source is Source.MODEL:
        slack += first.error_ns + second.error_ns
    if distance + slack <= limit_ns:
        return True
    return False if distance - slack > limit_ns else None
