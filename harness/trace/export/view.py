# SPDX-License-Identifier: GPL-2.0-only
"""What is shown of a cell: its timeline, and the events that decided on assertions."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.level import Level
from harness.trace.event import Event
from harness.trace.source import Source
from harness.trace.timeline import Loss, Timeline

Key = tuple[Source, int]
"""Source and position: names an event within a timeline."""
Track = tuple[Level, Source, int]
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
    """A timeline to be shown; ``highlights`` are assertions, the red ones first.

    ``level`` is the one whose hypervisor is meant by a format that speaks of one machine.
    """

    timeline: Timeline
    title: str = "timeline"
    highlights: tuple[Highlight, ...] = ()
    level: Level = Level.L0


def key_of(event: Event) -> Key:
    """What names the event."""
    return event.source, event.seq


def track_of(event: Event) -> Track:
    """The track on which ``event`` is shown."""
    return event.level, event.source, event.cpu


def tracks_of(timeline: Timeline) -> list[Track]:
    """Every track with an event, by level, kernels before the model, by CPU."""
    tracks = {track_of(event) for event in timeline.events}
    return sorted(tracks, key=lambda track: (track[0], track[1] is Source.MODEL, track[2]))


def track_name(track: Track) -> str:
    """For people: ``L1 CPU 0 (kernel)``, ``L1 vCPU 0 (model)``; the model numbers its own vCPUs."""
    level, source, cpu = track
    seen_by = f"vCPU {cpu} (model)" if source is Source.MODEL else f"CPU {cpu} (kernel)"
    return f"{str(level).upper()} {seen_by}"


def shown_times(events: Sequence[Event]) -> dict[Key, int]:
    """Times in ns at which to show events: a source's events of equal time are spread over its uncertainty.

    The model's events between two events that L0 dated all have one time and error; spread evenly over
    that stretch they stand in their order, and none leaves it.
    """
    times: dict[Key, int] = {}
    runs: dict[Source, list[Event]] = {}

    def place(run: list[Event]) -> None:
        width = 2 * run[0].error_ns
        for number, event in enumerate(run, 1):
            offset = width * number // (len(run) + 1) if len(run) > 1 else run[0].error_ns
            times[key_of(event)] = event.time_ns - event.error_ns + offset

    for event in events:
        run = runs.setdefault(event.source, [])
        if run and (run[-1].time_ns, run[-1].error_ns) != (event.time_ns, event.error_ns):
            place(run)
            run.clear()
        run.append(event)
    for run in runs.values():
        place(run)
    return times


def loss_times(timeline: Timeline) -> list[tuple[Loss, int, int]]:
    """Each loss with the times in ns between which events are missing (the trace's ends where open)."""
    found = []
    for loss in timeline.losses:
        events = timeline.by_source.get(loss.source, ())
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
        lane = next((lane for lane, free in enumerate(ends) if free <= begin), len(ends))
        ends[lane : lane + 1] = [end]
        chosen.append(lane)
    return chosen
