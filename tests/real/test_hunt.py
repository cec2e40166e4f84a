# SPDX-License-Identifier: GPL-2.0-only
"""Generated programs on the real machine: nothing on the right kernel, nothing left over, a kernel with an
injected fault found."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness.errors import EXIT_PASS, EXIT_RED, InfraError
from harness.host.cache import Store
from harness.program.allowed import allowed_of
from harness.program.generate import generate
from harness.program.lanes import LANES, lanes
from harness.program.program import Program
from harness.program.render import render
from harness.program.shape import Shape
from harness.program.sharp import shows_known
from harness.report.progress import Progress
from harness.reproduce.hunt.bare import PROGRAM, BareTarget, build_bare
from harness.reproduce.hunt.campaign import Wanted, stack_for
from harness.reproduce.hunt.program_findings import judge, tokens_of
from harness.reproduce.hunt.target import Target
from harness.runner.prepare import Builder
from harness.runner.snapshots import Snapshots
from tests.real.conftest import needs_mutants, nvh

PROGRAMS = 30


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    place = tmp_path_factory.mktemp("hunt")
    spec = stack_for(LANES[0], Wanted(seconds=1, seed="1", out=place))
    with Progress(Console(file=sys.stderr)) as progress:
        images = Builder(Store(), progress).images(spec)
    with Target(images, spec, Snapshots(Store()), place) as made:
        yield made


def observed(
    target: Target, programs: dict[str, Program], names: list[str], fresh: bool
) -> dict[str, list[str | None]]:
    text = "".join(render(programs[name], name, allowed_of(programs[name]), fresh) for name in names)
    left = target.run(text)
    assert left.splats == ()
    assert [outcome.name for outcome in left.outcomes] == names
    assert {outcome.verdict for outcome in left.outcomes} == {"pass"}
    return {outcome.name: tokens_of(programs[outcome.name], outcome) for outcome in left.outcomes}


def test_nothing_of_a_program_is_left_for_the_next(target: Target) -> None:
    """In one VM in any order, and each in a VM of its own, every program sees the same.

    One CPU and stage 2 alone: what is seen then depends on L0's shadow, which keeps things, and on nothing
    that comes and goes with time. All programs have the same addresses, so that whatever is left would be
    seen.
    """
    programs: dict[str, Program] = {}
    for i in range(PROGRAMS * 2):
        program = generate(f"leak {i}", "stage2", 0, shape=Shape(12, 1))
        if not shows_known(program):
            programs[f"p{i}"] = program
    names = list(programs)[:PROGRAMS]
    shuffled = random.Random(1).sample(names, len(names))
    once = observed(target, programs, names, False)
    assert observed(target, programs, shuffled, False) == once
    assert observed(target, programs, names[:8], True) == {name: once[name] for name in names[:8]}


def test_the_payload_and_the_model_judge_alike(target: Target) -> None:
    """A program that is given too little to be allowed fails on the machine, at the line that it is about."""
    program = generate("wrong", "stage2", 0, shape=Shape(12, 1))
    allowed = allowed_of(program)
    at = max(i for i, may in enumerate(allowed) if may and may != {"done"})
    wrong = [frozenset({"v=0x1"}) if i == at else may for i, may in enumerate(allowed)]
    left = target.run(render(program, "wrong", wrong))
    (outcome,) = left.outcomes
    assert outcome.verdict == "fail"
    assert judge(program, tokens_of(program, outcome)) is None


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> BareTarget:
    (lane,) = lanes(None, None, bare=True)
    spec = stack_for(lane, Wanted(seconds=1, seed="1", out=tmp_path_factory.mktemp("bare")))
    with Progress(Console(file=sys.stderr)) as progress:
        images = Builder(Store(), progress).images(spec)
    return BareTarget(images, spec, build_bare(Store()).path / PROGRAM)


@pytest.mark.parametrize("kind", ["stage1", "vel2", "vncr"])
def test_true_el2_and_vel2_agree(target: Target, bare: BareTarget, kind: str) -> None:
    """Where the architecture leaves one outcome both have it; what each forgets besides is its own affair."""
    programs = {f"{kind}{i}": generate("agree", kind, i, shape=Shape(12, 1 + i % 2)) for i in range(24)}
    programs = {name: each for name, each in programs.items() if not shows_known(each)}
    names = sorted(programs, key=lambda name: programs[name].world.cpus)
    text = "".join(render(programs[name], name, allowed_of(programs[name])) for name in names)
    nested = {
        o.name: tokens_of(programs[o.name], o) for o in target.run(text).outcomes if o.verdict == "pass"
    }
    true = {o.name: tokens_of(programs[o.name], o) for o in bare.run(text).outcomes if o.verdict == "pass"}
    assert len(nested.keys() & true.keys()) >= len(names) - 2, "a CPU of the model may not have run in time"
    compared = 0
    for name in nested.keys() & true.keys():
        for may, here, there in zip(allowed_of(programs[name]), nested[name], true[name], strict=True):
            if may is not None and len(may) == 1:
                assert here == there
                compared += 1
    assert compared > 100


def test_a_text_that_is_not_understood_is_refused_with_its_line(bare: BareTarget) -> None:
    head = "program a\ncontext 0 granule=4k vmid=1 s2\n"
    for text, message in (
        ("program a\ncontext 0 granule=4k vmid=1 s2\nraed 0 0x1\nend\n", "line 3: raed is no action"),
        (f"{head}tlbi 0 ipas2e9\nend\n", "line 3: ipas2e9 is not an operation"),
        (f"{head}tlbi 0 ipas2e1is\nend\n", "line 3: ipas2e1is needs its operand"),
        (f"{head}tlbi 0 vmalle1is 1\nend\n", "line 3: vmalle1is takes no operand"),
        (f"{head}read 1 0x1000\nend\n", "line 3: context 1 is not declared"),
        ("program a cpus=9\nend\n", "line 1: 9 is not below 5"),
        ("program a\ncontext 0 granule=4k\n", "line 2: the program has no `end`"),
        (
            "program a\npoke 0x1000 1\nend\n",
            "line 2: 0x1000 is not in the data memory, 0x100000000 to 0x1fffffff8",
        ),
    ):
        with pytest.raises(InfraError, match=re.escape(message)):
            bare.run(text)


def test_nothing_is_found_on_the_right_kernel_and_the_hunt_goes_on(tmp_path: Path) -> None:
    words = ("--seconds", "15", "--seed", "11", "--jobs", "1", "--json", "--out", str(tmp_path / "hunt"))
    for session in (1, 2):
        status, said = nvh("hunt", *words)
        totals = json.loads(said)["totals"]
        assert (status, totals["findings"]) == (EXIT_PASS, [])
        assert totals["batches"] >= session
        assert totals["sharp"]["sharp"] > 0
        assert set(totals["verdicts"]) <= {"pass", "vacuous"}


def test_nothing_is_found_on_the_bare_machine(tmp_path: Path) -> None:
    words = (
        "--bare",
        "--seconds",
        "10",
        "--seed",
        "12",
        "--jobs",
        "1",
        "--json",
        "--out",
        str(tmp_path / "hunt"),
    )
    status, said = nvh("hunt", *words)
    totals = json.loads(said)["totals"]
    assert (status, totals["findings"]) == (EXIT_PASS, [])
    assert totals["sharp"]["primed"] > 0


def test_a_wrong_kernel_is_found_shrunk_and_kept(tmp_path: Path) -> None:
    needs_mutants()
    mutant = "ipas2-no-unmap"
    words = (
        "--seconds",
        "120",
        "--seed",
        "1",
        "--mutant",
        mutant,
        "--one",
        "--kind",
        "stage2",
        "--jobs",
        "1",
    )
    status, said = nvh("hunt", *words, "--json", "--out", str(tmp_path / "hunt"))
    assert status == EXIT_RED
    (found,) = json.loads(said)["totals"]["findings"]
    assert found["actions"] <= 8
    assert found["confirmed"]
    for more, expected in ((("--mutant", mutant), EXIT_RED), ((), EXIT_PASS)):
        place = str(tmp_path / f"run{expected}")
        assert nvh("run", found["scenario"], *more, "--out", place)[0] == expected
