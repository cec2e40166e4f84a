# SPDX-License-Identifier: GPL-2.0-only
"""What an operation obliges, by examples worked by hand from the Arm ARM. tests/arch has the rest."""

from __future__ import annotations

import dataclasses

import pytest

from harness.arch.cover import Entry, State, obliges
from harness.arch.operand import Fields, encode
from harness.arch.table import Operation, Regime, by_name

HERE = State(vmid=1)
PAGE = Entry(2, Regime.EL10, 0x4000_1000, 0x1000, 12, 3, vmid=1)
BLOCK = Entry(2, Regime.EL10, 0x4020_0000, 0x20_0000, 12, 2, vmid=1)
BLOCK_16K = Entry(2, Regime.EL10, 0x4200_0000, 0x200_0000, 14, 2, vmid=1)
S1_PAGE = Entry(1, Regime.EL10, 0x40_0000, 0x1000, 12, 3, vmid=1, asid=5)
PAGE_64K = Entry(2, Regime.EL10, 0x4001_0000, 0x1_0000, 16, 3, vmid=1)
VEL2_LAST = Entry(1, Regime.EL2, 0xFFFF_FFFF_FFFF_F000, 0x1000, 12, 3, asid=5)
VEL2_PAGE = Entry(1, Regime.EL2, 0x40_0000, 0x1000, 12, 3, asid=5)


def operand(name: str, **fields: int) -> tuple[Operation, int]:
    operation = by_name(name)
    return operation, encode(operation, Fields(**fields))


