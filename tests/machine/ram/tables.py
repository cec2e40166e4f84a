# SPDX-License-Identifier: GPL-2.0-only
"""Hand-made memory and translation tables: descriptors are written as numbers, not by the code under test."""

from __future__ import annotations

from harness.machine.ram.stage2 import MemoryGap

PAGE = 3  # page, or table above the last level
BLOCK = 1
RW = 3 << 6
RO = 1 << 6
AF = 1 << 10
XN = 2 << 53

# VTCR_EL2: TG0 in [15:14], SL0 in [7:6], T0SZ in [5:0]; PS in [18:16], DS 32, SL2 33.
VTCR_4K_40 = 1 << 6 | 24  # level 1, 40-bit IPA: two concatenated tables
VTCR_4K_39 = 1 << 6 | 25  # level 1, one table
VTCR_16K_36 = 2 << 14 | 1 << 6 | 28  # level 2, one table
VTCR_64K_42 = 1 << 14 | 1 << 6 | 22  # level 2, one table
VTCR_4K_LPA2 = 1 << 32 | 2 << 6 | 16  # level 0, 48-bit IPA, FEAT_LPA2


class Words:
    """Physical memory that holds what was put there, 64 bits at a time, and is absent outside ``size``."""

    def __init__(self, base: int, size: int) -> None:
        self.base = base
        self.data = bytearray(size)
        self.reads = 0

    def put(self, address: int, value: int) -> None:
        """Write one descriptor."""
        offset = address - self.base
        self.data[offset : offset + 8] = value.to_bytes(8, "little")

    def read(self, address: int, size: int) -> bytes:
        """Return bytes; ``MemoryGap`` outside."""
        self.reads += 1
        offset = address - self.base
        if offset < 0 or offset + size > len(self.data):
            raise MemoryGap(address)
        return bytes(self.data[offset : offset + size])

    def extents(self) -> list[tuple[int, int]]:
        """All of it."""
        return [(self.base, len(self.data))]
