# SPDX-License-Identifier: GPL-2.0-only
"""``existence``: the pattern matches as often as ``count`` says. Rules: docs/verdicts.md."""

from __future__ import annotations

import math

from harness.check import condition
from harness.check.condition import BoundCondition, Env
from harness.check.explain import absent
from harness.check.explain import expectation as explained
from harness.check.finding import Finding, Observations, both, describe, judge
from harness.check.match import conditions, match
from harness.check.window import Window, gaps, summary, surely_in
from harness.check.window import candidates as in_window
from harness.errors import InputError, Problem
from harness.scenario.language import Existence
from harness.trace.event import Event
from harness.verdict import Verdict


def check(expectation: Existence, seen: Observations, window: Window) -> Finding:
    """Judge from the least and the most matches that the timeline allows."""
    wanted = parse_count(expectation)
    timeline, pattern = seen.timeline, expectation.of
    candidates = in_window(timeline, pattern, window)
    binding: Env = window.env
    unsure_first = False
    for event in candidates:
        outcome, bound = match(pattern, event, window.env)
        outcome = both(window.contains(event), outcome)
        if outcome:
            binding = bound
            break
        unsure_first |= outcome is None
    found = 0
    first: Event | None = None
    last: Event | None = None
    possible = 0
    if candidates and surely_in(window, pattern, candidates):
        found, first, last, candidates = len(candidates), candidates[0], candidates[-1], ()
    for event in candidates:
        outcome = both(window.contains(event), match(pattern, event, binding)[0])
        if outcome:
            found, first, last = found + 1, first or event, event
        elif outcome is None:
            possible += 1
    reasons = gaps(timeline, pattern, window, env=window.env)
    low, high = found, math.inf if reasons else found + possible
    free = {c.variable for c in conditions(pattern).values() if c.binds} - set(window.env)
    if unsure_first and free:
        low, high = 0, math.inf
        reasons.append("the first match, which binds the variables, is uncertain")
    elif possible:
        reasons.append(f"{possible} events may match")
    verdict = _verdict(wanted, low, high)
    message = f"{pattern.event} matched {found} times, expected {expectation.count}"
    if verdict is Verdict.UNDECIDED:
        message += f": {summary(reasons)}"
    elif verdict is Verdict.FAIL and last is not None:
        message += f", the last is {describe(last)}"
    elif verdict is Verdict.FAIL:
        others = timeline.by_name.get(pattern.event, ())
        none = absent(pattern, timeline, window).partition("\n")[0]
        message = f"{none}, expected {expectation.count}"
        message += "\n" + explained(pattern, binding, others, related=lambda e: outside(window, e))
    trigger = first if verdict is Verdict.PASS else last or next(reversed(candidates), None)
    return judge(expectation, verdict, message, bindings=binding, trigger=trigger, timeline=timeline)


def outside(window: Window, event: Event) -> list[str]:
    """What is wrong with the event's place, in words."""
    inside = window.contains(event)
    return [] if inside else ["out of scope" if inside is False else "whether it is in scope is uncertain"]


def parse_count(expectation: Existence) -> BoundCondition:
    """The condition on the number of matches; ``InputError`` unless it compares with whole numbers."""
    try:
        wanted = condition.parse(expectation.count)
        if wanted.variable is not None or not all(isinstance(v, int) for v in wanted.values):
            raise ValueError(f"{expectation.count!r} is not a count")
    except ValueError as error:
        problem = Problem(expectation.where, f"count: {error}", 'a number or a comparison such as ">= 1"')
        raise InputError([problem]) from None
    return wanted


def _verdict(wanted: BoundCondition, low: int, high: float) -> Verdict:
    """Pass if every number in low..high is as wanted, fail if none is."""
    edges = {low, low + 10**9 if high == math.inf else int(high)}
    edges |= {v + d for v in wanted.values if isinstance(v, int) for d in (-1, 0, 1)}
    outcomes = {wanted.test(number, {}) for number in edges if low <= number <= high}
    if outcomes == {True}:
        return Verdict.PASS
    return Verdict.FAIL if outcomes == {False} else Verdict.UNDECIDED
