# SPDX-License-Identifier: GPL-2.0-only
"""Registered events from dynamic probes, for kernels without our series.

One emulated TLBI is several records of one task: entry of the handler (sys_regs.c), entry of
kvm_s2_mmu_iterate_by_vmid() with the VMID, one kvm_stage2_unmap_range() per shadow context, returns. Only
what happens between an iterate, nested or request function's entry and return concerns shadow contexts;
the same unmap and write-protect functions serve L1's own stage 2 elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.arch import table
from harness.errors import UserError
from harness.level import Level
from harness.trace import registry
from harness.trace.decoded import VTTBR_VMID_SHIFT, Decoded, Trouble, Wanted, encoding_of, number, tlbi_fields
from harness.trace.event import UNKNOWN, Value
from harness.trace.trace_lines import TraceRecord, fields_of

# Entering one of these opens a stretch in which unmaps and write-protects are of shadow contexts.
_SHADOW_ROLES = ("iterate", "nested", "requests")

# Why a caller of kvm_nested_s2_unmap() unmaps (mmu.c, sys_regs.c), in the words of our series.
_REASONS = {
    "kvm_unmap_gfn_range": "notifier",
    "kvm_arch_flush_shadow_memslot": "memslot",
    "stage2_unmap_vm": "memslot",
    "handle_alle1is": "tlbi",
}


@dataclass(slots=True)
class _Handler:
    record: TraceRecord
    op: table.Operation
    operand: int
    vmid: int | None = None
    undefined: bool = False


@dataclass(slots=True)
class _Task:
    """What one task is inside of. ``open`` holds (role, VMID if known, reason), the innermost last."""

    handler: _Handler | None = None
    open: list[tuple[str, int | None, str]] = field(default_factory=list)


class _Decoder:
    def __init__(self, level: Level, wanted: Wanted) -> None:
        self.level = level
        self.wanted = wanted
        self.tasks: dict[int, _Task] = {}
        self.found: list[Decoded | Trouble] = []

    def feed(self, record: TraceRecord, role: str) -> None:
        task = self.tasks.setdefault(record.pid, _Task())
        raw = fields_of(record.event, record.text)
        if role == "handler":
            self._finish(task)
            op = table.by_sys_insn(encoding_of(raw))
            if op is None:
                raise ValueError(f"{encoding_of(raw):#x} encodes no known TLBI")
            task.handler = _Handler(record, op, number(raw, "operand"))
        elif role == "handler-end":
            self._finish(task)
        elif role == "undefined":
            if task.handler is not None:
                task.handler.undefined = True
        elif role in _SHADOW_ROLES:
            vmid = number(raw, "vmid") if role == "iterate" else None
            task.open.append((role, vmid, _reason(task, role, raw)))
            if role == "iterate" and task.handler is not None:
                task.handler.vmid = vmid
        elif role.endswith("-end"):
            opened = role.removesuffix("-end")
            while task.open and task.open.pop()[0] != opened:
                pass
        elif role == "unmap":
            self._unmap(task, record, raw)
        elif role == "wp":
            self._wp(task, record, raw)

    def finish(self) -> None:
        for task in self.tasks.values():
            self._finish(task)

    def _emit(self, name: str, record: TraceRecord, fields: Mapping[str, Value]) -> None:
        if f"{self.level}.{name}" in self.wanted:
            self.found.append(Decoded(f"{self.level}.{name}", record, fields))

    def _finish(self, task: _Task) -> None:
        handler, task.handler = task.handler, None
        wanted = self.wanted.get(f"{self.level}.tlbi")
        if handler is None or handler.undefined or wanted is None:
            return
        op = handler.op
        vmid: Value = UNKNOWN if handler.vmid is None else handler.vmid
        fields = tlbi_fields(op, handler.operand, vmid, UNKNOWN)
        if op.op1 == 0 and "nvhp_iterate" in wanted.probes:
            # handle_tlbi_el1() iterates over contexts unless {E2H,TGE} is {1,1}.
            regime = table.Regime.EL2 if handler.vmid is None else table.Regime.EL10
            fields["regime"] = regime.value
        self._emit("tlbi", handler.record, fields | {"vcpu": UNKNOWN, "vtcr": UNKNOWN})

    def _context(self, task: _Task, raw: Mapping[str, Value]) -> dict[str, Value] | None:
        """Fields context, vmid and vttbr of the shadow context, or None outside of one."""
        if not task.open:
            return None
        vttbr = raw.get("vttbr", UNKNOWN)
        vmid: Value = UNKNOWN
        if isinstance(vttbr, int):
            vmid = vttbr >> VTTBR_VMID_SHIFT
        elif task.open[-1][1] is not None:
            vmid = task.open[-1][1]
        return {"context": UNKNOWN, "vmid": vmid, "vttbr": vttbr}

    def _unmap(self, task: _Task, record: TraceRecord, raw: Mapping[str, Value]) -> None:
        context = self._context(task, raw)
        if context is None:
            return
        extent = {"start": number(raw, "start"), "size": number(raw, "size")}
        self._emit("shadow_unmap", record, {**context, **extent, "reason": task.open[-1][2]})

    def _wp(self, task: _Task, record: TraceRecord, raw: Mapping[str, Value]) -> None:
        context = self._context(task, raw)
        if context is None:
            return
        start = number(raw, "start")
        fields = {name: context[name] for name in ("context", "vmid")}
        self._emit("shadow_wp", record, {**fields, "start": start, "size": number(raw, "end") - start})


def _reason(task: _Task, role: str, raw: Mapping[str, Value]) -> str:
    """Why shadow contexts are unmapped while inside of ``role``; unknown without the caller's name."""
    if role == "iterate" or (role == "nested" and task.handler is not None):
        return "tlbi"
    if role == "requests":
        return "recycle"
    return _REASONS.get(str(raw.get("caller", "")).partition("+")[0], UNKNOWN)


def decode(level: Level, wanted: Wanted, records: Sequence[TraceRecord]) -> list[Decoded | Trouble]:
    """Decoder ``probed`` of events.yaml; see the module's description."""
    roles = {name: probe.role for name, probe in registry.load().probes.items()}
    decoder = _Decoder(level, wanted)
    for record in records:
        role = roles.get(record.event)
        if role is None:
            continue
        try:
            decoder.feed(record, role)
        except (ValueError, UserError) as error:
            decoder.found.append(Trouble(record, f"{record.event}: {error} in {record.text!r}"))
    decoder.finish()
    return decoder.found
