# SPDX-License-Identifier: GPL-2.0-only
"""``partners: distinct``: each trigger has a partner of its own, or too few are there, or it is uncertain."""

from __future__ import annotations

import itertools
import random

import pytest

from harness.check.distinct import EDGES_MAX, TooManyError, shortage
from harness.check.evaluate import evaluate
from harness.check.finding import Finding
from harness.scenario.language import Expectation, Limit, Precedence, Response
from harness.trace.clock import ClockRelation
from harness.trace.event import UNKNOWN, Event
from harness.trace.timeline import Timeline
from harness.verdict import Verdict
from tests.check.build import ANYWHERE, HERE, Item, event, loss, pattern, timeline

PASS, FAIL, VACUOUS, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED
FREE = Limit()


def judge(expectation: Expectation, seen: Timeline) -> Finding:
    (finding,) = evaluate([expectation], seen, {}, {})
    return finding


def answered(partners: str = "distinct", limit: Limit = FREE) -> Response:
    when, then = pattern("l0.tlbi", vmid="$v"), pattern("l0.shadow_unmap", vmid="$v")
    return Response(HERE, "r", when, then, ANYWHERE, limit, partners)


def caused(partners: str = "distinct") -> Precedence:
    unmap, first = pattern("l0.shadow_unmap", vmid="$v"), pattern("l0.tlbi", vmid="$v")
    return Precedence(HERE, "p", unmap, first, ANYWHERE, FREE, partners)


def tlbi(seq: int, vmid: int | str = 1) -> Event:
    return event("l0.tlbi", seq, vmid=vmid)


def unmap(seq: int, vmid: int | str = 1) -> Event:
    return event("l0.shadow_unmap", seq, vmid=vmid)


@pytest.mark.parametrize(
    ("items", "distinct", "shared"),
    [
        ([tlbi(0), unmap(1), tlbi(2), unmap(3)], PASS, PASS),
        ([tlbi(0), tlbi(1), unmap(2)], FAIL, PASS),  # one answers both
        ([tlbi(0), tlbi(1), unmap(2), unmap(3)], PASS, PASS),
        ([tlbi(0), unmap(1), tlbi(2)], FAIL, FAIL),
        ([tlbi(0), tlbi(1, 2), unmap(2), unmap(3, 2)], PASS, PASS),
        ([tlbi(0), tlbi(1, 2), unmap(2), unmap(3)], FAIL, FAIL),  # of another VMID
        ([tlbi(0), tlbi(1), unmap(2), unmap(3, UNKNOWN)], UNDECIDED, PASS),  # it may be the second one's
        ([tlbi(0), tlbi(1), tlbi(2), unmap(3), unmap(4, UNKNOWN)], FAIL, PASS),  # of whichever it is
        ([tlbi(0), tlbi(1), unmap(2), loss(2, 5)], UNDECIDED, UNDECIDED),
        ([tlbi(0, UNKNOWN), tlbi(1), unmap(2)], FAIL, UNDECIDED),  # whatever VMID
        ([unmap(0)], VACUOUS, VACUOUS),
    ],
)  # fmt: skip
def test_response(items: list[Item], distinct: Verdict, shared: Verdict) -> None:
    assert judge(answered(), timeline(*items)).verdict is distinct
    for partners in ("shared", ""):
        assert judge(answered(partners), timeline(*items)).verdict is shared


@pytest.mark.parametrize(
    ("items", "distinct", "shared"),
    [
        ([tlbi(0), unmap(1), tlbi(2), unmap(3)], PASS, PASS),
        ([tlbi(0), tlbi(1), unmap(2), unmap(3)], PASS, PASS),
        ([tlbi(0), unmap(1), unmap(2)], FAIL, PASS),
        ([tlbi(0), unmap(1), unmap(2), tlbi(3)], FAIL, PASS),
    ],
)
def test_precedence(items: list[Item], distinct: Verdict, shared: Verdict) -> None:
    assert judge(caused(), timeline(*items)).verdict is distinct
    assert judge(caused("shared"), timeline(*items)).verdict is shared


def test_a_limit_decides_which_partners_can_be_whose() -> None:
    """The first has both within reach and takes the early one, whichever was looked at first."""
    items = [tlbi(0), tlbi(1), unmap(2), unmap(3)]
    assert judge(answered(limit=Limit(us=25)), timeline(*items)).verdict is PASS
    late = [tlbi(0), tlbi(1), unmap(2), unmap(9)]
    assert judge(answered(limit=Limit(us=25)), timeline(*late)).verdict is FAIL


def test_order_that_clocks_cannot_establish_is_undecided() -> None:
    """At two levels, closer together than the clocks' error; the shared partner is certain."""
    response = Response(HERE, "r", pattern("l1.tlbi"), pattern("l0.tlbi"), ANYWHERE, FREE, "distinct")
    clock = ClockRelation(0, 15_000)
    events = [
        event("l1.tlbi", 0, 100),
        event("l1.tlbi", 1, 200),
        event("l0.tlbi", 0, 190),
        event("l0.tlbi", 1, 500),
    ]
    for each in events:
        if each.name == "l1.tlbi":
            object.__setattr__(each, "error_ns", 15_000)
    seen = timeline(*events, clock=clock)
    assert judge(response, seen).verdict is PASS
    seen = timeline(*events[:3], event("l0.tlbi", 1, 205), clock=clock)
    assert judge(response, seen).verdict is UNDECIDED


def test_the_message_counts_and_names_one_that_is_left() -> None:
    finding = judge(answered(), timeline(tlbi(0), tlbi(1), tlbi(2, 3), unmap(3), unmap(4, 3)))
    assert finding.message.startswith("2 l0.tlbi have 1 l0.shadow_unmap between them that can be theirs")
    assert finding.trigger is not None
    assert finding.bindings == {"v": "1"}


@pytest.mark.parametrize("seed", range(200))
def test_a_shortage_is_reported_exactly_when_there_is_one(seed: int) -> None:
    """Against every assignment that there is."""
    dice = random.Random(seed)
    left, right = dice.randint(1, 5), dice.randint(0, 5)
    edges = [[p for p in range(right) if dice.random() < 0.45] for _ in range(left)]
    possible = any(
        all(choice[t] in edges[t] for t in range(left))
        for choice in itertools.permutations(range(right), left)
    )
    found = shortage(range(left), lambda t: edges[t])
    assert (found is None) == possible
    if found is not None:
        reach = {p for t in found.triggers for p in edges[t]}
        assert (len(reach), len(found.triggers)) == (found.partners, found.partners + 1)
        assert found.trigger in found.triggers


def test_what_is_too_much_is_undecided() -> None:
    many = 2 + int((2 * EDGES_MAX) ** 0.5)
    with pytest.raises(TooManyError):
        shortage(range(many), lambda _: range(many))
    items = [*(tlbi(n) for n in range(many)), *(unmap(many + n) for n in range(many))]
    assert judge(answered(), timeline(*items)).verdict is UNDECIDED


def test_a_long_trace_of_pairs_is_fast() -> None:
    items = [each for n in range(20_000) for each in (tlbi(2 * n), unmap(2 * n + 1))]
    assert judge(answered(), timeline(*items)).verdict is PASS
    assert judge(caused(), timeline(*items)).verdict is PASS
