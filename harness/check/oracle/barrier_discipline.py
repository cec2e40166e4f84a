# SPDX-License-Identifier: GPL-2.0-only
"""Barriers around the TLBIs that L0 issues for its guests.

Arm ARM DDI 0487 M.a.a, D8.17.8 (ordering and completion of TLBIs, R_TGVWD) and B2.3 (DSB): a TLBI is
finished by a DSB of the PE that executed it, with both access types and in the shareability domain of the
TLBI or a wider one; context synchronization then makes the PE itself see it. Stores to translation tables
are visible to all walkers that the TLBI concerns after a DSB of stores in that domain. When that has to
have happened is nvh's policy, what KVM does today: the architecture knows no deadline but the next use of
what was invalidated. On one vCPU:

- before a TLBI by which L0 makes its own table changes known (IPAS2, VMALLS12, ALLE1): a DSB ISHST or
  stronger, NSHST for a local one, since the guest was left or a function that changes tables was entered;
- after each TLBI for a guest: a DSB ISH or stronger, NSH for a local one, before a guest runs again, and
  an ISB or the exception return itself.

E1 operations alone (``__kvm_tlbi_s1e2()`` of arch/arm64/kvm/hyp/vhe/tlb.c, and a local flush when a vCPU
moves) follow no table change of L0's: the guest's own DSB, before its instruction trapped, ordered its
stores. Option ``before: every`` wants the first DSB for them too, ``before: none`` for no operation. An
exception return synchronizes (SCTLR_EL2.EOS is 1 or FEAT_ExS absent); ``isb: required`` wants an ISB none
the less.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.arch import table
from harness.check.finding import Finding, Observations
from harness.check.oracle.physical import (
    BROADCAST,
    Violation,
    Violations,
    chosen,
    conclude,
    enters_guest,
    is_physical,
)
from harness.check.scope import resolve
from harness.scenario.language import OracleCheck
from harness.trace.event import Event
from harness.trace.packed import Packed
from harness.trace.source import Source

EVENTS = ("model.tlbi", "model.dsb", "model.isb", "model.eret", "model.exception", "model.call")
OPTIONS = {"before": ("stage2", "every", "none"), "isb": ("implied", "required")}
"""Values of each option, the default first."""
STRENGTH = {"nsh": 1, "ish": 2, "osh": 3, "sy": 4}
STAGE2 = frozenset(op.name for op in table.load() if op.family.startswith(("ipas2", "vmalls12", "alle1")))
"""``ripas2`` forms share the family of the plain ones."""
TABLES = frozenset(
    {"kvm_stage2_unmap_range", "kvm_pgtable_stage2_unmap", "kvm_pgtable_stage2_map", "kvm_stage2_wp_range"}
)
"""Functions of L0 that change stage-2 tables: a DSB before their entry says nothing of their stores."""


def judge(check: OracleCheck, seen: Observations) -> Finding:
    """Every physical TLBI for a guest, on the vCPU that executed it."""
    before, isb = chosen(check, OPTIONS, "before"), chosen(check, OPTIONS, "isb")
    window = resolve(seen.timeline, check.scope)
    violations = Violations()
    judged = 0
    unfinished = []
    vcpus: defaultdict[int, _Vcpu] = defaultdict(_Vcpu)
    events = seen.timeline.by_source.get(Source.MODEL, ())
    if isinstance(events, Packed):  # what guests execute themselves changes nothing here
        events = events.where(lambda _, fields: fields.get("el", 2) == 2)
    for event in events:
        vcpu = vcpus[event.cpu]
        if is_physical(event) and window.contains(event) is not False:
            op = str(event.fields["op"])
            wanted = before == "every" or (before == "stage2" and op in STAGE2)
            if wanted and vcpu.ordered < _domain(op):
                text = f"no DSB of stores between the last table change or guest and {op}"
                violations.append(Violation(event, text, by_absence=True))
            vcpu.open.append(_Open(event, op))
        for each, missing in vcpu.step(event, isb=isb == "required"):
            judged += 1
            if missing:
                text = f"{missing} between {each.op} and the guest"
                violations.append(Violation(each.event, text, by_absence=True))
    for each in sorted((each for vcpu in vcpus.values() for each in vcpu.open), key=lambda o: o.event.seq):
        text = f"the trace ends before a guest runs after {each.op} at position {each.event.seq}"
        unfinished.append(text)
    needed = [name for name in EVENTS if name != "model.call"]  # calls only narrow where a DSB may be
    what = "physical TLBI for a guest"
    return conclude(check, seen, needed, violations, judged, what, () if judged else unfinished)


def _domain(op: str) -> int:
    return STRENGTH["ish"] if op in BROADCAST else STRENGTH["nsh"]


@dataclass(slots=True)
class _Open:
    """A physical TLBI, before a guest has run again on its vCPU."""

    event: Event
    op: str
    finished: bool = False
    synchronized: bool = False


@dataclass(slots=True)
class _Vcpu:
    """What a vCPU has done so far.

    ``ordered``: the widest domain of a DSB of stores since the last table change and the last guest. What the
    trace begins within is not known to lack one.
    """

    ordered: int = STRENGTH["sy"]
    open: list[_Open] = field(default_factory=list)

    def step(self, event: Event, *, isb: bool) -> Iterator[tuple[_Open, str]]:
        """Go on by one event; yields the TLBIs that it decides, with what is missing, "" if nothing is."""
        name = event.name
        if name == "model.dsb":
            self._dsb(event)
        elif name == "model.isb":
            if event.fields.get("el") == 2:
                for each in self.open:
                    each.synchronized = each.finished
        elif name == "model.call":
            if event.fields.get("function") in TABLES:
                self.ordered = 0
        elif enters_guest(event):
            self.ordered = 0
            for each in self.open:
                late = "no ISB" if isb and not each.synchronized else ""
                yield each, late if each.finished else "no DSB that finishes it"
            self.open = []
        elif name == "model.exception" and event.fields.get("from_el") != 2:
            self.ordered = 0

    def _dsb(self, event: Event) -> None:
        if event.fields.get("el") != 2:
            return
        strength = STRENGTH.get(str(event.fields.get("domain")), 0)
        if event.fields.get("access") in ("st", "all"):
            self.ordered = max(self.ordered, strength)
        if event.fields.get("access") == "all":
            for each in self.open:
                each.finished = each.finished or strength >= _domain(each.op)
