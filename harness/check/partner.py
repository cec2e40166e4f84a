"""Finds, for one event, a partner before or after it that agrees with its bindings.

Shared by ``response``, ``precedence``, ``sequence`` and scopes. Candidates are tested once against everything
but variables and indexed by the fields that variables compare, so that long traces stay fast.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence

from harness.check.condition import Env
from harness.check.distance import Distance
from harness.check.finding import both
from harness.check.match import COVERS, conditions, match, same_span, wants_same_span
from harness.check.window import Region, candidates
from harness.scenario.model import EventPattern, Limit
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.timeline import RESOLUTION_NS, Timeline

NO_LIMIT = Limit()

Outcomes = Iterator[tuple[Event, bool | None]]


class Partners:
    """Candidates for ``pattern`` within ``window`` and the ``limit``.

    ``named``: the patterns whose events count for a limit in events.
    """

    def __init__(
        self,
        timeline: Timeline,
        pattern: EventPattern,
        window: Region,
        limit: Limit = NO_LIMIT,
        named: Iterable[EventPattern] = (),
    ) -> None:
        self.timeline = timeline
        self.pattern = pattern
        self.window = window
        self.limit = limit
        self.spans = wants_same_span(pattern)
        self.distance = Distance(timeline, named, limit)
        tests = conditions(pattern)
        self.keys = [
            (name, c.variable)
            for name, c in tests.items()
            if c.binds and c.variable is not None and name != COVERS
        ]
        fields = {n: v for n, v in pattern.fields.items() if n in tests and tests[n].variable is None}
        plain = EventPattern(pattern.where, pattern.event, fields)
        self.all: list[Event] = []
        self.exact: dict[tuple[Value | None, ...], list[Event]] = {}
        self.loose: list[Event] = []
        for event in candidates(timeline, pattern.event, window):
            if both(window.contains(event), match(plain, event, {})[0]) is False:
                continue
            self.all.append(event)
            key = tuple(event.fields.get(name) for name, _ in self.keys)
            if UNKNOWN in key or None in key:
                self.loose.append(event)
            else:
                self.exact.setdefault(key, []).append(event)
        self.error_ns = max((event.error_ns for event in self.all), default=0)

    def find(self, event: Event, env: Env, *, later: bool) -> bool | None:
        """Whether a candidate follows ``event`` (``later``) or precedes it; None when one only may."""
        best: bool | None = False
        for candidate, outcome in self.outcomes(event, env, later=later):
            if outcome:
                return True
            best = None
            if not self.timeline.orderable(event.source, candidate.source):
                return None
        return best

    def outcomes(self, event: Event, env: Env, *, later: bool) -> Outcomes:
        """Candidates that are certain or possible (None) partners, in each pool the nearest first."""
        return itertools.chain.from_iterable(self.by_pool(event, env, later=later))

    def by_pool(self, event: Event, env: Env, *, later: bool) -> Iterator[Outcomes]:
        """The same, pool by pool: what surely has the values that ``env`` wants, and what may have them."""
        return (self._in_pool(pool, event, env, later=later) for pool in self._pools(env))

    def _in_pool(self, pool: list[Event], event: Event, env: Env, *, later: bool) -> Outcomes:
        for candidate in self._beside(pool, event, later=later):
            outcome = match(self.pattern, candidate, env)[0]
            if outcome is not False:
                outcome = both(outcome, self.relation(event, candidate, later=later))
            if outcome is not False:
                yield candidate, outcome
            elif self.limit.events is not None and later and self._too_far(event, candidate):
                break

    def relation(self, event: Event, candidate: Event, *, later: bool) -> bool | None:
        """Whether ``candidate`` stands as it should to ``event`` and to the scope, whatever its fields."""
        pair = (event, candidate) if later else (candidate, event)
        outcome = both(self.timeline.before(*pair), self.window.contains(candidate))
        if outcome is not False and self.limit != NO_LIMIT:
            outcome = both(outcome, self.distance.allows(*pair))
        if outcome is False or not self.spans:
            return outcome
        return both(outcome, same_span(self.timeline, self.pattern, candidate, event))

    def _too_far(self, event: Event, candidate: Event) -> bool:
        """Whether every later candidate of the same source is further away than the limit in events."""
        if self.limit.events is None or event.source is not candidate.source:
            return False
        return self.distance.events(event, candidate)[0] > self.limit.events

    def _pools(self, env: Env) -> Sequence[list[Event]]:
        values = [env.get(variable) for _, variable in self.keys]
        if None in values or UNKNOWN in values:
            return (self.all,)
        return (self.exact.get(tuple(values), []), self.loose)

    def _beside(self, pool: list[Event], event: Event, *, later: bool) -> Iterable[Event]:
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
            return (pool[number] for number in range(at - 1, -1, -1))
        high = len(pool)
        if self.limit.us is not None:
            limit = event.time_ns + self.limit.us * 1000 + event.error_ns + self.error_ns + 2 * RESOLUTION_NS
            high = bisect.bisect_right(pool, limit, key=lambda e: e.time_ns)
        return (pool[number] for number in range(at, high))
