# SPDX-License-Identifier: GPL-2.0-only
"""Conditions and patterns on single events."""

from __future__ import annotations

import pytest

from harness.check.condition import parse
from harness.check.evaluate import problems
from harness.check.match import match
from harness.errors import Location
from harness.level import Level
from harness.scenario.language import EventPattern, Existence, Response, Scalar, Scope
from harness.trace.event import UNKNOWN, Event, Value

HERE = Location("s.yaml", 5, 7)


@pytest.mark.parametrize(
    ("condition", "value", "answer"),
    [
        (3, 3, True), (3, 4, False), (3, "3x", False), (True, 1, True), ("0x10", 16, True), ("a", "a", True),
        ("a|b", "b", True), ("a|b", "c", False), ("1|0x2", 2, True), ("!= 3", 4, True), ("!= 3", 3, False),
        ("!= a|b", "a", False), ("< 3", 2, True), ("<3", 3, False), ("<= 3", 3, True), ("> 3", 3, False),
        (">= 0x3", 3, True), ("== 3", 3, True), ("> 3", "word", None), (3, UNKNOWN, None),
        ("!= 3", UNKNOWN, None),         ("$x", UNKNOWN, True), ("$x", 9, True),
    ],
)  # fmt: skip
def test_condition(condition: Scalar, value: Value, answer: bool | None) -> None:
    assert parse(condition).test(value, {}) is answer


@pytest.mark.parametrize("bad", ["$", "$1", "$a b", "a|", "|", "< x", "<", ">= 1|", "= 3", "!= $", ""])
def test_bad_condition(bad: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(bad)


def event(name: str = "l0.shadow_unmap", **fields: Value) -> Event:
    return Event(name, Level.L0, 0, 0, 0, "t-1", fields)


@pytest.mark.parametrize(
    ("fields", "env", "answer"),
    [
        ({"vmid": "$v"}, {}, True),
        ({"vmid": "$v"}, {"v": 3}, True),
        ({"vmid": "$v"}, {"v": 4}, False),
        ({"vmid": "$v"}, {"v": UNKNOWN}, None),
        ({"vmid": "!= $v"}, {"v": 4}, True),
        ({"vmid": "$v", "context": "$v"}, {}, False),
        ({"covers": "$a"}, {"a": 0x1000}, True),
        ({"covers": "$a"}, {"a": 0x2FFF}, True),
        ({"covers": "$a"}, {"a": 0x3000}, False),
        ({"covers": "$a"}, {"a": 0xFFF}, False),
        ({"covers": "$a"}, {"a": UNKNOWN}, None),
        ({"covers": "0x1800"}, {}, True),
        ({"covers": 4096, "vmid": 4}, {}, False),
        ({"vttbr": 1}, {}, False),
        ({"reason": "tlbi"}, {}, None),
        ({"reason": "tlbi", "vmid": 4}, {}, False),
    ],
)
def test_match(fields: dict[str, Scalar], env: dict[str, Value], answer: bool | None) -> None:
    seen = event(vmid=3, context=0, start=0x1000, size=0x2000, reason=UNKNOWN)
    assert match(EventPattern(HERE, "l0.shadow_unmap", fields), seen, env)[0] is answer
    assert match(EventPattern(HERE, "l0.tlbi", fields), seen, env)[0] is False


def test_raw_event_without_the_field_is_unknown() -> None:
    seen = event("l0.kvm.kvm_exit", PC=1)
    assert match(EventPattern(HERE, "l0.kvm.kvm_exit", {"HSR_EC": 1}), seen, {})[0] is None
    assert match(EventPattern(HERE, "l0.kvm.kvm_exit", {"covers": 1}), seen, {})[0] is None


def test_bindings() -> None:
    seen = event(vmid=3, start=1, size=1)
    _, bound = match(EventPattern(HERE, seen.name, {"vmid": "$v", "start": "$s"}), seen, {"z": 1})
    assert bound == {"z": 1, "v": 3, "s": 1}


def test_free_variables_and_nonsense_are_found_before_anything_runs() -> None:
    when = EventPattern(HERE, "l1.tlbi", {"vmid": "$v"})
    good = EventPattern(
        HERE, "l0.shadow_unmap", {"vmid": "$v", "start": "$s", "covers": "$s", "size": "> $v"}
    )
    assert problems([Response(HERE, "r", when, good, Scope())]) == []
    for fields in ({"covers": "$a"}, {"start": "> $a"}, {"start": "< x"}):
        bad = EventPattern(HERE, "l0.shadow_unmap", fields)
        (problem,) = problems([Response(HERE, "r", when, bad, Scope())])
        assert problem.where == HERE
    for count in ("many", "$x", ">= x", ""):
        assert problems([Existence(HERE, "e", when, Scope(), count)])
