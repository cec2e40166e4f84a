# SPDX-License-Identifier: GPL-2.0-only
"""The user's shadow is not always the first one."""

from __future__ import annotations

import random

import pytest

from harness.program.addresses import Layout
from harness.program.allowed import allowed_of
from harness.program.program import Access, Map, Sample, Spin
from harness.reproduce.hunt.program_findings import judge
from harness.reproduce.races import conflict_programs, conflicts, crowd

LAYOUT = Layout(conflict_programs.SHIFT, 0, 0)


@pytest.mark.parametrize("kind", crowd.KINDS)
def test_other_shadows_come_first(kind: str) -> None:
    """Each is entered before the user begins, under a VMID of its own, in as many bits as the user's has."""
    seen = set()
    for seed in range(40):
        made = conflicts.CONFLICTS[kind].make(random.Random(seed), LAYOUT, 36, "after")
        program = crowd.crowded(random.Random(seed), kind, made, LAYOUT, 36)
        more = range(len(made.world.contexts), len(program.world.contexts))
        seen.add(len(more))
        if not more:
            assert program == made
            continue
        begins = next(i for i, each in enumerate(program.actions) if isinstance(each, Spin))
        entered = [each.ctx for each in program.actions[:begins] if isinstance(each, Access)]
        assert entered[: len(more)] == list(more)
        assert len({each.vmid for each in program.world.contexts}) == len(program.world.contexts)
        assert {each.s2_bits for each in program.world.contexts} == {36}
        assert program.actions[2 * len(more) :] == made.actions
    assert seen == {0, 1, 2}


def test_what_another_shadow_has_is_a_finding() -> None:
    for seed in range(20):
        made = conflicts.CONFLICTS["stage1"].make(random.Random(seed), LAYOUT, 36, "after")
        program = crowd.crowded(random.Random(seed), "stage1", made, LAYOUT, 36)
        if program == made:
            continue
        maps = next(each for each in program.actions if isinstance(each, Map))
        seen = [None if may is None else min(may) for may in allowed_of(program)]
        assert judge(program, seen, conflicts.KNOWN) is None
        at = next(i for i, each in enumerate(program.actions) if isinstance(each, Sample))
        seen[at] = f"v={0x6E76_6800_0000_0000 + (maps.to or 0):#x}"
        finding = judge(program, seen, conflicts.KNOWN)
        assert finding is not None
        assert not finding.known


def test_kinds_whose_shadows_are_counted_have_no_more() -> None:
    made = conflicts.CONFLICTS["recycle"].make(random.Random(1), LAYOUT, 36, "after")
    for seed in range(20):
        assert crowd.crowded(random.Random(seed), "recycle", made, LAYOUT, 36) == made
