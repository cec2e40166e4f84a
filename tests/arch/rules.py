# SPDX-License-Identifier: GPL-2.0-only
"""The architecture's rules once more, in Python, for tests alone: an oracle that shares nothing with the
reference.

Written from Arm ARM DDI 0487 issue M.a.a, rule by rule, and not from images/payloads/arch, nor from
images/*.csv: what an operation is comes from its name, fields are cut out of the operand's binary digits,
tables are written out. Where the manual's text and its pseudocode disagree, an entry is obliged only when
both oblige it, but for the TTL of ranges, where the field's text is explicit (C5.5.35, "only guaranteed to
invalidate").
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import NamedTuple

MUST, MAY, UNPREDICTABLE = "MUST", "MAY", "UNPREDICTABLE"
NAME = re.compile(
    r"(?P<range>r?)(?P<type>vmalls12|vmall|alle?(?=[12])|aside?(?=1)|vaal|vaa|val|va|ipas2l|ipas2)"
    r"e?(?P<el>[12])(?P<scope>is|os|)(?P<nxs>nxs)?"
)
GRANULE_BYTES = {"4k": 4096, "16k": 16384, "64k": 65536}
TOP = 1 << 64


class Name(NamedTuple):
    """What the letters of a TLBI's name say (D8.17.5): ``type`` is <type>, ``el`` the number of <regime>."""

    range: bool
    type: str
    el: int
    scope: str
    nxs: bool


@functools.cache
def parse(name: str) -> Name:
    """``TLBI {R}<type>{E}<regime>{IS|OS}{NXS}``; ALLE2 and ASIDE1 have their E in both."""
    match = NAME.fullmatch(name)
    assert match, name
    kind = match["type"].removesuffix("e")
    return Name(bool(match["range"]), kind, int(match["el"]), match["scope"], bool(match["nxs"]))


@dataclass(frozen=True)
class Pe:
    """Who executes: ``same`` is whether the entry is in the TLB of this PE."""

    el: int = 2
    e2h: bool = True
    tge: bool = False
    fb: bool = False
    fnxs: bool = False
    vmid: int = 1
    lpa2: bool = True
    ds1: bool = False
    ds2: bool = False
    same: bool = True


@dataclass(frozen=True)
class Cached:
    """What a TLB holds. ``stages`` is "1", "2" or "12"; ``regime`` "10" (EL1&0) or "2" (EL2, or EL2&0)."""

    stages: str
    regime: str
    first: int
    bytes: int
    granule: str
    level: int
    vmid: int = 1
    asid: int = 5
    ng: bool = True
    table: bool = False
    xs: bool = False
    s1_off: bool = False


class Operand(NamedTuple):
    """``granule``: "" for none. ``level``: None when no level is named. ``skewed``: the range is
    UNPREDICTABLE."""

    kind: str
    asid: int
    first: int
    last: int
    granule: str
    level: int | None
    skewed: bool = False


def cut(digits: str, high: int, low: int) -> int:
    """Bits <high:low> of a register of 64 binary digits."""
    return int(digits[63 - high : 64 - low], 2)


def of_digits(digits: str, *, signed: bool) -> int:
    """An address of 64 bits whose upper digits repeat the first given one (``signed``), or are 0."""
    return int(digits.rjust(64, digits[0] if signed else "0"), 2)


# Table D8-123: TTL<3:2> and TTL<1:0>. What is not here is no hint. True: with FEAT_LPA2 only.
HINTS = {
    "0100": ("4k", 0, True), "0101": ("4k", 1, False), "0110": ("4k", 2, False), "0111": ("4k", 3, False),
    "1001": ("16k", 1, True), "1010": ("16k", 2, False), "1011": ("16k", 3, False),
    "1101": ("64k", 1, False), "1110": ("64k", 2, False), "1111": ("64k", 3, False),
}  # fmt: skip
TG = {"00": "", "01": "4k", "10": "16k", "11": "64k"}  # Table D8-122
# D8.17.5.2: BaseADDR<n:..> that have to be zero for TTL 1 and TTL 2.
SKEW = {"4k": {1: 29, 2: 20}, "16k": {1: 35, 2: 24}, "64k": {1: 41, 2: 28}}


