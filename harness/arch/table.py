# SPDX-License-Identifier: GPL-2.0-only
"""The table of TLBI operations (images/tlbi.csv) and look-ups in it.

Encodings: Arm ARM DDI 0487, C5.1.3 "op0==0b01, cache maintenance, TLB maintenance, and address
translation instructions". The 26 operations of the v8 patch (docs/language.md, Claims) carry ``nv_tlbi_v8``.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.arch.rows import read_rows
from harness.errors import UserError, closest
from harness.where import IMAGES

TABLE = IMAGES / "tlbi.csv"
COLUMNS = "name,op1,crn,crm,op2,family,regime,operand,scope,last_level,nxs,feature,nv_tlbi_v8"
FEATURES = frozenset({"TLBIOS", "TLBIRANGE", "XS"})
_SYS = 0xD5000000  # system instruction class, with L (bit 21) clear: SYS
_RT_MASK = 0x1F
XZR = 31


class Operand(enum.Enum):
    """Form of the Xt operand; see harness.arch.operand."""

    NONE = "none"
    VA = "va"
    ASID = "asid"
    IPA = "ipa"
    VA_RANGE = "va-range"
    IPA_RANGE = "ipa-range"

    @property
    def is_range(self) -> bool:
        return self in (Operand.VA_RANGE, Operand.IPA_RANGE)


class Shareability(enum.Enum):
    """Which PEs an operation obliges: the executing one, Inner or Outer Shareable domain."""

    LOCAL = "local"
    IS = "is"
    OS = "os"


class Regime(enum.Enum):
    """Translation regime named by the operation, before HCR_EL2.{E2H,TGE} is looked at."""

    EL10 = "el1&0"
    EL2 = "el2"


@dataclass(frozen=True, slots=True)
class Operation:
    """One TLBI operation. ``family`` is the plain form's name without scope, level, range and nXS."""

    name: str
    op1: int
    crn: int
    crm: int
    op2: int
    family: str
    regime: Regime
    operand: Operand
    scope: Shareability
    last_level: bool
    nxs: bool
    features: frozenset[str]
    nv_tlbi_v8: bool

    @property
    def sys_insn(self) -> int:
        """Kernel encoding op0<<19 | op1<<16 | CRn<<12 | CRm<<8 | op2<<5 (asm/sysreg.h)."""
        return 1 << 19 | self.op1 << 16 | self.crn << 12 | self.crm << 8 | self.op2 << 5

    @property
    def has_operand(self) -> bool:
        return self.operand is not Operand.NONE

    @property
    def matches_asid(self) -> bool:
        """Whether the ASID of the operand takes part in the match (VAAE1 forms ignore it).

        For the EL2 forms it does only while HCR_EL2.E2H is 1.
        """
        return self.family in ("vae1", "aside1", "vae2")

    def instruction(self, rt: int = XZR) -> int:
        """A64 instruction word with Xt = ``rt`` (31, XZR, where there is no operand)."""
        if not 0 <= rt <= _RT_MASK:
            raise UserError(f"x{rt} is not a register; use x0 to x30")
        return _SYS | self.sys_insn | rt


def read(path: Path) -> tuple[Operation, ...]:
    """Parse an operation table. ``InputError`` lists every bad row with its line."""
    return read_rows(path, COLUMNS, _row, _twice)


def _twice(row: Operation, earlier: Sequence[Operation]) -> str:
    known = any(each.name == row.name or each.sys_insn == row.sys_insn for each in earlier)
    return f"{row.name}: name or encoding given twice" if known else ""


def _row(cells: Mapping[str, str]) -> Operation:
    features = frozenset() if cells["feature"] == "none" else frozenset(cells["feature"].split("+"))
    if features - FEATURES:
        raise ValueError(f"unknown feature {', '.join(sorted(features - FEATURES))}")
    operand = Operand(cells["operand"])
    scope = Shareability(cells["scope"])
    nxs = _flag(cells["nxs"])
    needed = {
        name
        for name, need in (
            ("TLBIOS", scope is Shareability.OS),
            ("TLBIRANGE", operand.is_range),
            ("XS", nxs),
        )
        if need
    }
    if features != needed:
        raise ValueError(f"{cells['name']}: the feature must be {'+'.join(sorted(needed)) or 'none'}")
    crn = _field(cells, "crn", 15)
    if crn != (9 if nxs else 8):
        raise ValueError(f"{cells['name']}: CRn is 9 for nXS forms and 8 for the others")
    return Operation(
        name=cells["name"],
        op1=_field(cells, "op1", 7),
        crn=crn,
        crm=_field(cells, "crm", 15),
        op2=_field(cells, "op2", 7),
        family=cells["family"],
        regime=Regime(cells["regime"]),
        operand=operand,
        scope=scope,
        last_level=_flag(cells["last_level"]),
        nxs=nxs,
        features=features,
        nv_tlbi_v8=_flag(cells["nv_tlbi_v8"]),
    )


def _field(cells: Mapping[str, str], name: str, maximum: int) -> int:
    value = int(cells[name])
    if not 0 <= value <= maximum:
        raise ValueError(f"{name} {value} is not within 0..{maximum}")
    return value


def _flag(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no")
    return text == "yes"


@functools.cache
def load() -> tuple[Operation, ...]:
    """Every operation of the shipped table, in file order."""
    return read(TABLE)


@functools.cache
def _by_name() -> Mapping[str, Operation]:
    return {op.name: op for op in load()}


@functools.cache
def _by_encoding() -> Mapping[int, Operation]:
    return {op.sys_insn: op for op in load()}


def by_name(name: str) -> Operation:
    """The operation of that name in any case; ``UserError`` names the closest one."""
    operation = _by_name().get(name.lower())
    if operation is None:
        near = closest(name.lower(), _by_name())
        hint = f"; did you mean {near!r}?" if near else f"; see {TABLE.name} for all names"
        raise UserError(f"{name!r} is not a TLBI operation{hint}")
    return operation


def by_sys_insn(encoding: int) -> Operation | None:
    """The operation with that kernel encoding, or None."""
    return _by_encoding().get(encoding)


def by_instruction(word: int) -> Operation | None:
    """The operation of an A64 instruction word whatever its Xt, or None for any other instruction."""
    if word & 0xFFE00000 != _SYS:
        return None
    return by_sys_insn(word & ~_RT_MASK & 0x1FFFFF)
