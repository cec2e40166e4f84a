# SPDX-License-Identifier: GPL-2.0-only
"""Each event check failing, passing, vacuous and undecided; docs/verdicts.md states the rules."""

from __future__ import annotations

import dataclasses

import pytest

from harness.check.evaluate import evaluate
from harness.check.finding import Finding
from harness.errors import InfraError, InputError
from harness.scenario.language import (
    Absence,
    Existence,
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
from harness.trace.registry import load
from harness.trace.source import Source
from harness.trace.timeline import Doubt, Realised, Timeline
from harness.verdict import Verdict
from tests.check.build import ANYWHERE, HERE, Item, event, loss, mark, pattern, timeline

PASS, FAIL, VACUOUS, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED
TLBI, UNMAP = "l0.tlbi", "l0.shadow_unmap"
BETWEEN = Scope("a", "b")
MISSING = {UNMAP: "no such probe"}
BLIND = {TLBI: Realised("probes", load().events[TLBI].realisation("probes").blind)}


def judge(expectation: Expectation, seen: Timeline) -> Finding:
    (finding,) = evaluate([expectation], seen, {}, {})
    assert (finding.name, finding.where) == (expectation.name, str(HERE))
    return finding


def existence(count: str = ">= 1", scope: Scope = ANYWHERE, **fields: int | str) -> Existence:
    return Existence(HERE, "e", pattern(TLBI, **fields), scope, count)


@pytest.mark.parametrize(
    ("expectation", "seen", "verdict"),
    [
        (existence(op="x"), timeline(event(TLBI, 0, op="x")), PASS),
        (existence(op="x"), timeline(event(TLBI, 0, op="y")), FAIL),
        (existence(op="x"), timeline(), FAIL),
        (existence(op="x"), timeline(event(TLBI, 0, op=UNKNOWN)), UNDECIDED),
        # Lost events matter only where more matches could change the answer.
        (existence(op="x"), timeline(event(TLBI, 0, op="x"), loss(0, None)), PASS),
        (existence(op="x"), timeline(event(TLBI, 0, op="y"), loss(0, None)), UNDECIDED),
        (existence("== 1"), timeline(event(TLBI, 0), loss(0, None)), UNDECIDED),
        (existence("< 2"), timeline(event(TLBI, 0), event(TLBI, 1), loss(1, None)), FAIL),
        (existence("== 2"), timeline(event(TLBI, 0), event(TLBI, 1)), PASS),
        (existence("2"), timeline(event(TLBI, 0), event(TLBI, 1)), PASS),
        (existence("1|3"), timeline(event(TLBI, 0), event(TLBI, 1)), FAIL),
        (existence("!= 1"), timeline(event(TLBI, 0)), FAIL),
        (existence(">= 0"), timeline(missing={TLBI: "gone"}), PASS),
        (existence(), timeline(missing={TLBI: "gone"}), UNDECIDED),
        (existence(), Timeline(), UNDECIDED),  # never traced
        # The first match binds: only what agrees with it counts.
        (
            existence("== 2", vmid="$v"),
            timeline(*(event(TLBI, i, vmid=v) for i, v in enumerate((3, 4, 3)))),
            PASS,
        ),
        (
            existence("== 3", vmid="$v"),
            timeline(*(event(TLBI, i, vmid=v) for i, v in enumerate((3, 4, 3)))),
            FAIL,
        ),
        # Scope.
        (
            existence(scope=BETWEEN),
            timeline(event(TLBI, 0), mark("a", 1), mark("b", 2), event(TLBI, 3)),
            FAIL,
        ),
        (existence(scope=BETWEEN), timeline(mark("a", 1), event(TLBI, 2), mark("b", 3)), PASS),
        (existence(scope=BETWEEN), timeline(mark("a", 1), event(TLBI, 2)), UNDECIDED),
        (
            existence("== 0", scope=BETWEEN),
            timeline(event(TLBI, 0), mark("a", 1), mark("b", 2), loss(-1, 1)),
            PASS,
        ),
        (existence("== 0", scope=BETWEEN), timeline(mark("a", 1), mark("b", 2), loss(1, 2)), UNDECIDED),
        (
            existence("== 0", scope=BETWEEN),
            timeline(mark("a", 1), mark("b", 2), Doubt(Source.L0, 2, "?")),
            UNDECIDED,
        ),
        (
            existence("== 0", scope=BETWEEN),
            timeline(mark("a", 1), mark("b", 2), Doubt(Source.L0, 1, "?")),
            PASS,
        ),
        (existence("== 0"), timeline(Doubt(Source.L0, None, "?")), UNDECIDED),
        (existence("== 0"), timeline(Doubt(Source.L1, None, "?"), loss(0, None, Source.L1)), PASS),
        # Without our series the EL2 regime cannot be seen.
        (existence(op="vae2is"), timeline(realised=BLIND), UNDECIDED),
        (existence(op="vae1is"), timeline(realised=BLIND), UNDECIDED),
        (existence(op="vae1is", regime="el1&0"), timeline(realised=BLIND), FAIL),
        (existence(op="ipas2e1is"), timeline(realised=BLIND), FAIL),
        (existence(op="vae1is"), timeline(event(TLBI, 0, op="vae1is"), realised=BLIND), PASS),
    ],
)
def test_existence(expectation: Existence, seen: Timeline, verdict: Verdict) -> None:
    assert judge(expectation, seen).verdict is verdict


def absence(scope: Scope = ANYWHERE, **fields: int | str) -> Absence:
    return Absence(HERE, "a", pattern(UNMAP, **fields), scope)


GIVEN = Absence(HERE, "a", pattern(UNMAP, vmid="$v"), ANYWHERE, given=pattern(TLBI, vmid="$v"))


@pytest.mark.parametrize(
    ("expectation", "seen", "verdict"),
    [
        (absence(), timeline(), PASS),
        (absence(), timeline(event(UNMAP, 0)), FAIL),
        (absence(vmid=3), timeline(event(UNMAP, 0, vmid=4)), PASS),
        (absence(vmid=3), timeline(event(UNMAP, 0, vmid=UNKNOWN)), UNDECIDED),
        (absence(), timeline(loss(-1, None)), UNDECIDED),
        (absence(), timeline(event(UNMAP, 0), loss(-1, None)), FAIL),  # a loss cannot undo what was seen
        (absence(), timeline(missing=MISSING), UNDECIDED),
        (absence(BETWEEN), timeline(event(UNMAP, 0), mark("a", 1), mark("b", 2), event(UNMAP, 3)), PASS),
        (absence(BETWEEN), timeline(event(UNMAP, 0), mark("a", 1)), UNDECIDED),
        (GIVEN, timeline(), VACUOUS),
        (GIVEN, timeline(event(TLBI, 0, vmid=3)), PASS),
        (GIVEN, timeline(event(TLBI, 0, vmid=3), event(UNMAP, 1, vmid=4)), PASS),
        (GIVEN, timeline(event(TLBI, 0, vmid=3), event(UNMAP, 1, vmid=3)), FAIL),
        (GIVEN, timeline(event(UNMAP, 1, vmid=3)), VACUOUS),
        (GIVEN, timeline(missing={TLBI: "gone"}), UNDECIDED),
        (GIVEN, timeline(event(TLBI, 0, vmid=3), event(UNMAP, 1, vmid=4), loss(1, None)), UNDECIDED),
        (GIVEN, timeline(event(TLBI, 0, vmid=UNKNOWN), event(UNMAP, 1, vmid=4)), UNDECIDED),
    ],
)
def test_absence(expectation: Absence, seen: Timeline, verdict: Verdict) -> None:
    assert judge(expectation, seen).verdict is verdict


def test_absence_with_given_that_shares_nothing_needs_no_complete_given() -> None:
    plain = dataclasses.replace(GIVEN, of=pattern(UNMAP), given=pattern("l1.tlbi"))
    seen = timeline(event("l1.tlbi", 0), loss(0, None, Source.L1))
    assert judge(plain, seen).verdict is PASS
    sharing = dataclasses.replace(GIVEN, given=pattern("l1.tlbi", vmid="$v"))
    assert (
        judge(sharing, timeline(event("l1.tlbi", 0, vmid=1), loss(0, None, Source.L1))).verdict is UNDECIDED
    )


def response(scope: Scope = ANYWHERE, within_us: int | None = None, when: str = TLBI) -> Response:
    return Response(
        HERE,
        "r",
        pattern(when, vmid="$v", ipa="$a"),
        pattern(UNMAP, vmid="$v", covers="$a"),
        scope,
        Limit(us=within_us),
    )


def tlbi(seq: int, vmid: int | str = 3, name: str = TLBI, time: int | None = None, error: int = 0) -> Event:
    return event(name, seq, time, error, vmid=vmid, ipa=0x5000)


def unmap(seq: int, vmid: int | str = 3, start: int | str = 0x4000, time: int | None = None) -> Event:
    return event(UNMAP, seq, time, vmid=vmid, start=start, size=0x2000)


LOOSE = ClockRelation(0, 30_000)
GUEST = response(when="l1.tlbi")


@pytest.mark.parametrize(
    ("expectation", "items", "verdict"),
    [
        (response(), [tlbi(0), unmap(1)], PASS),
        (response(), [tlbi(0), tlbi(1), unmap(2)], PASS),
        (response(), [tlbi(0), unmap(1, start=0x8000)], FAIL),
        (response(), [tlbi(0), unmap(1, vmid=4)], FAIL),
        (response(), [unmap(0), tlbi(1)], FAIL),
        (response(), [tlbi(0), unmap(1), tlbi(2)], FAIL),
        (response(), [], VACUOUS),
        (response(), [unmap(0)], VACUOUS),
        (response(), [event(TLBI, 0, vmid=3, op="vmalle1is"), unmap(1)], VACUOUS),  # no IPA: no trigger
        # Losses: only those after the trigger can hide its response.
        (response(), [tlbi(0), loss(0, None)], UNDECIDED),
        (response(), [loss(-1, 0), tlbi(0)], FAIL),
        (response(), [tlbi(0), unmap(1), loss(1, None)], UNDECIDED),  # an unseen trigger
        (response(BETWEEN), [loss(-1, 0), mark("a", 0), tlbi(1), unmap(2), mark("b", 3)], PASS),
        (response(), [loss(-1, None)], UNDECIDED),
        # Unknown fields.
        (response(), [tlbi(0), unmap(1, vmid=UNKNOWN)], UNDECIDED),
        (response(), [tlbi(0), unmap(1, start=UNKNOWN)], UNDECIDED),
        (response(), [tlbi(0, vmid=UNKNOWN), unmap(1)], UNDECIDED),
        (response(), [tlbi(0, vmid=UNKNOWN), unmap(1, start=0x8000)], FAIL),
        (response(), [tlbi(0), unmap(1, vmid=UNKNOWN), unmap(2)], PASS),
        # Scope.
        (response(BETWEEN), [mark("a", 0), tlbi(1), unmap(2), mark("b", 3)], PASS),
        (response(BETWEEN), [mark("a", 0), tlbi(1), mark("b", 2), unmap(3)], FAIL),
        (response(BETWEEN), [tlbi(0), mark("a", 1), unmap(2), mark("b", 3)], VACUOUS),
        (response(BETWEEN), [mark("a", 0), tlbi(1), unmap(2)], UNDECIDED),
        # within_us, microseconds of rounding aside
        (response(within_us=10), [tlbi(0, time=0), unmap(1, time=9)], PASS),
        (response(within_us=10), [tlbi(0, time=0), unmap(1, time=10)], UNDECIDED),
        (response(within_us=10), [tlbi(0, time=0), unmap(1, time=12)], FAIL),
        # Across levels.
        (GUEST, [tlbi(0, name="l1.tlbi", time=0), unmap(0, time=100)], PASS),
        (GUEST, [tlbi(0, name="l1.tlbi", time=100), unmap(0, time=0)], FAIL),
        (GUEST, [tlbi(0, name="l1.tlbi", time=0, error=30_000), unmap(0, time=20)], UNDECIDED),
        (GUEST, [tlbi(0, name="l1.tlbi", time=0, error=30_000), unmap(0, time=40)], PASS),
        (GUEST, [tlbi(0, name="l1.tlbi", time=100), loss(-1, None, Source.L1)], FAIL),
    ],
)
def test_response(expectation: Response, items: list[Item], verdict: Verdict) -> None:
    seen = timeline(*items, clock=LOOSE)
    assert judge(expectation, seen).verdict is verdict


def test_response_without_its_events() -> None:
    assert judge(response(), timeline(tlbi(0), missing=MISSING)).verdict is UNDECIDED
    assert judge(response(), timeline(missing={TLBI: "gone"})).verdict is UNDECIDED
    unrelated = timeline(tlbi(0, name="l1.tlbi"), unmap(5, time=10**6), clock=ClockRelation(0, None))
    assert judge(GUEST, unrelated).verdict is UNDECIDED


def test_failing_response_explains_itself() -> None:
    seen = timeline(
        tlbi(0),
        unmap(1),
        event("l1.tlbi", 0, 15, vmid=9),
        tlbi(2),
        unmap(3, start=0x8000),
        clock=LOOSE,
    )
    finding = judge(response(), seen)
    assert finding.verdict is FAIL
    assert finding.kind == "response"
    assert finding.bindings == {"v": "3", "a": "0x5000"}
    assert finding.trigger is not None
    assert finding.trigger.seq == 2
    assert {(e.source.value, e.seq) for e in finding.context} == {
        ("l0", 0),
        ("l0", 1),
        ("l0", 2),
        ("l0", 3),
        ("l1", 0),
    }
    assert "1 of 2 l0.tlbi not followed by l0.shadow_unmap" in finding.message
    assert "ipa=0x5000" in finding.message


def lines(expectation: Expectation, *items: Item) -> list[str]:
    finding = judge(expectation, timeline(*items, clock=LOOSE))
    assert finding.verdict is FAIL
    return finding.message.split("\n")


def test_what_was_expected_and_what_came_nearest() -> None:
    """As FileCheck: the pattern with its values, its line, the place, what is wrong with each candidate."""
    shown = lines(
        response(within_us=50), unmap(0), tlbi(1, time=20), unmap(2, vmid=4, start=0x8000), unmap(3, time=90)
    )
    assert shown[1:4] == [
        "expected: l0.shadow_unmap {vmid: $v = 3, covers: $a = 0x5000}  [s.yaml:12:5]",
        "  after: l0.tlbi at 0.000020 cpu0 qemu-7: vmid=3 ipa=0x5000",
        "nearest: l0.shadow_unmap at 0.000000 cpu0 qemu-7: vmid=3 start=0x4000 size=0x2000",
    ]
    assert shown[4] == "  order: comes before it"
    assert shown[6] == "  distance: 70 us, within 50 us was expected"
    assert shown[8:10] == ["  vmid: 4, expected $v = 3", "  covers: 0x8000 to 0x9fff, expected $a = 0x5000"]
    assert len(shown) == 10


def test_a_missing_event_shows_the_nearest_of_its_name() -> None:
    shown = lines(
        existence(op="x", vmid="!= 3", scope=BETWEEN),
        event(TLBI, 0, op="x", vmid=4),
        mark("a", 1),
        event(TLBI, 2, op="y", vmid=3),
        mark("b", 3),
    )
    assert shown == [
        "no l0.tlbi with op=x and vmid != 3 (1 other in scope), expected >= 1",
        "expected: l0.tlbi {op: x, vmid: != 3}  [s.yaml:12:5]",
        "nearest: l0.tlbi at 0.000000 cpu0 qemu-7: op=x vmid=4",
        "  out of scope",
        "nearest: l0.tlbi at 0.000020 cpu0 qemu-7: op=y vmid=3",
        "  op: y, expected x",
        "  vmid: 3, expected != 3",
    ]
    assert lines(existence(op="x"))[-1] == "there is no l0.tlbi at all"


def test_a_forbidden_event_shows_the_pattern_with_its_values() -> None:
    shown = lines(GIVEN, event(TLBI, 0, vmid=3), event(UNMAP, 1, vmid=3))
    assert shown == [
        "1 times, first l0.shadow_unmap at 0.000010 cpu0 qemu-7: vmid=3",
        "forbidden: l0.shadow_unmap {vmid: $v = 3}  [s.yaml:12:5]",
    ]


def precedence(scope: Scope = ANYWHERE) -> Precedence:
    return Precedence(HERE, "p", pattern(UNMAP, vmid="$v"), pattern(TLBI, vmid="$v"), scope)


@pytest.mark.parametrize(
    ("expectation", "items", "verdict"),
    [
        (precedence(), [tlbi(0), unmap(1)], PASS),
        (precedence(), [tlbi(0), unmap(1), unmap(2)], PASS),
        (precedence(), [unmap(0), tlbi(1)], FAIL),
        (precedence(), [tlbi(0, vmid=4), unmap(1)], FAIL),
        (precedence(), [tlbi(0)], VACUOUS),
        (precedence(), [tlbi(0, vmid=UNKNOWN), unmap(1)], UNDECIDED),
        (precedence(), [loss(-1, 0), unmap(0)], UNDECIDED),
        (precedence(), [unmap(0), loss(0, None)], FAIL),  # what was lost came too late
        (precedence(), [tlbi(0), unmap(1), loss(1, None)], UNDECIDED),  # an unseen event of the pattern
        (precedence(BETWEEN), [tlbi(0), mark("a", 1), unmap(2), mark("b", 3)], FAIL),
        (precedence(BETWEEN), [mark("a", 0), tlbi(1), unmap(2), mark("b", 3)], PASS),
    ],
)
def test_precedence(expectation: Precedence, items: list[Item], verdict: Verdict) -> None:
    assert judge(expectation, timeline(*items)).verdict is verdict


def test_nonsense_is_refused_with_its_place() -> None:
    free = Response(HERE, "r", pattern(TLBI), pattern(UNMAP, covers="$a"), ANYWHERE)
    with pytest.raises(InputError, match=r"s\.yaml:12:5.*\$a"):
        judge(free, timeline())

    class Unheard(Expectation):
        pass

    with pytest.raises(InfraError, match="Unheard"):
        judge(Unheard(HERE, "s"), timeline())


@pytest.mark.parametrize(
    ("scope", "items", "said"),
    [
        (ANYWHERE, [], "no l0.tlbi with op=x and vmid != 3 (there is no l0.tlbi at all)"),
        (ANYWHERE, [tlbi(1)], "no l0.tlbi with op=x and vmid != 3 (1 other in scope)"),
        (
            BETWEEN,
            [mark("a", 1), tlbi(2), tlbi(3), mark("b", 4), tlbi(5)],
            "no l0.tlbi with op=x and vmid != 3 (2 others in scope)",
        ),
        (
            BETWEEN,
            [tlbi(0), mark("a", 1), mark("b", 4), tlbi(5)],
            "no l0.tlbi with op=x and vmid != 3 (of 2 none is in it)".replace("(", "in scope ("),
        ),
    ],
)
def test_a_trigger_that_never_came_says_what_came_instead(scope: Scope, items: list[Item], said: str) -> None:
    """Every pattern of an expectation, and the event that opens its scope."""
    never = pattern(TLBI, op="x", vmid="!= 3")
    any_unmap = pattern(UNMAP)
    each: list[Expectation] = [
        Response(HERE, "r", never, any_unmap, scope),
        Precedence(HERE, "p", never, any_unmap, scope),
        Absence(HERE, "a", any_unmap, scope, never),
        Universality(HERE, "u", never, pattern(TLBI, vmid=3), scope),
        Sequence(HERE, "s", (never, any_unmap), scope),
    ]
    for expectation in each:
        finding = judge(expectation, timeline(*items))
        assert finding.verdict is VACUOUS, expectation
        assert finding.message.split("\n")[0].removeprefix("given: ") == said
    if scope is ANYWHERE:
        finding = judge(existence(scope=Scope(never)), timeline(*items))
        assert said in finding.message


def test_the_nearest_of_what_came_instead_says_what_it_lacks() -> None:
    expectation = Response(HERE, "r", pattern(TLBI, op="ipas2e1is", vmid=3), pattern(UNMAP), ANYWHERE)
    items = [event(TLBI, 1, op="vmalle1", vmid=4), event(TLBI, 2, op="ipas2e1is", vmid=4)]
    finding = judge(expectation, timeline(*items))
    assert finding.message.split("\n") == [
        "no l0.tlbi with op=ipas2e1is and vmid=3 (2 others in scope)",
        "nearest: l0.tlbi at 0.000020 cpu0 qemu-7: op=ipas2e1is vmid=4",
        "  vmid: 4, expected 3",
    ]


def test_scopes_that_were_never_exercised_say_why_of_the_first() -> None:
    expectation = Response(
        HERE, "r", pattern(TLBI, op="x"), pattern(UNMAP), Scope(pattern(UNMAP), pattern(UNMAP))
    )
    finding = judge(expectation, timeline(unmap(1), tlbi(2), unmap(3), tlbi(4), tlbi(5), unmap(6)))
    assert finding.verdict is VACUOUS
    assert finding.message.split("\n")[0] == "2 scopes, first: no l0.tlbi with op=x (1 other in scope)"
