# SPDX-License-Identifier: GPL-2.0-only
"""Scopes that events open and end, each occurrence by itself, with all that can be uncertain about them."""

from __future__ import annotations

import random

import pytest

from harness.check.evaluate import evaluate
from harness.check.finding import Finding
from harness.check.scope import occurrences, resolve
from harness.scenario.language import Absence, Existence, Expectation, Response, Scope
from harness.trace.clock import ClockRelation
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.source import Source
from harness.trace.timeline import Timeline
from harness.verdict import Verdict
from tests.check.build import HERE, Item, event, loss, mark, pattern, timeline

PASS, FAIL, VACUOUS, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED
Q, P, R = "l0.tlbi", "l0.shadow_unmap", "l0.kvm.kvm_exit"


def judge(expectation: Expectation, seen: Timeline) -> Finding:
    (finding,) = evaluate([expectation], seen, {}, {})
    return finding


def q(seq: int, v: Value = 1) -> Event:
    return event(Q, seq, v=v)


def p(seq: int, v: Value = 1) -> Event:
    return event(P, seq, v=v)


def r(seq: int, v: Value = 1) -> Event:
    return event(R, seq, v=v)


OPEN, SHUT = pattern(Q, v="$v"), pattern(R, v="$v")
AFTER, BEFORE = Scope(after=OPEN), Scope(before=SHUT)
BETWEEN, UNTIL = Scope(OPEN, SHUT), Scope(OPEN, SHUT, until=True)


def some(scope: Scope, count: str = ">= 1") -> Existence:
    return Existence(HERE, "e", pattern(P, v="$v"), scope, count)


def none(scope: Scope) -> Absence:
    return Absence(HERE, "a", pattern(P, v="$v"), scope)


@pytest.mark.parametrize(
    ("expectation", "items", "verdict"),
    [
        # after the first Q
        (some(AFTER), [q(0), p(1)], PASS),
        (some(AFTER), [p(0), q(1)], FAIL),
        (some(AFTER), [p(0)], VACUOUS),
        (some(AFTER), [q(0), p(1, v=2)], FAIL),  # what opens the scope binds
        (none(AFTER), [p(0), q(1)], PASS),
        (none(AFTER), [loss(-1, 0), p(0), q(1)], UNDECIDED),  # an earlier Q may have been lost
        (none(AFTER), [loss(-1, 0), q(1)], UNDECIDED),  # a Q and a P may have been
        (none(AFTER), [q(0), loss(0, None), q(1)], UNDECIDED),
        (some(AFTER), [p(0), loss(0, None)], UNDECIDED),
        (none(AFTER), [q(0, UNKNOWN), p(1)], UNDECIDED),
        # before the first R
        (none(BEFORE), [r(0), p(1)], PASS),
        (none(BEFORE), [p(0), r(1)], FAIL),
        (none(BEFORE), [p(0)], VACUOUS),
        (none(BEFORE), [p(0), loss(0, None)], UNDECIDED),
        (some(BEFORE), [p(0), loss(0, 1), r(1)], UNDECIDED),  # R may have come before P
        (some(BEFORE), [p(0), r(1)], PASS),
        # between each Q and its R
        (none(BETWEEN), [q(0), r(1), p(2), q(3), r(4)], PASS),
        (none(BETWEEN), [q(0), r(1), q(2), p(3), r(4)], FAIL),
        (none(BETWEEN), [q(0), p(1)], VACUOUS),  # no R: no scope
        (none(UNTIL), [q(0), p(1)], FAIL),
        (none(UNTIL), [q(0)], PASS),
        (none(UNTIL), [], VACUOUS),
        (some(BETWEEN), [q(0), p(1), r(2), q(3), r(4)], FAIL),  # each scope by itself
        (some(BETWEEN), [q(0), p(1), r(2), q(3), p(4), r(5)], PASS),
        (some(BETWEEN, "== 1"), [q(0), p(1), r(2), q(3), p(4), p(5), r(6)], FAIL),
        (some(BETWEEN), [q(0, 1), q(1, 2), p(2, 2), p(3, 1), r(4, 1), r(5, 2)], PASS),
        (some(BETWEEN), [q(0, 1), q(1, 2), p(2, 2), r(3, 1), p(4, 1), r(5, 2)], FAIL),
        (none(BETWEEN), [q(0), r(1, 2), p(2), r(3)], FAIL),  # only R with the same value ends it
        # losses
        (none(BETWEEN), [q(0), p(1), loss(1, None)], UNDECIDED),  # the R may have been lost
        (none(BETWEEN), [q(0), r(1), loss(1, None)], UNDECIDED),  # a whole scope may have been
        (none(UNTIL), [q(0), r(1), p(2), loss(2, 3), q(3)], UNDECIDED),
        (none(BETWEEN), [q(0), loss(0, 1), p(1), r(2)], UNDECIDED),  # R in the loss ends it before P
        (none(BETWEEN), [q(0), p(1), r(2), loss(2, None)], FAIL),
        # uncertain ends
        (none(BETWEEN), [q(0, UNKNOWN), p(1), r(2)], UNDECIDED),
        (none(BETWEEN), [q(0), r(1, UNKNOWN), p(2), r(3)], UNDECIDED),
        (none(BETWEEN), [q(0), p(1), r(2, UNKNOWN), r(3)], FAIL),
        (none(BETWEEN), [q(0), p(1), r(2, UNKNOWN)], UNDECIDED),
        (some(BETWEEN), [q(0), p(1), r(2, UNKNOWN)], UNDECIDED),
        (none(UNTIL), [q(0), r(1, UNKNOWN), p(2)], UNDECIDED),
        (none(UNTIL), [q(0), p(1), r(2, UNKNOWN)], FAIL),
        # marks and events together
        (none(Scope("a", SHUT)), [p(0), mark("a", 1), r(2), p(3)], PASS),
        (none(Scope("a", SHUT)), [mark("a", 1), p(2), r(3)], FAIL),
        (none(Scope("a", pattern(R))), [mark("a", 1), p(2)], VACUOUS),
        (none(Scope("a", pattern(R), until=True)), [mark("a", 1), p(2)], FAIL),
        (none(Scope(OPEN, "b")), [q(0), mark("b", 1), p(2)], PASS),
        (none(Scope(OPEN, "b")), [q(0), p(1), mark("b", 2)], FAIL),
        (none(Scope(OPEN, "b")), [mark("b", 0), q(1), p(2)], VACUOUS),
        (none(Scope(OPEN, "b", until=True)), [mark("b", 0), q(1), p(2)], FAIL),
        (none(Scope(OPEN, "b")), [q(0), p(1)], UNDECIDED),  # the mark is missing
    ],
)
def test_scope(expectation: Expectation, items: list[Item], verdict: Verdict) -> None:
    finding = judge(expectation, timeline(*items))
    assert finding.verdict is verdict, finding.message


