# SPDX-License-Identifier: GPL-2.0-only
"""Which cells need only a console: every shipped one is told apart, each step and expectation by its kind."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.level import Level
from harness.litmus.by_console import NotByConsole, steps_of
from harness.runner.project import find_cells, vocabulary
from harness.scenario.language import Cell
from harness.scenario.load import load_file
from harness.scenario.scenario import NO_OVERRIDES, Overrides

GOOD = """\
scenario: mine
summary: Mine.
claims: [nv-tlbi-v8.1]
steps:
  - boot: l0
  - run: {run}
    on: l0
    name: litmus
expect:
  - result: all-passed
    of: litmus
    {more}
"""
PLAIN = "values: {failed: 0}"


def cell(tmp_path: Path, run: str, more: str = PLAIN) -> Cell:
    (tmp_path / "mine.yaml").write_text(GOOD.format(run=run, more=more))
    [found] = load_file(tmp_path / "mine.yaml", vocabulary())
    return found


def test_the_options_that_choose(tmp_path: Path) -> None:
    [step] = steps_of(
        cell(
            tmp_path,
            "nvh-litmus --case 's2-*/*' --skip 'a/[!b]*' --granule 4k --cpus 2 --quick --every 7 --quiet "
            "--leave --failures 8 --seconds 30 --pressure 512 --self-test",
        )
    )
    chosen = ["--case", "s2-*/*", "--skip", "a/[!b]*", "--granule", "4k", "--cpus", "2", "--quick"]
    assert step.choose == (*chosen, "--every", "7")
    assert (step.name, step.seconds, step.self_test, step.pressure, step.group) == (
        "litmus",
        30,
        "1",
        512,
        "",
    )


@pytest.mark.parametrize(
    ("options", "kind"), [("", "0"), ("--self-test", "1"), ("--keep-exit --self-test", "exit")]
)
def test_the_two_self_tests(tmp_path: Path, options: str, kind: str) -> None:
    [step] = steps_of(cell(tmp_path, f"nvh-litmus --case 'a/*' {options}"))
    assert step.self_test == kind


def test_a_group_of_the_covering_selection(tmp_path: Path) -> None:
    [step] = steps_of(cell(tmp_path, "nvh-litmus --cases /usr/share/nvh/covering/own --leave"))
    assert step.group == "own"


@pytest.mark.parametrize(
    ("run", "more", "why"),
    [
        ("nvh-litmus --case 'a/*' | tail -1", PLAIN, "a script"),
        ("nvh-litmus --case 'a/*'; true", PLAIN, "a script"),
        ("nvh-litmus --case $(cat x)", PLAIN, "a script"),
        ("nvh-kvm --case remap", PLAIN, "it runs nvh-kvm"),
        ("nvh-litmus --program x.nvl", PLAIN, "it runs programs"),
        ("nvh-litmus --vmm qemu --case 'a/*'", PLAIN, "--vmm"),
        ("nvh-litmus --mark --case 'a/*'", PLAIN, "--mark"),
        ("nvh-litmus --cases /tmp/mine", PLAIN, "from a file at L0"),
        ("nvh-litmus --case 'a/*'", "stderr: x", "standard error"),
        (
            "nvh-litmus --case 'a/*'",
            PLAIN + "\n  - existence: seen\n    of: {event: l0.tlbi}",
            "it looks at traces",
        ),
        (
            "nvh-litmus --case 'a/*'",
            PLAIN + "\n  - console: quiet\n    on: l0\n    lacks: x",
            "words on a level's console",
        ),
    ],
)
def test_what_needs_more(tmp_path: Path, run: str, more: str, why: str) -> None:
    with pytest.raises(NotByConsole, match=why):
        steps_of(cell(tmp_path, run, more))


def test_kernels_and_files_of_its_own(tmp_path: Path) -> None:
    good = cell(tmp_path, "nvh-litmus --case 'a/*'")
    assert steps_of(good)
    with pytest.raises(NotByConsole, match="L1's kernel"):
        steps_of(dataclasses.replace(good, l1_mutant="x"))
    for change in ({"add": "/x"}, {"cmdline": "quiet"}):
        below = dataclasses.replace(good.stack.levels[Level.L0], **change)  # type: ignore[arg-type]
        stack = dataclasses.replace(good.stack, levels={**good.stack.levels, Level.L0: below})
        with pytest.raises(NotByConsole, match="of the scenario's own"):
            steps_of(dataclasses.replace(good, stack=stack))


def test_the_shipped_cells() -> None:
    """All cells of the covering selection, nothing that boots L1; each of the others has a reason."""
    applies, apart = set(), {}
    for each in find_cells([], [], NO_OVERRIDES, every=True):
        try:
            steps_of(each)
            applies.add(each.id)
        except NotByConsole as why:
            apart[each.id] = str(why)
    assert {name for name in {*applies, *apart} if name.startswith("covering-")} <= applies
    assert "litmus-self-test[cpus=2]" in applies
    assert "three-levels" in apart
    assert all(apart.values())
    assert len(applies) > 150


def test_a_mutant_of_l0_is_no_obstacle() -> None:
    [found] = find_cells([], ["covering-one[group=own]"], Overrides(mutant="ipas2-no-unmap"))
    assert found.mutant == "ipas2-no-unmap"
    assert steps_of(found)
