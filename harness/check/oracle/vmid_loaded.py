# SPDX-License-Identifier: GPL-2.0-only
"""The VMID that L0 has loaded for a physical TLBI is that of the translations L1 wants gone.

TLBIs of the EL1&0 regime act on VTTBR_EL2.VMID (Arm ARM D8.17.5.4), so L0 must load the shadow context's
before one that serves an operation on an L2, and L1's own before one that serves vEL2's EL2&0 regime, which
L0 runs under L1's VMID. Within each span of an operation of L1:

- what L0 executes in answer to an operation on an L2, that is from a handler of arch/arm64/kvm/sys_regs.c,
  is not under the VMID that L1 itself runs with; what it executes for vEL2's own regime, that is on leaving
  L1 and before any handler (``kvm_hyp_handle_tlbi_el2()``), is under no other;
- VMID and translation table base belong together: those loaded for the TLBI are a pair with which a guest
  runs somewhere in the trace, or neither of the two is part of another pair.

ALLE1 acts on every VMID and is not judged. A local TLBI that a DSB NSH finishes answers nothing
(``cleans_own_cpu()``): its VMID may be any that goes with its tables.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.check.finding import Finding, Observations
from harness.check.oracle.physical import (
    Violation,
    Violations,
    cleans_own_cpu,
    conclude,
    enters_guest,
    instruction,
    is_physical,
    spans_in,
)
from harness.check.scope import resolve
from harness.level import Level
from harness.scenario.language import OracleCheck
from harness.trace.event import Event
from harness.trace.span import Span
from harness.trace.timeline import Timeline

EVENTS = ("model.tlbi", "model.dsb", "model.eret", "model.call")
VMID_SHIFT = 48
BADDR_MASK = (1 << VMID_SHIFT) - 2
"""VTTBR_EL2.BADDR without CnP (Arm ARM D24.2.193)."""


def judge(check: OracleCheck, seen: Observations) -> Finding:
    """Every physical TLBI of one VMID in a span of L1."""
    window = resolve(seen.timeline, check.scope)
    vmids, bases = _pairs(seen.timeline)
    violations = Violations()
    judged = 0
    for span in spans_in(seen.timeline, window, Level.L1, EVENTS):
        own = instruction(span).fields.get("vmid")
        for event in span.events:
            vttbr = event.fields.get("vttbr")
            if not is_physical(event) or event.fields.get("family") == "alle1":
                continue
            if not isinstance(vttbr, int) or not isinstance(own, int):
                continue
            judged += 1
            wrong = "" if cleans_own_cpu(span, event) else _wrong(span, event, vttbr, own)
            text = wrong or _torn(vttbr, vmids, bases)
            if text:
                violations.append(Violation(event, text))
    return conclude(
        check, seen, EVENTS, violations, judged, "physical TLBI under a VMID for an operation of L1"
    )


def _wrong(span: Span, event: Event, vttbr: int, own: int) -> str:
    vmid = vttbr >> VMID_SHIFT
    if _before_any_handler(span, event):
        return "" if vmid == own else f"{span.op} on vEL2 is answered under VMID {vmid:#x}, L1 has {own:#x}"
    return f"{span.op} on an L2 is answered under L1's own VMID {own:#x}" if vmid == own else ""


def _before_any_handler(span: Span, event: Event) -> bool:
    """Whether L0 executed ``event`` before it called a handler; one follows for vEL2's regime, too."""
    handlers = (
        call.seq
        for call in span.events
        if call.name == "model.call" and str(call.fields.get("function")).startswith("handle_")
    )
    return event.seq < min(handlers, default=event.seq + 1)


def _pairs(timeline: Timeline) -> tuple[Mapping[int, set[int]], Mapping[int, set[int]]]:
    """Table bases by VMID and VMIDs by table base, of the guests that ran."""
    vmids: dict[int, set[int]] = {}
    bases: dict[int, set[int]] = {}
    for event in timeline.by_name.get("model.eret", ()):
        vttbr = event.fields.get("vttbr")
        if enters_guest(event) and isinstance(vttbr, int):
            vmid, base = vttbr >> VMID_SHIFT, vttbr & BADDR_MASK
            vmids.setdefault(vmid, set()).add(base)
            bases.setdefault(base, set()).add(vmid)
    return vmids, bases


def _torn(vttbr: int, vmids: Mapping[int, set[int]], bases: Mapping[int, set[int]]) -> str:
    vmid, base = vttbr >> VMID_SHIFT, vttbr & BADDR_MASK
    if base in vmids.get(vmid, {base}) and vmid in bases.get(base, {vmid}):
        return ""
    ran = ", ".join(f"{v:#x}" for v in sorted(bases.get(base, ())))
    other = (
        f"the guest of those tables runs with VMID {ran}" if ran else "a guest with it runs on other tables"
    )
    return f"VMID {vmid:#x} is loaded with the tables at {base:#x}, but {other}"
