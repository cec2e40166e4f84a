"""Cutting keeps what every expectation says, and little else."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.check.corpus.cut import MOST, cut, minimise
from harness.check.corpus.recording import judge
from harness.level import Level
from harness.scenario.language import Absence, Existence, Expectation, Response
from harness.scenario.language import Sequence as Steps
from harness.trace.event import Event, Value
from harness.trace.timeline import Timeline
from harness.verdict import Verdict
from tests.check.build import ANYWHERE, HERE, Item, event, mark, pattern, timeline
from tests.check.corpus.test_mutate import MODEL, SCOPE, TLBI, UNMAP, anchored


def test_minimise_finds_the_few_that_matter() -> None:
    tries = 0

    def same(items: Sequence[int]) -> bool:
        nonlocal tries
        tries += 1
        return {17, 500, 501} <= set(items)

    assert minimise(range(1000), same) == [17, 500, 501]
    assert tries < 200
    assert minimise(range(3), lambda _: True) == []
    assert minimise([], lambda _: True) == []


def big(seed: int) -> tuple[list[Expectation], Timeline]:
    rng = random.Random(seed)
    items: list[Item] = [mark("a", 0), mark("b", 2001), mark("other", 2002)]
    for n in range(1, 2000):
        name = rng.choice((TLBI, UNMAP, "l0.kvm.kvm_exit"))
        fields: dict[str, Value] = {"op": rng.choice(("x", "y"))} if name == TLBI else {"start": 0, "size": 1}
        items.append(Event(name, Level.L0, n, n * 10_000, 0, "t-1", {"vmid": rng.randrange(4), **fields}))
    items.append(event(UNMAP, 2000, None, 0, vmid=1, start=0, size=1))
    return [
        Existence(HERE, "e", pattern(TLBI, op="x", vmid=2), SCOPE, ">= 3"),
        Response(HERE, "r", pattern(TLBI, vmid=1), pattern(UNMAP, vmid=1), SCOPE),
        Absence(HERE, "a", pattern(UNMAP, vmid=7), SCOPE, pattern(TLBI, vmid=3)),
    ], timeline(*items)


def test_verdicts_stay_and_events_go() -> None:
    expectations, seen = big(1)
    small = cut(seen, expectations)
    assert [f.verdict for f in judge(expectations, small)] == [Verdict.PASS] * 3
    assert 6 <= len(small.events) <= MOST
    assert {m.name for m in small.marks} == {"a", "b"}
    assert all(e.name in (TLBI, UNMAP) for e in small.events)
    assert set(small.realised) == {TLBI, UNMAP}


def test_a_failing_expectation_goes_on_failing() -> None:
    expectations, seen = big(2)
    expectations.append(Absence(HERE, "bad", pattern(UNMAP, vmid=1), SCOPE))
    small = cut(seen, expectations)
    verdicts = [f.verdict for f in judge(expectations, small)]
    assert verdicts == [*[Verdict.PASS] * 3, Verdict.FAIL]


def test_anchors_and_spans_that_matter_stay() -> None:
    seen = anchored()
    steps = Steps(
        HERE, "s", (pattern("l1.tlbi"), pattern(MODEL, span="same"), pattern(MODEL, span="same")), ANYWHERE
    )
    small = cut(seen, [steps])
    assert judge([steps], small)[0].verdict is Verdict.PASS
    assert small.anchors == seen.anchors
    assert len(small.spans) == 1
