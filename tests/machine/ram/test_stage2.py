# SPDX-License-Identifier: GPL-2.0-only
"""The stage-2 decoder on tables made by hand: every granule, level and defect; and what it must refuse."""

from __future__ import annotations

import pytest

from harness.machine.ram import stage2
from harness.machine.ram.stage2 import Attributes, BadTable, Geometry, Leaf, runs, vmid, vttbr_base, walk
from tests.machine.ram.tables import (
    AF,
    BLOCK,
    PAGE,
    RO,
    RW,
    VTCR_4K_39,
    VTCR_4K_40,
    VTCR_4K_LPA2,
    VTCR_16K_36,
    VTCR_64K_42,
    XN,
    Words,
)

BASE = 0x4000_0000


@pytest.fixture
def memory() -> Words:
    return Words(BASE, 0x40000)


def found(memory: Words, vtcr: int, start: int = 0, end: int | None = None) -> stage2.Walk:
    return walk(memory.read, BASE, Geometry.from_vtcr(vtcr), start, end)


def places(result: stage2.Walk) -> list[tuple[int, int, int, int]]:
    return [(leaf.ipa, leaf.pa, leaf.size, leaf.level) for leaf in result.leaves]


@pytest.mark.parametrize(
    ("vtcr", "shape"),
    [
        (VTCR_4K_40, (12, 40, 1)),
        (VTCR_4K_39, (12, 39, 1)),
        (VTCR_16K_36, (14, 36, 2)),
        (VTCR_64K_42, (16, 42, 2)),
        (VTCR_4K_LPA2, (12, 48, 0)),
        (0x1_802E_3558, (12, 40, 1)),  # what L0's KVM uses for an L1 here, with FEAT_LPA2
        (0x802D_3558, (12, 40, 1)),  # what L1's KVM uses for an L2 here
        (1 << 33 | 1 << 32 | 12, (12, 52, -1)),  # SL2 and DS: level -1
        (3 << 6 | 43, (12, 21, 3)),  # FEAT_TTST: level 3, as many pages as a table has
    ],
)
def test_geometry(vtcr: int, shape: tuple[int, int, int]) -> None:
    geometry = Geometry.from_vtcr(vtcr)
    assert (geometry.granule_shift, geometry.ipa_bits, geometry.start_level) == shape


@pytest.mark.parametrize(
    ("vtcr", "why"),
    [
        (3 << 14 | 24, "TG0 is reserved"),
        (1 << 14 | 3 << 6 | 22, "SL0 3 is reserved"),
        (0 << 6 | 24, "an IPA of 40 bits cannot start at level 2"),  # 1024 tables
        (2 << 6 | 30, "an IPA of 34 bits cannot start at level 0"),  # not even one descriptor
        (1 << 36 | VTCR_4K_40, "S2PIE"),
    ],
)
def test_contradictions_are_refused(vtcr: int, why: str) -> None:
    with pytest.raises(BadTable, match=why):
        Geometry.from_vtcr(vtcr)


def test_page_of_4k(memory: Words) -> None:
    memory.put(BASE + 8 * 1, (BASE + 0x2000) | PAGE)  # 1 GiB on
    memory.put(BASE + 0x2000 + 8 * 2, (BASE + 0x3000) | PAGE)  # 4 MiB on
    memory.put(BASE + 0x3000 + 8 * 5, 0x8_7654_3000 | AF | RW | PAGE)
    result = found(memory, VTCR_4K_40)
    assert places(result) == [(0x4040_5000, 0x8_7654_3000, 4096, 3)]
    assert (result.tables, result.mapped, result.annotated, result.defects) == (3, 4096, 0, [])


def test_second_concatenated_table(memory: Words) -> None:
    memory.put(BASE + 0x1000, 0x1_4000_0000 | AF | RW | BLOCK)
    assert places(found(memory, VTCR_4K_40)) == [(1 << 39, 0x1_4000_0000, 1 << 30, 1)]
    assert places(found(memory, VTCR_4K_39)) == []


@pytest.mark.parametrize(
    ("vtcr", "size", "index"),
    [(VTCR_4K_39, 1 << 30, 3), (VTCR_16K_36, 1 << 25, 7), (VTCR_64K_42, 1 << 29, 9)],
)
def test_largest_block_of_each_granule(memory: Words, vtcr: int, size: int, index: int) -> None:
    memory.put(BASE + 8 * index, 5 * size | AF | RW | BLOCK)
    (leaf,) = found(memory, vtcr).leaves
    assert (leaf.ipa, leaf.pa, leaf.size) == (index * size, 5 * size, size)


def test_address_bits_below_a_block_do_not_count(memory: Words) -> None:
    memory.put(BASE, 0x4000_0000 | 0x1000 | AF | BLOCK)
    assert places(found(memory, VTCR_4K_39)) == [(0, 0x4000_0000, 1 << 30, 1)]


def test_output_address_of_52_bits() -> None:
    """FEAT_LPA2 puts OA[51:50] into [9:8] and OA[49:48] into [49:48]; 64K puts OA[51:48] into [15:12]."""
    wide = Geometry.from_vtcr(VTCR_4K_LPA2)
    assert wide.output(1 << 49 | 3 << 8 | 0x5000 | PAGE, 3) == 1 << 51 | 1 << 50 | 1 << 49 | 0x5000
    large = Geometry.from_vtcr(VTCR_64K_42 | 6 << 16)
    assert large.output(0xA << 12 | 0x7 << 16 | PAGE, 3) == 0xA << 48 | 0x7 << 16
    plain = Geometry.from_vtcr(VTCR_64K_42 | 5 << 16)
    assert plain.output(0xA << 12 | 0x7 << 16 | PAGE, 3) == 0x7 << 16
    assert Geometry.from_vtcr(VTCR_4K_40).output(1 << 49 | 3 << 8 | 0x5000 | PAGE, 3) == 0x5000


