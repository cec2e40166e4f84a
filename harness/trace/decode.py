# SPDX-License-Identifier: GPL-2.0-only
"""Trace records to registered events: one decoder per way of having them, by name in events.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.arch import table
from harness.errors import UserError
from harness.level import Level
from harness.trace import probed
from harness.trace.decoded import Decoded, Decoder, Trouble, Wanted, encoding_of, number, tlbi_fields
from harness.trace.event import UNKNOWN, Value
from harness.trace.trace_lines import TraceRecord, fields_of

REASONS = ("tlbi", "memslot", "notifier", "recycle", "teardown")
_Simple = Callable[[Mapping[str, Value]], dict[str, Value]]


def _known(encoding: int) -> table.Operation:
    op = table.by_sys_insn(encoding)
    if op is None:
        raise ValueError(f"{encoding:#x} encodes no known TLBI")
    return op


def _nv_tlbi(raw: Mapping[str, Value]) -> dict[str, Value]:
    if "instr" not in raw:  # kvm_nv_tlbi_lost
        raise ValueError(f"{number(raw, 'count')} TLBIs of vCPU {number(raw, 'vcpu')} were lost")
    op = _known(number(raw, "instr"))
    fields = tlbi_fields(op, number(raw, "operand"), number(raw, "vmid"), number(raw, "hcr"))
    return fields | {"vcpu": number(raw, "vcpu"), "vtcr": number(raw, "vtcr")}


def _nvh_tlbi(raw: Mapping[str, Value]) -> dict[str, Value]:
    try:
        op = table.by_name(str(raw.get("op")))
    except UserError as error:
        raise ValueError(str(error)) from None
    return tlbi_fields(op, number(raw, "operand"), number(raw, "vmid"), number(raw, "hcr"))


def _tlbi_forward(raw: Mapping[str, Value]) -> dict[str, Value]:
    op = _known(number(raw, "instr"))
    return {"op": op.name, "family": op.family, "vcpu": number(raw, "vcpu")}


def _forward_sysreg(raw: Mapping[str, Value]) -> dict[str, Value]:
    """kvm_forward_sysreg_trap covers every system register; only TLBIs (Op0 1, CRn 8 or 9) count."""
    encoding = encoding_of(raw)
    if encoding >> 19 != 1 or number(raw, "crn") not in (8, 9):
        return {}
    op = _known(encoding)
    return {"op": op.name, "family": op.family, "vcpu": UNKNOWN}


def _shadow_unmap(raw: Mapping[str, Value]) -> dict[str, Value]:
    numbers = {name: number(raw, name) for name in ("context", "vmid", "vttbr", "start", "size")}
    reason = str(raw.get("reason"))
    if reason not in REASONS:
        raise ValueError(f"no known reason {reason!r}")
    return {**numbers, "reason": reason}


def _shadow_wp(raw: Mapping[str, Value]) -> dict[str, Value]:
    return {name: number(raw, name) for name in ("context", "vmid", "start", "size")}


def _one_to_one(convert: _Simple) -> Decoder:
    """Decoder of trace events that each give one event, or none where ``convert`` gives no fields."""

    def decode(_level: Level, wanted: Wanted, records: Sequence[TraceRecord]) -> list[Decoded | Trouble]:
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
    return {
        "nv_tlbi": _one_to_one(_nv_tlbi),
        "nvh_tlbi": _one_to_one(_nvh_tlbi),
        "tlbi_forward": _one_to_one(_tlbi_forward),
        "forward_sysreg": _one_to_one(_forward_sysreg),
        "shadow_unmap": _one_to_one(_shadow_unmap),
        "shadow_wp": _one_to_one(_shadow_wp),
        "probed": probed.decode,
    }
