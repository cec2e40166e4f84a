# SPDX-License-Identifier: GPL-2.0-only
"""The plan of a campaign: ordinary cells, the control first, the fault on L0 alone and once L0 is up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.attempt.job import read_job
from harness.cli.common import overrides as from_words
from harness.cli.parser import parser
from harness.errors import InputError, UserError
from harness.host.cache import Store
from harness.level import Level
from harness.mutants.campaign import killers, plan
from harness.runner.project import find_cells, vocabulary
from harness.runner.run import make_jobs, reproduce
from harness.scenario import mutants as table
from harness.scenario.language import Boot, Mutate, Run
from harness.scenario.load import load_file, slug
from harness.scenario.mutated import mutated
from harness.scenario.scenario import NO_OVERRIDES, Overrides
from tests.attempt.conftest import fake_images

SHIPPED = table.load()
SCENARIO = """\
scenario: made-for-a-test
summary: Says something at L0.
steps:
  - boot: l0
  - run: echo one
    on: l0
  - boot: l1
expect:
  - result: said
    of: step-2
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(SCENARIO)
    return path


def test_every_shipped_killer_is_a_shipped_cell() -> None:
    cells = killers(SHIPPED, NO_OVERRIDES)
    assert set(cells) == {killer for mutant in SHIPPED for killer in mutant.killers}
    assert all(cell.id == killer for killer, cell in cells.items())


def test_an_unknown_killer_is_named_with_the_closest(tmp_path: Path) -> None:
    wrong = dataclasses.replace(SHIPPED[0], killers=("teeth-stage2[family=s2-unmap,granule=8k]",))
    with pytest.raises(InputError) as caught:
        killers([wrong], NO_OVERRIDES, tmp_path / "mutants.yaml")
    message = str(caught.value)
    assert message.startswith(
        f"{tmp_path}/mutants.yaml:1:1: no cell 'teeth-stage2[family=s2-unmap,granule=8k]'"
    )
    assert "did you mean 'teeth-stage2[family=s2-unmap,granule=" in message


def test_plan_has_each_control_once_and_first() -> None:
    chosen = SHIPPED[:3]
    cells = plan(chosen, Overrides(timing="mttcg"))
    wanted = {killer for mutant in chosen for killer in mutant.killers}
    assert list(cells)[: len(wanted)] == [
        (killer, "none") for killer in dict.fromkeys(killer for mutant in chosen for killer in mutant.killers)
    ]
    assert len(cells) == len(wanted) + sum(len(mutant.killers) for mutant in chosen)
    assert (
        len({cell.id for cell in cells.values()}) == len({slug(c.id) for c in cells.values()}) == len(cells)
    )
    for (_, name), cell in cells.items():
        assert cell.mutant == cell.params["mutant"] == name
        assert cell.stack.timing == "mttcg"
        assert cell.stack.levels[Level.L0].kernel == "nv-mutants"
        assert cell.stack.levels[Level.L1].kernel != "nv-mutants"


def test_the_fault_is_on_after_the_first_boot(scenario: Path) -> None:
    plain = load_file(scenario, vocabulary())[0]
    cell = load_file(scenario, vocabulary(), Overrides(mutant="vmid-of-next"))[0]
    assert cell == mutated(plain, "vmid-of-next")
    assert [type(step) for step in cell.steps] == [Boot, Mutate, Run, Boot]
    assert cell.id == "made-for-a-test[mutant=vmid-of-next]"
    assert plain.mutant == ""
    assert not any(isinstance(step, Mutate) for step in plain.steps)


@pytest.mark.parametrize("end", ["]", ",mutant=tge-ignored]"])
def test_a_cell_is_found_by_its_own_id_too(end: str) -> None:
    (cell,) = find_cells([], [f"litmus-trap[family=hidden-os{end}"], Overrides(mutant="tge-ignored"))
    assert cell.id == "litmus-trap[family=hidden-os,mutant=tge-ignored]"
    with pytest.raises(UserError, match="no cell is named"):
        find_cells([], ["litmus-trap[family=hidden]"], Overrides(mutant="tge-ignored"))


