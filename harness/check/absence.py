# SPDX-License-Identifier: GPL-2.0-only
"""``absence``: the pattern never matches; with ``given``, exercised only if that matched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.check.condition import Env
from harness.check.explain import absent, filled
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import conditions, match, same_span, wants_same_span
from harness.check.window import Window, candidates, gaps, summary
from harness.scenario.language import Absence, EventPattern
from harness.trace.event import Event
from harness.trace.timeline import Timeline
from harness.verdict import Verdict

_Match = tuple[Event, Env, bool | None]


@dataclass(frozen=True, slots=True)
class _Case:
    """What ``of`` must not match under: the bindings of a ``given``, and its event if spans are compared."""

    env: Env
    given: Event | None = None


def check(expectation: Absence, seen: Observations, window: Window) -> Finding:
    """A match seen for certain fails whatever else was lost; anything less certain is undecided."""
    timeline = seen.timeline
    reasons = gaps(timeline, expectation.of, window, env=window.env)
    cases, unsure_cases = [_Case(window.env)], list[_Case]()
    given_unsure: list[str] = []
    if expectation.given is not None:
        given = _matches(timeline, expectation.given, window, _Case(window.env))
        cases, unsure_cases, unsure = _cases(expectation, given)
        given_unsure = gaps(timeline, expectation.given, window, env=window.env)
        given_unsure += [f"{unsure} events may match given"] if unsure else []
    possible = 0
    for case in cases:
        found, first, unsure = _counted(_matches(timeline, expectation.of, window, case))
        possible += unsure
        if first is not None:
            event, bound = first
            message = f"{found} times, first {describe(event)}\n"
            message += f"forbidden: {filled(expectation.of, bound)}  [{expectation.of.where}]"
            return judge(expectation, Verdict.FAIL, message, bindings=bound, trigger=event, timeline=timeline)
    for case in unsure_cases:
        found, _, unsure = _counted(_matches(timeline, expectation.of, window, case))
        possible += found + unsure
    if possible:
        reasons.append(f"{possible} events may match")
    if not cases and not given_unsure:
        assert expectation.given is not None
        return judge(expectation, Verdict.VACUOUS, f"given: {absent(expectation.given, timeline, window)}")
    if not cases:
        return judge(expectation, Verdict.UNDECIDED, f"given may not have happened: {summary(given_unsure)}")
    if expectation.given is not None and given_unsure and _related(expectation):
        reasons += given_unsure
    if reasons:
        return judge(expectation, Verdict.UNDECIDED, summary(reasons))
    return judge(expectation, Verdict.PASS, f"{expectation.of.event} never matched")


def _cases(expectation: Absence, given: Iterable[_Match]) -> tuple[list[_Case], list[_Case], int]:
    """Each different binding once, each event when its span matters: certain and possible ones.

    And how many events are possible ones.
    """
    certain: dict[object, _Case] = {}
    possible: dict[object, _Case] = {}
    unsure = 0
    for event, env, outcome in given:
        unsure += outcome is None
        by_span = wants_same_span(expectation.of)
        key: object = (event.source, event.seq) if by_span else tuple(sorted(env.items()))
        (certain if outcome else possible).setdefault(key, _Case(env, event if by_span else None))
    return list(certain.values()), list(possible.values()), unsure


def _counted(matches: Iterable[_Match]) -> tuple[int, tuple[Event, Env] | None, int]:
    """How many are certain, the first of these, and how many are possible."""
    certain = possible = 0
    first: tuple[Event, Env] | None = None
    for event, env, outcome in matches:
        if outcome:
            certain += 1
            first = first or (event, env)
        else:
            possible += 1
    return certain, first, possible


def _matches(timeline: Timeline, pattern: EventPattern, window: Window, case: _Case) -> Iterator[_Match]:
    """Certain and possible (None) matches in scope, each with its bindings."""
    for event in candidates(timeline, pattern, window):
        within = window.contains(event)
        if within is False:
            continue
        outcome, bound = match(pattern, event, case.env)
        outcome = both(within, outcome)
        if outcome is not False and case.given is not None:
            outcome = both(outcome, same_span(timeline, pattern, event, case.given))
        if outcome is not False:
            yield event, bound, outcome


def _related(expectation: Absence) -> bool:
    """Whether a particular ``given`` matters to ``of``: then an unseen one could have brought a failure."""
    if expectation.given is None:
        return False
    given = {c.variable for c in conditions(expectation.given).values() if c.variable}
    shared = any(c.variable in given for c in conditions(expectation.of).values() if c.variable)
    return shared or wants_same_span(expectation.of)
