"""Systematic mutations of a good trace, for each expectation those that it ought to notice.

A mutation drops the events that a pattern is about, alters a field that it has a condition on, moves them to
the wrong side or too far away, or adds one that is forbidden. A row of ``KINDS`` for each kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.check.condition import Env
from harness.check.corpus import edit
from harness.check.corpus.fields import all_other, altered, other, satisfying, violation, without_bit
from harness.check.evaluate import event_names
from harness.check.finding import both
from harness.check.match import COVERS, conditions, match, wants_same_span
from harness.check.scope import occurrences
from harness.check.window import Window
from harness.scenario import language as model
from harness.scenario.language import EventPattern, Expectation, Limit
from harness.trace.event import Event, Value
from harness.trace.timeline import Timeline

FAR_NS = 3_600 * 10**9
REGISTERS = ("hcr",)
"""Fields that hold a register of flags."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A changed trace, and what was changed."""

    what: str
    timeline: Timeline


def mutations(timeline: Timeline, expectation: Expectation) -> Iterator[Mutation]:
    """Every mutation of ``timeline`` that is meant for ``expectation``."""
    yield from KINDS[type(expectation)](edit.spread(timeline), expectation)


def _existence(timeline: Timeline, expectation: model.Existence) -> Iterator[Mutation]:
    yield from _spoilt(timeline, expectation.of)
    for event in matching(timeline, expectation.of)[:1]:
        twin = timeline
        for number in range(1, 4):
            twin = edit.added(twin, dataclasses.replace(event, seq=event.seq + number))
            yield Mutation(f"{number} more of {event.name}", twin)


def _absence(timeline: Timeline, expectation: model.Absence) -> Iterator[Mutation]:
    yield from _forbidden(timeline, expectation.of, expectation.given, expectation)


def _universality(timeline: Timeline, expectation: model.Universality) -> Iterator[Mutation]:
    events = matching(timeline, expectation.of)
    for name in expectation.holds.fields:
        test = conditions(expectation.holds).get(name)
        if test is not None and (test.variable is None or test.binds):
            yield Mutation(f"another {name}", edit.changed(timeline, events, violation(name, test)))


def _response(timeline: Timeline, expectation: model.Response) -> Iterator[Mutation]:
    yield from _spoilt(timeline, expectation.then, [expectation.when])
    yield from _moved(timeline, expectation.then, matching(timeline, expectation.when), later=True)
    yield from _delayed(timeline, expectation.when, expectation.then, expectation.within)


def _precedence(timeline: Timeline, expectation: model.Precedence) -> Iterator[Mutation]:
    yield from _spoilt(timeline, expectation.first, [expectation.event])
    yield from _moved(timeline, expectation.first, matching(timeline, expectation.event), later=False)
    yield from _delayed(timeline, expectation.first, expectation.event, expectation.within)


def _sequence(timeline: Timeline, expectation: model.Sequence) -> Iterator[Mutation]:
    for number, pattern in enumerate(expectation.of[1:], 1):
        earlier = expectation.of[:number]
        yield from _spoilt(timeline, pattern, earlier)
        yield from _moved(timeline, pattern, matching(timeline, earlier[-1]), later=True)
    yield from _delayed(timeline, expectation.of[-2], expectation.of[-1], expectation.within)


def _any_of_it(timeline: Timeline, expectation: Expectation) -> Iterator[Mutation]:
    """For what is no pattern: whatever can be done to the events that it looks at."""
    for name in event_names([expectation]):
        events = timeline.by_name.get(name, ())
        if not events:
            continue
        yield Mutation(f"no {name}", edit.without(timeline, events))
        yield Mutation(f"{name} in reverse", _reversed(timeline, events))
        for event in events:
            yield Mutation(f"one {name} less", edit.without(timeline, [event]))
            twin = dataclasses.replace(event, seq=event.seq + 1)
            yield Mutation(f"{name} twice", edit.added(timeline, twin))
            for each, value in event.fields.items():
                change = altered(each, other(value))
                yield Mutation(f"another {each}", edit.changed(timeline, [event], change))
        for each in dict.fromkeys(key for event in events for key in event.fields):
            yield Mutation(f"another {each} in all {name}", edit.changed(timeline, events, all_other(each)))


