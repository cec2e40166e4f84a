# SPDX-License-Identifier: GPL-2.0-only
"""Records to events: of each head once what it decides, of each record what its address and values say."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from harness.arch import table
from harness.arch.registers import get
from harness.level import Level
from harness.trace.decoded import tlbi_fields
from harness.trace.event import UNKNOWN, Event, Value
from harness.trace.model import names
from harness.trace.model.layout import UnitKind
from harness.trace.model.records import Head
from harness.trace.order import Clock

TRAPPED = ("no", "yes", UNKNOWN)
VECTORS = ("sync", "irq", "fiq", "serror")
FAR_WRITTEN = frozenset({0x20, 0x21, 0x22, 0x24, 0x25, 0x34, 0x35})
"""ESR_ELx.EC of aborts, PC alignment faults and watchpoints; else FAR_ELx is UNKNOWN (Arm ARM D24.2.41)."""
HPFAR_WRITTEN = frozenset({0x20, 0x24})
"""ESR_EL2.EC of aborts from a lower level; else HPFAR_EL2 is UNKNOWN (Arm ARM D24.2.53)."""
VMID_SHIFT = 48
_SYS = 1 << 19  # op0 is 1 for system instructions
_LEVELS = tuple(Level)
Fields = dict[str, Value]
Values = Sequence[int]


class Part:
    """The part of events that their head decides, and how the rest is added to it."""

    __slots__ = ("_add", "_address", "_cpu", "_level", "fields", "name")

    def __init__(
        self, name: str, head: Head, fields: Fields, add: Callable[[Fields, Values], None] | None
    ) -> None:
        self.name = name
        self._level = _LEVELS[head.level]
        self._cpu = head.vcpu
        self.fields: Mapping[str, Value] = fields
        self._add = add
        self._address = head.kind != UnitKind.EXCEPTION

    def event(self, seq: int, address: int, values: Values, time_ns: int, error_ns: int) -> Event:
        """The event of the record at ``seq``."""
        fields = dict(self.fields)
        if self._address:
            fields["pc"] = address
        if self._add is not None:
            self._add(fields, values)
        return Event(self.name, self._level, seq, time_ns, self._cpu, "", fields, error_ns, seq)


@functools.lru_cache(maxsize=1 << 16)
def _tlbi(info: int, xt: int, hcr: int | None) -> Mapping[str, Value]:
    op1, crn, crm, op2 = names.parts(info)
    op = table.by_sys_insn(_SYS | op1 << 16 | crn << 12 | crm << 8 | op2 << 5)
    if op is None:
        return {"op": UNKNOWN, "family": UNKNOWN, "scope": UNKNOWN, "operand": xt, "regime": UNKNOWN}
    fields = tlbi_fields(op, xt, 0, UNKNOWN if hcr is None else hcr)
    return fields | {"scope": op.scope.value}


def tlbi(head: Head) -> tuple[Fields, Callable[[Fields, Values], None]]:
    """At vEL2 the regime of an E1 operation depends on L1's virtual HCR_EL2, which the model has not got."""
    deciding = head.hcr if head.el == 2 else None if head.level == Level.L1 else 0
    decided = {name: _tlbi(head.info, 0, deciding)[name] for name in ("op", "family", "scope", "regime")}

    def add(fields: Fields, values: Values) -> None:
        fields |= _tlbi(head.info, values[0], deciding)
        fields["vmid"] = vmid  # ``tlbi_fields`` is for emulated ones and has L1's
        fields["hcr"] = head.hcr
        fields["ttbr0"], fields["ttbr1"] = values[1], values[2]

    vmid = head.vttbr >> VMID_SHIFT
    return {**decided, "vmid": vmid}, add


def dsb(head: Head) -> tuple[Fields, None]:
    fields: Fields = {
        "domain": names.DOMAINS[head.info >> 2 & 3],
        "nxs": "yes" if head.info & 0x10 else "no",
    }
    if head.info & 3:
        fields["access"] = names.ACCESSES[(head.info & 3) - 1]
    return fields, None


