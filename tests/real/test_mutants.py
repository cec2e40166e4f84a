# SPDX-License-Identifier: GPL-2.0-only
"""The real machine with a kernel with an injected fault: a fault is found, and one that the kernel lacks is
no verdict.

They run when the kernel with the faults is built (``./nvh images build kernel:nv-mutants``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EXIT_INFRA, EXIT_PASS
from harness.scenario.defaults import MUTANT_KERNEL
from tests.real.conftest import needs_mutants, nvh

CELL = "litmus-trap[family=hidden-os]"


@pytest.fixture(autouse=True)
def _built() -> None:
    needs_mutants()


def test_one_is_killed_and_one_survives(tmp_path: Path) -> None:
    chosen = ("--select", "hidden-os-executed", "--select", "ttl-hint-ignored")
    status, said = nvh("mutants", *chosen, "--json", "--out", str(tmp_path / "out"))
    report: dict[str, Any] = json.loads(said)
    assert status == report["exit_status"] == EXIT_PASS
    fates = {row["mutant"]: (row["outcome"], row["killed_by"]) for row in report["mutants"]}
    assert fates == {"hidden-os-executed": ("killed", [CELL]), "ttl-hint-ignored": ("survived", [])}
    assert {row["verdict"] for row in report["controls"].values()} == {"pass"}
    assert json.loads((tmp_path / "out/mutants.json").read_text()) == report
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    for cell in summary["cells"]:
        assert cell["kernels"] == {"l0": MUTANT_KERNEL, "l1": "nv", "l2": "nv"}


def test_a_kernel_without_the_fault_is_no_verdict(tmp_path: Path) -> None:
    where = str(tmp_path / "out")
    status, _ = nvh("run", CELL, "--mutant", "hidden-os-executed", "--kernel", "nv", "--out", where)
    assert status == EXIT_INFRA
    (cell,) = json.loads((tmp_path / "out/summary.json").read_text())["cells"]
    assert "has no fault 'hidden-os-executed' to switch on" in cell["reason"]
