# SPDX-License-Identifier: GPL-2.0-only
"""What the numbers of the plugin's records are called."""

from __future__ import annotations

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


REGISTERS = {
    register(0, 2, 0, 0): "ttbr0_el1",
    register(0, 2, 0, 1): "ttbr1_el1",
    register(0, 2, 0, 2): "tcr_el1",
    register(4, 1, 1, 0): "hcr_el2",
    register(4, 2, 0, 0): "ttbr0_el2",
    register(4, 2, 0, 1): "ttbr1_el2",
    register(4, 2, 0, 2): "tcr_el2",
    register(4, 2, 1, 0): "vttbr_el2",
    register(4, 2, 1, 2): "vtcr_el2",
    register(4, 2, 2, 0): "vncr_el2",
    register(5, 2, 0, 0): "ttbr0_el12",
    register(5, 2, 0, 1): "ttbr1_el12",
    register(5, 2, 0, 2): "tcr_el12",
}
"""Registers whose writes are recorded, as written in the MSR (with E2H the _EL1 names mean EL2's at EL2)."""

_AT = {
    (0, 8, 0): "s1e1r",
    (0, 8, 1): "s1e1w",
    (0, 8, 2): "s1e0r",
    (0, 8, 3): "s1e0w",
    (0, 9, 0): "s1e1rp",
    (0, 9, 1): "s1e1wp",
    (0, 9, 2): "s1e1a",
    (4, 8, 0): "s1e2r",
    (4, 8, 1): "s1e2w",
    (4, 8, 4): "s12e1r",
    (4, 8, 5): "s12e1w",
    (4, 8, 6): "s12e0r",
    (4, 8, 7): "s12e0w",
    (4, 9, 2): "s1e2a",
}


def address_translation(info: int) -> str:
    """Name of an AT operation (Arm ARM C5.3), or its encoding."""
    op1, crn, crm, op2 = parts(info)
    return _AT.get((op1, crm, op2), f"s1_{op1}_c{crn}_c{crm}_{op2}")
