"""Records to events: only those that are asked for are made."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from harness.level import Level
from harness.tlbi import table
from harness.trace.decode import tlbi_fields
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.model import names
from harness.trace.model.chunks import Rows
from harness.trace.model.layout import Kind
from harness.trace.model.records import Records
from harness.trace.order import Clock

TRAPPED = ("no", "yes", UNKNOWN)
VECTORS = ("sync", "irq", "fiq", "serror")
VMID_SHIFT = 48
_SYS = 1 << 19  # op0 is 1 for system instructions
_LEVELS = tuple(Level)
Fields = dict[str, Value]


@functools.lru_cache(maxsize=1 << 16)
def _tlbi(info: int, xt: int, hcr: int | None) -> Mapping[str, Value]:
    op1, crn, crm, op2 = names.parts(info)
    op = table.by_sys_insn(_SYS | op1 << 16 | crn << 12 | crm << 8 | op2 << 5)
    if op is None:
        return {"op": UNKNOWN, "family": UNKNOWN, "scope": UNKNOWN, "operand": xt, "regime": UNKNOWN}
    fields = tlbi_fields(op, xt, 0, UNKNOWN if hcr is None else hcr)
    return fields | {"scope": op.scope.value}


def tlbi(records: Records, row: int) -> Fields:
    """At vEL2 the regime of an E1 operation depends on L1's virtual HCR_EL2, which the model has not got."""
    hcr, vttbr = int(records.hcr[row]), int(records.vttbr[row])
    deciding = hcr if records.el[row] == 2 else None if records.level[row] == Level.L1 else 0
    fields = dict(_tlbi(int(records.info[row]), records.value(row, 0), deciding))
    fields["vmid"] = vttbr >> VMID_SHIFT
    fields["vttbr"] = vttbr
    fields["hcr"] = hcr
    fields["ttbr0"] = records.value(row, 1)
    fields["ttbr1"] = records.value(row, 2)
    return fields


def dsb(records: Records, row: int) -> Fields:
    info = int(records.info[row])
    fields: Fields = {"domain": names.DOMAINS[info >> 2 & 3], "nxs": "yes" if info & 0x10 else "no"}
    if info & 3:
        fields["access"] = names.ACCESSES[(info & 3) - 1]
    return fields


def isb(_records: Records, _row: int) -> Fields:
    return {}


def at(records: Records, row: int) -> Fields:
    return {"op": names.address_translation(int(records.info[row])), "operand": records.value(row, 0)}


def eret(records: Records, row: int) -> Fields:
    elr, spsr = records.value(row, 0), records.value(row, 1)
    return {"elr": elr, "spsr": spsr, "to_el": spsr >> 2 & 3}


def exception(records: Records, row: int) -> Fields:
    """An exception from vEL2 to EL1 shows EL2 in SPSR_EL1 (Arm ARM D8.11, HCR_EL2.NV); it is EL1 in truth."""
    elr, spsr, esr, far, hpfar = (records.value(row, index) for index in range(5))
    to_el = int(records.el[row])
    vector = VECTORS[int(records.info[row]) & 3]
    fields: Fields = {"from_el": min(spsr >> 2 & 3, to_el), "to_el": to_el, "vector": vector, "elr": elr}
    fields["spsr"] = spsr
    if vector in ("sync", "serror"):
        fields |= {"esr": esr, "ec": esr >> 26 & 0x3F, "iss": esr & 0x1FFFFFF, "far": far}
        if to_el == 2:
            fields["hpfar"] = hpfar
    return fields


def msr(records: Records, row: int) -> Fields:
    info = int(records.info[row])
    return {"reg": names.REGISTERS.get(info, f"s3_{info:#x}"), "value": records.value(row, 0)}


class Maker:
    """Makes events of records. ``functions`` are those of the file's header."""

    def __init__(self, functions: Sequence[str], clock: Clock) -> None:
        self._functions = functions
        self._clock = clock
        self._fields: Mapping[int, tuple[str, Callable[[Records, int], Fields]]] = {
            Kind.TLBI: ("model.tlbi", tlbi),
            Kind.DSB: ("model.dsb", dsb),
            Kind.ISB: ("model.isb", isb),
            Kind.AT: ("model.at", at),
            Kind.ERET: ("model.eret", eret),
            Kind.EXCEPTION: ("model.exception", exception),
            Kind.MSR: ("model.msr", msr),
            Kind.CALL: ("model.call", self._call),
        }

    def _call(self, records: Records, row: int) -> Fields:
        index = int(records.info[row])
        fields: Fields = {"function": self._functions[index] if index < len(self._functions) else UNKNOWN}
        fields |= {f"x{number}": records.value(row, number) for number in range(8)}
        fields["lr"] = records.value(row, 8)
        return fields

    def make(self, records: Records, row: int) -> Event:
        """The event of one record."""
        kind = int(records.kind[row])
        name, fields_of = self._fields[kind]
        fields = fields_of(records, row)
        vttbr = int(records.vttbr[row])
        fields["vttbr"] = vttbr
        fields["hcr"] = int(records.hcr[row])
        if kind in (Kind.AT, Kind.ERET, Kind.EXCEPTION):
            fields["vmid"] = vttbr >> VMID_SHIFT
        if kind != Kind.EXCEPTION:
            fields["el"] = int(records.el[row])
            fields["pc"] = int(records.pc[row])
        if kind in (Kind.TLBI, Kind.AT, Kind.ERET, Kind.MSR):
            fields["trapped"] = TRAPPED[records.trapped[row]]
        position = int(records.position[row])
        time_ns, error_ns = self._clock.when(position)
        level = _LEVELS[records.level[row]]
        return Event(name, level, position, time_ns, int(records.vcpu[row]), "", fields, error_ns, position)

    def make_all(self, records: Records, rows: Rows) -> Iterable[Event]:
        """The events of many records."""
        return [self.make(records, row) for row in rows.tolist()]


def kinds_of(event_names: Iterable[str], known: Mapping[str, str]) -> frozenset[Kind]:
    """The kinds of record behind events; ``known`` maps their names to kinds."""
    return frozenset(Kind[known[name]] for name in event_names)


def chosen(records: Records, kinds: Iterable[Kind]) -> Rows:
    """The rows of these kinds."""
    return np.flatnonzero(np.isin(records.kind, list(kinds)))
