"""Cuts a trace down to what matters: the fewest events with which every expectation still says the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.check.corpus.recording import judge
from harness.check.evaluate import event_names
from harness.scenario.language import Expectation
from harness.scenario.patterns import scope_marks
from harness.trace.event import Event
from harness.trace.order import Anchor
from harness.trace.timeline import Timeline, in_time

Item = TypeVar("Item")

NEIGHBOURS = 2
"""How many events on either side of one that matters are kept, in each source."""

MOST = 60
"""With how many events a recording has enough."""


def cut(timeline: Timeline, expectations: Sequence[Expectation]) -> Timeline:
    """The smallest part of ``timeline`` found on which each expectation has the verdict that it has on it."""
    timeline = _named(timeline, expectations)
    wanted = [finding.verdict for finding in judge(expectations, timeline)]

    def same(items: Sequence[Event | Anchor]) -> bool:
        part = _part(timeline, items)
        return [finding.verdict for finding in judge(expectations, part)] == wanted

    everything: tuple[Event | Anchor, ...] = (*timeline.events, *timeline.anchors)
    kept = minimise(everything, same)
    return _part(timeline, _with_neighbours(timeline, kept, same))


def _with_neighbours(
    timeline: Timeline, kept: Sequence[Event | Anchor], same: Callable[[Sequence[Event | Anchor]], bool]
) -> Sequence[Event | Anchor]:
    """What happened next to the events as well, so that there is something to tell them from."""
    anchors = [item for item in kept if isinstance(item, Anchor)]
    events = {(item.source, item.seq): item for item in kept if isinstance(item, Event)}
    for item in list(events.values()):
        wider = events | {(e.source, e.seq): e for e in timeline.around(item, NEIGHBOURS)}
        if len(wider) <= MOST and same([*in_time(wider.values()), *anchors]):
            events = wider
    return [*in_time(events.values()), *anchors]


def minimise(items: Sequence[Item], same: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """Leave items out, in ever smaller runs, as long as ``same`` holds (Zeller's delta debugging)."""
    kept = list(items)
    size = max(1, len(kept) // 2)
    while kept:
        changed = False
        at = 0
        while at < len(kept):
            fewer = kept[:at] + kept[at + size :]
            if same(fewer):
                kept, changed = fewer, True
            else:
                at += size
        if size == 1 and not changed:
            break
        size = size if changed and size == 1 else max(1, size // 2)
    return kept


def _named(timeline: Timeline, expectations: Sequence[Expectation]) -> Timeline:
    """Without what no expectation mentions."""
    names = set(event_names(expectations))
    marks = {mark for each in expectations for mark in scope_marks(each)}
    return dataclasses.replace(
        timeline,
        events=tuple(event for event in timeline.events if event.name in names),
        marks=tuple(mark for mark in timeline.marks if mark.name in marks),
        realised={name: how for name, how in timeline.realised.items() if name in names},
        missing={name: why for name, why in timeline.missing.items() if name in names},
    )


def _part(timeline: Timeline, items: Sequence[Event | Anchor]) -> Timeline:
    """The timeline with only these events and anchors, and spans of what is left."""
    events = tuple(item for item in items if isinstance(item, Event))
    left = {(event.source, event.seq) for event in events}
    spans = []
    for span in timeline.spans:
        inside = tuple(event for event in span.events if (event.source, event.seq) in left)
        if inside:
            spans.append(dataclasses.replace(span, events=inside))
    return dataclasses.replace(
        timeline,
        events=events,
        anchors=tuple(item for item in items if isinstance(item, Anchor)),
        spans=tuple(spans),
    )
