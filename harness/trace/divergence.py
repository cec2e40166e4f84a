# SPDX-License-Identifier: GPL-2.0-only
"""The first divergence of two runs, source by source, after renaming (``harness.trace.canonical``)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.trace.canonical import canonical
from harness.trace.event import Event
from harness.trace.export.plain import event_text
from harness.trace.source import Source
from harness.trace.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a source's events differ first: at position ``at`` (from 0) of both.

    ``same`` are the canonical texts before it; ``left`` and ``right`` those from there on, with the events.
    """

    source: Source
    at: int
    same: tuple[str, ...]
    left: tuple[tuple[str, Event], ...]
    right: tuple[tuple[str, Event], ...]


@dataclass(frozen=True, slots=True)
class TraceComparison:
    """``divergences``, one per source that differs; ``compared`` events per source that does not.

    ``unsure`` says why equal traces may hide a difference: events were lost, or a trace was not understood.
    """

    divergences: tuple[Divergence, ...]
    compared: dict[Source, int]
    unsure: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether no source differs."""
        return not self.divergences


def compare(left: Timeline, right: Timeline, context: int = 3) -> TraceComparison:
    """Compare two runs; ``context`` events are kept before and after the first difference of each source."""
    divergences, compared = [], {}
    for source in Source:
        streams = left.by_source.get(source, ()), right.by_source.get(source, ())
        found = _first(source, *streams, context)
        if found is not None:
            divergences.append(found)
        elif streams[0]:
            compared[source] = len(streams[0])
    unsure = tuple(
        f"{side}: {text}" for side, timeline in (("A", left), ("B", right)) for text in _doubts(timeline)
    )
    return TraceComparison(tuple(divergences), compared, unsure)


def _doubts(timeline: Timeline) -> Iterator[str]:
    for loss in timeline.losses:
        yield f"{loss.source} lost {'' if loss.count is None else f'{loss.count} '}events: {loss.reason}"
    for doubt in timeline.doubts:
        yield f"{doubt.source}: {doubt.text}"


def _first(source: Source, left: Sequence[Event], right: Sequence[Event], context: int) -> Divergence | None:
    texts = list(canonical(left)), list(canonical(right))
    for at, (a, b) in enumerate(itertools.zip_longest(*texts)):
        if a != b:
            sides = [
                tuple(zip(text[at : at + context + 1], events[at : at + context + 1], strict=True))
                for text, events in zip(texts, (left, right), strict=True)
            ]
            return Divergence(source, at, tuple(texts[0][max(0, at - context) : at]), *sides)
    return None


def report(found: TraceComparison, names: tuple[str, str]) -> Iterator[str]:
    """Lines for people; the sides' own addresses and times stand below each differing line."""
    for source, count in found.compared.items():
        yield f"{source}: the same, {count} events"
    for each in found.divergences:
        yield f"{each.source}: the first {each.at} events are the same, then they differ"
        yield from (f"    {text}" for text in each.same)
        for sign, name, side in (("-", names[0], each.left), ("+", names[1], each.right)):
            if not side:
                yield f"{sign} {name} ends here"
            for number, (text, event) in enumerate(side):
                yield f"{sign if number == 0 else ' '}{sign} {text}"
                if number == 0:
                    yield f"      in {name}: {event_text(event)}"
    yield from (f"unsure: {text}" for text in found.unsure)
