# SPDX-License-Identifier: GPL-2.0-only
"""What the schema cannot say about scopes: marks that exist and come in order, events that bind."""

from __future__ import annotations

from collections.abc import Iterator

from harness.document.nodes import Node, listing, shown
from harness.errors import Problem, closest
from harness.scenario import event_patterns
from harness.scenario.event_patterns import PatternContext, bindings
from harness.scenario.step_rules import Told
from harness.scenario.vocabulary import Vocabulary

GLOBALLY = "globally"
"""The scope that is no mark."""

PAIRS = ("between", "after-until")


def edges(scope: Node) -> list[Node]:
    """The ends that the scope names, the earlier first."""
    found = [scope.map[key] for key in ("after", "before") if key in scope.map]
    for key in PAIRS:
        if key in scope.map:
            found += scope.map[key].items
    return found


def bound_by(scope: Node | None) -> frozenset[str]:
    """Variables that every occurrence of the scope binds: what opens it, or what alone ends it, does."""
    opening = edges(scope)[:1] if scope is not None else []
    return bindings(opening[0]) if opening and opening[0].map else frozenset()


def check(scope: Node, told: Told, vocabulary: Vocabulary) -> Iterator[Problem]:
    """All that is wrong with one scope."""
    if scope.text == GLOBALLY:
        if f"{GLOBALLY}.begin" in told.markers:
            yield scope.problem("'globally' is the whole run and a mark", "another name for the mark")
        return
    if scope.text:
        yield from _span_mark(scope, told)
        return
    ends = edges(scope)
    for number, node in enumerate(ends):
        if node.text and node.text not in told.markers:
            known = sorted(told.markers)
            expected = listing(known) if known else "a mark that some step makes"
            yield node.problem(f"unknown mark {shown(node.text)}", expected, closest(node.text, known))
        elif node.map and number == 0:
            yield from event_patterns.check(node, PatternContext(), vocabulary)
        elif node.map:
            earlier = bound_by(scope)
            place = PatternContext(earlier, "the event that opens the scope" if ends[0].map else "")
            yield from event_patterns.check(node, place, vocabulary)
    places = [told.markers[node.text] for node in ends if node.text in told.markers]
    if len(ends) == len(places) == 2 and places[0] >= places[1]:
        first, last = (node.text or "" for node in ends)
        found = f"{shown(first)} does not come before {shown(last)}"
        pair = next(scope.map[key] for key in PAIRS if key in scope.map)
        yield pair.problem(found, "the earlier mark first")


def _span_mark(scope: Node, told: Told) -> Iterator[Problem]:
    name = scope.text or ""
    if f"{name}.begin" in told.markers:
        return
    spans = sorted(mark.removesuffix(".end") for mark in told.markers if mark.endswith(".end"))
    expected = listing(spans) if spans else "the mark of a boot, run or copy step"
    if name in told.markers:
        yield scope.problem(f"{shown(name)} marks a point, not a span", expected)
    else:
        yield scope.problem(f"unknown mark {shown(name)}", expected, closest(name, spans))
