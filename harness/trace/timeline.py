# SPDX-License-Identifier: GPL-2.0-only
"""Everything observed in a cell, by all sources, in order, with what is not known about it."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.level import Level
from harness.trace.clock import ClockRelation
from harness.trace.event import Event
from harness.trace.membership import Membership
from harness.trace.order import Anchor, Bounds
from harness.trace.packed import Merged, first_from
from harness.trace.registry import Blind
from harness.trace.source import Source, source_of
from harness.trace.span import PackedSpans, Span

RESOLUTION_NS = 500
"""The trace text rounds to microseconds (kernel/trace/trace_output.c), half a microsecond either way."""

NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class TraceMark:
    """A mark in one source. ``seq`` shares the numbering of that source's events."""

    name: str
    source: Source
    seq: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Events of a source were lost strictly after ``after_seq`` and before ``before_seq`` (None: the end).

    ``count`` is None when nobody said how many.
    """

    source: Source
    after_seq: int
    before_seq: int | None
    count: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something about a source's trace was not understood, at ``seq`` or (None) anywhere."""

    source: Source
    seq: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Realised:
    """How an event was obtained. ``blind`` describes events of that name that could not be seen.

    ``source``: who observed them, where that is not the source that the name begins with.
    """

    how: str
    blind: Blind | None = None
    source: Source | None = None


@dataclass(frozen=True)
class Timeline:
    """Events in order of time; within one source the order is exact and given by ``seq``.

    ``missing`` names wanted events without a realisation, with the reason. An event name that is neither
    realised nor missing was not traced. ``anchors`` tie the levels' sources to the model's.
    """

    events: Sequence[Event] = ()
    marks: tuple[TraceMark, ...] = ()
    losses: tuple[Loss, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    realised: Mapping[str, Realised] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    clocks: Mapping[Level, ClockRelation] = field(default_factory=dict)
    anchors: tuple[Anchor, ...] = ()
    spans: Sequence[Span] = ()

    @functools.cached_property
    def by_name(self) -> Mapping[str, Sequence[Event]]:
        """Events of each name in their source's order."""
        groups: dict[str, list[Event]] = {}
        for event in self._few:
            groups.setdefault(event.name, []).append(event)
        few = {name: tuple(sorted(group, key=lambda e: e.seq)) for name, group in groups.items()}
        return {**few, **(self.events.packed.by_name() if isinstance(self.events, Merged) else {})}

    @functools.cached_property
    def by_source(self) -> Mapping[Source, Sequence[Event]]:
        """Events of each source in order."""
        groups: dict[Source, list[Event]] = {}
        for event in self._few:
            groups.setdefault(event.source, []).append(event)
        few = {source: tuple(sorted(group, key=lambda e: e.seq)) for source, group in groups.items()}
        return {**few, **({Source.MODEL: self.events.packed} if isinstance(self.events, Merged) else {})}

    def source_of(self, name: str) -> Source:
        """Who observed the events of that name; ``ValueError`` for a name that no source has."""
        realised = self.realised.get(name)
        return (realised.source if realised else None) or source_of(name)

    @property
    def _few(self) -> Sequence[Event]:
        """Those events that are not packed."""
        return self.events.others if isinstance(self.events, Merged) else self.events

    @functools.cached_property
    def _bounds(self) -> Mapping[Source, Bounds]:
        groups: dict[Source, list[Anchor]] = {}
        for anchor in self.anchors:
            groups.setdefault(anchor.source, []).append(anchor)
        return {source: Bounds(groups.get(source, ())) for source in Source}

    @functools.cached_property
    def _span_at(self) -> Membership | PackedSpans:
        if isinstance(self.spans, PackedSpans):
            return self.spans
        return Membership(span.events for span in self.spans)

    def span_of(self, event: Event) -> Span | None:
        """The span that ``event`` belongs to, or None."""
        number = self._span_at.find(event)
        return None if number is None else self.spans[number]

    def error_ns(self, source: Source) -> int | None:
        """Half-width of a level's clock uncertainty towards L0; None when unknown, in doubt, or the model."""
        if source is Source.L0:
            return 0
        relation = None if source.level is None else self.clocks.get(source.level)
        return None if relation is None or relation.doubts else relation.error_ns

    def orderable(self, first: Source, second: Source) -> bool:
        """Whether any order at all can be established between events of two sources."""
        if first is second or None not in (self.error_ns(first), self.error_ns(second)):
            return True
        return all(source is Source.MODEL or bool(self._bounds[source]) for source in (first, second))

    def before(self, first: Event, second: Event) -> bool | None:
        """Whether ``first`` happened before ``second``; None when that cannot be established.

        Within a source by position. Across sources through what both saw (``anchors``), else through the
        levels' clocks; the model has no clock of its own.
        """
        if first.source is second.source:
            return first.seq < second.seq
        if self.anchors:
            (low1, high1), (low2, high2) = self.position(first), self.position(second)
            # The model's own events are exact: their two bounds are equal.
            if high1 <= low2:
                return True
            if high2 <= low1:
                return False
        errors = (self.error_ns(first.source), self.error_ns(second.source))
        if errors[0] is None or errors[1] is None:
            return None
        slack = first.error_ns + second.error_ns + 2 * RESOLUTION_NS
        if first.time_ns + slack < second.time_ns:
            return True
        if second.time_ns + slack < first.time_ns:
            return False
        return None

    def position(self, event: Event) -> tuple[float, float]:
        """The model positions that surely come before and after ``event``; infinite where none is known."""
        if event.source is Source.MODEL:
            return event.seq, event.seq
        bounds = self._bounds[event.source]
        return bounds.low(event.seq), bounds.high(event.seq)

    def event_at(self, source: Source, number: int) -> Event | None:
        """The event with the position ``number`` (``seq``) in its source, or None."""
        events = self.by_source.get(source, ())
        at = first_from(events, number)
        return events[at] if at < len(events) and events[at].seq == number else None

    def around(self, event: Event, count: int = NEIGHBOURS) -> tuple[Event, ...]:
        """``event`` and up to ``count`` neighbours on either side in every source, by time."""
        chosen: dict[tuple[Source, int], Event] = {}
        for source, events in self.by_source.items():
            if source is event.source:
                at = first_from(events, event.seq)
                picked = events[max(0, at - count) : at + count + 1]
            else:
                at = bisect.bisect_left(events, event.time_ns, key=lambda e: e.time_ns)
                picked = events[max(0, at - count) : at + count]
            chosen.update({(e.source, e.seq): e for e in picked})
        return in_time(chosen.values())


def in_time(events: Iterable[Event]) -> tuple[Event, ...]:
    """``events`` by time; those of one source stay in their order."""
    return tuple(sorted(events, key=lambda e: (e.time_ns, e.source, e.seq)))
