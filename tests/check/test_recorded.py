# SPDX-License-Identifier: GPL-2.0-only
"""Recorded traces, good and bad twins, to verdicts: the whole way from tracefs text."""

from __future__ import annotations

import pytest

from harness.check.evaluate import evaluate
from harness.scenario.language import Existence, Expectation, Precedence, Response, Scope
from harness.trace.clock import ClockRelation
from harness.verdict import Verdict
from tests.check.build import ANYWHERE, HERE, pattern
from tests.trace.recorded import load

REMAP, RUN = Scope("remap.begin", "remap.end"), Scope("run.begin", "run.end")
IPAS2 = Response(
    HERE,
    "shadow-unmapped",
    pattern("l0.tlbi", op="ipas2e1is", vmid="$v", ipa="$a"),
    pattern("l0.shadow_unmap", vmid="$v", covers="$a"),
    REMAP,
)
VMALLS12 = Response(
    HERE,
    "whole-vmid",
    pattern("l0.tlbi", op="vmalls12e1is", vmid="$v"),
    pattern("l0.shadow_unmap", vmid="$v", covers=0),
    RUN,
)
EMULATED = Response(
    HERE,
    "emulated",
    pattern("l1.tlbi", op="$o", vmid="$v", operand="$x"),
    pattern("l0.tlbi", op="$o", vmid="$v", operand="$x"),
    REMAP,
)
CAUSED = Precedence(
    HERE, "caused", pattern("l0.shadow_unmap", reason="tlbi", vmid="$v"), pattern("l0.tlbi", vmid="$v"), REMAP
)
EXITS = Existence(HERE, "exits", pattern("l0.kvm.kvm_exit", EC="SYS64"), ANYWHERE, "== 1")
FAULT = Existence(HERE, "fault", pattern("l0.kvm.kvm_guest_fault", ipa=0x9000000), ANYWHERE)

PASS, FAIL, VACUOUS, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.VACUOUS, Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("name", "expectation", "verdict"),
    [
        ("good_ipas2_series", IPAS2, PASS),
        ("bad_ipas2_series", IPAS2, FAIL),
        ("good_ipas2_series", CAUSED, PASS),
        ("good_vmalls12_probes", IPAS2, UNDECIDED),  # its marks are not in that trace
        ("good_vmalls12_probes", VMALLS12, PASS),
        ("bad_vmalls12_probes", VMALLS12, FAIL),
        ("bad_probe_missed", VMALLS12, UNDECIDED),
        ("good_loss_before_scope", IPAS2, PASS),
        ("bad_loss_in_scope", IPAS2, UNDECIDED),
        ("bad_missing", IPAS2, UNDECIDED),
        ("good_two_levels", EMULATED, PASS),
        ("bad_two_levels", EMULATED, FAIL),
        ("good_raw", EXITS, PASS),
        ("bad_raw_garbled", EXITS, UNDECIDED),
        ("bad_raw_garbled", FAULT, PASS),  # seen; what was garbled cannot undo it
    ],
)
def test_verdict(name: str, expectation: Expectation, verdict: Verdict) -> None:
    (finding,) = evaluate([expectation], load(name), {}, {})
    assert finding.verdict is verdict, finding.message


def test_clock_error_makes_cross_level_order_undecided() -> None:
    for clock in (None, ClockRelation(30 * 10**9, 200_000)):
        (finding,) = evaluate([EMULATED], load("good_two_levels", clock), {}, {})
        assert finding.verdict is UNDECIDED
        assert "uncertain" in finding.message


def test_vacuous_when_the_operation_never_ran() -> None:
    other = Response(HERE, "r", pattern("l0.tlbi", op="alle1is"), pattern("l0.shadow_unmap"), REMAP)
    (finding,) = evaluate([other], load("good_ipas2_series"), {}, {})
    assert finding.verdict is VACUOUS
