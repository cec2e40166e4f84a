# SPDX-License-Identifier: GPL-2.0-only
"""What the numbers of the plugin's records are called."""

from __future__ import annotations

from harness.arch import encodings

DOMAINS = ("osh", "nsh", "ish", "sy")
"""DSB's domain by CRm[3:2] (Arm ARM, DSB)."""

ACCESSES = ("ld", "st", "all")
"""DSB's access types by CRm[1:0] minus one."""


def register(op1: int, crn: int, crm: int, op2: int) -> int:
    """A system register as the plugin numbers it; op0 is 3 (1 for system instructions)."""
    return op1 << 11 | crn << 7 | crm << 3 | op2


def parts(info: int) -> tuple[int, int, int, int]:
    """op1, CRn, CRm, op2 of a number that ``register`` made."""
    return info >> 11 & 7, info >> 7 & 15, info >> 3 & 15, info & 7


_RECORDED = (
    "ttbr0_el1",
    "ttbr1_el1",
    "tcr_el1",
    "hcr_el2",
    "ttbr0_el2",
    "ttbr1_el2",
    "tcr_el2",
    "vttbr_el2",
    "vtcr_el2",
    "vncr_el2",
    "ttbr0_el12",
    "ttbr1_el12",
    "tcr_el12",
)
REGISTERS = {register(*encodings.REGISTERS[name.upper()][1:]): name for name in _RECORDED}
"""Registers whose writes are recorded, as written in the MSR (with E2H the _EL1 names mean EL2's at EL2)."""

_AT = {(op1, crm, op2): name.lower() for name, (_, op1, _, crm, op2) in encodings.TRANSLATIONS.items()}


def address_translation(info: int) -> str:
    """Name of an AT operation (Arm ARM C5.3), or its encoding."""
    op1, crn, crm, op2 = parts(info)
    return _AT.get((op1, crm, op2), f"s1_{op1}_c{crn}_c{crm}_{op2}")
