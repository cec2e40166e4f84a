# SPDX-License-Identifier: GPL-2.0-only
"""``response`` and ``precedence`` on random timelines against a reference that tries everything."""

from __future__ import annotations

import random
import time

import pytest

from harness.check.evaluate import evaluate
from harness.scenario.language import Limit, Precedence, Response, Scope
from harness.trace.clock import ClockRelation
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.timeline import RESOLUTION_NS, Timeline, TraceMark
from harness.verdict import Verdict
from tests.check.build import HERE, event, mark, pattern, timeline

TRIGGER = {"l0": "l0.tlbi", "l1": "l1.tlbi"}
UNMAP = "l0.shadow_unmap"
ERROR_NS = 8_000


def random_timeline(rng: random.Random, level: str, unknowns: bool) -> Timeline:
    """Events of both levels at distinct positions; some fields unknown when asked for."""
    items: list[Event | TraceMark] = []
    seqs = {"l0": 0, "l1": 0}
    begin, end = sorted(rng.sample(range(30), 2))
    for step in range(rng.randrange(1, 30)):
        name = rng.choice((TRIGGER[level], UNMAP))
        at = name[:2]
        vmid: Value = UNKNOWN if unknowns and rng.random() < 0.15 else rng.randrange(3)
        items.append(
            event(
                name,
                seqs[at],
                step * 5 + rng.randrange(2),
                ERROR_NS if at == "l1" else 0,
                vmid=vmid,
                ipa=rng.randrange(4) * 4096,
                start=rng.randrange(3) * 4096,
                size=8192,
            )
        )
        seqs[at] += 1
        if step in (begin, end):
            items.append(mark("begin" if step == begin else "end", seqs["l0"]))
            seqs["l0"] += 1
    return timeline(*items, clock=ClockRelation(0, ERROR_NS))


def ordered(first: Event, second: Event) -> bool | None:
    if first.level == second.level:
        return first.seq < second.seq
    slack = first.error_ns + second.error_ns + 2 * RESOLUTION_NS
    distance = second.time_ns - first.time_ns
    return None if abs(distance) <= slack else distance > 0


def agree(trigger: Event, partner: Event) -> bool | None:
    start, size, ipa = partner.fields["start"], partner.fields["size"], trigger.fields["ipa"]
    assert isinstance(start, int)
    assert isinstance(size, int)
    assert isinstance(ipa, int)
    if not start <= ipa < start + size:
        return False
    a, b = trigger.fields["vmid"], partner.fields["vmid"]
    return None if UNKNOWN in (a, b) else a == b


def near(trigger: Event, partner: Event, within_us: int | None) -> bool | None:
    if within_us is None:
        return True
    slack = 2 * RESOLUTION_NS
    if trigger.level != partner.level:
        slack += trigger.error_ns + partner.error_ns
    distance = partner.time_ns - trigger.time_ns
    if distance + slack <= within_us * 1000:
        return True
    return False if distance - slack > within_us * 1000 else None


def reference(seen: Timeline, trigger: str, later: bool, within_us: int | None) -> Verdict:
    """Every trigger against every partner."""
    verdicts = []
    partners = [e for e in seen.events if e.name == UNMAP]
    for each in (e for e in seen.events if e.name == trigger):
        best = []
        for partner in partners:
            order = ordered(each, partner) if later else ordered(partner, each)
            parts = (order, agree(each, partner), near(each, partner, within_us))
            best.append(False if False in parts else (None if None in parts else True))
        verdicts.append(
            Verdict.PASS if True in best else (Verdict.UNDECIDED if None in best else Verdict.FAIL)
        )
    if not verdicts:
        return Verdict.VACUOUS
    return max(verdicts, key=lambda v: v.rank)


@pytest.mark.parametrize("unknowns", [False, True])
@pytest.mark.parametrize("level", ["l0", "l1"])
def test_against_the_reference(level: str, unknowns: bool) -> None:
    rng = random.Random(f"{level}{unknowns}")
    name = TRIGGER[level]
    bound, agreeing = pattern(name, vmid="$v", ipa="$a"), pattern(UNMAP, vmid="$v", covers="$a")
    counts: dict[Verdict, int] = {}
    for _ in range(400):
        seen = random_timeline(rng, level, unknowns)
        within = rng.choice((None, None, 12, 40))
        (finding,) = evaluate([Response(HERE, "r", bound, agreeing, Scope(), Limit(us=within))], seen, {}, {})
        assert finding.verdict is reference(seen, name, True, within), seen.events
        counts[finding.verdict] = counts.get(finding.verdict, 0) + 1
        (finding,) = evaluate([Precedence(HERE, "p", bound, agreeing, Scope())], seen, {}, {})
        assert finding.verdict is reference(seen, name, False, None), seen.events
    expected = {Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS}
    if unknowns or level == "l1":
        expected.add(Verdict.UNDECIDED)
    assert set(counts) == expected


def test_scope_is_the_same_as_cutting_the_timeline() -> None:
    rng = random.Random(11)
    checked = 0
    bound, agreeing = pattern("l0.tlbi", vmid="$v", ipa="$a"), pattern(UNMAP, vmid="$v", covers="$a")
    while checked < 200:
        seen = random_timeline(rng, "l0", False)
        if len(seen.marks) != 2:
            continue
        checked += 1
        low, high = (next(m.seq for m in seen.marks if m.name == name) for name in ("begin", "end"))
        inside = timeline(*(e for e in seen.events if low < e.seq < high))
        scoped = Response(HERE, "r", bound, agreeing, Scope("begin", "end"))
        whole = Response(HERE, "r", bound, agreeing, Scope())
        verdicts = [evaluate([r], t, {}, {})[0].verdict for r, t in ((scoped, seen), (whole, inside))]
        assert verdicts[0] is verdicts[1]


@pytest.mark.parametrize(
    ("level", "shift", "clock", "verdict"),
    [
        ("l0", 0, ClockRelation(0, 0), Verdict.PASS),
        ("l0", 512, ClockRelation(0, 0), Verdict.FAIL),
        ("l1", 0, ClockRelation(0, 1_000), Verdict.PASS),
        ("l1", 0, ClockRelation(0, None), Verdict.UNDECIDED),
    ],
)
def test_ten_thousand_triggers_take_a_moment(
    level: str, shift: int, clock: ClockRelation, verdict: Verdict
) -> None:
    trigger = TRIGGER[level]
    items = []
    for i in range(10_000):
        page = i % 512
        items.append(event(trigger, 2 * i, 20 * i, vmid=i % 8, ipa=page << 12))
        start = page + shift << 12
        items.append(event(UNMAP, 2 * i + 1, 20 * i + 10, vmid=i % 8, start=start, size=4096))
    bound, agreeing = pattern(trigger, vmid="$v", ipa="$a"), pattern(UNMAP, vmid="$v", covers="$a")
    began = time.process_time()  # a busy host does not count
    (finding,) = evaluate(
        [Response(HERE, "r", bound, agreeing, Scope())], timeline(*items, clock=clock), {}, {}
    )
    assert finding.verdict is verdict, finding.message
    assert time.process_time() - began < 5
