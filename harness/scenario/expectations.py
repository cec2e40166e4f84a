# SPDX-License-Identifier: GPL-2.0-only
"""What the schema cannot say about expectations: their patterns, variables, scopes, runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.document.nodes import Node, describe, listing, shown
from harness.errors import Problem, closest
from harness.scenario import event_patterns, python_check, scopes, value_grammar
from harness.scenario.event_patterns import PatternContext, bindings
from harness.scenario.step_rules import Told, wrong_expression
from harness.scenario.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class ExpectationKind:
    """A kind of expectation on events.

    ``trigger``   the key of the pattern whose variables the others may use
    ``searched``  the key of the pattern, or list of patterns, that is searched for
    ``related``   whether ``searched`` may only use variables, and not bind any
    """

    searched: str
    trigger: str = ""
    related: bool = False


KINDS: Mapping[str, ExpectationKind] = {
    "existence": ExpectationKind("of"),
    "absence": ExpectationKind("of", "given"),
    "universality": ExpectationKind("holds", "of", related=True),
    "response": ExpectationKind("then", "when", related=True),
    "precedence": ExpectationKind("first", "event", related=True),
    "sequence": ExpectationKind("of"),
}
"""The patterns of Dwyer, Avrunin and Corbett (1999)."""

PATTERN_KEYS = (*KINDS, "oracle", "python", "console", "result")

_VALUES: Mapping[str, Callable[[str], object]] = {"count": value_grammar.count, "within": value_grammar.limit}


def check(expect: Node, told: Told, vocabulary: Vocabulary) -> Iterator[Problem]:
    """All problems of the list of expectations."""
    seen: dict[str, Node] = {}
    for item in expect.items:
        kind = next((key for key in PATTERN_KEYS if key in item.map), None)
        if kind is None:
            continue
        name = item.map.get("name", item.map[kind])
        if name.text is not None:
            if name.text in seen:
                first = seen[name.text].where.line
                expected = f"a name of its own (first in line {first})"
                yield name.problem(f"a second expectation {shown(name.text)}", expected)
            seen.setdefault(name.text, name)
        if kind in KINDS:
            yield from _trace(item, KINDS[kind], vocabulary)
        if kind == "oracle":
            yield from _oracle(item, vocabulary)
        if kind == "python":
            yield from python_check.check(item)
            for event in item.map["events"].items if "events" in item.map else ():
                yield from event_patterns.check_name(event, vocabulary)
        if "scope" in item.map:
            yield from scopes.check(item.map["scope"], told, vocabulary)
        if kind in ("console", "result"):
            for key in ("matches", "lacks", "stdout", "stderr"):
                if key in item.map and item.map[key].text:
                    yield from wrong_expression(item.map[key])
        if kind == "result":
            yield from _result(item, told)


def _trace(item: Node, kind: ExpectationKind, vocabulary: Vocabulary) -> Iterator[Problem]:
    outer = scopes.bound_by(item.map.get("scope"))
    searched, trigger = item.map.get(kind.searched), item.map.get(kind.trigger)
    bound: frozenset[str] | None = outer
    relates = trigger is not None
    if trigger is not None:
        yield from event_patterns.check(trigger, PatternContext(outer), vocabulary)
        bound = outer | bindings(trigger)
    if kind.related and (trigger is None or not trigger.map):
        bound = None
    binder = kind.trigger if kind.related else ""
    if searched is not None and kind.searched == "holds":
        if "event" in searched.map:
            yield Problem(
                searched.keys["event"], "an event in 'holds'", "conditions on fields of the event of 'of'"
            )
        event = trigger.map.get("event") if trigger is not None else None
        parts = dict(searched.map) | ({"event": event} if event is not None else {})
        holds = Node(searched.where, parts, searched.keys)
        yield from event_patterns.check(holds, PatternContext(bound, binder), vocabulary)
    elif searched is not None:
        for pattern in searched.items or [searched]:
            yield from event_patterns.check(pattern, PatternContext(bound, binder, relates), vocabulary)
            bound = None if bound is None else bound | bindings(pattern)
            relates = True
    for key, parse in _VALUES.items():
        node = item.map.get(key)
        if node is not None and isinstance(node.value, str | int) and not isinstance(node.value, bool):
            try:
                parse(str(node.value))
            except ValueError as error:
                yield node.problem(describe(node.value), str(error))


def _oracle(item: Node, vocabulary: Vocabulary) -> Iterator[Problem]:
    name, node = item.word("oracle"), item.map["oracle"]
    if name is None:
        return
    if name not in vocabulary.oracles:
        known = sorted(vocabulary.oracles)
        yield node.problem(f"unknown oracle {shown(name)}", listing(known), closest(name, known))
        return
    options = item.map.get("options")
    for key in options.map if options is not None else ():
        if options is not None and key not in (known := sorted(vocabulary.oracles[name])):
            found = f"unknown option {shown(key)} of {name}"
            yield Problem(options.keys[key], found, listing(known), closest(key, known))


def _result(item: Node, told: Told) -> Iterator[Problem]:
    of = item.map.get("of")
    if of is not None and of.text and of.text not in told.runs:
        names = list(told.runs)
        expected = listing(names) if names else "a run step to refer to"
        yield of.problem(f"unknown run {shown(of.text)}", expected, closest(of.text, names))
    skip, wanted = item.map.get("skip"), item.map.get("exit")
    if skip is not None and wanted is not None and skip.value == wanted.value:
        yield skip.problem(f"skip: {skip.value}, which is the wanted exit, too", "another exit status")
    values = item.map.get("values")
    for node in values.map.values() if values is not None else ():
        if isinstance(node.value, str | int) and not isinstance(node.value, bool):
            try:
                if value_grammar.condition(node.value).variable:
                    yield node.problem(describe(node.value), "a value: there are no variables in results")
            except ValueError as error:
                yield node.problem(describe(node.value), str(error))
