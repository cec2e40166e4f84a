# SPDX-License-Identifier: GPL-2.0-only
"""Does an event match a pattern: yes, no, or unknown (None), and with which bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.check.condition import BoundCondition, Env, UnboundError, parse
from harness.errors import InputError, Problem
from harness.scenario.language import EventPattern
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.registry import Blind
from harness.trace.source import Source
from harness.trace.timeline import Timeline
from harness.trace.vocabulary import is_raw_event

COVERS = "covers"
SPAN = "span"
SAME = "same"


def conditions(pattern: EventPattern) -> Mapping[str, BoundCondition]:
    """The pattern's conditions, parsed; ``InputError`` with the pattern's place for a wrong one."""
    return _known(pattern).conditions


@dataclass(frozen=True, slots=True)
class _Known:
    """A pattern, its conditions, and these in the order of testing.

    A test is a field's name, the values of which any one satisfies the condition whatever is bound (none for
    other conditions), and the condition.
    """

    pattern: EventPattern
    conditions: Mapping[str, BoundCondition]
    tests: tuple[tuple[str, frozenset[Value], BoundCondition], ...]


_REMEMBERED = 4096
# By identity: hashing a pattern would cost more than testing an event against it. The pattern is kept alive.
_remembered: dict[int, _Known] = {}


def _known(pattern: EventPattern) -> _Known:
    known = _remembered.get(id(pattern))
    if known is not None and known.pattern is pattern:
        return known
    found = _parse(pattern)
    tests = tuple((name, _plain(condition), condition) for name, condition in found.items())
    if len(_remembered) >= _REMEMBERED:
        _remembered.clear()
    _remembered[id(pattern)] = known = _Known(pattern, found, tests)
    return known


def _plain(condition: BoundCondition) -> frozenset[Value]:
    decided = condition.op == "==" and condition.variable is None and UNKNOWN not in condition.values
    return frozenset(condition.values) if decided else frozenset()


def _parse(pattern: EventPattern) -> Mapping[str, BoundCondition]:
    found = {}
    for name, value in pattern.fields.items():
        if (name, value) == (SPAN, SAME):
            continue  # relates two events: same_span()
        try:
            found[name] = parse(value)
        except ValueError as error:
            raise InputError([Problem(pattern.where, f"{name}: {error}")]) from None
    # Binding conditions first, so that the others of the same pattern may use what they bind.
    return dict(sorted(found.items(), key=lambda pair: not pair[1].binds or pair[0] == COVERS))


def match(pattern: EventPattern, event: Event, env: Env) -> tuple[bool | None, Env]:
    """Match ``event`` under ``env``; the bindings returned extend ``env`` and hold unless it is False.

    A field that a registered event lacks does not apply to it: no match. A raw event that lacks it may
    have been printed in a way not understood: unknown. ``InputError`` for a comparison with a free
    variable.
    """
    if event.name != pattern.event:
        return False, env
    bound: dict[str, Value] | None = None  # a copy of ``env``, once something is bound
    result: bool | None = True
    fields = event.fields
    try:
        for name, plain, condition in _known(pattern).tests:
            value = fields.get(name)
            if value is None:
                value = event.field(name)
            if value in plain:
                continue
            if name == COVERS:
                outcome = _covers(event, condition, bound or env)
            elif value is None:
                outcome = None if is_raw_event(event.name) else False
            else:
                outcome = condition.test(value, bound or env)
                if condition.binds and outcome is not False:
                    bound = bound or dict(env)
                    bound.setdefault(str(condition.variable), value)
            if outcome is False:
                return False, env
            if outcome is None:
                result = None
    except UnboundError as error:
        raise InputError([Problem(pattern.where, f"${error} is used before anything binds it")]) from None
    return result, bound or env


def surely_matches(pattern: EventPattern, name: str, fields: Mapping[str, Value]) -> bool:
    """Whether every event of this name that has ``fields`` among others matches; nothing is bound yet."""
    return name == pattern.event and all(
        condition.variable is None and key in fields and condition.test(fields[key], {}) is True
        for key, condition in conditions(pattern).items()
    )


def may_match(pattern: EventPattern, name: str, fields: Mapping[str, Value]) -> bool:
    """Whether an event of this name that has ``fields`` among others may match; nothing is bound yet."""
    if name != pattern.event:
        return False
    return not any(
        condition.variable is None and key in fields and condition.test(fields[key], {}) is False
        for key, condition in conditions(pattern).items()
    )


def _covers(event: Event, condition: BoundCondition, env: Env) -> bool | None:
    start, size = event.fields.get("start"), event.fields.get("size")
    if start is None or size is None:
        return None if is_raw_event(event.name) else False
    if condition.variable is not None and condition.variable not in env:
        raise UnboundError(condition.variable)
    wanted = condition.values if condition.variable is None else (env[condition.variable],)
    if start == UNKNOWN or size == UNKNOWN or UNKNOWN in wanted:
        return None
    if not isinstance(start, int) or not isinstance(size, int):
        return None
    return any(isinstance(each, int) and start <= each < start + size for each in wanted)


def wants_same_span(pattern: EventPattern) -> bool:
    """Whether the pattern says ``span: same``."""
    return pattern.fields.get(SPAN) == SAME


def same_span(timeline: Timeline, pattern: EventPattern, event: Event, other: Event) -> bool | None:
    """Whether ``event`` is in the span that ``pattern`` wants, that of ``other``; None when that is unknown.

    A span whose end was seen holds every event of the model that belongs to it. Whether an event of a kernel
    without a span belongs to one may just not be established.
    """
    if not wants_same_span(pattern):
        return True
    mine, wanted = timeline.span_of(event), timeline.span_of(other)
    if mine is not None and wanted is not None:
        return mine.id == wanted.id
    span, stray = (mine, other) if mine is not None else (wanted, event)
    return False if span is not None and not span.open and stray.source is Source.MODEL else None


def may_match_unseen(pattern: EventPattern, blind: Blind, env: Env) -> bool:
    """Whether an event that a realisation cannot see might match ``pattern`` under ``env``."""
    for name, condition in conditions(pattern).items():
        if name not in blind or (condition.variable is not None and condition.variable not in env):
            continue
        if all(condition.test(value, env) is False for value in blind[name]):
            return False
    return True


def variable_problems(patterns: Sequence[EventPattern]) -> list[Problem]:
    """Comparisons and ``covers`` with a variable that neither an earlier nor the same pattern binds."""
    bound: set[str] = set()
    problems = []
    for pattern in patterns:
        found = conditions(pattern)
        bound |= {c.variable for name, c in found.items() if c.variable and c.binds and name != COVERS}
        problems += [
            Problem(
                pattern.where, f"{name}: ${c.variable} is used before anything binds it", "a bound variable"
            )
            for name, c in found.items()
            if c.variable and (not c.binds or name == COVERS) and c.variable not in bound
        ]
    return problems
