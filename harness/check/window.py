# SPDX-License-Identifier: GPL-2.0-only
"""Stretches of a timeline, and why events inside one may have gone unseen."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.check.bound import BEGINNING, END, Bound
from harness.check.condition import Env
from harness.check.match import may_match, may_match_unseen, surely_matches
from harness.scenario.language import EventPattern
from harness.trace.event import Event, Value
from harness.trace.packed import Packed, first_after, first_from
from harness.trace.source import Source
from harness.trace.timeline import Timeline


class Region(Protocol):
    """A part of the timeline."""

    def contains(self, event: Event) -> bool | None:
        """Whether the event is in it; None when that cannot be told."""

    def span(self, source: Source) -> tuple[float, float]:
        """The open interval of positions in ``source`` that may belong to it, at the widest."""

    def unresolved(self, source: Source) -> str:
        """Why membership is unknown in the whole of ``source``; empty when it is not."""


@dataclass(frozen=True, slots=True)
class Window:
    """One occurrence of a scope, from ``start`` to ``end``, both outside it.

    ``env``      what the event that opened it (or the one that ends it) binds
    ``opened``   the event that opened it, if one did
    ``certain``  whether there surely is this occurrence; if not, ``doubt`` says why
    """

    start: Bound = BEGINNING
    end: Bound = END
    env: Mapping[str, Value] = field(default_factory=dict)
    opened: Event | None = None
    certain: bool = True
    doubt: str = ""

    def contains(self, event: Event) -> bool | None:
        if self.start is BEGINNING and self.end is END:
            return True
        begun, ended = self.start.passed(event, including=False), self.end.passed(event, including=True)
        if begun is False or ended:
            return False
        return None if begun is None or ended is None else True

    def span(self, source: Source) -> tuple[float, float]:
        return self.start.position(source)[0], self.end.position(source)[1]

    def unresolved(self, source: Source) -> str:
        return self.start.missing(source) or self.end.missing(source)


@dataclass(frozen=True, slots=True)
class Union:
    """All occurrences of a scope together. ``reasons`` say why there may be more."""

    windows: Sequence[Window]
    reasons: Sequence[str] = ()

    def contains(self, event: Event) -> bool | None:
        outcome: bool | None = None if self.reasons else False
        for window in self.windows:
            inside = window.contains(event)
            if inside and window.certain:
                return True
            if inside is not False:
                outcome = None
        return outcome

    def span(self, source: Source) -> tuple[float, float]:
        if self.reasons:
            return -math.inf, math.inf
        spans = [window.span(source) for window in self.windows]
        return min((low for low, _ in spans), default=0), max((high for _, high in spans), default=0)

    def unresolved(self, source: Source) -> str:
        return next(filter(None, (window.unresolved(source) for window in self.windows)), "")


WHOLE = Window()
"""The whole run."""


def candidates(timeline: Timeline, pattern: EventPattern, window: Region) -> Sequence[Event]:
    """The events that may match and may be in ``window``, in the order of their source.

    Of a long trace those that cannot match are not made at all; else they are among them.
    """
    events = timeline.by_name.get(pattern.event, ())
    if not events:
        return events
    low, high = window.span(timeline.source_of(pattern.event))
    chosen = events[first_after(events, low) : first_from(events, high)]
    if isinstance(chosen, Packed):
        return chosen.where(functools.partial(may_match, pattern))
    return chosen


def surely_in(window: Region, pattern: EventPattern, found: Sequence[Event]) -> bool:
    """Whether it is known without looking at them that all of these are in the window and match the pattern,
    which binds nothing."""
    if window is not WHOLE or not isinstance(found, Packed):
        return False
    return found.every(functools.partial(surely_matches, pattern))


def gaps(
    timeline: Timeline,
    pattern: EventPattern,
    window: Region,
    *,
    env: Env | None = None,
    after: Event | None = None,
    before: Event | None = None,
) -> list[str]:
    """Reasons why a matching event inside ``window`` may exist that the timeline does not show.

    ``after`` and ``before`` narrow the stretch that matters when they are of the pattern's own source;
    ``env`` are the values of variables, which narrow what an unseen event could have been.
    """
    name = pattern.event
    if name in timeline.missing:
        return [f"{name} is not available: {timeline.missing[name]}"]
    realised = timeline.realised.get(name)
    if realised is None:
        return [f"{name} was not traced"]
    source = timeline.source_of(name)
    if reason := window.unresolved(source):
        return [reason]
    reasons = []
    if realised.blind is not None and may_match_unseen(pattern, realised.blind, env or {}):
        kinds = " ".join(f"{k}={'|'.join(sorted(v))}" for k, v in realised.blind.items() if len(v) == 1)
        reasons.append(f"{name} by {realised.how} cannot show events with {kinds}; the pattern allows them")
    if not timeline.losses and not timeline.doubts:
        return reasons
    low, high = window.span(source)
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


def summary(reasons: Sequence[str], limit: int = 3) -> str:
    """The first few reasons in one line."""
    more = f" (and {len(reasons) - limit} more)" if len(reasons) > limit else ""
    return "; ".join(reasons[:limit]) + more
