# SPDX-License-Identifier: GPL-2.0-only
"""Corners of the walk (DDI 0487, J1.1.4) and of what tags an entry: each with what it is not."""

from __future__ import annotations

import pytest

from harness.arch.registers import mask
from tests.check.sanitizer.conftest import Driver
from tests.check.sanitizer.one_page import (
    LEAF,
    OTHER,
    ROOT,
    VA,
    VMID,
    VTCR,
    A,
    B,
    use,
    world,
)
from tests.check.sanitizer.test_model import PC, S1_LAST, S1_ROOT, S1_TABLE, TCR

HALF = 0xFFFF_FFFF_FFFF_FFFF - (1 << 39) + 1
"""The first address of the upper half that T1SZ 25 gives."""
PAGE = 0x703 | 1 << 6
READ_ONLY, DBM = 1 << 7, 1 << 51
WRITE_BOTH = 2 | 16


def alone(driver: Driver, tcr: int = TCR, leaf: int = A | PAGE, asid: int = 5, root: int = S1_ROOT) -> None:
    """Stage 1 alone, of both halves: VA and HALF + VA -> A."""
    driver("put", root, S1_TABLE | 3)
    driver("put", S1_TABLE + 8, S1_LAST | 3)
    driver("put", S1_LAST, leaf)
    driver("context", 0, 0, 1, 0, 0, VMID, asid, tcr, root, root, 0, 0, 0)


@pytest.mark.parametrize(("t1sz", "found"), [(25, "mapped"), (12, "no translation"), (49, "no translation")])
def test_a_size_out_of_bounds_faults_with_level_0(driver: Driver, t1sz: int, found: str) -> None:
    alone(driver, TCR & ~mask("TCR.T1SZ") | t1sz << 16 | 2 << 30)
    answer = driver("walk", 0, HALF + VA if t1sz == 25 else 2**64 - 4096)
    assert answer.startswith(found)
    assert t1sz == 25 or " level 0 " in answer


@pytest.mark.parametrize(
    ("t0sz", "sl0", "found"), [(25, 1, "mapped"), (29, 0, "bad size"), (20, 1, "bad size")]
)
def test_more_tables_side_by_side_than_there_may_be(driver: Driver, t0sz: int, sl0: int, found: str) -> None:
    world(driver)
    vtcr = VTCR & ~(mask("VTCR.T0SZ") | mask("VTCR.SL0")) | t0sz | sl0 << 6
    driver("context", 0, 0, 0, 1, 0, VMID, 0, 0, 0, 0, vtcr, ROOT | VMID << 48, 1)
    assert driver("walk", 0, VA).startswith(found)


def permissions(answer: str) -> int:
    """The permissions that a walk gives."""
    return int(answer.split(" perms ")[1].split()[0], 16)


@pytest.mark.parametrize("ha", [False, True])
@pytest.mark.parametrize("hd", [False, True])
def test_the_dirty_state_needs_the_access_flag(driver: Driver, ha: bool, hd: bool) -> None:
    names = [name for name, on in (("HA", ha), ("HD", hd)) if on]
    alone(driver, TCR | sum(mask(f"TCR.{name}") for name in names), A | PAGE | READ_ONLY | DBM)
    assert bool(permissions(driver("walk", 0, VA)) & WRITE_BOTH) == (ha and hd)
    world(driver)
    driver("put", OTHER, A | LEAF & ~READ_ONLY | DBM)
    vtcr = VTCR | sum(mask(f"VTCR.{name}") for name in names)
    driver("context", 0, 0, 0, 1, 0, VMID, 0, 0, 0, 0, vtcr, ROOT | VMID << 48, 1)
    assert bool(permissions(driver("walk", 0, VA)) & WRITE_BOTH) == (ha and hd)


@pytest.mark.parametrize(("high", "tcr2", "kept"), [
    (False, 0, True), (False, mask("TCR2.FNG0"), False), (False, mask("TCR2.FNG1"), True),
    (True, 0, True), (True, mask("TCR2.FNG1"), False), (True, mask("TCR2.FNG0"), True),
])  # fmt: skip
def test_leaves_that_do_not_count_as_global(driver: Driver, high: bool, tcr2: int, kept: bool) -> None:
    for asid in (5, 6):
        alone(driver, asid=asid)
        driver("tcr2", 0, tcr2)
        use(driver, va=HALF + VA if high else VA)
    assert driver.counters()["fills"] == (1 if kept else 2)


@pytest.mark.parametrize("high", [False, True])
def test_the_upper_half_has_an_asid_of_its_own(driver: Driver, high: bool) -> None:
    """A leaf that is not global moves with the other ASID of the upper half; the lower one has one ASID."""
    va = HALF + VA if high else VA
    for asid, leaf in ((8, A), (9, B)):
        alone(driver, leaf=leaf | PAGE | 1 << 11)
        driver("asid-high", 0, asid)
        use(driver, va=va)
    assert driver.found() == ([] if high else ["remapped:combined"])


@pytest.mark.parametrize(("bit", "judged"), [(40, True), (52, False)])
def test_no_memory_has_such_an_address(driver: Driver, bit: int, judged: bool) -> None:
    """With stage 1 off: beyond 48 bits nothing is said, since the PA size is not known."""
    driver("context", 0, 0, 0, 0, 0, VMID, 0, TCR, 0, 0, 0, 0, 0)
    driver("model")
    driver("abort", 0, 0x25 << 26, VA | 1 << bit, 0, PC, 5, 0, 0xF9400020, VA | 1 << bit)
    assert driver.found() == (["model-undue-fault"] if judged else [])


def test_attributes_of_tables_do_not_count_with_aie(driver: Driver) -> None:
    alone(driver)
    driver("put", S1_ROOT, S1_TABLE | 3 | mask("PTE.TABLE_RO"))
    assert not permissions(driver("walk", 0, VA)) & WRITE_BOTH
    driver("tcr2", 0, mask("TCR2.AIE"))
    assert permissions(driver("walk", 0, VA)) & WRITE_BOTH
