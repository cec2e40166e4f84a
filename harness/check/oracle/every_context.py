# SPDX-License-Identifier: GPL-2.0-only
"""Every shadow context of the VMID is served, not only the one that L1 has loaded.

A TLBI acts on all translations of its VMID, whatever VTTBR_EL2.BADDR and whether stage 2 is on (Arm ARM
D8.17.5.4: scope by VMID; the commit message of v8 42/69). L0 keeps a shadow stage 2 for each VTTBR and VTCR,
so the same VMID may have several. Each stage-2 operation of L1 (IPAS2, VMALLS12) that L0's kernel reports
must be followed, before the same task reports its next one, by an unmap in every context known to have
that VMID: those with an earlier unmap in the trace that have not been recycled or torn down since. With
one context known at most, the rule says little and holds; operations with several are counted in the
message. Option ``contexts: several`` judges those alone: a kernel that serves one context only never shows
that there are others, and leaves nothing to judge.

Contexts are told apart by the kernel's number for them, else by L1's VTTBR_EL2; where the realisation has
neither, nothing can be decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.check.finding import Finding, Observations
from harness.check.oracle.physical import Violation, Violations, chosen, conclude
from harness.check.scope import resolve
from harness.scenario.language import OracleCheck
from harness.trace.event import UNKNOWN, Event, Value

EVENTS = ("l0.tlbi", "l0.shadow_unmap")
FAMILIES = ("ipas2e1", "vmalls12e1")
OPTIONS = {"contexts": ("any", "several")}
"""Values of the option, the default first."""
GONE = ("recycle", "teardown")


def judge(check: OracleCheck, seen: Observations) -> Finding:
    """Every stage-2 operation of L1 for which L0 unmapped something in one context at least."""
    timeline = seen.timeline
    window = resolve(timeline, check.scope)
    events = sorted(
        (*timeline.by_name.get("l0.tlbi", ()), *timeline.by_name.get("l0.shadow_unmap", ())),
        key=lambda e: e.seq,
    )
    alone = chosen(check, OPTIONS, "contexts") == "several"
    known: dict[Value, set[Value]] = {}
    violations = Violations()
    judged = several = 0
    blind: list[str] = []
    for at, event in enumerate(events):
        if event.name == "l0.shadow_unmap":
            _note(known, event)
            continue
        vmid = event.fields.get("vmid")
        if event.fields.get("family") not in FAMILIES or window.contains(event) is False or vmid is None:
            continue
        served, unsure = _served(events, at, vmid)
        if unsure or vmid == UNKNOWN:
            blind.append("the contexts of l0.shadow_unmap cannot be told apart on this kernel")
            continue
        if not served:
            continue
        before = known.get(vmid, set())
        several += len(before) > 1
        judged += len(before) > 1 or not alone
        if before - served:
            count = f"{len(before - served)} of {len(before | served)} contexts with VMID {vmid}"
            violations.append(Violation(event, f"{count} were not served", by_absence=True))
    what = f"stage-2 operation of L1 (of them with several contexts: {several})"
    return conclude(check, seen, EVENTS, violations, judged, what, list(dict.fromkeys(blind)))


def _context(event: Event) -> Value:
    """What tells the context: the kernel's number, else L1's VTTBR; unknown without either."""
    number = event.fields.get("context", UNKNOWN)
    return event.fields.get("vttbr", UNKNOWN) if number == UNKNOWN else number


def _note(known: dict[Value, set[Value]], event: Event) -> None:
    """A context belongs to the VMID of its last unmap, until it is given up."""
    context = _context(event)
    for contexts in known.values():
        contexts.discard(context)
    if event.fields.get("reason") not in GONE and context != UNKNOWN:
        known.setdefault(event.fields.get("vmid", UNKNOWN), set()).add(context)


def _served(events: Sequence[Event], at: int, vmid: Value) -> tuple[set[Value], bool]:
    """Contexts that the task unmaps for the operation at ``at``, and whether one is not known by name."""
    served: set[Value] = set()
    asked = events[at]
    for place in range(at + 1, len(events)):
        event = events[place]
        if event.task != asked.task:
            continue
        if event.name == "l0.tlbi":
            break
        if event.fields.get("reason") == "tlbi" and event.fields.get("vmid") in (vmid, UNKNOWN):
            served.add(_context(event))
    return served, UNKNOWN in served
