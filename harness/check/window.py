"""Scopes over a timeline, and why events inside one may have gone unseen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.check.match import may_match_unseen
from harness.scenario.model import EventPattern, Scope
from harness.trace.event import Event
from harness.trace.source import Source, source_of
from harness.trace.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Window:
    """A scope resolved in each source: the open interval of positions (``seq``) between its marks.

    Marks are written into every source, so membership is exact wherever the marks are found;
    ``unresolved`` says which mark a source lacks.
    """

    spans: Mapping[Source, tuple[float, float]]
    unresolved: Mapping[Source, str]

    def contains(self, event: Event) -> bool | None:
        """Whether the event is in scope; None when its source lacks a mark."""
        if event.source in self.unresolved:
            return None
        low, high = self.spans.get(event.source, (-math.inf, math.inf))
        return low < event.seq < high


def resolve(timeline: Timeline, scope: Scope) -> Window:
    """The scope from the first ``after`` mark to the first ``before`` mark that follows it."""
    spans: dict[Source, tuple[float, float]] = {}
    unresolved: dict[Source, str] = {}
    for source in Source:
        low, high = -math.inf, math.inf
        if scope.after is not None:
            seqs = [m.seq for m in timeline.marks if m.source is source and m.name == scope.after]
            if not seqs:
                unresolved[source] = f"mark {scope.after} is not in the trace of {source}"
                continue
            low = min(seqs)
        if scope.before is not None:
            seqs = [m.seq for m in timeline.marks if m.source is source and m.name == scope.before]
            later = [seq for seq in seqs if seq > low]
            if not later:
                unresolved[source] = f"mark {scope.before} is not in the trace of {source}"
                continue
            high = min(later)
        spans[source] = (low, high)
    return Window(spans, unresolved)


def gaps(
    timeline: Timeline,
    pattern: EventPattern,
    window: Window,
    *,
    after: Event | None = None,
    before: Event | None = None,
) -> list[str]:
    """Reasons why a matching event inside ``window`` may exist that the timeline does not show.

    ``after`` and ``before`` narrow the stretch that matters when they are of the pattern's own source.
    """
    name = pattern.event
    if name in timeline.missing:
        return [f"{name} is not available: {timeline.missing[name]}"]
    realised = timeline.realised.get(name)
    if realised is None:
        return [f"{name} was not traced"]
    source = source_of(name)
    if source in window.unresolved:
        return [window.unresolved[source]]
    reasons = []
    if realised.blind is not None and may_match_unseen(pattern, realised.blind):
        kinds = " ".join(f"{k}={'|'.join(sorted(v))}" for k, v in realised.blind.items() if len(v) == 1)
        reasons.append(f"{name} by {realised.how} cannot show events with {kinds}; the pattern allows them")
    low, high = window.spans.get(source, (-math.inf, math.inf))
    if after is not None and after.source is source:
        low = max(low, after.seq)
    if before is not None and before.source is source:
        high = min(high, before.seq)
    for loss in timeline.losses:
        end = math.inf if loss.before_seq is None else loss.before_seq
        if loss.source is source and max(loss.after_seq, low) < min(end, high):
            count = "" if loss.count is None else f"{loss.count} "
            reasons.append(f"{source} lost {count}events: {loss.reason}")
    for doubt in timeline.doubts:
        inside = doubt.seq is None or max(doubt.seq - 1, low) < min(doubt.seq, high)
        if doubt.source is source and inside:
            reasons.append(f"{source}: {doubt.text}")
    return list(dict.fromkeys(reasons))


def summary(reasons: list[str], limit: int = 3) -> str:
    """The first few reasons in one line."""
    more = f" (and {len(reasons) - limit} more)" if len(reasons) > limit else ""
    return "; ".join(reasons[:limit]) + more
