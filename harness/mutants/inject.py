# SPDX-License-Identifier: GPL-2.0-only
"""What the plugin nvh-fault is to do: instructions by name, and what becomes of their operand or result.

``{at: [MSR HCR_EL2], hides: 0x8000000, el: 2}`` makes the options of images/payloads/plugin/fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from harness.arch import table

KINDS = ("nothing", "loses", "gains", "hides")
_BITS = {"type": "integer", "minimum": 1, "maximum": 2**64 - 1}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["at"],
    "additionalProperties": False,
    "properties": {
        "at": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "nothing": {"const": True},
        "loses": _BITS,
        "gains": _BITS,
        "hides": _BITS,
        "el": {"type": "integer", "minimum": 0, "maximum": 2},
        "pe": {"type": "integer", "minimum": 0, "maximum": 7},
    },
    "oneOf": [{"required": [kind]} for kind in KINDS],
    "title": "an injection",
    "x-one-of": list(KINDS),
}
REGISTERS = {
    "CNTHCTL_EL2": (3, 4, 14, 1, 0),
    "CNTKCTL_EL1": (3, 0, 14, 1, 0),
    "CNTVOFF_EL2": (3, 4, 14, 0, 3),
    "CPACR_EL1": (3, 0, 1, 0, 2),
    "CPTR_EL2": (3, 4, 1, 1, 2),
    "DBGBCR0_EL1": (2, 0, 0, 0, 5),
    "DBGWCR0_EL1": (2, 0, 0, 0, 7),
    "ELR_EL1": (3, 0, 4, 0, 1),
    "ELR_EL2": (3, 4, 4, 0, 1),
    "ESR_EL1": (3, 0, 5, 2, 0),
    "ESR_EL2": (3, 4, 5, 2, 0),
    "FAR_EL1": (3, 0, 6, 0, 0),
    "FAR_EL2": (3, 4, 6, 0, 0),
    "HCRX_EL2": (3, 4, 1, 2, 2),
    "HCR_EL2": (3, 4, 1, 1, 0),
    "HDFGRTR_EL2": (3, 4, 3, 1, 4),
    "HDFGWTR_EL2": (3, 4, 3, 1, 5),
    "HFGITR_EL2": (3, 4, 1, 1, 6),
    "HFGRTR_EL2": (3, 4, 1, 1, 4),
    "HFGWTR_EL2": (3, 4, 1, 1, 5),
    "HPFAR_EL2": (3, 4, 6, 0, 4),
    "ICH_HCR_EL2": (3, 4, 12, 11, 0),
    "ICH_LR0_EL2": (3, 4, 12, 12, 0),
    "ICH_LR3_EL2": (3, 4, 12, 12, 3),
    "ICH_VMCR_EL2": (3, 4, 12, 11, 7),
    "MAIR2_EL1": (3, 0, 10, 2, 1),
    "MAIR_EL1": (3, 0, 10, 2, 0),
    "MAIR_EL2": (3, 4, 10, 2, 0),
    "MDCR_EL2": (3, 4, 1, 1, 1),
    "MDSCR_EL1": (2, 0, 0, 2, 2),
    "PAR_EL1": (3, 0, 7, 4, 0),
    "PIRE0_EL1": (3, 0, 10, 2, 2),
    "PIRE0_EL2": (3, 4, 10, 2, 2),
    "PIR_EL1": (3, 0, 10, 2, 3),
    "PIR_EL2": (3, 4, 10, 2, 3),
    "S2PIR_EL2": (3, 4, 10, 2, 5),
    "SCTLR_EL1": (3, 0, 1, 0, 0),
    "SCTLR_EL2": (3, 4, 1, 0, 0),
    "SPSR_EL1": (3, 0, 4, 0, 0),
    "SPSR_EL2": (3, 4, 4, 0, 0),
    "SP_EL0": (3, 0, 4, 1, 0),
    "SP_EL1": (3, 4, 4, 1, 0),
    "TCR2_EL1": (3, 0, 2, 0, 3),
    "TCR2_EL2": (3, 4, 2, 0, 3),
    "TCR_EL1": (3, 0, 2, 0, 2),
    "TCR_EL2": (3, 4, 2, 0, 2),
    "TTBR0_EL1": (3, 0, 2, 0, 0),
    "TTBR0_EL2": (3, 4, 2, 0, 0),
    "TTBR1_EL1": (3, 0, 2, 0, 1),
    "TTBR1_EL2": (3, 4, 2, 0, 1),
    "VBAR_EL1": (3, 0, 12, 0, 0),
    "VBAR_EL2": (3, 4, 12, 0, 0),
    "VMPIDR_EL2": (3, 4, 0, 0, 5),
    "VNCR_EL2": (3, 4, 2, 2, 0),
    "VPIDR_EL2": (3, 4, 0, 0, 0),
    "VSESR_EL2": (3, 4, 5, 2, 3),
    "VTCR_EL2": (3, 4, 2, 1, 2),
    "VTTBR_EL2": (3, 4, 2, 1, 0),
}
TRANSLATIONS = {
    "S1E1R": (1, 0, 7, 8, 0),
    "S1E1W": (1, 0, 7, 8, 1),
    "S1E0R": (1, 0, 7, 8, 2),
    "S1E0W": (1, 0, 7, 8, 3),
    "S1E1RP": (1, 0, 7, 9, 0),
    "S1E1WP": (1, 0, 7, 9, 1),
    "S1E1A": (1, 0, 7, 9, 2),
    "S1E2R": (1, 4, 7, 8, 0),
    "S1E2W": (1, 4, 7, 8, 1),
    "S1E2A": (1, 4, 7, 9, 2),
    "S12E1R": (1, 4, 7, 8, 4),
    "S12E1W": (1, 4, 7, 8, 5),
    "S12E0R": (1, 4, 7, 8, 6),
    "S12E0W": (1, 4, 7, 8, 7),
}
"""op0, op1, CRn, CRm, op2 (Arm ARM DDI 0487 M.a.a, C5)."""


def word(op0: int, op1: int, crn: int, crm: int, op2: int, *, reads: bool = False) -> int:
    """Return the instruction, with X0."""
    return 0xD5000000 | reads << 21 | op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5


def words(name: str) -> tuple[int, ...]:
    """Return the instructions that ``name`` names; none if it is not known."""
    kind, _, of = name.partition(" ")
    if kind == "TLBI":
        return tuple(each.instruction(0) for each in table.load() if fnmatchcase(each.name, of.lower()))
    known = TRANSLATIONS if kind == "AT" else REGISTERS if kind in ("MSR", "MRS") else {}
    return (word(*known[of], reads=kind == "MRS"),) if of in known else ()


def options(row: Mapping[str, Any]) -> str:
    """Return the plugin's options for an ``inject`` of the table."""
    at = dict.fromkeys(each for name in row["at"] for each in words(name))
    (kind,) = (each for each in KINDS if each in row)
    value = "on" if kind == "nothing" else f"{row[kind]:#x}"
    where = [f"{key}={row[key]}" for key in ("el", "pe") if key in row]
    return ",".join([*(f"at={each:#x}" for each in at), f"{kind}={value}", *where])
