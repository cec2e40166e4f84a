"""Scopes over a timeline, and why events inside one may have gone unseen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from harness.check.match import may_match_unseen
from harness.level import Level
from harness.scenario.model import EventPattern, Scope
from harness.trace.event import Event
from harness.trace.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Window:
    """A scope resolved at each level: the open interval of positions (``seq``) between its marks.

    Marks are written into every traced level, so membership is exact wherever the marks are found;
    ``unresolved`` says which mark a level lacks.
    """

    spans: Mapping[Level, tuple[float, float]]
    unresolved: Mapping[Level, str]

    def contains(self, event: Event) -> bool | None:
        """Whether the event is in scope; None when its level lacks a mark."""
        if event.level in self.unresolved:
            return None
        low, high = self.spans.get(event.level, (-math.inf, math.inf))
        return low < event.seq < high


def resolve(timeline: Timeline, scope: Scope) -> Window:
    """The scope from the first ``after`` mark to the first ``before`` mark that follows it."""
    spans: dict[Level, tuple[float, float]] = {}
    unresolved: dict[Level, str] = {}
    for level in Level:
        low, high = -math.inf, math.inf
        if scope.after is not None:
            seqs = [m.seq for m in timeline.marks if m.level is level and m.name == scope.after]
            if not seqs:
                unresolved[level] = f"mark {scope.after} is not in the trace of {level}"
                continue
            low = min(seqs)
        if scope.before is not None:
            seqs = [m.seq for m in timeline.marks if m.level is level and m.name == scope.before]
            later = [seq for seq in seqs if seq > low]
            if not later:
                unresolved[level] = f"mark {scope.before} is not in the trace of {level}"
                continue
            high = min(later)
        spans[level] = (low, high)
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

    ``after`` and ``before`` narrow the stretch that matters when they are of the pattern's own level.
    """
    name = pattern.event
    if name in timeline.missing:
        return [f"{name} is not available: {timeline.missing[name]}"]
    realised = timeline.realised.get(name)
    if realised is None:
        return [f"{name} was not traced"]
    level = Level.parse(name.split(".", 1)[0])
    if level in window.unresolved:
        return [window.unresolved[level]]
    reasons = []
    if realised.blind is not None and may_match_unseen(pattern, realised.blind):
        kinds = " ".join(f"{k}={'|'.join(sorted(v))}" for k, v in realised.blind.items() if len(v) == 1)
        reasons.append(f"{name} by {realised.how} cannot show events with {kinds}; the pattern allows them")
    low, high = window.spans.get(level, (-math.inf, math.inf))
    if after is not None and after.level is level:
        low = max(low, after.seq)
    if before is not None and before.level is level:
        high = min(high, before.seq)
    for loss in timeline.losses:
        end = math.inf if loss.before_seq is None else loss.before_seq
        if loss.level is level and max(loss.after_seq, low) < min(end, high):
            count = "" if loss.count is None else f"{loss.count} "
            reasons.append(f"{level} lost {count}events: {loss.reason}")
    for doubt in timeline.doubts:
        inside = doubt.seq is None or max(doubt.seq - 1, low) < min(doubt.seq, high)
        if doubt.level is level and inside:
            reasons.append(f"{level}: {doubt.text}")
    return list(dict.fromkeys(reasons))


def summary(reasons: list[str], limit: int = 3) -> str:
    """The first few reasons in one line."""
    more = f" (and {len(reasons) - limit} more)" if len(reasons) > limit else ""
    return "; ".join(reasons[:limit]) + more
