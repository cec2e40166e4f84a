# SPDX-License-Identifier: GPL-2.0-only
"""Operand fields: known values, round trips over random and extreme fields, refusals."""

from __future__ import annotations

import random

import pytest

from harness.arch import operand, table
from harness.arch.operand import Fields
from harness.errors import UserError


def test_known_values() -> None:
    op = table.by_name("ipas2e1is")
    got = operand.decode(op, 1 << 63 | 0b0110 << 44 | 0x40123)
    assert got == Fields(ipa=0x40123000, ns=1, ttl=6, start=0x40000000, size=0x200000)
    # A kernel VA: VA[55:12] all ones at the top, so it comes back sign-extended.
    got = operand.decode(table.by_name("vae1is"), 0xABCD << 48 | 0xFFFF8000010)
    assert (got.asid, got.va, got.ttl, got.size) == (0xABCD, 0xFFFF_FF80_0001_0000, 0, None)
    assert operand.decode(table.by_name("aside1"), 0x12 << 48 | 0xFFFF) == Fields(asid=0x12)
    assert operand.decode(table.by_name("alle1"), 0xFFFF) == Fields()
    assert operand.decode(table.by_name("vaae1is"), 0xFFFF << 48 | 1).asid is None


def test_range_values() -> None:
    op = table.by_name("ripas2e1is")
    got = operand.decode(op, 1 << 46 | 1 << 44 | 3 << 39 | 0x80000)
    assert (got.start, got.size, got.tg, got.scale, got.num) == (0x8000_0000, 4 * 64 * 4096, 1, 1, 3)
    assert operand.decode(op, 3 << 46 | 5).start == 5 << 16
    # With FEAT_LPA2 the base counts 64 KB whatever the granule.
    assert operand.decode(op, 1 << 46 | 5, ds=True).start == 5 << 16
    reserved = operand.decode(op, 0 << 46 | 31 << 39 | 5)
    assert (reserved.start, reserved.size, reserved.ipa) == (None, None, None)
    top = operand.decode(table.by_name("rvae1is"), 1 << 46 | (1 << 37) - 1)
    assert top.va == 0xFFFF_FFFF_FFFF_F000


def test_ttl_sizes() -> None:
    kib = 1 << 10
    sizes = {ttl: operand.leaf_size(ttl) for ttl in range(16)}
    assert [sizes[t] for t in (0, 1, 2, 3, 4, 8, 9, 12)] == [None] * 8
    assert [sizes[t] for t in (5, 6, 7)] == [1 << 30, 2 << 20, 4 * kib]
    assert [sizes[t] for t in (10, 11)] == [32 << 20, 16 * kib]
    assert [sizes[t] for t in (13, 14, 15)] == [4 << 40, 512 << 20, 64 * kib]
    assert operand.leaf_size(4, ds=True) == 512 << 30
    assert operand.leaf_size(9, ds=True) == 64 << 30


@pytest.mark.parametrize("ds", [False, True])
def test_round_trip(ds: bool) -> None:
    rng = random.Random(4)

    def pick(width: int) -> int:
        return rng.choice((0, 1, (1 << width) - 1, 1 << (width - 1), rng.getrandbits(width)))

    for op in table.load():
        for _ in range(40):
            asid = pick(16) if op.matches_asid else None
            if op.operand.is_range:
                tg = rng.choice((1, 2, 3))
                shift = 16 if ds else operand.GRANULES[tg]
                page, ns = pick(37), pick(1)
                va = page << shift
                if page >> 36:
                    va |= ((1 << 64) - 1) << (shift + 37) & ((1 << 64) - 1)
                is_va = op.operand is table.Operand.VA_RANGE
                fields = Fields(
                    asid=asid,
                    va=va if is_va else None,
                    ipa=None if is_va else page << shift,
                    ns=None if is_va else ns,
                    ttl=pick(2),
                    tg=tg,
                    scale=pick(2),
                    num=pick(5),
                )
            elif op.operand is table.Operand.VA:
                page = pick(44)
                fields = Fields(asid=asid, va=page << 12 | (0xFF << 56 if page >> 43 else 0), ttl=pick(4))
            elif op.operand is table.Operand.IPA:
                fields = Fields(ipa=pick(40) << 12, ns=pick(1), ttl=pick(4))
            else:
                fields = Fields(asid=asid)
            xt = operand.encode(op, fields, ds=ds)
            back = operand.decode(op, xt, ds=ds)
            for name in ("asid", "va", "ipa", "ns", "ttl", "tg", "scale", "num"):
                assert getattr(back, name) == getattr(fields, name), (op.name, name, hex(xt))
            assert operand.encode(op, back, ds=ds) == xt


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("vae1", Fields(va=0x1001), "not a multiple"),
        ("vae1", Fields(va=1 << 60), "does not fit"),
        ("vae1", Fields(asid=1 << 16), "bits 63:48"),
        ("vae1", Fields(ttl=16), "bits 47:44"),
        ("ipas2e1", Fields(ipa=1 << 52), "does not fit"),
        ("ripas2e1", Fields(ipa=0, tg=0), "reserved"),
        ("ripas2e1", Fields(ipa=0x1000, tg=3), "not a multiple"),
        ("rvae1", Fields(va=1 << 50, tg=1), "does not fit"),
        ("rvae1", Fields(va=0, tg=1, num=32), "bits 43:39"),
    ],
)
def test_refusals(name: str, fields: Fields, message: str) -> None:
    with pytest.raises(UserError, match=message):
        operand.encode(table.by_name(name), fields)


def test_operand_must_be_64_bits() -> None:
    for bad in (-1, 1 << 64):
        with pytest.raises(UserError, match="64-bit"):
            operand.decode(table.by_name("vae1"), bad)
