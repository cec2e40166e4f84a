# SPDX-License-Identifier: GPL-2.0-only
"""``l0.tlbi`` from the model: what L0 emulates for L1, seen without a word to L0's kernel.

A TLBI at vEL2 traps, and the plugin reads beside the exception what L1 has in the registers that decide what
the operation is for. It was emulated unless KVM made it UNDEFINED (``kvm_inject_undefined()``), which the
span of the operation shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.arch import table
from harness.arch.registers import mask
from harness.level import Level
from harness.trace.decoded import HCR_E2H, VTTBR_VMID_SHIFT, tlbi_fields
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.model import names
from harness.trace.model.spans import SpanDraft
from harness.trace.order import Clock
from harness.trace.source import Source
from harness.trace.span import Beside

EVENT = "l0.tlbi"
HOW = "model"
HCR_NV1 = mask("HCR.NV1")
NOT_READ = (1 << 64) - 1
"""What the plugin says of memory that it could not read."""
_SYS = 1 << 19


@dataclass
class Emulated:
    """Takes spans (``harness.trace.model.spans.Sink``) and keeps those of emulated operations of L1."""

    drafts: list[SpanDraft] = field(default_factory=list)

    def add(self, draft: SpanDraft) -> None:
        """The next span."""
        if draft.asked.level == Level.L1 and not draft.undefined:
            self.drafts.append(draft)

    def events(self, clock: Clock) -> Iterator[Event]:
        """Yield the events; each has the place after the exception, which no other record has."""
        for draft in self.drafts:
            found = fields(draft)
            if found is not None:
                seq = 1 + (draft.begun if draft.trap is None else draft.trap.position)
                time_ns, error_ns = clock.when(seq)
                yield Event(
                    EVENT, Level.L0, seq, time_ns, draft.asked.cpu, "", found, error_ns, seq, Source.MODEL
                )


def fields(draft: SpanDraft) -> dict[str, Value] | None:
    """The fields of the event; None for an instruction that is in no table of TLBIs."""
    op1, crn, crm, op2 = names.parts(draft.asked.info)
    op = table.by_sys_insn(_SYS | op1 << 16 | crn << 12 | crm << 8 | op2 << 5)
    if op is None:
        return None
    vmid: Value = UNKNOWN
    hcr: Value = UNKNOWN
    vtcr: Value = UNKNOWN
    vcpu: Value = UNKNOWN
    if draft.trap is not None:
        vcpu = draft.trap.vcpu
        if draft.trap.vttbr != NOT_READ or draft.trap.hcr != NOT_READ:
            vmid = draft.trap.vttbr >> VTTBR_VMID_SHIFT
            # KVM runs a hypervisor without VHE with NV1 set; for one that has E2H as RES1 memory may hold 0.
            hcr = draft.trap.hcr & ~HCR_E2H | (0 if draft.asked.hcr & HCR_NV1 else HCR_E2H)
            vtcr = draft.trap.vtcr
    return tlbi_fields(op, draft.asked.operand, vmid, hcr) | {"vcpu": vcpu, "vtcr": vtcr}


def beside(events: Mapping[int, Event]) -> Mapping[int, Sequence[Beside]]:
    """Where in their spans the events belong: just after the exceptions."""
    return {seq - 1: [(seq - 1, 1, event)] for seq, event in events.items()}
