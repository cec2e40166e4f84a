# SPDX-License-Identifier: GPL-2.0-only
"""A shadow tree against the composition: what agrees, what is stale, what permits too much."""

from __future__ import annotations

from harness.machine.ram.compose import MAX_DISAGREEMENTS, compose
from harness.machine.ram.level_report import Disagreement
from harness.machine.ram.stage2 import Attributes, Leaf
from tests.machine.ram.tables import AF, RO, RW, XN

K4, M2 = 0x1000, 0x20_0000
HOST = 0x1_0000_0000  # L1's memory lies at this offset in the host


def leaf(ipa: int, pa: int, size: int = K4, bits: int = RW | AF) -> Leaf:
    return Leaf(ipa, pa, size, 3 if size == K4 else 2, Attributes.of(bits, lpa2=False))


def flat(address: int) -> tuple[int, int] | None:
    """L0 maps L1's first GiB in blocks."""
    return (HOST + address, M2 - address % M2) if address < 1 << 30 else None


def test_composed_page_agrees() -> None:
    assert compose([leaf(0x5000, HOST + 0x9000)], [leaf(0x5000, 0x9000)], flat) == (K4, 0, [])


def test_pages_of_a_block_of_l1_agree() -> None:
    guest = [leaf(0, 0x40_0000, M2)]
    shadow = [leaf(0x3000, HOST + 0x40_3000), leaf(0x4000, HOST + 0x40_4000)]
    assert compose(shadow, guest, flat) == (2 * K4, 0, [])


def test_shadow_block_over_pages_of_l1() -> None:
    guest = [leaf(page * K4, 0x40_0000 + page * K4) for page in range(512)]
    assert compose([leaf(0, HOST + 0x40_0000, M2)], guest, flat) == (M2, 0, [])
    guest[7] = leaf(7 * K4, 0x80_0000)  # L1 has remapped one page in the middle
    agreeing, _, found = compose([leaf(0, HOST + 0x40_0000, M2)], guest, flat)
    assert agreeing == M2 - K4
    assert [(each.ipa, each.pa, each.size) for each in found] == [(7 * K4, HOST + 0x40_7000, K4)]


def test_stale_page_is_found() -> None:
    _, _, found = compose([leaf(0x5000, HOST + 0x9000)], [leaf(0x5000, 0xA000)], flat)
    assert found == [
        Disagreement(0x5000, HOST + 0x9000, K4, "L1's tables and L0's give another page (-0x1000)")
    ]


def test_page_that_l1_unmapped_is_found_and_neighbours_merge() -> None:
    shadow = [leaf(0x5000, HOST + 0x9000), leaf(0x6000, HOST + 0xA000), leaf(0x7000, HOST + 0xB000)]
    agreeing, _, found = compose(shadow, [leaf(0x7000, 0xB000)], flat)
    assert agreeing == K4
    assert found == [Disagreement(0x5000, HOST + 0x9000, 2 * K4, "L1's tables do not map it")]


def test_more_permission_than_l1_gave_is_found() -> None:
    guest = [leaf(0, 0, bits=RO | AF | XN)]
    _, _, found = compose([leaf(0, HOST)], guest, flat)
    assert [each.text for each in found] == ["it permits wx, L1's tables only r--"]
    assert compose([leaf(0, HOST, bits=RO | AF | XN)], [leaf(0, 0)], flat) == (K4, 0, [])  # less is right


def test_what_l0_does_not_know_is_unknown() -> None:
    assert compose([leaf(0, HOST, M2)], [leaf(0, 1 << 30, M2)], flat) == (0, M2, [])


def test_only_the_range_counts() -> None:
    shadow, guest = [leaf(0, HOST + 0x40_0000, M2)], [leaf(0, 0x40_0000, M2)]
    assert compose(shadow, guest, flat, 0x3000, 0x5000) == (2 * K4, 0, [])


def test_disagreements_are_bounded() -> None:
    shadow = [leaf(2 * page * K4, HOST + page * K4) for page in range(1000)]
    _, _, found = compose(shadow, [], flat)
    assert len(found) == MAX_DISAGREEMENTS
