# SPDX-License-Identifier: GPL-2.0-only
"""docs/hosts.md: each scenario in it loads as it stands, and each verb of L0's is in one or named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.host.paths import ROOT
from harness.runner.project import vocabulary
from harness.scenario.language import HostAct
from harness.scenario.lint import lint
from harness.scenario.load import load_file
from harness.scenario.step_rules import HOST_ACTS

TEXT = (ROOT / "docs/hosts.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
REAL = vocabulary()


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split()[1])
def test_block_loads_without_advice(block: str, tmp_path: Path) -> None:
    file = tmp_path / f"{block.split()[1]}.yaml"
    file.write_text(block, encoding="utf-8")
    assert load_file(file, REAL)
    assert [str(finding) for finding in lint(file, REAL)] == []


def test_each_verb_is_told_of(tmp_path: Path) -> None:
    done = set()
    for block in BLOCKS:
        file = tmp_path / f"{block.split()[1]}.yaml"
        file.write_text(block, encoding="utf-8")
        done |= {
            step.act for cell in load_file(file, REAL) for step in cell.steps if isinstance(step, HostAct)
        }
    assert done >= {"migrate", "plug", "unplug", "swap-out", "merge"}
    assert all(f"`{verb}" in TEXT for verb in HOST_ACTS)