def _of_a_function(timeline: Timeline, expectation: model.PythonCheck) -> Iterator[Mutation]:
    """A function may look at single bits of a register: each that is set, clear in all events."""
    yield from _any_of_it(timeline, expectation)
    for name in event_names([expectation]):
        events = timeline.by_name.get(name, ())
        for each in (field for field in REGISTERS if any(field in event.fields for event in events)):
            for bit in range(64):
                clear = without_bit(each, bit)
                if any(clear(event) != event for event in events):
                    yield Mutation(
                        f"{each} of {name} without bit {bit}", edit.changed(timeline, events, clear)
                    )


KINDS: Mapping[type[Expectation], Callable[[Timeline, Any], Iterator[Mutation]]] = {
    model.Existence: _existence,
    model.Absence: _absence,
    model.Universality: _universality,
    model.Response: _response,
    model.Precedence: _precedence,
    model.Sequence: _sequence,
    model.OracleCheck: _any_of_it,
    model.PythonCheck: _of_a_function,
}


def matching(timeline: Timeline, pattern: EventPattern) -> list[Event]:
    """Events that satisfy all conditions of ``pattern`` that need no variable."""
    tests = conditions(pattern)
    fields = {
        name: value for name, value in pattern.fields.items() if name in tests and not tests[name].variable
    }
    plain = EventPattern(pattern.where, pattern.event, fields)
    return [e for e in timeline.by_name.get(pattern.event, ()) if match(plain, e, {})[0] is not False]


def _spoilt(
    timeline: Timeline, pattern: EventPattern, earlier: Sequence[EventPattern] = ()
) -> Iterator[Mutation]:
    """No event for the pattern, or none that satisfies one of its conditions.

    Left out are conditions that any value satisfies, since they bind, and comparisons with a variable.
    """
    events = matching(timeline, pattern)
    yield Mutation(f"no {pattern.event}", edit.without(timeline, events))
    if wants_same_span(pattern):
        yield Mutation(f"{pattern.event} in another span", edit.in_another_span(timeline, events))
    bound = {test.variable for each in earlier for test in conditions(each).values() if test.binds}
    for name, test in conditions(pattern).items():
        if name == COVERS or test.variable is None or (test.binds and test.variable in bound):
            yield Mutation(f"another {name}", edit.changed(timeline, events, violation(name, test)))


def _moved(
    timeline: Timeline, pattern: EventPattern, triggers: Sequence[Event], *, later: bool
) -> Iterator[Mutation]:
    """The events on the wrong side of all their triggers."""
    events = matching(timeline, pattern)
    if not events or not triggers:
        return
    end = min(triggers, key=lambda e: e.seq) if later else max(triggers, key=lambda e: e.seq)
    step = -1 if later else 1

    def away(event: Event) -> Event:
        number = events.index(event) - len(events) if later else events.index(event) + 1
        seq = event.seq
        if end.source is event.source:
            seq = end.seq + number
        elif timeline.anchors:  # they, and no times, are what the order comes from
            others = timeline.by_source[event.source]
            seq = (others[0] if later else others[-1]).seq + number
        return dataclasses.replace(event, seq=seq, time_ns=end.time_ns + step * FAR_NS + number)

    yield Mutation(
        f"{pattern.event} {'before' if later else 'after'} it", edit.changed(timeline, events, away)
    )


