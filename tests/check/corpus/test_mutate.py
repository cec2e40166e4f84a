"""Mutations: what expectations notice, and expectations that notice nothing."""

from __future__ import annotations

import dataclasses

import pytest

from harness.check.corpus import edit
from harness.check.corpus.mutate import KINDS, mutations
from harness.check.corpus.recording import judge
from harness.check.oracle import Oracle
from harness.scenario.expectations import KINDS as LANGUAGE
from harness.scenario.language import (
    Absence,
    Existence,
    Expectation,
    Limit,
    OracleCheck,
    Precedence,
    PythonCheck,
    Response,
    Scope,
    Sequence,
    Universality,
)
from harness.trace.event import Event
from harness.trace.order import Anchor
from harness.trace.source import Source
from harness.trace.span import Span
from harness.trace.timeline import Realised, Timeline
from harness.verdict import Verdict
from tests.check.build import ANYWHERE, HERE, event, loss, mark, pattern, timeline
from tests.check.test_oracle_dispatch import count

TLBI, UNMAP, L1 = "l0.tlbi", "l0.shadow_unmap", "l1.tlbi"
PASS, FAIL = Verdict.PASS, Verdict.FAIL
SCOPE = Scope("a", "b")


def tlbi(seq: int, name: str = TLBI, op: str = "ipas2e1is", time: int | None = None) -> Event:
    return event(name, seq, time, op=op, vmid=1, ipa=0x5000)


def unmap(seq: int, time: int | None = None) -> Event:
    return event(UNMAP, seq, time, vmid=1, start=0x4000, size=0x2000, reason="tlbi")


GOOD = timeline(
    tlbi(0, L1, time=1),
    mark("a", 1),
    tlbi(2),
    unmap(3),
    event(UNMAP, 4, vmid=9, start=0, size=1, reason="x"),
    mark("a", 2, Source.L1),
    mark("b", 3, Source.L1),
    mark("b", 5),
)

EXISTENCE = Existence(HERE, "e", pattern(TLBI, op="ipas2e1is", vmid="< 2", ipa="!= 0"), SCOPE)
ABSENCE = Absence(
    HERE, "a", pattern(UNMAP, vmid="$v", start="> 0x8000", reason="!= x"), SCOPE, pattern(TLBI, vmid="$v")
)
UNIVERSALITY = Universality(
    HERE, "u", pattern(UNMAP, reason="tlbi"), pattern(UNMAP, vmid=1, size=">= 8"), SCOPE
)
RESPONSE = Response(
    HERE,
    "r",
    pattern(TLBI, vmid="$v", ipa="$a"),
    pattern(UNMAP, vmid="$v", covers="$a", reason="tlbi"),
    SCOPE,
    Limit(us=50),
)
PRECEDENCE = Precedence(HERE, "p", pattern(UNMAP, reason="tlbi"), pattern(TLBI), SCOPE, Limit(events=1))
SEQUENCE = Sequence(
    HERE, "s", (pattern(L1, op="$o"), pattern(TLBI, op="$o", vmid="$v"), pattern(UNMAP, vmid="$v")), ANYWHERE
)
PYTHON = PythonCheck(
    HERE, "py", "a.py",
    "def f(seen):\n    n = [e.fields['op'] for e in seen.events('l0.tlbi')]\n"
    "    return seen.passed('') if n == ['ipas2e1is'] else seen.fail(str(n))\n",
    "f", (TLBI,), SCOPE,
)  # fmt: skip


def outcomes(expectation: Expectation, seen: Timeline = GOOD) -> dict[str, Verdict]:
    assert judge([expectation], seen)[0].verdict is PASS
    return {
        each.what: judge([expectation], each.timeline)[0].verdict for each in mutations(seen, expectation)
    }


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        (EXISTENCE, ["no l0.tlbi", "another op", "another vmid", "another ipa"]),
        (ABSENCE, ["a l0.shadow_unmap after l0.tlbi"]),
        (UNIVERSALITY, ["another vmid", "another size"]),
        (
            RESPONSE,
            [
                *("no l0.shadow_unmap", "another vmid", "another covers", "another reason"),
                *("l0.shadow_unmap before it", "too far away"),
            ],
        ),
        (PRECEDENCE, ["no l0.tlbi", "l0.tlbi after it", "too many events in between"]),
        (
            SEQUENCE,
            [
                *("no l0.tlbi", "another op", "another vmid", "l0.tlbi before it"),
                *("no l0.shadow_unmap", "l0.shadow_unmap before it"),
            ],
        ),
        (PYTHON, ["no l0.tlbi", "one l0.tlbi less", "another op", "l0.tlbi twice"]),
    ],
    ids=lambda each: each.name if isinstance(each, Expectation) else "",
)  # fmt: skip
def test_what_is_noticed(expectation: Expectation, expected: list[str]) -> None:
    found = outcomes(expectation)
    assert [what for what in expected if found.get(what) is not FAIL] == []


