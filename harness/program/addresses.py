# SPDX-License-Identifier: GPL-2.0-only
"""Where a program's addresses lie, as in images/payloads/litmus/shared/{shared,geometry}.h.

A program has a *window* of its own in L2's IPA and VA space and in vEL2's own: two *areas*, each of the size
of a level-2 leaf, so that it can be one block or a table of pages. The areas differ in one bit of their
addresses, another one from window to window. Addresses are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

DATA_PA = 0x1_0000_0000
EVENT_PA = 0x2_0000_0000
EVENT_SIZE = 0x400_0000
DATA_SIZE = 0x1_0000_0000
PHYSICAL_BITS = 40
E2_TEST_VA = 0xC_0000_0000
E2_ASID = 0x2A
FRAMES = 4
AREAS = 2
GIB = 1 << 30
VALUE_TAG = 0x6E76_6800_0000_0000
VNCR_WORD = 0x90
"""Offset of TPIDR_EL2 in the page of VNCR_EL2 (Arm ARM D8.14)."""
WORDS = {"read": 0, "write": 8, "execute": 16, "peek": 0, "vncr": VNCR_WORD}
"""What kind of access uses which word of a page."""
GRANULES = {"4k": 12, "16k": 14, "64k": 16}
NAMES = {shift: name for name, shift in GRANULES.items()}
_IPA = {12: (16 * GIB, 32 * GIB), 14: (8 * GIB, 16 * GIB), 16: (64 * GIB, 128 * GIB)}
_VA_BIT = {12: 37, 14: 35, 16: 38}
"""A VA has it and no IPA."""
_BITS = {12: (21, 35, 36, 38), 14: (25, 34), 16: (29, 37)}
"""In which an area of a window may differ from the other: no other window has the address then."""
_E2_REGIONS = 48


def level_size(shift: int, level: int) -> int:
    """Bytes that a descriptor at ``level`` covers with granules of ``1 << shift`` (Arm ARM D8.2)."""
    return 1 << (shift + (3 - level) * (shift - 3))


def input_bits(shift: int) -> int:
    """Log2 of what both stages translate unless a context says otherwise (litmus/shared/geometry.h)."""
    return 36 if shift == 14 else 39


def start_level(shift: int, sl0: int) -> int:
    """The level at which VTCR_EL2.SL0 lets a stage-2 walk begin (Arm ARM D24.2 VTCR_EL2)."""
    return (2 if shift == 12 else 3) - sl0


def fits(shift: int, bits: int, sl0: int) -> bool:
    """Whether a stage-2 walk of ``bits``, at most 40, can begin where ``sl0`` says, on every machine.

    D8.2.3: the start level resolves at least one bit and at most four more than one table (16 concatenated
    tables). Otherwise each access has a stage-2 translation fault at level 0, ``depends`` apart.
    """
    return _resolves(shift, bits, sl0) and not depends(shift, bits, sl0)


def depends(shift: int, bits: int, sl0: int) -> bool:
    """Whether the machine's PA size decides: 4K at level 0 needs more than 42 bits, 16K at 1 more than 40."""
    level = start_level(shift, sl0)
    return level == (0 if shift == 12 else 1) and _resolves(shift, bits, sl0)


def _resolves(shift: int, bits: int, sl0: int) -> bool:
    level = start_level(shift, sl0)
    lowest = 0 if shift == 12 else 1
    return lowest <= level <= 3 and 1 <= bits - level_size(shift, level).bit_length() + 1 <= shift - 3 + 4


def default_sl0(shift: int, bits: int) -> int:
    """The SL0 that fits ``bits`` and begins at the lowest level."""
    return next(sl0 for sl0 in (2, 1, 0) if fits(shift, bits, sl0))


def value_at(pa: int) -> int:
    """What the word at physical address ``pa`` holds."""
    return VALUE_TAG | pa


def code_result(pa: int, shift: int) -> int:
    """What the code in the page at ``pa`` returns: another number for each page that programs use."""
    return (((pa - DATA_PA) >> shift) + 1) & 0xFFFF


def code_word(pa: int, shift: int) -> int:
    """``movz x0, #code_result; ret`` as one little-endian word of 64 bits."""
    return 0xD65F03C0 << 32 | 0xD2800000 | code_result(pa, shift) << 5


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses of window ``window`` with granule ``1 << shift``; windows beyond ``count`` begin anew.

    ``bits``: log2 of what both stages translate; 0 for what every program has.
    """

    shift: int
    window: int
    bits: int = 0

    @property
    def area_size(self) -> int:
        """Bytes of an area: a level-2 leaf."""
        return level_size(self.shift, 2)

    @property
    def count(self) -> int:
        """How many windows there are."""
        low, high = _IPA[self.shift]
        return (high - low) // (AREAS * self.area_size)

    @property
    def offsets(self) -> tuple[int, int, int]:
        """The pages of an area that programs use: first, middle, last."""
        return 0, self.area_size // 2, self.area_size - (1 << self.shift)

    def ipa(self, area: int) -> int:
        """IPA of an area."""
        base = _IPA[self.shift][0] + self.window % self.count * AREAS * self.area_size
        return base ^ (area << self.bit)

    @property
    def bit(self) -> int:
        """The bit of an address in which the areas differ."""
        most = self.bits or input_bits(self.shift)
        fit = [bit for bit in _BITS[self.shift] if bit < most]
        return fit[self.window % len(fit)]

    def va(self, area: int) -> int:
        """VA of an area in L2's stage 1, which no IPA of any window equals."""
        return self.ipa(area) | 1 << _VA_BIT[self.shift]

    def e2(self, area: int) -> int:
        """VA of an area of vEL2's own test mappings; vEL2 has 4K granules."""
        region, row = self.window % _E2_REGIONS, self.window // _E2_REGIONS % 200
        return E2_TEST_VA + (1 + region) * GIB + (row * AREAS + area) * level_size(12, 2)

    def frame(self, number: int) -> int:
        """Physical address of a frame: an area's worth of data memory."""
        return DATA_PA + number * self.area_size


def e2_root(va: int) -> int:
    """The level-1 region of vEL2's tables that ``va`` lies in."""
    return va & ~(GIB - 1)
