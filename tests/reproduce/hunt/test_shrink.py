# SPDX-License-Identifier: GPL-2.0-only
"""Failing programs of simulated wrong machines become short, and stay failures for the same reason."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.check.splat import find_splats
from harness.program.addresses import EVENT_PA
from harness.program.allowed import illegal
from harness.program.parse import parse
from harness.program.program import Access, Context, Cpu, Host, Map, Program, Spin, Tlbi, World
from harness.reproduce.hunt import keep
from harness.reproduce.hunt.alone import complaint
from harness.reproduce.hunt.in_words import OUTCOMES, paragraph, sentence
from harness.reproduce.hunt.program_findings import ProgramFinding, judge, outcome_class
from harness.reproduce.hunt.shrink import Shrinker, Shrunk, reason_of, sensible, simpler, without_chunks
from harness.reproduce.programs.checker import check_file
from harness.runner.project import vocabulary
from harness.scenario.load import load_paths
from harness.scenario.scenario import Overrides
from tests.program import simulate
from tests.program.programs import sample

SHORT = 8
DEFECTS = (
    "no-ipas2",
    "broadcast-lost",
    "vmid-of-next",
    "tge-ignored",
    "write-permission-lost",
    "forward-lost",
)


def fails(defect: str, program: Program) -> ProgramFinding | None:
    return judge(program, simulate.observations(program, "always", 1.0, defect), ())


def first_failing(defect: str) -> tuple[Program, ProgramFinding]:
    for _, program in sample():
        if finding := fails(defect, program):
            return program, finding
    raise AssertionError(f"no program fails with {defect}")


def shrunk(defect: str) -> tuple[Program, ProgramFinding, Shrunk]:
    program, finding = first_failing(defect)
    return program, finding, Shrinker(lambda each: fails(defect, each)).shrink(program, finding)


@pytest.mark.parametrize("defect", DEFECTS)
def test_programs_become_short_and_still_fail_for_the_same_reason(defect: str) -> None:
    program, finding, short = shrunk(defect)
    assert len(short.program.actions) <= SHORT
    assert reason_of(short.program, short.finding) == reason_of(program, finding)
    assert not illegal(short.program)
    assert fails(defect, short.program) == short.finding
    assert fails("", short.program) is None


def test_candidates_that_cannot_be_run_are_not() -> None:
    """Less the map, an unmap is for nothing; less the spin, a sample is."""
    refused = sum(not sensible(each) for _, program in sample()[:15] for each in without_chunks(program))
    assert refused > 40


def test_a_context_of_one_cpu_stays_with_that_cpu() -> None:
    """Less the move to another CPU, the one before would load what only the other one may."""
    one, other = Context(asid=3, s1=True, s2=False, pe=0), Context(asid=3, s1=True, s2=False, pe=1)
    actions = (Access("read", 0, 0x1000), Cpu(1), Access("read", 1, 0x1000), Cpu(0), Tlbi(0, "vmalle1is"))
    whole = Program(World(12, (one, other), cpus=2), actions)
    assert sensible(whole)
    for left_out in (1, 3):
        assert not sensible(whole.with_actions((*actions[:left_out], *actions[left_out + 1 :])))
    assert not sensible(whole.with_actions((*actions, Spin(0, 1, 0x1000, "l2"))))
    assert sensible(whole.with_actions((*actions, Spin(1, 1, 0x1000, "l2"))))


def test_the_host_is_for_the_first_cpu_and_nobody_waits_for_itself() -> None:
    """Less the move back, CPU 1 would ask the host, which nvh-litmus refuses, or wait for itself."""
    first = (
        Host("set-up", 0),
        Map("e2", 0, 0xD_8020_0000, 3, EVENT_PA, "w"),
        Cpu(1),
        Access("vncr", 0),
        Cpu(0),
    )
    for last in (Host("dontneed", 0), Spin(1, 0, 0xD_8020_0000, "vncr")):
        whole = Program(World(12, (Context(1, vncr=0xD_8020_0000),), cpus=2), (*first, last))
        assert sensible(whole)
        assert not sensible(whole.with_actions((*first[:-1], last)))


def test_simpler_programs_are_other_programs() -> None:
    for _, program in sample()[:60]:
        assert all(each != program for each in simpler(program))


def test_what_shares_the_tlb_goes_first_where_it_is_not_needed() -> None:
    program = next(each for _, each in sample() if each.world.pressure)
    first = next(simpler(program))
    assert first.world.pressure == 0
    assert dataclasses.replace(first, world=program.world) == program


def found_by(defect: str) -> keep.KeptFinding:
    program, _, short = shrunk(defect)
    return keep.KeptFinding(
        program=short.program,
        finding=short.finding,
        original=program,
        seed="tests",
        batch=3,
        index=4,
        model="qemu-48bit",
        timing="icount",
        kernel="nv",
        mutant="",
        versions={"model qemu-48bit": "QEMU 11.1.3"},
        runs=short.runs,
    )


def test_a_finding_is_an_ordinary_scenario(tmp_path: Path) -> None:
    found = found_by("no-ipas2")
    path = keep.write(found, tmp_path / "new")
    (cell,) = load_paths([path], vocabulary(), Overrides())
    assert cell.stack.model == "qemu-48bit"
    text = path.read_text()
    for word in ("seed tests", "QEMU 11.1.3", "IPAS2", "Arm ARM"):
        assert word in text
    block = text[text.index("program hunted") : text.index("END\n    on:")]
    ((_, again),) = parse(block)
    assert again == found.program


def test_a_finding_of_the_bare_machine_runs_bare_again(tmp_path: Path) -> None:
    """A scenario boots a kernel, below which a wrong model may pass: there is none."""
    found = dataclasses.replace(found_by("no-ipas2"), kernel=keep.NO_KERNEL)
    path = keep.write(found, tmp_path / "new")
    assert path.suffix == ".nvl"
    assert not list(path.parent.glob("*.yaml"))
    text = path.read_text()
    assert "No kernel was involved" in text
    assert f"nvh program {path.name} --on bare" in text
    (checked,) = check_file(path)
    assert checked.program.actions == found.program.actions
    record = json.loads((path.parent / keep.RECORD).read_text())
    assert record["command"] == f"./nvh program {path} --on bare"


@pytest.mark.parametrize(("key", "how"), [("remapped:stage2", "tlb"), ("model-stale:stage2", "model")])
def test_a_report_is_watched_for_in_the_same_way_again(key: str, how: str, tmp_path: Path) -> None:
    found = found_by("no-ipas2")
    finding = dataclasses.replace(found.finding, saw=f"sanitizer {key}", report="a report")
    path = keep.write(dataclasses.replace(found, finding=finding), tmp_path / "new")
    (cell,) = load_paths([path], vocabulary(), Overrides())
    assert cell.stack.sanitize == how


def test_the_paragraph_says_what_was_done_required_and_seen() -> None:
    found = found_by("no-ipas2")
    words = paragraph(found.program, found.finding)
    assert all(len(line) <= 108 for line in words.splitlines())
    flat = " ".join(words.split())
    assert "L1 executes TLBI IPAS2" in flat
    assert "a stage-2 translation fault" in flat
    assert OUTCOMES[outcome_class(found.finding.saw)] in flat


def test_every_action_has_a_sentence() -> None:
    for _, program in sample():
        assert all(len(sentence(program.world, action)) > 10 for action in program.actions)


def test_event_memory_stays_set_up() -> None:
    """Without it the memory holds 0, on a right kernel, too."""
    use = (Map("s2", 0, 0x4_0000_0000, 3, EVENT_PA, "rwx"), Access("read", 0, 0x4_0000_0000))
    program = Program(World(12, (Context(1),)), (Host("set-up", 0), *use, Host("dontneed", 0)))
    assert sensible(program)
    assert not sensible(program.with_actions(program.actions[1:]))
    assert not sensible(program.with_actions((*use, *program.actions)))
    assert sensible(program.with_actions(program.actions[:-1]))


WARN = """\
[    {at}] WARNING: arch/arm64/kvm/nested.c:{line} at walk_nested_s2_pgd+0x50/0x5a0, CPU#0: nvh-litmus/61
"""


@pytest.mark.parametrize(
    ("later", "same"),
    [
        (WARN.format(at="7.100000", line=330), True),
        (WARN.replace("walk_", "other_").format(at="1.000000", line=325), False),
    ],
)
def test_complaints_of_one_function_are_one_cause(later: str, same: bool) -> None:
    program = found_by("no-ipas2").program
    (first,), (second,) = (find_splats(each) for each in (WARN.format(at="0.655957", line=325), later))
    finding = complaint(program, first.key)
    assert (finding.cause == complaint(program, second.key).cause) is same
    assert finding.cause == "splat warn in walk_nested_s2_pgd"
    words = " ".join(paragraph(program, finding).split())
    assert words.endswith("What happened: L0's kernel complained, warn in walk_nested_s2_pgd.")
    assert "What the architecture allows" not in words
