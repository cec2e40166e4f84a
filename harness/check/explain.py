# SPDX-License-Identifier: GPL-2.0-only
"""What was expected where it stopped matching, and why the nearest candidates are not it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.check.condition import BoundCondition, Env, UnboundError
from harness.check.finding import describe
from harness.check.match import COVERS, conditions, wants_same_span
from harness.check.window import Window, candidates
from harness.scenario.language import EventPattern
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.timeline import Timeline
from harness.trace.vocabulary import is_raw_event

_OPERATORS = ("!=", "<", ">")
CANDIDATES = 3
"""How many candidates a message shows."""

LOOKED_AT = 2000
"""How many candidates are looked at, the nearest ones in time."""

Related = Callable[[Event], Sequence[str]]
"""What is wrong with a candidate besides its fields: order, distance, scope, span."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    event: Event
    misses: tuple[str, ...]
    away: int


def filled(pattern: EventPattern, env: Env) -> str:
    """The pattern with the values of its variables: ``l0.tlbi {vmid: $v = 3}``."""
    parts = []
    for name, value in pattern.fields.items():
        text = str(value)
        test = conditions(pattern).get(name)
        if test is not None and test.variable is not None and test.variable in env:
            text += f" = {number(env[test.variable])}"
        parts.append(f"{name}: {text}")
    return f"{pattern.event} {{{', '.join(parts)}}}"


def number(value: Value) -> str:
    """A value as messages print it: hexadecimal from 10 on."""
    return f"{value:#x}" if isinstance(value, int) and value > 9 else str(value)


def misses(pattern: EventPattern, event: Event, env: Env) -> list[str]:
    """Each condition of ``pattern`` that does not surely hold of ``event``, with what is there instead."""
    found = []
    bound = dict(env)
    for name, test in conditions(pattern).items():
        wanted = number(bound[test.variable]) if test.variable in bound else ""
        said = f"{pattern.fields[name]} = {wanted}" if wanted else str(pattern.fields[name])
        if name == COVERS:
            found += _covers(event, said, test, bound)
            continue
        value = event.fields.get(name)
        if value is None:
            missing = "not printed" if is_raw_event(event.name) else "does not apply"
            found.append(f"{name}: {missing}, expected {said}")
            continue
        try:
            outcome = test.test(value, bound)
        except UnboundError as error:
            found.append(f"{name}: ${error} has no value")
            continue
        if test.binds and test.variable is not None:
            bound.setdefault(test.variable, value)
        if outcome is not True:
            there = "could not be observed" if value == UNKNOWN else number(value)
            found.append(f"{name}: {there}, expected {said}")
    return found


def absent(pattern: EventPattern, timeline: Timeline, window: Window) -> str:
    """That nothing matched ``pattern``, and what there is of its name instead, the nearest first."""
    others = timeline.by_name.get(pattern.event, ())
    inside = candidates(timeline, EventPattern(pattern.where, pattern.event, {}), window)
    wanted = " and ".join(
        f"{name}={value}" if not str(value).startswith(_OPERATORS) else f"{name} {value}"
        for name, value in pattern.fields.items()
    )
    what = f"no {pattern.event}" + (f" with {wanted}" if wanted else "")
    if not others:
        return f"{what} (there is no {pattern.event} at all)" if wanted else f"{what} at all"
    if not inside:
        return f"{what} in scope (of {len(others)} none is in it)"
    if not wanted:  # nothing but doubt about the scope keeps them away
        return f"{what} (that {len(inside)} are in scope is not certain)"
    text = f"{what} ({len(inside)} {'other' if len(inside) == 1 else 'others'} in scope)"
    nearest = _ranked(pattern, window.env, inside, None, None)[:1]
    for each in nearest:
        text += f"\nnearest: {describe(each.event)}"
        text += "".join(f"\n  {miss}" for miss in each.misses)
    return text


def _covers(event: Event, said: str, test: BoundCondition, env: Env) -> list[str]:
    start, size = event.fields.get("start"), event.fields.get("size")
    if not isinstance(start, int) or not isinstance(size, int):
        return [f"covers: its range is not known, expected {said}"]
    wanted = test.values if test.variable is None else (env.get(test.variable, UNKNOWN),)
    if any(isinstance(each, int) and start <= each < start + size for each in wanted):
        return []
    return [f"covers: {start:#x} to {start + size - 1:#x}, expected {said}"]


def expectation(
    pattern: EventPattern,
    env: Env,
    candidates: Iterable[Event],
    *,
    beside: Event | None = None,
    word: str = "",
    related: Related | None = None,
) -> str:
    """Lines on what was expected (``word`` the event ``beside``), and why the nearest events are not it."""
    where = "" if beside is None else f"\n  {word}: {describe(beside)}"
    lines = [f"expected: {filled(pattern, env)}  [{pattern.where}]{where}"]
    if wants_same_span(pattern):
        lines[0] += "\n  in the same span"
    ranked = _ranked(pattern, env, candidates, beside, related)
    for each in ranked[:CANDIDATES]:
        lines.append(f"nearest: {describe(each.event)}")
        lines += [f"  {miss}" for miss in each.misses]
    if not ranked:
        lines.append(f"there is no {pattern.event} at all")
    return "\n".join(lines)


def _ranked(
    pattern: EventPattern,
    env: Env,
    candidates: Iterable[Event],
    beside: Event | None,
    related: Related | None,
) -> list[_Candidate]:
    """Candidates with something wrong, those with the least wrong first, then the nearest."""
    origin = 0 if beside is None else beside.time_ns
    events = [event for event in candidates if event is not beside]
    events.sort(key=lambda e: abs(e.time_ns - origin))
    found = []
    for event in events[:LOOKED_AT]:
        wrong = (*misses(pattern, event, env), *(related(event) if related else ()))
        if wrong:
            found.append(_Candidate(event, wrong, abs(event.time_ns - origin)))
    return sorted(found, key=lambda c: (len(c.misses), c.away))
