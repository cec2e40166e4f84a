# SPDX-License-Identifier: GPL-2.0-only
"""``response`` and ``precedence``: every trigger has a partner after, or before, it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.check.condition import Env
from harness.check.distinct import TooManyError, shortage
from harness.check.explain import absent
from harness.check.explain import expectation as explained
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import match, wants_same_span
from harness.check.partner import Partners
from harness.check.window import Window, candidates, gaps, summary, surely_in
from harness.scenario.language import EventPattern, Expectation, Limit, Precedence, Response
from harness.trace.event import Event
from harness.trace.source import Source
from harness.verdict import Verdict

DISTINCT = "distinct"
ENOUGH = 100
"""Failures after which the rest of a trace is not looked at."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Every event matching ``trigger`` needs a ``partner`` that comes ``later`` (or else earlier).

    ``distinct``: one of its own.
    """

    trigger: EventPattern
    partner: EventPattern
    later: bool
    limit: Limit
    distinct: bool


def check_response(expectation: Response, seen: Observations, window: Window) -> Finding:
    """Every ``when`` is followed by an agreeing ``then``, within the limit if one is given."""
    distinct = expectation.partners == DISTINCT
    question = _Question(expectation.when, expectation.then, True, expectation.within, distinct)
    return _check(expectation, question, seen, window)


def check_precedence(expectation: Precedence, seen: Observations, window: Window) -> Finding:
    """Every ``event`` is preceded by an agreeing ``first``, within the limit if one is given."""
    distinct = expectation.partners == DISTINCT
    question = _Question(expectation.event, expectation.first, False, expectation.within, distinct)
    return _check(expectation, question, seen, window)


def _check(expectation: Expectation, question: _Question, seen: Observations, window: Window) -> Finding:
    timeline = seen.timeline
    named = (question.trigger, question.partner)
    partners = Partners(timeline, question.partner, window, question.limit, named)
    whole_gap = bool(gaps(timeline, question.partner, window))
    triggers = 0
    unanswered: list[tuple[Event, Env]] = []
    undecided = 0
    unsure: tuple[Event, Env, list[str]] | None = None  # the first
    asked: list[tuple[Event, Env, bool]] = []  # the triggers, and whether each is certain
    found = candidates(timeline, question.trigger, window)
    sure = surely_in(window, question.trigger, found)
    for event in found:
        outcome, env = (True, window.env) if sure else match(question.trigger, event, window.env)
        outcome = both(window.contains(event), outcome)
        if outcome is False:
            continue
        triggers += outcome is True
        if question.distinct:
            asked.append((event, env, outcome is True))
        answered = partners.find(event, env, later=question.later)
        if answered:
            continue
        reasons = [] if outcome else ["whether this event is a trigger is uncertain"]
        if answered is None:
            reasons.append(_possible(question, event, seen))
        if whole_gap:
            side = {"after": event} if question.later else {"before": event}
            reasons += gaps(timeline, question.partner, window, env=env, **side)
        if reasons:
            undecided += 1
            unsure = unsure or (event, env, reasons)
        else:
            unanswered.append((event, env))
            if len(unanswered) == ENOUGH:
                break
    if unanswered:
        event, env = unanswered[0]
        message = _failure(question, partners, event, env, (len(unanswered), triggers))
        return judge(expectation, Verdict.FAIL, message, bindings=env, trigger=event, timeline=timeline)
    short = _short(question, partners, asked, certain=False) if asked and not whole_gap else None
    if short:
        event, env, message = short
        return judge(expectation, Verdict.FAIL, message, bindings=env, trigger=event, timeline=timeline)
    if unsure:
        event, env, reasons = unsure
        message = f"{undecided} {question.trigger.event} undecided, first {describe(event)}: "
        message += summary(reasons)
        return judge(expectation, Verdict.UNDECIDED, message, bindings=env, trigger=event, timeline=timeline)
    reasons = gaps(timeline, question.trigger, window, env=window.env)
    if reasons:
        message = f"{question.trigger.event} may have happened unseen: {summary(reasons)}"
        return judge(expectation, Verdict.UNDECIDED, message)
    if not triggers:
        return judge(expectation, Verdict.VACUOUS, absent(question.trigger, timeline, window))
    word = _word(question)
    if not question.distinct:
        return judge(expectation, Verdict.PASS, f"all {triggers} {word} by {question.partner.event}")
    try:
        doubt = _short(question, partners, asked, certain=True)
    except TooManyError:
        message = f"too many {question.partner.event} to tell whether each trigger has one of its own"
        return judge(expectation, Verdict.UNDECIDED, message)
    if doubt:
        event, env, message = doubt
        message = f"as far as is certain: {message}"
        return judge(expectation, Verdict.UNDECIDED, message, bindings=env, trigger=event, timeline=timeline)
    message = f"all {triggers} {word} by {question.partner.event}, each by one of its own"
    return judge(expectation, Verdict.PASS, message)


def _short(
    question: _Question, partners: Partners, asked: list[tuple[Event, Env, bool]], *, certain: bool
) -> tuple[Event, Env, str] | None:
    """The first trigger that is left without a partner of its own, and what to say of it.

    ``certain``: only certain partners count, for every trigger; else possible ones too, for certain triggers,
    so that a shortage is a violation whatever the doubts are. ``TooManyError`` in the first case only.
    """

    def of(place: int) -> Iterator[tuple[Source, int]]:
        event, env, _ = asked[place]
        for candidate, outcome in partners.outcomes(event, env, later=question.later):
            if outcome or not certain:
                yield candidate.source, candidate.seq

    places = [place for place, (_, _, sure) in enumerate(asked) if sure or certain]
    try:
        short = shortage(places, of)
    except TooManyError:
        if certain:
            raise
        return None
    if short is None:
        return None
    event, env, _ = asked[short.trigger]
    return (
        event,
        env,
        f"{len(short.triggers)} {question.trigger.event} have {short.partners} {question.partner.event} "
        f"between them that can be theirs; the last of them, {describe(event)}, is left without one",
    )


def _possible(question: _Question, event: Event, seen: Observations) -> str:
    name = question.partner.event
    if wants_same_span(question.partner) and seen.timeline.span_of(event) is None:
        return f"the span of this event is not known, so neither whether a {name} is in it"
    return f"whether a {name} belongs to it, or comes in order, is uncertain"


def _word(question: _Question) -> str:
    return "followed" if question.later else "preceded"


def _failure(question: _Question, partners: Partners, event: Event, env: Env, counts: tuple[int, int]) -> str:
    missing, triggers = counts
    first = "the first " * (missing == ENOUGH)
    message = (
        f"{missing} of {first}{triggers} {question.trigger.event} not {_word(question)} by "
        f"{question.partner.event}{limited(question.limit)}, first {describe(event)}\n"
    )
    return message + explained(
        question.partner,
        env,
        partners.timeline.by_name.get(question.partner.event, ()),
        beside=event,
        word="after" if question.later else "before",
        related=lambda each: wrong_place(partners, event, each, later=question.later),
    )


def limited(limit: Limit) -> str:
    """The limit in words, with a blank before; empty for none."""
    words = [f"{limit.us} us"] if limit.us is not None else []
    words += [f"{limit.events} events"] if limit.events is not None else []
    return f" within {' and '.join(words)}" if words else ""


def wrong_place(partners: Partners, event: Event, candidate: Event, *, later: bool) -> list[str]:
    """What is wrong with where a candidate stands: order, scope, distance, span."""
    timeline = partners.timeline
    pair = (event, candidate) if later else (candidate, event)
    found = []
    order = timeline.before(*pair)
    if order is False:
        found.append(f"order: comes {'before' if later else 'after'} it")
    elif order is None:
        found.append("order: cannot be established")
    inside = partners.window.contains(candidate)
    if inside is not True:
        found.append("scope: is not in it" if inside is False else "scope: whether it is in it is uncertain")
    if order is True and partners.distance.allows(*pair) is not True:
        away = (pair[1].time_ns - pair[0].time_ns) // 1000
        found.append(f"distance: {away} us,{limited(partners.limit)} was expected")
    if wants_same_span(partners.pattern):
        spans = timeline.span_of(event), timeline.span_of(candidate)
        ids = ["not known" if span is None else str(span.id) for span in spans]
        if spans[0] is None or spans[1] is None or ids[0] != ids[1]:
            found.append(f"span: {ids[1]}, expected that of the event, {ids[0]}")
    return found