@functools.cache
def operand(name: str, xt: int, lpa2: bool, ds1: bool, ds2: bool) -> Operand:
    """What Xt says for the operation of that name."""
    op, digits = parse(name), f"{xt:064b}"
    if op.type in ("vmall", "vmalls12", "all"):
        return Operand("none", 0, 0, 0, "", None)
    asid = cut(digits, 63, 48) if op.type in ("va", "val", "asid") else 0
    if op.type == "asid":
        return Operand("asid", asid, 0, 0, "", None)
    ipa = op.type.startswith("ipas2")
    if not op.range:
        at = digits[24:64] + "0" * 12 if ipa else digits[20:64] + "0" * 12
        first = of_digits(at, signed=not ipa)
        granule, level, needs_lpa2 = HINTS.get(digits[16:20], ("", None, False))
        if needs_lpa2 and not lpa2:
            granule, level = "", None
        return Operand("address", asid, first, first, granule, level)
    granule = TG[digits[16:18]]
    if not granule:
        return Operand("range", asid, 0, 0, "", None)
    low = {"4k": 12, "16k": 14, "64k": 16}[granule]
    if ds2 if ipa else ds1:
        low = 16  # BaseADDR[52:16], whatever the granule
    first = of_digits(digits[27:64] + "0" * low, signed=not ipa)
    pages = (cut(digits, 43, 39) + 1) * 2 ** (5 * cut(digits, 45, 44) + 1)
    ttl = cut(digits, 38, 37)
    named = ttl != 0 and not (ttl == 1 and granule == "16k" and not lpa2)  # Table D8-124
    skewed = named and ttl in SKEW[granule] and first % 2 ** (SKEW[granule][ttl] + 1) != 0
    last = min(first + pages * GRANULE_BYTES[granule], TOP) - 1
    return Operand("range", asid, first, last, granule, ttl if named else None, skewed)


def regime(name: str, pe: Pe) -> str:
    """C5.5 and R_VMSWQ: which translations an operation is for."""
    op = parse(name)
    if op.el == 2:
        return "2"
    if op.type in ("all", "vmalls12", "ipas2", "ipas2l"):
        return "10"
    return "2" if pe.el == 2 and pe.e2h and pe.tge else "10"


def reaches(name: str, pe: Pe) -> bool:
    """R_QRNJC, HCR_EL2.FB (D24.2.62): whether the TLB that holds the entry is in the operation's domain."""
    op = parse(name)
    if op.scope or pe.same:
        return True
    return pe.el == 1 and pe.fb and not pe.tge


def same_asid(kind: str, pe: Pe, given: int, held: Cached) -> bool:
    """D8.17.5.4: VA and VAL by ASID or global, ASID by ASID and non-global, VAA and the rest by neither.

    R_CHVGJ: what is no leaf is non-global. Without E2H the EL2 regime has no ASID; with stage 1 off nothing
    has.
    """
    if held.regime == "2" and not pe.e2h:
        return kind != "asid"
    non_global = held.table or (held.ng and not held.s1_off)
    if kind == "asid":
        return non_global and given == held.asid
    if kind in ("va", "val"):
        return not non_global or given == held.asid
    return True


def hint_allows(x: Operand, held: Cached) -> bool:
    """R_XKMMX, R_SQXYZ, TTL of C5.5.35: whether granule and level say that the entry is meant."""
    if held.s1_off:
        return x.kind == "address" and not x.granule
    if x.kind == "range":
        if x.granule != held.granule:
            return False
        if x.level is None:
            return True
        return held.level < x.level if held.table else held.level == x.level
    if not x.granule:
        return True
    return not held.table and (x.granule, x.level) == (held.granule, held.level)


def touches(x: Operand, held: Cached) -> bool:
    """R_QKRKL for ranges, I_HQTLK for an address: whether an address that is named is translated by the
    entry."""
    if x.kind == "range":
        return max(x.first, held.first) <= min(x.last, held.first + held.bytes - 1)
    granule = 4096 if held.s1_off else GRANULE_BYTES[held.granule]
    at = x.first // granule * granule
    return held.first <= at < held.first + held.bytes