def test_a_kernel_of_the_command_line_is_kept(scenario: Path) -> None:
    cell = load_file(scenario, vocabulary(), Overrides(mutant="none", kernel="nv-64k"))[0]
    assert {spec.kernel for spec in cell.stack.levels.values()} == {"nv-64k"}


def test_a_fault_of_l1_is_on_at_l1(scenario: Path) -> None:
    both = Overrides(mutant="vmid-of-next", l1_mutant="ipa-no-tlbi")
    cell = load_file(scenario, vocabulary(), both)[0]
    assert cell.id == "made-for-a-test[mutant=vmid-of-next,l1-mutant=ipa-no-tlbi]"
    assert (cell.mutant, cell.l1_mutant) == ("vmid-of-next", "ipa-no-tlbi")
    switched = {step.level: step.mutant for step in cell.steps if isinstance(step, Mutate)}
    assert switched == {Level.L0: "vmid-of-next", Level.L1: "ipa-no-tlbi"}
    kernels = {level: spec.kernel for level, spec in cell.stack.levels.items()}
    assert (kernels[Level.L0], kernels[Level.L1]) == ("nv-mutants", "nv-guest-mutants")
    with pytest.raises(UserError, match=r"unknown mutant of L1 'ipa-no'"):
        load_file(scenario, vocabulary(), Overrides(l1_mutant="ipa-no"))


@pytest.mark.parametrize(
    ("mutant", "named", "kernel"),
    [
        ("ipa-no-tlbi", None, "nv-guest-mutants"),
        ("ipas2-no-unmap", None, "nv-mutants"),
        ("vmid-of-next", None, "nv-guest-mutants"),  # both have it
        ("vmid-of-next", "nv-mutants", "nv-mutants"),
        ("none", None, "nv-guest-mutants"),
    ],
)
def test_l1_may_have_a_fault_of_a_host(scenario: Path, mutant: str, named: str | None, kernel: str) -> None:
    over = Overrides(l1_mutant=mutant, l1_kernel=named)
    cell = load_file(scenario, vocabulary(), over)[0]
    assert (cell.mutant, cell.l1_mutant) == ("", mutant)
    assert cell.stack.levels[Level.L1].kernel == kernel
    assert cell.stack.levels[Level.L0].kernel == "nv"


def test_unknown_mutant(scenario: Path) -> None:
    with pytest.raises(UserError, match=r"unknown mutant 'vmid-of-nxt'.*did you mean 'vmid-of-next'"):
        load_file(scenario, vocabulary(), Overrides(mutant="vmid-of-nxt"))


def test_work_order_and_command_say_the_mutant(scenario: Path, tmp_path: Path) -> None:
    program = tmp_path / "qemu"
    program.write_text("")
    images = fake_images(Store(tmp_path / "cache"), program)
    cell = mutated(load_file(scenario, vocabulary())[0], "s1-no-tlbi")
    ((job, place),) = make_jobs([cell], {cell.id: images}, NO_OVERRIDES, tmp_path / "run")
    assert read_job(place).cell == cell
    words = job.command.split()
    assert words[-2:] == ["--mutant", "s1-no-tlbi"]
    arguments = parser().parse_args(words[1:])
    again = load_file(scenario, vocabulary(), from_words(arguments))
    assert [c.id for c in again] == [cell.id]
    assert cell.id in job.command
    plain = load_file(scenario, vocabulary())[0]
    assert "--mutant" not in reproduce(plain, NO_OVERRIDES)


def test_the_plan_of_l1_has_its_own_table_kernel_and_control() -> None:
    chosen = table.load(table.GUEST_FILE)[:1]
    cells = plan(chosen, NO_OVERRIDES, Level.L1)
    assert [name for _, name in cells] == ["none", chosen[0].name]
    for (_, name), cell in cells.items():
        assert (cell.mutant, cell.l1_mutant) == ("", name)
        assert {level: spec.kernel for level, spec in cell.stack.levels.items()} == {
            Level.L0: "nv",
            Level.L1: "nv-guest-mutants",
            Level.L2: "nv",
        }
