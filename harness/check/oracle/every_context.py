# SPDX-License-Identifier: GPL-2.0-only
"""Every shadow context of the VMID is served, not only the one that L1 has loaded.

A TLBI acts on all translations of its VMID, whatever VTTBR_EL2.BADDR and whether stage 2 is on (Arm ARM
D8.17.5.4: scope by VMID; the commit message of v8 42/69). L0 keeps a shadow stage 2 for each VTTBR and VTCR,
so the same VMID may have several. Each stage-2 operation of L1 (IPAS2, VMALLS12) must be followed, while L0
serves it, by an unmap in every context known to have that VMID: those with an earlier unmap in the trace that
have not been recycled or torn down since. With one context known at most, the rule says little and holds;
operations with several are counted in the message. Option ``contexts: several`` judges those alone: a kernel
that serves one context only never shows that there are others, and leaves nothing to judge.

What L0 does for an operation is what lies in its span, where the model shows the operation; with L0's own
event it is what the same task does before it reports its next one. Contexts are told apart by the kernel's
number for them, else by L1's VTTBR_EL2; where the realisation has neither, nothing can be decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.check.finding import Finding, Observations
from harness.check.oracle.physical import Violation, Violations, chosen, conclude
from harness.check.scope import resolve
from harness.scenario.language import OracleCheck
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.source import Source
from harness.trace.timeline import Timeline

EVENTS = ("l0.tlbi", "l0.shadow_unmap")
FAMILIES = ("ipas2e1", "vmalls12e1")
OPTIONS = {"contexts": ("any", "several")}
"""Values of the option, the default first."""
GONE = ("recycle", "teardown")


def judge(check: OracleCheck, seen: Observations) -> Finding:
    """Every stage-2 operation of L1 for which L0 unmapped something in one context at least."""
    timeline = seen.timeline
    window = resolve(timeline, check.scope)
    trace = _Trace(timeline)
    alone = chosen(check, OPTIONS, "contexts") == "several"
    known: dict[Value, set[Value]] = {}
    violations = Violations()
    judged = several = 0
    blind: list[str] = list(trace.doubts)
    for at, event in enumerate(trace.events):
        if event.name == "l0.shadow_unmap":
            _note(known, event)
            continue
        vmid = event.fields.get("vmid")
        if event.fields.get("family") not in FAMILIES or window.contains(event) is False or vmid is None:
            continue
        unmaps = trace.served(at)
        if unmaps is None:
            blind.append("what L0 does for an operation is not known: the model's trace has no span of it")
            continue
        served = {_context(each) for each in unmaps if each.fields.get("vmid") in (vmid, UNKNOWN)}
        if UNKNOWN in served or vmid == UNKNOWN:
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


class _Trace:
    """Operations and unmaps in one order, and which unmaps L0 made for which operation."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        asked, unmaps = (timeline.by_name.get(name, ()) for name in EVENTS)
        self._spans = bool(asked) and asked[0].source is not Source.L0
        self.doubts = []
        if self._spans and unmaps and not timeline.anchors:
            self.doubts.append("the order of the model's trace and L0's own is not known")
        self.events = sorted((*asked, *unmaps), key=self._place)
        self._inside: dict[int, list[Event]] = {}
        for each in unmaps if self._spans else ():
            if (span := timeline.span_of(each)) is not None:
                self._inside.setdefault(span.id, []).append(each)

    def _place(self, event: Event) -> tuple[float, int]:
        """Where an event is among the model's positions; in L0's own trace where both are from it."""
        if not self._spans or event.source is not Source.L0:
            return event.seq, -1
        return self._timeline.position(event)[0], event.seq

    def served(self, at: int) -> Sequence[Event] | None:
        """The unmaps that L0 made for the operation at ``at``; None when that is not known."""
        asked = self.events[at]
        if self._spans:
            span = self._timeline.span_of(asked)
            found = None if span is None else self._inside.get(span.id, [])
        else:
            found = []
            for event in self.events[at + 1 :]:
                if event.task == asked.task and event.name == "l0.tlbi":
                    break
                found += [event] if event.task == asked.task else []
        return None if found is None else [each for each in found if each.fields.get("reason") == "tlbi"]
