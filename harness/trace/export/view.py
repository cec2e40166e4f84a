"""What is shown of a cell: its timeline, and the events that decided on assertions."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.level import Level
from harness.trace.event import Event
from harness.trace.timeline import Loss, Timeline

MODEL = "model"
"""The source that is the hardware model; the others are the levels' kernels."""

Track = tuple[Level, str, int]
"""Level at which code ran, source that saw it, CPU as that source numbers them."""


@dataclass(frozen=True, slots=True)
class Highlight:
    """An assertion, the event that decided on it (None: no event did) and that event's neighbours."""

    name: str
    verdict: str
    message: str
    trigger: Event | None = None
    context: tuple[Event, ...] = ()


@dataclass(frozen=True)
class View:
    """A timeline to be shown; ``highlights`` are its red assertions first."""

    timeline: Timeline
    title: str = "timeline"
    highlights: tuple[Highlight, ...] = field(default=())


def source_of(item: Event | Loss) -> str:
    """The source that saw the event or lost it: ``model``, or the level whose kernel it was."""
    return str(getattr(item, "source", item.level))


def track_of(event: Event) -> Track:
    """The track on which ``event`` is shown."""
    return event.level, source_of(event), event.cpu


def tracks_of(timeline: Timeline) -> list[Track]:
    """Every track with an event, by level, kernels before the model, by CPU."""
    tracks = {track_of(event) for event in timeline.events}
    return sorted(tracks, key=lambda track: (track[0], track[1] == MODEL, track[2]))


def track_name(track: Track) -> str:
    """For people: ``L1 CPU 0 (kernel)``, ``L1 vCPU 0 (model)``; the model numbers its own vCPUs."""
    level, source, cpu = track
    seen_by = f"vCPU {cpu} (model)" if source == MODEL else f"CPU {cpu} (kernel)"
    return f"{str(level).upper()} {seen_by}"


def streams_of(timeline: Timeline) -> dict[str, list[Event]]:
    """The events of each source in its own exact order."""
    streams: dict[str, list[Event]] = {}
    for event in timeline.events:
        streams.setdefault(source_of(event), []).append(event)
    for events in streams.values():
        events.sort(key=lambda e: e.seq)
    return streams


def spans_of(timeline: Timeline) -> list[Any]:
    """Every span with an event in the timeline, in order of their first event."""
    span_of = getattr(timeline, "span_of", None)
    found: dict[int, Any] = {}
    if span_of is not None:
        for event in timeline.events:
            span = span_of(event)
            if span is not None:
                found.setdefault(span.id, span)
    return list(found.values())


def loss_times(timeline: Timeline) -> list[tuple[Loss, int, int]]:
    """Each loss with the times in ns between which events are missing (the trace's ends where open)."""
    streams = streams_of(timeline)
    found = []
    for loss in timeline.losses:
        events: Sequence[Event] = streams.get(source_of(loss), [])
        whole = events or timeline.events
        if not whole:
            found.append((loss, 0, 0))
            continue
        after = bisect.bisect_right(events, loss.after_seq, key=lambda e: e.seq)
        before = len(events)
        if loss.before_seq is not None:
            before = bisect.bisect_left(events, loss.before_seq, key=lambda e: e.seq)
        begin = events[after - 1].time_ns if after else whole[0].time_ns
        end = events[before].time_ns if before < len(events) else whole[-1].time_ns
        found.append((loss, begin, max(begin, end)))
    return found


def lanes(intervals: Iterable[tuple[int, int]]) -> list[int]:
    """A lane for each (begin, end) in order of begin, such that those of one lane do not overlap."""
    ends: list[int] = []
    chosen = []
    for begin, end in intervals:
        for lane, free in enumerate(ends):
            if free <= begin:
                ends[lane] = end
                chosen.append(lane)
                break
        else:
            chosen.append(len(ends))
            ends.append(end)
    return chosen
