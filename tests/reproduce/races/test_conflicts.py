# SPDX-License-Identifier: GPL-2.0-only
"""Programs of two CPUs: legal, with something to see, and what is known of Linux kept apart."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.program.addresses import Layout
from harness.program.allowed import allowed_of, illegal
from harness.program.program import Program, Sample, Spin
from harness.reproduce.hunt.program_findings import judge
from harness.reproduce.races import conflicts, kept
from harness.reproduce.races.schedule import Preemption
from harness.runner.project import vocabulary
from harness.scenario.language import Hold, Place
from harness.scenario.load import load_file

LAYOUT = Layout(conflicts.SHIFT, 0, 0)


def made(name: str, seed: int = 1) -> Program:
    return conflicts.CONFLICTS[name](random.Random(seed), LAYOUT)


def tokens(program: Program, last: str) -> list[str | None]:
    """What a right machine sees, but for ``last`` at the last sample."""
    found = [None if may is None else min(may) for may in allowed_of(program)]
    at = max(i for i, action in enumerate(program.actions) if isinstance(action, Sample))
    found[at] = last
    return found


def test_programs_are_legal_and_look() -> None:
    for seed in range(100):
        program = conflicts.program(random.Random(seed))
        assert not illegal(program)
        assert program.world.cpus == 2
        assert any(isinstance(action, Spin) for action in program.actions)
        assert any(
            may is not None and len(may) == 1
            for action, may in zip(program.actions, allowed_of(program), strict=True)
            if isinstance(action, Sample)
        )


@pytest.mark.parametrize("name", ["event", "vncr", "recycle"])
def test_what_is_stale_is_a_new_finding(name: str) -> None:
    program = made(name)
    finding = judge(program, tokens(program, "v=0x1234"), conflicts.KNOWN)
    assert finding is not None
    assert not finding.known


def test_what_a_fault_brings_back_is_known() -> None:
    program = made("stage2")
    stale = f"v={0x6E76_6800_0000_0000 + LAYOUT.frame(0):#x}"
    found = judge(program, tokens(program, stale), conflicts.KNOWN)
    assert found is not None
    assert found.known == "defect-fault-against-tlbi"
    new = judge(program, tokens(program, stale), ())
    assert new is not None
    assert not new.known
    assert judge(program, tokens(program, min(allowed_of(program)[-2] or ())), conflicts.KNOWN) is None


def test_kept_scenario_loads(tmp_path: Path) -> None:
    program = made("vncr")
    finding = judge(program, tokens(program, "v=0x1234"), ())
    assert finding is not None
    hold = Preemption(1, Place("walk", "return"), 2, 0, Place("tlbi"), 1)
    race = kept.Race(
        program, (hold,), finding, "7", 3, 2, "qemu-v1", "icount", "nv", "", {"qemu": "11"}, 9, 5, 5
    )
    path = kept.write(race, tmp_path)
    (cell,) = load_file(str(path), vocabulary())
    (step,) = [each for each in cell.steps if isinstance(each, Hold)]
    assert (step.at.place, step.at.cpu, step.at.nth) == (Place("walk", "return"), 1, 2)
    assert step.arrival is not None
    assert step.arrival.place == Place("tlbi")
