# SPDX-License-Identifier: GPL-2.0-only
"""How a selftest's guest was entered (scenarios/guest/entries.py), by the exception returns of a trace."""

from __future__ import annotations

import pytest

from harness.check.evaluate import evaluate
from harness.check.finding import Finding
from harness.host.paths import SCENARIOS
from harness.scenario.language import PythonCheck, Scalar, Scope
from harness.trace.event import Event
from harness.trace.source import Source
from harness.trace.timeline import Loss, Realised, Timeline
from harness.verdict import Verdict
from tests.check.build import HERE, event, loss, timeline

FILE = SCENARIOS / "guest/entries.py"
ERET = "model.eret"
VM, TGE, NV = 1 << 0, 1 << 27, 1 << 42
PASS, FAIL, VACUOUS, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED


def eret(seq: int, hcr: int | str, el: int = 2) -> Event:
    made = event("l0.eret", seq, el=el, hcr=hcr)
    return Event(ERET, made.level, seq, made.time_ns, 0, "", made.fields, seen_by=Source.MODEL)


def judge(vel2: int, *items: Event | Loss, host: str = "l0") -> Finding:
    source = FILE.read_text(encoding="utf-8")
    options: dict[str, Scalar] = {"vel2": vel2, "host": host}
    check = PythonCheck(HERE, "p", str(FILE), source, "guest_ran", (ERET,), Scope(), options)
    seen: Timeline = timeline(*items, realised={ERET: Realised("plugin")})
    (finding,) = evaluate([check], seen, {}, {})
    return finding


@pytest.mark.parametrize(
    ("vel2", "hcrs", "verdict"),
    [
        (1, [VM | NV], PASS),
        (1, [VM, VM | NV], PASS),  # vEL2 drops to its own EL1
        (1, [VM], FAIL),
        (0, [VM], PASS),
        (0, [VM | NV], FAIL),
        (1, [], VACUOUS),
        (1, [VM | TGE | NV], VACUOUS),  # a process of the host
        (0, [0], VACUOUS),
        (0, ["?"], VACUOUS),
    ],
)
def test_entries(vel2: int, hcrs: list[int | str], verdict: Verdict) -> None:
    assert judge(vel2, *(eret(number, hcr) for number, hcr in enumerate(hcrs))).verdict is verdict


def test_a_return_within_the_guest_is_no_entry() -> None:
    assert judge(1, eret(0, VM | NV, el=1)).verdict is VACUOUS


def test_at_l1_only_an_entry_of_l2_counts() -> None:
    assert judge(0, eret(0, VM | NV), host="l1").verdict is VACUOUS
    both = judge(0, eret(0, VM | NV), eret(1, VM), host="l1")
    assert (both.verdict, both.message) == (PASS, "1 of 1 entries without HCR_EL2.NV")


def test_a_right_entry_may_be_among_what_was_lost() -> None:
    assert judge(1, eret(0, VM), loss(0, None, Source.MODEL)).verdict is UNDECIDED


def test_it_says_how_many() -> None:
    assert judge(1, eret(0, VM), eret(1, VM | NV)).message == "1 of 2 entries with HCR_EL2.NV"
