# SPDX-License-Identifier: GPL-2.0-only
"""docs/hosts.md names the scenarios that are shipped, and each verb of L0 is in one."""

from __future__ import annotations

import pytest

from harness.host.paths import ROOT
from harness.runner.project import vocabulary
from harness.scenario.language import Cell, HostAct, ResultCheck
from harness.scenario.load import load_file
from harness.scenario.step_rules import HOST_ACTS

TEXT = (ROOT / "docs/hosts.md").read_text(encoding="utf-8")
FILES = sorted((ROOT / "scenarios/host").glob("*.yaml"))
REAL = vocabulary()


def cells() -> list[Cell]:
    """Every cell of the folder."""
    return [cell for file in FILES for cell in load_file(file, REAL)]


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_shipped_scenario_is_described(name: str) -> None:
    assert f"`{name}" in TEXT


def test_each_verb_is_in_a_scenario() -> None:
    done = {step.act for cell in cells() for step in cell.steps if isinstance(step, HostAct)}
    assert done == set(HOST_ACTS)
    assert all(f"`{verb}" in TEXT for verb in HOST_ACTS)


def test_each_scenario_that_acts_asks_what_was_lost() -> None:
    for cell in cells():
        if any(isinstance(step, HostAct) for step in cell.steps):
            asked = [each.values.get("lost") for each in cell.expectations if isinstance(each, ResultCheck)]
            assert 0 in asked, f"{cell.id} does not ask what was lost"
