# SPDX-License-Identifier: GPL-2.0-only
"""The table against what nvh-litmus itself says that its cases are: a lost case is red without a machine."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.arch.table import load
from harness.errors import InfraError
from harness.host.paths import SCENARIOS
from harness.ktap import judge
from harness.litmus import populations, predicted
from harness.litmus.population import KVM, LITMUS, Population, parse_population
from harness.litmus.populations import ExpectedPopulation, Key
from harness.runner.project import vocabulary
from harness.scenario.language import Cell
from harness.scenario.load import load_paths
from tests.ci import want
from tests.litmus.test_payload import PAYLOADS, build

CELLS = {cell.id: cell for cell in load_paths([SCENARIOS], vocabulary())}
TABLE = populations.read()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """nvh-litmus on this machine."""
    emulator = want("qemu-aarch64-static")
    return emulator, str(build(tmp_path_factory.mktemp("predict"), load(), "nvh-litmus") / LITMUS)


def distinct() -> list[Cell]:
    """The cells with rows, one for each set of commands and features."""
    found: dict[object, Cell] = {}
    for key, row in TABLE.items():
        cell = CELLS[key.cell]
        if any("--cases" in str(getattr(step, "command", "")) for step in cell.steps):
            continue  # the list is an artefact of its own; tests/covering says what it has
        commands = tuple(getattr(step, "command", "") for step in cell.steps)
        found.setdefault((commands, key.run, row.features), cell)
    return list({cell.id: cell for cell in found.values()}.values())


def foreseen(cell: Cell, program: tuple[str, str]) -> dict[Key, ExpectedPopulation]:
    return dict(predicted.rows(cell, program, lambda key: TABLE[key].features))


def test_the_table_is_what_the_cases_are(program: tuple[str, str]) -> None:
    """Each row: selected, judged by evidence, not applicable by reason, names; nvh-kvm's iterations."""
    checked = 0
    for cell in distinct():
        for key, row in foreseen(cell, program).items():
            assert predicted.same(TABLE[key], row), (key, TABLE[key], row)
            checked += 1
    assert checked >= 90


def test_a_row_that_lost_a_case_is_not_the_same(program: tuple[str, str]) -> None:
    """One case fewer, another one in its place, other evidence, another reason."""
    cell = CELLS["litmus-trap[family=trap-ttlbis]"]
    ((key, row),) = foreseen(cell, program).items()
    assert predicted.same(TABLE[key], row)
    assert predicted.same(dataclasses.replace(row, lost=5), row)
    for change in (
        {"selected": 59},
        {"judged": 59},
        {"names": "0" * 16},
        {"direct": 19, "free": 41},
        {"reasons": {"no-FEAT_XS": 1}},
    ):
        assert not predicted.same(dataclasses.replace(row, **change), row)


def test_a_feature_less_is_cases_less(program: tuple[str, str]) -> None:
    cell = CELLS["litmus-own[model=qemu,family=l2-own]"]
    ((_, row),) = predicted.rows(cell, program, lambda _: "pages-4k,cpus-1,TLBIOS,E2H0,NV2,s2-4k")
    assert row.features == "pages-4k,cpus-1,TLBIOS,E2H0,NV2,s2-4k"
    assert set(row.reasons) == {"no-FEAT_XS", "no-FEAT_TLBIRANGE"}
    assert row.judged + sum(row.reasons.values()) == row.selected
    with pytest.raises(InfraError, match="not the words of a population"):
        list(predicted.rows(cell, program, lambda _: "pages-4k,cpus-1,WINGS"))


def predict(program: tuple[str, str], features: str, *words: str) -> Population:
    done = subprocess.run(
        [*program, "--predict", features, *words], check=True, capture_output=True, text=True
    )
    return parse_population(done.stdout)


def test_the_judge_of_logs_knows_every_reason(program: tuple[str, str]) -> None:
    """A machine that lacks everything, and one that has only what the other reasons are not about."""
    least = predict(program, "pages-16k,cpus-1")
    more = predict(program, "pages-4k,cpus-4,TLBIOS,E2H0,NV2,s2-4k,s2-16k,s2-64k,no-FGT")
    told = {*least.reasons, *more.reasons}
    assert {
        "no-FEAT_NV2",
        "no-FEAT_LPA2",
        "no-FEAT_S1PIE",
        "no-stage-2-granule-4k",
        "too-few-CPUs-at-L0",
    } <= told
    assert told <= {*judge.NEEDS, *judge.WITHOUT}


def test_no_case_executes_what_the_machine_lacks(program: tuple[str, str], tmp_path: Path) -> None:
    """AT's cases have operations of their own beside none that they are about."""
    old = "pages-4k,cpus-1,E2H0,NV2,s2-4k,s2-16k,s2-64k"
    row = predict(program, old, "--case", "at-l2/*")
    assert row.selected == row.judged > 100

    sources = tmp_path / "payloads"
    shutil.copytree(PAYLOADS, sources)
    wrong = sources / "litmus/families/at.c"
    text = wrong.read_text()
    assert "return vm_lacks(" in text
    wrong.write_text(text.replace("return vm_lacks(", "return !range && vm_lacks("))
    work = tmp_path / "careless"
    work.mkdir()
    careless = str(build(work, load(), "nvh-litmus", sources) / LITMUS)
    row = predict((program[0], careless), old, "--case", "at-l2/*")
    assert set(row.reasons) == {"no-FEAT_TLBIRANGE"}
    assert row.judged + sum(row.reasons.values()) == row.selected


def test_of_nvh_kvm_the_command_tells() -> None:
    words = ["nvh-kvm", "--case", "remap", "--iterations", "3", "--region-mib", "1", "--vcpus", "1"]
    row = predicted.of_kvm(words)
    assert (row.program, row.iterations, row.features) == (KVM, 3, "vcpus-1,pages-256,vms-8")
    assert predicted.of_kvm([*words, "--seconds", "1"]).iterations is None


def test_defaults_are_the_programs() -> None:
    """host_main.c has them again."""
    text = (Path(populations.TABLE).parents[1] / "images/payloads/kvm/host_main.c").read_text()
    assert ".iterations = 8, .vcpus = 2, .vms = 8, .timeout_s = 60" in text
    assert "unsigned mib = 2," in text
    assert predicted.DEFAULTS == {"iterations": 8, "vcpus": 2, "vms": 8, "region-mib": 2}
