# SPDX-License-Identifier: GPL-2.0-only
"""universality and sequence, limits in events, span: same: failing, passing, vacuous and undecided."""

from __future__ import annotations

import pytest

from harness.check.evaluate import evaluate, problems
from harness.check.finding import Finding
from harness.check.match import match
from harness.level import Level
from harness.scenario.language import (
    Absence,
    Expectation,
    Limit,
    Precedence,
    Response,
    Scope,
    Sequence,
    Universality,
)
from harness.trace.clock import ClockRelation
from harness.trace.event import UNKNOWN, Event
from harness.trace.source import Source
from harness.trace.span import Span
from harness.trace.timeline import Realised, Timeline
from harness.verdict import Verdict
from tests.check.build import ANYWHERE, HERE, Item, event, loss, mark, pattern, timeline

PASS, FAIL, VACUOUS, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED
TLBI, UNMAP = "l0.tlbi", "l0.shadow_unmap"
BETWEEN = Scope("a", "b")
MISSING = {TLBI: "gone"}
FREE = Limit()


def judge(expectation: Expectation, seen: Timeline) -> Finding:
    (finding,) = evaluate([expectation], seen, {}, {})
    return finding


def always(scope: Scope = ANYWHERE) -> Universality:
    return Universality(HERE, "u", pattern(TLBI, op="x", vmid="$v"), pattern(TLBI, ctx="$v", n="< 5"), scope)


def tlbi(seq: int, op: str = "x", vmid: int | str = 1, ctx: int | str = 1, n: int | str = 0) -> Event:
    return event(TLBI, seq, op=op, vmid=vmid, ctx=ctx, n=n)


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ([tlbi(0), tlbi(1, vmid=2, ctx=2)], PASS),
        ([tlbi(0), tlbi(1, ctx=2)], FAIL),
        ([tlbi(0, n=5)], FAIL),
        ([tlbi(0, op="y", n=5)], VACUOUS),
        ([], VACUOUS),
        ([event(TLBI, 0, op="x", vmid=1, n=0)], FAIL),  # a field that does not apply
        ([tlbi(0, n=UNKNOWN)], UNDECIDED),
        ([tlbi(0, n=UNKNOWN), tlbi(1, n=5)], FAIL),
        ([tlbi(0, op=UNKNOWN, n=5)], UNDECIDED),
        ([tlbi(0, op=UNKNOWN)], VACUOUS),  # whether it counts or not, it is so
        ([tlbi(0), loss(0, None)], UNDECIDED),
        ([tlbi(0, n=5), loss(0, None)], FAIL),
    ],
)
def test_universality(items: list[Item], verdict: Verdict) -> None:
    assert judge(always(), timeline(*items)).verdict is verdict


def test_universality_in_scope_and_untraced() -> None:
    seen = timeline(tlbi(0, n=9), mark("a", 1), tlbi(2), mark("b", 3), tlbi(4, n=9), loss(4, None))
    assert judge(always(BETWEEN), seen).verdict is PASS
    assert judge(always(Scope("a", "c")), seen).verdict is UNDECIDED
    assert judge(always(), timeline(missing=MISSING)).verdict is UNDECIDED
    finding = judge(always(), timeline(tlbi(0), tlbi(1, n=9, ctx=3)))
    assert finding.trigger is not None
    assert finding.trigger.seq == 1
    assert "expected: l0.tlbi {ctx: $v = 1, n: < 5}  [s.yaml:12:5]" in finding.message
    assert "  ctx: 3, expected $v = 1\n  n: 9, expected < 5" in finding.message


def chain(limit: Limit = FREE, scope: Scope = ANYWHERE) -> Sequence:
    steps = (
        pattern("l1.tlbi", op="$o"),
        pattern(TLBI, op="$o", vmid="$v"),
        pattern(UNMAP, vmid="$v", start="$s"),
        pattern(UNMAP, vmid="!= $v", start="$s"),
    )
    return Sequence(HERE, "s", steps, scope, limit)


def begin(seq: int, time: int, op: str = "x") -> Event:
    return event("l1.tlbi", seq, time, op=op)


def step(seq: int, time: int, op: str = "x", vmid: int | str = 1) -> Event:
    return event(TLBI, seq, time, op=op, vmid=vmid)


def unmap(seq: int, time: int, vmid: int | str = 1, start: int | str = 0) -> Event:
    return event(UNMAP, seq, time, vmid=vmid, start=start)


