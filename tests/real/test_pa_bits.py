# SPDX-License-Identifier: GPL-2.0-only
"""nvh-identify on the real QEMU: a program at EL2 finds the size that it is given, and no larger one."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path

import pytest

from harness.artefacts.bare_suites import QUESTIONS, build_model_suite
from harness.artefacts.model import PARANGES, Model, build_model, load_model
from harness.artefacts.plugin import plugins_for
from harness.artefacts.saved_registers import spec_of
from harness.host.cache import Store
from harness.machine.qemu import Machine, Plugin
from harness.stack.images import IDENTIFY

PATIENCE_S = 60
FOUND = re.compile(rb"^features\|pa=(\d+) ", re.M)


@pytest.fixture(scope="module")
def model() -> Model:
    return build_model(load_model("qemu-40bit"), Store(), lambda _: None)


def found(model: Model, directory: Path, *plugins: Plugin) -> int:
    """The PA size that the model's questions say to have found."""
    spec = spec_of(model, build_model_suite(Store()).path / QUESTIONS, "icount")
    console = directory / "l0.console.log"
    with Machine(dataclasses.replace(spec, plugins=plugins, extra=(*spec.extra, "-S")), directory) as machine:
        machine.listen()  # before anything is said
        machine.qmp("cont")
        for _ in range(PATIENCE_S * 10):
            if console.exists() and (told := FOUND.search(console.read_bytes())):
                return int(told[1])
            time.sleep(0.1)
    raise AssertionError(console.read_text())


@pytest.mark.real
@pytest.mark.parametrize("bits", [0, 40, 44, 48])
def test_a_program_at_el2_finds_the_size(model: Model, tmp_path: Path, bits: int) -> None:
    file = plugins_for(model, Store(), lambda _: None).file(IDENTIFY)
    plugins = [Plugin(file, (("parange", str(PARANGES[bits])),))] if bits else []
    assert found(model, tmp_path, *plugins) == (bits or 52)
