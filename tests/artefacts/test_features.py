# SPDX-License-Identifier: GPL-2.0-only
"""What a model is asked before anything is booted: its refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.artefacts.features import read_system_registers
from harness.artefacts.model import Model, ModelSpec
from harness.errors import InfraError


def model(tmp_path: Path, body: str) -> Model:
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    spec = ModelSpec("mine", {"path": str(program)}, "", "virt", "max", {"icount": ("-a",)}, (), True, 1.0)
    return Model(spec, (str(program),), {}, "1", "", None)


def test_model_that_refuses_its_options_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="the model did not start: it ended with status 1: bad machine virt"):
        read_system_registers(model(tmp_path, "echo bad machine $2; exit 1"), "icount", ["MIDR_EL1"])
