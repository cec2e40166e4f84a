# SPDX-License-Identifier: GPL-2.0-only
"""What L0 does to L1's machine, from the text of a scenario to its steps; the wrong texts are in bad/."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from harness.level import Level
from harness.scenario.language import Cell, GuestRam, HostAct
from harness.scenario.load import load_file
from harness.scenario.mutated import mutated
from harness.scenario.walks import walking
from tests.scenario.names import VOCABULARY

TEXT = """\
scenario: host-acts
summary: Everything that L0 does to L1's machine.
claims: [nv-tlbi-v8.4]
stack:
  l1: {memory: {size: 384M, backing: memfd, pluggable: 64M}, devices: [balloon, disk, rng], migratable: true}
  l2: {memory: {backing: hugetlb}, el2: true}
steps:
  - boot: l1
  - run: nvh-kvm --case pattern --until /tmp/stop --rest-ms 5
    on: l1
    name: load
    background: true
  - migrate: {to: file, times: 2}
    mark: moved
  - balloon: 256M
  - plug: 64M
  - unplug: 2G
    name: away
  - swap-out: {of: load}
  - merge: {of: load, pages: 2}
  - hwpoison: {of: load, how: hard, pages: 3}
    timeout: 7
  - wait-for: {process: load}
expect:
  - result: moved
    of: step-3
  - result: away
    of: away
  - existence: unmapped
    of: {event: l0.shadow_unmap}
    scope: moved
"""


def loaded(tmp_path: Path) -> Cell:
    """The one cell of TEXT."""
    file = tmp_path / "host-acts.yaml"
    file.write_text(TEXT, encoding="utf-8")
    (cell,) = load_file(file, VOCABULARY)
    return cell


def test_each_verb_says_what_it_is(tmp_path: Path) -> None:
    acts = {step.act: step for step in loaded(tmp_path).steps if isinstance(step, HostAct)}
    assert (acts["migrate"].via, acts["migrate"].times, acts["migrate"].mark) == ("file", 2, "moved")
    assert [acts[verb].size_kib for verb in ("balloon", "plug", "unplug")] == [256 << 10, 64 << 10, 2 << 20]
    assert (acts["swap-out"].of, acts["swap-out"].pages) == ("load", 1)
    assert (acts["merge"].of, acts["merge"].pages) == ("load", 2)
    assert (acts["hwpoison"].how, acts["hwpoison"].pages, acts["hwpoison"].timeout) == ("hard", 3, 7)
    assert [acts[verb].name for verb in ("migrate", "unplug")] == ["step-3", "away"]
    assert {act.level for act in acts.values()} == {Level.L0}


def test_machines_are_as_said_and_the_others_as_ever(tmp_path: Path) -> None:
    levels = loaded(tmp_path).stack.levels
    l0, l1, l2 = (levels[level] for level in Level)
    assert (l1.memory_mib, l1.ram, l1.migratable) == (384, GuestRam("memfd", 64), True)
    assert l1.devices == ("balloon", "disk", "rng")
    assert (l2.memory_mib, l2.ram) == (256, GuestRam("hugetlb"))
    assert (l0.ram, l0.devices, l0.migratable) == (GuestRam(), (), False)
    assert [level.el2 for level in (l0, l1, l2)] == [False, False, True]


def test_l1_is_a_host_with_nested_virtualisation_only_where_l2_has_el2(tmp_path: Path) -> None:
    assert loaded(tmp_path).stack.levels[Level.L1].cmdline == "kvm-arm.mode=nested"
    file = tmp_path / "without.yaml"
    file.write_text(TEXT.replace("el2: true", "el2: false"), encoding="utf-8")
    (without,) = load_file(file, VOCABULARY)
    assert without.stack.levels[Level.L1].cmdline == ""


def test_verbs_count_as_walks_of_whole_contexts(tmp_path: Path) -> None:
    found = walking(loaded(tmp_path).steps)
    assert found is not None
    assert found[1].startswith("takes memory from L1")


def test_fault_is_switched_on_in_the_kernel_that_the_cell_needs(tmp_path: Path) -> None:
    """nv-host has the faults of nv-mutants, which lacks what the cell needs."""
    cell = loaded(tmp_path)
    assert mutated(cell, "notifier-no-unmap").stack.levels[Level.L0].kernel == "nv-mutants"
    l0 = dataclasses.replace(cell.stack.levels[Level.L0], kernel="nv-host")
    stack = dataclasses.replace(cell.stack, levels={**cell.stack.levels, Level.L0: l0})
    changed = mutated(dataclasses.replace(cell, stack=stack), "notifier-no-unmap")
    assert changed.stack.levels[Level.L0].kernel == "nv-host"
    assert changed.params["mutant"] == "notifier-no-unmap"