def test_blocks_where_none_may_be(memory: Words) -> None:
    memory.put(BASE, 0x8000_0000 | AF | BLOCK)
    (defect,) = found(memory, 2 << 6 | 20).defects  # 4K, level 0 without FEAT_LPA2
    assert (defect.ipa, defect.level, defect.text) == (0, 0, "a block where none may be")
    assert found(memory, VTCR_4K_LPA2).leaves[0].size == 1 << 39


def test_reserved_descriptor_of_the_last_level(memory: Words) -> None:
    memory.put(BASE, (BASE + 0x2000) | PAGE)
    memory.put(BASE + 0x2000, (BASE + 0x3000) | PAGE)
    memory.put(BASE + 0x3000 + 8, 0x5000 | AF | BLOCK)
    result = found(memory, VTCR_4K_40)
    assert result.leaves == []
    assert [(each.ipa, each.level, each.text) for each in result.defects] == [
        (0x1000, 3, "a reserved descriptor")
    ]


def test_table_outside_memory(memory: Words) -> None:
    memory.put(BASE, 0x9_0000_0000 | PAGE)
    memory.put(BASE + 8, 0x4000_0000 | AF | BLOCK)
    result = found(memory, VTCR_4K_40)
    assert [leaf.ipa for leaf in result.leaves] == [1 << 30]
    assert "the table at 0x900000000 cannot be read" in result.defects[0].text


def test_table_that_contains_itself_ends(memory: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(1024):
        memory.put(BASE + 8 * index, BASE | PAGE)
    monkeypatch.setattr(stage2, "MAX_TABLES", 100)
    with pytest.raises(BadTable, match="more than 100 tables"):
        found(memory, VTCR_4K_40)
    assert memory.reads <= 100


def test_software_notes_are_counted_not_mapped(memory: Words) -> None:
    memory.put(BASE, 1 << 60)  # KVM's note of an owner, in an invalid descriptor
    result = found(memory, VTCR_4K_40)
    assert (result.annotated, result.leaves, result.defects) == (1, [], [])


def test_attributes() -> None:
    full = Attributes.of(0xF << 2 | RW | 3 << 8 | AF | 1 << 51 | 1 << 52 | 5 << 55, lpa2=False)
    assert (full.permissions, full.memattr, full.shareability) == ("rwx", 0xF, 3)
    assert (full.accessed, full.dirty_bit, full.contiguous, full.software) == (True, True, True, 5)
    assert str(full) == "rwx attr=0xf af dbm cont sw=0x5"
    assert Attributes.of(RO | XN, lpa2=True).permissions == "r--"
    assert Attributes.of(RO | 1 << 53, lpa2=True).permissions == "r-u"
    assert Attributes.of(RO | 3 << 53, lpa2=True).permissions == "r-p"
    assert Attributes.of(3 << 8, lpa2=True).shareability == -1
    assert not Attributes.of(RO, lpa2=False).accessed


def test_range_limits_what_is_read(memory: Words) -> None:
    memory.put(BASE + 8, (BASE + 0x2000) | PAGE)
    for index in range(8):
        memory.put(BASE + 0x2000 + 8 * index, index << 21 | AF | RW | BLOCK)
    start = 0x4000_0000 + 3 * 0x20_0000
    inside = [leaf.ipa for leaf in found(memory, VTCR_4K_40, start, start + 2 * 0x20_0000).leaves]
    assert inside == [start, start + 0x20_0000]
    middle = found(memory, VTCR_4K_40, start + 0x1000, start + 0x1001).leaves
    assert [leaf.ipa for leaf in middle] == [start]  # the block that covers it
    before = memory.reads
    assert found(memory, VTCR_4K_40, 0, 0x4000_0000).leaves == []
    assert memory.reads == before + 1  # the table of the second GiB was not read


def test_runs_merge_what_goes_on() -> None:
    one, two = Attributes.of(RW | AF, lpa2=False), Attributes.of(RO | AF, lpa2=False)
    leaves = [
        Leaf(0x0000, 0x8000, 0x1000, 3, one),
        Leaf(0x1000, 0x9000, 0x1000, 3, one),
        Leaf(0x2000, 0xA000, 0x1000, 3, two),  # other permissions
        Leaf(0x3000, 0xC000, 0x1000, 3, two),  # a jump of the output
        Leaf(0x5000, 0xE000, 0x1000, 3, two),  # a hole
        Leaf(0x6000, 0xF000, 0x1000, 2, two),  # another level
    ]
    merged = [(run.ipa, run.pa, run.size, run.count) for run in runs(leaves)]
    assert merged == [
        (0x0000, 0x8000, 0x2000, 2),
        (0x2000, 0xA000, 0x1000, 1),
        (0x3000, 0xC000, 0x1000, 1),
        (0x5000, 0xE000, 0x1000, 1),
        (0x6000, 0xF000, 0x1000, 1),
    ]
    assert list(runs([])) == []


def test_vttbr() -> None:
    value = 0x1234 << 48 | 0x41DD_A000 | 1
    assert vmid(value) == 0x1234
    assert vttbr_base(value, Geometry.from_vtcr(VTCR_4K_40)) == 0x41DD_A000
    assert vttbr_base(value | 0x5 << 2, Geometry.from_vtcr(VTCR_4K_LPA2)) == 0x5 << 48 | 0x41DD_A000
