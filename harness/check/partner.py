"""Finds, for one event, a partner before or after it that agrees with its bindings.

Shared by ``response`` and ``precedence``. Candidates are tested once against everything but variables and
indexed by the fields that variables compare, so that a trace of many thousand events stays fast.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from harness.check.condition import Env
from harness.check.finding import both
from harness.check.match import COVERS, conditions, match
from harness.check.window import Window
from harness.scenario.model import EventPattern
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.source import Source
from harness.trace.timeline import RESOLUTION_NS, Timeline


class Partners:
    """Candidates for ``pattern`` within ``window``."""

    def __init__(self, timeline: Timeline, pattern: EventPattern, window: Window) -> None:
        self.timeline = timeline
        self.pattern = pattern
        self.window = window
        self.keys = [
            (name, c.variable)
            for name, c in conditions(pattern).items()
            if c.binds and c.variable is not None and name != COVERS
        ]
        plain = EventPattern(
            pattern.where,
            pattern.event,
            {
                name: value
                for name, value in pattern.fields.items()
                if conditions(pattern)[name].variable is None
            },
        )
        self.all: list[Event] = []
        self.exact: dict[tuple[Value | None, ...], list[Event]] = {}
        self.loose: list[Event] = []
        for event in timeline.by_name.get(pattern.event, ()):
            if both(window.contains(event), match(plain, event, {})[0]) is False:
                continue
            self.all.append(event)
            key = tuple(event.fields.get(name) for name, _ in self.keys)
            if UNKNOWN in key or None in key:
                self.loose.append(event)
            else:
                self.exact.setdefault(key, []).append(event)
        self.error_ns = max((event.error_ns for event in self.all), default=0)

    def find(self, event: Event, env: Env, *, later: bool, within_ns: int | None = None) -> bool | None:
        """Whether a candidate follows ``event`` (``later``) or precedes it; None when one only may.

        ``within_ns`` bounds the time between both.
        """
        best: bool | None = False
        for pool in self._pools(env):
            for candidate in self._beside(pool, event, later=later, within_ns=within_ns):
                outcome = self._try(event, candidate, env, later=later, within_ns=within_ns)
                if outcome:
                    return True
                if outcome is None:
                    best = None
                    if not self.timeline.orderable(event.source, candidate.source):
                        return None
        return best

    def _pools(self, env: Env) -> Sequence[list[Event]]:
        values = [env.get(variable) for _, variable in self.keys]
        if None in values or UNKNOWN in values:
            return (self.all,)
        return (self.exact.get(tuple(values), []), self.loose)

    def _beside(
        self, pool: list[Event], event: Event, *, later: bool, within_ns: int | None
    ) -> Sequence[Event]:
        """Candidates that may be on the right side of ``event`` and near enough, nearest first."""
        if not pool or not self.timeline.orderable(event.source, pool[0].source):
            return pool
        before = self.timeline.before
        if pool[0].source is event.source:
            side = bisect.bisect_right if later else bisect.bisect_left
            at = side(pool, event.seq, key=lambda e: e.seq)
        elif later:
            at = bisect.bisect_left(pool, True, key=lambda e: before(event, e) is not False)
        else:
            at = bisect.bisect_left(pool, True, key=lambda e: before(e, event) is False)
        if not later:
            return pool[:at][::-1]
        high = len(pool)
        if within_ns is not None:
            limit = event.time_ns + within_ns + event.error_ns + self.error_ns + 2 * RESOLUTION_NS
            high = bisect.bisect_right(pool, limit, key=lambda e: e.time_ns)
        return pool[at:high]

    def _try(
        self, event: Event, candidate: Event, env: Env, *, later: bool, within_ns: int | None
    ) -> bool | None:
        pair = (event, candidate) if later else (candidate, event)
        outcome = self.timeline.before(*pair)
        if outcome is not False and within_ns is not None:
            outcome = both(outcome, _within(*pair, within_ns))
        if outcome is False:
            return False
        outcome = both(outcome, self.window.contains(candidate))
        return both(outcome, match(self.pattern, candidate, env)[0])


def _within(first: Event, second: Event, limit_ns: int) -> bool | None:
    """Whether ``second`` came at most ``limit_ns`` after ``first``; None inside the uncertainty."""
    distance = second.time_ns - first.time_ns
    slack = 2 * RESOLUTION_NS
    # The shift of one level's clock is the same for all its events; the model's times are each uncertain.
    if first.source is not second.source or first.source is Source.MODEL:
        slack += first.error_ns + second.error_ns
    if distance + slack <= limit_ns:
        return True
    return False if distance - slack > limit_ns else None
