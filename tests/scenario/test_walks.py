# SPDX-License-Identifier: GPL-2.0-only
"""What unmaps whole shadow contexts does not run on a model where that takes 46 s each."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from harness.errors import InputError, Location
from harness.host.paths import SCENARIOS
from harness.level import Level
from harness.runner import project
from harness.scenario.language import Cell, Run
from harness.scenario.load import load_file, load_paths
from harness.scenario.scenario import NO_OVERRIDES, Overrides
from harness.scenario.walks import walking
from tests.scenario.names import VOCABULARY

WIDE = dataclasses.replace(
    VOCABULARY,
    models=["wide", "qemu", "narrow", "bare"],
    wide=lambda model, _: {"wide": "narrow", "qemu": "narrow", "bare": ""}.get(model),
)
MANY_VMS = "for i in 1 2 3 4 5 6; do nvh-kvm --case remap --iterations 1; done"
HERE = Location("s.yaml", 6, 5)


def scenario(tmp_path: Path, command: str = MANY_VMS, stack: str = "{}", level: str = "l1") -> Path:
    path = tmp_path / "churn.yaml"
    path.write_text(
        "scenario: churn\nsummary: L1 creates and ends VMs.\nclaims: [nv-tlbi-v8.5]\n"
        f"stack: {stack}\nsteps:\n  - boot: l1\n  - run: {command!r}\n    on: {level}\n    name: vms\n"
        "expect:\n  - result: ended\n    of: vms\n"
    )
    return path


def load(path: Path, overrides: Overrides = NO_OVERRIDES) -> Cell:
    return load_file(path, WIDE, overrides)[0]


def run(level: Level, command: str) -> list[Run]:
    return [Run(HERE, 60, level, command, "r")]


@pytest.mark.parametrize(
    ("level", "command", "is_one"),
    [
        (Level.L1, MANY_VMS, True),
        (Level.L1, "seq 9 | xargs -n1 nvh-kvm --case remap --iterations", True),
        (Level.L1, "nvh-kvm --case remap --iterations 3", False),  # one VM
        (Level.L1, "nvh-kvm --case vmid-reuse --vms 5", True),
        (Level.L1, "nvh-kvm --iterations 1", True),  # all cases
        (Level.L1, "nvh-kvm --case all", True),
        (Level.L1, "nvh-kvm --list", False),
        (Level.L1, "qemu-system-aarch64 -M virt -accel kvm", True),
        (Level.L1, "cd /opt/kvm-unit-tests && ./run_tests.sh", True),
        (Level.L0, "qemu-system-aarch64 -M virt -accel kvm", False),  # no nested guest
        (Level.L2, MANY_VMS, False),
        (Level.L1, "nvh-tlbi vmalls12e1is --vmid 1", True),
        (Level.L1, "nvh-tlbi alle1osnxs", True),
        (Level.L1, "nvh-tlbi ipas2e1is --operand 0x1", False),
        (Level.L1, "nvh-tlbi vmalle1is --vmid 1", False),
        (Level.L0, "nvh-reclaim 7 --kib 8", True),
        (Level.L1, "nvh-reclaim 7 --kib 8", False),  # L1 invalidates page by page
        (Level.L0, "nvh-litmus --cpus 2 --case 's2-vmids/*'", True),
        (Level.L0, "nvh-litmus --case 's2-unmap/*' --case 'nvhe-s2-remote-all/*'", True),
        (Level.L0, "nvh-litmus --quick --case 's2-all/*'", False),
        (Level.L0, "nvh-litmus --case 's2-unmap/*'", False),
    ],
)  # fmt: skip
def test_commands(level: Level, command: str, is_one: bool) -> None:
    assert (walking(run(level, command)) is not None) == is_one


def test_the_default_model_gives_way(tmp_path: Path) -> None:
    """The workload that ended in a hard LOCKUP of L1 runs, on a model where it can."""
    assert load(scenario(tmp_path)).stack.model == "narrow"
    assert load(scenario(tmp_path, "true")).stack.model == "qemu"


def test_so_does_one_from_the_command_line(tmp_path: Path) -> None:
    path = scenario(tmp_path, stack="{model: narrow}")
    assert load(path, Overrides(model="wide")).stack.model == "narrow"
    assert load(path, Overrides(timing="mttcg")).stack.model == "narrow"


def test_a_scenario_on_a_narrow_model_stays_on_one_whatever_its_steps(tmp_path: Path) -> None:
    """`nvh-litmus --cells DIR` does not tell what it does; the model that the scenario names does."""
    path = scenario(tmp_path, "true", "{model: narrow}")
    assert load(path).stack.model == "narrow"
    assert load(path, Overrides(model="wide")).stack.model == "narrow"
    assert load(path, Overrides(model="bare")).stack.model == "bare"  # there is no other for it
    assert load(scenario(tmp_path, "true", "{model: qemu}"), Overrides(model="wide")).stack.model == "wide"
    few = scenario(tmp_path, "true", "{model: narrow, contexts: few}")
    assert load(few, Overrides(model="wide")).stack.model == "wide"


def test_a_model_that_the_scenario_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load(scenario(tmp_path, stack="{model: wide}"))
    (problem,) = error.value.problems
    assert problem.where.line == 7
    assert "churn creates and ends a VM in each turn of a loop, on wide with 52 bits" in problem.found
    assert problem.expected == "model: narrow, or `contexts: few` in the stack if that is not so"


def test_one_without_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a model file with `narrow:`"):
        load(scenario(tmp_path), Overrides(model="bare"))


def test_the_author_knows_better(tmp_path: Path) -> None:
    """Both ways: it only looks so, and it does what no command tells."""
    assert load(scenario(tmp_path, stack="{model: wide, contexts: few}")).stack.model == "wide"
    assert load(scenario(tmp_path, "my-churn", "{contexts: whole}")).stack.model == "narrow"
    with pytest.raises(InputError, match="unmaps whole contexts, on wide"):
        load(scenario(tmp_path, "my-churn", "{model: wide, contexts: whole}"))


# --- the shipped ones


def test_the_shipped_models_have_others() -> None:
    assert project.wide("qemu", "") == "qemu-v1"
    assert project.wide("qemu", "qemu-10.0-48bit") == "qemu-48bit"
    assert project.wide("qemu", "qemu-v1") == "qemu-v1"
    assert project.wide("qemu", "qemu-v1-40bit") == "qemu-v1-40bit"
    assert project.wide("qemu", "qemu-40bit") == "qemu-40bit"
    assert project.wide("qemu-10.0", "qemu-v1") == "qemu-10.0-v1"
    assert project.wide("qemu-10.0", "qemu-v1-40bit") == "qemu-10.0-v1"
    assert project.wide("qemu-10.0", "qemu-40bit") == "qemu-10.0-48bit"
    assert project.wide("qemu-10.0", "qemu-48bit") == "qemu-10.0-48bit"
    for narrow in ("qemu-v1", "qemu-48bit", "qemu-40bit", "qemu-v1-40bit", "qemu-10.0-v1", "qemu-10.0-48bit"):
        assert project.wide(narrow, "") is None


def test_a_model_file_names_others_beside_it(tmp_path: Path) -> None:
    text = (SCENARIOS.parent / "images/models/qemu.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(re.sub("(?m)^narrow: .*", "narrow: [./small.yaml]", text))
    (tmp_path / "small.yaml").write_text(text.replace("cpu: max", "cpu: max,lpa2=off"))
    assert project.wide(str(tmp_path / "mine.yaml"), "") == str(tmp_path / "small.yaml")
    assert project.wide(str(tmp_path / "small.yaml"), "") is None


@pytest.mark.parametrize("model", ["qemu", "qemu-10.0", None])
def test_no_shipped_cell_that_walks_runs_on_52_bits(model: str | None) -> None:
    """Whatever model the command line asks for."""
    cells = load_paths([SCENARIOS], project.vocabulary(), Overrides(model=model))
    walkers = [cell for cell in cells if walking(cell.steps)]
    assert len({cell.scenario for cell in walkers}) >= 15
    assert all(project.wide(cell.stack.model, "") is None for cell in walkers)
    if model is None:
        named = {cell.id: cell.stack.model for cell in walkers}
        assert named["vmid-reuse[vms=5]"] == "qemu-v1"
