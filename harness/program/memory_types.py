# SPDX-License-Identifier: GPL-2.0-only
"""Types of memory: what PAR_EL1.{ATTR,SH} say of a leaf, of stage 1 alone and of both stages together.

Rules: Arm ARM DDI 0487 M.a.a, D8.6, and D24.2 PAR_EL1; images/payloads/model/memory.c asks models the same.
"""

from __future__ import annotations

WRITE_BACK, NON_CACHEABLE, DEVICE = 0xFF, 0x44, 0x00
MAIR = WRITE_BACK
"""MAIR_EL1 of a context that names none: Attr0 is L2's own page's, the others are Device-nGnRnE."""
ATTRIBUTES = (0x00, 0x04, 0x08, 0x0C, 0x44, 0xBB, 0xFF)
"""The bytes of MAIR_EL1 that a program may name: the four Device types, Non-cacheable, write-through and
write-back. What stage 2 makes of them has one value, hints included."""
INDEXES = "1234567"
"""Letters of stage 1: AttrIndx; without one it is 0."""
MEMATTR = {"D": 0, "E": 1, "N": 5, "T": 10, "S": 7}
"""Letters of stage 2: MemAttr[3:0] (D8.6); without one write-back, 15. With FWB ``S`` is what stage 1 says,
write-back is 6, and there is no ``T``."""
WITH_FWB = "S"
WITHOUT_FWB = "T"
OUTER, INNER = 2, 3


def letters(perms: str) -> str:
    """The letters of ``perms`` that are about the type: it changes by break-before-make (D8.17.9)."""
    return "".join(sorted(set(perms) & {*INDEXES, *MEMATTR}))


def stage1(perms: str, mair: int) -> int:
    """The field of MAIR_EL1 that a leaf names."""
    index = next((int(letter) for letter in perms if letter in INDEXES), 0)
    return mair >> (8 * index) & 0xFF


def is_device(attribute: int) -> bool:
    """Whether the field of MAIR_EL1 is a Device type."""
    return attribute < 0x10


def combined(first: int, perms: str, fwb: bool) -> int:
    """What comes of the type of stage 1 and a leaf of stage 2.

    Without FWB the stricter one: Device before Normal, of two Device types the stricter, Non-cacheable before
    write-through before write-back, with stage 1's hints.
    """
    memattr = next((MEMATTR[letter] for letter in perms if letter in MEMATTR), 6 if fwb else 15)
    if memattr < 4:
        return min(first, memattr << 2) if is_device(first) else memattr << 2
    if fwb and memattr == 6:
        return WRITE_BACK
    if is_device(first) or memattr == 7:
        return first
    if memattr == 5 or first == NON_CACHEABLE:
        return NON_CACHEABLE
    return first & 0x33 | 0x88 if memattr == 10 else first


def shareability(attribute: int, first: int) -> frozenset[int]:
    """PAR_EL1.SH of a translation with ``attribute``, whose stage 1 has ``first``; all leaves are Inner.

    Device and Non-cacheable memory is Outer Shareable. Where FWB makes Write-Back of such a stage 1 the
    reference asks for the descriptors' Inner and KVM for the memory's Outer: both are allowed.
    """
    if is_device(attribute) or attribute == NON_CACHEABLE:
        return frozenset({OUTER})
    outer = is_device(first) or first == NON_CACHEABLE
    return frozenset({INNER, OUTER} if outer else {INNER})


def words(pa: int, attribute: int, first: int) -> frozenset[str]:
    """What ``at ... attr`` observes of a translation to ``pa``."""
    return frozenset(f"pa={pa:#x}+attr={attribute:#x}+sh={sh}" for sh in shareability(attribute, first))