def answer(name: str, xt: int, pe: Pe, held: Cached) -> str:
    """Whether ``held`` has to be gone once the operation is complete."""
    op = parse(name)
    if regime(name, pe) != held.regime or not reaches(name, pe):
        return MAY
    if held.regime == "10" and op.type != "all" and held.vmid != pe.vmid:
        return MAY
    if held.xs and (op.nxs or (pe.el == 1 and pe.fnxs)):  # R_KBSSD; I_NVLMG
        return MAY
    if op.type in ("all", "vmalls12"):  # R_GNJPZ
        return MUST
    if op.type.startswith("ipas2") != (held.stages == "2"):  # R_LGSCG, R_TVTYQ
        return MAY
    if held.table and op.type in ("val", "vaal", "ipas2l"):
        return MAY
    x = operand(name, xt, pe.lpa2, pe.ds1, pe.ds2)
    if not same_asid(op.type, pe, x.asid, held):
        return MAY
    if x.kind in ("none", "asid"):
        return MUST
    if not hint_allows(x, held):
        return MAY
    if x.skewed:
        return UNPREDICTABLE
    return MUST if touches(x, held) else MAY


# ---- traps

# HFGITR_EL2 (D24.2.71) from bit 18 up.
_PLAIN = ("vmalle1", "vae1", "aside1", "vaae1", "vale1", "vaale1")
_RANGE = ("rvae1", "rvaae1", "rvale1", "rvaale1")
HFGITR = [
    *(f"{name}{scope}" for scope in ("os", "is") for name in _PLAIN + _RANGE),
    *_RANGE,
    *_PLAIN,
]


@dataclass(frozen=True)
class Traps:
    """What decides the fate of an operation: what is implemented, where it executes, and L1's bits."""

    el: int = 1
    nv: bool = False
    ttlb: bool = False
    ttlbis: bool = False
    ttlbos: bool = False
    hfgitr: int = 0
    fgtnxs: bool = False
    has_os: bool = True
    has_range: bool = True
    has_xs: bool = True


def fate(name: str, by: Traps) -> str:
    """ "execute", "undefined" or "trap", in the order of each operation's pseudocode (C5.5)."""
    op = parse(name)
    exists = (by.has_os or op.scope != "os") and (by.has_range or not op.range) and (by.has_xs or not op.nxs)
    if not exists:
        return "undefined"
    if by.el == 2:
        return "execute"
    if op.el == 2 or op.type in ("all", "vmalls12", "ipas2", "ipas2l"):
        return "trap" if by.nv else "undefined"
    if by.ttlb or (by.ttlbis and op.scope == "is") or (by.ttlbos and op.scope == "os"):
        return "trap"
    bit = 18 + HFGITR.index(name.removesuffix("nxs"))
    fine = f"{by.hfgitr:064b}"[63 - bit] == "1"
    return "trap" if fine and not (op.nxs and by.fgtnxs) else "execute"


def syndrome(word: int, rt: int) -> int:
    """ESR_EL2 less IL of the trap of the instruction ``word`` with register ``rt`` (D24.2.46, EC 0x18)."""
    digits = f"{word:032b}"  # SYS: op1 <18:16>, CRn <15:12>, CRm <11:8>, op2 <7:5>
    op1, crn, crm, op2 = digits[13:16], digits[16:20], digits[20:24], digits[24:27]
    return int("011000" + "0" + "000" + "01" + op2 + op1 + crn + f"{rt:05b}" + crm + "0", 2)


# ---- barriers


def completes(
    domain: str, nxs: bool, below: bool, bsu: int, host: bool, fnxs: bool, of: str, of_nxs: bool
) -> bool:
    """Whether DSB ``domain`` completes an operation of scope ``of`` ("", "is", "os") of its PE (D8.17.8).

    A machine is one Inner Shareable domain. BSU raises the domain of barriers below EL2 (D24.2.62).
    """
    wide = domain != "nsh" or (below and bsu != 0 and not host)
    exclude_xs = nxs or (below and fnxs)
    return (wide or of == "") and (of_nxs or not exclude_xs)
