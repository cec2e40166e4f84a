# SPDX-License-Identifier: GPL-2.0-only
"""The file of the plugin nvh-coverage: executed instructions at EL2, and what emulated TLBIs cost.

Layout: images/payloads/plugin/coverage/format.h, little endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.artefacts.plugin import Plugins
from harness.errors import InfraError
from harness.machine.qemu import Plugin

NAME = "nvh-coverage"
FILE = "coverage.bin"
INSN = 4  # bytes of an A64 instruction
_MAGIC = 0x33564F4368766E
_VCPUS = 64
_HEADER = struct.Struct(f"<QQQ{_VCPUS}QII")
_COST = struct.Struct("<IIII8Q")
_BITMAP = 0x80000


@dataclass(frozen=True, slots=True)
class OperationCost:
    """One operation: ``word`` is the instruction with Rt = 0; sums and extremes over ``count`` executions.

    ``operand``: the class of the operands, format.h; ``RangeClass`` has its fields where it is a range's.
    """

    word: int
    from_l1: bool
    count: int
    insns: int
    insns_min: int
    insns_max: int
    exits: int
    exits_min: int
    exits_max: int
    tlbis: int
    operand: int = 0


@dataclass(frozen=True, slots=True)
class RangeClass:
    """The class of an operand by range: two-bit TTL, TG and SCALE, and how many bits NUM takes (0 to 5)."""

    ttl: int
    tg: int
    scale: int
    num_bits: int

    @classmethod
    def of(cls, operand: int) -> RangeClass:
        """Return the fields of ``OperationCost.operand``."""
        return cls(operand & 3, operand >> 4 & 3, operand >> 6 & 3, operand >> 8 & 7)


@dataclass(frozen=True, slots=True)
class Trace:
    """What a model executed at EL2 in [start, end). ``executed`` counts instructions."""

    start: int
    end: int
    executed: int
    costs: tuple[OperationCost, ...]
    bitmap: bytes

    def has(self, first: int, end: int) -> bool:
        """Whether some instruction in [first, end) was executed."""
        low, high = max(first, self.start), min(max(end, first + INSN), self.end)
        return any(self._bit(address) for address in range(low & ~3, high, INSN))

    def _bit(self, address: int) -> bool:
        index = (address - self.start) // INSN
        return bool(self.bitmap[index // 8] >> index % 8 & 1)

    def addresses(self) -> Iterator[int]:
        """Yield every executed instruction's address."""
        for at, byte in enumerate(self.bitmap):
            if byte:
                for bit in range(8):
                    if byte >> bit & 1:
                        yield self.start + (at * 8 + bit) * INSN


def watch(plugins: Plugins, start: int, end: int) -> Plugin:
    """Return the plugin that writes ``FILE`` into the machine's directory for the addresses [start, end)."""
    options = (("out", FILE), ("start", hex(start)), ("end", hex(end)))
    return Plugin(plugins.file(NAME), options)


def read(path: Path) -> Trace:
    """Read the file; ``InfraError`` when it is not there or is not what the plugin writes."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InfraError(f"{path}: {error.strerror}; the model's QEMU did not load {NAME}") from error
    if len(data) < _BITMAP or _HEADER.unpack_from(data)[0] != _MAGIC:
        raise InfraError(f"{path} was not written by {NAME}")
    _, start, end, *executed, ops, dropped = _HEADER.unpack_from(data)
    if len(data) != _BITMAP + ((end - start) // INSN + 7) // 8:
        raise InfraError(
            f"{path} has {len(data)} bytes, which does not fit the addresses {start:#x} to {end:#x}"
        )
    if dropped:
        raise InfraError(f"{path}: {dropped} operations had no row in the table of costs")
    costs = []
    for row in range(ops):
        word, from_l1, operand, _, *numbers = _COST.unpack_from(data, _HEADER.size + row * _COST.size)
        costs.append(OperationCost(word, bool(from_l1), *(*numbers, operand)))
    return Trace(start, end, sum(executed), tuple(costs), data[_BITMAP:])
