# SPDX-License-Identifier: GPL-2.0-only
"""Trace records to registered events: one decoder per way of having them, by name in events.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.arch import operand, table
from harness.arch.registers import mask, named
from harness.errors import UserError
from harness.level import Level
from harness.trace.event import UNKNOWN, Value
from harness.trace.lines import Record, fields_of
from harness.trace.registry import Realisation

HCR_TGE, HCR_E2H = mask("HCR.TGE"), mask("HCR.E2H")
VTTBR_VMID_SHIFT = named("VTTBR.VMID").low
REASONS = ("tlbi", "memslot", "notifier", "recycle", "teardown")


@dataclass(frozen=True, slots=True)
class Decoded:
    """An event found at ``record``."""

    name: str
    record: Record
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A record that belongs to a wanted event and could not be decoded."""

    record: Record
    text: str


Wanted = Mapping[str, Realisation]
Decoder = Callable[[Level, Wanted, Sequence[Record]], "list[Decoded | Trouble]"]
_Simple = Callable[[Mapping[str, Value]], dict[str, Value]]


def tlbi_fields(op: table.Operation, xt: int, vmid: Value, hcr: Value) -> dict[str, Value]:
    """Fields of a TLBI executed at vEL2 with this operand, VTTBR_EL2.VMID and (virtual) HCR_EL2.

    An E1 operation acts on the EL2&0 regime while {E2H,TGE} is {1,1} (Arm ARM, TLBI VAE1 and others).
    """
    decoded = operand.decode(op, xt)
    regime: Value = op.regime.value
    if op.op1 == 0:
        if isinstance(hcr, int):
            in_host = hcr & (HCR_E2H | HCR_TGE) == HCR_E2H | HCR_TGE
            regime = (table.Regime.EL2 if in_host else table.Regime.EL10).value
        else:
            regime = UNKNOWN
    fields: dict[str, Value] = {"op": op.name, "family": op.family, "operand": xt, "regime": regime}
    fields["vmid"] = vmid
    fields["hcr"] = hcr
    for name in ("asid", "va", "ipa", "ttl", "tg", "scale", "num", "start", "size"):
        value = getattr(decoded, name)
        if value is not None:
            fields[name] = value
    return fields


def _number(fields: Mapping[str, Value], name: str) -> int:
    value = fields.get(name)
    if not isinstance(value, int):
        raise ValueError(f"no number {name!r}")
    return value


def _known(encoding: int) -> table.Operation:
    op = table.by_sys_insn(encoding)
    if op is None:
        raise ValueError(f"{encoding:#x} encodes no known TLBI")
    return op


def encoding_of(fields: Mapping[str, Value]) -> int:
    """The kernel's encoding from fields op0, op1, crn, crm and op2."""
    op0, op1, crn, crm, op2 = (_number(fields, name) for name in ("op0", "op1", "crn", "crm", "op2"))
    return op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5


def _nv_tlbi(raw: Mapping[str, Value]) -> dict[str, Value]:
    if "instr" not in raw:  # kvm_nv_tlbi_lost
        raise ValueError(f"{_number(raw, 'count')} TLBIs of vCPU {_number(raw, 'vcpu')} were lost")
    op = _known(_number(raw, "instr"))
    fields = tlbi_fields(op, _number(raw, "operand"), _number(raw, "vmid"), _number(raw, "hcr"))
    return fields | {"vcpu": _number(raw, "vcpu"), "vtcr": _number(raw, "vtcr")}


def _nvh_tlbi(raw: Mapping[str, Value]) -> dict[str, Value]:
    try:
        op = table.by_name(str(raw.get("op")))
    except UserError as error:
        raise ValueError(str(error)) from None
    return tlbi_fields(op, _number(raw, "operand"), _number(raw, "vmid"), _number(raw, "hcr"))


def _tlbi_forward(raw: Mapping[str, Value]) -> dict[str, Value]:
    op = _known(_number(raw, "instr"))
    return {"op": op.name, "family": op.family, "vcpu": _number(raw, "vcpu")}


def _forward_sysreg(raw: Mapping[str, Value]) -> dict[str, Value]:
    """kvm_forward_sysreg_trap covers every system register; only TLBIs (Op0 1, CRn 8 or 9) count."""
    encoding = encoding_of(raw)
    if encoding >> 19 != 1 or _number(raw, "crn") not in (8, 9):
        return {}
    op = _known(encoding)
    return {"op": op.name, "family": op.family, "vcpu": UNKNOWN}


def _shadow_unmap(raw: Mapping[str, Value]) -> dict[str, Value]:
    numbers = {name: _number(raw, name) for name in ("context", "vmid", "vttbr", "start", "size")}
    reason = str(raw.get("reason"))
    if reason not in REASONS:
        raise ValueError(f"no known reason {reason!r}")
    return {**numbers, "reason": reason}


def _shadow_wp(raw: Mapping[str, Value]) -> dict[str, Value]:
    return {name: _number(raw, name) for name in ("context", "vmid", "start", "size")}


def _one_to_one(convert: _Simple) -> Decoder:
    """Decoder of trace events that each give one event, or none where ``convert`` gives no fields."""

    def decode(_level: Level, wanted: Wanted, records: Sequence[Record]) -> list[Decoded | Trouble]:
        names = {full.split(":")[1]: name for name, realised in wanted.items() for full in realised.events}
        found: list[Decoded | Trouble] = []
        for record in records:
            if record.event not in names:
                continue
            try:
                fields = convert(fields_of(record.event, record.text))
            except (ValueError, UserError) as error:
                found.append(Trouble(record, f"{record.event}: {error} in {record.text!r}"))
                continue
            if fields:
                found.append(Decoded(names[record.event], record, fields))
        return found

    return decode


def decoders() -> Mapping[str, Decoder]:
    """Every decoder by the name that events.yaml uses."""
    from harness.trace import probed  # probed builds on this module

    return {
        "nv_tlbi": _one_to_one(_nv_tlbi),
        "nvh_tlbi": _one_to_one(_nvh_tlbi),
        "tlbi_forward": _one_to_one(_tlbi_forward),
        "forward_sysreg": _one_to_one(_forward_sysreg),
        "shadow_unmap": _one_to_one(_shadow_unmap),
        "shadow_wp": _one_to_one(_shadow_wp),
        "probed": probed.decode,
    }
