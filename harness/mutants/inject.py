# SPDX-License-Identifier: GPL-2.0-only
"""What the plugin nvh-fault is to do: instructions by name, and what becomes of their operand or result.

``{at: [MSR HCR_EL2], hides: 0x8000000, el: 2}`` makes the options of images/payloads/plugin/fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from harness.arch import table
from harness.arch.encodings import REGISTERS, TRANSLATIONS

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
