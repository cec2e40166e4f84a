# SPDX-License-Identifier: GPL-2.0-only
"""The newest QEMU as it is, made wrong by a plugin: one fault of each kind is found, one is masked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import EXIT_PASS
from tests.real.conftest import nvh

KILLED = ("at-s1e1a-nothing", "vmid-bit-10", "esr-fnv-set", "el1-of-pe1-nothing", "hcr-twi-nothing")
"""Stepped over, an operand's bit, a result's bit, one PE and Exception level, a control that does nothing."""
MASKED = "fng-lost"


def test_faults_of_the_plugin_meet_their_fates(tmp_path: Path) -> None:
    chosen = [word for name in (*KILLED, MASKED) for word in ("--select", name)]
    out = str(tmp_path / "out")
    status, said = nvh(
        "mutants", "--models", *chosen, "--seconds", "10", "--jobs", "1", "--json", "--out", out
    )
    report: dict[str, Any] = json.loads(said)
    assert status == report["exit_status"] == EXIT_PASS
    assert report["control"]["verdict"] == "pass"
    fates = {row["fault"]: row["outcome"] for row in report["faults"]}
    assert fates == {**dict.fromkeys(KILLED, "killed"), MASKED: "survived"}
    lines = {row["fault"]: row["line"] for row in report["faults"]}
    assert "VMID" in lines["vmid-bit-10"]
    assert "by EL1 on PE 1" in lines["el1-of-pe1-nothing"]
    assert "WFI" in lines["hcr-twi-nothing"]
