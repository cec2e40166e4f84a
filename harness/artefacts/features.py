# SPDX-License-Identifier: GPL-2.0-only
"""Ask a model what its CPU implements, before anything is booted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from harness.artefacts.model import Model
from harness.errors import UserError
from harness.machine import gdbstub, process

NV_SHIFT = 24  # ID_AA64MMFR2_EL1.NV, bits [27:24]; Arm ARM D24
FEAT_NV2 = 2


def read_system_registers(model: Model, timing: str, names: Iterable[str]) -> dict[str, int]:
    """Return the reset values of AArch64 system registers of ``model``; absent ones are left out."""
    with tempfile.TemporaryDirectory(prefix="nvh-ask-") as name:
        directory = Path(name)
        words = [*model.launcher, *model.flags(timing), "-S", "-m", "128M", "-display", "none"]
        words += ["-nodefaults", "-no-user-config", "-monitor", "none", "-serial", "none"]
        words += ["-gdb", "unix:gdb.sock,server=on,wait=off"]
        with (directory / "qemu.log").open("wb") as log:
            child = process.spawn(words, cwd=directory, env=dict(model.environment), stdout=log)
        try:
            stub = gdbstub.connect(directory, child)
            stub.ask("?")
            numbers = stub.registers()
            return {name: stub.read(numbers[name]) for name in names if name in numbers}
        finally:
            process.kill(child)


def require_nv2(model: Model, timing: str) -> None:
    """Refuse a model whose CPU lacks FEAT_NV2: ``UserError`` says what it has instead.

    ID_AA64MMFR2_EL1.NV is 0 without nested virtualisation, 1 for FEAT_NV, 2 for FEAT_NV2, without which
    KVM offers no virtual EL2.
    """
    values = read_system_registers(model, timing, ["ID_AA64MMFR2_EL1"])
    if "ID_AA64MMFR2_EL1" not in values:
        raise UserError(f"model {model.spec.name} does not show ID_AA64MMFR2_EL1 to its gdbstub")
    found = (values["ID_AA64MMFR2_EL1"] >> NV_SHIFT) & 0xF
    if found < FEAT_NV2:
        has = "FEAT_NV only" if found == 1 else "no nested virtualisation"
        raise UserError(
            f"model {model.spec.name} (-cpu {model.spec.cpu}) lacks FEAT_NV2: "
            f"ID_AA64MMFR2_EL1.NV is {found}, {has}. Choose a CPU such as max, or another model."
        )
