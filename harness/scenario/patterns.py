# SPDX-License-Identifier: GPL-2.0-only
"""The event patterns of an expectation, whatever its kind: a row of ``ROLES`` for each kind."""

from __future__ import annotations

from collections.abc import Mapping

from harness.scenario import language as model
from harness.scenario.language import EventPattern, Expectation

ROLES: Mapping[type[Expectation], tuple[str, ...]] = {
    model.Existence: ("of",),
    model.Absence: ("given", "of"),
    model.Universality: ("of", "holds"),
    model.Response: ("when", "then"),
    model.Precedence: ("event", "first"),
    model.Sequence: ("of",),
}
"""Attributes of each kind that hold patterns, in the order in which variables are bound."""


def own_patterns(expectation: Expectation) -> tuple[EventPattern, ...]:
    """The patterns of the expectation itself, the trigger first."""
    found: list[EventPattern] = []
    for role in ROLES.get(type(expectation), ()):
        value = getattr(expectation, role)
        if isinstance(value, EventPattern):
            found.append(value)
        elif isinstance(value, tuple):
            found += value
    return tuple(found)


def scope_patterns(expectation: Expectation) -> tuple[EventPattern, ...]:
    """The patterns of the expectation's scope, what opens it first."""
    scope = getattr(expectation, "scope", None)
    edges = () if scope is None else (scope.after, scope.before)
    return tuple(edge for edge in edges if isinstance(edge, EventPattern))


def patterns(expectation: Expectation) -> tuple[EventPattern, ...]:
    """All patterns in the order in which variables are bound."""
    return scope_patterns(expectation) + own_patterns(expectation)


def scope_marks(expectation: Expectation) -> tuple[str, ...]:
    """The marks that the expectation's scope names."""
    scope = getattr(expectation, "scope", None)
    edges = () if scope is None else (scope.after, scope.before)
    return tuple(edge for edge in edges if isinstance(edge, str))
