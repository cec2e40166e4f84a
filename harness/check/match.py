"""Does an event match a pattern: yes, no, or unknown (None), and with which bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.check.condition import Condition, Env, UnboundError, parse
from harness.errors import InputError, Problem
from harness.scenario.model import EventPattern
from harness.trace.event import UNKNOWN, Event
from harness.trace.registry import Blind
from harness.trace.timeline import Timeline
from harness.trace.vocabulary import is_raw_event

COVERS = "covers"
SPAN = "span"
SAME = "same"


def conditions(pattern: EventPattern) -> Mapping[str, Condition]:
    """The pattern's conditions, parsed; ``InputError`` with the pattern's place for a wrong one."""
    known = _parsed.get(id(pattern))
    if known is not None and known[0] is pattern:
        return known[1]
    found = _parse(pattern)
    if len(_parsed) >= _REMEMBERED:
        _parsed.clear()
    _parsed[id(pattern)] = pattern, found
    return found


_REMEMBERED = 4096
# By identity: hashing a pattern would cost more than testing an event against it. The pattern is kept alive.
_parsed: dict[int, tuple[EventPattern, Mapping[str, Condition]]] = {}


def _parse(pattern: EventPattern) -> Mapping[str, Condition]:
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
    bound = dict(env)
    result: bool | None = True
    for name, condition in conditions(pattern).items():
        try:
            outcome = _field(event, name, condition, bound)
        except UnboundError as error:
            raise InputError([Problem(pattern.where, f"${error} is used before anything binds it")]) from None
        if outcome is False:
            return False, env
        if outcome is None:
            result = None
    return result, bound


def _field(event: Event, name: str, condition: Condition, bound: dict[str, int | str]) -> bool | None:
    if name == COVERS:
        return _covers(event, condition, bound)
    value = event.fields.get(name)
    if value is None:
        return None if is_raw_event(event.name) else False
    outcome = condition.test(value, bound)
    if condition.binds and outcome is not False:
        assert condition.variable is not None
        bound.setdefault(condition.variable, value)
    return outcome


def _covers(event: Event, condition: Condition, env: Env) -> bool | None:
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
    """Whether ``event`` is in the span that ``pattern`` wants, that of ``other``; None when none is known."""
    if not wants_same_span(pattern):
        return True
    spans = timeline.span_of(event), timeline.span_of(other)
    if spans[0] is None or spans[1] is None:
        return None
    return spans[0].id == spans[1].id


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
