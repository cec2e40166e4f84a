# SPDX-License-Identifier: GPL-2.0-only
"""What runs when nothing is named: the file, what it leaves out, and how --every and --whole widen it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.main import main
from harness.errors import EXIT_USER, InputError
from harness.runner import default
from harness.runner.project import find_cells, vocabulary
from harness.scenario.mutated import mutated
from harness.scenario.scenario import NO_OVERRIDES, Overrides

EVERY = default.every_cell(vocabulary())


def test_each_glob_of_the_shipped_file_is_for_some_cell() -> None:
    default.check(EVERY)


def test_a_glob_for_no_cell_is_named_with_the_closest(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text("on-request: [{cells: [vmid-reus], why: slow}]\nfirst: []\n")
    with pytest.raises(InputError, match=r"default.yaml:1:23: no cell 'vmid-reus'.*vmid-reuse"):
        default.check(EVERY, path)


def test_a_default_run_has_the_covering_run_and_one_of_each_kind() -> None:
    cells = find_cells([], [], NO_OVERRIDES)
    ids = {cell.id for cell in cells}
    assert {cell.id for cell in EVERY if cell.scenario.startswith("covering-")} < ids
    assert not any(default.shipped().waits(cell) for cell in cells)
    assert {"l1-mapping-changes[case=remap]", "tlbi-alle1[op=alle1is]", "three-levels"} < ids
    assert "l1-mapping-changes[case=unmap]" not in ids
    assert {cell.id for cell in cells if default.holds(cell)} > {"steered-vncr-on-two-cpus"}
    assert len(ids) <= 54


@pytest.mark.parametrize(
    ("overrides", "possible"),
    [
        (Overrides(kernel="nv-previous"), True),
        (Overrides(l0_kernel="nv-mutants"), True),
        (Overrides(l1_kernel="debian"), True),
        (Overrides(kernel="debian"), False),
        (Overrides(kernel="nv", l0_kernel="debian"), False),
        (Overrides(model="qemu-10.0"), False),
        (Overrides(timing="mttcg"), False),
    ],
)
def test_vcpus_are_held_where_that_is_possible(overrides: Overrides, possible: bool) -> None:
    """Debian's kernel comes without its symbols, and the plugins of QEMU 10.0 cannot set a PC."""
    cells = find_cells([], [], overrides)
    assert any(map(default.holds, cells)) is possible
    assert {"three-levels", "nothing-left-behind"} <= {cell.scenario for cell in cells}


def test_every_and_whole_widen_it() -> None:
    usual = {cell.id for cell in find_cells([], [], NO_OVERRIDES)}
    every = {cell.id for cell in find_cells([], [], NO_OVERRIDES, every=True)}
    whole = {cell.id for cell in find_cells([], [], NO_OVERRIDES, whole=True)}
    assert every == {cell.id for cell in EVERY}
    covering = {name for name in usual if name.startswith("covering-")}
    litmus = {cell.id for cell in EVERY if "/scenarios/litmus/" in str(Path(cell.path).absolute())}
    assert whole == (usual - covering) | litmus
    assert usual < every


OWN = (
    "litmus-64k",
    "defect-64k",
    "page-sizes",
    "firmware-",
    "guest-16k-below",
    "guest-16k-both",
    "guest-memory-16k",
    "guest-memory-64k",
    "guest-migrate",
    "guest-pages",
    "guest-vmm",
    "xen",
    "kvm-selftests",
    "host-",
    "defect-aarch32-id",
)
"""Scenarios about kernels or root file systems of their own."""


def test_slices_have_what_is_left_out_once() -> None:
    usual = {cell.id for cell in find_cells([], [], NO_OVERRIDES)}
    slices = [{cell.id for cell in default.slice_of(n, 24, vocabulary())} for n in range(100, 124)]
    assert sum(map(len, slices)) == len(set().union(*slices))
    left = {cell.id for cell in EVERY} - usual - set().union(*slices)
    assert left
    assert all(name.startswith(OWN) for name in left)
    assert max(map(len, slices)) <= 1 + min(map(len, slices)) <= 16


@pytest.mark.parametrize("bad", ["7", "7/0", "a/b", "1/-3"])
def test_a_slice_that_is_none(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--slice", bad, "--list"])
    assert "as in 7/24" in capsys.readouterr().err


def test_names_and_every_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "three-levels", "--every", "--list"]) == EXIT_USER
    assert "choose cells; leave them out" in capsys.readouterr().err


def test_rank_is_the_place_in_the_file_with_a_mutant_or_without() -> None:
    cells = {cell.id: cell for cell in EVERY}
    first = cells["covering-one[group=stage2]"]
    ranks = [
        default.shipped().rank(each)
        for each in (first, mutated(first, "vncr-kept"), cells["vmid-reuse[vms=5]"])
    ]
    assert ranks == [0, 0, len(default.shipped().first)]
