"""``absence``: the pattern never matches; with ``given``, exercised only if that matched."""

from __future__ import annotations

from harness.check.condition import Env
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import conditions, match
from harness.check.window import Window, gaps, resolve, summary
from harness.scenario.model import Absence, EventPattern
from harness.trace.event import Event
from harness.trace.timeline import Timeline
from harness.verdict import Verdict


def check(expectation: Absence, seen: Observations) -> Finding:
    """A match seen for certain fails whatever else was lost; anything less certain is undecided."""
    timeline = seen.timeline
    window = resolve(timeline, expectation.scope)
    reasons = gaps(timeline, expectation.of, window)
    environments: list[Env] = [{}]
    given_unsure: list[str] = []
    if expectation.given is not None:
        given, unsure = _matches(timeline, expectation.given, window, {})
        environments = list({tuple(sorted(env.items(), key=str)): env for _, env in given}.values())
        given_unsure = gaps(timeline, expectation.given, window)
        given_unsure += [f"{len(unsure)} events may match given"] if unsure else []
        environments_unsure = [env for _, env in unsure]
    else:
        environments_unsure = []
    possible = 0
    for env in environments:
        found, unsure = _matches(timeline, expectation.of, window, env)
        possible += len(unsure)
        if found:
            event, bound = found[0]
            message = f"{len(found)} times, first {describe(event)}"
            return judge(expectation, Verdict.FAIL, message, bindings=bound, trigger=event, timeline=timeline)
    for env in environments_unsure:
        found, unsure = _matches(timeline, expectation.of, window, env)
        possible += len(found) + len(unsure)
    if possible:
        reasons.append(f"{possible} events may match")
    if not environments and not given_unsure:
        return judge(expectation, Verdict.VACUOUS, f"given {_name(expectation)} never happened")
    if not environments:
        return judge(expectation, Verdict.UNDECIDED, f"given may not have happened: {summary(given_unsure)}")
    if expectation.given is not None and given_unsure and _shares_variables(expectation):
        reasons += given_unsure
    if reasons:
        return judge(expectation, Verdict.UNDECIDED, summary(reasons))
    return judge(expectation, Verdict.PASS, f"{expectation.of.event} never matched")


def _name(expectation: Absence) -> str:
    return expectation.given.event if expectation.given else ""


def _matches(
    timeline: Timeline, pattern: EventPattern, window: Window, env: Env
) -> tuple[list[tuple[Event, Env]], list[tuple[Event, Env]]]:
    """Certain and possible matches in scope, each with its bindings."""
    certain: list[tuple[Event, Env]] = []
    possible: list[tuple[Event, Env]] = []
    for event in timeline.by_name.get(pattern.event, ()):
        within = window.contains(event)
        if within is False:
            continue
        outcome, bound = match(pattern, event, env)
        outcome = both(within, outcome)
        if outcome:
            certain.append((event, bound))
        elif outcome is None:
            possible.append((event, bound))
    return certain, possible


def _shares_variables(expectation: Absence) -> bool:
    """Whether bindings of ``given`` matter to ``of``: then an unseen given could have brought a failure."""
    if expectation.given is None:
        return False
    given = {c.variable for c in conditions(expectation.given).values() if c.variable}
    return any(c.variable in given for c in conditions(expectation.of).values() if c.variable)
