# SPDX-License-Identifier: GPL-2.0-only
"""What two CPUs saw: what is known of Linux is kept apart, and what is new is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import InputError
from harness.level import Level
from harness.program.allowed import allowed_of
from harness.program.program import DescriptorLook
from harness.reproduce.hunt.program_findings import judge
from harness.reproduce.races import again, conflicts, kept
from harness.reproduce.races.machine import RaceTrial
from harness.reproduce.races.schedule import Preemption
from harness.runner.project import vocabulary
from harness.scenario.language import Hold, Place
from harness.scenario.load import load_file
from tests.reproduce.races.conflicting import LAYOUT, made, tokens


@pytest.mark.parametrize(
    "name",
    [
        "event",
        "vncr",
        "vncr-event",
        "vncr-memslot",
        "recycle",
        "turns",
        "operations",
        "vncr-turns",
        "vncr-own",
        "neighbours",
    ],
)
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


def test_no_fault_brings_back_what_was_in_stage_1() -> None:
    """L0 keeps none of that: whatever is stale after an operation of EL1 is new."""
    for seed in range(20):
        program = made("stage1", seed)
        stale = f"v={0x6E76_6800_0000_0000 + LAYOUT.frame(0):#x}"
        found = judge(program, tokens(program, stale), conflicts.KNOWN)
        assert found is not None
        assert not found.known


def test_a_descriptor_that_a_fault_writes_over_is_a_finding() -> None:
    """L1's TLBI does not stop a fault that is under way, which is known; the descriptor is L1's alone."""
    program = made("flag")
    may = allowed_of(program)
    seen = [None if each is None else min(each) for each in may]
    looks = [i for i, each in enumerate(program.actions) if isinstance(each, DescriptorLook)]
    assert [may[i] for i in looks] == [frozenset({"invalid"})] * 2
    assert judge(program, seen, conflicts.KNOWN) is None
    for look in looks:
        bad = [*seen[:look], "young", *seen[look + 1 :]]
        finding = judge(program, bad, conflicts.KNOWN)
        assert finding is not None
        assert not finding.known
        # L2 may use what was brought back, which is known, before anybody looks at the descriptor.
        bad[look - 1] = f"v={0x6E76_6800_0000_0000 + LAYOUT.frame(0):#x}"
        finding = judge(program, bad, conflicts.KNOWN)
        assert finding is not None
        assert finding.known
        finding = judge(program, bad, conflicts.KNOWN, behind=True)
        assert finding is not None
        assert not finding.known
        assert finding.saw == "young"
        stale = judge(program, [*bad[:look], *seen[look:]], conflicts.KNOWN, behind=True)
        assert stale is not None
        assert stale.known


def test_kept_scenario_loads(tmp_path: Path) -> None:
    program = made("vncr")
    finding = judge(program, tokens(program, "v=0x1234"), ())
    assert finding is not None
    hold = Preemption(1, Place("walk", "return"), 2, 0, Place("tlbi"), 1)
    trial = RaceTrial(program, (hold,), 40, warm=1)
    race = kept.Race(
        trial, finding, "1 cpu0\n", "7", 3, 2, "qemu-v1", "icount", 3, "nv", "", {"qemu": "11"}, 9, 5, 5
    )
    path = kept.write(race, tmp_path)
    (cell,) = load_file(str(path), vocabulary())
    names = [type(each).__name__ for each in cell.steps]
    assert names == ["Boot", "Run", "Hold", "Run"], "it runs by itself before"
    (step,) = [each for each in cell.steps if isinstance(each, Hold)]
    assert (step.at.place, step.at.cpu, step.at.nth) == (Place("walk", "return"), 1, 2)
    assert step.arrival is not None
    assert step.arrival.place == Place("tlbi")
    assert cell.stack.levels[Level.L0].cpus == 3
    assert again.is_race(tmp_path)
    read = again.read_race(tmp_path)
    assert (read.program, read.schedule, read.pa_bits, read.warm) == (trial.text, (hold,), 40, 1)
    assert read.l0_cpus == 3
    assert read.trace == race.trace


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"program": "p", "holds": [{"cpu": 1}]}'])
def test_a_damaged_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / kept.RECORD).write_text(text)
    with pytest.raises(InputError, match="is not a race that was kept"):
        again.read_race(tmp_path)


@pytest.mark.parametrize(
    ("one", "other", "line"),
    [
        ("a\nb\n", "a\nb\n", 0),
        ("a\nb\n", "a\nc\n", 2),
        ("a\n", "a\nb\n", 2),
        ("a\nb\n", "a\n", 2),
        ("", "a", 1),
    ],
)
def test_first_line_that_differs(one: str, other: str, line: int) -> None:
    assert again.first_difference(one, other) == line
