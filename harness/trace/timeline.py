"""Everything observed in a cell, of all levels, in order, with what is not known about it."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.level import Level
from harness.trace.clock import ClockRelation
from harness.trace.event import Event
from harness.trace.registry import Blind

RESOLUTION_NS = 500
"""The trace text rounds to microseconds (kernel/trace/trace_output.c), half a microsecond either way."""

NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark in one level's trace. ``seq`` shares the numbering of that level's events."""

    name: str
    level: Level
    seq: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Events of a level were lost strictly after ``after_seq`` and before ``before_seq`` (None: the end).

    ``count`` is None when the kernel did not say how many.
    """

    level: Level
    after_seq: int
    before_seq: int | None
    count: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something about a level's trace was not understood, at ``seq`` or (None) anywhere."""

    level: Level
    seq: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Realised:
    """How an event was had. ``blind`` describes events of that name that could not be seen."""

    how: str
    blind: Blind | None = None


@dataclass(frozen=True)
class Timeline:
    """Events in order of time; within one level the order is exact and given by ``seq``.

    ``missing`` names wanted events without a realisation, with the reason. An event name that is neither
    realised nor missing was not traced.
    """

    events: tuple[Event, ...] = ()
    marks: tuple[Mark, ...] = ()
    losses: tuple[Loss, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    realised: Mapping[str, Realised] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    clocks: Mapping[Level, ClockRelation] = field(default_factory=dict)

    @functools.cached_property
    def by_name(self) -> Mapping[str, tuple[Event, ...]]:
        """Events of each name in their level's order."""
        groups: dict[str, list[Event]] = {}
        for event in self.events:
            groups.setdefault(event.name, []).append(event)
        return {name: tuple(sorted(group, key=lambda e: e.seq)) for name, group in groups.items()}

    @functools.cached_property
    def by_level(self) -> Mapping[Level, tuple[Event, ...]]:
        """Events of each level in order."""
        groups: dict[Level, list[Event]] = {}
        for event in self.events:
            groups.setdefault(event.level, []).append(event)
        return {level: tuple(sorted(group, key=lambda e: e.seq)) for level, group in groups.items()}

    def error_ns(self, level: Level) -> int | None:
        """Half-width of a level's clock uncertainty towards L0; None when unknown or in doubt."""
        if level is Level.L0:
            return 0
        relation = self.clocks.get(level)
        return None if relation is None or relation.doubts else relation.error_ns

    def before(self, first: Event, second: Event) -> bool | None:
        """Whether ``first`` happened before ``second``; None when the clocks cannot tell."""
        if first.level is second.level:
            return first.seq < second.seq
        errors = (self.error_ns(first.level), self.error_ns(second.level))
        if errors[0] is None or errors[1] is None:
            return None
        slack = first.error_ns + second.error_ns + 2 * RESOLUTION_NS
        if first.time_ns + slack < second.time_ns:
            return True
        if second.time_ns + slack < first.time_ns:
            return False
        return None

    def around(self, event: Event, count: int = NEIGHBOURS) -> tuple[Event, ...]:
        """``event`` and up to ``count`` neighbours on either side at every level, by time."""
        chosen: dict[tuple[Level, int], Event] = {}
        for level, events in self.by_level.items():
            if level is event.level:
                at = bisect.bisect_left(events, event.seq, key=lambda e: e.seq)
                picked = events[max(0, at - count) : at + count + 1]
            else:
                at = bisect.bisect_left(events, event.time_ns, key=lambda e: e.time_ns)
                picked = events[max(0, at - count) : at + count]
            chosen.update({(e.level, e.seq): e for e in picked})
        return tuple(sorted(chosen.values(), key=lambda e: (e.time_ns, e.level, e.seq)))
