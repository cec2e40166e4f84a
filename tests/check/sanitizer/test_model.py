# SPDX-License-Identifier: GPL-2.0-only
"""The model's own judgement: each kind of wrong doing is told as that, and what a TLB may do is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.arch.registers import mask
from harness.arch.table import by_name
from tests.check.sanitizer.conftest import Driver, instruction
from tests.check.sanitizer.one_page import (
    LEAF,
    ROOT,
    TABLE,
    VA,
    VMID,
    VTCR,
    A,
    B,
    dsb,
    leaf,
    tlbi,
    world,
)

READ, WRITE, EXECUTE = 1, 2, 4
PC = 0x1234
LOAD, STORE = 0xF9400020, 0xF9000020  # LDR/STR X0, [X1]
DABT_LOW, DABT_SAME, IABT_LOW = 0x24 << 26, 0x25 << 26, 0x20 << 26
TRANSLATION, ACCESS_FLAG, PERMISSION = 4, 8, 12
WNR, S1PTW = mask("ESR.WNR"), mask("ESR.S1PTW")
EL1H, EL0T = 5, 0
S1_ROOT, S1_TABLE, S1_LAST = 0x1100_0000, 0x1100_1000, 0x1100_2000
TCR = 25 | 25 << 16 | 2 << 30


@pytest.fixture
def machine(driver: Driver) -> Driver:
    """Stage 2 alone, VA -> A, and the model is judged."""
    world(driver)
    leaf(driver, A)
    driver("model")
    return driver


def both(driver: Driver, last: int = A | 0x703 | 1 << 6) -> None:
    """Stage 1 and stage 2 of 4 KB: VA -> A by way of tables that stage 2 maps to themselves in 2 MB."""
    driver("put", S1_ROOT, S1_TABLE | 3)
    driver("put", S1_TABLE + 8, S1_LAST | 3)
    driver("put", S1_LAST, last)
    driver("put", ROOT, TABLE | 3)
    for block in range(512):
        driver("put", TABLE + 8 * block, block << 21 | 0xC0 | 0x400 | 0x3C | 1) if block >= 128 else None
    driver("put", TABLE + 8 * 128, 0x1000_0000 | 0xC0 | 0x400 | 0x3C | 1)
    driver("put", ROOT + 8, 0x4000_0000 | 0xC0 | 0x400 | 0x3C | 1)
    driver("context", 0, 0, 1, 1, 0, VMID, 0, TCR, S1_ROOT, S1_ROOT, VTCR, ROOT | VMID << 48, 1)


def used(driver: Driver, out: int, kind: int = READ, user: int = 0, pe: int = 0) -> None:
    driver("used", pe, VA, out, kind, user, PC)


def aborted(driver: Driver, esr: int, **given: int) -> None:
    """An abort of ``LDR X0, [X1]`` at EL1, taken to EL2, unless told otherwise."""
    how = {"far": VA, "hpfar": VA >> 8, "elr": PC, "spsr": EL1H, "el2": 1, "word": LOAD, "base": VA} | given
    driver("abort", 0, esr, *(how[name] for name in ("far", "hpfar", "elr", "spsr", "el2", "word", "base")))


def test_a_right_use_is_not_reported(machine: Driver) -> None:
    used(machine, A)
    used(machine, A, WRITE)
    assert machine.found() == []


def test_stale_use_names_the_operation_that_had_taken_it(machine: Driver) -> None:
    used(machine, A)
    leaf(machine, 0)
    tlbi(machine, "ipas2e1is", ipa=VA)
    tlbi(machine, "vmalle1is")
    used(machine, A)  # nothing is complete: it may be held
    assert [each for each in machine.found() if each.startswith("model")] == []
    dsb(machine)
    leaf(machine, B)
    used(machine, A)
    told = [each for each in machine.reports if each["finding"].startswith("model")]
    assert [each["finding"] for each in told] == ["model-stale"]
    assert told[0]["tlbi"]["op"] == "vmalle1is"
    assert [each["op"] for each in told[0]["near"]] == ["ipas2e1is"]
    assert f"output {B:#x}" in told[0]["must"]
    assert f"output {A:#x}" in told[0]["did"]
    assert told[0]["rule"]


@pytest.mark.parametrize("between", [True, False])
def test_a_walk_before_the_operation_is_complete_may_be_held(machine: Driver, between: bool) -> None:
    used(machine, A)
    tlbi(machine, "ipas2e1is", ipa=VA)
    tlbi(machine, "vmalle1is")
    if between:
        used(machine, A)  # the tables give it still: the old entry, or a new one that nothing takes
    dsb(machine)
    leaf(machine, 0)
    used(machine, A)
    told = [each["finding"] for each in machine.reports if each["finding"].startswith("model")]
    assert told == ([] if between else ["model-stale"])


def test_a_translation_that_nothing_gives(machine: Driver) -> None:
    used(machine, B)
    assert machine.found() == ["model-output"]


def test_the_translation_of_another_vmid_is_named(machine: Driver) -> None:
    used(machine, A)
    machine("context", 0, 0, 0, 1, 0, VMID + 1, 0, 0, 0, 0, VTCR, (ROOT + 0x10000) | VMID + 1 << 48, 1)
    used(machine, A)
    assert machine.found() == ["model-output:combined"]
    assert f"that of VMID {VMID}, ASID 0, with VMID {VMID + 1}" in machine.reports[0]["did"]


def test_an_old_translation_may_be_used_until_something_takes_it(machine: Driver) -> None:
    used(machine, A)
    leaf(machine, 0)
    used(machine, A)
    assert [each for each in machine.found() if each.startswith("model")] == []


def test_a_guest_that_owes_invalidations_may_leave_both_in_the_tlb(machine: Driver) -> None:
    machine("mark", 0x5AF1)
    used(machine, A)
    leaf(machine, B)
    used(machine, B)
    leaf(machine, 0)
    used(machine, B)
    used(machine, A)
    assert machine.found() == []


@pytest.mark.parametrize(
    ("kind", "attributes"), [(WRITE, LEAF & ~0x80), (READ, LEAF & ~0x40), (EXECUTE, LEAF | 2 << 53)]
)
def test_an_access_that_the_tables_forbid(machine: Driver, kind: int, attributes: int) -> None:
    leaf(machine, A, attributes)
    used(machine, A, kind)
    assert machine.found() == ["model-permission"]


def test_el0_and_el1_apart(machine: Driver) -> None:
    leaf(machine, A, LEAF | 1 << 53)  # XN 01: EL0 may execute, EL1 may not
    used(machine, A, EXECUTE, user=1)
    assert machine.found() == []
    used(machine, A, EXECUTE)
    assert machine.found() == ["model-permission"]


def test_permissions_that_an_entry_had_may_be_used(machine: Driver) -> None:
    used(machine, A, WRITE)
    leaf(machine, A, LEAF & ~0x80)
    used(machine, A, WRITE)
    assert [each for each in machine.found() if each.startswith("model")] == []


def no_change(driver: Driver) -> None:
    """The leaf stays as it is."""


CASES: list[tuple[str, int, dict[str, Any], Callable[[Driver], object], str]] = [
    ("right", DABT_LOW | TRANSLATION | 3, {}, lambda d: leaf(d, 0), ""),
    ("right, of a table", DABT_LOW | TRANSLATION | 2, {}, lambda d: d("put", TABLE + 8, 0), ""),
    (
        "right, write",
        DABT_LOW | PERMISSION | 3 | WNR,
        {"word": STORE},
        lambda d: leaf(d, A, LEAF & ~0x80),
        "",
    ),
    (
        "HPFAR of a permission fault is UNKNOWN",
        DABT_LOW | PERMISSION | 3 | WNR,
        {"word": STORE, "hpfar": 0},
        lambda d: leaf(d, A, LEAF & ~0x80),
        "",
    ),
    ("right, access flag", DABT_LOW | ACCESS_FLAG | 3, {}, lambda d: leaf(d, A, LEAF & ~0x400), ""),
    (
        "right, execute",
        IABT_LOW | PERMISSION | 3,
        {"elr": VA, "word": 0},
        lambda d: leaf(d, A, LEAF | 2 << 53),
        "",
    ),
    ("level", DABT_LOW | TRANSLATION | 2, {}, lambda d: leaf(d, 0), "model-fault"),
    ("kind", DABT_LOW | PERMISSION | 3, {}, lambda d: leaf(d, 0), "model-fault"),
    ("class", DABT_SAME | TRANSLATION | 3, {}, lambda d: leaf(d, 0), "model-fault"),
    ("Exception level", DABT_SAME | TRANSLATION | 3, {"el2": 0}, lambda d: leaf(d, 0), "model-fault"),
    ("S1PTW", DABT_LOW | TRANSLATION | 3 | S1PTW, {}, lambda d: leaf(d, 0), "model-fault"),
    ("WnR", DABT_LOW | TRANSLATION | 3 | WNR, {}, lambda d: leaf(d, 0), "model-fault"),
    ("WnR of a store", DABT_LOW | TRANSLATION | 3, {"word": STORE}, lambda d: leaf(d, 0), "model-fault"),
    ("HPFAR", DABT_LOW | TRANSLATION | 3, {"hpfar": (VA >> 8) + 0x10}, lambda d: leaf(d, 0), "model-fault"),
    ("FAR", DABT_LOW | TRANSLATION | 3, {"base": VA + 8}, lambda d: leaf(d, 0), "model-fault"),
    (
        "FAR of a fetch",
        IABT_LOW | PERMISSION | 3,
        {"word": 0},
        lambda d: leaf(d, A, LEAF | 2 << 53),
        "model-fault",
    ),
    ("no reason", DABT_LOW | TRANSLATION | 3, {}, no_change, "model-undue-fault"),
    ("no reason, permission", DABT_LOW | PERMISSION | 3, {}, no_change, "model-undue-fault"),
    ("other causes are not judged", DABT_LOW | 0x21, {}, no_change, ""),
]


@pytest.mark.parametrize(
    ("esr", "given", "change", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_aborts(
    machine: Driver,
    esr: int,
    given: dict[str, int],
    change: Callable[[Driver], object],
    expected: str,
) -> None:
    change(machine)
    aborted(machine, esr, **given)
    assert machine.found() == ([expected] if expected else [])


def test_a_fault_by_permissions_that_an_entry_had_first_is_spurious_and_legal(machine: Driver) -> None:
    leaf(machine, A, LEAF & ~0x80)
    used(machine, A)
    leaf(machine, A)  # widened, which needs no TLBI
    aborted(machine, DABT_LOW | PERMISSION | 3 | WNR, word=STORE)
    assert machine.found() == []


def test_stage_2_on_the_walk_of_stage_1(driver: Driver) -> None:
    both(driver)
    driver("model")
    used(driver, A)
    assert driver.found() == []
    driver("put", TABLE + 8 * 136, 0)  # where the tables of stage 1 are
    tlbi(driver, "vmalls12e1is")
    dsb(driver)
    aborted(driver, DABT_LOW | TRANSLATION | 2 | S1PTW, hpfar=S1_ROOT >> 8)
    assert driver.found() == []
    aborted(driver, DABT_LOW | TRANSLATION | 2, hpfar=S1_ROOT >> 8)
    assert driver.found() == ["model-fault"]


def test_stage_1_is_taken_to_el1(driver: Driver) -> None:
    both(driver, last=0)
    driver("model")
    aborted(driver, DABT_SAME | TRANSLATION | 3, el2=0)
    assert driver.found() == []
    aborted(driver, DABT_LOW | TRANSLATION | 3)
    assert driver.found() == ["model-fault"]


HCR_TTLB, HCR_NV = mask("HCR.TTLB"), mask("HCR.NV")
EXECUTED, UNDEFINED, TRAPPED = range(3)


@pytest.mark.parametrize(
    ("name", "el", "hcr", "became", "right"),
    [
        ("vae1is", 1, 0, EXECUTED, True),
        ("vae1is", 1, 0, TRAPPED, False),
        ("vae1is", 1, HCR_TTLB, TRAPPED, True),
        ("vae1is", 1, HCR_TTLB, EXECUTED, False),
        ("vae2is", 1, HCR_NV, TRAPPED, True),
        ("vae2is", 1, HCR_NV, EXECUTED, False),
        ("vae2is", 1, 0, UNDEFINED, True),
        ("vae2is", 1, 0, EXECUTED, False),
        ("vae1is", 0, 0, UNDEFINED, True),
        ("vae1is", 0, 0, EXECUTED, False),
    ],
)
@pytest.mark.parametrize("syndrome", ["right", "wrong"])
def test_traps(driver: Driver, name: str, el: int, hcr: int, became: int, right: bool, syndrome: str) -> None:
    operation = by_name(name)
    sys = instruction(operation)
    esr = 0x18 << 26 | mask("ESR.IL") | 1 << 20 | (sys >> 5 & 7) << 17 | (sys >> 16 & 7) << 14
    esr |= (sys >> 12 & 15) << 10 | 3 << 5 | (sys >> 8 & 15) << 1
    if syndrome == "wrong":
        esr ^= 1 << 5
    driver("trap", sys, 0, 0, el, VMID, 0, 0, 0, 0, 3, became, esr, hcr, 0)
    right = right and not (became == TRAPPED and syndrome == "wrong")
    assert driver.found() == ([] if right else ["model-trap"])


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ((2, PC, 0x1000, 1, 0x1000, 1, 0, 0, 0), []),
        ((2, PC, 0x1000, 1, 0x1004, 1, 0, 0, 0), ["model-return"]),
        ((2, PC, 0x1000, 1, 0x1000, 0, 0, 0, 0), ["model-return"]),
        ((1, PC, 0x1000, 1, 0, 0, 1, 1, 0x1A << 26), []),
        ((1, PC, 0x1000, 1, 0x1000, 1, 1, 0, 0), ["model-return"]),
        ((1, PC, 0x1000, 0, 0, 0, 0, 1, 0x1A << 26), ["model-return"]),
    ],
)
def test_returns(driver: Driver, case: tuple[int, ...], expected: list[str]) -> None:
    driver("return", 0, *case)
    assert driver.found() == expected


S1E1R, S1E0W, S12E1R = 0xD5087801, 0xD5087861, 0xD50C7881
PAR_S, PAR_PTW = mask("PAR.S"), mask("PAR.PTW")


def test_address_translation(driver: Driver) -> None:
    both(driver)
    driver("model")
    for word in (S1E1R, S1E0W, S12E1R):
        driver("at", 0, VA, word, 2, A)
    assert driver.found() == []
    driver("at", 0, VA, S12E1R, 2, B)
    driver("at", 0, VA, S1E1R, 2, 1 | (TRANSLATION | 3) << 1)
    assert driver.found() == ["model-at", "model-at"]


def test_address_translation_that_fails(driver: Driver) -> None:
    both(driver, last=0)
    driver("model")
    driver("at", 0, VA, S12E1R, 2, 1 | (TRANSLATION | 3) << 1)
    driver("put", TABLE + 8 * 136, 0)
    driver("at", 0, VA, S12E1R, 2, 1 | (TRANSLATION | 2) << 1 | PAR_S | PAR_PTW)
    assert driver.found() == []
    driver("at", 0, VA, S12E1R, 2, 1 | (TRANSLATION | 2) << 1 | PAR_S)
    assert driver.found() == ["model-at"]


def test_the_level_and_the_page_of_fake_registers(driver: Driver) -> None:
    driver("level", 0, 1, 0, 4)
    driver("level", 0, 1, HCR_NV, 8)
    driver("vncr", 0, 0x4000_1000, 0x4000_1110)
    assert driver.found() == []
    driver("level", 0, 1, HCR_NV, 4)
    driver("vncr", 0, 0x4000_1000, 0x4000_2110)
    assert driver.found() == ["model-level", "model-vncr"]


def test_the_same_is_reported_once(machine: Driver) -> None:
    for _ in range(5):
        leaf(machine, A)
        used(machine, B)
    assert machine.found() == ["model-output"]


def test_without_it_nothing_is_said_of_the_model(driver: Driver) -> None:
    world(driver)
    leaf(driver, A)
    used(driver, B)
    assert driver.found() == []


HA, HD = mask("VTCR.HA"), mask("VTCR.HD")


@pytest.mark.parametrize(
    ("kind", "attributes", "expected"),
    [
        (READ, LEAF & ~0x400, ["model-flags"]),
        (READ, LEAF, []),
        (WRITE, LEAF & ~0x80 | 1 << 51, ["model-flags"]),
        (READ, LEAF & ~0x80 | 1 << 51, []),
        (WRITE, LEAF | 1 << 51, []),
    ],
)
def test_flags_that_hardware_manages(
    machine: Driver, kind: int, attributes: int, expected: list[str]
) -> None:
    machine("context", 0, 0, 0, 1, 0, VMID, 0, 0, 0, 0, VTCR | HA | HD, ROOT | VMID << 48, 1)
    leaf(machine, A, attributes)
    used(machine, A, kind)
    assert machine.found() == expected


def test_address_translation_of_a_write_to_what_is_read_only(driver: Driver) -> None:
    """An entry that says the same as the tables is no reason to say nothing."""
    both(driver, last=A | 0x703 | 1 << 6 | 0x80)
    driver("model")
    used(driver, A)
    driver("at", 0, VA, S1E0W, 2, 1 | (PERMISSION | 3) << 1)
    assert driver.found() == []
    driver("at", 0, VA, S1E0W, 2, A)
    assert driver.found() == ["model-at"]
