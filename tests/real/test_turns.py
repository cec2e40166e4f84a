# SPDX-License-Identifier: GPL-2.0-only
"""nvh-turns on the real QEMU: a CPU that waits by load exclusive and WFE gives its turn away."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import time
from pathlib import Path

import pytest

from harness.artefacts.model import Model, build_model, load_model
from harness.artefacts.plugin import plugins_for
from harness.artefacts.saved_registers import spec_of
from harness.host.cache import Store
from harness.machine.qemu import Machine, Plugin
from harness.stack.images import TURNS

SOURCE = Path(__file__).with_name("turns.S")
ROUNDS = 40
PATIENCE_S = 60
LOOKED = re.compile(rb"=([0-9a-f]{16})\n")


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(load_model("qemu"), Store(), lambda _: None)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("turns") / "turns"
    words = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-Wl,-Ttext=0x40100000", "-Wl,--build-id=none"]
    subprocess.run([*words, "-o", str(made), str(SOURCE)], check=True)
    return made


def looked(model: Model, program: Path, directory: Path, *plugins: Plugin) -> int:
    """How often CPU 1 has looked while CPU 0 executed ``ROUNDS`` broadcasts."""
    spec = dataclasses.replace(spec_of(model, program, "icount"), cpus=2, plugins=plugins)
    spec = dataclasses.replace(spec, extra=(*spec.extra, "-S"))
    console = directory / "l0.console.log"
    with Machine(spec, directory) as machine:
        machine.listen()  # before anything is said
        machine.qmp("cont")
        for _ in range(PATIENCE_S * 10):
            if console.exists() and (told := LOOKED.search(console.read_bytes())):
                return int(told[1], 16)
            time.sleep(0.1)
    raise AssertionError(console.read_bytes())


@pytest.mark.real
def test_a_cpu_that_waits_gives_its_turn_away(model: Model, program: Path, tmp_path: Path) -> None:
    file = plugins_for(model, Store(), lambda _: None).file(TURNS)
    (tmp_path / "with").mkdir()
    (tmp_path / "without").mkdir()
    assert looked(model, program, tmp_path / "with", Plugin(file)) <= 4 * ROUNDS
    assert looked(model, program, tmp_path / "without") > 100 * ROUNDS, "WFE yields again"
