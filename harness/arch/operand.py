# SPDX-License-Identifier: GPL-2.0-only
"""The Xt operand of TLBI operations: bits to fields and back.

Formats: Arm ARM DDI 0487 issue M.a.a, D8.17.5; the reference in images/payloads/arch decodes, and fields
are those of images/registers.csv. Addresses are full 64-bit values (a VA is sign-extended), sizes are
bytes. ``ds`` says that the range form holds a base in units of 64 KB (I_TYBWT), as it does with TCR_ELx.DS
or VTCR_EL2.DS for every granule.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from harness.arch.library import CFields, CState, Features, c_operation, library
from harness.arch.registers import named, place
from harness.arch.table import Operand, Operation
from harness.arch.ttl_and_traps import LAST_LEVEL, ttls
from harness.errors import UserError

GRANULES = {1: 12, 2: 14, 3: 16}
"""TG (and TTL[3:2]) to the granule's shift: 4 KB, 16 KB, 64 KB. 0 is reserved (TTL: no hint)."""

_ALL = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Fields:
    """Decoded operand; None where the form has no such field or it says nothing.

    ``ttl`` is the four-bit TTL of the VA and IPA forms, the two-bit one of the range forms.
    ``start`` and ``size`` are the addresses named: the range, or the aligned leaf that a TTL hint gives.
    """

    asid: int | None = None
    va: int | None = None
    ipa: int | None = None
    ns: int | None = None
    ttl: int | None = None
    tg: int | None = None
    scale: int | None = None
    num: int | None = None
    start: int | None = None
    size: int | None = None


def leaf_size(ttl: int, *, ds: bool = False) -> int | None:
    """Bytes mapped by a leaf at the level of a four-bit TTL; None when the value is no hint.

    Arm ARM Table D8-123 (M.a.a), images/tlbi-ttl.csv. A block at level 0 (4 KB) or level 1 (16 KB) exists
    only with FEAT_LPA2, here ``ds``; without it those values are as if there were no hint.
    """
    for each in ttls():
        if each.form == "address" and each.ttl == ttl and each.level is not None and (ds or not each.lpa2):
            return 1 << (each.shift + (LAST_LEVEL - each.level) * (each.shift - 3))
    return None


def range_size(tg: int, scale: int, num: int) -> int | None:
    """Bytes covered by a range form, (NUM + 1) * 2^(5*SCALE + 1) granules; None for the reserved TG."""
    shift = GRANULES.get(tg)
    return None if shift is None else (num + 1) << (5 * scale + 1 + shift)


def decode(operation: Operation, xt: int, *, ds: bool = False) -> Fields:
    """Decode ``xt`` as the operand of ``operation``. ``UserError`` unless it is a 64-bit value."""
    if not 0 <= xt <= _ALL:
        raise UserError(f"{xt:#x} is not a 64-bit operand")
    form = operation.operand
    if form is Operand.NONE:
        return Fields()
    found = _raw(operation, xt, ds=ds)
    asid = found.asid if operation.matches_asid else None
    if form is Operand.ASID:
        return Fields(asid=asid)
    ns = found.ns if form in (Operand.IPA, Operand.IPA_RANGE) else None
    if form.is_range:
        return _range_fields(form, found, asid, ns)
    size = leaf_size(found.ttl, ds=ds)
    start = None if size is None else found.address & ~(size - 1)
    if form is Operand.VA:
        return Fields(asid=asid, va=found.address, ttl=found.ttl, start=start, size=size)
    return Fields(ipa=found.address, ns=ns, ttl=found.ttl, start=start, size=size)


def _raw(operation: Operation, xt: int, *, ds: bool) -> CFields:
    """What the reference makes of the operand."""
    state = CState(features=Features.LPA2 if ds else 0, ds1=ds, ds2=ds)
    found = CFields()
    library().nvh_decode(c_operation(operation), xt, ctypes.byref(state), ctypes.byref(found))
    return found


def _range_fields(form: Operand, found: CFields, asid: int | None, ns: int | None) -> Fields:
    size = range_size(found.tg, found.scale, found.num)
    base = None if size is None else int(found.address)
    return Fields(
        asid=asid,
        va=base if form is Operand.VA_RANGE else None,
        ipa=None if form is Operand.VA_RANGE else base,
        ns=ns,
        ttl=found.ttl,
        tg=found.tg,
        scale=found.scale,
        num=found.num,
        start=base,
        size=size,
    )


def encode(operation: Operation, fields: Fields, *, ds: bool = False) -> int:
    """The operand whose decoding has these fields; the inverse of ``decode``.

    Absent fields are 0; ``start`` and ``size`` follow from the others and are not read. ``UserError`` when
    a field does not fit or an address is not a multiple of its unit.
    """
    form = operation.operand
    if form is Operand.NONE:
        return 0
    xt = place("XT.ASID", fields.asid or 0) if operation.matches_asid else 0
    if form is Operand.ASID:
        return xt
    is_ipa = form in (Operand.IPA, Operand.IPA_RANGE)
    if is_ipa:
        xt |= place("XT.NS", fields.ns or 0)
    address = (fields.ipa if is_ipa else fields.va) or 0
    if form.is_range:
        tg = fields.tg or 0
        if tg not in GRANULES:
            raise UserError(f"TG {tg} is reserved; use 1 (4K), 2 (16K) or 3 (64K)")
        shift = 16 if ds else GRANULES[tg]
        return (
            xt
            | place("XT.TG", tg)
            | place("XT.SCALE", fields.scale or 0)
            | place("XT.NUM", fields.num or 0)
            | place("XT.RTTL", fields.ttl or 0)
            | _unit("XT.BASE", address, shift, signed=not is_ipa)
        )
    xt |= place("XT.TTL", fields.ttl or 0)
    return xt | _unit("XT.IPA" if is_ipa else "XT.VA", address, 12, signed=not is_ipa)


def _unit(name: str, address: int, shift: int, *, signed: bool) -> int:
    """The field that holds ``address`` in units of ``1 << shift``; a VA is the sign-extension of it."""
    if address & ((1 << shift) - 1):
        raise UserError(f"address {address:#x} is not a multiple of {1 << shift:#x}")
    field = named(name)
    kept = (address >> shift) & field.mask
    top = shift + field.high
    whole = kept << shift
    if signed and whole >> top & 1:
        whole |= (_ALL << top) & _ALL
    if whole != address:
        raise UserError(f"address {address:#x} does not fit into the operand")
    return kept
