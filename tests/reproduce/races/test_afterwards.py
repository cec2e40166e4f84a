# SPDX-License-Identifier: GPL-2.0-only
"""The end of each program: what its users still use is taken away, and they are looked at once more."""

from __future__ import annotations

import random

import pytest

from harness.program.allowed import allowed_of
from harness.program.program import Map, Sample, Spin, Stop, Tlbi
from harness.reproduce.hunt.program_findings import judge
from harness.reproduce.races import conflicts
from harness.reproduce.races.afterwards import stage_of


@pytest.mark.parametrize("kind", list(conflicts.CONFLICTS))
def test_in_the_end_nobody_has_a_translation(kind: str) -> None:
    """Whatever came before; who has one then is a finding, and a new one where KVM keeps a pseudo-TLB."""
    conflict = conflicts.CONFLICTS[kind]
    for seed, way in enumerate(conflict.ways):
        for beside in ("", *conflict.beside):
            program = conflicts.program(random.Random(seed), kind, way, beside).program
            may = allowed_of(program)
            actions = program.actions
            looks = {each.cpu: i for i, each in enumerate(actions) if isinstance(each, Sample)}
            assert set(looks) == {each.cpu for each in actions if isinstance(each, Spin)}
            right = [None if each is None else min(each) for each in may]
            assert judge(program, right, conflicts.KNOWN) is None
            for spin in (each for each in actions if isinstance(each, Spin)):
                look = looks[spin.cpu]
                assert all("translation" in word for word in may[look] or ())
                stale = judge(
                    program, [*right[:look], "v=0x1234", *right[look + 1 :]], conflicts.KNOWN, behind=True
                )
                assert stale is not None
                assert stage_of(program.world, spin) != "e2" or not stale.known


def test_a_page_is_taken_once_whoever_uses_it() -> None:
    program = conflicts.program(random.Random(1), "vncr-event", "after", conflicts.THIRD).program
    first = next(i for i, each in enumerate(program.actions) if isinstance(each, Stop))
    end = program.actions[first - 4 : first]
    assert [type(each) for each in end] == [Map, Tlbi, Sample, Sample]
    assert [each.cpu for each in end if isinstance(each, Sample)] == [1, 2]


def test_what_is_gone_is_not_taken_again() -> None:
    program = conflicts.program(random.Random(1), "stage2", "after").program
    takes = [each for each in program.actions if isinstance(each, Map) and each.to is None]
    maps = [
        each for each in program.actions if isinstance(each, Map) and each.to is not None and not each.ctx
    ]
    assert len(takes) == len(maps)