def _delayed(
    timeline: Timeline, first: EventPattern, second: EventPattern, limit: Limit
) -> Iterator[Mutation]:
    """The second events further away from the first ones than the limit."""
    events = matching(timeline, second)
    if limit.us is not None:
        late = edit.changed(timeline, events, lambda e: dataclasses.replace(e, time_ns=e.time_ns + FAR_NS))
        yield Mutation("too far away", late)
    # Strays lack every field, so they are counted and match no pattern that asks for one.
    source = timeline.source_of(second.event)
    names = [
        each.event for each in (first, second) if each.fields and timeline.source_of(each.event) is source
    ]
    if limit.events is not None and names:
        crowded = timeline
        for event in events:
            for number in range(1, limit.events + 2):
                stray = dataclasses.replace(event, name=names[0], seq=event.seq - number, fields={})
                crowded = edit.added(crowded, stray)
        yield Mutation("too many events in between", crowded)


def _forbidden(
    timeline: Timeline, pattern: EventPattern, given: EventPattern | None, expectation: model.Absence
) -> Iterator[Mutation]:
    """One event that must not be there, wherever in scope there is a place for it."""
    for window in occurrences(timeline, expectation.scope).windows:
        for env, beside in _cases(timeline, given, window):
            made = _made(timeline, pattern, env, beside, window)
            if made is not None:
                place = "in scope" if beside is None else f"after {beside.name}"
                yield Mutation(f"a {pattern.event} {place}", made)


def _cases(
    timeline: Timeline, given: EventPattern | None, window: Window
) -> Iterator[tuple[Env, Event | None]]:
    if given is None:
        yield window.env, None
        return
    for event in timeline.by_name.get(given.event, ()):
        outcome, env = match(given, event, window.env)
        if both(window.contains(event), outcome):
            yield env, event


def _made(
    timeline: Timeline, pattern: EventPattern, env: Env, beside: Event | None, window: Window
) -> Timeline | None:
    """The timeline with an event that satisfies the pattern, in the window and in the span of ``beside``."""
    source = timeline.source_of(pattern.event)
    same = timeline.by_name.get(pattern.event, ())
    fields: dict[str, Value] = dict(same[0].fields) if same else {}
    for name, test in conditions(pattern).items():
        fields |= satisfying(name, test, env)
    low, high = window.span(source)
    positions = [e.seq for e in timeline.by_source.get(source, ()) if low < e.seq < high]
    if beside is not None and beside.source is source:
        seq = beside.seq + 1
    elif positions:
        seq = positions[-1] + 1
    else:
        seq = int(low) + 1 if low > float("-inf") else int(high) - 1 if high < float("inf") else 1
    time = beside.time_ns if beside is not None else _time_at(timeline, seq, pattern)
    model_of = same[0] if same else None
    level = source.level if model_of is None else model_of.level
    if level is None:
        level = beside.level if beside is not None else next(iter(timeline.events)).level
    seen_by = model_of.seen_by if model_of else None
    event = Event(pattern.event, level, seq, time, 0, "mutation-1", fields, seen_by=seen_by)
    if not window.contains(event):
        return None
    result = edit.added(timeline, event)
    span = timeline.span_of(beside) if beside is not None else None
    if span is None:
        return result
    wider = dataclasses.replace(span, events=(*span.events, event))
    return dataclasses.replace(result, spans=tuple(wider if s.id == span.id else s for s in result.spans))


def _time_at(timeline: Timeline, seq: int, pattern: EventPattern) -> int:
    """The time of what comes before ``seq`` in the pattern's source."""
    source = timeline.source_of(pattern.event)
    places = [(e.seq, e.time_ns) for e in timeline.by_source.get(source, ())]
    places += [(m.seq, m.time_ns) for m in timeline.marks if m.source is source]
    earlier = [place for place in places if place[0] <= seq]
    return max(earlier)[1] if earlier else min(places, default=(0, 0))[1]


def _reversed(timeline: Timeline, events: Sequence[Event]) -> Timeline:
    """The same events, each with the fields of the one at the other end."""
    fields = {edit.key(one): other.fields for one, other in zip(events, reversed(events), strict=True)}
    return edit.changed(timeline, events, lambda e: dataclasses.replace(e, fields=fields[edit.key(e)]))
