# SPDX-License-Identifier: GPL-2.0-only
"""From a scope to its occurrences, and from a check of one occurrence to a check of all of them.

Scopes as in Dwyer, Avrunin, Corbett (1999). Each event that opens a scope opens one of its own, with what the
event binds. Rules: docs/verdicts.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from harness.check.bound import BEGINNING, END, AtEvent, AtMark, Bound
from harness.check.condition import Env
from harness.check.explain import absent
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import match
from harness.check.partner import Partners
from harness.check.window import WHOLE, Region, Union, Window, gaps, summary
from harness.scenario.language import EventPattern, Expectation, Scope
from harness.trace.event import Event
from harness.trace.source import Source
from harness.trace.timeline import Timeline
from harness.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Occurrences:
    """Every occurrence of a scope. ``reasons`` say why there may be more; ``none`` why there is none."""

    windows: tuple[Window, ...]
    reasons: tuple[str, ...] = ()
    none: str = ""


Check = TypeVar("Check", bound=Expectation)
_Windowed = Callable[[Check, Observations, Window], Finding]


def resolve(timeline: Timeline, scope: Scope) -> Region:
    """All of the scope as one region: for checks that do not care which occurrence an event is in."""
    found = occurrences(timeline, scope)
    if len(found.windows) == 1 and not found.reasons and found.windows[0].certain:
        return found.windows[0]
    return Union(found.windows, found.reasons)


def occurrences(timeline: Timeline, scope: Scope) -> Occurrences:
    """Find every occurrence of ``scope``."""
    after, before = scope.after, scope.before
    if after is None and before is None:
        return Occurrences((WHOLE,))
    if not isinstance(after, EventPattern) and not isinstance(before, EventPattern):
        start, end = _marks(timeline, after, before)
        return Occurrences((Window(start, end),))
    if isinstance(after, EventPattern) and before is None:
        return _first(timeline, after, "after")
    if after is None:
        assert isinstance(before, EventPattern)
        return _first(timeline, before, "before")
    windows: list[Window] = []
    reasons: list[str] = []
    ends = Partners(timeline, before, WHOLE) if isinstance(before, EventPattern) else None
    for opening in _openings(timeline, after):
        windows += _closed(timeline, opening, scope, ends)
    if isinstance(after, EventPattern):
        reasons = [f"the scope may have begun unseen: {each}" for each in gaps(timeline, after, WHOLE)]
    said = after.event if isinstance(after, EventPattern) else f"mark {after}"
    return Occurrences(tuple(windows), tuple(reasons), f"no scope from {said} to its end")


def _marks(timeline: Timeline, after: str | None, before: str | None) -> tuple[Bound, Bound]:
    """From the first ``after`` mark to the first ``before`` mark that follows it, in each source."""
    starts: dict[Source, float] = {}
    ends: dict[Source, float] = {}
    lacking: dict[Source, str] = {}
    for source in Source:
        low = -math.inf
        if after is not None:
            low = min(
                (m.seq for m in timeline.marks if m.source is source and m.name == after), default=math.inf
            )
            if low == math.inf:
                lacking[source] = f"mark {after} is not in the trace of {source}"
                continue
            starts[source] = low
        later = [m.seq for m in timeline.marks if m.source is source and m.name == before and m.seq > low]
        if later:
            ends[source] = min(later)
    start = BEGINNING if after is None else AtMark(after, starts)
    return start, END if before is None else AtMark(before, ends, lacking)


def _first(timeline: Timeline, pattern: EventPattern, kind: str) -> Occurrences:
    """The scope after, or before, the first match of ``pattern``."""
    certain: Event | None = None
    possible: Event | None = None
    env: Env = {}
    for event in timeline.by_name.get(pattern.event, ()):
        outcome, bound = match(pattern, event, {})
        if outcome:
            certain, env = event, bound
            break
        if outcome is None and possible is None:
            possible, env = event, bound
    unseen = gaps(timeline, pattern, WHOLE, before=certain)
    none = f"the scope is {kind} an event that is not there: "
    none += absent(pattern, timeline, WHOLE).partition("\n")[0]
    if certain is None and possible is None:
        return Occurrences((), tuple(f"{none}, as far as seen: {each}" for each in unseen), none)
    bound_at = AtEvent(timeline, certain, possible, summary(unseen))
    doubt = (
        ""
        if certain
        else f"whether {describe(possible)} is what the scope is {kind} is uncertain"
        if possible
        else ""
    )
    sides: tuple[Bound, Bound] = (bound_at, END) if kind == "after" else (BEGINNING, bound_at)
    return Occurrences((Window(*sides, env, certain or possible, certain is not None, doubt),))


def _openings(timeline: Timeline, after: str | EventPattern) -> Iterator[Window]:
    """Where scopes begin, each open to the end of the trace."""
    if not isinstance(after, EventPattern):
        yield Window(_marks(timeline, after, None)[0])
        return
    for event in timeline.by_name.get(after.event, ()):
        outcome, env = match(after, event, {})
        if outcome is False:
            continue
        doubt = "" if outcome else f"whether {describe(event)} opens a scope is uncertain"
        yield Window(AtEvent(timeline, event), END, env, event, outcome is True, doubt)


def _closed(timeline: Timeline, opening: Window, scope: Scope, ends: Partners | None) -> Iterator[Window]:
    """The opening with its end; nothing when it surely has none and needs one."""
    before = scope.before
    if ends is None:
        assert isinstance(before, str)
        end = _marks(timeline, None, before)[1]
        late = opening.opened is not None and end.passed(opening.opened, including=True)
        if late and not scope.until:
            return
        yield replace(opening, end=END if late else end)
        return
    assert isinstance(before, EventPattern)
    certain, possible = _end(opening, ends)
    unseen = summary(gaps(timeline, before, opening, env=opening.env, after=opening.opened, before=certain))
    if certain is None and possible is None and not unseen:
        if scope.until:
            yield opening
        return
    window = replace(opening, end=AtEvent(timeline, certain, possible, unseen))
    if certain is None and not scope.until:
        window = replace(
            window, certain=False, doubt=f"whether a {before.event} ended the scope is uncertain"
        )
    yield window


def _end(opening: Window, ends: Partners) -> tuple[Event | None, Event | None]:
    """The first event that surely ends the scope, and the first before it that may."""
    certain: Event | None = None
    possible: Event | None = None
    for found in _ends(opening, ends):
        for event, outcome in found:
            if outcome is None and (possible is None or event.seq < possible.seq):
                possible = event
            if outcome:
                certain = event if certain is None or event.seq < certain.seq else certain
                break
    if certain is not None and possible is not None and possible.seq > certain.seq:
        possible = None
    return certain, possible


def _ends(opening: Window, ends: Partners) -> Iterator[Iterator[tuple[Event, bool | None]]]:
    """Events that may end the scope, pool by pool."""
    if opening.opened is not None:
        yield from ends.by_pool(opening.opened, opening.env, later=True)
        return
    outcomes = ((e, both(opening.contains(e), match(ends.pattern, e, opening.env)[0])) for e in ends.all)
    yield ((event, outcome) for event, outcome in outcomes if outcome is not False)


def scoped(check: _Windowed[Check]) -> Callable[[Check, Observations], Finding]:
    """Make a check of a whole scope from a check of one occurrence of it."""

    def judge_all(expectation: Check, seen: Observations) -> Finding:
        scope: Scope = expectation.scope  # type: ignore[attr-defined]
        found = occurrences(seen.timeline, scope)
        if scope.is_single and len(found.windows) == 1 and found.windows[0].certain and not found.reasons:
            return check(expectation, seen, found.windows[0])
        return _combine(check, expectation, seen, found)

    return judge_all


def _combine(check: _Windowed[Check], expectation: Check, seen: Observations, found: Occurrences) -> Finding:
    """A violation in any occurrence fails; what is uncertain in any leaves it undecided."""
    held = vacuous = 0
    why = ""
    unsure: Finding | None = None
    for number, window in enumerate(found.windows, 1):
        finding = check(expectation, seen, window)
        if finding.verdict is Verdict.FAIL and window.certain:
            return _in(finding, window, f"scope {number} of {len(found.windows)}")
        if finding.verdict is Verdict.FAIL:
            doubtful = replace(
                finding, verdict=Verdict.UNDECIDED, message=f"{window.doubt}: {finding.message}"
            )
            unsure = unsure or doubtful
        elif finding.verdict is Verdict.UNDECIDED:
            unsure = unsure or _in(finding, window, f"scope {number} of {len(found.windows)}")
        elif window.certain:
            held += finding.verdict is Verdict.PASS
            vacuous += finding.verdict is Verdict.VACUOUS
            why = why or (finding.message if finding.verdict is Verdict.VACUOUS else "")
    if unsure is not None:
        return unsure
    if found.reasons:
        return judge(expectation, Verdict.UNDECIDED, summary(found.reasons))
    if held:
        return judge(expectation, Verdict.PASS, f"held in {held} of {held + vacuous} scopes")
    if vacuous:
        return judge(expectation, Verdict.VACUOUS, f"{vacuous} scopes, first: {why}")
    if found.windows:
        return judge(expectation, Verdict.UNDECIDED, found.windows[0].doubt)
    return judge(expectation, Verdict.VACUOUS, found.none)


def _in(finding: Finding, window: Window, which: str) -> Finding:
    opened = "" if window.opened is None else f", of {describe(window.opened)}"
    return replace(finding, message=f"{finding.message}\nin {which}{opened}")
