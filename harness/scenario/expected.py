# SPDX-License-Identifier: GPL-2.0-only
"""From a checked tree to the expectations: a row of ``BUILDERS`` for each kind. Nothing here finds fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.document.nodes import Node
from harness.level import Level
from harness.scenario import python_check, value_grammar
from harness.scenario.language import (
    Absence,
    ConsoleCheck,
    Edge,
    EventPattern,
    Existence,
    Expectation,
    Limit,
    OracleCheck,
    Precedence,
    PythonCheck,
    Response,
    ResultCheck,
    Scalar,
    Scope,
    Sequence,
    Universality,
)
from harness.scenario.scopes import GLOBALLY, PAIRS, edges


def expectation(node: Node) -> Expectation:
    """The expectation that ``node`` describes."""
    kind = next(key for key in BUILDERS if key in node.map)
    return BUILDERS[kind](node, _text(node, kind))


def scalars(node: Node | None) -> Mapping[str, Scalar]:
    """A mapping's plain values; a list becomes alternatives."""
    found: dict[str, Scalar] = {}
    for key, item in node.map.items() if node is not None else ():
        if isinstance(item.value, str | int):
            found[key] = item.value
        elif isinstance(item.value, list):
            found[key] = value_grammar.alternatives(
                v.value for v in item.items if isinstance(v.value, str | int)
            )
    return found


def _existence(node: Node, name: str) -> Expectation:
    count = node.map.get("count")
    text = value_grammar.count(str(count.value)) if count is not None else ">= 1"
    return Existence(node.where, name, _pattern(node.map["of"]), _scope(node), text)


def _absence(node: Node, name: str) -> Expectation:
    given = node.map.get("given")
    pattern = None if given is None else _pattern(given)
    return Absence(node.where, name, _pattern(node.map["of"]), _scope(node), pattern)


def _universality(node: Node, name: str) -> Expectation:
    of, holds = _pattern(node.map["of"]), node.map["holds"]
    return Universality(
        node.where, name, of, EventPattern(holds.where, of.event, scalars(holds)), _scope(node)
    )


def _response(node: Node, name: str) -> Expectation:
    when, then = _pattern(node.map["when"]), _pattern(node.map["then"])
    return Response(node.where, name, when, then, _scope(node), _limit(node), node.word("partners") or "")


def _precedence(node: Node, name: str) -> Expectation:
    event, first = _pattern(node.map["event"]), _pattern(node.map["first"])
    return Precedence(node.where, name, event, first, _scope(node), _limit(node), node.word("partners") or "")


def _sequence(node: Node, name: str) -> Expectation:
    return Sequence(node.where, name, tuple(map(_pattern, node.map["of"].items)), _scope(node), _limit(node))


def _oracle(node: Node, oracle: str) -> Expectation:
    name = node.word("name") or oracle
    return OracleCheck(node.where, name, oracle, _scope(node), scalars(node.map.get("options")))


def _python(node: Node, name: str) -> Expectation:
    return PythonCheck(
        node.where,
        name,
        _text(node, "file"),
        python_check.source_of(node),
        python_check.function_of(node),
        tuple(event.text or "" for event in node.map["events"].items),
        _scope(node),
        scalars(node.map.get("options")),
    )


def _console(node: Node, name: str) -> Expectation:
    negated = "lacks" in node.map
    text = _text(node, "lacks" if negated else "matches")
    return ConsoleCheck(node.where, name, Level.parse(_text(node, "on")), text, negated)


def _result(node: Node, name: str) -> Expectation:
    status = node.map["exit"].value if "exit" in node.map else 0
    return ResultCheck(
        node.where,
        name,
        _text(node, "of"),
        status if isinstance(status, int) else None,
        node.word("stdout"),
        node.word("stderr"),
        scalars(node.map.get("values")),
        node.word("lacks"),
        _status(node, "skip"),
        node.word("splats") == "allow",
    )


def _status(node: Node, key: str) -> int | None:
    value = node.map[key].value if key in node.map else None
    return value if isinstance(value, int) else None


BUILDERS: Mapping[str, Callable[[Node, str], Expectation]] = {
    "existence": _existence,
    "absence": _absence,
    "universality": _universality,
    "response": _response,
    "precedence": _precedence,
    "sequence": _sequence,
    "oracle": _oracle,
    "python": _python,
    "console": _console,
    "result": _result,
}
"""By pattern key; each is given the item and the key's value, which is the assertion's name."""


def _text(node: Node, key: str) -> str:
    return node.word(key) or ""


def _pattern(node: Node) -> EventPattern:
    fields = {key: value for key, value in scalars(node).items() if key != "event"}
    return EventPattern(node.where, _text(node, "event"), fields)


def _limit(node: Node) -> Limit:
    within = node.word("within")
    return Limit() if within is None else value_grammar.limit(within)


def _scope(node: Node) -> Scope:
    scope = node.map.get("scope")
    if scope is None or scope.text == GLOBALLY:
        return Scope()
    if scope.text is not None:
        return Scope(after=f"{scope.text}.begin", before=f"{scope.text}.end")
    ends = [_edge(each) for each in edges(scope)]
    if any(key in scope.map for key in PAIRS):
        return Scope(ends[0], ends[1], "after-until" in scope.map)
    return Scope(after=ends[0]) if "after" in scope.map else Scope(before=ends[0])


def _edge(node: Node) -> Edge:
    return _pattern(node) if node.map else node.text or ""
