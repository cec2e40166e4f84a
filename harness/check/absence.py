"""``absence``: the pattern never matches; with ``given``, exercised only if that matched."""

from __future__ import annotations

from dataclasses import dataclass

from harness.check.condition import Env
from harness.check.explain import filled
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import conditions, match, same_span, wants_same_span
from harness.check.window import Window, candidates, gaps, summary
from harness.scenario.model import Absence, EventPattern
from harness.trace.event import Event
from harness.trace.timeline import Timeline
from harness.verdict import Verdict


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
        given, unsure = _matches(timeline, expectation.given, window, _Case(window.env))
        cases, unsure_cases = _cases(expectation, given), _cases(expectation, unsure)
        given_unsure = gaps(timeline, expectation.given, window, env=window.env)
        given_unsure += [f"{len(unsure)} events may match given"] if unsure else []
    possible = 0
    for case in cases:
        found, unsure = _matches(timeline, expectation.of, window, case)
        possible += len(unsure)
        if found:
            event, bound = found[0]
            message = f"{len(found)} times, first {describe(event)}\n"
            message += f"forbidden: {filled(expectation.of, bound)}  [{expectation.of.where}]"
            return judge(expectation, Verdict.FAIL, message, bindings=bound, trigger=event, timeline=timeline)
    for case in unsure_cases:
        found, unsure = _matches(timeline, expectation.of, window, case)
        possible += len(found) + len(unsure)
    if possible:
        reasons.append(f"{possible} events may match")
    if not cases and not given_unsure:
        return judge(expectation, Verdict.VACUOUS, f"given {_name(expectation)} never happened")
    if not cases:
        return judge(expectation, Verdict.UNDECIDED, f"given may not have happened: {summary(given_unsure)}")
    if expectation.given is not None and given_unsure and _related(expectation):
        reasons += given_unsure
    if reasons:
        return judge(expectation, Verdict.UNDECIDED, summary(reasons))
    return judge(expectation, Verdict.PASS, f"{expectation.of.event} never matched")


def _name(expectation: Absence) -> str:
    return expectation.given.event if expectation.given else ""


def _cases(expectation: Absence, given: list[tuple[Event, Env]]) -> list[_Case]:
    """Each different binding once; each event when its span matters."""
    if wants_same_span(expectation.of):
        return [_Case(env, event) for event, env in given]
    return [_Case(env) for env in {tuple(sorted(env.items())): env for _, env in given}.values()]


def _matches(
    timeline: Timeline, pattern: EventPattern, window: Window, case: _Case
) -> tuple[list[tuple[Event, Env]], list[tuple[Event, Env]]]:
    """Certain and possible matches in scope, each with its bindings."""
    certain: list[tuple[Event, Env]] = []
    possible: list[tuple[Event, Env]] = []
    for event in candidates(timeline, pattern, window):
        within = window.contains(event)
        if within is False:
            continue
        outcome, bound = match(pattern, event, case.env)
        outcome = both(within, outcome)
        if outcome is not False and case.given is not None:
            outcome = both(outcome, same_span(timeline, pattern, event, case.given))
        if outcome:
            certain.append((event, bound))
        elif outcome is None:
            possible.append((event, bound))
    return certain, possible


def _related(expectation: Absence) -> bool:
    """Whether a particular ``given`` matters to ``of``: then an unseen one could have brought a failure."""
    if expectation.given is None:
        return False
    given = {c.variable for c in conditions(expectation.given).values() if c.variable}
    shared = any(c.variable in given for c in conditions(expectation.of).values() if c.variable)
    return shared or wants_same_span(expectation.of)
