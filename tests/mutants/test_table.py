# SPDX-License-Identifier: GPL-2.0-only
"""The table of mutants: the shipped one fits kernel and scenarios, a damaged one is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from harness.artefacts.kernel import load_kernel
from harness.errors import EXIT_USER, InputError, UserError
from harness.host.paths import ROOT, SCENARIOS
from harness.level import Level
from harness.runner.project import vocabulary
from harness.scenario import mutants as table
from harness.scenario.defaults import KERNEL, MUTANT_KERNELS
from harness.scenario.language import Boot
from harness.scenario.load import load_paths

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
SHIPPED = table.load()
GUEST = table.load(table.GUEST_FILE)


@pytest.mark.parametrize(
    ("level", "file", "asks"),
    [(Level.L0, table.FILE, "kvm_mutant"), (Level.L1, table.GUEST_FILE, "kvm_guest_mutant")],
)
def test_shipped_table_has_the_faults_that_the_kernel_has(level: Level, file: Path, asks: str) -> None:
    ours = load_kernel(MUTANT_KERNELS[level]).series().patches[len(load_kernel(KERNEL).series().patches) :]
    text = "".join(patch.text() for patch in ours)
    known = re.findall(r"^\+\tM\((\w+)\)", text, re.M)
    assert {name.replace("_", "-") for name in known} == set(table.names(file))
    assert known[0] == table.NONE
    for name in known[1:]:
        assert f"{asks}({name})" in text, f"{name} has no effect"


def test_killers_of_guest_mutants_are_shipped_and_boot_l1() -> None:
    cells = {cell.id: cell for cell in load_paths([SCENARIOS / "guest"], vocabulary())}
    for mutant in GUEST:
        for killer in mutant.killers:
            assert any(isinstance(s, Boot) and s.level >= Level.L1 for s in cells[killer].steps), mutant.name


def test_shipped_table_has_teeth_in_every_mechanism() -> None:
    assert sum(not mutant.survives for mutant in SHIPPED) >= 12
    files = {mutant.at for mutant in SHIPPED}
    assert {"handle_ipas2e1is()", "kvm_s2_mmu_iterate_by_vmid()", "__kvm_tlbi_s1e2()"} <= files


def test_places_are_functions() -> None:
    for mutant in (*SHIPPED, *GUEST):
        assert re.fullmatch(r"\w+\(\)", mutant.at), mutant.name


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_every_defect_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(InputError) as caught:
        table.load(Path(path.name))
    assert caught.value.exit_status == EXIT_USER
    golden = path.with_suffix(".txt")
    message = f"{caught.value}\n"
    if os.environ.get("NVH_GOLDEN") == "write":
        golden.write_text(message)
    assert message == golden.read_text()


def test_every_golden_has_its_file() -> None:
    assert {path.stem for path in (HERE / "bad").glob("*.txt")} == {path.stem for path in BAD} != set()


def test_choose() -> None:
    first, last = SHIPPED[0], SHIPPED[-1]
    assert table.choose(SHIPPED, []) == SHIPPED
    assert table.choose(SHIPPED, [last.name, first.name]) == (first, last)
    with pytest.raises(UserError, match=f"no mutant '{first.name}s'.*did you mean '{first.name}'"):
        table.choose(SHIPPED, [f"{first.name}s"])


def test_names_begin_with_the_control() -> None:
    assert table.names() == ("none", *(mutant.name for mutant in SHIPPED))


def test_the_documentation_has_the_table() -> None:
    text = (ROOT / "docs/mutants.md").read_text()
    row = r"^\| `([a-z0-9-]+)` \| .* \| (killed|survived|not run) \| (?:`(.+)`)? ?\| ?[0-9]* ?\|$"
    rows = re.findall(row, text, re.M)
    fates = {name: fate for name, fate, _ in rows}
    assert set(fates) == {m.name for m in SHIPPED}
    assert {name: fate for name, fate in fates.items() if fate != "not run"} == {
        m.name: "survived" if m.survives else "killed" for m in SHIPPED if fates[m.name] != "not run"
    }
    shipped = {cell.id for cell in load_paths([SCENARIOS], vocabulary())}
    assert {cell for _, fate, cell in rows if fate == "killed"} <= shipped
    for mutant in SHIPPED:
        assert " ".join(mutant.survives.split()) in " ".join(text.split()), mutant.name
