"""Changes to a timeline: events dropped, altered, moved and added; spans follow their events."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from harness.trace.event import Event
from harness.trace.source import Source
from harness.trace.span import Span
from harness.trace.timeline import Timeline, in_time

ROOM = 1 << 12
"""Free positions between neighbours of a spread timeline."""

Key = tuple[Source, int]


def key(event: Event) -> Key:
    """What an event is known by: its source and position."""
    return event.source, event.seq


def spread(timeline: Timeline) -> Timeline:
    """The same timeline with room for events between any two positions of a source."""

    def wide(seq: int | None) -> int | None:
        return None if seq is None else seq * ROOM

    moved = {key(event): dataclasses.replace(event, seq=event.seq * ROOM) for event in timeline.events}
    return dataclasses.replace(
        timeline,
        events=tuple(moved[key(event)] for event in timeline.events),
        marks=tuple(dataclasses.replace(mark, seq=mark.seq * ROOM) for mark in timeline.marks),
        losses=tuple(
            dataclasses.replace(each, after_seq=each.after_seq * ROOM, before_seq=wide(each.before_seq))
            for each in timeline.losses
        ),
        doubts=tuple(dataclasses.replace(each, seq=wide(each.seq)) for each in timeline.doubts),
        anchors=tuple(
            dataclasses.replace(each, seq=each.seq * ROOM, after=wide(each.after), before=wide(each.before))
            for each in timeline.anchors
        ),
        spans=tuple(_follow(span, moved) for span in timeline.spans),
    )


def without(timeline: Timeline, events: Iterable[Event]) -> Timeline:
    """The timeline without these events."""
    gone = set(map(key, events))
    return _mapped(timeline, lambda event: None if key(event) in gone else event)


def changed(timeline: Timeline, events: Iterable[Event], change: Callable[[Event], Event]) -> Timeline:
    """The timeline with ``change`` applied to these events."""
    chosen = set(map(key, events))
    return _mapped(timeline, lambda event: change(event) if key(event) in chosen else event)


def in_another_span(timeline: Timeline, events: Iterable[Event]) -> Timeline:
    """The timeline with these events in one new span instead of theirs."""
    chosen = tuple(events)
    gone = set(map(key, chosen))
    spans = [
        dataclasses.replace(span, events=tuple(event for event in span.events if key(event) not in gone))
        for span in timeline.spans
    ]
    number = max((span.id for span in spans), default=0) + 1
    kept = tuple(span for span in spans if span.events)
    return dataclasses.replace(timeline, spans=(*kept, Span(number, "mutation", "", chosen)))


def added(timeline: Timeline, event: Event) -> Timeline:
    """The timeline with one more event, at a position that must be free."""
    return dataclasses.replace(timeline, events=in_time((*timeline.events, event)))


def _mapped(timeline: Timeline, change: Callable[[Event], Event | None]) -> Timeline:
    results = {key(event): change(event) for event in timeline.events}
    kept = {at: event for at, event in results.items() if event is not None}
    spans = tuple(span for span in (_follow(each, kept) for each in timeline.spans) if span.events)
    return dataclasses.replace(timeline, events=in_time(kept.values()), spans=spans)


def _follow(span: Span, events: dict[Key, Event]) -> Span:
    return dataclasses.replace(span, events=tuple(events[key(e)] for e in span.events if key(e) in events))
