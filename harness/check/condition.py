# SPDX-License-Identifier: GPL-2.0-only
"""Conditions on one field: the right-hand sides of a pattern. docs/verdicts.md has the grammar."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.scenario.language import Scalar
from harness.trace.event import UNKNOWN, Value
from harness.trace.trace_lines import value_of

Env = Mapping[str, Value]
"""Values of the variables bound so far, by name without the dollar."""

_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPERATOR = re.compile(r"(==|!=|<=|>=|<|>)\s*(.+)")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*)")


class UnboundError(Exception):
    """A comparison names a variable that nothing has bound."""


@dataclass(frozen=True, slots=True)
class BoundCondition:
    """``op`` applied to a value and one of ``values``, or the variable ``variable``.

    ``bind`` is the plain ``$x``: binds the variable when it is free, else requires equality.
    """

    op: str
    values: tuple[Value, ...] = ()
    variable: str | None = None

    @property
    def binds(self) -> bool:
        return self.op == "bind"

    def test(self, value: Value, env: Env) -> bool | None:
        """Whether ``value`` satisfies the condition; None when one side is unknown.

        A free variable in ``bind`` is satisfied. ``UnboundError`` for a free one in a comparison.
        """
        if self.variable is None:
            return self._compare(value, self.values)
        if self.variable not in env:
            if self.binds:
                return True
            raise UnboundError(self.variable)
        return self._compare(value, (env[self.variable],))

    def _compare(self, value: Value, others: tuple[Value, ...]) -> bool | None:
        if value == UNKNOWN or UNKNOWN in others:
            return None
        if self.op in ("==", "bind"):
            return value in others
        if self.op == "!=":
            return value not in others
        other = others[0]
        if not isinstance(value, int) or not isinstance(other, int):
            return None
        return _COMPARE[self.op](value, other)


def parse(value: Scalar) -> BoundCondition:
    """Read a condition; ``ValueError`` says what is wrong with it."""
    if isinstance(value, int):  # bool too: true is 1
        return BoundCondition("==", (int(value),))
    text = value.strip()
    if text.startswith("$"):
        return BoundCondition("bind", variable=_variable(text))
    match = _OPERATOR.fullmatch(text)
    if match is not None:
        op, rest = match[1], match[2].strip()
        if rest.startswith("$"):
            return BoundCondition(op, variable=_variable(rest))
        values = _alternatives(rest) if op in ("==", "!=") else (value_of(rest),)
        if op in _COMPARE and not isinstance(values[0], int):
            raise ValueError(f"{rest!r} is not a number")
        return BoundCondition(op, values)
    if text and text[0] in "=!<>":
        raise ValueError(f"{text!r} compares with nothing")
    return BoundCondition("==", _alternatives(text))


def _alternatives(text: str) -> tuple[Value, ...]:
    parts = [part.strip() for part in text.split("|")]
    if not all(parts):
        raise ValueError(f"{text!r} has an empty alternative")
    return tuple(map(value_of, parts))


def _variable(text: str) -> str:
    match = _VARIABLE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a variable; write $name")
    return match[1]
