# SPDX-License-Identifier: GPL-2.0-only
"""The covering run on the real machine: L0's program knows its cases, and they say what all of them say.

It runs when the kernel with the faults is built (``./nvh images build kernel:nv-mutants``).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from harness.artefacts.payloads import build_payloads
from harness.covering.artefact import build_covering, describe
from harness.covering.groups import load
from harness.host.cache import Store
from harness.level import Level
from harness.litmus.case_lines import parse
from harness.report.progress import Progress
from harness.runner.prepare import Builder
from harness.runner.project import default_stack
from harness.scenario.defaults import MUTANT_KERNEL
from harness.scenario.scenario import Overrides
from harness.stack.stack import Stack
from tests.real.conftest import needs_mutants

DEADLINE_S = 300.0
PARAMETER = "/sys/module/kvm/parameters/mutant"
FAMILIES = {
    "none": ("s2-unmap", "4k"),
    "ipas2-no-unmap": ("s2-unmap", "16k"),
    "ipas2-not-aligned": ("s2-sparse", "4k"),
    "ipas2-half-block": ("s2-unmap", "4k"),
    "ttl-next-level": ("s2-unmap", "4k"),
    "no-hint-one-page": ("s2-unmap", "64k"),
    "ripas2-half-range": ("s2-unmap", "4k"),
    "ripas2-granule-4k": ("s2-unmap", "16k"),
    "vmid-of-next": ("s2-write", "4k"),
    "context-first-only": ("s2-two-tables", "4k"),
    "lookup-without-baddr": ("s2-two-tables", "4k"),
}
"""For each kernel a family, with one granule, that the slow way runs as a whole."""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An L0 whose kernel can be made wrong, of the group ``stage2``'s model, with one CPU."""
    needs_mutants()
    spec = default_stack(Overrides(model="qemu-48bit", l0_kernel=MUTANT_KERNEL))
    one = dataclasses.replace(spec.levels[Level.L0], cpus=1)
    spec = dataclasses.replace(spec, levels={**spec.levels, Level.L0: one})
    with Progress(Console(file=sys.stderr)) as progress:
        images = Builder(Store(), progress).images(spec)
    with Stack(images, spec, tmp_path_factory.mktemp("wrong")) as booted:
        booted.boot(Level.L0)
        yield booted


def passes(stack: Stack, options: str) -> Mapping[str, bool]:
    """Which of the cases that ``options`` select pass."""
    done = stack.run(Level.L0, f"nvh-litmus {options}", DEADLINE_S)
    found = {line.case: line.verdict == "pass" for line in parse(done.text, options)}
    assert found, done.text
    return found


def test_l0_knows_the_cases_that_were_chosen_from(wrong: Stack) -> None:
    store = Store()
    payloads = build_payloads(store, lambda _: None)
    rules, place = load(), "/usr/share/nvh/covering"
    cases = " ".join(f"{place}/{group.name}" for group in rules.groups)
    done = wrong.run(Level.L0, f"nvh-litmus --describe | sha256sum; cat {cases}", DEADLINE_S)
    digest, *chosen = done.text.split()
    assert digest == str(build_covering(store, payloads, lambda _: None).manifest["key"]["cases"])
    known = {line.split()[0].removeprefix("case=") for line in describe(payloads).splitlines()}
    assert {word for word in chosen if word != "-"} < known
    drawn = " ".join(f"{place}/{drawing.name}" for drawing in rules.drawings)
    counts = wrong.run(Level.L0, f"grep -hc ^program' ' {drawn}", DEADLINE_S).text.split()
    made = build_covering(store, payloads, lambda _: None).manifest["counts"]
    assert counts == [str(made[drawing.name]) for drawing in rules.drawings]


@pytest.mark.parametrize("mutant", FAMILIES)
def test_a_case_says_the_same_in_the_covering_run_as_among_all(
    wrong: Stack, mutant: str, tmp_path: Path
) -> None:
    """And of kernels with an injected fault the covering run's cases see what the family sees."""
    family, granule = FAMILIES[mutant]
    wrong.run(Level.L0, f"echo {mutant} >{PARAMETER}", DEADLINE_S)
    try:
        whole = passes(wrong, f"--case '{family}/*' --granule {granule}")
        chosen = f"--cases /tmp/{tmp_path.name}"
        command = f"grep '^{family}/[^/]*/{granule}/' /usr/share/nvh/covering/stage2 >/tmp/{tmp_path.name}"
        wrong.run(Level.L0, command, DEADLINE_S)
        few = passes(wrong, chosen)
    finally:
        wrong.run(Level.L0, f"echo none >{PARAMETER}", DEADLINE_S)
    assert few == {case: whole[case] for case in few}
    assert len(few) < len(whole)
    assert all(few.values()) == all(whole.values()) == (mutant == "none")
