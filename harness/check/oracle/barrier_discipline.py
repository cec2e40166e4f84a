"""Barriers around the TLBIs that L0 issues for its guests.

Arm ARM D8.17.6 (TLB maintenance operations: ordering and completion) and B2.3 (DSB): a TLBI is finished
by a DSB of the PE that executed it, with both access types and in the shareability domain of the TLBI or
a wider one; context synchronization then makes the PE itself see it. Stores to translation tables are
visible to all walkers that the TLBI concerns after a DSB of stores in that domain. So, on one vCPU:

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

from collections.abc import Sequence

from harness.check.finding import Finding, Observations
from harness.check.oracle.physical import BROADCAST, Violation, conclude, enters_guest, is_physical, per_vcpu
from harness.check.scope import resolve
from harness.errors import UserError
from harness.scenario.model import OracleCheck
from harness.tlbi import table
from harness.trace.event import Event

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


def _chosen(check: OracleCheck, option: str) -> str:
    values = OPTIONS[option]
    value = str(check.options.get(option, values[0]))
    if value not in values:
        raise UserError(f"{check.where}: {option}: {value!r} is not one of {', '.join(values)}")
    return value


def judge(check: OracleCheck, seen: Observations) -> Finding:
    """Every physical TLBI for a guest, on the vCPU that executed it."""
    before, isb = _chosen(check, "before"), _chosen(check, "isb")
    window = resolve(seen.timeline, check.scope)
    violations: list[Violation] = []
    judged = 0
    unfinished = []
    for events in per_vcpu(seen.timeline).values():
        for at, event in enumerate(events):
            if not is_physical(event) or window.contains(event) is False:
                continue
            op = str(event.fields["op"])
            wanted = before == "every" or (before == "stage2" and op in STAGE2)
            if wanted and not _ordered_before(events, at, op):
                text = f"no DSB of stores between the last table change or guest and {op}"
                violations.append(Violation(event, text, by_absence=True))
            missing = _missing_after(events, at, op, isb == "required")
            if missing is None:
                unfinished.append(f"the trace ends before a guest runs after {op} at position {event.seq}")
                continue
            judged += 1
            if missing:
                violations.append(Violation(event, f"{missing} between {op} and the guest", by_absence=True))
    needed = [name for name in EVENTS if name != "model.call"]  # calls only narrow where a DSB may be
    what = "physical TLBI for a guest"
    return conclude(check, seen, needed, violations, judged, what, () if judged else unfinished)


def _domain(op: str) -> int:
    return STRENGTH["ish"] if op in BROADCAST else STRENGTH["nsh"]


def _is_dsb(event: Event, least: int, accesses: tuple[str, ...]) -> bool:
    return (
        event.name == "model.dsb"
        and event.fields.get("el") == 2
        and event.fields.get("access") in accesses
        and STRENGTH.get(str(event.fields.get("domain")), 0) >= least
    )


def _ordered_before(events: Sequence[Event], at: int, op: str) -> bool:
    """Whether a DSB of stores precedes, with no table change and no guest in between."""
    for event in reversed(events[:at]):
        if _is_dsb(event, _domain(op), ("st", "all")):
            return True
        if event.name == "model.call" and event.fields.get("function") in TABLES:
            return False
        if enters_guest(event) or (event.name == "model.exception" and event.fields.get("from_el") != 2):
            return False
    return True  # the trace begins within this stretch: nothing says that it was missing


def _missing_after(events: Sequence[Event], at: int, op: str, isb: bool) -> str | None:
    """What is missing before the vCPU runs a guest; "" when nothing is, None when the trace ends before."""
    finished = synchronized = False
    for event in events[at + 1 :]:
        if _is_dsb(event, _domain(op), ("all",)):
            finished = True
        elif event.name == "model.isb" and event.fields.get("el") == 2:
            synchronized = finished
        elif enters_guest(event):
            if not finished:
                return "no DSB that finishes it"
            return "no ISB" if isb and not synchronized else ""
    return None
