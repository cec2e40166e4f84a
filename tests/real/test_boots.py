# SPDX-License-Identifier: GPL-2.0-only
"""Kernels of which L1, or L2 alone, does not boot are red, and the harness says who broke and where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EXIT_RED
from harness.host.paths import IMAGES
from tests.real.conftest import nvh

CELL = "three-levels"
EXAMPLE = IMAGES / "kernels" / "example"
SERIES = IMAGES / "kernels" / "series"


def findings(cell: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in cell["findings"]}


@pytest.mark.parametrize(
    ("name", "level", "where"),
    [
        ("no-l1", "l1", "vcpu0 of L1, in vEL2: 0x"),  # KVM_RUN ends with an error, and the VMM waits
        ("no-l2", "l2", "of L1, in nested: 0x"),  # its first instruction faults for ever
    ],
)
def test_kernel_that_boots_less(tmp_path: Path, name: str, level: str, where: str) -> None:
    out = tmp_path / "out"
    status, _ = nvh("run", CELL, "--l0-kernel", str(EXAMPLE / f"{name}.yaml"), "--out", str(out))
    assert status == EXIT_RED
    (cell,) = json.loads((out / "summary.json").read_text())["cells"]
    assert cell["verdict"] == "fail"
    assert not cell["reason"]
    found = findings(cell)
    boot = found[f"boot-{level}"]
    assert (boot["kind"], boot["verdict"]) == ("boot", "fail")
    assert boot["message"].startswith(f"{level}: did not come up: it ")  # loops, or printed nothing
    assert " times the time in which " in boot["message"], "given up by progress in model time"
    assert f"kernel example-{name}" in boot["message"]  # which of kernel and model is new
    assert where in boot["message"]
    below = [each for each in ("l0", "l1", "l2") if each < level]
    assert all(found[f"no-splat-{each}"]["verdict"] == "pass" for each in below)
    assert found[f"no-splat-{level}"]["verdict"] == "undecided"
    assert found["l2-answers"]["verdict"] == "undecided"


def test_series_that_keeps_l1_from_booting_is_rejected(tmp_path: Path) -> None:
    series, out = SERIES / "example-no-l1", tmp_path / "accept"
    words = ("--base", "nv", "--select", CELL, "--patches", "last", "--confirm", "1", "--no-coverage")
    status, said = nvh("accept", str(series), *words, "--out", str(out), timeout_s=1800)
    assert status == EXIT_RED, said
    assert "reject" in said
    assert "patch 1 (KVM: arm64: nv: No memory for guests with virtual EL2)" in said
    assert f"regression of {CELL}" in " ".join(said.split()) or f"suspect of {CELL}" in " ".join(said.split())
    assert "boot-l1: l1: did not come up: " in " ".join(said.split())
