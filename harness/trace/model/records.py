# SPDX-License-Identifier: GPL-2.0-only
"""Checked chunks as columns: level, and whether an instruction trapped, for whole chunks at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.arch.registers import mask
from harness.level import Level
from harness.trace.model.chunks import BadUnits, Chunk, Reader, Rows
from harness.trace.model.layout import UnitKind

HCR_VM, HCR_TGE, HCR_E2H, HCR_NV = (mask(f"HCR.{name}") for name in ("VM", "TGE", "E2H", "NV"))

NO, YES, UNKNOWN = 0, 1, 2
"""Whether an instruction trapped instead of executing."""

TRAPPING = (UnitKind.TLBI, UnitKind.AT, UnitKind.ERET, UnitKind.MSR)

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint64]


class Head(NamedTuple):
    """What few records differ in: everything of a record but its place, its address and its values."""

    kind: int
    vcpu: int
    info: int
    el: int
    level: int
    trapped: int
    vttbr: int
    hcr: int


@dataclass(frozen=True)
class Records:
    """The records of one chunk, one per row; ``trapped`` is one of NO, YES, UNKNOWN."""

    chunk: Chunk
    position: Rows
    kind: Bytes
    vcpu: Bytes
    el: Bytes
    info: npt.NDArray[np.uint16]
    pc: Numbers
    vttbr: Numbers
    hcr: Numbers
    level: Bytes
    trapped: Bytes

    def value(self, row: int, index: int) -> int:
        """Value ``index`` that the plugin gave with the record: three to a unit after the first."""
        unit = self.chunk.units[int(self.chunk.rows[row]) + 1 + index // 3]
        return int(unit["abc"[index % 3]])

    def head(self, row: int) -> Head:
        """The head of one record."""
        return Head(
            int(self.kind[row]),
            int(self.vcpu[row]),
            int(self.info[row]),
            int(self.el[row]),
            int(self.level[row]),
            int(self.trapped[row]),
            int(self.vttbr[row]),
            int(self.hcr[row]),
        )

    def head_columns(self, rows: Rows) -> tuple[Numbers, ...]:
        """Numbers that agree exactly where the heads of rows do."""
        small = self.info[rows].astype(np.uint64)
        for column in (self.kind, self.vcpu, self.el, self.level, self.trapped):
            small = small << np.uint64(8) | column[rows].astype(np.uint64)
        return small, self.vttbr[rows], self.hcr[rows]

    def values(self, rows: Rows, index: int) -> Numbers:
        """``value`` of many rows."""
        return np.asarray(self.chunk.units["abc"[index % 3]][self.chunk.rows[rows] + 1 + index // 3])


def level_of(el: Bytes, hcr: Numbers) -> Bytes:
    """Level at which code runs that has this exception level and HCR_EL2.

    EL2, and EL0 under HCR_EL2.TGE, is L0. Below stage 2, HCR_EL2.NV is set exactly while L1 is at virtual EL2
    (or in its own EL0 under virtual TGE); without it L2 runs, or L1 in its own EL1.
    """
    host = (el == 2) | (hcr & np.uint64(HCR_VM) == 0) | ((el == 0) & (hcr & np.uint64(HCR_TGE) != 0))
    hypervisor = hcr & np.uint64(HCR_NV) != 0
    return np.where(host, Level.L0, np.where(hypervisor, Level.L1, Level.L2)).astype(np.uint8)


def read(reader: Reader) -> Iterator[tuple[Records, tuple[BadUnits, ...]]]:
    """Every chunk's records, in order, with what was wrong in the chunk.

    The plugin records an instruction before it executes; that it trapped shows in the next record of its
    vCPU, which may be in the next chunk. Across damage, or further away, it is unknown.
    """
    held: tuple[Records, tuple[BadUnits, ...]] | None = None
    for chunk in reader.chunks():
        fresh = _columns(chunk, reader.cpu(chunk.vcpu))
        if held:
            _settle(held[0], fresh, held[1] + chunk.faults)
            yield held
        held = fresh, chunk.faults
    if held:
        yield held


def _columns(chunk: Chunk, vcpu: Bytes) -> Records:
    heads = chunk.units[chunk.rows]
    hcr = np.asarray(heads["c"])
    records = Records(
        chunk=chunk,
        position=chunk.rows + chunk.first,
        kind=chunk.kind,
        vcpu=vcpu,
        el=chunk.el,
        info=np.asarray(heads["info"] & 0x3FFF),
        pc=np.asarray(heads["a"]),
        vttbr=np.asarray(heads["b"]),
        hcr=hcr,
        level=level_of(chunk.el, hcr),
        trapped=np.full(len(chunk.rows), NO, dtype=np.uint8),
    )
    may = np.isin(records.kind, TRAPPING)
    for cpu in np.unique(records.vcpu):
        own = np.flatnonzero(records.vcpu == cpu)
        first, second = own[:-1], own[1:]
        records.trapped[first] = np.where(_caused(records, first, records, second), YES, NO)
        records.trapped[own[-1:]] = UNKNOWN
    for fault in chunk.faults:
        for cpu in np.unique(records.vcpu):
            own = np.flatnonzero((records.vcpu == cpu) & (records.position < fault.first))
            records.trapped[own[-1:]] = UNKNOWN
    records.trapped[~may] = NO
    return records


def _caused(first: Records, rows: Rows, second: Records, following: Rows) -> npt.NDArray[np.bool_]:
    """Whether the record after each is a synchronous exception from that instruction."""
    taken = (second.kind[following] == UnitKind.EXCEPTION) & (second.info[following] % 4 == 0)
    result = np.zeros(len(rows), dtype=bool)
    at = np.flatnonzero(taken)
    result[at] = second.values(following[at], 0) == first.pc[rows[at]]
    return result


def _settle(records: Records, following: Records, faults: tuple[BadUnits, ...]) -> None:
    """Decide what the last record of each vCPU in a chunk left open, from the next chunk."""
    for row in np.flatnonzero(records.trapped == UNKNOWN):
        vcpu = records.vcpu[row]
        if np.any(records.vcpu[row + 1 :] == vcpu):
            continue  # damage follows
        after = np.flatnonzero(following.vcpu == vcpu)[:1]
        if not len(after):
            continue
        low, high = records.position[row], following.position[after[0]]
        if any(low < fault.first < high for fault in faults):
            continue
        caused = _caused(records, np.array([row]), following, after)
        records.trapped[row] = YES if caused[0] else NO
