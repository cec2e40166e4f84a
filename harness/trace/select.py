# SPDX-License-Identifier: GPL-2.0-only
"""Parts of a timeline: by level, by event name, around a moment."""

from __future__ import annotations

import bisect
import dataclasses
import fnmatch
import math
import re
from collections.abc import Collection, Mapping, Sequence

from harness.errors import UserError, closest
from harness.level import Level
from harness.trace.event import Event
from harness.trace.source import Source
from harness.trace.timeline import Timeline

SECONDS = re.compile(r"\d+(\.\d{1,9})?")


def moment(text: str, timeline: Timeline, named: Mapping[str, Event]) -> Event | int:
    """What ``--around`` names: seconds on L0's clock (returned in ns), a mark (ns), or a key of ``named``.

    ``UserError`` with the closest name for anything else.
    """
    if text in named:
        return named[text]
    if SECONDS.fullmatch(text):
        whole, _, part = text.partition(".")
        return int(whole) * 10**9 + int(part.ljust(9, "0"))
    for mark in timeline.marks:
        if mark.name == text:
            return mark.time_ns
    names = [*named, *dict.fromkeys(mark.name for mark in timeline.marks)]
    near = closest(text, names)
    hint = f"; did you mean {near!r}?" if near else f"; there are {', '.join(names)}" if names else ""
    raise UserError(f"--around {text}: neither seconds, nor a mark, nor an assertion with an event{hint}")


def select(
    timeline: Timeline,
    *,
    levels: Collection[Level] = (),
    names: Sequence[str] = (),
    around: Event | int | None = None,
    count: int = 20,
) -> Timeline:
    """The events at ``levels`` (all if empty) whose names match one of the globs ``names`` (all if empty).

    With ``around``, the ``count`` events of each source before and after that time in ns or event (which is
    included), counted among those that the other conditions leave. Marks, losses and doubts of sources whose
    events all fall to ``levels`` go too. ``UserError`` when a name matches no event of the timeline.
    """
    there = {event.name for event in timeline.events}
    for pattern in names:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in there):
            near = closest(pattern, there)
            hint = (
                f"; did you mean {near!r}?" if near else f"; there are {', '.join(sorted(there)) or 'none'}"
            )
            raise UserError(f"--name {pattern}: no event of the timeline is so named{hint}")
    wanted = {name for name in there if not names or any(fnmatch.fnmatchcase(name, p) for p in names)}
    chosen = [e for e in timeline.events if e.name in wanted and (not levels or e.level in levels)]
    spans: dict[Source, tuple[float, float]] = {}
    if around is not None:
        chosen, spans = _near(chosen, around, count)
    sources = {s for s in Source if not levels or s.level is None or s.level in levels}

    def inside(source: Source, seq: float) -> bool:
        low, high = spans.get(source, (-math.inf, math.inf) if around is None else (math.inf, -math.inf))
        return source in sources and low <= seq <= high

    return dataclasses.replace(
        timeline,
        events=tuple(chosen),
        marks=tuple(m for m in timeline.marks if inside(m.source, m.seq)),
        losses=tuple(
            loss
            for loss in timeline.losses
            if inside(loss.source, loss.after_seq) or inside(loss.source, loss.after_seq + 1)
        ),
        doubts=tuple(
            d for d in timeline.doubts if d.source in sources and (d.seq is None or inside(d.source, d.seq))
        ),
    )


def _near(
    events: Sequence[Event], around: Event | int, count: int
) -> tuple[list[Event], dict[Source, tuple[float, float]]]:
    """The chosen events, and the stretch of each source's positions that they cover."""
    streams: dict[Source, list[Event]] = {}
    for event in events:
        streams.setdefault(event.source, []).append(event)
    keep: set[tuple[Source, int]] = set()
    spans: dict[Source, tuple[float, float]] = {}
    time = around if isinstance(around, int) else around.time_ns
    for source, stream in streams.items():
        stream.sort(key=lambda e: e.seq)
        if isinstance(around, Event) and around.source is source:
            at = bisect.bisect_left(stream, around.seq, key=lambda e: e.seq)
            after = at + count + (1 if at < len(stream) and stream[at].seq == around.seq else 0)
        else:
            at = bisect.bisect_left(stream, time, key=lambda e: e.time_ns)
            after = at + count
        part = stream[max(0, at - count) : after]
        keep.update((source, e.seq) for e in part)
        low = -math.inf if at <= count else part[0].seq
        high = math.inf if after >= len(stream) else part[-1].seq
        spans[source] = (low, high)
    return [e for e in events if (e.source, e.seq) in keep], spans