def isb(_head: Head) -> tuple[Fields, None]:
    return {}, None


def at(head: Head) -> tuple[Fields, Callable[[Fields, Values], None]]:
    def add(fields: Fields, values: Values) -> None:
        fields["operand"] = values[0]

    return {"op": names.address_translation(head.info)}, add


def eret(_head: Head) -> tuple[Fields, Callable[[Fields, Values], None]]:
    def add(fields: Fields, values: Values) -> None:
        elr, spsr = values[0], values[1]
        fields["elr"], fields["spsr"], fields["to_el"] = elr, spsr, get(spsr, "SPSR.EL")

    return {}, add


def exception(head: Head) -> tuple[Fields, Callable[[Fields, Values], None]]:
    """An exception from vEL2 to EL1 shows EL2 in SPSR_EL1 (Arm ARM D8.14, HCR_EL2.NV); it is EL1 in truth."""
    to_el = head.el
    vector = VECTORS[head.info & 3]

    def add(fields: Fields, values: Values) -> None:
        elr, spsr, esr, far, hpfar = values[:5]
        fields["from_el"] = min(get(spsr, "SPSR.EL"), to_el)
        fields["elr"], fields["spsr"] = elr, spsr
        if vector in ("sync", "serror"):
            fields["esr"], fields["ec"], fields["iss"] = esr, get(esr, "ESR.EC"), get(esr, "ESR.ISS")
        if vector == "sync" and fields["ec"] in FAR_WRITTEN:
            fields["far"] = far
            if to_el == 2 and fields["ec"] in HPFAR_WRITTEN:
                fields["hpfar"] = hpfar

    return {"to_el": to_el, "vector": vector}, add


def msr(head: Head) -> tuple[Fields, Callable[[Fields, Values], None]]:
    def add(fields: Fields, values: Values) -> None:
        fields["value"] = values[0]

    return {"reg": names.REGISTERS.get(head.info, f"s3_{head.info:#x}")}, add


def operation(info: int) -> str:
    """The TLBI that a number in ``info`` stands for, or ``?``."""
    return str(_tlbi(info, 0, 0)["op"])


class Maker:
    """Makes the parts of events. ``functions`` are those of the file's header."""

    def __init__(self, functions: Sequence[str], clock: Clock) -> None:
        self._functions = functions
        self.clock = clock
        self._makers: Mapping[
            int, tuple[str, Callable[[Head], tuple[Fields, Callable[[Fields, Values], None] | None]]]
        ] = {
            UnitKind.TLBI: ("model.tlbi", tlbi),
            UnitKind.DSB: ("model.dsb", dsb),
            UnitKind.ISB: ("model.isb", isb),
            UnitKind.AT: ("model.at", at),
            UnitKind.ERET: ("model.eret", eret),
            UnitKind.EXCEPTION: ("model.exception", exception),
            UnitKind.MSR: ("model.msr", msr),
            UnitKind.CALL: ("model.call", self._call),
        }

    def _call(self, head: Head) -> tuple[Fields, Callable[[Fields, Values], None]]:
        def add(fields: Fields, values: Values) -> None:
            for number in range(8):
                fields[f"x{number}"] = values[number]
            fields["lr"] = values[8]

        known = head.info < len(self._functions)
        return {"function": self._functions[head.info] if known else UNKNOWN}, add

    def part(self, head: Head) -> Part:
        """What the head decides."""
        name, make = self._makers[head.kind]
        fields, add = make(head)
        fields["vttbr"], fields["hcr"] = head.vttbr, head.hcr
        if head.kind in (UnitKind.AT, UnitKind.ERET, UnitKind.EXCEPTION):
            fields["vmid"] = head.vttbr >> VMID_SHIFT
        if head.kind != UnitKind.EXCEPTION:
            fields["el"] = head.el
        if head.kind in (UnitKind.TLBI, UnitKind.AT, UnitKind.ERET, UnitKind.MSR):
            fields["trapped"] = TRAPPED[head.trapped]
        return Part(name, head, fields, add)
