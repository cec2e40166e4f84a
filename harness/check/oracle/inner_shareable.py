# SPDX-License-Identifier: GPL-2.0-only
"""L0 answers what L1 invalidates, however locally, in the inner shareable domain at least.

L1's vCPU may have run on any PE of L0, and another of its vCPUs may be on one now, so "this PE" of L1 is
every PE of L0 (the commit message of v8 42/69). In each span of an operation of L1, the physical TLBIs must
be of the inner or outer shareable form. That is nvh's policy, what KVM does today, and not the architecture's
rule: local TLBIs that are repeated wherever the vCPU comes to run would oblige as much (Arm ARM DDI 0487
M.a.a, R_QRNJC).

A local TLBI that a DSB NSH finishes is not the answer: L0 then cleans its own PE, as for a vCPU that
moved (``__kvm_flush_cpu_context()``, which may happen inside a span). One such alone answers nothing.
"""

from __future__ import annotations

from harness.check.finding import Finding, Observations
from harness.check.oracle.physical import (
    BROADCAST,
    Violation,
    Violations,
    cleans_own_cpu,
    conclude,
    is_physical,
    spans_in,
)
from harness.check.scope import resolve
from harness.level import Level
from harness.scenario.language import OracleCheck

EVENTS = ("model.tlbi", "model.dsb")
POLICY = "nvh's policy, stricter than the architecture"


def judge(check: OracleCheck, seen: Observations) -> Finding:
    """Every span of L1 with a physical TLBI for a guest in it."""
    window = resolve(seen.timeline, check.scope)
    violations = Violations()
    judged = 0
    for span in spans_in(seen.timeline, window, Level.L1, EVENTS):
        physical = [event for event in span.events if is_physical(event)]
        if not physical:
            continue
        judged += 1
        local = [event for event in physical if event.fields.get("op") not in BROADCAST]
        answers = [event for event in local if not cleans_own_cpu(span, event)]
        if answers:
            op = answers[0].fields["op"]
            violations.append(
                Violation(answers[0], f"L0 answers L1's {span.op} with the local {op} ({POLICY})")
            )
        elif len(local) == len(physical):
            text = f"L0 answers L1's {span.op} with nothing but local TLBIs ({POLICY})"
            violations.append(Violation(local[0], text, by_absence=bool(span.open)))
    return conclude(check, seen, EVENTS, violations, judged, "operation of L1 that L0 answered by a TLBI")
