"""The Xt operand of TLBI operations: bits to fields and back.

Formats: Arm ARM DDI 0487, C5.5 "A64 system instructions for TLB maintenance". Addresses are full 64-bit
values (a VA is sign-extended), sizes are bytes. ``ds`` says that the range form holds a base in units of
64 KB, as it does with TCR_ELx.DS (FEAT_LPA2) for every granule.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import UserError
from harness.tlbi.table import Operand, Operation

GRANULES = {1: 12, 2: 14, 3: 16}
"""TG (and TTL[3:2]) to the granule's shift: 4 KB, 16 KB, 64 KB. 0 is reserved (TTL: no hint)."""

_ADDRESS_BITS = 64
_ALL = (1 << _ADDRESS_BITS) - 1
_LAST_LEVEL = 3


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

    Arm ARM D8.17.5 "TLB maintenance operations with TTL": TTL[3:2] is the granule, TTL[1:0] the level. A
    block at level 0 (4 KB) or level 1 (16 KB) exists only with 52-bit addresses, ``ds``.
    """
    shift = GRANULES.get(ttl >> 2)
    level = ttl & 3
    if shift is None:
        return None
    lowest = {12: 0 if ds else 1, 14: 1 if ds else 2, 16: 1}[shift]
    if level < lowest:
        return None
    return 1 << (shift + (_LAST_LEVEL - level) * (shift - 3))


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
    asid = _bits(xt, 63, 48) if operation.matches_asid else None
    if form is Operand.ASID:
        return Fields(asid=asid)
    if form.is_range:
        return _decode_range(operation, xt, asid, ds=ds)
    ttl = _bits(xt, 47, 44)
    size = leaf_size(ttl, ds=ds)
    if form is Operand.VA:
        va = _sign_extend(_bits(xt, 43, 0) << 12, 55)
        return Fields(asid=asid, va=va, ttl=ttl, start=_aligned(va, size), size=size)
    ipa = _bits(xt, 39, 0) << 12
    return Fields(ipa=ipa, ns=_bits(xt, 63, 63), ttl=ttl, start=_aligned(ipa, size), size=size)


def _decode_range(operation: Operation, xt: int, asid: int | None, *, ds: bool) -> Fields:
    tg, scale, num = _bits(xt, 47, 46), _bits(xt, 45, 44), _bits(xt, 43, 39)
    size = range_size(tg, scale, num)
    base = None
    if size is not None:
        shift = 16 if ds else GRANULES[tg]
        base = _bits(xt, 36, 0) << shift
        if operation.operand is Operand.VA_RANGE:
            base = _sign_extend(base, shift + 36)
    is_va = operation.operand is Operand.VA_RANGE
    return Fields(
        asid=asid,
        va=base if is_va else None,
        ipa=None if is_va else base,
        ns=None if is_va else _bits(xt, 63, 63),
        ttl=_bits(xt, 38, 37),
        tg=tg,
        scale=scale,
        num=num,
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
    xt = _place("asid", fields.asid, 63, 48) if operation.matches_asid else 0
    if form is Operand.ASID:
        return xt
    is_ipa = form in (Operand.IPA, Operand.IPA_RANGE)
    if is_ipa:
        xt |= _place("ns", fields.ns, 63, 63)
    address = (fields.ipa if is_ipa else fields.va) or 0
    if form.is_range:
        tg = fields.tg or 0
        if tg not in GRANULES:
            raise UserError(f"TG {tg} is reserved; use 1 (4K), 2 (16K) or 3 (64K)")
        shift = 16 if ds else GRANULES[tg]
        return (
            xt
            | _place("tg", tg, 47, 46)
            | _place("scale", fields.scale, 45, 44)
            | _place("num", fields.num, 43, 39)
            | _place("ttl", fields.ttl, 38, 37)
            | _unit(address, shift, None if is_ipa else shift + 36, 37)
        )
    xt |= _place("ttl", fields.ttl, 47, 44)
    return xt | (_unit(address, 12, None, 40) if is_ipa else _unit(address, 12, 55, 44))


def range_fields(size: int, tg: int) -> tuple[int, int]:
    """The (SCALE, NUM) that cover exactly ``size`` bytes; ``UserError`` when no pair does."""
    if tg not in GRANULES:
        raise UserError(f"TG {tg} is reserved; use 1 (4K), 2 (16K) or 3 (64K)")
    for scale in range(4):
        unit = 1 << (5 * scale + 1 + GRANULES[tg])
        if size % unit == 0 and 1 <= size // unit <= 32:
            return scale, size // unit - 1
    raise UserError(
        f"no range operation covers exactly {size:#x} bytes of {1 << GRANULES[tg] - 10}K granules; "
        "use (NUM+1) * 2^(5*SCALE+1) granules with NUM 0..31 and SCALE 0..3"
    )


def _bits(value: int, high: int, low: int) -> int:
    return (value >> low) & ((1 << (high - low + 1)) - 1)


def _place(name: str, value: int | None, high: int, low: int) -> int:
    value = value or 0
    if not 0 <= value < 1 << (high - low + 1):
        raise UserError(f"{name} {value:#x} does not fit into bits {high}:{low}")
    return value << low


def _unit(address: int, shift: int, sign: int | None, width: int) -> int:
    if address & ((1 << shift) - 1):
        raise UserError(f"address {address:#x} is not a multiple of {1 << shift:#x}")
    field = (address >> shift) & ((1 << width) - 1)
    whole = field << shift if sign is None else _sign_extend(field << shift, sign)
    if whole != address:
        raise UserError(f"address {address:#x} does not fit into the operand")
    return field


def _sign_extend(value: int, top: int) -> int:
    return (value | (_ALL << top)) & _ALL if value >> top & 1 else value


def _aligned(address: int, size: int | None) -> int | None:
    return None if size is None else address & ~(size - 1)