def test_an_untraced_end_is_undecided() -> None:
    assert judge(none(UNTIL), timeline(q(0), missing={R: "gone"})).verdict is PASS  # no P anywhere
    assert judge(some(UNTIL), timeline(q(0), p(1), missing={R: "gone"})).verdict is UNDECIDED
    assert judge(none(BETWEEN), timeline(q(0), p(1), missing={R: "gone"})).verdict is UNDECIDED
    assert judge(none(AFTER), timeline(p(1), missing={Q: "gone"})).verdict is UNDECIDED


def test_scopes_across_levels_follow_the_order_that_is_known() -> None:
    opened = Scope(pattern("l1.tlbi"), pattern("l1.tlbi"), until=True)
    absent = Absence(HERE, "a", pattern(P), opened)
    far = [event("l1.tlbi", 0, 100), event(P, 0, 500)]
    assert judge(absent, timeline(*far, clock=ClockRelation(0, 10_000))).verdict is FAIL
    assert judge(absent, timeline(*far, clock=ClockRelation(0, None))).verdict is UNDECIDED
    early = [event("l1.tlbi", 0, 500), event(P, 0, 100)]
    assert judge(absent, timeline(*early, clock=ClockRelation(0, 10_000))).verdict is PASS
    lost = timeline(*early, loss(0, None), clock=ClockRelation(0, 10_000))
    assert judge(absent, lost).verdict is UNDECIDED
    lost = timeline(*early, loss(-1, 0, Source.L0), clock=ClockRelation(0, 10_000))
    assert judge(absent, lost).verdict is PASS  # what was lost came before


def test_a_failure_names_its_scope() -> None:
    finding = judge(none(BETWEEN), timeline(q(0), r(1), q(2), p(3), r(4)))
    assert finding.message.endswith("\nin scope 2 of 2, of l0.tlbi at 0.000020 cpu0 qemu-7: v=1")
    assert finding.bindings == {"v": "1"}


def test_resolve_is_the_union() -> None:
    seen = timeline(q(0), p(1), r(2), p(3), q(4), p(5), r(6))
    region = resolve(seen, BETWEEN)
    assert [region.contains(e) for e in seen.by_name[P]] == [True, False, True]
    assert region.span(Source.L0) == (0, 6)
    assert resolve(timeline(p(0)), BETWEEN).contains(p(0)) is False


def reference(seen: Timeline, until: bool) -> Verdict:
    """``response`` P then R in each scope from Q to R of the same value, worked out event by event."""
    events = seen.events
    verdicts = set()
    for at, opening in enumerate(events):
        if opening.name != Q:
            continue
        rest = events[at + 1 :]
        ends = [n for n, e in enumerate(rest) if e.name == R and e.fields == opening.fields]
        if not ends and not until:
            continue
        inside = rest[: ends[0]] if ends else rest
        triggers = [n for n, e in enumerate(inside) if e.name == P]
        if any(all(e.name != R for e in inside[n:]) for n in triggers):
            return FAIL
        verdicts.add(PASS if triggers else VACUOUS)
    return PASS if PASS in verdicts else VACUOUS


@pytest.mark.parametrize("until", [False, True])
def test_against_a_reference(until: bool) -> None:
    rng = random.Random(until)
    counts: dict[Verdict, int] = {}
    expectation = Response(HERE, "r", pattern(P), pattern(R), Scope(OPEN, SHUT, until))
    for _ in range(400):
        make = [rng.choice((q, p, r))(seq, rng.randrange(3)) for seq in range(rng.randrange(2, 14))]
        seen = timeline(*make)
        finding = judge(expectation, seen)
        assert finding.verdict is reference(seen, until), seen.events
        counts[finding.verdict] = counts.get(finding.verdict, 0) + 1
        assert all(window.certain for window in occurrences(seen, expectation.scope).windows)
    assert set(counts) == {PASS, FAIL, VACUOUS}