def test_every_kind_of_the_language_has_its_mutations() -> None:
    names = {kind.__name__.removesuffix("Check").lower() for kind in KINDS}
    assert names == {*LANGUAGE, "oracle", "python"}


@pytest.mark.parametrize(
    "expectation",
    [
        Existence(HERE, "e", pattern(TLBI), SCOPE, ">= 0"),
        Universality(HERE, "u", pattern(TLBI, op="$o"), pattern(TLBI, op="$o"), SCOPE),
        PythonCheck(HERE, "p", "a.py", "def f(seen):\n    return seen.passed('')\n", "f", (TLBI,), SCOPE),
    ],
    ids=lambda each: each.name,
)
def test_what_cannot_fail_notices_nothing(expectation: Expectation) -> None:
    found = outcomes(expectation)
    assert len(found) >= 1
    assert FAIL not in found.values()


def test_a_counted_existence_notices_one_more() -> None:
    once = dataclasses.replace(EXISTENCE, count="== 1")
    assert outcomes(once)["1 more of l0.tlbi"] is FAIL


def test_an_absence_in_each_scope_of_an_event() -> None:
    opened = Scope(pattern(TLBI, vmid="$v"), pattern(UNMAP, vmid="$v"))
    absent = Absence(HERE, "a", pattern("l0.kvm.kvm_exit", EC="SYS64", vmid="!= $v"), opened)
    assert set(outcomes(absent).values()) == {FAIL}
    across = Absence(HERE, "a", pattern(L1, op="x"), SCOPE)
    assert set(outcomes(across).values()) == {FAIL}


def test_a_function_is_shown_a_register_without_each_of_its_bits() -> None:
    source = (
        "def f(seen):\n    n = [e for e in seen.events('l0.tlbi') if e.fields['hcr'] & 4]\n"
        "    return seen.passed('') if n else seen.fail('bit 2')\n"
    )
    check = PythonCheck(HERE, "p", "a.py", source, "f", (TLBI,), ANYWHERE)
    seen = timeline(event(TLBI, 1, hcr=0b110), event(TLBI, 2, hcr=0b100))
    found = {what: verdict for what, verdict in outcomes(check, seen).items() if "without bit" in what}
    assert found == {"hcr of l0.tlbi without bit 1": PASS, "hcr of l0.tlbi without bit 2": FAIL}


def test_an_oracle_is_shown_every_change_of_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"count": Oracle(count, (TLBI, UNMAP), ("limit",))}
    monkeypatch.setattr("harness.check.evaluate.ORACLES", table)
    oracle = OracleCheck(HERE, "o", "count", SCOPE, {"limit": 4})
    found = outcomes(oracle)
    assert found["no l0.tlbi"] is FAIL
    assert found["l0.tlbi twice"] is PASS


MODEL = "model.tlbi"


def anchored() -> Timeline:
    """L1's instruction, the model's answer, tied by an anchor and in one span."""
    first = tlbi(0, L1, time=1)
    answers = [Event(MODEL, first.level, seq, 0, 0, "", {"op": "vae1is"}) for seq in (3, 6, 9)]
    anchors = (Anchor(Source.L1, 0, 3, 6),)
    spans = (Span(0, "tlbi", "vae1is", (first, answers[1], answers[2])),)
    realised = {MODEL: Realised("plugin"), L1: Realised("module")}
    return Timeline((first, *answers), realised=realised, anchors=anchors, spans=spans)


def test_order_by_anchors_and_spans_are_mutated_too() -> None:
    same = Response(HERE, "r", pattern(L1), pattern(MODEL, span="same"), ANYWHERE)
    found = outcomes(same, anchored())
    assert found["model.tlbi in another span"] is FAIL
    assert found["model.tlbi before it"] is FAIL
    assert found["no model.tlbi"] is FAIL
    absent = Absence(HERE, "a", pattern(MODEL, op="alle1", span="same"), ANYWHERE, pattern(L1))
    assert FAIL in outcomes(absent, anchored()).values()


def test_a_spread_timeline_says_the_same() -> None:
    seen = timeline(*GOOD.events, *GOOD.marks, loss(3, 4))
    wide = edit.spread(seen)
    assert [e.seq for e in wide.events if e.source is Source.L0] == [e * edit.ROOM for e in (2, 3, 4)]
    assert (wide.losses[0].after_seq, wide.losses[0].before_seq) == (3 * edit.ROOM, 4 * edit.ROOM)
    for expectation in (EXISTENCE, ABSENCE, UNIVERSALITY, RESPONSE, PRECEDENCE, SEQUENCE):
        verdicts = [judge([expectation], each)[0].verdict for each in (seen, wide)]
        assert verdicts[0] is verdicts[1]
    tied = edit.spread(anchored())
    assert tied.anchors == (Anchor(Source.L1, 0, 3 * edit.ROOM, 6 * edit.ROOM),)
    assert tied.span_of(tied.events[0]) is tied.spans[0]
    assert tied.spans[0].events == (tied.events[0], *tied.events[2:])