WHOLE = [begin(0, 0), step(0, 10), unmap(1, 20), unmap(2, 30, vmid=2)]


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        (WHOLE, PASS),
        (WHOLE[:3], FAIL),
        (WHOLE[:2], FAIL),
        (WHOLE[1:], VACUOUS),
        ([begin(0, 0), unmap(0, 10), step(1, 20), unmap(2, 30, vmid=2)], FAIL),  # out of order
        ([begin(0, 0), step(0, 10), unmap(1, 20), unmap(2, 30, vmid=2, start=8)], FAIL),
        # The first way leads nowhere, a later one does: what patterns bind is tried again.
        ([begin(0, 0), step(0, 10), unmap(1, 20, start=8), unmap(2, 30), unmap(3, 40, vmid=2)], PASS),
        ([begin(0, 0), step(0, 10, vmid=7), step(1, 15), unmap(2, 20), unmap(3, 30, vmid=2)], PASS),
        ([*WHOLE, begin(1, 100, op="y")], FAIL),
        ([*WHOLE, loss(2, None)], PASS),  # L0's: everything that was needed was seen
        ([*WHOLE, loss(0, None, Source.L1)], UNDECIDED),
        ([*WHOLE[:3], loss(2, None)], UNDECIDED),
        ([loss(-1, 0), *WHOLE[:3]], UNDECIDED),  # L0's losses before an event of L1 may come after it
        ([begin(0, 0), step(0, 10), unmap(1, 20, start=UNKNOWN), unmap(2, 30, vmid=2)], UNDECIDED),
        ([begin(0, 0), step(0, 10, vmid=UNKNOWN), unmap(1, 20), unmap(2, 30, vmid=2)], UNDECIDED),
        ([event("l1.tlbi", 0, 0, op=UNKNOWN), *WHOLE[1:]], UNDECIDED),
        ([event("l1.tlbi", 0, 0, op=UNKNOWN), *WHOLE[1:3]], FAIL),  # whatever it was
    ],
)
def test_sequence(items: list[Item], verdict: Verdict) -> None:
    assert judge(chain(), timeline(*items)).verdict is verdict


def test_sequence_without_order_or_with_too_many_ways_is_undecided() -> None:
    loose = timeline(*WHOLE, clock=ClockRelation(0, None))
    assert judge(chain(), loose).verdict is UNDECIDED
    many = [unmap(n, 20 + n, start=n) for n in range(1, 400)]
    steps = [step(400 + n, 1000 + n, vmid=n) for n in range(1, 200)]
    ways = Sequence(
        HERE,
        "s",
        (pattern(UNMAP, start="$s"), pattern(UNMAP, start="$t"), pattern(TLBI, vmid="$s", op="$t")),
        ANYWHERE,
    )
    assert judge(ways, timeline(*many, *steps)).verdict in (UNDECIDED, FAIL)
    assert judge(chain(), timeline(*WHOLE, missing={UNMAP: "gone"})).verdict is PASS


def test_sequence_within() -> None:
    assert judge(chain(Limit(us=12)), timeline(*WHOLE)).verdict is PASS
    assert judge(chain(Limit(us=5)), timeline(*WHOLE)).verdict is FAIL
    assert judge(chain(Limit(us=10)), timeline(*WHOLE)).verdict is UNDECIDED
    # The nearest second event is too far from the third, a later one is not.
    pair = Sequence(HERE, "s", (pattern("l1.tlbi"), pattern(TLBI), pattern(UNMAP)), ANYWHERE, Limit(us=50))
    seen = timeline(begin(0, 0), step(0, 10), step(1, 40), unmap(2, 70))
    assert judge(pair, seen).verdict is PASS


def test_a_broken_sequence_says_how_far_it_got() -> None:
    seen = timeline(begin(0, 0), step(0, 10), unmap(1, 20), unmap(2, 30, vmid=2, start=0x8000))
    finding = judge(chain(), seen)
    assert finding.bindings == {"o": "x", "v": "1", "s": "0"}
    lines = finding.message.split("\n")
    assert lines[0] == "1 of 1 sequences stop, the first after 3 of 4 events"
    assert lines[1].startswith("  1. l1.tlbi at 0.000000")
    assert lines[3].startswith("  3. l0.shadow_unmap at 0.000020")
    assert lines[4] == "expected: l0.shadow_unmap {vmid: != $v = 1, start: $s = 0}  [s.yaml:12:5]"
    assert lines[5].startswith("  after: l0.shadow_unmap at 0.000020")
    assert lines[6].startswith("nearest: l0.shadow_unmap at 0.000030")
    assert lines[7] == "  start: 0x8000, expected $s = 0"