@pytest.mark.parametrize(
    ("name", "fields", "entry", "wanted"),
    [
        ("ipas2e1is", {"ipa": 0x4000_1000}, PAGE, True),
        ("ipas2e1is", {"ipa": 0x4000_2000}, PAGE, False),
        # Any IPA inside a block is translated by the block's one entry.
        ("ipas2e1is", {"ipa": 0x4020_0000}, BLOCK, True),
        ("ipas2e1is", {"ipa": 0x402F_F000}, BLOCK, True),
        ("ipas2e1is", {"ipa": 0x403F_F000}, BLOCK, True),
        ("ipas2e1is", {"ipa": 0x4040_0000}, BLOCK, False),
        # TTL 0b0110 is a level 2 entry of the 4K granule, 0b0111 level 3, 0b1010 level 2 of 16K; 0b00xx none.
        ("ipas2e1is", {"ipa": 0x402F_F000, "ttl": 0b0110}, BLOCK, True),
        ("ipas2e1is", {"ipa": 0x402F_F000, "ttl": 0b0111}, BLOCK, False),
        ("ipas2e1is", {"ipa": 0x402F_F000, "ttl": 0b1010}, BLOCK, False),
        ("ipas2e1is", {"ipa": 0x402F_F000, "ttl": 0b0010}, BLOCK, True),
        ("ipas2le1os", {"ipa": 0x4300_0000, "ttl": 0b1010}, BLOCK_16K, True),
        # Stage 2 by IPA leaves stage 1 alone; VMALLE1 the other way round.
        ("ipas2e1is", {"ipa": 0x40_0000}, S1_PAGE, False),
        ("vmalle1is", {}, PAGE, False),
        ("vmalle1is", {}, S1_PAGE, True),
        ("vmalls12e1is", {}, PAGE, True),
        ("vmalls12e1is", {}, S1_PAGE, True),
        ("vmalls12e1is", {}, VEL2_PAGE, False),
        ("alle1", {}, dataclasses.replace(PAGE, vmid=9), True),
        ("vmalls12e1", {}, dataclasses.replace(PAGE, vmid=9), False),
        # (NUM + 1) * 2^(5 * SCALE + 1) granules: (0, 0) is two pages.
        ("ripas2e1is", {"tg": 1, "ipa": 0x4000_0000}, PAGE, True),
        ("ripas2e1is", {"tg": 1, "ipa": 0x4000_2000}, PAGE, False),
        ("ripas2e1is", {"tg": 1, "ipa": 0x3FFF_F000}, PAGE, False),
        ("ripas2e1is", {"tg": 1, "num": 1, "ipa": 0x3FFF_E000}, PAGE, True),
        ("ripas2e1is", {"tg": 3, "ipa": 0x4000_0000}, PAGE, False),
        # "any of the IPAs in the specified range": two pages of a block oblige the block.
        ("ripas2e1is", {"tg": 1, "ipa": 0x402F_F000}, BLOCK, True),
        ("ripas2e1is", {"tg": 1, "ipa": 0x401F_F000}, BLOCK, True),
        ("ripas2e1is", {"tg": 1, "ipa": 0x401F_E000}, BLOCK, False),
        ("ripas2e1is", {"tg": 1, "ttl": 2, "ipa": 0x4020_0000}, BLOCK, True),
        ("ripas2e1is", {"tg": 1, "ttl": 3, "ipa": 0x4020_0000}, BLOCK, False),
        # UNPREDICTABLE: TTL 2 with BaseADDR[20:12] not zero.
        ("ripas2e1is", {"tg": 1, "ttl": 2, "ipa": 0x4020_1000}, BLOCK, False),
        # The largest range, (3, 31), is 2^21 pages: 8 GiB.
        ("ripas2e1is", {"tg": 1, "scale": 3, "num": 31, "ipa": 0}, BLOCK, True),
        ("ripas2e1is", {"tg": 1, "scale": 3, "num": 31, "ipa": 0x4040_0000}, BLOCK, False),
        ("vae1", {"va": 0x40_0000, "asid": 5}, S1_PAGE, True),
        ("vae1", {"va": 0x40_0000, "asid": 6}, S1_PAGE, False),
        ("vae1", {"va": 0x40_0000, "asid": 6}, dataclasses.replace(S1_PAGE, is_global=True), True),
        ("vaae1", {"va": 0x40_0000}, S1_PAGE, True),
        ("aside1", {"asid": 5}, S1_PAGE, True),
        ("aside1", {"asid": 5}, dataclasses.replace(S1_PAGE, is_global=True), False),
        ("vale1", {"va": 0x40_0000, "asid": 5}, dataclasses.replace(S1_PAGE, table=True), False),
        ("vae1", {"va": 0x40_0000, "asid": 5}, dataclasses.replace(S1_PAGE, table=True), True),
        ("vae1", {"va": 0x40_0000, "asid": 5}, dataclasses.replace(S1_PAGE, vmid=2), False),
        # The high half: VA[55] is what the address is sign-extended from.
        (
            "vae1",
            {"va": 0xFFFF_FFFF_FFFF_F000, "asid": 5},
            dataclasses.replace(S1_PAGE, start=0xFFFF_FFFF_FFFF_F000),
            True,
        ),
        (
            "rvae1",
            {"va": 0xFFFF_FFFF_FFFF_E000, "asid": 5, "tg": 1, "num": 31},
            dataclasses.replace(S1_PAGE, start=0xFFFF_FFFF_FFFF_F000),
            True,
        ),
        ("vae1", {"va": 0x40_0000, "asid": 5}, VEL2_PAGE, False),
        ("vae2is", {"va": 0x40_0000, "asid": 5}, VEL2_PAGE, True),
        ("vae2is", {"va": 0x40_0000, "asid": 6}, VEL2_PAGE, False),
        ("vae2is", {"va": 0x40_0000, "asid": 5}, S1_PAGE, False),
        # Bits below the granule are ignored.
        ("ipas2e1is", {"ipa": 0x4001_7000}, PAGE_64K, True),
        ("ipas2e1is", {"ipa": 0x4002_0000}, PAGE_64K, False),
        # Beyond what the tables map; the end of what the operand can name: nothing wraps to IPA 0.
        ("ipas2e1is", {"ipa": 0xF_FFFF_FFFF_F000}, PAGE, False),
        (
            "ripas2e1is",
            {"tg": 1, "scale": 3, "num": 31, "ipa": 0x1_FFFF_FFFF_F000},
            dataclasses.replace(PAGE, start=0),
            False,
        ),
        # The EL2&0 regime has two halves; a range that passes the end of the upper one ends there.
        ("vae2is", {"va": 0xFFFF_FFFF_FFFF_F000, "asid": 5}, VEL2_LAST, True),
        ("vae2is", {"va": 0xFFFF_FFFF_F000, "asid": 5}, VEL2_LAST, False),
        ("rvae2is", {"va": 0xFFFF_FFFF_FFFF_F000, "asid": 5, "tg": 1}, VEL2_LAST, True),
        (
            "rvae2is",
            {"va": 0xFFFF_FFFF_FFFF_F000, "asid": 5, "tg": 1},
            dataclasses.replace(VEL2_LAST, start=0),
            False,
        ),
        ("alle2", {}, VEL2_PAGE, True),
        ("alle2", {}, S1_PAGE, False),
        ("alle1", {}, VEL2_PAGE, False),
    ],
)
def test_obliges(name: str, fields: dict[str, int], entry: Entry, wanted: bool) -> None:
    operation, xt = operand(name, **fields)
    assert obliges(operation, xt, HERE, entry) is wanted


def test_local_forms_oblige_only_their_own_pe() -> None:
    elsewhere = State(vmid=1, own_pe=False)
    for name, wanted in (
        ("ipas2e1", False),
        ("ipas2e1is", True),
        ("ipas2e1os", True),
        ("ipas2e1osnxs", True),
    ):
        operation, xt = operand(name, ipa=0x4000_1000)
        assert obliges(operation, xt, elsewhere, PAGE) is wanted, name


def test_e1_operations_are_for_el2_with_e2h_and_tge() -> None:
    operation, xt = operand("vae1is", va=0x40_0000, asid=5)
    in_host = State(vmid=1, e2h=True, tge=True)
    assert obliges(operation, xt, in_host, VEL2_PAGE)
    assert not obliges(operation, xt, in_host, S1_PAGE)
    assert not obliges(operation, xt, State(vmid=1, e2h=False, tge=True), VEL2_PAGE)


def test_a_reserved_granule_obliges_nothing() -> None:
    operation, xt = operand("ripas2e1is", tg=1, ipa=0x4000_0000)
    assert obliges(operation, xt, HERE, PAGE)
    assert not obliges(operation, xt & ~(3 << 46), HERE, PAGE)


def test_without_e2h_el2_has_no_asid() -> None:
    operation, xt = operand("vae2is", va=0x40_0000, asid=6)
    assert obliges(operation, xt, State(vmid=1, e2h=False), VEL2_PAGE)
