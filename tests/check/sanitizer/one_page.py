# SPDX-License-Identifier: GPL-2.0-only
"""One page for the judge: stage 2 alone, with what happens to it."""

from __future__ import annotations

from harness.arch.operand import Fields, encode
from harness.arch.table import by_name
from tests.check.sanitizer.conftest import SCOPES, Driver, instruction

ROOT, TABLE, OTHER = 0x1000_0000, 0x1000_1000, 0x1000_2000
VA, A, B = 0x20_0000, 0x5000_0000, 0x5000_1000
PAGE = 0x703 | 1 << 11 | 1 << 6  # AF, shareable, EL0 too, nG
VTCR = 25 | 1 << 6 | 1 << 31 | 2 << 16  # T0SZ 25: start at level 1, 4 KB
VMID = 3
MARK_PROGRAM, MARK_LOOSE, MARK_STRICT = 0x5AF0, 0x5AF1, 0x5AF2


def world(driver: Driver, vmid: int = VMID, pes: int = 2) -> None:
    """Stage 2 alone: three levels below ROOT, VA -> A."""
    driver("put", ROOT, TABLE | 3)
    driver("put", TABLE + 8, OTHER | 3)
    leaf(driver, A)
    for pe in range(pes):
        driver("context", pe, 0, 0, 1, 0, vmid, 0, 0, 0, 0, VTCR, ROOT | vmid << 48, 1)


LEAF = 0xC0 | 0x400 | 3 | 0x3C | 1 << 11
"""With FnXS: stage 1 is off, so that XS would be 1 and nXS forms not for it."""


def leaf(driver: Driver, to: int, attributes: int = LEAF) -> None:
    """Write the leaf of VA."""
    driver("put", OTHER, to | attributes if to else 0)


def tlbi(driver: Driver, name: str, pe: int = 0, vmid: int = VMID, el: int = 2, **fields: int) -> str:
    """Execute an operation on a PE."""
    operation = by_name(name)
    xt = encode(operation, Fields(**fields))
    return driver("tlbi", instruction(operation), xt, pe, el, vmid, 1, 0, 0, 0)


def dsb(driver: Driver, pe: int = 0, scope: str = "is") -> None:
    """A full DSB of a domain."""
    driver("dsb", pe, SCOPES[scope], 0)


def use(driver: Driver, pe: int = 0, va: int = VA) -> None:
    """An access."""
    driver("use", pe, va, 0x1234)


def settle(driver: Driver) -> None:
    """More entries than a pending disagreement waits for."""
    driver.many(["enter 0"] * 100)
