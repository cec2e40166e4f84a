# SPDX-License-Identifier: GPL-2.0-only
"""Finds, for one event, a partner before or after it that agrees with its bindings.

Shared by ``response``, ``precedence``, ``sequence`` and scopes. Candidates are tested once against everything
but variables and indexed by the fields that variables compare, so that long traces stay fast.
"""

from __future__ import annotations

import bisect
import itertools
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.check.condition import Env
from harness.check.distance import Distance
from harness.check.finding import both
from harness.check.match import COVERS, conditions, match, same_span, wants_same_span
from harness.check.window import Region, candidates, surely_in
from harness.scenario.language import EventPattern, Limit
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.packed import Packed, Sieve, first_after, first_from
from harness.trace.source import Source
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
        found = candidates(timeline, pattern, window)
        self.error_ns = 0
        self.all: Sequence[Event] = found
        self.loose: Sequence[Event] = ()
        self.exact: Mapping[tuple[Value | None, ...], Sequence[Event]]
        self.sure = False  # whether everything in ``exact`` is a partner, if it is on the right side
        # Of packed events the heads may tell all that matters of them here.
        sure = isinstance(found, Packed) and limit.us is None and surely_in(window, plain, found)
        self.plain_only = sure and len(fields) == len(tests)
        if sure and isinstance(found, Packed):
            groups = found.by_fields([name for name, _ in self.keys])
            if groups is not None:
                decided = len(fields) + len(self.keys) == len(tests)
                self.sure = decided and limit == NO_LIMIT and not self.spans
                self.exact = {tuple(key): group for key, group in groups.items()} or {(): found}
                return
        every, loose = _places(found), _places(found)
        exact: dict[tuple[Value | None, ...], array[int] | Sieve] = {}
        for place, event in enumerate(found):
            if both(window.contains(event), match(plain, event, {})[0]) is False:
                continue
            every.append(place)
            self.error_ns = max(self.error_ns, event.error_ns)
            if self.keys:
                key = tuple(event.fields.get(name) for name, _ in self.keys)
                uncertain = UNKNOWN in key or None in key
                if not uncertain and key not in exact:
                    exact[key] = _places(found)
                (loose if uncertain else exact[key]).append(place)
        self.all = _taken(found, every)
        self.loose = _taken(found, loose)
        self.exact = {key: _taken(found, places) for key, places in exact.items()} or {(): self.all}

    def find(self, event: Event, env: Env, *, later: bool) -> bool | None:
        """Whether a candidate follows ``event`` (``later``) or precedes it; None when one only may."""
        if self.sure and event.source is self.timeline.source_of(self.pattern.event):
            pool, *rest = self._pools(env)
            if rest:  # it was chosen by all values
                at = first_after(pool, event.seq) if later else first_from(pool, event.seq)
                return at < len(pool) if later else at > 0
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
        inside = self._in_span(event)
        pools = self._pools(env) if inside is None else (inside,)
        return (self._in_pool(pool, event, env, later=later) for pool in pools)

    def _in_span(self, event: Event) -> Sequence[Event] | None:
        """With ``span: same``, the candidates in the span of ``event``; None where there may be others."""
        if not self.spans or self.timeline.source_of(self.pattern.event) is not Source.MODEL:
            return None
        span = self.timeline.span_of(event)
        if span is None or span.open:
            return None
        return [each for each in span.events if each.source is Source.MODEL and self._among(each)]

    def _among(self, event: Event) -> bool:
        """Whether the event, which is of the pattern's source, is a candidate."""
        at = first_from(self.all, event.seq)
        return at < len(self.all) and first_after(self.all, event.seq) > at

    def _in_pool(self, pool: Sequence[Event], event: Event, env: Env, *, later: bool) -> Outcomes:
        for candidate in self._beside(pool, event, later=later):
            outcome = True if self.plain_only else match(self.pattern, candidate, env)[0]
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

    def _pools(self, env: Env) -> Sequence[Sequence[Event]]:
        values = [env.get(variable) for _, variable in self.keys]
        if None in values or UNKNOWN in values:
            return (self.all,)
        return (self.exact.get(tuple(values), ()), self.loose)

    def _beside(self, pool: Sequence[Event], event: Event, *, later: bool) -> Iterable[Event]:
        """Candidates that may be on the right side of ``event`` and near enough, nearest first."""
        source = self.timeline.source_of(self.pattern.event)
        same = source is event.source
        if not pool or not (same or self.timeline.orderable(event.source, source)):
            return pool
        before = self.timeline.before
        if same:
            at = first_after(pool, event.seq) if later else first_from(pool, event.seq)
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


def _places(found: Sequence[Event]) -> array[int] | Sieve:
    """Somewhere to keep places in ``found``."""
    return found.sieve() if isinstance(found, Packed) else array("q")


def _taken(found: Sequence[Event], places: array[int] | Sieve) -> Sequence[Event]:
    """Those at ``places``: as objects only where ``found`` has objects."""
    return places.kept() if isinstance(places, Sieve) else [found[place] for place in places]
