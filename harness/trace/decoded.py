# SPDX-License-Identifier: GPL-2.0-only
"""What every way of decoding trace records shares: its result, and a TLBI's fields from its operand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.arch import operand, table
from harness.arch.registers import mask, named
from harness.level import Level
from harness.trace.event import UNKNOWN, Value
from harness.trace.registry import Realisation
from harness.trace.trace_lines import TraceRecord

HCR_TGE, HCR_E2H = mask("HCR.TGE"), mask("HCR.E2H")
VTTBR_VMID_SHIFT = named("VTTBR.VMID").low


@dataclass(frozen=True, slots=True)
class Decoded:
    """An event found at ``record``."""

    name: str
    record: TraceRecord
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Trouble:
    """A record that belongs to a wanted event and could not be decoded."""

    record: TraceRecord
    text: str


Wanted = Mapping[str, Realisation]
Decoder = Callable[[Level, Wanted, Sequence[TraceRecord]], "list[Decoded | Trouble]"]


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


def number(fields: Mapping[str, Value], name: str) -> int:
    """The field ``name``; ``ValueError`` when it is none or no number."""
    value = fields.get(name)
    if not isinstance(value, int):
        raise ValueError(f"no number {name!r}")
    return value


def encoding_of(fields: Mapping[str, Value]) -> int:
    """The kernel's encoding from fields op0, op1, crn, crm and op2."""
    op0, op1, crn, crm, op2 = (number(fields, name) for name in ("op0", "op1", "crn", "crm", "op2"))
    return op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5
