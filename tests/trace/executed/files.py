# SPDX-License-Identifier: GPL-2.0-only
"""The file of nvh-coverage, for tests."""

from __future__ import annotations

from harness.trace.executed import counts


def traced(start: int, end: int, executed: range | list[int], costs: bytes = b"", ops: int = 0) -> bytes:
    """A file as the plugin writes it."""
    bitmap = bytearray(((end - start) // 4 + 7) // 8)
    for address in executed:
        bitmap[(address - start) // 4 // 8] |= 1 << (address - start) // 4 % 8
    by_cpu = [len(executed) // 2, len(executed) - len(executed) // 2, *[0] * 62]
    header = counts._HEADER.pack(counts._MAGIC, start, end, *by_cpu, ops, 0)
    return (header + costs).ljust(counts._BITMAP, b"\0") + bytes(bitmap)
