# SPDX-License-Identifier: GPL-2.0-only
"""What the schema cannot say about one event pattern: its event, fields, conditions and variables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.document.nodes import Node, describe, listing, shown
from harness.errors import Problem, closest
from harness.scenario import value_grammar
from harness.scenario.vocabulary import Vocabulary

COVERS, SPAN = "covers", "span"
_RANGE = ("start", "size")


@dataclass(frozen=True, slots=True)
class PatternContext:
    """What a pattern may refer to where it stands.

    ``bound``    variables that have a value already; None when that is not known for an error elsewhere
    ``binder``   what binds every variable of this pattern; empty when it may bind some itself
    ``relates``  whether there is another event whose span can be wanted
    """

    bound: frozenset[str] | None = frozenset()
    binder: str = ""
    relates: bool = False


def bindings(pattern: Node) -> frozenset[str]:
    """Variables that a match of the pattern gives a value; ``covers`` and comparisons only compare."""
    found = set()
    for key, value in _conditions(pattern).items():
        try:
            condition = value_grammar.condition(value)
        except ValueError:
            continue
        if condition.binds and key != COVERS:
            found.add(condition.variable)
    return frozenset(found)


def check(pattern: Node, place: PatternContext, vocabulary: Vocabulary) -> Iterator[Problem]:
    """All that is wrong with the pattern at its place."""
    event, name = pattern.map.get("event"), pattern.word("event")
    fields: set[str] | None = None
    if event is not None and name:
        if name in vocabulary.events:
            fields = set(vocabulary.events[name])
            if fields.issuperset(_RANGE):
                fields.add(COVERS)
        yield from check_name(event, vocabulary)
    for key, node in pattern.map.items():
        if key == "event":
            continue
        if key == SPAN and (node.text == "same" or fields is not None):
            yield from _span(node, place)
        elif fields is not None and key not in fields:
            choices = sorted(fields)
            found = f"unknown field {shown(key)} of {name}"
            yield Problem(pattern.keys[key], found, listing(choices), closest(key, choices))
        elif isinstance(node.value, list):
            yield from _list(pattern, key, node, vocabulary)
        elif isinstance(node.value, str | int) and not isinstance(node.value, bool):
            yield from _condition(pattern, key, node, place, vocabulary)
    if place.binder and place.bound is not None:
        yield from _unbound(pattern, place.binder, place.bound)


def check_name(event: Node, vocabulary: Vocabulary) -> Iterator[Problem]:
    """Whether the node names an event."""
    name = event.text
    if name and name not in vocabulary.events and not vocabulary.is_raw(name):
        known = sorted(vocabulary.events)
        expected = "an event such as " + ", ".join(known[:3]) if known else "a known event"
        yield event.problem(f"unknown event {shown(name)}", expected, closest(name, known))


def _conditions(pattern: Node) -> dict[str, str | int]:
    return {
        key: node.value
        for key, node in pattern.map.items()
        if key not in ("event", SPAN) and isinstance(node.value, str | int)
    }


def _span(node: Node, place: PatternContext) -> Iterator[Problem]:
    if node.text != "same":
        yield node.problem(describe(node.value), "same")
    elif not place.relates:
        yield node.problem("'span: same' relates this event to no other", "it in a later pattern")


def _unbound(pattern: Node, binder: str, bound: frozenset[str]) -> Iterator[Problem]:
    for key, value in _conditions(pattern).items():
        free = value_grammar.variables({key: value}) - bound
        if free:
            expected = value_grammar.listed(bound) or "a value"
            near = closest(min(free), sorted(bound))
            yield pattern.map[key].problem(
                f"{value_grammar.listed(free)} is not bound in '{binder}'", expected, near and f"${near}"
            )


def _list(pattern: Node, key: str, node: Node, vocabulary: Vocabulary) -> Iterator[Problem]:
    if key == COVERS:
        yield node.problem("a list", "an address or a variable such as $a")
        return
    try:
        value_grammar.alternatives(item.value for item in node.items if isinstance(item.value, str | int))
    except ValueError as error:
        yield node.problem("a list with a condition in it", str(error))
    for item in node.items:
        if item.text:
            yield from _value(pattern, key, item, (item.text,), vocabulary)


def _condition(
    pattern: Node, key: str, node: Node, place: PatternContext, vocabulary: Vocabulary
) -> Iterator[Problem]:
    assert isinstance(node.value, str | int)
    try:
        condition = value_grammar.condition(node.value)
    except ValueError as error:
        yield node.problem(describe(node.value), str(error))
        return
    unknown = False
    if condition.variable and place.bound is not None and not place.binder:
        unknown = condition.variable not in place.bound | bindings(pattern)
    if key == COVERS:
        if unknown:
            yield node.problem(f"${condition.variable} has no value to cover", "a variable bound elsewhere")
        if condition.names or (isinstance(node.value, str) and node.value[:1] in "!<>"):
            yield node.problem(describe(node.value), "an address or a variable such as $a")
        return
    if unknown and not condition.binds:
        found = f"${condition.variable} has no value to compare with"
        yield node.problem(found, "a variable bound elsewhere")
    yield from _value(pattern, key, node, condition.names, vocabulary)


def _value(
    pattern: Node, key: str, node: Node, words: tuple[str, ...], vocabulary: Vocabulary
) -> Iterator[Problem]:
    names = vocabulary.values.get(pattern.word("event") or "", {}).get(key)
    for word in words if names is not None else ():
        if word not in (choices := sorted(names or ())):
            yield node.problem(f"unknown {key} {shown(word)}", listing(choices), closest(word, choices))
