# SPDX-License-Identifier: GPL-2.0-only
"""The oracle ``shadow-subset``: what two looks into the stopped machine must show for each verdict."""

from __future__ import annotations

import dataclasses

import pytest

from harness.check.finding import Finding, Observations
from harness.check.oracle import ORACLES
from harness.check.shadow import Look, Shadow, Stray
from harness.errors import UserError
from harness.scenario.language import OracleCheck, Scope
from harness.verdict import Verdict
from tests.check.build import HERE

GOOD = Shadow(1, 0x1_0000_41DD_A000, True, agreeing=14 << 20)
STALE = dataclasses.replace(GOOD, strays=(Stray(0x48123000, 0x3000, "L1's tables do not map it"),))


def judged(*looks: Look, scope: Scope | None = None) -> Finding:
    check = OracleCheck(HERE, "shadow-subset", "shadow-subset", scope or Scope())
    return ORACLES["shadow-subset"](check, Observations(looks=looks))


def test_what_agrees_passes() -> None:
    finding = judged(Look((GOOD,)), Look((GOOD,)))
    assert (finding.verdict, finding.message[:9]) == (Verdict.PASS, "14336 KiB")


def test_what_stays_wrong_fails() -> None:
    finding = judged(Look((STALE,)), Look((STALE,)))
    assert finding.verdict is Verdict.FAIL
    assert "IPA 0x48123000 + 0x3000: L1's tables do not map it" in finding.message


def test_part_of_it_staying_wrong_fails() -> None:
    rest = dataclasses.replace(STALE, strays=(Stray(0x48124000, 0x1000, "L1's tables do not map it"),))
    assert judged(Look((STALE,)), Look((rest,))).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "then",
    [
        GOOD,
        dataclasses.replace(STALE, strays=(Stray(0x50000000, 0x1000, "L1's tables do not map it"),)),
        dataclasses.replace(STALE, strays=(Stray(0x48123000, 0x3000, "it permits w, L1's tables only r"),)),
        dataclasses.replace(STALE, vttbr=0x2_0000_41DD_A000),
    ],
    ids=["gone", "elsewhere", "otherwise", "another-vm"],
)
def test_what_l1_may_be_about_to_invalidate_is_no_violation(then: Shadow) -> None:
    assert judged(Look((STALE,)), Look((then,))).verdict is Verdict.PASS


def test_a_vm_that_is_no_more_is_not_judged() -> None:
    dead = dataclasses.replace(STALE, alive=False)
    assert judged(Look((dead,)), Look((dead,))).verdict is Verdict.VACUOUS
    assert judged(Look((dead, GOOD)), Look((dead, GOOD))).verdict is Verdict.PASS


def test_nothing_mapped_is_vacuous() -> None:
    empty = dataclasses.replace(GOOD, agreeing=0)
    assert judged(Look((empty,)), Look((empty,))).verdict is Verdict.VACUOUS
    assert judged(Look(), Look()).verdict is Verdict.VACUOUS


@pytest.mark.parametrize(
    "looks",
    [
        (),
        (Look((GOOD,)),),
        (Look(problem="the stopped machine could not be looked into: why"),),
        (Look((GOOD,)), Look(problem="the memory of QEMU ends")),
        (Look((GOOD,)), Look((dataclasses.replace(GOOD, problem="a table at 0 is no RAM"),))),
        (Look((GOOD,)), Look((dataclasses.replace(GOOD, unknown=4096),))),
    ],
    ids=["none", "one", "no-look", "no-second", "no-walk", "unknown"],
)
def test_what_was_not_seen_is_undecided(looks: tuple[Look, ...]) -> None:
    finding = judged(*looks)
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.message


def test_it_takes_no_scope() -> None:
    with pytest.raises(UserError, match="takes no scope"):
        judged(Look((GOOD,)), Look((GOOD,)), scope=Scope(after="m"))
