"""What the schema cannot say about expectations: events, fields, variables, scopes, runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.errors import Problem, closest
from harness.scenario import grammar, hatch
from harness.scenario.nodes import Node, describe, listing, shown
from harness.scenario.steps import Told, wrong_expression
from harness.scenario.vocabulary import Vocabulary

PATTERN_KEYS = (
    "existence",
    "absence",
    "response",
    "precedence",
    "oracle",
    "python",
    "console",
    "result",
)

TRIGGERS = {
    "existence": ("of", ""),
    "absence": ("of", "given"),
    "response": ("then", "when"),
    "precedence": ("first", "event"),
}
"""For each trace pattern: the part that is searched for, and the part whose variables it may use."""

_RANGE = ("start", "size")


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
        if kind in TRIGGERS:
            yield from _trace(item, kind, vocabulary)
        if kind == "oracle":
            yield from _oracle(item, vocabulary)
        if kind == "python":
            yield from hatch.check(item)
            for event in item.map["events"].items if "events" in item.map else ():
                yield from _event_name(event, vocabulary)
        if "scope" in item.map:
            yield from _scope(item.map["scope"], told)
        if kind in ("console", "result"):
            for key in ("matches", "lacks", "stdout", "stderr"):
                if key in item.map and item.map[key].text:
                    yield from wrong_expression(item.map[key])
        if kind == "result":
            yield from _result(item, told)


def _trace(item: Node, kind: str, vocabulary: Vocabulary) -> Iterator[Problem]:
    searched, trigger = (item.map.get(key) for key in TRIGGERS[kind])
    bound: set[str] = set()
    if trigger is not None:
        yield from _event_pattern(trigger, set(), vocabulary)
        bound = _bindings(trigger)
    if searched is not None:
        related = kind in ("response", "precedence")
        yield from _event_pattern(searched, None if related else bound, vocabulary)
        if related and trigger is not None and trigger.map:
            yield from _unbound(searched, bound, TRIGGERS[kind][1])
    for key, parse in _VALUES.items():
        node = item.map.get(key)
        if node is not None and isinstance(node.value, str | int) and not isinstance(node.value, bool):
            try:
                parse(str(node.value))
            except ValueError as error:
                yield node.problem(describe(node.value), str(error))


_VALUES: dict[str, Callable[[str], object]] = {"count": grammar.count, "within": grammar.duration_us}


def _bindings(pattern: Node) -> set[str]:
    """Variables that a match of the pattern gives a value; ``covers`` only compares."""
    return grammar.variables(_conditions(pattern, skip="covers"))


def _conditions(pattern: Node, skip: str = "") -> dict[str, str | int]:
    return {
        key: node.value
        for key, node in pattern.map.items()
        if key not in ("event", skip) and isinstance(node.value, str | int)
    }


def _unbound(pattern: Node, bound: set[str], trigger: str) -> Iterator[Problem]:
    for key, value in _conditions(pattern).items():
        free = grammar.variables({key: value}) - bound
        if free:
            expected = grammar.listed(bound) or "a value"
            near = closest(min(free), sorted(bound))
            yield pattern.map[key].problem(
                f"{grammar.listed(free)} is not bound in '{trigger}'", expected, near and f"${near}"
            )


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


def _event_name(event: Node, vocabulary: Vocabulary) -> Iterator[Problem]:
    name = event.text
    if name and name not in vocabulary.events and not vocabulary.is_raw(name):
        known = sorted(vocabulary.events)
        expected = "an event such as " + ", ".join(known[:3]) if known else "a known event"
        yield event.problem(f"unknown event {shown(name)}", expected, closest(name, known))


def _event_pattern(pattern: Node, bound: set[str] | None, vocabulary: Vocabulary) -> Iterator[Problem]:
    """``bound``: variables that have a value from elsewhere; None when the caller checks variables."""
    event = pattern.map.get("event")
    name = pattern.word("event")
    fields: set[str] | None = None
    if event is not None and name:
        if name in vocabulary.events:
            fields = set(vocabulary.events[name])
            if fields.issuperset(_RANGE):
                fields.add("covers")
        yield from _event_name(event, vocabulary)
    for key, node in pattern.map.items():
        if key == "event":
            continue
        if fields is not None and key not in fields:
            choices = sorted(fields)
            found = f"unknown field {shown(key)} of {name}"
            yield Problem(pattern.keys[key], found, listing(choices), closest(key, choices))
        elif isinstance(node.value, str | int) and not isinstance(node.value, bool):
            yield from _condition(pattern, key, node, bound, vocabulary)


def _condition(
    pattern: Node, key: str, node: Node, bound: set[str] | None, vocabulary: Vocabulary
) -> Iterator[Problem]:
    assert isinstance(node.value, str | int)
    try:
        condition = grammar.condition(node.value)
    except ValueError as error:
        yield node.problem(describe(node.value), str(error))
        return
    if key == "covers":
        name = condition.variable
        if name and bound is not None and name not in bound | _bindings(pattern):
            yield node.problem(f"${name} has no value to cover", "a variable bound elsewhere")
        if condition.names or (isinstance(node.value, str) and node.value[:1] in "!<>"):
            yield node.problem(describe(node.value), "an address or a variable such as $a")
        return
    names = vocabulary.values.get(pattern.word("event") or "", {}).get(key)
    for word in condition.names if names is not None else ():
        if word not in (choices := sorted(names or ())):
            yield node.problem(f"unknown {key} {shown(word)}", listing(choices), closest(word, choices))


def _scope(scope: Node, told: Told) -> Iterator[Problem]:
    if scope.text:
        if f"{scope.text}.begin" not in told.markers:
            spans = sorted(name.removesuffix(".end") for name in told.markers if name.endswith(".end"))
            expected = listing(spans) if spans else "the mark of a boot, run or copy step"
            if scope.text in told.markers:
                yield scope.problem(f"{shown(scope.text)} marks a point, not a span", expected)
            else:
                yield scope.problem(f"unknown mark {shown(scope.text)}", expected, closest(scope.text, spans))
        return
    ends = [scope.map[key] for key in ("after", "before") if key in scope.map]
    if "between" in scope.map:
        ends = list(scope.map["between"].items)
    for node in ends:
        if node.text and node.text not in told.markers:
            known = sorted(told.markers)
            expected = listing(known) if known else "a mark that some step makes"
            yield node.problem(f"unknown mark {shown(node.text)}", expected, closest(node.text, known))
    places = [told.markers[node.text] for node in ends if node.text in told.markers]
    if "between" in scope.map and len(places) == 2 and places[0] >= places[1]:
        first, last = (node.text or "" for node in ends)
        found = f"{shown(first)} does not come before {shown(last)}"
        yield scope.map["between"].problem(found, "the earlier mark first")


def _result(item: Node, told: Told) -> Iterator[Problem]:
    of = item.map.get("of")
    if of is not None and of.text and of.text not in told.runs:
        names = list(told.runs)
        expected = listing(names) if names else "a run step to refer to"
        yield of.problem(f"unknown run {shown(of.text)}", expected, closest(of.text, names))
    values = item.map.get("values")
    for node in values.map.values() if values is not None else ():
        if isinstance(node.value, str | int) and not isinstance(node.value, bool):
            try:
                if grammar.condition(node.value).variable:
                    yield node.problem(describe(node.value), "a value: there are no variables in results")
            except ValueError as error:
                yield node.problem(describe(node.value), str(error))