def near(events: int) -> Response:
    limit = Limit(events=events)
    return Response(HERE, "r", pattern("l1.tlbi", op="$o"), pattern(TLBI, op="$o"), ANYWHERE, limit)


def next_to(events: int) -> Precedence:
    return Precedence(HERE, "p", pattern(UNMAP), pattern(TLBI, op="x"), ANYWHERE, Limit(events=events))


@pytest.mark.parametrize(
    ("expectation", "items", "verdict"),
    [
        (next_to(1), [step(0, 0), unmap(1, 10)], PASS),
        (next_to(1), [step(0, 0), event("l0.kvm.kvm_exit", 1, 5), unmap(2, 10)], PASS),  # not mentioned
        (next_to(1), [step(0, 0), step(1, 5, op="y"), unmap(2, 10)], FAIL),
        (next_to(2), [step(0, 0), step(1, 5, op="y"), unmap(2, 10)], PASS),
        (next_to(1), [step(0, 0), loss(0, 1), unmap(1, 10)], UNDECIDED),
        (next_to(1), [step(0, 0), step(1, 5, op="y"), loss(1, 2), unmap(2, 10)], UNDECIDED),
        (near(1), [begin(0, 0), step(0, 10)], PASS),
        (near(1), [begin(0, 0), step(0, 10, op="y"), step(1, 20)], FAIL),
        (near(2), [begin(0, 0), step(0, 10, op="y"), step(1, 20)], PASS),
        (near(1), [begin(0, 10), step(0, 0, op="y"), step(1, 20)], PASS),
        (near(1), [begin(0, 10), step(0, 10, op="y"), step(1, 20)], UNDECIDED),  # before or after it
    ],
)
def test_within_events(expectation: Expectation, items: list[Item], verdict: Verdict) -> None:
    assert judge(expectation, timeline(*items)).verdict is verdict


def spanned(spans: list[tuple[int, ...]], *events: Event) -> Timeline:
    seen = timeline(*events)
    found = tuple(
        Span(number, "tlbi", "x", tuple(events[at] for at in places)) for number, places in enumerate(spans)
    )
    return Timeline(seen.events, realised=seen.realised, clocks=seen.clocks, spans=found)


def test_same_span() -> None:
    both = (step(0, 0), unmap(1, 10))
    same = Response(HERE, "r", pattern(TLBI), pattern(UNMAP, span="same"), ANYWHERE)
    assert judge(same, spanned([(0, 1)], *both)).verdict is PASS
    apart = judge(same, spanned([(0,), (1,)], *both))
    assert apart.verdict is FAIL
    assert "span: 1, expected that of the event, 0" in apart.message
    unknown: list[list[tuple[int, ...]]] = [[], [(0,)], [(1,)]]
    for spans in unknown:
        assert judge(same, spanned(spans, *both)).verdict is UNDECIDED
    before = Precedence(HERE, "p", pattern(UNMAP), pattern(TLBI, span="same"), ANYWHERE)
    assert judge(before, spanned([(0, 1)], *both)).verdict is PASS
    assert judge(before, spanned([(0,), (1,)], *both)).verdict is FAIL
    absent = Absence(HERE, "a", pattern(UNMAP, span="same"), ANYWHERE, given=pattern(TLBI))
    assert judge(absent, spanned([(0, 1)], *both)).verdict is FAIL
    assert judge(absent, spanned([(0,), (1,)], *both)).verdict is PASS
    assert judge(absent, spanned([], *both)).verdict is UNDECIDED
    steps = (pattern(TLBI), pattern(UNMAP, span="same"), pattern(UNMAP, span="same"))
    three = (step(0, 0), unmap(1, 10), unmap(2, 20), unmap(3, 30))
    chained = Sequence(HERE, "s", steps, ANYWHERE)
    assert judge(chained, spanned([(0, 2, 3), (1,)], *three)).verdict is PASS
    assert judge(chained, spanned([(0, 2), (1, 3)], *three)).verdict is FAIL


