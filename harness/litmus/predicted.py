# SPDX-License-Identifier: GPL-2.0-only
"""Populations without a machine: nvh-litmus counts the cases that it would run, and says what they rest on.

``nvh-litmus --predict`` builds each case's program and does not carry it out, so that it needs no KVM and
runs under an emulator of arm64 programs. It cannot foresee how often a control is lost.
"""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence

from harness.errors import InfraError
from harness.level import Level
from harness.litmus.counted import known_program
from harness.litmus.population import LITMUS, case_hash, populations
from harness.litmus.populations import ExpectedPopulation, Key, expected_of
from harness.scenario.language import Cell, Run

DEADLINE_S = 60


def rows(
    cell: Cell, program: Sequence[str], features: Callable[[Key], str]
) -> Iterator[tuple[Key, ExpectedPopulation]]:
    """Yield the rows of a cell; of its runs, those of one command each, nvh-litmus or nvh-kvm.

    ``program``: the words that run nvh-litmus here. ``features`` of a run: what L1 has, as a row says it.
    ``InfraError`` when nvh-litmus does not answer.
    """
    level = cell.stack.levels[Level.L0]
    for step in cell.steps:
        if not isinstance(step, Run) or not known_program(step.command):
            continue
        key = Key(cell.id, cell.stack.model, level.kernel, step.name)
        words = shlex.split(step.command)
        if words[0] != LITMUS:
            yield key, of_kvm(words)
            continue
        asked = [*program, *words[1:], "--predict", features(key)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
        if done.returncode or not (told := populations(done.stdout)):
            raise InfraError(f"{shlex.join(asked)} ended with status {done.returncode}: {done.stderr}")
        yield key, expected_of(told[0])


def of_kvm(words: Sequence[str]) -> ExpectedPopulation:
    """What a command line of nvh-kvm with one ``--case`` makes; its defaults are those of host_main.c."""
    given = dict(zip(words[1::2], words[2::2], strict=False))
    number = {name: int(given.get(f"--{name}", default)) for name, default in DEFAULTS.items()}
    settings = f"vcpus-{number['vcpus']},pages-{256 * number['region-mib']},vms-{number['vms']}"
    return ExpectedPopulation(
        program=words[0],
        selected=1,
        judged=1,
        **dict.fromkeys(("seen", "direct", "unobservable", "free", "lost"), 0),
        iterations=None if given.keys() & {"--seconds", "--until"} else number["iterations"],
        names=case_hash([given["--case"]]),
        reasons={},
        features=settings,
    )


DEFAULTS = {"iterations": 8, "vcpus": 2, "vms": 8, "region-mib": 2}


def same(row: ExpectedPopulation, foreseen: ExpectedPopulation) -> bool:
    """Whether a row is what was foreseen, lost controls and whether a time ended the iterations aside."""
    iterations = None if foreseen.iterations is None else row.iterations
    return dataclasses.replace(row, lost=0, iterations=iterations, features="") == dataclasses.replace(
        foreseen, lost=0, features=""
    )
