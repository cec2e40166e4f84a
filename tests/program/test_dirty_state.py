# SPDX-License-Identifier: GPL-2.0-only
"""The dirty state of leaves with DBM: what the reference model allows (Arm ARM DDI 0487 M.a.a, D8.5)."""

from __future__ import annotations

import pytest

from harness.arch.table import by_name
from harness.program.allowed import allowed_of
from harness.program.needs import needs
from harness.program.program import (
    Access,
    Action,
    Context,
    DescriptorLook,
    Map,
    Program,
    Tlbi,
    World,
    make_operand,
)

IPA, PA = 0x4_0000_0000, 0x1_0000_0000
CLEAN = Map("s2", 0, IPA, 3, PA, "rd")
WRITE, READ = Access("write", 0, IPA + 8, 1), Access("read", 0, IPA)
LOOK = DescriptorLook("s2", 0, IPA, 3)
GONE = (Tlbi(0, "ipas2e1is", make_operand(by_name("ipas2e1is"), at=IPA)), Tlbi(0, "vmalle1is"))


def last(*actions: Action, hd: bool = True) -> set[str]:
    world = World(12, (Context(s2_ha=True, s2_hd=hd),))
    return set(allowed_of(Program(world, actions))[-1] or ())


@pytest.mark.parametrize(
    ("actions", "seen"),
    [
        ((CLEAN, LOOK), {"young-clean"}),
        ((CLEAN, READ, LOOK), {"young-clean"}),
        ((CLEAN, WRITE, LOOK), {"young-dirty"}),
        ((Map("s2", 0, IPA, 3, PA, "rwd"), LOOK), {"young-dirty"}),
        ((CLEAN, WRITE, CLEAN, LOOK), {"young-clean"}),
        ((CLEAN, WRITE, CLEAN, WRITE, LOOK), {"young-clean", "young-dirty"}),
        ((CLEAN, WRITE, CLEAN, *GONE, WRITE, LOOK), {"young-dirty"}),
    ],
)
def test_a_write_makes_dirty_and_nothing_else(actions: tuple[Action, ...], seen: set[str]) -> None:
    assert last(*actions) == seen


def test_without_hd_the_bit_says_nothing() -> None:
    assert last(CLEAN, WRITE, hd=False) == {"s2-permission"}
    assert last(CLEAN, WRITE, LOOK, hd=False) == {"young-clean"}


def test_what_a_context_needs_is_said() -> None:
    world = World(12, (Context(s2_ha=True, s2_hd=True, s1_ds=True, s2_ds=True, fwb=True),))
    assert needs(Program(world, (READ,))) == {"ha", "hd", "s1-ds", "s2-ds", "fwb"}
