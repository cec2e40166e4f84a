"""``response`` and ``precedence``: every trigger has a partner after, or before, it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.check.condition import Env
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import match
from harness.check.partner import Partners
from harness.check.window import gaps, resolve, summary
from harness.scenario.model import EventPattern, Expectation, Precedence, Response, Scope
from harness.trace.event import Event
from harness.verdict import Verdict

_ENOUGH = 100
"""Failures after which the rest of a trace is not looked at."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Every event matching ``trigger`` needs a ``partner`` that comes ``later`` (or else earlier)."""

    trigger: EventPattern
    partner: EventPattern
    later: bool
    scope: Scope
    within_ns: int | None


def check_response(expectation: Response, seen: Observations) -> Finding:
    """Every ``when`` is followed by an agreeing ``then``, within ``within_us`` if that is given."""
    within = None if expectation.within_us is None else expectation.within_us * 1000
    question = _Question(expectation.when, expectation.then, True, expectation.scope, within)
    return _check(expectation, question, seen)


def check_precedence(expectation: Precedence, seen: Observations) -> Finding:
    """Every ``event`` is preceded by an agreeing ``first``."""
    question = _Question(expectation.event, expectation.first, False, expectation.scope, None)
    return _check(expectation, question, seen)


def _check(expectation: Expectation, question: _Question, seen: Observations) -> Finding:
    timeline = seen.timeline
    window = resolve(timeline, question.scope)
    partners = Partners(timeline, question.partner, window)
    whole_gap = bool(gaps(timeline, question.partner, window))
    triggers = 0
    unanswered: list[tuple[Event, Env]] = []
    unsure: list[tuple[Event, Env, list[str]]] = []
    for event in timeline.by_name.get(question.trigger.event, ()):
        outcome, env = match(question.trigger, event, {})
        outcome = both(window.contains(event), outcome)
        if outcome is False:
            continue
        triggers += outcome is True
        answered = partners.find(event, env, later=question.later, within_ns=question.within_ns)
        if answered:
            continue
        reasons = [] if outcome else ["whether this event is a trigger is uncertain"]
        if answered is None:
            reasons.append(
                f"whether a {question.partner.event} belongs to it, or comes in order, is uncertain"
            )
        if whole_gap:
            side = {"after": event} if question.later else {"before": event}
            reasons += gaps(timeline, question.partner, window, **side)
        if reasons:
            unsure.append((event, env, reasons))
        else:
            unanswered.append((event, env))
            if len(unanswered) == _ENOUGH:
                break
    word = "followed" if question.later else "preceded"
    if unanswered:
        event, env = unanswered[0]
        limit = "" if question.within_ns is None else f" within {question.within_ns // 1000} us"
        message = (
            f"{len(unanswered)} of {'the first ' * (len(unanswered) == _ENOUGH)}{triggers} "
            f"{question.trigger.event} not {word} by "
            f"{question.partner.event}{limit}, first {describe(event)}"
        )
        return judge(expectation, Verdict.FAIL, message, bindings=env, trigger=event, timeline=timeline)
    if unsure:
        event, env, reasons = unsure[0]
        message = f"{len(unsure)} {question.trigger.event} undecided, first {describe(event)}: "
        message += summary(reasons)
        return judge(expectation, Verdict.UNDECIDED, message, bindings=env, trigger=event, timeline=timeline)
    reasons = gaps(timeline, question.trigger, window)
    if reasons:
        message = f"{question.trigger.event} may have happened unseen: {summary(reasons)}"
        return judge(expectation, Verdict.UNDECIDED, message)
    if not triggers:
        return judge(expectation, Verdict.VACUOUS, f"{question.trigger.event} never happened")
    return judge(expectation, Verdict.PASS, f"all {triggers} {word} by {question.partner.event}")
