"""Generated programs on the real machine: nothing on the right kernel, nothing left over, a wrong kernel
found."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness.build.cache import Store
from harness.build.paths import ROOT
from harness.cell.prepare import Builder
from harness.cell.snapshots import Snapshots
from harness.errors import EXIT_PASS, EXIT_RED
from harness.hunt.campaign import Wanted, stack_for
from harness.hunt.generate import Shape, generate
from harness.hunt.judge import judge, tokens_of
from harness.hunt.lanes import LANES
from harness.hunt.model import allowed_of
from harness.hunt.program import Program, render
from harness.hunt.target import Target
from harness.hunt.worker import shows_known
from harness.report.progress import Progress
from harness.scenario.defaults import MUTANT_KERNEL

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


def hunt(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "hunt", *words],
        cwd=ROOT,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
        check=False,
    )
    return done.returncode, done.stdout


def test_nothing_is_found_on_the_right_kernel_and_the_hunt_goes_on(tmp_path: Path) -> None:
    words = ("--seconds", "15", "--seed", "11", "--jobs", "1", "--json", "--out", str(tmp_path / "hunt"))
    for session in (1, 2):
        status, said = hunt(*words)
        totals = json.loads(said)["totals"]
        assert (status, totals["findings"]) == (EXIT_PASS, [])
        assert totals["batches"] >= session
        assert totals["sharp"] > 0
        assert set(totals["verdicts"]) <= {"pass", "vacuous"}


def test_a_wrong_kernel_is_found_shrunk_and_kept(tmp_path: Path) -> None:
    if not any(a.kind == "kernel" and a.manifest.get("name") == MUTANT_KERNEL for a in Store().artefacts()):
        pytest.skip(f"the kernel {MUTANT_KERNEL} is not built: ./nvh images build kernel:{MUTANT_KERNEL}")
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
    status, said = hunt(*words, "--json", "--out", str(tmp_path / "hunt"))
    assert status == EXIT_RED
    (found,) = json.loads(said)["totals"]["findings"]
    assert found["actions"] <= 8
    assert found["confirmed"]
    for more, expected in ((("--mutant", mutant), EXIT_RED), ((), EXIT_PASS)):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "harness",
                "run",
                found["scenario"],
                *more,
                "--out",
                str(tmp_path / f"run{expected}"),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=600,
            check=False,
        )
        assert done.returncode == expected
