# SPDX-License-Identifier: GPL-2.0-only
"""Writes files as the plugin nvh-trace does, for the tests of their reader. See docs/model-trace.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.trace.model import layout, names
from harness.trace.model.layout import MORE_UNITS, UNIT, UnitKind

HOST = 0x488000038
GUEST = 0x2743C827D263F  # HCR_EL2 with NV: L1 at vEL2
NESTED = GUEST & ~(1 << 42)
PC = 0xFFFF800080000000
FUNCTIONS = (
    "tracing_mark_write",
    "trace_event_raw_event_kvm_nv_tlbi",
    "ring_buffer_unlock_commit",
    "__switch_to",
    "handle_tlbi_el1",
)


@dataclass
class ModelFile:
    """Records in the order in which they are added; each ``add`` returns the record's position."""

    functions: tuple[str, ...] = FUNCTIONS
    vcpus: int = 2
    limit: int = 1 << 20
    lost: int = 0
    keys: tuple[int, ...] = ()
    units: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)

    def add(
        self, kind: UnitKind, el: int, info: int, *values: int, pc: int = PC, vcpu: int = 0, hcr: int = HOST
    ) -> int:
        at = len(self.units)
        self.units.append((kind, vcpu, info | el << 14, pc, 1 << 48 | 0x1000, hcr))
        padded = [*values, *[0] * 9]
        for step in range(MORE_UNITS[kind]):
            part = padded[3 * step : 3 * step + 3]
            self.units.append((UnitKind.MORE, vcpu, kind << 8 | step + 1, part[0], part[1], part[2]))
        return at

    def call(self, function: str, *values: int, vcpu: int = 0, el: int = 2) -> int:
        return self.add(UnitKind.CALL, el, self.functions.index(function), *values, vcpu=vcpu)

    def tlbi(self, op1: int, crm: int, op2: int, xt: int, **where: int) -> int:
        el = where.pop("el", 2)
        return self.add(UnitKind.TLBI, el, names.register(op1, 8, crm, op2), xt, **where)

    def trap(
        self, pc: int, *, vcpu: int = 0, ec: int = 0x18, from_el: int = 1, far: int = 0, hpfar: int = 0
    ) -> int:
        hcr = GUEST if from_el < 2 else HOST
        values = (pc, from_el << 2 | 1, ec << 26, far, hpfar)
        return self.add(UnitKind.EXCEPTION, 2, 8, *values, pc=PC + 0x400, vcpu=vcpu, hcr=hcr)

    def trapped_system(self, pc: int, virtual: tuple[int, int, int], *, vcpu: int = 0, guest: int = 0) -> int:
        """A system instruction of vEL2 trapped; ``virtual``: L1's VTTBR_EL2, HCR_EL2 and VTCR_EL2."""
        values = (pc, 1 << 2 | 1, 0x18 << 26, *virtual)
        return self.add(UnitKind.EXCEPTION, 2, 8 | guest << 4, *values, pc=PC + 0x400, vcpu=vcpu, hcr=GUEST)

    def eret(self, elr: int, *, vcpu: int = 0, to_el: int = 1, hcr: int = GUEST) -> int:
        return self.add(UnitKind.ERET, 2, 0, elr, to_el << 2 | 1, vcpu=vcpu, hcr=hcr)

    def data(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        units = np.zeros(len(self.units), dtype=UNIT)
        for name, column in zip(
            ("kind", "vcpu", "info", "a", "b", "c"), zip(*self.units, strict=True), strict=True
        ):
            units[name] = column
        units["check"] = layout.checks(units, 0)
        return units

    def header(self) -> bytes:
        table = tuple((0x1000 * index, name) for index, name in enumerate(self.functions))
        return layout.pack_header(
            layout.TraceHeader(7, self.vcpus, self.limit, 0, len(self.units), self.lost, table, self.keys)
        )

    def write(self, path: Path) -> Path:
        path.write_bytes(self.header() + (self.data().tobytes() if self.units else b""))
        return path
