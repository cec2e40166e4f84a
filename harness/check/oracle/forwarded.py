# SPDX-License-Identifier: GPL-2.0-only
"""A TLBI of L2 that L1 traps arrives at vEL2 and is not executed for it.

HCR_EL2.{TTLB,TTLBIS,TTLBOS} and HFGITR_EL2 trap EL1's TLBIs to EL2 (Arm ARM DDI 0487 M.a.a, D24.2.62,
D24.2.71). With L1's bits in effect while L2 runs, an operation of L2 traps to L0, which must hand it to
vEL2 (ESR_EL2.EC 0x18) and must not execute it. Judged from the model's trace:

- an operation of L2 that trapped: a guest runs again with the VMID of vEL2, that is another than L2's, or
  L0's kernel reports ``l0.tlbi_forward`` for it; and no TLBI for a guest is executed in between;
- an operation of L2 that did not trap: no trap bit for it was set in the HCR_EL2 that was loaded. This judges
  the model.

L0 has no reason of its own to trap L2's operations but hidden features; where those are made UNDEFINED to L2,
do not name this oracle.
"""

from __future__ import annotations

from harness.arch import table
from harness.arch.registers import mask
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

EVENTS = ("model.tlbi", "model.dsb", "model.eret", "model.exception", "l0.tlbi_forward")
MODEL_EVENTS = ("model.tlbi", "model.dsb", "model.eret", "model.exception")
TTLB, TTLBIS, TTLBOS = mask("HCR.TTLB"), mask("HCR.TTLBIS"), mask("HCR.TTLBOS")
"""Every TLBI of EL1, those of the IS form, those of the OS form."""
SCOPES = {op.name: op.scope for op in table.load()}


def judge(check: OracleCheck, seen: Observations) -> Finding:
    """Every TLBI that L2 executed or that trapped from it."""
    window = resolve(seen.timeline, check.scope)
    violations = Violations()
    unfinished: list[str] = []
    judged = 0
    for span in spans_in(seen.timeline, window, Level.L2, MODEL_EVENTS):
        violation, finished = _trapped(span)
        judged += finished
        if violation is not None:
            violations.append(violation)
        elif not finished:
            unfinished.append(f"what came of L2's {span.op} was not seen: {span.open or 'no return'}")
    for event in seen.timeline.by_name.get("model.tlbi", ()):
        if event.level is not Level.L2 or event.fields.get("trapped") != "no":
            continue
        hcr = event.fields.get("hcr")
        if window.contains(event) is not False and isinstance(hcr, int) and hcr & _bits(event):
            violations.append(
                Violation(event, f"the model executed L2's {event.fields['op']} in spite of HCR_EL2")
            )
    return conclude(check, seen, MODEL_EVENTS, violations, judged, "trapped TLBI of L2", unfinished)


def _bits(event: Event) -> int:
    scope = SCOPES.get(str(event.fields.get("op")))
    return (
        TTLB | {table.Shareability.IS: TTLBIS, table.Shareability.OS: TTLBOS}.get(scope, 0) if scope else TTLB
    )


def _trapped(span: Span) -> tuple[Violation | None, bool]:
    """What is wrong with the span, and whether its end was seen."""
    asked = instruction(span)
    executed = [e for e in span.events if is_physical(e) and not cleans_own_cpu(span, e)]
    if executed:
        op = executed[0].fields["op"]
        return Violation(executed[0], f"L0 executed {op} for the {span.op} of L2 that L1 traps"), True
    if any(event.name == "l0.tlbi_forward" for event in span.events):
        return None, True
    returns = [event for event in span.events if enters_guest(event)]
    if not returns:
        return None, False
    if returns[-1].fields.get("vmid") == asked.fields.get("vmid"):
        return Violation(asked, f"L2 went on after its {span.op} without vEL2 having run"), True
    return None, True