def test_variables_that_nothing_binds_are_refused() -> None:
    free = Universality(HERE, "u", pattern(TLBI), pattern(TLBI, vmid="> $v"), ANYWHERE)
    assert problems([free])
    opened = Scope(pattern(TLBI, vmid="$v"), pattern(UNMAP))
    bound = Universality(HERE, "u", pattern(TLBI), pattern(TLBI, vmid="> $v"), opened)
    assert not problems([bound])
    assert problems([Sequence(HERE, "s", (pattern(TLBI, vmid="!= $v"), pattern(UNMAP)), ANYWHERE)])


def test_where_an_event_of_the_model_happened_is_a_field() -> None:
    """``level`` and ``cpu`` of model.*: equal, listed, compared, bound; other events have no such field."""
    at = in_model(0, "model.tlbi", vmid=1)
    level, cpu = str(at.level), at.cpu
    other = next(str(each) for each in Level if each is not at.level)
    for fields, wanted in (
        ({"level": level}, True),
        ({"level": other}, False),
        ({"level": f"{other}|{level}"}, True),
        ({"level": f"!= {level}"}, False),
        ({"cpu": cpu, "vmid": 1}, True),
        ({"cpu": cpu + 1}, False),
        ({"cpu": f"<= {cpu}"}, True),
    ):
        assert match(pattern("model.tlbi", **fields), at, {})[0] is wanted, fields
    assert match(pattern("model.tlbi", level="$l", cpu="$c"), at, {}) == (True, {"l": level, "c": cpu})
    assert match(pattern("l0.tlbi", level="l0"), event("l0.tlbi", 0, vmid=1), {})[0] is False


def in_model(seq: int, name: str = "model.dsb", **fields: int | str) -> Event:
    return Event(name, Level.L0, seq, 0, 0, "", fields)


def model_timeline(events: list[Event], *spans: tuple[str, list[int]]) -> Timeline:
    realised = {event.name: Realised("plugin") for event in events}
    found = tuple(
        Span(number, "tlbi", "x", tuple(events[at] for at in places), reason)
        for number, (reason, places) in enumerate(spans)
    )
    return Timeline(tuple(events), realised=realised, spans=found)


def test_a_closed_span_has_all_of_the_models_events() -> None:
    events = [in_model(0, "model.tlbi"), in_model(1), in_model(2)]
    same = Response(HERE, "r", pattern("model.tlbi"), pattern("model.dsb", span="same"), ANYWHERE)
    assert judge(same, model_timeline(events, ("", [0, 2]))).verdict is PASS
    assert judge(same, model_timeline(events, ("", [0]))).verdict is FAIL
    assert judge(same, model_timeline(events, ("its end was not seen", [0]))).verdict is UNDECIDED
    assert judge(same, model_timeline(events, ("", [1, 2]))).verdict is FAIL  # the trigger is in none
    before = Precedence(HERE, "p", pattern("model.dsb", n=1), pattern("model.tlbi", span="same"), ANYWHERE)
    one = [events[0], in_model(1, n=1)]
    assert judge(before, model_timeline(one, ("", [1]))).verdict is FAIL


def test_a_long_sequence_in_a_span_of_many_alike_is_decided() -> None:
    """Every way through hundreds of equal events ends at the missing last one; each is tried once."""
    events = [in_model(0, "model.tlbi", vmid=1)]
    events += [in_model(n, ("model.dsb", "model.tlbi")[n % 2], vmid=2) for n in range(1, 400)]
    inside = ("", list(range(len(events))))
    steps = [pattern(("model.tlbi", "model.dsb")[n % 2], span="same", vmid="!= $own") for n in range(1, 12)]
    first = pattern("model.tlbi", vmid="$own")
    complete = Sequence(HERE, "s", (first, *steps), ANYWHERE)
    assert judge(complete, model_timeline(events, inside)).verdict is FAIL  # vmid 2 begins sequences too
    plain = [pattern(each.event, span="same") for each in steps]
    only = Sequence(HERE, "s", (pattern("model.tlbi", vmid=1), *plain), ANYWHERE)
    assert judge(only, model_timeline(events, inside)).verdict is PASS
    broken = Sequence(HERE, "s", (*only.of, pattern("model.isb", span="same")), ANYWHERE)
    seen = model_timeline([*events, in_model(1000, "model.isb")], inside)
    finding = judge(broken, seen)
    assert finding.verdict is FAIL
    assert "the first after 12 of 13 events" in finding.message
