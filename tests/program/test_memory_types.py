# SPDX-License-Identifier: GPL-2.0-only
"""Types of memory as PAR_EL1 has them: Arm ARM DDI 0487 M.a.a, D8.6, value by value."""

from __future__ import annotations

import re

import pytest

from harness.host.paths import IMAGES
from harness.program.allowed import allowed_of
from harness.program.memory_types import ATTRIBUTES, MEMATTR, combined, shareability, stage1
from harness.program.program import At, Context, Map, Program, World


@pytest.mark.parametrize(
    ("first", "letter", "fwb", "both"),
    [
        (0xFF, "", False, 0xFF),
        (0xFF, "N", False, 0x44),
        (0x44, "", False, 0x44),
        (0xFF, "T", False, 0xBB),
        (0xBB, "", False, 0xBB),
        (0x44, "T", False, 0x44),
        (0x04, "N", False, 0x04),
        (0xFF, "D", False, 0x00),
        (0xFF, "E", False, 0x04),
        (0x00, "E", False, 0x00),
        (0x0C, "E", False, 0x04),
        (0x44, "", True, 0xFF),
        (0x00, "", True, 0xFF),
        (0xBB, "S", True, 0xBB),
        (0x04, "S", True, 0x04),
        (0xFF, "N", True, 0x44),
        (0x0C, "N", True, 0x0C),
        (0xFF, "D", True, 0x00),
    ],
)
def test_both_stages_together(first: int, letter: str, fwb: bool, both: int) -> None:
    assert combined(first, f"rwx{letter}", fwb) == both


def test_a_leaf_names_a_byte_of_mair() -> None:
    mair = 0x00_BB_04_44_FF
    assert [stage1(letters, mair) for letters in ("wx", "wx1", "2", "u3", "7")] == [0xFF, 0x44, 4, 0xBB, 0]


def test_device_and_non_cacheable_memory_is_outer_shareable() -> None:
    assert all(shareability(each, each) == {2} for each in ATTRIBUTES if each < 0x80)
    assert shareability(0xFF, 0xFF) == {3}
    assert shareability(0xFF, 0x44) == {2, 3}


def test_the_question_to_models_asks_for_the_same() -> None:
    """What images/payloads/model/memory.c says of the same types; FWB has its own."""
    text = (IMAGES / "payloads" / "model" / "memory.c").read_text()
    (listed,) = re.findall(r"types\[8\] = \{ (.*?) \}", text)
    assert set(ATTRIBUTES) <= {int(word, 16) for word in listed.split(", ")}
    (without,) = re.findall(r"without\[\] = \{ (.*?) \}", text)
    assert set(MEMATTR.values()) - {7} <= {int(word) for word in without.split(", ")}


def test_at_sees_a_type_that_was_changed_only_after_the_operations() -> None:
    """Before, the old one, too: it may be held (R_WHZWS)."""
    world = World(12, (Context(s1=True),))
    ipa, va, pa = 0x4_0000_0000, 0x6000_0000, 0x1_0000_0000
    first = (Map("s2", 0, ipa, 3, pa, "rwx"), Map("s1", 0, va, 3, ipa, "w"), At(0, "s12e1r", va, True))
    last = At(0, "s12e1r", va, True)
    assert set(allowed_of(Program(world, first))[-1] or ()) == {f"pa={pa:#x}+attr=0xff+sh=3"}
    gone = set(allowed_of(Program(world, (*first, Map("s2", 0, ipa, 3), last)))[-1] or ())
    assert gone == {f"pa={pa:#x}+attr=0xff+sh=3", "par-s2-translation"}
