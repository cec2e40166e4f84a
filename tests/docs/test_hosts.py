# SPDX-License-Identifier: GPL-2.0-only
"""docs/hosts.md: its scenarios load, it names those that are shipped, each verb of L0 is in one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.host.paths import ROOT
from harness.runner.project import vocabulary
from harness.scenario.language import Cell, HostAct, ResultCheck
from harness.scenario.lint import lint
from harness.scenario.load import load_file
from harness.scenario.step_rules import HOST_ACTS

TEXT = (ROOT / "docs/hosts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
FILES = sorted((ROOT / "scenarios/host").glob("*.yaml"))
REAL = vocabulary()


def written(block: str, tmp_path: Path) -> Path:
    """The file that a block of the page is to be put into."""
    file = tmp_path / f"{block.split()[1]}.yaml"
    file.write_text(block, encoding="utf-8")
    return file


def cells(tmp_path: Path) -> list[Cell]:
    """Every cell of the folder and of the page."""
    files = [*FILES, *(written(block, tmp_path) for block in BLOCKS)]
    return [cell for file in files for cell in load_file(file, REAL)]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[1])
def test_block_loads_without_advice(block: str, tmp_path: Path) -> None:
    file = written(block, tmp_path)
    assert load_file(file, REAL)
    assert [str(finding) for finding in lint(file, REAL)] == []


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_shipped_scenario_is_told_of(name: str) -> None:
    assert f"`{name}" in TEXT


def test_each_verb_is_in_a_scenario(tmp_path: Path) -> None:
    done = {step.act for cell in cells(tmp_path) for step in cell.steps if isinstance(step, HostAct)}
    assert done == set(HOST_ACTS)
    assert all(f"`{verb}" in TEXT for verb in HOST_ACTS)


def test_each_scenario_that_acts_asks_what_was_lost(tmp_path: Path) -> None:
    for cell in cells(tmp_path):
        if any(isinstance(step, HostAct) for step in cell.steps):
            asked = [each.values.get("lost") for each in cell.expectations if isinstance(each, ResultCheck)]
            assert 0 in asked, f"{cell.id} does not ask what was lost"
