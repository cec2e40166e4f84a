"""What a mutation does to a field: a value that satisfies a condition, one that does not, or any other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from harness.check.condition import BoundCondition, Env
from harness.check.match import COVERS
from harness.trace.event import Event, Value

PAGE = 4096


def violation(name: str, test: BoundCondition) -> Callable[[Event], Event]:
    """A change of one field after which the condition does not hold."""

    def change(event: Event) -> Event:
        fields = dict(event.fields)
        if name == COVERS:
            start, size = fields.get("start"), fields.get("size")
            if isinstance(start, int) and isinstance(size, int):
                fields["start"] = start + size
        else:
            fields[name] = _wrong(test, fields.get(name, 0))
        return dataclasses.replace(event, fields=fields)

    return change


def _wrong(test: BoundCondition, value: Value) -> Value:
    if test.variable is not None:
        return other(value)
    first = test.values[0]
    if test.op in ("==", "bind"):
        return other(value) if other(value) not in test.values else other(max(test.values, key=str))
    if test.op == "!=" or not isinstance(first, int):
        return first
    return {"<": first, "<=": first + 1, ">": first, ">=": first - 1}[test.op]


def other(value: Value) -> Value:
    if value in ("yes", "no"):
        return "no" if value == "yes" else "yes"
    return value + 1 if isinstance(value, int) else f"not-{value}"


def satisfying(name: str, test: BoundCondition, env: Env) -> dict[str, Value]:
    """Fields with which the condition holds."""
    if test.variable is not None:
        base: Value = env.get(test.variable, 1)
        values: tuple[Value, ...] = (base,)
    else:
        values = test.values
    first = values[0]
    if name == COVERS:
        start = first if isinstance(first, int) else 0
        return {"start": start & -PAGE, "size": PAGE}
    if test.op in ("==", "bind"):
        return {name: first}
    if test.op == "!=":
        found = other(first)
        while found in values:
            found = other(found)
        return {name: found}
    number = first if isinstance(first, int) else 0
    return {name: {"<": number - 1, "<=": number, ">": number + 1, ">=": number}[test.op]}


def altered(name: str, value: Value) -> Callable[[Event], Event]:
    return lambda event: dataclasses.replace(event, fields={**event.fields, name: value})


def all_other(name: str) -> Callable[[Event], Event]:
    return lambda e: dataclasses.replace(
        e, fields={k: other(v) if k == name else v for k, v in e.fields.items()}
    )


def without_bit(name: str, bit: int) -> Callable[[Event], Event]:
    def change(event: Event) -> Event:
        value = event.fields.get(name)
        return altered(name, value & ~(1 << bit))(event) if isinstance(value, int) else event

    return change
